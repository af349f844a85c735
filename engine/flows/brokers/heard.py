"""Up to when a broker was heard, durable: a life may end without having reached its broker.

What happened since is read from there. The journal cannot tell: the desk writes into it alone too.
"""

import logging
from datetime import datetime, timedelta

from engine.desk import Desk
from engine.domain.desk import Fact
from engine.domain.errors import Conflict, StoreUnavailable

log = logging.getLogger(__name__)

_MARKED_EVERY = timedelta(hours=12)
"""A full comparison reads a day all the same: a younger mark would spare nothing."""


def begun(desk: Desk, account: str) -> Fact:
    """The mark of books that begin now."""
    return desk.fact(_name(account), desk.clock.now().isoformat())


def until(desk: Desk, account: str) -> datetime | None:
    """By earlier lives; None in books of before there was a mark."""
    fact = desk.book.facts.get(_name(account))
    return datetime.fromisoformat(fact.value) if fact is not None else None


async def note(desk: Desk, account: str, at: datetime) -> None:
    """All that happened there until then is in the books, or told."""
    desk.heard_until[account] = at
    known = until(desk, account)
    if known is not None and abs(at - known) < _MARKED_EVERY:
        return
    mark = desk.fact(_name(account), at.isoformat())
    try:
        await desk.commit(desk.event("account.heard", f"account-{account}", mark))
    except (Conflict, StoreUnavailable):
        log.exception("how far %s was heard was not stored: more is read next time", account)


def _name(account: str) -> str:
    return f"heard:{account}"
