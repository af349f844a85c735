"""From a durable order to its outcome: sent once, never guessed."""

import asyncio
import logging
import re
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from functools import partial
from typing import Any

from engine import orders
from engine.asking import Rank, answered_within, asking
from engine.brokers import BrokerOrder, Seen
from engine.desk import Desk
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    Conflict,
    CredentialsRefused,
    OrderRejected,
    OrderStateUnknown,
    RateLimited,
    ServerFailed,
    StoreUnavailable,
)
from engine.domain.order import UNANSWERED, Order, OrderState, Purpose, Trigger
from engine.domain.record import Event
from engine.flows.booking.reported import on_report
from engine.flows.common import answers, broker_switch, mode, shut_out
from engine.flows.common.answers import QUIET, answered, as_known, in_time, stands
from engine.flows.holdings.proof import is_past_stop
from engine.flows.orders.absence import look_back
from engine.flows.orders.doubt import doubt, look_up

log = logging.getLogger(__name__)

_UNSENT_KEPT = 1000
_ID_TAKEN = re.compile(r"(?i)\bunique\b|\bduplicate|already (?:exists|used|been used)")
"""A refusal of the id, not of the order: a gateway on the way may have repeated our request."""
REPEAT_S = 3.5
"""What a broker takes once only is not waited for longer: sent again, it cannot be two. More than a
connection may take: without one nothing was sent, and that is no doubt."""
_LOOK_AGAIN_S = 1.5
_PAST_S = 0.2
"""How often a repeat that hangs is held against the price."""
_REFUSED_S = (1.0,)
"""When what was refused is looked for: an entry where it would fill unheard, an exit always, and
before it is tried again."""


async def submit(desk: Desk, order: Order, *, again: bool = False) -> Order:
    """Send an order that is durable as SUBMITTING, once, and store what became of it.

    An entry goes by way of ``flows/orders/just_taken``, which looks at it afterwards.
    ``again``: it was sent before and is provably absent; the same id cannot make a second one.
    """
    current = desk.book.orders.get(order.order_id)
    if current is None or current.state.is_terminal or order.order_id in desk.in_flight:
        return await desk.order(order.order_id) or order
    if why := unwanted(desk, current) or _uncarried(desk, current):
        return await answered(desk, current, Trigger.REJECT, f"not sent: {why}")
    return await _heard_of(desk, current, _sent(desk, current, again=again))


def unwanted(desk: Desk, order: Order) -> str:
    """Why an entry must not work any more, though it was wanted when it was written down."""
    if order.purpose is not Purpose.ENTRY or order.state.is_terminal:
        return ""
    trade = desk.book.trades.get(order.trade_id)
    if trade is not None and trade.close_reason:
        return trade.close_reason  # taken back while it was on its way
    if desk.halted:
        return f"trading is halted ({desk.halted})"
    if off := broker_switch.off(desk, order.broker):
        return f"{order.broker} takes no entries: {off}"
    broker = desk.brokers.get(order.broker)
    if broker is not None and not broker.caps.is_paper and mode.of(desk) != "live":
        return f"{order.broker} trades real money and the desk is on paper"
    return ""


def _uncarried(desk: Desk, order: Order) -> str:
    """Why an entry must not leave: its fill could not be booked. One that left may go on."""
    return desk.unsound if order.purpose is Purpose.ENTRY else ""


async def _heard_of(desk: Desk, order: Order, request: Coroutine[Any, Any, object]) -> Order:
    """What became of an order: by its answer, or an exit by what the stream tells before it.

    The next step of an exit waits for no answer that may never come: parts of an entry that fill
    meanwhile would have no stop, nor what is left beside a close.
    """
    heard = asyncio.Event()

    async def ask() -> None:
        try:
            await request
        finally:
            desk.in_flight.discard(order.order_id)
            heard.set()

    def note(_: Sequence[Event]) -> None:
        known = desk.book.orders.get(order.order_id)
        if known is None or known.state not in UNANSWERED:
            heard.set()

    desk.in_flight.add(order.order_id)
    if order.purpose is Purpose.ENTRY:
        await ask()
    else:
        with desk.bus.hearing(note):
            desk.spawn(ask(), f"send {order.order_id}")
            with suppress(TimeoutError):
                async with asyncio.timeout(answers.HANGS_S):
                    await heard.wait()
    return await as_known(desk, order)


