"""The demo's made-up market: what is traded in it, and the hand that leads its prices.

The market runs in the bot, from a plan file. The demo keeps the same market for itself (same plan,
seed and clock: the same prices), leads it by adding way-points to the file, and can tell afterwards
how every price moved. Options have no prices of their own, they follow their underlying.
"""

import json
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path as FilePath
from typing import Any

from engine.clock import Clock, ManualClock
from engine.domain.instrument import Instrument, front_future, option, parse_key, stock
from engine.domain.quote import Leg, UnitQuote, unit_quote
from engine.feeds.synthetic import Path, Plan, SyntheticFeed
from engine.market import monthly_expiry, new_york_date, weekly_expiry

SEED = 7
_STEP_S = 0.25
_SHARES = {  # where the market starts; as invented as what it does later
    "SPY": "668.40",
    "QQQ": "612.20",
    "IWM": "241.80",
    "AAPL": "271.50",
    "MSFT": "478.30",
    "META": "594.10",
    "NVDA": "180.10",
    "AMD": "214.60",
    "TSLA": "402.80",
    "GOOGL": "288.90",
}
_FUTURES = {"MES": "6725.50", "ES": "6725.50", "NQ": "24510.00", "MNQ": "24510.00"}
_OPTION_VOLATILITY = 0.2
_OPTION_SPREAD = 0.012


