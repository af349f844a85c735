"""How good the market data is: /data."""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply, text
from bot.cards import data as data_card
from bot.client import DeskBot
from bot.drawn import drawn
from bot.suggest import among
from engine.domain.errors import UserError
from engine.reports.data import Period

Press = discord.Interaction[DeskBot]


class Data(commands.Cog):
    """Grades, sources, and quotes asked for anew."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    data = app_commands.Group(name="data", description="How good the market data is, A to F")

    @data.command(name="quality", description="Grades A to F per symbol; D and F open nothing new")
    @app_commands.describe(
        symbol="Only this one, with what its grade is made of",
        period="How far back",
        source="Only what this source quotes",
        theme="Colours of the chart",
    )
    async def quality(
        self,
        interaction: Press,
        symbol: str = "",
        period: Period = "1d",
        source: str = "",
        theme: Literal["dark", "light"] | None = None,
    ) -> None:
        """Worst first; one symbol with its period as a picture."""
        app = self.bot.app
        await app.gate.begin(interaction, "data quality")
        if not symbol:
            found = app.outside.data(period=period, source=source)
            await reply.report(interaction, data_card.show(found))
            return
        report = app.outside.data(symbol, period=period, source=source)
        files: tuple[discord.File, ...] = ()
        if len(report.rows[0].trend) > 1:
            colours = app.people.theme(interaction.user.id, theme)
            alt = data_card.alt(report)
            files = await drawn(app, "quality", report, colours, data_card.PICTURE, alt)
        embed = data_card.one(report, has_picture=bool(files))
        await reply.report(interaction, embed, files=files)

    @quality.autocomplete("symbol")
    async def _symbols(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "data quality"):
            return []
        return among(sorted({q.instrument.label for q in app.board.all().values()}), current)

    @quality.autocomplete("source")
    async def _sources(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "data quality"):
            return []
        return among(sorted(app.quality.sources()), current)

    @data.command(name="sources", description="Who delivers quotes, and who does not")
    async def sources(self, interaction: Press) -> None:
        """Uptime of the last day."""
        app = self.bot.app
        await app.gate.begin(interaction, "data sources")
        await reply.report(interaction, data_card.sources(app.outside.data()))

    @data.command(name="refresh", description="Ask the sources anew for everything watched")
    async def refresh(self, interaction: Press) -> None:
        """One question per symbol; what has no quote is named."""
        app = self.bot.app
        await app.gate.begin(interaction, "data refresh")
        found, missing = await app.outside.refresh()
        if not found and not missing:
            raise UserError("Nothing is quoted yet. Nothing was asked.")
        said = f"🔄 {text.count(found, 'new quote')}." if found else "No source had a quote."
        if missing:
            said += f" Without one: {', '.join(missing[:10])}"
            said += f" and {len(missing) - 10} more." if len(missing) > 10 else "."
        await reply.say(interaction, said)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Data(bot))
