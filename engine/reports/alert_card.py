"""One alert from the room's words to the closed trade: the card that grows with its story."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from engine.domain import words
from engine.domain.alert import NotAnAlert
from engine.domain.desk import AlertRecord, AlertState, Approval, ApprovalState
from engine.domain.instrument import Instrument
from engine.domain.order import Intent, Order, OrderState, Purpose, Verdict
from engine.domain.trade import Trade, TradeState
from engine.reports import (
    Figure,
    Frame,
    Missing,
    Stamp,
    instruments_of,
    plus,
    ratio,
    unit_label,
    unit_word,
    verb,
)


class StepState(StrEnum):
    """How one step of the story stands."""

    DONE = "done"
    NOW = "now"
    """Happening: waits for a person, a broker or the market."""
    FAILED = "failed"
    SKIPPED = "skipped"
    """Will not happen any more, or was not needed."""
    AHEAD = "ahead"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One hop of the story: parsed, risk, approval, order, fill, closed."""

    name: str
    state: StepState
    at: datetime | None = None
    text: str = ""
    by: int | None = None
    """Discord user who did it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaning:
    """One trade that the alert asked for: what was alerted, what could be had, what we got."""

    intent_id: str
    label: str
    """``SPY 603C 1/31``."""
    words: str
    """``Buy to open 2 contracts SPY 603C 1/31``."""
    price_of: Instrument
    alerted: Figure
    achievable: Figure
    worse_pct: Figure
    """By how much the achievable price is worse than the alerted one; negative: better."""
    limit: Figure
    filled: Figure
    guard: str
    sizing: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountVerdict:
    """What one of several accounts made of the alert."""

    account: str
    said: str
    """As it was decided: ``sent``, ``asked``, or why not."""
    price_of: Instrument | None
    """None: it has no trade of it."""
    state: TradeState | None
    qty: Decimal | None
    """Units held, or wanted while nothing is filled; None without a trade."""
    price: Figure
    """Average of the entry."""
    realised_usd: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class AlertCard:
    """One alert and how far it has come."""

    stamp: Stamp
    alert_id: str
    source: str
    author_name: str
    state: AlertState
    reason: str
    symbol: str
    steps: tuple[Step, ...]
    leanings: tuple[Leaning, ...]
    accounts: tuple[AccountVerdict, ...]
    """Each account that it went to; empty when it is its room's own alone."""
    realised_usd: Figure
    r_realised: Figure
    raw_text: str
    n_edits: int
    """By its author."""
    rewritten_by: int | None
    """Discord user who wrote it anew because it could not be read."""
    posted_at: datetime
    received_at: datetime
    is_caught_up: bool
    channel_id: int
    message_id: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Story:
    record: AlertRecord
    approvals: tuple[Approval, ...]
    intents: tuple[Intent, ...]
    entries: tuple[Order, ...]
    trades: tuple[Trade, ...]


def build(
    record: AlertRecord,
    frame: Frame,
    *,
    approvals: Iterable[Approval] = (),
    intents: Iterable[Intent] = (),
    orders: Iterable[Order] = (),
    trades: Iterable[Trade] = (),
) -> AlertCard:
    """The card of one alert from its own records, each in the order of creation."""
    all_intents, all_trades = tuple(intents), tuple(trades)
    current = _newest_per_trade(all_intents, all_trades)
    outdated = {i.intent_id for i in all_intents} - {i.intent_id for i in current}
    story = _Story(
        record=record,
        approvals=tuple(approvals),
        intents=current,
        entries=tuple(
            o for o in orders if o.purpose is Purpose.ENTRY and o.intent_id not in outdated
        ),
        trades=all_trades,
    )
    realised, risk = _realised(story.trades)
    stamp = frame.stamp(
        record.alert_id, [i for intent in story.intents for i in instruments_of(intent.legs)]
    )
    rewrites = [a for a in story.approvals if a.kind == "fix" and a.state is ApprovalState.APPROVED]
    return AlertCard(
        stamp=stamp,
        alert_id=record.alert_id,
        source=record.source,
        author_name=record.author_name,
        state=record.state,
        reason=record.reason,
        symbol=record.symbol,
        steps=tuple(make(story) for make in _steps_of(story)),
        leanings=tuple(_leaning(intent, story) for intent in story.intents),
        accounts=tuple(_verdict(name, said, story) for name, said in _last_said(record).items()),
        realised_usd=realised,
        r_realised=ratio(realised, risk, Missing("no stop at entry")),
        raw_text=record.text,
        n_edits=len(record.earlier_texts) - len(rewrites),
        rewritten_by=rewrites[-1].decided_by if rewrites else None,
        posted_at=record.posted_at,
        received_at=record.received_at,
        is_caught_up=record.is_caught_up,
        channel_id=record.channel_id,
        message_id=record.message_id,
    )


