"""Which prices are believed: a slip of the feed or a phantom market must sell nothing (M-02).

A quote is doubted that is a quarter away from the last one believed (an option: three times it; a
future: a fiftieth, as none leaps so far between two quotes), or as wide as no market of its kind
is. It is believed all the same once

- another source says so too, or the broker's own mark of the position does (what is wide: another
  source only, a mark always lies somewhere inside);
- or it stood: for 5 s; for 30 s while another source says otherwise, and when it is five times
  off, as a wrong unit or another symbol's price is; for 30 s after the broker's mark, which says
  otherwise, last moved.

So a real collapse passes at last, whoever else is silent. Pure: time comes in with each call.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from engine.domain.instrument import Instrument
from engine.domain.quote import Quote

_FAR, _FAR_ELSE = {"option": 3.0, "future": 1.02}, 1.25
"""So many times the last price, up or down."""
_WIDE, _WIDE_ELSE = {"option": 0.5}, 0.02
"""Share of the middle that the spread takes."""
_HABIT = 3.0
"""What is wide for its kind but was nearly as wide before is how this one trades."""
_TICKS = 20
"""What lies within so many ticks is neither far nor wide."""
_SLIP = 5.0
_SAME = 1.1
_STANDS_S, _STANDS_LONG_S = 5.0, 30.0
_LIVES_S = 10.0
"""A word that is older says nothing about now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubt:
    """A quote that is not believed yet."""

    quote: Quote
    """The newest of them."""
    since: datetime
    why: str


@dataclass(slots=True)
class _Known:
    """What is believed of one symbol, and what is not."""

    bid: float = 0.0
    ask: float = 0.0
    at: datetime | None = None
    """When a quote was believed last; None: none was yet."""
    first: Quote | None = None
    """The quote that was believed because nothing was known before it."""
    doubts: dict[str, Doubt] = field(default_factory=dict)
    """By source."""
    mark: float | None = None
    marked_at: datetime | None = None
    moved_at: datetime | None = None
    """When the broker's mark last changed since it is asked for: one that stands still may be of
    long ago."""


class Belief:
    """The last price that was believed of each symbol, and the doubts about newer ones."""

    def __init__(self) -> None:
        self._known: dict[str, _Known] = {}

    def judge(self, quote: Quote, others: Sequence[float], *, is_used: bool = True) -> bool:
        """Whether a sane quote may be acted on. ``others``: middles by other sources, just now.

        ``is_used``: False for one that is heard for comparison only.
        """
        known = self._known.setdefault(quote.instrument.key, _Known())
        now, bid, ask = quote.received_at, float(quote.bid), float(quote.ask)
        why = _why(quote, known, bid, ask)
        if not why:
            known.doubts.pop(quote.source, None)
        else:
            before = known.doubts.get(quote.source)
            since = now if before is None else before.since
            doubt = Doubt(quote=quote, since=since, why=why)
            known.doubts[quote.source] = doubt
            if not (_is_backed(doubt, known, others) or _has_stood(doubt, known, others)):
                return False
        if is_used:
            if known.at is None:
                known.first = quote
            known.doubts.pop(quote.source, None)
            known.bid, known.ask, known.at = bid, ask, now
        return True

    def marked(self, instrument: Instrument, price: float, now: datetime) -> bool:
        """What a broker says that a unit of it is worth, asked just now; whether to act on it.

        A mark that is far from all that was known counts when it is said again. The first quotes
        after a start, believed unseen, are doubted when they are far from it.
        """
        known = self._known.setdefault(instrument.key, _Known())
        far = _FAR.get(instrument.kind, _FAR_ELSE)
        before, last = known.mark, _reference(known)
        is_old = _s(now, known.marked_at) > _LIVES_S
        if price != before or is_old:
            known.moved_at = now
        known.mark, known.marked_at = price, now
        first = known.first
        is_new = first is not None and _s(now, first.received_at) <= _STANDS_S
        if first is not None and is_new and _times(float(first.mid), price) > far:
            why = f"the broker's own price is {price:.10g}"
            known.doubts[first.source] = Doubt(quote=first, since=first.received_at, why=why)
            known.at = known.first = None
            return True
        is_said_again = before is not None and not is_old and _times(price, before) <= _SAME
        return last is None or is_said_again or _times(price, last) <= far

    def doubt(self, key: str, now: datetime) -> Doubt | None:
        """The oldest doubt that is still being said; None when all that is heard is believed."""
        known = self._known.get(key)
        doubts = [] if known is None else known.doubts.values()
        said = [d for d in doubts if _s(now, d.quote.received_at) <= _LIVES_S]
        return min(said, key=lambda d: d.since, default=None)

    def is_doubted(self, key: str, source: str, now: datetime) -> bool:
        """Whether what this source says is not believed, for a time: another should be heard."""
        known = self._known.get(key)
        doubt = None if known is None else known.doubts.get(source)
        return doubt is not None and _s(now, doubt.since) <= _STANDS_LONG_S

    def forget(self, key: str) -> None:
        """Nobody asks for it any more."""
        self._known.pop(key, None)


