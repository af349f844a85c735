"""What an order's change means for its trade, its alert and the cards that people see."""

import asyncio
from dataclasses import replace
from decimal import Decimal

from engine import ledger
from engine.desk import Desk
from engine.domain.desk import AlertRecord, AlertState
from engine.domain.instrument import Instrument
from engine.domain.order import Order, OrderState, PlannedTarget, Purpose
from engine.domain.record import Record, changed
from engine.domain.trade import Position, Trade, TradeState

_ALERT_OF_ENTRY = {
    OrderState.REJECTED: AlertState.ERROR,
    OrderState.CANCELED: AlertState.WITHDRAWN,
    OrderState.EXPIRED: AlertState.WITHDRAWN,
    OrderState.VOID: AlertState.WITHDRAWN,
    OrderState.UNKNOWN: AlertState.ERROR,
    OrderState.PARTIAL: AlertState.PARTIAL,
}


def story(desk: Desk, alert_id: str) -> asyncio.Lock:
    """Held from reading an alert's record until its next version is stored; taken last.

    Several accounts may be about the same alert at once.
    """
    return desk.lock(f"story:{alert_id}")


def of_order(desk: Desk, order: Order) -> list[Record]:
    """Records that follow an entry's change: once none can fill any more, its trade knows.

    A trade of which nothing was filled is VOID then; else its targets shrink to what it holds.
    """
    trade = desk.book.trades.get(order.trade_id)
    if trade is None or order.purpose is not Purpose.ENTRY:
        return []
    puts: list[Record] = []
    after = _as_before(desk, trade, order)
    if order.state.is_terminal and _all_over(desk, order):
        held = any(p.qty for p in desk.book.positions_of(trade.trade_id))
        now = desk.clock.now()
        after = ledger.entry_over(after, now, reason=order.reason, holds_legs=held)
    if after is not trade:
        trade = replace(after, version=trade.version + 1)
        puts.append(trade)
    alert = alert_after(desk, trade, order)
    return [*puts, alert] if alert is not None else puts


async def other_legs(desk: Desk, trade: Trade, instrument: Instrument) -> list[Position]:
    """What is held of the unit's other legs: while any is, its trade is not over."""
    if len(trade.legs) == 1:
        return []
    rows = await desk.store.find(Position, where={"trade_id": trade.trade_id})
    return [row for row in rows if row.instrument != instrument]


def _as_before(desk: Desk, trade: Trade, order: Order) -> Trade:
    """Where the order that was to replace another was not taken, its quantity is not wanted.

    Of one that was refused before, this has been said already.
    """
    old, known = desk.book.orders.get(order.replaces or ""), desk.book.orders.get(order.order_id)
    if order.state is not OrderState.REJECTED or old is None or trade.is_entry_over:
        return trade
    if known is not None and known.state is OrderState.REJECTED:
        return trade
    if old.qty == order.qty:
        return trade
    wanted = trade.qty_wanted - (order.qty - old.qty)
    targets = _targets_before(desk, trade, order, wanted)
    return replace(trade, qty_wanted=wanted, targets=targets)


def _targets_before(
    desk: Desk, trade: Trade, order: Order, wanted: Decimal
) -> tuple[PlannedTarget, ...]:
    """What a change had scaled down cannot always be scaled up again: its intent kept them."""
    intent = desk.book.intents.get(order.intent_id)
    before = intent.targets if intent is not None else ()
    then = ledger.scaled_targets(before, wanted, trade.qty_wanted)
    if [t.qty for t in then] != [t.qty for t in trade.targets]:
        return ledger.scaled_targets(trade.targets, trade.qty_wanted, wanted)
    return tuple(replace(t, qty=b.qty) for t, b in zip(trade.targets, before, strict=True))


def _all_over(desk: Desk, order: Order) -> bool:
    return all(
        other.state.is_terminal
        for other in desk.book.orders_of(order.trade_id)
        if other.purpose is Purpose.ENTRY and other.order_id != order.order_id
    )


def alert_after(desk: Desk, trade: Trade, order: Order | None) -> AlertRecord | None:
    """The alert's next state, or None when it stays as it is."""
    alert = desk.book.alerts.get(trade.alert_id)
    if alert is None or _is_superseded(desk, alert, trade) or _works_on(desk, order):
        return None
    state, reason = _alert_state(trade, order)
    if state is alert.state and reason == alert.reason:
        return None
    return changed(alert, state=state, reason=reason)


def _is_superseded(desk: Desk, alert: AlertRecord, trade: Trade) -> bool:
    """A trade that came to nothing says nothing of an alert with another one, alive or traded."""
    if trade.state in (TradeState.OPEN, TradeState.CLOSED):
        return False
    others = [other for other in alert.trade_ids if other != trade.trade_id]
    return any(o in desk.book.trades or o in desk.book.round_trips for o in others)


def _works_on(desk: Desk, order: Order | None) -> bool:
    """Whether what was refused is a change alone: the order that it was to replace lives."""
    if order is None or order.state is not OrderState.REJECTED:
        return False
    old = desk.book.orders.get(order.replaces or "")
    return old is not None and not old.state.is_terminal


def _alert_state(trade: Trade, order: Order | None) -> tuple[AlertState, str]:
    if trade.state is TradeState.CLOSED:
        return AlertState.CLOSED, trade.close_reason
    if trade.state is TradeState.OPEN and trade.qty_open >= trade.qty_wanted:
        return AlertState.FILLED, ""
    if trade.state is TradeState.OPEN:
        if order is not None and order.purpose is Purpose.ENTRY and not order.state.is_terminal:
            return AlertState.PARTIAL, ""
        return AlertState.MANAGED, ""
    if order is None:
        return AlertState.WITHDRAWN, trade.close_reason
    return _ALERT_OF_ENTRY.get(order.state, AlertState.ORDERED), order.reason


def cards_of(desk: Desk, order: Order) -> tuple[tuple[str, str, str], ...]:
    """Cards that an order's change must refresh: its alert's and, once it holds, its trade's."""
    cards: list[tuple[str, str, str]] = []
    if order.alert_id in desk.book.alerts:
        cards.append(("alert", order.alert_id, "trade_alerts"))
    if order.filled or order.purpose is not Purpose.ENTRY:
        cards.append(("trade", order.trade_id, "orders"))
    return tuple(cards)


def cards_of_end(before: Trade, after: Trade) -> tuple[tuple[str, str, str], ...]:
    """Cards for a trade that has just closed."""
    if after.state is not TradeState.CLOSED or before.state is TradeState.CLOSED:
        return ()
    return (("chart", "pnl", "activity"),)


def pace_of_exit(trade_id: str, purpose: str) -> str:
    """Under which a new exit of a trade waits after a refusal."""
    return f"{trade_id}|{purpose}"


def pace_of_replace(order: Order) -> str:
    """Under which the swap of a stop for another waits after a refusal."""
    return f"{order.trade_id}|replace|{order.order_id}"
