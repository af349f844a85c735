"""Drive one trade's exits to what is wanted: the only place that makes or moves protective orders.

Whatever happened (a fill, a click, a crash), run it again: it compares wishes with live orders and
takes the next legal step, until there is none.
"""

from datetime import datetime

from engine import orders
from engine.desk import Desk
from engine.domain.errors import StoreUnavailable
from engine.domain.order import (
    Order,
    OrderState,
    OrderType,
    Purpose,
    Side,
    Tif,
    Trigger,
    client_order_id,
)
from engine.domain.record import changed
from engine.domain.trade import Trade, TradeState
from engine.exits import Cancel, Replace, Step, Submit
from engine.exits.plan import is_protected, plan
from engine.flows import send

_MAX_STEPS = 25
"""More steps than any trade needs in one go; beyond it something fights back."""


async def run(desk: Desk, trade_id: str) -> None:
    """Take step after step until nothing is left to do for now."""
    async with desk.lock(f"trade:{trade_id}"):
        for _ in range(_MAX_STEPS):
            if not await _next(desk, trade_id):
                return
        desk.health[f"trade {trade_id}"] = "exits do not come to rest"


async def _next(desk: Desk, trade_id: str) -> bool:
    """One step: decided and durable under the account's lock, then sent. False when at rest."""
    trade = desk.book.trades.get(trade_id)
    if trade is None:
        return await _tidy(desk, trade_id)
    async with desk.lock(trade.account):
        trade = desk.book.trades.get(trade_id)
        if trade is None:
            return True
        broker_stops = holds_stops(desk, trade)
        own = desk.book.orders_of(trade_id)
        steps = plan(trade, own, broker_stops=broker_stops)
        await _note_protection(desk, trade, is_protected(trade, own, broker_stops))
        if not steps or _must_wait(desk, trade_id, steps[0]):
            return False
        work = await _write_ahead(desk, desk.book.trades.get(trade_id, trade), steps[0])
    await _act(desk, *work)
    return True


async def _tidy(desk: Desk, trade_id: str) -> bool:
    """A finished trade may leave live exit orders behind: cancel them (O-15)."""
    for order in desk.book.orders_of(trade_id):
        if order.state in (OrderState.ACCEPTED, OrderState.PARTIAL):
            async with desk.lock(order.account):
                current = desk.book.orders.get(order.order_id)
                if current is None or current.state is OrderState.PENDING_CANCEL:
                    continue
                asked = orders.moved(
                    current, Trigger.ASK_CANCEL, desk.clock.now(), reason="trade is over"
                )
                await desk.commit(
                    desk.event("order.cancel", asked.alert_id, asked, order_id=asked.order_id)
                )
            await send.cancel(desk, asked)
    return False


def holds_stops(desk: Desk, trade: Trade) -> bool:
    """Whether the broker can hold a stop for this unit; if not, the engine watches it."""
    if len(trade.legs) > 1:
        return False
    caps = desk.broker(trade.broker).caps.by_kind.get(trade.legs[0].instrument.kind)
    return caps is not None and OrderType.STOP in caps.order_types


def _must_wait(desk: Desk, trade_id: str, step: Step) -> bool:
    """A refused exit is not sent again at once; everything else is."""
    until = desk.retry_at.get(trade_id)
    return isinstance(step, Submit) and until is not None and desk.clock.monotonic() < until


async def _write_ahead(desk: Desk, trade: Trade, step: Step) -> tuple[Order, Order | None]:
    """Make the step durable; the order to act on, and the order that takes its place."""
    now = desk.clock.now()
    if isinstance(step, Cancel):
        asked = orders.moved(step.order, Trigger.ASK_CANCEL, now, reason=step.reason)
        await desk.commit(
            desk.event("order.cancel", trade.alert_id, asked, order_id=asked.order_id)
        )
        return asked, None
    new, trade = _exit_order(trade, step, now)
    if isinstance(step, Replace):
        old = orders.moved(step.order, Trigger.ASK_REPLACE, now, reason=step.reason)
        await desk.commit(
            desk.event(
                "stop.replace",
                trade.alert_id,
                old,
                new,
                trade,
                order_id=new.order_id,
                qty=str(new.qty),
                stop=str(new.stop),
                why=step.reason,
            )
        )
        return old, new
    await desk.commit(
        desk.event(
            f"{step.purpose}.submit",
            trade.alert_id,
            new,
            trade,
            cards=(("trade", trade.trade_id, "orders"),),
            order_id=new.order_id,
            qty=str(new.qty),
            why=step.reason,
        )
    )
    return new, None


def _exit_order(trade: Trade, step: Submit | Replace, now: datetime) -> tuple[Order, Trade]:
    """A new exit order in SUBMITTING, and the trade with its counter moved on."""
    seq = trade.exit_seq + 1
    is_stop = isinstance(step, Replace) or step.purpose == "stop"
    intent_id = f"{trade.trade_id}/X{seq}"
    order = Order(
        order_id=client_order_id(intent_id),
        intent_id=intent_id,
        alert_id=trade.alert_id,
        trade_id=trade.trade_id,
        account=trade.account,
        broker=trade.broker,
        purpose=Purpose.STOP if is_stop else Purpose.CLOSE,
        side=Side.SELL if trade.direction > 0 else Side.BUY,
        legs=trade.legs,
        qty=step.qty,
        type=OrderType.STOP if isinstance(step, Replace) else step.type,
        limit=None if isinstance(step, Replace) else step.limit,
        stop=step.stop,
        tif=Tif.GTC if is_stop else Tif.DAY,
        state=OrderState.SUBMITTING,
        replaces=step.order.order_id if isinstance(step, Replace) else None,
        request_id="" if isinstance(step, Replace) else step.request_id,
        reason=step.reason,
        created_at=now,
        sent_at=now,
        updated_at=now,
    )
    return order, changed(trade, exit_seq=seq)


async def _act(desk: Desk, order: Order, new: Order | None) -> None:
    if new is not None:
        await send.replace(desk, order, new)
        after = desk.book.orders.get(new.order_id)
    elif order.state is OrderState.PENDING_CANCEL:
        await send.cancel(desk, order)
        return
    else:
        after = await send.submit(desk, order)
    if after is None or after.state is OrderState.REJECTED:
        desk.retry_at[order.trade_id] = desk.clock.monotonic() + desk.settings.exit_retry_s
        await desk.tell(
            "admin",
            f"An exit order of {order.trade_id} was refused: {after.reason if after else ''}. "
            "It is tried again.",
            note_id=f"refused-{(new or order).order_id}",
        )


async def _note_protection(desk: Desk, trade: Trade, is_safe: bool) -> None:
    """Remember since when a held position has had no working stop (I-20)."""
    if trade.state is not TradeState.OPEN:
        return
    since = trade.is_unprotected_since
    if is_safe == (since is None):
        return
    noted = changed(trade, is_unprotected_since=None if is_safe else desk.clock.now())
    try:
        await desk.commit(
            desk.event(
                "trade.protected" if is_safe else "trade.unprotected",
                trade.alert_id,
                noted,
                cards=(("trade", trade.trade_id, "orders"),),
                trade_id=trade.trade_id,
            )
        )
    except StoreUnavailable:
        desk.health["storage"] = "protection could not be recorded"
