"""What is done about an order that its broker does not have: it is over, or sent once more.

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
from engine.domain.order import UNANSWERED, Order, OrderState, Purpose, Trigger
from engine.flows.booking.reported import on_report
from engine.flows.common import aside
from engine.flows.common.answers import QUIET, answered, as_known, in_time
from engine.flows.common.aside import compare_later
from engine.flows.holdings import proof

LOOK_BACK_S = (2.0, 5.0, 12.0, 25.0)
"""After it was believed that an order never arrived, it is looked for again."""
_EDGE_S = 0.05
"""A clock that wakes us a hair too early would have us ask for nothing, and not again."""
_TWICE_S = (1.0, 3.0)
"""What was sent once more is looked for twice, where both would be taken; and after the lag."""
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
        is_old = age_s >= proof.NAMED_GRACE_S and sent_at >= since + _SKEW
        if is_old and not {order.order_id, order.broker_id} & names:
            desk.doubts.absent.setdefault(order.order_id, now)


def after_a_hang(desk: Desk, order: Order) -> None:
    """What was sent once more and hung is looked for when that is given up.

    Looks that came while it was under way concluded nothing, and the ladder is at its long pauses.
    """
    age_s = desk.stopwatch.age_s(order.order_id, order.sent_at or order.created_at)
    if order.attempt and order.replaces is None and age_s >= proof.ABSENT_GRACE_S:
        _look_again(desk, order)


def _look_again(desk: Desk, order: Order) -> None:
    name = f"absence of {order.order_id} again {order.attempt}"
    desk.vigil(lambda: _look_later(desk, order.order_id, proof.ABSENT_TWICE_S), name)


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
    if left_s := proof.proof_in_s(desk, desk.book.orders.get(order_id, order)):
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
    from engine.flows.orders import doubt

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
    if proof.needs_person(desk, order):
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


async def _look_later(desk: Desk, order_id: str, pause_s: float) -> None:
    """Not a moment after the next look proves something: what it was for may be unprotected."""
    from engine.flows.orders import doubt

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


async def _send_again(desk: Desk, order: Order) -> bool:
    """An exit that never arrived is sent again under its own id; an entry never is (O-01)."""
    if not proof.is_wanted(desk, order) or not proof.may_repeat(desk, order):
        return False
    if order.purpose is Purpose.STOP and proof.is_past_stop(desk, order):
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
    from engine.flows.orders import send

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
