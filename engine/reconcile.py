"""Our books against the broker's: what differs, as facts. Nothing here ever asks for an order.

A list that could not be read says nothing (pass None): it is neither "flat" nor "no orders". An
order that is missing from a list is asked for by its id; being missing is no state.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from engine import orders as life
from engine.brokers import Balance, BrokerFill, BrokerOrder, BrokerPosition
from engine.domain.compared import PositionGap
from engine.domain.instrument import Instrument
from engine.domain.money import CENT, ZERO, Price, Qty
from engine.domain.order import Order, is_our_id
from engine.domain.trade import Account, Position, Trade, TradeState
from engine.ledger.booking import BUST, CORRECT

GRACE = timedelta(seconds=5)
"""What changed this lately may not be in the broker's lists yet, or no longer in ours."""
_LIVE = ("accepted", "partial")
_DUST = Decimal("1e-9")
"""The finest part of a coin that a broker takes an order for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StateGap:
    """An order that stands elsewhere at the broker; ``after`` is our order with that taken in."""

    order: Order
    report: BrokerOrder
    after: Order


@dataclass(frozen=True, slots=True, kw_only=True)
class CashGap:
    """Cash that differs after all fills we know of: a deposit, a fee, interest, a dividend."""

    ours: Decimal
    theirs: Decimal

    @property
    def usd(self) -> Decimal:
        """What our books lack."""
        return self.theirs - self.ours


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All differences between our books and one account at its broker."""

    missed_fills: tuple[BrokerFill, ...] = ()
    """Executions of our orders that are not booked."""
    external_fills: tuple[BrokerFill, ...] = ()
    """Executions of orders that are none of ours."""
    settlements: tuple[BrokerFill, ...] = ()
    """Expiries and exercises that are not booked."""
    states: tuple[StateGap, ...] = ()
    lost: tuple[Order, ...] = ()
    """Live with us and in no list: ask for them by id."""
    zombies: tuple[BrokerOrder, ...] = ()
    """Ours and over, or ours by their id and unknown, yet live at the broker."""
    external_orders: tuple[BrokerOrder, ...] = ()
    """Live at the broker and none of ours."""
    positions: tuple[PositionGap, ...] = ()
    cash: CashGap | None = None
    uneven: tuple[Trade, ...] = ()
    """Trades whose legs do not make whole units of what the trade says it holds."""
    unread: tuple[str, ...] = ()
    """Lists that could not be read: nothing was concluded from them."""

    @property
    def is_clean(self) -> bool:
        """Everything was read, and everything agrees."""
        return self == _CLEAN


_CLEAN = Findings()


def compare(
    *,
    orders: Sequence[Order],
    trades: Sequence[Trade],
    positions: Sequence[Position],
    executions: Collection[str],
    broker_open: Sequence[BrokerOrder] | None,
    broker_recent: Sequence[BrokerOrder] | None,
    broker_fills: Sequence[BrokerFill] | None,
    broker_positions: Sequence[BrokerPosition] | None,
    balance: Balance | None,
    account: Account,
    now: datetime,
    cash_tolerance_usd: Decimal = CENT,
) -> Findings:
    """Compare one account with its broker.

    Args:
        orders: Ours, the live ones and those that ended lately.
        trades: Ours, open and pending.
        positions: Ours.
        executions: Ids of what is booked.
        broker_open: Working orders; None when they could not be read, as for all lists below.
        broker_recent: All orders created or changed since our oldest live one.
        broker_fills: All executions since then.
        broker_positions: Holdings.
        balance: Money.
        account: Ours.
        now: Time of the comparison.
        cash_tolerance_usd: Cash may differ by less than this.
    """
    lists = {
        "open orders": broker_open,
        "orders": broker_recent,
        "fills": broker_fills,
        "positions": broker_positions,
        "balance": balance,
    }
    fills = _unbooked(broker_fills or (), executions)
    ours = _Ours(orders)
    mine, other, ends = _sorted_fills(fills, ours)
    reports = [*(broker_recent or ()), *(broker_open or ())]
    zombies, external = _strangers(broker_open or (), ours, now)
    has_all = broker_open is not None and broker_recent is not None
    gaps = (
        _position_gaps(positions, broker_positions, fills)
        if broker_positions is not None and broker_fills is not None
        else ()
    )
    carried = _carried_apart(positions, broker_positions, gaps)
    return Findings(
        missed_fills=tuple(mine),
        external_fills=tuple(other),
        settlements=tuple(ends),
        states=_states(reports, ours, now),
        lost=_lost(orders, reports, now) if has_all else (),
        zombies=tuple(zombies),
        external_orders=tuple(external),
        positions=gaps,
        cash=_cash_gap(account, balance, fills, cash_tolerance_usd, carried)
        if balance is not None and broker_fills is not None and carried is not None
        else None,
        uneven=tuple(t for t in trades if _is_uneven(t, positions)),
        unread=tuple(name for name, value in lists.items() if value is None),
    )


