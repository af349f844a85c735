"""tastytrade on loopback: OAuth, REST, account stream, and DXLink market data.

Shapes are those of its published documents: dash-separated keys, ``data`` and ``items`` envelopes,
money as text with an effect beside it. It does not deduplicate, replaces by a new order of the
same legs, and lets a token live for 15 minutes.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import count
from typing import Any

from aiohttp import WSMsgType, web

from engine.brokers import BrokerEvent, BrokerFill, BrokerOrder, Filled, OrderRequest, OrderSeen
from engine.brokers import Seen as Found
from engine.domain.errors import BrokerUnavailable, OrderRejected
from engine.domain.instrument import Instrument, parse_key, stock
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from tests.venues import tastytrade_words as words
from tests.venues.dxlink import DxLink
from tests.venues.tastytrade_contract import Contract
from tests.venues.tastytrade_words import OVER, Placed, Refusal
from tests.venues.venue import Seen, Venue

SECRET, REFRESH = "tt-canary-client-secret", "tt-canary-refresh-token"
LIVES_S = 900

_TYPES = {
    "Limit": OrderType.LIMIT,
    "Market": OrderType.MARKET,
    "Stop": OrderType.STOP,
    "Stop Limit": OrderType.STOP_LIMIT,
}
_ASKED = {"stock": "equity", "option": "equity-option", "future": "future"}


class TastytradeVenue(Venue):
    """The imitation; ``level`` says what kind of login it serves."""

    name = "tastytrade"

    def __init__(self, *args: Any, level: str = "demo", **more: Any) -> None:
        super().__init__(*args, **more)
        self.level = level
        self.contract = Contract()
        self.dxlink = DxLink(self.board, self.clock)
        self.orders: dict[int, Placed] = {}
        self.tokens: dict[str, float] = {}
        self.closed_accounts: set[str] = set()
        self.more_positions: list[dict[str, Any]] = []
        self.marks: dict[str, str] = {}
        """Its symbol -> what one is worth by its word, told to who asks for it."""
        self.more_transactions: list[dict[str, Any]] = []
        self.hidden: set[int] = set()
        """Orders that no list shows."""
        self.rename: dict[int, str] = {}
        """Orders with a status that nobody has seen."""
        self.errors_beside: list[dict[str, str]] = []
        """``errors`` of the next answer to a dry run."""
        self.errors_placed: list[dict[str, str]] = []
        """``errors`` of the next answer to an order."""
        self.is_orderless = False
        """The next order is refused so that only ``errors`` says it."""
        self.warnings: list[dict[str, str]] = []
        self.fee_factor = Decimal(1)
        """Of what was expected, what transactions say was taken."""
        self.page_size = 200
        self.n_renewals = self.n_beats = 0
        self._numbers = count(54_758_826)
        self._tokens = count(1)
        self._heard: dict[web.WebSocketResponse, set[str]] = {}

    # -- addresses

    def routes(self, app: web.Application) -> None:
        app.router.add_post("/oauth/token", self._token)
        get, post = app.router.add_get, app.router.add_post
        get("/customers/me/accounts", self._wrapped(self._accounts))
        get("/api-quote-tokens", self._wrapped(self._quote_tokens))
        get("/accounts/{n}/balances/USD", self._wrapped(self._balance))
        get("/accounts/{n}/trading-status", self._wrapped(self._trading_status))
        get("/accounts/{n}/positions", self._wrapped(self._positions))
        get("/accounts/{n}/orders", self._wrapped(self._history))
        get("/accounts/{n}/orders/live", self._wrapped(self._live))
        get("/accounts/{n}/orders/{id}", self._wrapped(self._one))
        get("/accounts/{n}/transactions", self._wrapped(self._transactions))
        post("/accounts/{n}/orders/dry-run", self._wrapped(self._dry_run))
        post("/accounts/{n}/orders", self._wrapped(self._place))
        app.router.add_put("/accounts/{n}/orders/{id}", self._wrapped(self._replace))
        app.router.add_delete("/accounts/{n}/orders/{id}", self._wrapped(self._cancel))
        get("/instruments/futures", self._wrapped(self._futures))
        get("/option-chains/{symbol}/nested", self._wrapped(self._chain))
        get("/market-data/by-type", self._wrapped(self._market_data))
        get("/stream", self._stream)
        get("/dxlink", self.dxlink.serve)

    def acts(self, request: web.Request) -> bool:
        is_order = "/orders" in request.path and not request.path.endswith("/dry-run")
        return request.method in ("POST", "PUT", "PATCH", "DELETE") and is_order

    def check(self, seen: Seen) -> list[str]:
        return self.contract.check(seen)

    def _wrapped(self, handler: Any) -> Any:
        async def answered(request: web.Request) -> web.Response:
            try:
                self._let_in(request)
                status, data, more = await handler(request)
            except Refusal as refusal:
                return web.json_response(refusal.body, status=refusal.status)
            body = {"data": data, "context": request.path, **more}
            return web.json_response(body, status=status, dumps=_dumps)

        return answered

    def _let_in(self, request: web.Request) -> None:
        given = request.headers.get("Authorization", "").removeprefix("Bearer ")
        ends = self.tokens.get(given)
        if ends is None or self.clock.monotonic() >= ends:
            raise Refusal(401, "token_invalid", "This token is invalid or has expired")
        number = request.match_info.get("n")
        if number is not None and number not in self._accounts_here():
            raise Refusal(403, "not_permitted", "User not permitted access")

    def _accounts_here(self) -> list[str]:
        return list(self.exchange._settings.start_cash_usd)

    # -- login

    async def _token(self, request: web.Request) -> web.Response:
        body = await request.json()
        if body.get("client_secret") != SECRET or body.get("refresh_token") != REFRESH:
            error = {"error_code": "invalid_grant", "error_description": "Grant revoked"}
            return web.json_response(error, status=400)
        self.n_renewals += 1
        token = f"tt-canary-token-{next(self._tokens)}"
        self.tokens[token] = self.clock.monotonic() + LIVES_S
        said = {"access_token": token, "token_type": "Bearer", "expires_in": LIVES_S}
        return web.json_response(said)

    async def _accounts(self, _: web.Request) -> Any:
        closed = self.closed_accounts
        items = [words.account(n, is_closed=n in closed) for n in self._accounts_here()]
        return 200, {"items": items}, {}

    async def _quote_tokens(self, _: web.Request) -> Any:
        data = {
            "token": self.dxlink.token,
            "dxlink-url": f"{self.ws_url}/dxlink",
            "level": self.level,
            "issued-at": self.clock.now().isoformat(),
            "expires-at": (self.clock.now() + timedelta(hours=24)).isoformat(),
        }
        return 200, data, {}

    # -- money and holdings

    async def _balance(self, request: web.Request) -> Any:
        number = request.match_info["n"]
        return 200, words.balance(await self.exchange.balance(number), self.clock.now()), {}

    async def _trading_status(self, request: web.Request) -> Any:
        return 200, words.trading_status(request.match_info["n"], self.clock.now()), {}

    async def _positions(self, request: web.Request) -> Any:
        held = await self.exchange.positions(request.match_info["n"])
        items = [words.position(one, self.clock.now()) for one in held]
        if request.query.get("include-marks") == "true":
            more = [
                {**item, "mark-price": self.marks.get(item["symbol"], "0.0")}
                for item in items + self.more_positions
            ]
            return 200, {"items": more}, {}
        return 200, {"items": items + self.more_positions}, {}

    # -- orders

    async def _json(self, request: web.Request) -> Mapping[str, Any]:
        try:
            body = json.loads(await request.text(), parse_float=Decimal)
        except ValueError:
            raise Refusal(400, "invalid_json", "Request body is no JSON") from None
        if not isinstance(body, Mapping):
            raise Refusal(400, "invalid_json", "Request body is no object")
        return body

    def _asked(self, number: str, body: Mapping[str, Any], key: str) -> OrderRequest:
        """What the exchange is asked to do."""
        legs = body.get("legs")
        if not isinstance(legs, list) or not legs:
            raise _invalid("legs", "is missing")
        sizes = [_positive(leg.get("quantity")) for leg in legs]
        units = math.gcd(*sizes)
        signs = [1 if str(leg["action"]).startswith("Buy") else -1 for leg in legs]
        kind = _TYPES.get(str(body.get("order-type")))
        if kind is None:
            raise _invalid("order-type", "does not have a valid value")
        effect = body.get("price-effect")
        if kind in (OrderType.LIMIT, OrderType.STOP_LIMIT) and effect not in ("Debit", "Credit"):
            raise _invalid("price-effect", "does not have a valid value")
        is_buy = effect == "Debit" if effect and len(legs) > 1 else signs[0] > 0
        if effect and len(legs) == 1 and (effect == "Debit") != is_buy:
            raise Refusal(
                422, "invalid_price_effect", "The price effect does not go with the action"
            )
        is_closing = any("Close" in str(leg["action"]) for leg in legs)
        strict = body.get("advanced-instructions", {}).get("strict-position-effect-validation")
        return OrderRequest(
            client_order_id=key,
            account=number,
            side=Side.BUY if is_buy else Side.SELL,
            legs=tuple(
                Leg(
                    instrument=self._instrument(leg),
                    ratio=size // units * sign * (1 if is_buy else -1),
                )
                for leg, size, sign in zip(legs, sizes, signs, strict=True)
            ),
            qty=Decimal(units),
            type=kind,
            limit=_price(body.get("price")),
            stop=_price(body.get("stop-trigger")),
            tif=Tif.GTC if body.get("time-in-force") == "GTC" else Tif.DAY,
            reduces=is_closing and strict is True,
        )

    def _instrument(self, leg: Mapping[str, Any]) -> Instrument:
        symbol = str(leg["symbol"])
        try:
            if leg["instrument-type"] == "Future":
                return parse_key(f"{symbol[:-1]}2{symbol[-1]}")
            if leg["instrument-type"] == "Equity Option":
                return parse_key(symbol)
            return stock(symbol)
        except ValueError:
            raise Refusal(
                422, "instrument_not_found", f"Couldn't find instrument {symbol}"
            ) from None

    async def _dry_run(self, request: web.Request) -> Any:
        number, body = request.match_info["n"], await self._json(request)
        asked = self._asked(number, body, f"DRY{next(self._tokens)}")
        preview = await self._refusable(self.exchange.preview(asked))
        order = self._order(Placed(0, number, "", body, self.clock.now()), None)
        del order["id"]
        errors, self.errors_beside = self.errors_beside, []
        return 201, {"order": order, **self._beside(preview, errors)}, {}

    def _beside(self, preview: Any, errors: list[dict[str, str]]) -> dict[str, Any]:
        said = {**words.costs(preview), "warnings": self.warnings}
        return {**said, "errors": errors} if errors else said

    async def _refusable(self, work: Any) -> Any:
        try:
            return await work
        except OrderRejected as error:
            inner = [{"code": error.code, "message": str(error).partition(": ")[2]}]
            raise Refusal(
                422,
                "preflight_check_failure",
                "One or more preflight checks failed",
                inner,
            ) from None
        except BrokerUnavailable as error:
            raise Refusal(403, "not_permitted", str(error)) from None

    async def _place(self, request: web.Request) -> Any:
        number, body = request.match_info["n"], await self._json(request)
        key = self._free_key(str(body.get("external-identifier") or f"APP{next(self._tokens)}"))
        asked = self._asked(number, body, key)
        errors, self.errors_placed = self.errors_placed, []
        if self.is_orderless:
            self.is_orderless = False
            return 201, {"order": {"status": "Rejected"}, "errors": errors}, {}
        placed = Placed(next(self._numbers), number, key, body, self.clock.now())
        self.orders[placed.no] = placed  # the stream may tell of it before it is answered
        try:
            preview = await self.exchange.preview(asked)
            await self._refusable(self.exchange.submit(asked))
        except OrderRejected as error:
            del self.orders[placed.no]
            await self._refusable(_raising(error))
        except Refusal:
            del self.orders[placed.no]
            raise
        order = self._order(placed, None)
        return 201, {"order": {**order, "status": "Routed"}, **self._beside(preview, errors)}, {}

    def _free_key(self, name: str) -> str:
        """This broker takes an identifier as often as it comes; the exchange takes it once."""
        used = {placed.key for placed in self.orders.values()}
        key, n = name, 1
        while key in used:
            n += 1
            key = f"{name}~{n}"
        return key

    async def _replace(self, request: web.Request) -> Any:
        old, body = await self._known(request), await self._json(request)
        report = await self._report(old)
        if report.state in OVER:
            raise Refusal(422, "order_not_editable", "Order cannot be replaced")
        legs = [
            {**leg, "quantity": words.whole(Decimal(str(leg["quantity"])))}
            for leg in old.body["legs"]
        ]
        whole = {**body, "legs": legs}
        if "advanced-instructions" in old.body:
            whole["advanced-instructions"] = old.body["advanced-instructions"]
        key = self._free_key(str(body.get("external-identifier") or f"APP{next(self._tokens)}"))
        asked = self._asked(old.account, whole, key)
        asked = _with_qty(asked, report.qty)
        new = Placed(next(self._numbers), old.account, key, whole, self.clock.now())
        new.carried, new.replaces = report.filled, old.no
        self.orders[new.no], old.replaced_by = new, new.no
        try:
            await self._refusable(self.exchange.replace(old.account, old.key, asked))
        except Refusal:
            del self.orders[new.no]
            old.replaced_by = None
            raise
        return 200, {**self._order(new, await self._report(new)), "status": "Received"}, {}

    async def by_hand(
        self,
        number: str,
        to: Decimal,
        *,
        keeps_id: bool = False,
        is_named: bool = True,
        qty: int | None = None,
    ) -> str:
        """A person moves a stop or a limit in the app; the number of the new order.

        ``keeps_id``: it bears the identifier of the old one. ``is_named``: both name each other.
        ``qty``: it is for so many from then on.
        """
        old = self.orders[int(number)]
        body = {**old.body, "stop-trigger" if "stop-trigger" in old.body else "price": str(to)}
        if qty is not None:
            body["legs"] = [{**leg, "quantity": qty} for leg in body["legs"]]
        if not keeps_id:
            body.pop("external-identifier", None)
        key = self._free_key(str(body.get("external-identifier") or f"APP{next(self._tokens)}"))
        new = Placed(next(self._numbers), old.account, key, body, self.clock.now())
        if is_named:
            new.replaces, old.replaced_by = old.no, new.no
        self.orders[new.no] = new
        await self.exchange.replace(old.account, old.key, self._asked(old.account, body, key))
        return str(new.no)

    async def _cancel(self, request: web.Request) -> Any:
        placed = await self._known(request)
        report = await self._report(placed)
        if report.state in OVER:
            raise Refusal(422, "order_not_cancellable", "Order cannot be cancelled")
        try:
            await self.exchange.cancel(placed.account, placed.key)
        except OrderRejected as error:
            raise Refusal(422, "order_not_cancellable", str(error)) from None
        order = self._order(placed, await self._report(placed))
        return 200, {**order, "status": "Cancel Requested"}, {}

    async def _known(self, request: web.Request) -> Placed:
        number, name = request.match_info["n"], request.match_info["id"]
        placed = self.orders.get(int(name)) if name.isdigit() else None
        is_here = placed is not None and placed.account == number
        if placed is None or not is_here or not await self._is_taken(placed):
            raise Refusal(404, "record_not_found", f"Couldn't find Order with id {name}")
        return placed

    async def _report(self, placed: Placed) -> BrokerOrder:
        found = await self.exchange.find(placed.account, placed.key)
        assert isinstance(found, Found), placed
        return found.order

    async def _one(self, request: web.Request) -> Any:
        return 200, await self._whole_order(await self._known(request)), {}

    async def _whole_order(self, placed: Placed) -> dict[str, Any]:
        report = await self._report(placed)
        return self._order(placed, report, await self.exchange.fills_of(placed.key))

    async def _live(self, request: web.Request) -> Any:
        """Of today, whatever became of them, and what still works."""
        number, today = request.match_info["n"], words.day_of(self.clock.now())
        found = []
        for placed in await self._of(number):
            report = await self._report(placed)
            if report.state not in OVER or words.day_of(report.updated_at) == today:
                found.append(placed)
        return await self._order_page(request, found)

    async def _history(self, request: web.Request) -> Any:
        query = request.query
        if "start-date" not in query and "start-at" not in query:
            raise _invalid("start-at", "is missing")
        first = date.fromisoformat(query.get("start-date", query.get("start-at", "")[:10]))
        found = [
            placed
            for placed in await self._of(request.match_info["n"])
            if words.day_of(placed.received_at) >= first
        ]
        return await self._order_page(request, found)

    async def _order_page(self, request: web.Request, placed: list[Placed]) -> Any:
        """Only what is shown is put into words."""
        status, shown, more = self._page(request, [{"id": p.no, "it": p} for p in placed])
        items = [await self._whole_order(item["it"]) for item in shown["items"]]
        return status, {"items": items}, more

    async def _of(self, number: str) -> list[Placed]:
        """Orders that were taken: one may be on its way."""
        return [
            p
            for p in tuple(self.orders.values())
            if p.account == number and p.no not in self.hidden and await self._is_taken(p)
        ]

    async def _is_taken(self, placed: Placed) -> bool:
        return isinstance(await self.exchange.find(placed.account, placed.key), Found)

    def _page(self, request: web.Request, items: list[dict[str, Any]]) -> Any:
        if request.query.get("sort", "Desc") == "Desc":
            items = sorted(items, key=lambda item: -int(item["id"]))
        size = min(int(request.query.get("per-page", 100)), self.page_size)
        n = int(request.query.get("page-offset", 0))
        shown = items[n * size : (n + 1) * size]
        return 200, {"items": shown}, {"pagination": words.pagination(n, size, shown, items)}

    def _order(
        self,
        placed: Placed,
        report: BrokerOrder | None,
        fills: list[BrokerFill] | None = None,
    ) -> dict[str, Any]:
        return words.order(
            placed,
            report,
            placed.fills if fills is None else fills,
            self.clock.now(),
            self.rename.get(placed.no),
        )

    # -- what happened to the account

    async def _transactions(self, request: web.Request) -> Any:
        number = request.match_info["n"]
        by_key = {p.key: p for p in await self._of(number)}
        first = date.fromisoformat(request.query["start-date"])
        items = []
        for n, fill in enumerate(await self.exchange.fills_since(number, _LONG_AGO)):
            placed = by_key.get(fill.client_order_id)
            if placed is not None and words.day_of(fill.executed_at) >= first:
                items.append(words.transaction(n, placed, fill, self.fee_factor))
        return self._page(request, items + self.more_transactions)

    # -- instruments

    async def _futures(self, request: web.Request) -> Any:
        codes = request.query.getall("product-code[]", [])
        items = [item for item in self.dxlink.futures if item["product-code"] in codes]
        return 200, {"items": items}, {}

    async def _chain(self, request: web.Request) -> Any:
        chain = self.dxlink.chains.get(request.match_info["symbol"])
        if chain is None:
            raise Refusal(404, "record_not_found", "Couldn't find chain")
        return 200, {"items": [chain]}, {}

    async def _market_data(self, request: web.Request) -> Any:
        asked = {(kind, symbol) for kind, symbol in request.query.items()}
        if len(asked) > 100:
            raise _invalid("symbols", "are more than 100")
        items = [
            {
                "symbol": words.symbol_of(quote.instrument),
                "instrument-type": words.KIND[quote.instrument.kind],
                "updated-at": quote.exchange_at.isoformat(),
                "bid": str(quote.bid),
                "bid-size": str(quote.bid_size or 0),
                "ask": str(quote.ask),
                "ask-size": str(quote.ask_size or 0),
                "is-trading-halted": quote.is_halted,
            }
            for quote in self.board.all().values()
            if (_ASKED[quote.instrument.kind], words.symbol_of(quote.instrument)) in asked
        ]
        return 200, {"items": items}, {}

    # -- the account stream

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse(heartbeat=None)
        await socket.prepare(request)
        self._heard[socket] = set()
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    break
                await self._hear(socket, json.loads(message.data))
        finally:
            self._heard.pop(socket, None)
            self.sockets.discard(socket)
        return socket

    async def _hear(self, socket: web.WebSocketResponse, said: Mapping[str, Any]) -> None:
        action = said.get("action")
        answer: dict[str, Any] = {
            "status": "ok",
            "action": action,
            "web-socket-session-id": "5b6ae3f1",
            "request-id": said.get("request-id"),
        }
        self.n_beats += action == "heartbeat"
        token = str(said.get("auth-token", "")).removeprefix("Bearer ")
        ends = self.tokens.get(token)
        self.log.violations += [
            f"stream: {key} is missing" for key in ("auth-token", "action") if key not in said
        ]
        if ends is None or self.clock.monotonic() >= ends:
            answer |= {"status": "error", "message": "not authorized"}
        elif action == "connect":
            self._heard[socket] = {str(number) for number in said.get("value", [])}
            answer["value"] = said.get("value")
        elif action != "heartbeat" or not self._heard[socket]:
            answer |= {"status": "error", "message": "connect-not-completed"}
        await socket.send_str(_dumps(answer))
        if action == "connect" and answer["status"] == "ok":
            self.sockets.add(socket)

    def frames(self, event: BrokerEvent) -> list[Any]:
        order = event.order if isinstance(event, OrderSeen) else None
        fill = event.fill if isinstance(event, Filled) else None
        key = order.client_order_id if order is not None else fill.client_order_id if fill else ""
        placed = next((p for p in self.orders.values() if p.key == key), None)
        if placed is None:
            return []
        if fill is not None:
            placed.fills.append(fill)
            return []
        frame = {
            "type": "Order",
            "data": self._order(placed, order),
            "timestamp": int(self.clock.now().timestamp() * 1000),
        }
        return [frame]

    def odd_frame(self) -> Any:
        return {
            "type": "SomethingNew",
            "data": {"account-number": self._accounts_here()[0], "token": "tt-canary-in-a-frame"},
            "timestamp": 1,
        }

    async def send(self, socket: web.WebSocketResponse, frame: Any) -> None:
        if frame["data"].get("account-number") in self._heard.get(socket, set()):
            await socket.send_str(_dumps(frame))


_LONG_AGO = datetime.fromisoformat("2020-01-01T00:00:00+00:00")


async def _raising(error: Exception) -> Any:
    raise error


def _with_qty(request: OrderRequest, qty: Decimal) -> OrderRequest:
    return replace(request, qty=qty)


def _invalid(domain: str, reason: str) -> Refusal:
    inner = [{"domain": domain, "reason": reason}]
    return Refusal(400, "validation_error", "Request validation failed", inner)


def _positive(value: Any) -> int:
    size = Decimal(str(value))
    if size % 1 or size <= 0:
        raise _invalid("quantity", "is invalid")
    return int(size)


def _price(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _dumps(value: Any) -> str:
    return json.dumps(value, default=str)
