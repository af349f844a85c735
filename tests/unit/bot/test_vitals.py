"""The process's pulse: what is late is noticed, and nothing depends on it."""

import asyncio
from types import SimpleNamespace
from typing import Any

from bot.vitals import Vitals
from engine.brokers._wire.usage import Usage
from engine.clock import ManualClock
from engine.domain.errors import StoreUnavailable
from engine.reports import Frame
from engine.reports.metrics import LAG_MS, p95
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
    outside = SimpleNamespace(apis=list)
    usage = SimpleNamespace(took_ms=[])
    app: Any = SimpleNamespace(
        clock=clock, store=books, started_at=START, reading=reading, outside=outside, usage=usage
    )
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


async def test_of_replies_and_brokers_answers_95_of_100_are_quicker() -> None:
    made, books = vitals(ManualClock(START))
    app = made._app
    await made.look()
    names = [v.name for v in made.report().vitals]
    assert "reply p95" not in names, "nobody has asked for anything yet"
    app.usage.took_ms = [float(n) for n in range(1, 101)]
    quick, slow = Usage(books.clock), Usage(books.clock)
    for n in range(40):
        quick.answered(200, {}, 0.020)
        slow.answered(200, {}, 0.9 if n < 3 else 0.2)
    apis = [SimpleNamespace(p95_ms=p95(u.waits_ms)) for u in (quick, slow, Usage(books.clock))]
    app.outside.apis = lambda: apis
    await made.look()
    now = {v.name: v.now for v in made.report().vitals}
    assert (now["reply p95"], now["API p95"]) == (95, 900)
    assert [p95([]), p95([7.0]), p95([1.0, 2.0])] == [None, 7.0, 2.0]
