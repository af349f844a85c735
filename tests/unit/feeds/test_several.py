"""Several live feeds as one: priority, standing in, reconnecting."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.domain.instrument import Instrument, future, option, stock
from engine.domain.quote import Quote
from engine.feeds import Greeks
from engine.feeds._several import Several
from engine.quality import Quality
from tests.rig import START

QUIET_FEED = """
from engine.feeds import FeedAdapter


class Quiet(FeedAdapter):
    class Settings(FeedAdapter.Settings):
        rest_url: str = ""

    secrets = ("key",)
    kinds = frozenset({"stock"})

    async def connect(self): ...
    async def close(self): ...
    async def quote(self, instrument): ...
    async def watch(self, instruments): ...
    async def stream(self):
        return
        yield
"""
SPY = stock("SPY")
ES = future("ES", START.date())


class Told:
    """A feed that says what the test puts in; ``lost`` ends its stream."""

    is_synthetic = False

    def __init__(self, name: str, kinds: Iterable[str] = ("stock", "future")) -> None:
        self.name = name
        self.kinds = frozenset(kinds)
        self.is_down = False
        self.n_connects = 0
        self.watched: list[Instrument] = []
        self.asked: list[Instrument] = []
        self.queue: asyncio.Queue[Quote | None] = asyncio.Queue()

    async def connect(self) -> None:
        self.n_connects += 1
        if self.is_down:
            raise OSError("no route")

    async def close(self) -> None:
        self.queue.put_nowait(None)

    async def quote(self, instrument: Instrument) -> Quote | None:
        if self.is_down:
            raise OSError("no route")
        self.asked += [instrument]
        return quote(self.name) if instrument == SPY else None

    async def watch(self, instruments: Iterable[Instrument]) -> None:
        self.watched += instruments

    async def stream(self) -> AsyncIterator[Quote]:
        while (said := await self.queue.get()) is not None:
            yield said


def quote(source: str, after_s: float = 0, instrument: Instrument = SPY) -> Quote:
    at = START + timedelta(seconds=after_s)
    price = Decimal(100)
    return Quote(
        instrument=instrument,
        bid=price,
        ask=price,
        exchange_at=at,
        received_at=at,
        source=source,
    )


async def until(check: Any) -> None:
    async with asyncio.timeout(20):
        while not check():  # noqa: ASYNC110 - moved by other tasks, no event to wait for
            await asyncio.sleep(0)


async def collected(feed: Several, into: list[str], quality: Quality | None = None) -> None:
    """What arrives; with ``quality`` as the board does it."""
    async for said in feed.stream():
        if quality is not None:
            quality.heard(said)
        into += [said.source]


async def test_the_first_feed_wins_and_the_next_stands_in_when_it_is_silent() -> None:
    first, second = Told("first"), Told("second")
    both = Several([first, second], ManualClock(START))  # type: ignore[list-item]
    await both.connect()
    heard: list[str] = []
    task = asyncio.create_task(collected(both, heard))
    await both.watch([SPY])
    await until(lambda: not both.down)
    assert first.watched == second.watched == [SPY]
    first.queue.put_nowait(quote("first", 0))
    await until(lambda: heard == ["first"])
    second.queue.put_nowait(quote("second", 1))
    second.queue.put_nowait(quote("second", 5))
    await until(lambda: len(heard) == 2)
    assert heard == ["first", "second"], "one second later the first still counts, five it does not"
    first.queue.put_nowait(quote("first", 6))
    await until(lambda: heard[-1] == "first")
    await both.close()
    await asyncio.wait_for(task, 20)


async def test_a_feed_that_is_down_stops_nothing_and_is_connected_when_it_is_back() -> None:
    clock = ManualClock(START)
    first, second = Told("first"), Told("second")
    first.is_down = True
    both = Several([first, second], clock)  # type: ignore[list-item]
    await both.connect()
    await until(lambda: both.down == {"first": "OSError"})  # a library's words could hold anything
    await both.watch([SPY])
    assert (first.watched, second.watched) == ([], [SPY])
    found = await both.quote(SPY)
    assert found is not None
    assert found.source == "second"
    first.is_down = False
    await until(lambda: clock.next_wake() is not None)
    clock.advance(1)
    await until(lambda: not both.down)
    await until(lambda: first.watched == [SPY])
    second.queue.put_nowait(None)
    await until(lambda: both.down == {"second": "its stream ended"})
    clock.advance(1)
    await until(lambda: second.n_connects == 2)
    await say(second, quote("second"))
    clock.advance(10)
    second.queue.put_nowait(None)
    await until(lambda: both.down == {"second": "its stream ended"})
    assert clock.next_wake() == clock.now() + timedelta(seconds=0.5), "it had stood for a while"
    await both.close()


@asynccontextmanager
async def two(quality: Quality | None = None) -> AsyncIterator[tuple[Told, Told, list[str]]]:
    """Two feeds as one, and whose quotes come through; ``quality`` grades them as the board."""
    first, second = Told("first"), Told("second")
    both, told = Several([first, second], ManualClock(START)), list[str]()  # type: ignore[list-item]
    both.quality = quality
    await both.connect()
    reader = asyncio.create_task(collected(both, told, quality))
    await until(lambda: not both.down)
    yield first, second, told
    await both.close()
    await reader


async def say(feed: Told, said: Quote) -> None:
    """And let it be heard before the next one."""
    feed.queue.put_nowait(said)
    for _ in range(9):
        await asyncio.sleep(0)


async def test_only_what_a_feed_quotes_is_asked_of_it() -> None:
    stocks, futures = Told("stocks", ["stock"]), Told("futures", ["future"])
    both = Several([stocks, futures], ManualClock(START))  # type: ignore[list-item]
    await both.connect()
    await until(lambda: not both.down)
    await both.watch([SPY, ES])
    await both.watch([SPY])
    assert (stocks.watched, futures.watched) == ([SPY], [ES])
    assert await both.quote(ES) is None
    assert (stocks.asked, futures.asked) == ([], [ES])
    await both.close()


async def test_a_feed_that_tells_an_older_market_silences_no_other() -> None:
    """It was passed on and dropped, and for three seconds nobody else was heard."""
    async with two() as (first, second, told):
        await say(first, quote("first"))
        await say(second, quote("second", 4))
        late = replace(quote("first", 4.5), bid=Decimal(99), exchange_at=START)
        await say(first, late)
        await say(second, quote("second", 5))
        assert told == ["first", "second", "second"]


async def test_a_late_feed_that_once_names_the_same_price_silences_no_other() -> None:
    """From then on what it told of a quarter of an hour ago was measured by itself: no price."""
    async with two() as (first, second, told):

        def late(after_s: float, bid: int) -> Quote:
            said = quote("first", after_s)
            return replace(
                said, bid=Decimal(bid), exchange_at=said.received_at - timedelta(minutes=15)
            )

        await say(second, quote("second", 0))
        await say(first, late(4, 100))
        assert told == ["second", "first"], "it says that the price stands"
        for n in range(5, 12):
            await say(first, late(n, 90))
            await say(second, quote("second", n))
        assert told[2:] == ["second"] * 7


@pytest.mark.parametrize(
    ("behind", "next_behind", "heard"),
    [(60, 0, "second"), (59, 0, "first"), (0, 0, "first"), (900, 900, "first")],
)
async def test_a_first_feed_that_is_late_from_the_start_gives_way_to_a_newer_market(
    behind: int, next_behind: int, heard: str
) -> None:
    """Stops acted on prices of long ago while another feed told those of now."""
    async with two() as (first, second, told):
        for n in range(6):
            for feed, behind_s, bid in ((first, behind, 90), (second, next_behind, 100)):
                said = replace(quote(feed.name, n), bid=Decimal(bid))
                made_at = said.exchange_at - timedelta(seconds=behind_s)
                await say(feed, replace(said, exchange_at=made_at))
        assert told[-4:] == [heard] * 4


async def test_a_quiet_market_is_no_late_feed() -> None:
    """Its last quote is told again by each question, and still stands."""
    async with two() as (first, second, told):
        for n in range(0, 120, 2):
            last_at = START - timedelta(minutes=5)
            standing = replace(quote("first", n), bid=Decimal(90), exchange_at=last_at)
            await say(first, standing)
            await say(second, quote("second", n))
        assert set(told) == {"first"}


async def test_a_halt_is_heard_of_whoever_tells_it_and_however_old_its_last_price_is() -> None:
    """What is halted has no newer price: the word of the halt was dropped with it."""
    quality = Quality()
    async with two(quality) as (first, second, _):
        await say(first, quote("first", 60))
        halted = replace(quote("second", 60), exchange_at=START, bid=Decimal(99), is_halted=True)
        await say(second, halted)
    graded = quality.of(SPY, START + timedelta(seconds=61))
    assert graded is not None
    assert graded.is_halted


@pytest.mark.parametrize(("behind_s", "agreement"), [(0, 0), (0.1, 0), (900, None)])
async def test_feeds_whose_stamps_differ_by_moments_are_compared(
    behind_s: float, agreement: float | None
) -> None:
    """The first stamps what it says when it comes: what the next says always was made before."""
    quality = Quality()
    async with two(quality) as (first, second, _):
        for n in range(3):
            await say(first, quote("first", n))
            apart = replace(quote("second", n), bid=Decimal(102), ask=Decimal(102))
            made_at = apart.exchange_at - timedelta(seconds=behind_s)
            await say(second, replace(apart, exchange_at=made_at))
    graded = quality.of(SPY, START + timedelta(seconds=2))
    assert graded is not None
    assert graded.parts["agreement"] == agreement


async def test_what_a_feed_tells_of_a_market_before_its_own_last_one_is_no_price_of_it() -> None:
    """Frames overtake each other: the old one made the price of now a leap."""
    quality = Quality()
    async with two(quality) as (first, _, told):
        for n in range(3):
            await say(first, quote("first", n))
        old = replace(quote("first", 2), bid=Decimal(90), ask=Decimal(90))
        await say(first, replace(old, exchange_at=START + timedelta(seconds=1)))
        assert told == ["first"] * 3
    graded = quality.of(SPY, START + timedelta(seconds=2))
    assert graded is not None
    assert graded.parts["range"] == 1


async def test_a_quote_that_makes_no_sense_is_no_market_that_others_are_behind() -> None:
    """A quiet market's last price, made before it, was nobody's from then on."""
    async with two() as (first, second, told):
        await say(first, replace(quote("first", 1), bid=Decimal("NaN")))
        for n in (5, 9):
            await say(second, replace(quote("second", n), exchange_at=START))
        assert told == ["first", "second", "second"]


async def test_a_feed_of_poor_quality_is_stood_in_for_until_it_is_better() -> None:
    """Rules 3.13: D switches the source; the better one is compared with all the time."""
    first, second = Told("first"), Told("second")
    both = Several([first, second], ManualClock(START))  # type: ignore[list-item]
    both.quality = Quality()
    await both.connect()
    heard: list[str] = []
    task = asyncio.create_task(collected(both, heard, both.quality))
    await both.watch([SPY])
    await until(lambda: not both.down)
    first.queue.put_nowait(quote("first", 0))
    second.queue.put_nowait(quote("second", 0.5))
    await until(lambda: heard == ["first"] and second.queue.empty())
    for n in range(40):
        broken = replace(quote("first", 1 + n / 100), bid=Decimal("NaN"))
        first.queue.put_nowait(broken)
    await until(lambda: both.quality.is_poor("first", SPY, START + timedelta(seconds=2)))
    second.queue.put_nowait(quote("second", 2))
    await until(lambda: heard[-1] == "second")
    n_heard = len(heard)
    await say(first, quote("first", 2.1))
    assert heard[n_heard:] == [], "one good quote does not make it good"
    for n in range(100):
        first.queue.put_nowait(quote("first", 2.2 + n / 100))
    await until(lambda: heard[-1] == "first")
    await both.close()
    await asyncio.wait_for(task, 20)


async def test_a_feed_that_is_lost_is_told_to_the_grades() -> None:
    clock = ManualClock(START)
    first = Told("first")
    alone = Several([first], clock)  # type: ignore[list-item]
    alone.quality = Quality()
    await alone.connect()
    await until(lambda: not alone.down)
    alone.quality.up("first", START - timedelta(seconds=60))
    first.queue.put_nowait(None)
    await until(lambda: "first" in alone.down)
    clock.jump(START + timedelta(seconds=60))
    assert alone.quality.uptime("first", clock.now()) == 0.5
    await alone.close()


async def test_greeks_are_those_of_the_first_feed_that_has_a_model() -> None:
    call = option("SPY", START.date(), Decimal(600), "C")
    known = Greeks(
        instrument=call,
        **dict.fromkeys(
            ("volatility", "delta", "gamma", "theta", "vega", "rho", "price"), Decimal("0.5")
        ),
        exchange_at=START,
        received_at=START,
        source="third",
    )

    async def broken(contract: Instrument) -> Greeks | None:
        raise OSError(contract.key)

    async def nothing(contract: Instrument) -> Greeks | None:
        del contract

    async def model(contract: Instrument) -> Greeks | None:
        return known if contract == call else None

    feeds = [Told(name, ("option",)) for name in ("first", "second", "third")]
    for feed, said in zip(feeds, (broken, nothing, model), strict=True):
        feed.greeks = said  # type: ignore[attr-defined]
    several = Several([Told("shares", ("stock",)), *feeds], ManualClock(START))  # type: ignore[list-item]
    assert await several.greeks(call) is None, "none of them is connected yet"
    several.down.clear()
    assert await several.greeks(call) == known


async def test_a_wall_clock_that_was_set_back_does_not_keep_the_next_feed_waiting() -> None:
    """M-03: what the first said an hour from now does not count as just said."""
    first, second = Told("first"), Told("second")
    both = Several([first, second], ManualClock(START))  # type: ignore[list-item]
    await both.connect()
    heard: list[str] = []
    task = asyncio.create_task(collected(both, heard))
    await both.watch([SPY])
    await until(lambda: not both.down)
    first.queue.put_nowait(quote("first", 3600))
    await until(lambda: heard == ["first"])
    second.queue.put_nowait(quote("second", 10))
    await until(second.queue.empty)
    for _ in range(20):
        await asyncio.sleep(0)
    await both.close()
    await asyncio.wait_for(task, 20)
    assert heard == ["first", "second"]


async def test_a_feed_whose_stamps_are_ahead_of_our_clock_gives_way_and_is_named() -> None:
    """Its price may be of any moment, and it kept the right one of the next feed out."""
    first, second = Told("first"), Told("second")
    first.trouble = second.trouble = ""  # type: ignore[attr-defined]
    clock = ManualClock(START)
    both = Several([first, second], clock)  # type: ignore[list-item]
    await both.connect()
    heard: list[str] = []
    task = asyncio.create_task(collected(both, heard))
    await both.watch([SPY])
    await until(lambda: not both.down)

    def ahead(after_s: float) -> Quote:
        said = quote("first", after_s)
        return replace(said, exchange_at=said.exchange_at + timedelta(hours=1))

    for feed, said in ((first, ahead(0)), (second, quote("second", 1)), (first, ahead(2))):
        feed.queue.put_nowait(said)
        await until(feed.queue.empty)
        await until(lambda: bool(heard))
        await asyncio.sleep(0)
    assert heard == ["first", "second"], "while nobody else has one it is a price to get out by"
    assert both.troubles()["first"].startswith("they are stamped ahead")
    first.queue.put_nowait(quote("first", 3))
    await until(lambda: heard[-1] == "first")
    assert not any(both.troubles().values())
    await both.close()
    await asyncio.wait_for(task, 20)
