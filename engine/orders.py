"""Life of an order from what brokers say: any report, in any order, as often as it comes."""

from datetime import datetime
from decimal import Decimal
from typing import Any

from engine.brokers import BrokerOrder, OrderRequest
from engine.domain.copying import replace
from engine.domain.order import MOVES, Order, OrderState, Purpose, Trigger, move
from engine.domain.record import changed
from engine.ledger.fills import ENDS, carried_by, filled

__all__ = ["carried_by", "filled", "moved", "needs_fills", "request_of", "seen"]

_UNSENT = frozenset({OrderState.DRAFT, OrderState.PENDING_APPROVAL, OrderState.APPROVED})
_NEVER_SENT = frozenset({OrderState.DENIED, OrderState.VOID, OrderState.REJECTED})
_END_OF = {
    "filled": OrderState.FILLED,
    "canceled": OrderState.CANCELED,
    "expired": OrderState.EXPIRED,
    "rejected": OrderState.REJECTED,
    "replaced": OrderState.REPLACED,
}
_WHY_IT_ENDED = frozenset({OrderState.REJECTED, OrderState.DENIED, OrderState.VOID})


def seen(
    order: Order, report: BrokerOrder, now: datetime, *, carried: Decimal | None = None
) -> Order:
    """The order after one report of its broker; the same object when nothing changed.

    Fills are never taken from a report. While the broker says that more is filled than is booked,
    the order stays live at worst case and remembers how it ended; the missing execution ends it.

    Args:
        order: Ours.
        report: The broker's.
        now: Time of taking it in.
        carried: What the orders it replaced have filled by now (:func:`carried_by`); a fill of
            theirs may have been booked after this order was made.
    """
    after = order
    if carried is not None and carried > order.carried:
        after = replace(order, carried=carried)
    after = _noted(after, report)
    state, ended = _judge(after, report)
    reason = after.reason
    if state is not order.state and report.reason:
        reason = _reason(order, state, report.reason)
    is_same = (state, ended, reason) == (order.state, order.ended, order.reason)
    if is_same and after is order:
        return order
    accepted_at = order.accepted_at
    if accepted_at is None and report.state not in ("unknown", "rejected"):
        accepted_at = now
    return changed(
        after, state=state, ended=ended, reason=reason, accepted_at=accepted_at, updated_at=now
    )


def needs_fills(order: Order, report: BrokerOrder) -> bool:
    """True when the broker says that more is filled than is booked: ask for executions."""
    return _claimed(report) > order.filled + order.carried


def _claimed(report: BrokerOrder) -> Decimal:
    """Units filled as the broker has it; ``filled`` without a figure means all of it."""
    if report.state == "filled" and report.filled <= 0:
        return report.qty
    return report.filled


def _noted(order: Order, report: BrokerOrder) -> Order:
    """What a report adds whatever state the order is in."""
    is_end = report.state in _END_OF
    is_live = report.state in ("accepted", "partial", "filled")
    is_odd = (
        (order.state in _UNSENT)
        or (order.state in _NEVER_SENT and order.broker_id is None and is_live)
        or (is_end and _claimed(report) < order.filled + order.carried)
    )
    broker_id = order.broker_id or report.broker_id or None
    reported = max(order.reported, _claimed(report))
    is_flagged = order.is_flagged or is_odd
    known = (order.broker_id, order.reported, order.is_flagged)
    if (broker_id, reported, is_flagged) == known:
        return order
    return replace(order, broker_id=broker_id, reported=reported, is_flagged=is_flagged)


def _judge(order: Order, report: BrokerOrder) -> tuple[OrderState, OrderState | None]:
    state, ended = order.state, order.ended
    if state.is_terminal or state in _UNSENT or report.state == "unknown":
        return state, ended
    if state is OrderState.INTENT:
        state = move(state, Trigger.SEND)  # the broker has it, so it was sent
    end = _END_OF.get(report.state)
    if end is not None and (ended is None or end is OrderState.FILLED):
        ended = end
    if ended is not None and is_whole(order):
        return MOVES.get((state, ENDS[ended]), state), None
    state = MOVES.get((state, Trigger.ACCEPT), state)
    if state is OrderState.ACCEPTED and any(order.leg_filled):
        state = OrderState.PARTIAL
    return state, ended


def is_whole(order: Order) -> bool:
    """Every fill that the broker told of is booked."""
    return order.filled + order.carried >= order.reported


def is_even(order: Order) -> bool:
    """Each leg has filled as much as makes whole units."""
    legs = zip(order.legs, order.leg_filled, strict=False)
    return all(done == order.filled * abs(leg.ratio) for leg, done in legs)


def moved(
    order: Order, trigger: Trigger, now: datetime, *, reason: str = "", **changes: Any
) -> Order:
    """The order after one legal move; other fields may change with it.

    Raises:
        InvariantError: the move is not in the table.
    """
    state = move(order.state, trigger)
    if state is OrderState.ACCEPTED and any(order.leg_filled):
        state = OrderState.PARTIAL  # a refused cancel or replace: working on, partly filled
    stamps: dict[str, datetime] = {}
    if trigger is Trigger.SEND:
        stamps["sent_at"] = now
    elif trigger is Trigger.ACCEPT and order.accepted_at is None:
        stamps["accepted_at"] = now
    if "reason" not in changes:
        changes["reason"] = _reason(order, state, reason)
    return changed(order, **{"state": state, "updated_at": now, **stamps, **changes})


def _reason(order: Order, state: OrderState, reason: str) -> str:
    """An exit keeps why it exists, unless it came to nothing; a finished order keeps its own."""
    if not reason or order.state.is_terminal:
        return order.reason
    is_exit = order.purpose is not Purpose.ENTRY
    if is_exit and order.reason and state not in _WHY_IT_ENDED:
        return order.reason
    return reason


def request_of(order: Order) -> OrderRequest:
    """What the broker is asked to do; only entries may add exposure."""
    return OrderRequest(
        client_order_id=order.order_id,
        account=order.account,
        side=order.side,
        legs=order.legs,
        qty=order.qty,
        type=order.type,
        limit=order.limit,
        stop=order.stop,
        tif=order.tif,
        reduces=order.purpose is not Purpose.ENTRY,
    )
