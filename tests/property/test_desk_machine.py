"""Alerts, clicks, quotes, faults, deaths in any order: the books are true after each step.

One whole desk per example, on a store and a broker's vault that outlive it. A death may come at any
moment within a step. When the example is over, everything is healed and given time, and then the
desk must be at rest, and hold exactly what its broker holds.
"""

import asyncio
from contextlib import suppress
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from engine.domain.errors import TradeStreamError
from engine.domain.instrument import front_future
from engine.domain.order import Purpose
from engine.domain.source import Handling
from engine.flows import sweep
from engine.flows.acts import halt
from engine.flows.alerts import take_alert
from engine.flows.brokers import recover
from engine.flows.trades import approve, manage, modify, withdraw
from storage.memory import MemoryStore, MemoryVault
from tests import rig as desks
from tests import truth
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.mortal import Life, MortalBroker, MortalStore, MortalVault
from tests.rig import (
    AAPL,
    ADMIN,
    FUTURES,
    MIKE,
    NINJA,
    OPTIONS,
    OTHER,
    RHEA,
    STOCKS,
    TRADER,
    d,
    spy,
)

AUTO = frozenset({"options", "futures"})
MES = front_future("MES", desks.START.date())
LOW, HIGH = spy("600"), spy("605")
START_PRICES = {spy(): 215, spy("604"): 180, LOW: 500, HIGH: 300, AAPL: 20000, MES: 632600}
TICKS = {MES: 25}

ENTRIES = (
    (OPTIONS, RHEA, "BTO 2 SPY 603C 1/31 @ {c603}"),
    (OPTIONS, RHEA, "BTO 5 SPY 603C 1/31 @ {c603}, targets 3.00, 4.00"),
    (OPTIONS, RHEA, "BTO 1 SPY 604C 1/31 @ {c604}"),
    (OPTIONS, RHEA, "BTO 2 SPY 600/605 call debit spread 1/31 @ {spread}"),
    (STOCKS, MIKE, "bought 10 AAPL @ {AAPL}, stop {stop}"),
    (FUTURES, NINJA, "🚨 ES long {MES}: B\nStop: {MESstop}"),
    (FUTURES, NINJA, "🚨 ES long {MES}: A\nStop: {MESstop}"),
)
OTHERS = (
    (OPTIONS, RHEA, "STC SPY 603C 1/31 @ {c603}"),
    (OPTIONS, RHEA, "STC 1/2 SPY 603C 1/31 @ {c603}"),
    (OPTIONS, RHEA, "STC 10 SPY 604C 1/31 @ {c604}"),
    (OPTIONS, RHEA, "cancel SPY 603C 1/31"),
    (STOCKS, MIKE, "sold AAPL @ {AAPL}"),
    (FUTURES, NINJA, "closed ES @ {MES}"),
)
FAULTS = (
    "unavailable",
    "reject",
    "unknown_before_accept",
    "unknown_after_accept",
    "unclear",
    "falsely_absent",
    "fail_reads",
    "drop_events",
    "drop_fills",
    "duplicate_events",
    "reorder",
    "hide_open",
)


def sources() -> Any:
    found = desks.profiles()
    found["stocks"] = desks.replace(found["stocks"], handling=Handling.APPROVE)
    return found


