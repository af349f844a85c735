"""Poll beside the stream: a frame that was lost is found within half a minute.

Only what lives is asked for, at a pace that fits what the broker tells unasked: seldom beside a
stream, more often while a stop or an entry works and its minute is not all but used up, every few
seconds without one. An entry that the market should have filled is asked for much sooner, apart
from the poll and before all who only want to know: what it brought would have no stop, and nobody
would know. So is a close, a stop whose price was reached, and one that is let go and does not end.
What is held is polled too: of what was traded beside our orders no list of theirs tells.
"""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from functools import partial

from engine import orders as life
from engine.asking import Rank, asking, rank
from engine.brokers import BrokerOrder, BrokerPosition
from engine.desk import Desk
from engine.domain.errors import RateLimited
from engine.domain.money import ZERO
from engine.domain.order import UNANSWERED, WORKING, Order, OrderState, OrderType, Purpose, Side
from engine.flows.booking import reported
from engine.flows.common import polled, together
from engine.flows.common.answers import QUIET, in_time, of_each
from engine.flows.common.aside import compare_later
from engine.flows.holdings import unseen
from engine.flows.orders import absence, doubt
from engine.reconcile import counted

_YOUNG_S = 2.0
"""An order sent this lately need not be in the broker's lists yet."""
_PAID_S = 1.0
"""What the market pays is told as filled within this, mostly."""
_LOOKED_AT_S = 2.5
"""Where nothing is told, what was just taken is looked at apart until then; twice is too dear."""
_OVERDUE_S = 3.0
"""At most so often a broker is asked for what should have filled."""
_GUARD_S = 4.0
"""What a stop that ended untold was for, or what filled untold, has a stop within 5 s then."""
_HELD_S, _HELD_TOLD_S = 6.0, 20.0
"""What is held is asked for so often where nothing is told, and beside a stream: no list of what
works says that an order which was done filled once more, or that somebody sold."""
_IDLE_S = 3.0
"""So often it is asked where nothing works and nothing is told, while something may be opened: an
entry that leaves into its silence fills unheard."""
SPARE = 20
"""Polls that a minute must have room for, else they cost entries; so many looks before entries, as
guard a working stop then, else they come seldom too: what follows entries needs those turns."""
_SAID_S = 3_600.0
"""People are told once of an entry without an answer."""
_SKEW, _NEAR = timedelta(minutes=5), timedelta(seconds=5)
"""The broker's clock and ours need not agree; in haste what that hides is asked for alone."""
_LIVE = ("accepted", "partial")


async def round_of(desk: Desk) -> None:
    """Start what is due; a broker that does not answer holds no other up."""
    unseen.look(desk)
    desk.doubts.paid = {
        order.order_id
        for order in desk.book.orders.values()
        if order.purpose is Purpose.ENTRY and order.state in UNANSWERED
        if order.order_id in desk.doubts.paid or unseen.is_paid(desk, order)
    }
    for order in desk.book.orders.values():
        is_there = order.state.is_at_broker and order.broker in desk.brokers
        if is_there and _is_adrift(desk, order):
            named, is_entry = f"adrift {order.order_id}", order.purpose is Purpose.ENTRY
            tell = partial(_tell_of, desk, order.broker, [order])
            desk.vigil(tell if is_entry else partial(_tell_over, desk, order), named)
    for name, accounts in _live(desk).items():
        if name in desk.offline:
            continue
        _look_at_silence(desk, name)
        if desk.is_told(name) and desk.lock(f"compare {name}").locked():
            continue  # a comparison reads all of it just now; where nothing is told it is too slow
        late = [
            order
            for orders in accounts.values()
            for order in orders
            if not desk.backoff.must_wait(_overdue(order))
            and (_is_overdue(desk, order) or _is_triggered(desk, order) or _is_let_go(desk, order))
        ]
        if late and desk.is_due(f"overdue {name}", _OVERDUE_S):
            urgent: dict[str, list[Order]] = {}
            for order in late:
                desk.backoff.failed(_overdue(order), _longest_s(desk, order))
                urgent.setdefault(order.account, []).append(order)
            look = partial(_watch, desk, name, urgent, Rank.NAKED)
            desk.vigil(look, f"watch {name} for what should have filled")
        elif desk.is_due(f"watch {name}", pace_s(desk, name)):
            rank = _rank_of(desk, name, is_late=bool(late))
            desk.vigil(partial(_watch, desk, name, accounts, rank), f"watch {name}")
    _look_at_holdings(desk)


