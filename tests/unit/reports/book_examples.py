"""A book of seven positions with a year of closes, to show reports of the whole book with."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import discord

from bot.cards import correlation as correlation_card
from bot.cards import exposure as exposure_card
from bot.cards import gates as gates_card
from bot.cards import limits as limits_card
from bot.cards import risk as risk_card
from bot.cards import stress as stress_card
from bot.cards import summary as summary_card
from engine.domain.instrument import Instrument, option, stock
from engine.domain.quote import Leg
from engine.domain.refusal import Gauge
from engine.domain.trade import Account, StopPlan
from engine.flows.acts.breaker import Past
from engine.portfolio.stress import Scenario
from engine.reports import (
    Frame,
    correlation,
    exposure,
    gates,
    limits,
    risk,
    stress,
    summary,
)
from engine.reports._lines import Lines, lines_of
from engine.risk import run_checks
from engine.risk.load import load_checks
from tests.unit.portfolio.test_statistics import walk
from tests.unit.reports.examples import AAPL, MES, NOW, D, frame, lot, position, quote, trade
from tests.unit.risk import facts as risk_facts

NVDA, XOM, GLD, TSLA = (stock(n) for n in ("NVDA", "XOM", "GLD", "TSLA"))
SPY_PUT = option("SPY", date(2026, 2, 20), Decimal(600), "P")
HELD: tuple[tuple[Instrument, str, str, str, str], ...] = (
    # instrument, signed quantity, entry, mark, stop
    (AAPL, "52", "185.20", "187.10", "181.00"),
    (NVDA, "50", "176.00", "180.10", "172.50"),
    (TSLA, "-20", "410.00", "402.80", "421.00"),
    (XOM, "80", "112.00", "110.40", "108.60"),
    (GLD, "25", "310.00", "318.20", "302.00"),
    (MES, "1", "6724.00", "6731.50", "6704.00"),
    (SPY_PUT, "3", "9.10", "8.40", "4.60"),
)
CLOSES = {
    n: walk(n, 260, seed=3, like=share)
    for n, share in (
        ("SPY", 0.8),
        ("AAPL", 0.75),
        ("NVDA", 0.8),
        ("TSLA", 0.5),
        ("XOM", 0.3),
        ("GLD", 0.0),
    )
}
ACCOUNT = Account(
    name="main",
    broker="paper",
    cash_usd=D(41_300),
    deposits_usd=D(75_000),
    day_start_equity_usd=D("76020.00"),
)


def trades(held: tuple[tuple[Instrument, str, str, str, str], ...] = HELD):
    """Open trades of the book."""
    return [
        trade(
            trade_id=f"T-{n}",
            symbol=of.symbol,
            asset={"stock": "stock", "future": "future"}.get(of.kind, "option"),
            legs=(Leg(instrument=of),),
            direction=1 if D(qty) > 0 else -1,
            qty_wanted=abs(D(qty)),
            qty_opened=abs(D(qty)),
            qty_open=abs(D(qty)),
            entry_price=D(entry),
            initial_stop=D(stop),
            risk_usd=abs(D(entry) - D(stop)) * abs(D(qty)) * of.multiplier,
            stop=StopPlan(price=D(stop)),
            targets=(),
        )
        for n, (of, qty, entry, _, stop) in enumerate(held)
    ]


def positions():
    """What they hold."""
    return [
        position(of, lot(qty, entry), trade_id=f"T-{n}")
        for n, (of, qty, entry, *_) in enumerate(HELD)
    ]


def now() -> Frame:
    """Quotes of everything, and of what the option is on."""
    marks = [(of, D(mark)) for of, _, _, mark, _ in HELD] + [(stock("SPY"), D("601.30"))]
    return frame(
        *(quote(of, f"{m - D('0.02')}", f"{m + D('0.02')}") for of, m in marks), is_synthetic=True
    )


def lines() -> Lines:
    """The book as the mathematics sees it."""
    return lines_of(now(), trades=trades(), positions=positions())


def stakes(by: exposure.By = "sector") -> exposure.ExposureReport:
    """Exposure of the book."""
    return exposure.build(
        now(),
        trades=trades(),
        positions=positions(),
        accounts=[ACCOUNT],
        by=by,
        limits_pct={"*": D(40)} if by == "sector" else None,
    )


def pairs(adding: str = "") -> correlation.CorrelationReport:
    """What moves together."""
    return correlation.build(now(), lines=lines(), closes=CLOSES, adding=adding)


def gauges() -> limits.LimitsReport:
    """Some of it used."""
    used = (
        Gauge(name="in a sector", now=D(25), limit=D(40), unit="%"),
        Gauge(name="at work", now=D(66), limit=D(80), unit="%"),
        Gauge(name="positions", now=D(7), limit=D(20), unit="n"),
        Gauge(name="lost today", now=D(412), limit=D(2280), unit="$"),
    )
    return limits.build(now(), accounts=[limits.of_account(ACCOUNT, used)])


def at_risk() -> risk.RiskReport:
    """The whole book."""
    return risk.build(
        now(),
        lines=lines(),
        trades=trades(),
        equity_usd=stakes().equity_usd,
        closes=CLOSES,
        correlations=pairs(),
        sectors=stakes(),
        limits=gauges(),
    )


def storm(scenario: Scenario = "spy-10", *, known: bool = True) -> stress.StressReport:
    """The book in a scenario; ``known``: False leaves the closes out."""
    return stress.build(
        now(),
        scenario=scenario,
        lines=lines(),
        trades=trades(),
        equity_usd=stakes().equity_usd,
        at_work_usd=D(50_000),
        closes=CLOSES if known else {},
        vix=17.5,
    )


def overview() -> summary.SummaryReport:
    """The accounts on one screen."""
    return summary.build(
        now(),
        stakes=stakes(),
        by_position=stakes("position"),
        gauges=gauges().accounts[0].gauges,
        buying_power_usd=D(26_200),
        beta=at_risk().beta,
        unprotected=["TSLA"],
    )


def before_the_gates(*, is_fine: bool) -> gates.GatesReport:
    """Forty shares of AAPL, hypothetically."""
    seen = risk_facts.facts(quote=risk_facts.quote("179.95", "180.00"))
    wanted = risk_facts.shares() if is_fine else risk_facts.shares(qty=D(400))
    verdicts = run_checks(load_checks({}), wanted, seen)
    return gates.build(
        now(),
        asked="buy 40 AAPL",
        intent=replace(wanted, verdicts=verdicts, sizing="40: $760.00 of risk is 1 % of equity"),
        equity_usd=D(76_000),
    )


def cards() -> Iterator[discord.Embed]:
    """Every card of the whole book."""
    yield summary_card.show(overview())
    yield exposure_card.show(stakes())
    yield exposure_card.show(stakes("position"))
    yield risk_card.show(at_risk())
    yield risk_card.detail(at_risk(), at_risk().heat[0])
    yield correlation_card.show(pairs("XOM"))
    yield correlation_card.show(pairs("COIN"))
    yield stress_card.show(storm())
    yield stress_card.show(storm("vix30"))
    yield stress_card.show(storm(known=False))
    yield gates_card.show(before_the_gates(is_fine=True))
    yield gates_card.show(before_the_gates(is_fine=False))
    past = [Past(at=NOW - timedelta(days=2), what="tripped on main: today: -$2,310.00")]
    yield limits_card.show(limits_card.breaker(gauges()), limits_card.told(past))
    yield limits_card.drill(gauges(), [(True, "main: a loss of $2,281.00 today ends entries")])


def charts() -> Iterator[tuple[str, str, object]]:
    """Every picture of the whole book: its name, its chart, its report."""
    yield "correlation", "correlation", pairs("COIN")
    yield "risk-heatmap", "risk_heatmap", at_risk()
    for scenario in ("spy-10", "tech-10", "rates+100"):
        yield f"stress-{scenario}", "stress", storm(scenario)  # type: ignore[arg-type]
    yield "stress-unknown", "stress", storm(known=False)
    yield "exposure-sector", "exposure", stakes()
