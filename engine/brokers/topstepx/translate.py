"""ProjectX's words and ours: order bodies out; orders, trades, positions, accounts, contracts in.

Pure. Numbers come in as Decimal or int and go out as Decimal; what is not there stays None. A
status or type that nobody knows is kept raw and never guessed.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from engine.brokers import (
    Balance,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    LiveState,
    OrderRequest,
)
from engine.domain.errors import OrderRejected
from engine.domain.instrument import FUTURES, MONTH_CODES, Instrument, future
from engine.domain.money import ZERO, exact
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg

TYPE_CODES: Mapping[OrderType, int] = {
    OrderType.LIMIT: 1,
    OrderType.MARKET: 2,
    OrderType.STOP_LIMIT: 3,
    OrderType.STOP: 4,
    OrderType.TRAILING: 5,
}
_TYPES = {code: kind for kind, code in TYPE_CODES.items()} | {
    6: OrderType.LIMIT,  # joins the bid or the ask: a limit order that somebody placed by hand
    7: OrderType.LIMIT,
}
ORDER_TYPES = frozenset(OrderType) - {OrderType.STOP_LIMIT}
"""What is placed: the published list has a stop-limit, the manual of placing orders has none."""
TIF = Tif.DAY
"""There is no field for it: the firm is flat every afternoon, so every order is of the day."""
SIDE_CODES: Mapping[Side, int] = {Side.BUY: 0, Side.SELL: 1}
_SIDES = {code: side for side, code in SIDE_CODES.items()}

PENDING = 6
"""Taken in, not working yet."""
_SUSPENDED = 8
_STATES: Mapping[int, tuple[LiveState, str]] = {
    0: ("unknown", "None"),
    1: ("accepted", "Open"),
    2: ("filled", "Filled"),
    3: ("canceled", "Cancelled"),
    4: ("expired", "Expired"),
    5: ("rejected", "Rejected"),
    PENDING: ("accepted", "Pending"),
    7: ("accepted", "PendingCancellation"),  # may still fill
    _SUSPENDED: ("accepted", "Suspended"),  # a bracket's child that waits for its entry
}
OVER = frozenset({2, 3, 4, 5})
"""Statuses that none comes after."""

LARGEST = 2**31 - 1
"""Sizes are 32-bit numbers there."""


class Odd(ValueError):
    """An answer that does not have what is needed of it; says which field, never the body."""


# -- contracts --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """One listed contract as the broker looks it up."""

    id: str
    """The broker's own name; looked up, never built."""
    instrument: Instrument
    is_active: bool
    """The month that the broker trades as the root's front contract."""


_NAME = re.compile(r"([A-Z0-9]{1,4}?)([FGHJKMNQUVXZ])(\d{1,2})")
_ID_MONTH = re.compile(r".*\.([A-Z0-9]+)\.([FGHJKMNQUVXZ])(\d{2})")


def contract_of(row: Mapping[str, Any], today: date) -> Contract:
    """Read a contract; its month comes from its id, its root from its name.

    Raises:
        Odd: it cannot be told for sure which contract it is, or its terms are not those we know.
    """
    id_, name = _text(row, "id"), _text(row, "name")
    by_name, by_id = _NAME.fullmatch(name), _ID_MONTH.fullmatch(id_)
    if by_id is None:
        raise Odd(f"contract {id_}: its id does not end in a month")
    root, code, year = by_id[1], by_id[2], 2000 + int(by_id[3])
    if by_name is not None:  # ES is EP in ids; its name says what traders call it
        root = by_name[1]
        if by_name[2] != code or not str(year).endswith(by_name[3]):
            raise Odd(f"contract {id_}: its name {name!r} says another month")
    if abs(year - today.year) > 10:
        raise Odd(f"contract {id_}: the year {year}")
    if root not in FUTURES:
        raise Odd(f"contract {id_}: the root {root} is not in the contract table")
    instrument = future(root, date(year, MONTH_CODES.index(code) + 1, 1))
    tick, value = _number(row, "tickSize"), _number(row, "tickValue")
    if tick != instrument.tick or value != instrument.tick * instrument.multiplier:
        raise Odd(
            f"contract {id_}: a tick of {tick} worth ${value}; the contract table says "
            f"{instrument.tick} worth ${instrument.tick * instrument.multiplier}"
        )
    return Contract(id=id_, instrument=instrument, is_active=row.get("activeContract") is True)


