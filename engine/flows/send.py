"""From a durable order to its outcome: send once, take every report in, never guess."""

import asyncio
import logging

from engine import ledger, orders
from engine.brokers import (
    Absent,
    BrokerEvent,
    BrokerFill,
    BrokerOrder,
    Filled,
    Odd,
    OrderSeen,
    StreamDown,
    StreamUp,
)
from engine.brokers import Seen as FoundOrder
from engine.desk import Desk
from engine.domain.desk import AlertRecord, AlertState
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    Conflict,
    OrderRejected,
    OrderStateUnknown,
)
from engine.domain.order import Order, OrderState, Purpose, Trigger
from engine.domain.record import Record, changed
from engine.domain.trade import Execution, Position, Trade, TradeState

log = logging.getLogger(__name__)


async def submit(desk: Desk, order: Order) -> Order:
    """Send an order that is durable as SUBMITTING, once, and store what became of it."""
    broker = desk.broker(order.broker)
    request = orders.request_of(order)
    try:
        report = await asyncio.wait_for(broker.submit(request), desk.settings.broker_timeout_s)
    except OrderRejected as error:
        return await _settle_answer(desk, order, Trigger.REJECT, str(error))
    except BrokerUnavailable as error:
        return await _settle_answer(desk, order, Trigger.REJECT, f"not sent: {error}")
    except BrokerAuthError as error:
        desk.health[f"broker {order.broker}"] = str(error)
        return await _settle_answer(desk, order, Trigger.REJECT, f"not sent: {error}")
    except (OrderStateUnknown, TimeoutError) as error:
        return await doubt(desk, order, str(error) or "no answer in time")
    except asyncio.CancelledError:
        desk.spawn(doubt(desk, order, "interrupted while sending"), f"doubt {order.order_id}")
        raise
    except Exception as error:  # whatever an adapter raises after bytes may have left is doubt
        log.exception("order %s: the adapter failed", order.order_id)
        return await doubt(desk, order, f"{type(error).__name__}: {error}")
    return await on_report(desk, report) or order


async def cancel(desk: Desk, order: Order) -> None:
    """Ask the broker to cancel an order that is durable as PENDING_CANCEL."""
    broker = desk.broker(order.broker)
    try:
        await asyncio.wait_for(
            broker.cancel(order.account, order.order_id), desk.settings.broker_timeout_s
        )
    except OrderRejected as error:
        await look_up(desk, order.order_id, refused=str(error))
    except (BrokerUnavailable, BrokerAuthError, OrderStateUnknown, TimeoutError) as error:
        await doubt(desk, order, f"cancel unanswered: {error}")


async def replace(desk: Desk, old: Order, new: Order) -> None:
    """Swap a working stop; ``old`` is durable as PENDING_REPLACE, ``new`` as SUBMITTING."""
    broker = desk.broker(old.broker)
    try:
        report = await asyncio.wait_for(
            broker.replace(old.account, old.order_id, orders.request_of(new)),
            desk.settings.broker_timeout_s,
        )
    except OrderRejected as error:
        await _settle_answer(desk, new, Trigger.REJECT, str(error))
        await look_up(desk, old.order_id, refused=str(error))
    except (BrokerUnavailable, BrokerAuthError) as error:
        await _settle_answer(desk, new, Trigger.REJECT, f"not sent: {error}")
        await look_up(desk, old.order_id, refused=str(error))
    except (OrderStateUnknown, TimeoutError) as error:
        await doubt(desk, new, f"replace unanswered: {error}")
    else:
        await on_report(desk, report)


async def _settle_answer(desk: Desk, order: Order, trigger: Trigger, reason: str) -> Order:
    """Store a definite answer to a submit."""
    async with desk.lock(order.account):
        current = desk.book.orders.get(order.order_id, order)
        if current.state.is_terminal:
            return current
        final = orders.moved(current, trigger, desk.clock.now(), reason=reason)
        await desk.commit(
            desk.event(
                f"order.{final.state.lower()}",
                order.alert_id,
                final,
                *_trade_after(desk, final),
                cards=cards_of(desk, final),
                order_id=order.order_id,
                reason=reason,
            )
        )
        return final


