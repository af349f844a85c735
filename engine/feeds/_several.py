"""Live feeds as one: each kept connected by itself, the first that has a quote wins."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from engine.clock import Clock
from engine.domain.candle import Candles, Timeframe, no_candles
from engine.domain.errors import BrokerUnavailable, own_words
from engine.domain.instrument import Instrument
from engine.domain.news import News, no_news
from engine.domain.quote import Quote
from engine.feeds import FeedAdapter, Greeks, is_older, is_outdated, not_ahead
from engine.feeds._pauses import Pauses
from engine.quality import Quality

T = TypeVar("T")

log = logging.getLogger(__name__)

STALE = timedelta(seconds=3)
"""After so long without a quote of its own feed, an instrument takes any other's."""
_SAID_S = 120.0
"""What is not quoted for longer says nothing of its feed."""
_LATE = timedelta(seconds=60)
"""No stream and no poll of the market of now is so far behind it."""


class Several:
    """Feeds in order of priority. One that is down, silent or poor is stood in for by the next."""

    is_synthetic = False

    def __init__(self, feeds: Sequence[FeedAdapter], clock: Clock) -> None:
        self.feeds = tuple(feeds)
        self.name = "+".join(feed.name for feed in feeds)
        self.down: dict[str, str] = {feed.name: "not connected yet" for feed in feeds}
        """Feed -> why it delivers nothing just now."""
        self.quality: Quality | None = None
        """Told of quotes that are not passed on, and of feeds that are lost; grade D switches."""
        self._clock = clock
        self._watched: dict[str, Instrument] = {}
        self._last: dict[str, tuple[int, Quote]] = {}
        """Instrument -> the newest quote that was passed on, and the rank of its feed."""
        self._made: dict[tuple[str, int], datetime] = {}
        """Instrument and rank -> when the newest quote that this feed told was made."""
        self._late: set[tuple[str, int]] = set()
        """Those whose newest was old already when it came, and followed an older one."""
        self._ahead: dict[tuple[str, int], float] = {}
        """Instrument and rank -> when it last told a moment that had not come, monotonic."""
        self._queue: asyncio.Queue[Quote | None] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []

    async def connect(self) -> None:
        """Begin to connect all of them; back at once, a feed that is down stops nothing."""
        self._tasks = [
            asyncio.create_task(self._keep(rank, feed), name=f"feed {feed.name}")
            for rank, feed in enumerate(self.feeds)
        ]

    async def close(self) -> None:
        """Stop delivering."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await asyncio.gather(*(feed.close() for feed in self.feeds), return_exceptions=True)
        self._queue.put_nowait(None)

    def troubles(self) -> dict[str, str]:
        """Feed -> why it delivers nothing, or what of it is not as it should be."""
        wrong = {f.name: f.trouble or self._wrong_in_time(n) for n, f in enumerate(self.feeds)}
        return {name: why for name, why in (wrong | self.down).items() if why}

    def _wrong_in_time(self, rank: int) -> str:
        since = self._clock.monotonic() - _SAID_S
        if not any(of[1] == rank and at > since for of, at in self._ahead.items()):
            return ""
        return "they are stamped ahead of this machine's clock: one of the two is wrong"

    def limits(self) -> dict[str, str]:
        """Feed -> what it does not do at all."""
        return {feed.name: feed.limit for feed in self.feeds if feed.limit}

    async def quote(self, instrument: Instrument) -> Quote | None:
        """The newest quote of the first feed that has one."""
        return await self._first(instrument, "quote", lambda feed: feed.quote(instrument))

    async def greeks(self, contract: Instrument) -> Greeks | None:
        """Of the first feed that has a model of it."""
        return await self._first(contract, "greeks", lambda feed: feed.greeks(contract))

    async def _first(
        self, of: Instrument, what: str, ask: Callable[[FeedAdapter], Awaitable[T | None]]
    ) -> T | None:
        for feed in self.feeds:
            if of.kind in feed.kinds and feed.name not in self.down:
                try:
                    found = await ask(feed)
                except Exception as error:  # noqa: BLE001 - whatever it raises, the next is asked
                    log.info("feed %s has no %s: %s", feed.name, what, type(error).__name__)
                    continue
                if found is not None:
                    return found
        return None

    async def bars(
        self, instrument: Instrument, timeframe: Timeframe, n: int, until: datetime | None = None
    ) -> Candles:
        """Of the first feed that has any; else why each of them has none."""
        whys: list[str] = []
        for feed in self.feeds:
            if instrument.kind not in feed.kinds:
                continue
            if feed.name in self.down:
                whys.append(f"{feed.name} is down")
                continue
            try:
                found = await feed.bars(instrument, timeframe, n, until)
            except Exception as error:  # noqa: BLE001 - whatever it raises, the next is asked
                whys.append(f"{feed.name}: {type(error).__name__}")
                continue
            if found.candles:
                return found
            whys.append(found.missing)
        why = "; ".join(whys) or f"no feed has prices of a {instrument.kind}"
        return no_candles(instrument, timeframe, self.name, self._clock.now(), why)

    async def news(self, symbols: Sequence[str], since: datetime, limit: int) -> News:
        """Of the first feed that answers, among those that have any.

        Raises:
            Whatever the last of them raised. BrokerUnavailable: it is down.
        """
        failed: Exception | None = None
        for feed in self.feeds:
            if not feed.has_news:
                continue
            if feed.name in self.down:
                failed = BrokerUnavailable(f"{feed.name} is down")
                continue
            try:
                return await feed.news(symbols, since, limit)
            except Exception as error:  # noqa: BLE001 - whatever it raises, the next is asked
                failed = error
        if failed is not None:
            raise failed
        return no_news(self.name, self._clock.now(), f"{self.name} has no news")

    async def watch(self, instruments: Iterable[Instrument]) -> None:
        """Stream these everywhere they are quoted; what is not connected yet does it then."""
        wanted = {i.key: i for i in instruments if i.key not in self._watched}
        self._watched |= wanted
        up = [feed for feed in self.feeds if feed.name not in self.down]
        await asyncio.gather(*(_watch(feed, wanted.values()) for feed in up))

    async def stream(self) -> AsyncIterator[Quote]:
        """Quotes of everything watched, until closed."""
        while (quote := await self._queue.get()) is not None:
            yield quote
        self._queue.put_nowait(None)

    async def _keep(self, rank: int, feed: FeedAdapter) -> None:
        pauses = Pauses(self._clock)
        while True:
            try:
                await feed.connect()
                self.down.pop(feed.name, None)
                await _watch(feed, self._watched.values())
                async for quote in feed.stream():
                    pauses.up()
                    self._pass_on(rank, quote)
                why = "its stream ended"
            except Exception as error:  # noqa: BLE001 - a feed ends in whatever its library raises
                why = own_words(error)
            if feed.name not in self.down:
                log.warning("feed %s is down: %s", feed.name, why)
            self.down[feed.name] = why
            if self.quality is not None:
                self.quality.down(feed.name, self._clock.now())
            await self._clock.sleep(pauses.lost_s())

    def _pass_on(self, rank: int, quote: Quote) -> None:
        """A lesser feed is heard only while all before it are silent or poor about this."""
        quote = not_ahead(quote)
        key = quote.instrument.key
        if quote.is_ahead:
            self._ahead[key, rank] = self._clock.monotonic()
        else:
            self._ahead.pop((key, rank), None)
        self._note_age(rank, quote)
        known = self._last.get(key)
        is_behind = known is not None and known[1].is_sane and is_older(quote, known[1])
        if known is not None and is_behind and is_outdated(quote, known[1]):
            is_late = known[1].exchange_at - quote.exchange_at >= STALE
            is_word = quote.is_halted or not is_late  # what is halted has no newer price
            if self.quality is not None and rank != known[0] and is_word:
                self.quality.compared(quote)  # their stamps differ by moments: they speak at once
            return  # nobody would use it: its feed must not silence the others by it
        is_bad = quote.is_ahead or self._is_poor(quote.source, quote)  # until it is better again
        if (
            known is not None
            and known[0] != rank
            and (known[0] < rank or is_bad)
            and self._stands(known, quote)
        ):
            if self.quality is not None:
                self.quality.compared(quote)
            return
        if not is_behind:  # else what it tells next would be measured by its own old stamp
            self._last[key] = (rank, quote)
        self._queue.put_nowait(quote)

    def _note_age(self, rank: int, quote: Quote) -> None:
        """A quiet market's last quote is old, and its next one is not: a late feed's always is."""
        of = (quote.instrument.key, rank)
        before = self._made.get(of)
        if before is not None and quote.exchange_at <= before:
            return
        self._made[of] = quote.exchange_at
        is_late = before is not None and quote.received_at - quote.exchange_at >= _LATE
        (self._late.add if is_late else self._late.discard)(of)

    def _stands(self, known: tuple[int, Quote], quote: Quote) -> bool:
        rank, last = known
        is_fresh = abs(quote.received_at - last.received_at) < STALE
        is_late = (quote.instrument.key, rank) in self._late and is_older(last, quote)
        is_good = not last.is_ahead and not self._is_poor(last.source, quote)
        return is_fresh and not is_late and is_good

    def _is_poor(self, source: str, quote: Quote) -> bool:
        quality = self.quality
        return quality is not None and quality.is_poor(source, quote.instrument, quote.received_at)


async def _watch(feed: FeedAdapter, instruments: Iterable[Instrument]) -> None:
    own = [i for i in instruments if i.kind in feed.kinds]
    if own:
        await feed.watch(own)
