"""Emergency stop and resume: entries die at once, exits never do."""

import asyncio

from engine import orders
from engine.desk import Desk
from engine.domain.desk import ApprovalState, Who
from engine.domain.errors import NotAllowed, TradeStreamError, UserError
from engine.domain.order import Order, OrderState, Purpose, Trigger
from engine.domain.record import Record, changed
from engine.domain.trade import TradeState
from engine.flows import manage, send


async def emergency_stop(desk: Desk, who: Who, *, close: bool, reason: str) -> dict[str, str]:
    """No entry after this moment; working entries cancelled; with ``close``, all trades closed.

    Returns trade or order id -> what happened to it; pressed twice it does nothing twice.

    Raises:
        NotAllowed.
    """
    if not who.may_trade:
        raise NotAllowed("Only a trader may press the emergency stop. Nothing was changed.")
    said = f"{reason or 'emergency stop'} (by {who.name})"
    desk.is_halting = said  # in force before it is even durable
    try:
        await desk.commit(
            desk.event(
                "halt.set",
                "halt",
                desk.fact("halt", said),
                desk.note("admin", f"🛑 Trading is halted: {said}. Exits keep working."),
                actor=f"user:{who.user_id}",
                reason=reason,
            )
        )
    except TradeStreamError as error:
        desk.health["halt"] = f"the halt is in force but not stored: {error}"
    tally: dict[str, str] = {}
    entries = [
        o
        for o in desk.book.orders.values()
        if o.purpose is Purpose.ENTRY and not o.state.is_terminal
    ]
    await asyncio.gather(*(_kill(desk, o, tally) for o in entries))
    if close:
        who = Who(user_id=who.user_id, name=who.name, may_trade=True)
        tally |= await manage.close_all(desk, who, reason="flatten")
    return tally


async def _kill(desk: Desk, order: Order, tally: dict[str, str]) -> None:
    """End one entry: void it if it was not sent, cancel it if it was."""
    now = desk.clock.now()
    to_cancel: Order | None = None
    try:
        async with desk.lock(order.account):
            current = desk.book.orders.get(order.order_id, order)
            if current.state.is_terminal:
                return
            if current.state in (OrderState.ACCEPTED, OrderState.PARTIAL, OrderState.UNKNOWN):
                to_cancel = orders.moved(current, Trigger.ASK_CANCEL, now, reason="halt")
                await desk.commit(
                    desk.event("order.cancel", current.alert_id, to_cancel, why="halt")
                )
            elif not current.state.is_at_broker:
                await _void(desk, current)
                tally[order.order_id] = "entry withdrawn"
        if to_cancel is not None:
            await send.cancel(desk, to_cancel)
            tally[order.order_id] = "entry cancelled"
    except TradeStreamError as error:
        tally[order.order_id] = f"entry not cancelled: {error}"


async def _void(desk: Desk, order: Order) -> None:
    now = desk.clock.now()
    puts: list[Record] = [orders.moved(order, Trigger.VOID, now, reason="halt")]
    cards: list[tuple[str, str, str]] = [("alert", order.alert_id, "trade_alerts")]
    trade = desk.book.trades.get(order.trade_id)
    if trade is not None and trade.state is TradeState.PENDING:
        puts.append(changed(trade, state=TradeState.VOID, close_reason="halt", closed_at=now))
    for approval in list(desk.book.approvals.values()):
        if approval.order_id == order.order_id:
            puts.append(
                changed(
                    approval,
                    state=ApprovalState.WITHDRAWN,
                    decision="withdrawn: trading was halted",
                    decided_at=now,
                )
            )
            cards.append(("approval", approval.approval_id, "approvals"))
    await desk.commit(desk.event("order.void", order.alert_id, *puts, cards=cards, why="halt"))


async def resume(desk: Desk, who: Who, reason: str) -> None:
    """Allow entries again, once the books agree with the brokers.

    Raises:
        NotAllowed: not an admin. UserError: not halted, or the books do not agree yet.
    """
    if not who.may_admin:
        raise NotAllowed("Only an admin may resume trading. It stays halted.")
    if not desk.halted:
        raise UserError("Trading is not halted. Nothing was changed.")
    if not desk.is_reconciled:
        raise UserError("The books were not compared with the broker yet. It stays halted.")
    trouble = {k: v for k, v in desk.health.items() if not k.startswith("task")}
    if trouble:
        raise UserError("It stays halted: " + "; ".join(f"{k}: {v}" for k, v in trouble.items()))
    desk.is_halting = ""
    await desk.commit(
        desk.event(
            "halt.cleared",
            "halt",
            desk.fact("halt", ""),
            desk.note("admin", f"▶ Trading resumed by {who.name}: {reason}"),
            actor=f"user:{who.user_id}",
            reason=reason,
        )
    )
