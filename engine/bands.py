"""Between which prices nothing is of interest: a quiet tick costs next to nothing.

Many at once lie in arrays, so that all of them are compared in one sweep.
"""

from array import array
from math import inf


class Bands:
    """Price bands by name, each for a while."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._names: list[str] = []
        self._free: list[int] = []
        self._low, self._high, self._price = array("d"), array("d"), array("d")
        self._until = array("d")

    def __len__(self) -> int:
        return len(self._numbers)

    def __contains__(self, name: str) -> bool:
        return name in self._numbers

    def put(self, name: str, low: float, high: float, price: float, until: float) -> None:
        """Quiet between ``low`` and ``high``, both excluded, up to this monotonic time."""
        number = self._numbers.get(name)
        if number is None:
            number = self._numbers[name] = self._room(name)
        self._low[number], self._high[number] = low, high
        self._price[number], self._until[number] = price, until

    def _room(self, name: str) -> int:
        if self._free:
            number = self._free.pop()
            self._names[number] = name
            return number
        self._names.append(name)
        for column in (self._low, self._high, self._price, self._until):
            column.append(0.0)
        return len(self._names) - 1

    def drop(self, name: str) -> None:
        """It has no band any more."""
        number = self._numbers.pop(name, None)
        if number is not None:
            self._low[number], self._high[number] = -inf, inf
            self._price[number], self._until[number] = 0.0, inf
            self._free.append(number)

    def is_quiet(self, name: str, price: float, now: float) -> bool:
        """Whether this price, now, is of no interest; it is remembered as the last one."""
        number = self._numbers.get(name)
        if number is None:
            return False
        self._price[number] = price
        return now < self._until[number] and self._low[number] < price < self._high[number]

    def due(self, now: float) -> list[str]:
        """All whose last price has left their band, or whose time is over."""
        import numpy as np  # only a desk that holds something needs it

        if not self._names:
            return []
        price = np.frombuffer(self._price)
        quiet = (
            (np.frombuffer(self._low) < price)
            & (price < np.frombuffer(self._high))
            & (np.frombuffer(self._until) > now)
        )
        return [self._names[n] for n in np.flatnonzero(~quiet)]
