"""Executions that nobody tells: reckoned from what an order has filled, and at what average.

Only where the broker lists none at all (``caps.lists_executions``): elsewhere the list tells them
sooner or later, and the same one would be booked twice.
"""

from decimal import Context
from functools import partial

from engine import orders
from engine.asking import Rank
from engine.brokers import BrokerFill
from engine.brokers import Seen as FoundOrder
from engine.desk import Desk
from engine.domain.money import ZERO
from engine.domain.order import Order
from engine.domain.trade import Execution
from engine.flows.booking.echo import RECKONED
from engine.flows.booking.fills import on_fill
from engine.flows.booking.reported import on_report
from engine.flows.common.answers import QUIET, in_time

_DIGITS = Context(prec=10)
"""What an average is rounded to decides no further ones."""
_UNTOLD_S = 2.0
"""Its stream tells an execution within this, if at all."""


def soon(desk: Desk, order: Order) -> None:
    """It has filled more than is booked: wait for the stream a little, then reckon."""
    if not desk.broker(order.broker).caps.lists_executions:
        desk.vigil(partial(_reckon, desk, order.order_id), f"reckon {order.order_id}")


async def _reckon(desk: Desk, order_id: str) -> None:
    """Book the difference between the order and our books, at the price that makes the sum right.

    Of several legs the average says nothing, and of a replaced order not for which part: those are
    left to a person, as is what makes no sense.
    """
    await desk.clock.sleep(_UNTOLD_S)
    order = await desk.order(order_id)
    if order is None or orders.is_whole(order) or len(order.legs) > 1 or order.carried:
        return
    try:
        work = desk.broker(order.broker).find(order.account, order_id)
        found = await in_time(desk, work, Rank.NAKED, order.broker)
    except QUIET:
        return  # the next look at it brings us here again
    rows = await desk.store.find(Execution, where={"order_id": order_id})
    order = await desk.order(order_id) or order
    if not isinstance(found, FoundOrder) or found.order.average is None:
        return
    seen = found.order
    if seen.filled != order.reported:  # it goes on filling: the next look brings us here again
        await on_report(desk, seen)
        return
    more = seen.filled - sum((row.qty for row in rows), ZERO)
    cost = found.order.average * seen.filled - sum((row.qty * row.price for row in rows), ZERO)
    if more != seen.filled - order.filled or more <= 0 or cost <= 0:
        return
    fill = BrokerFill(
        execution_id=f"{RECKONED}{seen.broker_id}-{seen.filled.normalize():f}",
        client_order_id=order_id,
        broker_id=seen.broker_id,
        account=order.account,
        instrument=order.legs[0].instrument,
        leg=0,
        side=order.side,
        qty=more,
        price=_DIGITS.divide(cost, more).normalize(),
        fee_usd=ZERO,
        executed_at=seen.updated_at,
    )
    await on_fill(desk, fill)
    if fill.execution_id not in desk.book.executions:
        return  # its stream told of it meanwhile
    await desk.tell(
        "admin",
        f"{order.broker} lists no executions, and nobody heard {fill.qty:f} "
        f"{fill.instrument.label} of order {order_id} fill. It is booked at {fill.price:.6g}, so "
        "that the order's average is right; what it cost in fees is not known.",
        note_id=f"reckoned-{fill.execution_id}",
    )