async def _sent(desk: Desk, order: Order, *, again: bool) -> Order:
    broker = desk.broker(order.broker)
    request = orders.request_of(order)
    if order.sent_at is not None:
        desk.stopwatch.age_s(order.order_id, order.sent_at)  # its age counts from here
    is_entry = order.purpose is Purpose.ENTRY
    unless = partial(unwanted, desk, order)  # while it stood in our own line
    limit = answered_within(_patience_s(desk, order, again=again), unless)
    _look_meanwhile(desk, order, limit, again=again)
    try:
        with asking(Rank.ENTRY if is_entry else Rank.BARE):
            async with limit:
                report = await broker.submit(request)
    except OrderRejected as error:
        return await _refused(desk, order, str(error), again=again)
    except BrokerUnavailable as error:
        return await _unsent(desk, order, error, again=again)
    except BrokerAuthError as error:
        return await _denied(desk, order, error, again=again)
    except (OrderStateUnknown, TimeoutError) as error:
        if isinstance(error, ServerFailed):
            desk.doubts.failed.add(order.order_id)
        if (await as_known(desk, order)).state is OrderState.UNKNOWN:
            # In doubt since it hung: brokers that hide our ids are asked by likeness only now.
            desk.vigil(partial(look_up, desk, order.order_id), f"look after {order.order_id}")
        return await doubt(desk, order, str(error) or "no answer in time")
    except asyncio.CancelledError:
        desk.spawn(doubt(desk, order, "interrupted while sending"), f"doubt {order.order_id}")
        raise
    except Exception as error:  # whatever an adapter raises after bytes may have left is doubt
        log.exception("order %s: the adapter failed", order.order_id)
        return await doubt(desk, order, f"{type(error).__name__}: {error}")
    return await _taken(desk, order, report)


def _look_meanwhile(desk: Desk, order: Order, limit: answered_within, *, again: bool) -> None:
    """What must not wait for an answer that hangs."""
    if order.purpose is Purpose.ENTRY:
        name = f"hanging {order.order_id}"
        desk.vigil(partial(_while_it_hangs, desk, order, limit), name)
    elif again and order.purpose is Purpose.STOP:
        desk.vigil(partial(_while_it_repeats, desk, order, limit), f"repeat {order.order_id}")


def _patience_s(desk: Desk, order: Order, *, again: bool) -> float:
    """How long an answer is waited for; what an exit is for may be held without a stop.

    The second one has all the time: a broker that is slow today answers it.
    """
    patience_s = desk.settings.broker_timeout_s
    may_repeat = desk.broker(order.broker).caps.dedupes_client_id and not again
    is_exit = order.purpose is not Purpose.ENTRY
    return min(REPEAT_S, patience_s) if is_exit and may_repeat else patience_s


async def _while_it_repeats(desk: Desk, stop: Order, limit: answered_within) -> None:
    """A repeated stop that hangs while its price is reached keeps the close from leaving."""
    while stop.order_id in desk.in_flight:
        if limit.asked_for_s >= REPEAT_S and is_past_stop(desk, stop):
            limit.give_up()
            return
        await desk.clock.sleep(_PAST_S)


async def _while_it_hangs(desk: Desk, entry: Order, limit: answered_within) -> None:
    """Look for an entry whose answer hangs: what it has filled has no stop until it is seen.

    After as long as a stop may be missing it is in doubt, and people are called.
    """
    while entry.order_id in desk.in_flight:
        asked_s = limit.asked_for_s
        if asked_s < answers.HANGS_S:
            await desk.clock.sleep(answers.HANGS_S - asked_s)
        elif asked_s < desk.settings.unprotected_alarm_s:
            desk.vigil(partial(look_up, desk, entry.order_id), f"look at {entry.order_id}")
            await desk.clock.sleep(_LOOK_AGAIN_S)
        else:
            await doubt(desk, entry, "no answer yet")
            return


async def _refused(desk: Desk, order: Order, why: str, *, again: bool) -> Order:
    """Refused; unless it is there, as a repeat or an id that is taken tells."""
    is_taken = bool(_ID_TAKEN.search(why))
    if again or is_taken:
        await look_up(desk, order.order_id)
        order = await as_known(desk, order)
        if order.state not in UNANSWERED:
            return order
    if is_taken:  # the lists lag
        desk.doubts.used.add(order.order_id)
        return await doubt(desk, order, why)
    caps = desk.broker(order.broker).caps
    if again and (not caps.finds_by_client_id or _may_arrive(desk, order)):
        return await doubt(desk, order, why)  # of the first one this says nothing
    is_exit = order.purpose is not Purpose.ENTRY
    if caps.finds_by_client_id and (is_exit or not desk.is_told(order.broker)):
        # It may have been taken all the same: an entry would fill unheard, an exit beside the next.
        work = partial(look_back, desk, order.order_id, _REFUSED_S)
        desk.vigil(work, f"afterwards {order.order_id}")
    return await answered(desk, order, Trigger.REJECT, why)


def _may_arrive(desk: Desk, order: Order) -> bool:
    """Whether its first request may still be under way: it would close what is closed already."""
    first_s = desk.stopwatch.age_s(order.order_id, order.created_at)
    return first_s < desk.settings.broker_timeout_s


async def _unsent(desk: Desk, order: Order, error: Exception, *, again: bool) -> Order:
    """Nothing was taken, says the answer; unless the broker's stream has shown it meanwhile.

    ``again``: by this try; the first one may be there, unless it had to be proven absent before.
    """
    current = await as_known(desk, order)
    if current.state not in UNANSWERED:
        return current
    if again and desk.broker(order.broker).caps.dedupes_client_id:
        return await doubt(desk, order, f"not sent again: {error}")
    _note_unsent(desk, order, error)
    return await answered(desk, order, Trigger.REJECT, f"not sent: {error}")


