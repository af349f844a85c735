"""What a report of one order changes; fills that it tells of and nobody booked are fetched."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from engine import orders
from engine.asking import Rank, answered_within, asking, rank
from engine.brokers import BrokerOrder
from engine.desk import Desk
from engine.domain.order import UNANSWERED, WORKING, Order, OrderState, Purpose
from engine.flows.booking.fills import FILL_WAIT_S, on_fill
from engine.flows.common import answers, aside, effects, own, together
from engine.flows.holdings import covered, splits
from engine.reconcile import GRACE
from engine.waiting import CLOSE_S, FIRST_S, MOST_S

_MARGIN = timedelta(hours=1)
"""The broker's clock and ours need not agree."""
_STOOD_S = 60.0
"""An exit that worked for so long was taken in earnest: its end says nothing of the next one."""
_TOLD_S = 3_600.0
"""Of exits that go on being ended people are told so often."""
_MOVED_S = 10.0
"""A list may be of before the desk itself moved it."""
_MOST_BEHIND_DAYS = 7
"""A clock further behind than that is no clock: what it says is not asked for."""


async def on_report(desk: Desk, report: BrokerOrder, *, asked: bool = False) -> Order | None:
    """Take an order report in; fetch fills that it tells of and we have not booked."""
    known = await own.order_of(desk, report.account, report.client_order_id, report.broker_id)
    if known is None:
        return None
    _note_seen(desk, known.order_id, report)
    if report.reason:  # it is shown in Discord
        report = replace(report, reason=desk.broker(known.broker).unnamed(report.reason))
    async with desk.lock(known.account):
        order = desk.book.orders.get(known.order_id) or await desk.order(known.order_id) or known
        before = orders.carried_by(order, await _line(desk, order)) if order.replaces else None
        after = orders.seen(order, report, desk.clock.now(), carried=before)
        if after is not order:
            await _store(desk, order, after, report)
        missing = orders.needs_fills(after, report)
    _note_size(desk, after, report)
    await _tell_cut(desk, after, report)
    await _tell_moved(desk, after, report)
    # Told in one: no question and no turn in a line is spent on it. A leg may have filled alone.
    if report.fills and (missing or _is_lone(desk, report)):
        try:
            for fill in report.fills:
                await on_fill(desk, fill, is_last=False)
        finally:
            aside.settle_soon(desk, known.trade_id)
        missing = orders.needs_fills(await desk.order(known.order_id) or after, report)
    if missing and asked:
        await fetch_fills(desk, after, report.updated_at)
    elif missing:
        desk.vigil(lambda: _fetch_later(desk, after, report.updated_at), f"fills {after.order_id}")
    if after is not order and after.state.is_terminal and after.is_flagged:
        # Over with us and alive there it fills unwatched: a comparison cancels it.
        aside.compare_later(desk, order.broker, 2 * GRACE.total_seconds(), "over, and lives")
    if after is not order:
        try:
            await _pace_after(desk, order, after, report.reason)
        finally:
            aside.settle_soon(desk, order.trade_id)
    return desk.book.orders.get(known.order_id, after)


async def _pace_after(desk: Desk, before: Order, after: Order, why: str) -> None:
    """An exit that its broker took and ended by itself: the next at once, then later and later.

    Without a pause they use up the minute in which any exit could leave, and nobody is told.
    """
    is_over = after.state in (OrderState.REJECTED, OrderState.CANCELED, OrderState.EXPIRED)
    was_asked = before.state not in (*WORKING, *UNANSWERED)
    if after.purpose is Purpose.ENTRY or not is_over or was_asked or after.filled:
        return
    is_no = after.state is OrderState.REJECTED and before.state in UNANSWERED
    if is_no and before.order_id in desk.in_flight:
        return  # no answer but a refusal: who sends it sees to that
    pace = effects.pace_of_exit(after.trade_id, after.purpose)
    if desk.stopwatch.age_s(after.order_id, after.sent_at or after.created_at) >= _STOOD_S:
        desk.backoff.worked(f"{pace}|ended")
    n = desk.backoff.failed(f"{pace}|ended", 0.0)
    if n > 1:
        most_s = MOST_S if after.purpose is Purpose.STOP else CLOSE_S
        desk.backoff.wait(pace, min(FIRST_S * 2 ** min(n - 2, 30), most_s))
    is_odd = n > 1 or after.state is OrderState.REJECTED
    if is_odd and desk.is_due(f"told of {pace}", _TOLD_S):
        ended = f"{after.state.lower()}{f': {why}' if why else ''}"
        await together.tell(
            desk,
            f"{after.broker} ended a {after.purpose}: {ended}",
            f"⚠ {after.broker} took the {after.purpose} of {after.trade_id} and ended it by itself "
            f"({ended}). It is sent anew, later and later; meanwhile the desk watches the price "
            "itself.",
            f"ended-{after.order_id}",
            name=after.trade_id,
            more=f"{after.broker} ended the {after.purpose} of these too, which are sent anew",
        )


