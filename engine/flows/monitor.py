"""Watch open trades: every quote, and a sweep by the clock, ask the exit rules what to do."""

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial

from engine import bars
from engine.desk import Desk
from engine.domain.errors import TradeStreamError
from engine.domain.order import Order, OrderState, Purpose
from engine.domain.quote import Quote
from engine.domain.record import Event
from engine.domain.trade import Trade, TradeState
from engine.exits import View, Wish
from engine.exits.plan import apply, is_protected
from engine.flows import (
    approve,
    capable,
    covered,
    doubt,
    facts,
    fewer,
    halt,
    left_behind,
    lone_legs,
    manual,
    marks,
    opening,
    priced,
    prop,
    quiet,
    recover,
    second_truth,
    send,
    settle,
    splits,
    together,
    water,
)
from engine.market import new_york_date

log = logging.getLogger(__name__)

ATR_BARS = 14
SWEEP_WAIT_S = 0.5
"""A round that takes longer goes on beside the next one."""


class Monitor:
    """Wakes on quotes of held instruments; one look per trade at a time, newest price wins.

    Trades are looked at side by side: one whose broker does not answer holds no other up.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._moved: set[str] = set()
        self._looking: set[str] = set()
        self._wake = asyncio.Event()
        self._trades_of: dict[str, dict[str, None]] = {}
        """Instrument -> live trades that have a leg in it, oldest first."""
        self._indexed: set[str] = set()
        desk.bus.listen(self._on_events)
        desk.board.listen(self._on_quote)

    def _on_events(self, events: Sequence[Event]) -> None:
        """What changed is looked at with fresh eyes."""
        bands, trades = self._desk.bands, self._desk.book.trades
        for event in events:
            for put in event.puts:
                if isinstance(put, Trade):
                    bands.drop(put.trade_id)
                    (self._index if put.trade_id in trades else self._forget)(put)
                elif isinstance(put, Order):
                    bands.drop(put.trade_id)

    def _index(self, trade: Trade) -> None:
        self._indexed.add(trade.trade_id)
        for leg in trade.legs:
            self._trades_of.setdefault(leg.instrument.key, {})[trade.trade_id] = None

    def _forget(self, trade: Trade) -> None:
        self._indexed.discard(trade.trade_id)
        for leg in trade.legs:
            known = self._trades_of.get(leg.instrument.key, {})
            known.pop(trade.trade_id, None)
            if not known:
                self._trades_of.pop(leg.instrument.key, None)

    def _in(self, key: str) -> list[Trade]:
        """Open trades with a leg in this instrument."""
        trades = self._desk.book.trades
        if len(trades) != len(self._indexed):  # loaded from the store, not heard of
            self._trades_of, self._indexed = {}, set()
            for trade in trades.values():
                self._index(trade)
        found = (trades.get(trade_id) for trade_id in self._trades_of.get(key, ()))
        return [t for t in found if t is not None and t.state is TradeState.OPEN]

    def _on_quote(self, quote: Quote) -> None:
        key = quote.instrument.key
        desk = self._desk
        desk.bars.add(key, quote.mid, quote.received_at)
        held = self._in(key)
        if not held:
            return
        now, bid, ask = desk.clock.monotonic(), float(quote.bid), float(quote.ask)
        for trade in held:
            touch = bid if trade.direction > 0 else ask
            if desk.bands.is_quiet(trade.trade_id, touch, now):
                _note_extreme(desk, trade, quote)
                continue
            if len(trade.legs) > 1 and (unit := desk.board.unit(trade.legs)) is not None:
                desk.bars.add(trade.trade_id, unit.mid, quote.received_at)
            water.note(desk, trade, desk.quote(trade.legs))
            self._moved.add(trade.trade_id)
        if self._moved - self._looking:
            self._wake.set()

    async def run(self) -> None:
        """Judge trades whose price moved, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            for trade_id in self._due():
                self._desk.spawn(self._look(trade_id), f"look {trade_id}")

    async def catch_up(self) -> None:
        """Judge every trade whose price moved since the last pass."""
        while due := self._due():
            await asyncio.gather(*(self._look(trade_id) for trade_id in due))

    def _due(self) -> list[str]:
        due = sorted(self._moved - self._looking)
        self._moved -= set(due)
        self._looking |= set(due)
        return due

    async def _look(self, trade_id: str) -> None:
        try:
            await guarded(self._desk, f"look {trade_id}", partial(look, self._desk, trade_id))
        finally:
            self._looking.discard(trade_id)
            if trade_id in self._moved:
                self._wake.set()


