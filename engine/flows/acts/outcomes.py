"""What was decided about a signal: records to write, whom to ask, and what to send once it is."""

from dataclasses import dataclass
from datetime import timedelta

from engine.desk import Desk
from engine.domain.copying import replace
from engine.domain.desk import AlertRecord, AlertState, Approval, Candidate
from engine.domain.order import Intent, Order, OrderState, Purpose, Tif, client_order_id
from engine.domain.record import Record, changed
from engine.domain.source import SourceProfile
from engine.domain.trade import StopPlan, Trade
from engine.flows.exits import settle
from engine.flows.holdings import capable
from engine.flows.orders import call_off, just_taken
from engine.routing import Routed


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was decided about one signal: records to write, and what to do once they are."""

    state: AlertState
    reason: str = ""
    puts: tuple[Record, ...] = ()
    cards: tuple[tuple[str, str, str], ...] = ()
    trade_ids: tuple[str, ...] = ()
    approval_ids: tuple[str, ...] = ()
    send: Order | None = None
    cancel: tuple[Order, ...] = ()
    settle: tuple[str, ...] = ()
    awaits: str = ""
    """Approval that waits for nothing but a first quote."""


async def act(desk: Desk, outcome: Outcome) -> None:
    """Do what was decided, now that it is durable."""
    for order in outcome.cancel:
        await call_off.cancel(desk, order)
    if outcome.send is not None:
        await just_taken.submit(desk, outcome.send)
    for trade_id in outcome.settle:
        await settle.run(desk, trade_id)


def rejected(reason: str, state: AlertState = AlertState.REJECTED) -> Outcome:
    """Nothing is done, and the card says why."""
    return Outcome(state=state, reason=reason)


def new_trade(
    desk: Desk, profile: SourceProfile, record: AlertRecord, intent: Intent, routed: Routed
) -> Trade:
    """The round trip that this entry would begin."""
    return Trade(
        trade_id=intent.trade_id,
        alert_id=record.alert_id,
        account=intent.account,
        broker=intent.broker,
        source=profile.name,
        author_id=record.author_id,
        symbol=intent.symbol,
        asset=routed.asset,
        direction=routed.direction,
        legs=intent.legs,
        qty_wanted=intent.qty,
        alerted_price=intent.alerted_price,
        achievable_price=intent.quote.touch(intent.side.sign > 0) if intent.quote else None,
        initial_stop=intent.stop,
        stop=StopPlan(price=intent.stop) if intent.stop is not None else None,
        targets=intent.targets,
        created_at=desk.clock.now(),
    )


def new_order(desk: Desk, intent: Intent, state: OrderState) -> Order:
    """The entry order of an intent."""
    now = desk.clock.now()
    return Order(
        order_id=client_order_id(intent.intent_id),
        intent_id=intent.intent_id,
        alert_id=intent.alert_id,
        trade_id=intent.trade_id,
        account=intent.account,
        broker=intent.broker,
        purpose=Purpose.ENTRY,
        side=intent.side,
        legs=intent.legs,
        qty=intent.qty,
        type=intent.type,
        limit=intent.limit,
        tif=capable.tif_of(desk, intent.broker, intent.legs, Tif.DAY),
        state=state,
        created_at=now,
        sent_at=now if state is OrderState.SUBMITTING else None,
        updated_at=now,
    )


def sent(desk: Desk, intent: Intent, trade: Trade) -> Outcome:
    """The entry goes out."""
    order = new_order(desk, intent, OrderState.SUBMITTING)
    account = desk.book.accounts[intent.account]
    counted = changed(account, n_trades_today=account.n_trades_today + 1)
    return Outcome(
        state=AlertState.ROUTED,
        puts=(intent, trade, order, counted),
        trade_ids=(trade.trade_id,),
        send=order,
    )


def asked(
    desk: Desk,
    number: int,
    intent: Intent,
    trade: Trade,
    question: str,
    *,
    waits_for_quote: bool = False,
    proposer: int | None = None,
) -> Outcome:
    """The entry waits for a person."""
    order = new_order(desk, intent, OrderState.PENDING_APPROVAL)
    approval = new_approval(desk, intent, order, number, question, proposer=proposer)
    if waits_for_quote:
        approval = replace(approval, waits_for_quote=True)
    return Outcome(
        state=AlertState.HELD,
        reason=question,
        puts=(intent, trade, order, approval),
        cards=(("approval", approval.approval_id, "approvals"),),
        trade_ids=(trade.trade_id,),
        approval_ids=(approval.approval_id,),
        awaits=approval.approval_id if waits_for_quote else "",
    )


def new_approval(
    desk: Desk,
    intent: Intent,
    order: Order,
    number: int,
    question: str,
    *,
    proposer: int | None = None,
) -> Approval:
    """The question whether this intent may be sent."""
    return Approval(
        approval_id=f"P-{intent.intent_id[2:].replace('/', '-')}",
        kind="entry",
        alert_id=intent.alert_id,
        account=intent.account,
        signal_no=number,
        intent_id=intent.intent_id,
        order_id=order.order_id,
        trade_id=intent.trade_id,
        question=question,
        proposer_id=proposer,
        notional_usd=intent.notional_usd,
        expires_at=desk.clock.now() + _expiry(desk),
        created_at=desk.clock.now(),
    )


def ask_to_fix(
    desk: Desk, profile: SourceProfile, record: AlertRecord, number: int, question: str
) -> Outcome:
    """The alert cannot be read safely: a person writes it anew or drops it."""
    if number > 0:
        return Outcome(state=AlertState.HELD, reason=question)
    return _ask_person(desk, profile, record, number, question, "fix", ())


def ask_which(
    desk: Desk,
    profile: SourceProfile,
    record: AlertRecord,
    number: int,
    question: str,
    candidates: tuple[Candidate, ...],
) -> Outcome:
    """Several open trades may be meant: a person picks one."""
    return _ask_person(desk, profile, record, number, question, "which", candidates)


def _ask_person(
    desk: Desk,
    profile: SourceProfile,
    record: AlertRecord,
    number: int,
    question: str,
    kind: str,
    candidates: tuple[Candidate, ...],
) -> Outcome:
    approval = Approval(
        approval_id=f"P-{record.alert_id[2:]}-{number}{kind[0]}{record.edit_no or ''}",
        kind="fix" if kind == "fix" else "which",
        alert_id=record.alert_id,
        account=profile.account,
        signal_no=number,
        question=question,
        candidates=candidates,
        expires_at=desk.clock.now() + _expiry(desk),
        created_at=desk.clock.now(),
    )
    return Outcome(
        state=AlertState.HELD,
        reason=question,
        puts=(approval,),
        cards=(("approval", approval.approval_id, "approvals"),),
        approval_ids=(approval.approval_id,),
    )


def _expiry(desk: Desk) -> timedelta:
    return timedelta(seconds=desk.settings.approval_expiry_s)
