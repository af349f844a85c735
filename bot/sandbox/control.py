"""The page, its live feed, and the control endpoint: all on loopback, same origin only."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from bot.sandbox import stagehands, verbs, views
from bot.sandbox.errors import Refused
from bot.sandbox.message import Message
from bot.sandbox.state import User

if TYPE_CHECKING:
    from bot.sandbox.server import Sandbox

Json = dict[str, Any]
_log = logging.getLogger(__name__)
_PAGE = Path(__file__).parent / "page"
_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_SAFE = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class Viewer:
    """One open page and the person it shows."""

    def __init__(self, socket: web.WebSocketResponse, user: User) -> None:
        self.socket = socket
        self.user = user
        self.queue: asyncio.Queue[Json] = asyncio.Queue()
        self.world_due = False


class Control:
    """Routes for people, pages and remote drivers."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._viewers: set[Viewer] = set()

    def add_routes(self, app: web.Application) -> None:
        """Register all routes."""
        app.router.add_get("/", self._index)
        app.router.add_get("/page/{name}", self._static)
        app.router.add_get("/_live", self._live)
        app.router.add_post("/_page/{verb}", self._act)
        app.router.add_post("/_control/{verb}", self._act)
        self._sandbox.gateway.watchers.add(self._changed)

    async def stop(self) -> None:
        """Close all pages."""
        self._sandbox.gateway.watchers.discard(self._changed)
        for viewer in list(self._viewers):
            with contextlib.suppress(ConnectionError, TimeoutError):
                await asyncio.wait_for(viewer.socket.close(), 0.2)

    # ---- verbs -----------------------------------------------------------------------------

    async def _act(self, request: web.Request) -> web.Response:
        _same_origin(request)
        name = request.match_info["verb"]
        is_control = request.path.startswith("/_control/")
        if is_control and not self._sandbox.setup.control:
            return _answer(403, {"error": "started without --control"})
        verb = verbs.PERSON.get(name) or (stagehands.CONTROL.get(name) if is_control else None)
        if verb is None:
            return _answer(404, {"error": f"no verb {name!r}"})
        if request.content_type != "application/json":
            return _answer(415, {"error": "send application/json"})
        try:
            body = dict(json.loads(await request.read() or b"{}"))
            return _answer(200, await verb(self._sandbox, body))
        except Refused as error:
            return _answer(409, {"error": str(error)})
        except (KeyError, ValueError, TypeError, LookupError) as error:
            return _answer(400, {"error": f"{type(error).__name__}: {error}"})

    # ---- the page --------------------------------------------------------------------------

    async def _index(self, _request: web.Request) -> web.Response:
        return _page("index.html")

    async def _static(self, request: web.Request) -> web.Response:
        return _page(request.match_info["name"])

    async def _live(self, request: web.Request) -> web.StreamResponse:
        _same_origin(request)
        socket = web.WebSocketResponse(compress=False)
        await socket.prepare(request)
        viewer = Viewer(socket, self._first(request.query.get("as", "")))
        self._viewers.add(viewer)
        self._world_soon(viewer)
        writer = asyncio.create_task(_write(viewer))
        try:
            async for frame in socket:
                if frame.type is not WSMsgType.TEXT:
                    break
                self._switch(viewer, frame.data)
        finally:
            writer.cancel()
            self._viewers.discard(viewer)
        return socket

    def _first(self, wanted: str) -> User:
        state = self._sandbox.state
        with contextlib.suppress(Refused):
            found = state.user(wanted or state.world.operator)
            if not found.bot:
                return found
        return next(user for user in state.users.values() if not user.bot)

    def _switch(self, viewer: Viewer, text: str) -> None:
        with contextlib.suppress(ValueError, KeyError, TypeError):
            viewer.user = self._first(str(json.loads(text)["as"]))
            self._world_soon(viewer)

    def _changed(self, kind: str, subject: Any) -> None:
        for viewer in self._viewers:
            if kind == "message" and isinstance(subject, Message):
                self._message(viewer, subject)
            elif kind == "typing":
                channel, who = subject
                data = {"channel": str(channel.id), "who": who.display_name}
                viewer.queue.put_nowait({"t": "typing"} | data)
            elif kind in ("world", "presence", "commands"):
                self._world_soon(viewer)

    def _message(self, viewer: Viewer, item: Message) -> None:
        if views.visible(self._sandbox, viewer.user, item):
            viewer.queue.put_nowait({"t": "message", "message": views.message(item)})

    def _world_soon(self, viewer: Viewer) -> None:
        if viewer.world_due:
            return
        viewer.world_due = True

        def send() -> None:
            viewer.world_due = False
            data = views.world(self._sandbox, viewer.user)
            viewer.queue.put_nowait({"t": "world", "world": data})

        asyncio.get_running_loop().call_later(0.03, send)


async def _write(viewer: Viewer) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):
        while True:
            await viewer.socket.send_str(json.dumps(await viewer.queue.get()))


def _same_origin(request: web.Request) -> None:
    """Refuse what a foreign web page makes a browser send."""
    origin = request.headers.get("Origin")
    site = request.headers.get("Sec-Fetch-Site", "none")
    if origin not in (None, f"http://{request.host}") or site not in ("none", "same-origin"):
        raise web.HTTPForbidden(text="cross-origin requests are refused")


def _answer(status: int, data: Any) -> web.Response:
    return web.json_response(data, status=status, headers=_SAFE)


def _page(name: str) -> web.Response:
    path = _PAGE / name
    kind = _TYPES.get(path.suffix)
    if "/" in name or kind is None or not path.is_file():
        return web.Response(status=404, text="not found", headers=_SAFE)
    return web.Response(body=path.read_bytes(), headers=_SAFE | {"Content-Type": kind})
