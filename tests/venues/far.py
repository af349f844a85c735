"""A broker's imitation in a process of its own: ``python -m tests.venues.far webull``.

Prints its addresses and the tokens that its owner made there, and lives as long as its stdin. What
a test asks it beside the broker's own interface stands below ``/bench``; :class:`Far` asks.
"""

import asyncio
import json
import sys
import time
from argparse import ArgumentParser, Namespace
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import aiohttp
from aiohttp import web

from engine.brokers import BrokerOrder
from engine.brokers.paper import AlwaysOpen
from engine.clock import SystemClock
from engine.domain.instrument import parse_key
from engine.domain.quote import Quote
from tests.conformance.broker_bench import BROKERS

ORDERS = ("/place", "/orders")
PATIENCE_S = 30.0
_RECENT = timedelta(seconds=60)


# -- here


@dataclass(frozen=True, kw_only=True)
class Row:
    """One order of the venue's own books."""

    broker_id: str
    side: str
    type: str
    qty: Decimal
    symbol: str


@dataclass(frozen=True, kw_only=True)
class Books:
    """What the venue itself says of an account."""

    orders: list[Row]
    """Every order, whatever became of it, oldest change first."""
    fills: list[tuple[str, Decimal]]
    """Instrument and signed quantity of every execution."""
    held: dict[str, Decimal]
    working: list[tuple[str, str, Decimal]]
    """Broker's number, instrument and signed quantity left of every order at work."""
    filled: list[tuple[str, str, Decimal]]
    """The same of what was filled in the orders of the last minute."""
    violations: list[str]
    n_checked: int


@dataclass(frozen=True, kw_only=True)
class Far:
    """A venue elsewhere: its addresses, its owner's tokens, and what only a test asks it."""

    url: str
    ws_url: str
    tokens: dict[str, str]
    http: aiohttp.ClientSession

    async def orders_arrived(self, slow_s: float = 0.0) -> dict[str, Any]:
        """What arrived since this was asked last; from here on each answer takes so long."""
        found: dict[str, Any] = await self._ask("arrived", {"slow": slow_s})
        return found

    async def log(self) -> list[str]:
        """Every request that it heard: when, what, and how it was answered."""
        found: list[str] = await self._ask("log", {})
        return found

    async def show(self, quotes: Iterable[tuple[str, Decimal, Decimal]]) -> None:
        """Its market: instrument, bid, ask."""
        await self._ask("quotes", [[key, str(bid), str(ask)] for key, bid, ask in quotes])

    async def kill(self, pid: int | None, at: str = "") -> None:
        """SIGKILL for this process at its next order: on its ``request`` or once ``accepted``."""
        await self._ask("kill", {"pid": pid, "at": at})

    async def books(self, number: str, since: datetime | None = None) -> Books:
        """Its own books; without ``since`` only what is held and what works."""
        asked = {"number": number, "since": since and since.isoformat()}
        said = await self._ask("books", asked)
        return Books(
            orders=[Row(**row | {"qty": Decimal(row["qty"])}) for row in said["orders"]],
            fills=[(key, Decimal(qty)) for key, qty in said["fills"]],
            held={key: Decimal(qty) for key, qty in said["held"].items()},
            working=[(number, key, Decimal(qty)) for number, key, qty in said["working"]],
            filled=[(number, key, Decimal(qty)) for number, key, qty in said["filled"]],
            violations=said["violations"],
            n_checked=said["n_checked"],
        )

    async def _ask(self, what: str, said: Any) -> Any:
        async with self.http.post(f"{self.url}/bench/{what}", json=said) as answer:
            answer.raise_for_status()
            return await answer.json()


@asynccontextmanager
async def far(name: str, *, cash: int = 100_000_000, latency_ms: int = 0) -> AsyncIterator[Far]:
    """The venue of a bench (``webull``, ``alpaca stock``), open around the clock until the end."""
    words = [name, "--cash", str(cash), "--latency-ms", str(latency_ms)]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.venues.far", *words),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        told = json.loads(await process.stdout.readline())
        limit = aiohttp.ClientTimeout(total=PATIENCE_S)
        async with aiohttp.ClientSession(timeout=limit) as http:
            yield Far(http=http, **told)
    finally:
        process.stdin.close()
        await process.wait()


# -- there


