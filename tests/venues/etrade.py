"""E*TRADE on loopback: OAuth 1 checked by hand, previews that must be placed as they are, polling.

What it says and how follows the v1 documentation and answers that people published. Codes of
refusals that are not documented are made up and stand in ``CODES``.
"""

import base64
import hashlib
import hmac
import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import count
from math import gcd
from typing import Any, ClassVar
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from zoneinfo import ZoneInfo

from aiohttp import web

from engine.brokers import BrokerFill, BrokerOrder, OrderRequest
from engine.domain.errors import OrderRejected
from engine.domain.instrument import Instrument, option, stock
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from tests.venues.venue import Seen, Venue

D = Decimal
ET = ZoneInfo("America/New_York")
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)
KEY, SECRET = "consumer-key-canary", "consumer-secret-canary"
TOKEN_SECRET = "token-secret-canary"
PREVIEW_LASTS = timedelta(minutes=3)
IDLE = timedelta(hours=2)
SKEW_S = 300

PRICE_TYPES = {"MARKET", "LIMIT", "STOP", "STOP_LIMIT", "NET_DEBIT", "NET_CREDIT", "NET_EVEN"}
ACTIONS = {
    "EQ": {"BUY", "SELL", "BUY_TO_COVER", "SELL_SHORT"},
    "OPTN": {"BUY_OPEN", "BUY_CLOSE", "SELL_OPEN", "SELL_CLOSE"},
}
ORDER_KEYS = {
    "allOrNone", "priceType", "orderTerm", "marketSession", "stopPrice", "limitPrice", "Instrument",
}  # fmt: skip
PRODUCT_KEYS = {
    "EQ": {"securityType", "symbol"},
    "OPTN": {
        "securityType", "symbol", "callPut", "expiryYear", "expiryMonth", "expiryDay",
        "strikePrice",
    },
}  # fmt: skip
CODES = {"client_order_id_used": 1037, "insufficient": 8400, "order_over": 5001}
STATUS = {
    "accepted": "OPEN",
    "partial": "INDIVIDUAL_FILLS",
    "filled": "EXECUTED",
    "canceled": "CANCELLED",
    "expired": "EXPIRED",
    "rejected": "REJECTED",
    "replaced": "CANCELLED",
}
OVER = ("filled", "canceled", "expired", "rejected", "replaced")


@dataclass
class Held:
    """An access token."""

    secret: str
    made_at: datetime
    used_at: datetime


@dataclass
class Placed:
    """What was asked for, as asked."""

    number: int
    at: datetime
    order: dict[str, Any] | None = None
    replaces: int | None = None
    replaced_by: int | None = None


@dataclass
class Previewed:
    body: dict[str, Any]
    account: str
    at: datetime
    is_used: bool = False


@dataclass
class Quirks:
    """Things E*TRADE may do; counters or switches."""

    odd_status: int = 0
    """So many listings show a status nobody has seen."""
    hidden_orders: bool = False
    """The list lags: it shows no order at all."""
    foreign_row: bool = False
    """A fund bought by hand stands among the orders and the holdings."""
    bare_lists: bool = False
    """A list of one is sent without its brackets."""
    page: int = 100
    """At most so many orders per page."""
    expire_previews: int = 0
    no_order_ids: int = 0
    """Placed, and the answer lacks its number."""
    nonces: set[str] = field(default_factory=set)


