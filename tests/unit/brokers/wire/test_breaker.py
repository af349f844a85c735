"""The breaker counts failures on monotonic time, opens, lets one try, and never sticks."""

from datetime import UTC, datetime, timedelta

import pytest

from engine.asking import Rank, asking
from engine.brokers._wire.breaker import Breaker
from engine.clock import ManualClock
from engine.domain.errors import BrokerUnavailable

START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


@pytest.fixture
def clock():
    return ManualClock(START)


@pytest.fixture
def breaker(clock):
    return Breaker("x", clock)


def fail(breaker, times):
    for _ in range(times):
        breaker.enter()
        breaker.failed()


def opened(breaker):
    fail(breaker, 5)
    assert breaker.is_open


def one_may_try_after(breaker, clock, seconds):
    """Not before, and no second one beside it."""
    with pytest.raises(BrokerUnavailable):
        breaker.enter()
    clock.advance(seconds)
    breaker.enter()
    with pytest.raises(BrokerUnavailable):
        breaker.enter()


def test_four_failures_leave_it_closed_and_the_fifth_opens_it(breaker):
    fail(breaker, 4)
    assert not breaker.is_open
    fail(breaker, 1)
    with pytest.raises(BrokerUnavailable):
        breaker.enter()


def test_failures_spread_over_more_than_a_minute_do_not_open_it(breaker, clock):
    for _ in range(20):
        fail(breaker, 1)
        clock.advance(16)
    assert not breaker.is_open


def test_an_answer_in_between_starts_the_count_anew(breaker):
    fail(breaker, 4)
    breaker.succeeded()
    fail(breaker, 4)
    assert not breaker.is_open


def test_after_its_pause_exactly_one_call_may_try(breaker, clock):
    opened(breaker)
    clock.advance(29)
    one_may_try_after(breaker, clock, 1)
    assert breaker.is_open


def test_a_try_that_fails_opens_it_for_another_pause(breaker, clock):
    opened(breaker)
    clock.advance(30)
    fail(breaker, 1)
    assert breaker.is_open
    clock.advance(30)
    breaker.enter()


def test_a_try_that_succeeds_closes_it(breaker, clock):
    opened(breaker)
    clock.advance(30)
    breaker.enter()
    breaker.succeeded()
    fail(breaker, 4)
    assert not breaker.is_open


def test_a_look_before_the_call_takes_nobodys_try_away(breaker, clock):
    opened(breaker)
    clock.advance(30)
    breaker.check()
    breaker.check()
    breaker.enter()
    breaker.succeeded()
    assert not breaker.is_open


@pytest.mark.parametrize("jump_h", [-1, 1, 24])
def test_a_jump_of_the_wall_clock_neither_opens_nor_closes_it(breaker, clock, jump_h):
    """M-03."""
    fail(breaker, 4)
    clock.jump(clock.now() + timedelta(hours=jump_h))
    fail(breaker, 1)
    assert breaker.is_open
    clock.jump(clock.now() + timedelta(hours=jump_h))
    assert breaker.is_open
    clock.advance(30)
    assert not breaker.is_open


def test_a_sign_of_life_lets_one_call_try_at_once_and_opens_nothing_that_is_closed(breaker):
    breaker.invite()
    breaker.enter()
    breaker.succeeded()
    opened(breaker)
    breaker.invite()
    breaker.enter()
    assert breaker.is_open, "one call, not many"
    breaker.failed()
    assert breaker.is_open
    breaker.invite()
    breaker.enter()
    breaker.succeeded()
    assert not breaker.is_open


@pytest.mark.parametrize("who", [Rank.NAKED, Rank.DOUBT])
def test_a_look_for_what_may_be_bare_tries_every_three_seconds(breaker, clock, who):
    opened(breaker)
    with asking(who):
        for _ in range(3):
            one_may_try_after(breaker, clock, 3)
            breaker.failed()
        clock.advance(3)
        breaker.enter()
        breaker.succeeded()
    assert not breaker.is_open
    breaker.enter()


def test_looks_that_fail_keep_nobody_else_out_for_longer(breaker, clock):
    opened(breaker)
    for _ in range(5):
        clock.advance(5)
        with pytest.raises(BrokerUnavailable):
            breaker.enter()
        with asking(Rank.NAKED):
            fail(breaker, 1)
    clock.advance(5)
    breaker.enter()


def test_whoever_is_refused_hears_what_the_last_failure_was(breaker):
    for _ in range(5):
        breaker.enter()
        breaker.failed("x: an answer of status 200 that is no JSON")
    with pytest.raises(BrokerUnavailable, match=r"not answer \(an answer of status 200 that is no"):
        breaker.check()
