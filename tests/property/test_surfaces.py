"""C-01: every figure of the portfolio family equals the ledger and an independent recomputation.

A random book is played through the ledger; every report, card and file about it is then compared
with sums made here from executions alone, and its statistics with those of pandas.
"""

import csv
import io
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot import export, text
from bot.cards import correlation as correlation_card
from bot.cards import exposure as exposure_card
from bot.cards import performance as performance_card
from bot.cards import risk as risk_card
from bot.cards import stress as stress_card
from bot.cards import summary as summary_card
from bot.charts import module
from engine import ledger
from engine.domain.instrument import Instrument, crypto, future, stock
from engine.domain.money import cents
from engine.domain.trade import StopPlan, TradeState
from engine.market import NYSE, new_york_date
from engine.portfolio.closes import Closes
from engine.portfolio.sectors import reference_of, sector_of
from engine.reports import (
    Missing,
    correlation,
    exposure,
    limits,
    performance,
    pnl,
    positions,
    risk,
    stress,
    summary,
)
from engine.reports._lines import lines_of
from tests.unit.portfolio.test_statistics import walk
from tests.unit.reports import test_same_figures as played
from tests.unit.reports.examples import NOW, D, book, frame, quote
from tests.unit.reports.test_same_figures import Trip, money, play

AAPL, XOM, MES, BTC = stock("AAPL"), stock("XOM"), future("MES", date(2026, 3, 1)), crypto("BTC")
HELD: dict[Instrument, tuple[str, str]] = {
    AAPL: ("150", "220"),
    XOM: ("80", "120"),
    MES: ("6000", "6600"),
    BTC: ("60000", "90000"),
}
SERIES = {n: walk(n, 260, seed=5, like=0.6) for n in ("SPY", "AAPL", "XOM", "BTC/USD")}
CLOSE = pytest.approx
DONE = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def trips(draw: st.DrawFn) -> Trip:
    """A round trip that may be half over, in one of four instruments."""
    instrument = draw(st.sampled_from(list(HELD)))
    low, high = HELD[instrument]
    price, fee = money(low, high), money("0", "3")
    count = st.integers(1, 5).map(Decimal)
    ins = draw(st.lists(st.tuples(count, price, fee), min_size=1, max_size=2))
    left = sum((q for q, _, _ in ins), D(0))
    out = draw(st.integers(0, int(left)))
    outs = [(D(out), draw(price), draw(fee))] if out else []
    return Trip(instrument, draw(st.booleans()), ins, outs, draw(price))


class Book:
    """What was played, its marks, and sums of it made from executions alone."""

    def __init__(self, given_: list[Trip]) -> None:
        self.desk: played.Desk = play(given_)
        self.marks = {t.instrument: t.mark for t in given_}
        self.frame = frame(
            *(quote(i, str(m - D("0.01")), str(m + D("0.01"))) for i, m in self.marks.items())
        )
        stops = {k: StopPlan(price=t.initial_stop) for k, t in self.desk.trades.items()}
        self.trades = [
            replace(t, stop=stops[k] if t.initial_stop else None)
            for k, t in self.desk.trades.items()
            if t.state is TradeState.OPEN
        ]
        self.positions = [p for p in self.desk.positions.values() if p.qty]
        self.qty: dict[tuple[str, Instrument], Decimal] = defaultdict(Decimal)
        for e in self.desk.executions:
            self.qty[e.trade_id, e.instrument] += e.qty * e.side.sign
        self.qty = {k: q for k, q in self.qty.items() if q}

    @property
    def values(self) -> dict[tuple[str, Instrument], Decimal]:
        """Signed dollars of everything held."""
        return {(t, i): q * self.marks[i] * i.multiplier for (t, i), q in self.qty.items()}

    @property
    def equity(self) -> Decimal:
        """Deposit, all cash moved since, and what is held; futures by their gain alone."""
        d = self.desk
        found = ledger.equity(d.account, self.positions, self.frame.marks(self.positions))
        assert found is not None
        return found

    def exposure(self, by: exposure.By) -> exposure.ExposureReport:
        return exposure.build(
            self.frame,
            trades=self.trades,
            positions=self.positions,
            accounts=[self.desk.account],
            by=by,
            limits_pct={"*": D(40)} if by == "sector" else None,
        )

    def lines(self):
        return lines_of(self.frame, trades=self.trades, positions=self.positions)

    def correlations(self) -> correlation.CorrelationReport:
        return correlation.build(self.frame, lines=self.lines(), closes=SERIES)


