"""An entry is sent, and looked at soon: most fill at once, and what fills unheard has no stop."""

from collections.abc import Collection
from contextlib import suppress
from datetime import datetime, timedelta

from engine.asking import Rank, asking
from engine.brokers import Broker
from engine.desk import Desk
from engine.domain.order import Order, OrderState, Purpose
from engine.flows.booking.reported import on_report
from engine.flows.common.answers import QUIET, as_known, in_time
from engine.flows.orders import call_off, send
from engine.flows.orders.doubt import look_up

_SOON_S, _AGAIN_S = 0.5, 1.0
_JUST, _SKEW = timedelta(seconds=10), timedelta(seconds=5)
"""A list of a minute is of several pages in a storm of alerts, and each of them takes a second."""


async def submit(desk: Desk, entry: Order) -> Order:
    """Send an entry, once; one that nobody wants any more when it is there is cancelled again."""
    if entry.order_id in desk.in_flight:
        return await as_known(desk, entry)  # whoever sends it sees to the rest
    after = await send.submit(desk, entry)
    if why := send.unwanted(desk, after):
        await call_off.ask_cancel(desk, after, why)
    elif after.state.is_at_broker:
        look_soon(desk, after)
    return after


def look_soon(desk: Desk, entry: Order) -> None:
    """Most entries fill at once: where nothing is told unasked, a poll is late for their stop."""
    account, broker = entry.account, desk.broker(entry.broker)
    if not desk.is_told(entry.broker):
        desk.vigil(lambda: _look(desk, broker, account), f"look at entries of {account}")


async def _look(desk: Desk, broker: Broker, account: str) -> None:
    """At those that were just taken: one is asked for alone, several by one list of the newest.

    Where an exit's end is being asked for as well, questions of one order each stand in line.
    """
    seen: set[str] = set()
    while fresh := _just_taken(desk, account, seen):
        await desk.clock.sleep(_SOON_S)
        fresh = _just_taken(desk, account, seen) or fresh
        seen.update(o.order_id for o in fresh)
        if len(fresh) > 1 or _are_ends_asked_for(desk, account):
            fresh = await _unlisted(desk, broker, account, fresh)
        with asking(Rank.EXIT):  # what it holds is as naked as what a cancelled stop held
            silent = [o for o in fresh if not await look_up(desk, o.order_id)]
            if silent:  # the next poll would be late
                await desk.clock.sleep(_AGAIN_S)
            for order in silent:
                await look_up(desk, order.order_id)


async def _unlisted(desk: Desk, broker: Broker, account: str, fresh: list[Order]) -> list[Order]:
    """Those of which the list of the newest says nothing."""
    since = min(_left_at(o) for o in fresh) - _SKEW
    told: set[str] = set()
    with suppress(*QUIET):
        work = broker.orders_since(account, since)
        for report in await in_time(desk, work, Rank.NAKED, fresh[0].broker):
            told.add(report.client_order_id)
            await on_report(desk, report, asked=True)
    return [o for o in fresh if o.order_id not in told]


def _are_ends_asked_for(desk: Desk, account: str) -> bool:
    return any(
        o.account == account and o.state is OrderState.PENDING_CANCEL
        for o in desk.book.orders.values()
    )


def _just_taken(desk: Desk, account: str, seen: Collection[str]) -> list[Order]:
    since = desk.clock.now() - _JUST
    return [
        o
        for o in desk.book.orders.values()
        if o.account == account and o.purpose is Purpose.ENTRY and o.order_id not in seen
        if o.state is OrderState.ACCEPTED and _left_at(o) >= since
    ]


def _left_at(entry: Order) -> datetime:
    """One that a person was asked about is older than its way to the broker."""
    return entry.sent_at or entry.created_at