def _note_extreme(desk: Desk, trade: Trade, quote: Quote) -> None:
    """A quiet price may still be the best or the worst since entry."""
    last = quote.bid if trade.direction > 0 else quote.ask
    seen = desk.waters.get(trade.trade_id)
    if seen is None or not min(seen) <= last <= max(seen):
        water.note(desk, trade, desk.quote(trade.legs))


async def guarded(desk: Desk, part: str, work: Callable[[], Awaitable[None]]) -> None:
    """One piece of a round: its failure is shown, told in the log, and tried again next round."""
    try:
        await work()
    except TradeStreamError as error:
        desk.health[part] = str(error)
    except Exception as error:  # our own bug with one trade must not blind the others
        log.exception("%s failed", part)
        desk.health[part] = f"{type(error).__name__}: {error}"
    else:
        desk.health.pop(part, None)


async def look(desk: Desk, trade_id: str) -> None:
    """Ask every exit rule about one trade, and do what they wish."""
    trade = desk.book.trades.get(trade_id)
    if trade is None or trade.state is not TradeState.OPEN or splits.is_open(desk, trade_id):
        return
    view = view_of(desk, trade)
    water.note(desk, trade, view.quote)
    if not _wishes(desk, trade, view):
        quiet.draw(desk, water.marked(desk, trade), view)
        return
    if not desk.lock(f"trade:{trade_id}").locked():
        await settle.run(desk, trade_id, partial(_wished, desk))
        return
    async with desk.lock(trade.account):  # its exits wait for a broker: the wish does not
        made = _wished(desk, desk.book.trades.get(trade_id))
        if made is None:
            return
        await desk.commit(made[1])
    await settle.run(desk, trade_id)


def _wished(desk: Desk, trade: Trade | None) -> tuple[Trade, Event] | None:
    """What the rules wish for now, as the trade's next version; under the account's lock."""
    if trade is None or trade.state is not TradeState.OPEN:
        return None
    if splits.is_open(desk, trade.trade_id):
        return None
    view = view_of(desk, trade)  # a fill may have come while waiting for the lock
    wishes = _wishes(desk, trade, view)
    after = marked = water.marked(desk, trade)
    for wish in wishes:
        after = apply(after, wish, desk.clock.now(), desk.ids.new("C"))
    if after is marked:
        return None
    after = replace(after, version=trade.version + 1)
    return after, desk.event(
        "exit.wished",
        trade.alert_id,
        after,
        cards=(("trade", trade.trade_id, "orders"),),
        trade_id=trade.trade_id,
        wishes=[f"{w.rule}: {w.detail}" for w in wishes],
    )


def view_of(desk: Desk, trade: Trade) -> View:
    """What the exit rules may look at now."""
    now = desk.clock.now()
    session = desk.calendar(trade.asset).session_at(now)
    minutes = int((session.closes_at - now).total_seconds() // 60) if session else None
    is_trailing = trade.stop is not None and trade.stop.kind == "trailing"
    series = trade.legs[0].instrument.key if len(trade.legs) == 1 else trade.trade_id
    return View(
        now=now,
        quote=desk.quote(trade.legs),
        is_leap=priced.is_leap(desk, trade),
        atr=bars.atr(desk.bars.of(series), ATR_BARS) if is_trailing else None,
        minutes_to_close=minutes,
        mark=marks.mark(desk, trade),
        has_stop_at_broker=covered.has_stop(desk, trade),
    )


def _wishes(desk: Desk, trade: Trade, view: View) -> list[Wish]:
    seen = water.marked(desk, trade)
    found = []
    for name, rule in desk.exit_rules:
        part = f"exit rule {name}"
        try:
            wish = rule.look(seen, view)
        except Exception as error:  # a broken rule must not blind the others
            if part not in desk.health:
                log.exception("%s failed", part)
            desk.health[part] = f"{type(error).__name__}: {error}"
            continue
        desk.health.pop(part, None)
        if wish is not None:
            found.append(wish)
    return found


# -- by the clock -----------------------------------------------------------------------------


async def sweep(desk: Desk) -> None:
    """What the clock alone brings about: expiries, alarms, retries, time exits, the new day.

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
            desk.vigil(partial(guarded, desk, name, work), name)
    rounds = [desk.vigil(partial(guarded, desk, name, work), name) for name, work in parts.items()]
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
        await look(desk, trade_id)
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
    if order.purpose is not Purpose.ENTRY or not send.may_cancel(order):
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
        await send.ask_cancel(desk, order, why)


_PARTS = ("approvals", "days", "halt", "check", "books", "entries", "prop")
_OF_ONE = re.compile(
    r"(?:task )?(?:settle|look|lookup|doubt|cancel|fills|trade|sweep|alarm|order) (\S+)$"
)
"""Parts of health that are about one trade or one order."""


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
