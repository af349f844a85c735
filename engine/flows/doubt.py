"""An order that nothing is known of: asked for until it is, then a person is called; never guessed.

What the broker provably lacks ends, or goes out once more where it cannot be taken twice.
"""

from collections.abc import Awaitable, Sequence
from contextlib import suppress
from functools import partial
from typing import TypeVar

from engine import asking, orders
from engine.asking import Rank
from engine.brokers import Absent, Found, Unclear
from engine.brokers import Seen as FoundOrder
from engine.desk import Desk
from engine.domain import words
from engine.domain.money import ZERO
from engine.domain.order import MOVES, UNANSWERED, Order, OrderState, OrderType, Purpose, Trigger
from engine.domain.trade import TradeState
from engine.flows import effects, second_truth
from engine.flows.hear import QUIET, compare_later, on_report

T = TypeVar("T")

ABSENT_GRACE_S = 5.0
"""A request may still be under way for so long when the broker says that it has no such order."""
NAMED_GRACE_S = 30.0
"""One that the broker took, by its answer or as its id is taken, is there: lists lag so long."""
LOOK_BACK_S = (5.0, 12.0, 25.0)
"""After it was believed that an order never arrived, it is looked for again."""
ABSENT_TWICE_S = 1.0
"""What is to be believed absent was found absent twice, so far apart."""
_EDGE_S = 0.05
"""A clock that wakes us a hair too early would have us ask for nothing, and not again."""
_URGE_S = 3.0
_CALL_AGAIN_S = 3.0
"""A life that begins with a long doubt looks for so long itself before it calls a person."""
_MAY_HAVE_FILLED = (OrderState.ACCEPTED, OrderState.PARTIAL)


async def in_time(desk: Desk, work: Awaitable[T], who: Rank, broker: str = "") -> T:
    """A broker's answer; what is waited for in our own line is not its silence.

    ``broker``: it is asked about orders; how long it leaves us waiting is looked at meanwhile.
    """
    limit = asking.answered_within(desk.settings.broker_timeout_s)
    if broker:
        desk.doubts.asked[limit] = broker
    try:
        with asking.asking(who):
            async with limit:
                return await work
    finally:
        desk.doubts.asked.pop(limit, None)


async def as_known(desk: Desk, order: Order) -> Order:
    """As it stands now; one that filled and closed its trade meanwhile is in memory no more."""
    return await desk.order(order.order_id) or order


async def answered(
    desk: Desk, order: Order, trigger: Trigger, reason: str, *, flag: bool = False
) -> Order:
    """Store a definite answer."""
    async with desk.lock(order.account):
        current = await as_known(desk, order)
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


async def _call_person(desk: Desk, order_id: str) -> None:
    order = desk.book.orders.get(order_id)
    if order is not None and order.is_in_doubt:
        await desk.tell(
            "admin",
            f"Order {order_id} ({order.trade_id}) has had no answer for "
            f"{_doubted_s(desk, order_id):.0f} s. It counts as live; no new entry in its symbol. "
            "Look into the broker's own app, then say what is "
            f"there: /order resolve.{_meanwhile(desk, order)}{_may_be(desk, order_id)}",
            note_id=f"unknown-{order_id}",
        )


def _meanwhile(desk: Desk, order: Order) -> str:
    """What the desk does of itself until somebody has decided, where it waits for that."""
    if order.purpose is Purpose.ENTRY or not _is_hidden(desk, order):
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
        return await _unseen(desk, order_id)
    return isinstance(found, Absent) and await _absent(desk, order_id, found)


async def _unseen(desk: Desk, order_id: str) -> bool:
    """Nothing like it is listed yet: an exit goes out again where a second one is refused."""
    order = desk.book.orders.get(order_id)
    if order is None or order.state not in UNANSWERED or order_id in desk.in_flight:
        return False
    return desk.broker(order.broker).caps.dedupes_client_id and await _send_again(desk, order)


async def _absent(desk: Desk, order_id: str, found: Found) -> bool:
    """The broker has no such order: believed of one that never was sent, else only in time."""
    order = desk.book.orders.get(order_id)
    if order is None or order.state.is_terminal:
        return True
    if order_id in desk.in_flight:
        return False
    is_unanswered = order.state in UNANSWERED
    is_safe = desk.broker(order.broker).caps.dedupes_client_id
    if is_unanswered and is_safe and await _send_again(desk, order):
        return True
    if left_s := _proof_in_s(desk, desk.book.orders.get(order_id, order)):
        desk.vigil(lambda: _look_later(desk, order_id, left_s), f"absence of {order_id}")
        return False
    if await _may_be_there(desk, order):
        return False
    if order_id in desk.in_flight or order_id not in desk.doubts.absent:
        return False  # another look has found it meanwhile, or sends it again
    if is_unanswered and not is_safe and await _send_again(desk, order):
        return True
    await _over(desk, order)
    return True


async def _over(desk: Desk, order: Order) -> None:
    """It is not there: what it was for is planned anew."""
    order_id = order.order_id
    desk.doubts.absent.pop(order_id, None)
    desk.doubts.used.discard(order_id)
    if order.state in UNANSWERED:
        order = await doubt(desk, order, "not answered")
        await answered(desk, order, Trigger.ABSENT, "the broker never had it")
        if desk.broker(order.broker).caps.finds_by_client_id:  # else one like it may be another
            desk.vigil(lambda: look_back(desk, order_id, LOOK_BACK_S), f"afterwards {order_id}")
    elif order.state.is_at_broker:
        await _gone(desk, order)
    if order.replaces is not None:
        await look_up(desk, order.replaces, refused="its replacement never arrived")
    effects.settle_soon(desk, order.trade_id)


