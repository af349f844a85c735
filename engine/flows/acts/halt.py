"""Emergency stop and resume: entries die at once, exits never do."""

import asyncio

from engine import orders
from engine.desk import Desk
from engine.domain.desk import AlertRecord, AlertState, ApprovalState, Who
from engine.domain.errors import NotAllowed, TradeStreamError, UserError
from engine.domain.order import Order, OrderState, Purpose, Trigger
from engine.domain.record import Event, Record, changed
from engine.domain.trade import TradeState
from engine.flows.acts import flatten
from engine.flows.limits import facts
from engine.flows.orders import call_off
from engine.risk import only
from engine.risk.drawdown import Drawdown

_HALTED = "trading was halted"
_ANSWER_S = 0.9
"""How long the answer waits for brokers; cancels go on being sent on the side."""


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
    await keep(desk, actor=f"user:{who.user_id}")
    tally: dict[str, str] = {}
    # Side by side: a cancellation that hangs at one broker keeps no entry alive at another.
    await asyncio.gather(*(_kill(desk, account, tally) for account in list(desk.book.accounts)))
    if close:
        tally |= await flatten.run(desk, who)
    return tally


async def keep(desk: Desk, actor: str = "desk") -> None:
    """Make a halt durable that is in force in this process; the sweep tries until it is."""
    async with desk.lock("halt:"):  # the sweep and whoever halted may want the same at once
        said = desk.is_halting
        if said and desk.book.halted != said:
            await _store(desk, said, actor)


async def _store(desk: Desk, said: str, actor: str) -> None:
    try:
        await desk.commit(
            desk.event(
                "halt.set",
                "halt",
                desk.fact("halt", said),
                desk.note("admin", f"🛑 Trading is halted: {said}. Exits keep working."),
                actor=actor,
                reason=said,
            )
        )
    except TradeStreamError as error:
        desk.health["halt"] = f"the halt is in force but not stored: {error}"
    else:
        desk.health.pop("halt", None)


async def _kill(desk: Desk, account: str, tally: dict[str, str]) -> None:
    """End all entries of an account: void what was not sent, cancel what was, all at once."""
    async with desk.lock(account):
        entries = [
            o
            for o in desk.book.orders.values()
            if o.account == account and o.purpose is Purpose.ENTRY and not o.state.is_terminal
        ]
        cancels = [_cancelled(desk, o) for o in entries if call_off.may_cancel(o)]
        alerts: dict[str, AlertRecord] = {}
        voids = [_voided(desk, o, alerts) for o in entries if not o.state.is_at_broker]
        events = [event for event, _ in cancels] + voids
        try:
            if events:
                await desk.commit(*events)
        except TradeStreamError as error:
            tally |= {o.order_id: f"entry not cancelled: {error}" for o in entries}
            return  # the sweep cancels them: the halt is in force
    for order in entries:
        tally[order.order_id] = "entry withdrawn" if not order.state.is_at_broker else "cancelling"
    works = [desk.spawn(call_off.cancel(desk, o), f"cancel {o.order_id}") for _, o in cancels]
    if works:
        await asyncio.wait(works, timeout=_ANSWER_S)
    for _, order in cancels:
        tally[order.order_id] = _outcome(desk.book.orders.get(order.order_id))


def _outcome(order: Order | None) -> str:
    if order is None or order.state.is_terminal:
        return "entry cancelled" if order is None or not order.filled else "entry filled before"
    if order.state is OrderState.PENDING_CANCEL:
        return "entry cancelled, the broker has yet to confirm"
    return f"entry not cancelled yet: {order.reason}; it is tried again"


def _cancelled(desk: Desk, order: Order) -> tuple[Event, Order]:
    asked = orders.moved(order, Trigger.ASK_CANCEL, desk.clock.now(), reason=_HALTED)
    event = desk.event("order.cancel", order.alert_id, asked, order_id=order.order_id, why="halt")
    return event, asked


