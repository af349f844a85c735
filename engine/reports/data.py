"""How good the quotes are: a grade per symbol with what it is made of, and the sources."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from engine.domain.instrument import Instrument
from engine.quality import Grade, Quality
from engine.quality import Report as Graded
from engine.reports import Frame, Stamp

Period = Literal["1h", "6h", "1d"]
SPANS: Mapping[Period, timedelta] = {
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "1d": timedelta(days=1),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One symbol."""

    label: str
    graded: Graded
    trend: tuple[float, ...]
    """Scores of the period, oldest first; empty: none was taken in it."""
    trend_at: tuple[datetime, ...] = ()
    """When each of them was taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """One source of quotes."""

    name: str
    uptime: float
    """Share of the last day, 0 to 1."""
    down: str
    """Why it delivers nothing just now; empty when it does."""
    trouble: str = ""
    """What else is not as it should be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReport:
    """Worst first."""

    stamp: Stamp
    rows: tuple[Row, ...]
    sources: tuple[Source, ...]
    period: Period = "1d"
    source: str = ""
    """Only symbols that this source quotes; empty: all."""

    @property
    def n_poor(self) -> int:
        """Symbols on which nothing new is opened."""
        return sum(not r.graded.grade.allows_entries for r in self.rows)

    @property
    def worst(self) -> Grade | None:
        """Grade of the worst symbol; None when nothing was quoted."""
        return self.rows[0].graded.grade if self.rows else None


def build(
    frame: Frame,
    quality: Quality,
    *,
    instruments: Iterable[Instrument],
    down: Mapping[str, str] | None = None,
    troubles: Mapping[str, str] | None = None,
    period: Period = "1d",
    source: str = "",
) -> DataReport:
    """``down``, ``troubles``: source -> why; ``period``: how far trends go back.

    ``source``: only what it quotes.
    """
    rows, since = [], frame.now - SPANS[period]
    for instrument in instruments:
        graded = quality.of(instrument, frame.now)
        if graded is None or (source and source not in graded.sources):
            continue
        trend = quality.trend(instrument)
        kept = [(at, score) for at, score in trend if at >= since]
        row = Row(
            label=instrument.label,
            graded=graded,
            trend=tuple(score for _, score in kept),
            trend_at=tuple(at for at, _ in kept),
        )
        rows.append(row)
    lost, wrong = dict(down or {}), troubles or {}
    heard = dict.fromkeys((*quality.sources(), *lost, *wrong))
    names = [n for n in heard if not source or n == source]
    return DataReport(
        stamp=frame.stamp("data"),
        rows=tuple(sorted(rows, key=lambda r: (r.graded.score, r.label))),
        sources=tuple(
            Source(
                name=n,
                uptime=quality.uptime(n, frame.now),
                down=lost.get(n, ""),
                trouble=wrong.get(n, ""),
            )
            for n in names
        ),
        period=period,
        source=source,
    )
