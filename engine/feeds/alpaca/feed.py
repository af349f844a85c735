"""The feed itself: three streams, and questions for whatever they do not tell."""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any, ClassVar, Literal

from pydantic import Field

from engine.brokers._wire.address import Address
from engine.brokers._wire.lanes import Lanes
from engine.brokers.alpaca.rest import Answer, Rest
from engine.brokers.alpaca.translate import symbol_of
from engine.domain.candle import Candle, Candles, Timeframe, no_candles
from engine.domain.errors import BrokerAuthError, NotOffered
from engine.domain.instrument import Instrument, Kind
from engine.domain.news import News
from engine.domain.quote import Quote
from engine.feeds import FeedSetup
from engine.feeds._past import reaching_back, told
from engine.feeds._polled import Polled
from engine.feeds.alpaca.line import Line
from engine.feeds.alpaca.news import Newsroom
from engine.feeds.alpaca.reading import TIMEFRAMES, candle_of, named, quote_of, stamp

log = logging.getLogger(__name__)

_REST, _STREAM = "https://data.alpaca.markets", "wss://stream.data.alpaca.markets"
_BATCH = 100
_ABOUT_SYMBOLS = frozenset({400, 422})
"""Refusals that may be about one of those that were asked for."""
_ODD_S = 60.0
"""One that was refused by itself is left out of questions for so long."""
_MOST_REFUSED = 8
"""Where so many parts of a question are refused and none is answered, it is about no symbol."""
_IN_VAIN_S = 30.0
"""So long after that none is looked for again: that takes a dozen questions each time."""
_REFUSALS = {
    405: "symbol limit exceeded",
    406: "connection limit exceeded",
    409: "not in this plan",
    410: "not on this stream",
}
_UNREADABLE = (KeyError, ValueError, TypeError, ArithmeticError, AttributeError)
_PAGES = 4
_BARS = {
    "stock": ("/stocks/bars", "v2"),
    "option": ("/options/bars", "v1beta1"),
    "crypto": ("/crypto/us/bars", "v1beta3"),
}
_HALTS, _RESUMES = frozenset({"2", "H", "P", "Q"}), frozenset({"3", "T"})
"""Status codes of the New York and Nasdaq tapes: halt, volatility pause, quotes alone; resumption.
"""