def _voided(desk: Desk, order: Order, alerts: dict[str, AlertRecord]) -> Event:
    """End one draft; ``alerts``: as they are after the drafts before it."""
    now = desk.clock.now()
    puts: list[Record] = [orders.moved(order, Trigger.VOID, now, reason=_HALTED)]
    cards: list[tuple[str, str, str]] = [("alert", order.alert_id, "trade_alerts")]
    trade = desk.book.trades.get(order.trade_id)
    if trade is not None and trade.state is TradeState.PENDING:
        puts.append(changed(trade, state=TradeState.VOID, close_reason=_HALTED, closed_at=now))
    alert = alerts.get(order.alert_id) or desk.book.alerts.get(order.alert_id)
    if alert is not None and alert.state is AlertState.HELD:
        alert = changed(alert, state=AlertState.WITHDRAWN, reason=_HALTED)
        alerts[order.alert_id] = alert
        puts.append(alert)
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
    return desk.event("order.void", order.alert_id, *puts, cards=cards, why="halt")


_BY_DRAWDOWN = Who(user_id=0, name="the drawdown limit", may_trade=True)


def _fallen(desk: Desk, account: str) -> str:
    """How far an account is below its peak, when that is as far as it may be; else empty."""
    check = only(desk.checks, Drawdown)
    denial = check.reached(facts.gather(desk, account)) if check is not None else None
    return denial.detail if denial is not None and denial.code == "drawdown.reached" else ""


async def on_drawdown(desk: Desk) -> None:
    """Halt once an account has fallen too far from its peak; it stays halted if it recovers."""
    for account in list(desk.book.accounts):
        if not desk.halted and (why := _fallen(desk, account)):
            await emergency_stop(desk, _BY_DRAWDOWN, close=False, reason=f"{account}: {why}")


async def _count_anew(desk: Desk, who: Who) -> list[str]:
    """Whoever resumes after a drawdown accepts it: the peak is where the account stands now."""
    said = []
    for name in list(desk.book.accounts):
        async with desk.lock(name):
            account = desk.book.accounts[name]
            worth = facts.equity(desk, account)
            if worth is None or not _fallen(desk, name):
                continue
            said.append(f"{name}'s drawdown is counted from ${worth:,.2f}")
            await desk.commit(
                desk.event(
                    "account.peak",
                    f"peak-{name}",
                    changed(account, peak_equity_usd=worth),
                    actor=f"user:{who.user_id}",
                    before=str(account.peak_equity_usd),
                    after=str(worth),
                )
            )
    return said


_BARS_RESUMING = ("storage", "broker ", "reconcile ", "cash ", "fill ", "halt")
"""Parts that must be well before entries are allowed; the rest may be unwell and is shown."""


async def resume(desk: Desk, who: Who, reason: str) -> None:
    """Allow entries again, once the books agree with the brokers.

    Raises:
        NotAllowed: not an admin. UserError: not halted, or the books do not agree yet.
    """
    if not who.may_admin:
        raise NotAllowed("Only an admin may resume trading. It stays halted.")
    if not desk.halted:
        raise UserError("Trading is not halted. Nothing was changed.")
    if desk.unsound:
        raise UserError(f"It stays halted: {desk.unsound}")
    if not desk.is_reconciled:
        raise UserError("The books were not compared with the broker yet. It stays halted.")
    trouble = {k: v for k, v in desk.health.items() if k.startswith(_BARS_RESUMING)}
    if trouble:
        raise UserError("It stays halted: " + "; ".join(f"{k}: {v}" for k, v in trouble.items()))
    anew = "".join(f". {said}" for said in await _count_anew(desk, who))
    await desk.commit(
        desk.event(
            "halt.cleared",
            "halt",
            desk.fact("halt", ""),
            desk.note("admin", f"▶ Trading resumed by {who.name}: {reason}{anew}"),
            actor=f"user:{who.user_id}",
            reason=reason,
        )
    )
    desk.is_halting = ""
