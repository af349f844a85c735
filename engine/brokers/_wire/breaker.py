"""Stop asking a broker that does not answer, and try again later: five failures in a minute.

Who looks for what may be held without a stop tries sooner than all others.

Of our own because the libraries for it measure time on the wall clock, which may jump.
"""

from collections import deque

from engine.asking import Rank, rank
from engine.clock import Clock
from engine.domain.errors import BrokerUnavailable

_LOOK_S = 3.0
"""How often a look for what may be held without a stop may try, one at a time."""


class Breaker:
    """Closed while all is well; open for a while after many failures; then one call may try."""

    def __init__(
        self,
        name: str,
        clock: Clock,
        *,
        failures: int = 5,
        within_s: float = 60,
        open_s: float = 30,
    ) -> None:
        self._name, self._clock = name, clock
        self._failures, self._within_s, self._open_s = failures, within_s, open_s
        self._failed_at: deque[float] = deque(maxlen=failures)
        self._opened_at: float | None = None
        self._tried_at = 0.0
        self._is_trying = False
        self._why = ""
        """What the last failure was: a wrong address answers, and is no silence."""

    @property
    def is_open(self) -> bool:
        """Whether calls are refused just now."""
        return self._opened_at is not None and not self._may_try()

    def _may_try(self) -> bool:
        is_over = self._is_over() or (
            rank() <= Rank.DOUBT and self._clock.monotonic() - self._tried_at >= _LOOK_S
        )
        return is_over and not self._is_trying

    def _is_over(self) -> bool:
        """Whether its pause is."""
        assert self._opened_at is not None  # noqa: S101 - asked of an open one only
        return self._clock.monotonic() - self._opened_at >= self._open_s

    def check(self) -> None:
        """Long before a call.

        Raises:
            BrokerUnavailable: not now; nothing was sent.
        """
        if self.is_open:
            why = f" ({self._why})" if self._why else ""
            raise BrokerUnavailable(
                f"{self._name} does not answer{why}; tried again within a minute"
            )

    def enter(self) -> None:
        """Right before a call, which then tells how it went.

        Raises:
            BrokerUnavailable: not now; nothing was sent.
        """
        self.check()
        self._is_trying = self._opened_at is not None

    def succeeded(self) -> None:
        """The broker answered, if only to refuse."""
        self._failed_at.clear()
        self._opened_at, self._is_trying = None, False

    def invite(self) -> None:
        """It lives, by another line of its own: the one call that may try need not wait."""
        if self._opened_at is not None:
            self._opened_at = self._clock.monotonic() - self._open_s

    def failed(self, why: str = "") -> None:
        """It did not; ``why``: in words, for whoever is refused meanwhile."""
        now = self._clock.monotonic()
        self._why = why.removeprefix(f"{self._name}: ").removeprefix(f"{self._name} ")
        self._failed_at.append(now)
        self._tried_at = now
        is_many = len(self._failed_at) == self._failures
        if self._opened_at is not None:
            if self._is_over():  # who tries before takes nobody else's turn away
                self._opened_at = now
        elif is_many and now - self._failed_at[0] <= self._within_s:
            self._opened_at = now
        self._is_trying = False
