"""A broker's imitation in a process of its own, for a bench of the desk: ``... far_venue webull``.

Prints its port and the tokens that its owner made there. ``GET /bench`` sets ``slow`` seconds per
answer and tells when each order arrived, on the machine's monotonic clock, how long this process
worked on it in milliseconds, and over how many connections they came.
"""

import asyncio
import json
import sys
import time
from dataclasses import replace
from decimal import Decimal
from typing import Any

from aiohttp import web

from engine.brokers.paper import AlwaysOpen
from engine.clock import SystemClock
from tests.conformance.broker_bench import BROKERS

ORDERS = ("/place", "/orders")
CASH = Decimal(100_000_000)


class Book:
    """What came, and when."""

    def __init__(self) -> None:
        self.slow_s = 0.0
        self.arrived: list[float] = []
        self.worked: list[float] = []
        self.peers: set[Any] = set()

    @web.middleware
    async def watch(self, request: web.Request, handler: Any) -> web.StreamResponse:
        """Orders are counted and, when told so, answered late."""
        if request.path == "/bench":
            return self.tell(request)
        path = request.path.removesuffix(".json")
        if request.method != "POST" or not path.endswith(ORDERS):
            answer: web.StreamResponse = await handler(request)
            return answer
        began = time.monotonic()
        answer = await handler(request)
        self.arrived.append(began)
        self.worked.append((time.monotonic() - began) * 1e3)
        assert request.transport is not None
        self.peers.add(request.transport.get_extra_info("peername"))
        await asyncio.sleep(self.slow_s)
        return answer

    def tell(self, request: web.Request) -> web.Response:
        """All of it, and begin anew."""
        said = {"arrived": self.arrived, "worked": self.worked, "connections": len(self.peers)}
        self.slow_s = float(request.query["slow"])
        self.arrived, self.worked, self.peers = [], [], set()
        return web.json_response(said)


async def main(name: str) -> None:
    """Until whoever started it is gone."""
    bench: Any = BROKERS[name]()
    bench.clock = SystemClock()
    bench.numbers = {"main": bench.numbers["main"]}
    bench.terms = replace(bench.terms, start_cash_usd={"main": CASH}, latency_ms=0)
    made, book = bench.venue_type, Book()

    def opened(clock: Any, vault: Any, settings: Any, *, board: Any) -> Any:
        venue = made(clock, vault, settings, board=board, hours=AlwaysOpen())
        routes = venue.routes

        def watched(app: web.Application) -> None:
            app.middlewares.insert(0, book.watch)
            routes(app)

        venue.routes = watched
        return venue

    bench.venue_type = opened
    venue = await bench.open_venue()
    bench.connect_faults(venue)
    print(json.dumps({"url": venue.url, "ws_url": venue.ws_url, "tokens": bench.tokens.kept}))
    sys.stdout.flush()
    await asyncio.to_thread(sys.stdin.read)
    await bench.stop()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
