"""Records for the live panel: from memory alone, but for the day's P&L."""

from collections.abc import Sequence
from itertools import islice
from typing import TYPE_CHECKING

from engine.flows import listening
from engine.reports import alerts, panel, trades
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
        status=await reading.status(app),
        limits=reading.limits(),
        rooms=rooms(app),
        stopped=off.words if off is not None else "",
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


def rooms(app: "App") -> list[panel.Room]:
    """Every alert room and whether it is heard."""
    desk = app.desk
    newest = {}
    for intake in desk.book.intake.values():
        newest[intake.channel_id] = intake.message.received_at
    found = []
    for profile in desk.settings.sources.values():
        off = listening.stopped(desk, profile.channel_id)
        found.append(
            panel.Room(
                name=profile.name,
                channel_id=profile.channel_id,
                handling=profile.handling.value,
                stopped=off.words if off is not None else "",
                last_at=newest.get(profile.channel_id),
                problem=desk.health.get(f"room {profile.channel_id}", ""),
            )
        )
    return found
