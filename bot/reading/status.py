"""The desk at a glance: which of its parts work, and what waits."""

from datetime import datetime
from importlib.metadata import version
from typing import TYPE_CHECKING

from engine.feeds._several import Several
from engine.reports import status

if TYPE_CHECKING:
    from bot.app import App


def status_of(app: "App") -> status.StatusReport:
    """The desk at a glance."""
    desk, book = app.desk, app.desk.book
    shown = {f"broker {name}" for name in desk.brokers}  # among the parts
    shown |= {f"feed {name}" for name in _feeds(app)}
    return status.build(
        app.reading.frame(),
        halted=desk.halted,
        unsound=desk.unsound,
        is_reconciled=desk.is_reconciled,
        parts=_parts(app),
        problems={part: what for part, what in desk.health.items() if part not in shown},
        since=desk.health.since,
        trades=book.open_trades(),
        positions=list(book.positions.values()),
        accounts=list(book.accounts.values()),
        n_approvals=len(book.approvals),
        limits=app.reading.limits(),
        queues=_queues(app),
        last_alert=next(reversed(book.alerts.values()), None),
        version=version("tradestream"),
        started_at=app.started_at,
    )


def _queues(app: "App") -> dict[str, int]:
    """What waits to be shown, taken in or stored; those that hold anything."""
    book, store = app.desk.book, app.desk.store.health()
    rooms = app.desk.settings.sources.values()
    found = {
        "cards to show": sum(book.is_due(n) for n in book.notices),
        "messages to read": sum(app.bot.catch_up.n_waiting(r.channel_id) for r in rooms),
        "commits": store.n_waiting,
    }
    return {name: n for name, n in found.items() if n}


def _parts(app: "App") -> tuple[status.Part, ...]:
    """Gateway, brokers and feed, and how they are."""
    desk = app.desk
    since, gateway = desk.health.since, "" if app.link.is_up else "not connected"
    found = [_part("gateway", gateway, since.get("discord"))]
    found += [
        _part(name, desk.health.get(f"broker {name}", ""), since.get(f"broker {name}"))
        for name in desk.brokers
    ]
    if desk.feed is None:
        found.append(_part("feed", "none"))
    feeds = [f"feed {name}" for name in _feeds(app)]
    return (*found, *(_part(name, desk.health.get(name, ""), since.get(name)) for name in feeds))


def _feeds(app: "App") -> list[str]:
    """Names of the sources of quotes."""
    feed = app.desk.feed
    if isinstance(feed, Several):
        return [one.name for one in feed.feeds]
    return [] if feed is None else [feed.name]


def _part(name: str, problem: str, since: datetime | None = None) -> status.Part:
    return status.Part(
        name=name,
        condition="bad" if problem else "ok",
        text=problem,
        since=since if problem else None,
    )
