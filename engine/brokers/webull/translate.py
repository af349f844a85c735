"""Webull's words and ours: order bodies, orders, positions and balances read back. Pure."""

import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from math import gcd
from typing import Any

from engine.brokers import (
    Balance,
    BrokerOrder,
    BrokerPosition,
    Caps,
    LiveState,
    OrderRequest,
    Preview,
)
from engine.brokers._wire.figures import (
    UNREADABLE,
    Unreadable,
    figure,
    filled_of,
    ident,
    once,
    word,
)
from engine.domain.errors import OrderRejected
from engine.domain.instrument import CASH_SETTLED, Instrument, option, stock
from engine.domain.money import ZERO, exact
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg

Json = Mapping[str, Any]

TYPES = {
    OrderType.MARKET: "MARKET",
    OrderType.LIMIT: "LIMIT",
    OrderType.STOP: "STOP_LOSS",
    OrderType.STOP_LIMIT: "STOP_LOSS_LIMIT",
    OrderType.TRAILING: "TRAILING_STOP_LOSS",
}
TIFS = {Tif.DAY: "DAY", Tif.GTC: "GTC"}
WORDS = frozenset(("status", "side", "order_type", "instrument_type", "option_type", "currency"))
STATES: Mapping[str, LiveState] = {
    "PENDING": "accepted",
    "SUBMITTED": "accepted",
    "PENDING_CANCEL": "accepted",
    "PENDING_REPLACE": "accepted",
    "PARTIAL_FILLED": "partial",
    "FILLED": "filled",
    "CANCELLED": "canceled",
    "CANCELED": "canceled",
    "EXPIRED": "expired",
    "FAILED": "rejected",
    "REJECTED": "rejected",
}
_TYPES_BACK = {theirs: ours for ours, theirs in TYPES.items()}
_SIDES_BACK = {"BUY": Side.BUY, "SELL": Side.SELL, "SHORT": Side.SELL}
_STEP = Decimal("0.0001")
_OUR_ID = re.compile(r"[A-Z0-9]{20}")

_PLAIN = frozenset(TYPES) - {OrderType.TRAILING}
KINDS = {
    "stock": Caps(order_types=frozenset(TYPES), tifs=frozenset(TIFS), has_replace=False),
    "option": Caps(order_types=_PLAIN, tifs=frozenset(TIFS), has_replace=False),
}
"""A modification at Webull keeps the old client id, and several legs are reported at one price
only: neither is what the desk means, so orders are cancelled and sent anew, one leg each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """An order as Webull lists it, with what its sums say of its executions."""

    order: BrokerOrder
    """Perhaps placed by hand in Webull's app: of several legs, of a type that is none of ours."""
    average: Decimal | None
    """Of the unit; None where nothing is filled."""
    fee_usd: Decimal
    filled_at: datetime | None


# -- requests ---------------------------------------------------------------------------------


def body(request: OrderRequest, number: str, *, is_short: bool) -> dict[str, Any]:
    """The body of place and preview; ``is_short``: shares that are not held are sold.

    Raises:
        OrderRejected: it cannot be said to Webull.
    """
    check(request)
    (leg,) = request.legs
    side = "SHORT" if is_short else request.side.name
    order: dict[str, Any] = {
        "client_order_id": request.client_order_id,
        "combo_type": "NORMAL",
        "order_type": TYPES[request.type],
        "quantity": plain(request.qty),
        "side": side,
        "time_in_force": TIFS[request.tif],
        "entrust_type": "QTY",
    }
    if request.type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        order["limit_price"] = f"{request.limit:f}"
    if request.type in (OrderType.STOP, OrderType.STOP_LIMIT):
        order["stop_price"] = f"{request.stop:f}"
    if request.type is OrderType.TRAILING:
        order |= {"trailing_type": "AMOUNT", "trailing_stop_step": f"{request.trail:f}"}
    return {"account_id": number, "new_orders": [order | _thing(leg.instrument, request)]}


