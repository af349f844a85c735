"""An order that nothing is known of: asked for until it is, then a person is called; never guessed.

What it proves that the broker has no such order is told in ``flows/orders/absence``.
"""

from functools import partial

from engine import asking, orders
from engine.asking import Rank
from engine.brokers import Absent, Unclear
from engine.brokers import Seen as FoundOrder
from engine.desk import Desk
from engine.domain import words
from engine.domain.order import UNANSWERED, Order, OrderState, Purpose, Trigger
from engine.flows.booking.reported import on_report
from engine.flows.common import effects
from engine.flows.common.answers import QUIET, as_known, in_time, stands
from engine.flows.holdings import proof
from engine.flows.orders import absence

_URGE_S, _URGED_S = 3.0, 300.0
_CALL_AGAIN_S = 3.0
"""A life that begins with a long doubt looks for so long itself before it calls a person."""
_MAY_HAVE_FILLED = (OrderState.ACCEPTED, OrderState.PARTIAL)


async def doubt(desk: Desk, order: Order, reason: str) -> Order:
    """No proof of the outcome: UNKNOWN, counted at worst case, looked up until known."""
    async with desk.lock(order.account):
        current = await as_known(desk, order)
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
    if current.state in UNANSWERED:
        climb(desk, current)
        absence.after_a_hang(desk, current)
    return current


def look_on(desk: Desk, broker: str) -> None:
    """Its books cannot be compared: what is in doubt there is looked up all the same."""
    for order in desk.book.orders.values():
        if order.broker == broker and order.order_id not in desk.in_flight and order.is_in_doubt:
            climb(desk, order)


def climb(desk: Desk, order: Order) -> None:
    """Look it up until the doubt is gone or a person is called."""
    desk.vigil(partial(_ladder, desk, order.order_id), f"lookup {order.order_id}")


async def _ladder(desk: Desk, order_id: str) -> None:
    """Look an unanswered order up at growing distances, then call a person.

    Restarts begin the looks anew, not the wait: who is due to be called is called after two looks.
    """
    waited, steps = 0.0, desk.settings.lookup_ladder_s
    _doubted_s(desk, order_id)
    for at in steps:
        await desk.clock.sleep(at - waited)
        waited = at
        if await look_up(desk, order_id):
            return
        if at >= min(_CALL_AGAIN_S, steps[-1]) and _doubted_s(desk, order_id) >= steps[-1]:
            await _call_person(desk, order_id)
    await _call_person(desk, order_id)


def _doubted_s(desk: Desk, order_id: str) -> float:
    """For how long an order has been without an answer, earlier lives included."""
    order = desk.book.orders.get(order_id)
    return 0.0 if order is None else desk.stopwatch.age_s(order_id, order.in_doubt_since)


def _unanswered_s(desk: Desk, order: Order) -> float:
    """The same with each time that it was sent: a repeat begins no new silence."""
    was_seen = order.broker_id or order.accepted_at
    return desk.stopwatch.age_s(
        order.order_id, order.in_doubt_since if was_seen else order.created_at
    )


async def _call_person(desk: Desk, order_id: str) -> None:
    order = desk.book.orders.get(order_id)
    if order is not None and order.is_in_doubt:
        await desk.tell(
            "admin",
            f"Order {order_id} ({order.trade_id}) has had no answer for "
            f"{_unanswered_s(desk, order):.0f} s. It counts as live; no new entry in its symbol. "
            "Look into the broker's own app, then say what is "
            f"there: /order resolve.{_meanwhile(desk, order)}{_may_be(desk, order_id)}",
            note_id=f"unknown-{order_id}",
        )


def _meanwhile(desk: Desk, order: Order) -> str:
    """What the desk does of itself until somebody has decided, where it waits for that."""
    if order.purpose is Purpose.ENTRY or not proof.is_hidden(desk, order):
        return ""
    return " Until then what it was to close is closed only if the price reaches its stop."


def _may_be(desk: Desk, order_id: str) -> str:
    """The broker's orders that may be it, for the person who has to tell."""
    found = desk.doubts.unclear.get(order_id, ())
    if not found:
        return ""
    said = ", ".join(
        f"{c.broker_id} ({c.side} {c.qty:f}, {words.at_broker(c.state)})" for c in found[:5]
    )
    return f" It may be one of: {said}."


async def look_up(desk: Desk, order_id: str, refused: str = "") -> bool:
    """Ask the broker what it knows of an order; True when the doubt is gone.

    ``refused``: it has just refused to cancel or replace it; if it lives, it works on.
    """
    desk.doubts.unread.discard(order_id)
    order = desk.book.orders.get(order_id)
    if order is None or order.state.is_terminal:
        return True
    may_be_naked = order.purpose is not Purpose.ENTRY or order.state in _MAY_HAVE_FILLED
    desk.doubts.looked.setdefault(order_id, desk.clock.monotonic())
    own = Rank.NAKED if may_be_naked else Rank.DOUBT
    who = own if asking.rank() in (Rank.COMPARE, Rank.ENTRY) else asking.rank()
    try:
        work = desk.broker(order.broker).find(order.account, order_id)
        found = await in_time(desk, work, who, order.broker)
    except QUIET:
        desk.doubts.unread.add(order_id)
        return False
    desk.doubts.unclear.pop(order_id, None)
    if isinstance(found, Unclear) and found.candidates:
        desk.doubts.unclear[order_id] = found.candidates
    if isinstance(found, FoundOrder):
        desk.doubts.absent.pop(order_id, None)
        await on_report(desk, found.order, asked=True)
        if refused and found.order.state != "unknown":
            await stands(desk, order_id, refused)
        return found.order.state != "unknown"
    if isinstance(found, Unclear) and not found.candidates:
        return await absence.unseen(desk, order_id)
    return isinstance(found, Absent) and await absence.absent(desk, order_id, found)


async def urge(desk: Desk, trade_id: str) -> None:
    """Look every few seconds for what has no answer and leaves something bare.

    That is a close while the price is past the stop, and an entry whose price the market has paid:
    it will have filled, and between the ladder's last looks lie twenty seconds.
    """
    for order in desk.book.orders_of(trade_id):
        if order.state is not OrderState.UNKNOWN:
            continue
        if order.purpose is Purpose.CLOSE:
            is_due = proof.is_past_stop(desk, order) and desk.is_due(
                f"urge {order.account}", _URGE_S
            )
        else:
            is_due = _is_urgent_entry(desk, order) and desk.is_due(
                f"urge {order.order_id}", _URGE_S * len(desk.doubts.paid)
            )
        if is_due:
            desk.vigil(partial(look_up, desk, order.order_id), f"urge {order.order_id}")


def _is_urgent_entry(desk: Desk, order: Order) -> bool:
    """Many side by side take turns; one that a person was called about long ago is polled."""
    is_paid = order.purpose is Purpose.ENTRY and order.order_id in desk.doubts.paid
    return is_paid and _URGE_S < _doubted_s(desk, order.order_id) < _URGED_S
