"""Recent round trips in short rows, newest first."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.domain.instrument import Instrument
from engine.domain.trade import Position, Trade, TradeState
from engine.reports import Figure, Frame, Missing, Stamp
from engine.reports.trade_card import build as build_card


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One round trip."""

    trade_id: str
    alert_id: str
    account: str
    label: str
    price_of: Instrument
    direction: int
    state: TradeState
    qty: Decimal
    """Opened, or wanted while nothing is."""
    entry: Figure
    leave: Figure
    """Average exit, or the mark while it is open."""
    net_usd: Figure
    r: Figure
    fees_usd: Decimal
    source: str
    why: str
    """Reason of the close, or of never having been filled."""
    at: datetime
    """Of the close; else of the first fill; else of its making."""
    qty_open: Decimal = Decimal(0)
    """What of it is still open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TradesReport:
    """A page of round trips."""

    stamp: Stamp
    title: str
    rows: tuple[Row, ...]
    n_in_all: int
    """How many there are; more than the rows when it is only a page."""
    net_usd: Figure
    """Sum of the rows; missing when one of them is."""
    sought: str = ""
    """What was asked for, in words; empty: everything."""


def build(
    frame: Frame,
    *,
    trades: Iterable[Trade],
    positions: Iterable[Position] = (),
    title: str = "Recent trades",
    limit: int = 10,
    n_in_all: int | None = None,
    with_void: bool = False,
    sought: str = "",
) -> TradesReport:
    """The newest ``limit`` of ``trades``, what only waits last; void ones only when asked for."""
    held = tuple(positions)
    wanted = [t for t in trades if with_void or t.state is not TradeState.VOID]
    wanted.sort(key=lambda t: (t.qty_opened > 0, _moment(t), t.trade_id), reverse=True)
    rows = tuple(_row(t, frame, held) for t in wanted[:limit])
    shown = [i for t in wanted[:limit] if t.qty_open for leg in t.legs for i in (leg.instrument,)]
    return TradesReport(
        stamp=frame.stamp("trades", shown),
        title=title,
        rows=rows,
        n_in_all=len(wanted) if n_in_all is None else n_in_all,
        net_usd=_total(rows),
        sought=sought,
    )


def _moment(trade: Trade) -> datetime:
    return trade.closed_at or trade.opened_at or trade.created_at


def _row(trade: Trade, frame: Frame, held: tuple[Position, ...]) -> Row:
    card = build_card(trade, frame, positions=held)
    return Row(
        trade_id=trade.trade_id,
        alert_id=trade.alert_id,
        account=trade.account,
        label=card.label,
        price_of=trade.legs[0].instrument,
        direction=trade.direction,
        state=trade.state,
        qty=trade.qty_opened or trade.qty_wanted,
        entry=card.entry,
        leave=card.last if card.is_open else card.exit,
        net_usd=card.net_usd,
        r=card.r_net,
        fees_usd=trade.fees_usd,
        source=trade.source,
        why=trade.close_reason,
        at=_moment(trade),
        qty_open=trade.qty_open,
    )


def _total(rows: tuple[Row, ...]) -> Figure:
    filled = [r for r in rows if r.state in (TradeState.OPEN, TradeState.CLOSED)]
    if not filled:
        return Missing("no trades yet")
    total = Decimal(0)
    for row in filled:
        if isinstance(row.net_usd, Missing):
            return row.net_usd
        total += row.net_usd
    return total
