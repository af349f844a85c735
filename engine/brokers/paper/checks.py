"""What the paper broker refuses, each with its own code and one clear sentence."""

from datetime import datetime
from decimal import Decimal

from engine.brokers import OrderRequest
from engine.brokers.paper.book import Draft
from engine.brokers.paper.margin import closable
from engine.brokers.paper.match import Touch, whole
from engine.brokers.paper.orders import LIMITS
from engine.brokers.paper.settings import Hours, PaperSettings
from engine.domain.errors import OrderRejected
from engine.domain.instrument import Instrument, parse_key
from engine.domain.order import OrderType, Side

MAX_LEGS = 4
TOO_LARGE = Decimal(10) ** 9
"""Quantities and prices from here on are mistakes."""


def check(
    draft: Draft, settings: PaperSettings, hours: Hours, request: OrderRequest, now: datetime
) -> None:
    """Everything that needs no price.

    Raises:
        OrderRejected: says which rule, and why.
    """
    if not request.client_order_id:
        raise OrderRejected("client_order_id_missing", "an order needs a client order id")
    if draft.knows(request.client_order_id):
        raise OrderRejected(
            "duplicate_client_order_id",
            f"client order id must be unique; {request.client_order_id} was used before",
        )
    if request.account not in settings.start_cash_usd:
        raise OrderRejected("unknown_account", f"there is no paper account {request.account!r}")
    _check_legs(settings, hours, request, now)
    _check_qty(request)
    _check_prices(request)
    _check_children(draft, request)


def _check_legs(
    settings: PaperSettings, hours: Hours, request: OrderRequest, now: datetime
) -> None:
    if len(request.legs) != 1 or request.legs[0].ratio != 1:
        _check_unit(request)
    for leg in request.legs:
        _check_instrument(settings, hours, leg.instrument, now)


def _check_unit(request: OrderRequest) -> None:
    legs = request.legs
    keys = {leg.instrument.key for leg in legs}
    if not 1 <= len(legs) <= MAX_LEGS or len(keys) != len(legs) or any(not x.ratio for x in legs):
        raise OrderRejected(
            "bad_legs", f"an order has 1 to {MAX_LEGS} different legs, none with ratio 0"
        )
    if len(legs) == 1 and legs[0].ratio != 1:
        raise OrderRejected("bad_legs", "a single instrument has ratio 1; the side says the rest")
    kinds = {(leg.instrument.kind, leg.instrument.multiplier) for leg in legs}
    if len(kinds) != 1 or (len(legs) > 1 and legs[0].instrument.kind not in ("option", "future")):
        raise OrderRejected(
            "unsupported_legs", "legs of one order must all be options, or all the same future"
        )


def _check_instrument(
    settings: PaperSettings, hours: Hours, stated: Instrument, now: datetime
) -> None:
    try:
        instrument = parse_key(stated.key)
    except ValueError as error:
        raise OrderRejected("unknown_instrument", str(error)) from None
    if instrument.kind == "future" and instrument.symbol not in settings.future_margin_usd:
        raise OrderRejected("unsupported_asset", f"no margin is stated for {instrument.symbol}")
    if instrument.kind in ("option", "future") and now >= hours.expires_at(instrument):
        raise OrderRejected("contract_expired", f"{instrument.label} is past its last day")
    if instrument != stated:
        raise OrderRejected(
            "unknown_instrument", f"{stated.key} has other terms here than you said"
        )


def _check_qty(request: OrderRequest) -> None:
    qty = request.qty
    if not qty.is_finite() or not 0 < qty < TOO_LARGE:
        raise OrderRejected("bad_quantity", f"quantity must be above 0 and sane, not {qty}")
    if qty != whole(request.legs[0].instrument, qty, len(request.legs)):
        raise OrderRejected("bad_quantity", f"quantity must be a whole number, not {qty}")


def _check_prices(request: OrderRequest) -> None:
    kind = request.type
    wanted = {
        "limit": request.limit if kind in LIMITS else None,
        "stop": request.stop,
        "trail": request.trail if kind is OrderType.TRAILING else None,
    }
    needed = {
        OrderType.MARKET: (),
        OrderType.LIMIT: ("limit",),
        OrderType.STOP: ("stop",),
        OrderType.STOP_LIMIT: ("limit", "stop"),
        OrderType.TRAILING: ("trail",),
    }[kind]
    for name in needed:
        if wanted[name] is None:
            raise OrderRejected(f"{name}_missing", f"a {kind} order needs a {name} price")
    for name, price in wanted.items():
        if price is not None and kind is not OrderType.MARKET:
            _check_price(request, name, price)


def _check_price(request: OrderRequest, name: str, price: Decimal) -> None:
    if not price.is_finite() or abs(price) >= TOO_LARGE:
        raise OrderRejected(f"bad_{name}", f"{name} must be a number, not {price}")
    may_be_negative = len(request.legs) > 1 and name != "trail"
    if price <= 0 and not may_be_negative:
        raise OrderRejected(f"bad_{name}", f"{name} must be above 0, not {price}")
    tick = min(leg.instrument.tick for leg in request.legs)
    if price % tick:
        raise OrderRejected(f"{name}_off_tick", f"{name} {price} is not a multiple of {tick}")


def _check_children(draft: Draft, request: OrderRequest) -> None:
    ids = {request.client_order_id}
    for child in request.attached:
        if child.client_order_id in ids or draft.knows(child.client_order_id):
            raise OrderRejected(
                "duplicate_client_order_id",
                f"client order id must be unique; {child.client_order_id} was used before",
            )
        ids.add(child.client_order_id)
        _check_child(request, child)


def _check_child(parent: OrderRequest, child: OrderRequest) -> None:
    same = (child.account, child.legs) == (parent.account, parent.legs)
    if not same or child.side is parent.side or child.attached or not child.client_order_id:
        raise OrderRejected(
            "bad_bracket", "a bracket child closes its parent: same account and legs, other side"
        )
    if child.oco_group is not None and child.oco_group == parent.oco_group:
        raise OrderRejected("bad_bracket", "a bracket child cannot cancel its own entry")
    if child.type is OrderType.MARKET:
        raise OrderRejected("bad_bracket", "a bracket child cannot be a market order")
    _check_qty(child)
    _check_prices(child)
    if child.type in (OrderType.STOP, OrderType.STOP_LIMIT) and parent.type in LIMITS:
        assert child.stop is not None  # noqa: S101 - checked above
        assert parent.limit is not None  # noqa: S101 - checked above
        if _is_wrong_side(child.side, child.stop, parent.limit):
            raise OrderRejected(
                "stop_wrong_side", f"stop {child.stop} is beyond the entry limit {parent.limit}"
            )


def check_stop_side(request: OrderRequest, touch: Touch | None) -> None:
    """A stop must not be past the market already; not checkable without a fresh quote."""
    stop = request.stop
    if touch is None or stop is None or request.type in (OrderType.MARKET, OrderType.LIMIT):
        return
    near = touch.near(request.side)
    if _is_wrong_side(request.side, stop, near):
        where = "above the ask" if request.side is Side.BUY else "below the bid"
        raise OrderRejected(
            "stop_wrong_side", f"a {request.side} stop must be {where} ({near}), not {stop}"
        )


def _is_wrong_side(side: Side, stop: Decimal, price: Decimal) -> bool:
    return stop <= price if side is Side.BUY else stop >= price


def check_reduces(draft: Draft, request: OrderRequest) -> None:
    """Reduce-only needs something to reduce."""
    if request.reduces and closable(draft, request) <= 0:
        raise OrderRejected(
            "reduce_only", "reduce-only, and there is no position that it would close"
        )
