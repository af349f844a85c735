"""From a durable order to its outcome: send once, never guess, ask until it is known."""

import asyncio
import logging
import re
from collections.abc import Awaitable
from typing import TypeVar

from engine import asking, orders
from engine.asking import Rank
from engine.brokers import Absent, BrokerOrder, Found, Unclear
from engine.brokers import Seen as FoundOrder
from engine.desk import Desk
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    Conflict,
    OrderRejected,
    OrderStateUnknown,
    RateLimited,
    StoreUnavailable,
)
from engine.domain.order import MOVES, Order, OrderState, OrderType, Purpose, Trigger
from engine.domain.trade import TradeState
from engine.flows import broker_switch, effects, mode
from engine.flows.fills import on_fill
from engine.flows.hear import QUIET, on_event, on_report
from engine.market import new_york_date

__all__ = [
    "ask_cancel",
    "cancel",
    "doubt",
    "locked_out",
    "look_up",
    "on_event",
    "on_fill",
    "on_report",
    "replace",
    "submit",
    "unwanted",
]

log = logging.getLogger(__name__)

T = TypeVar("T")

ABSENT_GRACE_S = 5.0
"""A request may still be under way for so long when the broker says that it has no such order."""
ABSENT_TWICE_S = 1.0
"""What is to be believed absent was found absent twice, so far apart."""
_UNSENT_KEPT = 1000
_ID_TAKEN = re.compile(r"(?i)\bunique\b|\bduplicate|already (?:exists|used|been used)")
"""A refusal of the id, not of the order: a gateway on the way may have repeated our request."""
CANCEL_AGAIN_S = (0.2, 0.3, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0)
_UNANSWERED = (OrderState.SUBMITTING, OrderState.UNKNOWN)


async def submit(desk: Desk, order: Order, *, again: bool = False) -> Order:
    """Send an order that is durable as SUBMITTING, once, and store what became of it.

    ``again``: it was sent before and is provably absent; the same id cannot make a second one.
    """
    current = desk.book.orders.get(order.order_id)
    if current is None or current.state.is_terminal or order.order_id in desk.in_flight:
        return await desk.order(order.order_id) or order
    if why := unwanted(desk, current) or _uncarried(desk, current):
        return await _answered(desk, current, Trigger.REJECT, f"not sent: {why}")
    desk.in_flight.add(order.order_id)
    try:
        after = await _sent(desk, current, again=again)
    finally:
        desk.in_flight.discard(order.order_id)
    if why := unwanted(desk, after):
        await ask_cancel(desk, after, why)
    return after


def unwanted(desk: Desk, order: Order) -> str:
    """Why an entry must not work any more, though it was wanted when it was written down."""
    if order.purpose is not Purpose.ENTRY or order.state.is_terminal:
        return ""
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


async def _sent(desk: Desk, order: Order, *, again: bool) -> Order:
    broker = desk.broker(order.broker)
    request = orders.request_of(order)
    if order.sent_at is not None:
        desk.watch_s.age_s(order.order_id, order.sent_at)  # its age counts from here
    who = Rank.ENTRY if order.purpose is Purpose.ENTRY else Rank.EXIT
    try:
        report = await _in_time(desk, broker.submit(request), who)
    except OrderRejected as error:
        if again or _ID_TAKEN.search(str(error)):  # evidence that it is there
            await look_up(desk, order.order_id)
            order = desk.book.orders.get(order.order_id, order)
            if order.state not in _UNANSWERED:
                return order
        return await _answered(desk, order, Trigger.REJECT, str(error))
    except BrokerUnavailable as error:
        _note_unsent(desk, order, error)
        return await _answered(desk, order, Trigger.REJECT, f"not sent: {error}")
    except BrokerAuthError as error:
        _note_unsent(desk, order, error)
        await locked_out(desk, order.broker, error)
        return await _answered(desk, order, Trigger.REJECT, f"not sent: {error}")
    except (OrderStateUnknown, TimeoutError) as error:
        return await doubt(desk, order, str(error) or "no answer in time")
    except asyncio.CancelledError:
        desk.spawn(doubt(desk, order, "interrupted while sending"), f"doubt {order.order_id}")
        raise
    except Exception as error:  # whatever an adapter raises after bytes may have left is doubt
        log.exception("order %s: the adapter failed", order.order_id)
        return await doubt(desk, order, f"{type(error).__name__}: {error}")
    return await _taken(desk, order, report)


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
        return desk.book.orders.get(order.order_id, order)