async def doubt(desk: Desk, order: Order, reason: str) -> Order:
    """No proof of the outcome: UNKNOWN, counted at worst case, looked up until known."""
    async with desk.lock(order.account):
        current = desk.book.orders.get(order.order_id, order)
        if current.state in (OrderState.SUBMITTING, OrderState.UNKNOWN):
            current = orders.moved(current, Trigger.NO_ANSWER, desk.clock.now(), reason=reason)
            await desk.commit(
                desk.event(
                    "order.unknown",
                    order.alert_id,
                    current,
                    cards=cards_of(desk, current),
                    order_id=order.order_id,
                    reason=reason,
                )
            )
    desk.spawn(_ladder(desk, order.order_id), f"lookup {order.order_id}")
    return current


async def _ladder(desk: Desk, order_id: str) -> None:
    """Look an unanswered order up at growing distances, then call a person."""
    waited = 0.0
    for at in desk.settings.lookup_ladder_s:
        await desk.clock.sleep(at - waited)
        waited = at
        if await look_up(desk, order_id):
            return
    order = desk.book.orders.get(order_id)
    if order is not None and order.state is OrderState.UNKNOWN:
        await desk.tell(
            "admin",
            f"Order {order_id} ({order.trade_id}) has had no answer for {waited:.0f} s. It counts "
            "as live; no new entry in its symbol. Look into the broker's own app and reconcile.",
            note_id=f"unknown-{order_id}",
        )


async def look_up(desk: Desk, order_id: str, refused: str = "") -> bool:
    """Ask the broker what it knows of an order; True when the doubt is gone."""
    order = desk.book.orders.get(order_id)
    if order is None or order.state.is_terminal:
        return True
    try:
        found = await asyncio.wait_for(
            desk.broker(order.broker).find(order.account, order_id),
            desk.settings.broker_timeout_s,
        )
    except (BrokerUnavailable, OrderStateUnknown, BrokerAuthError, TimeoutError):
        return False
    if isinstance(found, FoundOrder):
        await on_report(desk, found.order, asked=True)
        if refused and found.order.state != "unknown":
            await _refused(desk, order_id, refused)
        return found.order.state != "unknown"
    if isinstance(found, Absent) and order.state in (OrderState.UNKNOWN, OrderState.SUBMITTING):
        if order.state is OrderState.SUBMITTING:
            order = await _unknown_now(desk, order)
        await _settle_answer(desk, order, Trigger.ABSENT, "the broker never had it")
        desk.spawn(_resettle(desk, order.trade_id), f"settle {order.trade_id}")
        return True
    return False


async def _unknown_now(desk: Desk, order: Order) -> Order:
    async with desk.lock(order.account):
        current = desk.book.orders.get(order.order_id, order)
        if current.state is not OrderState.SUBMITTING:
            return current
        current = orders.moved(current, Trigger.NO_ANSWER, desk.clock.now(), reason="restart")
        await desk.commit(
            desk.event("order.unknown", order.alert_id, current, order_id=order.order_id)
        )
        return current


async def _refused(desk: Desk, order_id: str, reason: str) -> None:
    """The broker refused to cancel or replace a still working order: it works on."""
    order = desk.book.orders.get(order_id)
    if order is None:
        return
    triggers = {
        OrderState.PENDING_CANCEL: Trigger.REFUSE_CANCEL,
        OrderState.PENDING_REPLACE: Trigger.REFUSE_REPLACE,
    }
    trigger = triggers.get(order.state)
    if trigger is None:
        return
    async with desk.lock(order.account):
        order = desk.book.orders.get(order_id, order)
        if order.state not in triggers:
            return
        kept = orders.moved(order, trigger, desk.clock.now(), reason=reason)
        await desk.commit(
            desk.event("order.kept", order.alert_id, kept, order_id=order_id, reason=reason)
        )


