"""Poll beside the stream: a frame that was lost is found within half a minute.

Only what lives is asked for, at a pace that fits what the broker tells unasked: seldom beside a
stream, every few seconds without one.
"""

import asyncio
from functools import partial

from engine.desk import Desk
from engine.domain.order import Order, OrderState
from engine.flows import send
from engine.flows.hear import QUIET

_YOUNG_S = 2.0
"""An order sent this lately need not be in the broker's lists yet."""
_LADDER = (OrderState.SUBMITTING, OrderState.UNKNOWN)
"""These are looked up one by one already."""


async def round_of(desk: Desk) -> None:
    """Start what is due; a broker that does not answer holds no other up."""
    live: dict[str, dict[str, list[Order]]] = {}
    for order in desk.book.orders.values():
        if order.state.is_at_broker and order.broker in desk.brokers:
            live.setdefault(order.broker, {}).setdefault(order.account, []).append(order)
    for name, accounts in live.items():
        if name not in desk.offline and desk.is_due(f"watch {name}", pace_s(desk, name)):
            desk.vigil(partial(_watch, desk, name, accounts), f"watch {name}")


def pace_s(desk: Desk, name: str) -> float:
    """Seconds between two looks at a broker's working orders."""
    is_told = desk.broker(name).caps.has_stream and name not in desk.streams_down
    return desk.settings.watch_s if is_told else desk.settings.poll_s


async def _watch(desk: Desk, name: str, accounts: dict[str, list[Order]]) -> None:
    part = f"watch {name}"
    try:
        for account, orders in accounts.items():
            await _account(desk, name, account, orders)
    except QUIET as error:
        desk.health[part] = f"its orders cannot be read: {str(error) or 'no answer in time'}"
    else:
        desk.health.pop(part, None)


async def _account(desk: Desk, name: str, account: str, orders: list[Order]) -> None:
    async with asyncio.timeout(desk.settings.broker_timeout_s):
        working = await desk.broker(name).open_orders(account)
    for report in working:
        await send.on_report(desk, report, asked=True)
    listed = {name for r in working for name in (r.client_order_id, r.broker_id) if name}
    for order in orders:
        if order.order_id in listed or order.broker_id in listed or not _is_old(desk, order):
            continue
        await send.look_up(desk, order.order_id)  # missing from an open list proves nothing (O-08)


def _is_old(desk: Desk, order: Order) -> bool:
    current = desk.book.orders.get(order.order_id)
    if current is None or not current.state.is_at_broker or current.state in _LADDER:
        return False
    if current.order_id in desk.in_flight:
        return False
    return desk.watch_s.age_s(order.order_id, order.sent_at or order.created_at) >= _YOUNG_S
