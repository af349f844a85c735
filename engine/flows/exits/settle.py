"""Drive one trade's exits to what is wanted: the only place that makes or moves protective orders.

Whatever happened (a fill, a click, a crash), run it again: it compares wishes with live orders and
takes the next legal step, until there is none.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from functools import partial

from engine import orders
from engine.desk import Desk
from engine.domain.money import ZERO
from engine.domain.order import (
    UNANSWERED,
    Order,
    OrderState,
    OrderType,
    Purpose,
    Side,
    Tif,
    Trigger,
    client_order_id,
)
from engine.domain.record import Event, changed
from engine.domain.trade import Trade, TradeState
from engine.exits import Cancel, Replace, Step, Submit
from engine.exits.plan import is_protected, plan
from engine.flows.common import aside, effects, together
from engine.flows.exits import quiet
from engine.flows.holdings import capable, covered, fewer, proof, splits, water, wishes
from engine.flows.orders import call_off, send
from engine.waiting import CLOSE_S

_MAX_STEPS = 25
"""More steps than any trade needs in one go; beyond it something fights back."""
_TOLD_S = 900.0
"""What keeps a stop from leaving keeps a close as well: of one trade it is said once so often."""
_FIGURES = re.compile(r"\d+")
"""What counts up in it makes no other reason of one."""
_LOOK_S = 0.2
_HAIR_S = 0.01
"""A clock that wakes us that much too early would leave the next try to the sweep."""


Wished = Callable[[Trade | None], tuple[Trade, Event] | None]
"""What is to be wanted of a trade from now on, with the event that says so; None: nothing new."""


async def run(desk: Desk, trade_id: str, wish: Wished | None = None) -> None:
    """Take step after step until nothing is left to do for now.

    ``wish`` is made durable in one go with the first step that it leads to.
    """
    part = f"trade {trade_id}"
    async with desk.lock(f"trade:{trade_id}"):
        for number in range(_MAX_STEPS):
            if not await _next(desk, trade_id, wish if number == 0 else None):
                desk.health.pop(part, None)
                return
        desk.health[part] = "exits do not come to rest"
        desk.backoff.failed(f"{trade_id}|all")


async def look(desk: Desk, trade_id: str) -> None:
    """Ask every exit rule about one trade, and do what they wish."""
    trade = desk.book.trades.get(trade_id)
    if trade is None or trade.state is not TradeState.OPEN or splits.is_open(desk, trade_id):
        return
    view = wishes.view_of(desk, trade)
    water.note(desk, trade, view.quote)
    if not wishes.of(desk, trade, view):
        quiet.draw(desk, water.marked(desk, trade), view)
        return
    if not desk.lock(f"trade:{trade_id}").locked():
        await run(desk, trade_id, partial(wishes.wished, desk))
        return
    async with desk.lock(trade.account):  # its exits wait for a broker: the wish does not
        made = wishes.wished(desk, desk.book.trades.get(trade_id))
        if made is None:
            return
        await desk.commit(made[1])
    await run(desk, trade_id)


async def _next(desk: Desk, trade_id: str, wish: Wished | None = None) -> bool:
    """One step: decided and durable under the account's lock, then sent. False when at rest."""
    trade = desk.book.trades.get(trade_id)
    if _must_rest(desk, trade_id) and wish is None:
        return False
    if trade is None or trade.broker not in desk.brokers:
        return await _tidy(desk, trade_id)
    async with desk.lock(trade.account):
        trade = desk.book.trades.get(trade_id)
        if trade is None:
            return True
        before: tuple[Event, ...] = ()
        if wish is not None and (made := wish(trade)) is not None:
            trade, before = made[0], made[1:]
        broker_stops = capable.holds_stops(desk, trade)
        own = desk.book.orders_of(trade_id)
        there = fewer.within(desk, trade)
        theirs, closing = covered.of(desk, trade), covered.closing(desk, trade)
        noted = _noted(desk, trade, is_protected(there, own, broker_stops, theirs + closing))
        planned = plan(
            there,
            own,
            broker_stops=broker_stops,
            is_beside=capable.adds_stops(desk, trade),
            theirs=theirs,
            closing=closing,
        )
        steps = tuple(capable.fitted(desk, trade, step) for step in planned)
        step = next((s for s in steps if not _must_wait(desk, noted, s)), None)
        if _must_rest(desk, trade_id):
            step = None
        if isinstance(step, Cancel):  # from here on it may stand bare, whenever its end is heard of
            left = [o for o in own if o.order_id != step.order.order_id]
            noted = _noted(desk, noted, is_protected(there, left, broker_stops, theirs + closing))
        with _let_go(desk, step):
            if noted is not trade and (step is None or isinstance(step, Cancel)):
                before = (*before, _protection(desk, noted))
            if step is None:
                if before:
                    await desk.commit(*before)
                return False
            work = await _write_ahead(desk, noted, step, before)
    await _act(desk, *work)
    return True


