"""What is told otherwise than before: a bust, a correction, or by a list of before."""

from collections.abc import Hashable

from engine.clock import Clock

SURE_S = 10.0
"""Said again so long afterwards, and nothing else in between: no list lags behind for that."""


class Lasting:
    """What was said against the books, and since when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[Hashable, tuple[Hashable, float]] = {}

    def is_said(self, what: Hashable) -> bool:
        """Whether something was said against it at the last look."""
        return what in self._said

    def is_sure(self, what: Hashable, said: Hashable | None) -> bool:
        """Whether the same was ``said`` of it for so long that it is believed; None: nothing."""
        if said is None:
            self._said.pop(what, None)
            return False
        now = self._clock.monotonic()
        before, since = self._said.get(what, (None, now))
        if before != said:
            since = now
        self._said[what] = (said, since)
        return now - since >= SURE_S