# -- orders out -------------------------------------------------------------------------------


def place_body(request: OrderRequest, number: int, contract: Contract) -> dict[str, Any]:
    """The body of ``/api/Order/place``.

    Raises:
        OrderRejected: ProjectX has no way to say this order; nothing was sent.
    """
    check(request, contract.instrument)
    body: dict[str, Any] = {
        "accountId": number,
        "contractId": contract.id,
        "type": TYPE_CODES[request.type],
        "side": SIDE_CODES[request.side],
        "size": int(request.qty),
        **prices(request),
        "customTag": request.client_order_id,
    }
    for child in request.attached:
        key = "stopLossBracket" if child.type is OrderType.STOP else "takeProfitBracket"
        if key in body:
            raise OrderRejected("bad_bracket", "a bracket has one stop and one target at most")
        body[key] = {"ticks": bracket_ticks(request, child), "type": TYPE_CODES[child.type]}
    return body


def prices(request: OrderRequest) -> dict[str, Decimal]:
    """Its price fields; only those that its type uses."""
    wanted = {
        "limitPrice": request.limit if request.type in _LIMITED else None,
        "stopPrice": request.stop if request.type in _STOPPED else None,
        "trailPrice": request.trail if request.type is OrderType.TRAILING else None,
    }
    return {name: price for name, price in wanted.items() if price is not None}


_LIMITED = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})
_STOPPED = frozenset({OrderType.STOP, OrderType.STOP_LIMIT})
_NEEDED: Mapping[OrderType, tuple[str, ...]] = {
    OrderType.MARKET: (),
    OrderType.LIMIT: ("limit",),
    OrderType.STOP: ("stop",),
    OrderType.STOP_LIMIT: ("limit", "stop"),
    OrderType.TRAILING: ("trail",),
}


def check(request: OrderRequest, instrument: Instrument) -> None:
    """Refuse here what could only be sent rounded, or would be read as something else there.

    Raises:
        OrderRejected: says what is wrong; nothing was sent.
    """
    qty = request.qty
    if not qty.is_finite() or qty <= 0 or qty != qty.to_integral_value() or qty > LARGEST:
        raise OrderRejected("bad_quantity", f"contracts come in whole numbers, not {qty}")
    if not request.client_order_id:
        raise OrderRejected("client_order_id_missing", "an order needs a client order id")
    if request.type not in ORDER_TYPES or request.tif is not TIF:
        raise OrderRejected("unsupported", f"no {request.type} order {request.tif} at TopStepX")
    if request.oco_group is not None:
        raise OrderRejected("unsupported", "ProjectX links no orders but those of a bracket")
    for name in ("limit", "stop", "trail"):
        price: Decimal | None = getattr(request, name)
        if price is None and name in _NEEDED[request.type]:
            raise OrderRejected(f"{name}_missing", f"a {request.type} order needs a {name} price")
        if price is not None:
            _check_price(name, price, instrument)
    if request.type is OrderType.TRAILING and request.stop is not None:
        raise OrderRejected("unsupported", "a trailing order starts from the market at ProjectX")


def _check_price(name: str, price: Decimal, instrument: Instrument) -> None:
    if not price.is_finite() or price <= 0 or price > LARGEST:
        raise OrderRejected(f"bad_{name}", f"a {name} price of {price} cannot be meant")
    if price % instrument.tick:
        raise OrderRejected(
            f"{name}_off_tick", f"{name} {price} is not a multiple of {instrument.tick}"
        )


