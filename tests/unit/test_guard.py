"""The price guard: trade what is still to be had, ask in between, let go what ran away."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from engine.domain.alert import Asset
from engine.domain.order import Side
from engine.domain.source import SourceProfile
from engine.guard import GuardVerdict, judge
from tests.unit.risk.facts import NOW, quote

D = Decimal
ROOM = SourceProfile(name="options", guild_id=1, channel_id=11)


def verdict(
    bid: str = "2.35",
    ask: str = "2.37",
    *,
    alerted: str | None = "2.35",
    side: Side = Side.BUY,
    **more: Any,
) -> GuardVerdict:
    facts: dict[str, Any] = {
        "side": side,
        "alerted": None if alerted is None else D(alerted),
        "alerted_range": None,
        "quote": quote(bid, ask),
        "profile": ROOM,
        "posted_at": NOW - timedelta(seconds=3),
        "now": NOW,
        "max_quote_age_s": D(5),
    }
    return judge(**(facts | more))


def test_trades_at_what_can_be_had_and_gives_the_figures() -> None:
    said = verdict()
    assert (said.decision, said.code, said.achievable) == ("trade", "guard.ok", D("2.37"))
    assert said.deviation_pct is not None
    assert round(said.deviation_pct, 2) == D("0.85")
    assert said.reason == "2.37 can be had, 0.9 % worse than alerted"


@pytest.mark.parametrize(
    ("ask", "decision", "code"),
    [
        ("2.00", "trade", "guard.ok"),
        ("2.20", "trade", "guard.ok"),  # exactly the chase limit of 10 %
        ("2.21", "ask", "guard.chase"),
        ("2.50", "ask", "guard.chase"),  # exactly the ask limit of 25 %
        ("2.51", "skip", "guard.too_far"),
        ("9.99", "skip", "guard.too_far"),
        ("10.00", "ask", "guard.magnitude"),
        ("20.00", "ask", "guard.magnitude"),
        ("1.50", "trade", "guard.ok"),  # 25 % better
        ("1.49", "ask", "guard.too_cheap"),
        ("0.40", "ask", "guard.magnitude"),
    ],
)
def test_a_buyer_looks_at_the_ask(ask: str, decision: str, code: str) -> None:
    said = verdict(ask, ask, alerted="2.00")
    assert (said.decision, said.code) == (decision, code)


@pytest.mark.parametrize(
    ("bid", "decision"),
    [("2.00", "trade"), ("1.80", "trade"), ("1.79", "ask"), ("1.50", "ask"), ("1.49", "skip")],
)
def test_a_seller_looks_at_the_bid(bid: str, decision: str) -> None:
    said = verdict(bid, bid, alerted="2.00", side=Side.SELL)
    assert said.decision == decision
    assert said.achievable == D(bid)


def test_never_trades_without_a_quote() -> None:
    said = verdict(quote=None)
    assert (said.decision, said.code) == ("ask", "guard.no_quote")
    assert said.reason == "no quote at receipt"
    assert said.achievable is None
    assert said.deviation_pct is None


@pytest.mark.parametrize("seconds", [6, 3600, -6])
def test_never_trades_on_a_stale_quote(seconds: int) -> None:
    old = quote(received_at=NOW - timedelta(seconds=seconds))
    said = verdict(quote=old)
    assert (said.decision, said.code) == ("ask", "guard.stale_quote")


@pytest.mark.parametrize(
    ("bid", "ask"), [("NaN", "2"), ("2", "NaN"), ("2.4", "2.3"), ("2", "Infinity"), ("0", "0")]
)
def test_never_trades_on_an_insane_quote(bid: str, ask: str) -> None:
    said = verdict(bid, ask)
    assert (said.decision, said.code) == ("ask", "guard.insane_quote")
    assert said.achievable is None


def test_asks_when_nobody_bids() -> None:
    assert verdict("0", "2.35").code == "guard.no_bid"
    assert verdict("-0.05", "2.35").code == "guard.no_bid"


def test_asks_when_the_alert_is_older_than_the_room_allows() -> None:
    at_limit = verdict(posted_at=NOW - timedelta(seconds=60))
    assert at_limit.decision == "trade"
    late = verdict(posted_at=NOW - timedelta(seconds=61))
    assert (late.decision, late.code) == ("ask", "guard.old_alert")
    assert late.reason == "the alert is 61 s old, this room's limit is 60 s"


def test_asks_when_the_spread_is_wide() -> None:
    assert verdict("2.00", "2.32", alerted="2.32").decision == "trade"
    wide = verdict("2.00", "2.40", alerted="2.40")
    assert (wide.decision, wide.code) == ("ask", "guard.spread")


def test_an_alert_at_market_is_judged_by_spread_and_age_alone() -> None:
    said = verdict(alerted=None)
    assert (said.decision, said.deviation_pct) == ("trade", None)
    assert said.reason == "2.37 can be had, no price was alerted"
    assert verdict("2.00", "2.40", alerted=None).code == "guard.spread"
    assert verdict(alerted=None, posted_at=NOW - timedelta(seconds=90)).code == "guard.old_alert"


def test_inside_an_alerted_range_nothing_is_worse() -> None:
    within: dict[str, Any] = {"alerted": None, "alerted_range": (D("2.00"), D("2.40"))}
    assert verdict("2.38", "2.40", **within).deviation_pct == 0
    assert verdict("2.62", "2.64", **within).decision == "trade"
    assert verdict("2.63", "2.65", **within).code == "guard.chase"
    assert verdict("1.48", "1.49", **within).code == "guard.too_cheap"


@pytest.mark.parametrize("alerted", ["0", "-1", "NaN", "Infinity"])
def test_asks_when_the_alerted_price_is_no_price(alerted: str) -> None:
    assert verdict(alerted=alerted).code == "guard.alerted_price"
    for low, high in (("3", "2"), ("2", "NaN"), ("NaN", "2"), ("2", "Infinity")):
        broken: dict[str, Any] = {"alerted": None, "alerted_range": (D(low), D(high))}
        assert verdict(**broken).code == "guard.alerted_price"


def test_skip_outranks_ask() -> None:
    said = verdict("2.90", "3.00", alerted="2.00", posted_at=NOW - timedelta(seconds=90))
    assert said.code == "guard.too_far"


def test_a_slip_of_the_pen_is_asked_not_skipped() -> None:
    said = verdict("2.34", "2.36", alerted="23.5")
    assert (said.decision, said.code) == ("ask", "guard.magnitude")
    assert said.reason == "alerted 23.5, but the market is at 2.36: a slip?"


@pytest.mark.parametrize(
    ("asset", "ask", "decision"),
    [
        ("future", "6341.75", "trade"),  # 0.249 %
        ("future", "6342.00", "ask"),
        ("future", "6389.50", "skip"),  # 1.004 %
        ("stock", "6357.00", "trade"),
        ("stock", "6358.00", "ask"),
        ("option", "6900.00", "trade"),
        (None, "6900.00", "trade"),
    ],
)
def test_prices_that_are_no_premium_have_tighter_limits(
    asset: Asset | None, ask: str, decision: str
) -> None:
    said = verdict(ask, ask, alerted="6326", asset=asset)
    assert said.decision == decision


def test_a_room_may_be_stricter_than_the_cap_of_the_asset() -> None:
    strict = replace(ROOM, chase_limit_pct=D(0))
    assert verdict("2.35", "2.35", profile=strict).decision == "trade"
    assert verdict("2.36", "2.36", profile=strict).code == "guard.chase"
    assert verdict("2.36", "2.36", profile=strict, asset="future").code == "guard.chase"
