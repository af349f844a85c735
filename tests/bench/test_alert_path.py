"""Message received -> order accepted by the paper broker: every durable commit included.

Run with ``make bench``. Prints distributions; asserts only that every alert was traded.
"""

import asyncio
import gc
import time
from datetime import date

import pytest

from engine.clock import SystemClock
from engine.domain.desk import Intake
from engine.domain.instrument import option
from engine.domain.order import OrderState, Purpose
from engine.domain.quote import Quote
from engine.flows import take_alert
from engine.market import ALWAYS
from storage.sql import SqlStore, SqlVault
from tests import rig as desks
from tests.rig import OPTIONS, RHEA, d

pytestmark = pytest.mark.bench

FREE = {
    "entry_window": {"stock": None, "option": None, "future": None, "crypto": None},
    "trades_per_day": {"max_trades": 1_000_000, "max_per_symbol": 1_000_000},
    "cooldown": {"after_exit_min": 0},
}


async def desk_on(folder, **more):
    """A desk on a real SQLite file, synchronous=FULL, with the machine's clock."""
    clock = SystemClock()
    store = SqlStore(f"sqlite:///{folder}/desk.db", b"k" * 32, clock)
    rig = await desks.start(
        store=store, vault=SqlVault(store), clock=clock, risk=FREE, latency_ms=0, **more
    )
    rig.desk.calendars = {"*": ALWAYS}
    return rig


def quote(rig, instrument):
    """A fresh quote, 1 % wide."""
    now = rig.clock.now()
    rig.board.put(
        Quote(
            instrument=instrument,
            bid=d("0.99"),
            ask=d("1.00"),
            exchange_at=now,
            received_at=now,
            source="bench",
        )
    )


async def measure(rig, n, first=0):
    """Milliseconds from message to ACCEPTED for n alerts, each closed again by its own exit."""
    wall, cpu = [], []
    for number in range(first, first + n):
        contract = option("SPY", date(2027, 1, 15), d(300 + number % 700), "C")
        quote(rig, contract)
        strike = 300 + number % 700
        message = rig.message(OPTIONS, RHEA, f"BTO 1 SPY {strike}C 01/15/2027 @ 1.00")
        began, worked = time.perf_counter(), time.thread_time()
        record = await take_alert.run(rig.desk, message)
        wall.append((time.perf_counter() - began) * 1e3)
        cpu.append((time.thread_time() - worked) * 1e3)
        assert record is not None
        orders = [o for o in rig.desk.book.orders.values() if o.purpose is Purpose.ENTRY]
        assert any(o.state in (OrderState.ACCEPTED, OrderState.FILLED) for o in orders), record
        await leave(rig, strike)
    return wall, cpu


async def leave(rig, strike):
    """Wait for the fill, close the trade by an exit alert, wait until it is flat."""
    for _ in range(400):
        await asyncio.sleep(0.002)
        if rig.desk.book.open_trades():
            break
    await take_alert.run(
        rig.desk, rig.message(OPTIONS, RHEA, f"STC SPY {strike}C 01/15/2027 @ 1.00")
    )
    for _ in range(800):
        await asyncio.sleep(0.002)
        if not rig.desk.book.trades:
            return
    raise AssertionError("the trade was not closed")


def line(name, values):
    """One printed distribution."""
    ordered = sorted(values)
    at = [ordered[min(int(len(ordered) * q), len(ordered) - 1)] for q in (0.5, 0.9, 0.99)]
    print(f"{name:<46} p50 {at[0]:7.3f}  p90 {at[1]:7.3f}  p99 {at[2]:7.3f} ms  n={len(ordered)}")
    return at[0]


async def test_alert_to_accepted(tmp_path, capsys):
    rig = await desk_on(tmp_path)
    await measure(rig, 10)
    gc.collect()
    gc.freeze()
    wall, cpu = await measure(rig, 30, first=10)
    with capsys.disabled():
        print()
        line("alert -> accepted, wall", wall)
        line("  of it: CPU of the loop's thread", cpu)
    gc.unfreeze()
    await rig.close()


async def test_a_burst_of_500_in_a_second_keeps_the_loop_free(tmp_path, capsys):
    rig = await desk_on(tmp_path)
    messages = [
        rig.message(OPTIONS, RHEA, f"BTO 1 SPY {300 + n}C 01/15/2027 @ 1.00") for n in range(500)
    ]
    lags: list[float] = []
    done = asyncio.Event()

    async def watch_lag():
        while not done.is_set():
            began = time.perf_counter()
            await asyncio.sleep(0.005)
            lags.append((time.perf_counter() - began - 0.005) * 1e3)

    async def post(n, message):
        await asyncio.sleep(n / 500)
        await take_alert.run(rig.desk, message)

    watcher = asyncio.create_task(watch_lag())
    began = time.perf_counter()
    await asyncio.gather(*(post(n, m) for n, m in enumerate(messages)))
    took = time.perf_counter() - began
    done.set()
    await watcher
    taken = await rig.desk.store.find(Intake)
    assert [i.message_id for i in taken] == [m.message_id for m in messages]
    with capsys.disabled():
        print(f"\nburst of 500: all taken in {took:.2f} s, in order")
        line("  event-loop lag", lags)
    await rig.close()
