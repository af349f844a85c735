"""TopStepX on loopback: ProjectX's REST interface and both hubs, over our own exchange.

It speaks as the published interface does: every answer is 200 with ``success``, orders have
numbers, a modified order keeps its number and tag, a bracket's children have no tag. Requests and
answers are checked against the published file when it is there, bodies against ours always.
"""

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import jsonschema_rs
from aiohttp import WSMsgType, web

from engine.brokers import BrokerEvent, BrokerFill, BrokerOrder, Filled, OrderRequest, OrderSeen
from engine.brokers.paper.book import Draft
from engine.domain.errors import BrokerUnavailable, OrderRejected
from engine.domain.instrument import (
    FUTURES,
    MONTH_CODES,
    Instrument,
    front_future,
    future,
)
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg, Quote
from tests.venues.venue import Seen, Venue

END = "\x1e"
EPOCH = datetime(2020, 1, 1, tzinfo=UTC)
HERE = Path(__file__)
SPEC = HERE.parents[3] / "shared" / "data" / "specs" / "projectx" / "gateway-swagger.json"
GOLDEN = HERE.parents[1] / "golden" / "topstepx" / "requests.json"
ACTS = ("/api/Order/place", "/api/Order/cancel", "/api/Order/modify")
TYPES = {
    1: OrderType.LIMIT,
    2: OrderType.MARKET,
    3: OrderType.STOP_LIMIT,
    4: OrderType.STOP,
    5: OrderType.TRAILING,
}
CODES = {kind: code for code, kind in TYPES.items()}
STATUS = {
    "accepted": 1,
    "partial": 1,
    "filled": 2,
    "canceled": 3,
    "expired": 4,
    "rejected": 5,
}
RAW_STATUS = {"held": 8, "pending_cancel": 7}
ROOT_IDS = {"ES": "EP", "NQ": "ENQ", "6E": "EU6", "CL": "CLE", "GC": "GCE"}
QUARTERS = frozenset({"ES", "MES", "NQ", "MNQ", "YM", "MYM", "RTY", "M2K"})


