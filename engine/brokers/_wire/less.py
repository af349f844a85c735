"""Less of an order is filled than was told: a bust, or a list of before."""

from collections.abc import Hashable
from decimal import Decimal

from engine.clock import Clock

SURE_S = 10.0
"""Said again so long afterwards, and nothing else in between: no list lags behind for that."""


class Less:
    """What was said to be less, and since when."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[Hashable, float] = {}

    def is_sure(self, what: Hashable, filled: Decimal, told: Decimal) -> bool:
        """Whether so much of it has to be taken back as was ``told`` too many."""
        if filled >= told:
            self._since.pop(what, None)
            return False
        now = self._clock.monotonic()
        return now - self._since.setdefault(what, now) >= SURE_S
