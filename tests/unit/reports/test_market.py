"""Reports of the market against recomputation: what is drawn, measured, ranked and sized."""

import math
import statistics
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from bot.cards import chart as card
from bot.charts.candles import pack
from engine.domain.errors import UserError
from engine.domain.instrument import future, stock
from engine.domain.quote import Leg
from engine.market import Market
from engine.portfolio.sectors import SECTOR_FUNDS
from engine.reports import Missing, analysis, chart, compare, market_summary, payoff, watchlist
from engine.sizing import SizingSettings
from tests import market_sheets as made
from tests.unit.reports.examples import (
    AAPL,
    CREDIT_SPREAD,
    LONG_PUT,
    NOW,
    SHORT_PUT,
    D,
    frame,
    quote,
    trade,
)


def test_merged_candles_lose_no_high_no_low_and_no_volume() -> None:
    report = made.candles_report("1y", "1h", "sma20", "volume")
    view = report.view
    series = made.candles(AAPL, "1h", view.n + chart.WARM_UP)
    whole = series.candles[-view.n :]
    assert report.per_candle == 4
    assert len(report.candles) <= chart.MOST
    assert report.high == max(c.high for c in whole)
    assert report.low == min(c.low for c in whole)
    assert sum(c.volume for c in report.candles if c.volume) == sum(c.volume or 0 for c in whole)
    assert report.candles[0].open == whole[0].open
    assert report.last == whole[-1].close
    closes = [float(c.close) for c in series.candles]
    assert report.lines["SMA 20"][-1] == pytest.approx(statistics.mean(closes[-20:]))
    assert all(len(line) == len(report.candles) for line in report.lines.values())
    assert report.lines["SMA 20"][0] is not None, "it was warmed up before the window"


def test_a_timeframe_too_fine_for_its_range_becomes_the_finest_that_can_be_had() -> None:
    assert chart.view_of("1y", "1m").timeframe == "1h"
    assert "too fine" in chart.view_of("1y", "1m").note
    assert chart.view_of("5d", "1m").timeframe == "5m" or chart.view_of("5d", "1m").n <= 1_940
    for range_ in chart.USUAL:
        for frame_ in chart.LENGTH:
            assert chart.view_of(range_, frame_).n + chart.WARM_UP <= chart.MOST_ASKED


@pytest.mark.parametrize(
    ("market", "day", "month", "year"),
    [
        (Market.NYSE, 78, 21 * 7, 252),
        (Market.CME, 276, 21 * 23, 252),
        (Market.ALWAYS, 288, 30 * 24, 365),
    ],
)
def test_a_window_is_as_long_as_its_name_says_by_the_hours_of_its_market(
    market, day, month, year
) -> None:
    assert chart.view_of("1d", market=market).n == day
    assert chart.view_of("1m", market=market).n == month
    assert chart.view_of("1y", market=market).n == year
    for range_ in chart.USUAL:
        for frame_ in chart.LENGTH:
            view = chart.view_of(range_, frame_, market=market)
            assert view.n + chart.WARM_UP <= chart.MOST_ASKED


def test_merged_candles_say_how_long_they_are() -> None:
    report = made.candles_report("1y", "5m")
    assert (report.view.timeframe, report.per_candle) == ("1h", 4)
    assert chart.length_of(report) == "4h"
    assert "441 candles of 4h" in str(card.candles(report).description)
    assert "Candles of AAPL, 4h" in card.candles_alt(report)
    assert pack(report)["title"] == "AAPL · 4h · 1Y"
    assert chart.length_of(replace(report, view=chart.view_of("5d"))) == "1h", "four of 15 minutes"


def test_windows_lie_side_by_side() -> None:
    view = chart.view_of("3m")
    series = made.candles(AAPL, "1d", 400)
    now = chart.window(series, view, view.n)
    before = chart.window(series, replace(view, shift=1), view.n)
    assert before.candles[-1].at < now.candles[0].at
    assert [*before.candles, *now.candles] == list(series.candles[-2 * view.n :])
    far = chart.window(series, replace(view, shift=9), view.n)
    assert far.candles == ()
    assert "so far back" in far.missing


