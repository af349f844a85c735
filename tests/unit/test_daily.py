"""Daily closes at hand: asked once a day, never waited for longer than allowed, never raising."""

import asyncio
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.clock import ManualClock
from engine.daily import DailyCloses
from engine.domain.candle import Candle, Candles, day_began, no_candles
from engine.domain.instrument import Instrument, stock
from engine.flows.limits import learning
from tests.rig import MIKE, STOCKS, d, profiles, start

NOW = datetime(2025, 1, 29, 15, 0, tzinfo=UTC)


class Past:
    """A source of candles that counts its questions, and may be slow or broken."""

    def __init__(self, clock: ManualClock, *, wait_s: float = 0, missing: str = "") -> None:
        self.clock, self.wait_s, self.missing = clock, wait_s, missing
        self.asked: list[list[str]] = []

    async def daily(self, what: Iterable[Instrument], n: int) -> dict[str, Candles]:
        wanted = list(what)
        self.asked.append([i.key for i in wanted])
        await self.clock.sleep(self.wait_s)
        return {i.key: self._of(i) for i in wanted}

    def _of(self, of: Instrument) -> Candles:
        now = self.clock.now()
        if self.missing:
            return no_candles(of, "1d", "test", now, self.missing)
        days = [day_began(date(2024, 6, 3) + timedelta(days=k)) for k in range(90)]
        price = [Decimal(100) + (k * 7) % 11 for k in range(90)]
        rows = tuple(
            Candle(at=at, open=p, high=p, low=p, close=p) for at, p in zip(days, price, strict=True)
        )
        broken = Candle(at=days[-1] + timedelta(days=1), open=d(0), high=d(0), low=d(0), close=d(0))
        return Candles(
            instrument=of, timeframe="1d", candles=(*rows, broken), source="test", as_of=now
        )


def closes(**more: Any) -> tuple[DailyCloses, Past, ManualClock]:
    clock = ManualClock(NOW)
    past = Past(clock, **more)
    return DailyCloses(clock, past), past, clock  # type: ignore[arg-type]


async def test_each_symbol_is_asked_for_once_a_day_and_days_without_a_price_are_left_out():
    known, past, clock = closes()
    await known.learn(["SPY", "AAPL", "SPY"])
    await known.learn(["SPY"])
    assert past.asked == [["SPY", "AAPL"]]
    found = known.of(["SPY", "AAPL", "QQQ"])
    assert set(found) == {"SPY", "AAPL"}
    assert len(found["SPY"].days) == 90
    clock.advance(86_400)
    assert known.of(["SPY"]) == {}
    await known.learn(["SPY"])
    assert past.asked[-1] == ["SPY"]


async def test_what_is_missing_says_why_and_is_asked_for_again_a_minute_later():
    known, past, clock = closes(missing="no such symbol")
    await known.learn(["XXXX"])
    await known.learn(["XXXX"])
    assert len(past.asked) == 1
    assert known.why_not("XXXX") == "XXXX: no such symbol"
    assert "not read yet" in known.why_not("SPY")
    clock.advance(61)
    await known.learn(["XXXX"])
    assert len(past.asked) == 2


async def test_a_slow_source_is_not_waited_for_and_a_bad_name_does_not_raise():
    known, _, _ = closes(wait_s=30)
    async with asyncio.timeout(20):
        await known.learn(["SPY"], 0.05)
    assert known.of(["SPY"]) == {}
    assert known.why_not("SPY") == "its source is slow"
    await known.learn(["no name!"])
    assert known.why_not("no name!") == "'no name!' is not an instrument name"
    without = DailyCloses(ManualClock(NOW))
    await without.learn(["SPY"])
    assert "no source" in without.why_not("SPY")


async def test_an_entry_asks_only_for_what_it_is_compared_with():
    it = await start(
        risk={
            "correlation": {},
            "min_reward": {"min_ratio": 0},
            "stop_distance": {"stock_max_pct": 5},
        },
        sources=profiles(chase_limit_pct=d(1)),
    )
    past = Past(it.clock)
    it.desk.closes.history = past  # type: ignore[assignment]
    for symbol in ("MSFT", "XOM"):
        made = stock(symbol)
        it.quote(made, "99.98", "100.00")
        await it.say(f"BOUGHT {symbol} @ 100.00", channel=STOCKS, author=MIKE)
        await it.fill(made, "99.98", "100.00")
    assert past.asked == [["XOM", "MSFT"]], "the first entry had nothing to be compared with"
    assert len(it.trades()) == 1, "the same made-up closes: one bet twice"
    (held,) = it.trades()
    await learning.before_entry(it.desk, "main", held.legs, -1)
    assert len(past.asked) == 1, "the other way nothing is compared"
    await it.close()
