"""What an order's absence at its broker proves, and what is done then: over, or sent once more.

Lists lag and requests are under way: absent is believed in time, when it was said twice, and of an
exit while what it was to close is still held. Once more goes only what cannot be taken twice.
"""

from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from decimal import Decimal

from engine import orders
from engine.asking import Rank
from engine.brokers import BrokerOrder, Found
from engine.brokers import Seen as FoundOrder
from engine.desk import Desk
from engine.domain.money import ZERO
from engine.domain.order import UNANSWERED, Order, OrderState, OrderType, Purpose, Trigger
from engine.domain.trade import Trade, TradeState
from engine.flows import aside, marks
from engine.flows.answers import QUIET, answered, as_known, in_time
from engine.flows.aside import compare_later
from engine.flows.reported import on_report

ABSENT_GRACE_S = 5.0
"""A request may still be under way for so long when the broker says that it has no such order."""
FAILED_GRACE_S = 2.5
"""Nothing is under way once the broker itself answered that it failed; what is held is bare."""
NAMED_GRACE_S = 30.0
"""One that the broker took, by its answer or as its id is taken, is there: lists lag so long."""
LOOK_BACK_S = (2.0, 5.0, 12.0, 25.0)
"""After it was believed that an order never arrived, it is looked for again."""
ABSENT_TWICE_S = 1.0
"""What is to be believed absent was found absent twice, so far apart."""
_EDGE_S = 0.05
"""A clock that wakes us a hair too early would have us ask for nothing, and not again."""
_TWICE_S = (1.0, 3.0)
"""What was sent once more is looked for twice, where both would be taken; and after the lag."""
_REPEATED_S = 9.0
"""By then an exit without an answer has been sent once more, where two are never taken."""
_MOVES = 3
"""So often a move of a stop without an answer is asked for again, before its absence counts."""
_SKEW = timedelta(minutes=1)
"""The broker's clock and ours need not agree."""


async def unseen(desk: Desk, order_id: str) -> bool:
    """Nothing like it is listed yet: an exit goes out again where a second one is refused."""
    order = desk.book.orders.get(order_id)
    if order is None or order.state not in UNANSWERED or order_id in desk.in_flight:
        return False
    return desk.broker(order.broker).caps.dedupes_client_id and await _send_again(desk, order)


def listed(
    desk: Desk, account: str, since: datetime, told: Sequence[BrokerOrder], asked_at: float
) -> None:
    """One whole list is the first of the two looks at every entry that it lacks.

    Some brokers answer one look a second: of many entries without an answer a desk that is started
    again and again would never look at one twice. Nothing is concluded before every lag of a list
    is over, nor without a look at the entry itself. ``asked_at``: monotonic.
    """
    broker, now = desk.settings.accounts[account], desk.clock.monotonic()
    caps = desk.broker(broker).caps
    if not caps.finds_by_client_id or not caps.lists_all:
        return
    names = {name for r in told for name in (r.client_order_id, r.broker_id)}
    for order in desk.book.orders.values():
        is_mine = order.account == account and order.broker == broker
        is_lost = order.purpose is Purpose.ENTRY and order.state in UNANSWERED
        if not (is_mine and is_lost) or order.order_id in desk.in_flight:
            continue
        sent_at = order.sent_at or order.created_at
        age_s = desk.stopwatch.age_s(order.order_id, sent_at) - (now - asked_at)
        is_old = age_s >= NAMED_GRACE_S and sent_at >= since + _SKEW
        if is_old and not {order.order_id, order.broker_id} & names:
            desk.doubts.absent.setdefault(order.order_id, now)


def after_a_hang(desk: Desk, order: Order) -> None:
    """What was sent once more and hung is looked for when that is given up.

    Looks that came while it was under way concluded nothing, and the ladder is at its long pauses.
    """
    age_s = desk.stopwatch.age_s(order.order_id, order.sent_at or order.created_at)
    if order.attempt and order.replaces is None and age_s >= ABSENT_GRACE_S:
        _look_again(desk, order)


def _look_again(desk: Desk, order: Order) -> None:
    name = f"absence of {order.order_id} again {order.attempt}"
    desk.vigil(lambda: _look_later(desk, order.order_id, ABSENT_TWICE_S), name)


async def absent(desk: Desk, order_id: str, found: Found) -> bool:
    """The broker has no such order: believed of one that never was sent, else only in time."""
    order = desk.book.orders.get(order_id)
    if order is None or order.state.is_terminal:
        return True
    if order_id in desk.in_flight:
        return False
    is_unanswered = order.state in UNANSWERED
    is_safe = desk.broker(order.broker).caps.dedupes_client_id or order.replaces is not None
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
    current = desk.book.orders.get(order_id)
    if order_id in desk.in_flight or current is not order:
        # Sent once more, and not answered either: that the first one is absent proves nothing.
        _look_again(desk, current or order)
        return False
    await _over(desk, order)
    return True


