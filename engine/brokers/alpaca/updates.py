"""What the stream says, one message after the other, in the house's words."""

import asyncio
import logging
from collections import deque
from contextlib import suppress
from datetime import timedelta
from typing import Any

from engine.brokers import BrokerFill, Filled, Odd, OrderSeen
from engine.brokers._wire.events import Events
from engine.brokers._wire.figures import UNREADABLE
from engine.brokers.alpaca import reading
from engine.brokers.alpaca.books import Books
from engine.brokers.alpaca.register import Register
from engine.brokers.alpaca.translate import Body
from engine.domain.errors import BrokerAuthError, BrokerUnavailable

log = logging.getLogger(__name__)

_SILENT = frozenset({"authorization", "listening"})
_BEFORE = timedelta(seconds=10)
_LONGEST_RAW = 300
_REMEMBERED = 2_000


class Updates:
    """Reads messages in order; one that cannot be read is told as odd, the next is read."""

    def __init__(self, account: str, known: Register, books: Books, events: Events) -> None:
        self._account, self._known, self._books, self._events = account, known, books, events
        self._inbox: asyncio.Queue[Any] = asyncio.Queue()
        self._task: asyncio.Task[None] | None = None
        self._told: deque[str] = deque(maxlen=_REMEMBERED)

    def start(self) -> None:
        """Begin to read."""
        self._task = asyncio.create_task(self._work(), name="alpaca updates")

    async def close(self) -> None:
        """Read no more."""
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def take(self, message: Any) -> None:
        """One message as it came."""
        self._inbox.put_nowait(message)

    async def _work(self) -> None:
        while True:
            message = await self._inbox.get()
            try:
                await self._read(message)
            except (BrokerUnavailable, BrokerAuthError) as error:
                log.info("an update could not be completed: %s", error)
                self._odd("an update could not be completed; the next comparison will", message)
            except UNREADABLE as error:
                self._odd(f"an update that cannot be read ({type(error).__name__})", message)

    async def _read(self, message: Any) -> None:
        if not isinstance(message, dict):
            self._odd("a message that is no object", message)
            return
        stream, data = message.get("stream"), message.get("data")
        if stream in _SILENT:
            return
        if stream != "trade_updates" or not isinstance(data, dict):
            self._odd("a message of an unknown kind", message)
            return
        event, order = data.get("event"), data.get("order")
        if event not in reading.EVENTS:
            self._odd("a trade update of an unknown kind", message)
        if not isinstance(order, dict):
            raise KeyError("order")
        await self._order(str(event), data, order)

    async def _order(self, event: str, data: Body, order: Body) -> None:
        if reading.is_spread(order) and order.get("symbol"):
            await self._leg(event, data, order)
            return
        if not self._known.ours(order) and not await self._is_mine(str(order["id"])):
            self._odd("a trade update of an order that this account does not have", data)
            return
        await self._books.note(order)
        if event in reading.FILLS and not reading.is_spread(order):
            try:
                self._fill(reading.fill_of_update(data, self._account, self._known.ours(order), 0))
            except UNREADABLE:  # the order tells how much is filled: its executions are asked for
                self._odd("an execution that cannot be read", data)
        report = await self._books.report(order, self._account)
        self._events.tell(OrderSeen(order=report))
        if event in reading.FILLS and reading.is_spread(order):
            await self._spread_filled(report.client_order_id, data)

    async def _is_mine(self, order_id: str) -> bool:
        """What is not ours is adopted: not before the account's own list shows it."""
        return self._known.get(order_id) is not None or await self._books.has(order_id)

    async def _leg(self, event: str, data: Body, order: Body) -> None:
        """A leg's own execution; what else becomes of a leg is told of the whole."""
        if event not in reading.FILLS:
            return
        known = self._known.get(str(order["id"]))
        if known is None:
            raise BrokerUnavailable("a leg of a spread that is not known")
        self._fill(reading.fill_of_update(data, self._account, known.ours, known.leg))

    async def _spread_filled(self, ours: str, data: Body) -> None:
        """The whole tells its net price: what each leg was traded at stands in the activities."""
        at = reading.moment(data["timestamp"])
        for fill in await self._books.fills_since(self._account, at - _BEFORE):
            if fill.client_order_id == ours and fill.execution_id not in self._told:
                self._fill(fill)

    def _fill(self, fill: BrokerFill) -> None:
        self._told.append(fill.execution_id)
        self._events.tell(Filled(fill=fill))

    def _odd(self, note: str, message: Any) -> None:
        self._events.tell(Odd(note=note, raw=_plain(message)))


def _plain(message: Any) -> str:
    """What may be shown of a message: kinds and states, no ids of accounts, no money."""
    if not isinstance(message, dict):
        return f"{type(message).__name__} of {len(str(message))} characters"
    data = message.get("data", message)
    shown = {"stream": message.get("stream")}
    if isinstance(data, dict):
        order = data.get("order")
        shown |= {"event": data.get("event"), "keys": ",".join(sorted(map(str, data)))}
        if isinstance(order, dict):
            shown |= {name: order.get(name) for name in ("id", "client_order_id", "status")}
    return str({k: v for k, v in shown.items() if v is not None})[:_LONGEST_RAW]
