"""Cancel an order until it is over: asked once, looked up, asked again, and told when it hangs."""

import asyncio
import logging

from engine import orders
from engine.asking import Rank, answered_within, asking
from engine.desk import Desk
from engine.domain.errors import BrokerAuthError, OrderRejected, RateLimited
from engine.domain.order import Order, OrderState, Purpose, Trigger
from engine.flows.common import answers, shut_out
from engine.flows.common.answers import QUIET
from engine.flows.orders.doubt import climb, look_up

log = logging.getLogger(__name__)

_UNCUT_S = 8.0
"""A cancel that is refused while its order works on is asked for later and later, up to this."""
_HEARD_S = 1.8
"""A cancel that was answered is asked for again no sooner, by whomever: it is looked up."""
CANCEL_AGAIN_S = (0.2, 0.3, 0.5, 1.0, 2.0, 4.0, *(8.0,) * 7)
_LEAST_PAUSE_S, _MOST_PAUSE_S = 0.5, 3.0
"""What a cancel waits for after a 429, whatever pause was named: no close leaves before it."""
_RINGS_S = 1.0
"""Where the end of what it agreed to cancel is told and one look is at a whole list, the first look
comes no sooner: the next stop needs its turn."""
_IN_STEP_S, _HAIR_S = 0.25, 0.01
"""There looks at several orders fall on one moment so: side by side they are one list."""


async def ask_cancel(desk: Desk, order: Order, why: str) -> bool:
    """Write down that an order is to be cancelled, then cancel it; False when it cannot be now."""
    async with desk.lock(order.account):
        current = desk.book.orders.get(order.order_id)
        if current is None or not may_cancel(current):
            return False
        desk.doubts.heard.pop(order.order_id, None)
        asked = orders.moved(current, Trigger.ASK_CANCEL, desk.clock.now(), reason=why)
        await desk.commit(
            desk.event("order.cancel", asked.alert_id, asked, order_id=asked.order_id, why=why)
        )
    await cancel(desk, asked)
    return True


def may_cancel(order: Order) -> bool:
    """Whether asking for a cancellation is a legal move now."""
    return order.state in (
        OrderState.ACCEPTED,
        OrderState.PARTIAL,
        OrderState.UNKNOWN,
        OrderState.PENDING_REPLACE,
    )


async def cancel(desk: Desk, order: Order) -> None:
    """Ask the broker to cancel an order that is durable as PENDING_CANCEL, until it is over.

    An answer that hangs holds nobody up: what a stop protected is bare once the stop is gone.
    """
    if order.is_in_doubt:
        climb(desk, order)
    limit = answered_within(desk.settings.broker_timeout_s)
    asked = desk.spawn(_cancel_once(desk, order, limit), f"ask to cancel {order.order_id}")
    while not asked.done() and (left_s := answers.HANGS_S - limit.asked_for_s) > 0:
        await asyncio.wait((asked,), timeout=left_s)
    desk.vigil(lambda: _put_off(desk, order, asked), f"put off {order.order_id}")
    over = desk.vigil(lambda: _until_over(desk, order.order_id, asked), f"cancel {order.order_id}")
    await asyncio.wait((asked, over), return_when=asyncio.FIRST_COMPLETED)


async def _put_off(desk: Desk, order: Order, asked: asyncio.Task[float | None]) -> None:
    """Until it was sent: after a pause that the broker asks for it leaves as soon as it may."""
    await asyncio.wait((asked,))
    put_off_s = None if asked.cancelled() else asked.result()
    while put_off_s is not None:
        await desk.clock.sleep(min(max(put_off_s, _LEAST_PAUSE_S), _MOST_PAUSE_S))
        known = desk.book.orders.get(order.order_id)
        if known is None or known.state is not OrderState.PENDING_CANCEL:
            return
        limit = answered_within(desk.settings.broker_timeout_s)
        put_off_s = await _cancel_once(desk, order, limit)