async def _in_time(desk: Desk, work: Awaitable[T], who: Rank) -> T:
    with asking.asking(who):
        async with asking.answered_within(desk.settings.broker_timeout_s):
            return await work


async def locked_out(desk: Desk, broker: str, error: Exception) -> None:
    """No entries there until it knows us again; people are told once a day, exits are tried on."""
    said = f"it does not know us any more: {error}"
    desk.health[f"broker {broker}"] = said
    desk.gates[broker] = said
    await desk.tell(
        "admin",
        f"🛑 {broker}: {said}. No entries go there; what is open there is still watched, but its "
        "orders may fail: log in again or act in the broker's own app.",
        note_id=f"locked-out-{broker}-{new_york_date(desk.clock.now())}",
    )


# -- cancelling and replacing -----------------------------------------------------------------


async def ask_cancel(desk: Desk, order: Order, why: str) -> bool:
    """Write down that an order is to be cancelled, then cancel it; False when it cannot be now."""
    async with desk.lock(order.account):
        current = desk.book.orders.get(order.order_id)
        if current is None or not may_cancel(current):
            return False
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
    """Ask the broker to cancel an order that is durable as PENDING_CANCEL, until it is over."""
    await _cancel_once(desk, order)
    desk.vigil(lambda: _until_over(desk, order.order_id), f"cancel {order.order_id}")


async def _cancel_once(desk: Desk, order: Order) -> None:
    """One request; a repeat is harmless, so silence is simply followed by another."""
    try:
        work = desk.broker(order.broker).cancel(order.account, order.order_id)
        await _in_time(desk, work, Rank.EXIT)
    except OrderRejected as error:
        await look_up(desk, order.order_id, refused=str(error))
    except BrokerAuthError as error:
        await locked_out(desk, order.broker, error)
    except QUIET as error:
        log.info("cancel of %s unanswered: %s", order.order_id, error)
    except Exception:  # an adapter's own bug must not keep the others from being cancelled
        log.exception("cancel of %s: the adapter failed", order.order_id)


async def _until_over(desk: Desk, order_id: str) -> None:
    for pause in CANCEL_AGAIN_S:
        await desk.clock.sleep(pause)
        await look_up(desk, order_id)
        order = desk.book.orders.get(order_id)
        if order is None or order.state is not OrderState.PENDING_CANCEL:
            return
        if order.broker_id or desk.broker(order.broker).caps.finds_by_client_id:
            await _cancel_once(desk, order)  # else there is no number to name, as was just seen


async def replace(desk: Desk, old: Order, new: Order) -> None:
    """Swap a working stop; ``old`` is durable as PENDING_REPLACE, ``new`` as SUBMITTING."""
    desk.in_flight.add(new.order_id)
    try:
        await _replaced(desk, old, new)
    finally:
        desk.in_flight.discard(new.order_id)


async def _replaced(desk: Desk, old: Order, new: Order) -> None:
    broker = desk.broker(old.broker)
    request = orders.request_of(new)
    try:
        work = broker.replace(old.account, old.order_id, request)
        report = await _in_time(desk, work, Rank.EXIT)
    except OrderRejected as error:
        await _answered(desk, new, Trigger.REJECT, str(error))
        await look_up(desk, old.order_id, refused=str(error))
    except (BrokerUnavailable, BrokerAuthError) as error:
        await _answered(desk, new, Trigger.REJECT, f"not sent: {error}")
        if not await look_up(desk, old.order_id, refused=str(error)):
            await _refused(desk, old.order_id, str(error))  # nothing was sent: it stands
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


# -- answers ----------------------------------------------------------------------------------


async def _answered(
    desk: Desk, order: Order, trigger: Trigger, reason: str, *, flag: bool = False
) -> Order:
    """Store a definite answer."""
    async with desk.lock(order.account):
        current = desk.book.orders.get(order.order_id, order)
        if current.state.is_terminal or (current.state, trigger) not in MOVES:
            return current  # something else was heard of it meanwhile
        final = orders.moved(
            current,
            trigger,
            desk.clock.now(),
            reason=reason,
            is_flagged=current.is_flagged or flag,
        )
        async with effects.story(desk, order.alert_id):
            await desk.commit(
                desk.event(
                    f"order.{final.state.lower()}",
                    order.alert_id,
                    final,
                    *effects.of_order(desk, final),
                    cards=effects.cards_of(desk, final),
                    order_id=order.order_id,
                    reason=reason,
                )
            )
        return final


