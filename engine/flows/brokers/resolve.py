"""A person decides about an order that no evidence explains: the last step of the ladder."""

from functools import partial

from engine import orders
from engine.asking import Rank
from engine.brokers import Absent, BrokerOrder, Seen
from engine.desk import Desk
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError
from engine.domain.order import Order, OrderState, Purpose, Trigger
from engine.flows.booking import reported
from engine.flows.common import aside, effects
from engine.flows.common.answers import QUIET, in_time
from engine.flows.orders import absence, call_off

_STUCK_S = 30.0
"""A cancellation without an end for so long, as an order in doubt, is a person's to decide."""


def is_stuck(desk: Desk, order: Order) -> bool:
    """Whether it was taken, and its broker does not say what its cancellation came to."""
    is_asked = order.state is OrderState.PENDING_CANCEL and not order.is_in_doubt
    return is_asked and desk.stopwatch.age_s(order.order_id, order.updated_at) >= _STUCK_S


async def at_broker(desk: Desk, order_id: str) -> tuple[str, tuple[BrokerOrder, ...]]:
    """What its broker says of it at this moment, in one line, and which orders there it means.

    Raises:
        UserError: there is no such doubt, or the broker does not answer.
    """
    order = _in_doubt(desk, order_id)
    who = Rank.DOUBT if order.purpose is Purpose.ENTRY else Rank.NAKED
    try:
        found = await in_time(desk, desk.broker(order.broker).find(order.account, order_id), who)
    except QUIET as error:
        raise UserError(f"{order.broker} does not answer: {error}. Nothing was changed.") from error
    if isinstance(found, Seen):
        return f"{order.broker} says just now:", (found.order,)
    if isinstance(found, Absent):
        return f"{order.broker} says just now that it has no such order.", ()
    maybe = "perhaps it is:" if found.candidates else "and names none that may be it."
    return f"{order.broker} cannot say what became of it, {maybe}", found.candidates


async def not_there(desk: Desk, who: Who, order_id: str, reason: str) -> str:
    """Somebody has looked into the broker's app: the order never arrived, or works no more.

    Raises:
        NotAllowed: not an admin. UserError: there is no such doubt any more, or executions of it
            are not booked.
    """
    _check(who)
    async with desk.lock(_in_doubt(desk, order_id).account):
        order = _in_doubt(desk, order_id)
        was_taken = is_stuck(desk, order)
        if not orders.is_whole(order):
            raise UserError(
                f"{order.broker} has told of executions of {order_id} that are not booked yet: "
                "/reconcile looks for them. Nothing was changed."
            )
        if order.state is OrderState.SUBMITTING:
            order = orders.moved(order, Trigger.NO_ANSWER, desk.clock.now())
        trigger = Trigger.CANCEL if was_taken else Trigger.ABSENT
        said = f"{verdict(desk, order_id)}, says {who.name}: {reason or 'looked it up'}"
        after = orders.moved(order, trigger, desk.clock.now(), reason=said, is_flagged=True)
        await _commit(desk, who, after, said)
    # He may be wrong: what lives on closes beside what is planned anew.
    look = partial(absence.look_back, desk, order_id, absence.LOOK_BACK_S)
    desk.vigil(look, f"afterwards {order_id}")
    aside.settle_soon(desk, order.trade_id)
    what = "cancelled" if was_taken else "never sent"
    return f"Order {order_id} counts as {what}. What it was for is planned anew."


def verdict(desk: Desk, order_id: str) -> str:
    """What somebody says who does not find it at work in the broker's app."""
    order = desk.book.orders.get(order_id)
    return "is over" if order is not None and is_stuck(desk, order) else "never arrived"


async def is_this(desk: Desk, who: Who, order_id: str, broker_id: str) -> str:
    """Somebody has recognised the order among the candidates.

    Raises:
        NotAllowed: not an admin. UserError: no such doubt, or no such candidate.
    """
    _check(who)
    _, there = await at_broker(desk, order_id)
    found = [c for c in there if c.broker_id == broker_id]
    if not found:
        raise UserError(f"The broker lists no candidate {broker_id} for it. Nothing was changed.")
    order = _in_doubt(desk, order_id)
    if any(o.broker_id == broker_id and o.account == order.account for o in _others(desk, order)):
        raise UserError(f"{broker_id} is another order of ours. Nothing was changed.")
    done = f"Order {order_id} is {broker_id} at {order.broker}."
    tell = getattr(desk.broker(order.broker), "recognise", None)
    if tell is not None:  # it keeps a list of its own where ids are hidden; first, so that a crash
        await tell(order.account, order_id, broker_id)  # leaves what the next look can find
    async with desk.lock(order.account):
        known = desk.book.orders.get(order_id, order)
        if known.broker_id == broker_id:
            return done  # a look has found it by that already
        order = _in_doubt(desk, order_id)
        if order.state is OrderState.SUBMITTING:
            order = orders.moved(order, Trigger.NO_ANSWER, desk.clock.now())
        said = f"recognised as {broker_id} by {who.name}"
        after = orders.moved(
            order, Trigger.ACCEPT, desk.clock.now(), reason=said, broker_id=broker_id
        )
        await _commit(desk, who, after, said)
    await reported.on_report(desk, found[0], asked=True)
    if desk.book.orders.get(order_id, order).state is OrderState.PENDING_CANCEL:
        desk.spawn(call_off.cancel(desk, after), f"cancel {order_id}")  # it has a number now
    aside.settle_soon(desk, order.trade_id)
    return done


def _others(desk: Desk, order: Order) -> list[Order]:
    return [o for o in desk.book.orders.values() if o.order_id != order.order_id]


def _check(who: Who) -> None:
    if not who.may_admin:
        raise NotAllowed("Only an admin may decide about an unanswered order. Nothing was changed.")


def _in_doubt(desk: Desk, order_id: str) -> Order:
    order = desk.book.orders.get(order_id)
    is_open = order is not None and (order.is_in_doubt or is_stuck(desk, order))
    if order is None or not is_open or order_id in desk.in_flight:
        raise UserError(f"No order “{order_id}” is in doubt. Nothing was changed.")
    return order


async def _commit(desk: Desk, who: Who, order: Order, said: str) -> None:
    desk.doubts.absent.pop(order.order_id, None)
    await desk.commit(
        desk.event(
            "order.resolved",
            order.alert_id,
            order,
            *effects.of_order(desk, order),
            desk.note("admin", f"Order {order.order_id} ({order.trade_id}): {said}."),
            cards=effects.cards_of(desk, order),
            actor=f"user:{who.user_id}",
            order_id=order.order_id,
        )
    )
