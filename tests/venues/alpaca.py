"""Alpaca on loopback: its trading interface and its trade updates, over a real exchange."""

import asyncio
import json
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from aiohttp import WSMsgType, web

from engine.brokers import BrokerEvent, BrokerFill, BrokerOrder, Filled, OrderRequest, OrderSeen
from engine.brokers import Seen as Found
from engine.domain.errors import OrderRejected
from engine.domain.instrument import Instrument, crypto, option, stock
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from tests.venues import alpaca_words as words
from tests.venues.venue import Seen, Venue

D = Decimal
KEY, SECRET = "PKCANARY0000ALPACA", "canary-secret-of-alpaca"
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
KINDS = {"trailing_stop": OrderType.TRAILING}


class Refused(Exception):
    """A refusal of Alpaca's: status, code, sentence."""

    def __init__(self, status: int, code: int, message: str, **more: str) -> None:
        super().__init__(message)
        self.status, self.body = status, {"code": code, "message": message, **more}


@dataclass
class Asked:
    """What was sent for one order, and what Alpaca made of it."""

    body: dict[str, Any]
    created_at: datetime
    replaces: str = ""
    replaced_by: str = ""
    carried: Decimal = field(default_factory=Decimal)
    children: list[OrderRequest] = field(default_factory=list)
    """Of a bracket: sent to the market once the whole entry is filled."""


