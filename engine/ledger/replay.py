"""Recompute every figure from executions alone, by another road than the ledger's own.

The ledger matches lots fill by fill. Here nothing is matched: cash is the sum of all fills, what is
open is found backwards from the last fill, and realised P&L is what remains of cash once the
open part is set aside. Both roads must meet, to the cent.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import groupby

from engine.domain.copying import replace
from engine.domain.money import ZERO
from engine.domain.trade import Execution
from engine.ledger.booking import live


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeFigures:
    """What a trade (or an account) made, from its executions."""

    realised_usd: Decimal = ZERO
    fees_usd: Decimal = ZERO
    cash_usd: Decimal = ZERO

    def plus(self, other: "TradeFigures") -> "TradeFigures":
        """Sum of two."""
        return TradeFigures(
            realised_usd=self.realised_usd + other.realised_usd,
            fees_usd=self.fees_usd + other.fees_usd,
            cash_usd=self.cash_usd + other.cash_usd,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """Figures per trade and per account (deposits not included), and what is held."""

    trades: dict[str, TradeFigures]
    accounts: dict[str, TradeFigures]
    held: dict[str, Decimal]
    """``trade|instrument`` -> signed quantity; flat ones are left out."""


def rebuild(executions: Iterable[Execution]) -> Rebuilt:
    """Figures from executions in the order of booking, busts and corrections included."""
    rows = list(executions)
    valid = live(rows)
    trades: dict[str, TradeFigures] = {e.trade_id: TradeFigures() for e in rows}
    accounts: dict[str, TradeFigures] = {e.account: TradeFigures() for e in rows}
    held: dict[str, Decimal] = {}
    valid.sort(key=_holding)  # stable: the order of booking stays within a holding
    for holding, group in groupby(valid, key=_holding):
        fills = list(group)
        figures, qty = _figures(fills)
        trade, account = fills[0].trade_id, fills[0].account
        trades[trade] = trades[trade].plus(figures)
        accounts[account] = accounts[account].plus(figures)
        if qty != 0:
            held[holding] = qty
    return Rebuilt(trades=trades, accounts=accounts, held=held)


def _holding(execution: Execution) -> str:
    return f"{execution.trade_id}|{execution.instrument.key}"


def _figures(fills: Sequence[Execution]) -> tuple[TradeFigures, Decimal]:
    fills = _after_splits(fills)
    qty = value = fees = ZERO
    for fill in fills:
        qty += fill.qty * fill.side.sign
        value -= fill.price * fill.qty * fill.side.sign
        fees += fill.fee_usd
    cost, open_fees = _still_open(fills, qty)
    multiplier = fills[0].instrument.multiplier
    gross = (value + cost) * multiplier
    moved = gross if fills[0].instrument.kind == "future" else value * multiplier
    figures = TradeFigures(
        realised_usd=gross - (fees - open_fees), fees_usd=fees, cash_usd=moved - fees
    )
    return figures, qty


def _after_splits(fills: Sequence[Execution]) -> Sequence[Execution]:
    """All fills in shares of today: what came before a split is more shares for the same money."""
    if all(fill.kind != "split" for fill in fills):
        return fills
    rows: list[Execution] = []
    for fill in fills:
        if fill.kind != "split":
            rows.append(fill)
            continue
        held = sum((row.qty * row.side.sign for row in rows), ZERO)
        new = held + fill.qty * fill.side.sign
        rows = [
            replace(row, qty=row.qty * new / held, price=row.price * held / new) for row in rows
        ]
    return rows


def _still_open(fills: Sequence[Execution], qty: Decimal) -> tuple[Decimal, Decimal]:
    """Signed cost of what is open, and the fees that belong to it: the last fills that made it."""
    left, cost, fees = abs(qty), ZERO, ZERO
    for fill in reversed(fills):
        if left == 0:
            break
        if fill.side.sign * qty < 0:
            continue
        part = min(left, fill.qty)
        left -= part
        cost += part * fill.price * fill.side.sign
        fees += fill.fee_usd * part / fill.qty
    return cost, fees
