"""What following a room would have made: as alerted, as achievable, and as our guards traded it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.domain.money import ZERO
from engine.reports import Figure, Frame, Missing, Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One alerted round trip, before fees; None: not known, 0 for ours: the guards skipped it."""

    at: datetime
    label: str
    alerted_usd: Decimal | None
    achievable_usd: Decimal | None
    ours_usd: Decimal | None
    skipped: str = ""
    """Why our guards did not trade it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One way to follow the room: its sum after each case, and at the end."""

    points: tuple[Decimal, ...]
    total_usd: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayReport:
    """Three ways to follow one room over the same alerts."""

    stamp: Stamp
    title: str
    at: tuple[datetime, ...]
    alerted: Line
    achievable: Line
    ours: Line
    n: int
    n_left_out: int
    """Cases with a figure missing; left out of all three lines."""
    n_skipped: int


def build(frame: Frame, *, cases: Iterable[Case], title: str = "Replay") -> ReplayReport:
    """The three lines over the cases whose figures are all known, in order of time."""
    given = sorted(cases, key=lambda c: c.at)
    full = [c for c in given if None not in (c.alerted_usd, c.achievable_usd, c.ours_usd)]
    return ReplayReport(
        stamp=frame.stamp("replay"),
        title=title,
        at=tuple(c.at for c in full),
        alerted=_line(c.alerted_usd for c in full),
        achievable=_line(c.achievable_usd for c in full),
        ours=_line(c.ours_usd for c in full),
        n=len(full),
        n_left_out=len(given) - len(full),
        n_skipped=sum(bool(c.skipped) for c in full),
    )


def _line(values: Iterable[Decimal | None]) -> Line:
    points: list[Decimal] = []
    total = ZERO
    for value in values:
        total += value or ZERO
        points.append(total)
    return Line(
        points=tuple(points), total_usd=total if points else Missing("no closed trades yet")
    )
