"""An alert is taken back: by a cancel, or by the deletion of its message."""

from engine.desk import Desk
from engine.domain.alert import Signal
from engine.domain.desk import AlertRecord, AlertState, ApprovalState
from engine.domain.order import Order
from engine.domain.record import Record, changed
from engine.domain.source import SourceProfile
from engine.domain.trade import Trade, TradeState
from engine.flows.acts.outcomes import Outcome, act, rejected
from engine.flows.trades.undo import close_approvals, taken_back, undo
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
