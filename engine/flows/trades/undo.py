"""Take an entry back before it holds anything: its order, its question, its alert."""

from collections.abc import Sequence

from engine import orders
from engine.desk import Desk
from engine.domain.copying import replace
from engine.domain.desk import AlertRecord, AlertState, Approval, ApprovalState
from engine.domain.order import Order, Purpose, Trigger
from engine.domain.record import Record, changed
from engine.domain.trade import Trade, TradeState
from engine.flows.acts.outcomes import Outcome, rejected
from engine.flows.orders import call_off

_CLOSED = "its author closed it before it was sent"


def undo(desk: Desk, trade: Trade, reason: str) -> tuple[list[Record], list[Order]]:
    """Records that take a trade back before it holds anything; orders to cancel at the broker.

    What is filled stays: a withdrawn alert closes nothing by itself.
    """
    now = desk.clock.now()
    puts: list[Record] = []
    cancels: list[Order] = []
    for order in desk.book.orders_of(trade.trade_id):
        if order.purpose is not Purpose.ENTRY or order.state.is_terminal:
            continue
        if call_off.may_cancel(order):
            asked = orders.moved(order, Trigger.ASK_CANCEL, now, reason=reason)
            puts.append(asked)
            cancels.append(asked)
        elif not order.state.is_at_broker:
            puts.append(orders.moved(order, Trigger.VOID, now, reason=reason))
    if trade.state is TradeState.PENDING and not cancels and _all_ashore(desk, trade):
        puts.append(changed(trade, state=TradeState.VOID, close_reason=reason, closed_at=now))
    elif trade.state is TradeState.PENDING:  # what is on its way dies when it arrives
        puts.append(changed(trade, close_reason=reason))
    return puts, cancels


def _all_ashore(desk: Desk, trade: Trade) -> bool:
    return not any(o.state.is_at_broker for o in desk.book.orders_of(trade.trade_id))


def close_approvals(
    desk: Desk, alert_id: str, state: ApprovalState, decision: str, *, trade_id: str = ""
) -> tuple[list[Approval], list[tuple[str, str, str]]]:
    """All open questions of an alert, or those of one of its trades, ended; their cards."""
    ended = [
        changed(a, state=state, decision=decision, decided_at=desk.clock.now())
        for a in desk.book.approvals.values()
        if a.alert_id == alert_id and trade_id in ("", a.trade_id)
    ]
    return ended, [("approval", a.approval_id, "approvals") for a in ended]


def taken_back(
    desk: Desk, trade: Trade, by: str, reason: str, gone: Sequence[Trade] = ()
) -> tuple[list[Record], list[Order], list[tuple[str, str, str]]]:
    """One trade of an alert with its question, and the alert's card when it was its last one.

    ``by``: the alert that says so; its own card is written by whoever decides about it.
    ``gone``: those that were taken back just before, in the same step.
    """
    puts, cancels = undo(desk, trade, reason)
    ended, cards = close_approvals(
        desk, trade.alert_id, ApprovalState.WITHDRAWN, reason, trade_id=trade.trade_id
    )
    puts += ended
    alert = desk.book.alerts.get(trade.alert_id)
    live = {t.trade_id for t in desk.book.trades.values() if t.alert_id == trade.alert_id}
    left = live - {t.trade_id for t in (*gone, trade)}
    if alert is not None and trade.alert_id != by and not left:
        puts.append(changed(alert, state=AlertState.WITHDRAWN, reason=reason))
    return puts, cancels, [*cards, ("alert", trade.alert_id, "trade_alerts")]


def is_unsent(desk: Desk, trade: Trade) -> bool:
    """Whether nothing is held and nothing of it may be at a broker: it waits for a person."""
    return trade.state is TradeState.PENDING and _all_ashore(desk, trade)


def closed_unsent(desk: Desk, record: AlertRecord, trade: Trade, *, is_all: bool) -> Outcome:
    """An exit of what was never bought (A-19): the question is withdrawn, or told of the part."""
    waits = [a for a in desk.book.approvals.values() if a.trade_id == trade.trade_id]
    if not is_all:
        said = "its author has closed a part already"
        puts = [
            changed(a, question=f"{a.question} · {said}") for a in waits if said not in a.question
        ]
        outcome = rejected("nothing is filled yet, so no part of it can be closed: it still waits")
        shown = tuple(("approval", a.approval_id, "approvals") for a in puts)
        return replace(outcome, puts=tuple(puts), cards=shown)
    records, _, cards = taken_back(desk, trade, record.alert_id, _CLOSED)
    return Outcome(
        state=AlertState.MANAGED,
        reason="nothing was filled: the entry that waited is withdrawn",
        puts=tuple(records),
        cards=tuple(cards),
        trade_ids=(trade.trade_id,),
    )
