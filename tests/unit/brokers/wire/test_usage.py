"""Usage: calls of the last minute, what failed, and what the provider says is left."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.brokers._wire.usage import Usage
from engine.clock import ManualClock

START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def usage(clock):
    return Usage(clock)


def test_calls_of_the_last_minute_are_counted_and_older_ones_forgotten(usage, clock):
    for _ in range(5):
        usage.called()
        clock.advance(15)
    assert usage.n_calls == 5
    assert usage.per_min == 3
    clock.advance(60)
    assert (usage.n_calls, usage.per_min) == (5, 0)


def test_a_jump_of_the_wall_clock_forgets_nothing(usage, clock):
    usage.called()
    clock.jump(clock.now() + timedelta(hours=1))
    assert usage.per_min == 1


def test_what_the_provider_says_is_kept_until_it_says_something_else(usage):
    usage.answered(200, {"x-ratelimit-limit": "200", "x-ratelimit-remaining": "17"}, 0.002)
    assert (usage.limit, usage.remaining, usage.last_ms) == (200, 17, 2)
    usage.answered(200, {}, 0.001)
    assert (usage.limit, usage.remaining) == (200, 17)
    usage.answered(200, {"ratelimit-remaining": "16"}, 0.001)
    assert usage.remaining == 16


@pytest.mark.parametrize("odd", ["", "many", "-1", "1.5", "NaN"])
def test_a_figure_that_is_none_is_not_believed(usage, odd):
    usage.answered(200, {"x-ratelimit-remaining": "5"}, 0.001)
    usage.answered(200, {"x-ratelimit-remaining": odd}, 0.001)
    assert usage.remaining == 5


def test_refusals_for_pace_and_failures_are_counted_apart(usage):
    usage.answered(429, {}, 0.001)
    usage.answered(503, {}, 0.001)
    usage.failed()
    usage.answered(200, {}, 0.001)
    assert (usage.n_limited, usage.n_failed) == (1, 2)


def test_memory_stays_small_under_many_calls(usage, clock):
    for _ in range(10_000):
        usage.called()
        clock.advance(0.1)
    assert usage.per_min <= 600
    assert len(usage._recent) <= 601
