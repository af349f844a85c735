"""Time, ids and chance: the three things that must be injected, never asked from the system."""

import asyncio
import math
import secrets
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall time for stamps, monotonic time for waiting."""

    def now(self) -> datetime:
        """Aware UTC wall time."""
        ...

    def monotonic(self) -> float:
        """Seconds that never jump; only differences mean something."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait on monotonic time."""
        ...


class SystemClock:
    """The machine's clocks; the only place that reads them."""

    def now(self) -> datetime:
        """Aware UTC wall time."""
        return datetime.now(UTC)  # noqa: TID251 - the one place that reads the system clock

    monotonic = staticmethod(time.monotonic)
    """Seconds since an arbitrary start; read between any two risk checks."""

    async def sleep(self, seconds: float) -> None:
        """Wait for real."""
        await asyncio.sleep(seconds)


class ManualClock:
    """A clock that a test or a replay moves by hand; sleepers wake when their time comes."""

    def __init__(self, start: datetime) -> None:
        self._now = start
        self._mono = 0.0
        self._sleepers: list[tuple[float, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        """The time it was last set to."""
        return self._now

    def monotonic(self) -> float:
        """Seconds advanced since the start."""
        return self._mono

    def advance(self, seconds: float) -> None:
        """Move both clocks on and wake whoever is due."""
        self._now += timedelta(seconds=seconds)
        self._mono += seconds
        self._wake()

    def next_wake(self) -> datetime | None:
        """A moment at which the first sleeper wakes; None when nobody sleeps."""
        due = min((at for at, future in self._sleepers if not future.done()), default=None)
        if due is None:
            return None
        # Upwards: a moment that falls short of it by a part of a microsecond would never wake it.
        return self._now + timedelta(microseconds=math.ceil((due - self._mono) * 1e6))

    def jump(self, to: datetime) -> None:
        """Move the wall clock alone, as an NTP step or a replay's next event does."""
        self._now = to

    def to(self, moment: datetime) -> None:
        """Advance both clocks to ``moment``; never backwards."""
        self.advance(max(0.0, (moment - self._now).total_seconds()))

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock was advanced far enough."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.append((self._mono + seconds, future))
        await future

    def _wake(self) -> None:
        due = [item for item in self._sleepers if item[0] <= self._mono]
        self._sleepers = [item for item in self._sleepers if item[0] > self._mono]
        for _, future in sorted(due, key=lambda item: item[0]):
            if not future.done():
                future.set_result(None)


class Ids(Protocol):
    """Maker of fresh ids for things that have no natural key."""

    def new(self, prefix: str) -> str:
        """A new id such as ``T-4F9K2M7QXA``: upper-case letters and digits after the dash."""
        ...


_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 of them: each byte of chance picks one, all equally often."""


class RandomIds:
    """Unguessable ids for production."""

    def new(self, prefix: str) -> str:
        """Ten random characters: no visible order, no clash in a lifetime of one desk."""
        return f"{prefix}-{''.join([_ALPHABET[byte % 32] for byte in secrets.token_bytes(10)])}"


class CountingIds:
    """Predictable ids for tests and replays."""

    def __init__(self) -> None:
        self._n = 0

    def new(self, prefix: str) -> str:
        """The next number."""
        self._n += 1
        return f"{prefix}-{self._n:010d}"
