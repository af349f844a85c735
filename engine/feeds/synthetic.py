"""A made-up market for the demo: moves by itself, the same for the same seed, marked synthetic.

A price is an anchor times a wobble. The anchor runs in a straight line from way-point to
way-point; the wobble is a sum of smoothed noises of growing period whose size grows with the
square root of the period, like a random walk, and fades out at way-points, so that these are
reached exactly. Options without a path of their own are priced by Black-Scholes from their
underlying (no rates, no dividends, one volatility). Nothing depends on who watches or when.
"""

import asyncio
import heapq
import math
from bisect import bisect_right
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from functools import lru_cache
from hashlib import blake2b

from engine.clock import Clock
from engine.domain.candle import Candle, Candles, Timeframe, before, began_at, no_candles
from engine.domain.errors import ConfigError
from engine.domain.instrument import Instrument, stock
from engine.domain.quote import Quote
from engine.feeds import paced
from engine.market import last_moment

_YEAR_S = 365.0 * 86_400
_PERIODS_S = (2.0, 8.0, 32.0, 128.0, 512.0, 2_048.0, 8_192.0)
_LONG_PERIODS_S = (32_768.0, 131_072.0, 524_288.0, 2_097_152.0, 8_388_608.0, 33_554_432.0)
"""Of the past before moment 0, so that years of it look like a market's."""
_LONG_SIZE = 0.65
"""With it the past's days move by about the stated volatility."""
_ROUGH_PERIODS_S = tuple(period for period in _PERIODS_S if period >= 512)
"""Enough for looks within a candle of the past."""
_TOGETHER = 0.75
"""How much of the long past all instruments share: their correlation."""
_MOST_SAMPLES = 8_000
_SAMPLE_S = 2.0
"""Distance of looks at a price; between the knots of the shortest noise it is a straight line."""
_MAX_STEPS = 40
"""Steps of one instrument handed out at once when the clock jumped; way-points come on top."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """How one instrument behaves."""

    instrument: Instrument
    price: Decimal
    """Middle of the market at the start."""
    volatility: float = 0.2
    """Per year, as a ratio. 0: no wobble at all."""
    spread: Decimal = Decimal("0.02")
    """Ask minus bid."""
    size: int | None = 50
    """Quoted on both sides; None: unknown."""
    waypoints: tuple[tuple[float, Decimal], ...] = ()
    """(Seconds from the start, price): the middle is exactly there then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The whole market. An option whose underlying has a path needs none of its own."""

    paths: tuple[Path, ...]
    option_volatility: float = 0.25
    option_spread_ratio: float = 0.02
    """Spread of modelled options, of their price; two ticks at least."""
    option_size: int | None = 50
    step_s: float = 0.25
    """Distance of quotes."""


class SyntheticFeed:
    """Quotes of the plan on the injected clock."""

    def __init__(
        self, seed: int | str, clock: Clock, plan: Plan, *, starts_at: datetime | None = None
    ) -> None:
        """``starts_at``: moment 0 of the plan's way-points; now unless stated."""
        self.name = "synthetic"
        self.is_synthetic = True
        self._seed = str(seed)
        self._clock = clock
        self._starts_at = starts_at or clock.now()
        self._set(plan)
        self._watched: dict[str, Instrument] = {}
        self._heap: list[tuple[int, str]] = []
        """(Next step, instrument key)."""
        self._passed = -1
        self._changed = asyncio.Event()
        self._closed = asyncio.Event()

    def _set(self, plan: Plan) -> None:
        anchors = {path.instrument.key: _anchors(path, plan.step_s) for path in plan.paths}
        self._plan = plan
        self._paths = {path.instrument.key: path for path in plan.paths}
        self._anchors = anchors

    async def connect(self) -> None:
        """Nothing to do: the market is open as soon as it is thought of."""

    async def close(self) -> None:
        """End the stream."""
        self._closed.set()
        self._changed.set()

    async def quote(self, instrument: Instrument) -> Quote | None:
        """The newest quote; None for what the plan does not know."""
        step = self._step_at(self._clock.now())
        return self._quote_of(instrument, step) if step >= 0 else None

    async def bars(
        self, instrument: Instrument, timeframe: Timeframe, n: int, until: datetime | None = None
    ) -> Candles:
        """The made-up past: since moment 0 the prices that were quoted, before it invented too.

        The market never closes: every day has a candle. Longer candles of the time before
        moment 0 are looked at more coarsely, so their range may miss a wick of a shorter one.
        """
        now = self._clock.now()
        if self._path_of(instrument) is None:
            why = f"the made-up market has no {instrument.label}"
            return no_candles(instrument, timeframe, self.name, now, why)
        end = now if until is None else min(now, until - timedelta(microseconds=1))
        starts = [began_at(end, timeframe)]
        while len(starts) < n:
            starts.append(began_at(before(starts[-1], timeframe), timeframe))
        starts.reverse()
        candles = await asyncio.to_thread(self._candles, instrument, starts, timeframe, now)
        return Candles(
            instrument=instrument,
            timeframe=timeframe,
            candles=tuple(candles),
            source=self.name,
            as_of=now,
            is_synthetic=True,
        )

    async def watch(self, instruments: Iterable[Instrument]) -> None:
        """Quote these from now on; what the plan does not know never has a quote."""
        step = max(self._passed, self._step_at(self._clock.now())) + 1
        for instrument in instruments:
            key = instrument.key
            if key not in self._watched and self._path_of(instrument) is not None:
                self._watched[key] = instrument
                heapq.heappush(self._heap, (step, key))
        self._changed.set()

    def steer(self, instrument: Instrument, price: Decimal, after_s: float) -> None:
        """Lead a planned price from where it is to ``price`` in so many seconds; then it is free.

        Way-points that lie later are forgotten. For demos that need a target or stop reached.
        """
        path = self._paths.get(instrument.key)
        if path is None:
            raise ConfigError(f"the synthetic market has no path for {instrument.label}")
        now = max(0, self._step_at(self._clock.now()))
        here = self._mid(path, now)
        steps = max(1, round(after_s / self._plan.step_s))
        kept = [(at, level) for at, level in self._anchors[instrument.key] if at < now]
        self._anchors[instrument.key] = [*kept, (now, here), (now + steps, float(price))]

    def follow(self, plan: Plan) -> None:
        """Go on by a changed plan of the same steps: what is watched stays watched.

        Raises:
            ConfigError: the plan cannot be one, or counts time in other steps; nothing changed.
        """
        if plan.step_s != self._plan.step_s:
            raise ConfigError("a running market cannot change the distance of its quotes")
        self._set(plan)
        self._changed.set()

    def upcoming(self) -> datetime | None:
        """When the next quote of anything watched is due."""
        return self._moment(self._heap[0][0]) if self._heap else None

    def advance_to(self, moment: datetime) -> list[Quote]:
        """Quotes due up to and at ``moment``; after a long jump way-points and the last ones."""
        last = self._step_at(moment)
        due: list[tuple[int, str]] = []
        while self._heap and self._heap[0][0] <= last:
            step, key = heapq.heappop(self._heap)
            heapq.heappush(self._heap, (last + 1, key))
            due += [(n, key) for n in self._steps(key, step, last)]
        self._passed = max(self._passed, last)
        quotes = (self._quote_of(self._watched[key], step) for step, key in sorted(due))
        return [quote for quote in quotes if quote is not None]

    async def stream(self) -> AsyncIterator[Quote]:
        """Quotes of everything watched as they fall due, until closed."""
        async for quote in paced(self, self._clock, self._changed, self._closed):
            yield quote

    # -- the market -----------------------------------------------------------------------------

    def _moment(self, step: int) -> datetime:
        return self._starts_at + timedelta(seconds=step * self._plan.step_s)

    def _step_at(self, moment: datetime) -> int:
        return math.floor((moment - self._starts_at).total_seconds() / self._plan.step_s + 1e-9)

    def _steps(self, key: str, first: int, last: int) -> list[int]:
        recent = range(max(first, last - _MAX_STEPS + 1), last + 1)
        source = key if key in self._paths else self._underlying(self._watched[key]).key
        marked = {at for at, _ in self._anchors[source] if first <= at <= last}
        return sorted(marked.union(recent))

    def _underlying(self, instrument: Instrument) -> Instrument:
        return stock(instrument.symbol)

    def _path_of(self, instrument: Instrument) -> Path | None:
        path = self._paths.get(instrument.key)
        if path is None and instrument.kind == "option":
            path = self._paths.get(self._underlying(instrument).key)
        return path

    def _quote_of(self, instrument: Instrument, step: int) -> Quote | None:
        path = self._path_of(instrument)
        if path is None:
            return None
        mid = self._mid(path, step)
        spread, size = float(path.spread), path.size
        if path.instrument.key != instrument.key:
            mid = _model(instrument, mid, self._moment(step), self._plan.option_volatility)
            spread = max(2 * float(instrument.tick), mid * self._plan.option_spread_ratio)
            size = self._plan.option_size
        tick = instrument.tick
        bid = max(_on_tick(mid - spread / 2, tick, ROUND_FLOOR), tick)
        ask = max(_on_tick(mid + spread / 2, tick, ROUND_CEILING), bid)
        at = self._moment(step)
        return Quote(
            instrument=instrument,
            bid=bid,
            ask=ask,
            bid_size=None if size is None else Decimal(size),
            ask_size=None if size is None else Decimal(size),
            exchange_at=at,
            received_at=at,
            source=self.name,
            is_synthetic=True,
        )

    def _mid(self, path: Path, step: int) -> float:
        anchors = self._anchors[path.instrument.key]
        n = bisect_right(anchors, step, key=lambda anchor: anchor[0])
        start, level = anchors[n - 1]
        weight = 1.0
        if n < len(anchors):
            end, target = anchors[n]
            share = (step - start) / (end - start)
            level += (target - level) * share
            weight = 4 * share * (1 - share)
        if path.volatility == 0:
            return level
        name = f"{self._seed}/{path.instrument.key}"
        moved = self._wobble(name, step) - self._wobble(name, start)
        return level * math.exp(path.volatility * weight * moved)

    def _wobble(self, name: str, step: int) -> float:
        """Like a random walk of volatility 1 per year, but any moment can be asked for."""
        seconds = step * self._plan.step_s
        return _noise(name, seconds, _PERIODS_S)

    # -- its past -------------------------------------------------------------------------------

    def _candles(
        self, instrument: Instrument, starts: list[datetime], timeframe: Timeframe, now: datetime
    ) -> list[Candle]:
        ends = [*starts[1:], min(before(starts[-1], timeframe, -1), now)]
        quoted_s = sum(
            max(0.0, (b - max(a, self._starts_at)).total_seconds())
            for a, b in zip(starts, ends, strict=True)
        )
        apart_s = max(_SAMPLE_S, quoted_s / _MOST_SAMPLES)
        found, first = [], self._then(instrument, self._seconds(starts[0]))
        for start, end in zip(starts, ends, strict=True):
            prices = [first, *self._seen(instrument, start, end, apart_s)]
            found.append(self._candle(instrument, start, prices))
            first = prices[-1]
        return found

    def _seconds(self, moment: datetime) -> float:
        return (moment - self._starts_at).total_seconds()

    def _seen(
        self, instrument: Instrument, start: datetime, end: datetime, apart_s: float
    ) -> list[float]:
        """Prices after the first of one candle, its last one last."""
        begin, last = self._seconds(start), self._seconds(end)
        looks: list[float] = []
        rough: list[float] = []
        if begin < 0:  # nobody saw it: a few rough looks do
            until = min(last, 0.0)
            rough = [
                self._then(instrument, begin + (until - begin) * share, _ROUGH_PERIODS_S)
                for share in (0.3, 0.7)
            ]
            looks.append(until)
        if last > 0:
            since = max(begin, 0.0)
            n = math.ceil((last - since) / apart_s)
            looks += [since + k * apart_s for k in range(1, n)]
            looks.append(last)
        exact = [self._then(instrument, at) for at in looks or (last,)]
        return [*rough, *exact]

    def _candle(self, instrument: Instrument, start: datetime, prices: list[float]) -> Candle:
        tick = instrument.tick
        low, high = min(prices), max(prices)
        if self._seconds(start) < 0:  # nobody was quoted: wicks as a market has them
            name = f"{self._seed}/{instrument.key}/{start.isoformat()}"
            reach = (high - low) * 0.25
            high += reach * abs(_chance(name, 1.0, 0))
            low = max(low - reach * abs(_chance(name, 1.0, 1)), float(tick))
        shape = math.exp(
            0.5 * _chance(f"{self._seed}/{instrument.key}", 2.0, int(start.timestamp()))
        )
        moved = 1 + 400 * (high - low) / high
        return Candle(
            at=start,
            open=_near(prices[0], tick),
            high=_near(high, tick),
            low=_near(low, tick),
            close=_near(prices[-1], tick),
            volume=Decimal(round(1_000 * shape * moved)),
        )

    def _then(
        self, instrument: Instrument, seconds: float, periods: tuple[float, ...] = _PERIODS_S
    ) -> float:
        """Middle of the market at any moment of its past."""
        path = self._path_of(instrument)
        assert path is not None  # noqa: S101 - asked of known ones
        if seconds >= 0:
            mid = self._mid(path, math.floor(seconds / self._plan.step_s + 1e-9))
        else:
            name = f"{self._seed}/{path.instrument.key}"
            moved = self._long_ago(name, seconds, periods) - self._long_ago(name, 0.0, _PERIODS_S)
            mid = float(path.price) * math.exp(path.volatility * moved)
        if path.instrument.key == instrument.key:
            return mid
        at = self._starts_at + timedelta(seconds=seconds)
        return max(
            _model(instrument, mid, at, self._plan.option_volatility), float(instrument.tick)
        )

    def _long_ago(self, name: str, seconds: float, periods: tuple[float, ...]) -> float:
        own = _noise(name, seconds, _LONG_PERIODS_S)
        common = _noise(f"{self._seed}/everything", seconds, _LONG_PERIODS_S)
        mixed = math.sqrt(_TOGETHER) * common + math.sqrt(1 - _TOGETHER) * own
        return _noise(name, seconds, periods) + _LONG_SIZE * mixed


