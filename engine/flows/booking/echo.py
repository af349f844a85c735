"""One execution under two ids, and two under one: what a broker calls them is not what they are.

A list need not name an execution as the stream did: booked twice it would double what is held, and
the stop would grow with it (I-10). Where ids are counted anew, an exit may bear an entry's.
"""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

from engine.brokers import BrokerFill
from engine.desk import Desk
from engine.domain.money import ZERO
from engine.domain.order import Order
from engine.domain.trade import Execution

_APART = timedelta(seconds=1)
"""Both tell the exchange's time; one of them may be rounded."""
RECKONED = "reckoned-"
"""Begins the id of what was made out of an order's own report: see ``flows/booking/reckoned``."""
_SAME_MOMENT = timedelta(seconds=2)


def named(fill: BrokerFill, executions: Mapping[str, Execution | None]) -> BrokerFill:
    """The fill under an id that is its own: where a broker counts anew, an old one names it.

    Of the other side, in something else, or of another order at another time: that is no repeat.
    """
    known = executions.get(fill.execution_id)
    if known is None or fill.kind != "fill":
        return fill
    is_other_order = bool(fill.client_order_id) and fill.client_order_id != known.order_id
    is_later = abs(fill.executed_at - known.executed_at) > _SAME_MOMENT
    told, booked = ((one.side, one.account, one.instrument) for one in (fill, known))
    if told == booked and not (is_other_order and is_later):
        return fill
    return anew(fill)


def anew(fill: BrokerFill) -> BrokerFill:
    """The same under the id that it has in our books where its own stands for another one."""
    return replace(fill, execution_id=f"{fill.execution_id}@{fill.executed_at:%Y%m%d%H%M%S}")


async def is_heard(desk: Desk, fill: BrokerFill, order: Order) -> bool:
    """Whether it is as good as certain to be one that is booked; then it must not be booked now.

    It looks like one of the same order, and the broker's own report of the order does not hold
    both. While the order lives entries wait for the comparison: a report that comes later may hold
    them. Once it is over, the second id is taken for the first one's.
    """
    if not _is_beyond(fill, order):
        return False
    if fill.execution_id.startswith(RECKONED):
        return True  # its stream told of it meanwhile
    rows = await desk.store.find(Execution, where={"order_id": order.order_id})
    if any(row.execution_id.startswith(RECKONED) for row in rows):
        desk.book.known_execution(fill.execution_id)
        return True  # part of what was reckoned; if it is not, the order's next report tells
    if not any(is_like(fill, row) for row in rows):
        return False
    if not order.state.is_terminal:
        desk.gates[order.broker] = f"an execution of order {order.order_id} may be told twice"
        return True
    desk.book.known_execution(fill.execution_id)
    await desk.tell(
        "admin",
        f"{order.broker} told an execution of order {order.order_id} ({fill.side} {fill.qty:f} "
        f"{fill.instrument.label} @ {fill.price:f}) under two ids. It is booked once: the order "
        "itself has not filled more.",
        note_id=f"echo-{order.order_id}",
    )
    return True


def _is_beyond(fill: BrokerFill, order: Order) -> bool:
    """Whether the broker's own report of the order does not hold what is booked and this."""
    done = {
        leg.instrument.key: (filled, (order.reported - order.carried) * abs(leg.ratio))
        for leg, filled in zip(order.legs, order.leg_filled, strict=False)
    }
    filled, reported = done.get(fill.instrument.key, (ZERO, ZERO))
    return filled > 0 and filled + fill.qty > reported


def is_like(fill: BrokerFill, row: Execution) -> bool:
    """Whether nothing but its id tells it from one that is booked."""
    is_same = (row.instrument, row.side, row.qty, row.price) == (
        fill.instrument,
        fill.side,
        fill.qty,
        fill.price,
    )
    return is_same and abs(row.executed_at - fill.executed_at) <= _APART
