"""Requests add up to what can be closed; stops only tighten."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from engine.domain.trade import StopPlan, Trade
from engine.exits import Wish
from engine.exits.plan import apply, close_request, tightened
from tests.unit.exits.test_plan import holding
from tests.unit.ledger.bench import NOW, D


def ask(trade: Trade, qty: int | str, request_id: str = "C1", limit: str | None = None) -> Trade:
    if limit is None:
        return close_request(trade, D(qty), "user", NOW, request_id)
    return apply(trade, Wish(rule="user", close_qty=D(qty), limit=D(limit)), NOW, request_id)


def wanted(trade: Trade) -> list[tuple[str, Decimal, Decimal | None]]:
    return [(c.request_id, c.qty, c.limit) for c in trade.closes]


def test_a_request_is_clamped_to_what_is_held() -> None:
    after = ask(holding(4), 10)
    assert wanted(after) == [("C1", 4, None)]
    assert (after.version, after.closes[0].reason) == (2, "user")


def test_what_the_entry_may_still_bring_can_be_asked_for() -> None:
    assert wanted(ask(holding(4, is_entry_over=False, qty_opened=D(4)), 10)) == [("C1", 10, None)]


def test_requests_together_never_exceed_what_is_held() -> None:
    trade = ask(ask(holding(10), 6), 6, "C2")
    assert wanted(trade) == [("C1", 6, None), ("C2", 4, None)]
    assert ask(trade, 1, "C3") is trade


def test_the_same_request_again_changes_nothing() -> None:
    trade = ask(holding(10), 4)
    assert ask(trade, 4) is trade


@pytest.mark.parametrize("qty", ["0", "-3"])
def test_nothing_is_asked_for_nothing(qty: str) -> None:
    trade = holding(10)
    assert ask(trade, qty) is trade


def test_market_takes_units_over_from_limits() -> None:
    trade = ask(ask(holding(10), 4, "C1", "110"), 6, "C2", "120")
    after = ask(trade, 7, "C3")
    assert wanted(after) == [("C2", 3, D(120)), ("C3", 7, None)]
    assert wanted(ask(trade, 10, "C3")) == [("C3", 10, None)]


def test_a_limit_takes_over_from_another_limit_but_never_from_market() -> None:
    trade = ask(ask(holding(10), 4, "C1"), 6, "C2", "110")
    assert wanted(ask(trade, 10, "C3", "105")) == [("C1", 4, None), ("C3", 6, D(105))]
    assert ask(trade, 6, "C3", "110") is trade


def test_the_alerted_price_is_kept() -> None:
    after = close_request(holding(4), D(1), "alert", NOW, "C1", alerted_price=D("2.50"))
    assert after.closes[0].alerted_price == D("2.50")


# -- wishes -----------------------------------------------------------------------------------


def short(stop: str) -> Trade:
    return replace(holding(10, stop=stop), direction=-1)


@pytest.mark.parametrize(
    ("trade", "price", "after"),
    [
        (holding(stop="95"), "96", "96"),
        (holding(stop="95"), "94", "95"),
        (holding(stop="95"), "95", "95"),
        (short("105"), "104", "104"),
        (short("105"), "106", "105"),
        (holding(stop=None), "90", "90"),
    ],
)
def test_stops_only_tighten(trade: Trade, price: str, after: str) -> None:
    for kind in ("fixed", "breakeven", "trailing"):
        plan = StopPlan(price=D(price), kind=kind)  # type: ignore[arg-type]
        assert tightened(trade, plan, NOW).price == D(after)
        changed = apply(trade, Wish(rule="r", stop=plan), NOW, "C1")
        assert changed.stop is not None
        assert changed.stop.price == D(after)


def test_only_a_moved_stop_has_moved() -> None:
    trade = holding(stop="95")
    assert tightened(trade, StopPlan(price=D(96)), NOW).moved_at == NOW
    assert tightened(trade, StopPlan(price=D(94), kind="trailing"), NOW).moved_at is None


def test_a_looser_wish_to_trail_trails_from_where_the_stop_stands() -> None:
    after = tightened(holding(), StopPlan(price=D(90), kind="trailing", trail_usd=D(2)), NOW)
    assert (after.price, after.kind, after.trail_usd) == (D(95), "trailing", 2)


def test_a_wish_that_changes_nothing_leaves_the_trade() -> None:
    trade = holding()
    assert apply(trade, Wish(rule="r"), NOW, "C1") is trade
    assert apply(trade, Wish(rule="r", stop=StopPlan(price=D(90))), NOW, "C1") is trade


@pytest.mark.parametrize(
    ("rule", "kind", "reason"),
    [
        ("targets", "fixed", "target"),
        ("hard_stop", "fixed", "stop"),
        ("hard_stop", "trailing", "trail"),
        ("time_exit", "fixed", "time"),
        ("expiry", "fixed", "expiry"),
        ("something", "fixed", "something"),
    ],
)
def test_the_reason_of_a_close_is_the_traders_word(rule: str, kind: Any, reason: str) -> None:
    trade = replace(holding(), stop=StopPlan(price=D(95), kind=kind))
    after = apply(trade, Wish(rule=rule, close_qty=D(3), limit=D(99)), NOW, "C9")
    assert [(c.request_id, c.qty, c.reason, c.limit) for c in after.closes] == [
        ("C9", 3, reason, 99)
    ]
    assert after.version == trade.version + 1


def test_a_target_is_marked_once() -> None:
    trade = holding(targets=[("110", 5), ("120", 5)])
    wish = Wish(rule="targets", close_qty=D(5), target_no=0, stop=StopPlan(price=D(100)))
    after = apply(trade, wish, NOW, "C1")
    assert [t.is_hit for t in after.targets] == [True, False]
    assert after.stop is not None
    assert (after.stop.price, after.closes[0].qty) == (100, 5)
    assert apply(after, wish, NOW, "C2") is after
    assert apply(after, replace(wish, target_no=7), NOW, "C2") is after
