"""What of the desk is used: /usage."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply
from bot.cards import usage as usage_card
from bot.client import DeskBot
from engine.reports import usage
from engine.reports.usage import By

Press = discord.Interaction[DeskBot]


class UsageCog(commands.Cog, name="Usage"):
    """For admins in their private channel."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(description="Which commands are used, how often they work, how fast")
    @app_commands.describe(days="How many days back", by="In groups of")
    async def usage(
        self, interaction: Press, days: app_commands.Range[int, 1, 90] = 7, by: By = "command"
    ) -> None:
        """Counted by the desk itself, nothing leaves it."""
        app = self.bot.app
        await app.gate.begin(interaction, "usage")
        known = [
            c.qualified_name
            for c in self.bot.tree.walk_commands()
            if isinstance(c, app_commands.Command)
        ]
        report = usage.build(
            app.reading.frame(),
            days=days,
            by=by,
            tallies=await app.usage.of_days(days),
            known=known,
        )
        await reply.report(interaction, usage_card.show(report))


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(UsageCog(bot))
