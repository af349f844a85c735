"""Who wrote the alerts that trades came from, by name."""

from collections.abc import Iterable

from engine.desk import Desk
from engine.domain.desk import AlertRecord
from engine.domain.trade import Trade


async def author_names(desk: Desk, trades: Iterable[Trade]) -> dict[int, str]:
    """Discord id -> the name under which that author wrote last; those that are known."""
    wanted = {t.author_id for t in trades if t.author_id is not None}
    found: dict[int, str] = {}
    for alert in reversed(desk.book.alerts.values()):
        if alert.author_id in wanted and alert.author_name:
            found.setdefault(alert.author_id, alert.author_name)
    for author_id in wanted - found.keys():
        newest = await desk.store.find(
            AlertRecord, where={"author_id": author_id}, newest_first=True, limit=1
        )
        if newest and newest[0].author_name:
            found[author_id] = newest[0].author_name
    return found