async def _over(desk: Desk, order: Order) -> None:
    """It is not there: what it was for is planned anew."""
    from engine.flows import doubt

    order_id = order.order_id
    desk.doubts.absent.pop(order_id, None)
    desk.doubts.used.discard(order_id)
    if order.state in UNANSWERED:
        order = await doubt.doubt(desk, order, "not answered")
        await answered(desk, order, Trigger.ABSENT, f"the broker never had it ({order.reason})")
        if desk.broker(order.broker).caps.finds_by_client_id:  # else one like it may be another
            desk.vigil(lambda: look_back(desk, order_id, LOOK_BACK_S), f"afterwards {order_id}")
    elif order.state.is_at_broker:
        await _gone(desk, order)
    if order.replaces is not None:
        await doubt.look_up(desk, order.replaces, refused="its replacement never arrived")
    aside.settle_soon(desk, order.trade_id)


async def _may_be_there(desk: Desk, order: Order) -> bool:
    """Whether it may be at the broker, or have filled there, though no list shows it."""
    if order.purpose is Purpose.ENTRY:
        return not desk.broker(order.broker).caps.finds_by_client_id and await _is_held(desk, order)
    trade = desk.book.trades.get(order.trade_id)
    if trade is None or trade.qty_open <= 0:
        return False
    if _needs_person(desk, order):
        return True
    found = await _positions(desk, order, Rank.NAKED)
    if found is None:
        return True
    if any(abs(theirs) < abs(ours) or theirs * ours < 0 for theirs, ours in found):
        desk.gates.setdefault(order.broker, "it says that less is held than the books do")
        return True
    return False


async def _is_held(desk: Desk, order: Order) -> bool:
    """Whether more is held of what it enters than was booked: its list of orders may lag behind."""
    found = await _positions(desk, order, Rank.DOUBT)
    if found is None:
        return True
    signs = [order.side.sign * leg.ratio for leg in order.legs]
    if not any((t - o) * sign > 0 for (t, o), sign in zip(found, signs, strict=True)):
        return False
    await desk.tell(
        "admin",
        f"⚠ The broker holds what order {order.order_id} ({order.trade_id}) was to enter, and "
        "none of its lists shows the order: it has no stop until one does.",
        note_id=f"held-{order.order_id}",
    )
    return True


async def _positions(desk: Desk, order: Order, rank: Rank) -> list[tuple[Decimal, Decimal]] | None:
    """Of each of its legs what the broker holds and what the books do; None: nobody knows."""
    try:
        listed = await in_time(desk, desk.broker(order.broker).positions(order.account), rank)
    except QUIET:
        return None
    booked = [p for p in desk.book.positions.values() if p.account == order.account]
    return [
        (
            sum((p.qty for p in listed if p.instrument == leg.instrument), ZERO),
            sum((p.qty for p in booked if p.instrument == leg.instrument), ZERO),
        )
        for leg in order.legs
    ]


def _proof_in_s(desk: Desk, order: Order) -> float:
    """Absent is proof once nothing can be under way any more, and when it was said twice."""
    now = desk.clock.monotonic()
    first = desk.doubts.absent.setdefault(order.order_id, now)
    age = desk.stopwatch.age_s(order.order_id, order.sent_at or order.created_at)
    is_named = order.accepted_at is not None or order.order_id in desk.doubts.used
    is_there = is_named or _is_moved(desk, order)
    unnamed_s = FAILED_GRACE_S if _is_stop_failed(desk, order) else ABSENT_GRACE_S
    grace_s = NAMED_GRACE_S if is_there else unnamed_s
    return max(grace_s - age, ABSENT_TWICE_S - (now - first), 0.0)


def _is_stop_failed(desk: Desk, order: Order) -> bool:
    """Whether the broker itself said that it failed, of a stop whose price is not reached.

    Its stream, which lives, has not told of it either. Should it be there after all, both are
    looked for at once, while their price is away.
    """
    is_first = order.attempt == 0 and order.state in UNANSWERED
    if not is_first or order.order_id not in desk.doubts.failed or not _is_wanted(desk, order):
        return False
    is_told = order.broker not in desk.streams_down and not is_hidden(desk, order)
    if order.purpose is not Purpose.STOP or not is_told:
        return False
    return desk.quote(order.legs) is not None and not is_past_stop(desk, order)


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
    from engine.flows import doubt

    await desk.clock.sleep(pause_s + _EDGE_S)
    await doubt.look_up(desk, order_id)