async def doubt(desk: Desk, order: Order, reason: str) -> Order:
    """No proof of the outcome: UNKNOWN, counted at worst case, looked up until known."""
    async with desk.lock(order.account):
        current = desk.book.orders.get(order.order_id, order)
        if current.state is OrderState.SUBMITTING:
            current = orders.moved(current, Trigger.NO_ANSWER, desk.clock.now(), reason=reason)
            await desk.commit(
                desk.event(
                    "order.unknown",
                    order.alert_id,
                    current,
                    cards=effects.cards_of(desk, current),
                    order_id=order.order_id,
                    reason=reason,
                )
            )
    desk.vigil(lambda: _ladder(desk, order.order_id), f"lookup {order.order_id}")
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
    if order is not None and order.state in _UNANSWERED:
        await desk.tell(
            "admin",
            f"Order {order_id} ({order.trade_id}) has had no answer for {waited:.0f} s. It counts "
            "as live; no new entry in its symbol. Look into the broker's own app and reconcile."
            + _may_be(desk, order_id),
            note_id=f"unknown-{order_id}",
        )


def _may_be(desk: Desk, order_id: str) -> str:
    """The broker's orders that may be it, for the person who has to tell."""
    found = desk.unclear.get(order_id, ())
    if not found:
        return ""
    said = ", ".join(f"{c.broker_id} ({c.side} {c.qty:f}, {c.state})" for c in found[:5])
    return f" It may be one of: {said}."


async def look_up(desk: Desk, order_id: str, refused: str = "") -> bool:
    """Ask the broker what it knows of an order; True when the doubt is gone.

    ``refused``: it has just refused to cancel or replace it; if it lives, it works on.
    """
    order = desk.book.orders.get(order_id)
    if order is None or order.state.is_terminal:
        return True
    who = Rank.POLL if asking.rank() is Rank.POLL else Rank.DOUBT
    try:
        work = desk.broker(order.broker).find(order.account, order_id)
        found = await _in_time(desk, work, who)
    except QUIET:
        return False
    desk.unclear.pop(order_id, None)
    if isinstance(found, Unclear) and found.candidates:
        desk.unclear[order_id] = found.candidates
    if isinstance(found, FoundOrder):
        desk.absent.pop(order_id, None)
        await on_report(desk, found.order, asked=True)
        if refused and found.order.state != "unknown":
            await _refused(desk, order_id, refused)
        return found.order.state != "unknown"
    if isinstance(found, Unclear) and not found.candidates:
        return await _unseen(desk, order_id)
    return isinstance(found, Absent) and await _absent(desk, order_id, found)


async def _unseen(desk: Desk, order_id: str) -> bool:
    """Nothing like it is listed yet: an exit goes out again where a second one is refused."""
    order = desk.book.orders.get(order_id)
    if order is None or order.state not in _UNANSWERED or order_id in desk.in_flight:
        return False
    return desk.broker(order.broker).caps.dedupes_client_id and await _send_again(desk, order)


async def _absent(desk: Desk, order_id: str, found: Found) -> bool:
    """The broker has no such order: believed of one that never was sent, else only in time."""
    order = desk.book.orders.get(order_id)
    if order is None or order.state.is_terminal:
        return True
    if order_id in desk.in_flight:
        return False
    if order.state in _UNANSWERED and await _send_again(desk, order):
        return True
    if left_s := _proof_in_s(desk, order):
        desk.vigil(lambda: _look_later(desk, order_id, left_s), f"absence of {order_id}")
        return False
    if _needs_person(desk, order):
        return False
    desk.absent.pop(order_id, None)
    if order.state in _UNANSWERED:
        order = await doubt(desk, order, "not answered")
        await _answered(desk, order, Trigger.ABSENT, "the broker never had it")
    elif order.state.is_at_broker:
        await _gone(desk, order)
    if order.replaces is not None:
        await look_up(desk, order.replaces, refused="its replacement never arrived")
    effects.settle_soon(desk, order.trade_id)
    return True


