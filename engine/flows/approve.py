"""A person decides: approve, halve, modify, reject, choose, or write an unreadable alert anew.

Every decision is judged at click time, on fresh facts, under the account's lock, and is used once.
"""

from dataclasses import dataclass, replace
from decimal import ROUND_UP, Decimal

from engine import guard, orders
from engine.desk import Desk
from engine.domain.alert import Alert, NotAnAlert, RawAlert
from engine.domain.desk import AlertRecord, AlertState, Approval, ApprovalState, Who
from engine.domain.errors import ApprovalExpired, NotAllowed, UserError
from engine.domain.order import Intent, Order, OrderState, Trigger
from engine.domain.quote import Quote, UnitQuote
from engine.domain.record import Record, changed
from engine.domain.trade import Trade, TradeState
from engine.flows import enter, facts, follow, take_alert, withdraw
from engine.parsers import read
from engine.risk import run_checks

DESK = Who(user_id=0, name="the source's auto rule", may_trade=True, may_approve=True)
"""Who decides when only a first quote was missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decided:
    """What a click led to, in words for the person and the card."""

    approval: Approval
    said: str
    order_id: str = ""


def _open(desk: Desk, approval_id: str, version: int | None) -> Approval:
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


def _entry(desk: Desk, approval: Approval) -> tuple[Intent, Order, Trade]:
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
    account = _open(desk, approval_id, version).account
    async with desk.lock(account):
        approval = _open(desk, approval_id, version)
        _may_decide(desk, approval, who)
        intent, order, trade = _entry(desk, approval)
        if half:
            intent = _halved(intent)
        await facts.roll(desk, account)
        await desk.watch(intent.legs)
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
        sent, puts = _approved(desk, approval, intent, order, trade, quote, who, half=half)
        said = f"approved{' half' if half else ''} by {who.name}"
        decided = changed(
            approval,
            state=ApprovalState.APPROVED,
            decided_by=who.user_id,
            decided_at=desk.clock.now(),
            decision=said,
        )
        await desk.commit(
            desk.event(
                "approval.approved",
                approval.alert_id,
                decided,
                *puts,
                actor=f"user:{who.user_id}",
                cards=(
                    ("approval", approval_id, "approvals"),
                    ("alert", approval.alert_id, "trade_alerts"),
                ),
                qty=str(sent.qty),
                verdicts=[f"{v.check}:{'ok' if v.is_ok else v.code}" for v in verdicts],
            )
        )
    await enter.act(desk, enter.Outcome(state=AlertState.ROUTED, send=sent))
    return Decided(approval=decided, said=said, order_id=sent.order_id)


def _halved(intent: Intent) -> Intent:
    """Half the units, rounded up to whole ones, with risk and exposure to match."""
    qty = (intent.qty / 2).to_integral_value(rounding=ROUND_UP)
    share = qty / intent.qty
    return replace(
        intent,
        qty=qty,
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
        puts.append(changed(trade, qty_wanted=intent.qty, achievable_price=touch))
    alert = desk.book.alerts.get(approval.alert_id)
    if alert is not None:
        puts.append(changed(alert, state=AlertState.ROUTED, reason=f"approved by {who.name}"))
    return sent, puts


def await_quote(desk: Desk, approval_id: str) -> None:
    """Judge a waiting entry at the first quotes of its instrument, until it is decided."""
    approval = desk.book.approvals[approval_id]
    legs = desk.book.intents[approval.intent_id].legs
    keys = {leg.instrument.key for leg in legs}

    def on_quote(quote: Quote) -> None:
        if approval_id not in desk.book.approvals:
            stop()
        elif quote.instrument.key in keys and desk.quote(legs) is not None:
            desk.spawn(_quoted(desk, approval_id), f"first quote {approval_id}")

    stop = desk.board.listen(on_quote)


async def _quoted(desk: Desk, approval_id: str) -> None:
    """The first quote is there: the price guard decides what it would have decided at receipt."""
    approval = desk.book.approvals.get(approval_id)
    record = desk.book.alerts.get(approval.alert_id) if approval else None
    profile = desk.source_of(record.channel_id) if record else None
    if approval is None or record is None or profile is None or not approval.waits_for_quote:
        return
    intent = desk.book.intents[approval.intent_id]
    price = guard.judge(
        side=intent.side,
        alerted=intent.alerted_price,
        alerted_range=None,
        quote=desk.quote(intent.legs),
        profile=profile,
        posted_at=record.posted_at,
        now=desk.clock.now(),
        max_quote_age_s=desk.settings.max_quote_age_s,
        asset=desk.book.trades[approval.trade_id].asset,
    )
    try:
        if price.decision == "trade":
            await approve(desk, approval_id, approval.version, DESK)
        elif price.decision == "skip":
            await reject(desk, approval_id, approval.version, DESK, decision=price.reason)
        else:
            await _leave_to_person(desk, approval_id, price.reason)
    except UserError as error:
        await _leave_to_person(desk, approval_id, str(error))


async def _leave_to_person(desk: Desk, approval_id: str, question: str) -> None:
    approval = desk.book.approvals.get(approval_id)
    if approval is None:
        return
    async with desk.lock(approval.account):
        approval = desk.book.approvals.get(approval_id)
        if approval is None or not approval.waits_for_quote:
            return
        asked = changed(approval, waits_for_quote=False, question=question)
        puts: list[Record] = [asked]
        alert = desk.book.alerts.get(approval.alert_id)
        if alert is not None:
            puts.append(changed(alert, reason=question))
        await desk.commit(
            desk.event(
                "approval.quoted",
                approval.alert_id,
                *puts,
                cards=(
                    ("approval", approval_id, "approvals"),
                    ("alert", approval.alert_id, "trade_alerts"),
                ),
                question=question,
            )
        )


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
    account = _open(desk, approval_id, version).account
    async with desk.lock(account):
        approval = _open(desk, approval_id, version)
        if not who.may_approve:
            raise NotAllowed("Only an approver may decide this. It stays open.")
        decided = await _end(
            desk, approval, ApprovalState.REJECTED, f"{decision} by {who.name}", who
        )
    return Decided(approval=decided, said=decided.decision)


async def _end(
    desk: Desk, approval: Approval, state: ApprovalState, decision: str, who: Who | None
) -> Approval:
    """Close an approval without sending; void what it stood for. Caller holds the lock."""
    now = desk.clock.now()
    decided = changed(
        approval,
        state=state,
        decided_by=who.user_id if who else None,
        decided_at=now,
        decision=decision,
    )
    puts: list[Record] = [decided]
    order = desk.book.orders.get(approval.order_id)
    if order is not None and not order.state.is_terminal:
        puts.append(orders.moved(order, Trigger.VOID, now, reason=decision))
    trade = desk.book.trades.get(approval.trade_id)
    if trade is not None and trade.state is TradeState.PENDING:
        puts.append(changed(trade, state=TradeState.VOID, close_reason=decision, closed_at=now))
    alert = desk.book.alerts.get(approval.alert_id)
    if alert is not None and alert.state is AlertState.HELD:
        puts.append(changed(alert, state=AlertState.REJECTED, reason=decision))
    await desk.commit(
        desk.event(
            f"approval.{state.lower()}",
            approval.alert_id,
            *puts,
            actor=f"user:{who.user_id}" if who else "desk",
            cards=(
                ("approval", approval.approval_id, "approvals"),
                ("alert", approval.alert_id, "trade_alerts"),
            ),
            decision=decision,
        )
    )
    return decided


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


async def modify(
    desk: Desk,
    approval_id: str,
    version: int | None,
    who: Who,
    *,
    qty: Decimal | None = None,
    limit: Decimal | None = None,
    stop: Decimal | None = None,
) -> Decided:
    """Change quantity, limit or stop of a waiting entry; its card then asks anew.

    Raises:
        ApprovalExpired, NotAllowed, UserError: nothing was changed.
    """
    account = _open(desk, approval_id, version).account
    async with desk.lock(account):
        approval = _open(desk, approval_id, version)
        if not (who.may_approve or who.may_trade):
            raise NotAllowed("Only a trader may change this. It stays as it is.")
        intent, order, trade = _entry(desk, approval)
        fresh = _modified(desk, intent, order, trade, qty=qty, limit=limit, stop=stop)
        new_intent, new_order, new_trade = fresh
        now = desk.clock.now()
        renewed = changed(
            approval,
            intent_id=new_intent.intent_id,
            order_id=new_order.order_id,
            trade_id=new_trade.trade_id,
            proposer_id=who.user_id,
            notional_usd=new_intent.notional_usd,
            question=f"changed by {who.name}: {new_intent.qty:f} at {new_intent.limit}",
        )
        alert = desk.book.alerts.get(approval.alert_id)
        puts: list[Record] = [
            renewed,
            orders.moved(order, Trigger.VOID, now, reason="changed before approval"),
            changed(
                trade, state=TradeState.VOID, close_reason="changed before approval", closed_at=now
            ),
            new_intent,
            new_trade,
            new_order,
        ]
        if alert is not None:
            ids = (*alert.trade_ids, new_trade.trade_id)
            puts.append(changed(alert, trade_ids=ids, reason=renewed.question))
        await desk.commit(
            desk.event(
                "approval.modified",
                approval.alert_id,
                *puts,
                actor=f"user:{who.user_id}",
                cards=(
                    ("approval", approval_id, "approvals"),
                    ("alert", approval.alert_id, "trade_alerts"),
                ),
                qty=str(new_intent.qty),
                limit=str(new_intent.limit),
                stop=str(new_intent.stop),
            )
        )
    return Decided(approval=renewed, said=renewed.question)


def _modified(
    desk: Desk,
    intent: Intent,
    order: Order,
    trade: Trade,
    *,
    qty: Decimal | None,
    limit: Decimal | None,
    stop: Decimal | None,
) -> tuple[Intent, Order, Trade]:
    """The changed intent under a new id (an intent never changes), its order and trade."""
    instrument = intent.legs[0].instrument
    for name, value in (("quantity", qty), ("limit", limit), ("stop", stop)):
        if value is not None and not (value.is_finite() and value > 0):
            raise UserError(f"{name} must be a number above 0. Nothing was changed.")
    if qty is not None and instrument.kind != "crypto" and qty != qty.to_integral_value():
        raise UserError("quantity must be a whole number here. Nothing was changed.")
    for name, value in (("limit", limit), ("stop", stop)):
        if value is not None and value % instrument.tick:
            raise UserError(f"{name} must be a multiple of {instrument.tick}. Nothing was changed.")
    price = limit if limit is not None else intent.limit
    floor = stop if stop is not None else intent.stop
    if price is not None and floor is not None and (price - floor) * trade.direction <= 0:
        raise UserError(f"the stop {floor} is on the wrong side of {price}. Nothing was changed.")
    count = qty if qty is not None else intent.qty
    revision = int(intent.intent_id.rpartition("r")[2]) + 1 if "r" in _tail(intent) else 1
    base = intent.intent_id.rpartition("r")[0] if "r" in _tail(intent) else intent.intent_id
    risk = None
    if price is not None and floor is not None:
        risk = abs(price - floor) * count * instrument.multiplier
    scale = count / intent.qty
    targets = tuple(replace(t, qty=(t.qty * scale).to_integral_value()) for t in intent.targets)
    new = replace(
        intent,
        intent_id=f"{base}r{revision}",
        trade_id=f"{trade.trade_id.partition('r')[0]}r{revision}",
        qty=count,
        limit=price,
        stop=floor,
        targets=targets if sum(t.qty for t in targets) == count else intent.targets[:1],
        risk_usd=risk,
        notional_usd=(
            None if intent.notional_usd is None else intent.notional_usd / intent.qty * count
        ),
        sizing=f"{count:f}, set by hand",
        created_at=desk.clock.now(),
    )
    if new.targets and sum(t.qty for t in new.targets) != count:
        new = replace(new, targets=(replace(new.targets[0], qty=count),))
    new_trade = replace(
        trade,
        version=1,
        trade_id=new.trade_id,
        qty_wanted=count,
        initial_stop=floor,
        stop=replace(trade.stop, price=floor) if trade.stop and floor is not None else trade.stop,
        targets=new.targets,
        created_at=desk.clock.now(),
    )
    return new, enter.new_order(desk, new, OrderState.PENDING_APPROVAL), new_trade


def _tail(intent: Intent) -> str:
    return intent.intent_id.rpartition("/")[2]


async def choose(
    desk: Desk, approval_id: str, version: int | None, who: Who, trade_id: str
) -> Decided:
    """Answer which open trade an alert meant; the alert's closing or update is then done.

    Raises:
        ApprovalExpired, NotAllowed, UserError: nothing was done.
    """
    account = _open(desk, approval_id, version).account
    async with desk.lock(account):
        approval = _open(desk, approval_id, version)
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
        said = f"{who.name} chose {follow.label(trade)}"
        decided = changed(
            approval,
            state=ApprovalState.APPROVED,
            decided_by=who.user_id,
            decided_at=desk.clock.now(),
            decision=said,
        )
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
                cards=(
                    ("approval", approval_id, "approvals"),
                    ("alert", approval.alert_id, "trade_alerts"),
                    *outcome.cards,
                ),
                trade_id=trade_id,
            )
        )
    await enter.act(desk, outcome)
    return Decided(approval=decided, said=said)


async def fix(desk: Desk, approval_id: str, version: int | None, who: Who, text: str) -> Decided:
    """A person writes an unreadable alert anew; it then goes through every check, and is asked.

    Raises:
        ApprovalExpired, NotAllowed, UserError: still unreadable; nothing was done.
    """
    approval = _open(desk, approval_id, version)
    if not who.may_approve:
        raise NotAllowed("Only an approver may rewrite an alert. Nothing was done.")
    record = desk.book.alerts.get(approval.alert_id)
    profile = desk.source_of(record.channel_id) if record else None
    if record is None or profile is None:
        raise ApprovalExpired("The alert is gone. Nothing was done.")
    message = _rewritten(desk, record, text)
    parsed = read(message, profile, take_alert.context(desk, profile, message))
    if isinstance(parsed, NotAnAlert):
        raise UserError(f"That still reads as no alert ({parsed.why}). Nothing was done.")
    if parsed.needs_human:
        raise UserError(f"That is still unclear: {parsed.question}. Nothing was done.")
    async with desk.lock(approval.account):
        approval = _open(desk, approval_id, version)
        decided = changed(
            approval,
            state=ApprovalState.APPROVED,
            decided_by=who.user_id,
            decided_at=desk.clock.now(),
            decision=f"written anew by {who.name}",
        )
        newer = replace(
            take_alert.next_version(
                desk.book.alerts[record.alert_id], take_alert.new_record(profile, message, parsed)
            ),
            n_judged=0,
        )
        await desk.commit(
            desk.event(
                "alert.rewritten",
                approval.alert_id,
                decided,
                newer,
                actor=f"user:{who.user_id}",
                cards=(
                    ("approval", approval_id, "approvals"),
                    ("alert", approval.alert_id, "trade_alerts"),
                ),
                before=record.text,
                after=text,
            )
        )
    await withdraw.redraft(desk, profile, message, desk.book.alerts[record.alert_id])
    return Decided(approval=decided, said=decided.decision)


def _rewritten(desk: Desk, record: AlertRecord, text: str) -> RawAlert:
    """The alert's message with a person's words, counted as one more edit."""
    return RawAlert(
        guild_id=None,
        channel_id=record.channel_id,
        message_id=record.message_id,
        edit_no=record.edit_no + 1,
        author_id=record.author_id,
        author_name=record.author_name,
        posted_at=desk.clock.now(),
        received_at=desk.clock.now(),
        text=text,
    )
