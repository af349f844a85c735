"""The Feed contract, and the board that holds the last quote of everything watched."""

import asyncio
from abc import ABC, abstractmethod
from collections import ChainMap
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import ClassVar, Protocol, runtime_checkable

from pydantic import BaseModel, ConfigDict, SecretStr

from engine.clock import Clock
from engine.domain.candle import Candles, Timeframe, no_candles
from engine.domain.instrument import Instrument, Kind
from engine.domain.news import News, no_news
from engine.domain.quote import Leg, Quote, UnitQuote, unit_quote
from engine.quality import Quality
from engine.store import Tokens


class Feed(Protocol):
    """A source of quotes. Each value says where it is from and when it was made and received."""

    name: str
    is_synthetic: bool

    async def connect(self) -> None:
        """Start delivering."""
        ...

    async def close(self) -> None:
        """Stop delivering."""
        ...

    async def quote(self, instrument: Instrument) -> Quote | None:
        """The newest quote known to the source; None when it has none."""
        ...

    async def watch(self, instruments: Iterable[Instrument]) -> None:
        """Stream these from now on, in addition to what is streamed already."""
        ...

    def stream(self) -> AsyncIterator[Quote]:
        """Quotes of everything watched, until closed."""
        ...


@runtime_checkable
class Archive(Protocol):
    """A source that knows the past. Not every feed does: ask ``engine.history.History``."""

    async def bars(
        self, instrument: Instrument, timeframe: Timeframe, n: int, until: datetime | None = None
    ) -> Candles:
        """The newest ``n`` candles that began before ``until`` (now, when None), oldest first.

        Empty with the reason where there are none; nothing is made up to fill gaps. The one that
        is still growing counts.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError: the source could not be asked.
        """
        ...


@runtime_checkable
class Newswire(Protocol):
    """A source of headlines. Not every feed is one: ask ``engine.headlines.Headlines``."""

    async def news(self, symbols: Sequence[str], since: datetime, limit: int) -> News:
        """At most ``limit`` headlines about any of these, written or changed since, newest first.

        ``symbols``: shares and coins by their names, ``AAPL``, ``BTC/USD``.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError; OrderRejected: with their reason.
        """
        ...


@runtime_checkable
class Troubled(Protocol):
    """A source, or several, that knows what it does not deliver as it should."""

    def troubles(self) -> dict[str, str]:
        """Source -> what is wrong with it just now; it may deliver all the same."""
        ...

    def limits(self) -> dict[str, str]:
        """Source -> what it does not do, and never did."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Greeks:
    """How an option's price answers to the world, by the source's own model; per share."""

    instrument: Instrument
    volatility: Decimal
    """Implied, ratio per year."""
    delta: Decimal
    gamma: Decimal
    theta: Decimal
    """Per day."""
    vega: Decimal
    rho: Decimal
    price: Decimal
    """That the model gives."""
    exchange_at: datetime
    received_at: datetime
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Standard options that are listed on one underlying."""

    underlying: str
    strikes: Mapping[tuple[str, date], tuple[Decimal, ...]]
    """Root and expiry -> strikes that have a call and a put, rising."""
    received_at: datetime
    source: str

    def lists(self, contract: Instrument) -> bool:
        """Whether this contract exists."""
        assert contract.expiry is not None  # noqa: S101 - asked of options only
        found = self.strikes.get((contract.symbol, contract.expiry), ())
        return contract.strike in found


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSetup:
    """What the desk hands to a live feed."""

    name: str
    clock: Clock
    secrets: Mapping[str, SecretStr]
    """By the names that the feed declares."""
    tokens: Tokens


