"""Alpaca's quotes over real sockets: streamed first, asked for where the stream is silent."""

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from engine.clock import ManualClock
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, OrderRejected
from engine.domain.instrument import crypto, future, option, stock
from engine.domain.quote import Quote
from engine.feeds import FeedSetup
from engine.feeds.alpaca import Alpaca
from engine.feeds.alpaca.reading import candle_of, quote_of
from tests.conformance.venue_bench import MemoryTokens
from tests.venues.alpaca_data import KEY, SECRET, AlpacaData

D = Decimal
START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
SPY, QQQ, BTC = stock("SPY"), stock("QQQ"), crypto("BTC")
CALL = option("SPY", date(2026, 11, 20), D(600), "C")


class World:
    """A feed, its provider, and everything that was delivered."""

    def __init__(self, secret: str = SECRET, key: str = KEY, path: str = "", **terms: Any) -> None:
        self.clock = ManualClock(START)
        self.data = AlpacaData(self.clock)
        self.got: list[Quote] = []
        self.ended: BaseException | None = None
        self._secrets, self._terms = {"key": key, "secret": secret}, terms
        self._path = path
        self._news = asyncio.Event()
        self._reader: asyncio.Task[None] | None = None
        self.feed: Alpaca = None  # type: ignore[assignment]

    async def open(self) -> "World":
        await self.data.start()
        settings = Alpaca.Settings(
            quotes_url=self.data.url + self._path, stream_url=self.data.ws_url, **self._terms
        )
        secrets = {name: SecretStr(text) for name, text in self._secrets.items()}
        setup = FeedSetup(name="alpaca", clock=self.clock, secrets=secrets, tokens=MemoryTokens())
        self.feed = Alpaca(settings, setup)
        await self.feed.connect()
        self._reader = asyncio.create_task(self._read())
        return self

    async def _read(self) -> None:
        try:
            async for quote in self.feed.stream():
                self.got.append(quote)
                self._news.set()
        except BrokerUnavailable as error:
            self.ended = error
        self._news.set()

    async def close(self) -> None:
        if self.feed is not None:
            await self.feed.close()
        if self._reader is not None:
            await asyncio.wait_for(self._reader, 20)
        await self.data.stop()

    async def until(self, is_so: Callable[[], bool], *, eager: bool = False) -> None:
        """Wait for a condition; ``eager`` lets the clock run meanwhile."""
        loop = asyncio.get_running_loop()
        end = loop.time() + 20
        while not is_so():
            assert loop.time() < end, "it did not come about"
            if eager:
                self.clock.advance(0.5)
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), 0.02)

    async def heard(self, *symbols: str) -> None:
        await self.until(
            lambda: set(symbols) <= {s for known in self.data.subscribed.values() for s in known}
        )

    def last(self, key: str) -> Quote:
        return [quote for quote in self.got if quote.instrument.key == key][-1]

    def has(self, key: str, bid: str) -> bool:
        return any(q.instrument.key == key and q.bid == D(bid) for q in self.got)


@asynccontextmanager
async def opened(**terms: Any) -> AsyncIterator[World]:
    world = World(**terms)
    try:
        yield await world.open()
    finally:
        await world.close()


async def test_the_first_quote_is_asked_for_and_the_next_is_streamed() -> None:
    async with opened() as world:
        world.data.put("SPY", 600.01, 600.02)
        await world.feed.watch([SPY])
        await world.until(lambda: world.has("SPY", "600.01"))
        await world.heard("SPY")
        world.clock.advance(1)
        await world.data.tell("SPY", 600.03, 600.04)
        await world.until(lambda: world.has("SPY", "600.03"))
        quote = world.last("SPY")
        assert (quote.ask, quote.source) == (D("600.04"), "alpaca")
        assert quote.exchange_at == quote.received_at == START + timedelta(seconds=1)
        assert not quote.is_synthetic


