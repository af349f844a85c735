"""Futures quotes of TopStepX from its market hub, at the firm's imitation on loopback."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr

from engine.clock import ManualClock
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, ConfigError, OrderRejected
from engine.domain.instrument import Instrument, future, stock
from engine.domain.quote import Quote
from engine.feeds import FeedSetup
from engine.feeds.topstepx import Topstepx
from engine.quality import Quality
from tests.conformance.broker_bench import START, MemoryVault
from tests.conformance.venue_bench import VENUE, MemoryTokens
from tests.venues.topstepx import TopstepxVenue, contract_id

D = Decimal
MES, MNQ = future("MES", date(2026, 12, 1)), future("MNQ", date(2026, 12, 1))
GONE = future("MES", date(2026, 6, 1))


@pytest.fixture
async def venue() -> AsyncIterator[TopstepxVenue]:
    made = TopstepxVenue(ManualClock(START), MemoryVault(), VENUE)
    await made.start()
    yield made
    await made.stop()
    assert made.log.violations == []


@pytest.fixture
async def feed(venue: TopstepxVenue) -> AsyncIterator[Topstepx]:
    made = make(venue)
    await made.connect()
    yield made
    await made.close()


def make(venue: TopstepxVenue, **more: Any) -> Topstepx:
    hub = f"{venue.ws_url}/hubs/market"
    settings = {"own_machine": True, "rest_url": venue.url, "market_hub_url": hub} | more
    setup = FeedSetup(
        name="topstepx",
        clock=venue.clock,
        secrets={"user": SecretStr(venue.user), "key": SecretStr(venue.key)},
        tokens=MemoryTokens(),
    )
    return Topstepx(Topstepx.Settings.model_validate(settings), setup)


async def watching(venue: TopstepxVenue, *instruments: Instrument) -> None:
    """Until the hub has heard every subscription."""
    wanted = {contract_id(instrument) for instrument in instruments}
    async with asyncio.timeout(20):
        while not any(wanted <= known for known in venue._quotes.values()):  # noqa: ASYNC110 - the hub tells nobody
            await asyncio.sleep(0.002)


def put(venue: TopstepxVenue, instrument: Instrument, bid: str, ask: str) -> None:
    now = venue.clock.now()
    venue.board.put(
        Quote(
            instrument=instrument,
            bid=D(bid),
            ask=D(ask),
            exchange_at=now,
            received_at=now,
            source="exchange",
        )
    )


async def hub_says(venue: TopstepxVenue, instrument: Instrument, data: Any) -> None:
    """One message, whatever it holds."""
    for socket in tuple(venue._quotes):
        frame = {"type": 1, "target": "GatewayQuote", "arguments": [contract_id(instrument), data]}
        await venue.send(socket, frame)


async def next_of(feed: Topstepx) -> Quote | None:
    async with asyncio.timeout(20):
        return await anext(aiter(feed.stream()), None)


async def test_what_is_watched_is_streamed_with_source_and_both_times(
    venue: TopstepxVenue, feed: Topstepx
) -> None:
    await feed.watch([MES, stock("SPY")])
    await watching(venue, MES)
    put(venue, MNQ, "21000", "21000.25")
    put(venue, MES, "6700", "6700.25")
    quote = await next_of(feed)
    assert quote is not None
    assert (quote.instrument, quote.bid, quote.ask) == (MES, D(6700), D("6700.25"))
    assert (quote.source, quote.exchange_at, quote.received_at) == ("topstepx", START, START)
    assert feed.unquoted == {}, "shares are nothing it was asked for"


async def test_a_question_subscribes_and_waits_for_the_first_quote(
    venue: TopstepxVenue, feed: Topstepx
) -> None:
    asked = asyncio.create_task(feed.quote(MES))
    await watching(venue, MES)
    put(venue, MES, "6700", "6700.25")
    found = await asked
    assert found is not None
    assert found.ask == D("6700.25")


async def test_a_market_that_says_nothing_has_no_quote(feed: Topstepx) -> None:
    assert await feed.quote(MES) is None
    assert await feed.quote(stock("SPY")) is None


async def test_bid_and_ask_told_apart_make_a_quote_once_both_are_known(
    venue: TopstepxVenue, feed: Topstepx
) -> None:
    await feed.watch([MES])
    await watching(venue, MES)
    at = START.isoformat()
    await hub_says(venue, MES, {"bestBid": 6700, "timestamp": at})
    await hub_says(venue, MES, {"lastPrice": 6700, "timestamp": at})
    await hub_says(venue, MES, [{"bestAsk": 6700.5, "timestamp": at}])
    quote = await next_of(feed)
    assert quote is not None
    assert (quote.bid, quote.ask) == (D(6700), D("6700.5"))


async def test_a_trade_alone_confirms_no_quote_and_says_that_one_of_2_s_ago_still_stands(
    venue: TopstepxVenue, feed: Topstepx
) -> None:
    """One slip and the next trade reached a target: they looked like two quotes that agree."""
    quality = Quality()
    await feed.watch([MES])
    await watching(venue, MES)

    async def told(bid: int) -> Quote:
        venue.clock.advance(0.1)
        at = venue.clock.now().isoformat()
        sides = {"bestBid": bid, "bestAsk": bid + 0.25}
        await hub_says(venue, MES, sides | {"timestamp": at})
        quote = await next_of(feed)
        assert quote is not None
        quality.heard(quote)
        return quote

    async def traded(after_s: float) -> None:
        venue.clock.advance(after_s)
        at = venue.clock.now().isoformat()
        await hub_says(venue, MES, {"lastPrice": 6700, "volume": 11, "timestamp": at})

    for n in range(30):
        await told(6700 + n % 2)
    slip = await told(6720)
    await traded(0.1)
    await told(6700)
    assert not quality.is_leap(slip, venue.clock.now())
    assert all(mid < 6710 for mid in quality._series[MES.key][feed.name].mids)
    await traded(2)
    still = await next_of(feed)
    assert still is not None
    assert (still.bid, still.received_at) == (6700, venue.clock.now())


@pytest.mark.parametrize(
    "data",
    [
        {"bestBid": "x", "bestAsk": 1, "timestamp": START.isoformat()},
        {"bestBid": 6700, "bestAsk": 6701},
        {"bestBid": 6700, "bestAsk": 6701, "timestamp": "soon"},
        "nothing",
        [[1]],
    ],
)
async def test_a_quote_that_cannot_be_read_is_skipped_and_the_next_one_is_heard(
    venue: TopstepxVenue, feed: Topstepx, data: Any
) -> None:
    await feed.watch([MES])
    await watching(venue, MES)
    await hub_says(venue, MES, data)
    put(venue, MES, "6705", "6705.25")
    quote = await next_of(feed)
    assert quote is not None
    assert quote.bid == 6705


@pytest.mark.parametrize("what", ["no data", "a contract that nobody asked for", "a trade"])
async def test_a_frame_that_is_no_quote_of_ours_costs_nobody_the_hub(
    venue: TopstepxVenue, feed: Topstepx, what: str
) -> None:
    """O-20: the stream ended by it, and what is held had no price until it was called anew."""
    await feed.watch([MES])
    await watching(venue, MES)
    row = {"bestBid": 1, "bestAsk": 2, "timestamp": START.isoformat()}
    frame: dict[str, Any] = {"type": 1, "target": "GatewayQuote"}
    frame |= {
        "no data": {"arguments": [contract_id(MES)]},
        "a contract that nobody asked for": {"arguments": [contract_id(MNQ), row]},
        "a trade": {"target": "GatewayTrade", "arguments": [contract_id(MES), row]},
    }[what]
    for socket in tuple(venue._quotes):
        await venue.send(socket, frame)
    put(venue, MES, "6705", "6705.25")
    quote = await next_of(feed)
    assert quote is not None
    assert (quote.instrument, quote.bid) == (MES, D(6705))


async def test_a_time_that_lies_before_us_counts_as_now(
    venue: TopstepxVenue, feed: Topstepx
) -> None:
    await feed.watch([MES])
    await watching(venue, MES)
    ahead = (START + timedelta(hours=1)).isoformat()
    await hub_says(venue, MES, {"bestBid": 6700, "bestAsk": 6701, "timestamp": ahead})
    quote = await next_of(feed)
    assert quote is not None
    assert quote.exchange_at == START


async def test_a_month_that_is_not_listed_is_noted_and_stops_nothing_else(
    venue: TopstepxVenue, feed: Topstepx
) -> None:
    await feed.watch([GONE, MES])
    await watching(venue, MES)
    assert "/MESM26" in feed.unquoted[GONE.key]
    put(venue, MES, "6700", "6700.25")
    assert await next_of(feed) is not None


async def test_a_lost_hub_ends_the_stream_and_a_new_connection_watches_the_same(
    venue: TopstepxVenue, feed: Topstepx
) -> None:
    await feed.watch([MES])
    await watching(venue, MES)
    put(venue, MES, "6700", "6700.25")
    assert await next_of(feed) is not None
    await venue.drop_streams()
    assert await next_of(feed) is None
    await feed.connect()
    await watching(venue, MES)
    asked = asyncio.create_task(feed.quote(MES))
    await asyncio.sleep(0)
    put(venue, MES, "6710", "6710.25")
    found = await asked
    assert found is not None
    assert found.bid == 6710, "a price of before the gap"


async def test_frames_of_before_the_gap_are_no_side_of_a_new_quote(
    venue: TopstepxVenue, feed: Topstepx
) -> None:
    """A hub that replays on reconnect: an old ask beside a new bid would be a crossed fiction."""
    await feed.watch([MES])
    await watching(venue, MES)
    put(venue, MES, "6700", "6700.25")
    assert await next_of(feed) is not None
    await venue.drop_streams()
    assert await next_of(feed) is None
    await feed.connect()
    await watching(venue, MES)
    old, new = (START - timedelta(seconds=40)).isoformat(), START.isoformat()
    await hub_says(venue, MES, {"bestBid": 6600, "bestAsk": 6750.25, "timestamp": old})
    await hub_says(venue, MES, {"bestBid": 6701, "timestamp": new})
    await hub_says(venue, MES, {"bestAsk": 6701.25, "timestamp": new})
    quote = await next_of(feed)
    assert quote is not None
    assert (quote.bid, quote.ask) == (D(6701), D("6701.25"))


@pytest.mark.parametrize("is_late", [False, True])
async def test_a_look_up_that_failed_or_was_cut_short_is_made_again(
    venue: TopstepxVenue, feed: Topstepx, monkeypatch: pytest.MonkeyPatch, is_late: bool
) -> None:
    """Else what is held would have no price until the hub is lost: no target, no loss limit."""
    known, n_asked = feed.contracts.of, 0

    async def once(instrument: Instrument) -> Any:
        nonlocal n_asked
        n_asked += 1
        if n_asked == 1 and is_late:
            await asyncio.Event().wait()
        if n_asked == 1:
            raise BrokerUnavailable("the firm answers 503")
        return await known(instrument)

    monkeypatch.setattr(feed.contracts, "of", once)
    with suppress(TimeoutError, BrokerUnavailable):
        async with asyncio.timeout(0.05):
            await feed.watch([MES, MNQ])
    async with asyncio.timeout(5):
        while n_asked < 3:
            venue.clock.advance(1)
            await asyncio.sleep(0.002)
    await watching(venue, MES, MNQ)
    put(venue, MES, "6700", "6700.25")
    quote = await next_of(feed)
    assert quote is not None
    assert (quote.instrument, quote.bid) == (MES, 6700)


async def test_close_ends_the_stream(feed: Topstepx) -> None:
    reader = asyncio.create_task(next_of(feed))
    await asyncio.sleep(0)
    await feed.close()
    assert await reader is None


async def test_a_root_means_the_brokers_active_month_or_is_refused(
    venue: TopstepxVenue, feed: Topstepx
) -> None:
    """M-08."""
    assert await feed.front("MES") == MES
    venue.active["MES"] = []
    await feed.contracts.load()
    with pytest.raises(OrderRejected, match="say which month"):
        await feed.front("MES")


async def test_it_does_not_start_unless_the_machine_is_said_to_be_the_traders_own(
    venue: TopstepxVenue,
) -> None:
    with pytest.raises(ConfigError, match=r"feed\.live\.topstepx\.own_machine"):
        make(venue, own_machine=False)


async def test_a_login_that_is_refused_and_a_hub_that_is_not_there_are_told_apart(
    venue: TopstepxVenue,
) -> None:
    elsewhere = make(venue, market_hub_url=f"{venue.ws_url}/hubs/nowhere")
    with pytest.raises(BrokerUnavailable):
        await elsewhere.connect()
    await elsewhere.close()
    stranger = make(venue)
    stranger._api._key = SecretStr("WRONG")
    with pytest.raises(BrokerAuthError):
        await stranger.connect()
    await stranger.close()


def bar(at: str, close: float, **more: object) -> dict[str, object]:
    return {"t": at, "o": 6700.0, "h": 6800.0, "l": 6600.0, "c": close, "v": 40, **more}


async def test_the_past_of_a_contract_is_asked_for_and_told_oldest_first(
    venue: TopstepxVenue, feed: Topstepx
) -> None:
    evenings = [f"2026-11-{day:02d}T23:00:00+00:00" for day in range(8, 18)]
    venue.bars = [bar(at, 6700.25 + n) for n, at in enumerate(evenings)]
    told = await feed.bars(MES, "1d", 4)
    assert [c.on.day for c in told.candles] == [15, 16, 17, 18]
    assert told.closes[-1] == D("6709.25")
    assert (told.source, told.as_of, told.candles[-1].volume) == ("topstepx", START, 40)
    venue.bars = [bar(f"2026-11-18T14:{minute}:00+00:00", 6701.5) for minute in (30, 35, 40)]
    until = datetime(2026, 11, 18, 14, 40, tzinfo=UTC)
    told = await feed.bars(MES, "5m", 9, until)
    assert [c.at.minute for c in told.candles] == [30, 35]


async def test_what_the_firm_does_not_list_or_cannot_say_has_no_past(
    venue: TopstepxVenue, feed: Topstepx
) -> None:
    assert "futures alone" in (await feed.bars(stock("SPY"), "1d", 4)).missing
    assert "lists no" in (await feed.bars(GONE, "1d", 4)).missing
    venue.bars = [bar("2026-11-17T15:00:00+00:00", 6900.0)]  # above its own high
    assert "no candles" in (await feed.bars(MES, "1h", 4)).missing
    venue.refuse_with["/api/History/retrieveBars"] = [4]
    with pytest.raises(BrokerUnavailable):
        await feed.bars(MES, "1h", 4)


async def test_a_hub_that_keeps_alive_and_tells_nothing_is_in_trouble_while_its_market_trades(
    venue: TopstepxVenue, feed: Topstepx
) -> None:
    """Entries had no quote for as long as it lasted, and nobody was told why."""
    venue.clock.advance(40)  # type: ignore[attr-defined]
    assert not feed.trouble, "nothing is watched yet"
    await feed.connect()
    await feed.watch([MES])
    await watching(venue, MES)
    put(venue, MES, "6700", "6700.25")
    await next_of(feed)
    venue.clock.advance(39)  # type: ignore[attr-defined]
    assert not feed.trouble
    venue.clock.advance(1)  # type: ignore[attr-defined]
    assert feed.trouble == "the hub stands, and tells no quotes"
    venue.clock.jump(datetime(2026, 11, 21, 15, 0, tzinfo=UTC))  # type: ignore[attr-defined]
    assert not feed.trouble, "on a Saturday nothing is to be told"


async def test_a_quote_ends_the_trouble_of_a_mute_hub(venue: TopstepxVenue, feed: Topstepx) -> None:
    await feed.watch([MES])
    await watching(venue, MES)
    venue.clock.advance(40)  # type: ignore[attr-defined]
    assert feed.trouble
    put(venue, MES, "6700", "6700.25")
    await next_of(feed)
    assert not feed.trouble
    venue.clock.advance(40)  # type: ignore[attr-defined]
    await feed.close()
    assert not feed.trouble, "it is gone, and that is said elsewhere"
