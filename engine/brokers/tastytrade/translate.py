"""Orders, holdings and money as tastytrade says them, in our words; pure, strict on what it uses.

The library's models are not used here: they refuse a whole list for one status they do not know.
"""

import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from engine.brokers import Balance, BrokerOrder, BrokerPosition, LiveState
from engine.brokers.tastytrade.symbols import TYPE_OF, Foreign, instrument_of, is_standard
from engine.domain.instrument import Instrument
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg

_TYPES = {
    "Limit": OrderType.LIMIT,
    "Marketable Limit": OrderType.LIMIT,
    "Market": OrderType.MARKET,
    "Notional Market": OrderType.MARKET,
    "Stop": OrderType.STOP,
    "Stop Limit": OrderType.STOP_LIMIT,
}
_STATES: Mapping[str, LiveState] = {
    "Received": "accepted",
    "Routed": "accepted",
    "In Flight": "accepted",
    "Live": "accepted",
    "Contingent": "accepted",
    "Cancel Requested": "accepted",
    "Replace Requested": "accepted",
    "Filled": "filled",
    "Cancelled": "canceled",
    "Removed": "canceled",
    "Partially Removed": "canceled",
    "Expired": "expired",
    "Rejected": "rejected",
}
_SPELT = frozenset(
    {
        *("status", "order-type", "action", "instrument-type", "quantity-direction"),
        *("price-effect", "value-effect", "transaction-type", "transaction-sub-type"),
    }
)
_WORDS = {
    word.casefold(): word
    for word in (
        *_TYPES,
        *_STATES,
        *TYPE_OF.values(),
        *(f"{side}{way}" for side in ("Buy", "Sell") for way in ("", " to Open", " to Close")),
        *("Long", "Short", "Zero", "Debit", "Credit", "Trade", "Receive Deliver"),
    )
}
_MOST_WHOLE = Decimal(10) ** 20
_OURS = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")


class Unreadable(ValueError):
    """Something the broker said lacks what it must have."""


def spelt(body: Any) -> Any:
    """What came, its words in tastytrade's own spelling: in other cases it is the same word."""
    if isinstance(body, list):
        return [spelt(item) for item in body]
    if not isinstance(body, dict):
        return body
    return {
        key: _WORDS.get(said.casefold(), said)
        if key in _SPELT and isinstance(said, str)
        else spelt(said)
        for key, said in body.items()
    }


def number(value: Any) -> Decimal | None:
    """A figure of any spelling; None when there is none, never a guess."""
    if value is None or isinstance(value, bool) or value == "":
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        return None
    if not found.is_finite():
        return None
    is_whole = found == found.to_integral() and abs(found) < _MOST_WHOLE
    return found.quantize(Decimal(1)) if is_whole else found  # 200.0 shares are shown as 200


def needed(raw: Mapping[str, Any], key: str) -> Decimal:
    """A figure that must be there.

    Raises:
        Unreadable: it is not.
    """
    found = number(raw.get(key))
    if found is None:
        raise Unreadable(f"no {key}")
    return found


def moment(value: Any) -> datetime | None:
    """A time of any spelling: ISO text, or milliseconds since 1970 as the stream has it."""
    try:
        if isinstance(value, str) and not value.isdigit():
            at = datetime.fromisoformat(value)
            return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
        if isinstance(value, (str, int, Decimal)) and not isinstance(value, bool):
            seconds = Decimal(value)
            return datetime.fromtimestamp(
                float(seconds / 1000 if seconds > 100_000_000_000 else seconds), UTC
            )
    except (ValueError, ArithmeticError, OSError):
        pass
    return None


def ours(raw: Mapping[str, Any]) -> str:
    """Our client order id; empty when the order is none of ours."""
    name = raw.get("external-identifier")
    is_ours = isinstance(name, str) and len(name) == 20 and set(name) <= _OURS
    return str(name) if is_ours else ""


def id_of(raw: Mapping[str, Any]) -> str:
    """The broker's id of an order.

    Raises:
        Unreadable: it has none, so it is no order that was taken.
    """
    name = raw.get("id")
    if name in (None, "", 0, "0") or isinstance(name, (dict, list, bool)):
        raise Unreadable("an order without an id")
    return str(name)