def _last_said(record: AlertRecord) -> dict[str, str]:
    """Account -> its verdict; of several trades, all that was said."""
    found: dict[str, str] = {}
    for account, said in record.by_account:
        before = found.get(account)
        found[account] = said if before in (None, said) else f"{before}; {said}"
    return found


def _verdict(account: str, said: str, story: _Story) -> AccountVerdict:
    trade = next((t for t in reversed(story.trades) if t.account == account), None)
    none = Missing("no trade here")
    if trade is None:
        return AccountVerdict(
            account=account,
            said=said,
            price_of=None,
            state=None,
            qty=None,
            price=none,
            realised_usd=none,
        )
    unfilled = Missing("nothing filled")
    is_closed = trade.state is TradeState.CLOSED
    return AccountVerdict(
        account=account,
        said=trade.close_reason or said if trade.state is TradeState.VOID else said,
        price_of=trade.legs[0].instrument,
        state=trade.state,
        qty=trade.qty_wanted if trade.state is TradeState.PENDING else trade.qty_open,
        price=unfilled if trade.entry_price is None else trade.entry_price,
        realised_usd=trade.realised_usd if is_closed else Missing("not closed yet"),
    )


def _realised(trades: Sequence[Trade]) -> tuple[Figure, Figure]:
    closed = [t for t in trades if t.state is TradeState.CLOSED]
    if not closed:
        return Missing("nothing closed yet"), Missing("nothing closed yet")
    risks: list[Figure] = [
        Missing("no stop at entry") if t.risk_usd is None else t.risk_usd for t in closed
    ]
    return sum((t.realised_usd for t in closed), Decimal(0)), plus(*risks)


def _leaning(intent: Intent, story: _Story) -> Leaning:
    sent = next((o for o in story.entries if o.intent_id == intent.intent_id), None)
    qty = intent.qty if sent is None else sent.qty
    alerted, quote = intent.alerted_price, intent.quote
    touch = None if quote is None else quote.touch(side_is_buy=intent.side.sign > 0)
    worse_pct: Figure = Missing("no alerted price" if alerted is None else "no quote")
    if alerted is not None and touch is not None:
        gap = (touch - alerted) * intent.side.sign
        worse_pct = ratio(gap, alerted, Missing("alerted price is 0"), 100)
    own = next((t for t in story.trades if t.trade_id == intent.trade_id), None)
    filled = own.entry_price if own and intent.purpose is Purpose.ENTRY else None
    return Leaning(
        intent_id=intent.intent_id,
        label=unit_label(intent.legs),
        words=(
            f"{verb(intent.legs, intent.side, intent.purpose)} {qty.normalize():f} "
            f"{unit_word(intent.legs, qty)} {unit_label(intent.legs)}"
        ),
        price_of=intent.legs[0].instrument,
        alerted=Missing("not alerted") if alerted is None else alerted,
        achievable=Missing("no quote") if touch is None else touch,
        worse_pct=worse_pct,
        limit=Missing("at market") if intent.limit is None else intent.limit,
        filled=Missing("not filled") if filled is None else filled,
        guard=intent.guard,
        sizing=intent.sizing,
        verdicts=intent.verdicts,
    )


