"""The user hub: orders, trades, positions and accounts as they change."""

import json
import re
from collections.abc import Callable
from typing import Any

from engine.brokers import (
    BalanceSeen,
    Filled,
    OrderSeen,
    PositionSeen,
)
from engine.brokers import Odd as OddEvent
from engine.brokers._wire.events import Events
from engine.brokers._wire.figures import UNREADABLE
from engine.brokers.topstepx.books import Books, Row
from engine.brokers.topstepx.signalr import Call, Hub, Odd, unwrapped
from engine.brokers.topstepx.translate import balance_of, position_of, tidy
from engine.domain.errors import BrokerAuthError, BrokerUnavailable

_SUBSCRIPTIONS = ("SubscribeOrders", "SubscribePositions", "SubscribeTrades")
_GONE = 2
_MOST_KNOWN = 20_000
_DIGITS = re.compile(r"\d{4,}")


class Stream:
    """Listens at the hub and tells the desk."""

    def __init__(self, books: Books, events: Events, url: str) -> None:
        self._books, self._events, self._url = books, events, url
        self._told: dict[int, str] = {}
        """Order id -> the name it was last told by."""

    async def session(self, is_up: Callable[[], None]) -> None:
        """One connection, from the hello to its end.

        Raises:
            BrokerUnavailable, BrokerAuthError: no connection.
        """
        api = self._books.api
        if not api.token:
            await api.login()
        hub = Hub(api.wire.session(), self._url, api.clock)
        used = api.token
        try:
            await hub.open(used)
            numbers = self._books.numbers.values()
            each = [(what, number) for number in numbers for what in _SUBSCRIPTIONS]
            await hub.subscribe([("SubscribeAccounts",), *each])
            is_up()
            async for call in hub.calls():
                await self.heard(call)
        except BrokerAuthError:
            await api.login(unlike=used)
            raise
        finally:
            await hub.close()

    async def heard(self, call: Call | Odd) -> None:
        """Take one message in; what cannot be read is put aside and the stream lives on."""
        if isinstance(call, Odd):
            self._odd("a message that is none", call.raw)
            return
        hear = _HEARD.get(call.target)
        if hear is None:
            self._odd(f"something new: {call.target}", call.arguments)
            return
        rows = list(unwrapped(list(call.arguments)))
        if not rows:
            self._odd(f"{call.target} about nothing", call.arguments)
        for row, action in rows:
            try:
                await hear(self, tidy(row), action)
            except (BrokerUnavailable, BrokerAuthError, *UNREADABLE) as error:
                self._odd(f"{call.target}: {_scrubbed(str(error))}", row)

    async def _order(self, row: Row, action: int | None) -> None:
        del action  # an order that is gone from their list has a status that says why
        account = self._books.account(row["accountId"])
        if account is None:
            return
        (row,) = await self._books.learn([row])
        self.tell(row["id"], await self._books.reports(account, row))

    def tell(self, order_id: int, reports: list[Any]) -> None:
        """Put an order out; the lives that it has left since it was last told of go first."""
        known = self._told.get(order_id)
        names = [report.client_order_id for report in reports]
        first = names.index(known) if known in names else 0
        for report in reports[first:]:
            self._events.tell(OrderSeen(order=report))
        self._told[order_id] = reports[-1].client_order_id
        if len(self._told) > _MOST_KNOWN:
            self._told.pop(next(iter(self._told)))

    async def _trade(self, row: Row, action: int | None) -> None:
        del action
        account = self._books.account(row["accountId"])
        if account is not None:
            self._events.tell(Filled(fill=await self._books.fill(account, row)))

    async def _position(self, row: Row, action: int | None) -> None:
        account = self._books.account(row["accountId"])
        if account is None:
            return
        contract = await self._books.contracts.by_id(str(row["contractId"]))
        position = position_of(
            row, account=account, instrument=contract.instrument, is_gone=action == _GONE
        )
        self._events.tell(PositionSeen(position=position))

    async def _account(self, row: Row, action: int | None) -> None:
        account = self._books.account(row["id"])
        if account is not None and action != _GONE:
            now = self._books.clock.now()
            balance = balance_of(row, account=account, as_of=now)
            self._events.tell(BalanceSeen(balance=balance))

    def _odd(self, note: str, raw: object) -> None:
        text = raw if isinstance(raw, str) else json.dumps(raw, default=str)
        self._events.tell(OddEvent(note=note[:200], raw=_scrubbed(text)[:500]))


_HEARD = {
    "GatewayUserOrder": Stream._order,
    "GatewayUserTrade": Stream._trade,
    "GatewayUserPosition": Stream._position,
    "GatewayUserAccount": Stream._account,
}


def _scrubbed(text: str) -> str:
    """Account numbers, tokens and ids out."""
    return _DIGITS.sub("#", text)
