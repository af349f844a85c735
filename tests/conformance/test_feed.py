"""The Feed contract, run over every feed that can play without a network."""

import asyncio
import gzip
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.domain.instrument import option, stock
from engine.domain.quote import Quote
from engine.feeds.recorded import RecordedFeed
from engine.feeds.synthetic import Path as MarketPath
from engine.feeds.synthetic import Plan, SyntheticFeed

D = Decimal
START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
SPY, QQQ, NONE = stock("SPY"), stock("QQQ"), stock("NONE")
CALL = option("SPY", date(2026, 11, 20), D(600), "C")


def _recorded(folder: Path, clock: ManualClock) -> RecordedFeed:
    rows = ["ts_utc,instrument,bid,ask,bid_size,ask_size"]
    for n in range(40):
        at = (START + timedelta(seconds=n)).isoformat()
        rows.append(f"{at},SPY,{600 + n}.00,{600 + n}.02,5,7")
        rows.append(f"{at},{CALL.key},2.{n:02d},2.{n + 2:02d},,")
        rows.append(f"{at},QQQ,500.00,500.05,1,1")
    file = folder / "quotes.csv.gz"
    with gzip.open(file, "wt") as out:
        out.write("\n".join(rows) + "\n")
    return RecordedFeed([file], clock)


def _synthetic(folder: Path, clock: ManualClock) -> SyntheticFeed:
    plan = Plan(
        paths=(
            MarketPath(instrument=SPY, price=D(600), waypoints=((10.0, D(603)), (20.0, D(599)))),
            MarketPath(instrument=QQQ, price=D(500)),
        )
    )
    return SyntheticFeed(7, clock, plan)


FEEDS: dict[str, Callable[[Path, ManualClock], Any]] = {
    "recorded": _recorded,
    "synthetic": _synthetic,
}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture(params=sorted(FEEDS))
def feed(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[Any]:
    return FEEDS[request.param](tmp_path, clock)


async def _collect(feed: Any, clock: ManualClock, seconds: int) -> list[Quote]:
    got: list[Quote] = []

    async def read() -> None:
        async for quote in feed.stream():
            got.append(quote)  # noqa: PERF401 - what came before a cancellation counts

    reader = asyncio.create_task(read())
    for _ in range(seconds * 4):
        await _breathe()
        clock.advance(0.25)
    await _breathe()
    await feed.close()
    await asyncio.wait_for(reader, 20)
    return got


async def _breathe() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_streams_only_what_is_watched(feed: Any, clock: ManualClock) -> None:
    await feed.connect()
    await feed.watch([SPY])
    got = await _collect(feed, clock, 5)
    assert got
    assert {quote.instrument for quote in got} == {SPY}


async def test_streams_in_time_order_and_never_ahead_of_the_clock(
    feed: Any, clock: ManualClock
) -> None:
    await feed.connect()
    await feed.watch([SPY, CALL, QQQ])
    got = await _collect(feed, clock, 5)
    times = [quote.exchange_at for quote in got]
    assert times == sorted(times)
    assert times[-1] <= clock.now()
    assert {quote.instrument for quote in got} == {SPY, CALL, QQQ}


async def test_watching_twice_does_not_double_quotes(feed: Any, clock: ManualClock) -> None:
    await feed.connect()
    await feed.watch([SPY])
    await feed.watch([SPY, SPY])
    got = await _collect(feed, clock, 3)
    assert len({quote.exchange_at for quote in got}) == len(got)


async def test_what_is_watched_later_joins_the_stream(feed: Any, clock: ManualClock) -> None:
    await feed.connect()
    await feed.watch([SPY])
    feed.advance_to(START + timedelta(seconds=3))
    await feed.watch([QQQ])
    late = feed.advance_to(START + timedelta(seconds=6))
    assert {q.instrument for q in late} == {SPY, QQQ}
    assert min(q.exchange_at for q in late) > START + timedelta(seconds=3)


async def test_an_unknown_instrument_has_no_quote_and_is_never_invented(
    feed: Any, clock: ManualClock
) -> None:
    await feed.connect()
    assert await feed.quote(NONE) is None
    await feed.watch([NONE])
    assert feed.upcoming() is None
    assert await _collect(feed, clock, 2) == []


async def test_every_quote_is_sane_on_tick_and_says_where_it_is_from(
    feed: Any, clock: ManualClock
) -> None:
    await feed.connect()
    await feed.watch([SPY, CALL])
    for quote in feed.advance_to(START + timedelta(seconds=30)):
        assert quote.is_sane
        assert quote.bid % quote.instrument.tick == 0
        assert quote.ask % quote.instrument.tick == 0
        assert quote.source == feed.name
        assert quote.is_synthetic is feed.is_synthetic
        assert quote.exchange_at.tzinfo is not None


async def test_quote_is_the_newest_at_or_before_now(feed: Any, clock: ManualClock) -> None:
    await feed.connect()
    clock.advance(4.1)
    quote = await feed.quote(SPY)
    assert quote is not None
    assert 0 <= (clock.now() - quote.exchange_at).total_seconds() < 1


async def test_a_replay_jumps_from_quote_to_quote(feed: Any) -> None:
    await feed.connect()
    await feed.watch([SPY, QQQ])
    seen = []
    for _ in range(10):
        at = feed.upcoming()
        assert at is not None
        batch = feed.advance_to(at)
        assert {quote.exchange_at for quote in batch} == {at}
        seen += batch
    assert len(seen) == 20


async def test_advancing_to_the_same_moment_again_gives_nothing(feed: Any) -> None:
    await feed.connect()
    await feed.watch([SPY])
    assert feed.advance_to(START + timedelta(seconds=5))
    assert feed.advance_to(START + timedelta(seconds=5)) == []
    assert feed.advance_to(START) == []


async def test_stream_and_jumps_tell_the_same_story(
    tmp_path: Path, clock: ManualClock, request: pytest.FixtureRequest
) -> None:
    for make in FEEDS.values():
        clock = ManualClock(START)
        one, two = make(tmp_path, clock), make(tmp_path, clock)
        for feed in (one, two):
            await feed.connect()
            await feed.watch([SPY, CALL])
        assert await _collect(one, clock, 5) == two.advance_to(clock.now())


async def test_close_ends_the_stream_at_once(feed: Any) -> None:
    await feed.connect()
    reader = asyncio.create_task(anext(aiter(feed.stream()), None))
    await _breathe()
    await feed.close()
    assert await asyncio.wait_for(reader, 1) is None
