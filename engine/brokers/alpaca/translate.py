"""Into Alpaca's words: names of things and the bodies of requests; nothing here waits.

Prices and quantities go out as decimal text, never through float.
"""

import re
from datetime import date
from decimal import Decimal
from typing import Any

from engine.brokers import BrokerOrder, OrderRequest
from engine.domain.errors import OrderRejected
from engine.domain.instrument import Instrument, crypto, option, parse_key
from engine.domain.money import ZERO
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg

Body = dict[str, Any]

TYPE = {
    OrderType.MARKET: "market",
    OrderType.LIMIT: "limit",
    OrderType.STOP: "stop",
    OrderType.STOP_LIMIT: "stop_limit",
    OrderType.TRAILING: "trailing_stop",
}
TYPE_OF = {word: kind for kind, word in TYPE.items()}

_OPTION = re.compile(r"([A-Z]{1,6}[0-9]?)(\d{6})([CP])(\d{8})")
_COINS = ("USDT", "USDC", "USD", "BTC", "ETH")


# -- names ------------------------------------------------------------------------------------


def symbol_of(instrument: Instrument) -> str:
    """``SPY261218P00600000`` for an option, ``BTC/USD`` for a pair.

    Raises:
        OrderRejected: Alpaca has no such kind of thing.
    """
    if instrument.kind == "future":
        raise OrderRejected("unsupported", "Alpaca trades no futures")
    return instrument.key.replace(" ", "")


def instrument_of(symbol: str, asset_class: str = "") -> Instrument:
    """The thing behind one of Alpaca's names; positions name a pair without its slash.

    Raises:
        ValueError: it names nothing that we know.
    """
    if match := _OPTION.fullmatch(symbol):
        root, day, right, strike = match.groups()
        expiry = date(2000 + int(day[:2]), int(day[2:4]), int(day[4:]))
        return option(root, expiry, Decimal(int(strike)) / 1000, "C" if right == "C" else "P")
    if "/" in symbol:
        base, _, quote = symbol.partition("/")
        return crypto(base, quote)
    if asset_class == "crypto":
        for quote in _COINS:
            if symbol.endswith(quote) and symbol != quote:
                return crypto(symbol.removesuffix(quote), quote)
    if not symbol or not symbol.replace(".", "").isalnum():
        raise ValueError("not a symbol")
    return parse_key(symbol)


# -- requests ---------------------------------------------------------------------------------


def order_body(request: OrderRequest) -> Body:
    """Body of ``POST /v2/orders``.

    Raises:
        OrderRejected: it cannot be said in Alpaca's words; nothing was sent.
    """
    _check(request)
    body: Body = {"client_order_id": request.client_order_id, "qty": text(request.qty)}
    body |= {"type": TYPE[request.type], "time_in_force": request.tif.value}
    if len(request.legs) > 1:
        body |= {"order_class": "mleg", "legs": [_leg(request, leg) for leg in request.legs]}
        if request.limit is not None:
            body["limit_price"] = text(request.limit * request.side.sign)
        return body
    instrument = request.legs[0].instrument
    body |= {"symbol": symbol_of(instrument), "side": request.side.value}
    if instrument.kind == "option":
        body["position_intent"] = _intent(request.side, is_close=request.reduces)
    return body | ({} if is_pair(request) else _prices(request)) | _children(request)


def replace_body(new: OrderRequest, old: BrokerOrder, qty: Decimal | None) -> Body:
    """Body of ``PATCH /v2/orders/{id}``; ``qty`` is what is to work now, None to leave it.

    Raises:
        OrderRejected: Alpaca cannot turn the old order into the new one.
    """
    is_same = (old.account, old.type) == (new.account, new.type)
    if not is_same or _exposure(old.side, old.legs) != _exposure(new.side, new.legs):
        raise OrderRejected(
            "bad_replace", "a replacement keeps account, type, side and instruments"
        )
    if new.attached:
        raise OrderRejected("bad_replace", "a replacement brings no further orders along")
    _check(new)
    body: Body = {"client_order_id": new.client_order_id, "time_in_force": new.tif.value}
    if qty is not None:
        if qty != qty.to_integral_value():
            raise OrderRejected("bad_replace", "Alpaca changes whole quantities only")
        body["qty"] = text(qty)
    prices = _prices(new)
    if len(new.legs) > 1 and new.limit is not None:
        prices = {"limit_price": text(new.limit * new.side.sign)}
    if "trail_price" in prices:
        prices["trail"] = prices.pop("trail_price")
    return body | prices


