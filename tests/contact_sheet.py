"""Every chart, made up, in both themes, for tests/sheet.py; tests draw what is drawn here."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from bot.charts import Charts, Theme
from engine.domain.desk import AlertState
from engine.domain.quote import Leg
from engine.domain.trade import StopPlan
from engine.reports import (
    Missing,
    alert_stats,
    backtest,
    exposure,
    performance,
    pnl,
    price_path,
    replay,
    summary,
    trade_card,
)
from tests import market_sheets
from tests.unit.reports import book_examples
from tests.unit.reports.examples import (
    AAPL,
    MES,
    NOW,
    SPY_CALL,
    D,
    alert,
    book,
    closed,
    frame,
    lot,
    position,
    quote,
    trade,
)


def results(n: int, seed: int = 3, drift: float = 6) -> list[str]:
    """Made-up results in dollars and cents, the same for the same seed."""
    rng = random.Random(seed)
    return [f"{rng.gauss(drift, 80):.2f}" for _ in range(n)]


def pnl_report(n: int, *, seed: int = 3, drift: float = 6, every_min: int = 30) -> pnl.PnlReport:
    """A P&L report of so many closed trades, the last one now."""
    trades, entries, account = book(results(n, seed, drift))
    first = NOW - timedelta(minutes=every_min * n)
    moved = [
        replace(e, booked_at=first + timedelta(minutes=every_min * (i + 1)))
        for i, e in enumerate(entries)
    ]
    made = frame(is_synthetic=n != 60)
    return pnl.build(made, period="all", trades=trades, entries=moved, accounts=[account])


def performance_report(n: int, *, seed: int = 3, drift: float = 6) -> performance.PerformanceReport:
    """The measures of so many trades, five an afternoon."""
    made = pnl_report(n, seed=seed, drift=drift, every_min=290)
    return performance.build(made, deposits_usd=Decimal(25_000))


def path_report(*, is_long: bool = True) -> price_path.PricePathReport:
    """A price path of an option that is taken off half way up."""
    rng = random.Random(5)
    price, points = 2.50, []
    for i in range(240):
        price = max(price + rng.gauss(0.004, 0.02), 0.05)
        points.append((NOW - timedelta(seconds=15 * (240 - i)), Decimal(f"{price:.2f}")))
    made = trade(
        qty_open=D(1),
        exit_price=D("3.20"),
        realised_usd=D("63.70"),
        opened_at=points[30][0],
        direction=1 if is_long else -1,
        stop=StopPlan(price=D("2.55"), kind="breakeven"),
    )
    held = [position(SPY_CALL, lot("1", "2.55", "0.65"))]
    card = trade_card.build(
        made, frame(quote(SPY_CALL, str(points[-1][1]), str(points[-1][1]))), positions=held
    )
    return price_path.build(card, points)


def closed_path_report() -> price_path.PricePathReport:
    """A price path that was stopped out."""
    rng = random.Random(11)
    price, points = 2.50, []
    for i in range(120):
        price = max(price - abs(rng.gauss(0.003, 0.015)) + 0.004, 0.05)
        points.append((NOW - timedelta(minutes=120 - i), Decimal(f"{price:.2f}")))
    made = closed(4, "-51.30", stop=StopPlan(price=D("2.00")))
    card = trade_card.build(made, frame(is_synthetic=True))
    return price_path.build(card, points)


def exposure_report(*, is_empty: bool = False) -> exposure.ExposureReport:
    """A long call, shares sold short, a future."""
    legs = {"T-1": SPY_CALL, "T-2": AAPL, "T-3": MES}
    lots = {"T-1": lot("12", "2.55", "7.80"), "T-2": lot("-60", "185.20"), "T-3": lot("1", "6324")}
    trades = [
        trade(trade_id=key, symbol=of.symbol, legs=(Leg(instrument=of),))
        for key, of in legs.items()
    ]
    held = [position(of, lots[key], trade_id=key) for key, of in legs.items()]
    prices = (quote(SPY_CALL, "3.1", "3.1"), quote(AAPL, "187", "187"), quote(MES, "6330", "6330"))
    account = replace(book(["10"])[2], day_start_equity_usd=Decimal(50_000))
    return exposure.build(
        frame(*prices, is_synthetic=True),
        trades=[] if is_empty else trades,
        positions=[] if is_empty else held,
        accounts=[replace(account, cash_usd=Decimal(50_000))],
    )


def allocation_report(n: int = 40) -> summary.SummaryReport:
    """The accounts with what is at stake and a month behind them."""
    stakes = exposure_report(is_empty=not n)
    made = performance_report(n) if n else None
    return summary.build(
        frame(is_synthetic=True),
        stakes=stakes,
        by_position=stakes,
        gauges=(),
        buying_power_usd=Missing("not known"),
        beta=Missing("not known"),
        days=made.days if made is not None else (),
    )


def replay_report(n: int = 40) -> replay.ReplayReport:
    """A room whose alerts look better than they can be traded."""
    return replay.build(frame(), cases=replay_cases(n), title="Twinsight, 40 alerts")


def replay_cases(n: int) -> list[replay.Case]:
    """Its alerts, three ways."""
    rng = random.Random(9)
    cases = []
    for i in range(n):
        alerted = rng.gauss(22, 70)
        achievable = alerted - abs(rng.gauss(18, 10))
        skipped = achievable < -60 and rng.random() < 0.6
        cases.append(
            replay.Case(
                at=NOW - timedelta(hours=6 * (n - i)),
                label="SPY",
                alerted_usd=D(f"{alerted:.2f}"),
                achievable_usd=D(f"{achievable:.2f}"),
                ours_usd=D(0) if skipped else D(f"{achievable + 2:.2f}"),
                skipped="chased" if skipped else "",
            )
        )
    return cases


def backtest_report(n: int = 40, *, costs: backtest.Costs = "default") -> backtest.BacktestReport:
    """A room whose alerts look better than they can be traded, on the desk's terms."""
    trades, entries, account = book([f"{random.Random(k).gauss(4, 60):.2f}" for k in range(n)])
    moments = [NOW - timedelta(hours=11 * (n - k)) for k in range(n)]
    trades = [
        replace(t, opened_at=at - timedelta(minutes=40), closed_at=at)
        for t, at in zip(trades, moments, strict=True)
    ]
    entries = [replace(e, booked_at=at) for e, at in zip(entries, moments, strict=True)]
    return backtest.build(
        frame(is_synthetic=True),
        backtest_id=f"BT-{n}",
        source="synthetic, 1-minute candles",
        asked=backtest.Asked(
            room="options",
            begin=NOW.date() - timedelta(days=20),
            end=NOW.date(),
            costs=costs,
            cash_usd=Decimal(25_000),
        ),
        n_messages=3 * n + 2,
        cases=replay_cases(n),
        trades=trades,
        entries=entries,
        accounts=[account],
        kept_out=[
            ("a person would have been asked", 7, D("-212.40")),
            ("trades_per_day", 3, D("41.00")),
        ][:n],
        unpriced=["SPX 6950C 11/20: alpaca has no candles of it for that time"][:n],
    )


