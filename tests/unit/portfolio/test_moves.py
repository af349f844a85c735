"""Options under a move, stress scenarios, which way a unit leans, and rebalancing."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from math import exp
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.instrument import option, stock
from engine.domain.quote import Leg
from engine.portfolio import Unknown, usd
from engine.portfolio import greeks as g
from engine.portfolio.direction import lean
from engine.portfolio.lines import Line, Move, pnl_of, price_after
from engine.portfolio.rebalance import Held, plan
from engine.portfolio.stress import Result, Scenario, World, run, words
from tests.unit.portfolio.test_statistics import share_of, walk

D = Decimal
FRIDAY = date(2026, 1, 30)
NOW = datetime(2026, 1, 2, 15, 0, tzinfo=UTC)


def opt(strike: float, right: str, ratio: int = 1) -> Leg:
    return Leg(instrument=option("SPY", FRIDAY, D(str(strike)), right), ratio=ratio)  # type: ignore[arg-type]


def option_line(qty: float = 1, right: str = "C", spot: float = 100, strike: float = 100) -> Line:
    years = 0.25
    mark = g.price(spot, strike, years, 0.3, right)  # type: ignore[arg-type]
    return Line(
        trade_id="T-O",
        symbol="SPY",
        label="SPY",
        reference="SPY",
        sector="Broad market",
        qty=qty,
        multiplier=100.0,
        mark=mark,
        spot=spot,
        greeks=g.sensitivities(spot, strike, years, 0.3, right),  # type: ignore[arg-type]
        right=right,  # type: ignore[arg-type]
        strike=strike,
        years=years,
    )


# -- options -----------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    spot=st.floats(20, 500),
    money=st.floats(0.8, 1.25),
    years=st.floats(0.02, 2),
    vol=st.floats(0.08, 1.5),
    right=st.sampled_from(["C", "P"]),
)
def test_the_greeks_are_the_slopes_of_the_price(spot, money, years, vol, right):
    strike = spot * money
    found = g.sensitivities(spot, strike, years, vol, right)

    def at(s: float, v: float = vol) -> float:
        return g.price(s, strike, years, v, right)

    step = spot * 1e-4
    assert found.delta == pytest.approx((at(spot + step) - at(spot - step)) / (2 * step), abs=1e-4)
    bend = (at(spot + step) - 2 * at(spot) + at(spot - step)) / step**2
    assert found.gamma == pytest.approx(bend, abs=1e-3 + abs(bend) * 0.02)
    slope = (at(spot, vol + 1e-4) - at(spot, vol - 1e-4)) / 2e-4 / 100
    assert found.vega == pytest.approx(slope, abs=1e-4 * spot)
    quoted = at(spot)
    if found.vega > spot * 1e-5:
        back = g.implied(quoted, spot, strike, years, right)
        assert back == pytest.approx(vol, abs=1e-4)


def test_puts_and_calls_are_tied_by_parity_and_prices_that_cannot_be_have_no_volatility():
    call, put = (g.price(100, 95, 0.5, 0.25, r) for r in ("C", "P"))
    assert call - put == pytest.approx(100 - 95 * exp(-g.RATE * 0.5), abs=1e-9)
    assert g.implied(200.0, 100, 95, 0.5, "C") is None
    assert g.implied(0.0, 100, 95, 0.5, "C") is None
    assert g.implied(3.0, 100, 95, 0.0, "C") is None
    assert g.sensitivities(100, 95, 0, 0.2, "C").delta == 1.0
    assert g.sensitivities(90, 95, 0, 0.2, "P").delta == -1.0


def test_an_option_lives_until_the_close_of_its_day():
    assert g.years_to(FRIDAY, NOW + timedelta(days=60)) == 0
    half = datetime(2026, 11, 27, 18, 0, tzinfo=UTC)  # the day after Thanksgiving ends at 13:00
    assert g.years_to(date(2026, 11, 27), half) == 0
    assert g.years_to(FRIDAY, NOW) == pytest.approx(28.25 / 365, abs=1e-3)


@settings(max_examples=80, deadline=None)
@given(
    move=st.floats(-0.99, 1.0),
    right=st.sampled_from(["C", "P"]),
    strike=st.floats(60, 160),
    points=st.floats(-20, 40),
    is_modelled=st.booleans(),
)
def test_no_move_makes_an_option_worth_what_nobody_could_pay(
    move, right, strike, points, is_modelled
):
    line = option_line(right=right, strike=strike)
    if not is_modelled:
        line = replace(line, greeks=replace(line.greeks, volatility=None))
    after = price_after(line, Move(spot=move, volatility=points))
    spot = 100 * (1 + move)
    inside = max(spot - strike if right == "C" else strike - spot, 0.0)
    most = max(spot if right == "C" else strike, line.mark)
    held = strike * (1 - exp(-g.RATE * 0.25))  # European puts are quoted so far below
    assert max(inside - held, 0.0) - 1e-9 <= after <= most + 1e-9
    assert pnl_of(line, Move(spot=0.0)) == 0


def test_small_moves_are_what_the_model_itself_says():
    line = option_line(qty=-2)
    after = g.price(101.0, 100, 0.25, 0.31, "C")
    moved = pnl_of(line, Move(spot=0.01, volatility=1.0))
    assert moved == pytest.approx(-200 * (after - line.mark), abs=1e-9)
    by_greeks = replace(line, greeks=replace(line.greeks, volatility=None))
    near = pnl_of(by_greeks, Move(spot=0.01, volatility=1.0))
    assert near == pytest.approx(moved, rel=0.01)


def test_a_call_never_gains_by_a_fall_however_near_its_expiry():
    years = 5 / 365
    greeks = g.sensitivities(601, 603, years, 0.12, "C")
    mark = g.price(601, 603, years, 0.12, "C")
    line = replace(option_line(), mark=mark, spot=601, strike=603, years=years, greeks=greeks)
    for fall in (-0.01, -0.05, -0.10, -0.20):
        assert -mark * 100 <= pnl_of(line, Move(spot=fall)) < 0


# -- scenarios ---------------------------------------------------------------------------------


def test_scenarios_move_shares_by_beta_and_options_by_their_greeks():
    closes = {"SPY": walk("SPY", 200), "A": walk("A", 200, like=0.7)}
    lines = [share_of("A", 10), option_line(), share_of("SPY", -5)]
    made = run(lines, "spy-10", World(closes=closes))
    share, call, short = made
    assert isinstance(share, Result)
    assert isinstance(call, Result)
    assert isinstance(short, Result)
    assert share.pnl_usd == pytest.approx(1000 * share.move.spot)
    assert call.move.spot == short.move.spot == -0.10
    assert short.pnl_usd == pytest.approx(50)
    assert -call.line.value_usd <= call.pnl_usd < 0


def test_what_cannot_be_told_is_said_and_never_zero():
    made = run([share_of("A", 1)], "spy-5", World(closes={"SPY": walk("SPY", 200)}))
    assert made == [(share_of("A", 1), Unknown("no daily closes of A"))]
    (tech,) = run([share_of("A", 1)], "tech-10", World(closes={}))
    assert isinstance(tech, Result)  # in the sector: falls as the scenario says
    (vix,) = run([option_line()], "vix30", World(closes={}))
    assert vix == (option_line(), Unknown("the level of the VIX is not known"))
    (known,) = run([option_line()], "vix30", World(closes={}, vix=18.0))
    assert isinstance(known, Result)
    assert known.pnl_usd == pytest.approx(12 * known.line.greeks.vega * 100, rel=0.01)
    (share,) = run([share_of("A", 1)], "vix30", World(closes={}))
    assert isinstance(share, Result)
    assert share.pnl_usd == 0
    (bond,) = run([share_of("TLT", 10)], "rates+100", World(closes={}))
    assert isinstance(bond, Result)
    assert bond.pnl_usd == pytest.approx(-160)


def test_every_scenario_has_words_and_a_custom_one_needs_its_move():
    for scenario in get_args(Scenario):
        assert words(scenario, -3.0)
    assert words("custom", 2.5) == "SPY rises 2.5%"
    with pytest.raises(ValueError, match="needs the move"):
        words("custom")
    with pytest.raises(ValueError, match="needs the move"):
        run([share_of("SPY", 1)], "custom", World(closes={}))


# -- which way ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("legs", "direction", "expected"),
    [
        ((Leg(instrument=stock("AAPL")),), 1, 1),
        ((Leg(instrument=stock("AAPL")),), -1, -1),
        ((opt(100, "C"),), 1, 1),
        ((opt(100, "P"),), 1, -1),
        ((opt(100, "P"),), -1, 1),
        ((opt(590, "P"), opt(585, "P", -1)), -1, 1),  # put credit spread
        ((opt(603, "C"), opt(604, "C", -1)), 1, 1),  # call debit spread
        ((opt(610, "C"), opt(615, "C", -1)), -1, -1),  # call credit spread
        ((opt(100, "C"), opt(100, "P")), 1, 0),  # straddle
        ((opt(90, "P", -1), opt(95, "P"), opt(105, "C"), opt(110, "C", -1)), -1, 0),  # condor
    ],
)
def test_which_way_a_unit_leans(legs, direction, expected):
    assert lean(legs, direction) == expected


# -- rebalancing -------------------------------------------------------------------------------


def held(symbol: str, units: str, each: str = "100", **more) -> Held:
    figures = {"sector": "Technology", "half_spread_usd": D("0.01")} | more
    return Held(trade_id=f"T-{symbol}", symbol=symbol, units=D(units), unit_usd=D(each), **figures)


def test_equal_moves_everything_to_the_same_share():
    made = plan([held("A", "30"), held("B", "10")], D(10_000), "equal", max_position_pct=D(50))
    assert not isinstance(made, Unknown)
    assert {s.symbol: s.units for s in made.steps} == {"A": D(-10), "B": D(10)}
    assert made.turnover_pct == 20
    assert made.cost_usd == D("0.20")
    assert {s.target_pct for s in made.steps} == {D(20)}


def test_kelly_follows_the_edge_and_needs_one():
    with_edge = [held("A", "10", kelly=D("0.3")), held("B", "10", kelly=D("-0.1"))]
    made = plan(with_edge, D(10_000), "kelly", max_position_pct=D(50))
    assert not isinstance(made, Unknown)
    assert {s.symbol: s.units for s in made.steps} == {"A": D(10), "B": D(-10)}
    none = plan([held("A", "10")], D(10_000), "kelly", max_position_pct=D(50))
    assert none == Unknown("too few closed trades behind A for a Kelly fraction")


def test_sectors_are_evened_and_the_limit_on_one_position_holds():
    book = [held("A", "30"), held("B", "10"), held("X", "20", sector="Energy")]
    made = plan(book, D(10_000), "sector", max_position_pct=D(100))
    assert not isinstance(made, Unknown)
    assert {s.symbol: s.units for s in made.steps} == {"A": D(-8), "B": D(-3), "X": D(10)}
    capped = plan(book, D(10_000), "equal", max_position_pct=D(10))
    assert not isinstance(capped, Unknown)
    assert all(s.target_pct <= 10 for s in capped.steps)


def test_only_the_largest_steps_count_and_nothing_is_sold_twice():
    book = [held("A", "50"), held("B", "20"), held("C", "5")]
    made = plan(book, D(10_000), "equal", max_position_pct=D(100), max_trades=1)
    assert not isinstance(made, Unknown)
    assert [s.symbol for s in made.trades] == ["A"]
    gone = plan(book, D(10_000), "custom", max_position_pct=D(100), wanted_pct={"A": D(0)})
    assert not isinstance(gone, Unknown)
    assert [(s.symbol, s.units) for s in gone.trades] == [("A", D(-50))]
    assert isinstance(plan([], D(1), "equal", max_position_pct=D(10)), Unknown)
    assert isinstance(plan(book, D(0), "equal", max_position_pct=D(10)), Unknown)
    assert isinstance(plan(book, D(1), "custom", max_position_pct=D(10)), Unknown)


def test_dollars_are_rounded_to_the_cent_and_never_minus_nothing():
    assert str(usd(-0.001)) == "0.00"
    assert usd(12.345678) == D("12.35")
