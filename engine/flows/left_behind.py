"""A close that stands for a market order where there is none, and the market ran past its limit.

It would rest there for ever, and count as a way out. It is taken back; once it is provably over,
what is left of it is sent anew at the limit of then.
"""

from engine.desk import Desk
from engine.domain.order import WORKING, Order, OrderType, Purpose, Side
from engine.domain.trade import Trade
from engine.flows import send
from engine.pricing import worst_limit

_AFTER_S = 5.0
"""Before that it may just not have been told of."""


async def look(desk: Desk, trade_id: str) -> None:
    """Take back what cannot fill at the prices of now, and say so once."""
    trade = desk.book.trades.get(trade_id)
    if trade is None or not trade.closes:
        return
    for order in desk.book.orders_of(trade_id):
        if not _is_left_behind(desk, trade, order) or desk.backoff.must_wait(send.pace_of(order)):
            continue
        await desk.tell(
            "admin",
            f"⚠ {trade.symbol} ({trade_id}): its way out at {order.limit:f} was left behind by the "
            "market. It is sent anew at the prices of now, until it fills.",
            note_id=f"left-behind-{trade_id}-{order.request_id}",
        )
        await send.ask_cancel(desk, order, "the market has left it behind")


def _is_left_behind(desk: Desk, trade: Trade, order: Order) -> bool:
    at_market = {request.request_id for request in trade.closes if request.limit is None}
    if order.purpose is not Purpose.CLOSE or order.request_id not in at_market:
        return False
    if order.type is not OrderType.LIMIT or order.state not in WORKING or order.ended is not None:
        return False
    if desk.stopwatch.age_s(order.order_id, order.sent_at or order.created_at) < _AFTER_S:
        return False
    quote = desk.quote(trade.legs, is_way_out=True)
    tick, n_legs = trade.legs[0].instrument.tick, len(trade.legs)
    now = worst_limit(order.side, quote, tick, n_legs=n_legs)
    if quote is None or now is None or order.limit is None:
        return False
    touch, sign = quote.touch(order.side is Side.BUY), order.side.sign
    return (touch - order.limit) * sign > 0 and (now - order.limit) * sign > 0
