"""The paper exchange behind every imitation, with its past read once.

The paper broker keeps what is over as text and reads it anew at every question. A broker that
lists a thousand orders with their fills would spend seconds there, which no real one does.
"""

from datetime import datetime
from itertools import islice
from typing import Any

from engine.brokers import Absent, BrokerFill, BrokerOrder, Found, Seen
from engine.brokers.paper import PaperBroker
from engine.brokers.paper.book import Book
from engine.brokers.paper.orders import fill_of, order_of, stamp


class Remembering(PaperBroker):
    """Says the same as the paper broker; a list costs as much as it is long."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self._of: Book = self._book
        self._past: list[tuple[str, BrokerFill]] = []
        """Every execution, oldest first, with the text that it was read from."""
        self._by_order: dict[str, list[BrokerFill]] = {}
        self._over: dict[str, tuple[str, int, BrokerOrder]] = {}
        """Orders that are over: their text, their turn, and how they are told of."""

    async def fills_since(self, account: str, since: datetime) -> list[BrokerFill]:
        await self._reading(account)
        self._catch_up()
        least = stamp(since)
        return [f for text, f in self._past if text[:32] >= least and f.account == account]

    async def fills_of(self, order_id: str) -> list[BrokerFill]:
        """What one order had executed, oldest first."""
        self._catch_up()
        return list(self._by_order.get(order_id, ()))

    async def orders_since(self, account: str, since: datetime) -> list[BrokerOrder]:
        await self._reading(account)
        least, mine = stamp(since), f"|{account}|"
        found = [
            (text[:32], *self._read_over(name, text))
            for name, text in self._book.done.items()
            if text[:32] >= least and text.startswith(mine, 32)
        ]
        found += [
            (stamp(o.updated_at), o.seq, o.report())
            for o in self._book.live.values()
            if o.request.account == account and o.updated_at >= since
        ]
        return [report for _, _, report in sorted(found, key=lambda one: one[:2])]

    async def find(self, account: str, client_order_id: str) -> Found:
        await self._reading(account)
        async with self._lock:
            await self._reload()
            text, report = self._book.done.get(client_order_id), None
            if text is not None:
                _, report = self._read_over(client_order_id, text)
            elif client_order_id in self._book.live:
                report = self._book.live[client_order_id].report()
            if report is None or report.account != account:
                return Absent(as_of=self._clock.now())
            return Seen(order=report)

    def _read_over(self, name: str, text: str) -> tuple[int, BrokerOrder]:
        known = self._over.get(name)
        if known is None or known[0] is not text:
            order = order_of(text)
            known = self._over[name] = (text, order.seq, order.report())
        return known[1:]

    def _catch_up(self) -> None:
        if self._of is not self._book or len(self._past) > len(self._book.fills):
            self._of, self._past, self._by_order = self._book, [], {}
        fresh = [*islice(self._book.fills.values(), len(self._past), None)]
        for text in fresh:
            fill = fill_of(text)
            self._past.append((text, fill))
            self._by_order.setdefault(fill.client_order_id, []).append(fill)
        if fresh:
            self._past.sort(key=lambda one: one[0])
