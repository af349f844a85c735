"""What a broker says beside no when it does not know us: its own code, and its time of day."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SKEW_S = 60.0
"""Signatures of a clock further off are refused, whatever the keys are."""
_CODE = re.compile(
    r'"(?:error_?code|code|error)"\s*:\s*"?([a-z][a-z_.-]{2,39}|\d{3,9})"?\s*[,}]'
    r"|oauth_problem=([a-z_]{3,40})",
    re.IGNORECASE,
)
"""No key of ours is of that form: what is sent back to us is not told on."""


def because(text: str, headers: Mapping[str, str], now: datetime) -> str:
    """``, token_expired, our clock is 600 s behind its own``; empty when it says nothing."""
    found = _CODE.search(text) or _CODE.search(headers.get("WWW-Authenticate", ""))
    said = f", {found[1] or found[2]}" if found else ""
    off_s = _ahead_s(headers.get("Date", ""), now)
    if abs(off_s) > _SKEW_S:
        side = "ahead of" if off_s > 0 else "behind"
        said += f", our clock is {abs(off_s):.0f} s {side} its own"
    return said


def _ahead_s(date: str, now: datetime) -> float:
    """How far our clock is ahead of the one that wrote this; 0 when that cannot be told."""
    try:
        there = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return 0.0
    if there.tzinfo is None:
        there = there.replace(tzinfo=UTC)
    return (now - there).total_seconds()