def _look_at_silence(desk: Desk, name: str) -> None:
    """Where nothing else is heard entries wait as soon as a question hangs for so long."""
    hangs_s, alarm_s = unseen.hangs_s(desk, name), desk.settings.unprotected_alarm_s
    if hangs_s >= alarm_s:
        polled.failed(desk, name, desk.clock.monotonic() - hangs_s, alarm_s)


def _look_at_holdings(desk: Desk) -> None:
    """Where nothing but stops works: else what is held is about to change.

    Of a broker that tells nothing, and of which nothing is asked, its silence is heard of so.
    """
    there = [order for order in desk.book.orders.values() if order.state.is_at_broker]
    asked = {order.broker for order in there}
    busy = {order.broker for order in there if order.purpose is not Purpose.STOP}
    idle = {n for n in desk.brokers.keys() - asked - desk.offline if _may_fill_unheard(desk, n)}
    held: dict[str, dict[str, None]] = {}
    for trade in desk.book.open_trades():
        held.setdefault(trade.broker, {})[trade.account] = None
    for name in idle:
        _look_at_silence(desk, name)
    for account, name in desk.settings.accounts.items():
        if name in idle:
            held.setdefault(name, {account: None})
    for name in held.keys() & (desk.brokers.keys() - busy - desk.offline):
        every_s = _HELD_TOLD_S if desk.is_told(name) else _IDLE_S if name in idle else _HELD_S
        if _has_room(desk, name, Rank.POLL) and desk.is_due(f"held at {name}", every_s):
            look = partial(_held, desk, name, tuple(held[name]), is_idle=name in idle)
            desk.vigil(look, f"held at {name}")


def _may_fill_unheard(desk: Desk, name: str) -> bool:
    """Whether an entry may leave now whose fill nothing but a question would tell of."""
    if desk.is_told(name) or desk.gate(name) or desk.lock(f"compare {name}").locked():
        return False  # a comparison is a question too
    now, kinds = desk.clock.now(), desk.broker(name).caps.by_kind
    return any(desk.calendar(kind).is_open(now) for kind in kinds)


async def _held(desk: Desk, name: str, accounts: tuple[str, ...], *, is_idle: bool) -> None:
    """Compare where another quantity is held than is booked; once for each such difference.

    ``is_idle``: nobody else asks there, and without an answer entries wait.
    """
    asked_at = desk.clock.monotonic()
    for account in accounts:
        try:
            there = await in_time(desk, desk.broker(name).positions(account), Rank.POLL, name)
        except RateLimited:
            if is_idle:
                polled.failed(desk, name, asked_at, desk.settings.watch_s)
            return  # it is there
        except QUIET:
            if is_idle:  # one answer may be lost at once: then a comparison decides
                polled.failed(desk, name, asked_at, unseen.SILENT_S)
                compare_later(desk, name, 0.0, "no answer")
            return  # nothing is concluded from it
        gaps = frozenset(_gaps(desk, account, there))
        known = desk.doubts.held.get(account, frozenset())
        desk.doubts.held[account] = gaps
        if gaps - known:
            compare_later(desk, name, 0.0, "held otherwise")
    if is_idle:
        desk.doubts.unread_since.pop(name, None)


def _gaps(desk: Desk, account: str, there: Sequence[BrokerPosition]) -> set[tuple[str, Decimal]]:
    """Instruments of which another quantity is held than is booked, and how many more."""
    gaps: dict[str, Decimal] = {}
    for position in there:
        key = position.instrument.key
        gaps[key] = gaps.get(key, ZERO) + counted(position)
    for mine in desk.book.positions.values():
        if mine.account == account:
            gaps[mine.instrument.key] = gaps.get(mine.instrument.key, ZERO) - mine.qty
    return {(key, qty) for key, qty in gaps.items() if qty}


def _live(desk: Desk) -> dict[str, dict[str, list[Order]]]:
    """By broker and account; an entry on its way is not there yet, or is looked for (send)."""
    live: dict[str, dict[str, list[Order]]] = {}
    for order in desk.book.orders.values():
        is_entry = order.purpose is Purpose.ENTRY and order.state is OrderState.SUBMITTING
        is_leaving = is_entry and order.order_id in desk.in_flight and life.is_whole(order)
        if order.state.is_at_broker and order.broker in desk.brokers and not is_leaving:
            live.setdefault(order.broker, {}).setdefault(order.account, []).append(order)
    return live


