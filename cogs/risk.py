"""Limits and the breaker: /risk-limits, /circuit-breaker."""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import dialogs, reply
from bot.cards import limits as limits_card
from bot.client import DeskBot
from engine.flows.acts import breaker

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
    @app_commands.describe(action="reset and test are for admins", reason="For a reset: why")
    async def circuit_breaker(
        self,
        interaction: Press,
        action: Literal["status", "reset", "test"] = "status",
        reason: app_commands.Range[str, 0, 200] = "",
    ) -> None:
        """The daily loss and the drawdown alone; a reset asks for a typed word."""
        app = self.bot.app
        if action == "reset":
            await dialogs.show(app, interaction, "breaker", "", typed={"reason": reason})
            return
        if action == "test":
            who = await app.gate.begin(interaction, "circuit-breaker test")
            drilled = await breaker.drill(app.desk, who)
            await reply.report(interaction, limits_card.drill(app.reading.limits(), drilled))
            return
        await app.gate.begin(interaction, "circuit-breaker")
        report = limits_card.breaker(app.reading.limits())
        past = await breaker.history(app.desk)
        await reply.report(interaction, limits_card.show(report, limits_card.told(past)))


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Risk(bot))
