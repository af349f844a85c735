"""How good market data is, A to F (rules 3.13): what may be traded on it, source by source.

100 points: 30 fresh, 25 complete, 20 agreed upon by two sources, 15 without outliers, 10 for a
source that was up. What cannot be measured is left out and the rest counts for it; a symbol with
one source only is B at best. Pure: time comes in with each call, memory is bounded.
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from math import sqrt

from engine.belief import Belief
from engine.domain.instrument import Instrument
from engine.domain.quote import Leg, Quote


class Grade(StrEnum):
    """A ≥ 95, B ≥ 85, C ≥ 75, D ≥ 60 points, F below."""

    A = "A"
    B = "B"
    C = "C"
    D = "D"
    F = "F"

    @property
    def allows_entries(self) -> bool:
        """From D down nothing new is opened."""
        return self <= Grade.C


_FROM = ((95.0, Grade.A), (85.0, Grade.B), (75.0, Grade.C), (60.0, Grade.D))
_POINTS = {
    "freshness": 30.0,
    "completeness": 25.0,
    "agreement": 20.0,
    "range": 15.0,
    "uptime": 10.0,
}
_MOST_ALONE = 94.0

INTERVAL_S = 2.0
"""Quotes are expected so often; at five times that nothing is fresh any more."""
_AGREED_BP, _APART_BP = 5.0, 50.0
_SIGMAS = 6.0
_CALM, _FEW_TICKS = 0.0001, 4
"""A price that stood still has no sigma; so little and so few ticks are no leap."""
_LEAP = timedelta(seconds=2)
"""A leap that nothing took back for so long is the market."""
_FEWEST_RETURNS = 20
_FAR_AT_FIRST, _FAR_AT_FIRST_ELSE = {"option": 0.25, "future": 0.003}, 0.01
"""Share of the price that is a leap while so few are known that they have no sigma."""
_WINDOW = 120
_MOST_SYMBOLS = 2000
_KEPT_SAMPLES, _SAMPLE_EVERY = 288, timedelta(minutes=5)
_QUARANTINE = timedelta(seconds=60)
_DAY_S = 86_400.0
_MOST_OUTAGES = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The grade of one symbol at one moment, with what it is made of."""

    grade: Grade
    score: float
    """0 to 100."""
    parts: dict[str, float | None]
    """Freshness, completeness, agreement, range, uptime: 0 to 1 each; None: not measurable."""
    sources: tuple[str, ...]
    """That quote it, the one in use first."""
    is_quarantined: bool = False
    is_halted: bool = False


@dataclass(slots=True)
class _Series:
    """What one source said of one symbol lately."""

    mids: deque[float] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    was_good: deque[bool] = field(default_factory=lambda: deque(maxlen=_WINDOW))
    """Of every quote heard: sane or not."""
    last_at: datetime | None = None
    """Of the last sane one."""
    is_outlier: bool = False
    """The last one is not believed, or moved more than six sigmas and nothing has confirmed it."""
    leap: Quote | None = None
    """The first quote of such a move."""
    held: float | None = None
    """Middle of its newest quote, while that is not believed or a leap."""
    is_halted: bool = False
    has_spread: bool = False
    """Its last sane quote had one."""


@dataclass(slots=True)
class _Source:
    """When a source was lost, and since when it is."""

    known_since: datetime
    lost_at: datetime | None = None
    outages: deque[tuple[datetime, datetime]] = field(
        default_factory=lambda: deque(maxlen=_MOST_OUTAGES)
    )