def pace_s(desk: Desk, name: str) -> float:
    """Seconds between two looks at a broker's working orders."""
    is_told = desk.is_told(name) and f"watch {name}" not in desk.health
    if not is_told or name in desk.doubts.unpolled:
        return desk.settings.poll_s
    watch_s = desk.settings.watch_s
    return min(_GUARD_S, watch_s) if _is_guarded(desk, name) else watch_s


def _is_guarded(desk: Desk, name: str) -> bool:
    """Whether a stop or an entry works there, and its minute has room for it before entries.

    A close that ends or fills untold leaves nothing bare that the desk does not watch.
    """
    return _has_room(desk, name, Rank.COMPARE) and any(
        order.broker == name and order.purpose is not Purpose.CLOSE and order.state in WORKING
        for order in desk.book.orders.values()
    )


def _rank_of(desk: Desk, name: str, *, is_late: bool) -> Rank:
    """In whose name all that works there is looked at."""
    is_closing = any(t.closes for t in desk.book.open_trades() if t.broker == name)
    if is_closing and unseen.is_end_unheard(desk, name):
        return Rank.DOUBT  # stops stand in the way of closes until it answers
    may_wait = desk.is_told(name) and not is_late and name not in desk.doubts.unpolled
    guards = _is_guarded(desk, name) and not _has_room(desk, name, Rank.POLL)
    return Rank.POLL if may_wait and not guards else Rank.COMPARE


def _has_room(desk: Desk, name: str, who: Rank) -> bool:
    room = desk.broker(name).room(who)
    return room is None or room > SPARE


def _longest_s(desk: Desk, order: Order) -> float | None:
    """The longest pause between two looks at what is late; None: later and later.

    Where nothing is told it goes on at the polls' own pace, through an open breaker. What is told
    as filled, and in no list of executions yet, is bare for sure.
    """
    if not desk.is_told(order.broker):
        return _GUARD_S
    return None if life.is_whole(order) else _OVERDUE_S


def _overdue(order: Order) -> str:
    return f"{order.order_id}|overdue"


def _is_overdue(desk: Desk, order: Order) -> bool:
    """Works, by what we know, though the market pays its price: it has filled or is over.

    A close that ended unheard leaves bare what it was for; without a stream it is polled anyway.
    """
    is_told_close = order.purpose is Purpose.CLOSE and desk.is_told(order.broker)
    if order.purpose is not Purpose.ENTRY and not is_told_close:
        return False
    after_s = _PAID_S if desk.is_told(order.broker) else _LOOKED_AT_S
    return _is_old(desk, order, after_s) and unseen.is_paid(desk, order)


def _should_have_filled(desk: Desk, order: Order) -> bool:
    """An entry that works, by what we know, though the market pays its price."""
    return order.purpose is Purpose.ENTRY and _is_overdue(desk, order)


def _is_triggered(desk: Desk, order: Order) -> bool:
    """A stop that works, by what we know, though the market has reached its price."""
    if order.type is not OrderType.STOP or order.stop is None or not _is_old(desk, order, _PAID_S):
        return False
    quote = desk.quote(order.legs)
    if quote is None:
        return False
    return (quote.touch(order.side is Side.BUY) - order.stop) * order.side.sign >= 0


def _is_let_go(desk: Desk, order: Order) -> bool:
    """An exit that does not say that it is over: what is held waits bare for what follows it."""
    if order.purpose is Purpose.ENTRY or order.state is not OrderState.PENDING_CANCEL:
        return False
    asked_s = desk.stopwatch.age_s(order.order_id, order.updated_at)
    return not desk.is_told(order.broker) and asked_s >= _GUARD_S


