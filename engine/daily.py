"""Daily closes of what is held and watched, at hand when an entry is decided.

A decision never waits for them: it reads what is known (:meth:`DailyCloses.of`). They are learned
beside the trading loop, and for a moment before an entry that needs one more.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from datetime import date

from engine.clock import Clock
from engine.domain.candle import Candles
from engine.domain.instrument import parse_key
from engine.history import History
from engine.market import new_york_date
from engine.portfolio.closes import Closes

N_DAYS = 260
"""A year of trading days: what beta and VaR look at."""
_KEPT = 300
_AGAIN_S = 60.0
"""A symbol without closes is asked for again after so long."""


class DailyCloses:
    """The newest year of closes per symbol, good for the New York day they were learned on."""

    def __init__(self, clock: Clock, history: History | None = None) -> None:
        """``history``: None where the desk has no source of the past."""
        self._clock = clock
        self.history = history
        self._known: OrderedDict[str, tuple[date, Closes]] = OrderedDict()
        self._missing: dict[str, tuple[float, str]] = {}
        self.also: set[str] = set()
        """Symbols that are needed although nothing is held of them."""

    def of(self, symbols: Iterable[str]) -> dict[str, Closes]:
        """What is known of these today; the others are absent."""
        today = new_york_date(self._clock.now())
        found = {}
        for symbol in symbols:
            on, closes = self._known.get(symbol, (None, None))
            if closes is not None and on == today:
                found[symbol] = closes
        return found

    def why_not(self, symbol: str) -> str:
        """Why a symbol has none, in words."""
        if self.history is None:
            return "no source of daily closes is configured"
        _, why = self._missing.get(symbol, (0.0, ""))
        return why or f"daily closes of {symbol} are not read yet"

    def lacking(self, symbols: Iterable[str]) -> list[str]:
        """Of these, what is to be asked for: not known today, and not asked for a moment ago."""
        wanted = list(dict.fromkeys(symbols))
        if self.history is None or not wanted:
            return []
        known, now = self.of(wanted), self._clock.monotonic()
        return [s for s in wanted if s not in known and not self._asked_lately(s, now)]

    async def learn(self, symbols: Iterable[str], wait_s: float | None = None) -> None:
        """Ask for what is not known today; never raises, and waits ``wait_s`` at most."""
        lacking, now = self.lacking(symbols), self._clock.monotonic()
        if self.history is None or not lacking:
            return
        try:
            async with asyncio.timeout(wait_s):
                found = await self.history.daily([parse_key(s) for s in lacking], N_DAYS)
        except (TimeoutError, ValueError) as error:
            words = str(error) or "its source is slow"
            self._missing |= dict.fromkeys(lacking, (now, words))
            return
        self._take(found)

    def put(self, closes: Closes) -> None:
        """Take a series in for today."""
        self._known[closes.symbol] = (new_york_date(self._clock.now()), closes)
        self._known.move_to_end(closes.symbol)
        self._missing.pop(closes.symbol, None)
        while len(self._known) > _KEPT:
            self._known.popitem(last=False)

    def _take(self, found: Mapping[str, Candles]) -> None:
        now = self._clock.monotonic()
        for key, candles in found.items():
            try:
                closes = closes_of(key, candles)
            except ValueError as error:
                self._missing[key] = (now, str(error))
            else:
                if closes.days:
                    self.put(closes)
                else:
                    self._missing[key] = (now, f"{key}: {candles.missing or 'no daily closes'}")

    def _asked_lately(self, symbol: str, now: float) -> bool:
        at, why = self._missing.get(symbol, (0.0, ""))
        return bool(why) and now - at < _AGAIN_S


def closes_of(symbol: str, candles: Candles) -> Closes:
    """Candles of finished days as closes; days without a sane price are left out.

    Raises:
        ValueError: the days are not in order.
    """
    sane = [c for c in candles.candles if c.is_sane]
    return Closes(
        symbol=symbol,
        days=tuple(c.on for c in sane),
        prices=tuple(float(c.close) for c in sane),
        source=candles.source,
        is_synthetic=candles.is_synthetic,
    )
