"""A broker that misbehaves on purpose, around one that does not. For tests only.

``Faults`` says what goes wrong and how often; everything else goes through to the real one.
Small fills need no fault: quote small sizes.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from engine.brokers import (
    Absent,
    Balance,
    Broker,
    BrokerCaps,
    BrokerEvent,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    Filled,
    Found,
    OrderRequest,
    OrderSeen,
    Seen,
    StreamUp,
    Unclear,
)
from engine.domain.errors import BrokerUnavailable, OrderRejected, OrderStateUnknown


@dataclass
class Faults:
    """Counters go down with each use; 0 is healthy."""

    unavailable: int = 0
    """submit, replace, cancel: nothing is sent."""
    reject: int = 0
    """submit, replace: refused, nothing is accepted."""
    reject_code: str = "40010000"
    refuses: Callable[[OrderRequest], bool] = lambda _: True
    """Which requests ``reject`` is for."""
    hang_before_accept: int = 0
    accept_then_hang: int = 0
    """Accepted, but the answer never comes: runs until the caller gives up."""
    unknown_before_accept: int = 0
    unknown_after_accept: int = 0
    hide_open: int = 0
    """open_orders omits everything, as a lagging list does."""
    unclear: int = 0
    """find cannot tell."""
    falsely_absent: int = 0
    """find says absent although the order is there."""
    fail_reads: int = 0
    """balance, positions, open_orders, orders_since, fills_since raise."""
    drop_events: int = 0
    """OrderSeen and Filled that never come."""
    drop_fills: int = 0
    duplicate_events: int = 0
    reorder: int = 0
    """Hold so many events back, then tell them last first."""
    at: Callable[[str], None] = field(default=lambda _: None)
    """Called at ``before submit``, ``after accept``, ``before cancel``, ``after cancel``,
    ``before event``: may raise, or kill the process."""

    def takes(self, name: str) -> bool:
        """Whether this fault strikes now."""
        left: int = getattr(self, name)
        if left <= 0:
            return False
        setattr(self, name, left - 1)
        return True


class FaultyBroker:
    """The Broker contract, broken as told."""

    def __init__(self, inner: Broker, faults: Faults | None = None) -> None:
        self.inner = inner
        self.faults = faults or Faults()
        self.n_submits = 0

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def caps(self) -> BrokerCaps:
        return self.inner.caps

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def connect(self) -> None:
        await self.inner.connect()

    async def close(self) -> None:
        await self.inner.close()

    # -- requests

    async def submit(self, request: OrderRequest) -> BrokerOrder:
        self.n_submits += 1
        await self._before("submit", request)
        order = await self.inner.submit(request)
        await self._after()
        return order

    async def replace(self, account: str, client_order_id: str, new: OrderRequest) -> BrokerOrder:
        await self._before("submit", new)
        order = await self.inner.replace(account, client_order_id, new)
        await self._after()
        return order

    async def cancel(self, account: str, client_order_id: str) -> None:
        await self._before("cancel", None)
        await self.inner.cancel(account, client_order_id)
        self.faults.at("after cancel")
        if self.faults.takes("unknown_after_accept"):
            raise OrderStateUnknown("reset by peer")

    async def _before(self, what: str, request: OrderRequest | None) -> None:
        faults = self.faults
        faults.at(f"before {what}")
        if faults.takes("unavailable"):
            raise BrokerUnavailable("connection refused")
        if request is not None and faults.refuses(request) and faults.takes("reject"):
            raise OrderRejected(faults.reject_code, "refused by the test")
        if faults.takes("unknown_before_accept"):
            raise OrderStateUnknown("500 before anything was stored")
        if faults.takes("hang_before_accept"):
            await asyncio.Event().wait()

    async def _after(self) -> None:
        self.faults.at("after accept")
        if self.faults.takes("unknown_after_accept"):
            raise OrderStateUnknown("504 after the order was stored")
        if self.faults.takes("accept_then_hang"):
            await asyncio.Event().wait()

    # -- questions

    def _read(self) -> None:
        if self.faults.takes("fail_reads"):
            raise BrokerUnavailable("504 on a list")

    async def balance(self, account: str) -> Balance:
        self._read()
        return await self.inner.balance(account)

    async def positions(self, account: str) -> list[BrokerPosition]:
        self._read()
        return await self.inner.positions(account)

    async def open_orders(self, account: str) -> list[BrokerOrder]:
        self._read()
        return [] if self.faults.takes("hide_open") else await self.inner.open_orders(account)

    async def orders_since(self, account: str, since: datetime) -> list[BrokerOrder]:
        self._read()
        return await self.inner.orders_since(account, since)

    async def fills_since(self, account: str, since: datetime) -> list[BrokerFill]:
        self._read()
        return await self.inner.fills_since(account, since)

    async def find(self, account: str, client_order_id: str) -> Found:
        found = await self.inner.find(account, client_order_id)
        if self.faults.takes("unclear"):
            return Unclear()
        if isinstance(found, Seen) and self.faults.takes("falsely_absent"):
            return Absent(as_of=found.order.updated_at)
        return found

    # -- events

    async def events(self) -> AsyncIterator[BrokerEvent]:
        held: list[BrokerEvent] = []
        async for event in self.inner.events():
            self.faults.at("before event")
            if self._is_dropped(event):
                continue
            held += [event] * (2 if self.faults.takes("duplicate_events") else 1)
            if not isinstance(event, StreamUp) and self.faults.takes("reorder"):
                continue
            while held:
                yield held.pop()
        while held:
            yield held.pop()

    def _is_dropped(self, event: BrokerEvent) -> bool:
        if isinstance(event, Filled) and self.faults.takes("drop_fills"):
            return True
        return isinstance(event, OrderSeen | Filled) and self.faults.takes("drop_events")
