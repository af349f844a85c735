"""Several instruments on one scale: each rebased to 100 where the window begins."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.domain.candle import Candles, Timeframe
from engine.domain.instrument import Instrument
from engine.reports import Frame, Missing, Stamp
from engine.reports._moves import market_stamp
from engine.reports.chart import MOST, Range, View


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One instrument; ``values`` are as long as the report's moments."""

    instrument: Instrument
    values: tuple[Decimal, ...]
    change_pct: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareReport:
    """Best first."""

    stamp: Stamp
    timeframe: Timeframe
    range: Range
    shift: int
    at: tuple[datetime, ...]
    """Moments that all of them have a candle of."""
    lines: tuple[Line, ...]
    missing: Mapping[str, str]
    """What is not drawn, and why."""


def build(frame: Frame, series: Sequence[Candles], view: View) -> CompareReport:
    """Only moments that every instrument has count, so that no line is filled in."""
    missing = {s.instrument.label: s.missing for s in series if not s.candles}
    known = [s for s in series if s.candles]
    closes = [{c.at: c.close for c in s.candles} for s in known]
    common = sorted(set.intersection(*map(set, closes)) if closes else ())[-view.n :]
    if known and len(common) < 2:
        missing |= {s.instrument.label: "no moments in common" for s in known}
        known = []
    per = -(-len(common) // MOST) or 1
    picked = common[::-1][::per][::-1]  # the newest is always drawn
    lines = []
    for one, prices in zip(known, closes, strict=False):
        base = prices[picked[0]]
        values = tuple(prices[at] / base * 100 for at in picked)
        line = Line(instrument=one.instrument, values=values, change_pct=values[-1] - 100)
        lines.append(line)
    return CompareReport(
        stamp=market_stamp(frame, "compare", [s.instrument for s in series], series),
        timeframe=view.timeframe,
        range=view.range,
        shift=view.shift,
        at=tuple(picked) if lines else (),
        lines=tuple(sorted(lines, key=lambda line: -line.change_pct)),
        missing=missing,
    )


def spread(report: CompareReport) -> Decimal | Missing:
    """Percentage points between the best and the worst."""
    if len(report.lines) < 2:
        return Missing("fewer than two lines")
    return report.lines[0].change_pct - report.lines[-1].change_pct