def _is_bared(before: Order, after: Order) -> bool:
    """Whether a stop of shares that worked was ended by its broker, unasked and unfilled."""
    is_over = after.state in (OrderState.CANCELED, OrderState.EXPIRED)
    is_stop = after.purpose is Purpose.STOP and after.legs[0].instrument.kind == "stock"
    return is_stop and is_over and before.state in WORKING and not after.filled


async def _ask_what_is_held(desk: Desk, stop: Order) -> None:
    """Before the next stop leaves."""
    try:
        await splits.look(desk, stop)
        if splits.is_open(desk, stop.trade_id):
            aside.compare_later(desk, stop.broker, 0.0, "split")
    finally:
        aside.settle_soon(desk, stop.trade_id)


def _is_lone(desk: Desk, report: BrokerOrder) -> bool:
    """Whether legs of it are filled that are not booked, though they make no more whole units."""
    known = desk.book.executions
    return len(report.legs) > 1 and any(f.execution_id not in known for f in report.fills)


def _note_size(desk: Desk, order: Order, report: BrokerOrder) -> None:
    """Somebody may change it there; a line's size is told in more ways than one."""
    is_live = order.state in WORKING and report.state in ("accepted", "partial")
    if is_live and not order.carried and report.qty != order.qty:
        desk.doubts.resized[order.order_id] = report.qty
    else:
        desk.doubts.resized.pop(order.order_id, None)


async def _tell_cut(desk: Desk, order: Order, report: BrokerOrder) -> None:
    """A stop that works for less than we asked for, and than is held: nobody else would notice."""
    if order.purpose is not Purpose.STOP or report.state not in ("accepted", "partial"):
        return
    trade = desk.book.trades.get(order.trade_id)
    if trade is None or order.state not in WORKING:
        return
    held, left = abs(trade.qty_open), report.qty - report.filled
    # A bracket's child grows with its entry.
    if report.qty >= order.qty or not trade.is_entry_over or left >= held:
        desk.doubts.cut.discard(order.order_id)
        return
    desk.doubts.cut.add(order.order_id)
    desk.bands.drop(trade.trade_id)
    await desk.tell(
        "admin",
        f"⚠ {order.broker} says that the stop of {order.legs[0].instrument.label} "
        f"({order.order_id}, {order.trade_id}) is for {left:f} of the {held:f} that are held: it "
        "was changed outside TradeStream. Of the rest the desk watches the price itself: change it "
        "back, or close.",
        note_id=f"cut-{order.order_id}-{report.qty:f}",
    )


async def _tell_moved(desk: Desk, order: Order, report: BrokerOrder) -> None:
    """A stop that works elsewhere than we asked for, under its own number: nobody else would say.

    One that got another number by it is told by its adapter, which follows it.
    """
    if order.purpose is not Purpose.STOP or order.state not in WORKING:
        return
    is_it = report.state in ("accepted", "partial") and report.broker_id == order.broker_id
    if not is_it or report.stop is None or order.stop is None or report.type is not order.type:
        return
    is_off = abs(report.stop - order.stop) >= order.legs[0].instrument.tick
    age_s = desk.stopwatch.age_s(order.order_id, order.sent_at or order.created_at)
    if not is_off or age_s < _MOVED_S:
        return
    await desk.tell(
        "admin",
        f"⚠ {order.broker} says that the stop of {order.legs[0].instrument.label} "
        f"({order.order_id}, {order.trade_id}) stands at {report.stop:f}, not at {order.stop:f}: "
        "it was changed outside TradeStream. It is left there until the desk moves it.",
        note_id=f"moved-{order.order_id}-{report.stop:f}",
    )


