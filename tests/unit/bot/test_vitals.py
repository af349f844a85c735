"""The process's pulse: what is late is noticed, and nothing depends on it."""

import asyncio
from types import SimpleNamespace
from typing import Any

from bot.vitals import Vitals
from engine.clock import ManualClock
from engine.domain.errors import StoreUnavailable
from engine.reports import Frame
from engine.reports.metrics import LAG_MS
from tests.rig import START


class Books:
    """Answers when the clock has moved on, or not at all."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.is_lost = False
        self.takes_s = 0.04

    async def get(self, *_: Any) -> None:
        if self.is_lost:
            raise StoreUnavailable("gone")
        self.clock.advance(self.takes_s)


def vitals(clock: ManualClock) -> tuple[Vitals, Books]:
    books = Books(clock)
    reading = SimpleNamespace(frame=lambda: Frame(now=clock.now()))
    app: Any = SimpleNamespace(clock=clock, store=books, started_at=START, reading=reading)
    return Vitals(app), books


async def breathe() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def test_a_loop_that_wakes_late_is_seen_once_with_its_worst_lag() -> None:
    clock = ManualClock(START)
    made, _ = vitals(clock)
    beating = asyncio.create_task(made.beat())
    for step in (0.25, 0.75, 0.25):
        await breathe()
        clock.advance(step)
    await breathe()
    await made.look()
    await made.look()
    first, second = made.report().samples
    assert round(first.lag_ms) == 500
    assert second.lag_ms < 100
    assert round(first.store_ms) == 40
    (lag,) = [v for v in made.report().vitals if v.name == "loop lag"]
    assert (round(lag.worst), lag.is_well) == (500, True)
    assert lag.worst > LAG_MS
    beating.cancel()
    await asyncio.gather(beating, return_exceptions=True)


async def test_books_that_do_not_answer_leave_no_sample_and_no_error() -> None:
    clock = ManualClock(START)
    made, books = vitals(clock)
    books.is_lost = True
    await made.look()
    assert made.report().samples == ()
    assert made.report().vitals == ()
