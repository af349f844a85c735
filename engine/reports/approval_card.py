"""A question to a person, with everything needed to answer it in one look."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Literal

from engine.domain.desk import AlertRecord, Approval, ApprovalState, Candidate
from engine.domain.instrument import Instrument
from engine.domain.order import Intent, Order, OrderType, PlannedTarget, Verdict
from engine.protection import rescaled, step_of
from engine.reports import (
    Figure,
    Frame,
    Missing,
    Stamp,
    instruments_of,
    ratio,
    unit_label,
    unit_value,
    unit_word,
    verb,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """The exact order that a yes would send."""

    verb: str
    qty: Decimal
    unit: str
    label: str
    type: OrderType
    limit: Decimal | None
    price_of: Instrument
    """Whose tick the prices are written with."""
    is_credit: bool
    """The unit is sold: cash comes in."""
    value_usd: Figure
    """Debit paid or credit received at the limit; for shares and futures the value traded."""
    notional_usd: Figure
    """Exposure as the risk checks count it."""
    stop: Decimal | None
    risk_usd: Figure
    """Dollars lost if the stop fills at its price: 1R."""
    risk_pct: Figure
    """1R in percent of the account's equity."""
    targets: tuple[PlannedTarget, ...]
    reward_r: Figure
    """Profit at the planned targets, in R."""
    trail: str
    alerted: Figure
    achievable: Figure
    bid_ask: tuple[Decimal, Decimal] | None
    guard: str
    sizing: str
    account: str
    broker: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalCard:
    """One question and where it stands."""

    stamp: Stamp
    approval_id: str
    kind: Literal["entry", "which", "fix"]
    alert_id: str
    state: ApprovalState
    question: str
    symbol: str
    ticket: Ticket | None
    """None for questions that have no order yet (``which``, ``fix``)."""
    verdicts: tuple[Verdict, ...]
    candidates: tuple[Candidate, ...]
    source: str
    author_name: str
    raw_text: str
    decision: str
    decided_by: int | None
    decided_at: datetime | None
    expires_at: datetime
    is_expired: bool
    """Still pending, but its time is over."""
    created_at: datetime

    @property
    def denied(self) -> tuple[Verdict, ...]:
        """Checks that said no."""
        return tuple(v for v in self.verdicts if not v.is_ok)


def build(
    approval: Approval,
    frame: Frame,
    *,
    intent: Intent | None = None,
    alert: AlertRecord | None = None,
    order: Order | None = None,
    equity_usd: Decimal | None = None,
) -> ApprovalCard:
    """The question, with its order when ``intent`` is given; ``order`` tells how many were sent."""
    if intent is not None and order is not None and order.qty != intent.qty:
        intent = _resized(intent, order.qty)
    return ApprovalCard(
        stamp=_stamp(approval, frame, intent),
        approval_id=approval.approval_id,
        kind=approval.kind,
        alert_id=approval.alert_id,
        state=approval.state,
        question=approval.question,
        symbol=intent.symbol if intent else (alert.symbol if alert else ""),
        ticket=None if intent is None else ticket(intent, equity_usd),
        verdicts=intent.verdicts if intent else (),
        candidates=approval.candidates,
        source=alert.source if alert else (intent.source if intent else ""),
        author_name=alert.author_name if alert else "",
        raw_text=_asked_text(approval, alert) if alert else "",
        decision=approval.decision,
        decided_by=approval.decided_by,
        decided_at=approval.decided_at,
        expires_at=approval.expires_at,
        is_expired=approval.state is ApprovalState.PENDING and frame.now >= approval.expires_at,
        created_at=approval.created_at,
    )


def _resized(intent: Intent, qty: Decimal) -> Intent:
    """The intent as it went out: half of what was asked, say."""
    scale = qty / intent.qty
    return replace(
        intent,
        qty=qty,
        risk_usd=None if intent.risk_usd is None else intent.risk_usd * scale,
        notional_usd=None if intent.notional_usd is None else intent.notional_usd * scale,
        targets=rescaled(intent.targets, intent.qty, qty, step_of(intent.legs[0].instrument)),
        sizing=f"{qty.normalize():f} of {intent.sizing}",
    )


_EDIT = re.compile(r"-\d+(?:e(?P<entry>\d+)|[fw](?P<question>\d+))")


def _asked_text(approval: Approval, alert: AlertRecord) -> str:
    """The alert's words when this was asked: a later edit must not stand under an older order."""
    texts = (*alert.earlier_texts, alert.text)
    found = _EDIT.search(approval.approval_id)
    edit_no = int(found["entry"] or found["question"]) if found else 0
    return texts[min(edit_no, len(texts) - 1)]


def _stamp(approval: Approval, frame: Frame, intent: Intent | None) -> Stamp:
    """The quote that the order was judged by belongs to the card, not the newest one."""
    stamp = frame.stamp(approval.alert_id, instruments_of(intent.legs) if intent else ())
    if intent is None or intent.quote is None:
        return stamp
    return Stamp(
        at=frame.now,
        mode=frame.mode,
        ref=approval.alert_id,
        source=intent.quote.source,
        quoted_at=intent.quote.received_at,
        grade=stamp.grade,
        is_synthetic=stamp.is_synthetic or intent.quote.is_synthetic,
    )


def ticket(intent: Intent, equity_usd: Decimal | None = None) -> Ticket:
    """An intent as the exact order that would be sent."""
    quote = intent.quote
    risk: Figure = Missing("no stop") if intent.risk_usd is None else intent.risk_usd
    value: Figure = Missing("at market")
    if intent.limit is not None:
        value = abs(unit_value(intent.legs, intent.limit, intent.qty))
    return Ticket(
        verb=verb(intent.legs, intent.side, intent.purpose),
        qty=intent.qty,
        unit=unit_word(intent.legs, intent.qty),
        label=unit_label(intent.legs),
        type=intent.type,
        limit=intent.limit,
        price_of=intent.legs[0].instrument,
        is_credit=intent.side.sign < 0,
        value_usd=value,
        notional_usd=Missing("not sized") if intent.notional_usd is None else intent.notional_usd,
        stop=intent.stop,
        risk_usd=risk,
        risk_pct=ratio(risk, equity_usd, Missing("equity not known"), 100),
        targets=intent.targets,
        reward_r=_reward(intent, risk),
        trail=intent.trail or "",
        alerted=Missing("not alerted") if intent.alerted_price is None else intent.alerted_price,
        achievable=(
            Missing("no quote") if quote is None else quote.touch(side_is_buy=intent.side.sign > 0)
        ),
        bid_ask=None if quote is None else (quote.bid, quote.ask),
        guard=intent.guard,
        sizing=intent.sizing,
        account=intent.account,
        broker=intent.broker,
    )


def _reward(intent: Intent, risk: Figure) -> Figure:
    entry = intent.limit if intent.limit is not None else intent.alerted_price
    if entry is None or not intent.targets:
        return Missing("no targets" if not intent.targets else "no entry price")
    profit = sum(
        (
            unit_value(intent.legs, (t.price - entry) * intent.side.sign, t.qty)
            for t in intent.targets
        ),
        Decimal(0),
    )
    return ratio(profit, risk, Missing("no stop"))