def _is_adrift(desk: Desk, order: Order) -> bool:
    """An entry that may fill unheard, or has filled and is not booked: bare for too long.

    Or an exit that is over by its broker's word, which told of more than it has filled.
    """
    name, since = order.order_id, order.sent_at or order.created_at
    if order.purpose is not Purpose.ENTRY:
        name, since = f"{name}|ended", order.updated_at
        is_bare = order.ended not in (None, OrderState.FILLED) and not life.is_whole(order)
    elif life.is_whole(order):
        is_lost = order.state is OrderState.UNKNOWN or order.broker in desk.offline
        is_unread = _is_unread(desk, order.broker) and _should_have_filled(desk, order)
        is_bare = (is_lost and order.order_id in desk.doubts.paid) or is_unread
    else:  # told as filled, and not at what price
        since, is_bare = order.updated_at, True
    is_late = is_bare and desk.stopwatch.age_s(name, since) > desk.settings.unprotected_alarm_s
    return is_late and desk.is_due(f"adrift {order.order_id}", _SAID_S)


def _is_unread(desk: Desk, name: str) -> bool:
    """Whether its orders cannot be read; without a stream ``flows/holdings/unseen`` calls."""
    if name in desk.offline:
        return name not in desk.doubts.blind  # of whose entries people were told before it went
    is_failing = f"watch {name}" in desk.health or unseen.is_hanging(desk, name)
    return is_failing and desk.is_told(name)


async def _watch(desk: Desk, name: str, accounts: dict[str, list[Order]], rank: Rank) -> None:
    """One look at them. Without a stream this is the only ear, so it goes before entries."""
    part, asked_at = f"watch {name}", desk.clock.monotonic()
    for order in (o for orders in accounts.values() for o in orders):
        desk.doubts.looked.setdefault(order.order_id, desk.clock.monotonic())
    try:
        with asking(rank):
            adrift = await of_each(
                partial(_account, desk, name, account, orders)
                for account, orders in accounts.items()
            )
    except RateLimited:  # others wait for a turn there: the next look is soon enough, and is taken
        desk.doubts.unpolled.add(name)
        polled.failed(desk, name, asked_at, desk.settings.watch_s)
        await _tell(desk, name, accounts, desk.settings.watch_s)
    except QUIET as error:
        desk.health[part] = f"its orders cannot be read: {str(error) or 'no answer in time'}"
        polled.failed(desk, name, asked_at, desk.settings.unprotected_alarm_s)
        await _tell(desk, name, accounts, desk.settings.unprotected_alarm_s)
    else:
        if rank is not Rank.NAKED:  # that asks for some: it does not say that all could be read
            desk.doubts.unpolled.discard(name)
            desk.doubts.unread_since.pop(name, None)
        if adrift:
            desk.health[part] = f"it cannot say what became of {', '.join(sorted(adrift)[:5])}"
            await _tell(desk, name, accounts, desk.settings.unprotected_alarm_s)
            for order_id in adrift:
                desk.vigil(partial(_unseen, desk, order_id), f"unseen {order_id}")
        elif rank is not Rank.NAKED:
            desk.health.pop(part, None)


async def _unseen(desk: Desk, order_id: str) -> None:
    """Call people about a stop that is in no list: what it is for may stand without (I-20)."""
    await desk.clock.sleep(desk.settings.unprotected_alarm_s)
    order = desk.book.orders.get(order_id)
    if order is None or order.purpose is not Purpose.STOP or not order.state.is_at_broker:
        return
    if order.state is OrderState.PENDING_CANCEL:
        return  # it is to go, and the alarm of what is bare says so; perhaps it cannot be read
    if not await doubt.look_up(desk, order_id):
        label = f"{order.legs[0].instrument.label} ({order_id}, {order.trade_id})"
        said, how = f"lists the stop of {label} nowhere", "unseen"
        if order_id in desk.doubts.unread:  # nothing is concluded from silence
            said, how = f"does not answer when it is asked about the stop of {label}", "unread"
        await together.tell(
            desk,
            f"{how} at {order.broker}",
            f"⚠ {order.broker} {said}. It may not work any more: look at the broker. A new one "
            "is sent once it is sure to be gone.",
            f"{how}-{order_id}",
            name=label,
            more=f"The same of more stops at {order.broker}",
            within_s=desk.settings.unprotected_alarm_s,
        )


