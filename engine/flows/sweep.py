"""By the clock: what no price and no message brings about."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial

from engine.desk import Desk
from engine.domain.order import Order, OrderState, Purpose
from engine.exits.plan import is_protected
from engine.flows.acts import halt, lone_legs, prop
from engine.flows.alerts import manual
from engine.flows.brokers import left_behind, opening, recover
from engine.flows.common import together
from engine.flows.exits import monitor, second_truth, settle
from engine.flows.holdings import capable, fewer, water
from engine.flows.limits import facts
from engine.flows.orders import call_off, doubt, send
from engine.flows.trades import approve
from engine.market import new_york_date

SWEEP_WAIT_S = 0.5
"""A round that takes longer goes on beside the next one."""
_PARTS = ("approvals", "days", "halt", "check", "books", "entries", "prop")
_OF_ONE = re.compile(
    r"(?:task )?(?:settle|look|lookup|doubt|cancel|fills|trade|sweep|alarm|order) (\S+)$"
)
"""Parts of health that are about one trade or one order."""


async def run(desk: Desk) -> None:
    """Expiries, alarms, retries, time exits, the new day.

    Each part stands for itself: one that fails is shown in health, one that hangs is left to
    itself, and neither stops the others or the next round.
    """
    parts: dict[str, Callable[[], Awaitable[None]]] = {
        "sweep approvals": partial(_expire, desk),
        "sweep days": partial(_roll, desk),
        "sweep halt": partial(halt.keep, desk),
        "sweep check": partial(_tell_of_check, desk),
        "sweep books": partial(recover.mend, desk),
        "sweep entries": partial(_cancel_stale_entries, desk),
        "sweep prop": partial(prop.watch, desk),
    }
    due = set(desk.bands.due(desk.clock.monotonic()))
    for trade_id in dict.fromkeys(
        [*desk.book.trades, *(o.trade_id for o in desk.book.orders.values())]
    ):
        is_due = trade_id in due or trade_id not in desk.bands
        parts[f"sweep {trade_id}"] = partial(_tend, desk, trade_id, is_due=is_due)
        if _bare_since(desk, trade_id) is not None:  # apart: its round may wait for a broker
            name, work = f"alarm {trade_id}", partial(_alarm, desk, trade_id)
            desk.vigil(partial(monitor.guarded, desk, name, work), name)
    rounds = [
        desk.vigil(partial(monitor.guarded, desk, name, work), name) for name, work in parts.items()
    ]
    await asyncio.wait(rounds, timeout=SWEEP_WAIT_S)
    _forget_the_dead(desk)


async def _expire(desk: Desk) -> None:
    await approve.expire(desk)


async def _roll(desk: Desk) -> None:
    for account in list(desk.book.accounts):
        async with desk.lock(account):
            await facts.roll(desk, account)
    await halt.on_drawdown(desk)


async def _tell_of_check(desk: Desk) -> None:
    """Call people when the books failed their own check; entries are refused from then on."""
    note_id = f"unverified-{new_york_date(desk.clock.now())}"
    if desk.store.health().is_verified is not False or f"note:{note_id}" in desk.book.notices:
        return
    await desk.tell(
        "admin",
        f"🛑 No new entries: {desk.unsound}. Exits, stops and cancels keep working. Stop the desk "
        "and restore a backup (tradestream db restore).",
        note_id=note_id,
    )


async def _tend(desk: Desk, trade_id: str, *, is_due: bool) -> None:
    """One trade's round."""
    await doubt.urge(desk, trade_id)
    await second_truth.seek(desk, desk.book.trades.get(trade_id))
    await lone_legs.look(desk, trade_id)
    if desk.lock(f"trade:{trade_id}").locked():
        return  # somebody is at it: its own end looks again
    if is_due:
        await settle.look(desk, trade_id)
    await left_behind.look(desk, trade_id)
    await settle.run(desk, trade_id)


async def _alarm(desk: Desk, trade_id: str) -> None:
    """Call people as soon as a held position has had no working stop for too long (I-20)."""
    while since := _bare_since(desk, trade_id):
        bare_s = desk.stopwatch.age_s(trade_id, since)
        left_s = desk.settings.unprotected_alarm_s - bare_s
        trade = desk.book.trades[trade_id]
        if trade.stop is None and opening.was_held(desk, trade):
            return  # people were told so when its books began
        if left_s <= 0:
            named = f"{trade.symbol} ({trade_id})"
            await together.tell(
                desk,
                "naked",
                f"⚠ {named} has no working stop for {bare_s:.0f} s.",
                f"naked-{trade_id}-{since:%d%H%M%S}",
                name=named,
                more="These have no working stop either",
            )
            return
        await desk.clock.sleep(left_s)


def _bare_since(desk: Desk, trade_id: str) -> datetime | None:
    """Since when nothing protects it; a stop whose cancellation is not answered may be gone."""
    trade = desk.book.trades.get(trade_id)
    if trade is None:
        return None
    own = desk.book.orders_of(trade_id)
    leaving = [o.updated_at for o in own if _is_leaving(o)]
    if trade.is_unprotected_since is not None or not leaving:
        return trade.is_unprotected_since
    there, broker_stops = fewer.within(desk, trade), capable.holds_stops(desk, trade)
    return None if is_protected(there, own, broker_stops) else min(leaving)


def _is_leaving(order: Order) -> bool:
    return order.purpose is Purpose.STOP and order.state is OrderState.PENDING_CANCEL


async def _cancel_stale_entries(desk: Desk) -> None:
    """An entry that did not fill in time, or in spite of a halt, is not wanted any more."""
    why = {o.order_id: w for o in desk.book.orders.values() if (w := _why_stale(desk, o))}
    await asyncio.gather(*(_cancel_stale(desk, i, reason) for i, reason in why.items()))


def _why_stale(desk: Desk, order: Order) -> str:
    if order.purpose is not Purpose.ENTRY or not call_off.may_cancel(order):
        return ""
    if desk.backoff.must_wait(f"{order.order_id}|stale"):
        return ""
    if why := send.unwanted(desk, order):
        return why
    is_working = order.state in (OrderState.ACCEPTED, OrderState.PARTIAL)
    if not is_working or order.sent_at is None or manual.waits_all_day(desk, order):
        return ""
    age = desk.stopwatch.age_s(order.order_id, order.sent_at)
    return "not filled in time" if age >= desk.settings.entry_wait_s else ""


async def _cancel_stale(desk: Desk, order_id: str, why: str) -> None:
    desk.backoff.failed(f"{order_id}|stale")
    order = desk.book.orders.get(order_id)
    if order is not None:
        await call_off.ask_cancel(desk, order, why)


def _forget_the_dead(desk: Desk) -> None:
    """What is over has no health, no pauses and no high water any more."""
    book = desk.book
    alive = {"mend", *book.trades, *book.orders, *(o.trade_id for o in book.orders.values())}
    for part in list(desk.health):
        about = _OF_ONE.fullmatch(part)
        if about is not None and about[1] not in alive and about[1] not in _PARTS:
            desk.health.pop(part, None)
    for name in desk.backoff.names():
        if name.partition("|")[0] not in alive:
            desk.backoff.worked(name)
    for trade_id in [t for t in desk.waters if t not in book.trades]:
        water.forget(desk, trade_id)
        desk.bands.drop(trade_id)
    for order_id in [o for o in desk.doubts.absent if o not in book.orders]:
        desk.doubts.absent.pop(order_id, None)
    desk.doubts.failed &= book.orders.keys()
