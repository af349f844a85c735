"""Discord's own clock and ids: a shiftable clock and growing snowflakes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Protocol

DISCORD_EPOCH_MS = 1_420_070_400_000


class Clock(Protocol):
    """Anything that tells aware UTC time."""

    def now(self) -> datetime:
        """Return the current aware UTC time."""
        ...


class RealClock:
    """The machine's clock: the loopback plays Discord's side, which has a clock of its own."""

    def now(self) -> datetime:
        """Return the machine's time."""
        return datetime.now(UTC)  # noqa: TID251 - Discord's clock, not the desk's


class ShiftedClock:
    """A clock that can be put forward without waiting."""

    def __init__(self, base: Clock | None = None) -> None:
        self._base: Clock = base if base is not None else RealClock()
        self._shift = timedelta()

    def now(self) -> datetime:
        """Return the base clock's time plus what was advanced so far."""
        return self._base.now() + self._shift

    def advance(self, seconds: float) -> None:
        """Put this clock forward by `seconds`."""
        self._shift += timedelta(seconds=seconds)


class Snowflakes:
    """Mints ids that carry their time and always grow, even when the clock steps back."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._last = 0

    def mint(self) -> int:
        """Return the next id."""
        wanted = ms_of(self._clock.now()) << 22
        self._last = max(self._last + 1, wanted)
        return self._last


def ms_of(moment: datetime) -> int:
    """Return milliseconds since Discord's epoch."""
    return int(moment.timestamp() * 1000) - DISCORD_EPOCH_MS
