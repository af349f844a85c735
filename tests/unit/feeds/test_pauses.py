"""How long a lost source is left alone."""

from datetime import UTC, datetime

from engine.clock import ManualClock
from engine.feeds._pauses import Pauses

START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


def test_one_that_never_comes_is_called_less_and_less() -> None:
    pauses = Pauses(ManualClock(START))

    assert [pauses.lost_s() for _ in range(7)] == [0.5, 1, 2, 5, 10, 30, 30]


def test_one_that_delivers_in_between_is_called_within_five_seconds() -> None:
    clock = ManualClock(START)
    pauses, waited = Pauses(clock), list[float]()
    for _ in range(6):
        pauses.up()
        clock.advance(1)
        waited.append(pauses.lost_s())

    assert waited == [0.5, 1, 2, 5, 5, 5]


def test_one_that_stood_for_a_while_is_called_at_once() -> None:
    clock = ManualClock(START)
    pauses = Pauses(clock)
    for _ in range(4):
        pauses.lost_s()
    pauses.up()
    clock.advance(6)
    pauses.up()  # every quote says so
    clock.advance(5)

    assert pauses.lost_s() == 0.5
