"""Limits are marketable, on tick, and never chase further than the room allows."""

from decimal import Decimal

import pytest

from engine.domain.errors import InvariantError
from engine.domain.order import Side
from engine.domain.quote import UnitQuote
from engine.domain.source import SourceProfile
from engine.pricing import entry_limit, worst_limit
from tests.unit.risk.facts import quote

D = Decimal
ROOM = SourceProfile(name="options", guild_id=1, channel_id=11)
CENT = D("0.01")


@pytest.mark.parametrize(
    ("side", "alerted", "market", "tick", "expected"),
    [
        (Side.BUY, "2.35", ("2.35", "2.37"), "0.01", "2.38"),  # touch and a tick
        (Side.BUY, "2.35", ("2.60", "2.62"), "0.01", "2.58"),  # alerted and 10 %, rounded down
        (Side.BUY, "2.35", None, "0.01", "2.58"),
        (Side.BUY, None, ("2.35", "2.37"), "0.01", "2.38"),
        (Side.BUY, "2.35", ("1.90", "1.92"), "0.01", "1.93"),  # better than alerted is taken
        (Side.BUY, "180", ("179.95", "180.00"), "0.01", "180.01"),
        (Side.SELL, "0.62", ("0.60", "0.64"), "0.01", "0.59"),
        (Side.SELL, "0.62", ("0.40", "0.44"), "0.01", "0.56"),  # less 10 %, rounded up
        (Side.SELL, "0.62", None, "0.01", "0.56"),
        (Side.BUY, "3.02", ("3.00", "3.10"), "0.05", "3.15"),
        (Side.BUY, "0.01", ("0.01", "0.02"), "0.01", "0.01"),
    ],
)
def test_entry_limit(
    side: Side, alerted: str | None, market: tuple[str, str] | None, tick: str, expected: str
) -> None:
    seen = None if market is None else quote(*market)
    said = None if alerted is None else D(alerted)
    assert entry_limit(side, said, seen, ROOM, D(tick)) == D(expected)


def test_a_future_is_not_chased_by_ten_percent() -> None:
    away = quote("6349.75", "6350")
    assert entry_limit(Side.BUY, D(6326), away, ROOM, D("0.25")) == D("6350.25")
    assert entry_limit(Side.BUY, D(6326), away, ROOM, D("0.25"), "future") == D("6341.75")
    near = quote("6325.75", "6326")
    assert entry_limit(Side.BUY, D(6326), near, ROOM, D("0.25"), "future") == D("6326.25")


def test_shares_have_a_buffer_of_a_tenth_of_a_percent() -> None:
    market = quote("179.95", "180.00")
    assert entry_limit(Side.BUY, D(180), market, ROOM, CENT, "stock") == D("180.18")
    assert entry_limit(Side.SELL, D(180), market, ROOM, CENT, "stock") == D("179.78")


@pytest.mark.parametrize("bad", [quote("NaN", "2"), quote("3", "2"), quote("-2", "-1"), None])
def test_a_quote_that_makes_no_sense_is_no_price(bad: UnitQuote | None) -> None:
    assert entry_limit(Side.BUY, D("2.35"), bad, ROOM, CENT) == D("2.58")
    with pytest.raises(InvariantError):
        entry_limit(Side.BUY, None, bad, ROOM, CENT)
    with pytest.raises(InvariantError):
        entry_limit(Side.BUY, D("NaN"), bad, ROOM, CENT)


@pytest.mark.parametrize(
    ("side", "market", "expected"),
    [
        (Side.SELL, ("2.35", "2.37"), "1.88"),  # 20 % of 2.36 is 0.472, rounded down
        (Side.BUY, ("2.35", "2.37"), "2.84"),
        (Side.SELL, ("0.20", "0.22"), "0.11"),  # the collar is 0.10 at least
        (Side.SELL, ("0.03", "0.05"), "0.01"),  # never below one tick
        (Side.BUY, ("0.03", "0.05"), "0.14"),
    ],
)
def test_an_exit_that_must_leave_crosses_within_a_collar(
    side: Side, market: tuple[str, str], expected: str
) -> None:
    assert worst_limit(side, quote(*market), CENT) == D(expected)


def test_who_leaves_a_unit_that_is_worth_nothing_pays() -> None:
    assert worst_limit(Side.SELL, quote("-0.02", "0.01"), CENT, n_legs=2) == D("-0.11")
    assert worst_limit(Side.BUY, quote("-0.40", "-0.30"), CENT, n_legs=2) == D("-0.25")


def test_without_a_usable_quote_there_is_no_collar() -> None:
    assert worst_limit(Side.SELL, None, CENT) is None
    assert worst_limit(Side.SELL, quote("NaN", "2"), CENT) is None