class EtradeVenue(Venue):
    """The imitation. Accounts are ``settings.start_cash_usd``, named by their numbers."""

    name: ClassVar[str] = "etrade"

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.quirks = Quirks()
        self.tokens: dict[str, Held] = {}
        self.asked: dict[str, str] = {}
        """Request tokens and their secrets."""
        self.code = "Y27X25"
        self.numbers = sorted(self.exchange._settings.start_cash_usd)
        self.previews: dict[int, Previewed] = {}
        self.placed: dict[tuple[str, str], Placed] = {}
        self._over: dict[str, tuple[BrokerOrder, dict[str, Any]]] = {}
        """Orders that are over and their rows: put into words once."""
        self.repriced = D(0)
        """Executions were corrected by so much, up or down."""
        self._ids = count(479)
        self._preview_ids = count(2785277279)

    def routes(self, app: web.Application) -> None:
        at = "/v1/accounts/{key}"
        app.add_routes(
            [
                web.get("/oauth/request_token", self._request_token),
                web.get("/oauth/access_token", self._access_token),
                web.get("/oauth/renew_access_token", self._renew),
                web.get("/v1/accounts/list.json", self._let_in(self._accounts)),
                web.get(f"{at}/balance.json", self._let_in(self._balance)),
                web.get(f"{at}/portfolio.json", self._let_in(self._portfolio)),
                web.get(f"{at}/orders.json", self._let_in(self._orders)),
                web.post(f"{at}/orders/preview.json", self._let_in(self._preview)),
                web.post(f"{at}/orders/place.json", self._let_in(self._place)),
                web.put(f"{at}/orders/cancel.json", self._let_in(self._cancel)),
                web.get("/v1/market/quote/{symbols}.json", self._let_in(self._quote)),
            ]
        )

    def acts(self, request: web.Request) -> bool:
        return request.path.endswith(("/orders/place.json", "/orders/cancel.json"))

    # -- who asks

    def mint(self, token: str, secret: str = TOKEN_SECRET) -> str:
        """Let somebody in as of now; what the adapter keeps of it."""
        now = self.clock.now()
        self.tokens[token] = Held(secret, now, now)
        kept = {"token": token, "secret": secret, "made_at": now.isoformat()}
        return json.dumps({**kept, "environment": "paper"})

    def _let_in(self, handler: Any) -> Any:
        async def checked(request: web.Request) -> web.StreamResponse:
            held = self._signed(request, self.tokens.get)
            if held is None:
                return _oauth_problem("token_rejected")
            now = self.clock.now()
            if held.made_at.astimezone(ET).date() != now.astimezone(ET).date():
                return _oauth_problem("token_expired")
            if now - held.used_at > IDLE:
                return _oauth_problem("token_expired")
            held.used_at = now
            try:
                return await handler(request)  # type: ignore[no-any-return]
            except OrderRejected as error:
                code = next((n for name, n in CODES.items() if name in error.code), 1508)
                text = str(error).partition(": ")[2]
                return _refused(code, text)

        return checked

    def _signed(self, request: web.Request, secret_of: Any) -> Any:
        """The holder of the token when key, stamp, nonce and signature are right."""
        header = request.headers.get("Authorization", "")
        if not header.startswith("OAuth "):
            return None
        fields = dict(part.strip().split("=", 1) for part in header[6:].split(","))
        params = {name: unquote(text.strip('"')) for name, text in fields.items()}
        params.pop("realm", None)
        given = params.pop("oauth_signature", "")
        stamp = int(params.get("oauth_timestamp", "0"))
        if params.get("oauth_consumer_key") != KEY:
            return None
        if abs(stamp - self.clock.now().timestamp()) > SKEW_S:
            return None
        nonce = params["oauth_nonce"]
        if nonce in self.quirks.nonces:
            self.log.violations.append("a nonce was used twice")
        self.quirks.nonces.add(nonce)
        token = params.get("oauth_token", "")
        holder = secret_of(token)
        if holder is None:
            return None
        secret = holder.secret if isinstance(holder, Held) else holder
        wanted = signature(request.method, self.url + request.raw_path, params, SECRET, secret)
        return holder if hmac.compare_digest(given, wanted) else None

    async def _request_token(self, request: web.Request) -> web.Response:
        if self._signed(request, lambda _: "") is None:
            return _oauth_problem("signature_invalid")
        token = f"request/{len(self.asked)}="
        self.asked[token] = "request-secret"
        return _form(oauth_token=token, oauth_token_secret="request-secret",
                     oauth_callback_confirmed="true")  # fmt: skip

    async def _access_token(self, request: web.Request) -> web.Response:
        secret = self._signed(request, self.asked.get)
        if (
            secret is None
            or f'oauth_verifier="{self.code}"' not in request.headers["Authorization"]
        ):
            return _oauth_problem("verifier_invalid")
        kept = json.loads(self.mint(f"access+{len(self.tokens)}/=", "made+by=owner"))
        return _form(oauth_token=kept["token"], oauth_token_secret=kept["secret"])

    async def _renew(self, request: web.Request) -> web.Response:
        held = self._signed(request, self.tokens.get)
        now = self.clock.now()
        if held is None or held.made_at.astimezone(ET).date() != now.astimezone(ET).date():
            return _oauth_problem("token_expired")
        held.used_at = now
        return web.Response(text="Access Token has been renewed")

    # -- accounts

    def key(self, number: str) -> str:
        """E*TRADE names accounts in addresses by a key of its own."""
        digest = hashlib.sha256(number.encode()).digest()[:16]
        return base64.urlsafe_b64encode(digest).decode()

    def _number(self, request: web.Request) -> str:
        wanted = request.match_info["key"]
        for number in self.numbers:
            if self.key(number) == wanted:
                return number
        raise OrderRejected("102", "102: Please enter valid Account Key")

    async def _accounts(self, _: web.Request) -> web.Response:
        rows = [
            {
                "accountId": number,
                "accountIdKey": self.key(number),
                "accountMode": "MARGIN",
                "accountDesc": "INDIVIDUAL",
                "accountName": "Individual Brokerage",
                "accountType": "INDIVIDUAL",
                "institutionType": "BROKERAGE",
                "accountStatus": "ACTIVE",
                "closedDate": 0,
            }
            for number in self.numbers
        ]
        shut = {**rows[0], "accountId": "00000001", "accountIdKey": "shut", "closedDate": 1}
        rows.append({**shut, "accountStatus": "CLOSED"})
        return _json({"AccountListResponse": {"Accounts": {"Account": rows}}})

    async def _balance(self, request: web.Request) -> web.Response:
        number = self._number(request)
        money = await self.exchange.balance(number)
        assert money.cash_usd is not None
        assert money.buying_power_usd is not None
        return _json(
            {
                "BalanceResponse": {
                    "accountId": number,
                    "accountType": "MARGIN",
                    "optionLevel": "LEVEL_4",
                    "accountDescription": "Individual Brokerage",
                    "quoteMode": 6,
                    "dayTraderStatus": "NO_PDT",
                    "accountMode": "MARGIN",
                    "Computed": {
                        "netCash": float(money.cash_usd),
                        "cashBalance": float(money.cash_usd),
                        "marginBuyingPower": float(money.buying_power_usd),
                        "cashBuyingPower": float(money.buying_power_usd),
                        "RealTimeValues": {"totalAccountValue": float(money.cash_usd)},
                    },
                }
            }
        )

    async def _portfolio(self, request: web.Request) -> web.Response:
        number = self._number(request)
        rows = [
            {
                "positionId": 10087531 + n,
                "symbolDescription": p.instrument.label,
                "dateAcquired": 1335412800000,
                "pricePaid": float(p.avg_price or 0),
                "commissions": 0,
                "otherFees": 0,
                "quantity": float(abs(p.qty)) if n % 2 else float(p.qty),
                "positionIndicator": "TYPE1",
                "positionType": "LONG" if p.qty > 0 else "SHORT",
                "Product": _product(p.instrument),
            }
            for n, p in enumerate(await self.exchange.positions(number))
        ]
        if self.quirks.foreign_row:
            fund = {"symbol": "VFINX", "securityType": "MF"}
            rows.append({"positionId": 1, "quantity": 3.5, "positionType": "LONG", "Product": fund})
        if not rows:
            return web.Response(status=204)
        size = min(int(request.query.get("count", "50")), self.quirks.page)
        page = int(request.query.get("pageNumber", "1"))
        part = rows[(page - 1) * size : page * size]
        body: dict[str, Any] = {"accountId": number, "Position": self._list(part)}
        body["totalPages"] = -(-len(rows) // size)
        if page < body["totalPages"]:
            body["nextPageNo"] = str(page + 1)
        return _json({"PortfolioResponse": {"AccountPortfolio": [body]}})

    def _list(self, rows: list[Any]) -> Any:
        return rows[0] if self.quirks.bare_lists and len(rows) == 1 else rows

    # -- orders

    async def _preview(self, request: web.Request) -> web.Response:
        number = self._number(request)
        body = (await _body(request))["PreviewOrderRequest"]
        asked = _asked(number, body)
        said = await self.exchange.preview(asked)
        preview_id = next(self._preview_ids)
        self.previews[preview_id] = Previewed(body, number, self.clock.now())
        order = {**body["Order"][0], "estimatedCommission": float(said.fee_usd or 0)}
        order["estimatedTotalAmount"] = -float(said.buying_power_change_usd or 0)
        return _json(
            {
                "PreviewOrderResponse": {
                    "orderType": body["orderType"],
                    "Order": [order],
                    "PreviewIds": [{"previewId": preview_id}],
                    "previewTime": _millis(self.clock.now()),
                    "accountId": number,
                }
            }
        )

    async def _place(self, request: web.Request) -> web.Response:
        number = self._number(request)
        body = (await _body(request))["PlaceOrderRequest"]
        ids = [int(one["previewId"]) for one in body.pop("PreviewIds")]
        seen = self.previews.get(ids[0])
        if seen is None or seen.is_used or seen.account != number:
            return _refused(900, "Invalid Preview Id")
        late = self.clock.now() - seen.at > PREVIEW_LASTS
        if late or self._takes("expire_previews"):
            return _refused(101, "For your protection, your order request has timed out")
        if seen.body != body:
            self.log.violations.append("an order was placed otherwise than previewed")
            return _refused(1033, "The order does not match its preview")
        asked = _asked(number, body)
        order = await self.exchange.submit(asked)
        seen.is_used = True
        placed = self._placed(order, body["Order"][0])
        answer: dict[str, Any] = {
            "orderType": body["orderType"],
            "Order": body["Order"],
            "dstFlag": False,
            "OrderIds": self._list([{"orderId": placed.number}]),
            "placedTime": _millis(placed.at),
            "accountId": number,
        }
        if self._takes("no_order_ids"):
            del answer["OrderIds"]
        return _json({"PlaceOrderResponse": answer})

    def _takes(self, name: str) -> bool:
        left = getattr(self.quirks, name)
        if left > 0:
            setattr(self.quirks, name, left - 1)
        return bool(left > 0)

    def _placed(self, order: BrokerOrder, body: dict[str, Any] | None = None) -> Placed:
        at = (order.account, order.client_order_id)
        if at not in self.placed:
            self.placed[at] = Placed(next(self._ids), self.clock.now(), body)
        return self.placed[at]

    async def by_hand(self, number: str, to: Decimal, *, is_named: bool = True) -> str:
        """A person moves a stop or a limit in the app; the number of the new order.

        ``is_named``: both name each other.
        """
        found = ((at, p) for at, p in self.placed.items() if str(p.number) == number)
        (account, name), old = next(found)
        live = await self.exchange.open_orders(account)
        (was,) = [o for o in live if o.client_order_id == name]
        new = Placed(next(self._ids), self.clock.now(), old.order)
        if is_named:
            new.replaces, old.replaced_by = old.number, new.number
        self.placed[account, f"APP{new.number}"] = new
        asked = OrderRequest(
            client_order_id=f"APP{new.number}",
            account=account,
            side=was.side,
            legs=was.legs,
            qty=was.qty,
            type=was.type,
            limit=None if was.limit is None else to,
            stop=None if was.stop is None else to,
            reduces=was.side is Side.SELL,
        )
        await self.exchange.replace(account, name, asked)
        return str(new.number)

    async def _cancel(self, request: web.Request) -> web.Response:
        number = self._number(request)
        wanted = int((await _body(request))["CancelOrderRequest"]["orderId"])
        for (account, name), placed in self.placed.items():
            if placed.number == wanted and account == number:
                await self.exchange.cancel(number, name)
                return _json(
                    {
                        "CancelOrderResponse": {
                            "accountId": number,
                            "orderId": wanted,
                            "cancelTime": _millis(self.clock.now()),
                            "Messages": {
                                "Message": [
                                    {
                                        "code": 5011,
                                        "description": "200|Your request to cancel your order is "
                                        "being processed.",
                                        "type": "WARNING",
                                    }
                                ]
                            },
                        }
                    }
                )
        return _refused(5002, "This order does not exist")

    async def _orders(self, request: web.Request) -> web.Response:
        number, query = self._number(request), request.query
        orders = await self.exchange.orders_since(number, LONG_AGO)
        fills = await self._executed(number)
        rows = (
            [] if self.quirks.hidden_orders else [self._row(o, fills[o.broker_id]) for o in orders]
        )
        if self.quirks.foreign_row:
            rows.append(_fund_order(self.clock.now()))
        if "status" in query:
            rows = [r for r in rows if r["OrderDetail"][0]["status"] == query["status"]]
        if "symbol" in query:
            rows = [r for r in rows if query["symbol"] in _symbols(r)]
        if "fromDate" in query:
            first, last = _day(query["fromDate"]), _day(query["toDate"])
            rows = [r for r in rows if first <= _placed_on(r) <= last]
        rows.sort(key=lambda r: -r["orderId"])
        if not rows:
            return web.Response(status=204)
        size = min(int(query.get("count", "25")), self.quirks.page)
        start = int(query.get("marker", "0"))
        body: dict[str, Any] = {"Order": self._list(rows[start : start + size])}
        if start + size < len(rows):
            body["marker"] = str(start + size)
            body["next"] = f"{self.url}{request.path}?marker={start + size}"
        return _json({"OrdersResponse": body})

    async def _executed(self, number: str) -> dict[str, list[BrokerFill]]:
        """Executions by the order's number."""
        found = defaultdict[str, list[BrokerFill]](list)
        for fill in await self.exchange.fills_since(number, LONG_AGO):
            found[fill.broker_id].append(fill)
        return found

    def _row(self, order: BrokerOrder, mine: list[BrokerFill]) -> dict[str, Any]:
        known = self._over.get(order.broker_id)
        is_fixed = not (self.quirks.odd_status or self.repriced)
        if known is not None and known[0] is order and is_fixed:
            return known[1]
        row = self._made_row(order, mine)
        if order.state in OVER and is_fixed:
            self._over[order.broker_id] = (order, row)
        return row

    def _made_row(self, order: BrokerOrder, mine: list[BrokerFill]) -> dict[str, Any]:
        placed = self._placed(order)
        status = STATUS.get(order.state, order.state.upper())
        if order.raw_state == "pending_cancel":
            status = "CANCEL_REQUESTED"
        if self._takes("odd_status"):
            status = "AWAITING_MOONRISE"
        detail: dict[str, Any] = {
            "placedTime": _millis(placed.at),
            "orderValue": 0,
            "status": status,
            "orderTerm": "GOOD_FOR_DAY",
            "priceType": self._price_type(order, placed),
            "limitPrice": float(abs(order.limit)) if order.limit is not None else 0,
            "stopPrice": float(order.stop) if order.stop is not None else 0,
            "marketSession": "REGULAR",
            "allOrNone": False,
            "netPrice": 0,
            "Instrument": [self._leg(order, n, mine) for n in range(len(order.legs))],
        }
        if placed.replaces is not None:
            detail["replacesOrderId"] = placed.replaces
        if placed.replaced_by is not None:
            detail["replacedByOrderId"] = placed.replaced_by
        if mine:
            detail["executedTime"] = _millis(max(f.executed_at for f in mine))
        elif order.state == "canceled":
            detail["executedTime"] = 2007059072  # as published answers have it
        return {
            "orderId": placed.number,
            "details": f"{self.url}/v1/accounts/{self.key(order.account)}/orders/{placed.number}",
            "orderType": "EQ",
            "OrderDetail": [detail],
        }

    def _price_type(self, order: BrokerOrder, placed: Placed) -> str:
        if placed.order is not None:
            return str(placed.order["priceType"])
        return order.type.value.upper()

    def _leg(self, order: BrokerOrder, n: int, fills: list[BrokerFill]) -> dict[str, Any]:
        leg, placed = order.legs[n], self._placed(order)
        done = [f for f in fills if f.leg == n]
        filled = sum((f.qty for f in done), D(0))
        is_buy = order.side.sign * leg.ratio > 0
        action = "BUY" if is_buy else "SELL"
        if leg.instrument.kind == "option":
            action += "_OPEN"
        if placed.order is not None:
            action = placed.order["Instrument"][n]["orderAction"]
        ordered = order.qty * abs(leg.ratio)
        row = {
            "symbolDescription": leg.instrument.label,
            "orderAction": action,
            "quantityType": "QUANTITY",
            "orderedQuantity": float(ordered),
            "filledQuantity": float(filled),
            "estimatedCommission": float(self.exchange._settings.fee_usd(leg.instrument, ordered)),
            "estimatedFees": 0.0,
            "Product": _product(leg.instrument),
        }
        if filled:
            average = sum(f.qty * f.price for f in done) / filled
            row["averageExecutionPrice"] = float(average + self.repriced)
        return row

    async def _quote(self, request: web.Request) -> web.Response:
        rows = []
        for symbol in request.match_info["symbols"].split(","):
            last = self.board.last(stock(symbol))
            if last is not None:
                named = {"symbol": symbol, "securityType": "EQ"}
                both = {"bid": float(last.bid), "ask": float(last.ask)}
                rows.append({"All": both, "Product": named, "dateTimeUTC": 1546545180})
        return _json({"QuoteResponse": {"QuoteData": rows}})

    # -- what the documentation allows

    def check(self, seen: Seen) -> list[str]:
        if not seen.path.startswith("/v1/"):
            return []
        wrong = [] if seen.path.endswith(".json") else ["an answer in JSON must be asked for"]
        if seen.body is None:
            return wrong
        if seen.headers.get("Content-Type") != "application/json":
            wrong.append("a body that is not declared as JSON")
        ((name, body),) = seen.body.items()
        if name == "CancelOrderRequest":
            return wrong + ([] if set(body) == {"orderId"} else ["unknown keys of a cancellation"])
        keys = {"orderType", "clientOrderId", "Order"}
        if name == "PlaceOrderRequest":
            keys = keys | {"PreviewIds"}
        elif name != "PreviewOrderRequest":
            return [*wrong, f"{name} is no request"]
        if set(body) != keys:
            wrong.append(f"{name} holds {sorted(body)}")
        if not (len(body["clientOrderId"]) <= 20 and body["clientOrderId"].isalnum()):
            wrong.append("clientOrderId")
        if body["orderType"] not in ("EQ", "OPTN", "SPREADS"):
            wrong.append("orderType")
        return [*wrong, *(v for order in body["Order"] for v in _order_wrongs(order))]


def _order_wrongs(order: dict[str, Any]) -> list[str]:
    wrong = [] if set(order) == ORDER_KEYS else [f"an order holds {sorted(order)}"]
    allowed = {
        "priceType": PRICE_TYPES,
        "orderTerm": {"GOOD_FOR_DAY", "GOOD_UNTIL_CANCEL"},
        "marketSession": {"REGULAR", "EXTENDED"},
        "allOrNone": {"true", "false"},
    }
    wrong += [name for name, values in allowed.items() if order.get(name) not in values]
    for one in order["Instrument"]:
        kind = one["Product"].get("securityType")
        if set(one["Product"]) != PRODUCT_KEYS.get(kind):
            wrong.append(f"a product holds {sorted(one['Product'])}")
        elif one["orderAction"] not in ACTIONS[kind]:
            wrong.append(f"{one['orderAction']} of a {kind}")
        if set(one) != {"Product", "orderAction", "quantityType", "quantity"}:
            wrong.append(f"an instrument holds {sorted(one)}")
        if not str(one["quantity"]).isdigit():
            wrong.append("quantity")
    return wrong


def signature(method: str, url: str, oauth: dict[str, str], secret: str, token_secret: str) -> str:
    """RFC 5849 HMAC-SHA1, written out."""
    parts = urlsplit(url)
    pairs = [*oauth.items(), *parse_qsl(parts.query, keep_blank_values=True)]
    escaped = sorted((quote(k, safe="~"), quote(v, safe="~")) for k, v in pairs)
    base = "&".join(
        quote(text, safe="~")
        for text in (
            method.upper(),
            f"{parts.scheme}://{parts.netloc}{parts.path}",
            "&".join(f"{k}={v}" for k, v in escaped),
        )
    )
    key = f"{quote(secret, safe='~')}&{quote(token_secret, safe='~')}"
    return base64.b64encode(hmac.digest(key.encode(), base.encode(), "sha1")).decode()


def _asked(number: str, body: dict[str, Any]) -> OrderRequest:
    """The exchange's order for what the body asks."""
    (order,) = body["Order"]
    rows = order["Instrument"]
    signed = [
        (_thing(one["Product"]), int(one["quantity"]) * (1 if "BUY" in one["orderAction"] else -1))
        for one in rows
    ]
    units = gcd(*(qty for _, qty in signed)) or 1
    kind = order["priceType"]
    side = Side.BUY if signed[0][1] >= 0 else Side.SELL
    if kind in ("NET_DEBIT", "NET_CREDIT"):
        side = Side.BUY if kind == "NET_DEBIT" else Side.SELL
    legs = [Leg(instrument=i, ratio=qty // units * side.sign) for i, qty in signed]
    if len(legs) == 1:
        legs = [Leg(instrument=signed[0][0])]
    closes = {"BUY_CLOSE", "SELL_CLOSE", "SELL", "BUY_TO_COVER"}
    return OrderRequest(
        client_order_id=body["clientOrderId"],
        account=number,
        side=side,
        legs=tuple(legs),
        qty=D(units),
        type=OrderType.LIMIT if kind.startswith("NET_") else OrderType(kind.lower()),
        limit=D(order["limitPrice"]) if order["limitPrice"] else None,
        stop=D(order["stopPrice"]) if order["stopPrice"] else None,
        tif=Tif.DAY if order["orderTerm"] == "GOOD_FOR_DAY" else Tif.GTC,
        reduces=all(one["orderAction"] in closes for one in rows),
    )


def _thing(named: dict[str, Any]) -> Instrument:
    if named["securityType"] == "EQ":
        return stock(named["symbol"])
    day = date(int(named["expiryYear"]), int(named["expiryMonth"]), int(named["expiryDay"]))
    return option(named["symbol"], day, D(named["strikePrice"]), named["callPut"][0])


def _product(thing: Instrument) -> dict[str, Any]:
    if thing.kind == "stock":
        return {"symbol": thing.symbol, "securityType": "EQ"}
    assert thing.expiry is not None
    return {
        "symbol": thing.symbol,
        "securityType": "OPTN",
        "callPut": "CALL" if thing.right == "C" else "PUT",
        "expiryYear": thing.expiry.year,
        "expiryMonth": thing.expiry.month,
        "expiryDay": thing.expiry.day,
        "strikePrice": float(thing.strike or 0),
    }


def _symbols(row: dict[str, Any]) -> set[str]:
    legs = row["OrderDetail"][0]["Instrument"]
    return {leg["Product"]["symbol"] for leg in (legs if isinstance(legs, list) else [legs])}


def _fund_order(now: datetime) -> dict[str, Any]:
    one = {
        "symbolDescription": "A FUND",
        "orderAction": "BUY",
        "quantityType": "DOLLAR",
        "orderedQuantity": 500.0,
        "Product": {"symbol": "VFINX", "securityType": "MF"},
    }
    detail = {"placedTime": _millis(now), "status": "OPEN", "priceType": "MARKET"}
    return {"orderId": 7, "orderType": "MF", "OrderDetail": [{**detail, "Instrument": [one]}]}


def _day(text: str) -> date:
    return date(int(text[4:]), int(text[:2]), int(text[2:4]))


def _placed_on(row: dict[str, Any]) -> date:
    at = datetime.fromtimestamp(row["OrderDetail"][0]["placedTime"] / 1000, UTC)
    return at.astimezone(ET).date()


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


async def _body(request: web.Request) -> dict[str, Any]:
    return json.loads(await request.text())  # type: ignore[no-any-return]


def _json(body: Any) -> web.Response:
    return web.json_response(body)


def _refused(code: int, message: str) -> web.Response:
    return web.json_response({"Error": {"code": code, "message": message}}, status=400)


def _oauth_problem(what: str) -> web.Response:
    return web.Response(status=401, text=f"oauth_problem={what}", content_type="text/html")


def _form(**fields: str) -> web.Response:
    return web.Response(text=urlencode(fields), content_type="application/x-www-form-urlencoded")
