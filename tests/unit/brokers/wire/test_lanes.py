"""Lanes: exits never wait behind others, a queue that is too long is refused, pauses are kept."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from engine.brokers._wire import lanes as module
from engine.brokers._wire.lanes import Lanes
from engine.clock import ManualClock
from engine.domain.errors import RateLimited

START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    return ManualClock(START)


def lanes(clock, **allowed):
    return Lanes(clock, allowed or {"exit": (2, 60), "order": (2, 60), "read": (2, 60)})


async def test_turns_within_the_allowance_come_at_once(clock):
    all_lanes = lanes(clock)
    for lane in ("exit", "order", "read"):
        await all_lanes.turn(lane)
        await all_lanes.turn(lane)


async def test_a_full_lane_refuses_what_would_wait_too_long_and_names_the_wait(clock):
    all_lanes = lanes(clock)
    await all_lanes.turn("order")
    await all_lanes.turn("order")
    with pytest.raises(RateLimited) as caught:
        await all_lanes.turn("order")
    assert caught.value.retry_after_s == 30


async def test_exits_pass_while_orders_and_reads_are_full(clock):
    """O-18."""
    all_lanes = lanes(clock)
    for lane in ("order", "read"):
        for _ in range(2):
            await all_lanes.turn(lane)
        with pytest.raises(RateLimited):
            await all_lanes.turn(lane)
    await all_lanes.turn("exit")


async def test_an_exit_waits_for_its_turn_and_is_never_refused_for_the_wait(clock):
    all_lanes = lanes(clock, exit=(1, 60), order=(1, 60))
    await all_lanes.turn("exit")
    waiting = asyncio.create_task(all_lanes.turn("exit"))
    done, _ = await asyncio.wait([waiting], timeout=0.05)
    assert not done
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_a_short_wait_is_waited_for(clock):
    all_lanes = lanes(clock, order=(1, 0.05))
    await asyncio.gather(*(all_lanes.turn("order") for _ in range(4)))


async def test_who_gives_up_waiting_is_not_counted_any_more(clock):
    all_lanes = lanes(clock, order=(1, 4))
    await all_lanes.turn("order")
    for _ in range(5):
        waiting = asyncio.create_task(all_lanes.turn("order"))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_a_lane_without_an_allowance_of_its_own_shares_the_reads(clock):
    all_lanes = lanes(clock, read=(2, 60))
    await all_lanes.turn("order")
    await all_lanes.turn("exit")
    with pytest.raises(RateLimited):
        await all_lanes.turn("read")


async def test_a_pause_shuts_its_lane_alone_until_it_is_over(clock):
    all_lanes = lanes(clock)
    all_lanes.pause("order", 7)
    with pytest.raises(RateLimited) as caught:
        await all_lanes.turn("order")
    assert caught.value.retry_after_s == 7
    await all_lanes.turn("exit")
    await all_lanes.turn("read")
    clock.advance(7)
    await all_lanes.turn("order")


async def test_a_shorter_pause_does_not_end_a_longer_one(clock):
    all_lanes = lanes(clock)
    all_lanes.pause("order", 30)
    all_lanes.pause("order", 1)
    clock.advance(2)
    with pytest.raises(RateLimited):
        await all_lanes.turn("order")


@pytest.mark.parametrize("jump_h", [-1, 1])
async def test_a_jump_of_the_wall_clock_moves_no_pause(clock, jump_h):
    """M-03."""
    all_lanes = lanes(clock)
    all_lanes.pause("order", 5)
    clock.jump(clock.now() + timedelta(hours=jump_h))
    with pytest.raises(RateLimited):
        await all_lanes.turn("order")
    clock.advance(5)
    await all_lanes.turn("order")


async def test_a_turn_that_does_not_come_in_time_is_a_refusal_that_proves_nothing_was_sent(
    clock, monkeypatch
):
    monkeypatch.setattr(module, "TURN_S", 0.05)
    all_lanes = lanes(clock, exit=(1, 60), order=(1, 60))
    await all_lanes.turn_in_time("exit")
    with pytest.raises(RateLimited, match="nothing was sent"):
        await all_lanes.turn_in_time("exit")
    assert all_lanes._waiting["exit"] == 0
