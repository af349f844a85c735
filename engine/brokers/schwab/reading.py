"""What Schwab says, in our words: orders, executions, holdings, money. Nothing here asks."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from math import gcd
from typing import Any

from engine.brokers import (
    Balance,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    LiveState,
    Preview,
)
from engine.brokers._wire.figures import Json, Unreadable, figure, ident, maybe, number, word
from engine.brokers._wire.sent import Listed
from engine.brokers.schwab.translate import LIMITS, STOPS, TYPES
from engine.domain.errors import OrderRejected
from engine.domain.instrument import Instrument, parse_key, stock
from engine.domain.money import ZERO
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg

_OURS = {name: kind for kind, name in TYPES.items()} | {
    "NET_DEBIT": OrderType.LIMIT,
    "NET_CREDIT": OrderType.LIMIT,
    "NET_ZERO": OrderType.LIMIT,
    "TRAILING_STOP": OrderType.TRAILING,
    "TRAILING_STOP_LIMIT": OrderType.TRAILING,
}
WORDS = frozenset(
    ("status", "orderType", "instruction", "assetType", "activityType", "executionType", "type")
)
STATES: dict[str, LiveState] = {
    **dict.fromkeys(
        (
            "AWAITING_PARENT_ORDER",
            "AWAITING_CONDITION",
            "AWAITING_STOP_CONDITION",
            "AWAITING_MANUAL_REVIEW",
            "AWAITING_RELEASE_TIME",
            "AWAITING_UR_OUT",
            "ACCEPTED",
            "NEW",
            "PENDING_ACTIVATION",
            "PENDING_ACKNOWLEDGEMENT",
            "PENDING_CANCEL",
            "PENDING_REPLACE",
            "QUEUED",
            "WORKING",
        ),
        "accepted",
    ),
    "FILLED": "filled",
    "CANCELED": "canceled",
    "EXPIRED": "expired",
    "REJECTED": "rejected",
    "REPLACED": "replaced",
}
LIVE = frozenset(name for name, state in STATES.items() if state == "accepted")
IDLE = frozenset({"AWAITING_CONDITION", "AWAITING_MANUAL_REVIEW", "AWAITING_PARENT_ORDER"})
"""It lives, and is not at work: a stop of this kind protects nothing."""
_SHARES = frozenset({"EQUITY", "COLLECTIVE_INVESTMENT", "ETF"})
FOREIGN = frozenset(
    {"MUTUAL_FUND", "FIXED_INCOME", "CASH_EQUIVALENT", "CURRENCY", "INDEX", "FUTURE", "FOREX"}
)
"""Holdings that are none of ours: cash in a money fund, a bond."""


def moment(text: Any) -> datetime:
    """A time with its zone, as UTC.

    Raises:
        Unreadable: it is none, or says no zone.
    """
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        raise Unreadable("a time that cannot be read") from None
    if found.tzinfo is None:
        raise Unreadable("a time without a zone")
    return found.astimezone(UTC)


def instrument_of(named: Json) -> Instrument:
    """What an ``instrument`` names.

    Raises:
        Unreadable: of a kind we do not trade.
    """
    kind, symbol = str(named.get("assetType", "")), word(named.get("symbol"))
    if kind in _SHARES:
        return stock(symbol.replace("/", "."))
    if kind == "OPTION":
        return parse_key(f"{symbol[:-15].strip():<6}{symbol[-15:]}")
    raise Unreadable(f"an instrument of kind {kind[:24]!r}")


def flattened(rows: Any) -> Iterator[Json]:
    """Every order with legs of its own; those of a group stand inside one another."""
    for row in rows:
        if row.get("orderLegCollection"):
            yield row
        yield from flattened(row.get("childOrderStrategies") or ())


def listed(account: str, row: Json) -> Listed:
    """One order, without our id: Schwab has no room for it.

    Raises:
        Unreadable, KeyError: it cannot be told what it is.
    """
    side, legs, units = _legs(row)
    filled = _filled(row, legs)
    raw = str(row.get("status", ""))
    kind = _OURS.get(str(row.get("orderType")))
    placed_at = moment(row["enteredTime"])
    state = STATES.get(raw, "unknown")
    if state == "accepted" and filled > 0:
        state = "partial"
    if state == "filled" and filled < units:
        state = "unknown"  # over by its word, not by its figures: polled until they agree
    said = [one.get("orderId") for one in row.get("replacingOrderCollection") or ()]
    other = ident(said[0]) if len(said) == 1 and said[0] is not None else ""
    return Listed(
        placed_at=placed_at,
        replaced_by=other if state == "replaced" else "",
        replaces=other if state != "replaced" else "",
        order=BrokerOrder(
            client_order_id="",
            broker_id=ident(row["orderId"]),
            account=account,
            state=state,
            side=side,
            legs=legs,
            qty=units,
            filled=filled,
            type=kind or OrderType.MARKET,
            limit=maybe(row.get("price")) if kind in LIMITS else None,
            stop=maybe(row.get("stopPrice")) if kind in STOPS else None,
            reason=str(row.get("statusDescription") or "")[:200],
            updated_at=_changed_at(row, placed_at),
            raw_state=raw,
        ),
    )


def _legs(row: Json) -> tuple[Side, tuple[Leg, ...], Decimal]:
    """Side, legs and number of units of one."""
    signed = [(instrument_of(one["instrument"]), _signed(one)) for one in row["orderLegCollection"]]
    if len(signed) == 1:
        ((thing, qty),) = signed
        return (Side.BUY if qty > 0 else Side.SELL), (Leg(instrument=thing),), abs(qty)
    units = Decimal(gcd(*(int(abs(qty)) for _, qty in signed)))
    is_sold = str(row.get("orderType")) == "NET_CREDIT"
    turn = -1 if is_sold else 1
    legs = tuple(Leg(instrument=thing, ratio=int(qty / units) * turn) for thing, qty in signed)
    return (Side.SELL if is_sold else Side.BUY), legs, units


def _signed(leg: Json) -> Decimal:
    instruction, qty = str(leg.get("instruction", "")), number(leg["quantity"])
    if not instruction.startswith(("BUY", "SELL")):
        raise Unreadable(f"the instruction {instruction[:24]!r}")
    if qty <= 0 or qty != qty.to_integral_value():
        raise Unreadable("a quantity that is no whole number")
    return qty if instruction.startswith("BUY") else -qty


def _filled(row: Json, legs: tuple[Leg, ...]) -> Decimal:
    """Whole units, by its executions where it does not say."""
    if len(legs) == 1 and (told := maybe(row.get("filledQuantity"))) is not None:
        return told
    ids, done = _leg_ids(row), dict[int, Decimal]()
    for _, leg in _executions(row):
        at = _leg_id(leg, ids)
        done[at] = done.get(at, ZERO) + number(leg["quantity"])
    return min(done.get(n, ZERO) // abs(leg.ratio) for n, leg in zip(ids, legs, strict=True))


def _leg_ids(row: Json) -> list[int]:
    """The numbers of an order's legs; unsaid they are counted."""
    said = [one.get("legId") for one in row["orderLegCollection"]]
    return [n + 1 if id_ is None else int(id_) for n, id_ in enumerate(said)]