async def _tell(desk: Desk, name: str, accounts: dict[str, list[Order]], after_s: float) -> None:
    """Call people: what may have filled unheard has no stop, and is in no book (I-20)."""
    late = [
        order
        for orders in accounts.values()
        for order in orders
        if _should_have_filled(desk, order)
        and desk.stopwatch.age_s(order.order_id, order.sent_at or order.created_at) > after_s
    ]
    if not desk.is_told(name):
        if unheard := [o for o in late if unseen.is_long_unseen(desk, o)]:
            await unseen.call(desk, name, unheard)
    elif news := [o for o in late if desk.is_due(f"adrift {o.order_id}", _SAID_S)]:
        await _tell_of(desk, name, news)


async def _tell_over(desk: Desk, order: Order) -> None:
    await desk.tell(
        "admin",
        f"⚠ {order.broker} says that the {order.purpose} of {order.legs[0].instrument.label} "
        f"({order.order_id}, {order.trade_id}) is over, and told of more fills than have come. "
        "What is held may have no stop: look at the broker.",
        note_id=f"over-{order.order_id}",
    )


async def _tell_of(desk: Desk, name: str, late: list[Order]) -> None:
    named = ", ".join(f"{o.legs[0].instrument.label} ({o.order_id})" for o in late[:5])
    await desk.tell(
        "admin",
        f"⚠ {name} does not say what became of {named}. It may have filled, and what filled "
        "has no stop yet: look at the broker. It is asked again every few seconds.",
        note_id=f"adrift-{late[0].order_id}",
    )


async def _account(desk: Desk, name: str, account: str, orders: list[Order]) -> list[str]:
    """One look at one account; the orders that it is silent about.

    What works is listed apart from what has filled. Where only the latter is looked for, or the
    former takes more requests, what works is not read: some brokers allow two a second.
    """
    broker, gone = desk.broker(name), orders
    is_haste = rank() is Rank.NAKED
    is_dear = broker.caps.working_lists > broker.caps.recent_lists
    is_long = broker.caps.working_lists < broker.caps.recent_lists
    if (not is_haste and not is_dear) or is_long:
        working = await in_time(desk, broker.open_orders(account), rank(), name)
        gone = await _heard(desk, working, orders)
    if len(gone) > 1 or (is_dear and not is_haste):  # one list tells of all of them
        sent_at = min(order.sent_at or order.created_at for order in gone)
        since = sent_at - (_NEAR if is_haste else _SKEW)
        asked_at = desk.clock.monotonic()
        try:
            recent = await in_time(desk, broker.orders_since(account, since), rank(), name)
        except RateLimited:
            raise
        except QUIET:
            await _ask_alone(desk, gone, desk.clock.monotonic() - asked_at)
            raise
        gone = await _heard(desk, recent, gone)
        absence.listed(desk, account, since, recent, asked_at)
    # Missing from a list proves nothing (O-08).
    return [o.order_id for o in gone if not await doubt.look_up(desk, o.order_id)]


async def _ask_alone(desk: Desk, gone: list[Order], took_s: float) -> None:
    """One list that cannot be read, for a row of something else, keeps no order from being heard.

    Where it was silence nobody else is answered either.
    """
    for order in gone if took_s < unseen.SILENT_S else ():
        if not desk.broker(order.broker).caps.finds_by_client_id:
            return
        await doubt.look_up(desk, order.order_id)
        if order.order_id in desk.doubts.unread:
            return


async def _heard(desk: Desk, listed: list[BrokerOrder], orders: list[Order]) -> list[Order]:
    """Take the reports in; what was to be among them and is not."""
    names = [r.client_order_id for r in listed if r.client_order_id and r.state in _LIVE]
    if len(names) > len(set(names)):  # both would fill: one is cancelled as soon as it is seen
        compare_later(desk, orders[0].broker, 0.0, "seen twice")
    # Side by side: executions of one that are waited for keep no other from being heard of.
    await asyncio.gather(*(reported.on_report(desk, report, asked=True) for report in listed))
    told = {name for r in listed for name in (r.client_order_id, r.broker_id) if name}
    return [
        order
        for order in orders
        if not {order.order_id, order.broker_id} & told and _is_old(desk, order)
    ]


def _is_old(desk: Desk, order: Order, after_s: float = _YOUNG_S) -> bool:
    current = desk.book.orders.get(order.order_id)
    if current is None or not current.state.is_at_broker or current.state in UNANSWERED:
        return False
    if current.order_id in desk.in_flight:
        return False
    return desk.stopwatch.age_s(order.order_id, order.sent_at or order.created_at) >= after_s