async def test_each_kind_comes_from_the_feed_that_was_chosen() -> None:
    async with opened(stock_feed="sip", option_feed="opra") as world:
        for symbol in ("SPY", "SPY261120C00600000", "BTC/USD"):
            world.data.put(symbol, 1.1, 1.3)
        await world.feed.watch([SPY, CALL, BTC])
        await world.until(lambda: len({q.instrument.key for q in world.got}) == 3)
        assert {q.source for q in world.got} == {"alpaca"}
        await world.heard("SPY", "SPY261120C00600000", "BTC/USD")
        assert set(world.data.subscribed) == {"/v2/sip", "/v1beta1/opra", "/v1beta3/crypto/us"}
        feeds = {query.get("feed") for _, query in world.data.asked}
        assert feeds == {"sip", "opra", None}
        assert world.last(CALL.key).bid_size == 3
        assert world.last("SPY").bid_size is None


async def test_more_can_be_watched_while_it_streams() -> None:
    async with opened() as world:
        await world.feed.watch([SPY])
        await world.heard("SPY")
        await world.feed.watch([QQQ, SPY])
        await world.heard("SPY", "QQQ")
        await world.data.tell("QQQ", 500.0, 500.1)
        await world.until(lambda: world.has("QQQ", "500.0"))
        assert world.last("QQQ").ask == D("500.1")


async def test_a_lost_stream_is_stood_in_for_by_questions_and_comes_back() -> None:
    async with opened() as world:
        await world.feed.watch([SPY, QQQ])
        await world.heard("SPY", "QQQ")
        world.data.is_deaf = True
        await world.data.drop()
        world.data.put("SPY", 601.0, 601.1)
        await world.until(lambda: world.has("SPY", "601.0"), eager=True)
        assert world.feed.silent.keys() == {"stock"}
        world.data.is_deaf = False
        await world.until(lambda: world.data.subscribed != {}, eager=True)
        await world.heard("SPY", "QQQ")
        await world.data.tell("QQQ", 502.0, 502.1)
        await world.until(lambda: world.has("QQQ", "502.0"))


async def test_what_the_stream_does_not_take_is_asked_for() -> None:
    async with opened() as world:
        world.data.most_symbols = 1
        await world.feed.watch([SPY])
        await world.heard("SPY")
        await world.feed.watch([QQQ])
        world.data.put("QQQ", 500.0, 500.1)
        await world.until(lambda: world.has("QQQ", "500.0"), eager=True)
        await world.data.tell("SPY", 600.0, 600.1)
        await world.until(lambda: world.has("SPY", "600.0"))
        assert {s for known in world.data.subscribed.values() for s in known} == {"SPY"}


async def test_of_more_than_the_plan_has_the_first_thirty_are_streamed_after_a_gap() -> None:
    """A message with one symbol too many is refused whole: nothing at all was streamed then."""
    async with opened() as world:
        names = [f"T{a}{b}" for a in "ABCDE" for b in "ABCDEFG"]
        await world.feed.watch([stock(name) for name in names])
        await world.heard(*names[:30])
        await world.data.drop()
        subscribed = world.data.subscribed
        await world.until(lambda: subscribed.get("/v2/iex") == set(names[:30]), eager=True)
        await world.until(lambda: "405 symbol limit exceeded" in world.feed.limit)
        assert KEY not in world.feed.limit, "what Alpaca says may hold anything"
        assert not world.feed.trouble


async def test_a_symbol_that_is_refused_keeps_no_other_from_being_asked_for() -> None:
    async with opened() as world:
        world.data.is_deaf, world.data.odd = True, {"ODD"}
        for name in ("SPY", "QQQ"):
            world.data.put(name, 600.0, 600.1)
        await world.feed.watch([SPY, stock("ODD"), QQQ])
        await world.until(lambda: {q.instrument for q in world.got} == {SPY, QQQ}, eager=True)
        for _ in range(2):  # the poll may be asking beside the first question
            n_asked, n_heard = len(world.data.asked), len(world.got)
            await world.until(lambda n=n_heard: len(world.got) >= n + 6, eager=True)
        assert all("ODD" not in asked["symbols"] for _, asked in world.data.asked[n_asked:])