def legs_of(raw: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The legs as they came.

    Raises:
        Unreadable: there are none.
    """
    legs = raw.get("legs")
    if not isinstance(legs, list) or not legs or not all(isinstance(leg, dict) for leg in legs):
        raise Unreadable("an order without legs")
    return legs


def sign_of(leg: Mapping[str, Any]) -> int:
    """+1 when the leg is bought.

    Raises:
        Unreadable: it says neither.
    """
    action = str(leg.get("action", ""))
    if action.startswith("Buy"):
        return 1
    if action.startswith("Sell"):
        return -1
    raise Unreadable(f"an action of {action[:20]!r}")


def order_of(
    raw: Mapping[str, Any], account: str, now: datetime, carried: Decimal = Decimal(0)
) -> BrokerOrder:
    """An order as the broker reports it.

    Args:
        raw: The broker's order.
        account: Our name of its account.
        now: For an order that says no time of its own, and for the decade of futures.
        carried: Units that the orders it replaced had filled.

    Raises:
        Unreadable: it lacks what every order has. Foreign: contracts that are not traded here.
    """
    legs = legs_of(raw)
    units, parts = _units(legs)
    filled = min(_leg_filled(raw, leg) / ratio for leg, ratio in zip(legs, parts, strict=True))
    side = _side(raw, legs)
    state, raw_state = _state(raw, filled + carried)
    price = number(raw.get("price"))
    return BrokerOrder(
        client_order_id=ours(raw),
        broker_id=id_of(raw),
        account=account,
        state=state,
        side=side,
        legs=tuple(
            Leg(instrument=_leg_instrument(leg, now.date()), ratio=sign_of(leg) * side.sign * ratio)
            for leg, ratio in zip(legs, parts, strict=True)
        ),
        qty=units + carried,
        filled=filled + carried,
        type=_TYPES.get(str(raw.get("order-type")), OrderType.LIMIT),
        limit=None if price is None else abs(price),
        stop=number(raw.get("stop-trigger")),
        reason=str(raw.get("reject-reason") or ""),
        updated_at=moment(raw.get("updated-at")) or moment(raw.get("received-at")) or now,
        raw_state=raw_state,
    )


def heir_of(raw: Mapping[str, Any]) -> str:
    """The number of the order that took its place; empty while it works, or when none did."""
    state, _ = _state(raw, Decimal(0))
    return str(raw["replacing-order-id"]) if state == "replaced" else ""


def _leg_instrument(leg: Mapping[str, Any], today: date) -> Instrument:
    return instrument_of(str(leg.get("instrument-type")), str(leg.get("symbol", "")), today)


def _units(legs: list[Mapping[str, Any]]) -> tuple[Decimal, list[int]]:
    """Whole units, and how many of each leg make one."""
    sizes = [needed(leg, "quantity") for leg in legs]
    if any(size <= 0 for size in sizes):
        raise Unreadable("a leg without a quantity")
    if len(sizes) == 1 or any(size % 1 for size in sizes):
        return sizes[0], [1] * len(sizes)
    units = math.gcd(*(int(size) for size in sizes))
    return Decimal(units), [int(size) // units for size in sizes]


def _leg_filled(raw: Mapping[str, Any], leg: Mapping[str, Any]) -> Decimal:
    """Contracts of a leg that are filled, as far as anything about it says."""
    fills = leg.get("fills")
    listed = sum((number(f.get("quantity")) or Decimal(0) for f in fills or ()), Decimal(0))
    left = number(leg.get("remaining-quantity"))
    if left is None or (raw.get("status") in _TELLS_FILLS and isinstance(fills, list)):
        return listed
    return max(listed, needed(leg, "quantity") - left)


_TELLS_FILLS = frozenset({"Cancelled", "Removed", "Expired", "Rejected", "Received", "Routed"})
"""What is left of such an order may be said to be 0 although it did not fill: a replacement that is
dropped is answered as received."""


def _side(raw: Mapping[str, Any], legs: list[Mapping[str, Any]]) -> Side:
    """A spread is bought when it is paid for; without a price its first leg decides."""
    if len(legs) > 1 and raw.get("price-effect") in ("Debit", "Credit"):
        return Side.BUY if raw["price-effect"] == "Debit" else Side.SELL
    return Side.BUY if sign_of(legs[0]) > 0 else Side.SELL


def _state(raw: Mapping[str, Any], filled: Decimal) -> tuple[LiveState, str]:
    status = str(raw.get("status", ""))
    state = _STATES.get(status, "unknown")
    if state == "canceled" and raw.get("replacing-order-id") not in (None, "", 0, "0"):
        state = "replaced"
    if state == "canceled" and status == "Partially Removed" and not raw.get("terminal-at"):
        state = "unknown"
    if state == "accepted" and filled > 0:
        state = "partial"
    return state, status[:40]


def is_idle(raw: Mapping[str, Any]) -> bool:
    """Whether it lives and may not fill: it waits for another, or nobody knows its status.

    What is sent with others as one waits for its turn.
    """
    status = str(raw.get("status", ""))
    return status not in _STATES or (status == "Contingent" and not raw.get("complex-order-id"))


def position_of(raw: Mapping[str, Any], account: str, today: date) -> BrokerPosition | None:
    """A holding; None when nothing is held any more.

    Raises:
        Unreadable, Foreign.
    """
    qty = needed(raw, "quantity")
    direction = raw.get("quantity-direction")
    if qty == 0 or direction == "Zero":
        return None
    if direction not in ("Long", "Short"):
        raise Unreadable(f"a direction of {str(direction)[:20]!r}")
    kind, symbol = str(raw.get("instrument-type")), str(raw.get("symbol", ""))
    instrument = instrument_of(kind, symbol, today)
    if kind == "Equity Option" and not is_standard(instrument, number(raw.get("multiplier"))):
        raise Foreign(f"{symbol} is an adjusted contract")
    return BrokerPosition(
        account=account,
        instrument=instrument,
        qty=abs(qty) if direction == "Long" else -abs(qty),
        avg_price=number(raw.get("average-open-price")),
        mark=number(raw.get("mark-price")) or None,  # 0 is told where none is known
    )


_FACTS = {
    "day-trade-count": "day trades",
    "is-pattern-day-trader": "pattern day trader",
    "is-closing-only": "closing only",
    "is-futures-closing-only": "futures closing only",
    "is-risk-reducing-only": "risk reducing only",
    "is-frozen": "frozen",
    "is-closed": "closed",
    "is-in-margin-call": "margin call",
    "is-in-day-trade-equity-maintenance-call": "day-trade call",
    "has-intraday-equities-margin": "intraday margin",
    "options-level": "options level",
    "is-futures-enabled": "futures enabled",
}


def balance_of(
    raw: Mapping[str, Any], account: str, now: datetime, status: Mapping[str, Any] | None = None
) -> Balance:
    """Money as the broker says it; what it does not say stays None.

    Buying power is that for options and futures, which lend nothing.
    """
    power = number(raw.get("derivative-buying-power"))
    said = {_FACTS[key]: _word(value) for key, value in (status or {}).items() if key in _FACTS}
    stock_power = number(raw.get("equity-buying-power"))
    if stock_power is not None:
        said["buying power for shares"] = f"{stock_power:f}"
    return Balance(
        account=account,
        cash_usd=number(raw.get("cash-balance")),
        buying_power_usd=stock_power if power is None else power,
        as_of=moment(raw.get("updated-at")) or now,
        equity_usd=number(raw.get("net-liquidating-value")),
        facts={key: value for key, value in said.items() if value},
    )


def _word(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)[:40]


def cost_of(raw: Any, key: str) -> Decimal | None:
    """A figure with its own effect: + received, - paid; None when it is not said."""
    if not isinstance(raw, Mapping):
        return None
    found = number(raw.get(key))
    if found is None:
        return None
    return -abs(found) if raw.get(f"{key}-effect") == "Debit" else found


def refusal(body: Any) -> tuple[str, str] | None:
    """Code and sentence of the broker's own refusal; None when this is none.

    Of several the first inner one counts: the outer only says that there are inner ones.
    """
    error = body.get("error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping):
        return None
    inner = error.get("errors")
    found = [e for e in inner if isinstance(e, Mapping)] if isinstance(inner, list) else []
    for one in [*found, error]:
        code = one.get("code") or one.get("domain")
        if code:
            said = one.get("message") or one.get("reason") or error.get("message") or "refused"
            return str(code)[:80], str(said)[:200]
    return None


def complaints(data: Mapping[str, Any], key: str) -> list[tuple[str, str]]:
    """``errors`` or ``warnings`` beside an order: codes and sentences."""
    rows = data.get(key)
    if not isinstance(rows, list):
        return []
    return [
        (str(row.get("code", "unknown"))[:80], str(row.get("message", ""))[:200])
        for row in rows
        if isinstance(row, Mapping)
    ]