async def _may_be_there(desk: Desk, order: Order) -> bool:
    """Whether an exit may be at the broker, or have filled there, though no list shows it."""
    trade = desk.book.trades.get(order.trade_id)
    if order.purpose is Purpose.ENTRY or trade is None or trade.qty_open <= 0:
        return False
    if _needs_person(desk, order):
        return True
    try:
        work = desk.broker(order.broker).positions(order.account)
        listed = await in_time(desk, work, Rank.NAKED)
    except QUIET:
        return True
    for leg in order.legs:
        theirs = sum((p.qty for p in listed if p.instrument == leg.instrument), ZERO)
        ours = sum(
            (
                p.qty
                for p in desk.book.positions.values()
                if p.account == order.account and p.instrument == leg.instrument
            ),
            ZERO,
        )
        if abs(theirs) < abs(ours) or theirs * ours < 0:
            desk.gates.setdefault(order.broker, "it says that less is held than the books do")
            return True
    return False


def _proof_in_s(desk: Desk, order: Order) -> float:
    """Absent is proof once nothing can be under way any more, and when it was said twice."""
    now = desk.clock.monotonic()
    first = desk.doubts.absent.setdefault(order.order_id, now)
    age = desk.stopwatch.age_s(order.order_id, order.sent_at or order.created_at)
    is_named = order.accepted_at is not None or order.order_id in desk.doubts.used
    is_there = is_named or _is_moved(desk, order)
    grace_s = NAMED_GRACE_S if is_there else ABSENT_GRACE_S
    return max(grace_s - age, ABSENT_TWICE_S - (now - first), 0.0)


def _is_moved(desk: Desk, order: Order) -> bool:
    """Another price for an order that works on meanwhile: lists may show the old one for long.

    Given up too soon, it would live beside the one that is sent in its place.
    """
    old = desk.book.orders.get(order.replaces) if order.replaces is not None else None
    if old is None or old.state is not OrderState.PENDING_REPLACE:
        return False
    return old.qty == order.qty  # with another size some of what is held may be bare


async def _look_later(desk: Desk, order_id: str, pause_s: float) -> None:
    """Not a moment after the next look proves something: what it was for may be unprotected."""
    await desk.clock.sleep(pause_s + _EDGE_S)
    await look_up(desk, order_id)


async def look_back(desk: Desk, order_id: str, at_s: Sequence[float]) -> None:
    """Look for what is over, as we were told or believe: what it fills after all has no stop."""
    from engine.flows import recover

    waited = 0.0
    for at in at_s:
        await desk.clock.sleep(at - waited)
        waited = at
        order = await desk.order(order_id)
        if order is None or order.filled:
            return  # it was heard of meanwhile
        with suppress(*QUIET):
            work = desk.broker(order.broker).find(order.account, order_id)
            found = await in_time(desk, work, Rank.DOUBT)
            if isinstance(found, FoundOrder) and found.order.state not in ("unknown", "rejected"):
                await on_report(desk, found.order, asked=True)
                await recover.again(desk, order.broker)  # what lives there unwatched is cancelled
                return


async def _gone(desk: Desk, order: Order) -> None:
    """It was there and is not any more, and nobody said how it ended."""
    await answered(desk, order, Trigger.CANCEL, "the broker does not have it any more", flag=True)
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
    """A new exit in place of one that cannot be told would be a repeat by another name.

    Past its stop the position does not wait for him: two whole lists without it have to do.
    """
    is_exit = order.purpose is not Purpose.ENTRY and order.state in UNANSWERED
    return is_exit and _is_hidden(desk, order) and not _is_past_stop(desk, order)


def _is_hidden(desk: Desk, order: Order) -> bool:
    """Its broker neither knows it by our id nor refuses a second one."""
    caps = desk.broker(order.broker).caps
    return not caps.dedupes_client_id and not caps.finds_by_client_id


def _is_past_stop(desk: Desk, order: Order) -> bool:
    """Whether closing now would bring the stop's price or worse, by what is believed."""
    trade = desk.book.trades.get(order.trade_id)
    if trade is None or trade.stop is None or trade.qty_open <= 0:
        return False
    quote = desk.quote(trade.legs)
    touch = second_truth.mark(desk, trade) if quote is None else quote.touch(trade.direction < 0)
    return touch is not None and (touch - trade.stop.price) * trade.direction <= 0


async def urge(desk: Desk, trade_id: str) -> None:
    """Look for a close without an answer every few seconds while the price is past the stop."""
    for order in desk.book.orders_of(trade_id):
        if order.purpose is not Purpose.CLOSE or order.state is not OrderState.UNKNOWN:
            continue
        if _is_past_stop(desk, order) and desk.is_due(f"urge {order.account}", _URGE_S):
            desk.vigil(partial(look_up, desk, order.order_id), f"urge {order.order_id}")


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
        if current is None or current.state not in UNANSWERED:
            return True
        # What was absent before proves nothing from here.
        desk.doubts.absent.pop(current.order_id, None)
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
    from engine.flows import send

    after = await send.submit(desk, current, again=True)
    if not desk.broker(order.broker).caps.dedupes_client_id:
        # A list that lagged shows the first one by then: what is there twice is cancelled.
        compare_later(desk, order.broker, LOOK_BACK_S[-1], "twice")
    return after.state not in UNANSWERED


async def stands(desk: Desk, order_id: str, reason: str) -> None:
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