@pytest.mark.parametrize("n", [1, 2, 3, 40])
async def test_a_question_that_is_refused_whatever_it_asks_blinds_nobody_for_longer(n: int) -> None:
    """Each symbol by itself was held to be the culprit, and left out for ten minutes."""
    async with opened() as world:
        world.data.is_deaf = True
        world.data.refuses = {"/v2/stocks/quotes/latest": 400}
        watched = [stock(f"S{chr(65 + i // 26)}{chr(65 + i % 26)}") for i in range(n)]
        for one in watched:
            world.data.put(one.symbol, 600.0, 600.1)
        await world.feed.watch([*watched, BTC])
        world.data.put("BTC/USD", 90000.0, 90010.0)
        await world.until(
            lambda: len([q for q in world.got if q.instrument == BTC]) > 3, eager=True
        )
        n_asked = len([path for path, _ in world.data.asked if path.startswith("/v2")])
        world.data.refuses.clear()
        at = world.clock.monotonic()
        await world.until(lambda: {q.instrument for q in world.got} >= set(watched), eager=True)
        assert world.clock.monotonic() - at < 10
        assert n_asked < 40, "and its own allowance was not used up by looking for one"


async def test_an_option_that_is_long_over_is_neither_asked_for_nor_subscribed_to_again() -> None:
    """Else they use up the allowance within weeks."""
    async with opened() as world:
        world.data.put("SPY261120C00600000", 1.1, 1.3)
        await world.feed.watch([CALL, SPY])
        await world.heard("SPY", "SPY261120C00600000")
        world.clock.jump(START + timedelta(days=4))
        n_asked = len(world.data.asked)
        await world.until(lambda: len(world.data.asked) >= n_asked + 4, eager=True)
        assert any("C006" in q["symbols"] for _, q in world.data.asked[n_asked:]), "perhaps not yet"
        world.clock.jump(START + timedelta(days=6))
        await world.until(lambda: CALL.key not in world.feed._watched, eager=True)
        n_asked = len(world.data.asked)
        await world.data.drop()
        await world.until(lambda: len(world.data.asked) >= n_asked + 4, eager=True)
        await world.until(lambda: world.data.subscribed.get("/v2/iex") == {"SPY"}, eager=True)
        assert not any("C006" in q["symbols"] for _, q in world.data.asked[n_asked:])
        assert not world.data.subscribed.get("/v1beta1/indicative")


async def test_a_kind_that_the_plan_lacks_keeps_no_other_and_a_plan_without_any_is_lost() -> None:
    world = World()
    try:
        await world.open()
        world.data.is_deaf = True
        world.data.refuses = {"/v1beta1/options/quotes/latest": 403}
        world.data.put("SPY", 600.0, 600.1)
        await world.feed.watch([CALL, SPY])
        await world.until(lambda: world.has("SPY", "600.0"), eager=True)
        world.data.refuses["/v2/stocks/quotes/latest"] = 403
        await world.until(lambda: world.ended is not None, eager=True)
        assert isinstance(world.ended, BrokerUnavailable)
        assert "refuses quotes of " in world.feed.trouble
        assert KEY not in world.feed.trouble
    finally:
        await world.close()


async def test_a_stream_that_does_not_take_the_keys_leaves_the_questions() -> None:
    async with opened() as world:
        world.data.takes_stream_keys = False
        await world.feed.watch([SPY])
        world.data.put("SPY", 600.0, 600.1)
        await world.until(lambda: world.has("SPY", "600.0"), eager=True)
        await world.until(lambda: world.feed.silent == {"stock": "AuthFailed"})
        assert world.feed.trouble == "no stream of stocks (AuthFailed); asked for every 3 s instead"
        world.data.is_mute = True
        await world.until(lambda: "no answer to questions" in world.feed.trouble, eager=True)
        assert not any(world.data.subscribed.values())


async def test_a_feed_whose_stream_tells_all_is_in_no_trouble_by_a_question_of_before() -> None:
    """While nothing had to be asked for, people were told that nothing was answered."""
    async with opened() as world:
        world.data.put("SPY", 600.0, 600.1)
        await world.feed.watch([SPY])
        await world.heard("SPY")
        await world.until(lambda: not world.feed.silent)
        world.feed._not_answered(BrokerUnavailable("no route"))
        assert "no route" in world.feed.trouble
        world.feed._silent = list  # type: ignore[method-assign]
        await world.until(lambda: not world.feed.trouble, eager=True)
        assert world.feed.trouble == ""


