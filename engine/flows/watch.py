"""Poll beside the stream: a frame that was lost is found within half a minute.

Only what lives is asked for, at a pace that fits what the broker tells unasked: seldom beside a
stream, every few seconds without one.
"""

from datetime import timedelta
from functools import partial

from engine.asking import Rank, answered_within, asking
from engine.brokers import BrokerOrder
from engine.desk import Desk
from engine.domain.errors import RateLimited
from engine.domain.order import Order, OrderState
from engine.flows import send
from engine.flows.hear import QUIET

_YOUNG_S = 2.0
"""An order sent this lately need not be in the broker's lists yet."""
_SKEW = timedelta(minutes=5)
"""The broker's clock and ours need not agree."""
_LADDER = (OrderState.SUBMITTING, OrderState.UNKNOWN)
"""These are looked up one by one already."""


async def round_of(desk: Desk) -> None:
    """Start what is due; a broker that does not answer holds no other up."""
    live: dict[str, dict[str, list[Order]]] = {}
    for order in desk.book.orders.values():
        if order.state.is_at_broker and order.broker in desk.brokers:
            live.setdefault(order.broker, {}).setdefault(order.account, []).append(order)
    for name, accounts in live.items():
        if name in desk.offline:
            continue
        if _is_told(desk, name) and desk.lock(f"compare {name}").locked():
            continue  # a comparison reads all of it just now; where nothing is told it is too slow
        if desk.is_due(f"watch {name}", pace_s(desk, name)):
            desk.vigil(partial(_watch, desk, name, accounts), f"watch {name}")


def pace_s(desk: Desk, name: str) -> float:
    """Seconds between two looks at a broker's working orders."""
    return desk.settings.watch_s if _is_told(desk, name) else desk.settings.poll_s


def _is_told(desk: Desk, name: str) -> bool:
    return desk.broker(name).caps.has_stream and name not in desk.streams_down


async def _watch(desk: Desk, name: str, accounts: dict[str, list[Order]]) -> None:
    part = f"watch {name}"
    try:
        # Without a stream this is the only ear: what has filled and has no stop is heard here.
        with asking(Rank.POLL if _is_told(desk, name) else Rank.COMPARE):
            for account, orders in accounts.items():
                await _account(desk, name, account, orders)
    except RateLimited:
        return  # others wait for a turn there: the next look is soon enough
    except QUIET as error:
        desk.health[part] = f"its orders cannot be read: {str(error) or 'no answer in time'}"
    else:
        desk.health.pop(part, None)


async def _account(desk: Desk, name: str, account: str, orders: list[Order]) -> None:
    broker = desk.broker(name)
    async with answered_within(desk.settings.broker_timeout_s):
        working = await broker.open_orders(account)
    gone = await _heard(desk, working, orders)
    if len(gone) > 1:  # one list tells of all of them
        since = min(order.created_at for order in gone) - _SKEW
        async with answered_within(desk.settings.broker_timeout_s):
            recent = await broker.orders_since(account, since)
        gone = await _heard(desk, recent, gone)
    for order in gone:
        await send.look_up(desk, order.order_id)  # missing from a list proves nothing (O-08)


async def _heard(desk: Desk, listed: list[BrokerOrder], orders: list[Order]) -> list[Order]:
    """Take the reports in; what was to be among them and is not."""
    for report in listed:
        await send.on_report(desk, report, asked=True)
    told = {name for r in listed for name in (r.client_order_id, r.broker_id) if name}
    return [
        order
        for order in orders
        if not {order.order_id, order.broker_id} & told and _is_old(desk, order)
    ]


def _is_old(desk: Desk, order: Order) -> bool:
    current = desk.book.orders.get(order.order_id)
    if current is None or not current.state.is_at_broker or current.state in _LADDER:
        return False
    if current.order_id in desk.in_flight:
        return False
    return desk.watch_s.age_s(order.order_id, order.sent_at or order.created_at) >= _YOUNG_S
