"""Records for the live panel and the monitor: from memory alone, but for the day's P&L."""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from bot.reading.status import status_of
from engine.domain.desk import Intake
from engine.flows.alerts import listening
from engine.flows.limits import curbs
from engine.reports import alerts, monitor, panel, trades
from engine.reports.pnl import PnlReport

if TYPE_CHECKING:
    from bot.app import App

_ROWS = 5


async def gather(
    app: "App", sections: Sequence[panel.Section], pnl: PnlReport | None
) -> panel.PanelReport:
    """The panel's report of this moment."""
    desk, reading = app.desk, app.reading
    book, frame = desk.book, reading.frame()
    off = listening.stopped(desk)
    closed = list(islice(reversed(book.closed.values()), _ROWS))
    return panel.build(
        frame,
        sections=sections,
        status=status_of(app),
        limits=reading.limits(),
        rooms=rooms(app),
        stopped=off.words if off is not None else "",
        paused=paused(app),
        positions=reading.positions() if "positions" in sections else None,
        trades=trades.build(
            frame,
            trades=[*book.open_trades(), *closed],
            positions=list(book.positions.values()),
            limit=_ROWS,
        )
        if "trades" in sections
        else None,
        alerts=alerts.build(
            frame,
            alerts=islice(reversed(book.alerts.values()), _ROWS),
            trades={**book.trades, **book.closed},
        )
        if "alerts" in sections
        else None,
        intake=islice(reversed(book.intake.values()), _ROWS) if "messages" in sections else (),
        pnl=pnl,
    )


def paused(app: "App") -> str:
    """Why all entries are frozen; empty while they are not."""
    found = next((f for f in curbs.freezes(app.desk) if f.scope == "all"), None)
    return "" if found is None else f"by {found.by}: {found.reason or 'no reason given'}"


def rooms(app: "App") -> list[monitor.Room]:
    """Every alert room and whether it is heard."""
    desk = app.desk
    heard: dict[int, list[Intake]] = {}
    for intake in desk.book.intake.values():
        heard.setdefault(intake.channel_id, []).append(intake)
    found = []
    for profile in desk.settings.sources.values():
        off = listening.stopped(desk, profile.channel_id)
        found.append(
            monitor.room(
                profile,
                heard.get(profile.channel_id, ()),
                stopped=off.words if off is not None else "",
                problem=desk.health.get(f"room {profile.channel_id}", ""),
                n_waiting=app.bot.catch_up.n_waiting(profile.channel_id),
            )
        )
    return found


def heard(app: "App") -> monitor.MonitorReport:
    """For /monitor status."""
    off = listening.stopped(app.desk)
    return monitor.build(
        app.reading.frame(),
        rooms=rooms(app),
        is_connected=app.link.is_up,
        stopped=off.words if off is not None else "",
        stopped_at=off.at if off is not None else None,
    )