class Market:
    """Prices of everything the demo speaks of."""

    def __init__(self, file: FilePath, clock: Clock) -> None:
        self.file = file
        self.starts_at = self.arrives_at = clock.now()
        """``arrives_at``: when all prices are where they were last led to."""
        self._clock = clock
        today = new_york_date(self.starts_at)
        self.near = weekly_expiry(today + timedelta(days=10))
        """A weekly expiry eight to fourteen days away."""
        self.far = _monthly_after(today + timedelta(days=21))
        self._start = {stock(name).key: Decimal(price) for name, price in _SHARES.items()}
        self._start |= {
            front_future(root, today).key: Decimal(price) for root, price in _FUTURES.items()
        }
        self._futures = {root: front_future(root, today) for root in _FUTURES}
        self._ways: dict[str, list[tuple[float, Decimal]]] = {key: [] for key in self._start}
        self.feed = SyntheticFeed(SEED, clock, self._plan(), starts_at=self.starts_at)
        self._write()

    # -- looking ------------------------------------------------------------------------------

    def future(self, root: str) -> Instrument:
        """The front contract of a root."""
        return self._futures[root]

    async def quote(self, *legs: Leg | Instrument) -> UnitQuote:
        """What a unit can be had for now."""
        unit = tuple(leg if isinstance(leg, Leg) else Leg(instrument=leg) for leg in legs)
        return await _quote(self.feed, unit)

    async def mid(self, *legs: Leg | Instrument) -> Decimal:
        """The middle of its market now."""
        return (await self.quote(*legs)).mid

    async def strike(self, symbol: str, expiry: date, wanted: Decimal, step: int) -> Instrument:
        """The call above the money whose premium comes nearest to ``wanted``."""
        spot = await self.mid(stock(symbol))
        first = int(spot) // step * step + step
        calls = [option(symbol, expiry, Decimal(first + n * step), "C") for n in range(40)]
        prices = {call: await self.mid(call) for call in calls}
        return min(calls, key=lambda call: abs(prices[call] - wanted))

    async def history(
        self, legs: tuple[Leg, ...], first: datetime, last: datetime
    ) -> list[tuple[datetime, Decimal]]:
        """How the middle of a unit moved, step by step, in the market as it was led."""
        clock = ManualClock(max(first, self.starts_at))
        past = SyntheticFeed(SEED, clock, self._plan(), starts_at=self.starts_at)
        found = []
        while clock.now() <= last:
            found.append((clock.now(), (await _quote(past, legs)).mid))
            clock.advance(_STEP_S)
        return found

    # -- leading ------------------------------------------------------------------------------

    async def lead(self, instrument: Instrument, price: Decimal, after_s: float) -> None:
        """Bring a share or future to ``price`` in so many seconds; then it is free again."""
        now_s = (self._clock.now() - self.starts_at).total_seconds()
        here_s = (now_s // _STEP_S + 1) * _STEP_S
        here = await self.mid(instrument)
        kept = [way for way in self._ways[instrument.key] if way[0] < here_s]
        self._ways[instrument.key] = [*kept, (here_s, here), (here_s + after_s, price)]
        arrives_at = self.starts_at + timedelta(seconds=here_s + after_s)
        self.arrives_at = max(self.arrives_at, arrives_at)
        self.feed.follow(self._plan())
        self._write()

    async def lead_unit(self, legs: tuple[Leg, ...], wanted: Decimal, after_s: float) -> None:
        """Bring an option or a spread to ``wanted`` by moving its underlying."""
        under = stock(legs[0].instrument.symbol)
        await self.lead(under, await self._spot_for(under, legs, wanted), after_s)

    async def _spot_for(self, under: Instrument, legs: tuple[Leg, ...], wanted: Decimal) -> Decimal:
        """The underlying's price at which a unit that gains with it is worth ``wanted``."""
        here = await self.mid(under)
        low, high = here * Decimal("0.8"), here * Decimal("1.2")
        for _ in range(24):
            middle = (low + high) / 2
            path = Path(instrument=under, price=middle, volatility=0)
            tried = SyntheticFeed(SEED, self._clock, self._terms((path,)))
            if (await _quote(tried, legs)).mid < wanted:
                low = middle
            else:
                high = middle
        return high.quantize(Decimal("0.01"))

    # -- the file -----------------------------------------------------------------------------

    def _plan(self) -> Plan:
        return self._terms(
            tuple(
                Path(
                    instrument=parse_key(key),
                    price=price,
                    waypoints=tuple(self._ways[key]),
                    **_looks(key, float, Decimal),
                )
                for key, price in self._start.items()
            )
        )

    def _terms(self, paths: tuple[Path, ...]) -> Plan:
        return Plan(
            paths=paths,
            option_volatility=_OPTION_VOLATILITY,
            option_spread_ratio=_OPTION_SPREAD,
            step_s=_STEP_S,
        )

    def _write(self) -> None:
        """The plan for the bot: put in place whole, so that it never reads half of it."""
        paths = [
            {
                "instrument": key,
                "price": str(price),
                "waypoints": [[at, str(level)] for at, level in self._ways[key]],
                **_looks(key, float, str),
            }
            for key, price in self._start.items()
        ]
        plan = {
            "starts_at": self.starts_at.isoformat(),
            "option_volatility": _OPTION_VOLATILITY,
            "option_spread_ratio": _OPTION_SPREAD,
            "step_s": _STEP_S,
            "paths": paths,
        }
        draft = self.file.with_suffix(".new")
        draft.write_text(json.dumps(plan, indent=1) + "\n", encoding="utf-8")
        draft.replace(self.file)


def _looks(key: str, number: Callable[[str], Any], money: Callable[[str], Any]) -> dict[str, Any]:
    """Wobble, spread and size of a share or a future."""
    if key.startswith("/"):
        return {"volatility": number("0.15"), "spread": money("0.25"), "size": 40}
    return {"volatility": number("0.2"), "spread": money("0.02"), "size": 800}


async def _quote(feed: SyntheticFeed, legs: tuple[Leg, ...]) -> UnitQuote:
    quotes = {}
    for leg in legs:
        quote = await feed.quote(leg.instrument)
        if quote is not None:
            quotes[leg.instrument.key] = quote
    unit = unit_quote(legs, quotes)
    if unit is None:
        raise LookupError(f"the made-up market does not know {legs[0].instrument.label}")
    return unit


def _monthly_after(day: date) -> date:
    found = monthly_expiry(day.year, day.month)
    if found >= day:
        return found
    year, month = (day.year + 1, 1) if day.month == 12 else (day.year, day.month + 1)
    return monthly_expiry(year, month)
