"""A second look at an alert that came to nothing: run it now, try it on paper, or drop it.

Whatever was said against it is asked anew at the facts of now; its words are not changed.
"""

from dataclasses import dataclass, replace
from decimal import Decimal

from engine.desk import Desk
from engine.domain import words
from engine.domain.alert import Alert, RawAlert
from engine.domain.desk import AlertRecord, AlertState, Approval, Who
from engine.domain.errors import NotAllowed, UserError
from engine.domain.record import changed
from engine.domain.source import Handling, SourceProfile
from engine.domain.trade import TradeState
from engine.flows.acts import outcomes
from engine.flows.acts.outcomes import Outcome
from engine.flows.alerts import decide
from engine.flows.alerts.turns import Turn
from engine.flows.common import effects
from engine.flows.trades import approve, enter, modify

_OVER = (AlertState.WITHDRAWN, AlertState.CLOSED)
_TRADED = (AlertState.ORDERED, AlertState.PARTIAL, AlertState.FILLED, AlertState.MANAGED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """What became of it."""

    record: AlertRecord
    said: str
    approval_id: str = ""
    """What still waits for an approver; empty when nothing does."""


async def known(desk: Desk, alert_id: str) -> AlertRecord:
    """An alert of today or of long ago.

    Raises:
        UserError: there is none of that id.
    """
    found = desk.book.alerts.get(alert_id) or await desk.store.get(AlertRecord, alert_id)
    if found is None:
        raise UserError("There is no alert of that id. Nothing was done.")
    return found


def room(desk: Desk, record: AlertRecord) -> SourceProfile:
    """The terms of the room that it came from.

    Raises:
        UserError: that room is not watched any more, or it was a person's own order.
    """
    profile = desk.source_of(record.channel_id)
    if profile is None:
        raise UserError("Its room is not watched (any more). Nothing was done.")
    return profile


async def runnable(desk: Desk, who: Who, alert_id: str) -> AlertRecord:
    """The alert, if it may be run through the checks once more.

    Raises:
        NotAllowed, UserError: it may not; says why.
    """
    if not who.may_trade:
        raise NotAllowed("Only a trader may do this. Nothing was done.")
    record = await known(desk, alert_id)
    room(desk, record)
    alert = record.parsed
    if not isinstance(alert, Alert) or alert.needs_human:
        raise UserError(
            "It cannot be read safely: write it anew on its approval card. Nothing was done."
        )
    if not any(s.action.effect.opens for s in alert.signals):
        raise UserError("It opens nothing. Nothing was done.")
    if record.state in _OVER:
        raise UserError(f"It is {words.ALERT[record.state]} already. Nothing was done.")
    waits = _waiting(desk, record.alert_id)
    if waits:
        raise UserError(
            f"It waits for a decision: approve {waits[0].approval_id}. Nothing was done."
        )
    for trade_id in record.trade_ids:
        trade = await desk.trade(trade_id)
        if trade is not None and trade.state is not TradeState.VOID:
            raise UserError("It was traded already: order anew yourself. Nothing was done.")
    return record


async def execute(desk: Desk, who: Who, alert_id: str, *, size: Decimal | None = None) -> Looked:
    """Judge it at the prices of now; an approver's own click also decides it, in ``size`` units.

    It takes its turn in its room, so that two clicks, or a click and an edit, are never about the
    same alert at once: the second one finds what the first one made of it.

    Raises:
        NotAllowed, UserError: nothing was sent.
    """
    record = await runnable(desk, who, alert_id)
    async with Turn(desk, record.channel_id) as turn:
        await turn.alone(record.parsed if isinstance(record.parsed, Alert) else None)
        await _run(desk, who, await runnable(desk, who, alert_id), turn)
        return await _decided(desk, who, alert_id, size)


async def _run(desk: Desk, who: Who, record: AlertRecord, turn: Turn) -> None:
    """Through every check once more, always with a person's approval."""
    alert_id, profile = record.alert_id, room(desk, record)
    message = _again(desk, record)
    async with effects.story(desk, alert_id):
        now = desk.book.alerts.get(alert_id, record)
        if now.state in _OVER:  # its author was faster
            raise UserError(f"It is {words.ALERT[now.state]} by now. Nothing was sent.")
        fresh = replace(
            changed(now), n_judged=0, reason="", by_account=(), state=AlertState.RECEIVED
        )
        fresh = replace(fresh, is_caught_up=False, edit_no=now.edit_no + 1)
        await desk.commit(
            desk.event(
                "alert.executed",
                alert_id,
                fresh,
                actor=f"user:{who.user_id}",
                cards=(("alert", alert_id, "trade_alerts"),),
                before=now.reason,
            )
        )
    careful = replace(profile, handling=Handling.APPROVE)
    again = desk.book.alerts[alert_id]
    await decide.decide(desk, careful, message, again, decided=turn.decided)


async def _decided(desk: Desk, who: Who, alert_id: str, size: Decimal | None) -> Looked:
    """The approvals that it led to, answered where the person may."""
    record = desk.book.alerts[alert_id]
    waits = _waiting(desk, alert_id)
    if not waits:
        return Looked(record=record, said=record.reason or words.ALERT[record.state])
    said: list[str] = []
    left = ""
    for one in waits:
        key, version = one.approval_id, one.version
        if size is not None and one.kind == "entry":
            version = (await modify.run(desk, key, version, who, qty=size)).approval.version
        if not who.may_approve or one.kind != "entry":
            left = left or key
            said.append(f"waits for approval: {key}")
            continue
        said.append((await approve.approve(desk, key, version, who)).said)
    return Looked(record=desk.book.alerts[alert_id], said="; ".join(said), approval_id=left)


def _again(desk: Desk, record: AlertRecord, message_id: int | None = None) -> RawAlert:
    """Its message as if it had been posted this moment."""
    now = desk.clock.now()
    return RawAlert(
        guild_id=None,
        channel_id=record.channel_id,
        message_id=record.message_id if message_id is None else message_id,
        edit_no=0 if message_id is not None else record.edit_no + 1,
        author_id=record.author_id,
        author_name=record.author_name,
        posted_at=now,
        received_at=now,
        text=record.text,
    )


async def on_paper(desk: Desk, who: Who, alert_id: str, key: int) -> Looked:
    """Its entries once more, as a story of their own, in the first paper account.

    ``key``: Discord's id of the click, so that one click makes one story.

    Raises:
        NotAllowed, UserError: nothing was sent.
    """
    if not who.may_trade:
        raise NotAllowed("Only a trader may do this. Nothing was done.")
    old = await known(desk, alert_id)
    account = next((a for a, b in desk.settings.accounts.items() if _is_paper(desk, b)), None)
    if account is None:
        raise UserError("No account of this desk is on paper. Nothing was sent.")
    if not isinstance(old.parsed, Alert) or old.parsed.needs_human:
        raise UserError("It cannot be read safely. Nothing was sent.")
    if not any(s.action.effect.opens for s in old.parsed.signals):
        raise UserError("It opens nothing. Nothing was sent.")
    profile = replace(room(desk, old), account=account, is_copy=True, handling=Handling.APPROVE)
    message = _again(desk, old, key)
    record = decide.new_record(profile, message, old.parsed)
    for number, signal in enumerate(old.parsed.signals):
        if not signal.action.effect.opens:
            continue
        async with desk.lock(account):
            outcome = await enter.judge(desk, profile, message, record, number, signal)
            record = await _stored(desk, who, record, outcome, alert_id)
        await outcomes.act(desk, outcome)
    return await _decided(desk, who, record.alert_id, None)


def _is_paper(desk: Desk, broker: str) -> bool:
    found = desk.brokers.get(broker)
    return found is not None and found.caps.is_paper


async def _stored(
    desk: Desk, who: Who, record: AlertRecord, outcome: Outcome, of: str
) -> AlertRecord:
    known_now = desk.book.alerts.get(record.alert_id)
    base = record if known_now is None else changed(known_now)
    after = decide.after_outcome(base, outcome)
    await desk.commit(
        desk.event(
            f"alert.{outcome.state.lower()}",
            after.alert_id,
            after,
            *outcome.puts,
            actor=f"user:{who.user_id}",
            cards=(("alert", after.alert_id, "trade_alerts"), *outcome.cards),
            reason=outcome.reason,
            replay_of=of,
        )
    )
    return after


async def ignore(desk: Desk, who: Who, alert_id: str) -> Looked:
    """Nothing more is done about it; what waits of it is dropped.

    Raises:
        NotAllowed, UserError: it is traded, or over already.
    """
    if not who.may_trade:
        raise NotAllowed("Only a trader may do this. Nothing was changed.")
    record = await known(desk, alert_id)
    async with Turn(desk, record.channel_id) as turn:
        await turn.alone(record.parsed if isinstance(record.parsed, Alert) else None)
        return await _ignored(desk, who, await known(desk, alert_id))


async def ignorable(desk: Desk, who: Who, alert_id: str) -> AlertRecord:
    """The alert, when nothing stands against dropping it.

    Raises:
        NotAllowed, UserError: it is traded, or over already.
    """
    if not who.may_trade:
        raise NotAllowed("Only a trader may do this. Nothing was changed.")
    record = await known(desk, alert_id)
    await _check_untraded(desk, record, _waiting(desk, alert_id))
    return record


def _waiting(desk: Desk, alert_id: str) -> list[Approval]:
    return [a for a in desk.book.approvals.values() if a.alert_id == alert_id]


async def _check_untraded(desk: Desk, record: AlertRecord, waits: list[Approval]) -> None:
    if record.state in _OVER:
        raise UserError(f"It is {words.ALERT[record.state]} already. Nothing was changed.")
    asked = {a.trade_id for a in waits}
    trades = [t for i in record.trade_ids if (t := await desk.trade(i)) and i not in asked]
    if any(t.state in (TradeState.PENDING, TradeState.OPEN) for t in trades):
        raise UserError("It is traded: close or cancel that. Nothing was changed.")
    if record.state in _TRADED or any(t.state is not TradeState.VOID for t in trades):
        raise UserError("It was traded already: that stays as it was. Nothing was changed.")


async def _ignored(desk: Desk, who: Who, record: AlertRecord) -> Looked:
    alert_id = record.alert_id
    waits = _waiting(desk, alert_id)
    await _check_untraded(desk, record, waits)
    for one in waits:
        await approve.reject(desk, one.approval_id, one.version, who, decision="ignored")
    async with effects.story(desk, alert_id):
        record = desk.book.alerts.get(alert_id, record)
        said = f"ignored by {who.name}"
        after = changed(record, state=AlertState.REJECTED, reason=said)
        await desk.commit(
            desk.event(
                "alert.ignored",
                alert_id,
                after,
                actor=f"user:{who.user_id}",
                cards=(("alert", alert_id, "trade_alerts"),),
                before=record.reason,
            )
        )
    return Looked(record=after, said=said)
