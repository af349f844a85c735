"""How an instrument moved: from its daily candles and its newest quote, for every market report."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal

from engine.domain.candle import Candle, Candles
from engine.domain.instrument import Instrument
from engine.market import new_york_date
from engine.reports import Figure, Frame, Missing, Stamp

RECENT = timedelta(minutes=15)
"""A quote that is older is no price of today."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """Where it stands, and how far from the close before."""

    instrument: Instrument
    last: Figure
    before: Figure
    """Close of the trading day before the last price's own."""
    day_pct: Figure


def move(instrument: Instrument, series: Candles | None, frame: Frame) -> Move:
    """``series``: daily candles, the running one included; None: not asked for."""
    quote = frame.quotes.get(instrument.key)
    days = () if series is None else series.candles
    why = Missing("no history" if series is None else series.missing or "no history")
    last: Figure = why
    on: date | None = None
    if quote is not None and quote.is_sane and frame.now - quote.received_at <= RECENT:
        last, on = quote.mid, new_york_date(quote.received_at)
    elif days:
        last, on = days[-1].close, days[-1].on
    earlier = [d for d in days if on is not None and d.on < on]
    before: Figure = earlier[-1].close if earlier else why
    return Move(instrument=instrument, last=last, before=before, day_pct=change_pct(last, before))


def change_pct(now: Figure, then: Figure) -> Figure:
    """From ``then`` to ``now`` in percent of ``then``."""
    if isinstance(now, Missing):
        return now
    if isinstance(then, Missing):
        return then
    return (now / then - 1) * 100


def over(series: Candles | None, n: int, last: Figure | None = None) -> Figure:
    """Change over ``n`` days in percent, to the newest close or to ``last``."""
    if series is None or not series.candles:
        return Missing(series.missing if series is not None and series.missing else "no history")
    days = series.candles
    if len(days) <= n:
        return Missing(f"{len(days)} days of history, {n + 1} needed")
    return change_pct(days[-1].close if last is None else last, days[-1 - n].close)


def with_last(days: tuple[Candle, ...], last: Figure) -> tuple[Candle, ...]:
    """Candles whose newest close is the newest price, as an indicator of now needs them."""
    if not days or isinstance(last, Missing):
        return days
    newest = days[-1]
    grown = replace(newest, close=last, high=max(newest.high, last), low=min(newest.low, last))
    return (*days[:-1], grown)


def market_stamp(
    frame: Frame, ref: str, instruments: Iterable[Instrument], series: Iterable[Candles]
) -> Stamp:
    """A stamp that names the sources of quotes and of candles."""
    told = [s for s in series if s.candles]
    stamp = frame.stamp(ref, instruments)
    sources = {s for s in stamp.source.split(", ") if s} | {s.source for s in told}
    return replace(
        stamp,
        source=", ".join(sorted(sources)),
        is_synthetic=stamp.is_synthetic or any(s.is_synthetic for s in told),
    )


def decimal(value: float | None, why: str = "too little history") -> Figure:
    """A figure of an indicator; missing where it has none."""
    return Missing(why) if value is None else Decimal(repr(round(value, 6)))
