"""1,000 recent orders and 50 positions: compare with the broker, and start after a kill.

Run with ``make bench``. Prints distributions; asserts only what came about.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from engine.brokers.paper import AlwaysOpen, PaperBroker, PaperSettings
from engine.clock import SystemClock
from engine.domain.order import Order
from engine.feeds import QuoteBoard
from engine.flows.alerts import take_alert
from engine.flows.brokers import recover
from engine.flows.orders import call_off
from engine.market import ALWAYS
from storage.sql import SqlStore, SqlVault
from tests import rig as desks
from tests.bench.history import KEY
from tests.bench.meter import line, say
from tests.bench.test_alert_path import FREE, contract, quote, words
from tests.rig import OPTIONS, RHEA, Rig, d

pytestmark = pytest.mark.bench

POSITIONS, ORDERS, ROUNDS = 50, 1_000, 7


@asynccontextmanager
async def desk_on(folder: Path) -> AsyncIterator[Rig]:
    """A desk on a SQLite file; ending it leaves file and broker as a kill would."""
    clock = SystemClock()
    store = SqlStore(f"sqlite:///{folder}/desk.db", KEY, clock)
    board = QuoteBoard()
    at_any_hour = PaperBroker(
        clock=clock,
        board=board,
        vault=SqlVault(store),
        settings=PaperSettings(start_cash_usd={"main": d(100_000)}, latency_ms=60),
        hours=AlwaysOpen(),
    )
    rig = await desks.start(
        store=store,
        clock=clock,
        board=board,
        wrap=lambda _: at_any_hour,
        risk=FREE
        | {
            "allocation": {"max_pct": 1000},
            "data_fresh": {"max_age_s": 600},
            "position_size": {"max_loss_pct": 100, "max_notional_pct": 100},
        },
        max_quote_age_s=d(600),
        entry_wait_s=3600,
    )
    rig.desk.calendars = {"*": ALWAYS}
    try:
        yield rig
    finally:
        await at_any_hour.close()
        await rig.close()


async def until(check: object) -> None:
    async with asyncio.timeout(60):
        while not check():  # type: ignore[operator]  # noqa: ASYNC110 - moved by other tasks
            await asyncio.sleep(0.005)


async def say_alert(rig: Rig, number: int, bid: str = "0.99", ask: str = "1.00") -> None:
    quote(rig, contract(number), bid, ask)
    await take_alert.run(rig.desk, rig.message(OPTIONS, RHEA, words(number)))


async def make_past(folder: Path) -> None:
    """Fifty positions with their stops, and entries that were taken back, up to 1,000 orders."""
    async with desk_on(folder) as rig:
        for number in range(POSITIONS):
            await say_alert(rig, number)
        await asyncio.sleep(0.1)  # the paper broker's latency, on the machine's clock
        for number in range(POSITIONS):
            quote(rig, contract(number))
        await until(lambda: len(rig.desk.book.open_trades()) == POSITIONS)
        for number in range(POSITIONS, ORDERS - POSITIONS):
            await say_alert(rig, number)
            quote(rig, contract(number), "1.49", "1.50")
            orders = [o for o in rig.desk.book.orders.values() if call_off.may_cancel(o)]
            for order in orders:
                if order.purpose == "entry":
                    await call_off.ask_cancel(rig.desk, order, "bench")
        await until(lambda: not rig.desk.book.pending_entries("main"))
        await rig.rest()
        n = len(await rig.desk.store.find(Order))
        assert n >= ORDERS - POSITIONS, n
        assert len(rig.desk.book.open_trades()) == POSITIONS


async def test_compare_and_start_with_a_thousand_orders(tmp_path: Path) -> None:
    began = time.perf_counter()
    await make_past(tmp_path)
    say(f"\n{ORDERS} orders, {POSITIONS} positions made in {time.perf_counter() - began:.0f} s")
    started, light, full = [], [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        async with desk_on(tmp_path) as rig:
            started.append((time.perf_counter() - began) * 1e3)
            assert rig.desk.is_reconciled, rig.desk.gates
            assert len(rig.desk.book.open_trades()) == POSITIONS
            for found, is_full in ((light, False), (full, True)):
                if is_full:
                    rig.desk._done_at.clear()
                began = time.perf_counter()
                await recover.reconcile(rig.desk)
                found.append((time.perf_counter() - began) * 1e3)
            assert "reconcile main" not in rig.desk.health
    line("start to trading-ready after a kill", started)
    line("light comparison", light)
    line("full comparison", full)
