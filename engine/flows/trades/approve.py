"""A person decides: approve, halve, modify, reject or choose.

Every decision is judged at click time, on fresh facts, under the account's lock, and is used once.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal

from engine import orders
from engine.desk import Desk
from engine.domain.alert import Alert
from engine.domain.desk import AlertState, Approval, ApprovalState, Who
from engine.domain.errors import ApprovalExpired, NotAllowed, UserError
from engine.domain.money import rounded
from engine.domain.order import Intent, Order, Trigger
from engine.domain.quote import UnitQuote
from engine.domain.record import Record, changed
from engine.domain.trade import Trade, TradeState
from engine.flows.acts import outcomes
from engine.flows.common import effects
from engine.flows.limits import facts, learning
from engine.flows.trades import enter, follow
from engine.protection import rescaled, step_of
from engine.risk import run_checks

DESK = Who(user_id=0, name="the source's auto rule", may_trade=True, may_approve=True)
"""Who decides when only a first quote was missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a click led to, in words for the person and the card."""

    approval: Approval
    said: str
    order_id: str = ""


def still_open(desk: Desk, approval_id: str, version: int | None) -> Approval:
    """The pending approval that a button stands for.

    Raises:
        ApprovalExpired: decided, expired, withdrawn, or the button belongs to an older version.
    """
    approval = desk.book.approvals.get(approval_id)
    if approval is None:
        raise ApprovalExpired("This question is already decided. Nothing was sent by this click.")
    if version is not None and approval.version != version:
        raise ApprovalExpired(
            "This card was changed since. Nothing was sent; use its newest version."
        )
    if desk.clock.now() >= approval.expires_at:
        raise ApprovalExpired("This approval has expired. Nothing was sent.")
    return approval


def _may_decide(desk: Desk, approval: Approval, who: Who) -> None:
    if not who.may_approve:
        raise NotAllowed("Only an approver may decide this. Nothing was sent.")
    limit = desk.settings.two_person_above_usd
    is_own = approval.proposer_id is not None and approval.proposer_id == who.user_id
    if is_own and limit is not None and (approval.notional_usd or Decimal(0)) > limit:
        raise NotAllowed(
            f"You proposed this trade and it is above ${limit:,.2f}: a second person must approve "
            "it. Nothing was sent."
        )


def entry_of(desk: Desk, approval: Approval) -> tuple[Intent, Order, Trade]:
    """The intent, order and trade that an entry's approval stands for.

    Raises:
        ApprovalExpired: they are gone.
    """
    intent = desk.book.intents.get(approval.intent_id)
    order = desk.book.orders.get(approval.order_id)
    trade = desk.book.trades.get(approval.trade_id)
    if intent is None or order is None or trade is None:
        raise ApprovalExpired("What this approval stood for is gone. Nothing was sent.")
    return intent, order, trade


async def approve(
    desk: Desk, approval_id: str, version: int | None, who: Who, *, half: bool = False
) -> Decided:
    """Send an entry after checking it again on fresh facts.

    Raises:
        ApprovalExpired, NotAllowed: nothing was sent.
        UserError: a check says no now; nothing was sent, the approval stays open.
    """
    account = still_open(desk, approval_id, version).account
    async with desk.lock(account):
        approval = still_open(desk, approval_id, version)
        _may_decide(desk, approval, who)
        intent, order, trade = entry_of(desk, approval)
        if half:
            intent = _halved(intent)
        await facts.roll(desk, account)
        await learning.before_entry(desk, account, intent.legs, intent.side.sign)
        quote = desk.quote(intent.legs)
        if quote is None:
            raise UserError(
                "There is no fresh quote for this, so nothing was sent. The approval stays open."
            )
        seen = facts.gather(desk, account, intent, quote)
        verdicts = run_checks(desk.checks, intent, seen, desk.clock.monotonic)
        denied = enter.first_denial(replace(intent, verdicts=verdicts))
        if denied is not None:
            raise UserError(f"{denied.detail}. Nothing was sent; the approval stays open.")
        async with effects.story(desk, approval.alert_id):  # other accounts are asked about it too
            sent, puts = _approved(desk, approval, intent, order, trade, quote, who, half=half)
            said = f"approved{' half' if half else ''} by {who.name}"
            decided = ended(desk, approval, ApprovalState.APPROVED, said, who)
            await desk.commit(
                desk.event(
                    "approval.approved",
                    approval.alert_id,
                    decided,
                    *puts,
                    actor=f"user:{who.user_id}",
                    cards=cards(approval),
                    qty=str(sent.qty),
                    verdicts=[f"{v.check}:{'ok' if v.is_ok else v.code}" for v in verdicts],
                )
            )
    await outcomes.act(desk, outcomes.Outcome(state=AlertState.ROUTED, send=sent))
    return Decided(approval=decided, said=said, order_id=sent.order_id)


def _halved(intent: Intent) -> Intent:
    """Half the units, rounded up to whole ones, with risk, exposure and targets to match."""
    step = step_of(intent.legs[0].instrument)
    qty = rounded(intent.qty / 2, step, ROUND_UP)
    share = qty / intent.qty
    return replace(
        intent,
        qty=qty,
        targets=rescaled(intent.targets, intent.qty, qty, step),
        risk_usd=None if intent.risk_usd is None else intent.risk_usd * share,
        notional_usd=None if intent.notional_usd is None else intent.notional_usd * share,
    )


def _approved(
    desk: Desk,
    approval: Approval,
    intent: Intent,
    order: Order,
    trade: Trade,
    quote: UnitQuote,
    who: Who,
    *,
    half: bool,
) -> tuple[Order, list[Record]]:
    """Order and trade after approval, ready to be sent."""
    now = desk.clock.now()
    moved = orders.moved(order, Trigger.APPROVE, now, qty=intent.qty)
    moved = orders.moved(moved, Trigger.MINT, now)
    moved = orders.moved(moved, Trigger.SEND, now, sent_at=now)
    sent = replace(moved, version=order.version + 1)
    account = desk.book.accounts[approval.account]
    puts: list[Record] = [sent, changed(account, n_trades_today=account.n_trades_today + 1)]
    touch = trade.achievable_price
    if touch is None:  # no quote at receipt: what could be had is what the first one offers
        touch = quote.touch(intent.side.sign > 0)
    if half or touch != trade.achievable_price:
        half_plan = {"qty_wanted": intent.qty, "targets": intent.targets} if half else {}
        puts.append(changed(trade, achievable_price=touch, **half_plan))
    alert = desk.book.alerts.get(approval.alert_id)
    if alert is not None:
        puts.append(changed(alert, state=AlertState.ROUTED, reason=f"approved by {who.name}"))
    return sent, puts


async def reject(
    desk: Desk,
    approval_id: str,
    version: int | None,
    who: Who,
    *,
    decision: str = "rejected",
) -> Decided:
    """Decide against it; nothing is sent, ever, for this approval.

    Raises:
        ApprovalExpired, NotAllowed.
    """
    account = still_open(desk, approval_id, version).account
    async with desk.lock(account):
        approval = still_open(desk, approval_id, version)
        if not who.may_approve:
            raise NotAllowed("Only an approver may decide this. It stays open.")
        decided = await _end(
            desk, approval, ApprovalState.REJECTED, f"{decision} by {who.name}", who
        )
    return Decided(approval=decided, said=decided.decision)


def cards(approval: Approval) -> tuple[tuple[str, str, str], ...]:
    """What shows an answer: the question's card and its alert's."""
    return (
        ("approval", approval.approval_id, "approvals"),
        ("alert", approval.alert_id, "trade_alerts"),
    )


def ended(
    desk: Desk, approval: Approval, state: ApprovalState, decision: str, who: Who | None
) -> Approval:
    """The question as it was answered; ``who``: None when its time was over.

    The desk itself is nobody that a card could name by an id: its words say who it was.
    """
    return changed(
        approval,
        state=state,
        decided_by=(who.user_id or None) if who else None,
        decided_at=desk.clock.now(),
        decision=decision,
    )


async def _end(
    desk: Desk, approval: Approval, state: ApprovalState, decision: str, who: Who | None
) -> Approval:
    """Close an approval without sending; void what it stood for. Caller holds the lock."""
    now = desk.clock.now()
    decided = ended(desk, approval, state, decision, who)
    puts: list[Record] = [decided]
    order = desk.book.orders.get(approval.order_id)
    if order is not None and not order.state.is_terminal:
        puts.append(orders.moved(order, Trigger.VOID, now, reason=decision))
    trade = desk.book.trades.get(approval.trade_id)
    if trade is not None and trade.state is TradeState.PENDING:
        puts.append(changed(trade, state=TradeState.VOID, close_reason=decision, closed_at=now))
    async with effects.story(desk, approval.alert_id):
        alert = desk.book.alerts.get(approval.alert_id)
        if alert is not None and alert.state is AlertState.HELD and not _asks_on(desk, approval):
            puts.append(changed(alert, state=AlertState.REJECTED, reason=decision))
        await desk.commit(
            desk.event(
                f"approval.{state.lower()}",
                approval.alert_id,
                *puts,
                actor=f"user:{who.user_id}" if who else "desk",
                cards=cards(approval),
                decision=decision,
            )
        )
    return decided


def _asks_on(desk: Desk, approval: Approval) -> bool:
    """Whether another question about the same alert waits: of another trade, or account."""
    return any(
        other.alert_id == approval.alert_id and other.approval_id != approval.approval_id
        for other in desk.book.approvals.values()
    )


async def expire(desk: Desk) -> int:
    """End every approval whose time is over; how many."""
    now = desk.clock.now()
    late = [a for a in desk.book.approvals.values() if now >= a.expires_at]
    for approval in late:
        async with desk.lock(approval.account):
            current = desk.book.approvals.get(approval.approval_id)
            if current is not None:
                await _end(desk, current, ApprovalState.EXPIRED, "expired unanswered", None)
    return len(late)


async def choose(
    desk: Desk, approval_id: str, version: int | None, who: Who, trade_id: str
) -> Decided:
    """Answer which open trade an alert meant; the alert's closing or update is then done.

    Raises:
        ApprovalExpired, NotAllowed, UserError: nothing was done.
    """
    account = still_open(desk, approval_id, version).account
    async with desk.lock(account):
        approval = still_open(desk, approval_id, version)
        if not who.may_approve:
            raise NotAllowed("Only an approver may decide this. Nothing was done.")
        trade = desk.book.trades.get(trade_id)
        if trade is None or trade_id not in {c.trade_id for c in approval.candidates}:
            raise UserError("That trade is not open any more. Nothing was done; choose again.")
        record = desk.book.alerts.get(approval.alert_id)
        profile = desk.source_of(record.channel_id) if record else None
        if record is None or profile is None or not isinstance(record.parsed, Alert):
            raise ApprovalExpired("The alert is gone. Nothing was done.")
        signal = record.parsed.signals[approval.signal_no]
        outcome = follow.on_trade(desk, profile, record, approval.signal_no, signal, trade)
        said = f"{follow.label(trade)} chosen by {who.name}"
        decided = ended(desk, approval, ApprovalState.APPROVED, said, who)
        after = changed(
            record,
            state=outcome.state,
            reason=f"{said}: {outcome.reason}",
            trade_ids=(*record.trade_ids, *outcome.trade_ids),
        )
        await desk.commit(
            desk.event(
                "approval.chosen",
                approval.alert_id,
                decided,
                after,
                *outcome.puts,
                actor=f"user:{who.user_id}",
                cards=(*cards(approval), *outcome.cards),
                trade_id=trade_id,
            )
        )
    await outcomes.act(desk, outcome)
    return Decided(approval=decided, said=said)
