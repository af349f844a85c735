"""Trades that alerts asked for and the desk has not taken: ranked by rules, never by a hunch.

The score of an idea is 0-100: 40 when every check let it through when it was judged, in
proportion to those that did otherwise (a refusal leaves at most half); 30 while the price is no
worse than alerted, falling to 0 at a quarter worse; 20 for a reward of two risks or more; 10 while
it is fresh, falling to 0 after a day.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from engine.domain.desk import AlertRecord, AlertState, Approval, ApprovalState
from engine.domain.order import Intent, Purpose
from engine.reports import Figure, Frame, Missing, seconds, unit_label
from engine.reports._said import number, say, words
from engine.reports.opportunities import Idea
from engine.reports.recommendations import Advice, Urgency

IDEA_RULES = (
    (
        "an alert that asks for a trade, of the last day, neither taken nor withdrawn: ranked by "
        "checks passed, price against the alerted one, reward against risk, and age"
    ),
)
_AGE = timedelta(days=1)
_GONE = frozenset({AlertState.WITHDRAWN, AlertState.CLOSED})
_TAKEN = frozenset({AlertState.ORDERED, AlertState.PARTIAL, AlertState.FILLED, AlertState.MANAGED})
_WORST = Decimal("0.25")
_GOOD_REWARD = Decimal(2)


def ideas(
    frame: Frame,
    *,
    intents: Iterable[Intent],
    alerts: Iterable[AlertRecord],
    approvals: Iterable[Approval],
    held: Iterable[str],
) -> Iterator[Idea]:
    """Every entry that was worked out and not sent, as it was changed last.

    ``held``: trades that exist already.
    """
    known = {a.alert_id: a for a in alerts}
    waiting = {a.intent_id: a for a in approvals if a.state is ApprovalState.PENDING}
    taken = set(held)
    newest: dict[tuple[str, str], Intent] = {}
    for intent in intents:
        if intent.purpose is Purpose.ENTRY and frame.now - intent.created_at <= _AGE:
            newest[intent.alert_id or intent.trade_id, intent.account] = intent
    told: set[str] = set()
    for intent in sorted(newest.values(), key=lambda i: i.intent_id not in waiting):
        alert = known.get(intent.alert_id)
        is_over = alert is None or alert.state in _GONE or alert.state in _TAKEN
        if alert is None or is_over or intent.trade_id in taken or intent.alert_id in told:
            continue
        told.add(intent.alert_id)  # what several accounts may do is one idea
        yield _idea(frame, intent, alert, waiting.get(intent.intent_id))


def advice(idea: Idea) -> Advice | None:
    """A question that waits for a person, as a recommendation; None when nothing waits."""
    if not idea.approval_id or idea.ends_at is None:
        return None
    source = "/opportunities"
    facts = {
        f.id: f
        for f in (
            words("idea.label", "an idea", idea.label, source, symbol=idea.symbol),
            number("idea.score", "its score", idea.score, "n", source),
            number("idea.risk", "its risk", idea.risk_usd, "usd", source),
            number("idea.reward", "reward per risk", idea.reward, "ratio", source),
        )
    }
    text = "{idea.label} waits for a decision: score {idea.score}, risk {idea.risk}, reward "
    return Advice(
        key=f"idea:{idea.trade_id}",
        kind="idea",
        symbol=idea.symbol,
        label=idea.label,
        action=f"#approve {idea.approval_id}",
        button=f"Look at {idea.symbol}",
        reason=say(text + "per risk {idea.reward}", facts),
        rule=IDEA_RULES[0],
        at_stake_usd=idea.risk_usd,
        urgency=Urgency.TODAY,
        trade_id=idea.trade_id,
        alert_id=idea.alert_id,
        price=idea.last,
        direction=idea.direction,
    )


def _idea(frame: Frame, intent: Intent, alert: AlertRecord, approval: Approval | None) -> Idea:
    quote = frame.unit(intent.legs)
    last: Figure = Missing("no quote") if quote is None else quote.touch(intent.side.sign > 0)
    reward = _reward(intent)
    failed = tuple(v.detail or v.check for v in intent.verdicts if not v.is_ok)
    return Idea(
        trade_id=intent.trade_id,
        alert_id=intent.alert_id,
        intent_id=intent.intent_id,
        approval_id="" if approval is None else approval.approval_id,
        ends_at=None if approval is None else approval.expires_at,
        symbol=intent.symbol,
        label=unit_label(intent.legs),
        legs=intent.legs,
        source=intent.source,
        author=alert.author_name,
        direction=intent.side.sign,
        qty=intent.qty,
        entry=intent.limit if intent.limit is not None else last,
        last=last,
        stop=intent.stop,
        target=intent.targets[0].price if intent.targets else None,
        reward=reward,
        risk_usd=Missing("no stop") if intent.risk_usd is None else intent.risk_usd,
        cost_usd=Missing("not known") if intent.notional_usd is None else intent.notional_usd,
        score=_score(intent, last, reward, frame.now),
        why=alert.reason,
        failed=failed,
        at=alert.received_at,
    )


def _reward(intent: Intent) -> Figure:
    """What the first target pays for each dollar at risk."""
    if intent.stop is None or not intent.targets or intent.limit is None:
        return Missing("no stop or target")
    risk = (intent.limit - intent.stop) * intent.side.sign
    gain = (intent.targets[0].price - intent.limit) * intent.side.sign
    return gain / risk if risk > 0 else Missing("the stop is beyond the entry")


def _score(intent: Intent, last: Figure, reward: Figure, now: datetime) -> int:
    passed = sum(v.is_ok for v in intent.verdicts)
    gates = Decimal(passed) / len(intent.verdicts) if intent.verdicts else Decimal(0)
    if passed < len(intent.verdicts):
        gates /= 2
    price = Decimal(0)
    alerted = intent.alerted_price or intent.limit
    if isinstance(last, Decimal) and alerted:
        worse = (last - alerted) * intent.side.sign / abs(alerted)
        price = max(Decimal(0), min(Decimal(1), 1 - worse / _WORST))
    paid = min(reward / _GOOD_REWARD, Decimal(1)) if isinstance(reward, Decimal) else Decimal(0)
    age = seconds(now - intent.created_at) / seconds(_AGE)
    fresh = max(Decimal(0), 1 - age)
    return int(40 * gates + 30 * price + 20 * max(paid, Decimal(0)) + 10 * fresh)