class FeedAdapter(ABC):
    """A live source of quotes: ``engine/feeds/x`` holds ``class X(FeedAdapter)``.

    Nothing is connected by constructing it.
    """

    class Settings(BaseModel):
        """Terms and addresses; the model behind ``feed: {live: {x: ...}}``.

        Every outside address is a field named ``..._url``, empty for the provider's own, so that
        it may be loopback.
        """

        model_config = ConfigDict(extra="forbid", frozen=True)
        stands_for: ClassVar[Mapping[str, str]] = {}
        """An address that may be left empty -> the one that is used in its place."""

    secrets: ClassVar[tuple[str, ...]] = ()
    """Secrets it needs: ``key`` of feed ``alpaca`` is TS_ALPACA_KEY, as of the broker."""
    kinds: ClassVar[frozenset[Kind]] = frozenset({"stock", "option", "future", "crypto"})
    """What it quotes; nothing else is asked of it."""
    is_synthetic: bool = False
    has_news: ClassVar[bool] = False

    def __init__(self, settings: Settings, setup: FeedSetup) -> None:
        self.settings = settings
        self.setup = setup
        self.name = setup.name
        self.clock = setup.clock

    @property
    def trouble(self) -> str:
        """What it does not do as it should just now, while it is connected."""
        return ""

    @property
    def limit(self) -> str:
        """What it does not do at all, such as more than its plan has."""
        return ""

    @abstractmethod
    async def connect(self) -> None:
        """Start delivering; may be called again after the stream ended or connecting failed."""

    @abstractmethod
    async def close(self) -> None:
        """Stop delivering."""

    @abstractmethod
    async def quote(self, instrument: Instrument) -> Quote | None:
        """The newest quote known to the source; None when it has none."""

    @abstractmethod
    async def watch(self, instruments: Iterable[Instrument]) -> None:
        """Stream these from now on, in addition to what is streamed already."""

    @abstractmethod
    def stream(self) -> AsyncIterator[Quote]:
        """Quotes of everything watched, until closed; ends or raises when the source is lost."""

    async def greeks(self, contract: Instrument) -> Greeks | None:
        """The newest greeks of an option; None where the source has none."""
        del contract
        return None

    async def chain(self, underlying: Instrument) -> Chain | None:
        """What options are listed; None where the source cannot say or there are none."""
        del underlying
        return None

    async def bars(
        self, instrument: Instrument, timeframe: Timeframe, n: int, until: datetime | None = None
    ) -> Candles:
        """As :meth:`Archive.bars`; none where the source keeps no history."""
        del n, until
        why = f"{self.name} keeps no history"
        return no_candles(instrument, timeframe, self.name, self.clock.now(), why)

    async def news(self, symbols: Sequence[str], since: datetime, limit: int) -> News:
        """As :meth:`Newswire.news`; not known where the source has no headlines."""
        del symbols, since, limit
        return no_news(self.name, self.clock.now(), f"{self.name} has no news")


AHEAD = timedelta(seconds=5)
"""Clocks that are looked after are not further apart: so far one may be behind another."""


def not_ahead(quote: Quote) -> Quote:
    """The quote as made no later than it came: a stamp from the future would shut all others out.

    What comes after it in truth would count as older, for as long as its clock is ahead. One that
    is ahead by more than clocks differ says so: its price may be of any moment.
    """
    ahead = quote.exchange_at - quote.received_at
    if ahead <= timedelta():
        return quote
    is_ahead = quote.is_ahead or ahead > AHEAD
    return replace(quote, exchange_at=quote.received_at, is_ahead=is_ahead)


_SET_BACK = timedelta(seconds=5)
"""No feed hands a quote on so late: the wall clock was set back after the last one (M-03)."""


def is_older(quote: Quote, last: Quote) -> bool:
    """Whether it is of an older market than the last one.

    Nobody can tell across a step of the wall clock: what comes after it counts, else nothing
    would be heard for as long as it was set back.
    """
    is_set_back = last.received_at - quote.received_at > _SET_BACK
    return quote.exchange_at < last.exchange_at and not is_set_back


def is_outdated(quote: Quote, last: Quote) -> bool:
    """Whether it is of an older market, and does not say that the last one stands.

    Another source that names the same price says so, however long ago it was made.
    """
    is_same = (quote.bid, quote.ask) == (last.bid, last.ask) and quote.source != last.source
    return is_older(quote, last) and not is_same


