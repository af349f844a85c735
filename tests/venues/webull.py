"""Webull on loopback: version 3 of its OpenAPI, signatures checked, tokens approved on a phone.

No machine-readable specification of it is published: requests are checked against its own bodies
(tests/golden/webull) and the words of its documentation.
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aiohttp import web

from engine.brokers import BrokerOrder, OrderRequest
from engine.brokers import Seen as Found
from engine.brokers.paper import PaperSettings
from engine.domain.errors import BrokerUnavailable, OrderRejected
from engine.domain.instrument import Instrument, option, stock
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from tests.venues.venue import Seen, Venue

D = Decimal
GOLDEN = json.loads(
    (Path(__file__).parents[1] / "golden" / "webull" / "requests.json").read_text(encoding="utf-8")
)
APP_KEY, APP_SECRET = "WBKEY0001CANARY", "WBSECRET0001CANARY"
NUMBERS = {"main": "WB70000001", "other": "WB70000002"}

TYPES = {
    "MARKET": OrderType.MARKET,
    "LIMIT": OrderType.LIMIT,
    "STOP_LOSS": OrderType.STOP,
    "STOP_LOSS_LIMIT": OrderType.STOP_LIMIT,
    "TRAILING_STOP_LOSS": OrderType.TRAILING,
}
STATES = {
    "accepted": "SUBMITTED",
    "partial": "PARTIAL_FILLED",
    "filled": "FILLED",
    "canceled": "CANCELLED",
    "expired": "EXPIRED",
    "rejected": "FAILED",
}
PRICES = {
    "MARKET": set(),
    "LIMIT": {"limit_price"},
    "STOP_LOSS": {"stop_price"},
    "STOP_LOSS_LIMIT": {"limit_price", "stop_price"},
    "TRAILING_STOP_LOSS": {"trailing_type", "trailing_stop_step"},
}
ENUMS = {
    "combo_type": {"NORMAL"},
    "instrument_type": {"EQUITY", "OPTION"},
    "market": {"US"},
    "support_trading_session": {"CORE", "ALL", "NIGHT"},
    "side": {"BUY", "SELL", "SHORT"},
    "time_in_force": {"DAY", "GTC"},
    "entrust_type": {"QTY"},
    "order_type": set(TYPES),
    "option_strategy": {"SINGLE"},
    "option_type": {"CALL", "PUT"},
    "trailing_type": {"AMOUNT", "PERCENTAGE"},
}


class Refused(Exception):
    """A business error: status 417 with a code."""

    def __init__(self, code: str, message: str, status: int = 417) -> None:
        super().__init__(message)
        self.code, self.status = code, status


class WebullVenue(Venue):
    """The imitation."""

    name = "webull"

    def __init__(self, clock: Any, vault: Any, settings: PaperSettings, **more: Any) -> None:
        super().__init__(clock, vault, settings, **more)
        self.tokens: dict[str, tuple[str, datetime]] = {}
        self.phone_approves_at_once = True
        self.renewals_need_the_phone = False
        self.late = timedelta(minutes=5)
        """A signature may be so old."""
        self.largest_page = 100
        self.get_says: tuple[int, Any] | None = None
        """What a look-up answers instead of the truth."""
        self.undone = D(0)
        """So many of each purchase were taken back: no list and no answer has them."""
        self.repriced = D(0)
        """Executions were corrected by so much, up or down."""
        self.is_late = False
        """Only lists lack them; the order, asked alone, knows better."""
        self.changed: dict[str, str] = {}
        """Client ids of stops that somebody moved in the app -> to where. Webull gives them a new
        number, and lists what they were before as cancelled."""
        self.placed_at: dict[str, datetime] = {}
        """Orders that are over are listed by when they were placed, not by when they ended."""
        self._nonces: set[str] = set()

    def routes(self, app: web.Application) -> None:
        get, post = app.router.add_get, app.router.add_post
        post("/auth/tokens/create", self._open(self.create_token))
        post("/auth/tokens/check", self._open(self.check_token))
        get("/trading/accounts/list", self._shut(self.accounts))
        get("/trading/assets/balances/get", self._shut(self.balances))
        get("/trading/assets/positions/list", self._shut(self.positions))
        post("/trading/orders/preview", self._shut(self.preview))
        post("/trading/orders/place", self._shut(self.place))
        post("/trading/orders/cancel", self._shut(self.cancel))
        get("/trading/orders/get", self._shut(self.get))
        get("/trading/orders/open-orders/list", self._shut(self.open_orders))
        get("/trading/orders/historical-orders/list", self._shut(self.history))

    def acts(self, request: web.Request) -> bool:
        return request.path in ("/trading/orders/place", "/trading/orders/cancel")

    # -- who asks

    def _open(self, handler: Any) -> Any:
        async def answer(request: web.Request) -> web.Response:
            self._check_signature(request, await request.read())
            try:
                return web.json_response(await handler(request))
            except Refused as no:
                said = {"error_code": no.code, "message": str(no)}
                return web.json_response(said, status=no.status)

        return answer

    def _shut(self, handler: Any) -> Any:
        opened = self._open(handler)

        async def answer(request: web.Request) -> web.Response:
            token = request.headers.get("x-access-token", "")
            status, ends = self.tokens.get(token, ("INVALID", self.clock.now()))
            if status != "NORMAL" or ends <= self.clock.now():
                said = {"error_code": "UNAUTHORIZED", "message": "token is not valid"}
                return web.json_response(said, status=401)
            if request.headers.get("x-version") != "v3":
                return web.json_response({"message": "Route Not Found"}, status=404)
            result: web.Response = await opened(request)
            return result

        return answer

    def _check_signature(self, request: web.Request, body: bytes) -> None:
        """Its own reckoning, by the text of the documentation."""
        names = ("x-app-key", "x-timestamp", "x-signature-version", "x-signature-algorithm")
        said = {name: request.headers.get(name, "") for name in (*names, "x-signature-nonce")}
        said["host"] = request.headers["Host"]
        said |= dict(request.query)
        text = request.path + "".join(f"&{key}={value}" for key, value in sorted(said.items()))
        if body:
            text += "&" + hashlib.sha256(body).hexdigest().upper()
        key = f"{APP_SECRET}&".encode()
        mark = hmac.new(key, quote(text, safe="").encode(), hashlib.sha256).digest()
        at = datetime.fromisoformat(said["x-timestamp"])
        if request.headers.get("x-signature") != base64.b64encode(mark).decode():
            self.log.violations.append(f"{request.path}: the signature is wrong")
        if said["x-app-key"] != APP_KEY or abs(at - self.clock.now()) > self.late:
            self.log.violations.append(f"{request.path}: key or time of the signature is wrong")
        if said["x-signature-nonce"] in self._nonces:
            self.log.violations.append(f"{request.path}: the nonce was used before")
        self._nonces.add(said["x-signature-nonce"])

    async def create_token(self, request: web.Request) -> Any:
        old = (await request.json()).get("token")
        text, (status, _) = old, self.tokens.get(old, ("INVALID", None))
        if status != "NORMAL" or self.renewals_need_the_phone:
            text, status = f"wbtoken{len(self.tokens):08d}CANARY", "PENDING"
        if self.phone_approves_at_once:
            status = "NORMAL"
        self.tokens[text] = (status, self.clock.now() + timedelta(days=15))
        return self._token(text)

    async def check_token(self, request: web.Request) -> Any:
        return self._token((await request.json())["token"])

    def _token(self, text: str) -> Any:
        status, ends = self.tokens.get(text, ("INVALID", self.clock.now()))
        if ends <= self.clock.now() and status == "NORMAL":
            status = "EXPIRED"
        return {"token": text, "expires_at": int(ends.timestamp() * 1000), "status": status}

    def approve(self) -> None:
        """A person enters the code on the phone."""
        self.tokens = {text: ("NORMAL", ends) for text, (_, ends) in self.tokens.items()}

    # -- answers

    async def accounts(self, request: web.Request) -> Any:
        del request
        return [
            {
                "account_id": f"ID{account.number}",
                "account_number": account.number,
                "account_type": "MARGIN",
                "account_class": "INDIVIDUAL_MARGIN",
                "account_label": "Individual Margin",
                "user_id": "U1",
            }
            for account in await self.exchange.accounts()
        ]

    async def balances(self, request: web.Request) -> Any:
        balance = await self.exchange.balance(self._account(request.query))
        asset = {
            "currency": "USD",
            "cash_balance": str(balance.cash_usd),
            "buying_power": str(balance.buying_power_usd),
            "market_value": "0",
            "settled_cash": str(balance.cash_usd),
        }
        return {
            "total_asset_currency": "USD",
            "total_cash_balance": str(balance.cash_usd),
            "account_currency_assets": [asset],
        }

    async def positions(self, request: web.Request) -> Any:
        held = await self.exchange.positions(self._account(request.query))
        return [
            {
                "position_id": f"P{n}",
                "currency": "USD",
                "symbol": position.instrument.symbol,
                "quantity": str(position.qty - self.undone),
                "cost_price": str(position.avg_price),
                "last_price": "0",
                "unrealized_profit_loss": "0",
                "option_strategy": "SINGLE",
                **_thing(position.instrument),
            }
            for n, position in enumerate(held)
            if position.qty != self.undone
        ]

    async def preview(self, request: web.Request) -> Any:
        try:
            said = await self.exchange.preview(await self._request(await request.json()))
        except OrderRejected as error:
            raise Refused(error.code.upper(), str(error)) from error
        return {
            "estimated_cost": str(-(said.buying_power_change_usd or D(0))),
            "estimated_transaction_fee": str(said.fee_usd),
            "currency": "USD",
        }

    async def place(self, request: web.Request) -> Any:
        try:
            order = await self.exchange.submit(await self._request(await request.json()))
        except OrderRejected as error:
            raise Refused(error.code.upper(), str(error)) from error
        self.placed_at.setdefault(order.client_order_id, self.clock.now())
        return {"client_order_id": order.client_order_id, "order_id": order.broker_id}

    async def cancel(self, request: web.Request) -> Any:
        body = await request.json()
        try:
            await self.exchange.cancel(self._account(body), body["client_order_id"])
        except OrderRejected as error:
            raise Refused(error.code.upper(), str(error)) from error
        return {"client_order_id": body["client_order_id"]}

    async def get(self, request: web.Request) -> Any:
        if self.get_says is not None:
            status, said = self.get_says
            raise Refused(said["error_code"], "no", status)
        key = request.query["client_order_id"]
        found = await self.exchange.find(self._account(request.query), key)
        if not isinstance(found, Found):
            return {"orders": []}
        return await self._group(found.order if self.is_late else self._after(found.order))

    async def open_orders(self, request: web.Request) -> Any:
        orders = await self.exchange.open_orders(self._account(request.query))
        return await self._page(request, orders, is_open=True)

    async def history(self, request: web.Request) -> Any:
        start = datetime.fromisoformat(request.query["start_time"])
        end = datetime.fromisoformat(request.query["end_time"])
        if end - start > timedelta(days=7):
            raise Refused("INVALID_PARAMETER", "at most 7 days")
        orders = await self.exchange.orders_since(self._account(request.query), start)
        placed = [(o, self.placed_at.get(o.client_order_id, o.updated_at)) for o in orders]
        return await self._page(request, [o for o, at in placed if start <= at < end])

    async def _page(
        self, request: web.Request, orders: list[BrokerOrder], *, is_open: bool = False
    ) -> Any:
        size = min(int(request.query.get("page_size", "10")), self.largest_page)
        at = int(request.query.get("pagination_key", "0"))
        part = [await self._group(self._after(o)) for o in orders[at : at + size]]
        said: dict[str, Any] = {"data": part}
        for group in [g for g in part if g["client_order_id"] in self.changed]:
            (now,) = group["orders"]
            was = {**now, "status": "CANCELLED"}
            now["order_id"] = f"{now['order_id']}-NEW"
            now["stop_price"] = self.changed[group["client_order_id"]]
            if not is_open:
                part.append({**group, "orders": [was]})
        if at + size < len(orders):
            said["pagination_key"] = str(at + size)
        return said

    def _after(self, order: BrokerOrder) -> BrokerOrder:
        if not self.undone or order.side is Side.SELL or not order.filled:
            return order
        return replace(order, filled=order.filled - self.undone, state="canceled")

    async def _group(self, order: BrokerOrder) -> Any:
        mine = await self.exchange.fills_of(order.client_order_id)
        cost = sum((fill.qty * fill.price for fill in mine), D(0))
        qty = sum((fill.qty for fill in mine), D(0))
        said: dict[str, Any] = {
            "client_order_id": order.client_order_id,
            "order_id": order.broker_id,
            "symbol": order.legs[0].instrument.symbol,
            "side": order.side.name,
            "status": STATES[order.state],
            "order_type": next(t for t, ours in TYPES.items() if ours is order.type),
            "time_in_force": "DAY",
            "total_quantity": str(order.qty),
            "filled_quantity": str(order.filled),
            "filled_price": str(cost / qty + self.repriced) if order.filled else "0",
            "place_time_at": f"{order.updated_at:%Y-%m-%dT%H:%M:%S}.000Z",
            "commission": {"actual_commission": "0.00", "receivable_commission": "0.00"},
            "fees": [],
            **_thing(order.legs[0].instrument, order),
        }
        if order.limit is not None:
            said["limit_price"] = str(order.limit)
        if order.stop is not None:
            said["stop_price"] = str(order.stop)
        if mine:
            said["filled_time_at"] = mine[-1].executed_at.isoformat().replace("+00:00", "Z")
        return {
            "client_order_id": order.client_order_id,
            "combo_type": "NORMAL",
            "orders": [said],
        }

    # -- requests

    def _account(self, said: Mapping[str, str]) -> str:
        number = said["account_id"].removeprefix("ID")
        if number not in self.exchange._settings.start_cash_usd:
            raise Refused("INVALID_ACCOUNT", "no such account", 403)
        return number

    async def _request(self, body: Any) -> OrderRequest:
        (order,) = body["new_orders"]
        instrument = _instrument(order)
        account = self._account(body)
        side = Side.BUY if order["side"] == "BUY" else Side.SELL
        if order["side"] == "SELL" and instrument.kind == "stock":
            held = await self.exchange.positions(account)
            if D(order["quantity"]) > sum(p.qty for p in held if p.instrument == instrument):
                raise Refused("INSUFFICIENT_POSITION", "not so many are held")
        request = OrderRequest(
            client_order_id=order["client_order_id"],
            account=account,
            side=side,
            legs=(Leg(instrument=instrument),),
            qty=D(order["quantity"]),
            type=TYPES[order["order_type"]],
            limit=_number(order, "limit_price"),
            stop=_number(order, "stop_price"),
            trail=_number(order, "trailing_stop_step"),
            tif=Tif.DAY if order["time_in_force"] == "DAY" else Tif.GTC,
        )
        try:
            await self.exchange.balance(account)
        except BrokerUnavailable as error:
            raise Refused("INVALID_ACCOUNT", str(error), 403) from error
        return request

    # -- what is published

    def check(self, seen: Seen) -> list[str]:
        headers = {name.lower(): value for name, value in seen.headers.items()}
        if seen.path == "/trading/orders/cancel":
            return _keys(seen.body, {"account_id", "client_order_id"})
        if seen.path not in ("/trading/orders/place", "/trading/orders/preview"):
            return []
        wrong = _keys(seen.body, {"account_id", "new_orders"})
        for order in seen.body["new_orders"]:
            kind = "place_option_single" if "legs" in order else "place_limit"
            wrong += _against(GOLDEN[kind], order)
            if seen.path.endswith("place"):
                wanted = GOLDEN[kind]["headers"]
                wrong += [
                    f"header {name} is not {value}"
                    for name, value in wanted.items()
                    if headers.get(name) != value
                ]
        return wrong


def _against(golden: Any, order: Any) -> list[str]:
    """The same fields as Webull's own client sends, but for the prices of other order types."""
    (model,) = golden["body"]["new_orders"]
    wanted = (set(model) - {"limit_price"}) | PRICES[order["order_type"]]
    wrong = _keys(order, wanted)
    for leg, like in zip(order.get("legs", ()), model.get("legs", ()), strict=True):
        wrong += _keys(leg, set(like))
        wrong += _words(leg)
    return wrong + _words(order)


