"""Watch open trades: every quote, and a sweep by the clock, ask the exit rules what to do."""

import asyncio
from dataclasses import replace
from datetime import timedelta

from engine import orders
from engine.desk import Desk
from engine.domain.errors import TradeStreamError
from engine.domain.order import OrderState, Purpose, Trigger
from engine.domain.quote import Quote, UnitQuote
from engine.domain.trade import Trade, TradeState
from engine.exits import View, Wish
from engine.exits.plan import apply, has_stop_at_broker
from engine.flows import approve, facts, send, settle


class Monitor:
    """Wakes on quotes of held instruments; one pass at a time, newest price wins."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._moved: set[str] = set()
        self._wake = asyncio.Event()
        desk.board.listen(self._on_quote)

    def _on_quote(self, quote: Quote) -> None:
        key = quote.instrument.key
        for trade in self._desk.book.trades.values():
            if trade.state is TradeState.OPEN and any(
                leg.instrument.key == key for leg in trade.legs
            ):
                self._moved.add(trade.trade_id)
        if self._moved:
            self._wake.set()

    async def run(self) -> None:
        """Judge trades whose price moved, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.catch_up()

    async def catch_up(self) -> None:
        """Judge every trade whose price moved since the last pass."""
        while self._moved:
            await look(self._desk, self._moved.pop())


async def look(desk: Desk, trade_id: str) -> None:
    """Ask every exit rule about one trade, and do what they wish."""
    trade = desk.book.trades.get(trade_id)
    if trade is None or trade.state is not TradeState.OPEN:
        return
    view = view_of(desk, trade)
    _note_water(desk, trade, view.quote)
    if not _wishes(desk, trade, view):
        return
    async with desk.lock(trade.account):
        trade = desk.book.trades.get(trade_id)
        if trade is None or trade.state is not TradeState.OPEN:
            return
        wishes = _wishes(desk, trade, view)
        after = with_water(desk, trade)
        for wish in wishes:
            after = apply(after, wish, desk.clock.now(), desk.ids.new("C"))
        if after is trade or replace(after, version=trade.version) == trade:
            return
        after = replace(after, version=trade.version + 1)
        await desk.commit(
            desk.event(
                "exit.wished",
                trade.alert_id,
                after,
                cards=(("trade", trade_id, "orders"),),
                trade_id=trade_id,
                wishes=[f"{w.rule}: {w.detail}" for w in wishes],
            )
        )
    await settle.run(desk, trade_id)


def view_of(desk: Desk, trade: Trade) -> View:
    """What the exit rules may look at now."""
    now = desk.clock.now()
    session = desk.calendar(trade.asset).session_at(now)
    minutes = int((session.closes_at - now).total_seconds() // 60) if session else None
    return View(
        now=now,
        quote=desk.quote(trade.legs),
        minutes_to_close=minutes,
        has_stop_at_broker=has_stop_at_broker(trade, desk.book.orders_of(trade.trade_id)),
    )


def _wishes(desk: Desk, trade: Trade, view: View) -> list[Wish]:
    seen = with_water(desk, trade)
    found = []
    for name, rule in desk.exit_rules:
        try:
            wish = rule.look(seen, view)
        except Exception as error:  # noqa: BLE001 - a broken rule must not blind the others
            desk.health[f"exit rule {name}"] = f"{type(error).__name__}: {error}"
            continue
        if wish is not None:
            found.append(wish)
    return found


def _note_water(desk: Desk, trade: Trade, quote: UnitQuote | None) -> None:
    """Best and worst price since entry, in memory; stored with the trade's next change."""
    if quote is None:
        return
    last = quote.bid if trade.direction > 0 else quote.ask
    high, low = desk.waters.get(trade.trade_id, (trade.high_water or last, trade.low_water or last))
    if trade.direction > 0:
        desk.waters[trade.trade_id] = (max(high, last), min(low, last))
    else:
        desk.waters[trade.trade_id] = (min(high, last), max(low, last))


def with_water(desk: Desk, trade: Trade) -> Trade:
    """The trade with the best and worst price seen so far."""
    seen = desk.waters.get(trade.trade_id)
    if seen is None or (trade.high_water, trade.low_water) == seen:
        return trade
    return replace(trade, high_water=seen[0], low_water=seen[1])


async def sweep(desk: Desk) -> None:
    """What the clock alone brings about: expiries, alarms, retries, time exits, the new day."""
    await approve.expire(desk)
    await _cancel_stale_entries(desk)
    for account in list(desk.book.accounts):
        async with desk.lock(account):
            await facts.roll(desk, account)
    for trade in list(desk.book.trades.values()):
        await look(desk, trade.trade_id)
        await settle.run(desk, trade.trade_id)
        await _alarm(desk, trade)


async def _alarm(desk: Desk, trade: Trade) -> None:
    """Call people when a held position has had no working stop for too long (I-20)."""
    current = desk.book.trades.get(trade.trade_id)
    if current is None or current.is_unprotected_since is None:
        return
    naked_s = (desk.clock.now() - current.is_unprotected_since).total_seconds()
    if naked_s > desk.settings.unprotected_alarm_s:
        await desk.tell(
            "admin",
            f"⚠ {current.symbol} ({current.trade_id}) has no working stop for {naked_s:.0f} s.",
            note_id=f"naked-{current.trade_id}-{current.is_unprotected_since:%H%M%S}",
        )


async def _cancel_stale_entries(desk: Desk) -> None:
    """An entry that did not fill in time is no longer the trade that was alerted."""
    before = desk.clock.now() - timedelta(seconds=desk.settings.entry_wait_s)
    for order in list(desk.book.orders.values()):
        is_late = order.sent_at is not None and order.sent_at <= before
        is_working = order.state in (OrderState.ACCEPTED, OrderState.PARTIAL)
        if order.purpose is not Purpose.ENTRY or not is_late or not is_working:
            continue
        async with desk.lock(order.account):
            current = desk.book.orders.get(order.order_id)
            if current is None or current.state is not order.state:
                continue
            asked = orders.moved(
                current, Trigger.ASK_CANCEL, desk.clock.now(), reason="not filled in time"
            )
            await desk.commit(
                desk.event("order.cancel", asked.alert_id, asked, why="not filled in time")
            )
        try:
            await send.cancel(desk, asked)
        except TradeStreamError as error:
            desk.health[f"order {order.order_id}"] = str(error)