class DeskMachine(RuleBasedStateMachine):
    """Rules are what people, markets, brokers and machines do."""

    @initialize(
        latency_ms=st.sampled_from([0, 250]),
        first=st.lists(st.sampled_from(ENTRIES), max_size=3),
        size=st.sampled_from([None, None, 1]),
    )
    def begin(self, latency_ms, first, size):
        self.runner = asyncio.Runner()
        self.store, self.vault = MemoryStore(), MemoryVault()
        self.clock = desks.ManualClock(desks.START)
        self.prices = dict(START_PRICES)
        self.sent = []
        self.latency_ms = latency_ms
        self.rig = None
        self.runner.run(self.born())
        for which in first:
            self.alert(which, caught_up=False)
            for approval in self.rig.approvals():
                self.step(partial(self.clicked, approval, "approve"))
            self.step(partial(self.passed, 0.3, size))

    # -- how a step runs -----------------------------------------------------------------

    async def born(self):
        """A new process on what the last one left."""
        self.life, self.faults = Life(), Faults()
        board = desks.QuoteBoard()
        self.rig = await desks.start(
            store=MortalStore(self.store, self.life),
            vault=MortalVault(self.vault, self.life),
            wrap=lambda paper: MortalBroker(FaultyBroker(paper, self.faults), self.life),
            clock=self.clock,
            board=board,
            sources=sources(),
            risk=desks.LOOSE,
            latency_ms=self.latency_ms,
            broker_timeout_s=5,
        )
        self.rig.last_id = 1000 + len(self.sent)
        self.requote()
        await self.calm()

    async def calm(self):
        """Until nothing moves; no real time passes."""
        rig, before, quiet = self.rig, None, 0
        for _ in range(2000):
            for _ in range(4):
                await asyncio.sleep(0)
            await rig.watch.catch_up()
            now = rig._traces()
            quiet = quiet + 1 if now == before else 0
            before = now
            if self.life.is_over.is_set() or (quiet >= 3 and (quiet > 20 or not rig.desk._tasks)):
                return

    async def die(self):
        self.rig.broker._stop_listening()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    def step(self, work):
        """Do something, come to rest, be reborn if it was death, look at the books."""
        self.runner.run(self.stepped(work))

    async def stepped(self, work):
        task = asyncio.create_task(self.doing(work))
        over = asyncio.create_task(self.life.is_over.wait())
        await asyncio.wait([task, over], return_when=asyncio.FIRST_COMPLETED)
        over.cancel()
        if self.life.is_over.is_set():
            await self.die()
            await self.born()
        else:
            await task
        await self.look()

    async def doing(self, work):
        with suppress(TradeStreamError):  # refused or failed: said to whoever asked
            await work()
        await self.calm()

    async def look(self):
        await truth.ledger_identity(self.store)
        await truth.positions_are_sums_of_fills(self.store)
        await truth.orders_have_a_mandate(self.store, AUTO)
        desk = self.rig.desk
        inner = self.rig.broker
        live: dict[str, int] = {}
        for report in await inner.open_orders("main"):
            order = await desk.order(report.client_order_id)
            assert order is not None, "the broker has an order that we do not know"
            live[order.intent_id] = live.get(order.intent_id, 0) + 1
        assert all(n == 1 for n in live.values()), "two live orders of one intent"
        for trade in desk.book.trades.values():
            assert trade.qty_open >= 0, "a trade was closed twice"

    # -- what happens --------------------------------------------------------------------

    def requote(self, size=None):
        for instrument, cents in self.prices.items():
            tick = TICKS.get(instrument, 2)
            low, high = Decimal(cents) / 100, Decimal(cents + tick) / 100
            more = {} if size is None else {"bid_size": d(size), "ask_size": d(size)}
            self.rig.quote(instrument, str(low), str(high), **more)

    def text(self, template):
        price = {i: Decimal(c) / 100 for i, c in self.prices.items()}
        return template.format_map(
            {
                "c603": price[spy()],
                "c604": price[spy("604")],
                "spread": price[LOW] - price[HIGH] + d("0.04"),
                "AAPL": price[AAPL],
                "stop": (price[AAPL] * d("0.98")).quantize(d("0.01")),
                "MES": price[MES],
                "MESstop": price[MES] - 8,
            }
        )

    @rule(which=st.sampled_from(ENTRIES), caught_up=st.sampled_from([False, False, False, True]))
    def alert(self, which, caught_up):
        self.said(which, caught_up=caught_up)

    @rule(which=st.sampled_from(OTHERS))
    def exit_alert(self, which):
        self.said(which, caught_up=False)

    def said(self, which, *, caught_up):
        channel, author, template = which
        message = self.rig.message(channel, author, self.text(template))
        self.sent.append(message)
        message = desks.replace(message, is_caught_up=caught_up)
        self.step(lambda: take_alert.run(self.rig.desk, message))

    @rule(n=st.integers(0, 30), how=st.sampled_from(["again", "edit", "delete"]))
    def message(self, n, how):
        if not self.sent:
            return
        message = self.sent[n % len(self.sent)]
        if how == "delete":
            work = lambda: withdraw.deleted(self.rig.desk, message.channel_id, message.message_id)  # noqa: E731
        else:
            if how == "edit":
                message = desks.replace(message, text=message.text + " now", edit_no=1)
            work = lambda: take_alert.run(self.rig.desk, message)  # noqa: E731
        self.step(work)

    @rule(
        n=st.integers(0, 5),
        how=st.sampled_from(["approve", "approve", "half", "reject", "modify", "twice"]),
    )
    def click(self, n, how):
        waiting = self.rig.approvals()
        if not waiting:
            return
        it = waiting[n % len(waiting)]
        self.step(lambda: self.clicked(it, how))

    async def clicked(self, it, how):
        desk, key, version = self.rig.desk, it.approval_id, it.version
        if how == "reject":
            await approve.reject(desk, key, version, TRADER)
        elif how == "modify":
            await modify.run(desk, key, version, TRADER, qty=d(3))
        elif how == "twice":
            clicks = [approve.approve(desk, key, version, w) for w in (TRADER, OTHER)]
            done = await asyncio.gather(*clicks, return_exceptions=True)
            assert sum(not isinstance(x, BaseException) for x in done) <= 1
        else:
            await approve.approve(desk, key, version, TRADER, half=how == "half")

    @rule(
        n=st.integers(0, 9),
        how=st.sampled_from(["25", "50", "100", "even", "stop", "trail", "target"]),
    )
    def trader(self, n, how):
        trades = self.rig.desk.book.open_trades()
        if trades:
            self.step(lambda: self.managed(trades[n % len(trades)].trade_id, how))

    async def managed(self, trade_id, how):
        desk = self.rig.desk
        trade = desk.book.trades[trade_id]
        if how == "even":
            await manage.to_break_even(desk, trade_id, TRADER)
        elif how == "stop" and trade.stop is not None:
            step = trade.legs[0].instrument.tick * trade.direction
            await manage.set_stop(desk, trade_id, TRADER, trade.stop.price + step)
        elif how == "trail":
            await manage.trail(desk, trade_id, TRADER, percent=d(10))
        elif how == "target" and trade.entry_price is not None:
            tick = trade.legs[0].instrument.tick
            price = (trade.entry_price * d("1.2") // tick) * tick
            await manage.set_target(desk, trade_id, TRADER, price)
        elif how.isdigit():
            await manage.close(desk, trade_id, TRADER, percent=d(how))

    @rule(
        which=st.sampled_from(list(START_PRICES)),
        to=st.sampled_from([40, 90, 99, 100, 101, 105, 145, 200]),
        size=st.sampled_from([None, None, 1, 2]),
    )
    def market(self, which, to, size):
        tick = TICKS.get(which, 1)
        spot = START_PRICES[which]
        span = to if which not in (AAPL, MES) else 100 + (to - 100) // 20
        self.prices[which] = max(spot * span // 100 // tick * tick, tick)
        self.step(lambda: self.moved(size))

    async def moved(self, size):
        self.requote(size)

    @rule(
        seconds=st.sampled_from([0.3, 0.3, 0.3, 1, 1, 3, 12, 130]),
        size=st.sampled_from([None, None, 1, 2]),
    )
    def time(self, seconds, size):
        self.step(lambda: self.passed(seconds, size))

    async def passed(self, seconds, size=None):
        self.clock.advance(seconds)
        await self.calm()
        self.requote(size)
        await self.calm()
        await sweep.run(self.rig.desk)

    @rule(name=st.sampled_from(FAULTS), times=st.integers(1, 3))
    def fault(self, name, times):
        setattr(self.faults, name, times)

    @rule()
    def reconcile(self):
        self.step(lambda: recover.reconcile(self.rig.desk))

    @rule(close=st.booleans(), is_real=st.sampled_from([False, False, False, True]))
    def panic(self, close, is_real):
        if is_real:
            self.step(lambda: self.panicked(close))

    async def panicked(self, close):
        await halt.emergency_stop(self.rig.desk, TRADER, close=close, reason="drill")
        await self.calm()
        await self.passed(1)
        await halt.resume(self.rig.desk, ADMIN, "drill over")

    @rule(after=st.integers(0, 25))
    def death(self, after):
        """Kill -9: now, or some moments into what comes next."""
        if after:
            self.life.dies_at = self.life.n + after
            return
        self.life.is_over.set()
        self.step(self.nothing)

    async def nothing(self):
        pass

    # -- the end -------------------------------------------------------------------------

    def teardown(self):
        if getattr(self, "rig", None) is not None:
            try:
                self.runner.run(self.ended())
            finally:
                self.runner.run(self.die())
        if hasattr(self, "runner"):
            self.runner.close()

    async def ended(self):
        self.life.dies_at = None
        if self.life.is_over.is_set():
            await self.die()
            await self.born()
        for name in FAULTS:
            setattr(self.faults, name, 0)
        for seconds in (1, 2, 5, 5, 130, 70, 70, 1, 1):
            await self.passed(seconds)
            await self.calm()
        await recover.reconcile(self.rig.desk)
        await self.calm()
        await self.at_rest()

    async def at_rest(self):
        desk = self.rig.desk
        await self.look()
        await truth.books(self.store, auto=AUTO)
        await truth.memory_equals_disk(desk)
        await truth.same_as_broker(desk, self.rig.broker)
        await truth.exits_fit(desk, self.rig.broker)
        assert desk.is_reconciled, desk.gates
        assert not desk.health, desk.health
        for trade in desk.book.open_trades():
            if trade.stop is not None:
                assert trade.is_unprotected_since is None, trade.trade_id
        for order in desk.book.orders.values():
            assert order.purpose is not Purpose.ENTRY or not order.state.is_at_broker, order


CHECKS = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]


def run(examples: int, steps: int, **more: Any) -> None:
    run_state_machine_as_test(
        DeskMachine,
        settings=settings(
            max_examples=examples,
            **more,
            stateful_step_count=steps,
            deadline=None,
            suppress_health_check=CHECKS,
        ),
    )


def test_the_books_are_true_whatever_happens_in_whatever_order() -> None:
    run(100, 20)


@pytest.mark.slow
def test_the_books_are_true_whatever_happens_for_longer() -> None:
    run(2000, 60)