def _must_rest(desk: Desk, trade_id: str) -> bool:
    return desk.backoff.must_wait(f"{trade_id}|all") or splits.is_open(desk, trade_id)


def _must_wait(desk: Desk, trade: Trade, step: Step) -> bool:
    """Until it was refused long enough ago, or its turn has come; the clock looks again.

    What would close a leg that is not held waits until the others have been set apart.
    """
    if desk.backoff.must_wait(_name(trade.trade_id, step)):
        return True
    if isinstance(step, Submit):
        is_unclear = covered.is_open(desk, trade.trade_id, Purpose(step.purpose))
        return is_unclear or not capable.has_legs_for(desk, trade, step)
    if isinstance(step, Cancel) and proof.is_repeated_soon(desk, step.order):
        return True
    return capable.must_queue(desk, trade, step)


@contextmanager
def _let_go(desk: Desk, step: Step | None) -> Iterator[None]:
    """From its decision on it counts: accounts of one login decide at the same time."""
    if step is None or isinstance(step, Submit):
        yield
        return
    desk.let_go.add(step.order.order_id)
    try:
        yield
    finally:
        desk.let_go.discard(step.order.order_id)


def _name(trade_id: str, step: Step) -> str:
    """What is not tried again at once when its broker refused it; the rest goes on."""
    if isinstance(step, Submit):
        return effects.pace_of_exit(trade_id, step.purpose)
    if isinstance(step, Cancel):
        return call_off.pace_of(step.order)
    return effects.pace_of_replace(step.order)


async def _tidy(desk: Desk, trade_id: str) -> bool:
    """A finished trade may leave live orders behind: cancel them (O-15)."""
    for order in desk.book.orders_of(trade_id):
        if order.broker not in desk.brokers or not call_off.may_cancel(order):
            continue
        if not desk.backoff.must_wait(call_off.pace_of(order)):
            await call_off.ask_cancel(desk, order, "the trade is over")
            await _judge_cancel(desk, order)
    return False


async def _write_ahead(
    desk: Desk, trade: Trade, step: Step, before: tuple[Event, ...]
) -> tuple[Order, Order | None]:
    """Make the step durable; the order to act on, and the order that takes its place."""
    now = desk.clock.now()
    if isinstance(step, Cancel):
        asked = orders.moved(step.order, Trigger.ASK_CANCEL, now, reason=step.reason)
        await desk.commit(
            *before, desk.event("order.cancel", trade.alert_id, asked, order_id=asked.order_id)
        )
        return asked, None
    new, trade = _exit_order(desk, trade, step, now)
    if isinstance(step, Replace):
        old = orders.moved(step.order, Trigger.ASK_REPLACE, now, reason=step.reason)
        await desk.commit(
            *before,
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
            ),
        )
        return old, new
    await desk.commit(
        *before,
        desk.event(
            f"{step.purpose}.submit",
            trade.alert_id,
            new,
            trade,
            cards=(("trade", trade.trade_id, "orders"),),
            order_id=new.order_id,
            qty=str(new.qty),
            why=step.reason,
        ),
    )
    return new, None


def _exit_order(
    desk: Desk, trade: Trade, step: Submit | Replace, now: datetime
) -> tuple[Order, Trade]:
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
        tif=capable.tif_of(desk, trade.broker, trade.legs, Tif.GTC if is_stop else Tif.DAY),
        state=OrderState.SUBMITTING,
        replaces=step.order.order_id if isinstance(step, Replace) else None,
        carried=step.carried if isinstance(step, Replace) else ZERO,
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
        await _judge(desk, new, effects.pace_of_replace(order))
    elif order.state is OrderState.PENDING_CANCEL:
        await call_off.cancel(desk, order)
        await _judge_cancel(desk, order)
    else:
        await send.submit(desk, order)
        await _judge(desk, order, effects.pace_of_exit(order.trade_id, order.purpose))


