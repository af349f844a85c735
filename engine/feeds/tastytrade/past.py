"""Candles by DXLink: a subscription that tells the past first; it is ended once that was told."""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

from engine.brokers.tastytrade.translate import number
from engine.domain.candle import Candle, Timeframe, day_began
from engine.feeds.tastytrade.reading import stamp

PATIENCE_S = 4.0
"""Real seconds that a whole past may take."""
_REMOVED, _END, _SNIP = 0x2, 0x8, 0x10
"""Flags of an event: this candle is none; the past was told whole; it was cut short here."""
_SYMBOL = re.compile(r"(?P<name>[^{]+)\{=(?P<n>\d*)(?P<unit>[mhd])")
_PERIOD: dict[Timeframe, tuple[str, str]] = {
    "1m": ("1", "m"),
    "5m": ("5", "m"),
    "15m": ("15", "m"),
    "1h": ("1", "h"),
    "1d": ("1", "d"),
}

_Key = tuple[str, str, str]


class Subscribing(Protocol):
    """What is needed of a link."""

    async def subscribe_candle(
        self, symbols: list[str], interval: str, start_time: datetime, extended_trading_hours: bool
    ) -> None:
        """Tell the past of these from ``start_time`` on, and what comes."""
        ...

    async def unsubscribe_candle(
        self, ticker: str, interval: str, extended_trading_hours: bool
    ) -> None:
        """Tell no more."""
        ...


@dataclass(slots=True)
class _Asked:
    timeframe: Timeframe
    told: asyncio.Future[None]
    found: dict[datetime, Candle] = field(default_factory=dict)


class Past:
    """Questions that are open on one link."""

    def __init__(self) -> None:
        self._asked: dict[_Key, _Asked] = {}
        self._turns: dict[_Key, asyncio.Lock] = {}

    async def ask(
        self,
        link: Subscribing,
        symbol: str,
        timeframe: Timeframe,
        since: datetime,
        *,
        is_all_hours: bool,
    ) -> list[Candle]:
        """Candles from ``since`` on, oldest first; empty when there are none.

        Raises:
            TimeoutError: it was not told whole in time: part of a past is none.
        """
        n, unit = _PERIOD[timeframe]
        key = (symbol, n, unit)
        async with self._turns.setdefault(key, asyncio.Lock()):
            loop = asyncio.get_running_loop()
            asked = self._asked[key] = _Asked(timeframe, loop.create_future())
            try:
                await link.subscribe_candle([symbol], timeframe, since, is_all_hours)
                await asyncio.wait_for(asked.told, PATIENCE_S)
            finally:
                self._asked.pop(key, None)
                await link.unsubscribe_candle(symbol, timeframe, is_all_hours)
        return [asked.found[at] for at in sorted(asked.found)]

    def heard(self, event: Mapping[str, Any]) -> None:
        """One candle of one question, newest first; the provider shortens ``=1d`` to ``=d``."""
        match = _SYMBOL.match(str(event.get("eventSymbol", "")))
        if match is None:
            return
        asked = self._asked.get((match["name"], match["n"] or "1", match["unit"]))
        if asked is None or asked.told.done():
            return
        flags = int(number(event.get("eventFlags")) or 0)
        candle = None if flags & _REMOVED else candle_in(event, asked.timeframe)
        if candle is not None:
            asked.found[candle.at] = candle
        if flags & (_END | _SNIP):
            asked.told.set_result(None)


def candle_in(event: Mapping[str, Any], timeframe: Timeframe) -> Candle | None:
    """A candle event; None when nothing was traded in it. A day's time is its UTC midnight."""
    names = ("open", "high", "low", "close")
    found = {name: number(event.get(name)) for name in names}
    at = stamp(event.get("time"))
    if None in found.values() or at is None:
        return None
    said: dict[str, Any] = found
    candle = Candle(
        at=day_began(at.date()) if timeframe == "1d" else at,
        volume=number(event.get("volume")),
        **said,
    )
    return candle if candle.is_sane else None
