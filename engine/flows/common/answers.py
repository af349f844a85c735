"""What a broker answers about an order: waited for in time, and stored."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from engine import asking, orders
from engine.asking import Rank
from engine.desk import Desk
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, OrderStateUnknown, RateLimited
from engine.domain.order import MOVES, Order, OrderState, Trigger
from engine.flows.common import effects

T = TypeVar("T")
QUIET = (BrokerUnavailable, OrderStateUnknown, BrokerAuthError, TimeoutError)
"""A question that was not answered: nothing is concluded from it."""
HANGS_S = 2.0
"""What is left unanswered for so long holds nobody up; a cancel and an entry are asked for then."""


async def in_time(desk: Desk, work: Awaitable[T], who: Rank, broker: str = "") -> T:
    """A broker's answer; what is waited for in our own line is not its silence.

    ``broker``: it is asked about orders; how long it leaves us waiting is looked at meanwhile.
    """
    limit = asking.answered_within(desk.settings.broker_timeout_s)
    if broker:
        desk.doubts.asked[limit] = broker
    try:
        with asking.asking(who):
            async with limit:
                return await work
    finally:
        desk.doubts.asked.pop(limit, None)


async def as_known(desk: Desk, order: Order) -> Order:
    """As it stands now; one that filled and closed its trade meanwhile is in memory no more."""
    return await desk.order(order.order_id) or order


async def answered(
    desk: Desk, order: Order, trigger: Trigger, reason: str, *, flag: bool = False
) -> Order:
    """Store a definite answer."""
    async with desk.lock(order.account):
        current = await as_known(desk, order)
        if current.state.is_terminal or (current.state, trigger) not in MOVES:
            return current  # something else was heard of it meanwhile
        final = orders.moved(
            current,
            trigger,
            desk.clock.now(),
            reason=reason,
            is_flagged=current.is_flagged or flag,
        )
        async with effects.story(desk, order.alert_id):
            await desk.commit(
                desk.event(
                    f"order.{final.state.lower()}",
                    order.alert_id,
                    final,
                    *effects.of_order(desk, final),
                    cards=effects.cards_of(desk, final),
                    order_id=order.order_id,
                    reason=reason,
                )
            )
        return final


async def stands(desk: Desk, order_id: str, reason: str) -> None:
    """The broker refused to cancel or replace a still working order: it works on."""
    order = desk.book.orders.get(order_id)
    if order is None:
        return
    triggers = {
        OrderState.PENDING_CANCEL: Trigger.REFUSE_CANCEL,
        OrderState.PENDING_REPLACE: Trigger.REFUSE_REPLACE,
    }
    async with desk.lock(order.account):
        order = desk.book.orders.get(order_id, order)
        trigger = triggers.get(order.state)
        if trigger is None:
            return
        desk.doubts.heard.pop(order_id, None)  # whoever asks anew is not kept waiting
        kept = orders.moved(order, trigger, desk.clock.now(), reason=reason)
        await desk.commit(
            desk.event("order.kept", order.alert_id, kept, order_id=order_id, reason=reason)
        )


async def of_each(looks: Iterable[Callable[[], Awaitable[list[str]]]]) -> list[str]:
    """What a look at each account finds; one that cannot be read hides no other of its login.

    After it the others are looked at side by side: a login that hangs costs no time-out for each.

    Raises:
        Whatever kept the first one from being read; at once where turns have run out.
    """
    found: list[str] = []
    waiting = list(looks)
    while waiting:
        try:
            found += await waiting.pop(0)()
        except RateLimited:
            raise
        except QUIET:
            others = await asyncio.gather(*(look() for look in waiting), return_exceptions=True)
            for other in others:
                is_quiet = isinstance(other, QUIET) and not isinstance(other, RateLimited)
                if isinstance(other, BaseException) and not is_quiet:
                    raise other from None
            raise
    return found