async def _resettle(desk: Desk, trade_id: str) -> None:
    from engine.flows import settle

    await settle.run(desk, trade_id)


# -- reports from brokers ---------------------------------------------------------------------


async def on_event(desk: Desk, broker: str, event: BrokerEvent) -> None:
    """Take one broker event in, whatever it is and however often it comes."""
    if isinstance(event, OrderSeen):
        await on_report(desk, event.order)
    elif isinstance(event, Filled):
        await on_fill(desk, event.fill)
    elif isinstance(event, StreamDown):
        desk.health[f"broker {broker}"] = event.reason
        desk.is_reconciled = False
    elif isinstance(event, StreamUp):
        desk.health.pop(f"broker {broker}", None)
    elif isinstance(event, Odd):
        await desk.tell("admin", f"{broker} sent something unknown: {event.note}")


async def on_report(desk: Desk, report: BrokerOrder, *, asked: bool = False) -> Order | None:
    """Take an order report in; fetch fills that it tells of and we have not booked."""
    known = await desk.order(report.client_order_id)
    if known is None:
        return None
    async with desk.lock(known.account):
        order = desk.book.orders.get(known.order_id, known)
        after = orders.seen(order, report, desk.clock.now())
        if after is not order:
            await desk.commit(
                desk.event(
                    f"order.{after.state.lower()}",
                    order.alert_id,
                    after,
                    *_trade_after(desk, after),
                    cards=cards_of(desk, after),
                    order_id=order.order_id,
                    **({"reason": report.reason} if report.reason else {}),
                )
            )
        missing = orders.needs_fills(after, report)
    if missing and asked:
        fills = await desk.broker(order.broker).fills_since(order.account, order.created_at)
        for fill in fills:
            if fill.client_order_id == order.order_id:
                await on_fill(desk, fill)
    if after is not order and after.state.is_terminal:
        desk.spawn(_resettle(desk, order.trade_id), f"settle {order.trade_id}")
    return desk.book.orders.get(known.order_id, after)


async def on_fill(desk: Desk, fill: BrokerFill) -> None:
    """Book one execution: once, whatever state its order is in."""
    if fill.execution_id in desk.book.executions:
        return
    known = await desk.order(fill.client_order_id)
    if known is None:
        await _external(desk, fill)
        return
    async with desk.lock(known.account):
        if fill.execution_id in desk.book.executions:
            return
        order = desk.book.orders.get(known.order_id, known)
        trade = await desk.trade(order.trade_id)
        if trade is None:
            return
        try:
            await _book(desk, fill, order, trade)
        except Conflict:
            if await desk.store.get(Execution, fill.execution_id) is None:
                raise
            return
    desk.spawn(_resettle(desk, order.trade_id), f"settle {order.trade_id}")


async def _book(desk: Desk, fill: BrokerFill, order: Order, trade: Trade) -> None:
    now = desk.clock.now()
    execution = Execution(
        execution_id=fill.execution_id,
        order_id=order.order_id,
        trade_id=trade.trade_id,
        account=order.account,
        instrument=fill.instrument,
        side=fill.side,
        qty=fill.qty,
        price=fill.price,
        fee_usd=fill.fee_usd,
        executed_at=fill.executed_at,
        leg=fill.leg,
    )
    key = f"{trade.trade_id}|{fill.instrument.key}"
    position = desk.book.positions.get(key) or await desk.store.get(Position, key)
    booking = ledger.book(
        execution,
        order=order,
        trade=trade,
        position=position,
        account=desk.book.accounts[order.account],
        now=now,
    )
    puts: list[Record] = [
        booking.execution,
        booking.entry,
        booking.order,
        booking.position,
        booking.account,
        booking.trade,
    ]
    alert = alert_after(desk, booking.trade, booking.order)
    if alert is not None:
        puts.append(alert)
    cards = cards_of(desk, booking.order)
    if booking.trade.state is TradeState.CLOSED and trade.state is not TradeState.CLOSED:
        cards = (*cards, ("chart", "pnl", "activity"))
    await desk.commit(
        desk.event(
            "fill.booked",
            order.alert_id,
            *puts,
            cards=cards,
            order_id=order.order_id,
            qty=str(fill.qty),
            price=str(fill.price),
            instrument=fill.instrument.key,
            realised_usd=str(booking.entry.realised_usd),
        )
    )


