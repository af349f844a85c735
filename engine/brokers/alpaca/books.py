"""Alpaca's lists read whole: orders, executions, the ends of options. A part is never the whole."""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from engine.brokers import BrokerFill, BrokerOrder, Odd
from engine.brokers._wire.again import is_lacking, page
from engine.brokers._wire.events import NO_EXECUTIONS, Events, changed_by_hand
from engine.brokers._wire.figures import UNREADABLE
from engine.brokers.alpaca import reading
from engine.brokers.alpaca.register import LONGEST_CHAIN, Known, Register
from engine.brokers.alpaca.rest import Answer, Rest
from engine.brokers.alpaca.translate import Body
from engine.clock import Clock
from engine.domain.errors import BrokerUnavailable, NotOffered
from engine.domain.money import ZERO

T = TypeVar("T")

_ORDERS, _ACTIVITIES, _MOST_PAGES = 500, 100, 200
_BEFORE = timedelta(days=1)
"""Alpaca lists orders by when they were sent: one sent earlier may have ended since."""
_OVERLAP = timedelta(seconds=2)


class Books:
    """What the account did and holds at work, as far back as it is asked."""

    def __init__(
        self, name: str, clock: Clock, rest: Rest, known: Register, events: Events
    ) -> None:
        self._name, self._clock, self._rest, self._known = name, clock, rest, known
        self._events = events

    # -- one order ------------------------------------------------------------------------------

    async def report(self, body: Any, account: str) -> BrokerOrder:
        """One order in the house's words; asks for what its body leaves out.

        Raises:
            KeyError, TypeError, ValueError: it cannot be read. BrokerUnavailable.
        """
        if not isinstance(body, dict):
            raise TypeError("an order that is no object")
        body = await self.now(body)
        unit = self._known.unit(body)
        if reading.is_spread(body) and not reading.legs_of(body) and unit is None:
            body = await self._nested(str(body["id"]))
        await self.note(body)
        order = reading.order_of(
            body,
            account,
            ours=self._known.ours(body),
            unit=self._known.unit(body),
            carried=await self._carried(body),
        )
        if self._known.is_by_hand(body) and reading.is_live(body):
            self._events.warn_once(changed_by_hand(order))
        if reading.is_idle(
            body, self._clock.now()
        ):  # a stop that does not work protects nothing (rules 3.6)
            said = f"order {order.client_order_id or order.broker_id} is {order.raw_state[:40]}"
            self._events.tell_once(Odd(note=f"{said}: it may not be at work there", raw=said))
        return order

    async def now(self, body: Body) -> Body:
        """What an order of ours is now: changed in Alpaca's app it is another one there.

        Raises:
            KeyError, TypeError, ValueError: it cannot be read. BrokerUnavailable.
        """
        for _ in range(LONGEST_CHAIN):
            await self.note(body)
            ours = self._known.ours(body)
            if not ours or not reading.is_replaced(body):
                return body
            if not body.get("replaced_by"):
                body = await self._nested(str(body["id"]))
            after = str(body.get("replaced_by") or "")
            known = self._known.get(after)
            if known is not None and known.ours not in ("", ours):
                return body  # the desk itself replaced it
            if not after:
                return body
            answer = await self._rest.read(f"/orders/{after}", {"nested": "true"})
            if answer.is_missing:
                return body
            found: Body = whole(self._name, answer, dict)
            await self.note(found)
            if self._known.ours(found) != ours:
                return body
            body = found
        raise BrokerUnavailable(f"{self._name}: a chain of replacements without an end")

    async def note(self, body: Body) -> None:
        """Take an order in; for one that took another's place it is found out whose that was.

        Raises:
            KeyError, TypeError, ValueError: it cannot be read. BrokerUnavailable.
        """
        self._known.note(body)
        if body.get("replaces") and not self._known.ours(body):
            await self._carried(body)
            self._known.note(body)

    async def learn(self, order_id: str) -> None:
        """Find out what one of Alpaca's ids stands for, and those below it."""
        self._known.note(await self._nested(order_id))

    async def has(self, order_id: str) -> bool:
        """Whether the account has an order of this id, whoever placed it.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError.
        """
        answer = await self._rest.read(f"/orders/{order_id}")
        return not answer.is_missing and bool(whole(self._name, answer, dict))

    async def _nested(self, order_id: str) -> Body:
        answer = await self._rest.read(f"/orders/{order_id}", {"nested": "true"})
        body: Body = whole(self._name, answer, dict)
        return body

    async def _carried(self, body: Body) -> Decimal:
        """What the orders that it replaced had filled."""
        total, order_id = ZERO, str(body.get("replaces") or "")
        for _ in range(LONGEST_CHAIN):
            if not order_id:
                return total
            before = await self._settled(order_id)
            total, order_id = total + before.filled, before.replaces
        raise BrokerUnavailable(f"{self._name}: a chain of replacements without an end")

    async def _settled(self, order_id: str) -> Known:
        known = self._known.get(order_id)
        if known is None or known.is_live:
            await self.learn(order_id)
            known = self._known.get(order_id)
        if known is None:
            raise BrokerUnavailable(f"{self._name}: a replaced order is missing")
        return known

    # -- orders ---------------------------------------------------------------------------------

    async def open_orders(self, account: str) -> list[BrokerOrder]:
        """Working orders; each child of a bracket is one of its own.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError.
        """
        bodies = await self._list("open", None, nested="false")
        return await self._reports(bodies, account)

    async def orders_since(self, account: str, since: datetime) -> list[BrokerOrder]:
        """Orders sent or changed since, oldest change first.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError.
        """
        bodies = await self._list("all", since - _BEFORE, nested="true")
        bodies = [*bodies, *(leg for body in bodies for leg in _children(body))]
        bodies += await self._older(since, {body.get("id") for body in bodies})
        reports = await self._reports(bodies, account)
        changed = (report for report in reports if report.updated_at >= since)
        return sorted(changed, key=lambda report: (report.updated_at, report.broker_id))

    async def _older(self, since: datetime, listed: set[Any]) -> list[Body]:
        """Orders of ours that were sent long ago and live, or changed since."""
        missing = {order_id for order_id in self._known.moving(since) if order_id not in listed}
        if not missing:
            return []
        live = [b for b in await self._list("open", None, nested="false") if b["id"] in missing]
        missing -= {body["id"] for body in live}
        return live + [await self._nested(order_id) for order_id in sorted(missing)]

    async def _reports(self, bodies: Iterable[Body], account: str) -> list[BrokerOrder]:
        reports: dict[str, BrokerOrder] = {}
        try:
            whole_ones = [b for b in bodies if not (reading.is_spread(b) and b.get("symbol"))]
            for body in whole_ones:
                await self.note(body)
            # One order, one report: what it was before somebody changed it is over.
            past = {str(b["replaces"]) for b in whole_ones if self._known.is_by_hand(b)}
            for body in whole_ones:
                if str(body["id"]) not in past:
                    report = await self.report(body, account)
                    reports[report.broker_id] = report
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self._name}: an order that cannot be read") from error
        return list(reports.values())

    async def _list(self, status: str, after: datetime | None, *, nested: str) -> list[Body]:
        """All pages; the next begins a little before where the last one ended."""
        found: dict[str, Body] = {}
        for _ in range(_MOST_PAGES):
            asked = {"status": status, "limit": str(_ORDERS), "direction": "asc", "nested": nested}
            if after is not None:
                asked["after"] = reading.asked(after)
            bodies = whole(self._name, await self._rest.read("/orders", asked), list)
            n_known = len(found)
            found |= {_id(self._name, body): body for body in bodies}
            if len(bodies) < _ORDERS:
                return list(found.values())
            if len(found) == n_known:
                break
            after = _sent_at(self._name, bodies[-1]) - timedelta(milliseconds=1)
        raise BrokerUnavailable(f"{self._name}: a list of orders without an end")

    # -- executions -------------------------------------------------------------------------------

    async def fills_since(self, account: str, since: datetime) -> list[BrokerFill]:
        """Executions and the ends of options, oldest first.

        Where none are listed those that the stream told.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError.
        """
        asked = self._events.told("executions", self._activities(since), NO_EXECUTIONS)
        if self._known.is_new:  # beside the same list for :meth:`orders_since`: it is asked once
            rows, _ = await asyncio.gather(asked, self._learn_listed(since))
        else:
            rows = await asked
        if rows is None:
            return self._events.fills_since(account, since)
        await self._learn_all(rows, since)
        fills: dict[str, BrokerFill] = {}
        try:
            for row in rows:
                fill = self._fill(row, account)
                # An option's end is entered days later under the day of the end: never too old.
                if fill is not None and (fill.executed_at >= since or fill.kind != "fill"):
                    fills[fill.execution_id] = fill
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self._name}: an execution that cannot be read") from error
        return sorted(fills.values(), key=lambda f: f.executed_at)

    def _fill(self, row: Body, account: str) -> BrokerFill | None:
        if row["activity_type"] != "FILL":
            return reading.end_of_activity(row, account)
        known = self._known.get(str(row["order_id"]))
        ours, leg = self._known.owner(str(row["order_id"])), 0 if known is None else known.leg
        return reading.fill_of_activity(row, account, ours, leg)

    async def _activities(self, since: datetime) -> list[Body]:
        asked = {
            "activity_types": ",".join(["FILL", *reading.OPTION_ENDS]),
            "after": reading.asked_s(since - _OVERLAP),
            "direction": "asc",
            "page_size": str(_ACTIVITIES),
        }
        found: dict[str, Body] = {}
        for number in range(_MOST_PAGES):
            with page(number):
                answer = await self._rest.read("/account/activities", asked)
                rows = whole(self._name, answer, list)
            n_known = len(found)
            found |= {_id(self._name, row): row for row in rows}
            if len(found) == n_known:  # else a short page proves no end: its size may be cut
                if len(rows) < _ACTIVITIES:
                    return list(found.values())
                break
            asked["page_token"] = _id(self._name, rows[-1])
        raise BrokerUnavailable(f"{self._name}: a list of executions without an end")

    async def _learn_all(self, rows: list[Body], since: datetime) -> None:
        """Whose orders these executions are of: one list first, then one by one."""
        wanted = {str(row.get("order_id")) for row in rows if row.get("activity_type") == "FILL"}
        if self._unknown(wanted):
            await self._learn_listed(since)
        for order_id in self._unknown(wanted):
            answer = await self._rest.read(f"/orders/{order_id}", {"nested": "true"})
            if not answer.is_missing:
                await self.note(whole(self._name, answer, dict))

    async def _learn_listed(self, since: datetime) -> None:
        bodies = await self._list("all", since - _BEFORE, nested="true")
        try:
            for body in bodies:
                await self.note(body)
        except UNREADABLE as error:
            raise BrokerUnavailable(f"{self._name}: an unreadable order") from error

    def _unknown(self, order_ids: set[str]) -> list[str]:
        return sorted(order_id for order_id in order_ids if self._is_unknown(order_id))

    def _is_unknown(self, order_id: str) -> bool:
        """Or took the place of one that was alive when last seen: it may be ours meanwhile."""
        known = self._known.get(order_id)
        before = self._known.get(known.replaces) if known is not None else None
        is_doubtful = before is not None and before.is_live and not self._known.owner(order_id)
        return known is None or is_doubtful


