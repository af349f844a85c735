"""E*TRADE's words and ours: orders, what it lists of them, holdings, money. Nothing here asks.

Its API v1 in JSON. It names options by their parts, has no execution ids and hides our order id.
"""

import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from math import gcd
from typing import Any

from engine.brokers import (
    Balance,
    BrokerAccount,
    BrokerOrder,
    BrokerPosition,
    LiveState,
    OrderRequest,
)
from engine.brokers._wire import figures
from engine.brokers._wire.figures import Json, Unreadable, figure, ident, maybe, number, word
from engine.brokers._wire.sent import Listed
from engine.domain.errors import OrderRejected
from engine.domain.instrument import Instrument, option, parse_key, stock
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from engine.market import NEW_YORK

ZERO = Decimal(0)
MAX_LEGS = 2

PRICE_TYPES = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "STOP",
    OrderType.STOP_LIMIT: "STOP_LIMIT",
}
_TYPES = {name: kind for kind, name in PRICE_TYPES.items()} | {
    "NET_DEBIT": OrderType.LIMIT,
    "NET_CREDIT": OrderType.LIMIT,
    "NET_EVEN": OrderType.LIMIT,
    "TRAILING_STOP_CNST": OrderType.TRAILING,
    "TRAILING_STOP_PRCT": OrderType.TRAILING,
}
TERMS = {Tif.DAY: "GOOD_FOR_DAY", Tif.GTC: "GOOD_UNTIL_CANCEL"}
WORDS = frozenset(("status", "priceType", "orderAction", "securityType", "callPut"))
STATES: dict[str, LiveState] = {
    "OPEN": "accepted",
    "PARTIAL": "partial",
    "INDIVIDUAL_FILLS": "partial",
    "CANCEL_REQUESTED": "accepted",
    "EXECUTED": "filled",
    "DONE_TRADE_EXECUTED": "filled",
    "CANCELLED": "canceled",
    "EXPIRED": "expired",
    "REJECTED": "rejected",
}
_OSI = re.compile(r"(?=.{21}$)(?P<root>[A-Z0-9]+)-*(?P<rest>\d{6}[CP]\d{8})")
"""``SPY---261218P00600000``: so some lists name an option, in one word."""
_BUYS = frozenset({"BUY", "BUY_OPEN", "BUY_CLOSE", "BUY_TO_COVER"})
_SELLS = frozenset({"SELL", "SELL_OPEN", "SELL_CLOSE", "SELL_SHORT"})


# -- what we ask --------------------------------------------------------------------------------


def order_body(request: OrderRequest) -> dict[str, Any]:
    """The order as preview and placing need it, the same for both.

    Raises:
        OrderRejected: E*TRADE has no such order.
    """
    _check(request)
    order: dict[str, Any] = {
        "allOrNone": "false",
        "priceType": _price_type(request),
        "orderTerm": TERMS[request.tif],
        "marketSession": "REGULAR",
        "stopPrice": _text(request.stop),
        "limitPrice": _text(None if request.limit is None else abs(request.limit)),
        "Instrument": [_instrument(request, leg) for leg in request.legs],
    }
    return {
        "orderType": _order_type(request.legs),
        "clientOrderId": request.client_order_id,
        "Order": [order],
    }


def preview_body(request: OrderRequest) -> dict[str, Any]:
    """Asks for a preview, without which nothing can be placed."""
    return {"PreviewOrderRequest": order_body(request)}


def place_body(request: OrderRequest, preview_ids: list[Decimal]) -> dict[str, Any]:
    """Places exactly what was previewed."""
    named = {"PreviewIds": [{"previewId": number} for number in preview_ids]}
    return {"PlaceOrderRequest": {**order_body(request), **named}}


def cancel_body(broker_id: str) -> dict[str, Any]:
    """Asks for a cancellation."""
    return {"CancelOrderRequest": {"orderId": int(broker_id)}}