class Alpaca(Polled):
    """Quotes of shares (IEX or SIP), options (indicative or OPRA) and coins."""

    class Settings(Polled.Settings):
        """Terms and addresses."""

        stock_feed: Literal["iex", "sip"] = "iex"
        """``sip`` is the whole market and needs Alpaca's paid plan."""
        option_feed: Literal["indicative", "opra"] = "indicative"
        """``indicative`` is derived from the market, good for no order; ``opra`` is paid for."""
        quotes_url: Address = ""
        stream_url: Address = ""
        """Of all three streams, without their paths."""
        reads_per_min: int = Field(default=150, gt=0)
        """A tenth of it is for news."""

    secrets: ClassVar[tuple[str, ...]] = ("key", "secret")
    kinds: ClassVar[frozenset[Kind]] = frozenset({"stock", "option", "crypto"})
    most_failed_polls: ClassVar[int] = 3
    has_news: ClassVar[bool] = True

    def __init__(self, settings: "Alpaca.Settings", setup: FeedSetup) -> None:
        super().__init__(settings, setup)
        self._terms = settings
        self._keys = (
            setup.secrets["key"].get_secret_value(),
            setup.secrets["secret"].get_secret_value(),
        )
        for_news = max(settings.reads_per_min // 10, 1)
        for_quotes = max(settings.reads_per_min - for_news, 1)
        lanes = Lanes(setup.clock, {"read": (for_quotes, 60)})
        self._rest = Rest(setup.name, setup.clock, lanes, self.usage)
        self._newsroom = Newsroom(setup.name, setup.clock, self.usage, for_news)
        self._halts: dict[str, bool] = {}
        """Halted shares; False once the stream was lost since."""
        self._odd: dict[str, float] = {}
        """Symbol that Alpaca does not take -> monotonic time at which it said so."""
        self._in_vain: dict[str, float] = {}
        """Kind of which nothing was taken -> the same."""
        self._lines: dict[str, Line] = {}
        self._poller: asyncio.Task[None] | None = None
        self._first: set[asyncio.Task[bool]] = set()

    # -- life -----------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Log in and begin to deliver what is watched.

        Raises:
            BrokerAuthError: the keys do not reach market data. BrokerUnavailable.
        """
        await self._stop()
        self._queue, self._n_failed = asyncio.Queue(), 0
        url = (self._terms.quotes_url or _REST).removesuffix("/v2")  # as of the broker's
        await self._rest.open(*self._keys, url)
        await self._newsroom.open(*self._keys, url)
        answer = await self._ask("stock", ["SPY"])
        if not answer.is_ok:
            raise BrokerAuthError(f"{self.name}: no market data for these keys or this plan")
        base = self._terms.stream_url or _STREAM
        paths = {
            "stock": f"/v2/{self._terms.stock_feed}",
            "option": f"/v1beta1/{self._terms.option_feed}",
            "crypto": "/v1beta3/crypto/us",
        }
        self._lines = {
            kind: Line(
                f"{self.name} {kind}",
                self.clock,
                self._keys,
                base + path,
                ("quotes", "statuses") if kind == "stock" else ("quotes",),
                partial(self._streamed, kind),
                self._doubt_halts if kind == "stock" else lambda: None,
            )
            for kind, path in paths.items()
        }
        watched, self._watched = self._watched, {}
        await self.watch(watched.values())
        self._poller = asyncio.create_task(self._poll(), name=f"poll {self.name}")

    async def _stop(self) -> None:
        tasks = [t for t in (self._poller, *self._first) if t is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await asyncio.gather(*(line.close() for line in self._lines.values()))
        self._poller, self._lines = None, {}
        await self._rest.close()
        await self._newsroom.close()

    # -- contract -------------------------------------------------------------------------------

    async def watch(self, instruments: Iterable[Instrument]) -> None:
        """Stream these from now on; their first quotes are asked for at once."""
        new = self._watch_new(instruments)
        if not new or not self._lines:
            return
        for kind, line in self._lines.items():
            symbols = [symbol_of(i) for i in new if i.kind == kind]
            if symbols:
                line.add(symbols)
        task = asyncio.create_task(self._refresh(new), name=f"first quotes {self.name}")
        self._first.add(task)
        task.add_done_callback(self._first.discard)

    async def bars(
        self, instrument: Instrument, timeframe: Timeframe, n: int, until: datetime | None = None
    ) -> Candles:
        """Trades of the chosen feed; shares are adjusted for splits, longer hours included.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError; OrderRejected: with their reason.
        """
        now = self.clock.now()
        if instrument.kind not in self.kinds:
            why = f"{self.name} has no {instrument.kind}s"
            return no_candles(instrument, timeframe, self.name, now, why)
        end = now if until is None else until - timedelta(seconds=1)
        path, version = _BARS[instrument.kind]
        asked = {
            "symbols": symbol_of(instrument),
            "timeframe": TIMEFRAMES[timeframe],
            "start": stamp(reaching_back(end, timeframe, n)),
            "end": stamp(end),
            "limit": str(n),
            "sort": "desc",
        }
        if instrument.kind == "stock":
            asked |= {"feed": self._terms.stock_feed, "adjustment": "split"}
        found: list[Candle] = []
        for _ in range(_PAGES):
            answer = await self._rest.read(path, asked, version=version)
            if not answer.is_ok:
                raise answer.refusal()
            body = answer.body if isinstance(answer.body, dict) else {}
            for row in (body.get("bars") or {}).get(asked["symbols"]) or ():
                with suppress(*_UNREADABLE):
                    found.append(candle_of(row, timeframe))
            if not body.get("next_page_token") or len(found) >= n:
                break
            asked["page_token"] = str(body["next_page_token"])
        return told(found, instrument, timeframe, n, until, self.name, now)

    async def news(self, symbols: Sequence[str], since: datetime, limit: int) -> News:
        """Headlines of shares and coins, by the time of their last change."""
        return await self._newsroom.news(symbols, since, limit)

    @property
    def silent(self) -> dict[str, str]:
        """Streams that are down just now, and why."""
        used = {instrument.kind for instrument in self._watched.values()}
        return {k: line.why for k, line in self._lines.items() if k in used and not line.is_up}

    def _unstreamed(self) -> list[str]:
        return [f"no stream of {kind}s ({why})" for kind, why in self.silent.items()]

    @property
    def limit(self) -> str:
        """What a stream has refused since it began."""
        refused = {kind: line.refused for kind, line in self._lines.items() if line.refused}
        said = [f"not all of the {kind}s is streamed ({why})" for kind, why in refused.items()]
        return "; ".join([*said, f"asked for every {self._poll_s:g} s instead"]) if said else ""

    # -- streamed -------------------------------------------------------------------------------

    def _streamed(self, line: str, messages: Any) -> None:
        for message in messages if isinstance(messages, list) else [messages]:
            try:
                kind = message.get("T")
                if kind == "q":
                    self._quoted(message)
                elif kind == "s":
                    self._halted_or_not(message)
                elif kind == "error":
                    self._refused_by(self._lines[line], message)
            except _UNREADABLE as error:
                log.info("%s: a message that cannot be read: %s", self.name, type(error).__name__)

    def _refused_by(self, line: Line, message: Any) -> None:
        """Said in our own words: Alpaca's could hold anything."""
        code = int(message["code"])
        line.refused = f"{code} {_REFUSALS.get(code, '')}".strip()
        log.warning("%s: the stream says %s", self.name, line.refused)

    def _quoted(self, message: Any) -> None:
        instrument = self._watched.get(named(message["S"]).key)
        if instrument is not None:
            if self._halts.get(instrument.key) is False:
                del self._halts[instrument.key]  # it trades again, and nobody heard of it
            self._take(self._read(message, instrument))

    def _halted_or_not(self, message: Any) -> None:
        """M-10: the last quote is told again, as one of a market that stands still."""
        key, code = named(message["S"]).key, str(message["sc"])
        if key not in self._watched or code not in _HALTS | _RESUMES:
            return
        if code in _HALTS:
            self._halts[key] = True
        else:
            self._halts.pop(key, None)
        last = self._last.get(key)
        if last is not None:
            now = self.clock.now()
            self._take(replace(last, is_halted=key in self._halts, received_at=now))

    def _doubt_halts(self) -> None:
        """A resumption may have been missed: the next quote of the stream says so."""
        self._halts = dict.fromkeys(self._halts, False)

    def _read(self, body: Any, instrument: Instrument) -> Quote:
        quote = quote_of(body, instrument, self.name, self.clock.now())
        return replace(quote, is_halted=True) if instrument.key in self._halts else quote

    # -- asked for ------------------------------------------------------------------------------

    async def _poll(self) -> None:
        """A quote that still stands is confirmed; one that the stream lost is found."""
        while self._n_failed < self.most_failed_polls:
            await self.clock.sleep(self._poll_s)
            for instrument in self._forget_expired():
                self._lines[instrument.kind].forget(symbol_of(instrument))
            if not await self._refresh(self._silent()) and self.silent:
                self._n_failed += 1
            else:
                self._n_failed = 0
        self._queue.put_nowait(None)

    async def _refresh(self, instruments: list[Instrument]) -> bool:
        """Ask and pass on; False when nothing was answered."""
        try:
            for quote in await self._asked(instruments):
                self._take(quote)
        except Exception as error:  # noqa: BLE001 - no answer may end the asking
            self._not_answered(error)
            return False
        self._unanswered = ""
        return True

    async def _asked(self, instruments: Iterable[Instrument]) -> list[Quote]:
        """Newest quotes of those that have one; one request per kind and hundred."""
        found: list[Quote] = []
        wanted, refused = list(instruments), dict[str, NotOffered]()
        kinds = dict.fromkeys(i.kind for i in wanted)
        for kind in kinds:
            own = {symbol_of(i): i for i in wanted if i.kind == kind}
            names = [name for name in own if len(wanted) == 1 or not self._is_odd(name)]
            try:
                for n in range(0, len(names), _BATCH):
                    for symbol, body in await self._answered(kind, names[n : n + _BATCH]):
                        with suppress(*_UNREADABLE):
                            found.append(self._read(body, own[symbol]))
            except NotOffered as error:  # what else is wanted is asked as ever
                log.info("%s", error)
                refused[kind] = error
        if refused and len(refused) == len(kinds):
            raise next(iter(refused.values()))
        return found

    async def _answered(self, kind: str, symbols: list[str]) -> list[tuple[str, Any]]:
        """Bodies by symbol. One that Alpaca does not take refuses all that are asked with it.

        It is looked for by halves. Where no half is answered, it is about none of them, and none
        is left out.

        Raises:
            NotOffered: this kind is refused. BrokerUnavailable, RateLimited, BrokerAuthError.
        """
        found: list[tuple[str, Any]] = []
        odd: list[str] = []
        parts, is_any = [symbols] if symbols else [], False
        while parts:
            refused = []
            for part in parts:
                answer = await self._ask(kind, part)
                if answer.is_ok:
                    is_any = True
                    quotes = answer.body.get("quotes") if isinstance(answer.body, dict) else None
                    found += quotes.items() if isinstance(quotes, dict) else ()
                elif answer.status in _ABOUT_SYMBOLS and not self._is_in_vain(kind):
                    refused.append(part)
                else:
                    raise self._refusal(kind, answer)
            odd += [part[0] for part in refused if len(part) == 1]
            is_vain = len(refused) >= _MOST_REFUSED or len(odd) == len(symbols)
            if refused and is_vain and not is_any:
                if len(symbols) > 1:
                    self._in_vain[kind] = self.clock.monotonic()
                raise self._refusal(kind, answer)
            halves = [(part, len(part) // 2) for part in refused if len(part) > 1]
            parts = [half for part, n in halves for half in (part[:n], part[n:])]
        for symbol in odd:
            self._odd[symbol] = self.clock.monotonic()
            log.info("%s: %s is refused by itself", self.name, symbol)
        return found

    def _refusal(self, kind: str, answer: Answer) -> NotOffered:
        return NotOffered(f"{self.name} refuses quotes of {kind}s ({answer.status})")

    def _is_in_vain(self, kind: str) -> bool:
        """Whether a symbol was looked for lately though the question was about none."""
        at = self._in_vain.get(kind)
        return at is not None and self.clock.monotonic() - at < _IN_VAIN_S

    def _is_odd(self, symbol: str) -> bool:
        refused_at = self._odd.get(symbol)
        return refused_at is not None and self.clock.monotonic() - refused_at < _ODD_S

    async def _ask(self, kind: str, symbols: list[str]) -> Answer:
        asked = {"symbols": ",".join(symbols)}
        if kind == "stock":
            asked["feed"] = self._terms.stock_feed
            return await self._rest.read("/stocks/quotes/latest", asked)
        if kind == "option":
            asked["feed"] = self._terms.option_feed
            return await self._rest.read("/options/quotes/latest", asked, version="v1beta1")
        return await self._rest.read("/crypto/us/latest/quotes", asked, version="v1beta3")