def group_of(book_: Book, key: tuple[str, Instrument], by: str) -> str:
    trade_id, of = key
    trade = book_.desk.trades[trade_id]
    return {
        "sector": sector_of(of.symbol, of.kind),
        "asset": trade.asset,
        "broker": trade.broker,
        "strategy": trade.source,
        "position": of.label,
    }[by]


@DONE
@given(st.lists(trips(), min_size=1, max_size=4))
def test_exposure_in_every_grouping_is_the_sum_of_the_executions(given_):
    made = Book(given_)
    for by in ("sector", "asset", "broker", "strategy", "position"):
        report = made.exposure(by)  # type: ignore[arg-type]
        gross: dict[str, Decimal] = defaultdict(Decimal)
        net: dict[str, Decimal] = defaultdict(Decimal)
        for key, value in made.values.items():
            gross[group_of(made, key, by)] += abs(value)
            net[group_of(made, key, by)] += value
        assert {r.name: r.gross_usd for r in report.rows} == dict(gross)
        assert {r.name: r.net_usd for r in report.rows} == dict(net)
        assert report.gross_usd == sum(gross.values(), D(0))
        assert report.equity_usd == made.equity
        if made.equity > 0 and report.rows:
            assert report.gross_pct == report.gross_usd / made.equity * 100
            whole = float(report.gross_usd)
            hhi = sum((float(g) / whole) ** 2 for g in gross.values())
            assert float(report.hhi) == CLOSE(hhi)
            assert float(report.score) == CLOSE(100 * (1 - hhi), abs=1e-6)
        if report.rows:
            words = exposure_card.show(report).description or ""
            largest = report.rows[0]
            assert (
                f"{largest.gross_usd:,.0f}" in words.replace(",", ",")
                or text.usd_short(largest.gross_usd) in words
            )
            assert module("exposure").pack(report)["pcts"] or made.equity <= 0