def _check(request: OrderRequest) -> None:
    numbers = (request.qty, request.limit, request.stop, request.trail)
    if not all(n is None or n.is_finite() for n in numbers) or request.qty <= 0:
        raise OrderRejected("bad_number", "quantity and prices must be plain numbers above zero")
    needs = {
        OrderType.LIMIT: (request.limit,),
        OrderType.STOP: (request.stop,),
        OrderType.STOP_LIMIT: (request.stop, request.limit),
        OrderType.TRAILING: (request.trail,),
    }.get(request.type, ())
    if any(price is None for price in needs):
        raise OrderRejected("price_missing", f"a {request.type} order needs its price")
    if len(request.legs) == 1 and request.legs[0].ratio != 1:
        raise OrderRejected("bad_ratio", "a single leg has the ratio 1")
    if len({leg.instrument.key for leg in request.legs}) != len(request.legs):
        raise OrderRejected("same_leg_twice", "each leg must be another contract")
    if len(request.legs) > 1 and any(leg.instrument.kind != "option" for leg in request.legs):
        raise OrderRejected("unsupported", "Alpaca combines options only with options")


def _prices(request: OrderRequest) -> Body:
    kind = request.type
    body: Body = {}
    if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) and request.limit is not None:
        body["limit_price"] = text(request.limit)
    if kind in (OrderType.STOP, OrderType.STOP_LIMIT) and request.stop is not None:
        body["stop_price"] = text(request.stop)
    if kind is OrderType.TRAILING and request.trail is not None:
        body["trail_price"] = text(request.trail)
    return body


def is_pair(request: OrderRequest) -> bool:
    """Whether it is an exit's target that brings the stop of its own group along."""
    return request.oco_group is not None and [c.oco_group for c in request.attached] == [
        request.oco_group
    ]


def _children(request: OrderRequest) -> Body:
    if not request.attached:
        return {}
    targets, stops = children(request)
    if is_pair(request):
        return {
            "order_class": "oco",
            "take_profit": {"limit_price": text(request.limit or ZERO)},
            "stop_loss": _prices(stops[0]),
        }
    body: Body = {"order_class": "bracket" if targets and stops else "oto"}
    for target in targets:
        body["take_profit"] = {"limit_price": text(target.limit or ZERO)}
    for stop in stops:
        body["stop_loss"] = _prices(stop)
    return body


def children(request: OrderRequest) -> tuple[list[OrderRequest], list[OrderRequest]]:
    """Profit targets and stops that an entry brings along; at most one of each.

    Raises:
        OrderRejected: Alpaca cannot attach these.
    """
    parent, terms = request.legs, (request.account, request.tif)
    pair = is_pair(request)
    side = request.side if pair else request.side.opposite
    targets = [c for c in request.attached if c.type is OrderType.LIMIT]
    stops = [c for c in request.attached if c.type in (OrderType.STOP, OrderType.STOP_LIMIT)]
    fits = all(
        (c.legs, c.side, c.qty, c.account, c.tif) == (parent, side, request.qty, *terms)
        for c in request.attached
    )
    is_whole = len(targets) + len(stops) == len(request.attached)
    if not fits or not is_whole or len(targets) > 1 or len(stops) > 1 or len(parent) > 1:
        raise OrderRejected(
            "bad_bracket",
            "one target and one stop that close the whole entry, of its time in force",
        )
    if pair and not (request.reduces and request.type is OrderType.LIMIT and stops):
        raise OrderRejected("bad_bracket", "an OCO pair is the target and the stop of one exit")
    if not pair and any(c.oco_group == request.oco_group is not None for c in request.attached):
        raise OrderRejected("bad_bracket", "an entry cannot join its own children's group")
    if parent[0].instrument.kind != "stock":
        raise OrderRejected("unsupported", "Alpaca attaches exits to orders for shares only")
    for child in request.attached:
        _check(child)
    return targets, stops


def _leg(request: OrderRequest, leg: Leg) -> Body:
    side = request.side if leg.ratio > 0 else request.side.opposite
    return {
        "symbol": symbol_of(leg.instrument),
        "ratio_qty": str(abs(leg.ratio)),
        "side": side.value,
        "position_intent": _intent(side, is_close=request.reduces),
    }


def _intent(side: Side, *, is_close: bool) -> str:
    return f"{side.value}_to_{'close' if is_close else 'open'}"


def _exposure(side: Side, legs: tuple[Leg, ...]) -> dict[str, int]:
    return {leg.instrument.key: leg.ratio * side.sign for leg in legs}


def text(value: Decimal) -> str:
    """A number as Alpaca is told it: plain decimals, no exponent."""
    said = format(value, "f")
    return said.rstrip("0").rstrip(".") if "." in said else said