def _thing(instrument: Instrument, request: OrderRequest) -> dict[str, Any]:
    if instrument.kind == "stock":
        return {
            "instrument_type": "EQUITY",
            "market": "US",
            "symbol": instrument.symbol,
            "support_trading_session": "CORE",
        }
    assert instrument.strike is not None  # noqa: S101 - an option by check()
    return {
        "option_strategy": "SINGLE",
        "legs": [
            {
                "side": request.side.name,
                "quantity": plain(request.qty),
                "symbol": instrument.symbol,
                "strike_price": plain(instrument.strike),
                "option_expire_date": f"{instrument.expiry:%Y-%m-%d}",
                "instrument_type": "OPTION",
                "option_type": "CALL" if instrument.right == "C" else "PUT",
                "market": "US",
            }
        ],
    }


def category(instrument: Instrument) -> str:
    """The header that tells Webull's gateway what is traded."""
    return "US_EQUITY" if instrument.kind == "stock" else "US_OPTION"


def check(request: OrderRequest) -> None:
    """Refuse what Webull has no words for, before anything is sent.

    Raises:
        OrderRejected: with our own code.
    """
    instrument = request.legs[0].instrument
    if len(request.legs) > 1 or request.legs[0].ratio != 1:
        raise OrderRejected("one_leg_only", "Webull orders of several legs are not supported")
    if instrument.kind == "option" and instrument.symbol in CASH_SETTLED:
        raise OrderRejected("no_index_options", "Webull's interface trades no index options")
    caps = KINDS.get(instrument.kind)
    if caps is None:
        raise OrderRejected("not_traded", f"no {instrument.kind} is traded through Webull here")
    if request.type not in caps.order_types or request.tif not in caps.tifs:
        raise OrderRejected("not_supported", f"Webull has no {request.type} for {instrument.kind}")
    if request.oco_group is not None or request.attached:
        raise OrderRejected("not_supported", "groups of orders at Webull are not supported")
    if not _is_whole(request.qty):
        raise OrderRejected("bad_quantity", f"{request.qty} is no quantity Webull takes")
    for name, price in _prices(request).items():
        if price is None or not _is_price(price):
            raise OrderRejected(f"bad_{name}", f"{price} is no {name} price Webull takes")


def _prices(request: OrderRequest) -> dict[str, Decimal | None]:
    """The prices that its type needs."""
    needed = {
        OrderType.MARKET: (),
        OrderType.LIMIT: ("limit",),
        OrderType.STOP: ("stop",),
        OrderType.STOP_LIMIT: ("limit", "stop"),
        OrderType.TRAILING: ("trail",),
    }[request.type]
    return {name: getattr(request, name) for name in needed}


def _is_whole(qty: Decimal) -> bool:
    return qty.is_finite() and 0 < qty < 10**9 and qty == qty.to_integral_value()


def _is_price(price: Decimal) -> bool:
    return price.is_finite() and 0 < price < 10**9 and price == price.quantize(_STEP)


def plain(value: Decimal) -> str:
    """Without exponent and without zeros that say nothing."""
    return f"{value.normalize():f}"


# -- answers ----------------------------------------------------------------------------------


def rows(
    answer: Any,
    account: str,
    odd: Callable[[str], None],
    *,
    asked: str = "",
    now: datetime | None = None,
) -> list[Row]:
    """The orders of a list or of one look-up; ``odd`` is told of others' that cannot be read.

    ``asked``: our id that was asked for, of what names none in the answer to that. ``now``: when
    it was, for an order that does not say when it was placed.

    Raises:
        UNREADABLE: it is not what Webull documents, or one of ours is not.
    """
    groups = answer.get("data", answer) if isinstance(answer, Mapping) else answer
    if isinstance(groups, Mapping):
        groups = [groups]
    orders = [order for group in groups for order in group["orders"]]
    found = []
    for said in once(orders):
        if asked and isinstance(said, Mapping) and not said.get("client_order_id"):
            said = {**said, "client_order_id": asked}
        try:
            if _is_traded(said):
                found.append(_row(said, account, now))
        except UNREADABLE:
            if _may_be_ours(said):
                raise
            odd(f"order {said.get('order_id')} is of a kind we do not know")
    return found


