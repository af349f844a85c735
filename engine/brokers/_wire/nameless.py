"""Brokers that never tell our ids: lists read row by row, our orders known by what was sent."""

import asyncio
from abc import abstractmethod
from collections.abc import AsyncIterator, Callable, Collection, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, TypeVar

from engine.asking import Rank, asking
from engine.brokers import (
    Absent,
    Adapter,
    BrokerEvent,
    BrokerOrder,
    Caps,
    Found,
    Odd,
    OrderRequest,
    OrderSeen,
    Seen,
    Setup,
    Unclear,
)
from engine.brokers._wire.events import Events, changed_by_hand
from engine.brokers._wire.figures import UNREADABLE, Json
from engine.brokers._wire.lanes import Lane
from engine.brokers._wire.sent import OVER, Entry, Listed, Sent
from engine.domain.errors import (
    BrokerAuthError,
    BrokerUnavailable,
    OrderRejected,
    OrderStateUnknown,
    TradeStreamError,
)
from engine.domain.order import OrderType, Tif

T = TypeVar("T")

_DENIED_S = 2.0
"""An order that was denied is looked for so long: an exit waits to be sent anew."""
PLAIN = (OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT)


def caps(*types: OrderType, max_legs: int = 1) -> Caps:
    """For the day or until cancelled; a change is a cancellation and a new order."""
    return Caps(
        order_types=frozenset(types),
        tifs=frozenset({Tif.DAY, Tif.GTC}),
        max_legs=max_legs,
        has_replace=False,  # how a change counts what was filled before is not documented
    )


def lane(request: OrderRequest) -> Lane:
    """What gets out of a position goes before what gets into one."""
    return "exit" if request.reduces else "order"


def accepted(request: OrderRequest, broker_id: str, at: datetime, raw_state: str) -> BrokerOrder:
    """The order as it was asked for, taken and not filled; ``raw_state`` in the broker's word."""
    return BrokerOrder(
        client_order_id=request.client_order_id,
        broker_id=broker_id,
        account=request.account,
        state="accepted",
        side=request.side,
        legs=request.legs,
        qty=request.qty,
        filled=Decimal(0),
        type=request.type,
        limit=request.limit,
        stop=request.stop,
        updated_at=at,
        raw_state=raw_state,
    )


@dataclass(slots=True)
class OrderList:
    """Orders as listed; ``is_whole``: every one of them could be read."""

    listed: list[Listed] = field(default_factory=list)
    rows: dict[str, Json] = field(default_factory=dict)
    is_whole: bool = True
    is_cut: bool = False
    """Read only as far as the order that was looked for."""
    n_pages: int = 0


class Lists:
    """Reads orders row by row; what cannot be read is told once."""

    def __init__(
        self, name: str, sent: Sent, events: Events, read: Callable[[str, Json], Listed]
    ) -> None:
        """``read``: our account name and a row -> the order, without our id."""
        self._name, self._sent, self._events, self._read = name, sent, events, read

    def take(self, account: str, row: Json, found: OrderList) -> None:
        """Put one order on the list.

        Raises:
            BrokerUnavailable: it is ours and cannot be read.
        """
        try:
            one = self._read(account, row)
        except UNREADABLE as error:
            self._not_read(row, error, found)
            return
        if found.rows.get(one.order.broker_id) == row:
            return  # listed twice
        found.listed.append(one)
        found.rows[one.order.broker_id] = row
        if one.order.state == "unknown":
            said = f"order {one.order.broker_id} has the status {one.order.raw_state[:30]!r}"
            self._tell(said)

    def executions(self, order: BrokerOrder, read: Callable[[], T]) -> T | None:
        """What is read of those of one order; None where it is a stranger's that cannot be.

        Raises:
            BrokerUnavailable: it is ours.
        """
        try:
            return read()
        except UNREADABLE as error:
            what = f"executions of order {order.broker_id} cannot be read"
            if order.client_order_id:
                raise BrokerUnavailable(f"{self._name}: {what}") from error
            self._tell(what)
            return None

    def _not_read(self, row: Any, error: Exception, found: OrderList) -> None:
        """One of another kind is none of ours; the list is not whole without it, though."""
        found.is_whole = False
        number = str(row.get("orderId", "")) if isinstance(row, Mapping) else ""
        if self._sent.is_ours(number):
            raise BrokerUnavailable(f"{self._name}: order {number} cannot be read") from error
        self._tell(f"order {number} is of a kind we do not know ({error})")

    def _tell(self, note: str) -> None:
        self._events.tell_once(Odd(note=note, raw=f"{self._name}: {note}"))

    async def named(self, account: str, listed: list[Listed]) -> list[BrokerOrder]:
        """The orders, ours under our ids."""
        await self._sent.match(account, listed)
        for order in self._sent.changed(account, listed):
            self._events.warn_once(changed_by_hand(order))
        return self._sent.known(account, listed)


