"""Bodies of orders as tastytrade wants them; pure. The library's own models build what is sent."""

import json
from decimal import Decimal
from typing import Any

from tastytrade.order import (
    AdvancedInstructions,
    BaseOrder,
    InstrumentType,
    LimitOrder,
    MarketOrder,
    OrderAction,
    OrderTimeInForce,
    StopLimitOrder,
    StopOrder,
)
from tastytrade.order import Leg as TastyLeg

from engine.brokers import OrderRequest
from engine.brokers.tastytrade.symbols import Foreign, symbol_of
from engine.domain.errors import OrderRejected
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg

SOURCE = "TradeStream/1.0"
MAX_LEGS = 4
_MOST = 1_000_000
_MOST_USD = 10_000_000

_TIFS = {Tif.DAY: OrderTimeInForce.DAY, Tif.GTC: OrderTimeInForce.GTC}
_MODELS: dict[OrderType, type[BaseOrder]] = {
    OrderType.LIMIT: LimitOrder,
    OrderType.MARKET: MarketOrder,
    OrderType.STOP: StopOrder,
    OrderType.STOP_LIMIT: StopLimitOrder,
}


def new_order(request: OrderRequest) -> dict[str, Any]:
    """The body that places (or tries) an order.

    Raises:
        OrderRejected: tastytrade cannot take such an order; nothing need be asked.
    """
    refuse_what_cannot_be(request)
    legs = [
        TastyLeg(
            instrument_type=InstrumentType(kind),
            symbol=symbol,
            action=_action(request, leg, kind),
            quantity=request.qty * abs(leg.ratio),
        )
        for leg in request.legs
        for kind, symbol in (_named(leg),)
    ]
    return _dumped(_model(request, legs), frozenset())


def replacement(request: OrderRequest) -> dict[str, Any]:
    """The body that puts new prices in the place of a working order's; legs cannot change.

    Raises:
        OrderRejected: see :func:`new_order`.
    """
    refuse_what_cannot_be(request)
    return _dumped(_model(request, []), frozenset({"legs", "advanced-instructions"}))


def refuse_what_cannot_be(request: OrderRequest) -> None:
    """Everything that is wrong with an order whatever the market does.

    Raises:
        OrderRejected: with a code of ours, ``tastytrade.<what>``.
    """
    qty = request.qty
    if not qty.is_finite() or not 0 < qty <= _MOST or qty % 1:
        raise _no("quantity", f"{qty} is no whole number of units")
    if request.type is OrderType.TRAILING or request.trail is not None:
        raise _no("trailing", "tastytrade has no trailing stops")
    if request.attached or request.oco_group is not None:
        raise _no("group", "orders are sent to tastytrade one by one")
    if not 1 <= len(request.legs) <= MAX_LEGS:
        raise _no("legs", f"an order has one to {MAX_LEGS} legs, not {len(request.legs)}")
    kinds = {leg.instrument.kind for leg in request.legs}
    if len(request.legs) > 1 and kinds != {"option"}:
        raise _no("legs", "only options are traded as several legs")
    if len({leg.instrument.key for leg in request.legs}) < len(request.legs):
        raise _no("legs", "two legs are the same contract")
    wants_limit = request.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    wants_stop = request.type in (OrderType.STOP, OrderType.STOP_LIMIT)
    if wants_stop and len(request.legs) > 1:
        raise _no("stop", "a stop order has one leg")
    for name, price, is_wanted in (
        ("limit", request.limit, wants_limit),
        ("stop", request.stop, wants_stop),
    ):
        # A unit may be worth less than nothing: whoever sells it then pays.
        least = -_MOST_USD if len(request.legs) > 1 else 0
        if is_wanted and (price is None or not price.is_finite() or not least < price < _MOST_USD):
            raise _no(name, f"{price} is no {name} price")


def _no(what: str, sentence: str) -> OrderRejected:
    return OrderRejected(f"tastytrade.{what}", sentence)


def _named(leg: Leg) -> tuple[str, str]:
    try:
        return symbol_of(leg.instrument)
    except Foreign as error:
        raise _no("symbol", str(error)) from error


def _action(request: OrderRequest, leg: Leg, kind: str) -> OrderAction:
    is_buy = request.side.sign * leg.ratio > 0
    if kind == "Future":
        return OrderAction.BUY if is_buy else OrderAction.SELL
    if request.reduces:
        return OrderAction.BUY_TO_CLOSE if is_buy else OrderAction.SELL_TO_CLOSE
    return OrderAction.BUY_TO_OPEN if is_buy else OrderAction.SELL_TO_OPEN


def _model(request: OrderRequest, legs: list[TastyLeg]) -> BaseOrder:
    common: dict[str, Any] = {
        "time_in_force": _TIFS[request.tif],
        "source": SOURCE,
        "legs": legs,
        "external_identifier": request.client_order_id,
    }
    if request.reduces and request.legs[0].instrument.kind != "future":
        # Else the broker makes an opening order of a closing one whose position is gone.
        strict = AdvancedInstructions(strict_position_effect_validation=True)
        common["advanced_instructions"] = strict
    if request.limit is not None and request.type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        common["price"] = -request.limit if request.side is Side.BUY else request.limit
    if request.stop is not None and request.type in (OrderType.STOP, OrderType.STOP_LIMIT):
        common["stop_trigger"] = request.stop
    order = _MODELS[request.type](**common)
    order.behavior = None  # type: ignore[assignment]  # a key of the library's own paper service
    return order


def _dumped(order: BaseOrder, without: frozenset[str]) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(order.model_dump_json(exclude_none=True, by_alias=True))
    for key in without:
        body.pop(key, None)
    for leg in body.get("legs", ()):
        leg["quantity"] = plain(Decimal(leg["quantity"]))
    for key in ("price", "stop-trigger"):
        if key in body:
            body[key] = plain(Decimal(body[key]))
    if "price" in body:
        body.setdefault("price-effect", "Debit")  # the library says none of 0, which is a must
    return body


def plain(number: Decimal) -> str:
    """Digits without exponent and without zeros that say nothing; cents stay cents."""
    text = f"{number:f}"
    if "." not in text:
        return text
    text = text.rstrip("0").rstrip(".")
    whole, _, part = text.partition(".")
    return f"{whole}.{part:0<2}" if part else whole
