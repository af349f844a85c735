"""The book as a whole: /risk-analysis, /correlation, /stress-test."""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply
from bot.buttons.risk import risk_view
from bot.cards import correlation as correlation_card
from bot.cards import risk as risk_card
from bot.cards import stress as stress_card
from bot.client import DeskBot
from bot.drawn import with_chart
from bot.suggest import among

Press = discord.Interaction[DeskBot]
Scenario = Literal["spy-5", "spy-10", "spy-20", "tech-10", "vix30", "rates+100", "custom"]


class Book(commands.Cog):
    """Reads reports about what is held together; changes nothing."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(
        name="risk-analysis", description="Limits, concentration, VaR, beta, open risk, heat map"
    )
    @app_commands.describe(account="Only this account")
    async def risk_analysis(self, interaction: Press, account: str | None = None) -> None:
        """With a menu for the details of one position."""
        app = self.bot.app
        await app.gate.begin(interaction, "risk-analysis")
        report = await app.risks.risk(account or None)
        theme = app.people.theme(interaction.user.id)
        embed, files = await with_chart(app, risk_card, report, theme)
        await reply.report(interaction, embed, files=files, view=risk_view(report))

    @risk_analysis.autocomplete("account")
    async def _accounts(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "risk-analysis"):
            return []
        return among(sorted(app.desk.book.accounts), current)

    @app_commands.command(description="What moves together, and what one more symbol would change")
    @app_commands.describe(days="Trading days looked at", symbol="What if this were held too?")
    async def correlation(
        self,
        interaction: Press,
        days: app_commands.Range[int, 20, 250] = 60,
        symbol: str = "",
    ) -> None:
        """Every pair of what is held."""
        app = self.bot.app
        await app.gate.begin(interaction, "correlation")
        report = await app.risks.correlation(days, symbol)
        theme = app.people.theme(interaction.user.id)
        embed, files = await with_chart(app, correlation_card, report, theme)
        await reply.report(interaction, embed, files=files)

    @correlation.autocomplete("symbol")
    async def _symbols(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        return app.suggest.choices(current) if app.gate.allows(interaction, "correlation") else []

    @app_commands.command(
        name="stress-test", description="What would happen to the book if the world moved"
    )
    @app_commands.describe(scenario="What happens", move="For custom: SPY in percent, such as -3.5")
    async def stress_test(
        self,
        interaction: Press,
        scenario: Scenario,
        move: app_commands.Range[float, -99.0, 100.0] | None = None,
    ) -> None:
        """P&L by position, stops passed, what is left, an idea."""
        app = self.bot.app
        await app.gate.begin(interaction, "stress-test")
        report = await app.risks.stress(scenario, move)
        theme = app.people.theme(interaction.user.id)
        embed, files = await with_chart(app, stress_card, report, theme)
        await reply.report(interaction, embed, files=files)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Book(bot))
