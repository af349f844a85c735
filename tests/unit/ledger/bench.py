"""Builders with defaults, and a small desk that books fills as the flows do."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from engine import ledger
from engine.domain.instrument import Instrument, future, option, stock
from engine.domain.money import ZERO
from engine.domain.order import Order, OrderState, OrderType, PlannedTarget, Purpose, Side
from engine.domain.quote import Leg
from engine.domain.trade import (
    Account,
    Execution,
    LedgerEntry,
    Position,
    StopPlan,
    Trade,
)

D = Decimal
NOW = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
EXPIRY = date(2026, 11, 20)
AAPL = stock("AAPL")
CALL = option("SPY", EXPIRY, D(600), "C")
CALL_605 = option("SPY", EXPIRY, D(605), "C")
PUT = option("SPY", EXPIRY, D(580), "P")
PUT_575 = option("SPY", EXPIRY, D(575), "P")
MES = future("MES", date(2026, 12, 1))
NQ = future("NQ", date(2026, 12, 1))


def unit(*parts: Instrument | tuple[Instrument, int]) -> tuple[Leg, ...]:
    """Legs; a bare instrument has ratio 1."""
    return tuple(
        Leg(instrument=p[0], ratio=p[1]) if isinstance(p, tuple) else Leg(instrument=p)
        for p in parts
    )


CALL_SPREAD = unit(CALL, (CALL_605, -1))
CONDOR = unit(PUT, (PUT_575, -1), CALL, (CALL_605, -1))
"""Priced as the short strikes minus the wings: sold for a credit."""


def an_order(
    order_id: str = "A",
    purpose: Purpose = Purpose.ENTRY,
    side: Side = Side.BUY,
    legs: tuple[Leg, ...] = unit(AAPL),
    qty: str | int = 10,
    state: OrderState = OrderState.ACCEPTED,
    **more: Any,
) -> Order:
    base: dict[str, Any] = {
        "intent_id": "",
        "alert_id": "",
        "trade_id": "T",
        "account": "main",
        "broker": "paper",
        "type": OrderType.STOP if purpose is Purpose.STOP else OrderType.MARKET,
        "created_at": NOW,
        "sent_at": NOW,
        "updated_at": NOW,
    }
    return Order(
        order_id=order_id,
        purpose=purpose,
        side=side,
        legs=legs,
        qty=D(qty),
        state=state,
        **(base | more),
    )


def a_trade(
    legs: tuple[Leg, ...] = unit(AAPL),
    direction: int = 1,
    qty: str | int = 10,
    stop: str | None = None,
    targets: Iterable[tuple[str, str | int]] = (),
    **more: Any,
) -> Trade:
    base: dict[str, Any] = {
        "trade_id": "T",
        "alert_id": "",
        "account": "main",
        "broker": "paper",
        "source": "room",
        "symbol": legs[0].instrument.symbol,
        "asset": "stock",
        "created_at": NOW,
        "initial_stop": D(stop) if stop else None,
        "stop": StopPlan(price=D(stop)) if stop else None,
        "targets": tuple(PlannedTarget(price=D(p), qty=D(q)) for p, q in targets),
    }
    return Trade(
        direction=1 if direction > 0 else -1,
        legs=legs,
        qty_wanted=D(qty),
        **(base | more),
    )


def an_execution(
    execution_id: str = "e1",
    order: Order | None = None,
    qty: str | int | Decimal = 10,
    price: str | int | Decimal = 100,
    fee: str | int | Decimal = 0,
    leg: int = 0,
    **more: Any,
) -> Execution:
    order = order or an_order()
    part = order.legs[leg]
    side = order.side if part.ratio > 0 else order.side.opposite
    base: dict[str, Any] = {
        "order_id": order.order_id,
        "trade_id": order.trade_id,
        "account": order.account,
        "instrument": part.instrument,
        "side": side,
        "executed_at": NOW,
    }
    return Execution(
        execution_id=execution_id,
        qty=D(qty),
        price=D(price),
        fee_usd=D(fee),
        leg=leg,
        **(base | more),
    )


@dataclass
class Books:
    """Orders, one trade per id, positions and an account, moved on by fills."""

    account: Account = field(default_factory=lambda: Account(name="main", broker="paper"))
    trades: dict[str, Trade] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)
    positions: dict[str, Position] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    entries: list[LedgerEntry] = field(default_factory=list)
    at: datetime = NOW

    def deposit(self, usd: str) -> None:
        self.account, entry = ledger.deposit(self.account, D(usd), self.at, f"d{len(self.entries)}")
        self.entries.append(entry)

    def trade(self, trade_id: str = "T") -> Trade:
        return self.trades[trade_id]

    def open(self, trade: Trade, *orders: Order) -> None:
        self.trades[trade.trade_id] = trade
        for order in orders:
            self.orders[order.order_id] = order

    def add(self, order: Order) -> Order:
        self.orders[order.order_id] = order
        return order

    def fill(
        self,
        order_id: str,
        qty: str | int | Decimal,
        price: str | int | Decimal,
        fee: str | int | Decimal = 0,
        leg: int = 0,
        **more: Any,
    ) -> ledger.Booking:
        self.at += timedelta(seconds=1)
        order = self.orders[order_id]
        name = more.pop("execution_id", f"e{len(self.executions) + 1}")
        execution = an_execution(name, order, qty, price, fee, leg, executed_at=self.at, **more)
        return self.book(execution)

    def book(self, execution: Execution) -> ledger.Booking:
        key = f"{execution.trade_id}|{execution.instrument.key}"
        booking = ledger.book(
            execution,
            order=self.orders[execution.order_id],
            trade=self.trades[execution.trade_id],
            position=self.positions.get(key),
            account=self.account,
            now=self.at,
        )
        self.keep(booking)
        return booking

    def keep(self, booking: ledger.Booking) -> None:
        self.executions.append(booking.execution)
        self.entries.append(booking.entry)
        self.orders[booking.order.order_id] = booking.order
        self.trades[booking.trade.trade_id] = booking.trade
        self.positions[booking.position.key] = booking.position
        self.account = booking.account

    def history(self, execution: Execution) -> list[Execution]:
        return [
            e
            for e in self.executions
            if e.trade_id == execution.trade_id and e.instrument == execution.instrument
        ]

    def _around(self, execution: Execution) -> dict[str, Any]:
        """What changes with it."""
        return {
            "order": self.orders[execution.order_id],
            "trade": self.trades[execution.trade_id],
            "position": self.positions[f"{execution.trade_id}|{execution.instrument.key}"],
            "account": self.account,
            "now": self.at,
        }

    def bust(self, execution: Execution) -> ledger.Booking:
        self.at += timedelta(seconds=1)
        booking = ledger.bust(
            execution,
            self.history(execution),
            **self._around(execution),
        )
        self.keep(booking)
        return booking

    def correct(self, execution: Execution, **changes: Any) -> tuple[ledger.Booking, ...]:
        self.at += timedelta(seconds=1)
        made = ledger.correct(
            execution,
            replace(execution, **changes),
            self.history(execution),
            **self._around(execution),
        )
        for booking in made:
            self.keep(booking)
        return made

    def check(self, marks: dict[str, Decimal] | None = None) -> None:
        """I-01, I-03 and the independent recomputation."""
        held = list(self.positions.values())
        if marks is None:
            marks = {p.instrument.key: D("7.77") for p in held}
        equity = ledger.equity(self.account, held, marks)
        unrealised = ledger.unrealised(held, marks)
        assert equity is not None
        assert unrealised is not None
        worth = sum((ledger.worth(p, marks[p.instrument.key]) for p in held if p.lots), ZERO)
        assert equity == self.account.cash_usd + worth
        gained = equity - self.account.deposits_usd
        fees = ledger.open_fees(held)
        assert gained == self.account.realised_usd + unrealised - fees
        rebuilt = ledger.rebuild(self.executions)
        for name, trade in self.trades.items():
            if name in rebuilt.trades:
                figures = rebuilt.trades[name]
                assert abs(figures.realised_usd - trade.realised_usd) < D("0.000001")
                assert figures.fees_usd == trade.fees_usd
        cash = sum((f.cash_usd for f in rebuilt.accounts.values()), ZERO)
        assert abs(cash + self.account.deposits_usd - self.account.cash_usd) < D("0.000001")
        assert rebuilt.held == {k: p.qty for k, p in self.positions.items() if p.qty}


def with_stop(trade: Trade, price: str, **more: Any) -> Trade:
    return replace(trade, stop=StopPlan(price=D(price), **more))
