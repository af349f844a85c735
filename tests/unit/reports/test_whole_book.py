"""Risk, stress, correlation, rebalancing and the summary of a book worked out by hand."""

from dataclasses import replace
from datetime import timedelta

import pytest

from bot.cards import correlation as correlation_card
from bot.cards import gates as gates_card
from bot.cards import risk as risk_card
from bot.cards import stress as stress_card
from bot.cards import summary as summary_card
from bot.charts import module
from engine.domain.instrument import stock
from engine.domain.quote import Leg
from engine.domain.refusal import Gauge
from engine.portfolio.greeks import Sensitivities
from engine.reports import (
    Missing,
    correlation,
    exposure,
    journal,
    positions,
    rebalance,
    risk,
    stress,
    summary,
)
from engine.reports import _lines as lines
from tests.contact_sheet import allocation_report, performance_report
from tests.unit.reports import book_examples as b
from tests.unit.reports.examples import NOW, D, frame, lot, position, quote, trade

AAPL = stock("AAPL")


def test_open_risk_is_what_the_stops_would_lose_from_here():
    report = b.at_risk()
    by_name = {h.label: h for h in report.heat}
    assert by_name["AAPL"].risk_usd == D("317.20")  # 52 x (187.10 - 181.00)
    assert by_name["TSLA"].risk_usd == D("364.00")  # short: 20 x (421.00 - 402.80)
    assert by_name["/MESH26"].risk_usd == D("137.50")  # 27.5 points at 5 dollars
    assert report.open_risk_usd == sum(h.risk_usd for h in report.heat)
    assert report.heat[0].label == "SPY 600P 2/20"
    assert "at work is at 82% of its limit" in report.suggestions


def test_a_trade_without_a_stop_makes_the_sum_unknown_and_comes_first():
    bare = [replace(t, stop=None) if t.symbol == "XOM" else t for t in b.trades()]
    report = _risk(bare)
    assert report.open_risk_usd == Missing("XOM has no stop")
    assert report.heat[0].label == "XOM"
    assert report.suggestions[0] == "XOM has no stop: give it one"
    embed = risk_card.show(report)
    assert "Open risk n/a" in (embed.title or "")
    assert module("risk_heatmap").pack(report)["cells"][0][1] == ("n/a", None)


def _risk(trades):
    return risk.build(
        b.now(),
        lines=b.lines(),
        trades=trades,
        equity_usd=b.stakes().equity_usd,
        closes=b.CLOSES,
        correlations=b.pairs(),
        sectors=b.stakes(),
        limits=b.gauges(),
    )


def test_an_option_counts_by_its_delta_and_needs_its_underlyings_quote():
    known = {line.label: line for line in b.lines().known}
    put = known["SPY 600P 2/20"]
    assert -0.6 < put.greeks.delta < -0.4
    assert put.greeks.volatility == pytest.approx(0.145, abs=0.03)
    without = frame(*(q for k, q in b.now().quotes.items() if k != "SPY"))
    made = lines.lines_of(without, trades=b.trades(), positions=b.positions())
    assert made.why_not_all == Missing("no quote for SPY, which SPY 600P 2/20 is on")
    given = {b.SPY_PUT.key: Sensitivities(delta=-0.3, volatility=0.2)}
    fed = lines.lines_of(b.now(), trades=b.trades(), positions=b.positions(), greeks=given)
    assert next(x for x in fed.known if x.right).greeks.delta == -0.3


def test_a_scenario_names_the_stops_that_would_be_passed_and_what_is_left():
    report = b.storm()
    hit = {r.label for r in report.rows if r.hits_stop}
    assert hit == {"/MESH26", "AAPL", "NVDA", "XOM"}  # the short and the put gain
    assert report.n_stops == 4
    unknown = b.storm(known=False)
    assert unknown.total_usd == Missing("no daily closes of AAPL")
    assert "n/a" in (stress_card.show(unknown).title or "")
    assert "n/a: no daily closes of AAPL" in (stress_card.show(unknown).description or "")