@DONE
@given(st.lists(trips(), min_size=1, max_size=4))
def test_risk_is_what_pandas_finds_in_the_same_closes(given_):
    made = Book(given_)
    lines, equity = made.lines(), made.equity
    pairs = made.correlations()
    report = risk.build(
        made.frame,
        lines=lines,
        trades=made.trades,
        equity_usd=equity,
        closes=SERIES,
        correlations=pairs,
        sectors=made.exposure("sector"),
        limits=limits.build(made.frame, accounts=()),
    )
    if not made.qty:
        assert isinstance(report.var_usd, Missing)
        return
    wide = pd.DataFrame({n: pd.Series(s.prices, index=s.days) for n, s in SERIES.items()})
    simple, logs = wide.pct_change().dropna(), np.log(wide).diff().dropna()
    dollars: dict[str, float] = defaultdict(float)
    for (_, of), value in made.values.items():
        dollars[reference_of(of)] += float(value)

    day = sum(simple[n] * usd for n, usd in dollars.items()).tail(250)
    cut = day.quantile(0.05)
    assert float(report.var_usd) == CLOSE(max(-cut, 0), abs=0.0051)
    assert float(report.shortfall_usd) == CLOSE(max(-day[day <= cut].mean(), 0), abs=0.0051)
    last = logs.tail(250)
    betas = {n: last[n].cov(last["SPY"]) / last["SPY"].var() for n in dollars}
    weighted = sum(usd * round(betas[n], 4) for n, usd in dollars.items())
    assert float(report.beta_usd) == CLOSE(weighted, abs=0.02)
    if equity > 0:
        cents = 0.0051 / float(equity)  # the dollars above are told in whole cents
        assert float(report.beta) == CLOSE(weighted / float(equity), abs=cents)
        assert float(report.var_pct) == CLOSE(float(report.var_usd) / float(equity) * 100)

    matrix = logs.tail(60).corr()
    for pair in pairs.pairs:
        assert float(pair.r) == CLOSE(matrix.loc[pair.a, pair.b], abs=5.1e-5)
    assert {(p.a, p.b) for p in pairs.above} == {
        (p.a, p.b) for p in pairs.pairs if round(matrix.loc[p.a, p.b], 4) > 0.70
    }

    at_stops = D(0)
    for trade in made.trades:
        (of,) = (leg.instrument for leg in trade.legs)
        held = sum((q for (t, _), q in made.qty.items() if t == trade.trade_id), D(0))
        assert trade.stop is not None
        points = max((made.marks[of] - trade.stop.price) * (1 if held > 0 else -1), D(0))
        at_stops += points * abs(held) * of.multiplier
    assert report.open_risk_usd == at_stops
    embed = risk_card.show(report)
    assert text.usd(at_stops) in (embed.title or "")
    assert text.usd_short(report.var_usd) in (embed.description or "")
    if len(pairs.names) > 1:
        drawn = module("correlation").pack(pairs)["cells"]
        assert drawn[0][1] == CLOSE(matrix.loc[pairs.names[0], pairs.names[1]], abs=5.1e-5)
        assert correlation_card.show(pairs).title
    assert len(module("risk_heatmap").pack(report)["names"]) == len(report.heat)


@DONE
@given(
    st.lists(trips(), min_size=1, max_size=4),
    st.floats(-60, 60).filter(lambda m: abs(m) > 0.1),
)
def test_a_scenario_adds_up_and_moves_each_symbol_by_its_beta(given_, move):
    made = Book(given_)
    equity = made.equity
    report = stress.build(
        made.frame,
        scenario="custom",
        lines=made.lines(),
        trades=made.trades,
        equity_usd=equity,
        at_work_usd=D(1000),
        closes=SERIES,
        move_pct=move,
    )
    logs = pd.DataFrame(
        {n: np.log(pd.Series(s.prices, index=s.days)).diff() for n, s in SERIES.items()}
    ).tail(250)
    expected = 0.0
    for (_, of), value in made.values.items():
        name = reference_of(of)
        beta = logs[name].cov(logs["SPY"]) / logs["SPY"].var()
        expected += float(value) * max(beta * move / 100, -1.0)
    assert float(report.total_usd) == CLOSE(expected, abs=0.02)
    assert report.total_usd == sum((r.pnl_usd for r in report.rows), D(0))
    assert report.equity_after_usd == equity + report.total_usd
    if report.rows:
        assert text.usd(report.total_usd, sign=True) in (stress_card.show(report).title or "")
        drawn = module("stress").pack(report)
        assert sum(drawn["usd"]) == CLOSE(float(report.total_usd), abs=0.01)


@DONE
@given(st.lists(trips(), min_size=1, max_size=4))
def test_the_summary_and_the_file_of_positions_say_the_same(given_):
    made = Book(given_)
    stakes = made.exposure("sector")
    report = summary.build(
        made.frame,
        stakes=stakes,
        by_position=made.exposure("position"),
        gauges=(),
        buying_power_usd=D(1),
        beta=Missing("not asked"),
    )
    account = made.desk.account
    assert report.stakes.cash_usd == account.cash_usd
    if made.equity > 0:
        assert report.cash_pct == account.cash_usd / made.equity * 100
        assert text.usd(made.equity) in (summary_card.show(report).title or "")
    listed = positions.build(made.frame, trades=made.trades, positions=made.positions)
    rows = list(csv.DictReader(io.StringIO(export.as_csv(export.position_rows(listed)).decode())))
    assert {r["trade_id"]: D(r["qty_open"]) for r in rows} == {
        t: abs(q) for (t, _), q in made.qty.items()
    }
    assert {r["trade_id"]: D(r["net_usd"]) for r in rows} == {
        r.trade_id: r.net_usd for r in listed.rows
    }


