"""Orders of which we do not know whether they left, or what became of what was asked of them."""

import asyncio
from collections.abc import Collection
from functools import partial

from engine import orders
from engine.asking import Rank, asking, rank
from engine.desk import Desk
from engine.domain.instrument import Instrument
from engine.domain.order import UNANSWERED, Order, OrderState, Purpose, Trigger
from engine.flows.common import effects
from engine.flows.orders import call_off, doubt

_ENTRIES_S = 1.0


async def resolve(
    desk: Desk, account: str, differing: Collection[Instrument] | None = None
) -> None:
    """Ask, adopt or void; never guess. Cancels that may not have arrived are sent again.

    An entry that cannot be asked for at once goes on being looked for by itself: what is held,
    and its protection, wait for no such turn. ``differing``: of which the broker is known to hold
    something else; an entry without an answer in one of those has filled, and has no stop.
    """
    mine = [
        o
        for o in desk.book.orders.values()
        if o.account == account and o.order_id not in desk.in_flight
    ]
    lost = [
        o
        for o in mine
        if o.purpose is Purpose.ENTRY and o.state in UNANSWERED
        if not {leg.instrument for leg in o.legs} & set(differing or ())
    ]
    with asking(Rank.NAKED if differing else rank()):
        await asyncio.gather(*(_resolved(desk, o) for o in mine if o not in lost))
    looks = [desk.vigil(partial(_resolved, desk, o), f"find {o.order_id}") for o in lost]
    if looks and differing is None:
        await asyncio.wait(looks, timeout=_ENTRIES_S)


async def _resolved(desk: Desk, order: Order) -> None:
    if order.state is OrderState.INTENT:
        await _void(desk, order)
    elif order.state is OrderState.PENDING_CANCEL:
        await call_off.cancel(desk, order)
    elif order.state in UNANSWERED:
        if not await doubt.look_up(desk, order.order_id):
            await doubt.doubt(desk, order, "not answered yet")
    elif order.state is OrderState.PENDING_REPLACE and not _is_being_replaced(desk, order):
        await doubt.look_up(desk, order.order_id, refused="its replacement never arrived")


def _is_being_replaced(desk: Desk, order: Order) -> bool:
    return any(
        other.replaces == order.order_id and not other.state.is_terminal
        for other in desk.book.orders_of(order.trade_id)
    )


async def _void(desk: Desk, order: Order) -> None:
    async with desk.lock(order.account):
        current = desk.book.orders.get(order.order_id)
        if current is None or current.state is not OrderState.INTENT:
            return
        void = orders.moved(current, Trigger.VOID, desk.clock.now(), reason="never sent")
        await desk.commit(
            desk.event(
                "order.void", order.alert_id, void, *effects.of_order(desk, void), why="restart"
            )
        )
