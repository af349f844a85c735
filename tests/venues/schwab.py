"""Schwab on loopback: OAuth 2, orders without our ids, account activity by the streamer.

What it says and how follows the published types and answers that people published. Requests are
checked by keys and words, against the published file as well where that is.
"""

import base64
import hashlib
import json
import re
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from math import gcd
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs

from aiohttp import WSMsgType, web

from engine.brokers import BrokerEvent, BrokerFill, BrokerOrder, Filled, OrderRequest, OrderSeen
from engine.domain.errors import OrderRejected
from engine.domain.instrument import Instrument, parse_key, stock
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from tests.venues.venue import Seen, Venue

D = Decimal
HOST = "https://api.schwabapi.com"
KEY, SECRET = "app-key-canary", "app-secret-canary"
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
ACCESS_LASTS, CONSENT_LASTS = timedelta(minutes=30), timedelta(days=7)
REACH = timedelta(days=60)
SPEC = Path(__file__).parents[3] / "shared/data/specs/schwab/account-access.json"

ORDER_KEYS = {
    "session", "duration", "orderType", "complexOrderStrategyType", "quantity", "price",
    "stopPrice", "orderLegCollection", "orderStrategyType",
}  # fmt: skip
WORDS = {
    "session": {"NORMAL", "AM", "PM", "SEAMLESS"},
    "duration": {"DAY", "GOOD_TILL_CANCEL"},
    "orderType": {
        "MARKET", "LIMIT", "STOP", "STOP_LIMIT", "NET_DEBIT", "NET_CREDIT", "NET_ZERO",
    },
    "orderStrategyType": {"SINGLE"},
    "complexOrderStrategyType": {"NONE", "CUSTOM"},
}  # fmt: skip
INSTRUCTIONS = {
    "EQUITY": {"BUY", "SELL", "SELL_SHORT", "BUY_TO_COVER"},
    "OPTION": {"BUY_TO_OPEN", "SELL_TO_OPEN", "BUY_TO_CLOSE", "SELL_TO_CLOSE"},
}
CLOSES = {"SELL", "BUY_TO_COVER", "BUY_TO_CLOSE", "SELL_TO_CLOSE"}
STATUS = {
    "accepted": "WORKING",
    "partial": "WORKING",
    "filled": "FILLED",
    "canceled": "CANCELED",
    "expired": "EXPIRED",
    "rejected": "REJECTED",
    "replaced": "REPLACED",
}
RINGS = {
    "accepted": "OrderAccepted",
    "partial": "ExecutionCreated",
    "filled": "OrderFillCompleted",
    "canceled": "OrderUROutCompleted",
    "expired": "OrderUROutCompleted",
    "rejected": "OrderUROutCompleted",
    "replaced": "OrderUROutCompleted",
}


@dataclass
class Placed:
    """What was asked for, as asked."""

    number: int
    at: datetime
    body: dict[str, Any] | None = None
    replaced_by: int | None = None
    """What took its place, by a change in the app."""


@dataclass
class Quirks:
    """Things Schwab may do; counters or switches."""

    odd_status: int = 0
    published_balance: bool = False
    """No key of a balance but those of its published type."""
    hidden_orders: bool = False
    unlisted_orders: bool = False
    """In no list; asked alone they are there."""
    foreign_rows: bool = False
    """A money fund is held, and a bond was ordered by hand."""
    closing_only: bool = False
    odd_execution: bool = False
    """Shares bought by hand, executed on a leg that the order does not have."""
    no_location: int = 0
    """Placed, and the answer does not say its number."""
    no_activity_ids: bool = False
    """As the published type has it."""
    refuse_login: int = 0
    """The streamer does not let in."""
    asks_no_names: bool = False
    """The streamer hears whoever has a token."""
    silent_streamer: bool = False
    """It accepts the line and says nothing."""
    list_limit: int = 3000