def bracket_ticks(parent: OrderRequest, child: OrderRequest) -> int:
    """Signed ticks from the entry's price to the child's: above is +, below is -.

    Raises:
        OrderRejected: no such bracket; nothing was sent.
    """
    same = (child.account, child.legs, child.qty) == (parent.account, parent.legs, parent.qty)
    if not same or child.side is parent.side or child.attached:
        raise OrderRejected("bad_bracket", "a bracket closes its whole entry on the other side")
    level = child.stop if child.type is OrderType.STOP else child.limit
    if child.type not in (OrderType.STOP, OrderType.LIMIT) or level is None:
        raise OrderRejected("bad_bracket", "a bracket holds a stop and a limit target, no other")
    start = parent.limit if parent.type in _LIMITED else parent.stop
    if start is None:
        raise OrderRejected("bad_bracket", "bracket ticks count from a price; this entry has none")
    _check_price("bracket", level, parent.legs[0].instrument)
    ticks = (level - start) / parent.legs[0].instrument.tick
    gains = (ticks > 0) is (parent.side is Side.BUY)
    if ticks == 0 or gains is (child.type is OrderType.STOP):
        raise OrderRejected("bad_bracket", f"{level} is on the wrong side of the entry at {start}")
    return int(ticks)


# -- orders in --------------------------------------------------------------------------------


def order_of(
    row: Mapping[str, Any], *, account: str, instrument: Instrument, client_order_id: str
) -> BrokerOrder:
    """Read an order.

    Raises:
        Odd: a field that we need is missing or no number.
    """
    status, size, filled = row.get("status"), _number(row, "size"), _number(row, "fillVolume")
    known: tuple[LiveState, str] = ("unknown", str(status))
    if isinstance(status, int):
        known = _STATES.get(status, known)
    state, raw = known
    kind, side = _TYPES.get(_code(row, "type")), _SIDES.get(_code(row, "side"))
    if side is None:
        raise Odd("an order without a side")
    if kind is None:  # never placed by us, so nothing depends on how it is called
        kind, state, raw = OrderType.MARKET, "unknown", f"{raw}, type {row.get('type')}"
    if state == "accepted" and 0 < filled < size:
        state = "partial"
    return BrokerOrder(
        client_order_id=client_order_id,
        broker_id=str(_code(row, "id")),
        account=account,
        state=state,
        side=side,
        legs=(Leg(instrument=instrument),),
        qty=size,
        filled=filled,
        average=_average(row),
        type=kind,
        limit=_maybe(row, "limitPrice") if kind in _LIMITED else None,
        stop=_maybe(row, "stopPrice") if kind not in (OrderType.LIMIT, OrderType.MARKET) else None,
        reason=str(row.get("rejectionReason") or ""),
        updated_at=updated_at(row),
        raw_state=raw,
    )


def is_idle(row: Mapping[str, Any], order: BrokerOrder) -> bool:
    """Whether it lives and may not fill: suspended, or in a status that nobody knows.

    The children of a bracket, which bear no tag, are suspended until their entry has filled.
    """
    is_suspended = row.get("status") == _SUSPENDED and bool(row.get("customTag"))
    return is_suspended or order.state == "unknown"


def updated_at(row: Mapping[str, Any]) -> datetime:
    """When it changed last."""
    stamp = "updateTimestamp" if row.get("updateTimestamp") else "creationTimestamp"
    return moment(row.get(stamp), stamp)


def fill_of(
    row: Mapping[str, Any], *, account: str, instrument: Instrument, client_order_id: str
) -> BrokerFill:
    """Read a trade (half a round trip, as they call it); a voided one is a bust.

    Raises:
        Odd: a field that we need is missing or no number.
    """
    side, qty = _SIDES.get(_code(row, "side")), _number(row, "size")
    if side is None or qty <= 0:
        raise Odd("a trade without a side or a size")
    id_ = f"PX-{_code(row, 'id')}"
    is_void = row.get("voided") is True
    return BrokerFill(
        execution_id=f"{id_}-VOID" if is_void else id_,
        client_order_id=client_order_id,
        broker_id=str(_code(row, "orderId")),
        account=account,
        instrument=instrument,
        leg=0,
        side=side,
        qty=qty,
        price=_number(row, "price"),
        fee_usd=(_maybe(row, "fees") or ZERO) + (_maybe(row, "commissions") or ZERO),
        executed_at=moment(row.get("creationTimestamp"), "creationTimestamp"),
        kind="bust" if is_void else "fill",
        of=id_ if is_void else "",
    )