def _check(request: OrderRequest) -> None:
    kinds = {leg.instrument.kind for leg in request.legs}
    if not kinds <= {"stock", "option"} or len(kinds) != 1:
        raise OrderRejected("unsupported_asset", "E*TRADE takes shares or options, in one order")
    if len(request.legs) > MAX_LEGS or (len(request.legs) > 1 and kinds != {"option"}):
        raise OrderRejected("too_many_legs", f"at most {MAX_LEGS} legs, and options only")
    if gcd(*(leg.ratio for leg in request.legs)) != 1:
        raise OrderRejected("bad_legs", "the ratios of a unit have no common divisor")
    if request.type not in PRICE_TYPES:
        raise OrderRejected("unsupported_order_type", f"E*TRADE gets no {request.type} orders")
    if request.attached or request.oco_group is not None:
        raise OrderRejected("unsupported_order", "E*TRADE's API takes no bracket and no OCO")
    wanted = {
        "limit": (request.limit, request.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)),
        "stop": (request.stop, request.type in (OrderType.STOP, OrderType.STOP_LIMIT)),
    }
    for name, (price, is_needed) in wanted.items():
        if is_needed and (price is None or not price.is_finite()):
            raise OrderRejected(f"{name}_missing", f"a {request.type} order needs a {name} price")
        if is_needed and price is not None and price <= 0 and len(request.legs) == 1:
            raise OrderRejected(f"bad_{name}", f"{name} must be above 0, not {price}")
    qty = request.qty
    if not qty.is_finite() or qty <= 0 or qty != qty.to_integral_value() or qty >= 10**9:
        raise OrderRejected("bad_quantity", f"the quantity must be a whole number, not {qty}")


def _price_type(request: OrderRequest) -> str:
    if len(request.legs) == 1 or request.type is not OrderType.LIMIT:
        return PRICE_TYPES[request.type]
    assert request.limit is not None  # noqa: S101 - checked before
    cash = -request.side.sign * request.limit
    return "NET_EVEN" if cash == 0 else "NET_CREDIT" if cash > 0 else "NET_DEBIT"


def _order_type(legs: tuple[Leg, ...]) -> str:
    if len(legs) > 1:
        return "SPREADS"
    return "EQ" if legs[0].instrument.kind == "stock" else "OPTN"


def _instrument(request: OrderRequest, leg: Leg) -> dict[str, Any]:
    is_buy = request.side.sign * leg.ratio > 0
    if leg.instrument.kind == "option":
        action = ("BUY" if is_buy else "SELL") + ("_CLOSE" if request.reduces else "_OPEN")
    elif is_buy:
        action = "BUY_TO_COVER" if request.reduces else "BUY"
    else:
        action = "SELL" if request.reduces else "SELL_SHORT"
    return {
        "Product": product(leg.instrument),
        "orderAction": action,
        "quantityType": "QUANTITY",
        "quantity": f"{request.qty * abs(leg.ratio):f}".partition(".")[0],
    }


def product(instrument: Instrument) -> dict[str, Any]:
    """How E*TRADE names an instrument in an order."""
    if instrument.kind == "stock":
        return {"securityType": "EQ", "symbol": instrument.symbol}
    assert instrument.expiry is not None  # noqa: S101 - an option's, by construction
    assert instrument.strike is not None  # noqa: S101 - as above
    return {
        "securityType": "OPTN",
        "symbol": instrument.symbol,
        "callPut": "CALL" if instrument.right == "C" else "PUT",
        "expiryYear": f"{instrument.expiry:%Y}",
        "expiryMonth": str(instrument.expiry.month),
        "expiryDay": str(instrument.expiry.day),
        "strikePrice": f"{instrument.strike:f}",
    }


KINDS = ("EQ", "OPTN", "MF", "MMF", "BOND")
"""Of holdings; only the first two are traded here."""


# -- what it says -------------------------------------------------------------------------------


def many(value: Any) -> list[Any]:
    """A list of one is sometimes sent without its brackets, an empty one not at all."""
    if value is None:
        return []
    return list(value) if isinstance(value, list) else [value]


def moment(millis: Any) -> datetime:
    """Milliseconds since 1970."""
    return datetime.fromtimestamp(float(number(millis)) / 1000, UTC)