# -- the steps, each from the records that prove it ----------------------------------------------


def _parsed(story: _Story) -> Step:
    record = story.record
    if isinstance(record.parsed, NotAnAlert):
        return Step(
            name="parsed", state=StepState.FAILED, at=record.received_at, text=record.parsed.why
        )
    if record.parsed.needs_human:
        return Step(
            name="parsed",
            state=StepState.NOW if record.state is AlertState.HELD else StepState.DONE,
            at=record.received_at,
            text=f"needs a person: {record.parsed.question}",
        )
    n = len(record.parsed.signals)
    return Step(
        name="parsed",
        state=StepState.DONE,
        at=record.received_at,
        text=f"{n} trade{'' if n == 1 else 's'}",
    )


def _risk(story: _Story) -> Step:
    record = story.record
    if not story.intents:
        if record.state is AlertState.RISK_REJECTED:
            return Step(name="risk", state=StepState.FAILED, text=record.reason)
        is_waiting = record.state in (AlertState.RECEIVED, AlertState.HELD)
        return Step(name="risk", state=StepState.AHEAD if is_waiting else StepState.SKIPPED)
    newest = story.intents
    denied = [v for intent in newest for v in intent.verdicts if not v.is_ok]
    n = sum(len(intent.verdicts) for intent in newest)
    at = max(intent.created_at for intent in newest)
    if denied and record.state in (AlertState.RISK_REJECTED, AlertState.REJECTED):
        text = f"{len(denied)} of {n} said no: {denied[0].detail or denied[0].code}"
        return Step(name="risk", state=StepState.FAILED, at=at, text=text)
    if denied:
        text = f"asked because of {denied[0].check}: {denied[0].detail or denied[0].code}"
        return Step(name="risk", state=StepState.NOW, at=at, text=text)
    near = dict.fromkeys(v.detail for intent in newest for v in intent.verdicts if v.detail)
    text = "; ".join([f"{n} of {n} passed", *near])
    return Step(name="risk", state=StepState.DONE, at=at, text=text)


_VERSION = re.compile(r"(?P<trade>.*/\d+)(e\d+)?(/?r\d+)?")
"""``<alert>/<number>``, then ``e1`` for the first edit, ``r1`` when it was changed or re-priced."""


def _newest_per_trade(intents: Sequence[Intent], trades: Sequence[Trade]) -> tuple[Intent, ...]:
    """An edited or re-priced entry takes the place of the one before, unless that was filled."""
    filled = {t.trade_id for t in trades if t.qty_opened > 0}
    newest: dict[str, Intent] = {}
    for intent in intents:
        found = _VERSION.fullmatch(intent.intent_id)
        newest[found["trade"] if found else intent.intent_id] = intent
    last = {intent.intent_id for intent in newest.values()}
    return tuple(i for i in intents if i.intent_id in last or i.trade_id in filled)


def _approval(story: _Story) -> Step:
    if not story.approvals:
        is_over = bool(story.entries) or story.record.state in _OVER
        return Step(
            name="approval",
            state=StepState.SKIPPED if is_over else StepState.AHEAD,
            text="not needed" if story.entries else "",
        )
    pending = [a for a in story.approvals if a.state is ApprovalState.PENDING]
    if pending:
        return Step(
            name="approval", state=StepState.NOW, at=pending[0].created_at, text=pending[0].question
        )
    last = max(story.approvals, key=lambda a: a.decided_at or a.created_at)
    is_yes = last.state is ApprovalState.APPROVED
    return Step(
        name="approval",
        state=StepState.DONE if is_yes else StepState.FAILED,
        at=last.decided_at,
        text=last.decision or words.APPROVAL[last.state],
        by=last.decided_by,
    )