async def look_back(desk: Desk, order_id: str, at_s: Sequence[float]) -> None:
    """Look for what is over, as we were told or believe: what it fills after all has no stop."""
    waited, known = 0.0, await desk.order(order_id)
    for at in at_s:
        await desk.clock.sleep(at - waited)
        waited = at
        order = await desk.order(order_id)
        if order is None or known is None or order.filled != known.filled:
            return  # it was heard of meanwhile
        with suppress(*QUIET):
            work = desk.broker(order.broker).find(order.account, order_id)
            found = await in_time(desk, work, Rank.DOUBT)
            if isinstance(found, FoundOrder) and found.order.state not in ("unknown", "rejected"):
                await on_report(desk, found.order, asked=True)
                await desk.compare(desk, order.broker)  # what lives there unwatched is cancelled
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
    no ids at all is never asked again: a person decides. Another price for an order that works is
    taken only while that one works, by whomever: the first request or a later one, never two.
    """
    caps = desk.broker(order.broker).caps
    if order.replaces is not None:
        return order.attempt < _MOVES
    if caps.dedupes_client_id:
        return caps.finds_by_client_id or order.attempt == 0
    if not caps.finds_by_client_id or order.type is OrderType.MARKET:
        return False
    return not _proof_in_s(desk, order)


def is_repeated_soon(desk: Desk, order: Order) -> bool:
    """Whether the first thing to be had of an exit without an answer is its repeat.

    Where our id is hidden there is no number to cancel it by; a list proves its absence later.
    """
    if not _is_unnamed(desk, order) or order.state not in UNANSWERED or order.attempt > 0:
        return False
    age_s = desk.stopwatch.age_s(order.order_id, order.sent_at or order.created_at)
    return age_s < _REPEATED_S and _is_wanted(desk, order) and not is_past_stop(desk, order)


def _is_unnamed(desk: Desk, order: Order) -> bool:
    """Its broker refuses a second one of our id, and does not say it back."""
    caps = desk.broker(order.broker).caps
    return caps.dedupes_client_id and not caps.finds_by_client_id


def _needs_person(desk: Desk, order: Order) -> bool:
    """A new exit in place of one that cannot be told would be a repeat by another name.

    Past its stop the position does not wait for him: two whole lists without it have to do.
    """
    is_exit = order.purpose is not Purpose.ENTRY and order.state in UNANSWERED
    return is_exit and is_hidden(desk, order) and not is_past_stop(desk, order)


def is_hidden(desk: Desk, order: Order) -> bool:
    """Its broker neither knows it by our id nor refuses a second one."""
    caps = desk.broker(order.broker).caps
    return not caps.dedupes_client_id and not caps.finds_by_client_id


def is_past_stop(desk: Desk, order: Order) -> bool:
    """Whether closing now would bring the stop's price or worse, by what is believed."""
    trade = desk.book.trades.get(order.trade_id)
    if trade is None or trade.stop is None or trade.qty_open <= 0:
        return False
    quote = desk.quote(trade.legs)
    touch = marks.mark(desk, trade) if quote is None else quote.touch(trade.direction < 0)
    return touch is not None and (touch - trade.stop.price) * trade.direction <= 0


def _is_wanted(desk: Desk, order: Order) -> bool:
    """Whether it is an exit that would be sent as it is today."""
    trade = desk.book.trades.get(order.trade_id)
    if order.purpose is Purpose.ENTRY or trade is None:
        return False
    if order.replaces is not None:
        return _is_move_wanted(desk, order, trade)
    if trade.state is not TradeState.OPEN or order.qty > trade.qty_open:
        return False
    if order.purpose is Purpose.CLOSE:
        return any(c.request_id == order.request_id for c in trade.closes)
    if trade.stop is None or order.stop is None:
        return False
    # One for less is moved once it has a number; where our id names it, it is cancelled at once.
    is_enough = (trade.stop.price - order.stop) * trade.direction >= 0
    return order.stop == trade.stop.price or (is_enough and _is_unnamed(desk, order))


def _is_move_wanted(desk: Desk, order: Order, trade: Trade) -> bool:
    """Whether its place is still to be taken, and the plan would not go another way now."""
    if trade.state is not TradeState.OPEN or trade.stop is None or trade.closes:
        return False
    if order.purpose is not Purpose.STOP or order.stop is None or not _is_moved(desk, order):
        return False
    return (trade.stop.price - order.stop) * trade.direction >= 0


async def _send_again(desk: Desk, order: Order) -> bool:
    """An exit that never arrived is sent again under its own id; an entry never is (O-01)."""
    if not _is_wanted(desk, order) or not _may_repeat(desk, order):
        return False
    if order.purpose is Purpose.STOP and is_past_stop(desk, order):
        return False  # what it is for is to be closed
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

    old = desk.book.orders.get(current.replaces or "")
    if old is not None:
        await send.replace(desk, old, current, again=True)
        after = await as_known(desk, current)
        return after.state not in UNANSWERED
    after = await send.submit(desk, current, again=True)
    if not desk.broker(order.broker).caps.dedupes_client_id:
        desk.vigil(lambda: _look_for_two(desk, after), f"twice {after.order_id}")
    return after.state not in UNANSWERED


async def _look_for_two(desk: Desk, order: Order) -> None:
    """A list that lagged shows the first one by then: what is there twice is cancelled."""
    waited = 0.0
    for at in _TWICE_S:
        await desk.clock.sleep(at - waited)
        waited = at
        with suppress(*QUIET):
            work = desk.broker(order.broker).open_orders(order.account)
            working = await in_time(desk, work, Rank.NAKED)
            if [r.client_order_id for r in working].count(order.order_id) > 1:
                compare_later(desk, order.broker, 0.0, "seen twice")
                return
    compare_later(desk, order.broker, LOOK_BACK_S[-1] - waited, "twice")
