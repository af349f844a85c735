"""Alpaca's words as it publishes them: orders, activities, holdings; and what it lets be asked."""

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from engine.brokers import BrokerFill, BrokerOrder, BrokerPosition
from engine.domain.instrument import Instrument
from engine.domain.order import OrderType
from tests.venues.venue import Seen

ROOT = Path(__file__).parents[2]
SPEC = ROOT.parent / "shared/data/specs/alpaca/trading-api.json"
GOLDEN = ROOT / "tests/golden/alpaca/orders.json"

CLASSES = {"stock": "us_equity", "option": "us_option", "crypto": "crypto"}
TYPES = {kind: kind.value for kind in OrderType} | {OrderType.TRAILING: "trailing_stop"}
STATES = {
    "accepted": "new",
    "partial": "partially_filled",
    "filled": "filled",
    "canceled": "canceled",
    "expired": "expired",
    "rejected": "rejected",
    "replaced": "replaced",
}
NOWHERE = (
    "expired_at",
    "failed_at",
    "replaced_at",
    "replaced_by",
    "notional",
    "trail_percent",
    "trail_price",
    "hwm",
    "subtag",
    "source",
)


def uid(*parts: object) -> str:
    """The id that Alpaca gave to something; the same for ever."""
    return str(uuid5(NAMESPACE_URL, "/".join(map(str, parts))))


def symbol(instrument: Instrument) -> str:
    return instrument.key.replace(" ", "")


def stamp(at: datetime) -> str:
    """Nanoseconds and a Z, as Alpaca writes."""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f") + "000Z"


def text(value: Decimal | None) -> str | None:
    if value is None:
        return None
    said = format(value, "f")
    return said.rstrip("0").rstrip(".") if "." in said else said


def order(
    seen: BrokerOrder,
    body: Mapping[str, Any],
    *,
    carried: Decimal,
    created_at: datetime,
    replaces: str | None,
    replaced_by: str | None,
    status: str,
    price: Decimal | None,
) -> dict[str, Any]:
    """An order object without what is rolled up below it."""
    one = seen.legs[0].instrument if len(seen.legs) == 1 else None
    kind = "" if one is None else CLASSES[one.kind]
    said: dict[str, Any] = dict.fromkeys(NOWHERE)
    return said | {
        "id": uid(seen.client_order_id),
        "client_order_id": seen.client_order_id,
        "created_at": stamp(created_at),
        "submitted_at": stamp(created_at),
        "updated_at": stamp(seen.updated_at),
        "filled_at": stamp(seen.updated_at) if seen.filled > carried else None,
        "canceled_at": stamp(seen.updated_at) if status == "canceled" else None,
        "replaces": replaces,
        "replaced_by": replaced_by,
        "asset_class": kind,
        "asset_id": "" if one is None else uid("asset", one.key),
        "symbol": "" if one is None else symbol(one),
        "side": "" if one is None else seen.side.value,
        "qty": text(seen.qty - carried),
        "filled_qty": text(max(seen.filled - carried, Decimal(0))),
        "filled_avg_price": text(price),
        "order_class": body.get("order_class", ""),
        "order_type": TYPES[seen.type],
        "type": TYPES[seen.type],
        "time_in_force": body["time_in_force"],
        "limit_price": body.get("limit_price"),
        "stop_price": text(seen.stop) or body.get("stop_price"),
        "trail_price": body.get("trail_price"),
        "position_intent": body.get("position_intent", ""),
        "extended_hours": False,
        "status": status,
        "legs": None,
    }


def leg(parent: dict[str, Any], asked: Mapping[str, Any], n: int, price: Decimal | None) -> Any:
    """One leg of a spread, as an order object of its own."""
    ratio = Decimal(asked["ratio_qty"])
    return parent | {
        "id": uid(parent["client_order_id"], "leg", n),
        "client_order_id": uid(parent["client_order_id"], "leg id", n),
        "asset_class": "us_option",
        "asset_id": uid("asset", asked["symbol"]),
        "symbol": asked["symbol"],
        "side": asked["side"],
        "position_intent": asked.get("position_intent", ""),
        "ratio_qty": asked["ratio_qty"],
        "qty": text(Decimal(parent["qty"]) * ratio),
        "filled_qty": text(Decimal(parent["filled_qty"]) * ratio),
        "filled_avg_price": text(price),
        "limit_price": None,
        "order_type": "",
        "type": "",
        "legs": None,
    }


def activity(fill: BrokerFill, order_id: str, cum: Decimal, leaves: Decimal) -> dict[str, Any]:
    """A FILL activity."""
    at = fill.executed_at
    return {
        "id": f"{at:%Y%m%d%H%M%S}{at.microsecond // 1000:03d}::{uid(fill.execution_id)}",
        "activity_type": "FILL",
        "transaction_time": stamp(at),
        "type": "partial_fill" if leaves > 0 else "fill",
        "price": text(fill.price),
        "qty": text(fill.qty),
        "side": fill.side.value,
        "symbol": symbol(fill.instrument),
        "leaves_qty": text(leaves),
        "order_id": order_id,
        "cum_qty": text(cum),
        "order_status": "partially_filled" if leaves > 0 else "filled",
    }


def end(fill: BrokerFill) -> dict[str, Any]:
    """How an option ended, or the shares that it moved; the day alone is told."""
    kinds = {
        "expiry": "OPEXP",
        "exercise": "OPEXC" if fill.instrument.kind == "option" else "OPTRD",
    }
    return {
        "id": f"{fill.executed_at:%Y%m%d}000000000::{uid(fill.execution_id)}",
        "activity_type": kinds[fill.kind],
        "date": f"{fill.executed_at:%Y-%m-%d}",
        "created_at": stamp(fill.executed_at),
        "net_amount": "0",
        "symbol": symbol(fill.instrument),
        "qty": text(fill.qty * fill.side.sign),
        "price": text(fill.price),
        "status": "executed",
        "group_id": uid(fill.broker_id),
    }


