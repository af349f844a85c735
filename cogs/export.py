"""Take the books along: /export as CSV or JSON."""

import io
from datetime import UTC, date, datetime, time, timedelta
from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply, text
from bot.client import DeskBot
from bot.export import as_file
from engine.domain.errors import UserError
from engine.market import NEW_YORK

Press = discord.Interaction[DeskBot]
What = Literal["trades", "orders", "alerts", "positions", "ledger", "audit"]


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
        app.gate.require(interaction, "audit show" if what == "audit" else "export")
        await reply.think(interaction, private=True)
        first, last = _day("since", since), _day("until", until)
        end = None if last is None else _begins(last + timedelta(days=1))
        begin = None if first is None else _begins(first)
        if begin is not None and end is not None and begin >= end:
            raise UserError("until: is before since. Nothing was exported.")
        rows = await app.reading.records(what, begin, end)
        if not rows:
            raise UserError(f"There are no {what} in that time. Nothing was exported.")
        try:
            made = as_file(what, rows, kind)
        except ValueError as error:
            raise UserError(f"{error}: choose a shorter time. Nothing was sent.") from None
        file = discord.File(io.BytesIO(made.data), made.name)
        await interaction.edit_original_response(
            content=f"**{made.n_rows:,} {what}** · SHA-256 `{made.sha256}`", attachments=[file]
        )


def _day(name: str, typed: str) -> date | None:
    if not typed.strip():
        return None
    try:
        return date.fromisoformat(typed.strip())
    except ValueError:
        shown = text.safe_line(typed, 20)
        raise UserError(
            f"{name}: “{shown}” is not a day. Write it like 2026-11-01. Nothing was exported."
        ) from None


def _begins(on: date) -> datetime:
    return datetime.combine(on, time(), NEW_YORK).astimezone(UTC)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Export(bot))
