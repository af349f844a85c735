"""A close that stands for a market order where there is none, and the market ran past its limit.

It would rest there for ever, and count as a way out. It is taken back; once it is provably over,
what is left of it is sent anew at the limit of then. Where the market is so wide that this would be
no other one, a person has to decide.
"""

from decimal import Decimal

from engine.desk import Desk
from engine.domain.order import WORKING, Order, OrderType, Purpose, Side
from engine.domain.trade import Trade
from engine.flows.orders import call_off
from engine.pricing import worst_limit

_AFTER_S = 5.0
"""Before that it may just not have been told of."""


async def look(desk: Desk, trade_id: str) -> None:
    """Take back what cannot fill at the prices of now, and say so once."""
    trade = desk.book.trades.get(trade_id)
    if trade is None or not trade.closes:
        return
    for order in desk.book.orders_of(trade_id):
        touch = _unreached(desk, trade, order)
        if touch is None:
            continue
        if not _is_left_behind(desk, trade, order):
            await _tell_of_rest(desk, trade, order, touch)
            continue
        if desk.backoff.must_wait(call_off.pace_of(order)):
            continue
        await desk.tell(
            "admin",
            f"⚠ {trade.symbol} ({trade_id}): its way out at {order.limit:f} was left behind by the "
            "market. It is sent anew at the prices of now, until it fills.",
            note_id=f"left-behind-{trade_id}-{order.request_id}",
        )
        await call_off.ask_cancel(desk, order, "the market has left it behind")


async def _tell_of_rest(desk: Desk, trade: Trade, order: Order, touch: Decimal) -> None:
    await desk.tell(
        "admin",
        f"⚠ {trade.symbol} ({trade.trade_id}): its way out rests at {order.limit:f}, and "
        f"the market stands at {touch:f}, too wide to go there. It is still held: close it in the "
        "broker's app, or wait for a better market.",
        note_id=f"rests-{trade.trade_id}-{order.request_id}",
    )


def _unreached(desk: Desk, trade: Trade, order: Order) -> Decimal | None:
    """The price that can be had now, where the way out works at one that cannot."""
    at_market = {request.request_id for request in trade.closes if request.limit is None}
    if order.purpose is not Purpose.CLOSE or order.request_id not in at_market:
        return None
    if order.type is not OrderType.LIMIT or order.state not in WORKING or order.ended is not None:
        return None
    if desk.stopwatch.age_s(order.order_id, order.sent_at or order.created_at) < _AFTER_S:
        return None
    quote = desk.quote(trade.legs, is_way_out=True)
    if quote is None or order.limit is None:
        return None
    touch = quote.touch(order.side is Side.BUY)
    return touch if (touch - order.limit) * order.side.sign > 0 else None


def _is_left_behind(desk: Desk, trade: Trade, order: Order) -> bool:
    """Whether one that is sent now would go further."""
    quote = desk.quote(trade.legs, is_way_out=True)
    tick, n_legs = trade.legs[0].instrument.tick, len(trade.legs)
    now = worst_limit(order.side, quote, tick, n_legs=n_legs)
    if now is None or order.limit is None:
        return False
    return (now - order.limit) * order.side.sign > 0
