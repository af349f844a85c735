"""What an execution does to its order: legs, average price, state."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from engine.domain.errors import InvariantError
from engine.domain.money import ZERO
from engine.domain.order import MOVES, Order, OrderState, Trigger
from engine.domain.record import changed
from engine.domain.trade import Execution

ENDS = {
    OrderState.FILLED: Trigger.FILL_ALL,
    OrderState.CANCELED: Trigger.CANCEL,
    OrderState.EXPIRED: Trigger.EXPIRE,
    OrderState.REJECTED: Trigger.REJECT,
    OrderState.REPLACED: Trigger.REPLACE,
}
"""How an order ended, and the move that takes it there."""


def filled(order: Order, execution: Execution, now: datetime) -> Order:
    """The order with one more execution; call it once per execution id.

    A fill is a fact: after a terminal state it is booked all the same. What nobody expects (a
    late fill, more than was ordered, the wrong side) flags the order for a person.
    """
    leg = leg_of(order, execution)
    if execution.side.sign != order.side.sign * _sign(order.legs[leg].ratio):
        why = f"execution {execution.execution_id} is on the wrong side"
        return changed(order, is_flagged=True, reason=order.reason or why, updated_at=now)
    after = _with(order, leg, execution.qty, execution.price)
    state = _state(order, after)
    return changed(
        after,
        state=state,
        ended=None if state.is_terminal else order.ended,
        is_flagged=order.is_flagged or _is_odd(order, after),
        accepted_at=order.accepted_at or now,
        updated_at=now,
    )


def busted(order: Order, execution: Execution, now: datetime) -> Order:
    """The order without an execution that the broker took back; its state does not come alive."""
    leg = leg_of(order, execution)
    after = _with(order, leg, -execution.qty, execution.price)
    reported = max(order.reported - (order.filled - after.filled), ZERO)
    return changed(after, reported=reported, is_flagged=True, updated_at=now)


def leg_of(order: Order, execution: Execution) -> int:
    """Which leg an execution belongs to: the instrument decides, not the number.

    Raises:
        InvariantError: the order has no such instrument.
    """
    key = execution.instrument.key
    if execution.leg < len(order.legs) and order.legs[execution.leg].instrument.key == key:
        return execution.leg
    for number, leg in enumerate(order.legs):
        if leg.instrument.key == key:
            return number
    raise InvariantError(f"order {order.order_id} has no leg {key}")


def carried_by(order: Order, orders: Iterable[Order]) -> Decimal:
    """Units that the orders before it in its line have filled, as booked now."""
    by_id = {o.order_id: o for o in orders}
    total = ZERO
    while order.replaces is not None and order.replaces in by_id:
        order = by_id[order.replaces]
        total += order.filled
    return total


def _sign(ratio: int) -> int:
    return 1 if ratio > 0 else -1


def _with(order: Order, leg: int, qty: Decimal, price: Decimal) -> Order:
    """Quantities and costs only ever add up: the order of arrival cannot matter."""
    done = list(order.leg_filled or [ZERO] * len(order.legs))
    cost = list(order.leg_cost or [ZERO] * len(order.legs))
    done[leg] += qty
    cost[leg] += qty * price
    after = replace(order, leg_filled=tuple(done), leg_cost=tuple(cost))
    return replace(after, avg_price=_unit_price(after))


def _unit_price(order: Order) -> Decimal | None:
    """Average price of the unit; None until every leg has a fill."""
    if any(done <= 0 for done in order.leg_filled):
        return None
    parts = zip(order.legs, order.leg_filled, order.leg_cost, strict=True)
    return sum((leg.ratio * cost / done for leg, done, cost in parts), ZERO)


def _state(before: Order, after: Order) -> OrderState:
    done = after.filled + after.carried
    trigger = Trigger.FILL_ALL if done >= after.qty else Trigger.FILL
    state = MOVES.get((before.state, trigger), before.state)
    if before.ended is None or state.is_terminal or done < after.reported:
        return state
    return MOVES.get((state, ENDS[before.ended]), state)


def _is_odd(before: Order, after: Order) -> bool:
    is_over = any(
        done > (after.qty - after.carried) * abs(leg.ratio)
        for done, leg in zip(after.leg_filled, after.legs, strict=True)
    )
    is_more = before.ended is not None and after.filled + after.carried > after.reported
    is_late = before.state.is_terminal or is_more
    was_never_sent = (before.state, Trigger.FILL) not in MOVES or before.state in (
        OrderState.DENIED,
        OrderState.VOID,
    )
    return is_over or is_late or was_never_sent