def _leg_id(leg: Json, ids: list[int]) -> int:
    """Which leg was executed; unsaid it is the only one.

    Raises:
        KeyError: it is one of several.
    """
    if leg.get("legId") is None and len(ids) == 1:
        return ids[0]
    return int(leg["legId"])


def _executions(row: Json) -> Iterator[tuple[Json, Json]]:
    """Each execution of each leg, with the activity that it is part of."""
    for activity in row.get("orderActivityCollection") or ():
        if activity.get("activityType") not in ("EXECUTION", None, ""):
            continue  # unsaid: nothing else has legs that were executed
        if activity.get("executionType") not in ("FILL", None, ""):
            continue
        for leg in activity.get("executionLegs") or ():
            yield activity, leg


def _changed_at(row: Json, placed_at: datetime) -> datetime:
    times = [moment(leg["time"]) for _, leg in _executions(row) if leg.get("time")]
    if row.get("closeTime"):
        with suppress(Unreadable):  # no order is lost because its end has no time
            times.append(moment(row["closeTime"]))
    return max(times, default=placed_at)


def fills_of(
    order: BrokerOrder, row: Json, fee: Callable[[Instrument], Decimal]
) -> list[BrokerFill]:
    """Its executions; the same ids wherever and whenever they are read.

    ``order``: the same one, ours under our id and with our legs; ``fee``: per contract or share.
    """
    ids = _leg_ids(row)
    named = [instrument_of(one["instrument"]) for one in row["orderLegCollection"]]
    things = dict(zip(ids, named, strict=True))
    places = {leg.instrument: n for n, leg in enumerate(order.legs)}
    fills, seen = [], Counter[str]()
    for activity, leg in _executions(row):
        at = _leg_id(leg, ids)
        thing = things[at]
        name = _execution_id(order, activity, leg, at)
        seen[name] += 1
        if seen[name] > 1:
            name = f"{name}-{seen[name]}"
        place = places[thing]
        qty = number(leg["quantity"])
        is_buy = order.side.sign * order.legs[place].ratio > 0
        fills.append(
            BrokerFill(
                execution_id=name,
                client_order_id=order.client_order_id,
                broker_id=order.broker_id,
                account=order.account,
                instrument=thing,
                leg=place,
                side=Side.BUY if is_buy else Side.SELL,
                qty=qty,
                price=number(leg["price"]),
                fee_usd=fee(thing) * qty,
                executed_at=moment(leg["time"]),
            )
        )
    return fills