class Quality:
    """Hears every quote of every source; says what each symbol's data is worth."""

    def __init__(self) -> None:
        self.belief = Belief()
        self._series: OrderedDict[str, dict[str, _Series]] = OrderedDict()
        self._sources: dict[str, _Source] = {}
        self._samples: dict[str, deque[tuple[datetime, float]]] = {}
        self._bad_until: dict[str, datetime] = {}
        self._sampled_at: datetime | None = None

    # -- hearing --------------------------------------------------------------------------------

    def heard(self, quote: Quote) -> bool:
        """Take one quote in; whether it may be used.

        Not: one that makes no sense, a locked one where this source knows a spread (an index
        has none), and one that is not believed yet (M-02, ``engine.belief``).
        """
        return self._take(quote, is_used=True)

    def compared(self, quote: Quote) -> None:
        """Take in what another source says of a symbol whose quotes are not taken from it."""
        self._take(quote, is_used=False)

    def _take(self, quote: Quote, *, is_used: bool) -> bool:
        known = self._of(quote.instrument.key)
        series = known.setdefault(quote.source, _Series())
        self.up(quote.source, quote.received_at)
        self._sample_now_and_then(quote.received_at)
        series.is_halted = quote.is_halted
        is_locked = quote.bid == quote.ask and series.has_spread
        series.was_good.append(quote.is_sane and not is_locked)
        if not quote.is_sane or is_locked:
            return False
        series.has_spread = quote.bid < quote.ask
        series.last_at = quote.received_at
        mid = float(quote.mid)
        rest = [s for s in known.values() if s is not series]
        others = _lately(rest, quote.received_at) if rest else ()
        is_believed = self.belief.judge(quote, others, is_used=is_used)
        series.is_outlier = not is_believed or _is_leap(series, quote, mid, others)
        series.held = mid if series.is_outlier else None
        if not series.is_outlier:
            series.mids.append(mid)
        return is_believed

    def up(self, source: str, now: datetime) -> None:
        """A source delivers."""
        known = self._sources.setdefault(source, _Source(known_since=now))
        if known.lost_at is not None:
            known.outages.append((known.lost_at, now))
            known.lost_at = None

    def down(self, source: str, now: datetime) -> None:
        """A source was lost."""
        known = self._sources.setdefault(source, _Source(known_since=now))
        if known.lost_at is None:
            known.lost_at = now

    # -- judging --------------------------------------------------------------------------------

    def of(self, instrument: Instrument, now: datetime) -> Report | None:
        """The grade of one symbol by its freshest source; None when nobody ever quoted it."""
        known = self._series.get(instrument.key)
        if not known:
            return None
        fresh = sorted(known, key=lambda source: _age(known[source], now))
        used = known[fresh[0]]
        parts = self._parts(fresh[0], used, now) | {"agreement": _agreement(known, now)}
        score = _score(parts)
        grade = _grade(score)
        return Report(
            grade=Grade.F if self._is_shut(instrument.key, grade, now) else grade,
            score=score,
            parts=parts,
            sources=tuple(fresh),
            is_quarantined=instrument.key in self._bad_until,
            is_halted=used.is_halted or any(_says_halt(series, now) for series in known.values()),
        )

    def seen(self, instrument: Instrument, now: datetime) -> Grade | None:
        """The grade of one symbol for a card: to look at it sets nothing aside."""
        known = self._series.get(instrument.key)
        if not known:
            return None
        until = self._bad_until.get(instrument.key)
        if until is not None and now < until <= now + _QUARANTINE:
            return Grade.F
        source = min(known, key=lambda name: _age(known[name], now))
        parts = self._parts(source, known[source], now) | {"agreement": _agreement(known, now)}
        return _grade(_score(parts))

    def worst(self, legs: tuple[Leg, ...], now: datetime) -> Report | None:
        """The grade of a unit is that of its worst leg; None when one was never quoted."""
        reports = [self.of(leg.instrument, now) for leg in legs]
        known = [report for report in reports if report is not None]
        if len(known) < len(reports):
            return None
        halted = [report for report in known if report.is_halted]
        return (halted or sorted(known, key=lambda report: report.score))[0]

    def is_poor(self, source: str, instrument: Instrument, now: datetime) -> bool:
        """Whether another should be heard instead: this one is D or worse, or not believed."""
        series = self._series.get(instrument.key, {}).get(source)
        if series is None:
            return False
        if self.belief.is_doubted(instrument.key, source, now):
            return True
        return _score(self._parts(source, series, now)) < _FROM[2][0]

    def is_leap(self, quote: Quote, now: datetime) -> bool:
        """Whether the last price leapt, and the next may take it back: one slip is no market."""
        series = self._series.get(quote.instrument.key, {}).get(quote.source)
        first = None if series is None else series.leap
        return first is not None and abs(now - first.received_at) <= _LEAP

    def uptime(self, source: str, now: datetime) -> float:
        """Share of the last day, or since it is known, that a source was up."""
        known = self._sources.get(source)
        if known is None:
            return 0.0
        since = max(known.known_since, now - timedelta(seconds=_DAY_S))
        whole = (now - since).total_seconds()
        outages = [*known.outages, *([(known.lost_at, now)] if known.lost_at else [])]
        lost = sum(max((end - max(start, since)).total_seconds(), 0) for start, end in outages)
        if whole <= 0:
            return 0.0 if known.lost_at else 1.0
        return min(max(1 - lost / whole, 0.0), 1.0)

    def sources(self) -> tuple[str, ...]:
        """Every source that was ever heard or lost."""
        return tuple(self._sources)

    # -- trends ---------------------------------------------------------------------------------

    def sample(self, now: datetime) -> None:
        """Note every symbol's score; done by itself every five minutes while quotes come."""
        for key, known in self._series.items():
            source = min(known, key=lambda name: _age(known[name], now))
            parts = self._parts(source, known[source], now)
            score = _score(parts | {"agreement": _agreement(known, now)})
            self._samples.setdefault(key, deque(maxlen=_KEPT_SAMPLES)).append((now, score))

    def _sample_now_and_then(self, now: datetime) -> None:
        if self._sampled_at is None or abs(now - self._sampled_at) >= _SAMPLE_EVERY:
            self._sampled_at = now
            self.sample(now)

    def trend(self, instrument: Instrument) -> tuple[tuple[datetime, float], ...]:
        """Score over time, oldest first; at most the last 288 samples."""
        return tuple(self._samples.get(instrument.key, ()))

    # -- inside ---------------------------------------------------------------------------------

    def _of(self, key: str) -> dict[str, _Series]:
        known = self._series.get(key)
        if known is None:
            known = self._series[key] = {}
            while len(self._series) > _MOST_SYMBOLS:
                gone, _ = self._series.popitem(last=False)
                self._samples.pop(gone, None)
                self._bad_until.pop(gone, None)
                self.belief.forget(gone)
        else:
            self._series.move_to_end(key)
        return known

    def _is_shut(self, key: str, grade: Grade, now: datetime) -> bool:
        """F shuts a symbol until it was better for a minute."""
        until = self._bad_until.get(key)
        if grade is Grade.F:
            self._bad_until[key] = now + _QUARANTINE
            return True
        if until is not None and not now < until <= now + _QUARANTINE:  # or the clock was set back
            del self._bad_until[key]
        return key in self._bad_until

    def _parts(self, source: str, series: _Series, now: datetime) -> dict[str, float | None]:
        """What one source is worth by itself."""
        return {
            "freshness": _falling(_age(series, now), INTERVAL_S, 5 * INTERVAL_S),
            "completeness": _share(series.was_good),
            "agreement": None,
            "range": 0.0 if series.is_outlier else 1.0,
            "uptime": self.uptime(source, now),
        }


