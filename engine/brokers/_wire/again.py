"""Whether a request is tried again, and how long a broker that refuses wants to be left alone."""

from engine.domain.errors import BrokerUnavailable, RateLimited

_USUAL_S, _MOST_S = 5.0, 60.0
"""After a 429 that names no pause; after one that names a very long one."""


def is_worth_another(error: Exception) -> bool:
    """Nothing was sent, and the broker did not ask for a pause."""
    return isinstance(error, BrokerUnavailable) and not isinstance(error, RateLimited)


def pause_s(retry_after: str | None) -> float:
    """Seconds of a ``Retry-After``, 0 to 60; 5 where it says none that can be read."""
    try:
        seconds = float(retry_after or "")
    except ValueError:
        return _USUAL_S
    return min(seconds, _MOST_S) if 0 <= seconds < float("inf") else _USUAL_S