class QuoteBoard:
    """Last quote of each watched instrument; tells its listeners about every new one."""

    def __init__(self, quality: Quality | None = None) -> None:
        """``quality``: grades what comes in, and holds spikes back until they are confirmed."""
        self.quality = quality
        self._last: dict[str, Quote] = {}
        self._newest: dict[str, Quote] = {}
        """The same, without quotes of an older market that only said that it stands."""
        self._unwanted: dict[str, Quote] = {}
        """Options whose last quote has no bid: no price (M-02), but the way out has one."""
        self._offered: dict[str, Quote] = {}
        """Options whose last quote says nothing of a bid, as if nobody bid."""
        self._listeners: list[Callable[[Quote], None]] = []

    def put(self, quote: Quote) -> None:
        """Take a new quote in. Insane ones (M-02) and ones of an older market are dropped."""
        quote = not_ahead(quote)
        newest = self._newest.get(quote.instrument.key)
        if newest is not None and is_outdated(quote, newest):
            return  # of an older market: no price, and nothing to compare with either
        is_usable = quote.is_sane if self.quality is None else self.quality.heard(quote)
        if not is_usable:
            if quote.is_unwanted:
                self._unwanted[quote.instrument.key] = quote
                self._offered.pop(quote.instrument.key, None)
            elif quote.is_only_offered:
                self._offered[quote.instrument.key] = replace(quote, bid=Decimal(0))
            return
        self._offered.pop(quote.instrument.key, None)
        self._unwanted.pop(quote.instrument.key, None)
        self._last[quote.instrument.key] = quote
        if newest is None or not is_older(quote, newest):
            self._newest[quote.instrument.key] = quote
        for listener in self._listeners:
            listener(quote)

    def withdraw(self, instrument: Instrument) -> None:
        """Its last quote is not believed after all: it has none."""
        self._last.pop(instrument.key, None)
        self._newest.pop(instrument.key, None)

    def listen(self, listener: Callable[[Quote], None]) -> Callable[[], None]:
        """Call ``listener`` with every new quote; it must be quick and must not raise.

        Call what is returned to stop listening.
        """
        self._listeners = [*self._listeners, listener]

        def stop() -> None:
            self._listeners = [known for known in self._listeners if known is not listener]

        return stop

    def last(self, instrument: Instrument) -> Quote | None:
        """Newest quote, however old; the caller judges its age."""
        return self._last.get(instrument.key)

    def all(self) -> dict[str, Quote]:
        """Newest quote of everything, by instrument key."""
        return dict(self._last)

    def unit(self, legs: tuple[Leg, ...]) -> UnitQuote | None:
        """Newest unit price from the legs' last quotes; None when a leg has none."""
        return unit_quote(legs, self._last)

    def bounding(self, instrument: Instrument) -> Quote | None:
        """Newest quote of an option without a known bid: it says what its worth is within."""
        return self._offered.get(instrument.key) or self._unwanted.get(instrument.key)

    def bounded(self, legs: tuple[Leg, ...]) -> UnitQuote | None:
        """Newest unit price where a leg without a known bid counts as if nobody bid."""
        return unit_quote(
            legs, ChainMap(self._offered, self._unwanted, self._last), is_way_out=True
        )

    def way_out(self, legs: tuple[Leg, ...]) -> UnitQuote | None:
        """The same where a leg may have lost its bid: what is worthless can be given away."""
        return unit_quote(legs, ChainMap(self._unwanted, self._last), is_way_out=True)


class Timeline(Protocol):
    """A feed whose future is known: a replay may jump from quote to quote."""

    def upcoming(self) -> datetime | None:
        """When the next quote of anything watched is due; None when there is no more."""
        ...

    def advance_to(self, moment: datetime) -> list[Quote]:
        """Quotes due up to and at ``moment`` that were not handed out yet, oldest first."""
        ...


async def paced(
    timeline: Timeline, clock: Clock, changed: asyncio.Event, closed: asyncio.Event
) -> AsyncIterator[Quote]:
    """A timeline's quotes as they fall due on ``clock``, until ``closed``.

    ``changed`` wakes it early: something else is watched now, or it was closed.
    """
    while not closed.is_set():
        changed.clear()
        at = timeline.upcoming()
        if at is None:
            await changed.wait()
        elif (left := (at - clock.now()).total_seconds()) > 0:
            await _sleep_or(clock, left, changed)
        else:
            for quote in timeline.advance_to(clock.now()):
                yield quote


async def _sleep_or(clock: Clock, seconds: float, changed: asyncio.Event) -> None:
    waits = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(changed.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()
        await asyncio.gather(*waits, return_exceptions=True)