class TopstepxVenue(Venue):
    """The firm's gateway."""

    name = "topstepx"
    user, key = "trader", "KEY-CANARY-5417"

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.is_simulated: bool | None = True
        """None: its accounts do not say."""
        self.active: dict[str, list[Instrument]] = {}
        """Root -> what it calls active, when that is not the usual front month."""
        self.answer_with: dict[str, list[int]] = {}
        """Path -> codes that its next answers fail with, though the thing was done."""
        self.refuse_with: dict[str, list[int]] = {}
        """Path -> codes that its next answers fail with, and nothing was done."""
        self.status_of: dict[int, int] = {}
        """Order number -> status that it is shown with, whatever it is."""
        self.lost: list[str] = []
        """Paths whose next answer hides everything it lists."""
        self.n_logins = 0
        self.n_open_hubs = 0
        self.bars: list[dict[str, Any]] = []
        self._valid: set[str] = set()
        self._numbers, self._untagged = count(9001), count(1)
        self._ids: dict[str, int] = {}
        """Our exchange's order id -> number; every life of an order has the same."""
        self._made: dict[int, datetime] = {}
        self._tags: dict[int, str | None] = {}
        self._trades: dict[str, int] = {}
        self._quotes: dict[web.WebSocketResponse, set[str]] = {}
        board = self.board
        board.listen(self._on_quote)

    # -- what is published ----------------------------------------------------------------------

    def check(self, seen: Seen) -> list[str]:
        """Against the published file, else against our own bodies."""
        wrong = []
        if seen.method != "POST" and seen.path != "/api/Status/ping":
            wrong.append("everything is a POST")
        if not seen.path.startswith("/api/Auth/login") and "Authorization" not in seen.headers:
            wrong.append("no token")
        if seen.path == "/api/Auth/validate":
            return wrong
        body = None if seen.body is None else json.loads(json.dumps(seen.body, default=float))
        return wrong + _not_allowed(seen.path, body)

    def acts(self, request: web.Request) -> bool:
        """What may create or change an order."""
        return request.path.startswith(ACTS)

    def odd_frame(self) -> Any:
        """An event that no document names."""
        return {"type": 1, "target": "GatewayUserRisk", "arguments": [{"action": 1, "data": {}}]}

    async def send(self, socket: web.WebSocketResponse, frame: Any) -> None:
        """One record."""
        await socket.send_str(json.dumps(frame, default=_plain) + END)

    # -- routes ---------------------------------------------------------------------------------

    def routes(self, app: web.Application) -> None:
        """The gateway's addresses and the two hubs."""
        posts = {
            "/api/Auth/loginKey": self._login,
            "/api/Auth/validate": self._validate,
            "/api/Account/search": self._accounts,
            "/api/Contract/available": self._available,
            "/api/Contract/search": self._search_contracts,
            "/api/Contract/searchById": self._contract,
            "/api/History/retrieveBars": self._bars,
            "/api/Order/place": self._place,
            "/api/Order/cancel": self._cancel,
            "/api/Order/modify": self._modify,
            "/api/Order/searchOpen": self._open_orders,
            "/api/Order/search": self._orders,
            "/api/Position/searchOpen": self._positions,
            "/api/Trade/search": self._fills,
        }
        for path, handler in posts.items():
            app.router.add_post(path, self._guarded(path, handler))
        app.router.add_get("/hubs/user", self._user_hub)
        app.router.add_get("/hubs/market", self._market_hub)

    def _guarded(self, path: str, handler: Any) -> Any:
        async def answer(request: web.Request) -> web.StreamResponse:
            if not path.startswith("/api/Auth/login"):
                token = request.headers.get("Authorization", "").removeprefix("Bearer ")
                if token not in self._valid:
                    return web.Response(status=401)
            body = json.loads(await request.text() or "{}", parse_float=Decimal)
            codes = self.refuse_with.get(path)
            if codes:
                return self._said(path, _no(codes.pop(0), "refused by the firm"))
            answered = await handler(body)
            codes = self.answer_with.get(path)
            if codes:
                answered = _no(codes.pop(0), "something")
            return self._said(path, answered)

        return answer

    def _said(self, path: str, body: dict[str, Any]) -> web.Response:
        text = json.dumps(body, default=_plain)
        is_odd = body["errorCode"] > 10 or self.status_of  # said on purpose, as nobody has yet
        wrong = [] if is_odd else _not_sayable(path, json.loads(text))
        self.log.violations += [f"answer of {path}: {w}" for w in wrong]
        return web.Response(text=text, content_type="application/json")

    # -- login ----------------------------------------------------------------------------------

    def expire_tokens(self) -> None:
        """No token that was given out works any more."""
        self._valid.clear()

    def _token(self) -> str:
        self.n_logins += 1
        token = f"TOKEN-CANARY-{self.n_logins}"
        self._valid.add(token)
        return token

    async def _login(self, body: dict[str, Any]) -> dict[str, Any]:
        if (body.get("userName"), body.get("apiKey")) != (self.user, self.key):
            return _no(3, "Invalid credentials")
        return _yes(token=self._token())

    async def _validate(self, body: dict[str, Any]) -> dict[str, Any]:
        return _yes(newToken=self._token())

    async def _accounts(self, body: dict[str, Any]) -> dict[str, Any]:
        rows = [
            {
                "id": int(account.number),
                "name": f"50KTC-V2-{account.number}",
                "balance": (await self.exchange.balance(account.number)).cash_usd,
                "canTrade": True,
                "isVisible": True,
            }
            | ({} if self.is_simulated is None else {"simulated": self.is_simulated})
            for account in await self.exchange.accounts()
        ]
        return _yes(accounts=rows)

    # -- contracts ------------------------------------------------------------------------------

    def contract_row(self, instrument: Instrument) -> dict[str, Any]:
        """As the gateway lists it."""
        active = self.active.get(instrument.symbol, [self._front(instrument.symbol)])
        return {
            "id": contract_id(instrument),
            "name": contract_name(instrument),
            "description": f"{instrument.symbol} future",
            "tickSize": instrument.tick,
            "tickValue": instrument.tick * instrument.multiplier,
            "activeContract": instrument in active,
            "symbolId": f"F.US.{ROOT_IDS.get(instrument.symbol, instrument.symbol)}",
        }

    def _front(self, root: str) -> Instrument:
        today = self.clock.now().date()
        if root in QUARTERS:
            return front_future(root, today)
        month = today.month % 12 + 1
        return future(root, today.replace(year=today.year + (month == 1), month=month, day=1))

    def _listed(self, root: str) -> list[Instrument]:
        front = self._front(root)
        assert front.expiry is not None
        step = 3 if root in QUARTERS else 1
        month = front.expiry.month + step
        year = front.expiry.year + (month > 12)
        later = future(root, front.expiry.replace(year=year, month=(month - 1) % 12 + 1, day=1))
        return list(dict.fromkeys([front, later, *self.active.get(root, [])]))

    def _all_listed(self) -> list[Instrument]:
        return [instrument for root in FUTURES for instrument in self._listed(root)]

    async def _available(self, body: dict[str, Any]) -> dict[str, Any]:
        return _yes(contracts=[self.contract_row(i) for i in self._all_listed()])

    async def _search_contracts(self, body: dict[str, Any]) -> dict[str, Any]:
        text = body.get("searchText", "").upper()
        rows = [self.contract_row(i) for i in self._all_listed() if i.symbol.startswith(text)]
        return _yes(contracts=rows[:20])

    async def _contract(self, body: dict[str, Any]) -> dict[str, Any]:
        for instrument in self._all_listed():
            if contract_id(instrument) == body["contractId"]:
                return _yes(contract=self.contract_row(instrument))
        return _no(1, "contract not found")

    def _instrument(self, wanted: str) -> Instrument | None:
        return next((i for i in self._all_listed() if contract_id(i) == wanted), None)

    async def _bars(self, body: dict[str, Any]) -> dict[str, Any]:
        if self._instrument(body["contractId"]) is None:
            return _no(1, "contract not found")
        first, last = (datetime.fromisoformat(body[k]) for k in ("startTime", "endTime"))
        found = [b for b in self.bars if first <= datetime.fromisoformat(b["t"]) <= last]
        found.sort(key=lambda bar: str(bar["t"]), reverse=True)
        return _yes(bars=found[: body["limit"]])

    # -- orders ---------------------------------------------------------------------------------

    async def _place(self, body: dict[str, Any]) -> dict[str, Any]:
        instrument = self._instrument(body["contractId"])
        if instrument is None:
            return _no(8, "contract not found")
        tag = body.get("customTag")
        if tag is not None and tag in self._ids:
            return _no(2, "The custom tag must be unique per account.")
        request = self._request(body, instrument, tag or f"NOTAG{next(self._untagged)}")
        try:
            await self.exchange.submit(request)
        except OrderRejected as error:
            return _refused(error)
        for name in (request.client_order_id, *(c.client_order_id for c in request.attached)):
            self._number(name, None, None)
        self._tags[self._ids[request.client_order_id]] = tag
        return _yes(orderId=self._ids[request.client_order_id])

    def _number(self, name: str, number: int | None, tag: str | None) -> None:
        """Give it a number: one that it has at another name, or the next; none is given twice."""
        if name not in self._ids:
            number = next(self._numbers) if number is None else number
            self._ids[name] = number
            self._made.setdefault(number, self.clock.now())
            self._tags.setdefault(number, tag)

    def _request(self, body: dict[str, Any], instrument: Instrument, name: str) -> OrderRequest:
        side = Side.SELL if body["side"] else Side.BUY
        request = OrderRequest(
            client_order_id=name,
            account=str(body["accountId"]),
            side=side,
            legs=(Leg(instrument=instrument),),
            qty=Decimal(body["size"]),
            type=TYPES[body["type"]],
            limit=_dec(body.get("limitPrice")),
            stop=_dec(body.get("stopPrice")),
            trail=_dec(body.get("trailPrice")),
            tif=Tif.DAY,
        )
        children = [
            self._child(request, body[key], key)
            for key in ("stopLossBracket", "takeProfitBracket")
            if body.get(key)
        ]
        return replace(request, attached=tuple(children))

    def _child(self, parent: OrderRequest, bracket: dict[str, Any], key: str) -> OrderRequest:
        start = parent.limit if parent.limit is not None else parent.stop
        assert start is not None
        level = start + bracket["ticks"] * parent.legs[0].instrument.tick
        is_stop = bracket["type"] == 4
        return OrderRequest(
            client_order_id=f"{parent.client_order_id}!{key[:4]}",
            account=parent.account,
            side=parent.side.opposite,
            legs=parent.legs,
            qty=parent.qty,
            type=TYPES[bracket["type"]],
            limit=None if is_stop else level,
            stop=level if is_stop else None,
            tif=Tif.GTC,
        )

    def _newest(self, number: int) -> str | None:
        names = [name for name, known in self._ids.items() if known == number]
        return names[-1] if names else None

    async def _cancel(self, body: dict[str, Any]) -> dict[str, Any]:
        name = self._newest(body["orderId"])
        if name is None:
            return _no(2, "order not found")
        try:
            await self.exchange.cancel(str(body["accountId"]), name)
        except OrderRejected as error:
            return _no(3, str(error))
        return _yes()

    async def _modify(self, body: dict[str, Any]) -> dict[str, Any]:
        number, account = body["orderId"], str(body["accountId"])
        name = self._newest(number)
        if name is None:
            return _no(2, "order not found")
        old = Draft(self.exchange._book).find(name)
        if old is None or old.request.account != account:
            return _no(2, "order not found")
        new = replace(
            old.request,
            client_order_id=f"{name}~",
            qty=Decimal(body.get("size", old.qty)),
            limit=_dec(body.get("limitPrice", old.request.limit)),
            stop=_dec(body.get("stopPrice", old.request.stop)),
            trail=_dec(body.get("trailPrice", old.request.trail)),
        )
        self._number(new.client_order_id, number, None)
        try:
            await self.exchange.replace(account, name, new)
        except OrderRejected as error:
            del self._ids[new.client_order_id]
            return _no(3, str(error))
        return _yes()

    async def _open_orders(self, body: dict[str, Any]) -> dict[str, Any]:
        if self._hides("/api/Order/searchOpen"):
            return _yes(orders=[])
        try:
            orders = await self.exchange.open_orders(str(body["accountId"]))
        except BrokerUnavailable:
            return _no(1, "account not found")
        return _yes(orders=await self._priced(self._order_rows(orders), orders))

    async def _orders(self, body: dict[str, Any]) -> dict[str, Any]:
        if self._hides("/api/Order/search"):
            return _yes(orders=[])
        try:
            orders = await self.exchange.orders_since(str(body["accountId"]), EPOCH)
        except BrokerUnavailable:
            return _no(1, "account not found")
        first = datetime.fromisoformat(body["startTimestamp"])
        rows = await self._priced(self._order_rows(orders), orders)
        return _yes(orders=[row for row in rows if self._made[row["id"]] >= first])

    async def _priced(
        self, rows: list[dict[str, Any]], orders: list[BrokerOrder]
    ) -> list[dict[str, Any]]:
        """What was paid on average, over all lives of an order."""
        sums: dict[int, tuple[Decimal, Decimal]] = {}
        for order in orders:
            number = self._id_of(order.client_order_id)
            for fill in await self.exchange.fills_of(order.client_order_id):
                qty, cost = sums.get(number, (Decimal(0), Decimal(0)))
                sums[number] = (qty + fill.qty, cost + fill.qty * fill.price)
        for row in rows:
            qty, cost = sums.get(row["id"], (Decimal(0), Decimal(0)))
            row["filledPrice"] = cost / qty if qty else None
        return rows

    def _hides(self, path: str) -> bool:
        if path in self.lost:
            self.lost.remove(path)
            return True
        return False

    def _order_rows(self, orders: list[BrokerOrder]) -> list[dict[str, Any]]:
        rows = {}
        for order in sorted(orders, key=lambda o: len(o.client_order_id)):
            if order.state != "replaced":
                row = self._order_row(order)
                rows[row["id"]] = row
        return [rows[number] for number in sorted(rows)]

    def _order_row(self, order: BrokerOrder) -> dict[str, Any]:
        number = self._id_of(order.client_order_id)
        (leg,) = order.legs
        status = RAW_STATUS.get(order.raw_state, STATUS.get(order.state, 0))
        return {
            "id": number,
            "accountId": int(order.account),
            "contractId": contract_id(leg.instrument),
            "symbolId": f"F.US.{ROOT_IDS.get(leg.instrument.symbol, leg.instrument.symbol)}",
            "creationTimestamp": _iso(self._made[number]),
            "updateTimestamp": _iso(order.updated_at),
            "status": self.status_of.get(number, status),
            "type": CODES[order.type],
            "side": 0 if order.side is Side.BUY else 1,
            "size": int(order.qty),
            "limitPrice": order.limit,
            "stopPrice": order.stop,
            "fillVolume": int(order.filled),
            "filledPrice": None,
            "customTag": self._tags[number],
        }

    def _id_of(self, name: str) -> int:
        """The number of an order, also of one whose stream is faster than its answer."""
        if name not in self._ids:
            base = name.rstrip("~")
            number = self._ids.get(base)
            is_ours = "!" not in name and not name.startswith("NOTAG")
            self._number(name, number, name if is_ours else None)
        return self._ids[name]

    # -- positions and trades -------------------------------------------------------------------

    async def _positions(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            held = await self.exchange.positions(str(body["accountId"]))
        except BrokerUnavailable:
            return _no(1, "account not found")
        return _yes(positions=self._position_rows(str(body["accountId"]), held))

    def _position_rows(self, account: str, all_held: Iterable[Any] = ()) -> list[dict[str, Any]]:
        return [
            {
                "id": 700 + n,
                "accountId": int(account),
                "contractId": contract_id(held.instrument),
                "creationTimestamp": _iso(self.clock.now()),
                "type": 1 if held.qty > 0 else 2,
                "size": int(abs(held.qty)),
                "averagePrice": held.avg_price,
            }
            for n, held in enumerate(all_held or Draft(self.exchange._book).holdings(account))
            if held.qty
        ]

    async def _fills(self, body: dict[str, Any]) -> dict[str, Any]:
        first = datetime.fromisoformat(body.get("startTimestamp", EPOCH.isoformat()))
        try:
            fills = await self.exchange.fills_since(str(body["accountId"]), first)
        except BrokerUnavailable:
            return _no(1, "account not found")
        return _yes(trades=[self._trade_row(fill) for fill in fills])

    def _trade_row(self, fill: BrokerFill) -> dict[str, Any]:
        return {
            "id": self._trades.setdefault(fill.execution_id, len(self._trades) + 5001),
            "accountId": int(fill.account),
            "contractId": contract_id(fill.instrument),
            "creationTimestamp": _iso(fill.executed_at),
            "price": fill.price,
            "profitAndLoss": None,
            "fees": fill.fee_usd,
            "side": 0 if fill.side is Side.BUY else 1,
            "size": int(fill.qty),
            "voided": False,
            "orderId": self._id_of(fill.client_order_id),
        }

    # -- hubs -----------------------------------------------------------------------------------

    def frames(self, event: BrokerEvent) -> list[Any]:
        """What the user hub says; a modified order's lives are one order there."""
        if isinstance(event, OrderSeen):
            name = event.order.client_order_id
            if "~" in name or "!" in name or event.order.state == "replaced":
                self.happened.pop()  # told under names that only the client knows
            if event.order.state == "replaced":
                return []
            row = self._order_row(event.order)
            return [_frame("GatewayUserOrder", {"action": 1, "data": row})]
        if isinstance(event, Filled):
            fill = event.fill
            held = [
                _frame("GatewayUserPosition", {"action": 1, "data": row})
                for row in self._position_rows(fill.account)
            ]
            return [
                _frame("GatewayUserTrade", {"action": 0, "data": self._trade_row(fill)}),
                *held,
            ]
        return []

    async def _user_hub(self, request: web.Request) -> web.StreamResponse:
        return await self._hub(request, is_market=False)

    async def _market_hub(self, request: web.Request) -> web.StreamResponse:
        return await self._hub(request, is_market=True)

    async def _hub(self, request: web.Request, *, is_market: bool) -> web.StreamResponse:
        if request.query.get("access_token") not in self._valid:
            return web.Response(status=401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        pinger = asyncio.create_task(self._ping(socket))
        self.n_open_hubs += 1
        try:
            async for message in socket:
                if message.type is not WSMsgType.TEXT:
                    break
                for text in message.data.split(END):
                    if text:
                        await self._hear(socket, json.loads(text), is_market=is_market)
        finally:
            self.n_open_hubs -= 1
            pinger.cancel()
            self.sockets.discard(socket)
            self._quotes.pop(socket, None)
        return socket

    async def _ping(self, socket: web.WebSocketResponse) -> None:
        while True:
            await self.clock.sleep(15)
            await self.send(socket, {"type": 6})

    async def _hear(
        self, socket: web.WebSocketResponse, record: dict[str, Any], *, is_market: bool
    ) -> None:
        if "protocol" in record:
            is_json = record == {"protocol": "json", "version": 1}
            await self.send(socket, {} if is_json else {"error": "unknown protocol"})
            return
        if record.get("type") != 1:
            return
        target, arguments = record["target"], record["arguments"]
        known = MARKET_CALLS if is_market else USER_CALLS
        wrong = target not in known or len(arguments) != known[target]
        if wrong:
            self.log.violations.append(f"hub: {target} with {len(arguments)} arguments")
        elif target == "SubscribeContractQuotes":
            self._quotes.setdefault(socket, set()).add(arguments[0])
        elif target == "UnsubscribeContractQuotes":
            self._quotes.get(socket, set()).discard(arguments[0])
        elif target == "SubscribeTrades":
            self.sockets.add(socket)  # the last of the four
        if "invocationId" in record:
            answer = {"type": 3, "invocationId": record["invocationId"]}
            await self.send(socket, answer | ({"error": "no such method"} if wrong else {}))

    async def drop_streams(self) -> None:
        """Cut both hubs."""
        quotes, self._quotes = self._quotes, {}
        for socket in quotes:
            await socket.close(code=1012)
        await super().drop_streams()

    async def stop_talking(self) -> None:
        """Say goodbye on every user hub, as the gateway does before it restarts."""
        for socket in tuple(self.sockets):
            await self.send(socket, {"type": 7, "allowReconnect": True})

    def _on_quote(self, quote: Quote) -> None:
        name = contract_id(quote.instrument) if quote.instrument.kind == "future" else ""
        for socket, wanted in self._quotes.items():
            if name in wanted:
                self._tasks.append(asyncio.create_task(self._send_quote(socket, name, quote)))

    async def _send_quote(self, socket: web.WebSocketResponse, name: str, quote: Quote) -> None:
        data = {
            "symbol": f"F.US.{quote.instrument.symbol}",
            "lastPrice": quote.bid,
            "bestBid": quote.bid,
            "bestAsk": quote.ask,
            "change": 0,
            "changePercent": 0,
            "volume": 1,
            "lastUpdated": _iso(quote.exchange_at),
            "timestamp": _iso(quote.exchange_at),
        }
        frame = {"type": 1, "target": "GatewayQuote", "arguments": [name, data]}
        await self.send(socket, frame)


USER_CALLS = {
    "SubscribeAccounts": 0,
    "SubscribeOrders": 1,
    "SubscribePositions": 1,
    "SubscribeTrades": 1,
}
MARKET_CALLS = {"SubscribeContractQuotes": 1, "UnsubscribeContractQuotes": 1}


def contract_id(instrument: Instrument) -> str:
    """The gateway's own name of a contract."""
    assert instrument.expiry is not None
    root = ROOT_IDS.get(instrument.symbol, instrument.symbol)
    code = MONTH_CODES[instrument.expiry.month - 1]
    return f"CON.F.US.{root}.{code}{instrument.expiry:%y}"


def contract_name(instrument: Instrument) -> str:
    """As traders read it, the year by one digit."""
    assert instrument.expiry is not None
    code = MONTH_CODES[instrument.expiry.month - 1]
    return f"{instrument.symbol}{code}{instrument.expiry.year % 10}"


def _yes(**more: Any) -> dict[str, Any]:
    return {**more, "success": True, "errorCode": 0, "errorMessage": None}


def _no(code: int, why: str) -> dict[str, Any]:
    return {"success": False, "errorCode": code, "errorMessage": why}


def _refused(error: OrderRejected) -> dict[str, Any]:
    code = {"unknown_account": 1, "insufficient_buying_power": 3, "contract_expired": 9}
    return _no(code.get(error.code, 2), str(error))


def _frame(target: str, argument: Any) -> dict[str, Any]:
    return {"type": 1, "target": target, "arguments": [argument]}


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _dec(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    raise TypeError(type(value).__name__)


# -- the published interface --------------------------------------------------------------------


def not_published() -> str:
    """Why the published file cannot be asked; empty when it is here."""
    return "" if SPEC.exists() else "the published interface is not on this machine"


@cache
def _published(path: str, part: str) -> Any:
    """The validator of a request or an answer; None without the file. Unknown keys are wrong."""
    if not SPEC.exists():
        return None
    spec = json.loads(SPEC.read_text())
    for definition in spec["definitions"].values():
        if definition.get("type") == "object":
            definition["additionalProperties"] = False
    operation = spec["paths"].get(path, {}).get("post")
    if operation is None:
        return jsonschema_rs.Draft4Validator({"not": {}})
    schema = (
        operation["parameters"][0]["schema"]
        if part == "request"
        else operation["responses"]["200"]["schema"]
    )
    return jsonschema_rs.Draft4Validator({**schema, "definitions": spec["definitions"]})


@cache
def _golden() -> Mapping[str, list[dict[str, Any]]]:
    found: dict[str, list[dict[str, Any]]] = {}
    for name, body in json.loads(GOLDEN.read_text())["requests"].items():
        found.setdefault(name.partition("#")[0], []).append(body)
    return found


MAY = {"/api/Order/place": {"stopPrice"}, "/api/Order/modify": {"size", "limitPrice", "trailPrice"}}
ALSO = {"/api/Contract/available": [{"live": False}]}


def _not_allowed(path: str, body: Any) -> list[str]:
    validator = _published(path, "request")
    if validator is not None:
        return [error.message for error in validator.iter_errors(body)]
    bodies = _golden().get(path, ALSO.get(path, []))
    keys = {key for known in bodies for key in known} | MAY.get(path, set())
    always = set.intersection(*(set(known) for known in bodies)) if bodies else set()
    if path == "/api/Order/modify":
        always = {"accountId", "orderId"}
    if path == "/api/Order/place":
        always -= {"customTag"}
    if not bodies or not isinstance(body, dict):
        return ["not among the bodies that we know"]
    return [f"key {key} is unknown" for key in set(body) - keys] + [
        f"key {key} is missing" for key in always - set(body)
    ]


def _not_sayable(path: str, body: Any) -> list[str]:
    """What the interface does not allow about an answer; null stands for what is left out."""
    validator = _published(path, "answer")
    if validator is None:
        return []
    return [error.message for error in validator.iter_errors(_without_null(body))]


def _without_null(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: _without_null(v) for k, v in value.items() if v is not None}
    if isinstance(value, list):
        return [_without_null(one) for one in value]
    return value
