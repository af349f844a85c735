"""One gateway session with its replay buffer, and one socket that carries it."""

from __future__ import annotations

import asyncio
import contextlib
import json
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

Json = dict[str, Any]
_BUFFER = 5000


class Link:
    """One WebSocket: frames go out in order, each after the wanted latency."""

    def __init__(
        self, socket: web.WebSocketResponse, request: web.Request, latency: Callable[[], float]
    ) -> None:
        self.socket = socket
        self._request = request
        self._latency = latency
        self._deflate = zlib.compressobj() if _wants_zlib(request) else None
        self._queue: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
        self._writer = asyncio.create_task(self._write())
        self.session: Session | None = None
        self.n_received = 0
        self.is_closed_by_us = False

    def send(self, op: int, data: Any = None, *, seq: int | None = None, event: str = "") -> str:
        """Queue one frame and return its text."""
        text = frame(op, data, seq=seq, event=event)
        self.send_text(text)
        return text

    def send_text(self, text: str) -> None:
        """Queue a frame that is already text."""
        due = asyncio.get_running_loop().time() + self._latency()
        self._queue.put_nowait((due, text))

    async def close(self, code: int, reason: str = "") -> None:
        """Flush what is queued, then close with a code."""
        self.is_closed_by_us = True
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._queue.join(), 0.5)
        self._writer.cancel()
        with contextlib.suppress(ConnectionError, RuntimeError, TimeoutError):
            await asyncio.wait_for(self.socket.close(code=code, message=reason.encode()), 1)

    def abort(self) -> None:
        """Cut the connection without a close frame, as a dead network does."""
        self._writer.cancel()
        transport = self._request.transport
        if transport is not None:
            transport.abort()

    async def _write(self) -> None:
        loop = asyncio.get_running_loop()
        with contextlib.suppress(ConnectionError, RuntimeError):
            while True:
                due, text = await self._queue.get()
                if due > loop.time():
                    await asyncio.sleep(due - loop.time())
                if self._deflate is None:
                    await self.socket.send_str(text)
                else:
                    packed = self._deflate.compress(text.encode())
                    await self.socket.send_bytes(packed + self._deflate.flush(zlib.Z_SYNC_FLUSH))
                self._queue.task_done()


@dataclass(slots=True, eq=False)
class Session:
    """What Discord keeps for a bot between IDENTIFY and the end of the session."""

    id: str
    intents: int
    shard: tuple[int, int]
    link: Link | None
    seq: int = 0
    buffer: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=_BUFFER))
    is_resumable: bool = True
    presence: Json | None = None

    def dispatch(self, event: str, data: Any) -> None:
        """Number an event, keep it for a RESUME, and send it when someone is connected."""
        self.seq += 1
        text = frame(0, data, seq=self.seq, event=event)
        self.buffer.append((self.seq, text))
        if self.link is not None:
            self.link.send_text(text)

    def sees(self, guild_id: int | None) -> bool:
        """Whether this shard serves the guild (direct messages go to shard 0)."""
        number, count = self.shard
        return ((guild_id or 0) >> 22) % count == number

    def missed_since(self, seq: int) -> list[str] | None:
        """Return the frames after `seq`, or None when that number cannot be right."""
        if seq > self.seq or (self.buffer and seq < self.buffer[0][0] - 1):
            return None
        return [text for number, text in self.buffer if number > seq]


def frame(op: int, data: Any, *, seq: int | None = None, event: str = "") -> str:
    """Return one gateway frame as JSON text."""
    return json.dumps({"op": op, "d": data, "s": seq, "t": event or None})


def _wants_zlib(request: web.Request) -> bool:
    return request.query.get("compress") == "zlib-stream"