def _why(quote: Quote, known: _Known, bid: float, ask: float) -> str:
    """Why it is to be doubted; empty when it is not."""
    kind, few = quote.instrument.kind, _TICKS * float(quote.instrument.tick)
    mid, spread = (bid + ask) / 2, ask - bid
    usual = known.ask - known.bid
    if spread > few and spread > _WIDE.get(kind, _WIDE_ELSE) * mid and spread > _HABIT * usual:
        return f"the spread is {100 * spread / mid:.0f} % of the price"
    last = _reference(known)
    if last is None or abs(mid - last) <= few or _times(mid, last) <= _FAR.get(kind, _FAR_ELSE):
        return ""
    return f"{100 * (mid / last - 1):+.0f} % from {last:.10g}"


def _reference(known: _Known) -> float | None:
    return known.mark if known.at is None else (known.bid + known.ask) / 2


def _is_wide(doubt: Doubt) -> bool:
    return doubt.why.startswith("the spread")


def _is_backed(doubt: Doubt, known: _Known, others: Sequence[float]) -> bool:
    """Somebody else says the same."""
    mid, says = float(doubt.quote.mid), list(others)
    if not _is_wide(doubt) and (mark := _mark(doubt.quote, known)) is not None:
        says.append(mark)
    return any(_times(mid, other) <= _SAME for other in says)


def _has_stood(doubt: Doubt, known: _Known, others: Sequence[float]) -> bool:
    """It was said for long enough, and nothing else was believed meanwhile."""
    if _is_mark_moving(doubt, known):
        return False
    now, kind = doubt.quote.received_at, doubt.quote.instrument.kind
    mid, last = float(doubt.quote.mid), _reference(known)
    far = _FAR.get(kind, _FAR_ELSE)
    is_slip = kind != "option" and last is not None and _times(mid, last) >= _SLIP
    is_denied = any(_times(mid, other) > far for other in others)
    since = doubt.since if known.at is None else max(doubt.since, known.at)
    return _s(now, since) >= (_STANDS_LONG_S if is_slip or is_denied else _STANDS_S)


def _is_mark_moving(doubt: Doubt, known: _Known) -> bool:
    is_there = _mark(doubt.quote, known) is not None and known.moved_at is not None
    return is_there and _s(doubt.quote.received_at, known.moved_at) <= _STANDS_LONG_S


def _mark(quote: Quote, known: _Known) -> float | None:
    if known.marked_at is None or _s(quote.received_at, known.marked_at) > _LIVES_S:
        return None
    return known.mark


def _times(one: float, other: float) -> float:
    """How many times the smaller the larger is."""
    return max(one, other) / min(one, other)


def _s(now: datetime, then: datetime | None) -> float:
    """Seconds between; the wall clock may have been set."""
    return float("inf") if then is None else abs((now - then).total_seconds())
