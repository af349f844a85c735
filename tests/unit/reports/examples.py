"""Hand-made records with defaults: the same small desk for reports, cards and charts."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.domain.alert import Action, Alert, Signal
from engine.domain.desk import AlertRecord, AlertState, Approval
from engine.domain.instrument import Instrument, future, option, stock
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
from engine.domain.quote import Leg, Quote, unit_quote
from engine.domain.trade import (
    Account,
    LedgerEntry,
    Lot,
    Position,
    StopPlan,
    Trade,
    TradeState,
)
from engine.reports import Frame

D = Decimal
NOW = datetime(2026, 1, 30, 15, 0, tzinfo=UTC)
SPY_CALL = option("SPY", date(2026, 1, 31), D(603), "C")
SHORT_PUT = option("SPY", date(2026, 2, 20), D(600), "P")
LONG_PUT = option("SPY", date(2026, 2, 20), D(595), "P")
MES = future("MES", date(2026, 3, 1))
AAPL = stock("AAPL")
CREDIT_SPREAD = (Leg(instrument=SHORT_PUT, ratio=1), Leg(instrument=LONG_PUT, ratio=-1))
"""Sold as a unit: short the 600 put, long the 595 put."""


def quote(instrument: Instrument, bid: str, ask: str, **changes: Any) -> Quote:
    made = Quote(
        instrument=instrument,
        bid=D(bid),
        ask=D(ask),
        exchange_at=NOW,
        received_at=NOW,
        source="alpaca",
    )
    return replace(made, **changes)


def frame(*quotes: Quote, **changes: Any) -> Frame:
    return Frame(now=NOW, quotes={q.instrument.key: q for q in quotes}, **changes)


def lot(qty: str, price: str, fee: str = "0") -> Lot:
    return Lot(
        execution_id=f"E-{qty}-{price}",
        qty=D(qty),
        price=D(price),
        fee_usd=D(fee),
        opened_at=NOW - timedelta(minutes=14),
    )


def position(instrument: Instrument, *lots: Lot, trade_id: str = "T-1") -> Position:
    return Position(trade_id=trade_id, account="main", instrument=instrument, lots=lots)


def trade(**changes: Any) -> Trade:
    """Long 2 SPY 603 calls from 2.55, stop 2.10, nothing closed yet."""
    made = Trade(
        trade_id="T-1",
        alert_id="A-1",
        account="main",
        broker="paper",
        source="twinsight",
        author_id=7,
        symbol="SPY",
        asset="option",
        direction=1,
        legs=(Leg(instrument=SPY_CALL),),
        state=TradeState.OPEN,
        qty_wanted=D(2),
        qty_opened=D(2),
        qty_open=D(2),
        entry_price=D("2.55"),
        alerted_price=D("2.50"),
        achievable_price=D("2.54"),
        initial_stop=D("2.10"),
        risk_usd=D(90),
        stop=StopPlan(price=D("2.10")),
        targets=(
            PlannedTarget(price=D("3.20"), qty=D(1), then_stop="entry"),
            PlannedTarget(price=D("3.80"), qty=D(1)),
        ),
        fees_usd=D("1.30"),
        opened_at=NOW - timedelta(minutes=14),
        created_at=NOW - timedelta(minutes=15),
    )
    return replace(made, **changes)


def closed(number: int, realised: str, **changes: Any) -> Trade:
    """A closed round trip of one SPY call with this result after $1.30 of fees, risk $50."""
    gross = D(realised) + D("1.30")
    made = trade(
        trade_id=f"T-{number}",
        alert_id=f"A-{number}",
        state=TradeState.CLOSED,
        qty_wanted=D(1),
        qty_opened=D(1),
        qty_open=D(0),
        entry_price=D("2.50"),
        exit_price=D("2.50") + gross / 100,
        risk_usd=D(50),
        realised_usd=D(realised),
        fees_usd=D("1.30"),
        stop=None,
        targets=(),
        opened_at=NOW - timedelta(hours=4) + timedelta(minutes=number),
        closed_at=NOW - timedelta(hours=3) + timedelta(minutes=number),
        close_reason="target" if gross > 0 else "stop",
    )
    return replace(made, **changes)


def booking(of: Trade, realised: str | Decimal, at: datetime, **changes: Any) -> LedgerEntry:
    """A closing ledger entry of a trade."""
    made = LedgerEntry(
        entry_id=f"L-{of.trade_id}-{at.timestamp()}",
        account=of.account,
        trade_id=of.trade_id,
        execution_id=f"X-{of.trade_id}-{at.timestamp()}",
        instrument_key=of.legs[0].instrument.key,
        kind="fill",
        qty=D(-1),
        price=D("2.50"),
        cash_usd=D(0),
        fee_usd=D("0.65"),
        realised_usd=D(realised),
        closed_qty=D(1),
        booked_at=at,
    )
    return replace(made, **changes)


def book(results: Sequence[str]) -> tuple[list[Trade], list[LedgerEntry], Account]:
    """Closed trades with these results, their bookings, and an account that agrees with them."""
    trades = [closed(number, result) for number, result in enumerate(results, start=1)]
    entries = [booking(t, t.realised_usd, t.closed_at or NOW) for t in trades]
    total = sum((t.realised_usd for t in trades), D(0))
    account = Account(
        name="main",
        broker="paper",
        cash_usd=D(10000) + total,
        deposits_usd=D(10000),
        realised_usd=total,
        fees_usd=D("1.30") * len(trades),
        n_closed=len(trades),
    )
    return trades, entries, account


def intent(**changes: Any) -> Intent:
    """Buy 2 SPY 603 calls at limit 2.55, alerted 2.50, achievable 2.54."""
    legs = (Leg(instrument=SPY_CALL),)
    made = Intent(
        intent_id="A-1/0",
        alert_id="A-1",
        trade_id="T-1",
        account="main",
        broker="paper",
        source="twinsight",
        author_id=7,
        purpose=Purpose.ENTRY,
        symbol="SPY",
        side=Side.BUY,
        legs=legs,
        qty=D(2),
        type=OrderType.LIMIT,
        limit=D("2.55"),
        stop=D("2.10"),
        targets=(
            PlannedTarget(price=D("3.20"), qty=D(1), then_stop="entry"),
            PlannedTarget(price=D("3.80"), qty=D(1)),
        ),
        alerted_price=D("2.50"),
        quote=unit_quote(legs, {SPY_CALL.key: quote(SPY_CALL, "2.50", "2.54")}),
        risk_usd=D(90),
        notional_usd=D(510),
        sizing="1% of $10,000.00 at $45.00 risk per contract: 2 contracts",
        guard="achievable 2.54 is 1.6% worse than alerted, inside the limit of 10%",
        verdicts=(
            Verdict(check="kill_switch", is_ok=True),
            Verdict(check="daily_loss", is_ok=True),
            Verdict(check="max_positions", is_ok=True),
        ),
        created_at=NOW - timedelta(minutes=15),
    )
    return replace(made, **changes)


def order(**changes: Any) -> Order:
    """The entry order of :func:`intent`, filled."""
    made = Order(
        order_id="TSABCDEFGHIJKLMNOPQR",
        intent_id="A-1/0",
        alert_id="A-1",
        trade_id="T-1",
        account="main",
        broker="paper",
        purpose=Purpose.ENTRY,
        side=Side.BUY,
        legs=(Leg(instrument=SPY_CALL),),
        qty=D(2),
        type=OrderType.LIMIT,
        limit=D("2.55"),
        state=OrderState.FILLED,
        leg_filled=(D(2),),
        created_at=NOW - timedelta(minutes=15),
        sent_at=NOW - timedelta(minutes=15),
        accepted_at=NOW - timedelta(minutes=15),
        updated_at=NOW - timedelta(minutes=14),
    )
    return replace(made, **changes)


def approval(**changes: Any) -> Approval:
    made = Approval(
        approval_id="P-1-0",
        kind="entry",
        alert_id="A-1",
        account="main",
        intent_id="A-1/0",
        order_id="TSABCDEFGHIJKLMNOPQR",
        trade_id="T-1",
        question="this source trades with approval",
        notional_usd=D(510),
        expires_at=NOW + timedelta(minutes=10),
        created_at=NOW - timedelta(minutes=5),
    )
    return replace(made, **changes)


def signal(**changes: Any) -> Signal:
    made = Signal(
        action=Action.BTO,
        asset="option",
        symbol="SPY",
        expiry=date(2026, 1, 31),
        strike=D(603),
        right="C",
        price=D("2.50"),
    )
    return replace(made, **changes)


def alert(**changes: Any) -> AlertRecord:
    made = AlertRecord(
        alert_id="A-1",
        source="twinsight",
        author_id=7,
        author_name="Twinsight Bot",
        channel_id=1337621057552650240,
        message_id=1400000000000000001,
        text="BTO SPY 603C 1/31 @ 2.50",
        parsed=Alert(signals=(signal(),)),
        symbol="SPY",
        state=AlertState.FILLED,
        posted_at=NOW - timedelta(minutes=15, seconds=1),
        received_at=NOW - timedelta(minutes=15),
    )
    return replace(made, **changes)


def several_accounts() -> dict[str, Any]:
    """One alert to four accounts: filled, waiting, refused, closed; what ``build`` is given."""
    no = "prop_ny: the loss limit leaves $120.00 of room, this trade risks $450.00"
    said = (
        ("main", "sent"),
        ("roth", "sent"),
        ("prop_ny", no.partition(": ")[2]),
        ("kids", "sent"),
    )
    record = alert(by_account=said, reason=no)
    ids = {name: f"T-1-{name}" for name, _ in said}
    own = {"alert_id": record.alert_id}
    return {
        "record": record,
        "intents": [
            intent(intent_id=f"A-1/0-{name}", trade_id=ids[name], account=name) for name in ids
        ],
        "trades": [
            trade(trade_id=ids["main"], **own),
            trade(
                trade_id=ids["roth"],
                account="roth",
                state=TradeState.PENDING,
                qty_opened=D(0),
                qty_open=D(0),
                entry_price=None,
                **own,
            ),
            closed(9, "-48.70", trade_id=ids["kids"], account="kids", **own),
        ],
    }
