"""What tastytrade's imitation says, in the words and shapes that tastytrade publishes; pure."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from engine.brokers import Balance, BrokerFill, BrokerOrder, BrokerPosition, Preview
from engine.domain.instrument import Instrument
from engine.domain.order import Side
from engine.market import NEW_YORK

KIND = {"stock": "Equity", "option": "Equity Option", "future": "Future"}
OVER = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})

_STATUS = {
    "accepted": "Live",
    "partial": "Live",
    "filled": "Filled",
    "canceled": "Cancelled",
    "expired": "Expired",
    "rejected": "Rejected",
    "replaced": "Cancelled",
}
_BORN = "2025-01-01T10:00:00.000+00:00"


@dataclass
class Placed:
    """An order as this broker keeps it."""

    no: int
    account: str
    key: str
    """Under which the exchange knows it."""
    body: Mapping[str, Any]
    received_at: datetime
    carried: Decimal = Decimal(0)
    replaces: int | None = None
    replaced_by: int | None = None
    fills: list[BrokerFill] = field(default_factory=list)
    """As far as the stream has told."""


class Refusal(Exception):
    """An answer that is no 2xx."""

    def __init__(self, status: int, code: str, message: str, inner: list[Any] | None = None):
        super().__init__(code)
        self.status = status
        self.body: dict[str, Any] = {"error": {"code": code, "message": message}}
        if inner:
            self.body["error"]["errors"] = inner


def whole(number: Decimal) -> int | str:
    return int(number) if number % 1 == 0 else str(number)


def day_of(at: datetime) -> date:
    return at.astimezone(NEW_YORK).date()


def symbol_of(instrument: Instrument) -> str:
    """As this broker writes it."""
    key = instrument.key
    return f"{key[:-2]}{key[-1]}" if instrument.kind == "future" else key


# -- accounts ---------------------------------------------------------------------------------


def account(number: str, *, is_closed: bool) -> dict[str, Any]:
    return {
        "account": {
            "account-number": number,
            "external-id": f"A{number}",
            "opened-at": _BORN,
            "nickname": "Individual",
            "account-type-name": "Individual",
            "day-trader-status": False,
            "is-closed": is_closed,
            "is-firm-error": False,
            "is-firm-proprietary": False,
            "is-futures-approved": True,
            "is-test-drive": False,
            "margin-or-cash": "Margin",
            "is-foreign": False,
            "created-at": _BORN,
        },
        "authority-level": "owner",
    }


def balance(said: Balance, now: datetime) -> dict[str, Any]:
    return {
        "account-number": said.account,
        "currency": "USD",
        "cash-balance": str(said.cash_usd),
        "derivative-buying-power": str(said.buying_power_usd),
        "equity-buying-power": str(said.buying_power_usd),
        "net-liquidating-value": str(said.cash_usd),
        "pending-cash": "0.0",
        "pending-cash-effect": "None",
        "snapshot-date": now.date().isoformat(),
        "updated-at": now.isoformat(),
    }


def trading_status(number: str, now: datetime) -> dict[str, Any]:
    return {
        "account-number": number,
        "day-trade-count": 0,
        "equities-margin-calculation-type": "Reg T",
        "fee-schedule-name": "default",
        "id": 1,
        "is-closed": False,
        "is-closing-only": False,
        "is-frozen": False,
        "is-futures-enabled": True,
        "is-in-margin-call": False,
        "is-pattern-day-trader": False,
        "options-level": "No Restrictions",
        "updated-at": now.isoformat(),
    }


def position(held: BrokerPosition, now: datetime) -> dict[str, Any]:
    return {
        "account-number": held.account,
        "symbol": symbol_of(held.instrument),
        "instrument-type": KIND[held.instrument.kind],
        "underlying-symbol": held.instrument.symbol,
        "quantity": whole(abs(held.qty)),
        "quantity-direction": "Long" if held.qty > 0 else "Short",
        "close-price": "0.0",
        "average-open-price": str(held.avg_price),
        "multiplier": whole(held.instrument.multiplier),
        "cost-effect": "Credit" if held.qty > 0 else "Debit",
        "is-suppressed": False,
        "is-frozen": False,
        "restricted-quantity": 0,
        "realized-day-gain": "0.0",
        "realized-today": "0.0",
        "created-at": now.isoformat(),
        "updated-at": now.isoformat(),
    }


# -- orders -----------------------------------------------------------------------------------


def costs(preview: Preview) -> dict[str, Any]:
    """What stands beside an order that was tried or taken."""
    change, fees = preview.buying_power_change_usd or Decimal(0), str(preview.fee_usd)
    return {
        "buying-power-effect": {
            "change-in-margin-requirement": str(abs(change)),
            "change-in-margin-requirement-effect": "Debit",
            "change-in-buying-power": str(abs(change)),
            "change-in-buying-power-effect": "Debit" if change < 0 else "Credit",
            "current-buying-power": "0.0",
            "current-buying-power-effect": "Credit",
            "impact": str(abs(change)),
            "effect": "Debit",
            "is-spread": False,
        },
        "fee-calculation": {
            "regulatory-fees": "0.0",
            "regulatory-fees-effect": "None",
            "clearing-fees": "0.0",
            "clearing-fees-effect": "None",
            "commission": fees,
            "commission-effect": "Debit",
            "proprietary-index-option-fees": "0.0",
            "proprietary-index-option-fees-effect": "None",
            "total-fees": fees,
            "total-fees-effect": "Debit",
        },
    }


def order(
    placed: Placed,
    report: BrokerOrder | None,
    fills: Sequence[BrokerFill],
    now: datetime,
    status: str | None = None,
) -> dict[str, Any]:
    """An order as it stands; ``status``: another than its own."""
    body = placed.body
    state = "accepted" if report is None else report.state
    status = status or _STATUS[state]
    if report is not None and report.raw_state == "pending_cancel":
        status = "Cancel Requested"
    stamp = (now if report is None else report.updated_at).isoformat()
    said: dict[str, Any] = {
        "id": placed.no,
        "account-number": placed.account,
        "time-in-force": body.get("time-in-force"),
        "order-type": body.get("order-type"),
        "size": math.gcd(*(int(leg["quantity"]) for leg in body["legs"])),
        "underlying-symbol": str(body["legs"][0]["symbol"]).split(" ")[0],
        "underlying-instrument-type": "Equity",
        "status": status,
        "cancellable": state not in OVER,
        "editable": state not in OVER,
        "edited": False,
        "external-identifier": body.get("external-identifier"),
        "source": body.get("source"),
        "username": "canary-username",
        "received-at": placed.received_at.isoformat(),
        "updated-at": stamp,
        "legs": [_leg(n, leg, placed, fills) for n, leg in enumerate(body["legs"])],
    }
    said |= {key: body[key] for key in ("price", "price-effect", "stop-trigger") if key in body}
    if state in OVER:
        said["terminal-at"] = stamp
    if report is not None and report.reason:
        said["reject-reason"] = report.reason
    if placed.replaces is not None:
        said["replaces-order-id"] = placed.replaces
    if placed.replaced_by is not None and state not in ("accepted", "partial"):
        said["replacing-order-id"] = placed.replaced_by
    return said


def _leg(
    n: int, leg: Mapping[str, Any], placed: Placed, fills: Sequence[BrokerFill]
) -> dict[str, Any]:
    sizes = [int(each["quantity"]) for each in placed.body["legs"]]
    size = Decimal(sizes[n]) - placed.carried * (sizes[n] // math.gcd(*sizes))
    mine = [fill for fill in fills if fill.leg == n]
    return {
        "instrument-type": leg["instrument-type"],
        "symbol": leg["symbol"],
        "quantity": whole(size),
        "remaining-quantity": whole(size - sum((f.qty for f in mine), Decimal(0))),
        "action": leg["action"],
        "fills": [
            {
                "ext-group-fill-id": f"G{fill.execution_id}",
                "ext-exec-id": f"E{fill.execution_id}",
                "fill-id": f"1_{fill.execution_id}",
                "quantity": whole(fill.qty),
                "fill-price": str(fill.price),
                "filled-at": fill.executed_at.isoformat(),
                "destination-venue": "CBOE",
            }
            for fill in mine
        ],
    }


def pagination(n: int, size: int, shown: Sequence[Any], items: Sequence[Any]) -> dict[str, Any]:
    return {
        "per-page": size,
        "page-offset": n,
        "item-offset": n * size,
        "total-items": len(items),
        "total-pages": max(1, math.ceil(len(items) / size)),
        "current-item-count": len(shown),
        "previous-link": None,
        "next-link": None,
        "paging-link-template": None,
    }


def transaction(n: int, placed: Placed, fill: BrokerFill, fee_factor: Decimal) -> dict[str, Any]:
    """An execution as the account's history has it."""
    leg = placed.body["legs"][fill.leg]
    effect = "Debit" if fill.side is Side.BUY else "Credit"
    return {
        "id": 252_640_963 + n,
        "account-number": placed.account,
        "transaction-type": "Trade",
        "transaction-sub-type": leg["action"],
        "description": "Bought or sold",
        "action": leg["action"],
        "symbol": leg["symbol"],
        "instrument-type": leg["instrument-type"],
        "underlying-symbol": str(leg["symbol"]).split(" ")[0],
        "quantity": str(fill.qty),
        "price": str(fill.price),
        "executed-at": fill.executed_at.isoformat(),
        "transaction-date": day_of(fill.executed_at).isoformat(),
        "value": str(fill.qty * fill.price),
        "value-effect": effect,
        "net-value": str(fill.qty * fill.price),
        "net-value-effect": effect,
        "commission": f"{fill.fee_usd * fee_factor:f}",
        "commission-effect": "Debit",
        "clearing-fees": "0.0",
        "clearing-fees-effect": "None",
        "regulatory-fees": "0.0",
        "regulatory-fees-effect": "None",
        "proprietary-index-option-fees": "0.0",
        "proprietary-index-option-fees-effect": "None",
        "is-estimated-fee": True,
        "order-id": placed.no,
        "ext-exec-id": f"E{fill.execution_id}",
        "ext-group-fill-id": f"G{fill.execution_id}",
        "exec-id": str(n),
    }