async def test_a_quote_that_still_stands_is_confirmed() -> None:
    async with opened() as world:
        world.data.put("SPY", 600.0, 600.1)
        await world.feed.watch([SPY])
        await world.until(lambda: len(world.got) == 1)
        await world.until(lambda: len(world.got) >= 2, eager=True)
        first, second = world.got[0], world.got[-1]
        assert second.exchange_at == first.exchange_at
        assert second.received_at > first.received_at


async def test_what_falls_silent_between_two_questions_is_asked_for_in_the_next() -> None:
    """A whole pause later its last price is too old to act on, and nobody knows one."""
    async with opened() as world:
        await world.feed.watch([SPY])
        await world.heard("SPY")
        world.data.put("SPY", 600.0, 600.1)
        n_heard = len(world.got)
        await world.until(lambda: len(world.got) > n_heard, eager=True)  # a question was answered
        world.clock.advance(0.5)
        await world.data.tell("SPY", 601.0, 601.1)
        await world.until(lambda: world.has("SPY", "601.0"))
        world.data.put("SPY", 602.0, 602.1, world.clock.now())
        heard_at = world.clock.monotonic()
        await world.until(lambda: world.has("SPY", "602.0"), eager=True)
        assert world.clock.monotonic() - heard_at <= 3.5


@pytest.mark.parametrize(
    ("bid", "is_halted", "is_told"),
    [(1.0, False, False), (605.0, False, True), (1.0, True, True)],
    ids=["another price", "the same price", "in a halt"],
)
async def test_an_older_answer_never_follows_a_newer_quote(
    bid: float, is_halted: bool, is_told: bool
) -> None:
    """It says that what is known stands where it names the same price or a halt, else nothing."""
    async with opened() as world:
        await world.feed.watch([SPY])
        await world.heard("SPY")
        world.clock.advance(1)
        await world.data.tell("SPY", 605.0, 605.1)
        await world.until(lambda: world.has("SPY", "605.0"))
        world.data.put("SPY", bid, bid + 0.1, START - timedelta(hours=1))
        if is_halted:
            world.feed._halts[SPY.key] = True
        n_asked, n_told = len(world.data.asked), len(world.got)
        await world.until(lambda: len(world.data.asked) > n_asked + 1, eager=True)
        assert (len(world.got) > n_told) == is_told
        last = world.last("SPY")
        assert (last.bid, last.is_halted) == (D("605.0"), is_halted)


async def test_what_is_streamed_just_now_is_not_asked_for() -> None:
    """Else each question would use up the allowance for all that is watched."""
    async with opened() as world:
        await world.feed.watch([SPY, stock("MSFT")])
        await world.heard("SPY", "MSFT")
        await world.until(lambda: any("MSFT" in q["symbols"] for _, q in world.data.asked))
        await world.data.tell("SPY", 600.0, 600.1)
        await world.until(lambda: world.has("SPY", "600.0"))
        n_asked = len(world.data.asked)
        await world.feed.watch([SPY, future("MES", date(2026, 12, 1))])
        for n in range(1, 13):
            world.clock.advance(0.5)
            await world.data.tell("SPY", 600.0 + n, 600.1 + n)
            await world.until(lambda n=n: world.has("SPY", f"{600.0 + n}"))  # type: ignore[misc]
        await world.until(lambda: len(world.data.asked) > n_asked)
        asked = {q["symbols"] for _, q in world.data.asked[n_asked:]}
        assert asked == {"MSFT"}
        assert set(world.feed._watched) == {"SPY", "MSFT"}, "it has no futures"