def _fallen(held):
    """Shares of AAPL, a hundred in each trade, when SPY falls by a tenth."""
    seen = frame(quote(AAPL, "100", "100"), quote(stock("SPY"), "500", "500"))
    lots = [position(AAPL, lot("100", "90"), trade_id=t.trade_id) for t in held]
    return stress.build(
        seen,
        scenario="spy-10",
        lines=lines.lines_of(seen, trades=held, positions=lots),
        trades=held,
        equity_usd=D(20_000),
        at_work_usd=D(10_000),
        closes=b.CLOSES,
    )


def test_the_same_in_two_accounts_is_one_line_of_a_scenario():
    legs = (Leg(instrument=AAPL),)
    held = [
        trade(trade_id=name, account=name, symbol="AAPL", legs=legs, qty_open=D(100))
        for name in ("main", "far")
    ]
    report = _fallen(held)
    (row,) = report.rows
    assert row.pnl_usd == report.total_usd < 0


def test_a_limit_of_several_accounts_is_shown_where_it_is_fullest():
    report = _risk(b.trades())
    twice = replace(report, gates=(*report.gates, *(replace(g, now=D(1)) for g in report.gates)))
    said = risk_card.show(twice).description or ""
    assert "66%/80%" in said
    assert "1%/80%" not in said


def test_a_hedge_is_thought_of_when_a_scenario_costs_more_than_a_percent():
    held = [trade(symbol="AAPL", legs=(Leg(instrument=AAPL),), qty_open=D(100))]
    report = _fallen(held)
    assert report.total_usd < 0
    assert report.hedge.startswith("sell $")
    assert "shares" in report.hedge
    assert report.at_work_pct == 50


def test_pairs_held_opposite_ways_are_hedges_and_no_repetition():
    report = b.pairs()
    kinds = {frozenset((p.a, p.b)): p.is_hedge for p in report.pairs}
    assert kinds[frozenset(("AAPL", "TSLA"))]  # long and short
    assert not kinds[frozenset(("AAPL", "NVDA"))]
    assert set(report.repeated) < set(report.above)
    assert "hedge" in (correlation_card.show(report).description or "")
    alone = correlation.build(b.now(), lines=lines.Lines(known=(), missing=()), closes={})
    assert "fewer than two" in (correlation_card.show(alone).title or "")


def test_one_more_symbol_is_judged_before_it_is_bought():
    close = {**b.CLOSES, "NEW": replace(b.CLOSES["AAPL"], symbol="NEW")}
    report = correlation.build(b.now(), lines=b.lines(), closes=close, adding="NEW")
    words = correlation_card.show(report).description or ""
    assert "an entry the same way would be rejected" in words
    assert isinstance(b.pairs("COIN").score_with, Missing)


def test_rebalancing_says_what_it_would_change_and_why_it_cannot():
    figures = {
        "trades": b.trades(),
        "equity_usd": b.stakes().equity_usd,
        "max_position_pct": D(20),
    }
    known = {"twinsight": D("0.2")}
    report = rebalance.build(b.now(), target="equal", kelly=known, **figures)
    assert not report.missing
    assert report.hhi_after < report.hhi_before  # type: ignore[operator]
    assert report.cost_usd > 0  # type: ignore[operator]
    assert len(report.trades) <= 5
    none = rebalance.build(b.now(), target="kelly", kelly={"twinsight": None}, **figures)
    assert "too few closed trades" in none.missing
    assert none.cost_usd == Missing(none.missing)
    blind = rebalance.build(frame(), target="equal", kelly=known, **figures)
    assert blind.missing == "no quote for AAPL"