class _Ours:
    """Our orders by both of their names."""

    def __init__(self, orders: Iterable[Order]) -> None:
        self.all = tuple(orders)
        self._by_id = {o.order_id: o for o in self.all}
        # A part of an order from outside bears its number and not its size: no report is about it.
        self._by_broker_id = {
            o.broker_id: o for o in self.all if o.broker_id and "/" not in o.order_id
        }

    def find(self, client_order_id: str, broker_id: str) -> Order | None:
        """The order that a broker means; its own number counts where it hides our id."""
        return self._by_id.get(client_order_id) or self._by_broker_id.get(broker_id)


# -- fills ------------------------------------------------------------------------------------


def _unbooked(fills: Iterable[BrokerFill], executions: Collection[str]) -> list[BrokerFill]:
    """Fills that are not booked, each once; a settlement is booked per trade, under its id."""
    booked: set[str] = set()
    for name in executions:
        parts = name.split("/")
        booked.update("/".join(parts[: n + 1]) for n in range(len(parts)))
    found: dict[str, BrokerFill] = {}
    for fill in fills:
        is_known = fill.execution_id in booked and fill.kind not in ("bust", "correct")
        is_nothing = fill.kind in ("bust", "correct") and fill.of not in executions
        if not (is_known or is_nothing or is_booked(fill, executions)):
            found.setdefault(fill.execution_id, fill)
    return list(found.values())


def is_booked(fill: BrokerFill, executions: Collection[str]) -> bool:
    """Whether the books hold it; a bust or correction leaves its mark on what it is about."""
    if fill.kind == "bust":
        return f"{fill.of}{BUST}" in executions
    if fill.kind == "correct" and fill.execution_id == fill.of:
        return f"{fill.of}{CORRECT}" in executions
    return fill.execution_id in executions


def _sorted_fills(
    fills: Iterable[BrokerFill], ours: _Ours
) -> tuple[list[BrokerFill], list[BrokerFill], list[BrokerFill]]:
    mine: list[BrokerFill] = []
    other: list[BrokerFill] = []
    ends: list[BrokerFill] = []
    for fill in fills:
        if fill.kind != "fill":
            ends.append(fill)
        elif ours.find(fill.client_order_id, fill.broker_id) or is_our_id(fill.client_order_id):
            mine.append(fill)
        else:
            other.append(fill)
    return mine, other, ends


def _change(fill: BrokerFill) -> Decimal:
    return fill.qty * fill.side.sign


# -- orders -----------------------------------------------------------------------------------


def _states(reports: Iterable[BrokerOrder], ours: _Ours, now: datetime) -> tuple[StateGap, ...]:
    """All that the reports change, each order's reports taken in one after the other."""
    gaps: dict[str, StateGap] = {}
    for report in reports:
        order = ours.find(report.client_order_id, report.broker_id)
        if order is None:
            continue
        gap = gaps.get(order.order_id)
        current = gap.after if gap else order
        after = life.seen(current, report, now, carried=life.carried_by(order, ours.all))
        if after is not current:
            gaps[order.order_id] = StateGap(order=order, report=report, after=after)
    return tuple(gap for gap in gaps.values() if _is_news(gap.order, gap.after))


def _is_news(before: Order, after: Order) -> bool:
    """Another state, fills to come, something odd; a number learned is no difference."""
    return (
        after.state is not before.state
        or after.is_flagged is not before.is_flagged
        or after.reported > before.filled + after.carried
    )


def _lost(
    orders: Iterable[Order], reports: Iterable[BrokerOrder], now: datetime
) -> tuple[Order, ...]:
    listed = {name for r in reports for name in (r.client_order_id, r.broker_id) if name}
    return tuple(
        order
        for order in orders
        if order.state.is_at_broker
        and order.order_id not in listed
        and order.broker_id not in listed
        and now - (order.sent_at or order.created_at) >= GRACE
    )


def _strangers(
    working: Iterable[BrokerOrder], ours: _Ours, now: datetime
) -> tuple[list[BrokerOrder], list[BrokerOrder]]:
    zombies: list[BrokerOrder] = []
    external: list[BrokerOrder] = []
    listed = {(r.client_order_id, r.broker_id) for r in working if r.state in _LIVE}
    for report in working:
        if report.state not in _LIVE:
            continue
        order = ours.find(report.client_order_id, report.broker_id)
        if order is None:
            is_ours = is_our_id(report.client_order_id)
            (zombies if is_ours else external).append(report)
            continue
        is_over = order.state.is_terminal and now - order.updated_at >= GRACE
        # A broker that takes an id twice took a repeat beside what its lists showed late.
        is_double = report.broker_id != order.broker_id and (
            (report.client_order_id, order.broker_id) in listed
        )
        if is_over or is_double:
            zombies.append(report)
    return zombies, external


# -- positions and cash -----------------------------------------------------------------------