def _noise(name: str, seconds: float, periods: tuple[float, ...]) -> float:
    total = 0.0
    for period in periods:
        n, share = divmod(seconds / period, 1.0)
        low, high = _chance(name, period, int(n)), _chance(name, period, int(n) + 1)
        total += (low + (high - low) * share) * math.sqrt(period / _YEAR_S)
    return total


def _near(price: float, tick: Decimal) -> Decimal:
    return max(_on_tick(price, tick, ROUND_HALF_EVEN), tick)


def _anchors(path: Path, step_s: float) -> list[tuple[int, float]]:
    """(Step, price) of the start and each way-point, in order.

    Raises:
        ConfigError: a way-point is not after the one before it, or a figure cannot be a price.
    """
    label = path.instrument.label
    prices = (path.price, *(price for _, price in path.waypoints))
    if any(not price.is_finite() or price <= 0 for price in prices):
        raise ConfigError(f"synthetic prices of {label} must be above 0")
    if path.spread < 0 or path.volatility < 0:
        raise ConfigError(f"spread and volatility of {label} cannot be negative")
    anchors = [(0, float(path.price))]
    for seconds, price in path.waypoints:
        step = round(seconds / step_s)
        if step <= anchors[-1][0]:
            raise ConfigError(f"way-point at {seconds} s of {label} is not after the one before")
        anchors.append((step, float(price)))
    return anchors


