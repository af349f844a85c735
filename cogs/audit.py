"""Who did what: /audit search, /audit show; and the log's last lines: /logs."""

import io
from datetime import datetime, timedelta
from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import journal, log, reply
from bot.cards import audit as audit_card
from bot.client import DeskBot
from engine.domain.errors import UserError
from engine.reports import audit

Press = discord.Interaction[DeskBot]
Level = Literal["DEBUG", "INFO", "WARNING", "ERROR"]

_INLINE = 1_800
"""Characters of log lines shown as text; more come as a file."""


class Audit(commands.Cog):
    """For admins in their private channel."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    audit = app_commands.Group(name="audit", description="The journal: who did what, and when")

    @audit.command(name="search", description="Rows of the journal, newest first")
    @app_commands.describe(
        user="Who did it",
        action="Part of what was done, such as order, mode, access.denied",
        entity="Part of an id: alert, order, trade",
        hours="How far back",
    )
    async def search(
        self,
        interaction: Press,
        user: discord.User | None = None,
        action: str = "",
        entity: str = "",
        hours: app_commands.Range[int, 1, 8760] | None = None,
    ) -> None:
        """Filters may be combined."""
        app = self.bot.app
        await app.gate.begin(interaction, "audit search")
        now = app.clock.now()
        wanted = audit.Wanted(
            user_id=None if user is None else user.id,
            action=action.strip(),
            entity=entity.strip(),
            since=None if hours is None else now - timedelta(hours=hours),
        )
        await reply.report(interaction, audit_card.show(await journal.search(app, wanted)))

    @audit.command(name="show", description="One row of the journal with all that it changed")
    @app_commands.describe(number="Its number, as in /audit search and /trace")
    async def show(self, interaction: Press, number: app_commands.Range[int, 1]) -> None:
        """Before and after, field by field."""
        app = self.bot.app
        await app.gate.begin(interaction, "audit show")
        found = await journal.row(app, number)
        if found is None:
            raise UserError(f"The journal has no row {number}. Nothing was shown.")
        await reply.report(interaction, audit_card.one(found))

    @app_commands.command(description="The last lines of this process's log, without secrets")
    @app_commands.describe(
        level="The least that is shown",
        component="Part of the logger's name, such as engine.brokers",
        minutes="How far back",
        correlation="Only this story: the id at the foot of a card",
    )
    async def logs(
        self,
        interaction: Press,
        level: Level = "INFO",
        component: str = "",
        minutes: app_commands.Range[int, 1, 1440] = 60,
        correlation: str = "",
    ) -> None:
        """As text when short, as a file when long."""
        app = self.bot.app
        await app.gate.begin(interaction, "logs")
        lines = log.recent(
            at_least=level,
            component=component.strip(),
            since=_ago(app.clock.now(), minutes),
            story=correlation.strip(),
        )
        if not lines:
            raise UserError("The log has no such line in that time. Nothing was shown.")
        whole = "\n".join(lines)
        shown = reply.badged(app, f"**{len(lines):,} lines**, the last {minutes} min")
        if len(whole) <= _INLINE and "```" not in whole:
            await interaction.edit_original_response(content=f"{shown}\n```json\n{whole}\n```")
            return
        file = discord.File(io.BytesIO(whole.encode()), "tradestream.log")
        await interaction.edit_original_response(content=shown, attachments=[file])


def _ago(now: datetime, minutes: int) -> datetime:
    return now - timedelta(minutes=minutes)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Audit(bot))
