"""Circles of garbage are looked for while nothing is going on, not in the middle of an alert.

Python looks for them whenever so many objects were made, and alerts are what makes them. Over 600
alerts with Python's own thresholds that took 0.1 ms of each in the mean, 2 ms of every fiftieth and
once 30 ms, which grow with everything that the desk remembers.
"""

import gc

from engine.desk import Desk

LOOK_S = 2.0
_OLDER_EVERY, _ALL_EVERY = 15, 300
"""Looks: every half minute what has survived one, every ten minutes everything."""
_AT_THE_LATEST = (20_000, 50, 50)
"""Objects, and collections of the younger generation, when it is never quiet."""


def out_of_the_way() -> None:
    """What is here now lives as long as the process; what follows waits for a quiet moment."""
    gc.freeze()
    gc.set_threshold(*_AT_THE_LATEST)


class Garbage:
    """Looks for it every two seconds, unless something was written since the last look."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._last_seq = 0
        self._n_looks = 0

    async def look(self) -> None:
        """Take away what nobody can reach any more."""
        if not self._is_quiet():
            return
        self._n_looks += 1
        if self._n_looks % _ALL_EVERY == 0:
            gc.collect()
        else:
            gc.collect(1 if self._n_looks % _OLDER_EVERY == 0 else 0)

    def _is_quiet(self) -> bool:
        """Nothing is being written or sent, and nothing was written lately."""
        health = self._desk.store.health()
        before, self._last_seq = self._last_seq, health.last_seq
        return health.last_seq == before and not health.n_waiting and not self._desk.in_flight