def test_a_sectors_room_is_what_its_limit_leaves_and_index_funds_have_none():
    rows = {r.name: r for r in b.stakes().rows}
    tech = rows["Technology"]
    assert tech.headroom_pct == D(40) - tech.pct
    assert rows["Broad market"].headroom_pct is None
    corrected = exposure.build(
        b.now(),
        trades=b.trades(),
        positions=b.positions(),
        accounts=[b.ACCOUNT],
        by="sector",
        sectors={"AAPL": "Consumer Discretionary"},
    )
    assert {r.name: r.n for r in corrected.rows}["Consumer Discretionary"] == 2


def test_the_summary_shouts_what_is_unwell_and_shows_the_fullest_account():
    gauges = [
        Gauge(name="positions", now=D(3), limit=D(20), unit="n"),
        Gauge(name="positions", now=D(9), limit=D(20), unit="n"),
        Gauge(name="at work", now=None, limit=D(80), unit="%"),
        Gauge(name="at work", now=D(50), limit=D(80), unit="%"),
    ]
    report = summary.build(
        b.now(),
        stakes=b.stakes(),
        by_position=b.stakes("position"),
        gauges=gauges,
        buying_power_usd=Missing("not known"),
        beta=Missing("no daily closes of SPY"),
        halted="storm",
        problems={"feed": "too slow", "fine": ""},
    )
    assert report.positions == gauges[1]
    assert report.at_work == gauges[2]
    assert report.flags == ("entries are off: storm", "feed: too slow")
    words = summary_card.show(report).description or ""
    lines = {" ".join(line.split()) for line in words.splitlines()}
    assert "positions 12" in lines, "9 of 20 of one stood there as if of all"
    assert "in one account 9 of 20" in lines
    assert "at work in one" in words
    assert "⚠ entries are off: storm" in words
    assert "n/a: no daily closes of SPY" in words


def test_a_hypothetical_order_lists_every_gate_and_what_says_no():
    fine, refused = b.before_the_gates(is_fine=True), b.before_the_gates(is_fine=False)
    assert (gates_card.show(fine).title or "").startswith("Would pass: Buy 40 shares AAPL")
    assert {v.check for v in refused.denied} == {"position_size", "sector"}
    assert "2 gates say no" in (gates_card.show(refused).title or "")
    assert len(fine.verdicts) == len(refused.verdicts) > 25


def test_prices_that_are_stale_are_said_on_every_card_of_the_book():
    late = replace(b.now(), now=NOW + timedelta(minutes=5))
    made = b.at_risk()
    assert made.stamp.source == "alpaca"
    old = replace(made, stamp=late.stamp("risk", [AAPL]))
    assert risk_card.show(old).author.name == "PAPER · SYNTHETIC MARKET · STALE PRICES"


def test_the_equity_line_ends_at_what_the_accounts_are_worth_now() -> None:
    report = allocation_report()
    (first_at, first), *_, (last_at, last) = report.equity_line
    assert last == report.stakes.equity_usd
    assert last_at == report.stamp.at
    days = performance_report(40).days
    assert last - report.stakes.open_usd - first == days[-1].cumulative_usd
    moments = [at for at, _ in report.equity_line]
    assert moments == sorted(moments)
    assert first_at < moments[1]
    assert allocation_report(0).equity_line == (), "nothing is drawn of nothing"


def test_spreads_are_options_wherever_a_class_is_asked_for():
    """/performance counted them with options; /trades, /positions and /journal did not."""
    held = [
        trade(trade_id=f"T-{asset}", asset=asset)
        for asset in ("option", "spread", "stock", "future")
    ]
    for wanted, found in (
        ("", ["T-future", "T-option", "T-spread", "T-stock"]),
        ("option", ["T-option", "T-spread"]),
        ("spread", ["T-spread"]),
        ("stock", ["T-stock"]),
    ):
        shown = positions.build(frame(), trades=held, positions=(), asset=wanted)
        assert sorted(c.trade_id for c in shown.rows) == found
        kept = journal.build(
            frame(), trades=held, documents=(), wanted=journal.Wanted(asset=wanted)
        )
        assert sorted(e.card.trade_id for e in kept.rows) == found
