"""An alert asks for exposure: route it, price it, size it, check it, then send or ask."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import islice

from engine import guard, pricing
from engine.desk import Desk
from engine.domain.alert import RawAlert, Signal
from engine.domain.copying import replace
from engine.domain.desk import AlertRecord, AlertState, Approval, Candidate
from engine.domain.order import (
    Intent,
    Order,
    OrderState,
    OrderType,
    Purpose,
    Verdict,
    client_order_id,
)
from engine.domain.quote import UnitQuote
from engine.domain.record import Record, changed
from engine.domain.source import Handling, SourceProfile
from engine.domain.trade import StopPlan, Trade
from engine.flows import curbs, facts, learning, month, room, send, settle
from engine.market import new_york_date
from engine.protection import Protection, protect
from engine.risk import Denial, loss_streak, run_checks
from engine.routing import Refused, Routed, route
from engine.sizing import Sized, kelly_fraction, size

_AUTO_OFF_AFTER = 3
"""Losses in a row after which a source's automatic entries are off (rules 3.2)."""


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
        await send.cancel(desk, order)
    if outcome.send is not None:
        await send.submit(desk, outcome.send)
    for trade_id in outcome.settle:
        await settle.run(desk, trade_id)


def rejected(reason: str, state: AlertState = AlertState.REJECTED) -> Outcome:
    """Nothing is done, and the card says why."""
    return Outcome(state=state, reason=reason)


async def judge(
    desk: Desk,
    profile: SourceProfile,
    message: RawAlert,
    record: AlertRecord,
    number: int,
    signal: Signal,
) -> Outcome:
    """Decide about an opening signal, under the account's lock."""
    on = new_york_date(message.posted_at)
    routed = route(signal, profile, desk.settings.accounts, on)
    if not isinstance(routed, Refused):
        routed = await month.judged(desk, signal, routed)
    if isinstance(routed, Refused):
        return rejected(routed.reason)
    late_s = (desk.clock.now() - message.posted_at).total_seconds()
    if message.is_caught_up and late_s > profile.max_age_s:
        return rejected(
            f"missed: seen {late_s / 60:.0f} min late while the desk was away; not traded",
            AlertState.HELD,
        )
    await facts.roll(desk, routed.account)
    await learning.before_entry(desk, routed.account, routed.legs, routed.direction)
    quote = desk.quote(routed.legs)
    price = guard.judge(
        side=routed.side,
        alerted=signal.price,
        alerted_range=signal.price_range,
        quote=quote,
        profile=profile,
        posted_at=message.posted_at,
        now=desk.clock.now(),
        max_quote_age_s=desk.settings.max_quote_age_s,
        asset=routed.asset,
    )
    intent = build(desk, profile, record, number, signal, routed, quote, price)
    if isinstance(intent, Denial):
        return rejected(intent.detail, AlertState.RISK_REJECTED)
    intent = checked(desk, intent, quote)
    is_unquoted = price.code == "guard.no_quote"
    denied = first_denial(intent, but_for=("data_fresh",) if is_unquoted else ())
    if denied is not None:
        return Outcome(state=AlertState.RISK_REJECTED, reason=denied.detail, puts=(intent,))
    if price.decision == "skip":
        return Outcome(state=AlertState.REJECTED, reason=price.reason, puts=(intent,))
    question = _question(desk, profile, message, price, intent)
    trade = new_trade(desk, profile, record, intent, routed)
    if question:
        others = _question(desk, profile, message, replace(price, decision="trade"), intent)
        waits = is_unquoted and not others
        return asked(desk, number, intent, trade, question, waits_for_quote=waits)
    return sent(desk, intent, trade)


def _question(
    desk: Desk,
    profile: SourceProfile,
    message: RawAlert,
    price: guard.GuardVerdict,
    intent: Intent,
) -> str:
    """Why a person has to decide; empty when the entry may go out by itself."""
    repeat = next((v.detail for v in intent.verdicts if v.check == "duplicate" and not v.is_ok), "")
    if repeat:
        return repeat
    if price.decision == "ask":
        return price.reason
    if message.is_caught_up:
        return "this alert was read after a gap; caught-up entries never trade by themselves"
    if profile.handling is not Handling.AUTO:
        return "this source trades with approval"
    if intent.stop is None and len(intent.legs) == 1:
        return "neither the alert nor this source's terms say a stop"
    losses = loss_streak(facts.recent_exits(desk, profile.account), source=profile.name)
    if losses >= _AUTO_OFF_AFTER:
        return f"{losses} losses in a row from this source: it trades with approval until a win"
    edge = kelly_fraction(_results(desk, profile.name), desk.settings.sizing)
    if edge is not None and edge <= 0:
        return f"no edge so far (Kelly {edge:.2f}): this source trades with approval"
    return ""


