"""What tastytrade publishes of its requests, laid against every request that its imitation hears.

Always: our golden bodies. Where the published documents are at hand (they are not ours to keep
here): their schemas too, but for the deviations listed below.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jsonschema_rs

from tests.venues.venue import Seen

GOLDEN = Path(__file__).parents[1] / "golden" / "tastytrade" / "orders.json"
SHARED = Path(__file__).parents[3] / "shared" / "data"

DEVIATIONS = {
    "required": "lists stop-trigger, price-effect and value-effect for every type of order",
    "number": "prices and quantities are declared numbers; its own guides send them as text",
}
"""Of the published orders document, and why they are not asked for."""

_QUERY = {
    "orders": {"start-date", "per-page", "page-offset", "sort"},
    "live": {"per-page", "page-offset"},
    "transactions": {"start-date", "per-page", "page-offset", "sort"},
}


class Contract:
    """Counts what it checked, and against what."""

    def __init__(self) -> None:
        self.n_golden = self.n_schema = 0
        self._golden = list(json.loads(GOLDEN.read_text())["requests"].values())
        singles = [body for body in self._golden if "order-type" in body]
        self._keys = {key for body in singles for key in body}
        self._leg_keys = {key for body in singles for leg in body["legs"] for key in leg}
        self._schemas = _schemas()

    @property
    def has_schemas(self) -> bool:
        return bool(self._schemas)

    def check(self, seen: Seen) -> list[str]:
        found = self._headers(seen)
        last = seen.path.rsplit("/", 1)[-1]
        if seen.path == "/oauth/token":
            wanted = {"grant_type", "client_secret", "refresh_token"}
            if not isinstance(seen.body, Mapping) or set(seen.body) != wanted:
                found.append("a token is asked for by grant, secret and refresh token")
        elif seen.method == "GET" and last in _QUERY:
            found += [f"query {name}" for name in set(seen.query) - _QUERY[last]]
            if not 1 <= int(seen.query.get("per-page", "1")) <= 200:
                found.append("per-page is 1 to 200")
        elif seen.method in ("POST", "PUT") and "/orders" in seen.path:
            found += self._body(seen)
        return found

    def _headers(self, seen: Seen) -> list[str]:
        found = []
        if "/" not in seen.headers.get("User-Agent", ""):
            found.append("User-Agent is product/version")
        if seen.path != "/oauth/token" and not seen.headers.get("Authorization", "").startswith(
            "Bearer "
        ):
            found.append("no bearer token")
        return found

    def _body(self, seen: Seen) -> list[str]:
        if not isinstance(seen.body, Mapping):
            return ["an order without a body"]
        self.n_golden += 1
        found = [f"unknown key {key}" for key in set(seen.body) - self._keys]
        legs = seen.body.get("legs", [])
        found += [f"unknown leg key {key}" for leg in legs for key in set(leg) - self._leg_keys]
        if seen.method == "PUT" and legs:
            found.append("legs of a working order cannot change")
        texts = [(k, seen.body[k]) for k in ("price", "stop-trigger") if k in seen.body]
        texts += [("quantity", leg.get("quantity")) for leg in legs]
        found += [f"{key} is no decimal text" for key, value in texts if not _is_decimal(value)]
        if not seen.body.get("source"):
            found.append("no source")
        name = "put" if seen.method == "PUT" else "dry" if "dry-run" in seen.path else "post"
        schema = self._schemas.get(name)
        if schema is not None:
            self.n_schema += 1
            plain = json.loads(json.dumps(seen.body, default=str))
            found += [f"schema: {error.message}" for error in schema.iter_errors(plain)]
        return found


def _is_decimal(value: Any) -> bool:
    return isinstance(value, str) and value.replace(".", "", 1).isdigit() and "e" not in value


def _schemas() -> dict[str, Any]:
    file = SHARED / "specs" / "tastytrade" / "orders.json"
    if not file.exists():
        return {}
    definitions = json.loads(file.read_text())["definitions"]
    names = {
        "post": "postAccountsAccountNumberOrders",
        "dry": "postAccountsAccountNumberOrdersDryRun",
        "put": "putAccountsAccountNumberOrdersId",
    }
    return {
        name: jsonschema_rs.Draft4Validator(_as_spoken(definitions[published]))
        for name, published in names.items()
    }


def _as_spoken(schema: Any) -> Any:
    """Without the deviations, and with nothing allowed that is not named."""
    if isinstance(schema, list):
        return [_as_spoken(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {
        key: _as_spoken(value)
        for key, value in schema.items()
        if key not in ("required", "format", "description", "default")
        or (key != "required" and not isinstance(value, (str, bool)))
    }
    if found.get("type") == "number":
        found["type"] = ["number", "string"]
    if found.get("type") == "object" and "properties" in found:
        found["additionalProperties"] = False
    return found
