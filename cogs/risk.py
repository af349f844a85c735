"""Limits and the breaker: /risk-limits, /circuit-breaker."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply
from bot.cards import limits as limits_card
from bot.client import DeskBot

Press = discord.Interaction[DeskBot]


class Risk(commands.Cog):
    """How near the desk is to its limits."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(name="risk-limits", description="How much of every limit is used")
    async def risk_limits(self, interaction: Press) -> None:
        """One bar per limit and account."""
        app = self.bot.app
        await app.gate.begin(interaction, "risk-limits")
        await reply.report(interaction, limits_card.show(app.reading.limits()))

    @app_commands.command(
        name="circuit-breaker", description="Whether entries are off, and how far it is to that"
    )
    async def circuit_breaker(self, interaction: Press) -> None:
        """The daily loss and the drawdown alone; an admin resumes with /resume-trading."""
        app = self.bot.app
        await app.gate.begin(interaction, "circuit-breaker")
        report = limits_card.breaker(app.reading.limits())
        await reply.report(interaction, limits_card.show(report))


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Risk(bot))
