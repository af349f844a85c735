"""Searching the journal backwards, a part at a time, so that a long one holds nobody up."""

from typing import TYPE_CHECKING

from engine.domain.record import Record
from engine.reports import audit
from engine.store import Journaled

if TYPE_CHECKING:
    from bot.app import App

_PART = 2_000
_MOST_LOOKED_AT = 100_000
_MOST_FOUND = 100


async def search(app: "App", wanted: audit.Wanted) -> audit.AuditReport:
    """Newest first, until enough are found, the time asked for is over, or 100,000 were seen."""
    store = app.desk.store
    found: list[Journaled] = []
    n_seen, back_to = 0, None
    upper = store.health().last_seq
    while upper > 0 and n_seen < _MOST_LOOKED_AT and len(found) < _MOST_FOUND:
        lower = max(upper - _PART, 0)
        part = await store.events(after=lower, limit=upper - lower)
        n_seen += len(part)
        found += [j for j in reversed(part) if wanted.fits(j.event)]
        if part:
            back_to = part[0].event.at
            if wanted.since is not None and back_to < wanted.since:
                break
        upper = lower
    return audit.build(
        app.reading.frame(), found=found[:_MOST_FOUND], n_looked_at=n_seen, back_to=back_to
    )


async def row(app: "App", seq: int) -> audit.AuditRow | None:
    """One row, with the records as they were before it; None when there is no such row."""
    store = app.desk.store
    found = await store.events(after=seq - 1, limit=1)
    if not found or found[0].seq != seq:
        return None
    (journaled,) = found
    keys = {(put.TABLE, put.key) for put in journaled.event.puts}
    before: dict[tuple[str, str], Record] = {}
    # Versions of a record are written by its own story almost always.
    for earlier in await store.events(ref=journaled.event.ref):
        if earlier.seq >= seq:
            break
        for put in earlier.event.puts:
            if (put.TABLE, put.key) in keys:
                before[put.TABLE, put.key] = put
    return audit.one(app.reading.frame(), journaled, before)
