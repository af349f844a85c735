"""The market: /market-summary, /sector-analysis, /analyze."""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply
from bot.buttons import chart as chart_buttons
from bot.cards import chart as chart_card
from bot.cards import market as market_card
from bot.client import DeskBot
from bot.drawn import drawn
from bot.lasting import below
from bot.panel.buttons import RunButton
from bot.reading.market import MarketReading, by_its_underlying
from engine.domain.errors import UserError
from engine.reports.sectors import Period
from engine.symbols import symbols_in

Press = discord.Interaction[DeskBot]
ThemeName = Literal["dark", "light"]
_MOST = 3


class Market(commands.Cog):
    """What moves out there; changes nothing."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(
        name="market-summary", description="Indexes, sectors, VIX, movers, the kind of market"
    )
    @app_commands.describe(private="Only you see the answer", theme="Colours of the chart")
    async def market_summary(
        self, interaction: Press, private: bool = False, theme: ThemeName | None = None
    ) -> None:
        """What the day does to the book is shown where figures may be seen."""
        app = self.bot.app
        app.gate.require(interaction, "market-summary")
        await reply.think(interaction, private=private)
        market = MarketReading(app)
        report = await market.summary(
            shows_book=chart_buttons.sees_positions(app, interaction, is_private=private)
        )
        funds = [i.instrument for i in report.indexes]
        indexes = await market.compare(funds, market.view(funds, "1m", "1d"))
        files = await drawn(
            app,
            "compare",
            indexes,
            app.people.theme(interaction.user.id, theme),
            chart_card.PICTURE,
            market_card.summary_alt(report),
        )
        picture = chart_card.PICTURE if files else ""
        further = {
            "sector-analysis": "Sectors",
            "watchlist view": "Watchlist",
            "risk-analysis": "Risk",
        }
        view = below(RunButton(name, label) for name, label in further.items())
        embed = market_card.summary(report, picture=picture)
        await reply.report(interaction, embed, view=view, files=files)

    @app_commands.command(
        name="sector-analysis", description="The eleven sectors against SPY, and what we have there"
    )
    @app_commands.describe(
        period="Over which time", private="Only you see the answer", theme="Colours of the chart"
    )
    async def sector_analysis(
        self,
        interaction: Press,
        period: Period = "1d",
        private: bool = False,
        theme: ThemeName | None = None,
    ) -> None:
        """Exposure is shown where figures may be seen."""
        app = self.bot.app
        app.gate.require(interaction, "sector-analysis")
        await reply.think(interaction, private=private)
        report = await MarketReading(app).sectors(
            period,
            shows_book=chart_buttons.sees_positions(app, interaction, is_private=private),
        )
        files = await drawn(
            app,
            "sectors",
            report,
            app.people.theme(interaction.user.id, theme),
            market_card.SECTORS,
            market_card.sectors_alt(report),
        )
        embed = market_card.sectors(report, has_picture=bool(files))
        await reply.report(interaction, embed, files=files)

    @app_commands.command(description="Levels, momentum, risk and both set-ups of up to 3 symbols")
    @app_commands.describe(
        symbols="One to three, with commas: SPY, /MES, BTC/USD",
        depth="How much of it",
        theme="Colours of the chart",
    )
    async def analyze(
        self,
        interaction: Press,
        symbols: app_commands.Range[str, 1, 60],
        depth: Literal["quick", "full"] = "quick",
        theme: ThemeName | None = None,
    ) -> None:
        """From daily candles and the newest quote; nothing is proposed by it."""
        app = self.bot.app
        await app.gate.begin(interaction, "analyze")
        market = MarketReading(app)
        wanted = [market.named(name) for name in symbols_in(symbols, _MOST)]
        for option in (i for i in wanted if i.kind == "option"):
            raise UserError(by_its_underlying(option))
        report = await market.analysis(wanted, depth)
        colours = app.people.theme(interaction.user.id, theme)
        if len(wanted) == 1:
            candles = await market.candles(
                wanted[0], market.view(wanted, "6m"), indicators=("ema21", "sma50", "volume", "rsi")
            )
            files = (
                ()
                if candles.missing
                else await drawn(
                    app,
                    "candles",
                    candles,
                    colours,
                    chart_card.PICTURE,
                    chart_card.candles_alt(candles),
                )
            )
        else:
            compared = await market.compare(wanted, market.view(wanted, "6m"))
            files = await drawn(
                app,
                "compare",
                compared,
                colours,
                chart_card.PICTURE,
                chart_card.compare_alt(compared),
            )
        picture = chart_card.PICTURE if files else ""
        embed = market_card.analysis(report, picture=picture)
        await reply.report(interaction, embed, files=files)

    @analyze.autocomplete("symbols")
    async def _symbols(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "analyze"):
            return []
        return app.suggest.several(current, _MOST)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Market(bot))
