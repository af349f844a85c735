"""Executions from orders, their fees and what happens without an order from transactions; pure.

An execution is named after its order, leg and the broker's fill id, which the stream, the lists
and a restart say alike. Fees stand in the transactions that follow it; until then a fill carries
its share of what the broker calculated when it took the order.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from engine.brokers import BrokerFill
from engine.brokers.tastytrade.symbols import instrument_of
from engine.brokers.tastytrade.translate import (
    Unreadable,
    cost_of,
    id_of,
    legs_of,
    moment,
    needed,
    number,
    ours,
    sign_of,
)
from engine.domain.money import ZERO
from engine.domain.order import Side

_FEES = (
    "commission",
    "clearing-fees",
    "regulatory-fees",
    "proprietary-index-option-fees",
    "currency-conversion-fees",
    "other-charge",
)
_HUNDREDTH_OF_A_CENT = Decimal("0.0001")
_CENTS_THAT_COUNT = Decimal("0.05")
_A_CENT = Decimal("0.01")
_ENDS: Mapping[str, Literal["expiry", "exercise"]] = {
    "Expiration": "expiry",
    "Exercise": "exercise",
    "Assignment": "exercise",
    "Cash Settled Exercise": "exercise",
    "Cash Settled Assignment": "exercise",
}
_DELIVERIES = frozenset({"Buy to Open", "Sell to Open", "Buy to Close", "Sell to Close"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fees:
    """Fees of executions, as transactions say them: by (order id, execution's own id)."""

    by_execution: Mapping[tuple[str, str], Decimal]

    def of(self, order_id: str, fill: Mapping[str, Any]) -> Decimal | None:
        """Dollars paid for one fill of an order; None while the broker has not said."""
        for key in ("ext-exec-id", "fill-id", "ext-group-fill-id"):
            found = self.by_execution.get((order_id, f"{key} {fill.get(key)}"))
            if fill.get(key) and found is not None:
                return found
        return None


NO_FEES = Fees(by_execution={})


def fees_in(transactions: Iterable[Mapping[str, Any]]) -> Fees:
    """What trades cost. An id that two transactions share (a spread's group) tells nothing."""
    found: dict[tuple[str, str], Decimal] = {}
    shared: set[tuple[str, str]] = set()
    for row in transactions:
        if row.get("transaction-type") != "Trade" or not row.get("order-id"):
            continue
        costs = [cost_of(row, key) for key in _FEES]
        if all(cost is None for cost in costs):
            continue
        paid = sum((abs(c) if _is_paid(row, k) else -abs(c) for c, k in _said(costs)), ZERO)
        names = {"ext-exec-id": row.get("ext-exec-id"), "fill-id": row.get("exec-id")}
        names["ext-group-fill-id"] = row.get("ext-group-fill-id")
        for key, name in names.items():
            if name:
                place = (str(row["order-id"]), f"{key} {name}")
                shared |= {place} & found.keys()
                found[place] = paid
    return Fees(by_execution={k: v for k, v in found.items() if k not in shared})


def _said(costs: list[Decimal | None]) -> list[tuple[Decimal, str]]:
    return [(cost, key) for cost, key in zip(costs, _FEES, strict=True) if cost is not None]


def _is_paid(row: Mapping[str, Any], key: str) -> bool:
    return row.get(f"{key}-effect") != "Credit"


def per_contract(data: Mapping[str, Any]) -> Decimal | None:
    """Dollars per contract or share that the broker expects when it takes an order."""
    calculation = data.get("fee-calculation")
    total = cost_of(calculation, "total-fees")
    order = data.get("order")
    legs = order.get("legs") if isinstance(order, Mapping) else None
    if total is None or not isinstance(legs, list):
        return None
    if isinstance(calculation, Mapping) and calculation.get("total-fees-effect") == "Credit":
        total = -total
    else:
        total = abs(total)
    n = sum((number(leg.get("quantity")) or ZERO for leg in legs), ZERO)
    return total / n if n > 0 else None


def order_fills(
    raw: Mapping[str, Any],
    account: str,
    today: date,
    *,
    expected: Decimal | None = None,
    fees: Fees = NO_FEES,
) -> list[BrokerFill]:
    """All executions that an order tells of, leg by leg.

    Args:
        raw: The broker's order.
        account: Our name of its account.
        today: Settles the decade of futures.
        expected: Dollars per contract that the broker expected; None when that is not known.
        fees: What it said it took.

    Raises:
        Unreadable, Foreign.
    """
    found = []
    for n, leg in enumerate(legs_of(raw)):
        for fill in leg.get("fills") or ():
            qty = needed(fill, "quantity")
            paid = fees.of(id_of(raw), fill)
            if paid is None:
                paid = ((expected or ZERO) * qty).quantize(_HUNDREDTH_OF_A_CENT)
            found.append(
                BrokerFill(
                    execution_id=_name(raw, n, fill),
                    client_order_id=ours(raw),
                    broker_id=id_of(raw),
                    account=account,
                    instrument=instrument_of(
                        str(leg.get("instrument-type")), str(leg.get("symbol", "")), today
                    ),
                    leg=n,
                    side=Side.BUY if sign_of(leg) > 0 else Side.SELL,
                    qty=qty,
                    price=abs(needed(fill, "fill-price")),
                    fee_usd=paid,
                    executed_at=_when(fill),
                )
            )
    return found


def _when(fill: Mapping[str, Any]) -> datetime:
    at = moment(fill.get("filled-at"))
    if at is None:
        raise Unreadable("a fill without a time")
    return at


def _name(raw: Mapping[str, Any], leg: int, fill: Mapping[str, Any]) -> str:
    own = fill.get("fill-id") or fill.get("ext-exec-id")
    if not own:
        raise Unreadable("a fill without an id")
    # The day, because the sandbox forgets its orders daily and may count them anew.
    return f"TT{_when(fill):%y%m%d}-{id_of(raw)}-{leg}-{own}"


def busts(
    transactions: Iterable[Mapping[str, Any]],
    orders: Mapping[str, Mapping[str, Any]],
    booked: Iterable[BrokerFill],
) -> list[BrokerFill]:
    """Executions that a later transaction takes back; ``orders`` by the broker's id."""
    rows = {str(row.get("id")): row for row in transactions}
    known = {fill.execution_id: fill for fill in booked}
    found = []
    for row in rows.values():
        wrong = rows.get(str(row.get("reverses-id") or ""), {})
        raw = orders.get(str(wrong.get("order-id")))
        if wrong.get("transaction-type") != "Trade" or raw is None:
            continue
        for n, leg in enumerate(legs_of(raw)):
            for fill in leg.get("fills") or ():
                of = known.get(_name(raw, n, fill))
                if of is not None and fill.get("ext-exec-id") == wrong.get("ext-exec-id"):
                    name = f"{of.execution_id}-T{id_of(row)}"
                    found.append(replace(of, execution_id=name, of=of.execution_id, kind="bust"))
    return found


def fee_corrections(fill: BrokerFill, told_usd: Decimal | None) -> list[BrokerFill]:
    """The fill as it was told, and its correction where that was wrong by cents that count."""
    is_ours = bool(fill.client_order_id)
    least = _CENTS_THAT_COUNT if told_usd else _A_CENT  # 0 was told where nothing was estimated
    if not is_ours or told_usd is None or abs(fill.fee_usd - told_usd) < least:
        return [fill]
    right = replace(fill, execution_id=f"{fill.execution_id}-fee", of=fill.execution_id)
    return [replace(fill, fee_usd=told_usd), replace(right, kind="correct")]


def order_ids(transactions: Iterable[Mapping[str, Any]]) -> set[str]:
    """Orders that traded, whenever they were placed."""
    return {
        str(row["order-id"])
        for row in transactions
        if row.get("transaction-type") == "Trade" and row.get("order-id")
    }


def end_of(
    row: Mapping[str, Any], account: str, today: date, settled: frozenset[str]
) -> BrokerFill | None:
    """An expiry, an exercise or an assignment; None for every other transaction.

    Shares delivered by one come as a transaction of their own: those count when an option on them
    was exercised or assigned (``settled``: underlying symbols of such).

    Raises:
        Unreadable, Foreign.
    """
    if row.get("transaction-type") != "Receive Deliver":
        return None
    what = str(row.get("transaction-sub-type", ""))
    is_delivery = what in _DELIVERIES and row.get("underlying-symbol") in settled
    kind: Literal["expiry", "exercise"] | None = "exercise" if is_delivery else _ENDS.get(what)
    if kind is None:
        return None
    side = _end_side(row)
    symbol, name = str(row.get("symbol", "")), str(row.get("instrument-type"))
    instrument = instrument_of(name, symbol, today)
    qty = abs(needed(row, "quantity"))
    at = moment(row.get("executed-at"))
    if at is None or qty == 0:
        raise Unreadable(f"{what} without size or time")
    return BrokerFill(
        execution_id=f"TT{at:%y%m%d}-T{id_of(row)}",
        client_order_id="",
        broker_id="",
        account=account,
        instrument=instrument,
        leg=int(instrument.kind != "option"),
        side=side,
        qty=qty,
        price=_end_price(row, qty, instrument.multiplier, what),
        fee_usd=sum((abs(cost_of(row, key) or ZERO) for key in _FEES), ZERO),
        executed_at=at,
        kind=kind,
    )


def _end_side(row: Mapping[str, Any]) -> Side:
    """What it does to the holding; who is assigned was short, who exercises was long."""
    what = str(row.get("transaction-sub-type", ""))
    for said in (row.get("action"), what):
        if isinstance(said, str) and said.startswith(("Buy", "Sell")):
            return Side.BUY if said.startswith("Buy") else Side.SELL
    return Side.BUY if "Assignment" in what else Side.SELL


def _end_price(row: Mapping[str, Any], qty: Decimal, multiplier: Decimal, what: str) -> Decimal:
    price = number(row.get("price"))
    if price is not None:
        return abs(price)
    if what.startswith("Cash Settled") or what in _DELIVERIES:
        return abs(needed(row, "value")) / qty / multiplier
    return ZERO


def settled_underlyings(transactions: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """Symbols whose options were exercised or assigned against shares."""
    return frozenset(
        str(row.get("underlying-symbol"))
        for row in transactions
        if row.get("transaction-sub-type") in ("Exercise", "Assignment")
    )
