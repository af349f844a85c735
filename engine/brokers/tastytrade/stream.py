"""tastytrade's account stream: the library connects and subscribes, what comes is read raw.

Its own reader ends at the first status or field that it does not know; here everything is handed
on as it came, and only a lost connection ends the stream. Both sides must hear from each other:
a heartbeat goes out every half minute, and an unanswered one ends the session.
"""

import asyncio
import json
from collections.abc import Callable, Coroutine, Sequence
from decimal import Decimal
from typing import Any

from tastytrade import AlertStreamer
from tastytrade.streamer import SubscriptionType

from engine.brokers.tastytrade.login import Login
from engine.brokers.tastytrade.translate import spelt
from engine.clock import Clock
from engine.domain.errors import BrokerAuthError

BEAT_S = 30.0
_AGAIN_S = 0.1
_ANSWERS = frozenset({"request-id", "action"})
"""What an answer to a request names, the one or the other."""


class Stream(AlertStreamer):
    """One session of the account stream."""

    def __init__(self, login: Login, url: str, hear: Callable[[str, Any], None]) -> None:
        """``hear(text, frame)``: each message; ``frame`` is None when it is not JSON."""
        super().__init__(login)
        if url:
            self.base_url = url
        self._hear = hear

    async def _reader(self) -> None:
        while True:
            text = await self._websocket.receive_text()
            try:
                frame = spelt(json.loads(text, parse_float=Decimal))
            except ValueError:
                frame = None
            if isinstance(frame, dict) and "type" not in frame and _ANSWERS & frame.keys():
                self._answered(frame)
            else:
                self._hear(text, frame)

    def _answered(self, frame: dict[str, Any]) -> None:
        if frame.get("status") == "error":
            said = str(frame.get("message", "refused"))[:80]
            raise BrokerAuthError(f"the stream refuses: {said}")
        waiting = list(self._subscription_state)
        if frame.get("request-id") is None and len(waiting) == 1:
            frame = {"request-id": waiting[0]}  # nothing else can be answered
        try:
            event = self._subscription_state.pop(int(frame["request-id"]), None)
        except (KeyError, TypeError, ValueError):
            return
        if event is not None:
            event.set()

    async def hear(self, numbers: Sequence[str], clock: Clock, is_up: Callable[[], None]) -> None:
        """Subscribe to accounts, say so, and stay alive until the connection breaks."""
        await self._subscribe(SubscriptionType.ACCOUNT, list(numbers))
        is_up()
        while True:
            await clock.sleep(BEAT_S)
            await self._subscribe(SubscriptionType.HEARTBEAT)


async def listen(
    stream: Stream, numbers: Sequence[str], clock: Clock, is_up: Callable[[], None]
) -> None:
    """Run one session to its end.

    Raises:
        Exception: what ended it, see :func:`alone`.
    """

    async def session() -> None:
        async with stream:
            await stream.hear(numbers, clock, is_up)

    await alone(session())


async def alone(session: Coroutine[Any, Any, None]) -> None:
    """Run a session of the library in a task of its own, to its end.

    The library's task groups may swallow a cancellation that comes while they break; here it is
    repeated until the session is over, and whoever asked for it gets it.

    Raises:
        Exception: what really ended it, out of the groups that the library wraps it into.
    """
    task = asyncio.create_task(session)
    try:
        await asyncio.wait([task])
    finally:
        while not task.done():
            task.cancel()
            await asyncio.wait([task], timeout=_AGAIN_S)
        error = None if task.cancelled() else task.exception()  # heard, whoever ended it
    if error is not None:
        raise innermost(error)


def innermost(error: BaseException) -> Exception:
    """The one that says most: a refusal before anything else."""
    leaves = list(_leaves(error))
    for leaf in leaves:
        if isinstance(leaf, BrokerAuthError):
            return leaf
    return leaves[0] if leaves else ConnectionError("closed")


def _leaves(error: BaseException) -> list[Exception]:
    if isinstance(error, BaseExceptionGroup):
        return [leaf for one in error.exceptions for leaf in _leaves(one)]
    return [error] if isinstance(error, Exception) else []
