"""In whose name a broker is asked, and how long its answer may take.

A broker's allowance is small. Who asks decides who goes first, and what is waited for in our own
line is not the broker's silence.
"""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from contextvars import Context, ContextVar, copy_context
from enum import IntEnum
from types import TracebackType

from engine.domain.errors import BrokerUnavailable


class Rank(IntEnum):
    """Who asks; lower goes first."""

    BEGUN = 0
    """The second request of an exit that needs two: half of one protects nothing."""
    BARE = 1
    """Sends a stop or a close: what it is for is held without."""
    EXIT = 2
    """Takes risk away besides: cancels, changes, and what exits have to read."""
    NAKED = 3
    """Looks for what may be held without a stop: an exit without an answer, an entry's fill."""
    DOUBT = 4
    """Looks for an entry of which nothing is known."""
    HALF = 5
    """The second request of an entry that needs two: the turn of its first is lost without it."""
    COMPARE = 6
    """Compares the books: at the start, after a gap, as the clock asks."""
    ENTRY = 7
    """Opens something, or answers a person."""
    POLL = 8
    """Looks whether there is news."""


_RANK: ContextVar[Rank] = ContextVar("who asks a broker", default=Rank.ENTRY)
_LIMIT: ContextVar["answered_within | None"] = ContextVar("how long it may take", default=None)


def rank() -> Rank:
    """In whose name a broker is asked here."""
    return _RANK.get()


class asking:  # noqa: N801 - used as ``with asking(Rank.EXIT):``
    """Everything that a broker is asked in here is asked in this name."""

    def __init__(self, who: Rank) -> None:
        self._who = who

    def __enter__(self) -> None:
        self._before = _RANK.set(self._who)

    def __exit__(self, *raised: object) -> None:
        _RANK.reset(self._before)


def apart() -> Context:
    """Where work begins that is started here and goes on by itself: it asks in its own name."""
    context = copy_context()
    context.run(_RANK.set, Rank.ENTRY)
    context.run(_LIMIT.set, None)
    return context


class answered_within:  # noqa: N801 - used as ``async with answered_within(5.0):``
    """A limit for what the broker takes; what passes in :func:`our_own_delay` does not count.

    Raises:
        TimeoutError: the broker did not answer in time.
    """

    def __init__(self, seconds: float, unless: Callable[[], str] = str) -> None:
        """``unless``: why it must not leave any more, asked when a wait of our own is over."""
        self.unless = unless
        self._seconds, self._timeout = seconds, asyncio.timeout(seconds)
        self._n_waiting = 0
        self._began: float | None = None

    @property
    def asked_for_s(self) -> float:
        """Seconds since the broker has been asked; 0 while it is we who wait."""
        if self._began is None or self._n_waiting:
            return 0.0
        return asyncio.get_running_loop().time() - self._began

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._began = asyncio.get_running_loop().time()
        self._before = _LIMIT.set(self)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _LIMIT.reset(self._before)
        await self._timeout.__aexit__(kind, error, trace)

    def stop(self) -> None:
        """From here on it is we who wait."""
        self._n_waiting += 1
        self._set(None)

    def go_on(self) -> None:
        """Our turn has come: the broker has its whole time again."""
        self._n_waiting -= 1
        if not self._n_waiting:
            self._began = asyncio.get_running_loop().time()
            self._set(asyncio.get_running_loop().time() + self._seconds)

    def give_up(self) -> None:
        """The answer is wanted no longer."""
        self._set(asyncio.get_running_loop().time())

    def _set(self, when: float | None) -> None:
        with suppress(RuntimeError):  # it is over already
            self._timeout.reschedule(when)


@contextmanager
def our_own_delay() -> Iterator[None]:
    """Waiting for our turn: afterwards the broker has its whole time again.

    Raises:
        BrokerUnavailable: it is not wanted any more; nothing was sent.
    """
    limit = _LIMIT.get()
    if limit is None:
        yield
        return
    limit.stop()
    try:
        yield
    finally:
        limit.go_on()
    if why := limit.unless():
        raise BrokerUnavailable(why)