def position_of(
    row: Mapping[str, Any], *, account: str, instrument: Instrument, is_gone: bool = False
) -> BrokerPosition:
    """Read a holding: type 1 is long, 2 is short.

    Raises:
        Odd: it does not say which, or a figure is missing.
    """
    size = _number(row, "size")
    sign = {1: 1, 2: -1}.get(_code(row, "type"))
    if sign is None and size != 0 and not is_gone:
        raise Odd("a position that is neither long nor short")
    qty = ZERO if is_gone else size * (sign or 0)
    return BrokerPosition(
        account=account,
        instrument=instrument,
        qty=qty,
        avg_price=_maybe(row, "averagePrice") if qty else None,
    )


def balance_of(row: Mapping[str, Any], *, account: str, as_of: datetime) -> Balance:
    """Cash of an account: what was realised; open profit is not in it, nor said anywhere.

    Raises:
        Odd: no balance.
    """
    return Balance(
        account=account,
        cash_usd=_number(row, "balance"),
        buying_power_usd=None,
        as_of=as_of,
        facts={"can trade": _MAY_TRADE.get(str(row.get("canTrade")), "not told")},
    )


_MAY_TRADE = {"True": "yes", "False": "no"}
_COUNTS = ("id", "accountId", "orderId", "status", "type", "side")


def tidy(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row whose ids and codes are whole numbers, though they came as text or as 7.0.

    What can be no id, code or tag at all is None.
    """
    right = {n: _count(row[n]) for n in _COUNTS if n in row}
    if not isinstance(row.get("customTag"), str | None):
        right["customTag"] = None
    wrong = {n: v for n, v in right.items() if v is not row[n]}
    return {**row, **wrong} if wrong else row


def _count(value: Any) -> Any:
    if isinstance(value, str) and value.isascii() and value.isdigit():
        return int(value)
    if isinstance(value, Decimal) and value.is_finite() and value == value.to_integral_value():
        return int(value)
    return value if isinstance(value, int | str) else None


# -- words ------------------------------------------------------------------------------------


def stamp(at: datetime) -> str:
    """A moment as ProjectX reads it."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


_LONG_FRACTION = re.compile(r"(\.\d{6})\d+")


def moment(text: object, what: str) -> datetime:
    """Read a moment; one without a zone is UTC.

    Raises:
        Odd: it is none.
    """
    if not isinstance(text, str):
        raise Odd(f"no {what}")
    try:
        at = datetime.fromisoformat(_LONG_FRACTION.sub(r"\1", text))
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Odd(f"{what} is no time") from None


def _text(row: Mapping[str, Any], name: str) -> str:
    value = row.get(name)
    if not isinstance(value, str) or not value:
        raise Odd(f"no {name}")
    return value


def _code(row: Mapping[str, Any], name: str) -> int:
    value = row.get(name)
    if isinstance(value, bool) or not isinstance(value, int):
        raise Odd(f"{name} is no whole number")
    return value


def _number(row: Mapping[str, Any], name: str) -> Decimal:
    value = _maybe(row, name)
    if value is None:
        raise Odd(f"no {name}")
    return value


def _average(row: Mapping[str, Any]) -> Decimal | None:
    """What was paid; no order is lost because it cannot be read."""
    with suppress(Odd):
        return _maybe(row, "filledPrice")
    return None


def _maybe(row: Mapping[str, Any], name: str) -> Decimal | None:
    value = row.get(name)
    if value is None:
        return None
    try:
        return exact(value)
    except (ValueError, TypeError):
        raise Odd(f"{name} is no number") from None
