"""Builders: an account on an ordinary morning, and entries that every check lets through."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.domain.instrument import crypto, future, option, stock
from engine.domain.order import (
    Intent,
    Order,
    OrderState,
    OrderType,
    PlannedTarget,
    Purpose,
    Side,
    Verdict,
)
from engine.domain.quote import Leg, UnitQuote
from engine.domain.trade import Account, Trade, TradeState
from engine.prop import PropAccount, PropFirm, PropState
from engine.risk import Denial, Facts, RecentExit, RiskCheck, run_checks
from engine.risk.load import load_checks
from engine.sizing import exposure_usd, unit_risk

D = Decimal
NOW = datetime(2025, 1, 29, 15, 0, tzinfo=UTC)
"""A Wednesday, 10:00 in New York."""
FRIDAY = date(2025, 1, 31)

CALL = (Leg(instrument=option("SPY", FRIDAY, D(603), "C")),)
PUT = (Leg(instrument=option("SPY", FRIDAY, D(590), "P")),)
AAPL = (Leg(instrument=stock("AAPL")),)
MES = (Leg(instrument=future("MES", date(2025, 3, 1))),)
BTC = (Leg(instrument=crypto("BTC")),)
PUT_SPREAD = (
    Leg(instrument=option("SPY", FRIDAY, D(590), "P")),
    Leg(instrument=option("SPY", FRIDAY, D(585), "P"), ratio=-1),
)


def account(**more: Any) -> Account:
    figures: dict[str, Any] = {
        "name": "main",
        "broker": "paper",
        "session_on": NOW.date(),
        "day_start_equity_usd": D(100_000),
        "peak_equity_usd": D(100_000),
    }
    return Account(**(figures | more))


def quote(bid: str = "2.35", ask: str = "2.37", **more: Any) -> UnitQuote:
    figures: dict[str, Any] = {
        "bid": D(bid),
        "ask": D(ask),
        "exchange_at": NOW - timedelta(seconds=1),
        "received_at": NOW - timedelta(seconds=1),
        "source": "test",
    }
    return UnitQuote(**(figures | more))


def facts(**more: Any) -> Facts:
    figures: dict[str, Any] = {
        "now": NOW,
        "session_on": NOW.date(),
        "minutes_after_open": 30,
        "minutes_to_close": 360,
        "account": account(),
        "equity_usd": D(100_000),
        "buying_power_usd": D(100_000),
        "open_pnl_usd": D(0),
        "is_paper_broker": True,
        "quote": quote(),
    }
    return Facts(**(figures | more))


TOPSTEP = PropFirm(start_balance_usd=D(50_000), max_loss_usd=D(2_000), max_contracts=D(5))
"""The firm's account of 50,000 dollars."""


def prop(firm: PropFirm = TOPSTEP, **more: Any) -> PropAccount:
    """A prop account on its first day, at its start balance and flat."""
    figures: dict[str, Any] = {
        "state": PropState(peak_usd=D(50_000), day_on=NOW.date()),
        "equity_usd": D(50_000),
        "at_stops_usd": D(50_000),
        "contracts": D(0),
    }
    return PropAccount(firm=firm, **(figures | more))


def intent(**more: Any) -> Intent:
    """Buy 2 SPY calls at 2.37, stop 1.20; risk and size follow from what is changed."""
    figures: dict[str, Any] = {
        "intent_id": "A-1/0",
        "alert_id": "A-1",
        "trade_id": "T-1",
        "account": "main",
        "broker": "paper",
        "source": "options",
        "author_id": 101,
        "purpose": Purpose.ENTRY,
        "symbol": "SPY",
        "side": Side.BUY,
        "legs": CALL,
        "qty": D(2),
        "type": OrderType.LIMIT,
        "limit": D("2.37"),
        "stop": D("1.20"),
        "alerted_price": D("2.35"),
        "created_at": NOW,
    } | more
    priced = figures["limit"] is not None and figures["limit"].is_finite()
    if priced and figures["qty"].is_finite():
        stake = exposure_usd(figures["legs"], figures["side"], figures["qty"], figures["limit"])
        figures.setdefault("notional_usd", stake)
        unit = unit_risk(figures["legs"], figures["side"], figures["limit"], figures["stop"])
        if isinstance(unit, Decimal):
            figures.setdefault("risk_usd", unit * figures["qty"])
    return Intent(**figures)


