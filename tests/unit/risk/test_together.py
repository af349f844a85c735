"""Limits on what is held together: sectors, correlation, freezes, and overrides that expire."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from engine.domain.curbs import Freeze, Override
from engine.domain.instrument import stock
from engine.domain.order import Side
from engine.domain.quote import Leg
from engine.portfolio.closes import Closes
from engine.portfolio.sectors import UNKNOWN
from engine.risk import Denial, Remark, run_checks
from engine.risk.load import load_checks
from tests.unit.portfolio.test_statistics import walk
from tests.unit.risk.facts import (
    MES,
    NOW,
    PUT,
    check,
    code,
    credit_spread,
    denied,
    facts,
    held,
    intent,
    micro,
    pending,
    quote,
    shares,
    trade,
)

D = Decimal
MSFT = (Leg(instrument=stock("MSFT")),)


def alike(*names: str, share: float = 1.0) -> dict[str, Closes]:
    """Closes of these: ``share`` of what moves them is common."""
    return {n: walk(n, 120, like=share) for n in names}


def with_msft(direction: int = 1, **more):
    return facts(**held(trade("T-x", legs=MSFT, direction=direction), usd="9000"), **more)


# -- sector -------------------------------------------------------------------------------------


def test_a_sector_is_full_at_forty_percent_of_equity_open_and_pending_together():
    seen = facts(
        trades=(trade("T-x", legs=MSFT),),
        pending=(pending("T-p", legs=MSFT),),
        notional_by_trade={"T-x": D(20_000), "T-p": D(13_000)},
    )
    assert code("sector", shares(), seen) == "sector.limit"  # 7,200 more of 40,000
    assert code("sector", shares(qty=D(38)), seen) == ""  # 6,840
    said = check("sector").check(shares(), seen)
    assert said is not None
    assert "AAPL is Technology: $40,200.00 there with this entry" in said.detail


def test_other_sectors_do_not_count_and_index_funds_belong_to_none():
    seen = facts(**held(trade("T-x", legs=MSFT), usd="39000"))
    energy = (Leg(instrument=stock("XOM")),)
    assert code("sector", shares(symbol="XOM", legs=energy), seen) == ""
    assert code("sector", intent(qty=D(200), limit=D("2.37")), seen) == ""
    assert code("sector", micro(), seen) == ""


def test_symbols_that_no_table_knows_share_one_sector_and_the_denial_says_so():
    odd, other = (Leg(instrument=stock("ODDX")),), (Leg(instrument=stock("OTHX")),)
    seen = facts(**held(trade("T-x", legs=odd), usd="39000"))
    denial = check("sector").check(shares(symbol="OTHX", legs=other), seen)
    assert denial is not None
    assert UNKNOWN in denial.detail
    known = replace(seen, sectors={"OTHX": "Energy"})
    assert code("sector", shares(symbol="OTHX", legs=other), known) == ""


def test_an_unknown_exposure_or_equity_in_the_sector_denies():
    seen = facts(trades=(trade("T-x", legs=MSFT),))
    assert code("sector", shares(), seen) == "sector.unknown"
    assert code("sector", shares(), facts(equity_usd=None)) == "sector.unknown"
    assert code("sector", shares(qty=D("NaN")), facts()) == "sector.unknown"


def test_the_fullest_sector_is_shown_as_a_gauge():
    (gauge,) = check("sector").gauges(facts(**held(trade("T-x", legs=MSFT), usd="12000")))
    assert (gauge.now, gauge.limit) == (D(12), D(40))
    (unknown,) = check("sector").gauges(facts(trades=(trade("T-x", legs=MSFT),)))
    assert unknown.now is None


# -- correlation --------------------------------------------------------------------------------


def test_what_moves_with_something_held_the_same_way_is_denied():
    seen = with_msft(closes=alike("AAPL", "MSFT"))
    denial = check("correlation").check(shares(), seen)
    assert denial is not None
    assert denial.code == "correlation.limit"
    assert "AAPL moves with MSFT: correlation 1.00 over 60 days" in denial.detail
    assert code("correlation", shares(), with_msft(closes=alike("AAPL", "MSFT", share=0))) == ""


def test_the_other_direction_and_the_same_underlying_are_no_repetition():
    closes = alike("AAPL", "MSFT", "SPY")
    assert code("correlation", shares(), with_msft(-1, closes=closes)) == ""
    put = intent(legs=PUT)
    assert code("correlation", put, with_msft(closes=closes)) == ""
    sold_put = credit_spread()
    assert code("correlation", sold_put, with_msft(closes=closes)) == "correlation.limit"
    own = facts(**held(trade("T-x", legs=shares().legs)))
    assert code("correlation", shares(), own) == ""


def test_index_funds_and_futures_are_exempt_from_each_other():
    qqq = (Leg(instrument=stock("QQQ")),)
    seen = facts(**held(trade("T-x", legs=qqq), trade("T-y", legs=MES)))
    assert code("correlation", intent(), seen) == ""
    assert code("correlation", micro(), seen) == ""


@pytest.mark.parametrize(
    ("closes", "why"),
    [
        ({}, "no daily closes of AAPL"),
        ({"AAPL": walk("AAPL")}, "no daily closes of MSFT"),
        ({"AAPL": walk("AAPL", 200), "MSFT": walk("MSFT", 30)}, "29 common days of 40"),
    ],
)
def test_what_cannot_be_told_is_denied_where_money_is_real_and_said_on_paper(closes, why):
    for unsure in (False, None):
        denial = check("correlation").check(
            shares(), with_msft(closes=closes, is_paper_broker=unsure)
        )
        assert isinstance(denial, Denial)
        assert denial.code == "correlation.unknown"
        assert why in denial.detail
    said = check("correlation").check(shares(), with_msft(closes=closes))
    assert isinstance(said, Remark)
    assert why in said.detail
    assert "on paper it passes" in said.detail


def test_at_a_limit_of_one_nothing_is_asked_and_at_nought_everything_denied():
    assert code("correlation", shares(), with_msft(), max_correlation=1) == ""
    apart = with_msft(closes=alike("AAPL", "MSFT", share=0.3))
    assert code("correlation", shares(), apart, max_correlation=0) == "correlation.limit"
    real = replace(apart, is_paper_broker=False)
    assert code("correlation", shares(), real, days=0) == "correlation.unknown"


# -- freezes ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scope", "name", "hits"),
    [
        ("all", "", True),
        ("symbol", "SPY", True),
        ("symbol", "AAPL", False),
        ("strategy", "SPY", False),
        ("strategy", "options", True),
        ("strategy", "futures", False),
        ("broker", "paper", True),
        ("broker", "alpaca", False),
        ("author", "101", True),
        ("author", "10", False),
    ],
)
def test_a_freeze_holds_up_what_it_names_and_nothing_else(scope, name, hits):
    made = Freeze(scope=scope, name=name, by="ada", at=NOW, reason="earnings tonight")
    seen = facts(freezes=(made,))
    assert code("frozen", intent(), seen) == ("frozen.by_admin" if hits else "")
    exit_ = replace(intent(), purpose="close")
    assert run_checks(load_checks({}), exit_, seen) == ()


@pytest.mark.parametrize("named", ["SPX", "SPXW"])
def test_a_freeze_of_an_index_holds_up_all_its_options(named):
    made = Freeze(scope="symbol", name=named, by="ada", at=NOW, reason="earnings tonight")
    for symbol in ("SPX", "SPXW"):
        assert code("frozen", replace(intent(), symbol=symbol), facts(freezes=(made,)))


# -- overrides ----------------------------------------------------------------------------------


def said(target: str, symbol: str = "", minutes: int = 10) -> Override:
    until = NOW + timedelta(minutes=minutes)
    return Override(target=target, symbol=symbol, until=until, by="ada", reason="hedged")  # type: ignore[arg-type]


def test_an_override_lets_its_own_limit_pass_and_the_verdict_says_both():
    full = facts(
        **held(trade("T-x", legs=MSFT), usd="39000"),
        closes=alike("AAPL", "MSFT", share=0),
        quote=quote("179.95", "180.00"),
    )
    assert denied(shares(), full) == ["sector.limit"]
    passed = replace(full, overrides=(said("sector", "AAPL"),))
    assert denied(shares(), passed) == []
    (verdict,) = (v for v in run_checks(load_checks({}), shares(), passed) if v.check == "sector")
    assert verdict.code == "sector.overridden"
    assert "the limit is $40,000.00" in verdict.detail
    assert "overridden by ada: hedged" in verdict.detail
    for other in (said("sector", "MSFT"), said("sector", minutes=0), said("correlation")):
        assert denied(shares(), replace(full, overrides=(other,))) == ["sector.limit"]


def test_overrides_of_time_and_correlation_work_and_a_closed_market_stays_closed():
    early = facts(minutes_after_open=1, overrides=(said("entry-window"),))
    assert denied(intent(), early) == []
    closed = facts(
        session_on=None,
        minutes_after_open=None,
        minutes_to_close=None,
        overrides=(said("entry-window"),),
    )
    assert denied(intent(), closed) == ["entry_window.closed"]
    unknown = with_msft(overrides=(said("correlation"),), quote=quote("179.95", "180.00"))
    assert denied(shares(), unknown) == []


def test_hard_caps_know_no_override():
    soft = {name for name, one in load_checks({}) if one.overridable}
    assert soft == {"sector", "correlation", "entry_window"}
    everything = tuple(said(name.replace("_", "-")) for name, _ in load_checks({}))
    over = facts(halted="by hand", overrides=everything, equity_usd=D(500))
    assert "kill_switch.halted" in denied(intent(), over)
    assert "risk_per_trade.limit" in denied(intent(), over) or len(denied(intent(), over)) > 2
    assert intent().side is Side.BUY
