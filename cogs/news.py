"""What is written: /news."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply
from bot.buttons import chart as chart_buttons
from bot.cards import news as news_card
from bot.client import DeskBot
from bot.reading.news import NewsReading

Press = discord.Interaction[DeskBot]


class News(commands.Cog):
    """Headlines; they change nothing."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(description="Headlines of a symbol, or of what is held or watched")
    @app_commands.describe(
        symbol="SPY, BRK.B, BTC/USD; an option by its underlying",
        hours="How far back",
        limit="How many",
        private="Only you see the answer",
    )
    async def news(
        self,
        interaction: Press,
        symbol: app_commands.Range[str, 0, 40] = "",
        hours: app_commands.Range[int, 1, 168] = 24,
        limit: app_commands.Range[int, 1, 15] = 8,
        private: bool = False,
    ) -> None:
        """What is held is named where figures may be seen."""
        app = self.bot.app
        app.gate.require(interaction, "news")
        # A button's answer is for the one who pressed it.
        private = private or interaction.type is not discord.InteractionType.application_command
        await reply.think(interaction, private=private)
        may_see = chart_buttons.sees_positions(app, interaction, is_private=private)
        report = await NewsReading(app).report(symbol, hours, limit, shows_book=may_see)
        await reply.report(interaction, news_card.show(report))

    @news.autocomplete("symbol")
    async def _symbols(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "news"):
            return []
        return app.suggest.choices(current)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(News(bot))
