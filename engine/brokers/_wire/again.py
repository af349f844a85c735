"""Whether a request is tried again, and how long a broker that refuses wants to be left alone."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from engine.domain.errors import (
    BrokerUnavailable,
    NotOffered,
    OrderStateUnknown,
    RateLimited,
    ServerFailed,
)

_MOST_S = 60.0
"""After a 429 that names a very long pause."""
NOT_OFFERED = frozenset({403, 404, 405, 501})
"""What says of a question that there is no answer to be had."""
UNPROVEN = frozenset({408, 425})
"""Too slow, too early: whoever says so may have passed it on."""
_OWN_FAULT = frozenset({500, 503})
_SPOKEN = re.compile(r"v\d+|[A-Za-z.:_-]{1,25}")


def is_lacking(status: int, body: object) -> bool:
    """Whether a broker has nothing for us where it was asked; an empty list is an answer."""
    return status in NOT_OFFERED or (200 <= status < 300 and body in (None, {}))


class NoSuchPlace(OrderStateUnknown):
    """One of :data:`NOT_OFFERED`, by whoever answers there; of an act it proves nothing."""


@contextmanager
def page(number: int) -> Iterator[None]:
    """Ask for page ``number`` of a list: one that began is offered, whatever its rest answers.

    Raises:
        BrokerUnavailable: so nothing is known; NotOffered: the first one is not there.
    """
    try:
        yield
    except NotOffered as error:
        if number == 0:
            raise
        raise BrokerUnavailable(str(error)) from error


def place_of(path: str) -> str:
    """Where something was asked, without numbers of accounts and orders."""
    parts = path.partition("?")[0].split("/")
    return "/".join(part if not part or _SPOKEN.fullmatch(part) else "…" for part in parts)


def is_worth_another(error: Exception) -> bool:
    """Nothing was sent, and the broker did not ask for a pause."""
    is_final = isinstance(error, (RateLimited, NotOffered))
    return isinstance(error, BrokerUnavailable) and not is_final


def pause_s(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds of an answer's ``Retry-After``, 0 to 60; None where it says none that can be read.

    It may name a moment instead: told by the broker's own clock, where the answer says its time.
    """
    said = headers.get("Retry-After", "")
    try:
        seconds = float(said)
    except ValueError:
        until = _moment(said)
        if until is None:
            return None
        left_s = (until - (_moment(headers.get("Date", "")) or now)).total_seconds()
        seconds = max(left_s, 0.0)
    return min(seconds, _MOST_S) if 0 <= seconds < float("inf") else None


def _moment(said: str) -> datetime | None:
    """An HTTP date; None when it is none."""
    try:
        at = parsedate_to_datetime(said)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def server_error(name: str, status: int) -> OrderStateUnknown:
    """A 5xx: of the broker itself, or of a gateway before it; or an address that is another's."""
    if status < 400:
        return OrderStateUnknown(
            f"{name}: its address sends us elsewhere (status {status}), where no key goes; check it"
        )
    kind = ServerFailed if status in _OWN_FAULT else OrderStateUnknown
    return kind(f"{name}: server error {status}")