@pytest.mark.parametrize(
    "message",
    [
        {"T": "q", "S": "SPY", "bp": float("nan"), "ap": 1.0, "bs": 1, "as": 1, "t": START},
        {"T": "q", "S": "SPY", "ap": 1.0, "t": START},
        {"T": "q", "S": "SPY", "bp": True, "ap": 1.0, "t": START},
        {"T": "q", "S": "", "bp": 1.0, "ap": 1.0, "t": START},
        {"T": "q", "S": "MSFT", "bp": 1.0, "ap": 1.0, "t": START},
        {"T": "beamed_up", "S": "SPY"},
        {"T": "error", "code": 500, "msg": "internal error"},
        "text",
        7,
    ],
)
async def test_a_message_that_is_no_quote_is_passed_over(message: Any) -> None:
    async with opened() as world:
        await world.feed.watch([SPY])
        await world.heard("SPY")
        await world.data.say(message)
        await world.data.tell("SPY", 600.5, 600.6)
        await world.until(lambda: world.has("SPY", "600.5"))
        assert [q.bid for q in world.got] == [D("600.5")]


@pytest.mark.parametrize("frame", [b"", b"\xc1\xff\x00", b"\x91\x82\xa1T\xa1q", "[]"])
async def test_a_frame_that_cannot_be_read_costs_nobody_the_line(frame: bytes | str) -> None:
    async with opened() as world:
        await world.feed.watch([SPY])
        await world.heard("SPY")
        (socket,) = world.data._sockets
        await (socket.send_str if isinstance(frame, str) else socket.send_bytes)(frame)  # type: ignore[operator]
        await world.data.tell("SPY", 600.5, 600.6)
        await world.until(lambda: world.has("SPY", "600.5"))
        assert set(world.data._sockets) == {socket}


async def test_a_line_of_which_nothing_can_be_read_is_lost_and_told() -> None:
    async with opened() as world:
        await world.feed.watch([SPY])
        await world.heard("SPY")
        (socket,) = world.data._sockets
        for _ in range(20):
            await socket.send_bytes(b"\xc1")
        await world.until(lambda: "stock" in world.feed.silent)
        assert socket.closed, "and its line was hung up"


def status(code: str) -> dict[str, Any]:
    return {"T": "s", "S": "SPY", "sc": code, "sm": "", "rc": "", "rm": "", "t": START, "z": "B"}


async def test_a_halt_is_told_with_the_last_quote_and_so_is_its_end() -> None:
    """M-10."""
    async with opened() as world:
        await world.feed.watch([SPY])
        await world.heard("SPY")
        assert world.data.statuses == {"SPY"}
        await world.data.tell("SPY", 600.0, 600.1)
        await world.until(lambda: world.has("SPY", "600.0"))
        for code, is_halted in (("H", True), ("6", True), ("T", False), ("2", True), ("3", False)):
            n = len(world.got)
            await world.data.say(status(code), "SPY")
            if code != "6":  # says nothing about halts
                await world.until(lambda n=n: len(world.got) > n)  # type: ignore[misc]
            assert world.got[-1].is_halted is is_halted


async def test_quotes_alone_after_a_halt_are_no_resumption() -> None:
    """M-10: Nasdaq shows quotes for minutes before trading begins again."""
    async with opened() as world:
        await world.feed.watch([SPY])
        await world.heard("SPY")
        await world.data.tell("SPY", 600.0, 600.1)
        await world.until(lambda: world.has("SPY", "600.0"))
        await world.data.say(status("Q"), "SPY")
        await world.until(lambda: world.got[-1].is_halted)
        await world.data.tell("SPY", 601.0, 601.1)
        await world.until(lambda: world.has("SPY", "601.0"))
        assert world.got[-1].is_halted


async def test_a_halt_outlives_a_lost_stream_until_the_stream_quotes_again() -> None:
    async with opened() as world:
        world.data.put("SPY", 600.0, 600.1)
        await world.feed.watch([SPY])
        await world.heard("SPY")
        await world.until(lambda: len(world.got) == 1)
        await world.data.say(status("P"), "SPY")
        await world.until(lambda: world.got[-1].is_halted)
        await world.data.drop()
        n = len(world.got)
        await world.until(lambda: len(world.got) > n, eager=True)
        assert world.got[-1].is_halted, "an answer is no resumption"
        await world.heard("SPY")
        await world.until(lambda: world.feed.silent == {}, eager=True)
        await world.data.tell("SPY", 601.0, 601.1)
        await world.until(lambda: world.has("SPY", "601.0"))
        assert not world.got[-1].is_halted


