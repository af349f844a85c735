"""One round trip: what was bought or sold, what it is worth now, what protects it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from engine.domain import words
from engine.domain.order import Order, PlannedTarget, Purpose, Side
from engine.domain.quote import Leg
from engine.domain.trade import Position, StopPlan, Trade, TradeState
from engine.market import NEW_YORK
from engine.reports import (
    NO_QUOTE,
    NO_RISK,
    NOT_FILLED,
    Figure,
    Frame,
    Missing,
    Stamp,
    instruments_of,
    less,
    open_pnl,
    plus,
    ratio,
    unit_label,
    unit_value,
    unit_word,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePath:
    """One price three times: as the author said it, as it could be had, as we got it."""

    alerted: Figure
    achievable: Figure
    filled: Figure
    cost_usd: Figure
    """What we got against what was alerted, in dollars; negative: worse than alerted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkingOrder:
    """An order of the trade that is not over."""

    order_id: str
    purpose: Purpose
    side: Side
    qty: Decimal
    price: Decimal | None
    state: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeCard:
    """One round trip in figures; see the package for what each P&L figure means."""

    stamp: Stamp
    trade_id: str
    alert_id: str
    account: str
    is_at_several: bool
    """The desk trades in other accounts too."""
    broker: str
    source: str
    symbol: str
    label: str
    unit: str
    """What is counted: contracts, shares, spreads."""
    legs: tuple[Leg, ...]
    direction: int
    """+1 long, -1 short (or credit)."""
    state: TradeState
    qty_wanted: Decimal
    qty_opened: Decimal
    qty_open: Decimal
    entry: Figure
    last: Figure
    """Unit mid now."""
    exit: Figure
    """Average of all exit fills."""
    realised_usd: Figure
    open_usd: Figure
    open_fees_usd: Decimal
    fees_usd: Figure
    """All fees so far, opening and closing."""
    net_usd: Figure
    basis_usd: Figure
    """Dollars at entry of everything opened: what percent refers to."""
    pct: Figure
    risk_usd: Figure
    """1R."""
    r_realised: Figure
    r_net: Figure
    stop: StopPlan | None
    stop_usd: Figure
    """P&L of what is held if the stop fills at its price, opening fees included."""
    targets: tuple[PlannedTarget, ...]
    entry_path: PricePath
    exit_path: PricePath
    working: tuple[WorkingOrder, ...]
    opened_at: datetime | None
    closed_at: datetime | None
    age: timedelta | None
    """Held since the first fill, until now or the close."""
    dte: int | None
    """Calendar days until the first leg expires, counted in New York; None without an expiry."""
    close_reason: str
    unprotected_since: datetime | None

    @property
    def is_long(self) -> bool:
        """Whether the unit was bought."""
        return self.direction > 0

    @property
    def is_open(self) -> bool:
        """Whether something is held."""
        return self.state is TradeState.OPEN


def build(
    trade: Trade,
    frame: Frame,
    *,
    positions: Iterable[Position] = (),
    orders: Iterable[Order] = (),
) -> TradeCard:
    """Figures of one trade; ``positions`` and ``orders`` may hold those of other trades too."""
    held = [p for p in positions if p.trade_id == trade.trade_id]
    open_usd, open_fees = _open(trade, held, frame)
    was_filled = trade.qty_opened > 0
    realised: Figure = trade.realised_usd if was_filled else NOT_FILLED
    net = less(plus(realised, open_usd), open_fees)
    basis = _basis(trade)
    risk: Figure = NO_RISK if trade.risk_usd is None or trade.risk_usd <= 0 else trade.risk_usd
    quote = frame.unit(trade.legs)
    return TradeCard(
        stamp=frame.stamp(trade.alert_id, instruments_of(trade.legs) if trade.qty_open else ()),
        trade_id=trade.trade_id,
        alert_id=trade.alert_id,
        account=trade.account,
        is_at_several=frame.n_accounts > 1,
        broker=trade.broker,
        source=trade.source,
        symbol=trade.symbol,
        label=unit_label(trade.legs),
        unit=unit_word(trade.legs, trade.qty_opened or trade.qty_wanted),
        legs=trade.legs,
        direction=trade.direction,
        state=trade.state,
        qty_wanted=trade.qty_wanted,
        qty_opened=trade.qty_opened,
        qty_open=trade.qty_open,
        entry=NOT_FILLED if trade.entry_price is None else trade.entry_price,
        last=NO_QUOTE if quote is None else quote.mid,
        exit=Missing("not closed") if trade.exit_price is None else trade.exit_price,
        realised_usd=realised,
        open_usd=open_usd,
        open_fees_usd=open_fees,
        fees_usd=frame.fees(trade.fees_usd, [trade.broker] if was_filled else []),
        net_usd=net,
        basis_usd=basis,
        pct=ratio(net, basis, Missing("no cost basis"), 100),
        risk_usd=risk,
        r_realised=ratio(realised, risk, NO_RISK),
        r_net=ratio(net, risk, NO_RISK),
        stop=trade.stop,
        stop_usd=_at_stop(trade, held, open_fees),
        targets=trade.targets,
        entry_path=_path(
            trade, trade.direction, trade.alerted_price, trade.achievable_price, trade.entry_price
        ),
        exit_path=_path(
            trade, -trade.direction, trade.alerted_exit, trade.achievable_exit, trade.exit_price
        ),
        working=_working(trade, orders),
        opened_at=trade.opened_at,
        closed_at=trade.closed_at,
        age=_age(trade, frame.now),
        dte=_dte(trade, frame.now),
        close_reason=trade.close_reason,
        unprotected_since=trade.is_unprotected_since,
    )


