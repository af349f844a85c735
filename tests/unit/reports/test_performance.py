"""Performance measures against figures worked out by hand, and what stays n/a."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from engine.market import NYSE, new_york_date
from engine.reports import Missing, performance, pnl
from tests.unit.reports.examples import NOW, D, book, frame

DAY = timedelta(days=1)


def report(results, *, every=DAY, deposits=10_000, by="trade"):
    trades, entries, account = book(results)
    first = NOW - every * len(entries)
    moved = [replace(e, booked_at=first + every * (i + 1)) for i, e in enumerate(entries)]
    made = pnl.build(frame(), period="all", trades=trades, entries=moved, accounts=[account], by=by)
    return performance.build(made, deposits_usd=D(deposits))


def test_the_measures_of_four_trades():
    found = report(["100", "-50", "-25", "75"])
    assert (found.n_closed, found.n_wins, found.n_losses) == (4, 2, 2)
    assert found.realised_usd == 100
    assert found.return_pct == 1
    assert found.win_rate_pct == 50
    assert found.profit_factor == D(175) / D(75)
    assert found.expectancy_usd == 25
    assert found.average_win_usd == D("87.5")
    assert found.average_loss_usd == D("-37.5")
    assert found.losing_streak == 2
    assert (found.max_drawdown_usd, found.max_drawdown_trades) == (75, 2)
    assert [r.realised_usd for r in found.best] == [100, 75]
    assert [r.realised_usd for r in found.worst] == [-50, -25]


def test_what_cannot_be_told_says_why_and_is_never_zero():
    empty = report([])
    for figure in (empty.profit_factor, empty.expectancy_usd, empty.sharpe, empty.win_rate_pct):
        assert isinstance(figure, Missing)
    only_wins = report(["10", "20"])
    assert only_wins.profit_factor == Missing("no losing trade")
    assert only_wins.average_loss_usd == Missing("no losing trade")
    assert "fewer than 20 trading days" in only_wins.sharpe.reason
    assert only_wins.max_drawdown_usd == 0
    broke = report(["-30000", *["5"] * 40])
    assert "worth nothing" in broke.sharpe.reason


def test_sharpe_and_sortino_of_a_known_series():
    found = report(["100", "-50"] * 20, every=timedelta(days=1))
    days = found.days
    worth, returns = D(10_000), []
    for day in days:
        returns.append(float(day.realised_usd / worth))
        worth += day.realised_usd
    n = len(returns)
    mean = sum(returns) / n
    spread = (sum((r - mean) ** 2 for r in returns) / (n - 1)) ** 0.5
    falls = (sum(min(r, 0) ** 2 for r in returns) / n) ** 0.5
    assert float(found.sharpe) == pytest.approx(mean / spread * 252**0.5, abs=0.005)
    assert float(found.sortino) == pytest.approx(mean / falls * 252**0.5, abs=0.005)


def test_days_are_trading_days_quiet_ones_count_and_the_sum_is_the_total():
    found = report(["10", "-4", "7"], every=timedelta(days=4))
    assert all(NYSE.is_trading_day(d.on) for d in found.days)
    assert found.days[-1].cumulative_usd == found.realised_usd == 13
    assert found.days[0].on <= new_york_date(NOW - timedelta(days=8)) + timedelta(days=3)
    assert sum(d.realised_usd == 0 for d in found.days) >= 1
    days = [d.on for d in found.days]
    assert days == sorted(set(days))


def test_groups_name_who_earned_it():
    found = report(["10", "-4", "7"], by="symbol")
    assert sum((g.realised_usd for g in found.groups), Decimal(0)) == 13
    assert found.by == "symbol"
