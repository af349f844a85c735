"""How the desk itself is: /health."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply
from bot.cards import brokers as brokers_card
from bot.cards import status as status_card
from bot.client import DeskBot

Press = discord.Interaction[DeskBot]


class Health(commands.Cog):
    """Parts of the desk and the providers that it calls."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    health = app_commands.Group(name="health", description="How the desk and its providers are")

    @health.command(name="summary", description="Each part: well or not, and since when")
    async def summary(self, interaction: Press) -> None:
        """The same figures as /status."""
        app = self.bot.app
        await app.gate.begin(interaction, "health summary")
        await reply.report(interaction, status_card.show(await app.reading.status(app)))

    @health.command(name="api-usage", description="Calls, what is left, refusals per provider")
    async def api_usage(self, interaction: Press) -> None:
        """As the providers' own answers say."""
        app = self.bot.app
        await app.gate.begin(interaction, "health api-usage")
        stamp = app.reading.frame().stamp("api-usage")
        await reply.report(interaction, brokers_card.usage(app.reading.apis(), stamp))


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Health(bot))