def test_own_trades_stand_at_the_candle_of_their_fill() -> None:
    report = made.candles_report("5d")
    bought, sold, again = report.marks
    assert (bought.is_buy, sold.is_buy, again.is_buy) == (True, False, True)
    for mark in report.marks:
        candle = report.candles[mark.place]
        assert candle.low <= mark.price <= candle.high
    assert [level.kind for level in report.levels] == ["entry", "stop"]


def test_compared_lines_begin_at_100_and_end_at_their_change() -> None:
    report = made.compare_report()
    assert [line.values[0] for line in report.lines] == [100] * 4
    changes = [line.change_pct for line in report.lines]
    assert changes == sorted(changes, reverse=True)
    assert report.missing == {"NONE": "alpaca has no candles of NONE"}
    view = chart.view_of("3m")
    a = made.candles(AAPL, "1d", 80)
    odd = replace(a, candles=tuple(replace(c, at=c.at + timedelta(hours=1)) for c in a.candles))
    apart = compare.build(frame(), [a, replace(odd, instrument=stock("ODD"))], view)
    assert apart.lines == ()
    assert "no moments in common" in apart.missing["ODD"]


def test_a_long_calls_pay_off_is_the_textbooks() -> None:
    report = made.payoff_report("call")
    assert report.most is None
    assert report.least == D("2.55") * -200
    assert report.break_evens == (D("605.55"),)
    at = dict(zip(report.spots, report.at_expiry, strict=True))
    assert at[D(603)] == -510
    spot, value = max(at.items())
    assert value == (spot - D("605.55")) * 200
    assert isinstance(report.now, tuple)
    near = min(range(len(report.spots)), key=lambda n: abs(report.spots[n] - D("601.12")))
    worth_now = (D("2.42") - D("2.55")) * 200
    assert abs(report.now[near] - worth_now) < 60


def test_a_sold_spreads_pay_off_is_bounded_on_both_sides() -> None:
    report = made.payoff_report()
    assert (report.most, report.least) == (D(480), D(-1_020))
    assert report.break_evens == (D("598.40"),)


def test_what_has_no_pay_off_is_said() -> None:
    share = trade(legs=(Leg(instrument=AAPL),), asset="stock", symbol="AAPL")
    with pytest.raises(UserError, match="options of one expiry"):
        payoff.build(frame(), share)
    with pytest.raises(UserError, match="not filled"):
        payoff.build(frame(), trade(entry_price=None))
    blind = payoff.build(frame(), trade())
    assert blind.now == Missing("no quote of the underlying")
    half = payoff.build(
        frame(quote(stock("SPY"), "601", "601.1"), quote(SHORT_PUT, "9", "9.1")),
        trade(legs=CREDIT_SPREAD, direction=-1, entry_price=D("1.6")),
    )
    assert isinstance(half.now, Missing)
    assert LONG_PUT.label in half.now.reason


def test_set_ups_risk_what_is_configured_and_no_more() -> None:
    report = made.analysis_report("TSLA")
    (one,) = report.ones
    long, short = one.setups
    assert isinstance(one.last, Decimal)
    assert isinstance(one.atr, Decimal)
    distance = long.entry - long.stop
    wanted = min(max(2 * one.atr, one.last * D("0.008")), one.last * D("0.03"))
    assert abs(distance - wanted) <= D("0.01")
    assert long.target - long.entry == 2 * distance
    assert short.stop > short.entry > short.target
    assert isinstance(long.qty, Decimal)
    assert long.qty * distance <= 1_000
    assert long.qty * one.last <= 10_000
    assert (long.qty + 1) * distance > 1_000 or (long.qty + 1) * one.last > 10_000
    mes = future("MES", NOW.date())
    history = {mes.key: made.candles(mes, "1d", 120, price=6_700.0)}
    (micro,) = analysis.build(
        frame(), [mes], history, equity_usd=D(100_000), sizing=SizingSettings()
    ).ones
    assert all(s.qty * abs(s.entry - s.stop) * 5 <= 100 for s in micro.setups)
    unknown = analysis.build(
        frame(),
        [AAPL],
        {"AAPL": made.candles(AAPL, "1d", 120)},
        equity_usd=Missing("no quote"),
        sizing=SizingSettings(),
    ).ones[0]
    assert unknown.setups[0].qty == Missing("no quote")
    assert unknown.beta == Missing("no history")


