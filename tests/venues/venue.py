"""A broker on loopback: a real exchange behind a real HTTP server that can misbehave on command.

The exchange is our own paper exchange, which has its own tests; what stands here is the outside of
it. Each broker's file adds its routes and streams, and keeps to what that broker publishes: every
request is checked, a violation fails the test that made it.
"""

import asyncio
import json
import os
import signal
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from functools import partial
from socket import create_server
from typing import Any, ClassVar

from aiohttp import WSMsgType, web

from bot.sandbox.server import end_serving
from engine.brokers import BrokerEvent, Filled, OrderSeen
from engine.brokers.paper import Hours, PaperSettings
from engine.clock import Clock
from engine.feeds import QuoteBoard
from engine.store import Vault
from tests.venues.exchange import Remembering

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class WireFaults:
    """Counters go down with each use; 0 is healthy. They strike requests that act on orders,
    unless ``strikes`` says otherwise."""

    accept_then_hang: int = 0
    hang: int = 0
    """Nothing is done and nothing is answered."""
    accept_then_504: int = 0
    reject_500: int = 0
    """500, and nothing was done."""
    reset: int = 0
    """The connection is cut before anything was done."""
    accept_then_reset: int = 0
    html_502: int = 0
    accept_then_html_502: int = 0
    limit_429: int = 0
    retry_after: str | None = None
    cut_json: int = 0
    """Done, and the answer breaks off in its middle."""
    no_json: int = 0
    """Done, and 200 with something that is not JSON."""
    accept_then_bare: int = 0
    """Done, and answered by ``bare``: a status without a word of the broker's own."""
    bare: tuple[int, str] = (408, "")
    expired_token: int = 0
    """401, whatever the token."""
    lacks: tuple[str, ...] = ()
    """Ends of paths at which it has nothing: as a broker that offers less. ``?x``: with an x."""
    lacks_by: int = 404
    """How it says so; 200: by an empty object."""
    slow_s: float = 0
    """Every answer waits so long (real time): the round trip."""
    kill_pid: int | None = None
    kill_at: str = ""
    """``request`` or ``accepted``: SIGKILL for the process above, once."""
    strikes: Callable[[web.Request], bool] | None = None

    is_hanging: asyncio.Event = field(default_factory=asyncio.Event)
    """Set once an answer is kept back for good."""

    # -- the stream
    drop_frames: int = 0
    duplicate_frames: int = 0
    reorder_frames: int = 0
    """So many frames are held, then sent last first."""
    unknown_frames: int = 0
    """A frame of a kind nobody has seen precedes the next."""

    def takes(self, name: str) -> bool:
        """Whether this fault strikes now."""
        left = getattr(self, name)
        if left <= 0:
            return False
        setattr(self, name, left - 1)
        return True

    async def hangs(self) -> None:
        """No answer, ever."""
        self.is_hanging.set()
        await asyncio.Event().wait()

    def kills(self, at: str) -> None:
        """Kill the process under test when its moment has come."""
        if self.kill_pid is not None and self.kill_at == at:
            pid, self.kill_pid = self.kill_pid, None
            os.kill(pid, signal.SIGKILL)


@dataclass(frozen=True)
class Seen:
    """One request as it came in."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Any
    """Parsed JSON, form fields, or None."""


@dataclass
class Log:
    """What was asked of the venue."""

    requests: list[Seen] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    """Requests that the broker's published interface does not allow."""
    n_checked: int = 0
    n_acts: int = 0
    """Requests that may create or change an order, whatever became of them."""

    def of(self, method: str, part: str) -> list[Seen]:
        """Requests of a method whose path holds ``part``."""
        return [r for r in self.requests if r.method == method and part in r.path]


