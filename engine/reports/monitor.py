"""Whether alerts are heard: every room, when it last spoke, what came of its messages."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from engine.domain.desk import Intake
from engine.domain.source import SourceProfile
from engine.reports import Frame, Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """One alert room."""

    name: str
    channel_id: int
    handling: str
    """``listen``, ``approve`` or ``auto``."""
    parser: str
    account: str
    author_ids: tuple[int, ...]
    webhook_ids: tuple[int, ...]
    stopped: str = ""
    """Why its alerts are not acted on; empty while they are."""
    problem: str = ""
    """Why it cannot be read; empty when it can."""
    last_at: datetime | None = None
    """When its last message was heard; None: none since the books remember."""
    n_heard: int = 0
    """Messages that the desk has in memory."""
    n_alerts: int = 0
    """Those that were alerts."""
    n_waiting: int = 0
    """Messages that wait until a gap before them has been read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MonitorReport:
    """All rooms."""

    stamp: Stamp
    is_connected: bool
    stopped: str
    """Why no alert is acted on at all; empty while any is."""
    stopped_at: datetime | None
    rooms: tuple[Room, ...]

    @property
    def n_heard(self) -> int:
        """Rooms whose alerts are acted on or shown."""
        return sum(not (room.stopped or room.problem) for room in self.rooms)


def build(
    frame: Frame,
    *,
    rooms: Iterable[Room],
    is_connected: bool,
    stopped: str = "",
    stopped_at: datetime | None = None,
) -> MonitorReport:
    """As it is now."""
    return MonitorReport(
        stamp=frame.stamp("monitor"),
        is_connected=is_connected,
        stopped=stopped,
        stopped_at=stopped_at,
        rooms=tuple(rooms),
    )


def room(
    profile: SourceProfile,
    intake: Iterable[Intake],
    *,
    stopped: str = "",
    problem: str = "",
    n_waiting: int = 0,
) -> Room:
    """One room; ``intake``: what was heard in it, oldest first."""
    heard = list(intake)
    kinds = Counter(bool(i.alert_id) for i in heard)
    return Room(
        name=profile.name,
        channel_id=profile.channel_id,
        handling=profile.handling.value,
        parser=profile.parser,
        account=profile.account,
        author_ids=tuple(sorted(profile.author_ids)),
        webhook_ids=tuple(sorted(profile.webhook_ids)),
        stopped=stopped,
        problem=problem,
        last_at=max((i.message.received_at for i in heard), default=None),
        n_heard=len(heard),
        n_alerts=kinds[True],
        n_waiting=n_waiting,
    )
