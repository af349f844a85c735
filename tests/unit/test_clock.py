"""The clock that a replay moves by hand."""

import asyncio
from datetime import UTC, datetime

import pytest

from engine.clock import ManualClock


@pytest.mark.parametrize("seconds", [1.9997231234, 0.0000001, 1 / 3, 2.0])
async def test_a_sleeper_wakes_at_the_moment_that_is_named_for_it(seconds):
    """A replay goes from one to the next: one that wakes nobody would be named for ever."""
    clock = ManualClock(datetime(2026, 11, 20, 15, 0, tzinfo=UTC))
    clock.advance(0.1)
    asleep = asyncio.create_task(clock.sleep(seconds))
    await asyncio.sleep(0)
    for _ in range(2):
        if (due := clock.next_wake()) is not None:
            clock.to(due)
    await asyncio.sleep(0)
    assert asleep.done()
