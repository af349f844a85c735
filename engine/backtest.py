"""What a room's alerts need to be played again: which prices, and what market candles stand for.

A candle does not say in which order its prices came, nor what the touch was. Both are assumed, and
said wherever a figure rests on them: first towards the side that hurts who opened, then the other;
a spread by kind of instrument (:data:`COSTS`).
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise

from engine.domain.alert import Alert, RawAlert
from engine.domain.candle import LENGTH, Candle, Candles
from engine.domain.instrument import Instrument
from engine.domain.money import ZERO, rounded
from engine.domain.quote import Quote
from engine.domain.source import SourceProfile
from engine.market import new_york_date
from engine.parsers import read
from engine.reports.backtest import Costs
from engine.routing import Routed, route


@dataclass(frozen=True, slots=True, kw_only=True)
class Assumed:
    """What trading costs beside the middle of the market."""

    half_spread_pct: dict[str, Decimal]
    """Kind of instrument -> half the distance of bid and ask, in percent of the price."""
    times: int
    """Slippage and fees as configured, so many times."""

    def half_spread(self, instrument: Instrument, price: Decimal) -> Decimal:
        """In dollars of the quoted price, before it is rounded outward to ticks."""
        return price * self.half_spread_pct.get(instrument.kind, ZERO) / 100


_USUAL = {
    "stock": Decimal("0.01"),
    "option": Decimal(1),
    "future": Decimal("0.002"),
    "crypto": Decimal("0.05"),
}
COSTS: dict[Costs, Assumed] = {
    "zero": Assumed(half_spread_pct={}, times=0),
    "default": Assumed(half_spread_pct=_USUAL, times=1),
    "stress": Assumed(half_spread_pct={k: 3 * v for k, v in _USUAL.items()}, times=3),
}
"""Spreads are assumptions for liquid names; what is thinly traded costs more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Needed:
    """Prices that a backtest cannot do without."""

    instrument: Instrument
    since: datetime
    """The alert that first asked for it."""
    direction: int
    """+1 when that one bought."""


def needed(messages: Iterable[RawAlert], profile: SourceProfile) -> list[Needed]:
    """What the openings of these messages trade, each once, in order of time."""
    found: dict[str, Needed] = {}
    for message in messages:
        parsed = read(message, profile)
        if not isinstance(parsed, Alert) or parsed.needs_human:
            continue
        for signal in parsed.signals:
            if not signal.action.effect.opens:
                continue
            on = new_york_date(message.posted_at)
            routed = route(signal, profile, {profile.account: "paper"}, on)
            if not isinstance(routed, Routed):
                continue
            for leg in routed.legs:
                wanted = Needed(
                    instrument=leg.instrument,
                    since=message.posted_at,
                    direction=routed.direction * (1 if leg.ratio > 0 else -1),
                )
                found.setdefault(leg.instrument.key, wanted)
    return list(found.values())


def tape(series: Candles, direction: int, costs: Assumed) -> list[Quote]:
    """One-minute candles as the quotes of a market that moved so, oldest first.

    Nothing is made up for a minute without a candle: then the market is silent.
    """
    return [
        quote
        for candle in series.candles
        if candle.is_sane
        for quote in _quotes(candle, series, direction, costs)
    ]


def _quotes(candle: Candle, series: Candles, direction: int, costs: Assumed) -> Iterator[Quote]:
    prices = _path(candle, direction)
    step = LENGTH[series.timeframe] / len(prices)
    last: tuple[Decimal, Decimal] | None = None
    for number, mid in enumerate(prices):
        bid, ask = _touch(series.instrument, mid, costs)
        if (bid, ask) == last or bid <= 0:
            continue
        last = bid, ask
        at = candle.at + timedelta(seconds=int((number * step).total_seconds()))
        yield Quote(
            instrument=series.instrument,
            bid=bid,
            ask=ask,
            exchange_at=at,
            received_at=at,
            source=series.source,
        )


def _path(candle: Candle, direction: int) -> Sequence[Decimal]:
    """From the open to the end that hurts, to the other end, to the close; half-ways between."""
    ends = (candle.low, candle.high) if direction > 0 else (candle.high, candle.low)
    points = (candle.open, *ends, candle.close)
    path = [points[0]]
    for before, after in pairwise(points):
        path += [(before + after) / 2, after]
    return path


def _touch(instrument: Instrument, mid: Decimal, costs: Assumed) -> tuple[Decimal, Decimal]:
    half = costs.half_spread(instrument, mid)
    tick = instrument.tick
    return rounded(mid - half, tick, ROUND_FLOOR), rounded(mid + half, tick, ROUND_CEILING)
