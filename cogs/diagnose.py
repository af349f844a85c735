"""/diagnose: everything that can be wrong, looked at, with how to mend it."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply
from bot.cards import monitor as card
from bot.client import DeskBot
from bot.doctor import PARTS
from bot.doctor.within import examined

Press = discord.Interaction[DeskBot]


class Diagnose(commands.Cog):
    """The same looks as ``tradestream doctor`` takes."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(description="Look at everything that can be wrong, and how to mend it")
    @app_commands.describe(deep="Also try every broker: login, prices, a preview")
    async def diagnose(self, interaction: Press, deep: bool = False) -> None:
        """Configuration, Discord, channels, machine, books, quotes; brokers when asked."""
        app = self.bot.app
        await app.gate.begin(interaction, "diagnose")
        parts = tuple(p for p in PARTS if deep or p != "brokers")
        found = await examined(app, parts)
        stamp = app.reading.frame().stamp("diagnose")
        await reply.report(interaction, card.findings("The desk", found, stamp))


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Diagnose(bot))