def _score(parts: dict[str, float | None]) -> float:
    measured = {name: part for name, part in parts.items() if part is not None}
    most = sum(_POINTS[name] for name in measured)
    score = 100 * sum(_POINTS[name] * part for name, part in measured.items()) / most
    return min(score, _MOST_ALONE) if parts["agreement"] is None else score


def _grade(score: float) -> Grade:
    return next((grade for least, grade in _FROM if score >= least), Grade.F)


def _falling(value: float, full: float, none: float) -> float:
    """1 up to ``full``, then straight down to 0 at ``none``."""
    return min(max((none - value) / (none - full), 0.0), 1.0)


def _age(series: _Series, now: datetime) -> float:
    if series.last_at is None:
        return float("inf")
    return abs((now - series.last_at).total_seconds())


def _says_halt(series: _Series, now: datetime) -> bool:
    """One word is enough: most streams tell of no halts."""
    return series.is_halted and _age(series, now) <= 5 * INTERVAL_S


def _share(seen: deque[bool]) -> float:
    return sum(seen) / len(seen) if seen else 0.0


def _lately(known: Iterable[_Series], now: datetime) -> list[float]:
    """Middles that sources name just now, believed or not."""
    lately = (s for s in known if _age(s, now) <= 5 * INTERVAL_S)
    return [s.mids[-1] if s.held is None else s.held for s in lately]


def _agreement(known: dict[str, _Series], now: datetime) -> float | None:
    """Of the two sources furthest apart that spoke lately; None while only one does."""
    mids = _lately(known.values(), now)
    if len(mids) < 2:
        return None
    apart_bp = 20_000 * (max(mids) - min(mids)) / (max(mids) + min(mids))
    return _falling(apart_bp, _AGREED_BP, _APART_BP)


def _is_leap(series: _Series, quote: Quote, mid: float, others: Iterable[float]) -> bool:
    """Whether it is far from the last price, and nothing else has said so yet.

    Only what was confirmed is measured by: a slip widens nothing for the next one.
    """
    instrument, first = quote.instrument, series.leap
    far = _far(series.mids, instrument)
    if not series.mids or abs(mid - series.mids[-1]) <= far:
        series.leap = None
        return False
    last = series.mids[-1]
    if first is None:
        series.leap = first = quote
    elif (mid > last) != (float(first.mid) > last):  # leaps both ways for long are no slip
        series.leap = first = replace(quote, received_at=first.received_at)
    if _said(quote) != _said(first) or quote.received_at - first.received_at >= _LEAP:
        series.mids.append(min(mid, float(first.mid), key=lambda price: abs(price - last)))
        is_further = abs(mid - series.mids[-1]) > _far(series.mids, instrument)
        series.leap = quote if is_further else None
    elif any(abs(mid - other) <= far for other in others):
        series.leap = None
    return series.leap is not None


def _said(quote: Quote) -> tuple[object, ...]:
    """What a frame that is told twice says twice; stamps may be of whole seconds."""
    return quote.exchange_at, quote.bid, quote.ask


def _far(mids: deque[float], instrument: Instrument) -> float:
    """How far is a leap: six rolling sigmas, and some ticks; nothing is far from no price."""
    few_ticks = _FEW_TICKS * float(instrument.tick)
    if not mids:
        return float("inf")
    if len(mids) <= _FEWEST_RETURNS:
        return max(_FAR_AT_FIRST.get(instrument.kind, _FAR_AT_FIRST_ELSE) * mids[-1], few_ticks)
    returns = [b / a - 1 for a, b in pairwise(mids)]
    mean = sum(returns) / len(returns)
    sigma = sqrt(sum((r - mean) ** 2 for r in returns) / len(returns))
    return max(_SIGMAS * max(sigma, _CALM) * mids[-1], few_ticks)