_OVER = frozenset(
    {
        AlertState.REJECTED,
        AlertState.RISK_REJECTED,
        AlertState.WITHDRAWN,
        AlertState.ERROR,
        AlertState.CLOSED,
    }
)
_BEFORE_BROKER = frozenset(
    {OrderState.DRAFT, OrderState.PENDING_APPROVAL, OrderState.APPROVED, OrderState.INTENT}
)
_ORDER_FAILED = frozenset({OrderState.REJECTED, OrderState.DENIED, OrderState.UNKNOWN})
_ORDER_DONE = frozenset({OrderState.FILLED, OrderState.ACCEPTED, OrderState.PARTIAL})
_ORDER_WORDS = {
    OrderState.SUBMITTING: "being sent",
    OrderState.ACCEPTED: "working at the broker",
    OrderState.PARTIAL: "partly filled",
    OrderState.FILLED: "accepted",
    OrderState.UNKNOWN: "sent, no answer yet: never sent twice",
    OrderState.PENDING_CANCEL: "cancel requested",
    OrderState.PENDING_REPLACE: "change requested",
    OrderState.CANCELED: "cancelled",
    OrderState.EXPIRED: "expired",
    OrderState.REJECTED: "refused by the broker",
    OrderState.REPLACED: "replaced",
    OrderState.DENIED: "denied",
    OrderState.VOID: "not sent",
}


def _order(story: _Story) -> Step:
    sent = [o for o in story.entries if o.state not in _BEFORE_BROKER]
    if not sent:
        is_over = story.record.state in _OVER
        return Step(name="order", state=StepState.SKIPPED if is_over else StepState.AHEAD)
    last = sent[-1]
    said = _ORDER_WORDS.get(last.state, words.ORDER[last.state])
    if last.reason and last.state is not OrderState.FILLED:
        said = f"{said}: {last.reason}"
    return Step(
        name="order",
        state=_order_state(last),
        at=last.sent_at or last.accepted_at or last.updated_at,
        text=said,
    )


def _order_state(order: Order) -> StepState:
    if order.state in _ORDER_FAILED:
        return StepState.FAILED
    if order.state in _ORDER_DONE or order.filled:
        return StepState.DONE
    return StepState.SKIPPED if order.state.is_terminal else StepState.NOW


def _fill(story: _Story) -> Step:
    filled = [t for t in story.trades if t.qty_opened > 0]
    if not filled:
        is_over = story.record.state in _OVER
        return Step(name="fill", state=StepState.SKIPPED if is_over else StepState.AHEAD)
    last = filled[-1]
    is_all = all(t.qty_opened >= t.qty_wanted for t in filled)
    got = f"{last.qty_opened.normalize():f} of {last.qty_wanted.normalize():f}"
    is_working = any(not o.state.is_terminal and o.leaves for o in story.entries)
    return Step(
        name="fill",
        state=StepState.NOW if is_working and not is_all else StepState.DONE,
        at=last.opened_at,
        text=f"{got} {unit_word(last.legs, last.qty_wanted)}",
    )


def _closed(story: _Story) -> Step:
    filled = [t for t in story.trades if t.qty_opened > 0]
    if not filled:
        is_over = story.record.state in _OVER
        return Step(name="closed", state=StepState.SKIPPED if is_over else StepState.AHEAD)
    still = [t for t in filled if t.state is not TradeState.CLOSED]
    if still:
        left = sum((t.qty_open for t in still), Decimal(0))
        return Step(name="closed", state=StepState.NOW, text=f"{left.normalize():f} still open")
    last = filled[-1]
    return Step(name="closed", state=StepState.DONE, at=last.closed_at, text=last.close_reason)


def _applied(story: _Story) -> Step:
    record = story.record
    return Step(name="applied", state=StepState.DONE, at=record.received_at, text=record.reason)


def _steps_of(story: _Story) -> tuple[Callable[[_Story], Step], ...]:
    """An alert about a trade that another one had opened tells nothing of that one's entry."""
    record = story.record
    is_about_others = bool(story.trades) and all(
        t.alert_id != record.alert_id for t in story.trades
    )
    if record.state is AlertState.MANAGED and is_about_others:
        return (_parsed, _applied)
    return _STEPS


_STEPS = (_parsed, _risk, _approval, _order, _fill, _closed)
