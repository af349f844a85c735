"""First stop and targets: the author's, else the room's; the wrong side is refused."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, Literal

import pytest

from engine.domain.alert import Action, Level, Signal
from engine.domain.instrument import crypto
from engine.domain.order import PlannedTarget
from engine.domain.source import SourceProfile, TargetRule
from engine.protection import Protection, Refused, protect, rescaled, step_of

D = Decimal


def at(value: str) -> Level:
    return Level(kind="price", value=D(value))


def percent(value: str) -> Level:
    return Level(kind="percent", value=D(value))


def points(value: str) -> Level:
    return Level(kind="points", value=D(value))


FUTURES = SourceProfile(
    name="futures",
    guild_id=1,
    channel_id=12,
    targets=(
        TargetRule(level=points("7"), fraction=D("0.5"), then_stop="entry"),
        TargetRule(level=points("12"), fraction=D("0.5")),
    ),
)
OPTIONS = SourceProfile(name="options", guild_id=1, channel_id=11, default_stop=percent("50"))
BARE = SourceProfile(name="bare", guild_id=1, channel_id=13)


def signal(**more: Any) -> Signal:
    return Signal(**({"action": Action.BTO, "asset": "option", "symbol": "SPY"} | more))


def plan(
    said: Signal,
    profile: SourceProfile = BARE,
    *,
    entry: str = "2.35",
    direction: Literal[1, -1] = 1,
    qty: str = "2",
    tick: str = "0.01",
) -> Protection | Refused:
    return protect(said, profile, entry=D(entry), direction=direction, qty=D(qty), tick=D(tick))


def planned(said: Signal, profile: SourceProfile = BARE, **more: Any) -> Protection:
    found = plan(said, profile, **more)
    assert isinstance(found, Protection), found
    return found


def pairs(found: Protection) -> list[tuple[str, str]]:
    return [(str(t.price), f"{t.qty:f}") for t in found.targets]


# -- stop --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stop", "direction", "expected"),
    [
        (at("1.80"), 1, "1.80"),
        (at("3.00"), -1, "3.00"),
        (percent("25"), 1, "1.77"),  # 1.7625, rounded towards the entry
        (percent("25"), -1, "2.93"),  # 2.9375
        (points("0.5"), 1, "1.85"),
        (points("0.5"), -1, "2.85"),
        (percent("0.1"), 1, "2.34"),  # less than a tick: one tick
        (percent("0.1"), -1, "2.36"),
    ],
)
def test_the_authors_stop(stop: Level, direction: Literal[1, -1], expected: str) -> None:
    assert planned(signal(stop=stop), direction=direction).stop == D(expected)


@pytest.mark.parametrize(
    ("stop", "direction", "code"),
    [
        (at("2.35"), 1, "wrong_side"),
        (at("3.00"), 1, "wrong_side"),
        (at("2.00"), -1, "wrong_side"),
        (at("2.345"), 1, "wrong_side"),  # on the tick it would stand on the entry
        (at("0"), 1, "stop"),
        (at("-1"), 1, "stop"),
        (percent("100"), 1, "stop"),
        (percent("0"), 1, "stop"),
        (percent("-5"), 1, "stop"),
        (at("NaN"), 1, "stop"),
        (Level(kind="percent"), 1, "stop"),
        (Level(kind="breakeven"), 1, "breakeven"),
    ],
)
def test_a_stop_that_is_none_is_refused(stop: Level, direction: Literal[1, -1], code: str) -> None:
    found = plan(signal(stop=stop), direction=direction)
    assert isinstance(found, Refused)
    assert found.code == f"protection.{code}"


def test_the_rooms_stop_when_the_author_has_none() -> None:
    assert planned(signal(), OPTIONS).stop == D("1.18")
    assert planned(signal(stop=at("1.50")), OPTIONS).stop == D("1.50")


def test_no_stop_is_made_up_where_nobody_names_one() -> None:
    assert planned(signal()).stop is None


def test_a_stop_on_the_underlying_is_not_taken_for_one_of_the_option() -> None:
    assert planned(signal(stop_underlying=D("598.5")), OPTIONS).stop == D("1.18")


def test_a_stop_price_off_tick_moves_towards_the_entry() -> None:
    assert planned(signal(stop=at("6316.10")), entry="6326", tick="0.25").stop == D("6316.25")
    short = planned(signal(stop=at("6336.10")), entry="6326", tick="0.25", direction=-1)
    assert short.stop == D("6336.00")


def test_an_entry_of_one_tick_leaves_no_room_for_a_stop() -> None:
    found = plan(signal(), OPTIONS, entry="0.01")
    assert isinstance(found, Refused)
    assert planned(signal(), OPTIONS, entry="0.02").stop == D("0.01")


# -- targets -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("qty", "expected"),
    [
        ("1", [("2.80", "1")]),
        ("2", [("2.80", "1"), ("3.50", "1")]),
        ("3", [("2.80", "1"), ("3.50", "1"), ("4.00", "1")]),
        ("5", [("2.80", "1"), ("3.50", "1"), ("4.00", "3")]),
        ("6", [("2.80", "2"), ("3.50", "2"), ("4.00", "2")]),
    ],
)
def test_the_authors_targets_share_equally_and_the_last_takes_the_rest(
    qty: str, expected: list[tuple[str, str]]
) -> None:
    said = signal(targets=(at("2.80"), at("3.50"), at("4.00")))
    assert pairs(planned(said, qty=qty)) == expected


def test_targets_are_taken_nearest_first() -> None:
    said = signal(targets=(at("3.50"), at("2.80")))
    assert pairs(planned(said)) == [("2.80", "1"), ("3.50", "1")]
    short = planned(signal(targets=(at("1.00"), at("2.00"))), direction=-1)
    assert pairs(short) == [("2.00", "1"), ("1.00", "1")]


@pytest.mark.parametrize(
    ("qty", "expected"),
    [
        ("1", [("6333", "1", "entry")]),
        ("2", [("6333", "1", "entry"), ("6338", "1", "keep")]),
        ("3", [("6333", "2", "entry"), ("6338", "1", "keep")]),
        ("10", [("6333", "5", "entry"), ("6338", "5", "keep")]),
    ],
)
def test_house_targets_are_seven_and_twelve_points(
    qty: str, expected: list[tuple[str, str, str]]
) -> None:
    said = signal(asset="future", stop=at("6316"))
    found = planned(said, FUTURES, entry="6326", tick="0.25", qty=qty)
    got = [(f"{t.price.normalize():f}", f"{t.qty:f}", t.then_stop) for t in found.targets]
    assert got == expected


def test_house_targets_mirror_for_shorts() -> None:
    said = signal(asset="future", action=Action.SHORT, stop=at("6336"))
    found = planned(said, FUTURES, entry="6326", tick="0.25", direction=-1)
    assert [t.price for t in found.targets] == [D(6319), D(6314)]


def test_a_single_contract_goes_at_the_target_the_room_says() -> None:
    later = replace(FUTURES, single_contract_target="t2")
    said = signal(asset="future", stop=at("6316"))
    found = planned(said, later, entry="6326", tick="0.25", qty="1")
    assert [(t.price, t.qty) for t in found.targets] == [(D(6338), D(1))]
    stated = replace(said, targets=(at("6330"), at("6335"), at("6340")))
    found = planned(stated, later, entry="6326", tick="0.25", qty="1")
    assert [(t.price, t.qty) for t in found.targets] == [(D(6335), D(1))]
    only = planned(replace(said, targets=(at("6330"),)), later, entry="6326", qty="1")
    assert [t.price for t in only.targets] == [D(6330)]


def test_stated_targets_replace_the_houses_but_keep_its_stop_move() -> None:
    said = signal(asset="future", stop=at("6316"), targets=(at("6331"), at("6341"), at("6350")))
    found = planned(said, FUTURES, entry="6326", tick="0.25", qty="3")
    assert [t.then_stop for t in found.targets] == ["entry", "keep", "keep"]


@pytest.mark.parametrize(
    ("target", "direction", "expected"),
    [
        (percent("30"), 1, "3.05"),  # 3.055, rounded towards the entry
        (percent("30"), -1, "1.65"),  # 1.645
        (points("1"), 1, "3.35"),
        (percent("0.1"), 1, "2.36"),  # less than a tick: one tick
        (at("3.005"), 1, "3.00"),
    ],
)
def test_targets_by_distance(target: Level, direction: Literal[1, -1], expected: str) -> None:
    found = planned(signal(targets=(target,)), direction=direction)
    assert [t.price for t in found.targets] == [D(expected)]


@pytest.mark.parametrize(
    ("target", "code"),
    [
        (at("2.35"), "target_side"),
        (at("2.00"), "target_side"),
        (at("2.355"), "target_side"),
        (at("NaN"), "target"),
        (percent("0"), "target"),
        (Level(kind="breakeven"), "target"),
        (Level(kind="points"), "target"),
    ],
)
def test_a_target_on_the_wrong_side_is_refused(target: Level, code: str) -> None:
    found = plan(signal(targets=(at("3.00"), target)))
    assert isinstance(found, Refused)
    assert found.code == f"protection.{code}"


def test_a_sold_unit_cannot_fall_below_nothing() -> None:
    found = plan(signal(targets=(percent("100"),)), direction=-1)
    assert isinstance(found, Refused)


def test_coins_are_split_in_parts() -> None:
    said = signal(asset="crypto", targets=(at("110000"), at("120000")))
    found = planned(said, entry="100000", qty="0.05")
    assert [t.qty for t in found.targets] == [D("0.0250"), D("0.0250")]


def test_the_alerts_stop_goes_with_the_rooms_targets() -> None:
    said = signal(asset="future", stop=at("6316"))
    found = planned(said, FUTURES, entry="6326", tick="1", qty="2")
    assert found.stop == D(6316)
    assert [(t.qty, t.price) for t in found.targets] == [(D(1), D(6333)), (D(1), D(6338))]


@pytest.mark.parametrize(
    ("before", "qty", "after"),
    [
        (("5", "4"), "5", ("3", "2")),
        (("1", "1"), "1", ("1",)),
        (("3", "3", "3"), "5", ("2", "2", "1")),
        (("2",), "7", ("7",)),
        ((), "5", ()),
    ],
)
def test_a_plan_over_another_quantity_keeps_its_shares_and_covers_all(before, qty, after) -> None:
    planned = tuple(PlannedTarget(price=D(10 + n), qty=D(q)) for n, q in enumerate(before))
    total = sum((t.qty for t in planned), D(0)) or D(9)
    found = rescaled(planned, total, D(qty), D(1))
    assert [str(t.qty) for t in found] == list(after)
    assert [t.price for t in found] == [t.price for t in planned][: len(found)]


def test_coins_are_split_in_fractions() -> None:
    planned = (PlannedTarget(price=D(10), qty=D("0.3")), PlannedTarget(price=D(11), qty=D("0.2")))
    found = rescaled(planned, D("0.5"), D("0.25"), step_of(crypto("BTC")))
    assert [t.qty for t in found] == [D("0.15"), D("0.10")]
