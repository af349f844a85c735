"""A gateway in a process of its own that says yes at once: what a bench of the desk talks to.

``python -m tests.bench.far_topstepx`` prints its port. It keeps no books; an order that is
cancelled is told as cancelled on the user hub.
"""

import asyncio
import json
import sys
from itertools import count
from typing import Any

from aiohttp import WSMsgType, web

from engine.domain.instrument import FUTURES, front_future
from tests.conformance.broker_bench import START
from tests.venues.topstepx import END, contract_id, contract_name

ACCOUNT = 41001


def yes(**more: Any) -> web.Response:
    """Done."""
    return web.json_response({"success": True, "errorCode": 0, "errorMessage": None, **more})


class Gateway:
    """Orders by number, and who listens."""

    def __init__(self) -> None:
        self.numbers = count(9001)
        self.rows: dict[int, dict[str, Any]] = {}
        self.hubs: set[web.WebSocketResponse] = set()

    async def place(self, request: web.Request) -> web.Response:
        """Taken."""
        number = next(self.numbers)
        self.rows[number] = await request.json()
        return yes(orderId=number)

    async def cancel(self, request: web.Request) -> web.Response:
        """Cancelled, and told."""
        number = (await request.json())["orderId"]
        row = self.rows.pop(number) | {"id": number, "status": 3, "fillVolume": 0}
        row |= {"creationTimestamp": START.isoformat(), "symbolId": "F.US.X"}
        frame = {"type": 1, "target": "GatewayUserOrder", "arguments": [{"action": 1, "data": row}]}
        for hub in self.hubs:
            await hub.send_str(json.dumps(frame) + END)
        return yes()

    async def hub(self, request: web.Request) -> web.WebSocketResponse:
        """Says hello, answers every call."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self.hubs.add(socket)
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            for text in filter(None, message.data.split(END)):
                record = json.loads(text)
                if "protocol" in record:
                    await socket.send_str("{}" + END)
                elif record.get("type") == 1 and "invocationId" in record:
                    answer = {"type": 3, "invocationId": record["invocationId"]}
                    await socket.send_str(json.dumps(answer) + END)
        self.hubs.discard(socket)
        return socket


def contracts() -> list[dict[str, Any]]:
    """The front month of every root."""
    rows = []
    for root, (point, tick) in FUTURES.items():
        month = front_future(root, START.date())
        value = float(point) * float(tick)
        rows.append(
            {
                "id": contract_id(month),
                "name": contract_name(month),
                "description": root,
                "tickSize": float(tick),
                "tickValue": round(value, 6),
                "activeContract": True,
                "symbolId": f"F.US.{root}",
            }
        )
    return rows


async def main() -> None:
    """Open, say where, and stay until stdin ends."""
    gateway, app = Gateway(), web.Application()
    account = {"id": ACCOUNT, "name": "50KTC", "balance": 100_000, "canTrade": True}
    account |= {"isVisible": True, "simulated": True}
    said: dict[str, dict[str, Any]] = {
        "/api/Auth/loginKey": {"token": "T"},
        "/api/Account/search": {"accounts": [account]},
        "/api/Contract/available": {"contracts": contracts()},
        "/api/Contract/search": {"contracts": contracts()},
        "/api/Order/searchOpen": {"orders": []},
        "/api/Order/search": {"orders": []},
        "/api/Position/searchOpen": {"positions": []},
        "/api/Trade/search": {"trades": []},
    }

    def saying(body: dict[str, Any]) -> Any:
        async def answer(request: web.Request) -> web.Response:
            del request
            return yes(**body)

        return answer

    for path, body in said.items():
        app.router.add_post(path, saying(body))
    app.router.add_post("/api/Order/place", gateway.place)
    app.router.add_post("/api/Order/cancel", gateway.cancel)
    app.router.add_get("/hubs/user", gateway.hub)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.to_thread(sys.stdin.read)
    await runner.cleanup()


if __name__ == "__main__":
    asyncio.run(main())