def position(held: BrokerPosition) -> dict[str, Any]:
    name = symbol(held.instrument)
    return {
        "asset_id": uid("asset", held.instrument.key),
        "symbol": name.replace("/", ""),
        "exchange": "NASDAQ",
        "asset_class": CLASSES[held.instrument.kind],
        "asset_marginable": True,
        "avg_entry_price": text(held.avg_price),
        "qty": text(held.qty),
        "qty_available": text(abs(held.qty)),
        "side": "short" if held.qty < 0 else "long",
        "market_value": "0",
        "cost_basis": text((held.avg_price or Decimal(0)) * held.qty),
        "unrealized_pl": "0",
        "unrealized_plpc": "0",
        "unrealized_intraday_pl": "0",
        "unrealized_intraday_plpc": "0",
        "current_price": text(held.avg_price),
        "lastday_price": text(held.avg_price),
        "change_today": "0",
    }


# -- what may be asked ------------------------------------------------------------------------

DEVIATIONS = {
    "prose of the order types": "options take stop and stop_limit since 2026-08-27",
}
"""Where the published file is behind; nothing that is checked below is concerned."""

QUERIES: dict[str, frozenset[str]] = {
    "/v2/orders": frozenset(
        {
            "status",
            "limit",
            "after",
            "until",
            "direction",
            "nested",
            "symbols",
            "side",
            "asset_class",
            "before_order_id",
            "after_order_id",
        }
    ),
    "/v2/orders:by_client_order_id": frozenset({"client_order_id"}),
    "/v2/account/activities": frozenset(
        {
            "activity_types",
            "category",
            "date",
            "until",
            "after",
            "direction",
            "page_size",
            "page_token",
        }
    ),
    "/v2/stocks/quotes/latest": frozenset({"symbols", "feed", "currency"}),
    "/v2/account": frozenset(),
    "/v2/positions": frozenset(),
}
_WORDS = frozenset({"side", "type", "time_in_force", "order_class", "position_intent"})


def _golden() -> tuple[frozenset[str], dict[str, set[str]]]:
    """Keys and words of the bodies that were checked by hand."""
    requests = json.loads(GOLDEN.read_text())["requests"].values()
    keys = {key for body in requests for key in body} | {"trail_price"}
    words: dict[str, set[str]] = {name: set() for name in _WORDS}
    for body in requests:
        for part in (body, *body.get("legs", ())):
            for name in _WORDS & set(part):
                words[name].add(part[name])
    words["position_intent"] |= {"buy_to_close", "sell_to_close"}
    return frozenset(keys), words


KEYS, WORDS = _golden()
PATCH_KEYS = frozenset(
    {"qty", "time_in_force", "limit_price", "stop_price", "trail", "client_order_id"}
)


def _validators() -> dict[str, Any]:
    """The published schemas of both bodies, closed to unknown keys; empty when not at hand."""
    if not SPEC.exists():
        return {}
    import jsonschema_rs

    spec = json.loads(SPEC.read_text())
    posted = spec["paths"]["/v2/orders"]["post"]["requestBody"]["content"]["application/json"]
    schemas = spec["components"]["schemas"]

    def closed(schema: Any) -> Any:
        if isinstance(schema, list):
            return [closed(part) for part in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            return closed(schemas[schema["$ref"].rpartition("/")[2]])
        done = {k: closed(v) for k, v in schema.items() if k not in ("example", "x-examples")}
        return done | {"additionalProperties": False} if "properties" in done else done

    return {
        "POST": jsonschema_rs.validator_for(closed(posted["schema"])),
        "PATCH": jsonschema_rs.validator_for(closed(schemas["PatchOrderRequest"])),
    }


VALIDATORS = _validators()


def violations(seen: Seen, key: str) -> list[str]:
    """What the published interface does not allow about a request."""
    wrong = []
    if seen.headers.get("APCA-API-KEY-ID") is None and seen.headers.get("Apca-Api-Key-Id") is None:
        wrong.append("no key")
    if key in str(seen.query):
        wrong.append("the key stands in the address")
    if seen.method in ("POST", "PATCH"):
        wrong += _body(seen)
    elif seen.body is not None:
        wrong.append("a body where there is none")
    if seen.method == "GET":
        allowed = QUERIES.get(seen.path, frozenset({"nested"}))
        wrong += [f"unknown query {name}" for name in seen.query if name not in allowed]
    return wrong


def _body(seen: Seen) -> list[str]:
    body = seen.body
    if not isinstance(body, dict):
        return ["a body that is no object"]
    keys = KEYS if seen.method == "POST" else PATCH_KEYS
    wrong = [f"unknown key {name}" for name in body if name not in keys]
    for part in (body, *body.get("legs", ())):
        wrong += [f"{n} is {part[n]}" for n in _WORDS & set(part) if part[n] not in WORDS[n]]
        wrong += [
            f"{name} is no decimal text"
            for name, value in part.items()
            if ("price" in name or name in ("qty", "ratio_qty", "trail")) and not _is_text(value)
        ]
    if seen.method in VALIDATORS:
        wrong += [str(e.message) for e in VALIDATORS[seen.method].iter_errors(body)]
    return wrong


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and value.lstrip("-").replace(".", "", 1).isdigit()