async def _external(desk: Desk, fill: BrokerFill) -> None:
    """A trade made in the broker's own app: told once, counted by reconciliation, never undone."""
    await desk.tell(
        "admin",
        f"{fill.account}: {fill.side} {fill.qty} {fill.instrument.label} @ {fill.price} was traded "
        "outside TradeStream. Nothing was sent because of it.",
        note_id=f"external-{fill.execution_id}",
    )


# -- what an order's change means for its trade and alert -------------------------------------


def _trade_after(desk: Desk, order: Order) -> list[Record]:
    """Records that follow an order's change: an entry that died unfilled voids its trade."""
    puts: list[Record] = []
    trade = desk.book.trades.get(order.trade_id)
    if trade is not None and order.purpose is Purpose.ENTRY and order.state.is_terminal:
        others = [
            o
            for o in desk.book.orders_of(trade.trade_id)
            if o.order_id != order.order_id and o.purpose is Purpose.ENTRY
        ]
        is_dead = not order.filled and all(o.state.is_terminal for o in others)
        if trade.state is TradeState.PENDING and is_dead:
            trade = changed(
                trade,
                state=TradeState.VOID,
                close_reason=order.reason,
                closed_at=desk.clock.now(),
            )
            puts.append(trade)
    if trade is None or order.purpose is not Purpose.ENTRY:
        return puts
    alert = alert_after(desk, trade, order)
    if alert is not None:
        puts.append(alert)
    return puts


_ALERT_OF_ENTRY = {
    OrderState.REJECTED: AlertState.ERROR,
    OrderState.CANCELED: AlertState.WITHDRAWN,
    OrderState.EXPIRED: AlertState.WITHDRAWN,
    OrderState.VOID: AlertState.WITHDRAWN,
    OrderState.UNKNOWN: AlertState.ERROR,
    OrderState.PARTIAL: AlertState.PARTIAL,
}


def alert_after(desk: Desk, trade: Trade, order: Order) -> AlertRecord | None:
    """The alert's next state, or None when it stays as it is."""
    alert = desk.book.alerts.get(trade.alert_id)
    if alert is None:
        return None
    state, reason = _alert_state(trade, order)
    if state is alert.state and reason == alert.reason:
        return None
    return changed(alert, state=state, reason=reason)


def _alert_state(trade: Trade, order: Order) -> tuple[AlertState, str]:
    if trade.state is TradeState.CLOSED:
        return AlertState.CLOSED, trade.close_reason
    if trade.state is TradeState.OPEN and trade.qty_open >= trade.qty_wanted:
        return AlertState.FILLED, ""
    if trade.state is TradeState.OPEN:
        if order.purpose is Purpose.ENTRY and not order.state.is_terminal:
            return AlertState.PARTIAL, ""
        return AlertState.MANAGED, ""
    return _ALERT_OF_ENTRY.get(order.state, AlertState.ORDERED), order.reason


def cards_of(desk: Desk, order: Order) -> tuple[tuple[str, str, str], ...]:
    """Cards that an order's change must refresh: its alert's and, once it holds, its trade's."""
    cards: list[tuple[str, str, str]] = []
    if order.alert_id in desk.book.alerts:
        cards.append(("alert", order.alert_id, "trade_alerts"))
    if order.filled or order.purpose is not Purpose.ENTRY:
        cards.append(("trade", order.trade_id, "orders"))
    return tuple(cards)