def _position_gaps(
    positions: Iterable[Position],
    theirs: Iterable[BrokerPosition],
    fills: Iterable[BrokerFill],
) -> tuple[PositionGap, ...]:
    known: dict[str, Instrument] = {}
    ours: dict[str, Decimal] = {}
    for instrument, qty in (
        *((p.instrument, p.qty) for p in positions),
        *((f.instrument, _change(f)) for f in fills),
    ):
        known[instrument.key] = instrument
        ours[instrument.key] = ours.get(instrument.key, ZERO) + qty
    held: dict[str, Decimal] = {}
    prices: dict[str, Decimal | None] = {}
    for position in theirs:
        key = position.instrument.key
        known[key] = position.instrument
        prices[key] = position.avg_price
        held[key] = held.get(key, ZERO) + counted(position)
    return tuple(
        PositionGap(
            instrument=instrument,
            ours=ours.get(key, ZERO),
            theirs=held.get(key, ZERO),
            avg_price=prices.get(key),
        )
        for key, instrument in known.items()
        if ours.get(key, ZERO) != held.get(key, ZERO)
    )


def counted(position: BrokerPosition) -> Decimal:
    """What is held of it, without dust of a coin: nothing so small can be ordered, or closed."""
    dust = position.qty % _DUST if position.instrument.kind == "crypto" else ZERO
    return position.qty - dust if dust else position.qty


def _carried_apart(
    positions: Iterable[Position],
    theirs: Sequence[BrokerPosition] | None,
    gaps: Iterable[PositionGap],
) -> Decimal | None:
    """Dollars that the broker has realised of open futures and we have not; None: cannot be told.

    A future's cash comes when it is closed, and which of several lots a close takes off is told
    by the ledger's way (first in, first out per trade), or the broker's (one average for all).
    """
    if theirs is None or any(gap.instrument.kind == "future" for gap in gaps):
        return None  # of what is not booked here the whole notional would pass for cash
    carried = ZERO
    for position in positions:
        for lot in position.lots if position.instrument.kind == "future" else ():
            carried -= position.instrument.notional(Price(lot.price), Qty(lot.qty))
    for held in theirs:
        if held.instrument.kind == "future" and held.avg_price is None:
            return None
        if held.instrument.kind == "future" and held.avg_price is not None:
            carried += held.instrument.notional(Price(held.avg_price), Qty(held.qty))
    return carried


def _cash_gap(
    account: Account,
    balance: Balance,
    fills: Sequence[BrokerFill],
    tolerance: Decimal,
    carried: Decimal,
) -> CashGap | None:
    """None when they agree, or when it cannot be told: no figure, or a future not booked yet."""
    if balance.cash_usd is None or any(f.instrument.kind == "future" for f in fills):
        return None
    coming = sum(
        (-f.instrument.notional(Price(f.price), Qty(_change(f))) - f.fee_usd for f in fills),
        ZERO,
    )
    ours = account.cash_usd + coming
    gap = balance.cash_usd - ours - carried
    if abs(gap) < tolerance:
        return None
    return CashGap(ours=ours, theirs=ours + gap)


def _is_uneven(trade: Trade, positions: Iterable[Position]) -> bool:
    if trade.state not in (TradeState.OPEN, TradeState.PENDING):
        return False
    held = {p.instrument.key: p.qty for p in positions if p.trade_id == trade.trade_id}
    units = trade.qty_open * trade.direction
    return any(held.get(leg.instrument.key, ZERO) != units * leg.ratio for leg in trade.legs)


# -- in words ---------------------------------------------------------------------------------


def lines(findings: Findings) -> list[str]:
    """One plain sentence per difference, for the report card."""
    said = [f"{name} could not be read" for name in findings.unread]
    said += [f"missed fill: {_fill(f)}" for f in findings.missed_fills]
    said += [f"of no order of ours so far: {_fill(f)}" for f in findings.external_fills]
    said += [f"{f.kind}: {_fill(f)}" for f in findings.settlements]
    said += [_state_line(gap) for gap in findings.states]
    said += [f"order {o.order_id} is {o.state} with us and in no list" for o in findings.lost]
    said += [f"order {_name(r)} is over with us but live there" for r in findings.zombies]
    said += [f"order {_name(r)} is not ours" for r in findings.external_orders]
    said += [
        f"{gap.instrument.label}: we hold {gap.ours:f}, the broker {gap.theirs:f}"
        for gap in findings.positions
    ]
    if findings.cash is not None:
        cash = findings.cash
        said.append(f"cash: {_usd(cash.ours)} with us, {_usd(cash.theirs)} there")
    said += [f"trade {t.trade_id}: its legs are uneven" for t in findings.uneven]
    return said


def _usd(value: Decimal) -> str:
    return f"{'-' if value < 0 else ''}${abs(value):,.2f}"


def _fill(fill: BrokerFill) -> str:
    return f"{fill.side} {fill.qty:f} {fill.instrument.label} @ {fill.price:f}"


def _name(report: BrokerOrder) -> str:
    return report.client_order_id or report.broker_id


def _state_line(gap: StateGap) -> str:
    name = gap.order.order_id
    if gap.after.state is not gap.order.state:
        return f"order {name} is {gap.order.state} with us, {gap.report.state} there"
    if gap.after.reported > gap.order.filled + gap.after.carried:
        return f"order {name}: {gap.after.reported:f} filled there, {gap.order.filled:f} with us"
    return f"order {name}: news from the broker ({gap.report.state})"
