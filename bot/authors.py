"""Who wrote the alerts that trades came from, by name."""

from collections.abc import Iterable

from engine.desk import Desk
from engine.domain.desk import AlertRecord
from engine.domain.trade import Trade


async def author_names(desk: Desk, trades: Iterable[Trade]) -> dict[int, str]:
    """Discord id -> the name under which that author wrote last; those that are known."""
    wanted = {t.author_id for t in trades if t.author_id is not None}
    known = {a.author_id: a.author_name for a in desk.book.alerts.values()}
    heard = (i.message for i in desk.book.intake.values())
    known |= {m.author_id: m.author_name for m in heard if m.author_id is not None}
    found = {who: name for who, name in known.items() if who in wanted and name}
    for author_id in wanted - found.keys():
        newest = await desk.store.find(
            AlertRecord, where={"author_id": author_id}, newest_first=True, limit=1
        )
        if newest and newest[0].author_name:
            found[author_id] = newest[0].author_name
    return found
