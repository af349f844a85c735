"""P-04: background work that fails is shown, told once, started again."""

import asyncio
from typing import Any

import pytest

from bot.supervise import Supervisor
from engine.domain.errors import InvariantError, StoreUnavailable
from tests import rig


@pytest.fixture
async def it() -> Any:
    made = await rig.start()
    yield made
    await made.close()


async def rest() -> None:
    for _ in range(20):
        await asyncio.sleep(0)
    await asyncio.sleep(0.002)


async def pass_time(it: rig.Rig, seconds: float) -> None:
    for _ in range(int(seconds * 2)):
        it.clock.advance(0.5)
        await rest()


async def test_work_that_fails_is_started_again_and_told_once(it: rig.Rig) -> None:
    n = 0

    async def work() -> None:
        nonlocal n
        n += 1
        if n < 4:
            raise ValueError(f"attempt {n}")
        await asyncio.Event().wait()

    keeper = Supervisor(it.desk)
    keeper.keep(work, "pump")
    await rest()
    assert "ValueError" in it.desk.health["task pump"]
    await pass_time(it, 10)
    assert n == 4
    assert sum("“pump” failed" in text for text in it.notes()) == 1
    await pass_time(it, 31)
    assert "task pump" not in it.desk.health
    await keeper.close(1)


async def test_work_that_keeps_failing_is_tried_ever_more_slowly(it: rig.Rig) -> None:
    n = 0

    async def work() -> None:
        nonlocal n
        n += 1
        raise ValueError("always")

    keeper = Supervisor(it.desk)
    keeper.keep(work, "pump")
    await pass_time(it, 300)
    assert 8 <= n <= 11
    assert sum("“pump” failed" in text for text in it.notes()) == 1
    await keeper.close(1)


async def test_a_job_that_fails_is_done_again_at_its_next_time(it: rig.Rig) -> None:
    n = 0

    async def job() -> None:
        nonlocal n
        n += 1
        if n == 1:
            raise StoreUnavailable("locked")
        if n == 2:
            raise ZeroDivisionError

    keeper = Supervisor(it.desk)
    keeper.every(5, job, "sweep")
    await pass_time(it, 6)
    assert it.desk.health["job sweep"] == "locked"
    await pass_time(it, 5)
    assert "ZeroDivisionError" in it.desk.health["job sweep"]
    await pass_time(it, 5)
    assert "job sweep" not in it.desk.health
    assert n == 3
    await keeper.close(1)


async def test_our_own_error_halts_entries(it: rig.Rig) -> None:
    async def work() -> None:
        raise InvariantError("a fill without an order")

    keeper = Supervisor(it.desk)
    keeper.keep(work, "events paper")
    await rest()
    assert "a fill without an order" in it.desk.halted
    await keeper.close(1)


async def test_closing_ends_all_of_it(it: rig.Rig) -> None:
    ended = asyncio.Event()

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    keeper = Supervisor(it.desk)
    keeper.keep(work, "pump")
    await rest()
    await keeper.close(1)
    assert ended.is_set()
