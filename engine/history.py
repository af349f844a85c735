"""How prices moved, for whoever asks: one question per candle series at a time, answers kept.

Nothing here raises: a source that cannot be asked is a series that is empty with the reason.
"""

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime

from engine.clock import Clock
from engine.domain.candle import Candles, Timeframe, began_at, no_candles
from engine.domain.errors import TradeStreamError
from engine.domain.instrument import Instrument, stock
from engine.feeds import Archive

log = logging.getLogger(__name__)

FRESH_S = 15.0
"""So long an answer is given again."""
MISSING_S = 60.0
"""So long a reason why there is none is given again."""
PATIENCE_S = 8.0
_AT_ONCE = 8
_MOST_CANDLES = 20_000
"""Kept in all: some ten megabytes."""
_SIZES = (130, 300, 600, 1_000, 2_000)
"""A question is rounded up, so that like ones share an answer."""

_RUNNING = 2
"""Days that are asked for to learn the running one."""

_Key = tuple[str, Timeframe, int, datetime | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Kept:
    answer: Candles
    on: date
    """New York day it was asked on."""
    asked_at: float
    """Monotonic."""


class History:
    """The past of everything the feed knows, in memory for as long as it stays true."""

    def __init__(self, feed: object, clock: Clock) -> None:
        """``feed``: any; one that is no Archive has no history."""
        self._archive = feed if isinstance(feed, Archive) else None
        self._source = str(getattr(feed, "name", "no feed"))
        self._clock = clock
        self._kept: OrderedDict[_Key, _Kept] = OrderedDict()
        self._n_kept = 0
        self._asking: dict[_Key, asyncio.Task[Candles]] = {}
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def bars(
        self, instrument: Instrument, timeframe: Timeframe, n: int, until: datetime | None = None
    ) -> Candles:
        """The newest ``n`` candles (<= 2,000) before ``until``; the newest may still be growing."""
        if until is not None and until >= self._clock.now():
            until = None
        if timeframe == "1d" and until is None:
            return _cut(await self._days(instrument, _size(n)), n)
        key = (instrument.key, timeframe, _size(n), until)
        return _cut(await self._known(key, instrument), n)

    async def daily(self, what: Iterable[str | Instrument], n: int) -> Mapping[str, Candles]:
        """The newest ``n`` finished days of each, asked once a day; by instrument key.

        ``what``: instruments, or symbols of shares. A symbol without history has an empty series
        that says why.
        """
        wanted = {i.key: i for i in (stock(w) if isinstance(w, str) else w for w in what)}
        today = began_at(self._clock.now(), "1d")
        found = await asyncio.gather(
            *(self._known((key, "1d", _size(n), today), i) for key, i in wanted.items())
        )
        return {key: _cut(series, n) for key, series in zip(wanted, found, strict=True)}

    # -- inside ---------------------------------------------------------------------------------

    async def _days(self, instrument: Instrument, size: int) -> Candles:
        """The days that are over, asked for once a day, and the running one, asked for anew."""
        today = began_at(self._clock.now(), "1d")
        over, running = await asyncio.gather(
            self._known((instrument.key, "1d", size, today), instrument),
            self._known((instrument.key, "1d", _RUNNING, None), instrument),
        )
        newest = tuple(c for c in running.candles if c.at >= today)
        if not over.candles:
            return running if newest else over
        return replace(over, candles=(*over.candles, *newest), as_of=running.as_of)

    async def _known(self, key: _Key, instrument: Instrument) -> Candles:
        kept = self._kept.get(key)
        if kept is not None and self._stands(key, kept):
            self._kept.move_to_end(key)
            return kept.answer
        asking = self._asking.get(key)
        if asking is None:
            asking = asyncio.create_task(self._ask(key, instrument), name=f"history {key[0]}")
            self._asking[key] = asking
            asking.add_done_callback(lambda _: self._asking.pop(key, None))
        return await asyncio.shield(asking)  # one who stops waiting takes nothing from the others

    def _stands(self, key: _Key, kept: _Kept) -> bool:
        age_s = self._clock.monotonic() - kept.asked_at
        if kept.answer.missing:
            return age_s < MISSING_S
        if key[3] is not None:  # what is over does not change
            return kept.on == began_at(self._clock.now(), "1d").date()
        return age_s < FRESH_S

    async def _ask(self, key: _Key, instrument: Instrument) -> Candles:
        _, timeframe, size, until = key
        if self._archive is None:
            return self._none(instrument, timeframe, f"{self._source} keeps no history")
        try:
            async with self._turn, asyncio.timeout(PATIENCE_S):
                answer = await self._archive.bars(instrument, timeframe, size, until)
        except TimeoutError:
            answer = self._none(instrument, timeframe, f"no answer within {PATIENCE_S:.0f} s")
        except TradeStreamError as error:
            answer = self._none(instrument, timeframe, str(error))
        except Exception as error:  # noqa: BLE001 - a library's; the picture is not worth a crash
            log.warning("history of %s: %s", key[0], type(error).__name__)
            answer = self._none(instrument, timeframe, f"its source failed: {type(error).__name__}")
        self._keep(key, answer)
        return answer

    def _none(self, instrument: Instrument, timeframe: Timeframe, why: str) -> Candles:
        return no_candles(instrument, timeframe, self._source, self._clock.now(), why)

    def _keep(self, key: _Key, answer: Candles) -> None:
        now = self._clock.now()
        old = self._kept.pop(key, None)
        self._n_kept += len(answer.candles) - (len(old.answer.candles) if old else 0)
        self._kept[key] = _Kept(
            answer=answer,
            on=began_at(now, "1d").date(),
            asked_at=self._clock.monotonic(),
        )
        while len(self._kept) > 1 and (self._n_kept > _MOST_CANDLES or len(self._kept) > 1_000):
            _, gone = self._kept.popitem(last=False)
            self._n_kept -= len(gone.answer.candles)


def _size(n: int) -> int:
    return next((size for size in _SIZES if n <= size), _SIZES[-1])


def _cut(series: Candles, n: int) -> Candles:
    return series if len(series.candles) <= n else replace(series, candles=series.candles[-n:])
