"""The feed itself: one DXLink session kept alive, and questions for whatever it does not tell."""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, Literal
from urllib.parse import quote as escaped
from urllib.parse import urlencode

from tastytrade.dxfeed import Greeks as GreeksEvent
from tastytrade.dxfeed import Quote as QuoteEvent

from engine.brokers._wire.address import Address
from engine.brokers._wire.lanes import Lanes
from engine.brokers.tastytrade.login import Login
from engine.brokers.tastytrade.stream import alone
from engine.brokers.tastytrade.symbols import Foreign, symbol_of
from engine.domain.candle import Candles, Timeframe, no_candles
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, NotOffered, RateLimited
from engine.domain.instrument import Instrument, Kind
from engine.domain.quote import Quote
from engine.feeds import Chain, FeedSetup, Greeks
from engine.feeds._past import reaching_back, told
from engine.feeds._pauses import Pauses
from engine.feeds._polled import Polled
from engine.feeds.tastytrade import reading
from engine.feeds.tastytrade.link import Link
from engine.feeds.tastytrade.past import Past

log = logging.getLogger(__name__)

_BATCH = 100
"""Most symbols of one question, by the broker's own limit."""
_LINES = 500
"""Most symbols of one subscription, so that its message is not too long."""
_LATE, _LATE_BY = "demo", timedelta(minutes=15)
"""Level of the sandbox's data, and how old they are."""
_COARSE = timedelta(seconds=2)
"""Stamps of the stream are cut to whole seconds: what is older still is no price of now."""
_LOGIN_S = 20.0
"""Real seconds that a line may take until it is let in: one that only keeps alive is none."""
_PATIENCE_S = 2.0
"""Real seconds that the first greeks of a contract may take."""


class _Login(Login):
    """Tells the library where market data are."""

    quotes_url = ""
    level = ""

    async def _get(self, url: str, **_: Any) -> dict[str, Any]:
        data = (await self.ask(url)).get("data")
        if not isinstance(data, dict) or not data.get("token"):
            raise BrokerUnavailable(f"{self._name} gives no token for market data")
        self.level = str(data.get("level", ""))
        return {**data, "dxlink-url": self.quotes_url or data["dxlink-url"]}


