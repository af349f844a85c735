"""Bench: an order from our adapter to the broker's answer, beside the broker's library as it is."""

import asyncio
import json
import sys
import time
from collections.abc import AsyncIterator
from decimal import Decimal
from itertools import count
from typing import Any
from urllib.request import urlopen

import pytest
from pydantic import SecretStr

from engine.brokers import OrderRequest, Setup
from engine.brokers.alpaca import Alpaca
from engine.clock import SystemClock
from engine.domain.instrument import stock
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg
from tests.bench.meter import line, percentile, say
from tests.conformance.venue_bench import MemoryTokens

pytestmark = pytest.mark.bench

N, BURST, ROUND_TRIP_S = 400, 20, 0.05
_IDS = count(1)


def request() -> OrderRequest:
    return OrderRequest(
        client_order_id=f"TS{next(_IDS):018d}",
        account="main",
        side=Side.BUY,
        legs=(Leg(instrument=stock("SPY")),),
        qty=Decimal(1),
        type=OrderType.LIMIT,
        limit=Decimal("600.25"),
    )


class World:
    """A server in another process, and our adapter connected to it."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        settings = Alpaca.Settings(
            rest_url=self.url,
            stream_url=f"ws://127.0.0.1:{port}/stream",
            requests_per_min=60_000,
        )
        secrets = {name: SecretStr(f"PK-{name}") for name in Alpaca.secrets}
        setup = Setup(
            name="alpaca",
            clock=SystemClock(),
            accounts={"main": None},
            secrets=secrets,
            tokens=MemoryTokens(),
        )
        self.adapter = Alpaca(settings, setup)

    async def told(self, slow_s: float = 0.0) -> dict[str, Any]:
        """What arrived since this was asked last."""

        def ask() -> Any:
            with urlopen(f"{self.url}/bench?slow={slow_s}") as answer:  # noqa: S310 - loopback
                return json.load(answer)

        said: dict[str, Any] = await asyncio.to_thread(ask)
        return said


@pytest.fixture
async def world() -> AsyncIterator[World]:
    server = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.alpaca_server",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert server.stdin is not None
    assert server.stdout is not None
    made = World(int(await server.stdout.readline()))
    await made.adapter.connect()
    yield made
    await made.adapter.close()
    server.stdin.close()
    await server.wait()


def plain(url: str) -> Any:
    """alpaca-py as its readme calls it."""
    from alpaca.trading.client import TradingClient
    from alpaca.trading.enums import OrderSide, TimeInForce
    from alpaca.trading.requests import LimitOrderRequest

    client = TradingClient("PK-key", "PK-secret", paper=True, url_override=url)

    def submit() -> Any:
        return client.submit_order(
            LimitOrderRequest(
                symbol="SPY",
                qty=1,
                side=OrderSide.BUY,
                time_in_force=TimeInForce.DAY,
                limit_price=600.25,
                client_order_id=f"TS{next(_IDS):018d}",
            )
        )

    return submit


async def test_an_order_to_its_answer(world: World) -> None:
    submit = plain(world.url)
    for _ in range(30):
        await world.adapter.submit(request())
        submit()
    await world.told()
    took: dict[str, list[float]] = {"ours": [], "plain": [], "thread": []}
    for _ in range(N):
        began = time.perf_counter()
        await world.adapter.submit(request())
        took["ours"].append((time.perf_counter() - began) * 1e3)
        began = time.perf_counter()
        submit()
        took["plain"].append((time.perf_counter() - began) * 1e3)
        began = time.perf_counter()
        await asyncio.to_thread(submit)
        took["thread"].append((time.perf_counter() - began) * 1e3)
    told = await world.told()
    say()
    line("alpaca: our adapter, off the loop", took["ours"])
    line("alpaca-py called plainly, blocking the loop", took["plain"])
    line("alpaca-py called plainly in a thread", took["thread"])
    for name, other in (("blocking", "plain"), ("in a thread", "thread")):
        ratios = [percentile(took["ours"], p) / percentile(took[other], p) for p in (50, 99)]
        say(f"ours / plain {name}: p50 {ratios[0]:.2f}, p99 {ratios[1]:.2f}")
    say(f"connections of all three together: {told['connections']}")
    assert len(told["arrived"]) == 3 * N
    assert told["connections"] <= 3


async def test_a_burst_at_a_slow_broker(world: World) -> None:
    await asyncio.gather(*(world.adapter.submit(request()) for _ in range(BURST)))  # threads, pool
    last, lag = [], 0.0

    async def heartbeat() -> None:
        nonlocal lag
        while True:
            began = time.perf_counter()
            await asyncio.sleep(0.001)
            lag = max(lag, time.perf_counter() - began - 0.001)

    beat = asyncio.create_task(heartbeat())
    for _ in range(20):
        await world.told(ROUND_TRIP_S)
        began = time.monotonic()
        await asyncio.gather(*(world.adapter.submit(request()) for _ in range(BURST)))
        arrived = (await world.told(ROUND_TRIP_S))["arrived"]
        assert len(arrived) == BURST
        last.append((max(arrived) - began) * 1e3)
    beat.cancel()
    say()
    line(f"alpaca: last of {BURST} orders leaves, {ROUND_TRIP_S * 1e3:.0f} ms round trip", last)
    say(f"longest hold-up of the loop meanwhile: {lag * 1e3:.1f} ms")
