"""How much one person may ask for at once, so that nobody keeps the others waiting (X-12)."""

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable

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

    def __init__(self, wait_s: int) -> None:
        super().__init__(
            f"That was a lot at once. Nothing was done; try again in {wait_s} s. Closing, stops "
            "and the emergency stop always work."
        )


class Pace:
    """A bucket of requests per person: 20 at once, then one per second."""

    def __init__(self) -> None:
        self._seen: OrderedDict[int, tuple[float, float]] = OrderedDict()
        """Person -> requests left, and when that was counted."""

    def count(self, user_id: int, name: str, now: float) -> None:
        """Count one request.

        Raises:
            TooMuch: it was one too many; says when to come again.
        """
        if name in EXEMPT:
            return
        left, at = self._seen.pop(user_id, (float(_BURST), now))
        left = min(_BURST, left + max(0.0, now - at) * _PER_S)
        is_allowed = left >= 1
        self._seen[user_id] = (left - is_allowed, now)
        while len(self._seen) > _PEOPLE:
            self._seen.popitem(last=False)
        if not is_allowed:
            raise TooMuch(math.ceil((1 - left) / _PER_S))


class Queue:
    """Answers that nobody else may wait for: one at a time, dropped when they come too late."""

    def __init__(self) -> None:
        self._due: deque[tuple[float, Callable[[], Awaitable[object]]]] = deque()
        self._task: asyncio.Task[None] | None = None

    def add(self, answer: Callable[[], Awaitable[object]], *, ends_at: float) -> None:
        """Give this answer when there is time, until ``ends_at`` of the loop's clock."""
        self._due.append((ends_at, answer))
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._work(), name="throttled answers")

    async def _work(self) -> None:
        while self._due:
            ends_at, answer = self._due.popleft()
            if asyncio.get_running_loop().time() < ends_at:
                await answer()

    async def close(self) -> None:
        """Forget the rest."""
        self._due.clear()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
