"""How much one person may ask for at once, so that nobody keeps the others waiting (X-12)."""

import math
from collections import OrderedDict

from engine.domain.errors import UserError

_BURST = 20
_PER_S = 1.0
_PEOPLE = 5000

EXEMPT = frozenset(
    {
        "emergency-stop",
        "#emergency-stop",
        "#close",
        "#close-all",
        "#stop",
        "#trailing",
        "press confirm",
        "press close",
        "press stop",
        "press reject",
    }
)
"""What takes risk away is never held back."""


class TooMuch(UserError):
    """Not now; the same person may come again in a moment."""

    def __init__(self, wait_s: int, *, is_first: bool) -> None:
        super().__init__(
            f"That was a lot at once. Nothing was done; try again in {wait_s} s. Closing, stops "
            "and the emergency stop always work."
        )
        self.is_first = is_first
        """False when he was told so a moment ago."""


class Pace:
    """A bucket of requests per person: 20 at once, then one per second."""

    def __init__(self) -> None:
        self._seen: OrderedDict[int, tuple[float, float, bool]] = OrderedDict()
        """Person -> requests left, when that was counted, whether he was told to wait."""

    def count(self, user_id: int, name: str, now: float) -> None:
        """Count one request.

        Raises:
            TooMuch: it was one too many; says when to come again.
        """
        if name in EXEMPT:
            return
        left, at, was_told = self._seen.pop(user_id, (float(_BURST), now, False))
        left = min(_BURST, left + max(0.0, now - at) * _PER_S)
        is_allowed = left >= 1
        self._seen[user_id] = (left - is_allowed, now, not is_allowed)
        while len(self._seen) > _PEOPLE:
            self._seen.popitem(last=False)
        if not is_allowed:
            raise TooMuch(math.ceil((1 - left) / _PER_S), is_first=not was_told)