def whole(name: str, answer: Answer, kind: type[T]) -> T:
    """The body of a yes.

    Raises:
        BrokerUnavailable, BrokerAuthError: it is no yes, or of another shape; NotOffered.
    """
    if is_lacking(answer.status, answer.body):
        raise NotOffered(f"{name}: nothing is told there ({answer.status})")
    if not answer.is_ok:
        error = answer.refusal()
        raise BrokerUnavailable(f"{name}: {error}") from error
    if not isinstance(answer.body, kind):
        raise BrokerUnavailable(f"{name}: an answer of another shape")
    if isinstance(answer.body, list) and not all(isinstance(i, dict) for i in answer.body):
        raise BrokerUnavailable(f"{name}: a list of another shape")
    return answer.body


def _children(body: Body) -> list[Body]:
    return [] if reading.is_spread(body) else reading.legs_of(body)


def _id(name: str, body: Body) -> str:
    found = body.get("id")
    if not isinstance(found, str) or not found:
        raise BrokerUnavailable(f"{name}: a row without its id")
    return found


def _sent_at(name: str, body: Body) -> datetime:
    try:
        return reading.moment(body.get("submitted_at") or body["created_at"])
    except UNREADABLE as error:
        raise BrokerUnavailable(f"{name}: an order without its time") from error
