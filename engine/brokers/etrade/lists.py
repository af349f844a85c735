"""Lists of orders: read to their end, ours under our ids, what cannot be read told once."""

from collections.abc import Callable
from datetime import datetime
from urllib.parse import quote, urlencode

from engine.brokers._wire.events import Events
from engine.brokers._wire.nameless import Lists, OrderList
from engine.brokers._wire.sent import Sent
from engine.brokers.etrade import translate
from engine.brokers.etrade.link import Link
from engine.clock import Clock
from engine.domain.errors import BrokerUnavailable

LIVE = ("OPEN", "INDIVIDUAL_FILLS", "CANCEL_REQUESTED")
"""A list is of one status: what may still fill stands under one of these."""
PAGE, MOST_PAGES = 100, 60


class Orders:
    """What E*TRADE lists, page by page."""

    def __init__(
        self, link: Link, sent: Sent, events: Events, clock: Clock, path: Callable[[str], str]
    ) -> None:
        """``path``: our account name -> the beginning of its addresses."""
        self._link, self._sent, self._clock, self._path = link, sent, clock, path
        self._lists = Lists(link.name, sent, events, translate.listed)
        self.named, self.executions = self._lists.named, self._lists.executions

    async def recent(self, account: str, since: datetime, until: str, **only: str) -> OrderList:
        """All of the New York days since, and since the oldest live one of ours was sent.

        ``until``: no further than to the page that shows the order of this number. ``only``: of
        this status or symbol alone.
        """
        start = min(since, self._sent.oldest_live(account) or since)
        days = f"fromDate={translate.day(start)}&toDate={translate.day(self._clock.now())}"
        return await self.read(account, f"{days}&{urlencode(only)}" if only else days, until)

    async def read(self, account: str, query: str, until: str = "") -> OrderList:
        """One list, to its end or to the order of this number.

        Raises:
            BrokerUnavailable: it could not be read whole.
        """
        found, marker = OrderList(), ""
        for _ in range(MOST_PAGES):
            more = f"&marker={quote(marker, safe='-._~')}" if marker else ""
            path = f"{self._path(account)}/orders.json?count={PAGE}&{query}{more}"
            body = await self._link.ask(path, "OrdersResponse")
            found.n_pages += 1
            for row in translate.many(body.get("Order")):
                self._lists.take(account, row, found)
            following = str(body.get("marker") or "")
            found.is_cut = bool(following) and until in found.rows
            if not following or found.is_cut:
                return found
            if following == marker:
                break
            marker = following
        raise BrokerUnavailable(f"{self._link.name}: the list of orders does not end")