def instrument_of(named: Json) -> Instrument:
    """What a ``Product`` names.

    Raises:
        Unreadable: of a kind we do not trade.
    """
    kind = str(named.get("securityType", ""))
    symbol = word(named.get("symbol"))
    if kind == "EQ":
        return stock(symbol)
    if kind != "OPTN":
        raise Unreadable(f"a product of kind {kind[:12]!r}")
    if whole := _OSI.fullmatch(symbol):
        return parse_key(f"{whole['root']:<6}{whole['rest']}")
    day = date(*(int(number(named[f"expiry{part}"])) for part in ("Year", "Month", "Day")))
    right = str(named["callPut"])[:1]
    if right not in ("C", "P"):
        raise Unreadable("an option that is neither call nor put")
    return option(symbol, day, number(named["strikePrice"]), "C" if right == "C" else "P")


def listed(account: str, row: Json) -> Listed:
    """One order of a list, without our id.

    Raises:
        Unreadable, KeyError: it cannot be told what it is.
    """
    (detail, *_) = many(row.get("OrderDetail")) or [{}]
    rows = many(detail.get("Instrument"))
    if not rows:
        raise Unreadable("an order without an instrument")
    side, legs, units = _legs(detail, rows)
    raw = str(detail.get("status", ""))
    filled = min(
        filled_of(detail, one) // abs(leg.ratio) for one, leg in zip(rows, legs, strict=True)
    )
    placed_at = moment(detail["placedTime"])
    kind = _TYPES.get(str(detail.get("priceType")))
    return Listed(
        placed_at=placed_at,
        replaced_by=_number_or_none(detail.get("replacedByOrderId")),
        replaces=_number_or_none(detail.get("replacesOrderId")),
        order=BrokerOrder(
            client_order_id="",
            broker_id=ident(row["orderId"]),
            account=account,
            state=_state(raw, detail, filled, units),
            side=side,
            legs=legs,
            qty=units,
            filled=filled,
            type=kind or OrderType.MARKET,
            limit=_price(detail, "limitPrice", kind, (OrderType.LIMIT, OrderType.STOP_LIMIT)),
            stop=_price(detail, "stopPrice", kind, (OrderType.STOP, OrderType.STOP_LIMIT)),
            reason=_reason(detail),
            updated_at=_changed_at(detail, placed_at),
            raw_state=raw,
        ),
    )


def _number_or_none(said: Any) -> str:
    """Another order's number; E*TRADE writes 0 where there is none."""
    return ident(said) if maybe(said) else ""


def filled_of(detail: Json, row: Json) -> Decimal:
    """What is filled of a leg.

    Raises:
        Unreadable: some of it is, and how much is not said.
    """
    state = STATES.get(str(detail.get("status", "")), "unknown")
    is_priced = bool(maybe(row.get("averageExecutionPrice")))
    told = row.get("filledQuantity")
    return figures.filled_of(told, state, abs(_signed(row)), is_priced=is_priced)


def _state(raw: str, detail: Json, filled: Decimal, units: Decimal) -> LiveState:
    state = STATES.get(raw, "unknown")
    if state == "accepted" and filled > 0:
        return "partial"
    if state == "filled" and filled < units:
        return "unknown"  # over by its word, not by its figures: polled until they agree
    if state == "canceled" and maybe(detail.get("replacedByOrderId")):
        return "replaced"
    return state


def _legs(detail: Json, rows: list[Json]) -> tuple[Side, tuple[Leg, ...], Decimal]:
    """Side, legs and number of units of one."""
    signed = [(instrument_of(one["Product"]), _signed(one)) for one in rows]
    units = Decimal(gcd(*(int(abs(qty)) for _, qty in signed)))
    if len(signed) == 1:
        ((thing, qty),) = signed
        return (Side.BUY if qty > 0 else Side.SELL), (Leg(instrument=thing),), abs(qty)
    is_sold = str(detail.get("priceType")) == "NET_CREDIT"
    turn = -1 if is_sold else 1
    legs = tuple(Leg(instrument=thing, ratio=int(qty / units) * turn) for thing, qty in signed)
    return (Side.SELL if is_sold else Side.BUY), legs, units


def _signed(row: Json) -> Decimal:
    action = str(row.get("orderAction", ""))
    qty = number(row.get("orderedQuantity", row.get("quantity")))
    if action not in _BUYS | _SELLS:
        raise Unreadable(f"the action {action[:20]!r}")
    if qty <= 0 or qty != qty.to_integral_value():
        raise Unreadable("a quantity that is no whole number")
    return qty if action in _BUYS else -qty