@lru_cache(maxsize=65_536)
def _chance(name: str, period: float, n: int) -> float:
    """A number of mean 0 and deviation 1 that is always the same for the same question."""
    digest = blake2b(f"{name}/{period}/{n}".encode(), digest_size=16).digest()
    parts = (int.from_bytes(digest[i : i + 4]) / 2**32 - 0.5 for i in range(0, 16, 4))
    return sum(parts) * math.sqrt(3.0)


def _model(instrument: Instrument, spot: float, at: datetime, volatility: float) -> float:
    """Black-Scholes without rates; the intrinsic value once the contract is over."""
    assert instrument.strike is not None  # noqa: S101 - options have one
    assert instrument.expiry is not None  # noqa: S101 - as above
    strike = float(instrument.strike)
    sign = 1.0 if instrument.right == "C" else -1.0
    left = (last_moment(instrument.expiry) - at).total_seconds() / _YEAR_S
    if left <= 0:
        return max(sign * (spot - strike), 0.0)
    deviation = volatility * math.sqrt(left)
    d1 = math.log(spot / strike) / deviation + deviation / 2
    d2 = d1 - deviation
    return sign * (spot * _normal(sign * d1) - strike * _normal(sign * d2))


def _normal(x: float) -> float:
    return 0.5 * (1.0 + math.erf(x / math.sqrt(2.0)))


def _on_tick(price: float, tick: Decimal, rounding: str) -> Decimal:
    steps = Decimal(repr(round(price / float(tick), 6)))
    return steps.to_integral_value(rounding=rounding) * tick
