"""Message received -> the broker's answer, at the imitation of every broker that trades options.

The venue is a process of its own on loopback; the desk writes everything ahead on a real disk and
the adapters their own registers. Run with ``make bench``. Prints distributions; asserts only what
came about. The venue's own work is told apart: a real broker's is not ours to make quicker.
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from bot.tokens import FileTokens
from engine.brokers import BrokerOrder, OrderRequest, Setup
from engine.domain.desk import AlertState
from engine.domain.order import Order, OrderState
from engine.domain.source import RouteRule
from engine.flows.alerts import take_alert
from engine.flows.brokers import hear, recover
from engine.flows.orders import call_off, doubt
from engine.market import ALWAYS
from tests.bench.meter import fsync_ms, line, say
from tests.bench.test_alert_path import contract, desk_on, quote, words
from tests.conformance.broker_bench import BROKERS
from tests.conformance.venue_bench import NoWait
from tests.rig import OPTIONS, RHEA, Rig, d
from tests.venues import far as elsewhere

pytestmark = pytest.mark.bench

NAMES = ("alpaca", "etrade", "schwab", "tastytrade", "webull")
ALERTS, WARM = 120, 20
BURST, BURSTS, ROUND_TRIP_S = 20, 7, 0.05


class Far:
    """A venue elsewhere, our adapter there, and when it was asked last."""

    def __init__(self, rig: Rig, name: str, venue: elsewhere.Far, tokens: FileTokens) -> None:
        self.bench: Any = BROKERS[name]()
        self.venue = venue
        setup = Setup(
            name=name,
            clock=rig.clock,
            accounts={"far": self.bench.numbers["main"]},
            secrets={key: SecretStr(text) for key, text in self.bench.secrets.items()},
            tokens=tokens,
        )
        self.broker = self.bench.adapter(self.bench.settings(venue.url, venue.ws_url), setup)
        self.asked_at = self.answered_at = 0.0
        inner = self.broker.submit

        async def submit(request: OrderRequest) -> BrokerOrder:
            self.asked_at = time.perf_counter()
            report: BrokerOrder = await inner(request)
            self.answered_at = time.perf_counter()
            return report

        self.broker.submit = submit

    async def told(self, slow_s: float = 0.0) -> dict[str, Any]:
        """What arrived since this was asked last."""
        return await self.venue.orders_arrived(slow_s)


@asynccontextmanager
async def far_desk(rig: Rig, name: str, folder: Path) -> AsyncIterator[Far]:
    """The desk with an account at the venue, where every option goes."""
    async with elsewhere.far(name) as venue:
        tokens = FileTokens(folder / "tokens")
        for key, text in venue.tokens.items():
            await tokens.save(key, text)
        far = Far(rig, name, venue, tokens)
        desk = rig.desk
        desk.brokers = {**desk.brokers, name: far.broker}
        desk.calendars = {"*": ALWAYS}
        desk.settings = replace(
            desk.settings,
            accounts={"main": "paper", "far": name},
            start_cash_usd={"main": d(100_000), "far": d(100_000)},
            routes=(RouteRule(accounts=("far",), to="all"),),
            watch_s=3600,
            poll_s=3600,
        )
        await far.broker.connect()

        async def pump() -> None:
            async for event in far.broker.events():
                await hear.on_event(desk, name, event)

        pumping = asyncio.create_task(pump())
        await recover.start(desk)
        while desk.gate(name):  # noqa: ASYNC110 - other tasks compare, there is no event
            await asyncio.sleep(0.01)
        try:
            yield far
        finally:
            await desk.drain()
            await desk.stop_tasks()
            await far.broker.close()
            pumping.cancel()
            await asyncio.gather(pumping, return_exceptions=True)


async def one(rig: Rig, far: Far, number: int) -> dict[str, float]:
    """Milliseconds since the message, by what had come about then."""
    quote(rig, contract(number))
    message = rig.message(OPTIONS, RHEA, words(number))
    began, cpu = time.perf_counter(), time.thread_time()
    record = await take_alert.run(rig.desk, message)
    cpu = time.thread_time() - cpu
    assert record is not None
    await over(rig, record.alert_id)
    return {
        "alert -> the adapter is asked, everything durable": (far.asked_at - began) * 1e3,
        "alert -> the broker's answer": (far.answered_at - began) * 1e3,
        "  of it the adapter, the wire and the venue": (far.answered_at - far.asked_at) * 1e3,
        "CPU of the loop's thread, to the answer stored": cpu * 1e3,
    }


async def over(rig: Rig, alert_id: str) -> None:
    """The entry was taken; now it is cancelled, so that nothing piles up."""
    record = rig.desk.book.alerts[alert_id]
    assert record.state is AlertState.ORDERED, record.reason
    (order,) = rig.desk.book.orders_of(record.trade_ids[0])
    assert order.state is OrderState.ACCEPTED, order
    assert await call_off.ask_cancel(rig.desk, order, "bench")
    for _ in range(2000):
        known: Order | None = rig.desk.book.orders.get(order.order_id)
        if known is None or known.state.is_terminal:
            return
        await doubt.look_up(rig.desk, order.order_id)
        await asyncio.sleep(0.001)
    raise AssertionError("the entry was not cancelled")


def free(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """More than a day's pace."""
    for limiter in BROKERS[name]().paced:
        monkeypatch.setattr(limiter, NoWait)


@pytest.mark.parametrize("name", NAMES)
async def test_alert_to_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    free(monkeypatch, name)
    async with desk_on(tmp_path) as rig, far_desk(rig, name, tmp_path) as far:
        for number in range(WARM):
            await one(rig, far, number)
        await far.told()
        found = [await one(rig, far, number) for number in range(WARM, WARM + ALERTS)]
        told = await far.told()
    say(f"\n{name}")
    line("this disk: 64 kB made durable", fsync_ms(tmp_path))
    for what in found[0]:
        line(what, [each[what] for each in found])
    line("the venue's own work per order", told["worked"])
    say(f"{len(told['arrived'])} orders over {told['connections']} connection(s)")
    assert len(told["arrived"]) == ALERTS


@pytest.mark.parametrize("name", NAMES)
async def test_a_burst_of_alerts_at_a_slow_broker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Twenty messages in one moment, each order under way for a round trip of 50 ms."""
    free(monkeypatch, name)
    last, done = [], []
    async with desk_on(tmp_path) as rig, far_desk(rig, name, tmp_path) as far:
        for number in range(WARM):
            await one(rig, far, number)
        for turn in range(BURSTS + 1):
            await far.told(ROUND_TRIP_S)
            numbers = range(WARM + turn * BURST, WARM + turn * BURST + BURST)
            for number in numbers:
                quote(rig, contract(number))
            messages = [rig.message(OPTIONS, RHEA, words(n)) for n in numbers]
            began = time.monotonic()
            records = await asyncio.gather(*(take_alert.run(rig.desk, m) for m in messages))
            took = time.monotonic() - began
            arrived = (await far.told())["arrived"]
            for record in records:
                assert record is not None
                await over(rig, record.alert_id)
            if turn:  # the first one opens the connections
                last.append((max(arrived) - began) * 1e3)
                done.append(took * 1e3)
            assert len(arrived) == BURST
    say(f"\n{name}, {BURST} alerts at once, {ROUND_TRIP_S * 1e3:.0f} ms round trip")
    line("arrival -> the last order is at the broker", last)
    line("arrival -> all of them answered and stored", done)
