"""Whose is it? The order of ours that a broker's report or execution is about."""

from datetime import timedelta

from engine.brokers import BrokerFill
from engine.desk import Desk
from engine.domain.order import Order, is_our_id

_SKEW = timedelta(minutes=15)
"""The broker's clock and ours need not agree: one of the two may be minutes off."""


async def order_of(desk: Desk, account: str, client_order_id: str, broker_id: str) -> Order | None:
    """Ours by our id, or by the broker's own number where it hides ours; None: a stranger's.

    Under another account's name and another number of the broker's it is no order of ours: somebody
    has used our id there. Under the number of ours the name of the account is wrong.
    """
    known = desk.book.orders.get(client_order_id)
    if known is None and is_our_id(client_order_id):
        known = await desk.order(client_order_id)
    if known is not None:
        is_elsewhere = account != known.account and known.broker_id not in (None, broker_id)
        return None if is_elsewhere and broker_id else known
    if is_our_id(client_order_id):
        return None
    if not broker_id or client_order_id:
        return None
    return next(
        (
            o
            for o in desk.book.orders.values()
            if o.broker_id == broker_id and o.account == account and is_our_id(o.order_id)
        ),
        None,
    )


def may_be_of(desk: Desk, fill: BrokerFill) -> Order | None:
    """An order without an answer that a nameless execution may belong to.

    Booked as a stranger's it would count twice once the order is found.
    """
    if fill.client_order_id:
        return None
    for order in desk.book.orders.values():
        is_open = order.is_in_doubt or order.order_id in desk.in_flight
        if not is_open or order.broker_id or order.account != fill.account:
            continue
        if fill.executed_at < order.created_at - _SKEW:
            continue
        for leg in order.legs:
            sign = order.side.sign * (1 if leg.ratio > 0 else -1)
            if leg.instrument.key == fill.instrument.key and sign == fill.side.sign:
                return order
    return None