class Desk:
    """Answers :class:`Far`."""

    def __init__(self) -> None:
        self.venue: Any = None
        self.slow_s = 0.0
        self.arrived: list[float] = []
        self.worked: list[float] = []
        self.peers: set[Any] = set()
        self.heard: list[str] = []

    @web.middleware
    async def watch(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Orders are counted and, when told so, answered late."""
        if request.path.startswith("/bench/"):
            answers = getattr(self, f"_{request.path.removeprefix('/bench/')}")
            return web.json_response(await answers(await request.json()))
        said = await request.text()
        what = f"{self.venue.clock.now():%H:%M:%S.%f} {request.method} {request.path_qs} {said}"
        try:
            answer = await self._answered(request, handler)
        except BaseException:
            self.heard.append(f"{what} -> nothing")
            raise
        self.heard.append(f"{what} -> {answer.status}")
        return answer

    async def _answered(self, request: web.Request, handler: Any) -> web.StreamResponse:
        path = request.path.removesuffix(".json")
        if request.method != "POST" or not path.endswith(ORDERS):
            answer: web.StreamResponse = await handler(request)
            return answer
        began = time.monotonic()
        answer = await handler(request)
        self.arrived.append(began)
        self.worked.append((time.monotonic() - began) * 1e3)
        if request.transport is not None:  # else whoever asked is gone
            self.peers.add(request.transport.get_extra_info("peername"))
        await asyncio.sleep(self.slow_s)
        return answer

    async def _arrived(self, asked: Any) -> Any:
        """On the machine's monotonic clock; how long this process worked on each, in ms."""
        said = {"arrived": self.arrived, "worked": self.worked, "connections": len(self.peers)}
        self.slow_s = asked["slow"]
        self.arrived, self.worked, self.peers = [], [], set()
        return said

    async def _log(self, asked: Any) -> Any:
        del asked
        return self.heard

    async def _quotes(self, asked: Any) -> Any:
        for key, bid, ask in asked:
            now = self.venue.clock.now()
            self.venue.board.put(
                Quote(
                    instrument=parse_key(key),
                    bid=Decimal(bid),
                    ask=Decimal(ask),
                    exchange_at=now,
                    received_at=now,
                    source="far",
                )
            )
        return {}

    async def _kill(self, asked: Any) -> Any:
        self.venue.faults.kill_pid, self.venue.faults.kill_at = asked["pid"], asked["at"]
        return {}

    def _number(self, order: BrokerOrder) -> str:
        """As its broker's lists say it, where that is not the book's own."""
        known = getattr(self.venue, "placed", {}).get((order.account, order.client_order_id))
        return order.broker_id if known is None else str(known.number)

    async def _books(self, asked: Any) -> Any:
        exchange, number = self.venue.exchange, asked["number"]
        orders, fills = [], []
        if asked["since"] is not None:
            since = datetime.fromisoformat(asked["since"])
            orders = await exchange.orders_since(number, since)
            fills = await exchange.fills_since(number, since)
        held = await exchange.positions(number)
        working = await exchange.open_orders(number)
        recent = await exchange.orders_since(number, SystemClock().now() - _RECENT)
        return {
            "orders": [
                {
                    "broker_id": self._number(order),
                    "side": order.side.value,
                    "type": order.type.value,
                    "qty": str(order.qty),
                    "symbol": order.legs[0].instrument.symbol,
                }
                for order in orders
            ],
            "fills": [(f.instrument.key, str(f.qty * f.side.sign)) for f in fills],
            "held": {p.instrument.key: str(p.qty) for p in held if p.qty},
            "working": [
                (self._number(order), leg.instrument.key, str(left * order.side.sign * leg.ratio))
                for order in working
                if (left := order.qty - order.filled)
                for leg in order.legs
            ],
            "filled": [
                (
                    self._number(order),
                    leg.instrument.key,
                    str(order.filled * order.side.sign * leg.ratio),
                )
                for order in recent
                if order.filled
                for leg in order.legs
            ],
            "violations": self.venue.log.violations[:5],
            "n_checked": self.venue.log.n_checked,
        }


async def main(asked: Namespace) -> None:
    """Until whoever started it is gone."""
    bench: Any = BROKERS[asked.name]()
    bench.clock = SystemClock()
    bench.numbers = {"main": bench.numbers["main"]}
    cash = {"main": Decimal(asked.cash)}
    bench.terms = replace(bench.terms, start_cash_usd=cash, latency_ms=asked.latency_ms)
    made, desk = bench.venue_type, Desk()

    def opened(clock: Any, vault: Any, settings: Any, *, board: Any) -> Any:
        desk.venue = venue = made(clock, vault, settings, board=board, hours=AlwaysOpen())
        routes = venue.routes

        def watched(app: web.Application) -> None:
            app.middlewares.insert(0, desk.watch)
            routes(app)

        venue.routes = watched
        return venue

    bench.venue_type = opened
    venue = await bench.open_venue()
    bench.connect_faults(venue)
    told = {"url": venue.url, "ws_url": venue.ws_url, "tokens": bench.tokens.kept}
    print(json.dumps(told), flush=True)  # noqa: T201 - to whoever started it
    await asyncio.to_thread(sys.stdin.read)
    await bench.stop()


if __name__ == "__main__":
    parser = ArgumentParser()
    parser.add_argument("name")
    parser.add_argument("--cash", type=int, default=100_000_000)
    parser.add_argument("--latency-ms", type=int, default=0)
    asyncio.run(main(parser.parse_args()))
