"""The past in memory: asked once, kept while it is true, never a reason to fail or to wait."""

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

import engine.history
from engine.clock import ManualClock
from engine.domain.candle import Candle, Candles, Timeframe, before, began_at, no_candles
from engine.domain.errors import BrokerUnavailable
from engine.domain.instrument import Instrument, stock
from engine.history import History

D = Decimal
START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
SPY = stock("SPY")


class Source:
    """Counts its questions; days of made-up closes."""

    name = "source"

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.asked: list[tuple[str, Timeframe, int, datetime | None]] = []
        self.error: BaseException | None = None
        self.has_none = False
        self.go = asyncio.Event()
        self.go.set()
        self.most = self.n_now = 0

    async def bars(
        self, instrument: Instrument, timeframe: Timeframe, n: int, until: datetime | None = None
    ) -> Candles:
        self.asked.append((instrument.key, timeframe, n, until))
        self.n_now += 1
        self.most = max(self.most, self.n_now)
        await self.go.wait()
        self.n_now -= 1
        if self.error is not None:
            raise self.error
        now = self.clock.now()
        if self.has_none:
            return no_candles(instrument, timeframe, self.name, now, "not listed")
        last = before(until, timeframe) if until is not None else began_at(now, timeframe)
        ats = [before(last, timeframe, k) for k in reversed(range(n))]
        return Candles(
            instrument=instrument,
            timeframe=timeframe,
            candles=tuple(Candle(at=at, open=D(1), high=D(1), low=D(1), close=D(1)) for at in ats),
            source=self.name,
            as_of=now,
        )


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(START)


@pytest.fixture
def source(clock: ManualClock) -> Source:
    return Source(clock)


@pytest.fixture
def history(source: Source, clock: ManualClock) -> History:
    return History(source, clock)


async def test_an_answer_is_given_again_for_fifteen_seconds(
    history: History, source: Source, clock: ManualClock
) -> None:
    first = await history.bars(SPY, "1m", 100)
    clock.advance(14)
    assert await history.bars(SPY, "1m", 100) == first
    assert len(source.asked) == 1
    clock.advance(1)
    await history.bars(SPY, "1m", 100)
    assert len(source.asked) == 2


async def test_like_questions_share_an_answer_and_each_gets_as_much_as_it_asked_for(
    history: History, source: Source
) -> None:
    some, more = await history.bars(SPY, "1m", 60), await history.bars(SPY, "1m", 120)
    assert (len(some.candles), len(more.candles), len(source.asked)) == (60, 120, 1)
    assert some.candles == more.candles[-60:]


async def test_many_who_ask_at_once_are_one_question(history: History, source: Source) -> None:
    source.go.clear()
    asking = [asyncio.create_task(history.bars(SPY, "1m", 60)) for _ in range(20)]
    await asyncio.sleep(0)
    asking[0].cancel()
    source.go.set()
    assert len(await asyncio.gather(*asking[1:])) == 19
    assert len(source.asked) == 1


async def test_finished_days_are_asked_once_a_day_and_leave_today_out(
    history: History, source: Source, clock: ManualClock
) -> None:
    told = await history.daily(["SPY", "QQQ", SPY], 60)
    assert list(told) == ["SPY", "QQQ"]
    assert told["SPY"].candles[-1].on == START.date() - timedelta(days=1)
    assert len(told["SPY"].closes) == 60
    clock.advance(8 * 3600)
    await history.daily(["SPY", "QQQ"], 60)
    assert len(source.asked) == 2
    clock.advance(16 * 3600)
    told = await history.daily(["SPY"], 60)
    assert told["SPY"].candles[-1].on == START.date()
    assert len(source.asked) == 3


async def test_days_with_the_running_one_share_what_is_over_and_ask_for_the_last_alone(
    history: History, source: Source, clock: ManualClock
) -> None:
    told = await history.bars(SPY, "1d", 60)
    assert (len(told.candles), told.candles[-1].on) == (60, START.date())
    assert [c.on for c in told.candles] == [
        START.date() - timedelta(days=59 - n) for n in range(60)
    ]
    assert sorted(n for _, _, n, _ in source.asked) == [2, 130]
    await history.daily([SPY], 100)
    clock.advance(20)
    await history.bars(SPY, "1d", 130)
    assert sorted(n for _, _, n, _ in source.asked) == [2, 2, 130]
    source.has_none = True
    nobody = await history.bars(stock("NONE"), "1d", 60)
    assert (nobody.candles, nobody.missing) == ((), "not listed")


@pytest.mark.parametrize(
    ("error", "why"),
    [(BrokerUnavailable("the line is cut"), "the line is cut"), (KeyError("t"), "KeyError")],
)
async def test_a_source_that_fails_is_a_reason_and_is_asked_again_after_a_minute(
    history: History, source: Source, clock: ManualClock, error: Exception, why: str
) -> None:
    source.error = error
    told = await history.bars(SPY, "1d", 10)
    assert told.candles == ()
    assert why in told.missing
    n_asked = len(source.asked)
    await history.bars(SPY, "1d", 10)
    assert len(source.asked) == n_asked
    source.error = None
    clock.advance(60)
    assert (await history.bars(SPY, "1d", 10)).candles


async def test_one_that_never_answers_is_given_up(
    history: History, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.history, "PATIENCE_S", 0.01)
    source.go.clear()
    assert "no answer" in (await history.bars(SPY, "1d", 10)).missing


async def test_a_feed_without_history_and_no_feed_at_all_say_so(clock: ManualClock) -> None:
    for feed in (None, object()):
        told = await History(feed, clock).bars(SPY, "1d", 10)
        assert "keeps no history" in told.missing


async def test_a_source_is_asked_few_things_at_once(history: History, source: Source) -> None:
    source.go.clear()
    asking = asyncio.create_task(history.daily([f"S{n}" for n in range(30)], 20))
    for _ in range(10):
        await asyncio.sleep(0)
    assert source.most == 8
    source.go.set()
    assert len(await asking) == 30


async def test_what_is_kept_stays_within_bounds(
    history: History, source: Source, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine.history, "_MOST_CANDLES", 1_000)
    for n in range(40):
        await history.bars(stock(f"S{n}"), "1m", 100)
    assert sum(len(kept.answer.candles) for kept in history._kept.values()) <= 1_000
    n_asked = len(source.asked)
    await history.bars(stock("S39"), "1m", 100)
    assert len(source.asked) == n_asked
    await history.bars(stock("S0"), "1m", 100)
    assert len(source.asked) == n_asked + 1


async def test_a_window_that_lies_in_the_future_is_now(history: History, source: Source) -> None:
    await history.bars(SPY, "1m", 10, START + timedelta(days=1))
    assert source.asked[0][3] is None
