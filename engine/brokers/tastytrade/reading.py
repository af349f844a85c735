"""What tastytrade is asked: accounts, money, holdings, orders, executions; never half an answer."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from engine.brokers import (
    Absent,
    Adapter,
    Balance,
    BrokerAccount,
    BrokerCaps,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Found,
    Odd,
    Seen,
    Setup,
    Unclear,
)
from engine.brokers._wire.events import Events, changed_by_hand
from engine.brokers._wire.figures import UNREADABLE, once
from engine.brokers._wire.lanes import Lane
from engine.brokers.tastytrade import fills as executions
from engine.brokers.tastytrade import translate
from engine.brokers.tastytrade.book import OVER, Memory, int_or_0
from engine.brokers.tastytrade.login import Login
from engine.brokers.tastytrade.oddities import Oddities
from engine.brokers.tastytrade.symbols import Foreign
from engine.domain.errors import BrokerUnavailable, NotOffered
from engine.market import NEW_YORK

_LOOK_BACK = timedelta(days=90)
"""GTC orders live this long."""
_NO_TRANSACTIONS = (
    "it offers no transactions: fees stay as expected, and nobody tells of expiries, assignments "
    "and executions that are taken back"
)
_NO_ORDERS = "it lists no orders but today's: what became of older ones only a person can tell"
_FIND_PAGES = 8
_LONGEST_CHAIN = 100
_PROOF_BACK = timedelta(days=7)
"""A list that was not read to its end proves absence when it was read this far back."""
_STATUS_AGE_S = 300.0


class Reading(Adapter):
    """The questions of the Broker contract; whoever connects gives it a login and its accounts."""

    caps: BrokerCaps

    def __init__(self, settings: Adapter.Settings, setup: Setup) -> None:
        super().__init__(settings, setup)
        self.is_paper = settings.environment == "paper"
        self._numbers: dict[str, str] = {}
        """Our account name -> the broker's number."""
        self._memory = Memory()
        self._events = Events()
        self._oddities = Oddities(self._events)
        self._login: Login | None = None
        self._statuses: dict[str, tuple[float, Mapping[str, Any]]] = {}

    def _in(self) -> Login:
        if self._login is None:
            raise BrokerUnavailable(f"{self.name} is not connected; nothing was sent")
        return self._login

    def _number(self, account: str) -> str:
        number = self._numbers.get(account)
        if number is None:
            raise BrokerUnavailable(f"{self.name} has no account {account}")
        return number

    async def accounts(self) -> list[BrokerAccount]:
        """All accounts that the login reaches."""
        return await self._reached(self._in())

    async def _reached(self, login: Login) -> list[BrokerAccount]:
        items = login.items_in(await login.ask("/customers/me/accounts"))
        found = []
        for item in items:
            raw = item.get("account", item)
            number = raw.get("account-number") if isinstance(raw, Mapping) else None
            if not isinstance(number, str) or not number:
                raise BrokerUnavailable(f"{self.name} listed an account without a number")
            authority = item.get("authority-level")
            found.append(
                BrokerAccount(
                    number=number,
                    kind=str(raw.get("margin-or-cash") or "").lower(),
                    is_paper=self.is_paper,
                    may_trade=raw.get("is-closed") is not True
                    and authority in (None, "owner", "trade-only"),
                )
            )
        return found

    async def balance(self, account: str) -> Balance:
        """Money as the broker sees it, and what else decides whether it may trade."""
        login, number = self._in(), self._number(account)
        body = await login.ask(f"/accounts/{number}/balances/USD")
        data = body.get("data") if isinstance(body, Mapping) else None
        if not isinstance(data, Mapping):
            raise BrokerUnavailable(f"{self.name} answered no balance")
        status = await self._trading_status(login, number)
        return translate.balance_of(data, account, self.clock.now(), status)

    async def _trading_status(self, login: Login, number: str) -> Mapping[str, Any]:
        known = self._statuses.get(number)
        if known is not None and self.clock.monotonic() - known[0] < _STATUS_AGE_S:
            return known[1]
        kept: Mapping[str, Any] = {} if known is None else known[1]
        try:
            body = await login.ask(f"/accounts/{number}/trading-status")
        except NotOffered:
            body = None
        except BrokerUnavailable:
            return kept
        data = body.get("data") if isinstance(body, Mapping) else None
        status = data if isinstance(data, Mapping) else kept  # what was told and is gone stands
        self._statuses[number] = (self.clock.monotonic(), status)
        return status

    async def positions(self, account: str) -> list[BrokerPosition]:
        """Holdings in what TradeStream trades; what it does not is told once."""
        login, number = self._in(), self._number(account)
        path, asked = f"/accounts/{number}/positions", {"include-marks": "true"}
        items = once(login.items_in(await login.ask(path, asked)))
        found = []
        for item in items:
            try:
                held = translate.position_of(item, account, self.clock.now().date())
            except Foreign as error:
                self._foreign(str(error))
                continue
            except UNREADABLE as error:
                raise BrokerUnavailable(f"{self.name}: a position with {error}") from error
            if held is not None:
                found.append(held)
        return sorted(found, key=lambda p: p.instrument.key)

    async def open_orders(self, account: str) -> list[BrokerOrder]:
        """Working orders."""
        raws = await self._live(account)
        orders = [order for _, order in await self._read(account, raws)]
        return [order for order in orders if order.state not in OVER]

    async def orders_since(self, account: str, since: datetime) -> list[BrokerOrder]:
        """Orders placed or changed since; of older ones those that changed today."""
        raws = await self._raws_since(account, since)
        orders = [order for _, order in await self._read(account, raws)]
        return [o for o in orders if o.state not in OVER or o.updated_at >= since]

    async def fills_since(self, account: str, since: datetime) -> list[BrokerFill]:
        """Executions since, with what they cost as far as the broker has said it."""
        number = self._number(account)
        rows, listed = await asyncio.gather(
            self._transactions(number, since), self._raws_since(account, since)
        )
        raws = {str(raw.get("id")): raw for raw in listed}
        for missing in sorted(executions.order_ids(rows) - raws.keys()):
            older = await self._by_id(number, missing)
            if older is not None:
                raws[missing] = older
        fees = executions.fees_in(rows)
        found = [fill for raw in raws.values() for fill in self._fills_of(raw, account, fees)]
        found = [fill for fill in found if fill.executed_at >= since]
        taken_back = executions.busts(rows, raws, found)
        found = [
            amended
            for fill in found
            for amended in executions.fee_corrections(
                fill, self._memory.told.get(fill.execution_id)
            )
        ]
        found += [*taken_back, *self._ends_since(rows, account, since)]
        return sorted(found, key=_in_order)

    async def _transactions(self, number: str, since: datetime) -> list[dict[str, Any]]:
        """What was booked since; where none is told, orders tell their executions all the same."""
        rows = await self._list(number, "transactions", since, _NO_TRANSACTIONS)
        self.caps = replace(self.caps, tells_ends=rows is not None)
        return rows or []

    async def _list(
        self, number: str, what: str, since: datetime, note: str
    ) -> list[dict[str, Any]] | None:
        asked = {"start-date": _day(since), "sort": "Desc"}
        pages = self._in().pages(f"/accounts/{number}/{what}", asked)
        told = await self._events.told(what, pages, note)
        if told is None:
            return None
        rows, is_whole = told
        if not is_whole:
            raise BrokerUnavailable(f"{self.name}: too many {what} to read whole")
        return rows

    def _fills_of(
        self, raw: Mapping[str, Any], account: str, fees: executions.Fees
    ) -> list[BrokerFill]:
        try:
            return self.fills_in(account, raw, fees)
        except Foreign as error:
            self._foreign(str(error))
        except UNREADABLE as error:
            self._unread(raw, error)
        return []

    def fills_in(
        self, account: str, raw: Mapping[str, Any], fees: executions.Fees = executions.NO_FEES
    ) -> list[BrokerFill]:
        """Executions that an order tells of.

        Raises:
            Unreadable, Foreign.
        """
        name = self._name(raw)
        today, expected = self.clock.now().date(), self._memory.expected.get(name)
        found = executions.order_fills(raw, account, today, expected=expected, fees=fees)
        return [replace(fill, client_order_id=name) for fill in found]

    def _name(self, raw: Mapping[str, Any]) -> str:
        """Our id of an order; empty when it is none of ours.

        One of ours that is listed without it shows that others may be, too: absence is no proof.
        """
        number = str(raw.get("id", ""))
        if raw.get("external-identifier") and number not in self._memory.by_hand:
            return translate.ours(raw)
        name = self._memory.name_of(number)
        if name and number not in self._memory.by_hand:
            self._memory.hides_names = True
        return name

    def recall(self, account: str, client_order_id: str, broker_id: str) -> None:
        """An order from before this login; lists need not say our id."""
        self._memory.recall(client_order_id, broker_id)

    def _ends_since(
        self, rows: list[dict[str, Any]], account: str, since: datetime
    ) -> list[BrokerFill]:
        settled = executions.settled_underlyings(rows)
        found = []
        for row in rows:
            try:
                end = executions.end_of(row, account, self.clock.now().date(), settled)
            except Foreign as error:
                self._foreign(str(error))
            except UNREADABLE as error:
                raise BrokerUnavailable(f"{self.name}: a transaction with {error}") from error
            else:
                found += [end] if end is not None and end.executed_at >= since else []
        return found

    def _foreign(self, what: str) -> None:
        self._oddities.tell(f"held or traded, and not known to TradeStream: {what}", what)

    # -- orders as the broker lists them ---------------------------------------------------------

    async def _live(self, account: str, *, lane: Lane = "read") -> list[dict[str, Any]]:
        """Orders that work, and those that were over today."""
        login, number = self._in(), self._number(account)
        path = f"/accounts/{number}/orders"
        try:
            raws, is_whole = await login.pages(f"{path}/live", {}, lane=lane)
        except NotOffered:  # the list of all holds them too
            since = {"start-date": _day(self.clock.now() - _LOOK_BACK), "sort": "Desc"}
            raws, is_whole = await login.pages(path, since, lane=lane)
        if not is_whole:
            raise BrokerUnavailable(f"{self.name}: too many orders to read whole")
        self._inherit(raws)
        return raws

    def _inherit(self, raws: Iterable[Mapping[str, Any]]) -> None:
        """What somebody made of orders of ours in the app is ours, and new there."""
        listed = {str(raw.get("id")): raw for raw in raws}
        for number in sorted(listed, key=int_or_0):  # what was changed twice in its order
            heir = listed.get(translate.heir_of(listed[number]))
            if heir is not None:
                name = self._name(listed[number])
                self._memory.inherit(name, str(heir.get("id")), translate.ours(heir))

    async def now(self, account: str, raw: Mapping[str, Any]) -> Mapping[str, Any]:
        """What an order of ours is now: changed in tastytrade's app it is another one there.

        Raises:
            BrokerUnavailable.
        """
        for _ in range(_LONGEST_CHAIN):
            number = translate.heir_of(raw)
            if not number or not self._name(raw):
                return raw
            heir = await self._by_id(self._number(account), number)
            name = self._name(raw)
            if heir is None or not self._memory.inherit(name, number, translate.ours(heir)):
                return raw
            raw = heir
        raise BrokerUnavailable(f"{self.name}: a chain of replacements without an end")

    async def _raws_since(self, account: str, since: datetime) -> list[dict[str, Any]]:
        number = self._number(account)
        live, listed = await asyncio.gather(self._live(account), self._listed(number, since))
        raws = _by_id([*live, *listed])
        self._inherit(raws)
        return raws

    async def _listed(self, number: str, since: datetime) -> list[dict[str, Any]]:
        """Orders placed since; where no such list is told, those of today must do."""
        return await self._list(number, "orders", since, _NO_ORDERS) or []

    async def _by_id(
        self, number: str, broker_id: str, *, lane: Lane = "read"
    ) -> dict[str, Any] | None:
        """One order; None when the broker has none of this id."""
        login = self._in()
        answer = await login.asked(f"/accounts/{number}/orders/{broker_id}", lane=lane)
        if answer.status == 404:
            return None
        data = answer.body.get("data") if isinstance(answer.body, Mapping) else None
        if not answer.is_ok or not isinstance(data, dict):
            raise BrokerUnavailable(f"{self.name}: an order could not be read ({answer.status})")
        return data

    async def _read(
        self, account: str, raws: Iterable[Mapping[str, Any]]
    ) -> list[tuple[Mapping[str, Any], BrokerOrder]]:
        """Orders in our words, oldest first; what is foreign is left out and told once."""
        found = []
        for raw in sorted(raws, key=lambda r: int_or_0(str(r.get("id", "")))):
            try:
                found.append((raw, await self.order_in(account, raw)))
            except Foreign as error:
                self._foreign(str(error))
            except UNREADABLE as error:
                self._unread(raw, error)
        heirs = {translate.heir_of(raw) for raw, _ in found} & self._memory.by_hand
        listed = {order.broker_id for _, order in found} & heirs
        # One order, one report: what it was before somebody changed it is over.
        return [one for one in found if translate.heir_of(one[0]) not in listed]

    def _unread(self, raw: Mapping[str, Any], error: Exception) -> None:
        """Take in that an order cannot be read: somebody's by hand hides none of ours.

        Raises:
            BrokerUnavailable: it is ours, so nothing is known.
        """
        if self._name(raw):
            raise BrokerUnavailable(f"{self.name}: an order with {error}") from error
        number = str(raw.get("id") or "without a number")[:20]
        self._foreign(f"order {number}, which is none of ours, with {error}")

    async def order_in(self, account: str, raw: Mapping[str, Any]) -> BrokerOrder:
        """One order in our words, what the orders before it had filled included.

        Raises:
            Unreadable, Foreign; BrokerUnavailable: the order that it replaced cannot be read.
        """
        number = self._number(account)
        carried = await self._carried(number, raw)
        order = translate.order_of(raw, account, self.clock.now(), carried)
        if not raw.get("external-identifier") or order.broker_id in self._memory.by_hand:
            order = self._memory.named(order)
        self._memory.note(number, order)
        if order.broker_id in self._memory.by_hand and order.state not in OVER:
            self._events.warn_once(changed_by_hand(order))
        if translate.is_idle(raw):  # a stop that does not work protects nothing (rules 3.6)
            said = f"order {order.client_order_id or order.broker_id} is {order.raw_state}"
            self._events.tell_once(Odd(note=f"{said}: it may not be at work there", raw=said))
        return order

    async def _carried(self, number: str, raw: Mapping[str, Any]) -> Decimal:
        before = raw.get("replaces-order-id")
        if before in (None, "", 0, "0"):
            return Decimal(0)
        known = self._memory.orders.get(str(before))
        if known is None or known.state not in OVER:  # it may have filled on meanwhile
            older = await self._by_id(number, str(before))
            if older is None:
                return Decimal(0)
            names = {n: name for name, n in self._numbers.items()}
            known = await self.order_in(names[number], older)
        return known.filled

    async def find(self, account: str, client_order_id: str) -> Found:
        """Look one order up: working, over today, then back through what was placed.

        Absent is said only when the list was read to its end, or a week back of it.
        """
        return await self._found(account, client_order_id, "read")

    async def _found(self, account: str, client_order_id: str, lane: Lane) -> Found:
        login, number = self._in(), self._number(account)
        as_of = self.clock.now()
        known = self._memory.by_client_id(number, client_order_id)
        known = known or self._memory.numbers.get(client_order_id)
        if known is not None:
            raw = await self._by_id(number, known, lane=lane)
            if raw is not None and translate.ours(raw) in (client_order_id, ""):
                return await self._seen(account, [raw])
        live = await self._live(account, lane=lane)
        raws = [raw for raw in live if self._name(raw) == client_order_id]
        if raws:
            return await self._seen(account, raws)
        try:
            listed, is_whole = await login.pages(
                f"/accounts/{number}/orders",
                {"start-date": _day(as_of - _LOOK_BACK), "sort": "Desc"},
                lane=lane,
                most=_FIND_PAGES,
            )
        except NotOffered:
            return Unclear()
        raws = [raw for raw in listed if self._name(raw) == client_order_id]
        if raws:
            return await self._seen(account, raws)
        times = [translate.moment(raw.get("received-at")) for raw in listed]
        oldest = min((at for at in times if at is not None), default=as_of)
        is_proof = is_whole or oldest <= as_of - _PROOF_BACK
        if is_proof and not self._memory.hides_names:
            return Absent(as_of=as_of)
        return Unclear()

    async def _seen(self, account: str, raws: list[dict[str, Any]]) -> Found:
        """One order of ours by this id; several are for a person to look at."""
        try:
            found = await asyncio.gather(*(self.now(account, raw) for raw in raws))
            orders = [await self.order_in(account, raw) for raw in _by_id(map(dict, found))]
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self.name}: an order of ours with {error}") from error
        return Seen(order=orders[0]) if len(orders) == 1 else Unclear(candidates=tuple(orders))


def _in_order(fill: BrokerFill) -> tuple[datetime, int, int, bool]:
    """Oldest first; what amends an execution after it."""
    return fill.executed_at, int_or_0(fill.broker_id), fill.leg, bool(fill.of)


def _day(at: datetime) -> str:
    """The broker's day of a moment, New York's, with a day to spare."""
    return (at.astimezone(NEW_YORK) - timedelta(days=1)).date().isoformat()


def _by_id(raws: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Each order once; of two readings the later change counts."""
    found: dict[str, dict[str, Any]] = {}
    for raw in raws:
        key = str(raw.get("id"))
        known = found.get(key)
        if known is None or _changed_at(known) <= _changed_at(raw):
            found[key] = raw
    return list(found.values())


def _changed_at(raw: Mapping[str, Any]) -> float:
    at = translate.moment(raw.get("updated-at"))
    return 0.0 if at is None else at.timestamp()
