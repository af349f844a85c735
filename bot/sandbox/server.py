"""The server: REST, gateway, files, control and page on one loopback port."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from bot.sandbox.clock import Clock
from bot.sandbox.control import Control
from bot.sandbox.driver import Driver, Setup
from bot.sandbox.rest import (
    application,
    channels,
    guilds,
    messages,
    webhooks,
)
from bot.sandbox.rest.serve import Record, Rest
from bot.sandbox.world import World, default_world

_HOST = "127.0.0.1"
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_ROUTE_FILES = (application, channels, guilds, messages, webhooks)
_BACKLOG = 8192


async def end_serving(runner: web.AppRunner, listener: socket.socket) -> None:
    """Hear nobody new, let in who was heard, then close all of them.

    Python 3.11 leaves a connection open, with a traceback, whose server closes as it is accepted.
    """
    asyncio.get_running_loop().remove_reader(listener)
    for _ in range(4):
        await asyncio.sleep(0)
    await runner.cleanup()


class Sandbox(Driver):
    """A Discord on loopback. Make one with `await Sandbox.start(...)`."""

    def __init__(
        self, world: World, setup: Setup, clock: Clock | None, listener: socket.socket
    ) -> None:
        self.port: int = listener.getsockname()[1]
        super().__init__(world, setup, clock, f"http://{_HOST}:{self.port}")
        self._listener = listener
        self._rest = Rest(self)
        self._control = Control(self)
        self._runner: web.AppRunner | None = None
        self.gateway.url = self.gateway_url

    @property
    def api_base(self) -> str:
        """The address in place of `https://discord.com`."""
        return f"http://{_HOST}:{self.port}"

    @property
    def gateway_url(self) -> str:
        """The address in place of `wss://gateway.discord.gg/`."""
        return f"ws://{_HOST}:{self.port}/gateway/"

    @property
    def requests(self) -> list[Record]:
        """Every REST request of the bot so far (the newest 20,000)."""
        return list(self._rest.records)

    @classmethod
    async def start(
        cls,
        world: World | None = None,
        *,
        port: int = 0,
        spec: Path | None = None,
        clock: Clock | None = None,
        token: str = "sandbox-token",  # noqa: S107 - the pretended one
        **more: Any,
    ) -> Self:
        """Start on 127.0.0.1.

        Args:
            world: what exists at the start; the small default desk when None.
            port: 0 takes a free one.
            spec: Discord's openapi.json; requests are then validated against it.
            clock: an object with `.now()`; the machine's clock when None.
            token: the bot token that is accepted.
            more: further fields of `Setup`.
        """
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((_HOST, port))
            listener.setblocking(False)
            setup = Setup(token=token, spec=spec, **more)
            made = cls(world or default_world(), setup, clock, listener)
            await made._serve()
        except BaseException:
            listener.close()
            raise
        return made

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.stop()

    async def _serve(self) -> None:
        app = web.Application(client_max_size=64 * 1024 * 1024, middlewares=[_loopback_only])
        app.router.add_get("/gateway/", self._open_gateway)
        app.router.add_get("/attachments/{where}/{number}/{name}", self._file)
        app.router.add_route("*", "/api/v10/{tail:.*}", self._rest.handle)
        self._control.add_routes(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.05)
        await self._runner.setup()
        await web.SockSite(self._runner, self._listener, backlog=_BACKLOG).start()

    async def stop(self) -> None:
        """Cut all connections and free the port."""
        await self.gateway.stop()
        await self._control.stop()
        if self._runner is not None:
            await end_serving(self._runner, self._listener)
            self._runner = None
        self._listener.close()

    async def _open_gateway(self, request: web.Request) -> web.StreamResponse:
        if self.is_down:
            if request.transport is not None:
                request.transport.abort()
            return web.Response(status=503)
        return await self.gateway.handle(request)

    async def _file(self, request: web.Request) -> web.Response:
        stored = self.state.uploads.get(int(request.match_info["number"]))
        if stored is None or stored.filename != request.match_info["name"]:
            return web.Response(status=404)
        headers = {
            "Content-Type": stored.content_type,
            "X-Content-Type-Options": "nosniff",
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        if not stored.content_type.startswith("image/") or "svg" in stored.content_type:
            headers["Content-Disposition"] = "attachment"
        return web.Response(body=stored.data, headers=headers)


@web.middleware
async def _loopback_only(request: web.Request, handler: Any) -> web.StreamResponse:
    """Refuse names that were rebound to this machine by someone's DNS."""
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    if host not in _LOOPBACK:
        return web.Response(status=403, text="this server answers to loopback names only")
    answer: web.StreamResponse = await handler(request)
    return answer