def shares(**more: Any) -> Intent:
    """Buy 40 AAPL at 180.00, stop 176.40 (2 %), targets at 190.00."""
    figures: dict[str, Any] = {
        "symbol": "AAPL",
        "legs": AAPL,
        "qty": D(40),
        "limit": D("180.00"),
        "stop": D("176.40"),
        "targets": (PlannedTarget(price=D("190.00"), qty=D(40)),),
        "alerted_price": D("180.00"),
    }
    return intent(**(figures | more))


def micro(**more: Any) -> Intent:
    """Buy 1 MES at 6326, stop 6316: 50 dollars."""
    figures: dict[str, Any] = {
        "symbol": "MES",
        "legs": MES,
        "qty": D(1),
        "limit": D(6326),
        "stop": D(6316),
        "alerted_price": D(6326),
    }
    return intent(**(figures | more))


def credit_spread(**more: Any) -> Intent:
    """Sell the 590/585 put spread for 0.62, no stop: 438 dollars at worst."""
    figures: dict[str, Any] = {
        "symbol": "SPY",
        "legs": PUT_SPREAD,
        "side": Side.SELL,
        "qty": D(1),
        "limit": D("0.62"),
        "stop": None,
        "alerted_price": D("0.62"),
    }
    return intent(**(figures | more))


def coins(**more: Any) -> Intent:
    """Buy 0.05 BTC at 100,000, stop 97,000."""
    figures: dict[str, Any] = {
        "symbol": "BTC/USD",
        "legs": BTC,
        "qty": D("0.05"),
        "limit": D(100_000),
        "stop": D(97_000),
        "alerted_price": D(100_000),
    }
    return intent(**(figures | more))


def trade(trade_id: str, *, legs: tuple[Leg, ...] = CALL, **more: Any) -> Trade:
    """An open trade, bought a day ago."""
    figures: dict[str, Any] = {
        "trade_id": trade_id,
        "alert_id": f"A-{trade_id}",
        "account": "main",
        "broker": "paper",
        "source": "options",
        "author_id": 101,
        "symbol": legs[0].instrument.symbol,
        "asset": "option",
        "direction": 1,
        "legs": legs,
        "state": TradeState.OPEN,
        "qty_wanted": D(2),
        "qty_opened": D(2),
        "qty_open": D(2),
        "entry_price": D("2.00"),
        "opened_at": NOW - timedelta(days=1),
        "created_at": NOW - timedelta(days=1),
    }
    return Trade(**(figures | more))


def pending(trade_id: str, *, legs: tuple[Leg, ...] = CALL, **more: Any) -> Order:
    """An entry order at the broker."""
    figures: dict[str, Any] = {
        "order_id": f"O-{trade_id}",
        "intent_id": f"I-{trade_id}",
        "alert_id": f"A-{trade_id}",
        "trade_id": trade_id,
        "account": "main",
        "broker": "paper",
        "purpose": Purpose.ENTRY,
        "side": Side.BUY,
        "legs": legs,
        "qty": D(2),
        "type": OrderType.LIMIT,
        "limit": D("2.00"),
        "state": OrderState.ACCEPTED,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Order(**(figures | more))


def ended(symbol: str = "SPY", minutes_ago: int = 60, usd: str = "-50", **more: Any) -> RecentExit:
    """A trade that was closed; a loss by default, not by its stop."""
    figures: dict[str, Any] = {
        "symbol": symbol,
        "source": "options",
        "closed_at": NOW - timedelta(minutes=minutes_ago),
        "realised_usd": D(usd),
        "was_stopped": False,
        "opened_at": NOW - timedelta(days=2),
    }
    return RecentExit(**(figures | more))


def held(*trades: Trade, usd: str = "400") -> dict[str, Any]:
    """Facts of open trades with their exposure."""
    return {"trades": trades, "notional_by_trade": {t.trade_id: D(usd) for t in trades}}


def check(name: str, **settings: Any) -> RiskCheck:
    """One check with its defaults, or with these figures."""
    return dict(load_checks({name: settings}))[name]


def code(name: str, entry: Intent, seen: Facts, **settings: Any) -> str:
    """Code of the denial, empty when the check lets the entry through."""
    denial = check(name, **settings).check(entry, seen)
    return denial.code if isinstance(denial, Denial) else ""


def verdicts(entry: Intent, seen: Facts) -> tuple[Verdict, ...]:
    """What every check says."""
    return run_checks(load_checks({}), entry, seen)


def denied(entry: Intent, seen: Facts) -> list[str]:
    """Codes of all denials."""
    return [v.code for v in verdicts(entry, seen) if not v.is_ok]
