"""Alpaca as quick as it can be, in a process of its own: what is measured is the way there.

python -m tests.bench.alpaca_server: prints its port, then serves. ``GET /bench`` sets ``slow``
seconds per answer and tells when each order arrived, on the machine's monotonic clock.
"""

import asyncio
import json
import sys
import time
from itertools import count
from typing import Any

from aiohttp import WSMsgType, web

_IDS = count(1)

ORDER: dict[str, Any] = {
    "created_at": "2026-11-18T15:00:00.000000Z",
    "updated_at": "2026-11-18T15:00:00.000000Z",
    "submitted_at": "2026-11-18T15:00:00.000000Z",
    "asset_id": "b0b6dd9d-8b9b-48a9-ba46-b9d54906e415",
    "asset_class": "us_equity",
    "notional": None,
    "filled_qty": "0",
    "filled_avg_price": None,
    "order_class": "simple",
    "extended_hours": False,
    "legs": None,
    "status": "pending_new",
}


class Server:
    def __init__(self) -> None:
        self.slow_s = 0.0
        self.arrived: list[float] = []
        self.peers: set[Any] = set()

    async def order(self, request: web.Request) -> web.Response:
        self.arrived.append(time.monotonic())
        assert request.transport is not None
        self.peers.add(request.transport.get_extra_info("peername"))
        body = await request.json()
        if self.slow_s:
            await asyncio.sleep(self.slow_s)
        said = {**ORDER, **body, "id": f"{next(_IDS):032d}", "order_type": body["type"]}
        return web.json_response(said)

    async def account(self, _: web.Request) -> web.Response:
        return web.json_response({"account_number": "PA3BENCH", "status": "ACTIVE"})

    async def bench(self, request: web.Request) -> web.Response:
        told = {"arrived": self.arrived, "connections": len(self.peers)}
        self.slow_s = float(request.query["slow"])
        self.arrived, self.peers = [], set()
        return web.json_response(told)

    async def stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break
            said = json.loads(message.data)
            stream = "listening" if said["action"] == "listen" else "authorization"
            await socket.send_json({"stream": stream, "data": {"status": "authorized"}})
        return socket


async def main() -> None:
    server = Server()
    app = web.Application()
    app.router.add_post("/v2/orders", server.order)
    app.router.add_get("/v2/account", server.account)
    app.router.add_get("/bench", server.bench)
    app.router.add_get("/stream", server.stream)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)  # until whoever started it is gone
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