async def _judge(desk: Desk, order: Order, name: str) -> None:
    """A refused exit is tried again later and later; what it was to protect is looked at now."""
    after = await desk.order(order.order_id)
    if after is not None and after.order_id in desk.in_flight and after.state in UNANSWERED:
        desk.vigil(partial(_judge_late, desk, order, name), f"answer to {order.order_id}")
        return
    if after is not None and after.state in (OrderState.CANCELED, OrderState.EXPIRED):
        return  # its broker ended it by itself: what that means was said where it was heard of
    if after is None or after.state is not OrderState.REJECTED:
        desk.backoff.worked(name)
        return
    pause_s = desk.pauses.pop(order.order_id, None)
    if pause_s is not None:  # nothing was sent: again as soon as the broker takes it (O-18)
        desk.backoff.wait(name, pause_s)
        trade_id = order.trade_id
        desk.vigil(lambda: _later(desk, trade_id, pause_s), f"settle {name} later")
        return
    n = desk.backoff.failed(name, _longest_s(desk, after))
    why = _FIGURES.sub("#", after.reason)
    if n == 1 and desk.is_due(f"told of {order.trade_id}|{why}", _TOLD_S):
        await together.tell(
            desk,
            f"exits of {order.broker} refused: {why}",
            f"⚠ An exit order of {order.trade_id} was refused: {after.reason}. It is tried again, "
            "later and later; meanwhile the desk watches the price itself.",
            f"refused-{order.order_id}",
            name=order.trade_id,
            more="Exit orders of these were refused for the same reason, and are tried again too",
        )
    if order.purpose is Purpose.STOP:
        _look_soon(desk, order.trade_id)
    if "reduce_only" in after.reason:
        desk.gates.setdefault(order.broker, "it says that less is held than the books do")


def _longest_s(desk: Desk, order: Order) -> float | None:
    """The longest pause after a refusal; a market that sleeps refuses a close all night.

    Of a stop that never left, nobody has said no: it is bare for no longer than its broker is away.
    """
    is_open = desk.calendar(order.legs[0].instrument.kind).is_open(desk.clock.now())
    is_soon = order.purpose is Purpose.CLOSE or order.reason.startswith("not sent")
    return CLOSE_S if is_soon and is_open else None


async def _judge_late(desk: Desk, order: Order, name: str) -> None:
    """An answer that hangs holds no other exit up; what it says counts all the same."""
    while order.order_id in desk.in_flight:
        await desk.clock.sleep(_LOOK_S)
    await _judge(desk, order, name)
    await run(desk, order.trade_id)


async def _later(desk: Desk, trade_id: str, pause_s: float) -> None:
    """Over before the next try is: refused once more, that one waits in the same name."""
    await desk.clock.sleep(pause_s + _HAIR_S)
    aside.settle_soon(desk, trade_id)


async def _judge_cancel(desk: Desk, order: Order) -> None:
    after = await desk.order(order.order_id)
    if after is None or after.state.is_terminal:
        desk.backoff.worked(call_off.pace_of(order))
    elif after.state is not OrderState.PENDING_CANCEL:
        desk.backoff.failed(call_off.pace_of(order))


def _look_soon(desk: Desk, trade_id: str) -> None:
    """A stop that the broker refuses may be past the market: the rules decide at once (O-14)."""
    desk.spawn(look(desk, trade_id), f"look {trade_id}")


def _noted(desk: Desk, trade: Trade, is_safe: bool) -> Trade:
    """The trade with the moment since which it has had no working stop (I-20), same version."""
    since = trade.is_unprotected_since
    if trade.state is not TradeState.OPEN or is_safe == (since is None):
        return trade
    now = desk.clock.now()
    desk.stopwatch.age_s(trade.trade_id, now)  # its alarm counts from here, whatever the wall does
    return replace(trade, is_unprotected_since=None if is_safe else now)


def _protection(desk: Desk, noted: Trade) -> Event:
    is_safe = noted.is_unprotected_since is None
    return desk.event(
        "trade.protected" if is_safe else "trade.unprotected",
        noted.alert_id,
        changed(noted),
        cards=(("trade", noted.trade_id, "orders"),),
        trade_id=noted.trade_id,
    )