async def test_a_question_is_answered_from_the_last_moments_or_asked_anew() -> None:
    async with opened() as world:
        assert await world.feed.quote(SPY) is None
        assert await world.feed.quote(future("MES", date(2026, 12, 1))) is None
        world.data.put("SPY", 600.0, 600.1)
        fresh = await world.feed.quote(SPY)
        assert fresh is not None
        assert fresh.bid == 600
        await world.feed.watch([SPY])
        await world.until(lambda: len(world.got) == 1)
        n_asked = len(world.data.asked)
        assert await world.feed.quote(SPY) == world.got[-1]
        assert len(world.data.asked) == n_asked
        world.data.put("SPY", 601.0, 601.1, START + timedelta(seconds=4))
        world.clock.advance(4)
        newer = await world.feed.quote(SPY)
        assert newer is not None
        assert newer.bid == 601


async def test_wrong_keys_are_told_at_once() -> None:
    world = World(key="PKSOMEBODYELSE")
    try:
        with pytest.raises(BrokerAuthError):
            await world.open()
    finally:
        await world.close()


async def test_an_address_with_its_version_is_that_address() -> None:
    """The broker takes both; of the feed nothing was found there, so no entry passed."""
    world = World(path="/v2")
    try:
        await world.open()
        world.data.put("SPY", 601.0, 601.1, START)
        assert await world.feed.quote(SPY) is not None
    finally:
        await world.close()


async def test_a_source_that_is_wholly_lost_ends_its_stream_and_may_be_connected_again() -> None:
    world = World()
    try:
        await world.open()
        await world.feed.watch([SPY])
        await world.heard("SPY")
        world.data.is_deaf = world.data.is_mute = True
        await world.data.drop()
        await world.until(lambda: world.ended is not None, eager=True)
        assert isinstance(world.ended, BrokerUnavailable)
        world.data.is_deaf = world.data.is_mute = False
        world.clock.advance(120)
        world.data.put("SPY", 610.0, 610.1)
        await world.feed.connect()
        reader = asyncio.create_task(world._read())
        await world.until(lambda: world.has("SPY", "610.0"))
        await world.feed.close()
        await asyncio.wait_for(reader, 20)
    finally:
        await world.close()


