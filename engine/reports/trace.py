"""Every hop of one story, straight from the journal: when, who, what, which rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from engine.reports import Frame, Stamp
from engine.reports.audit import said
from engine.store import Journaled


@dataclass(frozen=True, slots=True, kw_only=True)
class Hop:
    """One journal event."""

    seq: int
    at: datetime
    after: timedelta
    """Since the hop before; 0 for the first."""
    kind: str
    actor: str
    detail: str
    """What the event says about itself, in ``name value`` pairs."""
    rows: tuple[str, ...]
    """Records that it changed: ``trades T-1 v2``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceReport:
    """The path of one story."""

    stamp: Stamp
    asked: str
    """The id that was asked for, which may be an order's or a trade's."""
    hops: tuple[Hop, ...]
    took: timedelta
    n_in_all: int


def build(
    frame: Frame, *, ref: str, events: Sequence[Journaled], asked: str = "", limit: int = 200
) -> TraceReport | None:
    """The hops of one story in order; None when the journal knows nothing of it."""
    if not events:
        return None
    hops: list[Hop] = []
    before = events[0].event.at
    for journaled in events[:limit]:
        event = journaled.event
        hops.append(
            Hop(
                seq=journaled.seq,
                at=event.at,
                after=event.at - before,
                kind=event.kind,
                actor=event.actor,
                detail=said(event),
                rows=tuple(f"{p.TABLE} {p.key} v{p.version}" for p in event.puts),
            )
        )
        before = event.at
    return TraceReport(
        stamp=frame.stamp(ref),
        asked=asked or ref,
        hops=tuple(hops),
        took=events[-1].event.at - events[0].event.at,
        n_in_all=len(events),
    )
