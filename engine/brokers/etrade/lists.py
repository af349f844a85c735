"""Lists of orders: read to their end, ours under our ids, what cannot be read told once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import quote

from engine.brokers import BrokerOrder, Odd
from engine.brokers._wire.events import Events
from engine.brokers._wire.sent import Listed, Sent
from engine.brokers.etrade import translate
from engine.brokers.etrade.link import Link
from engine.brokers.etrade.translate import UNREADABLE, Json
from engine.clock import Clock
from engine.domain.errors import BrokerUnavailable

LIVE = ("OPEN", "INDIVIDUAL_FILLS", "CANCEL_REQUESTED")
"""A list is of one status: what may still fill stands under one of these."""
PAGE, MOST_PAGES = 100, 60


@dataclass(slots=True)
class OrderList:
    """Orders as listed; ``is_whole``: every one of them could be read."""

    listed: list[Listed] = field(default_factory=list)
    rows: dict[str, Json] = field(default_factory=dict)
    is_whole: bool = True


class Orders:
    """What E*TRADE lists, page by page."""

    def __init__(
        self, link: Link, sent: Sent, events: Events, clock: Clock, path: Callable[[str], str]
    ) -> None:
        """``path``: our account name -> the beginning of its addresses."""
        self._link, self._sent, self._events, self._clock = link, sent, events, clock
        self._path = path
        self._odd: set[str] = set()

    async def recent(self, account: str, since: datetime) -> OrderList:
        """All of the New York days since, and since the oldest live one of ours was sent."""
        start = min(since, self._sent.oldest_live(account) or since)
        days = f"fromDate={translate.day(start)}&toDate={translate.day(self._clock.now())}"
        return await self.read(account, days)

    async def read(self, account: str, query: str) -> OrderList:
        """One list, to its end.

        Raises:
            BrokerUnavailable: it could not be read whole.
        """
        found, marker = OrderList(), ""
        for _ in range(MOST_PAGES):
            more = f"&marker={quote(marker, safe='-._~')}" if marker else ""
            path = f"{self._path(account)}/orders.json?count={PAGE}&{query}{more}"
            body = await self._link.ask(path, "OrdersResponse")
            for row in translate.many(body.get("Order")):
                self._take(account, row, found)
            following = str(body.get("marker") or "")
            if not following:
                return found
            if following == marker:
                break
            marker = following
        raise BrokerUnavailable(f"{self._link.name}: the list of orders does not end")

    def _take(self, account: str, row: Json, found: OrderList) -> None:
        try:
            one = translate.listed(account, row)
        except UNREADABLE as error:
            self._not_read(row, error, found)
            return
        found.listed.append(one)
        found.rows[one.order.broker_id] = row
        if one.order.state == "unknown":
            self._tell_odd(
                f"order {one.order.broker_id} has the status {one.order.raw_state[:30]!r}",
                f"{one.order.broker_id} {one.order.raw_state[:30]}",
            )

    def _not_read(self, row: Any, error: Exception, found: OrderList) -> None:
        """One of another kind is none of ours; the list is not whole without it, though."""
        found.is_whole = False
        number = str(row.get("orderId", "")) if isinstance(row, Mapping) else ""
        if self._sent.is_ours(number):
            raise BrokerUnavailable(f"{self._link.name}: order {number} cannot be read") from error
        self._tell_odd(f"order {number} is of a kind we do not know ({error})", f"order {number}")

    def _tell_odd(self, note: str, raw: str) -> None:
        if raw not in self._odd:
            self._odd.add(raw)
            self._events.tell(Odd(note=note, raw=raw))

    async def named(self, account: str, listed: list[Listed]) -> list[BrokerOrder]:
        """The orders, ours under our ids."""
        await self._sent.match(account, listed)
        return self._sent.known(account, listed)