async def test_keys_are_never_written_down(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with opened() as world:
        await world.feed.watch([SPY])
        await world.heard("SPY")
        await world.data.tell("SPY", 600.0, 600.1)
        await world.until(lambda: world.has("SPY", "600.0"))
    assert KEY not in caplog.text
    assert SECRET not in caplog.text


SPEC = Path(__file__).parents[3].parent / "shared/data/specs/alpaca/market-data-api.json"
EXAMPLES = Path(__file__).parents[3].parent / "shared/data/fixtures/alpaca"


def bar(at: str, close: float, **more: Any) -> dict[str, Any]:
    shape = {"o": 1.0, "h": 700.0, "l": 0.5, "c": close, "v": 120, "n": 3, "vw": 1.1}
    return {"t": at, **shape, **more}


async def test_the_past_comes_newest_first_in_pages_and_is_told_oldest_first() -> None:
    async with opened() as world:
        days = range(1, 18)
        world.data.bars["SPY"] = [bar(f"2026-11-{d:02d}T05:00:00Z", 600.0 + d) for d in days]
        world.data.page = 4
        told = await world.feed.bars(SPY, "1d", 10)
        assert [c.on.day for c in told.candles] == list(range(8, 18))
        assert told.closes[-1] == D("617.0")
        assert (told.source, told.as_of, told.is_synthetic) == ("alpaca", START, False)
        assert told.candles[-1].volume == 120
        pages = [query for path, query in world.data.asked if path == "/v2/stocks/bars"]
        assert [query.get("page_token") for query in pages] == [None, "4", "8"]
        assert pages[0]["feed"] == "iex"
        assert (pages[0]["adjustment"], pages[0]["sort"]) == ("split", "desc")
        until = datetime(2026, 11, 10, 5, tzinfo=UTC)
        earlier = await world.feed.bars(SPY, "1d", 3, until)
        assert [c.on.day for c in earlier.candles] == [7, 8, 9]


async def test_options_and_coins_have_a_past_of_their_own_and_futures_none() -> None:
    async with opened() as world:
        for symbol in ("SPY261120C00600000", "BTC/USD"):
            world.data.bars[symbol] = [bar("2026-11-18T14:30:00Z", 2.5)]
        for instrument in (CALL, BTC):
            told = await world.feed.bars(instrument, "5m", 100)
            assert [(c.at, c.close) for c in told.candles] == [
                (datetime(2026, 11, 18, 14, 30, tzinfo=UTC), D("2.5"))
            ]
        assert (await world.feed.bars(future("ES", START.date()), "5m", 9)).missing


async def test_a_past_that_is_refused_or_unreadable_is_none_and_says_why() -> None:
    async with opened() as world:
        world.data.bars["SPY"] = [
            bar("2026-11-17T05:00:00Z", 5),
            bar("2026-11-16T05:00:00Z", 900.0),  # above its own high
            bar("someday", 5),
            {"t": "2026-11-15T05:00:00Z"},
        ]
        assert [c.on.day for c in (await world.feed.bars(SPY, "1d", 9)).candles] == [17]
        assert "no candles of QQQ" in (await world.feed.bars(QQQ, "1d", 9)).missing
        world.data.refuses_bars = 403
        with pytest.raises((BrokerAuthError, OrderRejected)):
            await world.feed.bars(SPY, "1d", 9)


@pytest.mark.skipif(not SPEC.exists(), reason="the published interface is not on this machine")
async def test_what_is_asked_is_published() -> None:
    spec = json.loads(SPEC.read_text())
    shared = spec["components"]["parameters"]
    async with opened() as world:
        await world.feed.watch([SPY, CALL, BTC])
        await world.until(lambda: len(world.data.asked) >= 4)
        for instrument in (SPY, CALL, BTC):
            await world.feed.bars(instrument, "15m", 10)
        for path, query in world.data.asked:
            described = spec["paths"][path.replace("/us/", "/{loc}/")]["get"]["parameters"]
            names = {shared[p["$ref"].rpartition("/")[2]]["name"] for p in described}
            assert set(query) <= names


@pytest.mark.skipif(not EXAMPLES.exists(), reason="the sample bodies are not on this machine")
def test_every_published_quote_is_read() -> None:
    n = 0
    for sample in json.loads((EXAMPLES / "spec_market_data_examples.json").read_text()):
        if not sample["path"].endswith(("quotes/latest", "latest/quotes")):
            continue
        quotes = sample["json"].get("quotes") or {}
        for body in quotes.values():
            assert quote_of(body, SPY, "alpaca", START).is_sane
            n += 1
    assert n >= 6


@pytest.mark.skipif(not EXAMPLES.exists(), reason="the sample bodies are not on this machine")
def test_every_published_bar_is_read() -> None:
    n = 0
    for sample in json.loads((EXAMPLES / "spec_market_data_examples.json").read_text()):
        bars = sample["json"].get("bars") if sample["path"].endswith("/bars") else None
        for rows in bars.values() if isinstance(bars, dict) else ():
            for row in rows if isinstance(rows, list) else ():
                assert candle_of(row, "1m").is_sane
                n += 1
    assert n >= 2


@pytest.mark.parametrize("quotes", [["SPY"], "none", 7, {"SPY": None}, {"QQQ": {}}])
async def test_an_answer_of_another_shape_does_not_end_the_asking(quotes: Any) -> None:
    """Else nothing is asked any more, and nobody hears that the source is lost."""
    async with opened() as world:
        await world.feed.watch([SPY])
        await world.heard("SPY")
        world.data.shape = quotes
        n_asked = len(world.data.asked)
        await world.until(lambda: len(world.data.asked) > n_asked, eager=True)
        world.data.shape = None
        world.data.put("SPY", 600.5, 600.6)
        await world.until(lambda: world.has("SPY", "600.5"), eager=True)
        assert world.got[-1].bid == D("600.5"), "the source was asked again, and answered"
