"""How much one person may ask for at once, so that nobody keeps the others waiting (X-12)."""

import asyncio
import math
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable

from engine.domain.errors import UserError

_COMMANDS, _ACTIONS = (100.0, 5.0), (20.0, 1.0)
"""At once, and per second after that. Answers to #actions are messages, which Discord counts."""
_BULK = (10.0, 10 / 60)
"""Things that touch many orders at once: ten a minute. Closing everything is not among them."""
_PEOPLE = 5000
BULK = frozenset({"#cancel-all", "#set-stops", "#take-profits", "approvals bulk"})

EXEMPT = frozenset(
    {
        *("emergency-stop", "#emergency-stop", "press emergency-stop"),
        *("close", "#close", "#close-all", "press close"),
        *("#stop", "#trailing", "press stop"),
        *("order cancel", "approvals reject", "#reject", "press reject"),
        *("press confirm", "press monitor", "monitor stop", "risk freeze", "broker disable"),
        "mode paper",
    }
)
"""What takes risk away is never held back."""


_LIMITS = {"bulk": _BULK, "action": _ACTIONS, "command": _COMMANDS}


class TooMuch(UserError):
    """Not now; the same person may come again in a moment."""

    def __init__(self, wait_s: int) -> None:
        super().__init__(
            f"That was a lot at once. Nothing was done; try again in {wait_s} s. Closing, stops "
            "and the emergency stop always work."
        )


class Pace:
    """Buckets of commands, #actions and bulk ones per person: so many at once, so many a second."""

    def __init__(self) -> None:
        self._seen: OrderedDict[tuple[int, str], tuple[float, float]] = OrderedDict()
        """Person and kind -> requests left, and when that was counted."""

    def count(self, user_id: int, name: str, now: float, *, is_allowed: bool = True) -> None:
        """Count one request; what takes risk away is free for those who may do it.

        Raises:
            TooMuch: it was one too many; says when to come again.
        """
        if name in EXEMPT and is_allowed:
            return
        kind = "bulk" if name in BULK else "action" if name.startswith("#") else "command"
        most, per_s = _LIMITS[kind]
        key = (user_id, kind)
        left, at = self._seen.pop(key, (most, now))
        left = min(most, left + max(0.0, now - at) * per_s)
        fits = left >= 1
        self._seen[key] = (left - fits, now)
        while len(self._seen) > _PEOPLE:
            self._seen.popitem(last=False)
        if not fits:
            raise TooMuch(math.ceil((1 - left) / per_s))


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
