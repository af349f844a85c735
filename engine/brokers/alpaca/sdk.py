"""alpaca-py's client with everything switched off that sends twice, and what its streams share.

The library is imported here, in sdk_stream and in sdk_data alone, and in threads: it takes long.
"""

import asyncio
import logging
import socket
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any

from alpaca.common.rest import RESTClient
from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from engine.brokers.alpaca.threads import Call

OPEN_S = 8.0
_ACK_S = 2.0
"""Time for the answer to ``listen``; without one the stream counts as up all the same."""
_MOST_CONNECTIONS = 64

QUIET = logging.getLogger(f"{__name__}.frames")
QUIET.setLevel(logging.WARNING)
"""The library beneath writes every frame to its log, the one with our keys among them."""
WEBSOCKET: Mapping[str, Any] = {
    "ping_interval": 10,
    "ping_timeout": 10,
    "open_timeout": OPEN_S,
    "close_timeout": 1,
    "max_queue": 1024,
    "logger": QUIET,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An HTTP answer as it came."""

    status: int
    text: str
    headers: Mapping[str, str]


_HERE = threading.local()
"""``call``: what this thread does just now."""


class _Plain(HTTPConnection):
    def getresponse(self) -> Any:
        _told(self.sock)
        return super().getresponse()


class _Sealed(HTTPSConnection):
    def getresponse(self) -> Any:
        _told(self.sock)
        return super().getresponse()


def _told(line: socket.socket | None) -> None:
    call: Call | None = getattr(_HERE, "call", None)
    if call is not None and line is not None:
        call.answers_on(line)


class _PlainPool(HTTPConnectionPool):
    ConnectionCls = _Plain


class _SealedPool(HTTPSConnectionPool):
    ConnectionCls = _Sealed


class TimeoutAdapter(HTTPAdapter):
    """Gives every request a time-out: the library sets none, and would wait for ever."""

    def __init__(self, connect_s: float, read_s: float) -> None:
        self._timeouts = (connect_s, read_s)
        super().__init__(
            pool_connections=4, pool_maxsize=_MOST_CONNECTIONS, max_retries=0, pool_block=False
        )
        self.poolmanager.pool_classes_by_scheme = {"http": _PlainPool, "https": _SealedPool}

    def send(self, request: PreparedRequest, *args: Any, **more: Any) -> Response:
        """Send once."""
        more["timeout"] = self._timeouts
        return super().send(request, *args, **more)


class Client(RESTClient):
    """Alpaca's REST interface: one request per call, the answer as it is."""

    def __init__(
        self, key: str, secret: str, url: str, *, connect_s: float, read_s: float, version: str
    ) -> None:
        super().__init__(
            base_url=url, api_key=key, secret_key=secret, api_version=version, raw_data=True
        )
        self._retry = 0
        self._retry_codes = []
        self._session.trust_env = False  # no proxies, no .netrc: both cost more than the request
        self._session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
        for scheme in ("http://", "https://"):
            self._session.mount(scheme, TimeoutAdapter(connect_s, read_s))

    def _one_request(
        self, method: str, url: str, opts: dict[str, Any], retry: int
    ) -> Any:  # a Reply, where the library has the parsed body
        del retry
        answer = self._session.request(method, url, **opts)
        return Reply(status=answer.status_code, text=answer.text, headers=answer.headers)

    def ask(
        self,
        method: str,
        path: str,
        data: Any,
        *,
        base_url: str | None = None,
        version: str | None = None,
        call: Call | None = None,
    ) -> Reply:
        """One request, in the calling thread; another address or version where it is not ours."""
        _HERE.call = call
        try:
            reply: Reply = self._request(method, path, data, base_url, version)  # type: ignore[assignment]
        finally:
            _HERE.call = None
            if call is not None:
                call.is_over()
        return reply

    def close(self) -> None:
        """Hang up."""
        self._session.close()


class AuthFailed(Exception):
    """The stream does not take our keys."""


class Listening(ABC):
    """A stream of the library, run once at a time in a thread and a loop of its own."""

    heard: Callable[[Any], None]
    """Takes each message, parsed; called from the thread, as ``up``."""
    up: Callable[[], None]
    mine: tuple[asyncio.AbstractEventLoop, "asyncio.Task[None]"] | None = None

    def listen(self) -> None:
        """Connect and hear everything until the connection ends; blocks its thread.

        Raises:
            AuthFailed, and whatever the connection ended with.
        """
        asyncio.run(self._once())

    def stop(self) -> None:
        """End :meth:`listen`, from any thread."""
        if self.mine is not None:
            loop, task = self.mine
            with suppress(RuntimeError):  # it ended by itself
                loop.call_soon_threadsafe(task.cancel)

    async def _once(self) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - this is a coroutine
        self.mine = asyncio.get_running_loop(), task
        try:
            async with asyncio.timeout(OPEN_S):
                await self.begin()
            with suppress(TimeoutError):
                async with asyncio.timeout(_ACK_S):
                    self.heard(self.parsed(await self.connection().recv()))
            self.up()
            while True:
                self.heard(self.parsed(await self.connection().recv()))
        except asyncio.CancelledError:
            return
        finally:
            await self.connection_closed()

    @abstractmethod
    async def begin(self) -> None:
        """Connect, log in, subscribe."""

    @abstractmethod
    def connection(self) -> Any:
        """The open web socket."""

    @abstractmethod
    def parsed(self, raw: str | bytes) -> Any:
        """A frame as the house reads it."""

    @abstractmethod
    async def connection_closed(self) -> None:
        """Hang up."""
