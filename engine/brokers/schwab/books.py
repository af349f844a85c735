"""What Schwab lists: orders, executions, holdings, money; ours under our ids."""

from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from engine.brokers import Balance, BrokerFill, BrokerOrder, BrokerPosition, Odd
from engine.brokers._wire.events import Events
from engine.brokers._wire.figures import UNREADABLE, Json, once
from engine.brokers._wire.nameless import Lists, OrderList
from engine.brokers._wire.sent import Sent
from engine.brokers.schwab import reading
from engine.brokers.schwab.sdk import Response, Sdk
from engine.clock import Clock
from engine.domain.errors import BrokerUnavailable
from engine.domain.instrument import Instrument

_MOST = 3000
"""Schwab cuts longer lists off."""
_REACH = timedelta(days=59)
"""It lists orders of 60 days."""
_MARGIN = timedelta(minutes=5)
_DAY = timedelta(days=1)


class Books:
    """Reads whole lists, or says that it could not."""

    def __init__(
        self,
        name: str,
        client: Any,
        library: Sdk,
        ask: Callable[[Callable[[], Awaitable[Response]]], Awaitable[Any]],
        events: Events,
        sent: Sent,
        clock: Clock,
        option_fee_usd: Decimal,
    ) -> None:
        self._name, self._client, self._ask = name, client, ask
        self._positions, self._working = library.positions, library.working
        self._sent, self._clock, self._events = sent, clock, events
        self._option_fee_usd = option_fee_usd
        self._lists = Lists(name, sent, events, reading.listed)
        self.named = self._lists.named

    async def recent(self, account: str, hashed: str, since: datetime) -> OrderList:
        """Orders entered since, and since the oldest live one of ours.

        Raises:
            BrokerUnavailable: the list could not be read whole.
        """
        start = min(since, self._sent.oldest_live(account) or since) - _MARGIN
        return self._read(account, await self._rows(hashed, start))

    async def working(self, account: str, hashed: str) -> OrderList:
        """What may still fill: all that works, however old, and what is recent in any state."""
        now = self._clock.now()
        start = min(now - _DAY, self._sent.oldest_live(account) or now)
        recent = self._read(account, await self._rows(hashed, start))
        old = self._read(account, await self._rows(hashed, now - _REACH, self._working))
        recent.listed += [one for one in old.listed if one.order.broker_id not in recent.rows]
        recent.rows = {**old.rows, **recent.rows}
        return recent

    async def _rows(self, hashed: str, start: datetime, status: Any = None) -> list[Json]:
        # Whole minutes, so that two who ask at once ask the same and are answered once.
        now = self._clock.now().replace(second=0, microsecond=0)
        start = start.replace(second=0, microsecond=0)
        return await self._between(hashed, max(start, now - _REACH), now + _DAY, status)

    async def _between(
        self, hashed: str, start: datetime, end: datetime, status: Any
    ) -> list[Json]:
        """Orders entered in a span of time, in as many lists as it takes."""
        rows = await self._ask(
            lambda: self._client.get_orders_for_account(
                hashed,
                max_results=_MOST,
                from_entered_datetime=start,
                to_entered_datetime=end,
                status=status,
            )
        )
        if not isinstance(rows, list):
            raise BrokerUnavailable(f"{self._name}: a list of orders that is none")
        if len(rows) < _MOST:
            return rows
        middle = (start + (end - start) / 2).replace(second=0, microsecond=0)
        if middle <= start:
            raise BrokerUnavailable(f"{self._name}: the list of orders is not whole")
        newer = await self._between(hashed, middle, end, status)
        older = await self._between(hashed, start, middle, status)
        return [*newer, *(row for row in older if row not in newer)]  # of that very minute: both

    def _read(self, account: str, rows: Any) -> OrderList:
        found = OrderList()
        try:
            flat = list(reading.flattened(rows))
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self._name}: a list of orders that is none") from error
        for row in flat:
            self._lists.take(account, row, found)
        for one in found.listed:
            self._idle(one.order)
        return found

    def _idle(self, order: BrokerOrder) -> None:
        """Ours and not at work: a stop of this kind protects nothing (rules 3.6)."""
        if order.raw_state in reading.IDLE and self._sent.is_ours(order.broker_id):
            said = f"order {order.broker_id} is {order.raw_state}"
            note = f"{said}: it may not be at work there"
            self._events.tell_once(Odd(note=note, raw=f"{self._name}: {said}"))

    def fills(self, order: BrokerOrder, row: Json) -> list[BrokerFill]:
        """The executions of one order; none of a stranger's that cannot be read.

        Raises:
            BrokerUnavailable: one of ours cannot be read.
        """
        read = partial(reading.fills_of, order, row, self._fee)
        return self._lists.executions(order, read) or []

    def told(self, account: str, row: Any) -> Iterator[tuple[BrokerOrder, list[BrokerFill]]]:
        """One order, or the orders of one group, each with its executions."""
        found = self._read(account, [row])
        for order in self._sent.known(account, found.listed):
            yield order, self.fills(order, found.rows[order.broker_id])

    def _fee(self, thing: Instrument) -> Decimal:
        """Per contract, as agreed; shares are free. Schwab says fees in its statements only."""
        return self._option_fee_usd if thing.kind == "option" else Decimal(0)

    async def balance(self, account: str, hashed: str) -> Balance:
        """Money as Schwab sees it now."""
        body = await self._ask(lambda: self._client.get_account(hashed))
        try:
            said = reading.balance_of(account, body, self._clock.now())
            if said.cash_usd is None and said.equity_usd is not None:
                body = await self._with_positions(hashed)
                body["securitiesAccount"].setdefault("positions", [])
                said = reading.balance_of(account, body, self._clock.now())
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self._name}: a balance that cannot be read") from error
        return said

    async def _with_positions(self, hashed: str) -> Any:
        wanted = [self._positions]
        return await self._ask(lambda: self._client.get_account(hashed, fields=wanted))

    async def positions(self, account: str, hashed: str) -> list[BrokerPosition]:
        """Shares and options held."""
        body = await self._with_positions(hashed)
        try:
            rows = body["securitiesAccount"].get("positions") or ()
            held = [reading.position_of(account, row) for row in once(rows)]
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self._name}: a holding that cannot be read") from error
        return [p for p in held if p is not None and p.qty != 0]
