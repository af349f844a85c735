"""What Discord shows under the bot's name: ``PAPER · +1.2 % · 3 pos``, and a colour."""

import logging
from typing import TYPE_CHECKING

import discord

from bot.reading.status import status_of
from bot.reply import UNWELL
from engine.flows.alerts import listening
from engine.reports import Missing, panel
from engine.reports.status import StatusReport

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

EVERY_S = 20.0
"""Discord takes five changes in 20 s; people need fewer."""


class Presence:
    """Tells Discord whenever the words or the colour have changed."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._shown: tuple[str, discord.Status] | None = None

    def forget(self) -> None:
        """A new session knows nothing of what the last one was told."""
        self._shown = None

    async def tell(self) -> None:
        """Once in :data:`EVERY_S`; nothing is sent while nothing has changed."""
        app = self._app
        if not app.link.is_up:
            return
        report = status_of(app)
        wanted = words(report), colour(report, is_heard=listening.stopped(app.desk) is None)
        if wanted == self._shown:
            return
        said, status = wanted
        try:
            await app.bot.change_presence(activity=discord.CustomActivity(said), status=status)
        except UNWELL as error:
            log.info("the presence could not be changed: %s", error)
        else:
            self._shown = wanted


def words(report: StatusReport) -> str:
    """Mode, change of the day and open positions; at most 128 characters."""
    change = panel.day_pct(report)
    parts = [report.stamp.mode.upper()]
    if report.halted:
        parts.append("HALTED")
    if not isinstance(change, Missing):
        shown = f"{change:+.1f}"
        parts.append(f"{shown.replace('-0.0', '0.0').replace('+0.0', '0.0')} %")
    return " · ".join([*parts, f"{report.n_open} pos"])


def colour(report: StatusReport, *, is_heard: bool) -> discord.Status:
    """Red: no entries; amber: somebody should look, or alerts are not acted on; green: well."""
    if report.halted or not report.may_trade:
        return discord.Status.dnd
    return discord.Status.online if report.is_well and is_heard else discord.Status.idle