def build(
    desk: Desk,
    profile: SourceProfile,
    record: AlertRecord,
    number: int,
    signal: Signal,
    routed: Routed,
    quote: UnitQuote | None,
    price: guard.GuardVerdict,
    *,
    qty: Decimal | None = None,
    revision: int = 0,
) -> Intent | Denial:
    """Size and protect an entry; ``qty`` is a person's own figure, still cut by every limit."""
    tick = routed.legs[0].instrument.tick
    alerted = _alerted(signal)
    entry = alerted if alerted is not None else price.achievable
    if entry is None:
        return Denial(code="price.unknown", detail="neither the alert nor the market has a price")
    limit = pricing.entry_limit(routed.side, alerted, quote, profile, tick, routed.asset)
    plan: Protection | Refused = protect(
        signal, profile, entry=entry, direction=routed.direction, qty=Decimal(1), tick=tick
    )
    if isinstance(plan, Refused):
        return Denial(code="protection.refused", detail=plan.reason)
    account = desk.book.accounts[routed.account]
    equity = facts.equity(desk, account)
    wanted = signal if qty is None else replace(signal, quantity=qty, size_class=None)
    sized = size(
        signal=wanted,
        profile=profile,
        entry=limit,
        stop=plan.stop,
        legs=routed.legs,
        direction=routed.direction,
        equity=equity,
        settings=desk.settings.sizing,
        streaks=(account.loss_streak, account.win_streak),
        results=_results(desk, profile.name),
        room_usd=room.in_sector(desk, routed.account, routed.legs, equity),
        said_m=curbs.multiplier(desk, routed.legs[0].instrument.symbol),
    )
    if not isinstance(sized, Sized):
        return sized
    final: Protection | Refused = plan
    if plan.targets:  # they share the quantity out among them
        final = protect(
            signal, profile, entry=entry, direction=routed.direction, qty=sized.qty, tick=tick
        )
    if isinstance(final, Refused):
        return Denial(code="protection.refused", detail=final.reason)
    suffix = f"{number}" + (f"e{record.edit_no}" if record.edit_no else "")
    suffix += f"r{revision}" if revision else ""
    suffix += f"-{routed.account.replace('_', '-')}" if profile.is_copy else ""
    return Intent(
        intent_id=f"{record.alert_id}/{suffix}",
        alert_id=record.alert_id,
        trade_id=f"T-{record.alert_id[2:]}-{suffix}",
        account=routed.account,
        broker=routed.broker,
        source=profile.name,
        author_id=record.author_id,
        purpose=Purpose.ENTRY,
        symbol=routed.symbol,
        side=routed.side,
        legs=routed.legs,
        qty=sized.qty,
        type=OrderType.LIMIT,
        limit=limit,
        stop=final.stop,
        targets=final.targets,
        trail=signal.trail,
        alerted_price=alerted,
        quote=quote,
        risk_usd=sized.risk_usd,
        notional_usd=sized.notional_usd,
        sizing=sized.note,
        guard=price.reason,
        created_at=desk.clock.now(),
    )


def _results(desk: Desk, source: str) -> list[Decimal]:
    """Net dollars of the source's closed trades, newest first; as many as are counted."""
    closed = reversed(desk.book.round_trips.values())
    theirs = (t.realised_usd for t in closed if t.source == source)
    return list(islice(theirs, desk.settings.sizing.kelly_max_trades))


def _alerted(signal: Signal) -> Decimal | None:
    """The alerted price; for a range its far end is never assumed, the middle is."""
    if signal.price is not None or signal.price_range is None:
        return signal.price
    low, high = signal.price_range
    return (low + high) / 2


def checked(desk: Desk, intent: Intent, quote: UnitQuote | None) -> Intent:
    """The intent with every check's verdict on fresh facts."""
    seen = facts.gather(desk, intent.account, intent, quote)
    verdicts = run_checks(desk.checks, intent, seen, desk.clock.monotonic)
    return replace(intent, verdicts=verdicts)


def first_denial(intent: Intent, but_for: tuple[str, ...] = ()) -> Verdict | None:
    """First check in the order of evaluation that said no; a mere repeat is asked about."""
    passed = ("duplicate", *but_for)
    return next((v for v in intent.verdicts if not v.is_ok and v.check not in passed), None)


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
