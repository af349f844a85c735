"""Alpaca's market data on loopback: quotes and news by REST, streams of quotes in MessagePack."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from socket import create_server
from typing import Any

import msgpack
from aiohttp import WSMsgType, web

from bot.sandbox.server import end_serving
from engine.clock import Clock

KEY, SECRET = "PKCANARY0000QUOTES", "canary-secret-of-quotes"
STREAMS = {"/v2/iex", "/v2/sip", "/v1beta1/indicative", "/v1beta1/opra", "/v1beta3/crypto/us"}


class AlpacaData:
    """Holds one quote per symbol; whoever subscribes hears every new one."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.quotes: dict[str, dict[str, Any]] = {}
        self.bars: dict[str, list[dict[str, Any]]] = {}
        """Symbol -> bars, oldest first, whatever length was asked for."""
        self.refuses_bars = self.page = 0
        """Status that bars are refused with; most bars of one page, 0: as many as asked for."""
        self.news: list[Any] = []
        """Articles as Alpaca words them; told in the order of their last change."""
        self.refuses_news = self.news_page = 0
        """Status that news are refused with; most of one page, 0: as many as asked for."""
        self.news_waits: asyncio.Event | None = None
        """No news are answered before it is set."""
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.subscribed: dict[str, set[str]] = {}
        """Path of a stream -> symbols."""
        self.statuses: set[str] = set()
        """Symbols whose halts somebody wants to hear of."""
        self.most_symbols = 30
        self.is_deaf = self.is_mute = False
        """No new streams; no answers by REST (500)."""
        self.takes_stream_keys = True
        self.odd: set[str] = set()
        """Symbols that it does not take: whatever is asked with one is refused."""
        self.refuses: dict[str, int] = {}
        """Path of a question about quotes -> status that it is refused with."""
        self.shape: Any = None
        """Told instead of the newest quotes, when there is any."""
        self._sockets: dict[web.WebSocketResponse, str] = {}
        self._end: Callable[[], Awaitable[None]] | None = None
        self.url = self.ws_url = ""

    async def start(self) -> "AlpacaData":
        app = web.Application()
        app.router.add_get("/v2/stocks/quotes/latest", self._latest)
        app.router.add_get("/v1beta1/options/quotes/latest", self._latest)
        app.router.add_get("/v1beta3/crypto/us/latest/quotes", self._latest)
        for path in ("/v2/stocks/bars", "/v1beta1/options/bars", "/v1beta3/crypto/us/bars"):
            app.router.add_get(path, self._bars)
        app.router.add_get("/v1beta1/news", self._news)
        for path in STREAMS:
            app.router.add_get(path, self._stream)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        listener = create_server(("127.0.0.1", 0), backlog=128)
        self._end = partial(end_serving, runner, listener)
        await web.SockSite(runner, listener).start()
        port = listener.getsockname()[1]
        self.url, self.ws_url = f"http://127.0.0.1:{port}", f"ws://127.0.0.1:{port}"
        return self

    async def stop(self) -> None:
        await self.drop()
        end, self._end = self._end, None
        if end is not None:
            await end()

    async def drop(self) -> None:
        """Cut every stream."""
        sockets, self._sockets = dict(self._sockets), {}
        self.subscribed.clear()
        for socket in sockets:
            await socket.close(code=1012)

    def put(self, symbol: str, bid: float, ask: float, at: datetime | None = None) -> None:
        """The newest quote, told to nobody."""
        at = at or self.clock.now()
        self.quotes[symbol] = {"bp": bid, "ap": ask, "bs": 3, "as": 4, "t": at}

    async def tell(self, symbol: str, bid: float, ask: float) -> None:
        """The newest quote, told to whoever subscribed to it."""
        self.put(symbol, bid, ask)
        await self.say({"T": "q", "S": symbol, **self.quotes[symbol]}, symbol)

    async def say(self, message: Any, symbol: str | None = None) -> None:
        """Anything at all, to subscribers of a symbol or to everybody."""
        for socket, path in tuple(self._sockets.items()):
            if symbol is None or symbol in self.subscribed.get(path, ()):
                await socket.send_bytes(_packed([message]))

    async def _latest(self, request: web.Request) -> web.Response:
        self.asked.append((request.path, dict(request.query)))
        if self.is_mute:
            return web.json_response({"message": "internal server error"}, status=500)
        if request.headers.get("APCA-API-KEY-ID") != KEY:
            return web.json_response({"message": "forbidden."}, status=403)
        if request.path in self.refuses:
            body = {"message": f"subscription of {KEY} does not permit querying these quotes"}
            return web.json_response(body, status=self.refuses[request.path])
        if odd := self.odd & set(request.query["symbols"].split(",")):
            body = {"message": f"code=400, message=invalid symbol: {min(odd)}"}
            return web.json_response(body, status=400)
        if self.shape is not None:
            return web.json_response({"quotes": self.shape})
        found = {}
        for symbol in request.query["symbols"].split(","):
            if symbol in self.quotes:
                quote = self.quotes[symbol]
                stamp = quote["t"].strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"
                found[symbol] = quote | {"t": stamp}
        return web.json_response({"quotes": found})

    async def _bars(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        self.asked.append((request.path, query))
        if self.refuses_bars:
            message = "subscription does not permit querying recent SIP data"
            return web.json_response({"message": message}, status=self.refuses_bars)
        symbol = query["symbols"]
        found = [b for b in self.bars.get(symbol, []) if query["start"] <= b["t"] <= query["end"]]
        found.sort(key=lambda bar: str(bar["t"]), reverse=query.get("sort") == "desc")
        first = int(query.get("page_token", 0))
        last = first + min(int(query["limit"]), self.page or 10_000)
        token = str(last) if last < len(found) else None
        bars = {symbol: found[first:last]} if found else {}
        return web.json_response({"bars": bars, "next_page_token": token})

    async def _news(self, request: web.Request) -> web.Response:
        query = dict(request.query)
        self.asked.append((request.path, query))
        if self.news_waits is not None:
            await self.news_waits.wait()
        if request.headers.get("APCA-API-KEY-ID") != KEY:
            return web.json_response({"message": "unauthorized."}, status=401)
        if self.refuses_news:
            headers = {"Retry-After": "7"} if self.refuses_news == 429 else {}
            body = {"message": "no news today"}
            return web.json_response(body, status=self.refuses_news, headers=headers)
        if not 1 <= int(query["limit"]) <= 50:
            return web.json_response({"message": "limit: 1 to 50"}, status=400)
        wanted = set(query["symbols"].split(","))
        found = [a for a in self.news if _is_about(a, wanted, query["start"])]
        found.sort(key=_last_change, reverse=query.get("sort", "desc") == "desc")
        first = int(query.get("page_token", 0))
        last = first + min(int(query["limit"]), self.news_page or 50)
        token = str(last) if last < len(found) else None
        return web.json_response({"news": found[first:last], "next_page_token": token})

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        if self.is_deaf:
            return web.Response(status=503)
        socket, path = web.WebSocketResponse(), request.path
        await socket.prepare(request)
        await socket.send_bytes(_packed([{"T": "success", "msg": "connected"}]))
        async for message in socket:
            if message.type is not WSMsgType.BINARY:
                break
            said = msgpack.unpackb(message.data)
            if said["action"] == "auth":
                if said["key"] != KEY or said["secret"] != SECRET or not self.takes_stream_keys:
                    refusal = {"T": "error", "code": 402, "msg": "auth failed"}
                    await socket.send_bytes(_packed([refusal]))
                    break
                await socket.send_bytes(_packed([{"T": "success", "msg": "authenticated"}]))
                self._sockets[socket] = path
            elif said["action"] == "subscribe":
                self.statuses |= set(said.get("statuses", []))
                await self._subscribe(socket, path, said.get("quotes", []))
        self._sockets.pop(socket, None)
        return socket

    async def _subscribe(
        self, socket: web.WebSocketResponse, path: str, symbols: list[str]
    ) -> None:
        own = self.subscribed.setdefault(path, set())
        if len(own | set(symbols)) > self.most_symbols:
            refusal = {"T": "error", "code": 405, "msg": f"{KEY} has too many symbols"}
            await socket.send_bytes(_packed([refusal]))
            return
        own |= set(symbols)
        told = {"T": "subscription", "trades": [], "quotes": sorted(own), "bars": []}
        await socket.send_bytes(_packed([told]))


def _last_change(article: Any) -> str:
    return str(article.get("updated_at")) if isinstance(article, dict) else ""


def _is_about(article: Any, wanted: set[str], start: str) -> bool:
    """What is no article at all is told to everybody."""
    if not isinstance(article, dict):
        return True
    return bool(wanted & set(article["symbols"])) and str(article["updated_at"]) >= start


def _packed(messages: Any) -> bytes:
    packed: bytes = msgpack.packb(messages, datetime=True)
    return packed