class AlpacaVenue(Venue):
    """One account behind one key."""

    name = "alpaca"

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        settings = args[2] if len(args) > 2 else more["settings"]
        self.number = next(iter(settings.start_cash_usd))
        self.asked: dict[str, Asked] = {}
        self.ids: dict[str, str] = {}
        """Alpaca's id -> client id; of a leg too."""
        self.facts: dict[str, Any] = {}
        """Laid over the account's answer."""
        self.page = 500
        self.sent_fills: set[str] = set()
        """Executions that went out on the stream since it was last subscribed to."""
        self._counted: dict[str, Decimal] = {}
        self._seen: dict[str, BrokerOrder] = {}
        self._held_back: dict[str, BrokerOrder] = {}

    # -- the outside ----------------------------------------------------------------------------

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/v2/account", self._said("_get_account"))
        app.router.add_get("/v2/positions", self._said("_get_positions"))
        app.router.add_get("/v2/account/activities", self._said("_get_activities"))
        app.router.add_get("/v2/orders:by_client_order_id", self._said("_get_by_client"))
        app.router.add_get("/v2/orders", self._said("_get_orders"))
        app.router.add_post("/v2/orders", self._said("_post_order"))
        app.router.add_get("/v2/orders/{id}", self._said("_get_order"))
        app.router.add_patch("/v2/orders/{id}", self._said("_patch_order"))
        app.router.add_delete("/v2/orders/{id}", self._said("_delete_order"))
        app.router.add_get("/v2/stocks/quotes/latest", self._said("_get_quote"))
        app.router.add_get("/stream", self._stream)

    def acts(self, request: web.Request) -> bool:
        return request.method in ("POST", "PATCH", "DELETE")

    def check(self, seen: Seen) -> list[str]:
        return words.violations(seen, KEY)

    def odd_frame(self) -> Any:
        return {"stream": "trade_updates", "data": {"event": "beamed_up", "order": {"id": "x"}}}

    async def send(self, socket: web.WebSocketResponse, frame: Any) -> None:
        """The paper side sends binary frames."""
        await socket.send_bytes(json.dumps(frame).encode())
        data = frame.get("data") if isinstance(frame, dict) else None
        is_fill = isinstance(data, dict) and data.get("event") in ("fill", "partial_fill")
        if is_fill and isinstance(data.get("order"), dict) and not data["order"]["legs"]:
            self.sent_fills.add(data["execution_id"])

    def _said(self, name: str) -> Any:
        async def answer(request: web.Request) -> web.Response:
            if (
                request.headers.get("APCA-API-KEY-ID") != KEY
                or request.headers.get("APCA-API-SECRET-KEY") != SECRET
            ):
                body = {"code": 40110000, "message": "request is not authorized"}
                return web.json_response(body, status=401)
            try:
                said = await getattr(self, name)(request)
            except Refused as refusal:
                return web.json_response(refusal.body, status=refusal.status)
            except OrderRejected as error:
                return web.json_response(_refusal(error), status=_status(error))
            limits = {"X-RateLimit-Limit": "200", "X-RateLimit-Remaining": "199"}
            if said is None:
                return web.Response(status=204, headers=limits)
            return web.json_response(said, headers=limits)

        return answer

    # -- reading --------------------------------------------------------------------------------

    async def _get_account(self, _: web.Request) -> Any:
        money = await self.exchange.balance(self.number)
        return {
            "id": words.uid("account"),
            "account_number": self.number,
            "status": "ACTIVE",
            "crypto_status": "ACTIVE",
            "currency": "USD",
            "cash": words.text(money.cash_usd),
            "buying_power": words.text(money.buying_power_usd),
            "options_buying_power": words.text(money.buying_power_usd),
            "equity": words.text(money.cash_usd),
            "multiplier": "1",
            "options_trading_level": 3,
            "trading_blocked": False,
            "account_blocked": False,
            "trade_suspended_by_user": False,
            "shorting_enabled": True,
            "daytrade_count": 0,
            **self.facts,
        }

    async def _get_positions(self, _: web.Request) -> Any:
        return [words.position(held) for held in await self.exchange.positions(self.number)]

    async def _get_quote(self, request: web.Request) -> Any:
        name = request.query["symbols"]
        said = {"ap": 600.1, "as": 1, "bp": 600, "bs": 2, "t": words.stamp(self.clock.now())}
        return {"quotes": {name: said}}

    async def _get_activities(self, request: web.Request) -> Any:
        wanted = set(request.query["activity_types"].split(","))
        after = _time(request.query["after"])
        rows = [r for r in await self._rows() if r["activity_type"] in wanted]
        rows = [r for r in rows if _time(r.get("transaction_time") or r["created_at"]) > after]
        token, size = request.query.get("page_token"), int(request.query["page_size"])
        if token is not None:
            rows = rows[[r["id"] for r in rows].index(token) + 1 :]
        return rows[:size]

    async def _rows(self) -> list[dict[str, Any]]:
        rows, cum = [], dict[str, Decimal]()
        for fill in await self.exchange.fills_since(self.number, LONG_AGO):
            if fill.kind != "fill":
                rows.append(words.end(fill))
                continue
            order_id = self._order_id(fill)
            cum[order_id] = cum.get(order_id, D(0)) + fill.qty
            whole = await self._found(fill.client_order_id)
            ratio = abs(whole.legs[fill.leg].ratio)
            carried = self.asked[fill.client_order_id].carried
            leaves = (whole.qty - carried) * ratio - cum[order_id]
            rows.append(words.activity(fill, order_id, cum[order_id], leaves))
        return rows

    def _order_id(self, fill: BrokerFill) -> str:
        is_leg = self.asked[fill.client_order_id].body.get("order_class") == "mleg"
        parts = (fill.client_order_id, "leg", fill.leg) if is_leg else (fill.client_order_id,)
        return words.uid(*parts)

    async def _get_by_client(self, request: web.Request) -> Any:
        return await self._json(request.query["client_order_id"])

    async def _get_order(self, request: web.Request) -> Any:
        order_id = request.match_info["id"]
        name = self._name(order_id)
        said = await self._json(name, is_nested=True)
        if said["id"] != order_id:  # one leg of a spread
            return next(leg for leg in said["legs"] if leg["id"] == order_id)
        return said if request.query.get("nested") == "true" else said | {"legs": None}

    async def _get_orders(self, request: web.Request) -> Any:
        query = request.query
        is_nested = query.get("nested") == "true"
        below = {c.client_order_id for a in self.asked.values() for c in a.children}
        said = []
        for name, asked in sorted(self.asked.items(), key=lambda item: item[1].created_at):
            if "after" in query and asked.created_at <= _time(query["after"]):
                continue
            if is_nested and name in below:
                continue
            one = await self._json(name, is_nested=True)
            said.append(one if is_nested else one | {"legs": None})
            if one["order_class"] == "mleg" and not is_nested:
                said += one["legs"]
        over = ("filled", "canceled", "expired", "rejected", "replaced")
        if query.get("status", "open") != "all":
            is_open = query.get("status", "open") == "open"
            said = [one for one in said if (one["status"] not in over) == is_open]
        if query.get("direction", "desc") == "desc":
            said.reverse()
        return said[: min(int(query.get("limit", "50")), self.page)]

    # -- orders in Alpaca's words -----------------------------------------------------------------

    def _name(self, order_id: str) -> str:
        if order_id not in self.ids:
            raise Refused(404, 40410000, f"order not found for {order_id}")
        return self.ids[order_id]

    async def _found(self, name: str) -> BrokerOrder:
        if name in self._held_back:
            return self._held_back[name]
        found = await self.exchange.find(self.number, name)
        if name not in self.asked or not isinstance(found, Found):
            raise Refused(404, 40410000, "order not found")
        return found.order

    async def _json(self, name: str, *, is_nested: bool = False, status: str = "") -> Any:
        return self._order(
            await self._found(name),
            [f for n in self._family(name) for f in await self.exchange.fills_of(n)],
            is_nested=is_nested,
            status=status,
        )

    def _family(self, name: str) -> list[str]:
        """An order and what hangs on it."""
        return [name, *(c.client_order_id for c in self.asked[name].children)]

    def _order(
        self,
        seen: BrokerOrder,
        fills: Iterable[BrokerFill],
        *,
        is_nested: bool = True,
        status: str = "",
    ) -> dict[str, Any]:
        asked = self.asked[seen.client_order_id]
        mine = [f for f in fills if f.client_order_id == seen.client_order_id]
        legs = asked.body.get("legs") or []
        prices = [_average([f for f in mine if f.leg == n]) for n in range(max(len(legs), 1))]
        said = words.order(
            seen,
            asked.body,
            carried=asked.carried,
            created_at=asked.created_at,
            replaces=asked.replaces or None,
            replaced_by=asked.replaced_by or None,
            status=status or _status_of(seen),
            price=None if legs else prices[0],
        )
        if legs:
            said["legs"] = [words.leg(said, one, n, prices[n]) for n, one in enumerate(legs)]
        elif is_nested and asked.children:
            below = [self._seen.get(c.client_order_id) for c in asked.children]
            said["legs"] = [self._order(one, fills) for one in below if one is not None]
        return said

    # -- acting ---------------------------------------------------------------------------------

    async def _post_order(self, request: web.Request) -> Any:
        body = await request.json()
        name = body.get("client_order_id") or words.uid("made", len(self.asked))
        if name in self.asked:
            raise Refused(422, 40010001, "client_order_id must be unique")
        asked = self._request(name, body)
        _check_terms(asked, body)
        await self._check_held(asked, body)
        self._keep(name, body, asked.attached)
        try:
            await self.exchange.submit(replace(asked, attached=()))
        except OrderRejected:
            del self.asked[name]
            raise
        if body.get("order_class") == "oco":
            for child in asked.attached:
                del self._held_back[child.client_order_id]
                await self.exchange.submit(child)
        return await self._json(name, is_nested=True, status="pending_new")

    def _keep(self, name: str, body: dict[str, Any], children: Iterable[OrderRequest]) -> Asked:
        kept = Asked(body, self.clock.now(), children=list(children))
        self.asked[name] = kept
        self.ids[words.uid(name)] = name
        for n in range(len(body.get("legs") or [])):
            self.ids[words.uid(name, "leg", n)] = name
        for child in kept.children:
            key = child.client_order_id
            part = {
                "symbol": body["symbol"],
                "side": child.side.value,
                "type": words.TYPES[child.type],
                "time_in_force": body["time_in_force"],
                "order_class": body["order_class"],
            }
            prices = {"limit_price": words.text(child.limit), "stop_price": words.text(child.stop)}
            self._keep(key, part | {k: v for k, v in prices.items() if v is not None}, ())
            self._held_back[key] = self._seen[key] = _waiting(child, self.clock.now())
        return kept

    def _request(self, name: str, body: dict[str, Any]) -> OrderRequest:
        legs = body.get("legs")
        is_pair = body.get("order_class") == "oco"
        common: dict[str, Any] = {
            "client_order_id": name,
            "account": self.number,
            "qty": _decimal(body, "qty"),
            "tif": Tif(body["time_in_force"]),
        }
        if legs:
            unit = tuple(
                Leg(
                    instrument=_instrument(leg["symbol"]),
                    ratio=int(leg["ratio_qty"]) * Side(leg["side"]).sign,
                )
                for leg in legs
            )
            price = body.get("limit_price")
            kind = OrderType(body["type"])
            limit = None if price is None else D(price)
            return OrderRequest(side=Side.BUY, legs=unit, type=kind, limit=limit, **common)
        one = (Leg(instrument=_instrument(body["symbol"])),)
        side = Side(body["side"])
        return OrderRequest(
            side=side,
            legs=one,
            type=KINDS.get(body["type"]) or OrderType(body["type"]),
            limit=_decimal(body["take_profit"] if is_pair else body, "limit_price"),
            stop=_decimal(body, "stop_price"),
            trail=_decimal(body, "trail_price"),
            oco_group=f"bracket {name}" if is_pair else None,
            attached=tuple(_children(body, name, side, one, common)),
            **common,
        )

    async def _check_held(self, asked: OrderRequest, body: dict[str, Any]) -> None:
        """Working exits hold their units; what closes must have something to close."""
        if len(asked.legs) > 1:
            return
        key = asked.legs[0].instrument
        held = sum(p.qty for p in await self.exchange.positions(self.number) if p.instrument == key)
        is_closing = held * asked.side.sign < 0
        if body.get("position_intent", "").endswith("_to_close") and not is_closing:
            raise Refused(
                422,
                42210000,
                f"position intent mismatch, inferred: {asked.side.value}_to_open, specified: "
                f"{body['position_intent']}",
            )
        if not is_closing or (held < 0 and "position_intent" not in body):
            return
        live = await self.exchange.open_orders(self.number)
        bound = sum(o.qty - o.filled for o in live if o.legs == asked.legs and o.side is asked.side)
        free = abs(held) - bound
        if asked.qty > free and (held > 0 or body["position_intent"].endswith("_to_close")):
            raise Refused(
                403,
                40310000,
                f"insufficient qty available for order (requested: {asked.qty}, available: {free})",
                available=str(free),
                existing_qty=str(abs(held)),
                held_for_orders=str(bound),
            )

    async def by_hand(self, order_id: str, **changes: str) -> str:
        """A person changes an order in Alpaca's own app; the id of the new one."""
        said = await self._patch(order_id, changes)
        return str(said["id"])

    async def _patch_order(self, request: web.Request) -> Any:
        return await self._patch(request.match_info["id"], await request.json())

    async def _patch(self, order_id: str, body: dict[str, Any]) -> Any:
        old_name = self._name(order_id)
        old, was = await self._found(old_name), self.asked[old_name]
        status = _status_of(old)
        if status not in ("new", "partially_filled", "held"):
            raise Refused(422, 42210000, f"cannot replace order in {status} status")
        name = body.get("client_order_id") or words.uid("made", len(self.asked))
        if name in self.asked:
            raise Refused(422, 40010001, "client_order_id must be unique")
        if "trail" in body:
            body["trail_price"] = body.pop("trail")
        merged = was.body | body
        qty = _decimal(body, "qty")
        own = old.qty - was.carried if qty is None else qty
        new = replace(self._request(name, merged | {"qty": str(own)}), attached=())
        if old_name in self._held_back:
            return self._replace_held(old_name, name, new, merged)
        await self.exchange.replace(self.number, old_name, replace(new, qty=own + old.filled))
        kept = self._keep(name, merged, ())
        kept.carried, kept.replaces = old.filled, words.uid(old_name)
        kept.children, was.children = was.children, []
        was.replaced_by = words.uid(name)
        return await self._json(name, is_nested=True)

    def _replace_held(
        self, old_name: str, name: str, new: OrderRequest, body: dict[str, Any]
    ) -> Any:
        """A bracket's child that waits for its entry."""
        for parent in self.asked.values():
            for n, child in enumerate(parent.children):
                if child.client_order_id == old_name:
                    parent.children[n] = replace(new, oco_group=child.oco_group)
        over = replace(self._held_back[old_name], state="replaced", raw_state="replaced")
        self._held_back[old_name] = self._seen[old_name] = over
        kept = self._keep(name, body, ())
        kept.replaces, self.asked[old_name].replaced_by = words.uid(old_name), words.uid(name)
        self._held_back[name] = self._seen[name] = _waiting(new, self.clock.now())
        return self._order(self._seen[name], ())

    async def _delete_order(self, request: web.Request) -> Any:
        name = self._name(request.match_info["id"])
        seen = await self._found(name)
        if _status_of(seen) == "pending_cancel":
            raise Refused(422, 42210000, "order is pending cancel")
        if seen.state not in ("accepted", "partial"):
            raise Refused(422, 42210000, f'order is already in "{_status_of(seen)}" state')
        await self.exchange.cancel(self.number, name)

    # -- the stream -----------------------------------------------------------------------------

    async def _stream(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                break
            said = json.loads(message.data)
            data = said["data"]
            if said["action"] == "authenticate":
                is_known = (data["key_id"], data["secret_key"]) == (KEY, SECRET)
                status = "authorized" if is_known else "unauthorized"
                told = {"action": "authenticate", "status": status}
                await self.send(socket, {"stream": "authorization", "data": told})
            elif said["action"] == "listen":
                self.sent_fills.clear()
                self.sockets.add(socket)
                await self.send(socket, {"stream": "listening", "data": data})
        self.sockets.discard(socket)
        return socket

    def frames(self, event: BrokerEvent) -> list[Any]:
        if isinstance(event, Filled):
            return self._filled(event.fill)
        assert isinstance(event, OrderSeen)
        seen = event.order
        self._seen[seen.client_order_id] = seen
        asked = self.asked.get(seen.client_order_id)
        if asked is None:
            return []
        if seen.state in ("filled", "canceled", "expired", "rejected") and asked.children:
            self._tasks.append(asyncio.create_task(self._release(seen, asked)))
        if seen.state in ("partial", "filled"):
            return []  # told as the execution that it was
        name = "new" if seen.state == "accepted" else seen.state
        return [self._update(name, self._order(seen, ()))]

    def _filled(self, fill: BrokerFill) -> list[Any]:
        name = fill.client_order_id
        asked, seen = self.asked.get(name), self._seen.get(name)
        if asked is None or seen is None:
            return []  # an option's end is in the activities alone
        n_legs = len(seen.legs)
        if fill.leg < n_legs - 1:
            return []  # a spread is told as a whole
        units = fill.qty / abs(seen.legs[fill.leg].ratio)
        cum = self._counted.get(name, asked.carried) + units
        self._counted[name] = cum
        is_whole = cum >= seen.qty
        now = replace(
            seen,
            filled=cum,
            state="filled" if is_whole else "partial",
            raw_state="",
            updated_at=fill.executed_at,
        )
        said = self._order(now, (fill,))
        return [
            self._update(
                "fill" if is_whole else "partial_fill",
                said,
                execution_id=words.uid(fill.execution_id),
                price=words.text(fill.price),
                qty=words.text(units),
                position_qty=words.text(cum),
                timestamp=words.stamp(fill.executed_at),
            )
        ]

    def _update(self, event: str, order: dict[str, Any], **more: Any) -> Any:
        more.setdefault("timestamp", words.stamp(self.clock.now()))
        more.setdefault("execution_id", words.uid(order["id"], event, order["updated_at"]))
        return {"stream": "trade_updates", "data": {"event": event, "order": order, **more}}

    async def _release(self, parent: BrokerOrder, asked: Asked) -> None:
        """Children go to the market when the whole entry is filled, and with it when it is not."""
        for child in asked.children:
            held = self._held_back.pop(child.client_order_id, None)
            if held is None:
                continue
            if parent.state == "filled":
                await self.exchange.submit(child)
            else:
                gone = replace(held, state="canceled", raw_state="", updated_at=parent.updated_at)
                self._held_back[child.client_order_id] = self._seen[child.client_order_id] = gone
                await self._broadcast(self._update("canceled", self._order(gone, ())))


# -- small parts ------------------------------------------------------------------------------


def _children(
    body: dict[str, Any], name: str, side: Side, legs: tuple[Leg, ...], common: dict[str, Any]
) -> Iterable[OrderRequest]:
    for key, kind in (("take_profit", OrderType.LIMIT), ("stop_loss", OrderType.STOP)):
        part = body.get(key)
        is_pair = body["order_class"] == "oco" if part else False
        if part is None or (is_pair and key == "take_profit"):
            continue
        limit, stop = _decimal(part, "limit_price"), _decimal(part, "stop_price")
        is_limited = key == "stop_loss" and limit is not None
        more = common | {"client_order_id": words.uid(name, key)}
        yield OrderRequest(
            side=side if is_pair else side.opposite,
            legs=legs,
            type=OrderType.STOP_LIMIT if is_limited else kind,
            limit=limit,
            stop=stop,
            oco_group=f"bracket {name}",
            **more,
        )


def _waiting(request: OrderRequest, now: datetime) -> BrokerOrder:
    return BrokerOrder(
        client_order_id=request.client_order_id,
        broker_id=words.uid(request.client_order_id),
        account=request.account,
        state="accepted",
        side=request.side,
        legs=request.legs,
        qty=request.qty,
        filled=D(0),
        type=request.type,
        limit=request.limit,
        stop=request.stop,
        updated_at=now,
        raw_state="held",
    )


def _check_terms(asked: OrderRequest, body: dict[str, Any]) -> None:
    kinds = {leg.instrument.kind for leg in asked.legs}
    if "option" in kinds and body["time_in_force"] != "day":
        raise Refused(422, 42210000, "options orders must be of time in force day")
    if "crypto" in kinds and body["time_in_force"] != "gtc":
        raise Refused(422, 42210000, "crypto orders must be of time in force gtc or ioc")
    if len(asked.legs) > 1 and body["type"] not in ("market", "limit"):
        raise Refused(422, 42210000, "mleg orders are market or limit")
    if kinds != {"stock"} and body.get("order_class") in ("bracket", "oto", "oco"):
        raise Refused(422, 42210000, "complex orders not supported for this asset class")


def _status_of(seen: BrokerOrder) -> str:
    if seen.state in ("accepted", "partial") and seen.raw_state in ("pending_cancel", "held"):
        return seen.raw_state
    return words.STATES[seen.state]


def _refusal(error: OrderRejected) -> dict[str, Any]:
    code = 40310000 if _status(error) == 403 else 42210000
    return {"code": code, "message": str(error).partition(": ")[2]}


def _status(error: OrderRejected) -> int:
    return 403 if "buying_power" in error.code else 422


def _average(fills: list[BrokerFill]) -> Decimal | None:
    qty = sum((f.qty for f in fills), D(0))
    return sum((f.price * f.qty for f in fills), D(0)) / qty if qty else None


def _decimal(body: dict[str, Any], name: str) -> Any:
    return D(body[name]) if body.get(name) is not None else None


def _instrument(symbol: str) -> Instrument:
    if "/" in symbol:
        return crypto(*symbol.split("/"))
    if len(symbol) > 15:
        root, rest = symbol[:-15], symbol[-15:]
        day = datetime.strptime(rest[:6], "%y%m%d").replace(tzinfo=UTC).date()
        return option(root, day, D(int(rest[7:])) / 1000, "C" if rest[6] == "C" else "P")
    return stock(symbol)


def _time(said: str) -> datetime:
    return datetime.fromisoformat(said)
