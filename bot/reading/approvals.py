"""Approvals that are over, for their history."""

from typing import TYPE_CHECKING

from engine.domain.desk import Approval, ApprovalState
from engine.domain.order import Intent
from engine.reports import approvals

if TYPE_CHECKING:
    from bot.app import App

_OVER = tuple(s for s in ApprovalState if s is not ApprovalState.PENDING)
_MOST = 500
_SHOWN = 12


async def history(app: "App", days: int, user_id: int | None) -> approvals.ApprovalsReport:
    """Decisions of the last ``days``; of one person where one is named."""
    store = app.desk.store
    found = await store.find(
        Approval,
        where={"state": _OVER},
        since=("expires_at", app.desk.since(days=days)),
        newest_first=True,
        limit=_MOST,
    )
    if user_id is not None:
        found = [a for a in found if a.decided_by == user_id]
    newest = sorted(found, key=lambda a: a.decided_at or a.expires_at, reverse=True)[:_SHOWN]
    intents = {
        i.intent_id: i
        for a in newest
        if a.intent_id and (i := await store.get(Intent, a.intent_id)) is not None
    }
    return approvals.build(
        app.reading.frame(), approvals=found, intents=intents, days=days, limit=_SHOWN
    )