def _may_be_ours(said: Any) -> bool:
    """By its client id; one placed by hand has another or none."""
    if not isinstance(said, Mapping) or not said.get("order_id"):
        return True
    return _OUR_ID.fullmatch(str(said.get("client_order_id") or "")) is not None


def _is_traded(said: Json) -> bool:
    """Shares and options; all else is held in accounts of its own at Webull.

    Raises:
        Unreadable: of a kind that Webull does not have.
    """
    kind = said.get("instrument_type") or "EQUITY"
    if kind not in _KINDS:
        raise Unreadable(f"an instrument of kind {str(kind)[:24]!r}")
    return kind in _TRADED


def _is_held(said: Json, odd: Callable[[str], None]) -> bool:
    kind = said.get("instrument_type") or "EQUITY"
    if kind in _KINDS:
        return _is_traded(said)
    odd(f"a holding of kind {word(kind)[:24]!r} is none of ours")
    return False


_TRADED = ("EQUITY", "STOCK", "OPTION")
"""Its documentation gives ``STOCK`` as the example of what it otherwise calls ``EQUITY``."""
_KINDS = (*_TRADED, "FUTURES", "CRYPTO", "EVENT")


def _row(said: Json, account: str, now: datetime | None) -> Row:
    state = STATES.get(said["status"], "unknown")
    filled_at = _filled_at(said)
    order = BrokerOrder(
        client_order_id=str(said.get("client_order_id") or ""),
        broker_id=ident(said["order_id"]),
        account=account,
        state=state,
        side=_SIDES_BACK[said["side"]],
        legs=_legs(said),
        qty=exact(said["total_quantity"]),
        filled=filled_of(
            said.get("filled_quantity"),
            state,
            exact(said["total_quantity"]),
            is_priced=bool(_price(said.get("filled_price")) or said.get("filled_time_at")),
        ),
        type=_type(said),
        limit=_price(said.get("limit_price")),
        stop=_price(said.get("stop_price")),
        reason=str(said.get("fail_reason") or ""),
        updated_at=filled_at or _placed_at(said) or now or moment(said["place_time_at"]),
        raw_state=said["status"],
    )
    return Row(
        order=order,
        average=_price(said.get("filled_price")),
        fee_usd=_fees(said),
        filled_at=filled_at,
    )


def _filled_at(said: Json) -> datetime | None:
    """When, where that can be told; no execution is lost because it cannot."""
    with suppress(ValueError, TypeError):
        return moment(said["filled_time_at"]) if said.get("filled_time_at") else None
    return None


def _placed_at(said: Json) -> datetime | None:
    """When, where that can be told: an order that works is no less there without it."""
    with suppress(ValueError, TypeError, KeyError):
        return moment(said["place_time_at"])
    with suppress(ValueError, TypeError, KeyError, OverflowError, OSError):
        return datetime.fromtimestamp(int(said["place_time"]) / 1000, UTC)
    return None


def _type(said: Json) -> OrderType:
    """Ours; of a type that we have no word for, what its prices make of it."""
    known = _TYPES_BACK.get(said["order_type"])
    if known is not None:
        return known
    has_limit, has_stop = _price(said.get("limit_price")), _price(said.get("stop_price"))
    if has_stop:
        return OrderType.STOP_LIMIT if has_limit else OrderType.STOP
    return OrderType.LIMIT if has_limit else OrderType.MARKET


def _legs(said: Json) -> tuple[Leg, ...]:
    legs = said.get("legs") or [said]
    if len(legs) == 1:
        return (Leg(instrument=instrument_of(legs[0] | {"symbol": said["symbol"]})),)
    quantities = [int(exact(leg["quantity"])) for leg in legs]
    unit, sign = gcd(*quantities), _SIDES_BACK[said["side"]].sign
    return tuple(
        Leg(
            instrument=instrument_of(leg),
            ratio=sign * _SIDES_BACK[leg["side"]].sign * qty // unit,
        )
        for leg, qty in zip(legs, quantities, strict=True)
    )


