"""tastytrade's market data at its venue: streamed by DXLink, asked for where that is silent."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from engine.clock import ManualClock
from engine.domain.errors import BrokerAuthError, BrokerUnavailable
from engine.domain.instrument import Instrument, crypto, future, stock
from engine.domain.quote import Quote
from engine.feeds import FeedSetup
from engine.feeds.tastytrade import Tastytrade
from tests.conformance.broker_bench import CALL, MES, SPY, START, MemoryVault
from tests.conformance.tastytrade_bench import NUMBERS
from tests.conformance.venue_bench import VENUE, MemoryTokens, NoWait
from tests.venues.tastytrade import REFRESH, SECRET, TastytradeVenue

D = Decimal


@dataclass
class World:
    """One feed at one venue, and what it delivered."""

    venue: TastytradeVenue
    clock: ManualClock
    feed: Tastytrade
    got: list[Quote] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    ended: list[BaseException | None] = field(default_factory=list)

    async def start(self) -> None:
        await self.feed.connect()
        self.task = asyncio.create_task(self._read())
        await self.until(lambda: not self.feed.why_silent)

    async def _read(self) -> None:
        try:
            async for quote in self.feed.stream():
                self.got.append(quote)
            self.ended.append(None)
        except BrokerUnavailable as error:
            self.ended.append(error)

    def is_subscribed(self) -> bool:
        """Whether the venue was asked to stream anything."""
        return any(channel.symbols for channel in self.venue.dxlink.channels)

    async def until(self, is_so: Callable[[], bool], *, eager: bool = False) -> None:
        async with asyncio.timeout(20):
            while not is_so():
                if eager:
                    self.clock.advance(0.5)
                await asyncio.sleep(0.002)

    def quote(self, instrument: Instrument, bid: str, ask: str, *, age_s: float = 0) -> Quote:
        return Quote(
            instrument=instrument,
            bid=D(bid),
            ask=D(ask),
            bid_size=D(3),
            ask_size=D(4),
            exchange_at=self.clock.now() - timedelta(seconds=age_s),
            received_at=self.clock.now(),
            source="venue",
        )

    async def tell(self, *given: Any, **more: Any) -> None:
        await self.venue.dxlink.tell(self.quote(*given, **more))

    async def stop(self) -> None:
        await self.feed.close()
        if self.task is not None:
            await asyncio.wait_for(self.task, 20)
        await self.venue.stop()


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr("engine.brokers._wire.lanes.Window", NoWait)
    clock = ManualClock(START)
    terms = VENUE.__class__(start_cash_usd={NUMBERS["main"]: D(1)})
    venue = TastytradeVenue(clock, MemoryVault(), terms, level="api")
    venue.dxlink.futures = [
        {"symbol": "/MESZ6", "product-code": "MES", "streamer-symbol": "/MESZ26:XCME"}
    ]
    await venue.start()
    made = World(venue, clock, make(venue, clock))
    try:
        yield made
    finally:
        await made.stop()


def make(venue: TastytradeVenue, clock: ManualClock, **secrets: str) -> Tastytrade:
    given = {"client_secret": SECRET, "refresh_token": REFRESH, **secrets}
    setup = FeedSetup(
        name="tastytrade",
        clock=clock,
        secrets={name: SecretStr(text) for name, text in given.items()},
        tokens=MemoryTokens(),
    )
    return Tastytrade(Tastytrade.Settings(rest_url=venue.url, token_url=venue.url), setup)


async def test_streams_what_is_watched_and_nothing_else(world: World) -> None:
    await world.start()
    await world.feed.watch([SPY, CALL])
    await world.until(lambda: len(world.venue.dxlink.channels) == 1)
    await world.until(lambda: len(world.venue.dxlink.channels[0].symbols.get("Quote", ())) == 2)
    await world.tell(SPY, "600.10", "600.12")
    await world.tell(stock("QQQ"), "500", "501")
    await world.tell(CALL, "2.00", "2.05")
    await world.until(lambda: len(world.got) == 2)
    assert [(q.instrument, q.bid, q.ask, q.bid_size, q.ask_size) for q in world.got] == [
        (SPY, D("600.1"), D("600.12"), D(3), D(4)),
        (CALL, D("2.0"), D("2.05"), D(3), D(4)),
    ]
    assert {q.source for q in world.got} == {"tastytrade"}
    assert all(q.exchange_at == q.received_at == START for q in world.got)


@pytest.mark.parametrize("status", [404, 403, 501])
async def test_where_no_stream_is_given_quotes_are_asked_for(world: World, status: int) -> None:
    world.venue.faults.lacks, world.venue.faults.lacks_by = ("/api-quote-tokens",), status
    await world.feed.connect()
    world.task = asyncio.create_task(world._read())
    world.venue.board.put(world.quote(SPY, "600.10", "600.12"))
    await world.feed.watch([SPY])
    await world.until(lambda: bool(world.got), eager=True)
    assert world.got[0].bid == D("600.1")
    assert world.feed.why_silent


async def test_shares_are_streamed_though_nobody_names_the_futures(world: World) -> None:
    world.venue.faults.lacks = ("/instruments/futures",)
    await world.start()
    await world.feed.watch([MES, SPY])
    await world.until(lambda: len(world.venue.dxlink.channels) == 1)
    await world.until(lambda: bool(world.venue.dxlink.channels[0].symbols.get("Quote")))
    await world.tell(SPY, "600.10", "600.12")
    await world.until(lambda: bool(world.got))
    assert world.got[0].instrument == SPY


async def test_what_was_watched_before_the_line_is_up_is_streamed_too(world: World) -> None:
    await world.tell(SPY, "600.10", "600.12")
    await world.feed.watch([SPY])
    await world.start()
    await world.until(lambda: bool(world.got))
    assert world.got[0].bid == D("600.1")


async def test_a_future_is_streamed_under_its_listed_name_and_an_unlisted_one_not(
    world: World,
) -> None:
    await world.start()
    world.venue.dxlink.futures = world.venue.dxlink.futures[:1]
    await world.feed.watch([MES])
    await world.until(world.is_subscribed)
    await world.tell(MES, "6700.25", "6700.50")
    await world.until(lambda: bool(world.got))
    assert world.got[0].instrument == MES


async def test_a_future_is_watched_beyond_the_third_friday_of_its_month(world: World) -> None:
    """That is the last day of an index; gold is delivered until the end of the month."""
    gold = future("GC", date(2026, 12, 1))
    await world.start()
    await world.feed.watch([gold, CALL])
    world.clock.jump(datetime(2026, 12, 23, 15, 0, tzinfo=UTC))
    await world.until(lambda: CALL.key not in world.feed._watched, eager=True)
    assert gold.key in world.feed._watched


async def test_a_line_that_breaks_comes_back_with_all_that_is_watched(world: World) -> None:
    await world.start()
    await world.feed.watch([SPY])
    await world.until(world.is_subscribed)
    await world.venue.dxlink.drop()
    await world.until(lambda: bool(world.feed.why_silent))
    assert "Group" not in world.feed.why_silent
    await world.until(lambda: not world.feed.why_silent and world.is_subscribed(), eager=True)
    await world.tell(SPY, "601.00", "601.02")
    await world.until(lambda: bool(world.got) and world.got[-1].bid == 601)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[1]",
        "null",
        '{"type": "FEED_DA',
        '{"type": "FEED_DATA", "channel": null, "data": [{}]}',
    ],
)
async def test_a_message_that_cannot_be_read_costs_nobody_the_line(world: World, text: str) -> None:
    await world.start()
    await world.feed.watch([SPY])
    await world.until(world.is_subscribed)
    link = world.feed._link
    await world.venue.dxlink.channels[0].socket.send_str(text)
    await world.tell(SPY, "601.00", "601.02")
    await world.until(lambda: bool(world.got) and world.got[-1].bid == 601)
    assert world.feed._link is link


@pytest.mark.parametrize("kind", ["CHANNEL_CLOSED", "ERROR"])
async def test_candles_that_are_refused_cost_no_quote(world: World, kind: str) -> None:
    """Each alert asks for the past: where a login has none, each hung up the line of all quotes."""
    world.venue.dxlink.candles["SPY"] = [
        {"time": 1_763_474_400_000, "open": 1, "high": 1, "low": 1, "close": 1, "volume": 1}
    ]
    await world.start()
    await world.feed.watch([SPY])
    await world.until(world.is_subscribed)
    link = world.feed._link
    for n_opened in (1, 2):
        await world.feed.bars(SPY, "1d", 5)
        (_, *past) = world.venue.dxlink.channels
        assert len(past) == n_opened, "it is opened anew when it is asked for"
        channel = past[0]
        await channel.socket.send_str(
            json.dumps({"type": kind, "channel": channel.number, "error": "BAD_ACTION"})
        )
        await world.tell(SPY, "601.00", "601.02")
        await world.until(lambda: bool(world.got) and world.got[-1].bid == 601)
        world.got.clear()
    assert world.feed._link is link


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"type": "CHANNEL_CLOSED"}, "BrokerUnavailable"),
        ({"type": "ERROR", "error": "INVALID_MESSAGE"}, "BrokerUnavailable"),
        ({"type": "ERROR", "channel": 0, "error": "TIMEOUT"}, "BrokerUnavailable"),
        ({"type": "AUTH_STATE", "channel": 0, "state": "UNAUTHORIZED"}, "BrokerAuthError"),
    ],
)
async def test_a_line_on_which_no_quote_will_come_any_more_is_called_anew(
    world: World, said: dict[str, Any], why: str
) -> None:
    """It stood, and told nothing, until it had been silent for a minute and a half."""
    await world.start()
    await world.feed.watch([SPY])
    await world.until(world.is_subscribed)
    channel = world.venue.dxlink.channels[0]
    await channel.socket.send_str(json.dumps({"channel": channel.number} | said))
    await world.until(lambda: bool(world.feed.why_silent))
    assert world.feed.why_silent == why
    await world.until(lambda: not world.feed.why_silent, eager=True)


async def test_a_line_of_which_nothing_can_be_read_is_lost(world: World) -> None:
    await world.start()
    await world.feed.watch([SPY])
    await world.until(world.is_subscribed)
    for _ in range(20):
        await world.venue.dxlink.channels[0].socket.send_str("?")
    await world.until(lambda: bool(world.feed.why_silent))
    assert world.feed.why_silent == "BrokerUnavailable"


async def test_a_line_that_is_lost_each_time_leaves_the_allowance_to_questions(
    world: World,
) -> None:
    """Each call of it asks for a token: at two a second no quote was asked for any more."""
    await world.start()
    await world.feed.watch([SPY])
    for _ in range(6):
        await world.until(world.is_subscribed, eager=True)
        await world.venue.dxlink.drop()
        await world.until(lambda: bool(world.feed.why_silent))
    began = world.clock.monotonic()
    await world.until(world.is_subscribed, eager=True)

    assert world.clock.monotonic() - began >= 5


async def test_what_nobody_waited_for_is_streamed_all_the_same(world: World) -> None:
    """The desk waits a second for a quote; a channel that opens later counts as well."""
    await world.start()
    world.venue.dxlink.opens.clear()
    with suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            await world.feed.watch([SPY])
    world.venue.dxlink.opens.set()
    await world.feed.watch([SPY])
    await world.until(world.is_subscribed)
    await world.tell(SPY, "601.00", "601.02")
    await world.until(lambda: bool(world.got) and world.got[-1].bid == 601)
    assert world.got[-1].ask == D("601.02")


async def test_a_future_that_could_not_be_named_is_streamed_once_it_can(world: World) -> None:
    world.venue.faults.lacks, world.venue.faults.lacks_by = ("/instruments/futures",), 503
    await world.start()
    await world.feed.watch([SPY, MES])
    link = world.feed._link
    await world.until(world.is_subscribed, eager=True)
    world.venue.faults.lacks = ()
    symbols = world.venue.dxlink.channels[0].symbols
    await world.until(lambda: symbols == {"Quote": {"SPY", "/MESZ26:XCME"}}, eager=True)
    assert world.feed._link is link, "and nothing else was hung up for it"


async def test_a_line_that_says_twice_that_we_are_in_stands(world: World) -> None:
    world.venue.dxlink.n_states = 2
    await world.feed.watch([SPY])
    await world.start()
    await world.tell(SPY, "601.00", "601.02")
    await world.until(lambda: bool(world.got) and world.got[-1].bid == 601)
    assert not world.feed.why_silent


async def test_a_line_that_only_keeps_alive_is_hung_up_and_called_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.feeds.tastytrade.feed._LOGIN_S", 0.2)
    world.venue.dxlink.n_states = 0
    await world.feed.watch([SPY])
    await world.feed.connect()
    world.task = asyncio.create_task(world._read())
    await world.until(lambda: world.feed.why_silent == "TimeoutError")
    world.venue.dxlink.n_states = 1
    await world.until(lambda: not world.feed.why_silent, eager=True)
    assert world.is_subscribed(), "the new line was asked for it"


async def test_what_the_stream_is_silent_about_is_asked_for(world: World) -> None:
    await world.start()
    world.venue.dxlink.is_silent = True
    await world.feed.watch([SPY])
    world.venue.board.put(world.quote(SPY, "602.00", "602.02"))
    await world.until(lambda: bool(world.got), eager=True)
    assert world.got[0].bid == D("602.00")
    n = len(world.got)
    await world.until(lambda: len(world.got) > n, eager=True)
    assert world.got[-1].received_at > world.got[0].received_at


async def test_a_quote_is_answered_without_being_watched(world: World) -> None:
    await world.start()
    world.venue.board.put(world.quote(SPY, "602.00", "602.02", age_s=2))
    found = await world.feed.quote(SPY)
    assert found is not None
    assert (found.bid, found.exchange_at) == (D("602.00"), START - timedelta(seconds=2))
    assert await world.feed.quote(stock("NONE")) is None
    assert await world.feed.quote(crypto("BTC")) is None
    assert world.got == []


async def test_a_streamed_quote_with_a_coarser_stamp_is_not_older(world: World) -> None:
    await world.start()
    await world.feed.watch([SPY])
    await world.until(world.is_subscribed)
    await world.tell(SPY, "600.00", "600.02")
    await world.until(lambda: len(world.got) == 1)
    await world.tell(SPY, "599.00", "599.02", age_s=0.9)
    await world.venue.dxlink._send(
        world.venue.dxlink.channels[0],
        "Quote",
        {"eventSymbol": "SPY", "bidPrice": 599.5, "askPrice": 599.52, "bidTime": 1000},
    )
    await world.until(lambda: world.got[-1].bid == D("599.5"))
    times = [q.exchange_at for q in world.got]
    assert times == sorted(times)


async def test_a_frame_of_long_ago_is_no_price_of_now_and_asking_goes_on(world: World) -> None:
    """M-01: a lagging server of the provider tells what was, and the stop and the entry believe."""
    await world.start()
    await world.feed.watch([SPY])
    await world.until(world.is_subscribed)
    await world.tell(SPY, "600.00", "600.02")
    await world.until(lambda: len(world.got) == 1)
    world.clock.advance(2)
    await world.tell(SPY, "590.00", "590.02", age_s=600)
    await world.until(lambda: len(world.got) == 2, eager=True)
    assert {q.bid for q in world.got} == {D("600.00")}, "the answer, and never the late frame"
    await world.tell(SPY, "600.10", "600.12")
    await world.until(lambda: world.got[-1].bid == D("600.1"))


async def test_quotes_of_the_sandbox_are_a_quarter_of_an_hour_old_whatever_they_say(
    world: World,
) -> None:
    """Its stream stamps nothing, and what is stamped with its coming would pass for fresh."""
    world.venue.level = "demo"
    await world.start()
    await world.feed.watch([SPY])
    await world.until(world.is_subscribed)
    world.clock.advance(1)
    await streamed(world)
    await world.until(lambda: len(world.got) == 1)
    world.clock.advance(5)
    world.venue.board.put(world.quote(SPY, "602.00", "602.02"))
    await world.until(lambda: world.got[-1].bid == D("602.00"), eager=True)
    assert {q.source for q in world.got} == {"tastytrade demo"}
    assert {q.received_at - q.exchange_at for q in world.got} == {timedelta(minutes=15)}


async def test_greeks_come_by_the_same_line(world: World) -> None:
    world.venue.dxlink.greeks[".SPY261120C600"] = {
        "time": int(START.timestamp() * 1000),
        "price": 2.01,
        "volatility": 0.18,
        "delta": 0.51,
        "gamma": 0.02,
        "theta": -0.15,
        "rho": 0.01,
        "vega": 0.12,
    }
    await world.start()
    found = await world.feed.greeks(CALL)
    assert found is not None
    assert (found.delta, found.theta, found.instrument) == (D("0.51"), D("-0.15"), CALL)
    assert await world.feed.greeks(CALL) == found
    assert await world.feed.greeks(SPY) is None


async def test_a_chain_says_what_is_listed(world: World) -> None:
    world.venue.dxlink.chains["SPY"] = {
        "root-symbol": "SPY",
        "option-chain-type": "Standard",
        "shares-per-contract": 100,
        "expirations": [{"expiration-date": "2026-11-20", "strikes": [{"strike-price": "600.0"}]}],
    }
    await world.start()
    found = await world.feed.chain(SPY)
    assert found is not None
    assert found.lists(CALL)
    assert await world.feed.chain(stock("NONE")) is None
    world.venue.dxlink.chains["SPY"]["expirations"] = [{"strikes": []}]
    with pytest.raises(BrokerUnavailable):
        await world.feed.chain(SPY)


def candle(at: datetime, close: float, **more: Any) -> dict[str, Any]:
    shape = {"open": 600.0, "high": 650.0, "low": 550.0, "close": close, "volume": 1_000}
    return {"time": int(at.timestamp() * 1000), **shape, **more}


async def test_the_past_is_told_once_and_the_subscription_ends(world: World) -> None:
    midnights = [datetime(2026, 11, day, tzinfo=UTC) for day in range(2, 19)]
    world.venue.dxlink.candles["SPY"] = [
        candle(at, 600.5 + n) for n, at in enumerate(midnights)
    ] + [candle(START, "NaN", open="NaN")]  # type: ignore[arg-type]
    await world.start()
    told = await world.feed.bars(SPY, "1d", 5)
    assert [c.on.day for c in told.candles] == [14, 15, 16, 17, 18]
    assert told.closes == tuple(D(600) + n + D("0.5") for n in range(12, 17))
    assert (told.source, told.candles[0].volume) == ("tastytrade", 1_000)
    (channel,) = world.venue.dxlink.channels
    await world.until(lambda: not channel.symbols.get("Candle"))
    assert world.venue.dxlink.candles_asked[0]["symbol"] == "SPY{=1d,tho=true}"
    until = datetime(2026, 11, 10, 5, tzinfo=UTC)
    assert [c.on.day for c in (await world.feed.bars(SPY, "1d", 2, until)).candles] == [8, 9]


async def test_a_futures_past_is_of_all_hours_under_its_listed_name(world: World) -> None:
    at = START - timedelta(minutes=5)
    world.venue.dxlink.candles["/MESZ26:XCME"] = [candle(at, 601.0)]
    await world.start()
    told = await world.feed.bars(MES, "5m", 5)
    assert [(c.at, c.close) for c in told.candles] == [(at, D("601.0"))]
    assert world.venue.dxlink.candles_asked[0]["symbol"] == "/MESZ26:XCME{=5m}"


async def test_without_a_past_a_line_or_a_listing_it_says_why(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    idle = make(world.venue, world.clock)
    assert "is not streaming" in (await idle.bars(SPY, "1d", 5)).missing
    await world.start()
    assert "no candles of SPY" in (await world.feed.bars(SPY, "1m", 5)).missing
    assert "lists no BTC" in (await world.feed.bars(crypto("BTC"), "1m", 5)).missing
    monkeypatch.setattr("engine.feeds.tastytrade.past.PATIENCE_S", 0.05)
    world.venue.dxlink.candles["SPY"] = [candle(START - timedelta(minutes=3), 600.0)]
    world.venue.dxlink.tells_whole_past = False
    with pytest.raises(BrokerUnavailable, match="whole past"):
        await world.feed.bars(SPY, "1m", 5)


@pytest.mark.parametrize("name", ["client_secret", "refresh_token"])
@pytest.mark.parametrize("key", ["wrong", ""])
async def test_keys_that_are_not_accepted_do_not_connect(world: World, name: str, key: str) -> None:
    feed = make(world.venue, world.clock, **{name: key})
    with pytest.raises(BrokerAuthError):
        await feed.connect()
    await feed.close()


async def test_it_ends_when_neither_the_line_nor_an_answer_comes(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("engine.brokers._wire.http._TRIES", 1)
    await world.start()
    await world.feed.watch([SPY])
    await world.venue.stop()
    await world.until(lambda: bool(world.ended), eager=True)
    assert isinstance(world.ended[0], BrokerUnavailable)


async def test_it_connects_again_after_it_ended(world: World) -> None:
    await world.start()
    await world.feed.close()
    await world.until(lambda: world.ended == [None])
    await world.start()
    await world.feed.watch([SPY])
    await world.until(world.is_subscribed)
    assert world.ended == [None], "the second reading goes on"


async def streamed(world: World, **fields: Any) -> None:
    """An event as the provider sends it, with no times unless they are given."""
    event = {"eventSymbol": "SPY", "bidPrice": 600.1, "askPrice": 600.12, **fields}
    await world.venue.dxlink._send(world.venue.dxlink.channels[0], "Quote", event)


async def test_a_halt_is_heard_though_the_stream_stamps_nothing(world: World) -> None:
    """M-10: what the answer says of the market is newer, though its price was made before."""
    await world.start()
    await world.feed.watch([SPY])
    await world.until(world.is_subscribed)
    await streamed(world)
    await world.until(lambda: len(world.got) == 1)
    halted = replace(world.quote(SPY, "600.10", "600.12", age_s=0.05), is_halted=True)
    world.venue.board.put(halted)
    await world.until(lambda: len(world.got) > 1, eager=True)
    assert world.got[-1].is_halted
    assert (world.got[-1].bid, world.got[-1].ask) == (D("600.1"), D("600.12"))
    assert world.got[-1].received_at > world.got[0].received_at


async def test_an_answer_that_breaks_our_reading_does_not_end_the_asking(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.start()
    world.venue.dxlink.is_silent = True
    world.venue.board.put(world.quote(SPY, "602.00", "602.02"))
    with monkeypatch.context() as broken:
        broken.setattr("engine.feeds.tastytrade.reading.answered_in", lambda *_: 1 / 0)
        await world.feed.watch([SPY])
        await world.until(lambda: "ZeroDivisionError" in world.feed.trouble, eager=True)
        assert not world.got
    await world.until(lambda: bool(world.got), eager=True)
    assert world.got[0].bid == D("602.00")


async def test_a_streamed_quote_ends_no_halt_and_an_answer_does(world: World) -> None:
    """M-10: makers quote on while trading is halted, and the stream says nothing of it."""
    await world.start()
    await world.feed.watch([SPY])
    await world.until(world.is_subscribed)
    await streamed(world)
    await world.until(lambda: len(world.got) == 1)
    world.venue.board.put(replace(world.quote(SPY, "600.10", "600.12"), is_halted=True))
    await world.until(lambda: world.got[-1].is_halted, eager=True)
    await streamed(world, bidPrice=600.5, askPrice=600.52)
    await world.until(lambda: world.got[-1].bid == D("600.5"))
    assert world.got[-1].is_halted
    world.venue.board.put(world.quote(SPY, "600.50", "600.52"))
    async with asyncio.timeout(20):
        while world.got[-1].is_halted:  # asked for, though the stream is not silent
            world.clock.advance(0.5)
            await streamed(world, bidPrice=600.5, askPrice=600.52)
            await asyncio.sleep(0.005)


@pytest.mark.parametrize("stamp", [10**20, -(10**20), "9e99"])
async def test_a_stamp_beyond_all_time_does_not_cut_the_line(world: World, stamp: Any) -> None:
    await world.start()
    await world.feed.watch([SPY])
    await world.until(world.is_subscribed)
    await streamed(world, bidTime=stamp)
    await streamed(world, bidPrice=600.5, askPrice=600.52)
    await world.until(lambda: bool(world.got) and world.got[-1].bid == D("600.5"))
    assert not world.feed.why_silent


async def test_a_wall_clock_that_was_set_back_silences_nothing(world: World) -> None:
    """M-03."""
    await world.start()
    await world.feed.watch([SPY])
    await world.until(world.is_subscribed)
    await streamed(world)
    await world.until(lambda: len(world.got) == 1)
    world.clock.jump(START - timedelta(hours=1))
    await streamed(world, bidPrice=600.5, askPrice=600.52)
    await world.until(lambda: len(world.got) == 2)
    assert world.got[-1].bid == D("600.5")