def _open(trade: Trade, held: list[Position], frame: Frame) -> tuple[Figure, Decimal]:
    if trade.qty_open == 0 and not any(p.lots for p in held):
        return Decimal(0), Decimal(0)
    if not held:
        return Missing("positions not loaded"), Decimal(0)
    return open_pnl(held, frame)


def _basis(trade: Trade) -> Figure:
    if trade.entry_price is None or trade.qty_opened == 0:
        return NOT_FILLED
    return abs(unit_value(trade.legs, trade.entry_price, trade.qty_opened))


def _at_stop(trade: Trade, held: list[Position], open_fees: Decimal) -> Figure:
    if trade.stop is None:
        return Missing("no stop")
    paid = _held_at(trade, held)
    if isinstance(paid, Missing):
        return paid
    move = (trade.stop.price - paid) * trade.direction
    return unit_value(trade.legs, move, trade.qty_open) - open_fees


def _held_at(trade: Trade, held: list[Position]) -> Figure:
    """Unit price of what is still held; lots leave first in, first out, so it is no average."""
    by_key = {p.instrument.key: p.avg_price for p in held}
    total = Decimal(0)
    for leg in trade.legs:
        price = by_key.get(leg.instrument.key)
        if price is None:
            return NOT_FILLED
        total += price * leg.ratio
    return total


def _path(
    trade: Trade,
    sign: int,
    alerted: Decimal | None,
    achievable: Decimal | None,
    filled: Decimal | None,
) -> PricePath:
    """``sign`` +1 when the fill bought the unit: a higher price is then worse."""
    cost: Figure = Missing("no alerted price") if alerted is None else NOT_FILLED
    if alerted is not None and filled is not None:
        is_entry = sign == trade.direction
        qty = trade.qty_opened if is_entry else trade.qty_opened - trade.qty_open
        cost = unit_value(trade.legs, (alerted - filled) * sign, qty)
    return PricePath(
        alerted=Missing("not alerted") if alerted is None else alerted,
        achievable=NO_QUOTE if achievable is None else achievable,
        filled=NOT_FILLED if filled is None else filled,
        cost_usd=cost,
    )


def _working(trade: Trade, orders: Iterable[Order]) -> tuple[WorkingOrder, ...]:
    return tuple(
        WorkingOrder(
            order_id=o.order_id,
            purpose=o.purpose,
            side=o.side,
            qty=o.leaves,
            price=o.limit if o.limit is not None else o.stop,
            state=words.ORDER[o.state],
        )
        for o in orders
        if o.trade_id == trade.trade_id and not o.state.is_terminal
    )


def _dte(trade: Trade, now: datetime) -> int | None:
    expiries = [x for leg in trade.legs if (x := leg.instrument.expiry) is not None]
    if not expiries:
        return None
    return (min(expiries) - now.astimezone(NEW_YORK).date()).days


def _age(trade: Trade, now: datetime) -> timedelta | None:
    if trade.opened_at is None:
        return None
    return max((trade.closed_at or now) - trade.opened_at, timedelta(0))