async def _denied(desk: Desk, order: Order, error: BrokerAuthError, *, again: bool) -> Order:
    """A 401: nothing was taken, unless a gateway said so afterwards; asked before more is sent."""
    is_sent = isinstance(error, CredentialsRefused)
    try:
        report = await _there(desk, order) if is_sent else None
    except QUIET:
        return await doubt(desk, order, str(error))
    if report is not None:
        return await _taken(desk, order, report)
    await shut_out.locked_out(desk, order.broker, error)
    if is_sent and desk.broker(order.broker).caps.finds_by_client_id:
        work = partial(look_back, desk, order.order_id, _REFUSED_S)
        desk.vigil(work, f"afterwards {order.order_id}")
    return await _unsent(desk, order, error, again=again)


async def _there(desk: Desk, order: Order) -> BrokerOrder | None:
    """What was denied, as its broker has it; where our ids are hidden the adapter has looked.

    Raises:
        BrokerUnavailable, OrderStateUnknown, TimeoutError: nobody says.
    """
    broker = desk.broker(order.broker)
    if not broker.caps.finds_by_client_id:
        return None
    try:
        async with asyncio.timeout(answers.HANGS_S):
            work = broker.find(order.account, order.order_id)
            found = await in_time(desk, work, Rank.NAKED)
    except BrokerAuthError:
        return None  # it does not know us for sure
    is_there = isinstance(found, Seen) and found.order.state not in ("unknown", "rejected")
    return found.order if isinstance(found, Seen) and is_there else None


def _note_unsent(desk: Desk, order: Order, error: Exception) -> None:
    """Nothing left the house: an exit knows how long to wait, an entry may go elsewhere."""
    if order.purpose is Purpose.ENTRY:
        while len(desk.unsent) >= _UNSENT_KEPT:
            desk.unsent.pop(next(iter(desk.unsent)))
        desk.unsent[order.order_id] = str(error)
    elif isinstance(error, RateLimited):
        desk.pauses[order.order_id] = error.retry_after_s


async def _taken(desk: Desk, order: Order, report: BrokerOrder) -> Order:
    """Store the broker's report; when that fails the order is there all the same."""
    try:
        return await on_report(desk, report) or order
    except (StoreUnavailable, Conflict) as error:
        log.warning("order %s: its answer could not be stored: %s", order.order_id, error)
        desk.gates[order.broker] = f"an answer could not be stored: {error}"
        return await as_known(desk, order)


# -- cancelling and replacing -----------------------------------------------------------------


async def replace(desk: Desk, old: Order, new: Order, *, again: bool = False) -> None:
    """Swap a working stop; ``old`` is durable as PENDING_REPLACE, ``new`` as SUBMITTING.

    ``again``: it was asked for before, and may have been done by then.
    """
    await _heard_of(desk, new, _replaced(desk, old, new, again=again))


async def _replaced(desk: Desk, old: Order, new: Order, *, again: bool) -> None:
    broker = desk.broker(old.broker)
    request = orders.request_of(new)
    try:
        work = broker.replace(old.account, old.order_id, request)
        report = await in_time(desk, work, Rank.EXIT)
    except CredentialsRefused as error:
        await _denied_swap(desk, old, new, error, again=again)
    except (OrderRejected, BrokerUnavailable, BrokerAuthError) as error:
        await _unmoved(desk, old, new, error, again=again)
    except (OrderStateUnknown, TimeoutError) as error:
        await doubt(desk, new, f"replace unanswered: {error}")
    except asyncio.CancelledError:
        desk.spawn(doubt(desk, new, "interrupted while sending"), f"doubt {new.order_id}")
        raise
    except Exception as error:
        log.exception("order %s: the adapter failed", new.order_id)
        await doubt(desk, new, f"{type(error).__name__}: {error}")
    else:
        await _taken(desk, new, report)


async def _denied_swap(
    desk: Desk, old: Order, new: Order, error: Exception, *, again: bool
) -> None:
    try:
        report = await _there(desk, new)
    except QUIET:
        await doubt(desk, new, f"replace unanswered: {error}")
        return
    if report is not None:
        await _taken(desk, new, report)
    else:
        await _unmoved(desk, old, new, error, again=again)


async def _unmoved(desk: Desk, old: Order, new: Order, error: Exception, *, again: bool) -> None:
    """Not done by this request: one that was sent ``again`` may have been done by the first."""
    if again:
        await doubt(desk, new, f"replace unanswered: {error}")
        return
    is_refused = isinstance(error, OrderRejected)
    await answered(desk, new, Trigger.REJECT, str(error) if is_refused else f"not sent: {error}")
    if not await look_up(desk, old.order_id, refused=str(error)) and not is_refused:
        await stands(desk, old.order_id, str(error))  # nothing was sent: it stands
