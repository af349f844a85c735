"""A person writes an unreadable alert anew; it then goes through every check, and is asked."""

from dataclasses import replace

from engine.desk import Desk
from engine.domain.alert import NotAnAlert, RawAlert
from engine.domain.desk import AlertRecord, ApprovalState, Who
from engine.domain.errors import ApprovalExpired, NotAllowed, UserError
from engine.flows.alerts import decide, edited, referring
from engine.flows.trades import approve
from engine.parsers import read


async def fix(
    desk: Desk, approval_id: str, version: int | None, who: Who, text: str
) -> approve.Decided:
    """A person writes an unreadable alert anew; it then goes through every check, and is asked.

    Raises:
        ApprovalExpired, NotAllowed, UserError: still unreadable; nothing was done.
    """
    approval = approve.still_open(desk, approval_id, version)
    if not who.may_approve:
        raise NotAllowed("Only an approver may rewrite an alert. Nothing was done.")
    record = desk.book.alerts.get(approval.alert_id)
    profile = desk.source_of(record.channel_id) if record else None
    if record is None or profile is None:
        raise ApprovalExpired("The alert is gone. Nothing was done.")
    message = _rewritten(desk, record, text)
    parsed = read(message, profile, referring.context(desk, profile, message))
    if isinstance(parsed, NotAnAlert):
        raise UserError(f"That still reads as no alert ({parsed.why}). Nothing was done.")
    if parsed.needs_human:
        raise UserError(f"That is still unclear: {parsed.question}. Nothing was done.")
    async with desk.lock(approval.account):
        approval = approve.still_open(desk, approval_id, version)
        decided = approve.ended(
            desk, approval, ApprovalState.APPROVED, f"written anew by {who.name}", who
        )
        newer = replace(
            decide.next_version(
                desk.book.alerts[record.alert_id], decide.new_record(profile, message, parsed)
            ),
            n_judged=0,
        )
        await desk.commit(
            desk.event(
                "alert.rewritten",
                approval.alert_id,
                decided,
                newer,
                actor=f"user:{who.user_id}",
                cards=approve.cards(approval),
                before=record.text,
                after=text,
            )
        )
    await edited.redraft(desk, profile, message, desk.book.alerts[record.alert_id])
    return approve.Decided(approval=decided, said=decided.decision)


def _rewritten(desk: Desk, record: AlertRecord, text: str) -> RawAlert:
    """The alert's message with a person's words, counted as one more edit."""
    return RawAlert(
        guild_id=None,
        channel_id=record.channel_id,
        message_id=record.message_id,
        edit_no=record.edit_no + 1,
        author_id=record.author_id,
        author_name=record.author_name,
        posted_at=desk.clock.now(),
        received_at=desk.clock.now(),
        text=text,
    )