def test_volatility_and_drawdown_are_recomputed() -> None:
    history = made.days("SPY", "TSLA")
    (one,) = made.analysis_report("TSLA").ones
    closes = [float(c) for c in history["TSLA"].closes]
    moves = [math.log(b / a) for a, b in zip(closes[-21:], closes[-20:], strict=False)]
    assert float(one.volatility_pct) == pytest.approx(  # type: ignore[arg-type]
        statistics.stdev(moves) * math.sqrt(252) * 100, rel=1e-6
    )
    peak, worst = 0.0, 0.0
    for close in closes[-252:]:
        peak = max(peak, close)
        worst = min(worst, close / peak - 1)
    assert float(one.drawdown_pct) == pytest.approx(worst * 100)  # type: ignore[arg-type]


def test_days_are_measured_against_the_close_of_the_trading_day_before() -> None:
    series = made.candles(AAPL, "1d", 40)
    line = watchlist.Line(
        symbol="AAPL", instrument=AAPL, is_pinned=False, source="manual", is_held=False
    )
    price = quote(AAPL, "200.00", "200.02")
    (live,) = watchlist.build(frame(price), [line], {"AAPL": series}).rows
    before = [c for c in series.candles if c.on < NOW.date()][-1]
    assert live.last == D("200.01")
    assert live.day_pct == (D("200.01") / before.close - 1) * 100
    stale = replace(price, received_at=NOW - timedelta(hours=1))
    (old,) = watchlist.build(frame(stale), [line], {"AAPL": series}).rows
    assert old.last == series.candles[-1].close
    (none,) = watchlist.build(frame(), [line], {}).rows
    assert none.last == Missing("no history")


def test_sectors_are_ranked_by_their_change_and_hint_at_what_is_too_much() -> None:
    report = made.sector_report("1m")
    known = [r for r in report.rows if r.rank is not None]
    assert [r.rank for r in known] == list(range(1, 11))
    changes = [r.change_pct for r in known]
    assert changes == sorted(changes, reverse=True)  # type: ignore[type-var]
    assert report.rows[-1].rank is None
    history = made.days("SPY", *list(SECTOR_FUNDS.values())[:-1])
    xlk = history["XLK"].closes
    (tech,) = [r for r in report.rows if r.fund == "XLK"]
    assert tech.change_pct == (xlk[-1] / xlk[-22] - 1) * 100
    assert any("Energy is 4 points above its limit" in hint for hint in report.hints)
    hidden = made.sector_report("1m", is_mine=False)
    assert hidden.hints == ()
    assert all(r.exposure_pct is None for r in hidden.rows)


def test_the_summary_knows_the_kind_of_market_or_says_why_not() -> None:
    known, unknown = made.summary_report(), made.summary_report(knows=False)
    assert known.regime in ("trending", "ranging", "volatile", "calm")
    assert isinstance(known.confidence_pct, Decimal)
    assert 50 <= known.confidence_pct <= 100
    spy = known.indexes[0].day_pct
    assert isinstance(spy, Decimal)
    assert known.effect_usd == D(41_000) * spy / 100
    assert isinstance(unknown.regime, Missing)
    assert unknown.effect_usd is None
    assert unknown.best == ()


def test_a_fearful_market_is_volatile_whatever_its_range() -> None:
    history = made.days(*market_summary.INDEXES)
    history["VIX"] = made.candles(stock("VIX"), "1d", 260, price=80.0, seed=2)
    listed = watchlist.build(frame(), [], history)
    report = market_summary.build(frame(), history, listed, beta_usd=None)
    assert report.regime == "volatile"
    assert "VIX" in report.why