def _words(said: Any) -> list[str]:
    wrong = [f"{k} is {said[k]!r}" for k in ENUMS if k in said and said[k] not in ENUMS[k]]
    return wrong + [
        f"{k} is no text" for k, v in said.items() if k != "legs" and type(v) is not str
    ]


def _keys(said: Any, wanted: set[str]) -> list[str]:
    return [f"field {key}" for key in sorted(set(said) ^ wanted)]


def _number(order: Any, name: str) -> Decimal | None:
    return D(order[name]) if name in order else None


def _instrument(order: Any) -> Instrument:
    if "legs" not in order:
        return stock(order["symbol"])
    (leg,) = order["legs"]
    day = datetime.fromisoformat(leg["option_expire_date"]).date()
    right = "C" if leg["option_type"] == "CALL" else "P"
    return option(leg["symbol"], day, D(leg["strike_price"]), right)


def _thing(instrument: Instrument, order: BrokerOrder | None = None) -> dict[str, Any]:
    if instrument.kind == "stock":
        return {"instrument_type": "EQUITY"}
    leg = {
        "id": "L1",
        "symbol": instrument.symbol,
        "side": "BUY" if order is None else order.side.name,
        "quantity": "1" if order is None else str(order.qty),
        "instrument_type": "OPTION",
        "option_type": "CALL" if instrument.right == "C" else "PUT",
        "option_category": "AMERICAN",
        "option_contract_multiplier": "100",
        "strike_price" if order is not None else "option_exercise_price": str(instrument.strike),
        "option_expire_date": f"{instrument.expiry:%Y-%m-%d}",
    }
    return {"instrument_type": "OPTION", "option_strategy": "SINGLE", "legs": [leg]}
