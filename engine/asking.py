"""In whose name a broker is asked, and how long its answer may take.

A broker's allowance is small. Who asks decides who goes first, and what is waited for in our own
line is not the broker's silence.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from contextvars import Context, ContextVar, copy_context
from enum import IntEnum


class Rank(IntEnum):
    """Who asks; lower goes first."""

    EXIT = 0
    """Takes risk away: exits, cancels, and what those have to read."""
    DOUBT = 1
    """Looks for an order of which nothing is known."""
    COMPARE = 2
    """Compares the books: at the start, after a gap, as the clock asks."""
    ENTRY = 3
    """Opens something, or answers a person."""
    POLL = 4
    """Looks whether there is news."""


_RANK: ContextVar[Rank] = ContextVar("who asks a broker", default=Rank.ENTRY)
_LIMIT: ContextVar["_Limit | None"] = ContextVar("how long an answer may take", default=None)


def rank() -> Rank:
    """In whose name a broker is asked here."""
    return _RANK.get()


@contextmanager
def asking(who: Rank) -> Iterator[None]:
    """Everything that a broker is asked in here is asked in this name."""
    token = _RANK.set(who)
    try:
        yield
    finally:
        _RANK.reset(token)


def apart() -> Context:
    """Where work begins that is started here and goes on by itself: it asks in its own name."""
    context = copy_context()
    context.run(_RANK.set, Rank.ENTRY)
    context.run(_LIMIT.set, None)
    return context


class _Limit:
    """The time that the broker has left to answer."""

    def __init__(self, timeout: asyncio.Timeout, seconds: float) -> None:
        self._timeout, self._seconds = timeout, seconds
        self._n_waiting = 0

    def stop(self) -> None:
        self._n_waiting += 1
        self._set(None)

    def go_on(self) -> None:
        self._n_waiting -= 1
        if not self._n_waiting:
            self._set(asyncio.get_running_loop().time() + self._seconds)

    def _set(self, when: float | None) -> None:
        with suppress(RuntimeError):  # it is over already
            self._timeout.reschedule(when)


@asynccontextmanager
async def answered_within(seconds: float) -> AsyncIterator[None]:
    """A limit for what the broker takes; what passes in :func:`our_own_delay` does not count.

    Raises:
        TimeoutError: the broker did not answer in time.
    """
    async with asyncio.timeout(seconds) as timeout:
        token = _LIMIT.set(_Limit(timeout, seconds))
        try:
            yield
        finally:
            _LIMIT.reset(token)


@contextmanager
def our_own_delay() -> Iterator[None]:
    """Waiting for our turn: afterwards the broker has its whole time again."""
    limit = _LIMIT.get()
    if limit is None:
        yield
        return
    limit.stop()
    try:
        yield
    finally:
        limit.go_on()
