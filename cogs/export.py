"""Take the books along: /export as CSV or JSON."""

import io
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import export, reply
from bot.client import DeskBot
from bot.export import Row, as_file
from bot.numbers import day
from engine.domain.errors import UserError
from engine.market import NEW_YORK
from engine.reports.journal import Wanted

Press = discord.Interaction[DeskBot]
What = Literal[
    "trades",
    "orders",
    "alerts",
    "positions",
    "ledger",
    "journal",
    "performance",
    "audit",
    "config",
]
_MOST = 5_000
"""Entries of the journal in one file."""
_NOT = "Nothing was exported."
_NONE = {"positions": "Nothing is open"}
_ADMIN = {"audit": "audit show", "config": "settings export"}
"""What only admins may take along, and the right that says so."""


class Export(commands.Cog):
    """Files with exact figures, their number of rows and their checksum."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(description="Trades, orders, alerts, bookings as a CSV or JSON file")
    @app_commands.describe(
        what="Which records",
        kind="CSV for spreadsheets, JSON for programs",
        since="First day, like 2026-11-01 (New York)",
        until="Last day",
    )
    @app_commands.rename(kind="format")
    async def export(
        self,
        interaction: Press,
        what: What,
        kind: Literal["csv", "json"] = "csv",
        since: str = "",
        until: str = "",
    ) -> None:
        """For the asker alone."""
        app = self.bot.app
        app.gate.require(interaction, _ADMIN.get(what, "export"))
        await reply.think(interaction, private=True)
        first, last = day("since", since, _NOT), day("until", until, _NOT)
        end = None if last is None else _begins(last + timedelta(days=1))
        begin = None if first is None else _begins(first)
        if begin is not None and end is not None and begin >= end:
            raise UserError("until: is before since. Nothing was exported.")
        rows = await self._rows(what, begin, end)
        if not rows:
            raise UserError(f"{_NONE.get(what, f'There are no {what} in that time')}. {_NOT}")
        try:
            made = as_file(what, rows, kind)
        except ValueError as error:
            raise UserError(f"{error}: choose a shorter time. Nothing was sent.") from None
        file = discord.File(io.BytesIO(made.data), made.name)
        await interaction.edit_original_response(
            content=reply.badged(app, f"**{made.n_rows:,} {what}** · SHA-256 `{made.sha256}`"),
            attachments=[file],
        )

    async def _rows(
        self, what: What, begin: datetime | None, end: datetime | None
    ) -> Sequence[Row]:
        app = self.bot.app
        if what == "config":
            return export.config_rows(app.settings.values(), app.settings.source)
        if what == "positions" and (begin is not None or end is not None):
            raise UserError("positions are those of now. Nothing was exported.")
        if what == "performance":
            if begin is not None or end is not None:
                raise UserError("performance is of all time here. Nothing was exported.")
            return export.performance_rows(await app.reading.performance("all"))
        if what == "journal":
            report = await app.chronicle.journal(Wanted(), per_page=_MOST)
            return export.journal_rows(
                e
                for e in report.rows
                if (begin is None or e.at >= begin) and (end is None or e.at < end)
            )
        return await app.reading.records(what, begin, end)


def _begins(on: date) -> datetime:
    return datetime.combine(on, time(), NEW_YORK).astimezone(UTC)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Export(bot))