# -- performance --------------------------------------------------------------------------------


@DONE
@given(
    results=st.lists(
        st.decimals("-400", "400", places=2).map(lambda d: f"{d:.2f}"), min_size=25, max_size=80
    ),
    hours=st.sampled_from([7, 24, 31]),
)
def test_performance_is_what_pandas_finds_in_the_same_bookings(results, hours):
    trades, entries, account = book(results)
    step = timedelta(hours=hours)
    first = NOW - step * len(entries)
    moved = [replace(e, booked_at=first + step * (i + 1)) for i, e in enumerate(entries)]
    made = pnl.build(frame(), period="all", trades=trades, entries=moved, accounts=[account])
    deposits = D(50_000)
    report = performance.build(made, deposits_usd=deposits, trades=trades)

    bookings = pd.DataFrame(
        {
            "on": [NYSE.on_or_after(new_york_date(e.booked_at)) for e in moved if e.closed_qty],
            "usd": [float(e.realised_usd) for e in moved if e.closed_qty],
        }
    )
    by_day = bookings.groupby("on")["usd"].sum()
    days = [d.date() for d in pd.date_range(min(by_day.index), max(by_day.index))]
    by_day = by_day.reindex([d for d in days if NYSE.is_trading_day(d)], fill_value=0.0)
    morning = float(deposits) + by_day.cumsum().shift(fill_value=0.0)
    series = by_day / morning
    if len(series) >= performance.MIN_DAYS and morning.min() > 0:
        spread = series.std(ddof=1)
        if spread > 1e-12:
            assert float(report.sharpe) == CLOSE(series.mean() / spread * 252**0.5, abs=0.0051)
        falls = (series.clip(upper=0) ** 2).mean() ** 0.5
        if falls > 1e-12:
            assert float(report.sortino) == CLOSE(series.mean() / falls * 252**0.5, abs=0.0051)
    usd = bookings["usd"]
    won, lost = usd[usd > 0].sum(), -usd[usd < 0].sum()
    if lost > 0:
        assert float(report.profit_factor) == CLOSE(won / lost, rel=1e-9)
    line = usd.cumsum()
    fall = (line.cummax().clip(lower=0) - line).max()
    assert float(report.max_drawdown_usd) == CLOSE(max(fall, 0), abs=1e-6)
    under = (by_day.cumsum().round(2) < by_day.cumsum().round(2).cummax().clip(lower=0)).to_numpy()
    longest = now = 0
    for is_under in under:
        now = now + 1 if is_under else 0
        longest = max(longest, now)
    assert report.max_drawdown_days == longest
    assert float(report.realised_usd) == CLOSE(usd.sum(), abs=1e-6)
    assert float(report.expectancy_usd) == CLOSE(usd.mean(), abs=1e-6)
    total = sum((g.realised_usd for _, groups in report.attribution[:1] for g in groups), D(0))
    assert total == report.realised_usd
    words = performance_card.show(report).description or ""
    assert f"{report.n_wins} won {report.n_losses} lost" in words
    assert cents(report.realised_usd) == cents(sum((e.realised_usd for e in moved), D(0)))


def test_a_benchmark_counts_from_the_last_close_before_the_period():
    days = tuple(date(2026, 1, d) for d in (5, 6, 7, 8))
    spy = Closes(symbol="SPY", days=days, prices=(100.0, 101.0, 102.0, 104.0))
    assert performance.benchmark(spy, date(2026, 1, 7)).return_pct == D("2.9703")
    assert performance.benchmark(spy, date(2026, 1, 7), D(90)).return_pct == D("-10.8911")
    assert isinstance(performance.benchmark(spy, date(2026, 1, 5)).return_pct, Missing)
