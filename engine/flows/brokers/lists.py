"""What a broker's lists say: read whole, and taken in as far as the books do not have it."""

import asyncio
from collections import ChainMap
from collections.abc import Awaitable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, TypeVar

from engine import orders, reconcile
from engine.asking import answered_within
from engine.brokers import Balance, BrokerFill, BrokerOrder, BrokerPosition
from engine.desk import Desk
from engine.domain.errors import BrokerUnavailable
from engine.domain.order import Order
from engine.domain.trade import Execution
from engine.flows.booking import echo, reported, repriced
from engine.flows.booking.fills import on_fill, undoes_booked
from engine.flows.holdings import marks, splits

T = TypeVar("T")
_SKEW = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """One reading of a broker, whole: a list that cannot be read ends the comparison."""

    fills: Sequence[BrokerFill]
    recent: Sequence[BrokerOrder]
    working: Sequence[BrokerOrder]
    positions: Sequence[BrokerPosition]
    balance: Balance
    booked: dict[str, Execution | None]
    """Executions that the store holds: a busy day has more of them than memory keeps."""


async def read(desk: Desk, name: str, account: str, since: datetime) -> Seen:
    """The broker's lists, with no fill in between: the same is held before and after.

    Side by side, so that what two of them are made of is read once.
    """
    broker = desk.broker(name)
    held = await asked(desk, broker.positions(account))
    for _ in range(3):
        before = held
        fills, recent, working, balance = await together(
            desk,
            broker.fills_since(account, since),
            broker.orders_since(account, since),
            broker.open_orders(account),
            broker.balance(account),
        )
        desk.balances[account] = balance
        held = await asked(desk, broker.positions(account))
        marks.said(desk, held)
        if _sizes(held) == _sizes(before):
            break
    return Seen(
        fills=of_these_books(desk, account, fills),
        recent=recent,
        working=working,
        positions=held,
        balance=balance,
        booked={},
    )


def of_these_books(desk: Desk, account: str, fills: Iterable[BrokerFill]) -> list[BrokerFill]:
    """Without a stranger's of before they began: what was sold then would open the other side.

    Ours count whenever the broker's clock says they were: it may be far behind.
    """
    opened = desk.opened_at.get(account)
    if opened is None or opened > desk.clock.now():
        return list(fills)
    numbers = {o.broker_id for o in desk.book.orders.values() if o.account == account}
    return [
        fill
        for fill in fills
        if fill.executed_at >= opened - _SKEW
        or fill.client_order_id in desk.book.orders
        or fill.broker_id in numbers
    ]


def _sizes(held: Sequence[BrokerPosition]) -> dict[str, Decimal]:
    return {position.instrument.key: position.qty for position in held}


async def together(desk: Desk, *questions: Coroutine[Any, Any, Any]) -> list[Any]:
    """All answers in time, or the first failure; nobody goes on asking after it."""
    works = [asyncio.create_task(asked(desk, question)) for question in questions]
    try:
        return await asyncio.gather(*works)
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        for question in questions:
            question.close()  # one that had not begun yet when the desk stopped


async def asked(desk: Desk, question: Awaitable[T]) -> T:
    """A broker's answer in time.

    Raises:
        BrokerUnavailable, BrokerAuthError: there is none.
    """
    try:
        async with answered_within(desk.settings.broker_timeout_s):
            return await question
    except TimeoutError:
        raise BrokerUnavailable("no answer in time") from None


async def take_in(
    desk: Desk,
    account: str,
    since: datetime,
    fills: Sequence[BrokerFill],
    reports: Sequence[BrokerOrder],
    positions: Sequence[BrokerPosition],
) -> dict[str, Execution | None]:
    """Book every fill that is not, then hear every report; what the store had of them."""
    booked: dict[str, Execution | None] = {}
    known = ChainMap(booked, desk.book.executions)
    fresh = _fresh(fills, known)
    if fresh:
        oldest = min([since, *(f.executed_at for f in fresh)])
        rows = await desk.store.find(
            Execution, where={"account": account}, since=("executed_at", oldest)
        )
        for row in rows:
            desk.book.put(row)
            booked[row.execution_id] = row
        fresh = _fresh(fresh, known)
        fresh = await repriced.told_anew(desk, fresh, fills, reports, since)
        await splits.before(desk, account, positions, fresh)
    if undone := [f for f in fresh if undoes_booked(desk, f)]:
        for fill in undone:
            await on_fill(desk, fill, is_listed=True)
        # What is left of one would look like another told twice.
        for report in await _news(desk, account, since, reports):
            await reported.on_report(desk, report)
    for fill in sorted(fresh, key=turn):
        await on_fill(desk, fill, is_listed=True)
    for report in await _news(desk, account, since, reports):
        await reported.on_report(desk, report)
    return booked


def turn(fill: BrokerFill) -> int:
    """What another one is about, or comes for, is booked after it."""
    if fill.kind in ("bust", "correct"):
        return 2
    return int(fill.kind == "exercise" and fill.instrument.kind != "option")


def _fresh(fills: Iterable[BrokerFill], known: Mapping[str, Execution | None]) -> list[BrokerFill]:
    named = (echo.named(fill, known) for fill in fills)
    return [fill for fill in named if not reconcile.is_booked(fill, known)]


async def _news(
    desk: Desk, account: str, since: datetime, reports: Sequence[BrokerOrder]
) -> Sequence[BrokerOrder]:
    """Without what only repeats how an order ended: a day has a thousand of those.

    They are read from the store at once; one by one takes longer than all of the broker's lists.
    """
    live = desk.book.orders
    if all(r.client_order_id in live for r in reports):
        return reports
    known = await desk.store.find(Order, where={"account": account}, since=("created_at", since))
    over = {o.order_id: o for o in known if o.state.is_terminal and o.order_id not in live}
    now = desk.clock.now()
    return [
        report
        for report in reports
        if (order := over.get(report.client_order_id)) is None
        or orders.seen(order, report, now) is not order
        or orders.needs_fills(order, report)
    ]