class Venue:
    """Base of all imitations. ``exchange`` holds orders, fills, positions and cash."""

    name: ClassVar[str]

    def __init__(
        self,
        clock: Clock,
        vault: Vault,
        settings: PaperSettings,
        *,
        board: QuoteBoard | None = None,
        hours: Hours | None = None,
    ) -> None:
        self.clock = clock
        self.board = board or QuoteBoard()
        self.exchange = Remembering(
            clock=clock, board=self.board, vault=vault, settings=settings, hours=hours
        )
        self.faults = WireFaults()
        self.log = Log()
        self.sockets: set[web.WebSocketResponse] = set()
        self.happened: list[BrokerEvent] = []
        """Orders and fills as they came about on the exchange, told or not."""
        self.is_deaf = False
        """New streams are refused."""
        self._is_telling = False
        self._held: list[Any] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._end: Callable[[], Awaitable[None]] | None = None
        self._port = 0

    # -- for each broker's file

    def routes(self, app: web.Application) -> None:
        """Add the broker's addresses."""
        raise NotImplementedError

    def acts(self, request: web.Request) -> bool:
        """Whether a request may create or change an order: what the faults strike."""
        return request.method in ("POST", "PUT", "PATCH", "DELETE") and "order" in request.path

    def check(self, seen: Seen) -> list[str]:
        """What the published interface does not allow about a request; [] when it is fine."""
        del seen
        return []

    def frames(self, event: BrokerEvent) -> list[Any]:
        """What the broker's stream says of something that happened on the exchange."""
        del event
        return []

    def odd_frame(self) -> Any:
        """A frame of a kind that nobody has seen."""
        return {"type": "something-new", "data": {"a": 1}}

    async def send(self, socket: web.WebSocketResponse, frame: Any) -> None:
        """One frame onto one socket; the default is JSON text."""
        await socket.send_str(json.dumps(frame, default=str))

    # -- life

    async def start(self, port: int = 0) -> "Venue":
        """Open for business on loopback; again at the same address once it was closed."""
        await self.exchange.connect()
        app = web.Application(middlewares=[self._middle], client_max_size=2**20)
        self.routes(app)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        listener = create_server(("127.0.0.1", port or self._port), backlog=128)
        self._end = partial(end_serving, runner, listener)
        await web.SockSite(runner, listener).start()
        self._port = listener.getsockname()[1]
        self._tasks.append(asyncio.create_task(self._pump()))
        return self

    async def stop(self) -> None:
        """Close; what was accepted stays in the vault."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()
        await self.drop_streams()
        end, self._end = self._end, None
        if end is not None:
            await end()
        await self.exchange.close()

    @property
    def url(self) -> str:
        """http address without a trailing slash."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def ws_url(self) -> str:
        """ws address without a trailing slash."""
        return f"ws://127.0.0.1:{self._port}"

    # -- requests

    @web.middleware
    async def _middle(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if any(_is_of(request, place) for place in self.faults.lacks):
            return _nothing(self.faults.lacks_by)
        if request.headers.get("Upgrade", "").lower() == "websocket":
            if self.is_deaf:
                return web.Response(status=503)
            return await handler(request)
        await self._note(request)
        self.log.n_acts += self.acts(request)
        faults = self.faults
        if faults.slow_s:
            await asyncio.sleep(faults.slow_s / 2)
        strikes = faults.strikes or self.acts
        if not strikes(request):
            return await self._late(await handler(request))
        faults.kills("request")
        early = await self._early(request)
        if early is not None:
            return early
        answer = await handler(request)
        faults.kills("accepted")
        return await self._late(await self._spoilt(request, answer))

    async def _late(self, answer: web.StreamResponse) -> web.StreamResponse:
        if self.faults.slow_s:
            await asyncio.sleep(self.faults.slow_s / 2)
        return answer

    async def _early(self, request: web.Request) -> web.StreamResponse | None:
        faults = self.faults
        if faults.takes("hang"):
            await faults.hangs()
        if faults.takes("reset"):
            return _cut(request)
        if faults.takes("reject_500"):
            return web.json_response({"message": "internal server error"}, status=500)
        if faults.takes("html_502"):
            return _html()
        if faults.takes("expired_token"):
            return web.json_response({"message": "unauthorized"}, status=401)
        if faults.takes("limit_429"):
            headers = {} if faults.retry_after is None else {"Retry-After": faults.retry_after}
            return web.json_response({"message": "slow down"}, status=429, headers=headers)
        return None

    async def _spoilt(self, request: web.Request, answer: web.StreamResponse) -> web.StreamResponse:
        faults = self.faults
        if faults.takes("accept_then_hang"):
            await faults.hangs()
        if faults.takes("accept_then_reset"):
            return _cut(request)
        if faults.takes("accept_then_504"):
            return web.Response(status=504, text="upstream request timeout")
        if faults.takes("accept_then_bare"):
            status, text = faults.bare
            return web.Response(status=status, text=text, content_type="application/json")
        if faults.takes("accept_then_html_502"):
            return _html()
        if faults.takes("no_json"):
            return web.Response(text="<ok/>", content_type="text/plain")
        if faults.takes("cut_json"):
            text = answer.text if isinstance(answer, web.Response) and answer.text else "{}"
            return web.Response(text=text[: len(text) // 2], content_type="application/json")
        return answer

    async def _note(self, request: web.Request) -> None:
        text = await request.text()
        body: Any = None
        if request.content_type == "application/json" and text:
            body = json.loads(text, parse_float=Decimal)
        elif text:
            body = text
        seen = Seen(request.method, request.path, dict(request.query), dict(request.headers), body)
        self.log.requests.append(seen)
        self.log.n_checked += 1
        self.log.violations += [f"{seen.method} {seen.path}: {v}" for v in self.check(seen)]

    # -- the stream

    async def listen(self, request: web.Request) -> web.WebSocketResponse:
        """An opened socket that hears every frame; the caller reads and then forgets it."""
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        self.sockets.add(socket)
        return socket

    async def drop_streams(self) -> None:
        """Cut every stream; what happens meanwhile is told to nobody."""
        sockets, self.sockets = self.sockets, set()
        for socket in sockets:
            await socket.close(code=1012)

    async def read_until_closed(self, socket: web.WebSocketResponse) -> None:
        """Hear the client until it leaves."""
        async for message in socket:
            if message.type in (WSMsgType.CLOSE, WSMsgType.ERROR):
                break
        self.sockets.discard(socket)

    async def _pump(self) -> None:
        async for event in self.exchange.events():
            if not isinstance(event, (OrderSeen, Filled)):
                continue
            self._is_telling = True
            try:
                self.happened.append(event)
                for frame in self.frames(event):
                    await self._broadcast(frame)
            finally:
                self._is_telling = False

    async def quiet(self) -> None:
        """Wait until everything that happened so far was sent to whoever listens."""
        queue = self.exchange._queue  # nothing else knows what is still to be told
        while self._is_telling or not queue.empty():  # noqa: ASYNC110 - nor would it say so
            await asyncio.sleep(0)

    async def _broadcast(self, frame: Any) -> None:
        faults = self.faults
        if faults.takes("drop_frames"):
            return
        if faults.takes("unknown_frames"):
            await self._send_all(self.odd_frame())
        if faults.reorder_frames > 0:
            self._held.append(frame)
            if len(self._held) < faults.reorder_frames:
                return
            held, self._held, faults.reorder_frames = self._held, [], 0
            for one in reversed(held):
                await self._send_all(one)
            return
        await self._send_all(frame)
        if faults.takes("duplicate_frames"):
            await self._send_all(frame)

    async def _send_all(self, frame: Any) -> None:
        for socket in tuple(self.sockets):
            try:
                await self.send(socket, frame)
            except (ConnectionError, RuntimeError):
                self.sockets.discard(socket)


def _cut(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


def _is_of(request: web.Request, place: str) -> bool:
    return place[1:] in request.query if place[0] == "?" else request.path.endswith(place)


def _nothing(status: int) -> web.StreamResponse:
    if status == 200:
        return web.json_response({})
    return web.Response(status=status, text=f"{status}: nothing here")


def _html() -> web.Response:
    return web.Response(
        status=502, text="<html><body>Bad Gateway</body></html>", content_type="text/html"
    )