def _note_seen(desk: Desk, order_id: str, report: BrokerOrder) -> None:
    if report.state != "unknown":
        desk.doubts.absent.pop(order_id, None)
        desk.doubts.looked.pop(order_id, None)
        desk.doubts.seen[order_id] = desk.clock.monotonic()


async def _line(desk: Desk, order: Order) -> list[Order]:
    """The orders that it replaced; where they closed their trade, memory holds them no more."""
    found: list[Order] = []
    while order.replaces is not None and (old := await desk.order(order.replaces)) is not None:
        found.append(old)
        order = old
    return found


async def _store(desk: Desk, order: Order, after: Order, report: BrokerOrder) -> None:
    more: dict[str, Any] = {"reason": report.reason} if report.reason else {}
    if _is_bared(order, after) and splits.await_look(desk, after):
        desk.spawn(_ask_what_is_held(desk, after), f"held after {after.order_id}")
    if covered.is_cause(order, after):
        covered.begin(desk, after)
    async with effects.story(desk, order.alert_id):
        await desk.commit(
            desk.event(
                f"order.{after.state.lower()}",
                order.alert_id,
                after,
                *effects.of_order(desk, after),
                cards=effects.cards_of(desk, after),
                order_id=order.order_id,
                **more,
            )
        )


async def _fetch_later(desk: Desk, order: Order, told_at: datetime) -> None:
    await desk.clock.sleep(FILL_WAIT_S)
    with asking(Rank.NAKED):
        await fetch_fills(desk, order, told_at)


async def fetch_fills(desk: Desk, order: Order, told_at: datetime) -> None:
    """Book what the broker has filled of an order and we have not; silence changes nothing.

    One reading serves every order of the account that lacks some. ``told_at``: when the order
    changed by the broker's own clock, which may be far behind ours.
    """
    from engine.flows.booking import reckoned

    async with _turn(desk, order.account):
        current = await desk.order(order.order_id) or order
        if orders.is_whole(current):
            return  # it came meanwhile
        lacking = [
            o
            for o in (current, *desk.book.orders.values())
            if o.account == order.account and o.broker == order.broker and not orders.is_whole(o)
        ]
        since = max(told_at, desk.since(days=_MOST_BEHIND_DAYS))
        oldest = min(since, *(o.created_at for o in lacking)) - _MARGIN
        try:
            # What is held and not booked has no stop yet: this waits behind no entry.
            with asking(min(rank(), Rank.NAKED)):
                async with answered_within(desk.settings.broker_timeout_s):
                    fills = await desk.broker(order.broker).fills_since(order.account, oldest)
        except answers.QUIET as error:
            desk.gates[order.broker] = f"fills could not be read: {error}"
            return
        names = {o.order_id for o in lacking}
        numbers = {o.broker_id for o in lacking if o.broker_id}
        for fill in fills:
            is_named = fill.client_order_id in names
            if is_named or (not fill.client_order_id and fill.broker_id in numbers):
                await on_fill(desk, fill)
        for lack in lacking:
            if not orders.is_whole(await desk.order(lack.order_id) or lack):
                reckoned.soon(desk, lack)


@asynccontextmanager
async def _turn(desk: Desk, account: str) -> AsyncIterator[None]:
    """One reading at a time; beside one that hangs a second, for all that wait, and no more."""
    lock = desk.lock(f"fills {account}")
    try:
        async with asyncio.timeout(desk.settings.broker_timeout_s / 5):
            await lock.acquire()
    except TimeoutError:
        lock = desk.lock(f"fills {account} meanwhile")
        await lock.acquire()
    try:
        yield
    finally:
        lock.release()
