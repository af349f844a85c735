"""An entry that waits for nothing but a first quote: judged when it comes, within its age limit."""

from engine import guard
from engine.desk import Desk
from engine.domain.errors import UserError
from engine.domain.quote import Quote
from engine.domain.record import Record, changed
from engine.flows.trades import approve


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
            await approve.approve(desk, approval_id, approval.version, approve.DESK)
        elif price.decision == "skip":
            await approve.reject(
                desk, approval_id, approval.version, approve.DESK, decision=price.reason
            )
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
