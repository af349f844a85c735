"""Pictures: /chart."""

from typing import Any, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply
from bot.buttons import chart as buttons
from bot.cards import chart as chart_card
from bot.cards import risk as risk_card
from bot.client import DeskBot
from bot.drawn import drawn, with_chart
from bot.reading.market import MarketReading
from engine.domain.candle import Timeframe
from engine.domain.errors import UserError
from engine.domain.instrument import Instrument
from engine.reports import unit_label
from engine.reports.chart import INDICATORS, Range
from engine.reports.pnl import Period
from engine.symbols import symbols_in

Press = discord.Interaction[DeskBot]
Overlays = Literal["both", "trades", "levels", "none"]
ThemeName = Literal["dark", "light"]

_USUAL = "ema21, bollinger, volume, rsi"
_MOST = 4
_ROOM = 48


class Charts(commands.Cog):
    """Draws reports; changes nothing."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    chart = app_commands.Group(name="chart", description="Prices, the desk's own figures, pay-offs")

    @chart.command(name="candles", description="Candles of a symbol with indicators and our trades")
    @app_commands.describe(
        symbol="SPY, BTC/USD, /MES or SPY 603C 11/20",
        timeframe="Length of one candle; left out: what fits the range",
        range="How much of the past",
        indicators="With commas: sma20, sma50, ema9, ema21, bollinger, vwap, volume, rsi, macd",
        overlays="Our entries and exits, stops and targets (in the desk's rooms)",
        theme="Colours of the chart",
    )
    async def candles(
        self,
        interaction: Press,
        symbol: str,
        timeframe: Timeframe | None = None,
        range: Range = "5d",  # noqa: A002
        indicators: str = _USUAL,
        overlays: Overlays = "both",
        theme: ThemeName | None = None,
    ) -> None:
        """With buttons for other windows."""
        app = self.bot.app
        await app.gate.begin(interaction, "chart candles")
        over: list[str] = ["trades", "levels"] if overlays == "both" else [overlays]
        wish = buttons.Wish(
            kind="candles",
            what=_key(MarketReading(app).named(symbol)),
            range=range,
            timeframe=timeframe,
            marks=buttons.letters(_indicators(indicators), over),
            theme=app.people.theme(interaction.user.id, theme),
        )
        await self._show(interaction, wish)

    @chart.command(name="compare", description="Up to four symbols on one scale, each from 100 on")
    @app_commands.describe(
        symbols="Two to four, with commas: SPY, QQQ, IWM",
        range="How much of the past",
        theme="Colours of the chart",
    )
    async def compare(
        self,
        interaction: Press,
        symbols: str,
        range: Range = "3m",  # noqa: A002
        theme: ThemeName | None = None,
    ) -> None:
        """Only moments that all of them have."""
        app = self.bot.app
        await app.gate.begin(interaction, "chart compare")
        market = MarketReading(app)
        keys = list(dict.fromkeys(_key(market.named(s)) for s in symbols_in(symbols, _MOST)))
        what = ",".join(keys)
        if len(keys) < 2 or len(what) > _ROOM:
            raise UserError("Name two to four symbols, such as SPY, QQQ. Nothing was drawn.")
        wish = buttons.Wish(
            kind="compare",
            what=what,
            range=range,
            theme=app.people.theme(interaction.user.id, theme),
        )
        await self._show(interaction, wish)

    @chart.command(name="pnl", description="P&L of a period: the curve and each trade")
    @app_commands.describe(period="Which days", theme="Colours of the chart")
    async def pnl(
        self, interaction: Press, period: Period = "today", theme: ThemeName | None = None
    ) -> None:
        """As /profit-loss, with buttons for other periods."""
        app = self.bot.app
        await app.gate.begin(interaction, "chart pnl")
        wish = buttons.Wish(
            kind="pnl", range=period, theme=app.people.theme(interaction.user.id, theme)
        )
        await self._show(interaction, wish)

    @chart.command(name="equity", description="Realised P&L by day, and how far below its peak")
    @app_commands.describe(period="Which days", theme="Colours of the chart")
    async def equity(
        self, interaction: Press, period: Period = "month", theme: ThemeName | None = None
    ) -> None:
        """As /performance, with buttons for other periods."""
        app = self.bot.app
        await app.gate.begin(interaction, "chart equity")
        wish = buttons.Wish(
            kind="equity", range=period, theme=app.people.theme(interaction.user.id, theme)
        )
        await self._show(interaction, wish)

    @chart.command(
        name="payoff", description="What an open option position pays, at expiry and now"
    )
    @app_commands.describe(id="The open position", theme="Colours of the chart")
    async def payoff(
        self,
        interaction: Press,
        id: str,  # noqa: A002
        theme: ThemeName | None = None,
    ) -> None:
        """Options of one expiry."""
        app = self.bot.app
        await app.gate.begin(interaction, "chart payoff")
        report = await MarketReading(app).payoff(id.strip())
        files = await drawn(
            app,
            "payoff",
            report,
            app.people.theme(interaction.user.id, theme),
            chart_card.PICTURE,
            chart_card.payoff_alt(report),
        )
        embed = chart_card.payoff(report, has_picture=bool(files))
        await reply.report(interaction, embed, files=files)

    @chart.command(
        name="heatmap", description="Where the risk is: each position against each measure"
    )
    @app_commands.describe(theme="Colours of the chart")
    async def heatmap(self, interaction: Press, theme: ThemeName | None = None) -> None:
        """The picture of /risk-analysis."""
        app = self.bot.app
        await app.gate.begin(interaction, "chart heatmap")
        colours = app.people.theme(interaction.user.id, theme)
        embed, files = await with_chart(app, risk_card, await app.risks.risk(), colours)
        await reply.report(interaction, embed, files=files)

    async def _show(self, interaction: Press, wish: buttons.Wish) -> None:
        app = self.bot.app
        embed, files = await buttons.shown(app, interaction, wish)
        await reply.report(interaction, embed, view=buttons.chart_view(app, wish), files=files)

    # -- suggestions ----------------------------------------------------------------------------

    @candles.autocomplete("symbol")
    async def _symbol(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "chart candles"):
            return []
        return app.suggest.choices(current)

    @compare.autocomplete("symbols")
    async def _symbols(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "chart compare"):
            return []
        return app.suggest.several(current, _MOST)

    @candles.autocomplete("indicators")
    async def _indicator(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        if not self.bot.app.gate.allows(interaction, "chart candles"):
            return []
        *before, last = current.lower().replace(" ", ",").split(",")
        kept = [n for n in dict.fromkeys(before) if n in INDICATORS]
        fits = [n for n in INDICATORS if n.startswith(last) and n not in kept]
        found = [", ".join([*kept, n]) for n in fits] + ([", ".join(kept)] if kept else [])
        return [app_commands.Choice(name=n, value=n) for n in found or [_USUAL]][:25]

    @payoff.autocomplete("id")
    async def _options(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "chart payoff"):
            return []
        wanted = current.upper()
        found: list[Any] = [
            app_commands.Choice(name=f"{unit_label(t.legs)} · {t.trade_id}"[:100], value=t.trade_id)
            for t in app.desk.book.open_trades()
            if t.asset in ("option", "spread")
        ]
        return [c for c in found if wanted in c.name.upper()][:25]


def _key(instrument: Instrument) -> str:
    """A name that fits a button's id and reads back."""
    return instrument.key.replace(" ", "")


def _indicators(typed: str) -> list[str]:
    """Names out of a list with commas.

    Raises:
        UserError: one that there is not.
    """
    names = [n for n in typed.lower().replace(",", " ").split() if n != "none"]
    wrong = [n for n in names if n not in INDICATORS]
    if wrong:
        shown = "".join(c for c in wrong[0][:20] if c.isalnum())
        known = ", ".join(INDICATORS)
        raise UserError(f"“{shown}” is no indicator; there are {known}. Nothing was drawn.")
    return list(dict.fromkeys(names))


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Charts(bot))
