"""What is told otherwise than before: a bust, a correction, or by a list of before."""

from collections.abc import Hashable

from engine.clock import Clock

SURE_S = 10.0
"""Said again so long afterwards, and nothing else in between: no list lags behind for that."""


class Lasting:
    """What was said against the books, and since when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[Hashable, float] = {}

    def is_said(self, what: Hashable) -> bool:
        """Whether it was said at the last look."""
        return what in self._since

    def is_sure(self, what: Hashable, is_so: bool) -> bool:
        """Whether ``what`` has been said for so long that it is believed."""
        if not is_so:
            self._since.pop(what, None)
            return False
        now = self._clock.monotonic()
        return now - self._since.setdefault(what, now) >= SURE_S