def _execution_id(order: BrokerOrder, activity: Json, leg: Json, at: int) -> str:
    """The activity's number, which the published type lacks; else what no other one shares."""
    number_ = activity.get("activityId")
    if number_ is not None:
        return f"{number_}-{at}"
    left = activity.get("orderRemainingQuantity", "")
    return f"{order.broker_id}-{at}-{leg['time']}-{left}"


NO_REASON = "refused without a reason"
"""Who refuses an order says why: without that it may have been taken all the same."""


def refusal(status: int, body: Any) -> tuple[str, str]:
    """Code and sentence of a refusal; Schwab's code is the status."""
    said: list[str] = []
    if isinstance(body, Mapping):
        said += [str(body["message"])] if body.get("message") else []
        errors = body.get("errors")
        for one in errors if isinstance(errors, list) else ():
            said.append(
                str(one.get("detail") or one.get("title")) if isinstance(one, Mapping) else str(one)
            )
    return str(status), "; ".join(said)[:300] or NO_REASON


def account_of(row: Json) -> BrokerAccount:
    """One account of the login."""
    held = row["securitiesAccount"]
    return BrokerAccount(
        number=str(held["accountNumber"]),
        kind=str(held.get("type", "")).lower(),
        may_trade=not held.get("isClosingOnlyRestricted", False),
    )


def balance_of(account: str, body: Json, as_of: datetime) -> Balance:
    """Money; what is not said stays unknown.

    The published type says no cash of a margin account; it is what is left of its worth without
    its holdings, where ``body`` tells those at the same moment.
    """
    held = body["securitiesAccount"]
    now = held.get("currentBalances") or {}
    is_cash = held.get("type") == "CASH"
    facts = {
        "type": held.get("type"),
        "day trader": held.get("isDayTrader"),
        "round trips": held.get("roundTrips"),
        "closing only": held.get("isClosingOnlyRestricted"),
        "buying power for options": now.get("optionBuyingPower", now.get("availableFunds")),
    }
    equity = figure(now, "liquidationValue" if "liquidationValue" in now else "equity")
    cash = maybe(now.get("totalCash" if is_cash else "cashBalance"))
    if cash is None and equity is not None and "positions" in held:
        values = [maybe(row.get("marketValue")) for row in held["positions"] or ()]
        worth = [value for value in values if value is not None]
        cash = round(equity - sum(worth, ZERO), 2) if len(worth) == len(values) else None
    return Balance(
        account=account,
        cash_usd=cash,
        buying_power_usd=maybe(now.get("cashAvailableForTrading" if is_cash else "buyingPower")),
        equity_usd=equity,
        as_of=as_of,
        facts={name: str(value) for name, value in facts.items() if value is not None},
    )


def position_of(account: str, row: Json) -> BrokerPosition | None:
    """One holding, its quantity signed; None for what is none of ours.

    Raises:
        Unreadable, KeyError: it cannot be told what it is.
    """
    if row["instrument"].get("assetType") in FOREIGN:
        return None
    sides = [row.get("longQuantity"), row.get("shortQuantity")]
    long, short = (number(said or 0) for said in sides)
    if not long and not short and None in sides:
        raise Unreadable("a holding without its quantity")
    return BrokerPosition(
        account=account,
        instrument=instrument_of(row["instrument"]),
        qty=long - short,
        avg_price=maybe(row.get("averagePrice")),
    )


def preview_of(body: Json) -> Preview:
    """What Schwab says an order would cost.

    Raises:
        OrderRejected: it would be refused.
    """
    verdict = body.get("orderValidationResult") or {}
    for one in verdict.get("rejects") or ():
        code = str(one.get("validationRuleName") or "rejected")
        raise OrderRejected(
            code, str(one.get("message") or one.get("activityMessage") or "refused")
        )
    costs = body.get("commissionAndFee") or {}
    values = [
        number(value["value"])
        for part, legs, amounts in (
            ("commission", "commissionLegs", "commissionValues"),
            ("fee", "feeLegs", "feeValues"),
        )
        for leg in (costs.get(part) or {}).get(legs) or ()
        for value in leg.get(amounts) or ()
    ]
    said = [*(verdict.get("warns") or ()), *(verdict.get("reviews") or ())]
    return Preview(
        fee_usd=sum(values, Decimal(0)) if costs else None,
        warnings=tuple(str(one.get("message") or one.get("activityMessage")) for one in said),
    )
