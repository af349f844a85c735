"""How long a lost source is left alone before it is called again."""

from engine.clock import Clock

_PAUSES_S = (0.5, 1, 2, 5, 10, 30)
_STANDS_S = 10.0
"""One that is lost sooner has not come back: called at once each time, its logins would use up the
allowance that quotes are asked for with."""
_MOST_BETWEEN = 4
"""Pauses of one that delivers in between: its prices are not missed for more than 5 s."""


class Pauses:
    """Longer and longer, until the source has stood for a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._up_at: float | None = None
        self._n_lost = 0

    def up(self) -> None:
        """It delivers."""
        if self._up_at is None:
            self._up_at = self._clock.monotonic()

    def lost_s(self) -> float:
        """It is lost: seconds to wait."""
        up_at, self._up_at = self._up_at, None
        if up_at is not None and self._clock.monotonic() - up_at >= _STANDS_S:
            self._n_lost = 0
        self._n_lost += 1
        most = len(_PAUSES_S) if up_at is None else _MOST_BETWEEN
        return _PAUSES_S[min(self._n_lost, most) - 1]
