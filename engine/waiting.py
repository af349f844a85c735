"""How long something has lasted, and when to try again: on monotonic time, whatever the wall says.

A wall clock that jumps must neither fire a time-out nor put it off (M-03); what the store keeps is
wall time all the same, because monotonic time means nothing to the next process.
"""

from collections import OrderedDict
from datetime import datetime

from engine.clock import Clock

_KEPT = 20_000
FIRST_S, MOST_S = 2.0, 60.0
CLOSE_S = 8.0
"""A close keeps somebody from a loss that runs: it waits for no more than this after any end."""


class Stopwatch:
    """Ages of things that began at a wall time, counted monotonically once first asked for."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._begun: OrderedDict[tuple[str, datetime], float] = OrderedDict()

    def age_s(self, name: str, since: datetime) -> float:
        """Seconds since ``since``; ask early, the first answer is taken from the wall."""
        now = self._clock.monotonic()
        begun = self._begun.get((name, since))
        if begun is None:
            begun = now - max(0.0, (self._clock.now() - since).total_seconds())
            self._begun[name, since] = begun
            while len(self._begun) > _KEPT:
                self._begun.popitem(last=False)
        return now - begun


class Backoff:
    """Pauses between tries of the same thing: twice as long after each refusal, to a bound."""

    def __init__(self, clock: Clock, first_s: float = FIRST_S, most_s: float = MOST_S) -> None:
        self._clock = clock
        self._first_s = first_s
        self._most_s = most_s
        self._tries: dict[str, tuple[int, float]] = {}

    def must_wait(self, name: str) -> bool:
        """Whether it is too early for another try."""
        known = self._tries.get(name)
        return known is not None and self._clock.monotonic() < known[1]

    def failed(self, name: str, most_s: float | None = None) -> int:
        """Note a refusal; how many there were in a row. ``most_s``: the longest pause of it."""
        n = self._tries.get(name, (0, 0.0))[0] + 1
        pause = min(self._first_s * 2 ** min(n - 1, 30), self._most_s if most_s is None else most_s)
        self._tries[name] = (n, self._clock.monotonic() + pause)
        return n

    def wait(self, name: str, seconds: float) -> None:
        """Not before so many seconds have passed, as was asked for; it counts as no refusal."""
        n = self._tries.get(name, (0, 0.0))[0]
        self._tries[name] = (n, self._clock.monotonic() + seconds)

    def worked(self, name: str) -> None:
        """It went through: the next refusal starts anew."""
        self._tries.pop(name, None)

    def names(self) -> list[str]:
        """What was refused and has not gone through since."""
        return list(self._tries)
