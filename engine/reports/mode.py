"""Paper or live: which, since when, by whom, and what stands in between."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from engine.reports import Frame, Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """One fact that decides whether real money may be traded."""

    name: str
    is_ok: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeReport:
    """The mode, since when and by whom, and what stands between paper and live."""

    stamp: Stamp
    mode: str
    since: datetime | None
    by: str
    reason: str
    asked_by: str
    """The admin who has asked for live and waits for a second one; empty when nobody has."""
    asked_until: datetime | None
    readiness: tuple[Readiness, ...]

    @property
    def is_ready(self) -> bool:
        """Every fact is fine."""
        return all(r.is_ok for r in self.readiness)


def build(
    frame: Frame,
    *,
    since: datetime | None,
    by: str,
    reason: str,
    readiness: Iterable[Readiness],
    asked: tuple[str, datetime] | None = None,
) -> ModeReport:
    """``frame`` says the mode; ``asked``: who has asked for live, and until when it counts."""
    return ModeReport(
        stamp=frame.stamp("mode"),
        mode=frame.mode,
        since=since,
        by=by,
        reason=reason,
        asked_by=asked[0] if asked else "",
        asked_until=asked[1] if asked else None,
        readiness=tuple(readiness),
    )
