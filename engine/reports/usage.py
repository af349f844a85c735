"""Which commands and actions people use, how often they work, how fast, and which nobody uses."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from engine.reports import Frame, Stamp

By = Literal["command", "action", "user"]
Outcome = Literal["done", "refused", "mistaken", "failed"]

BOUNDS_MS = (5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 15_000)
"""Upper ends of the times that are counted; longer ones share the last place."""
_P95 = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of one command, used by one person, within one day."""

    name: str
    """``close`` for /close, ``#close`` for the action."""
    user_id: int
    done: int = 0
    refused: int = 0
    """He may not."""
    mistaken: int = 0
    """It could not be done as asked: a wrong symbol, a closed market."""
    failed: int = 0
    """Our fault."""
    times: tuple[int, ...] = (0,) * (len(BOUNDS_MS) + 1)
    """How many ended within each bound of :data:`BOUNDS_MS`."""

    @property
    def n(self) -> int:
        """All uses."""
        return self.done + self.refused + self.mistaken + self.failed

    def plus(self, other: "Tally") -> "Tally":
        """Both together, under this one's name and user."""
        return Tally(
            name=self.name,
            user_id=self.user_id,
            done=self.done + other.done,
            refused=self.refused + other.refused,
            mistaken=self.mistaken + other.mistaken,
            failed=self.failed + other.failed,
            times=tuple(a + b for a, b in zip(self.times, other.times, strict=True)),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One command, action or person."""

    label: str
    n: int
    done_pct: float
    failed: int
    p95_ms: int | None
    """95 of 100 ended within so many milliseconds; None: later than the last bound."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageReport:
    """Most used first."""

    stamp: Stamp
    days: int
    by: By
    rows: tuple[Row, ...]
    unused: tuple[str, ...]
    """Commands that nobody used in that time."""


def took(seconds: float) -> int:
    """The place of a duration in :attr:`Tally.times`."""
    ms = seconds * 1000
    return next((i for i, bound in enumerate(BOUNDS_MS) if ms <= bound), len(BOUNDS_MS))


def build(
    frame: Frame, *, days: int, by: By, tallies: Iterable[Tally], known: Iterable[str]
) -> UsageReport:
    """``known``: names of all commands there are."""
    listed = list(tallies)
    chosen = [t for t in listed if by == "user" or t.name.startswith("#") == (by == "action")]
    summed: dict[str, Tally] = {}
    for tally in chosen:
        label = str(tally.user_id) if by == "user" else tally.name
        summed[label] = summed[label].plus(tally) if label in summed else tally
    used = {t.name for t in listed}
    return UsageReport(
        stamp=frame.stamp("usage"),
        days=days,
        by=by,
        rows=tuple(sorted(_rows(summed), key=lambda r: (-r.n, r.label))),
        unused=tuple(sorted(set(known) - used)),
    )


def _rows(summed: Mapping[str, Tally]) -> Iterable[Row]:
    for label, tally in summed.items():
        yield Row(
            label=label,
            n=tally.n,
            done_pct=100 * tally.done / tally.n,
            failed=tally.failed,
            p95_ms=_p95(tally.times),
        )


def _p95(times: tuple[int, ...]) -> int | None:
    wanted, seen = _P95 * sum(times), 0
    for bound, n in zip(BOUNDS_MS, times, strict=False):
        seen += n
        if seen >= wanted:
            return bound
    return None