class Tastytrade(Polled):
    """Quotes of shares, indexes, options and futures; the sandbox's are 15 minutes old."""

    class Settings(Polled.Settings):
        """Terms and addresses."""

        environment: Literal["paper", "live"] = "paper"
        """Of the login: the sandbox's has delayed data."""
        rest_url: Address = ""
        token_url: Address = ""
        """Where tokens are given; empty for ``rest_url``."""
        stands_for: ClassVar[Mapping[str, str]] = {"token_url": "rest_url"}
        quotes_url: Address = ""
        """Of DXLink; empty for the one that comes with the token for market data."""

    secrets: ClassVar[tuple[str, ...]] = ("client_secret", "refresh_token")
    kinds: ClassVar[frozenset[Kind]] = frozenset({"stock", "option", "future"})
    most_failed_polls: ClassVar[int] = 5

    def __init__(self, settings: "Tastytrade.Settings", setup: FeedSetup) -> None:
        super().__init__(settings, setup)
        self._terms = settings
        self._lanes = Lanes(setup.clock, {"read": (60, 60)})
        self._login: _Login | None = None
        self._link: Link | None = None
        self._by_symbol: dict[str, Instrument] = {}
        """The provider's symbol -> instrument."""
        self._futures: dict[str, str] = {}
        self._streamed: set[str] = set()
        """What this line was asked for."""
        self._more = asyncio.Event()
        self._halted: set[str] = set()
        """Of which an answer said so: the stream tells of no halts, and quotes go on in one."""
        self._greeks: dict[str, asyncio.Future[Greeks]] = {}
        self._past = Past()
        self._tasks: list[asyncio.Task[None]] = []
        self.why_silent = "not connected yet"
        """Why nothing is streamed just now; empty while it is."""

    # -- life -----------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Log in and begin to deliver what is watched.

        Raises:
            BrokerAuthError: the keys do not reach market data. BrokerUnavailable.
        """
        await self._stop()
        given = {name: text.get_secret_value() for name, text in self.setup.secrets.items()}
        if missing := [name for name in self.secrets if not given.get(name)]:
            raise BrokerAuthError(f"{self.name}: the secret {missing[0]} is missing")
        login = _Login(
            name=self.name,
            clock=self.clock,
            lanes=self._lanes,
            usage=self.usage,
            secret=given["client_secret"],
            refresh_token=given["refresh_token"],
            is_paper=self._terms.environment == "paper",
            rest_url=self._terms.rest_url,
            token_url=self._terms.token_url,
        )
        login.quotes_url = self._terms.quotes_url
        self._queue.put_nowait(None)  # whoever still reads the old one is told its end
        self._queue, self._n_failed = asyncio.Queue(), 0
        try:
            await login.refresh(force=True)
            with suppress(NotOffered):  # nothing is streamed then: quotes are asked for
                await login._get("/api-quote-tokens")
        except BaseException:
            await login.close()
            raise
        self._login = login
        login.keep()
        self._tasks = [
            asyncio.create_task(self._keep(login), name=f"link of {self.name}"),
            asyncio.create_task(self._poll(), name=f"poll of {self.name}"),
        ]

    async def _stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        login, self._login, self._link = self._login, None, None
        if login is not None:
            await login.close()

    def _in(self) -> _Login:
        if self._login is None:
            raise BrokerUnavailable(f"{self.name} is not connected")
        return self._login

    # -- contract -------------------------------------------------------------------------------

    async def watch(self, instruments: Iterable[Instrument]) -> None:
        """Stream these from now on; what nothing is heard of soon is asked for."""
        if self._watch_new(instruments):
            self._more.set()  # not asked for here: who waits may go before the answer comes

    async def greeks(self, contract: Instrument) -> Greeks | None:
        """The provider's greeks of an option; None when none come within moments."""
        link = self._link
        if contract.kind != "option" or link is None:
            return None
        waiting = self._greeks.get(contract.key)
        if waiting is None:
            waiting = asyncio.get_running_loop().create_future()
            self._greeks[contract.key] = waiting
            self._by_symbol[reading.streamer_symbol(contract)] = contract
            await link.subscribe(GreeksEvent, [reading.streamer_symbol(contract)])
        try:
            return await asyncio.wait_for(asyncio.shield(waiting), _PATIENCE_S)
        except TimeoutError:
            return None

    async def bars(
        self, instrument: Instrument, timeframe: Timeframe, n: int, until: datetime | None = None
    ) -> Candles:
        """By DXLink: regular hours of shares and options, all hours of futures.

        Raises:
            BrokerUnavailable: the past did not come whole.
        """
        link, now = self._link, self.clock.now()
        symbols = await self._named([instrument]) if instrument.kind in self.kinds else {}
        if link is None or not symbols:
            why = "is not streaming just now" if link is None else f"lists no {instrument.label}"
            return no_candles(instrument, timeframe, self.name, now, f"{self.name} {why}")
        (symbol,) = symbols
        since = reaching_back(until or now, timeframe, n)
        try:
            found = await self._past.ask(
                link, symbol, timeframe, since, is_all_hours=instrument.kind == "future"
            )
        except TimeoutError:
            raise BrokerUnavailable(f"{self.name} did not tell the whole past in time") from None
        return told(found, instrument, timeframe, n, until, self._source, now)

    async def chain(self, underlying: Instrument) -> Chain | None:
        """What options are listed on a share or index; None when there are none.

        Raises:
            BrokerUnavailable: the list could not be read whole.
        """
        login = self._in()
        symbol = symbol_of(underlying)[1]
        answer = await login.asked(f"/option-chains/{escaped(symbol, safe='')}/nested")
        if answer.status == 404:
            return None
        if not answer.is_ok:
            raise BrokerUnavailable(f"{self.name} refuses a chain ({answer.status})")
        items = login.items_in(answer.body)
        try:
            return reading.chain_in(items, underlying.symbol, self.name, self.clock.now())
        except (KeyError, ValueError, TypeError, AttributeError) as error:
            raise BrokerUnavailable(f"{self.name}: a chain that cannot be read") from error

    # -- streamed -------------------------------------------------------------------------------

    async def _keep(self, login: _Login) -> None:
        pauses = Pauses(self.clock)
        while True:
            try:
                await alone(self._session(login, pauses))
            except Exception as error:  # noqa: BLE001 - a link ends in whatever its library raises
                self.why_silent = type(error).__name__
                log.info("%s: the stream ended: %s", self.name, self.why_silent)
            self._link = None
            self._greeks.clear()
            await self.clock.sleep(pauses.lost_s())

    async def _session(self, login: _Login, pauses: Pauses) -> None:
        async with AsyncExitStack() as stack:
            async with asyncio.timeout(_LOGIN_S):
                link = await stack.enter_async_context(Link(login, self._heard))
            self._streamed = set()
            while True:
                self._more.clear()
                new = [i for i in self._watched.values() if i.key not in self._streamed]
                await self._subscribe(link, [i for i in new if i.kind != "future"])
                try:
                    await self._subscribe(link, [i for i in new if i.kind == "future"])
                except (BrokerUnavailable, BrokerAuthError) as error:  # said again by the poll
                    log.info("%s: futures cannot be named yet: %s", self.name, error)
                self._link, self.why_silent = link, ""
                pauses.up()
                await self._more.wait()

    async def _subscribe(self, link: Link, instruments: list[Instrument]) -> None:
        symbols = await self._named(instruments)
        self._by_symbol |= symbols
        names = list(symbols)
        for n in range(0, len(names), _LINES):
            await link.subscribe(QuoteEvent, names[n : n + _LINES])
        self._streamed |= {i.key for i in instruments}

    async def _named(self, instruments: list[Instrument]) -> dict[str, Instrument]:
        """The provider's symbol of each; a future that is not listed has none."""
        roots = {i.symbol for i in instruments if i.kind == "future" and i.key not in self._futures}
        if roots:
            asked = urlencode([("product-code[]", root) for root in sorted(roots)])
            try:
                items = self._in().items_in(await self._in().ask(f"/instruments/futures?{asked}"))
            except NotOffered as error:  # shares and options are named without it
                log.warning("%s names no futures: %s", self.name, error)
                items = []
            self._futures |= reading.futures_in(items, self.clock.now().date())
        found = {}
        for instrument in instruments:
            if instrument.kind == "future":
                symbol = self._futures.get(instrument.key)
            else:
                symbol = reading.streamer_symbol(instrument)
            if symbol is None:
                log.info("%s: %s is not listed", self.name, instrument.key)
            else:
                found[symbol] = instrument
        return found

    def _unstreamed(self) -> list[str]:
        return [f"no stream ({self.why_silent})"] if self.why_silent else []

    def _heard(self, kind: str, event: Mapping[str, Any]) -> None:
        if kind == "Candle":
            self._past.heard(event)
            return
        instrument = self._by_symbol.get(str(event.get("eventSymbol", "")))
        if instrument is None:
            return
        now = self.clock.now()
        if kind == "Quote" and instrument.key in self._watched:
            quote = reading.quote_in(event, instrument, self._source, now)
            if quote is not None:
                is_halted = instrument.key in self._halted
                self._take(replace(self._in_turn(self._aged(quote)), is_halted=is_halted))
        elif kind == "Greeks":
            found = reading.greeks_in(event, instrument, self._source, now)
            if found is not None:
                self._put_greeks(found)

    def _aged(self, quote: Quote) -> Quote:
        """The sandbox's quotes are late, whatever their stamps say; most have none."""
        if self._level != _LATE:
            return quote
        return replace(quote, exchange_at=min(quote.exchange_at, quote.received_at - _LATE_BY))

    def _in_turn(self, quote: Quote) -> Quote:
        """What is streamed comes in order, though its stamps are cut to whole seconds."""
        known = self._last.get(quote.instrument.key)
        if known is None or not timedelta(0) < known.exchange_at - quote.exchange_at <= _COARSE:
            return quote
        return replace(quote, exchange_at=known.exchange_at)

    def _put_greeks(self, found: Greeks) -> None:
        waiting = self._greeks.get(found.instrument.key)
        if waiting is None:
            return
        if waiting.done():
            waiting = asyncio.get_running_loop().create_future()
            self._greeks[found.instrument.key] = waiting
        waiting.set_result(found)

    @property
    def _level(self) -> str:
        return "" if self._login is None else self._login.level

    @property
    def _source(self) -> str:
        return f"{self.name} {self._level}" if self._level == _LATE else self.name

    # -- asked for ------------------------------------------------------------------------------

    async def _poll(self) -> None:
        while True:
            await self.clock.sleep(self._poll_s)
            for instrument in self._forget_expired():
                self._by_symbol.pop(reading.streamer_symbol(instrument), None)
            if self._watched.keys() - self._streamed:
                self._more.set()
            wanted = {i.key: i for i in self._silent()}
            wanted |= {key: self._watched[key] for key in self._halted & self._watched.keys()}
            try:
                for quote in await self._asked(wanted.values()):
                    self._take(quote)
                self._n_failed, self._unanswered = 0, ""
            except RateLimited as error:
                self._not_answered(error)
                await self.clock.sleep(error.retry_after_s)
            except Exception as error:  # noqa: BLE001 - no answer may end the asking
                self._not_answered(error)
                self._n_failed += 1
                if self._n_failed >= self.most_failed_polls and self.why_silent:
                    self._queue.put_nowait(None)
                    return

    async def _asked(self, instruments: Iterable[Instrument]) -> list[Quote]:
        login, found = self._in(), []
        wanted: dict[str, Instrument] = {}
        for instrument in instruments:
            try:
                wanted[symbol_of(instrument)[1]] = instrument
            except Foreign:
                continue
        names = list(wanted)
        for n in range(0, len(names), _BATCH):
            batch = [wanted[name] for name in names[n : n + _BATCH]]
            body = await login.ask(f"/market-data/by-type?{urlencode(reading.question(batch))}")
            now = self.clock.now()
            for item in login.items_in(body):
                quote = reading.answered_in(item, wanted, self._source, now)
                if quote is not None:
                    found.append(self._aged(quote))
                    change = self._halted.add if quote.is_halted else self._halted.discard
                    change(quote.instrument.key)
        return found