def _price(
    detail: Json, name: str, kind: OrderType | None, kinds: tuple[OrderType, ...]
) -> Decimal | None:
    """E*TRADE writes 0 where there is none."""
    return maybe(detail.get(name)) if kind in kinds else None


def _changed_at(detail: Json, placed_at: datetime) -> datetime:
    """Cancelled orders carry nonsense in ``executedTime``: what lies before the placing is none."""
    executed = maybe(detail.get("executedTime"))
    if executed is None or executed < number(detail["placedTime"]):
        return placed_at
    return moment(executed)


def _reason(detail: Json) -> str:
    messages = many((detail.get("messages") or {}).get("Message"))
    said = (str(m.get("description", "")) for m in messages if isinstance(m, Mapping))
    return "; ".join(text for text in said if text)[:200]


def warnings_of(body: Json) -> tuple[str, ...]:
    """What a preview warns of."""
    orders = many(body.get("Order"))
    return tuple(filter(None, (_reason(one) for one in orders)))


def preview_ids(body: Json) -> list[Decimal]:
    """The numbers under which a preview may be placed."""
    return [number(one["previewId"]) for one in many(body.get("PreviewIds"))]


def order_id(body: Json) -> str:
    """The number of an order that was placed."""
    (found, *_) = many(body.get("OrderIds"))
    return str(int(number(found["orderId"])))


NOT_AVAILABLE = "100"
"""E*TRADE's code for a service that is down: what became of a request it does not say."""


def refusal(body: Any) -> tuple[str, str] | None:
    """Code and sentence of E*TRADE's own refusal; None when the body is none."""
    error = body.get("Error") if isinstance(body, Mapping) else None
    if not isinstance(error, Mapping) or "code" not in error:
        return None
    return str(error["code"]), str(error.get("message", "")).strip() or "no reason given"


def account_of(row: Json) -> BrokerAccount:
    """One account of the login."""
    is_open = str(row.get("accountStatus") or "ACTIVE").upper() == "ACTIVE"
    is_broker = str(row.get("institutionType") or "BROKERAGE").upper() == "BROKERAGE"
    return BrokerAccount(
        number=str(row["accountId"]),
        kind=str(row.get("accountMode", "")).lower(),
        may_trade=is_open and is_broker,
    )


def balance_of(account: str, body: Json, as_of: datetime) -> Balance:
    """Money; what is not said stays unknown."""
    computed = body.get("Computed") or {}
    real_time = computed.get("RealTimeValues") or {}
    is_cash = str(body.get("accountMode", "")).upper() == "CASH"
    power = "cashBuyingPower" if is_cash else "marginBuyingPower"
    facts = {
        "account mode": str(body.get("accountMode", "")),
        "option level": str(body.get("optionLevel", "")),
        "day trader": str(body.get("dayTraderStatus", "")),
        "cash buying power": str(computed.get("cashBuyingPower", "")),
    }
    return Balance(
        account=account,
        cash_usd=maybe(computed.get("netCash")),
        buying_power_usd=maybe(computed.get(power)),
        equity_usd=figure(real_time, "totalAccountValue"),
        as_of=as_of,
        facts={name: text for name, text in facts.items() if text},
    )


def position_of(account: str, row: Json) -> BrokerPosition:
    """One holding, its quantity signed.

    Raises:
        Unreadable, KeyError: it cannot be told what it is.
    """
    qty, kind = number(row["quantity"]), str(row.get("positionType") or "").upper()
    if kind not in ("", "LONG", "SHORT") or (qty < 0 and kind == "LONG"):
        raise Unreadable("a holding that is neither long nor short")
    if kind == "SHORT":
        qty = -abs(qty)
    return BrokerPosition(
        account=account,
        instrument=instrument_of(row["Product"]),
        qty=qty,
        avg_price=maybe(row.get("pricePaid")),
    )


def day(at: datetime) -> str:
    """The New York date of a moment, as E*TRADE's lists want it."""
    return f"{at.astimezone(NEW_YORK):%m%d%Y}"


def _text(price: Decimal | None) -> str:
    return "" if price is None else f"{price:f}"