def _proof_in_s(desk: Desk, order: Order) -> float:
    """Absent is proof once nothing can be under way any more, and when it was said twice."""
    now = desk.clock.monotonic()
    first = desk.absent.setdefault(order.order_id, now)
    age = desk.watch_s.age_s(order.order_id, order.sent_at or order.created_at)
    return max(ABSENT_GRACE_S - age, ABSENT_TWICE_S - (now - first), 0.0)


async def _look_later(desk: Desk, order_id: str, pause_s: float) -> None:
    """Not a moment after the next look proves something: what it was for may be unprotected."""
    await desk.clock.sleep(pause_s)
    await look_up(desk, order_id)


async def _gone(desk: Desk, order: Order) -> None:
    """It was there and is not any more, and nobody said how it ended."""
    await _answered(desk, order, Trigger.CANCEL, "the broker does not have it any more", flag=True)
    if order.accepted_at is not None:
        await desk.tell(
            "admin",
            f"⚠ {order.broker} does not have order {order.order_id} ({order.trade_id}) any more "
            "and did not say how it ended. It counts as cancelled.",
            note_id=f"gone-{order.order_id}",
        )


def _may_repeat(desk: Desk, order: Order) -> bool:
    """Whether the same request may leave once more under its id, as this broker treats ids.

    One that refuses a repeat cannot double; where our id is hidden, once. One that takes repeats
    must provably lack it, and nothing that fills at any price is repeated there: in its place the
    plan sends a limit beyond the touch (:func:`engine.flows.capable.fitted`). One that knows
    no ids at all is never asked again: a person decides.
    """
    caps = desk.broker(order.broker).caps
    if caps.dedupes_client_id:
        return caps.finds_by_client_id or order.attempt == 0
    if not caps.finds_by_client_id or order.type is OrderType.MARKET:
        return False
    return not _proof_in_s(desk, order)


def _needs_person(desk: Desk, order: Order) -> bool:
    """A new exit in place of one that cannot be told would be a repeat by another name."""
    caps = desk.broker(order.broker).caps
    is_exit = order.purpose is not Purpose.ENTRY and order.state in _UNANSWERED
    return is_exit and not caps.dedupes_client_id and not caps.finds_by_client_id


async def _send_again(desk: Desk, order: Order) -> bool:
    """An exit that never arrived is sent again under its own id; an entry never is (O-01)."""
    trade = desk.book.trades.get(order.trade_id)
    if order.purpose is Purpose.ENTRY or order.replaces is not None or trade is None:
        return False
    if trade.state is not TradeState.OPEN or not _may_repeat(desk, order):
        return False
    is_wanted = (
        any(c.request_id == order.request_id for c in trade.closes)
        if order.purpose is Purpose.CLOSE
        else trade.stop is not None and order.stop == trade.stop.price
    )
    if not is_wanted or order.qty > trade.qty_open:
        return False
    async with desk.lock(order.account):
        current = desk.book.orders.get(order.order_id)
        if current is None or current.state not in _UNANSWERED:
            return True
        if current.state is OrderState.UNKNOWN:
            current = orders.moved(
                current,
                Trigger.SEND,
                desk.clock.now(),
                reason=order.reason,
                attempt=current.attempt + 1,
            )
            await desk.commit(
                desk.event("order.resent", order.alert_id, current, order_id=order.order_id)
            )
    after = await submit(desk, current, again=True)
    return after.state not in _UNANSWERED


async def _refused(desk: Desk, order_id: str, reason: str) -> None:
    """The broker refused to cancel or replace a still working order: it works on."""
    order = desk.book.orders.get(order_id)
    if order is None:
        return
    triggers = {
        OrderState.PENDING_CANCEL: Trigger.REFUSE_CANCEL,
        OrderState.PENDING_REPLACE: Trigger.REFUSE_REPLACE,
    }
    async with desk.lock(order.account):
        order = desk.book.orders.get(order_id, order)
        trigger = triggers.get(order.state)
        if trigger is None:
            return
        kept = orders.moved(order, trigger, desk.clock.now(), reason=reason)
        await desk.commit(
            desk.event("order.kept", order.alert_id, kept, order_id=order_id, reason=reason)
        )