def backtests_report() -> backtest.Beside:
    """Two of them."""
    pair = backtest_report(40), backtest_report(24, costs="stress")
    return backtest.beside(frame(is_synthetic=True), *pair)


def alert_report(n: int = 23) -> alert_stats.AlertStats:
    """Alerts of a week: most are parsed, some are refused, fewer are filled."""
    states = (AlertState.FILLED, AlertState.REJECTED, AlertState.FILLED, AlertState.RISK_REJECTED)
    heard = [
        alert(alert_id=f"A-{k}", state=states[k % len(states)], reason="older than 60 s")
        for k in range(n)
    ]
    return alert_stats.build(
        frame(is_synthetic=True),
        days=7,
        alerts=heard,
        trades=[trade(alert_id=a.alert_id) for a in heard if a.state is AlertState.FILLED],
        orders=[],
    )


def sheets() -> Iterator[tuple[str, str, object]]:
    """(file stem, chart, report) of everything worth a look."""
    yield "pnl-empty", "pnl", pnl.build(frame(), period="today", trades=[], entries=[])
    for n in (1, 2, 12, 60, 2000):
        yield f"pnl-{n}", "pnl", pnl_report(n)
    yield "pnl-losing", "pnl", pnl_report(25, seed=8, drift=-30)
    yield "pnl-one-day", "pnl", pnl_report(9, seed=4, every_min=11)
    none = pnl.build(frame(), period="today", trades=[], entries=[])
    yield "equity-empty", "equity", performance.build(none, deposits_usd=Decimal(0))
    yield "equity-60", "equity", performance_report(60)
    yield "equity-losing", "equity", performance_report(400, seed=8, drift=-9)
    yield "allocation", "allocation", allocation_report()
    yield "allocation-empty", "allocation", allocation_report(0)
    yield "exposure", "exposure", exposure_report()
    yield "exposure-empty", "exposure", exposure_report(is_empty=True)
    yield from book_examples.charts()
    yield "replay", "replay", replay_report()
    yield "backtests", "backtests", backtests_report()
    none = backtest_report(0)
    yield "backtests-empty", "backtests", backtest.beside(frame(), none, none)
    yield "replay-empty", "replay", replay.build(frame(), cases=[])
    yield "trade-open", "trade", path_report()
    yield "trade-stopped", "trade", closed_path_report()
    yield "trade-no-history", "trade", price_path.build(path_report().card, [])
    yield from market_sheets.sheets()
    yield "alerts", "alerts", alert_report()
    yield "alerts-empty", "alerts", alert_report(0)


async def pictures() -> list[tuple[str, bytes]]:
    """(file stem, PNG) of every sheet in both themes, through a real worker."""
    charts = Charts(timeout_s=30)
    try:
        return [
            (f"{stem}-{theme}", await charts.render(name, report, theme))
            for stem, name, report in sheets()
            for theme in Theme
        ]
    finally:
        await charts.close()
