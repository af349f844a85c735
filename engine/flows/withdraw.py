"""An alert is taken back or changed: by a cancel, an edit or a deletion of its message."""

from dataclasses import replace

from engine.desk import Desk
from engine.domain.alert import Alert, Effect, Parsed, RawAlert, Signal
from engine.domain.desk import AlertRecord, AlertState, ApprovalState, Intake
from engine.domain.order import Order
from engine.domain.record import Event, Record, changed
from engine.domain.source import Handling, SourceProfile
from engine.domain.trade import Trade, TradeState
from engine.flows import take_alert
from engine.flows.outcomes import Outcome, act, rejected
from engine.flows.undo import close_approvals, taken_back, undo
from engine.matching import is_symbol_of


async def cancelled(
    desk: Desk, profile: SourceProfile, record: AlertRecord, number: int, signal: Signal
) -> Outcome:
    """The author takes an earlier alert back: void what was not sent, cancel what is not filled."""
    del number
    trades = [
        t
        for t in desk.book.trades.values()
        if t.source == profile.name
        and t.author_id == record.author_id
        and _names(signal, t, profile)
    ]
    pending = [t for t in trades if t.state is TradeState.PENDING]
    if not pending:
        held = "it is filled already; nothing was closed" if trades else "nothing of it is waiting"
        return rejected(f"cancel of {signal.symbol}: {held}")
    puts: list[Record] = []
    cancels: list[Order] = []
    cards: list[tuple[str, str, str]] = []
    for n, trade in enumerate(pending):
        records, asked, shown = taken_back(
            desk, trade, record.alert_id, "cancelled by its author", pending[:n]
        )
        puts += records
        cancels += asked
        cards += shown
    return Outcome(
        state=AlertState.MANAGED,
        reason=f"took back {len(pending)} waiting trade(s) in {signal.symbol}",
        puts=tuple(puts),
        cards=tuple(cards),
        cancel=tuple(cancels),
        trade_ids=tuple(t.trade_id for t in pending),
    )


def _names(signal: Signal, trade: Trade, profile: SourceProfile) -> bool:
    """Whether a cancel, as far as it says, means this trade."""
    instrument = trade.legs[0].instrument
    if not is_symbol_of(signal.symbol, trade, profile):
        return False
    for said, held in (
        (signal.strike, instrument.strike),
        (signal.right, instrument.right),
        (signal.expiry, instrument.expiry),
    ):
        if said is not None and held is not None and said != held:
            return False
    return True


async def edited(
    desk: Desk, profile: SourceProfile, message: RawAlert, digest: str, parsed: Parsed
) -> AlertRecord | None:
    """The text of a message changed: replace a draft, never open twice, keep both texts."""
    alert_id = take_alert.alert_id(message)
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
        fresh = take_alert.new_record(profile, message, parsed)
        await take_alert.decide(desk, profile, message, fresh, before=(taken,))
        return desk.book.alerts.get(alert_id)
    if record.alert_id not in desk.book.alerts:
        desk.book.put(record)
    newer = take_alert.next_version(record, take_alert.new_record(profile, message, parsed))
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
    await take_alert.decide(desk, careful, message, record)


async def deleted(desk: Desk, channel_id: int, message_id: int) -> None:
    """A message was deleted: void what was not sent, cancel what is not filled, close nothing."""
    alert_id = desk.book.by_message.get((channel_id, message_id))
    record = desk.book.alerts.get(alert_id) if alert_id else None
    profile = desk.source_of(channel_id)
    if record is None or profile is None:
        return
    cancels: list[Order] = []
    async with desk.lock(profile.account):
        record = desk.book.alerts[record.alert_id]
        ended, cards = close_approvals(
            desk, record.alert_id, ApprovalState.WITHDRAWN, "its message was deleted"
        )
        puts: list[Record] = [*ended]
        is_filled = False
        for trade_id in record.trade_ids:
            trade = desk.book.trades.get(trade_id)
            if trade is None or trade.alert_id != record.alert_id:
                continue
            is_filled |= trade.state is TradeState.OPEN
            if trade.state is TradeState.PENDING:
                records, asked = undo(desk, trade, "its message was deleted")
                puts += records
                cancels += asked
        if is_filled:
            after = changed(record, reason="its message was deleted after the fill; nothing closed")
        else:
            after = changed(record, state=AlertState.WITHDRAWN, reason="its message was deleted")
        await desk.commit(
            desk.event(
                "alert.deleted",
                record.alert_id,
                after,
                *puts,
                cards=(("alert", record.alert_id, "trade_alerts"), *cards),
                text=record.text,
            )
        )
    await act(desk, Outcome(state=AlertState.WITHDRAWN, cancel=tuple(cancels)))
