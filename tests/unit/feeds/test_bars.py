"""The past as feeds without a network know it, and as several feeds know it together."""

import statistics
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path as FilePath
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.domain.candle import Candle, Candles, Timeframe, before, began_at, no_candles
from engine.domain.errors import BrokerUnavailable
from engine.domain.instrument import Instrument, future, option, stock
from engine.feeds._several import Several
from engine.feeds.recorded import RecordedFeed
from engine.feeds.synthetic import Path, Plan, SyntheticFeed

D = Decimal
START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
SPY, QQQ = stock("SPY"), stock("QQQ")
CALL = option("SPY", date(2026, 12, 18), D(600), "C")
FRAMES: tuple[Timeframe, ...] = ("1m", "5m", "15m", "1h", "1d")


def made_up(clock: ManualClock, *ways: tuple[float, Decimal]) -> SyntheticFeed:
    plan = Plan(
        paths=(
            Path(instrument=SPY, price=D(600), waypoints=ways),
            Path(instrument=QQQ, price=D(500)),
        )
    )
    return SyntheticFeed(7, clock, plan)


@pytest.mark.parametrize("timeframe", FRAMES)
async def test_a_made_up_past_is_whole_on_tick_flagged_and_always_the_same(
    timeframe: Timeframe,
) -> None:
    clock = ManualClock(START)
    one, two = made_up(clock), made_up(clock)
    clock.advance(1_000)
    told = await one.bars(SPY, timeframe, 200)
    assert told == await two.bars(SPY, timeframe, 200)
    assert (len(told.candles), told.source, told.is_synthetic) == (200, "synthetic", True)
    assert told.as_of == clock.now()
    for older, newer in pairwise(told.candles):
        assert older.is_sane
        assert began_at(before(newer.at, timeframe), timeframe) == older.at
        assert newer.open == older.close
        assert all(p % SPY.tick == 0 for p in (newer.open, newer.high, newer.low, newer.close))
    assert told.candles[-1].at == began_at(clock.now(), timeframe)


async def test_candles_of_the_made_up_market_hold_every_price_that_was_quoted() -> None:
    clock = ManualClock(START)
    feed = made_up(clock, (130.0, D(612)), (260.0, D(603)))
    await feed.watch([SPY])
    seen: dict[datetime, list[Decimal]] = {}
    for _ in range(300):
        clock.advance(1)
        for quote in feed.advance_to(clock.now()):
            seen.setdefault(began_at(quote.exchange_at, "1m"), []).append(quote.mid)
    told = {c.at: c for c in (await feed.bars(SPY, "1m", 6)).candles}
    for began, mids in seen.items():
        candle = told[began]
        assert candle.low - SPY.tick <= min(mids)
        assert max(mids) <= candle.high + SPY.tick
        assert abs(candle.close - mids[-1]) < D("0.05")
    assert max(c.high for c in told.values()) >= D(612)


async def test_days_of_the_made_up_market_move_as_much_as_stated_and_together() -> None:
    clock = ManualClock(START)
    feed = made_up(clock)
    moves = []
    for instrument in (SPY, QQQ):
        closes = [float(c) for c in (await feed.bars(instrument, "1d", 400)).closes]
        moves.append([b / a - 1 for a, b in pairwise(closes)])
    assert 0.12 < statistics.stdev(moves[0]) * 365**0.5 < 0.32
    assert 0.4 < statistics.correlation(*moves) < 0.95


async def test_an_option_of_the_made_up_market_has_its_models_past() -> None:
    clock = ManualClock(START)
    told = await made_up(clock).bars(CALL, "1h", 50)
    assert all(c.is_sane for c in told.candles)
    quote = await made_up(clock).quote(CALL)
    assert quote is not None
    assert quote.bid <= told.candles[-1].close <= quote.ask


async def test_what_the_made_up_market_does_not_know_has_no_past_and_a_reason() -> None:
    told = await made_up(ManualClock(START)).bars(stock("NONE"), "1d", 5)
    assert told.candles == ()
    assert "NONE" in told.missing


async def test_a_window_of_the_past_ends_where_it_is_told_to() -> None:
    feed = made_up(ManualClock(START))
    until = datetime(2026, 11, 10, 5, 0, tzinfo=UTC)
    told = await feed.bars(SPY, "1d", 3, until)
    assert [c.on for c in told.candles] == [date(2026, 11, day) for day in (7, 8, 9)]
    whole = await feed.bars(SPY, "1d", 30)
    assert set(told.candles) < set(whole.candles)


async def test_days_are_counted_in_new_york_across_the_change_of_its_clocks() -> None:
    feed = made_up(ManualClock(START))
    told = await feed.bars(SPY, "1d", 30)
    assert [c.on for c in told.candles] == [
        date(2026, 11, 18) - timedelta(days=29 - n) for n in range(30)
    ]


async def test_a_recording_has_candles_of_what_was_played_and_no_volume(
    tmp_path: FilePath,
) -> None:
    clock = ManualClock(START)
    rows = ["ts_utc,instrument,bid,ask"]
    for n, mid in enumerate((600, 604, 598, 601, 605, 607, 603)):
        at = (START + timedelta(seconds=20 * n)).isoformat()
        rows.append(f"{at},SPY,{mid}.00,{mid}.02")
    file = tmp_path / "quotes.csv"
    file.write_text("\n".join(rows) + "\n")
    feed = RecordedFeed([file], clock)
    await feed.connect()
    clock.advance(90)
    told = await feed.bars(SPY, "1m", 10)
    assert [(c.open, c.high, c.low, c.close, c.volume) for c in told.candles] == [
        (D("600.01"), D("604.01"), D("598.01"), D("598.01"), None),
        (D("601.01"), D("605.01"), D("601.01"), D("605.01"), None),
    ]
    assert (told.source, told.is_synthetic) == ("recorded", False)
    assert (await feed.bars(QQQ, "1m", 10)).missing


class Past:
    """A feed with one candle, none, or none to be had."""

    is_synthetic = False

    def __init__(self, name: str, *, n: int = 0, fails: bool = False, kind: str = "stock") -> None:
        self.name, self.n, self.fails, self.kinds = name, n, fails, frozenset({kind})

    async def bars(
        self, instrument: Instrument, timeframe: Timeframe, n: int, until: datetime | None = None
    ) -> Candles:
        if self.fails:
            raise BrokerUnavailable("no route")
        if not self.n:
            return no_candles(instrument, timeframe, self.name, START, f"{self.name} has none")
        candle = Candle(at=START, open=D(1), high=D(2), low=D(1), close=D(2), volume=D(9))
        return Candles(
            instrument=instrument,
            timeframe=timeframe,
            candles=(candle,) * self.n,
            source=self.name,
            as_of=START,
        )


async def test_the_first_feed_that_has_a_past_tells_it() -> None:
    feeds: Any = [Past("a", fails=True), Past("b"), Past("c", n=2), Past("d", n=3)]
    several = Several(feeds, ManualClock(START))
    several.down = {"d": "gone"}
    told = await several.bars(SPY, "1d", 5)
    assert (told.source, len(told.candles)) == ("c", 2)


async def test_when_no_feed_has_a_past_each_says_why() -> None:
    feeds: Any = [Past("a", fails=True), Past("b"), Past("c", n=2)]
    several = Several(feeds, ManualClock(START))
    several.down = {"c": "gone"}
    told = await several.bars(SPY, "1d", 5)
    assert told.candles == ()
    assert told.missing == "a: BrokerUnavailable; b has none; c is down"
    nobody = await several.bars(future("ES", START.date()), "1d", 5)
    assert nobody.missing == "no feed has prices of a future"
