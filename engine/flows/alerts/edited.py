"""A message was edited: before the fill its draft is made anew, afterwards nothing changes."""

from dataclasses import replace

from engine.desk import Desk
from engine.domain.alert import Alert, Effect, Parsed, RawAlert
from engine.domain.desk import AlertRecord, AlertState, ApprovalState, Intake
from engine.domain.order import Order
from engine.domain.record import Event, Record
from engine.domain.source import Handling, SourceProfile
from engine.domain.trade import TradeState
from engine.flows.acts.outcomes import Outcome, act
from engine.flows.alerts import decide
from engine.flows.trades.undo import close_approvals, undo


async def edited(
    desk: Desk, profile: SourceProfile, message: RawAlert, digest: str, parsed: Parsed
) -> AlertRecord | None:
    """The text of a message changed: replace a draft, never open twice, keep both texts."""
    alert_id = decide.alert_id(message)
    record = desk.book.alerts.get(alert_id) or await desk.store.get(AlertRecord, alert_id)
    intake = Intake(
        source=profile.name,
        message=message,
        content_hash=digest,
        verdict="edited" if record else ("alert" if isinstance(parsed, Alert) else "ignored: edit"),
        alert_id=alert_id if record or isinstance(parsed, Alert) else "",
    )
    taken = desk.event(
        "message.edited",
        alert_id,
        intake,
        cards=(("mirror", intake.key, "all_messages"),),
        verdict=intake.verdict,
    )
    if record is None:
        if not isinstance(parsed, Alert):
            await desk.commit(taken)
            return None
        fresh = decide.new_record(profile, message, parsed)
        await decide.decide(desk, profile, message, fresh, before=(taken,))
        return desk.book.alerts.get(alert_id)
    if record.alert_id not in desk.book.alerts:
        desk.book.put(record)
    newer = decide.next_version(record, decide.new_record(profile, message, parsed))
    return await _amend(desk, profile, message, record, newer, taken)


async def _amend(
    desk: Desk,
    profile: SourceProfile,
    message: RawAlert,
    record: AlertRecord,
    newer: AlertRecord,
    taken: Event,
) -> AlertRecord | None:
    """Before anything is filled: take the draft back. Afterwards: tell, keep, change nothing."""
    async with desk.lock(profile.account):
        trades = [
            desk.book.trades[t]
            for t in record.trade_ids
            if t in desk.book.trades and desk.book.trades[t].alert_id == record.alert_id
        ]
        ended, cards = close_approvals(
            desk, record.alert_id, ApprovalState.WITHDRAWN, "its message was edited"
        )
        puts: list[Record] = [*ended]
        cancels: list[Order] = []
        for trade in trades:
            if trade.state is TradeState.PENDING:
                records, asked = undo(desk, trade, "its message was edited")
                puts += records
                cancels += asked
        is_filled = any(t.state is TradeState.OPEN for t in trades) or bool(
            [
                t
                for t in record.trade_ids
                if t in desk.book.closed and desk.book.closed[t].qty_opened
            ]
        )
        newer = _amended(newer, is_filled=is_filled, was_sent=bool(cancels))
        await desk.commit(
            taken,
            desk.event(
                "alert.edited",
                record.alert_id,
                newer,
                *puts,
                cards=(("alert", record.alert_id, "trade_alerts"), *cards),
                before=record.text,
                after=newer.text,
            ),
        )
    for order in cancels:
        await act(desk, Outcome(state=AlertState.WITHDRAWN, cancel=(order,)))
    if is_filled or not isinstance(newer.parsed, Alert):
        return desk.book.alerts.get(record.alert_id)
    if any(s.action.effect is Effect.CANCEL for s in newer.parsed.signals):
        return desk.book.alerts.get(record.alert_id)
    await redraft(desk, profile, message, newer)
    return desk.book.alerts.get(record.alert_id)


def _amended(newer: AlertRecord, *, is_filled: bool, was_sent: bool) -> AlertRecord:
    if is_filled:
        reason = "edited after the fill: nothing was changed; use the trade's buttons to amend"
        return replace(newer, reason=reason)
    reason = "edited before the fill" + (
        "; the working order is being cancelled" if was_sent else ""
    )
    return replace(newer, state=AlertState.WITHDRAWN, reason=reason, n_judged=0)


async def redraft(
    desk: Desk, profile: SourceProfile, message: RawAlert, record: AlertRecord
) -> None:
    """The new text as a new draft: always with a person's approval, never a second order."""
    careful = (
        profile
        if profile.handling is Handling.LISTEN
        else replace(profile, handling=Handling.APPROVE)
    )
    await decide.decide(desk, careful, message, record)