async def _cancel_once(desk: Desk, order: Order, limit: answered_within) -> float | None:
    """One request; a repeat is harmless, so silence is simply followed by another.

    An answer is not: where lists lag, repeats would use up what the next stop has to leave in.

    Returns: for how long the broker put it off, when it was not sent.
    """
    heard, now = desk.doubts.heard, desk.clock.monotonic
    if order.order_id in heard and now() - heard[order.order_id] < _HEARD_S:
        return None
    try:
        with asking(_rank_of_cancel(desk, order)):
            async with limit:
                await desk.broker(order.broker).cancel(order.account, order.order_id)
        heard[order.order_id] = now()
    except OrderRejected as error:
        why, heard[order.order_id] = str(error), now()
        desk.vigil(lambda: _why_uncut(desk, order.order_id, why), f"uncut {order.order_id}")
    except BrokerAuthError as error:
        await shut_out.locked_out(desk, order.broker, error)
    except QUIET as error:
        log.info("cancel of %s unanswered: %s", order.order_id, error)
        return error.retry_after_s if isinstance(error, RateLimited) else None
    except Exception:  # an adapter's own bug must not keep the others from being cancelled
        log.exception("cancel of %s: the adapter failed", order.order_id)
    return None


def _rank_of_cancel(desk: Desk, order: Order) -> Rank:
    """Once trading is halted, what still brings more goes with what is bare (O-27)."""
    return Rank.BARE if desk.halted and order.purpose is Purpose.ENTRY else Rank.EXIT


async def _why_uncut(desk: Desk, order_id: str, why: str) -> None:
    """What cannot be cancelled has filled, mostly; its trade does not stand still meanwhile."""
    with asking(Rank.NAKED):
        await look_up(desk, order_id, refused=why)
    order = desk.book.orders.get(order_id)
    if order is not None and may_cancel(order) and not desk.backoff.must_wait(pace_of(order)):
        desk.backoff.failed(pace_of(order), _UNCUT_S)


def pace_of(order: Order) -> str:
    """Under which its cancels wait after a refusal."""
    return f"{order.trade_id}|cancel|{order.order_id}"


async def _until_over(desk: Desk, order_id: str, asked: asyncio.Task[float | None]) -> None:
    order = desk.book.orders.get(order_id)
    is_exit = order is not None and order.purpose is not Purpose.ENTRY
    waited_s = 0.0
    for pause in CANCEL_AGAIN_S:
        waited_s += pause
        is_early = waited_s < _RINGS_S
        in_step = not is_early and _will_ring(desk, order)
        await desk.clock.sleep(_in_step_s(desk, pause) if in_step else pause)
        if is_early and _will_ring(desk, order):
            continue
        # What is held has no stop until the next one can be sent: that waits for nobody's polls.
        trade = desk.book.trades.get(order.trade_id) if order is not None else None
        is_naked = is_exit and trade is not None and trade.qty_open != 0
        with asking(Rank.EXIT if is_naked else Rank.DOUBT):
            await look_up(desk, order_id)
        order = desk.book.orders.get(order_id)
        if order is None or order.state is not OrderState.PENDING_CANCEL:
            desk.doubts.heard.pop(order_id, None)
            return
        is_named = order.broker_id or desk.broker(order.broker).caps.finds_by_client_id
        if is_named and asked.done():
            limit = answered_within(desk.settings.broker_timeout_s)
            await _cancel_once(desk, order, limit)  # else there is no number, as was just seen
    order = desk.book.orders.get(order_id)
    if order is not None and order.state is OrderState.PENDING_CANCEL and not order.is_in_doubt:
        await desk.tell(
            "admin",
            f"Order {order_id} ({order.trade_id}) was to be cancelled, and {order.broker} does not "
            "say that it is over. It counts as live, and what it is for waits. Look into the "
            "broker's own app; if it is not at work there, say so: /order resolve.",
            note_id=f"stuck-{order_id}",
        )


def _will_ring(desk: Desk, order: Order | None) -> bool:
    """Whether its broker answered the cancel and tells its end; a look would be at a whole list."""
    if order is None or order.order_id not in desk.doubts.heard:
        return False
    return desk.is_told(order.broker) and not desk.broker(order.broker).caps.finds_by_client_id


def _in_step_s(desk: Desk, pause_s: float) -> float:
    """Until the step that ends the pause; a clock may have woken us a hair before the last one."""
    now = desk.clock.monotonic()
    return max((now + pause_s + _HAIR_S) // _IN_STEP_S * _IN_STEP_S - now, 0.0)
