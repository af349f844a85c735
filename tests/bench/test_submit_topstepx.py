"""Message received -> the broker's HTTP answer, over an adapter on our own client.

The broker is a process of its own on loopback that says yes at once; the desk writes everything
ahead on a real disk. Run with ``make bench``. Prints distributions; asserts only what came about.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from engine.brokers import OrderRequest, Setup
from engine.brokers.topstepx import Topstepx
from engine.clock import SystemClock
from engine.domain.desk import AlertState
from engine.domain.instrument import Instrument, front_future
from engine.domain.order import OrderState
from engine.domain.source import RouteRule
from engine.flows.alerts import take_alert
from engine.flows.brokers import hear, recover
from engine.flows.orders import call_off
from engine.market import ALWAYS
from tests.bench.far_topstepx import ACCOUNT
from tests.bench.meter import fsync_ms, line, say
from tests.bench.test_alert_path import desk_on
from tests.conformance import topstepx_bench
from tests.conformance.venue_bench import MemoryTokens, NoWait
from tests.rig import FUTURES, NINJA, Rig, d

pytestmark = pytest.mark.bench

ALERTS, WARM = 300, 30


@asynccontextmanager
async def gateway() -> AsyncIterator[int]:
    """The broker's port."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.far_topstepx",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.stdin.close()
        await process.wait()


class Timed(Topstepx):
    """Knows when it was asked last, and when the answer was there."""

    asked_at = answered_at = cpu_at = 0.0

    async def submit(self, request: OrderRequest) -> Any:
        """As always."""
        self.asked_at = time.perf_counter()
        report = await super().submit(request)
        self.answered_at, self.cpu_at = time.perf_counter(), time.thread_time()
        return report


@asynccontextmanager
async def prop_desk(rig: Rig, port: int) -> AsyncIterator[Timed]:
    """The desk with one account at the gateway, where every future goes."""
    setup = Setup(
        name="topstepx",
        clock=rig.clock,
        accounts={"prop": str(ACCOUNT)},
        secrets={"user": SecretStr("u"), "key": SecretStr("k")},
        tokens=MemoryTokens(),
    )
    url = f"127.0.0.1:{port}"
    broker = Timed(topstepx_bench.settings(f"http://{url}", f"ws://{url}"), setup)
    desk = rig.desk
    desk.brokers = {**desk.brokers, "topstepx": broker}
    desk.calendars = {"*": ALWAYS}
    desk.settings = replace(
        desk.settings,
        accounts={"main": "paper", "prop": "topstepx"},
        start_cash_usd={"main": d(100_000), "prop": d(100_000)},
        routes=(RouteRule(accounts=("prop",), to="all"),),
    )
    await broker.connect()

    async def pump() -> None:
        async for event in broker.events():
            await hear.on_event(desk, "topstepx", event)

    pumping = asyncio.create_task(pump())
    await recover.start(desk)
    await rig.rest()
    try:
        yield broker
    finally:
        await desk.drain()
        await broker.close()
        await pumping


def month(rig: Rig) -> Instrument:
    """What ES means to this desk today."""
    return front_future("MES", rig.clock.now().date())


async def one(rig: Rig, broker: Timed, number: int) -> dict[str, float]:
    """Milliseconds since the message, by what had come about then."""
    price = d("6000") + number % 5000
    rig.quote(month(rig), str(price - d("0.25")), str(price))
    message = rig.message(FUTURES, NINJA, f"🚨 ES long {price}: A\nStop: {price - 10}")
    began, cpu = time.perf_counter(), time.thread_time()
    record = await take_alert.run(rig.desk, message)
    ended = time.perf_counter()
    assert record is not None
    record = rig.desk.book.alerts[record.alert_id]
    assert record.state is AlertState.ORDERED, record.reason
    (order,) = rig.desk.book.orders_of(record.trade_ids[0])
    assert order.state is OrderState.ACCEPTED
    await gone(rig, order)
    return {
        "alert -> request leaves, everything durable": (broker.asked_at - began) * 1e3,
        "alert -> the broker's HTTP answer": (broker.answered_at - began) * 1e3,
        "  of it the adapter and the wire": (broker.answered_at - broker.asked_at) * 1e3,
        "  of it CPU of the loop's thread": (broker.cpu_at - cpu) * 1e3,
        "alert -> answer stored, card due": (ended - began) * 1e3,
    }


async def gone(rig: Rig, order: Any) -> None:
    """Cancelled, so that nothing piles up."""
    assert await call_off.ask_cancel(rig.desk, order, "bench")
    for _ in range(2000):
        if not rig.desk.book.trades:
            return
        await asyncio.sleep(0.001)
    raise AssertionError("the entry was not cancelled")


async def plain(port: int, n: int) -> list[float]:
    """The same body by a bare client on one connection: what the wire itself takes."""
    body = {"accountId": ACCOUNT, "contractId": "X", "type": 1, "side": 0, "size": 1}
    took = []
    async with aiohttp.ClientSession() as session:
        for _ in range(n):
            began = time.perf_counter()
            url = f"http://127.0.0.1:{port}/api/Order/place"
            async with session.post(url, json=body) as answer:
                await answer.json()
            took.append((time.perf_counter() - began) * 1e3)
    return took


async def test_alert_to_the_brokers_answer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("engine.brokers._wire.lanes.Window", NoWait)  # more than a day's pace
    async with gateway() as port, desk_on(tmp_path) as rig, prop_desk(rig, port) as broker:
        assert isinstance(rig.clock, SystemClock)
        for number in range(WARM):
            await one(rig, broker, number)
        found = [await one(rig, broker, number) for number in range(WARM, WARM + ALERTS)]
        bare = await plain(port, ALERTS)
        calls = broker.usage.n_calls
    say()
    line("this disk: 64 kB made durable", fsync_ms(tmp_path))
    line("a bare POST to the same gateway", bare)
    for name in found[0]:
        line(name, [each[name] for each in found])
    say(f"{calls} calls of the adapter for {WARM + ALERTS} orders and as many cancels")