class Nameless(Adapter):
    """A login at such a broker: orders are written down first, and found by what they are."""

    house: ClassVar[str]
    """The broker as people call it."""
    days_back: ClassVar[int]
    """An order is looked for in what is listed since so many days before it was sent."""
    _sent: Sent
    _events: Events

    def __init__(self, settings: Any, setup: Setup) -> None:
        super().__init__(settings, setup)
        self._shown: dict[str, tuple[str, Decimal]] = {}
        """Broker's number -> state and what is filled, as told of a list that another was
        looked for in."""

    def _chosen(self, may_trade: Collection[str], reached: Collection[str]) -> dict[str, str]:
        """Our account name -> the broker's number of it.

        Raises:
            BrokerAuthError: the login does not reach it, or several and none is named, or two of
                ours are one.
        """
        found = {}
        for name, number in self.setup.accounts.items():
            if number is None and len(may_trade) != 1:
                raise BrokerAuthError(
                    f"{self.name}: the login reaches {len(may_trade)} accounts that may trade; "
                    f"name the number of {name} (TS_ACCOUNT_{name.upper()})"
                )
            wanted = next(iter(may_trade)) if number is None else number
            if wanted not in may_trade or wanted not in reached:
                raise BrokerAuthError(
                    f"{self.name}: the login reaches no open account …{wanted[-3:]} for {name}"
                )
            found[name] = wanted
        if len(set(found.values())) < len(found):
            raise BrokerAuthError(f"{self.name}: two of our accounts are one at the broker")
        return found

    @abstractmethod
    async def _recent(self, account: str, since: datetime, until: str = "") -> OrderList:
        """Orders entered since, and since the oldest live one of ours.

        ``until``: the broker's number of the only one that is wanted; the rest may be left unread.

        Raises:
            BrokerUnavailable: the list could not be read whole.
        """

    async def find(self, account: str, client_order_id: str) -> Found:
        """Look for an order by what it is: the broker never tells our id."""
        as_of = self.clock.now()
        entry = self._sent.get(client_order_id)
        since = as_of if entry is None else min(entry.sent_at, as_of)
        since -= timedelta(days=self.days_back)
        recent = await self._recent(account, since, "" if entry is None else entry.broker_id)
        others = self._sent.live(account) - {client_order_id}
        if recent.is_cut:
            await self._tell_of(account, others, recent)
            for order in self._sent.known(account, recent.listed):
                if self._sent.is_it(entry, order):
                    return Seen(order=(await self._with_fills([order], recent.rows))[0])
            recent = await self._recent(account, since)  # its number was given anew
        lags = entry is not None and self._lags(entry, recent)
        found = await self._sent.found(account, client_order_id, recent.listed, as_of, lags=lags)
        await self._tell_of(account, others, recent)
        if isinstance(found, Seen):
            return Seen(order=(await self._with_fills([found.order], recent.rows))[0])
        return Unclear() if isinstance(found, Absent) and not recent.is_whole else found

    async def _denied(self, request: OrderRequest, *, is_first: bool) -> BrokerOrder | None:
        """After a 401 to an order: the order, when it is there all the same.

        Else it is not to be looked for by likeness any more: the desk sends another one.
        """
        self._sent.landed(request.client_order_id)  # it is answered
        found: Found = Unclear()
        with suppress(TradeStreamError, TimeoutError):
            async with asyncio.timeout(_DENIED_S):
                found = await self.find(request.account, request.client_order_id)
        if isinstance(found, Seen) and found.order.state != "rejected":
            return found.order
        if is_first:  # of a repeated one this proves nothing: the first may be there
            await self._sent.refused(request.client_order_id)
        return None

    async def _tell_of(self, account: str, names: Collection[str], recent: OrderList) -> None:
        """What the list shows of others: a fill that was read needs no look of its own."""
        known = self._sent.known(account, recent.listed)
        news = [o for o in known if o.client_order_id in names and (o.filled or o.state in OVER)]
        for order in news:
            said = (order.state, order.filled)
            if self._shown.get(order.broker_id) == said:
                continue
            with suppress(BrokerUnavailable):  # one that cannot be read hides no other
                (told,) = await self._with_fills([order], recent.rows)
                self._events.tell(OrderSeen(order=told))
                self._shown[order.broker_id] = said
            if order.state in OVER and order.filled <= order.qty:  # nobody looks for it any more
                self._shown.pop(order.broker_id, None)

    def _lags(self, entry: Entry, recent: OrderList) -> bool:
        """Whether the list is known to lack something that came in since the order was sent."""
        del entry, recent
        return False

    async def _with_fills(
        self, orders: list[BrokerOrder], rows: Mapping[str, Json]
    ) -> list[BrokerOrder]:
        """The orders with their executions, where ``rows``, as listed, tell them."""
        del rows
        return orders

    async def recognise(self, account: str, client_order_id: str, broker_id: str) -> None:
        """A person has said which of the listed orders ours is: it can be cancelled from now on."""
        await self._sent.recognise(account, client_order_id, broker_id)

    async def events(self) -> AsyncIterator[BrokerEvent]:
        """Everything that is told of this login, until closed."""
        async for event in self._events.all():
            yield event

    async def _number(self, account: str, client_order_id: str) -> str:
        """The broker's number of an order that we sent.

        Raises:
            OrderRejected: there is none. OrderStateUnknown, BrokerUnavailable, BrokerAuthError.
        """
        entry = self._sent.get(client_order_id)
        if entry is None or entry.account != account or entry.is_refused:
            raise OrderRejected("unknown_order", f"nothing was sent as {client_order_id}")
        return entry.broker_id or await self._looked_up(entry)

    async def _looked_up(self, entry: Entry) -> str:
        with asking(Rank.DOUBT):  # a look, though a cancellation is what it is for
            found = await self.find(entry.account, entry.client_order_id)
        if isinstance(found, Absent):
            raise OrderRejected("unknown_order", f"{entry.client_order_id} never arrived")
        if not entry.broker_id:
            raise OrderStateUnknown(f"which order it is at {self.house} is not known yet")
        return entry.broker_id
