"""Our orders in Schwab's words, through schwab-py's builder. Nothing here asks."""

from collections.abc import Callable, Mapping
from math import gcd
from typing import Any

from engine.brokers import (
    OrderRequest,
)
from engine.domain.errors import OrderRejected
from engine.domain.instrument import Instrument
from engine.domain.order import OrderType, Tif
from engine.domain.quote import Leg

Json = Mapping[str, Any]

MAX_LEGS = 4

TYPES = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "STOP",
    OrderType.STOP_LIMIT: "STOP_LIMIT",
}
DURATIONS = {Tif.DAY: "DAY", Tif.GTC: "GOOD_TILL_CANCEL"}
LIMITS = (OrderType.LIMIT, OrderType.STOP_LIMIT)
STOPS = (OrderType.STOP, OrderType.STOP_LIMIT)


def order_spec(builder: Callable[[], Any], request: OrderRequest) -> dict[str, Any]:
    """The body of an order, made by schwab-py's ``OrderBuilder``.

    Raises:
        OrderRejected: Schwab has no such order.
    """
    _check(request)
    made = builder()
    made.set_session("NORMAL")
    made.set_duration(DURATIONS[request.tif])
    made.set_order_strategy_type("SINGLE")
    made.set_order_type(_type(request))
    if len(request.legs) > 1:
        made.set_complex_order_strategy_type("CUSTOM")
        made.set_quantity(int(request.qty))
    if request.type in LIMITS:
        assert request.limit is not None  # noqa: S101 - checked
        made.set_price(f"{abs(request.limit):f}")
    if request.type in STOPS:
        made.set_stop_price(f"{request.stop:f}")
    for leg in request.legs:
        qty = int(request.qty * abs(leg.ratio))
        add = made.add_option_leg if leg.instrument.kind == "option" else made.add_equity_leg
        add(_instruction(request, leg), symbol(leg.instrument), qty)
    body: dict[str, Any] = made.build()
    return body


def _check(request: OrderRequest) -> None:
    kinds = {leg.instrument.kind for leg in request.legs}
    if not kinds <= {"stock", "option"} or len(kinds) != 1:
        raise OrderRejected("unsupported_asset", "Schwab takes shares or options, in one order")
    if len(request.legs) > MAX_LEGS or (len(request.legs) > 1 and kinds != {"option"}):
        raise OrderRejected("too_many_legs", f"at most {MAX_LEGS} legs, and options only")
    if len({leg.instrument for leg in request.legs}) != len(request.legs):
        raise OrderRejected("bad_legs", "the same contract stands there twice")
    if gcd(*(leg.ratio for leg in request.legs)) != 1:
        raise OrderRejected("bad_legs", "the ratios of a unit have no common divisor")
    allowed = {OrderType.LIMIT} if len(request.legs) > 1 else set(TYPES)
    if request.type not in allowed:
        raise OrderRejected("unsupported_order_type", f"Schwab gets no {request.type} orders here")
    if request.attached or request.oco_group is not None:
        raise OrderRejected("unsupported_order", "brackets and OCO are kept by the desk")
    _check_figures(request)


def _check_figures(request: OrderRequest) -> None:
    for name, price in (("limit", request.limit), ("stop", request.stop)):
        is_needed = request.type in (LIMITS if name == "limit" else STOPS)
        if is_needed and (price is None or not price.is_finite()):
            raise OrderRejected(f"{name}_missing", f"a {request.type} order needs a {name} price")
        if is_needed and price is not None and price <= 0 and len(request.legs) == 1:
            raise OrderRejected(f"bad_{name}", f"{name} must be above 0, not {price}")
    qty = request.qty
    if not qty.is_finite() or qty <= 0 or qty != qty.to_integral_value() or qty >= 10**9:
        raise OrderRejected("bad_quantity", f"the quantity must be a whole number, not {qty}")


def _type(request: OrderRequest) -> str:
    if len(request.legs) == 1:
        return TYPES[request.type]
    assert request.limit is not None  # noqa: S101 - checked before
    cash = -request.side.sign * request.limit
    return "NET_ZERO" if cash == 0 else "NET_CREDIT" if cash > 0 else "NET_DEBIT"


def _instruction(request: OrderRequest, leg: Leg) -> str:
    is_buy = request.side.sign * leg.ratio > 0
    if leg.instrument.kind == "option":
        return ("BUY" if is_buy else "SELL") + ("_TO_CLOSE" if request.reduces else "_TO_OPEN")
    if is_buy:
        return "BUY_TO_COVER" if request.reduces else "BUY"
    return "SELL" if request.reduces else "SELL_SHORT"


def symbol(instrument: Instrument) -> str:
    """How Schwab names it: options by the 21 characters of the OCC, ``BRK/B`` for ``BRK.B``."""
    return instrument.key if instrument.kind == "option" else instrument.symbol.replace(".", "/")
