"""How much of a provider's allowance is used, as its own answers tell (``/health api-usage``)."""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from engine.clock import Clock

_WINDOW_S = 60.0
_WAITS = 200
_LIMIT = ("x-ratelimit-limit", "ratelimit-limit")
_LEFT = ("x-ratelimit-remaining", "ratelimit-remaining")


@dataclass(slots=True)
class Usage:
    """Calls of one provider since the start of the process."""

    clock: Clock
    n_calls: int = 0
    n_failed: int = 0
    """Ended without an answer of the provider's own: no connection, time-out, 5xx, no JSON."""
    n_limited: int = 0
    """Answered by 429."""
    limit: int | None = None
    """Calls per window as the last answer said; None when it did not."""
    remaining: int | None = None
    last_at: datetime | None = None
    last_ms: float | None = None
    """Wait for the last answer."""
    waits_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_WAITS))
    """Waits for the newest answers."""
    _recent: deque[float] = field(default_factory=deque)

    @property
    def per_min(self) -> int:
        """Calls of the last minute."""
        self._forget()
        return len(self._recent)

    def called(self) -> None:
        """One request leaves."""
        self.n_calls += 1
        self.last_at = self.clock.now()
        self._recent.append(self.clock.monotonic())
        self._forget()

    def answered(self, status: int, headers: Mapping[str, str], took_s: float) -> None:
        """What came back; header names in any case."""
        self.last_ms = took_s * 1000
        self.waits_ms.append(self.last_ms)
        self.n_limited += status == 429
        self.n_failed += status >= 500
        self.limit = _number(headers, _LIMIT, self.limit)
        self.remaining = _number(headers, _LEFT, self.remaining)

    def failed(self) -> None:
        """Nothing came back that could be read."""
        self.n_failed += 1

    def _forget(self) -> None:
        before = self.clock.monotonic() - _WINDOW_S
        while self._recent and self._recent[0] <= before:
            self._recent.popleft()


def _number(headers: Mapping[str, str], names: tuple[str, ...], known: int | None) -> int | None:
    for name in names:
        text = headers.get(name)
        if text is not None and text.strip().isdigit():
            return int(text)
    return known