class SchwabVenue(Venue):
    """The imitation. Accounts are ``settings.start_cash_usd``, named by their numbers."""

    name: ClassVar[str] = "schwab"

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.quirks = Quirks()
        self.numbers = sorted(self.exchange._settings.start_cash_usd)
        self.access: dict[str, datetime] = {}
        """Access token -> until when."""
        self.consents: dict[str, datetime] = {}
        """Refresh token -> when its owner let us in."""
        self.codes: set[str] = set()
        self.callback = "https://127.0.0.1:8182"
        self.placed: dict[tuple[str, str], Placed] = {}
        self._ids = count(1001000000001)
        self._tokens = count(1)
        self._activities: dict[tuple[str, datetime], int] = {}
        self._spec = json.loads(SPEC.read_text()) if SPEC.is_file() else None

    def routes(self, app: web.Application) -> None:
        at = "/trader/v1/accounts/{hash}"
        app.add_routes(
            [
                web.post("/v1/oauth/token", self._token),
                web.get("/trader/v1/accounts/accountNumbers", self._let_in(self._account_numbers)),
                web.get("/trader/v1/accounts", self._let_in(self._accounts)),
                web.get(at, self._let_in(self._account)),
                web.get(f"{at}/orders", self._let_in(self._orders)),
                web.post(f"{at}/orders", self._let_in(self._place)),
                web.get(f"{at}/orders/{{id}}", self._let_in(self._order)),
                web.delete(f"{at}/orders/{{id}}", self._let_in(self._cancel)),
                web.post(f"{at}/previewOrder", self._let_in(self._preview)),
                web.get("/trader/v1/userPreference", self._let_in(self._preference)),
                web.get("/marketdata/v1/{symbol}/quotes", self._let_in(self._quote)),
                web.get("/ws", self._stream),
            ]
        )

    def acts(self, request: web.Request) -> bool:
        return request.method in ("POST", "PUT", "DELETE") and "/orders" in request.path

    # -- who asks

    def mint(self, made_at: datetime | None = None) -> str:
        """Let somebody in; what the adapter keeps of it."""
        now = self.clock.now()
        refresh = f"refresh-canary-{next(self._tokens)}"
        self.consents[refresh] = made_at or now
        access = self._new_access()
        return json.dumps(
            {
                "access": access,
                "refresh": refresh,
                "expires_at": (now + ACCESS_LASTS).isoformat(),
                "made_at": (made_at or now).isoformat(),
                "environment": "paper",
            }
        )

    def _new_access(self) -> str:
        access = f"access-canary-{next(self._tokens)}"
        self.access[access] = self.clock.now() + ACCESS_LASTS
        return access

    async def _token(self, request: web.Request) -> web.Response:
        basic = base64.b64encode(f"{KEY}:{SECRET}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {basic}":
            return web.json_response({"error": "invalid_client"}, status=401)
        form = {name: values[0] for name, values in parse_qs(await request.text()).items()}
        now = self.clock.now()
        if form.get("grant_type") == "authorization_code":
            code = form.get("code", "")
            if code not in self.codes or form.get("redirect_uri") != self.callback:
                return web.json_response({"error": "invalid_grant"}, status=400)
            self.codes.discard(code)
            refresh = f"refresh-canary-{next(self._tokens)}"
            self.consents[refresh] = now
        else:
            refresh = form.get("refresh_token", "")
            made_at = self.consents.get(refresh)
            if made_at is None or now - made_at >= CONSENT_LASTS:
                return web.json_response({"error": "unsupported_token_type"}, status=400)
        return web.json_response(
            {
                "expires_in": 1800,
                "token_type": "Bearer",
                "scope": "api",
                "refresh_token": refresh,
                "access_token": self._new_access(),
                "id_token": "not-used",
            }
        )

    def _is_let_in(self, token: str) -> bool:
        until = self.access.get(token)
        return until is not None and self.clock.now() < until

    def _let_in(self, handler: Any) -> Any:
        async def checked(request: web.Request) -> web.StreamResponse:
            token = request.headers.get("Authorization", "").removeprefix("Bearer ")
            if not self._is_let_in(token):
                return web.json_response({"message": "unauthorized", "errors": []}, status=401)
            try:
                return await handler(request)  # type: ignore[no-any-return]
            except OrderRejected as error:
                text = str(error).partition(": ")[2]
                return web.json_response({"message": text, "errors": []}, status=400)

        return checked

    # -- accounts

    def hash(self, number: str) -> str:
        """Schwab names accounts in addresses by a hash, another one for every login."""
        return hashlib.sha256(number.encode()).hexdigest().upper()

    def _number(self, request: web.Request) -> str:
        wanted = request.match_info["hash"]
        for number in self.numbers:
            if self.hash(number) == wanted:
                return number
        raise OrderRejected("400", "400: Invalid account number")

    async def _account_numbers(self, _: web.Request) -> web.Response:
        rows = [{"accountNumber": n, "hashValue": self.hash(n)} for n in self.numbers]
        return _json(rows)

    async def _accounts(self, request: web.Request) -> web.Response:
        return _json([await self._body_of(n, request) for n in self.numbers])

    async def _account(self, request: web.Request) -> web.Response:
        return _json(await self._body_of(self._number(request), request))

    async def _body_of(self, number: str, request: web.Request) -> dict[str, Any]:
        money = await self.exchange.balance(number)
        assert money.cash_usd is not None
        assert money.buying_power_usd is not None
        held: dict[str, Any] = {
            "type": "MARGIN",
            "accountNumber": number,
            "roundTrips": 0,
            "isDayTrader": False,
            "isClosingOnlyRestricted": self.quirks.closing_only,
            "pfcbFlag": False,
            "currentBalances": {
                "cashBalance": float(money.cash_usd),
                "liquidationValue": float(money.cash_usd),
                "equity": float(money.cash_usd),
                "buyingPower": float(money.buying_power_usd),
                "availableFunds": float(money.buying_power_usd),
            },
        }
        if request.query.get("fields") == "positions":
            rows = [_position(p) for p in await self.exchange.positions(number)]
            if self.quirks.foreign_rows:
                fund = {"assetType": "CASH_EQUIVALENT", "symbol": "MMDA1"}
                rows.append({"longQuantity": 812.5, "shortQuantity": 0, "instrument": fund})
            held["positions"] = rows
        if self.quirks.published_balance:
            for name in ("cashBalance", "liquidationValue"):
                del held["currentBalances"][name]
        return {"securitiesAccount": held}

    # -- orders

    async def _preview(self, request: web.Request) -> web.Response:
        number = self._number(request)
        body = json.loads(await request.text())
        verdict: dict[str, Any] = {"rejects": [], "warns": [], "accepts": []}
        fees = {}
        try:
            said = await self.exchange.preview(_asked(number, body, "PREVIEW"))
            value = {"value": float(said.fee_usd or 0), "type": "COMMISSION"}
            fees = {"commission": {"commissionLegs": [{"commissionValues": [value]}]}}
        except OrderRejected as error:
            text = str(error).partition(": ")[2]
            verdict["rejects"] = [{"validationRuleName": error.code, "message": text}]
        return _json({"orderId": 0, "orderValidationResult": verdict, "commissionAndFee": fees})

    async def _place(self, request: web.Request) -> web.Response:
        number = self._number(request)
        body = json.loads(await request.text())
        placed = Placed(next(self._ids), self.clock.now(), body)
        name = f"TS{placed.number:018d}"
        self.placed[number, name] = placed
        try:
            await self.exchange.submit(_asked(number, body, name))
        except OrderRejected:
            del self.placed[number, name]
            raise
        headers = {}
        if not self._takes("no_location"):
            at = f"/trader/v1/accounts/{self.hash(number)}/orders/{placed.number}"
            headers["Location"] = f"{HOST}{at}"
        return web.Response(status=201, headers=headers)

    def _takes(self, name: str) -> bool:
        left = getattr(self.quirks, name)
        if left > 0:
            setattr(self.quirks, name, left - 1)
        return bool(left > 0)

    async def by_hand(self, number: str, to: Decimal, *, is_named: bool = True) -> str:
        """A person moves a stop or a limit in the app; the number of the new order.

        ``is_named``: the old one tells it.
        """
        found = ((at, p) for at, p in self.placed.items() if str(p.number) == number)
        (account, name), old = next(found)
        assert old.body is not None
        name_of_it = "stopPrice" if "stopPrice" in old.body else "price"
        new = Placed(next(self._ids), self.clock.now(), {**old.body, name_of_it: str(to)})
        assert new.body is not None
        self.placed[account, f"TS{new.number:018d}"] = new
        if is_named:
            old.replaced_by = new.number
        asked = _asked(account, new.body, f"TS{new.number:018d}")
        await self.exchange.replace(account, name, asked)
        return str(new.number)

    def _placed(self, order: BrokerOrder) -> Placed:
        at = (order.account, order.client_order_id)
        if at not in self.placed:
            self.placed[at] = Placed(next(self._ids), self.clock.now())
        return self.placed[at]

    def _name(self, number: str, request: web.Request) -> str:
        for (account, name), placed in self.placed.items():
            if account == number and str(placed.number) == request.match_info["id"]:
                return name
        raise OrderRejected("404", "404: Order not found")

    async def _cancel(self, request: web.Request) -> web.Response:
        number = self._number(request)
        await self.exchange.cancel(number, self._name(number, request))
        return web.Response(status=200)

    async def _order(self, request: web.Request) -> web.Response:
        number = self._number(request)
        if self.quirks.hidden_orders:
            return web.json_response({"message": "Order not found", "errors": []}, status=404)
        name = self._name(number, request)
        orders = await self.exchange.orders_since(number, LONG_AGO)
        (order,) = [o for o in orders if o.client_order_id == name]
        return _json(self._row(order, (await self._executed(number))[order.broker_id]))

    async def _orders(self, request: web.Request) -> web.Response:
        number, query = self._number(request), request.query
        first, last = (_time(query[n]) for n in ("fromEnteredTime", "toEnteredTime"))
        if self.clock.now() - first > REACH or first > last:
            return web.json_response({"message": "invalid range", "errors": []}, status=400)
        orders = await self.exchange.orders_since(number, LONG_AGO)
        fills = await self._executed(number)
        is_bare = self.quirks.hidden_orders or self.quirks.unlisted_orders
        rows = [] if is_bare else [self._row(o, fills[o.broker_id]) for o in orders]
        rows = [r for r in rows if first <= _time(r["enteredTime"]) <= last]
        if self.quirks.foreign_rows:
            rows.append(_bond_order(self.clock.now()))
        if self.quirks.odd_execution:
            rows.append(_oddly_executed(self.clock.now()))
        if "status" in query:
            rows = [r for r in rows if r["status"] == query["status"]]
        rows.sort(key=lambda r: -r["orderId"])
        return _json(rows[: int(query.get("maxResults", "3000"))])

    async def _executed(self, number: str) -> dict[str, list[BrokerFill]]:
        """Executions by the order's number."""
        found = defaultdict[str, list[BrokerFill]](list)
        for fill in await self.exchange.fills_since(number, LONG_AGO):
            found[fill.broker_id].append(fill)
        return found

    def _row(self, order: BrokerOrder, mine: list[BrokerFill]) -> dict[str, Any]:
        placed = self._placed(order)
        body = placed.body or _body_of(order)
        done = order.state not in ("accepted", "partial")
        row = {
            **body,
            "quantity": float(order.qty),
            "filledQuantity": float(order.filled),
            "remainingQuantity": 0.0 if done else float(order.qty - order.filled),
            "requestedDestination": "AUTO",
            "destinationLinkName": "AutoRoute",
            "orderId": placed.number,
            "cancelable": not done,
            "editable": not done,
            "status": self._status(order),
            "enteredTime": _stamp(placed.at),
            "tag": "API_APP",
            "accountNumber": int(order.account),
        }
        for name in ("price", "stopPrice"):
            if name in row:
                row[name] = float(row[name])
        row["orderLegCollection"] = [
            {
                "orderLegType": leg["instrument"]["assetType"],
                "legId": n + 1,
                "instrument": {**leg["instrument"], "instrumentId": 1 + n},
                "instruction": leg["instruction"],
                "positionEffect": "CLOSING" if leg["instruction"] in CLOSES else "OPENING",
                "quantity": float(leg["quantity"]),
            }
            for n, leg in enumerate(body["orderLegCollection"])
        ]
        if done:
            row["closeTime"] = _stamp(order.updated_at)
        if placed.replaced_by is not None:
            row["replacingOrderCollection"] = [{"orderId": placed.replaced_by}]
        if mine:
            row["orderActivityCollection"] = self._executions(order, mine)
        return row

    def _status(self, order: BrokerOrder) -> str:
        if self._takes("odd_status"):
            return "AWAITING_MOONRISE"
        if order.raw_state == "pending_cancel":
            return "PENDING_CANCEL"
        if order.state == "accepted" and order.type in (OrderType.STOP, OrderType.STOP_LIMIT):
            return "AWAITING_STOP_CONDITION"
        return STATUS.get(order.state, "UNKNOWN")

    def _executions(self, order: BrokerOrder, fills: list[BrokerFill]) -> list[dict[str, Any]]:
        groups: dict[tuple[str, datetime, int], list[BrokerFill]] = {}
        seen: Counter[tuple[datetime, int]] = Counter()
        for fill in fills:
            n = seen[fill.executed_at, fill.leg]
            seen[fill.executed_at, fill.leg] += 1
            groups.setdefault((order.broker_id, fill.executed_at, n), []).append(fill)
        rows, left = [], order.qty
        for key, legs in groups.items():
            units = min(f.qty / abs(order.legs[f.leg].ratio) for f in legs)
            left -= units
            activity = self._activities.setdefault(key, 90000000001 + len(self._activities))  # type: ignore[call-overload]
            row = {
                "activityType": "EXECUTION",
                "activityId": activity,
                "executionType": "FILL",
                "quantity": float(units),
                "orderRemainingQuantity": float(left),
                "executionLegs": [
                    {
                        "legId": f.leg + 1,
                        "quantity": float(f.qty),
                        "mismarkedQuantity": 0.0,
                        "price": float(f.price),
                        "time": _stamp(f.executed_at),
                        "instrumentId": 1 + f.leg,
                    }
                    for f in legs
                ],
            }
            if self.quirks.no_activity_ids:
                del row["activityId"]
            rows.append(row)
        return rows

    async def _quote(self, request: web.Request) -> web.Response:
        symbol = request.match_info["symbol"]
        last = self.board.last(stock(symbol))
        quote = {} if last is None else {"bidPrice": float(last.bid), "askPrice": float(last.ask)}
        return _json({symbol: {"assetMainType": "EQUITY", "symbol": symbol, "quote": quote}})

    # -- the streamer

    async def _preference(self, _: web.Request) -> web.Response:
        return _json(
            {
                "accounts": [{"accountNumber": n, "type": "BROKERAGE"} for n in self.numbers],
                "streamerInfo": [
                    {
                        "streamerSocketUrl": f"{self.ws_url}/ws",
                        "schwabClientCustomerId": "customer-canary",
                        "schwabClientCorrelId": "correl-canary",
                        "schwabClientChannel": "N9",
                        "schwabClientFunctionId": "APIAPP",
                    }
                ],
                "offers": [],
            }
        )

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        if getattr(self, "is_deaf", False):
            await socket.close(code=1012)
            return socket
        async for message in socket:
            if message.type is not WSMsgType.TEXT:
                break
            if self.quirks.silent_streamer:
                continue
            for asked in json.loads(message.data)["requests"]:
                await self._streamer_said(socket, asked)
        self.sockets.discard(socket)
        return socket

    async def _streamer_said(self, socket: web.WebSocketResponse, asked: dict[str, Any]) -> None:
        code = 0
        parameters = asked["parameters"]
        is_named = asked["SchwabClientCustomerId"] == "customer-canary"
        if not (is_named or self.quirks.asks_no_names):
            code = 3
        if asked["command"] == "LOGIN":
            is_in = self._is_let_in(parameters["Authorization"])
            code = 0 if is_in and not self._takes("refuse_login") else 3
        elif asked["service"] == "ACCT_ACTIVITY" and (
            parameters["keys"] == "correl-canary" or self.quirks.asks_no_names
        ):
            self.sockets.add(socket)
        else:
            code = 11
        told = {
            "service": asked["service"],
            "command": asked["command"],
            "requestid": asked["requestid"],
            "SchwabClientCorrelId": "correl-canary",
            "timestamp": 1715908546054,
            "content": {"code": code, "msg": "server=s0166bdv-2;status=NP"},
        }
        await socket.send_str(json.dumps({"notify": [{"heartbeat": "1715777956144"}]}))
        await socket.send_str(json.dumps({"response": [told]}))
        if asked["service"] == "ACCT_ACTIVITY":
            await self.send(socket, _activity("", "SUBSCRIBED", ""))

    def frames(self, event: BrokerEvent) -> list[Any]:
        if isinstance(event, OrderSeen):
            kind = RINGS.get(event.order.state, "OrderMonitorUpdated")
            account, number = event.order.account, self._placed(event.order).number
        elif isinstance(event, Filled):
            kind, account = "ExecutionCreated", event.fill.account
            at = (account, event.fill.client_order_id)
            if at not in self.placed:
                return []
            number = self.placed[at].number
        else:
            return []
        said = {"SchwabOrderID": str(number), "AccountNumber": account, "BaseEvent": {}}
        return [_activity(account, kind, json.dumps(said))]

    def odd_frame(self) -> Any:
        return _activity(self.numbers[0], "OrderBlessed", "moonlight")

    # -- what is published

    def check(self, seen: Seen) -> list[str]:
        if seen.method not in ("POST", "PUT") or not seen.path.startswith("/trader/"):
            return []
        if seen.headers.get("Content-Type") != "application/json":
            return ["a body that is not declared as JSON"]
        body = seen.body
        wrong = [f"an order holds {name}" for name in set(body) - ORDER_KEYS]
        wrong += [name for name, words in WORDS.items() if name in body and body[name] not in words]
        for leg in body["orderLegCollection"]:
            kind = leg["instrument"].get("assetType")
            if leg["instruction"] not in INSTRUCTIONS.get(kind, ()):
                wrong.append(f"{leg['instruction']} of {kind}")
            if set(leg) != {"instruction", "instrument", "quantity"}:
                wrong.append(f"a leg holds {sorted(leg)}")
            if kind == "OPTION" and not re.fullmatch(
                r"[A-Z][A-Z0-9]{0,5} *\d{6}[CP]\d{8}", leg["instrument"]["symbol"]
            ):
                wrong.append("the symbol of an option")
        if self._spec is not None:
            wrong += _against(self._spec, "OrderRequest", body)
        return wrong


def _against(spec: dict[str, Any], name: str, body: dict[str, Any]) -> list[str]:
    """Keys and words of a body against a published type (deviations: see the specs' README)."""
    types = spec["components"]["schemas"]
    known = types[name].get("properties", {})
    wrong = [f"{name} has no {key}" for key in body if key not in known]
    for key, value in body.items():
        kind = known.get(key, {})
        kind = types[kind["$ref"].rpartition("/")[2]] if "$ref" in kind else kind
        if "enum" in kind and value not in kind["enum"]:
            wrong.append(f"{key} is {value}")
        inner = kind.get("items", {}).get("$ref", "").rpartition("/")[2]
        if inner and key != "orderLegCollection":
            wrong += [w for one in value for w in _against(spec, inner, one)]
        elif inner:
            bare = ({k: v for k, v in one.items() if k != "instrument"} for one in value)
            wrong += [w for one in bare for w in _against(spec, inner, one)]
    return wrong


def _asked(number: str, body: dict[str, Any], name: str) -> OrderRequest:
    """The exchange's order for what the body asks."""
    rows = body["orderLegCollection"]
    signed = [
        (
            _thing(one["instrument"]),
            int(one["quantity"]) * (1 if "BUY" in one["instruction"] else -1),
        )
        for one in rows
    ]
    units = gcd(*(qty for _, qty in signed)) or 1
    kind = body["orderType"]
    side = Side.BUY if signed[0][1] >= 0 else Side.SELL
    if kind in ("NET_DEBIT", "NET_CREDIT"):
        side = Side.BUY if kind == "NET_DEBIT" else Side.SELL
    legs = [Leg(instrument=i, ratio=qty // units * side.sign) for i, qty in signed]
    if len(legs) == 1:
        legs = [Leg(instrument=signed[0][0])]
    return OrderRequest(
        client_order_id=name,
        account=number,
        side=side,
        legs=tuple(legs),
        qty=D(units),
        type=OrderType.LIMIT if kind.startswith("NET_") else OrderType(kind.lower()),
        limit=D(body["price"]) if "price" in body else None,
        stop=D(body["stopPrice"]) if "stopPrice" in body else None,
        tif=Tif.DAY if body["duration"] == "DAY" else Tif.GTC,
        reduces=all(one["instruction"] in CLOSES for one in rows),
    )


def _body_of(order: BrokerOrder) -> dict[str, Any]:
    """What somebody else has asked for, in Schwab's words."""
    (leg,) = order.legs
    is_option = leg.instrument.kind == "option"
    word = "BUY" if order.side is Side.BUY else "SELL"
    kind = "OPTION" if is_option else "EQUITY"
    named = {"symbol": _symbol(leg.instrument), "assetType": kind}
    one = {"instruction": word + ("_TO_OPEN" if is_option else ""), "instrument": named}
    body: dict[str, Any] = {
        "session": "NORMAL",
        "duration": "DAY",
        "orderType": order.type.value.upper(),
        "orderStrategyType": "SINGLE",
        "orderLegCollection": [{**one, "quantity": int(order.qty)}],
    }
    if order.limit is not None:
        body["price"] = str(order.limit)
    if order.stop is not None:
        body["stopPrice"] = str(order.stop)
    return body


def _thing(named: dict[str, Any]) -> Instrument:
    if named["assetType"] == "EQUITY":
        return stock(named["symbol"].replace("/", "."))
    return parse_key(named["symbol"])


def _symbol(thing: Instrument) -> str:
    return thing.key if thing.kind == "option" else thing.symbol.replace(".", "/")


def _position(held: Any) -> dict[str, Any]:
    thing = held.instrument
    named: dict[str, Any] = {"assetType": "COLLECTIVE_INVESTMENT", "symbol": _symbol(thing)}
    if thing.kind == "option":
        named |= {"assetType": "OPTION", "putCall": "CALL" if thing.right == "C" else "PUT"}
        named["underlyingSymbol"] = thing.symbol
    return {
        "shortQuantity": float(max(-held.qty, D(0))),
        "longQuantity": float(max(held.qty, D(0))),
        "averagePrice": float(held.avg_price or 0),
        "instrument": named,
        "marketValue": 0.0,
    }


def _oddly_executed(now: datetime) -> dict[str, Any]:
    at = _stamp(now)
    leg = {"legId": 7, "quantity": 3.0, "price": 20.0, "time": at}
    shares = {"assetType": "EQUITY", "symbol": "GME"}
    return {
        "orderId": 910000098,
        "status": "FILLED",
        "enteredTime": at,
        "orderType": "MARKET",
        "filledQuantity": 3.0,
        "orderLegCollection": [
            {"legId": 1, "instruction": "BUY", "quantity": 3.0, "instrument": shares}
        ],
        "orderActivityCollection": [{"activityType": "EXECUTION", "executionLegs": [leg]}],
    }


def _bond_order(now: datetime) -> dict[str, Any]:
    named = {"assetType": "FIXED_INCOME", "symbol": "912810TM0"}
    leg = {"orderLegType": "FIXED_INCOME", "legId": 1, "instrument": named}
    return {
        "orderId": 7,
        "status": "WORKING",
        "enteredTime": _stamp(now),
        "orderType": "LIMIT",
        "quantity": 1000.0,
        "orderLegCollection": [{**leg, "instruction": "BUY", "quantity": 1000.0}],
    }


def _activity(account: str, kind: str, data: str) -> dict[str, Any]:
    content = {"seq": 1, "key": "correl-canary", "1": account, "2": kind, "3": data}
    part = {"service": "ACCT_ACTIVITY", "timestamp": 1715908546054, "command": "SUBS"}
    return {"data": [{**part, "content": [content]}]}


def _stamp(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%S}+0000"


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _json(body: Any) -> web.Response:
    return web.json_response(body)
