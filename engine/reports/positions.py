"""Everything that is held now, trade by trade, with its protection and its sums."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from engine.domain.order import Order
from engine.domain.trade import Position, Trade, TradeState
from engine.reports import Figure, Frame, Missing, Stamp, is_of_class, plus
from engine.reports.trade_card import TradeCard
from engine.reports.trade_card import build as build_card

Sort = Literal["pl", "size", "age", "risk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionsReport:
    """Open trades and what they come to."""

    stamp: Stamp
    rows: tuple[TradeCard, ...]
    n_pending: int
    """Entries that are sent or waiting and hold nothing yet."""
    open_usd: Figure
    open_fees_usd: Decimal
    net_usd: Figure
    """Realised of these trades so far plus open, less opening fees."""
    at_stops_usd: Figure
    """P&L of what is held if every stop filled at its price now."""
    n_unprotected: int
    sought: str = ""
    """What was asked for, in words; empty: everything."""
    n_else: int = 0
    """Open trades that were not asked for."""

    @property
    def is_at_several(self) -> bool:
        """Whether they are held in more than one account: the same symbol may be in two."""
        return len({row.account for row in self.rows}) > 1


def build(
    frame: Frame,
    *,
    trades: Iterable[Trade],
    positions: Iterable[Position],
    orders: Iterable[Order] = (),
    symbol: str = "",
    broker: str = "",
    asset: str = "",
    sort: Sort = "pl",
) -> PositionsReport:
    """Open trades among ``trades``, those asked for, in the order asked for."""
    held, sent = tuple(positions), tuple(orders)
    known = tuple(trades)
    live = [
        t
        for t in known
        if (not symbol or _is_of(t, symbol))
        and broker in ("", t.broker)
        and is_of_class(t.asset, asset)
    ]
    cards = [
        build_card(t, frame, positions=held, orders=sent)
        for t in live
        if t.state is TradeState.OPEN
    ]
    cards.sort(key=_SORT[sort])
    instruments = {leg.instrument for c in cards for leg in c.legs}
    return PositionsReport(
        stamp=frame.stamp("positions", sorted(instruments, key=lambda i: i.key)),
        rows=tuple(cards),
        n_pending=sum(t.state is TradeState.PENDING for t in live),
        open_usd=plus(*(c.open_usd for c in cards)),
        open_fees_usd=sum((c.open_fees_usd for c in cards), Decimal(0)),
        net_usd=plus(*(c.net_usd for c in cards)),
        at_stops_usd=plus(*(c.stop_usd for c in cards)),
        n_unprotected=sum(c.unprotected_since is not None for c in cards),
        sought=" ".join(w for w in (symbol, asset, f"at {broker}" if broker else "") if w),
        n_else=sum(t.state is TradeState.OPEN for t in known) - len(cards),
    )


def _is_of(trade: Trade, symbol: str) -> bool:
    wanted = symbol.upper().lstrip("$/")
    return wanted in (trade.symbol.lstrip("/"), trade.legs[0].instrument.symbol)


def _known(figure: Figure) -> Decimal:
    """Unknown figures go last."""
    return Decimal("Infinity") if isinstance(figure, Missing) else -figure


_SORT: dict[Sort, Callable[[TradeCard], tuple[Decimal, str]]] = {
    "pl": lambda c: (_known(c.net_usd), c.trade_id),
    "size": lambda c: (_known(c.basis_usd), c.trade_id),
    "age": lambda c: (Decimal(-(c.age.total_seconds() if c.age else 0)), c.trade_id),
    "risk": lambda c: (_known(c.risk_usd), c.trade_id),
}
