"""What an order's absence at its broker proves, and whether it may leave once more."""

from engine.desk import Desk
from engine.domain.order import UNANSWERED, Order, OrderState, OrderType, Purpose
from engine.domain.trade import Trade, TradeState
from engine.flows.holdings import marks

ABSENT_GRACE_S = 5.0
"""A request may still be under way for so long when the broker says that it has no such order."""
FAILED_GRACE_S = 2.5
"""Nothing is under way once the broker itself answered that it failed; what is held is bare."""
NAMED_GRACE_S = 30.0
"""One that the broker took, by its answer or as its id is taken, is there: lists lag so long."""
ABSENT_TWICE_S = 1.0
"""What is to be believed absent was found absent twice, so far apart."""
_REPEATED_S = 9.0
"""By then an exit without an answer has been sent once more, where two are never taken."""
_MOVES = 3
"""So often a move of a stop without an answer is asked for again, before its absence counts."""


def proof_in_s(desk: Desk, order: Order) -> float:
    """Absent is proof once nothing can be under way any more, and when it was said twice."""
    now = desk.clock.monotonic()
    first = desk.doubts.absent.setdefault(order.order_id, now)
    age = desk.stopwatch.age_s(order.order_id, order.sent_at or order.created_at)
    is_named = order.accepted_at is not None or order.order_id in desk.doubts.used
    is_there = is_named or _is_moved(desk, order)
    unnamed_s = FAILED_GRACE_S if _is_stop_failed(desk, order) else ABSENT_GRACE_S
    grace_s = NAMED_GRACE_S if is_there else unnamed_s
    return max(grace_s - age, ABSENT_TWICE_S - (now - first), 0.0)


def _is_stop_failed(desk: Desk, order: Order) -> bool:
    """Whether the broker itself said that it failed, of a stop whose price is not reached.

    Its stream, which lives, has not told of it either. Should it be there after all, both are
    looked for at once, while their price is away.
    """
    is_first = order.attempt == 0 and order.state in UNANSWERED
    if not is_first or order.order_id not in desk.doubts.failed or not is_wanted(desk, order):
        return False
    is_told = order.broker not in desk.streams_down and not is_hidden(desk, order)
    if order.purpose is not Purpose.STOP or not is_told:
        return False
    return desk.quote(order.legs) is not None and not is_past_stop(desk, order)


def _is_moved(desk: Desk, order: Order) -> bool:
    """Another price for an order that works on meanwhile: lists may show the old one for long.

    Given up too soon, it would live beside the one that is sent in its place.
    """
    old = desk.book.orders.get(order.replaces) if order.replaces is not None else None
    if old is None or old.state is not OrderState.PENDING_REPLACE:
        return False
    return old.qty == order.qty  # with another size some of what is held may be bare


def may_repeat(desk: Desk, order: Order) -> bool:
    """Whether the same request may leave once more under its id, as this broker treats ids.

    One that refuses a repeat cannot double; where our id is hidden, once. One that takes repeats
    must provably lack it, and nothing that fills at any price is repeated there: in its place the
    plan sends a limit beyond the touch (``flows/holdings/capable``). One that knows
    no ids at all is never asked again: a person decides. Another price for an order that works is
    taken only while that one works, by whomever: the first request or a later one, never two.
    """
    caps = desk.broker(order.broker).caps
    if order.replaces is not None:
        return order.attempt < _MOVES
    if caps.dedupes_client_id:
        return caps.finds_by_client_id or order.attempt == 0
    if not caps.finds_by_client_id or order.type is OrderType.MARKET:
        return False
    return not proof_in_s(desk, order)


def is_repeated_soon(desk: Desk, order: Order) -> bool:
    """Whether the first thing to be had of an exit without an answer is its repeat.

    Where our id is hidden there is no number to cancel it by; a list proves its absence later.
    """
    if not _is_unnamed(desk, order) or order.state not in UNANSWERED or order.attempt > 0:
        return False
    age_s = desk.stopwatch.age_s(order.order_id, order.sent_at or order.created_at)
    return age_s < _REPEATED_S and is_wanted(desk, order) and not is_past_stop(desk, order)


def _is_unnamed(desk: Desk, order: Order) -> bool:
    """Its broker refuses a second one of our id, and does not say it back."""
    caps = desk.broker(order.broker).caps
    return caps.dedupes_client_id and not caps.finds_by_client_id


def needs_person(desk: Desk, order: Order) -> bool:
    """A new exit in place of one that cannot be told would be a repeat by another name.

    Past its stop the position does not wait for him: two whole lists without it have to do.
    """
    is_exit = order.purpose is not Purpose.ENTRY and order.state in UNANSWERED
    return is_exit and is_hidden(desk, order) and not is_past_stop(desk, order)


def is_hidden(desk: Desk, order: Order) -> bool:
    """Its broker neither knows it by our id nor refuses a second one."""
    caps = desk.broker(order.broker).caps
    return not caps.dedupes_client_id and not caps.finds_by_client_id


def is_past_stop(desk: Desk, order: Order) -> bool:
    """Whether closing now would bring the stop's price or worse, by what is believed."""
    trade = desk.book.trades.get(order.trade_id)
    if trade is None or trade.stop is None or trade.qty_open <= 0:
        return False
    quote = desk.quote(trade.legs)
    touch = marks.mark(desk, trade) if quote is None else quote.touch(trade.direction < 0)
    return touch is not None and (touch - trade.stop.price) * trade.direction <= 0


def is_wanted(desk: Desk, order: Order) -> bool:
    """Whether it is an exit that would be sent as it is today."""
    trade = desk.book.trades.get(order.trade_id)
    if order.purpose is Purpose.ENTRY or trade is None:
        return False
    if order.replaces is not None:
        return _is_move_wanted(desk, order, trade)
    if trade.state is not TradeState.OPEN or order.qty > trade.qty_open:
        return False
    if order.purpose is Purpose.CLOSE:
        return any(c.request_id == order.request_id for c in trade.closes)
    if trade.stop is None or order.stop is None:
        return False
    # One for less is moved once it has a number; where our id names it, it is cancelled at once.
    is_enough = (trade.stop.price - order.stop) * trade.direction >= 0
    return order.stop == trade.stop.price or (is_enough and _is_unnamed(desk, order))


def _is_move_wanted(desk: Desk, order: Order, trade: Trade) -> bool:
    """Whether its place is still to be taken, and the plan would not go another way now."""
    if trade.state is not TradeState.OPEN or trade.stop is None or trade.closes:
        return False
    if order.purpose is not Purpose.STOP or order.stop is None or not _is_moved(desk, order):
        return False
    return (trade.stop.price - order.stop) * trade.direction >= 0