def instrument_of(leg: Json) -> Instrument:
    """The share or option that a leg of an order or a position is about."""
    if leg.get("instrument_type") != "OPTION" and not leg.get("option_type"):
        return stock(word(leg["symbol"]))
    strike = leg.get("strike_price") or leg["option_exercise_price"]
    right = {"CALL": "C", "PUT": "P"}[leg["option_type"]]
    return option(
        word(leg["symbol"]),
        date.fromisoformat(leg["option_expire_date"]),
        exact(strike),
        "C" if right == "C" else "P",
    )


def positions(answer: Any, account: str, odd: Callable[[str], None]) -> list[BrokerPosition]:
    """All holdings; short ones carry a minus or say so by their side.

    ``odd`` is told of kinds that Webull does not have: none of ours.
    """
    listed = answer.get("data", answer) if isinstance(answer, Mapping) else answer
    held = []
    for said in once(listed):
        if not _is_held(said, odd):
            continue
        legs = said.get("legs") or []
        for leg in [said | legs[0]] if len(legs) == 1 else legs or [said]:
            own = said if len(legs) <= 1 else leg
            qty = exact(own["quantity"])
            if qty > 0 and (leg.get("side") or said.get("side")) in ("SELL", "SHORT"):
                qty = -qty
            if qty:
                held.append(
                    BrokerPosition(
                        account=account,
                        instrument=instrument_of(leg),
                        qty=qty,
                        avg_price=maybe(own.get("cost_price")),
                        mark=maybe(own.get("last_price")),
                    )
                )
    return held


def balance(said: Json, account: str, as_of: datetime) -> Balance:
    """Dollars of the account; what is not said is None."""
    dollars = [a for a in said["account_currency_assets"] if a["currency"] == "USD"]
    asset: Json = dollars[0] if dollars else {}
    facts = {
        name: str(said[name])
        for name in ("day_trades_left", "maintenance_margin", "margin_excess")
        if said.get(name) is not None
    }
    if said.get("open_margin_calls"):
        facts["open_margin_calls"] = str(len(said["open_margin_calls"]))
    return Balance(
        account=account,
        cash_usd=maybe(asset.get("cash_balance")),
        buying_power_usd=_power(asset),
        equity_usd=figure(asset, "net_liquidation_value"),
        as_of=as_of,
        facts=facts,
    )


def _power(asset: Json) -> Decimal | None:
    """What entries may cost; a margin account names it by how long they are held: for good here."""
    told = (maybe(asset.get(f"{of}buying_power")) for of in ("", "overnight_", "day_"))
    return next((usd for usd in told if usd is not None), None)


def preview(said: Json) -> Preview:
    """What an order would cost; what is not said is None."""
    cost = maybe(said.get("estimated_cost"))
    return Preview(
        fee_usd=maybe(said.get("estimated_transaction_fee")),
        buying_power_change_usd=None if cost is None else -cost,
    )


def moment(text: str) -> datetime:
    """Aware UTC.

    Raises:
        ValueError: it names no zone.
    """
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError(f"{text!r} without its zone")
    return at.astimezone(UTC)


def maybe(text: str | int | Decimal | None) -> Decimal | None:
    """A figure, where one is given."""
    return None if text is None or text == "" else exact(text)


def _price(text: str | int | Decimal | None) -> Decimal | None:
    """A price; Webull writes 0 for none."""
    return maybe(text) or None


def _fees(said: Json) -> Decimal:
    commission = maybe((said.get("commission") or {}).get("actual_commission")) or ZERO
    fees = (maybe(fee.get("actual_value")) or ZERO for fee in said.get("fees") or ())
    return commission + sum(fees, ZERO)
