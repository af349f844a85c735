"""A fixed book: three positions, two days of results, a day of alerts, limits; and its Seen."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from engine.copilot import ideas, recommend
from engine.copilot.question import Asked, read
from engine.copilot.seen import Headline, Move, Seen
from engine.copilot.topics import rules
from engine.domain.desk import AlertState
from engine.domain.order import PlannedTarget
from engine.domain.quote import Leg
from engine.domain.refusal import Gauge
from engine.domain.trade import Account, LedgerEntry, StopPlan, Trade
from engine.market import CME, NYSE
from engine.reports import (
    day,
    exposure,
    limits,
    markets,
    orders,
    performance,
    pnl,
    positions,
    recommendations,
    trades,
)
from tests.unit.reports import examples as ex
from tests.unit.reports.examples import NOW, D

YESTERDAY = NOW - timedelta(days=1)
"""A Thursday."""
RESULTS_BEFORE = {"11": "84.70", "12": "-40.30", "13": "210.05"}
RESULTS_TODAY = {"21": "-51.30", "22": "120.40"}
SYMBOLS = ("SPY", "AAPL", "MES", "QQQ", "TSLA")


def closed_trades() -> list[Trade]:
    """Three of yesterday, two of today."""
    before = [
        ex.closed(int(n), r, opened_at=YESTERDAY - timedelta(hours=2), closed_at=YESTERDAY)
        for n, r in RESULTS_BEFORE.items()
    ]
    today = [
        ex.closed(
            int(n), r, opened_at=NOW - timedelta(minutes=50), closed_at=NOW - timedelta(minutes=20)
        )
        for n, r in RESULTS_TODAY.items()
    ]
    return [*before, *today]


def entries() -> list[LedgerEntry]:
    """Their bookings."""
    return [ex.booking(t, t.realised_usd, t.closed_at or NOW) for t in closed_trades()]


def open_trades() -> list[Trade]:
    """SPY calls in profit near their target, AAPL short near its stop, MES unprotected."""
    spy = ex.trade(
        targets=(PlannedTarget(price=D("3.20"), qty=D(2)),),
        opened_at=NOW - timedelta(minutes=14),
        symbol="SPY",
        legs=(Leg(instrument=ex.SHORT_PUT),),
    )
    aapl = ex.trade(
        trade_id="T-2",
        alert_id="A-2",
        symbol="AAPL",
        asset="stock",
        direction=-1,
        legs=(Leg(instrument=ex.AAPL),),
        qty_opened=D(100),
        qty_open=D(100),
        entry_price=D("185.20"),
        risk_usd=D(200),
        stop=StopPlan(price=D("187.20")),
        targets=(),
        fees_usd=D("1.00"),
    )
    mes = ex.trade(
        trade_id="T-3",
        alert_id="A-3",
        symbol="MES",
        asset="future",
        legs=(Leg(instrument=ex.MES),),
        entry_price=D("6324.25"),
        risk_usd=D(100),
        stop=None,
        targets=(),
        is_unprotected_since=NOW - timedelta(seconds=40),
    )
    return [spy, aapl, mes]


def held() -> list[Any]:
    """Positions behind them."""
    return [
        ex.position(ex.SHORT_PUT, ex.lot("2", "2.55", "1.30")),
        ex.position(ex.AAPL, ex.lot("-100", "185.20", "0.50"), trade_id="T-2"),
        ex.position(ex.MES, ex.lot("2", "6324.25", "1.24"), trade_id="T-3"),
    ]


def frame() -> Any:
    """Fresh quotes of all that is held."""
    return ex.frame(
        ex.quote(ex.SHORT_PUT, "3.14", "3.18"),
        ex.quote(ex.AAPL, "187.00", "187.04"),
        ex.quote(ex.MES, "6320.00", "6320.25"),
    )


def account() -> Account:
    """Everything in one account."""
    realised = sum((e.realised_usd for e in entries()), D(0))
    return Account(
        name="main",
        broker="paper",
        cash_usd=D(100_000) + realised,
        deposits_usd=D(100_000),
        realised_usd=realised,
        day_start_equity_usd=D(100_250),
        n_closed=5,
    )


def alerts(text: str = "BTO SPY 603C 1/31 @ 2.50", author: str = "Twinsight Bot") -> list[Any]:
    """One taken, one refused, one that waits; the last one's words may be anything."""
    at = NOW - timedelta(minutes=30)
    return [
        ex.alert(received_at=at),
        ex.alert(
            alert_id="A-8",
            state=AlertState.RISK_REJECTED,
            reason="today's loss of $312.40 reaches the limit of $300.00",
            received_at=at + timedelta(minutes=5),
        ),
        ex.alert(
            alert_id="A-9",
            state=AlertState.HELD,
            reason="this source trades with approval",
            text=text,
            author_name=author,
            received_at=at + timedelta(minutes=10),
        ),
    ]


def limits_report(used: str = "85") -> limits.LimitsReport:
    """Lost today is near its limit."""
    gauges = [
        Gauge(name="lost today", now=D(used), limit=D(100), unit="$"),
        Gauge(name="positions", now=D(3), limit=D(20), unit="n"),
    ]
    return limits.build(frame(), accounts=[limits.of_account(account(), gauges)])


def asked(question: str, symbols: Sequence[str] = SYMBOLS) -> Asked:
    """A question as it is read."""
    return read(question, rules(), symbols, NOW.date())


def seen(question: Asked | None = None, **changes: Any) -> Seen:
    """The reports over the fixed book."""
    at = frame()
    known = [*closed_trades(), *open_trades()]
    common = {"entries": entries(), "trades": known, "alerts": alerts()}
    book = held()
    what = positions.build(at, trades=open_trades(), positions=book)
    bounds = limits_report()
    view = recommend.Held(positions=what, limits=bounds, called_off=frozenset())
    found = [*recommend.cut(view), *recommend.risk(view), *recommend.take(view)]
    wants_period = question is not None and (
        question.span in ("week", "month", "ytd", "all") or "performance" in question.topics
    )
    made = Seen(
        frame=at,
        today=day.build(at, on=NOW.date(), **common),  # type: ignore[arg-type]
        yesterday=day.build(at, on=day.yesterday(NOW), **common),  # type: ignore[arg-type]
        recent=trades.build(at, trades=known, positions=book, limit=50),
        positions=what,
        exposure=exposure.build(at, trades=open_trades(), positions=book, accounts=[account()]),
        sectors=None,
        limits=bounds,
        markets=markets.build(at, {"NYSE": NYSE, "CME Globex": CME}),
        orders=orders.build(at, orders=[]),
        n_approvals=1,
        advice=recommendations.build(
            at,
            title="What to do",
            advised=found,
            rules=(*recommend.CUT_RULES, *ideas.IDEA_RULES),
            risk_note=recommend.risk_note(bounds),
        ),
        performance=measures(question) if wants_period else None,
        moves=(Move(symbol="SPY", change_pct=Decimal("0.84")),),
    )
    return replace(made, **changes)


def measures(question: Asked | None) -> performance.PerformanceReport:
    """Of the period asked for."""
    span = question.span if question is not None else None
    period = span if span in ("week", "month", "ytd", "all") else "month"
    made = pnl.build(
        frame(),
        period=period,  # type: ignore[arg-type]
        trades=closed_trades(),
        entries=entries(),
        accounts=[account()],
        by="source",
    )
    return performance.build(made, deposits_usd=D(100_000))


def headlines(*texts: str) -> tuple[Headline, ...]:
    """News of SPY."""
    return tuple(Headline(symbol="SPY", text=t, source="wire") for t in texts)
