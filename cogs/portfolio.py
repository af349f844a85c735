"""The book: /status, /positions, /profit-loss, /trades, /trace."""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import errors
from bot.cards import positions as positions_card
from bot.cards import status as status_card
from bot.cards import trace as trace_card
from bot.cards import trade_card
from bot.cards import trades as trades_card
from bot.charts import Theme
from bot.client import DeskBot
from bot.render import pnl_with_chart
from bot.views import trade_view

Period = Literal["today", "week", "month", "ytd", "all"]


class Portfolio(commands.Cog):
    """Reads reports and shows them; changes nothing."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    async def _open(self, interaction: discord.Interaction[DeskBot], name: str) -> None:
        """Judge the caller, then defer in the right privacy (it cannot be changed later)."""
        gate = self.bot.app.gate
        gate.require(interaction, name)
        private = gate.is_private(name, interaction.channel_id)
        await interaction.response.defer(ephemeral=private, thinking=True)

    @app_commands.command(description="One screen: mode, brokers, P&L, breaker, last alert")
    async def status(self, interaction: discord.Interaction[DeskBot]) -> None:
        """The desk at a glance."""
        await self._open(interaction, "status")
        app = self.bot.app
        await interaction.followup.send(embed=status_card.show(await app.reading.status(app)))

    @app_commands.command(description="Every open position with P&L, stop, targets and buttons")
    @app_commands.describe(symbol="Only this symbol")
    async def positions(
        self, interaction: discord.Interaction[DeskBot], symbol: str | None = None
    ) -> None:
        """Open positions; with a symbol, its card with buttons."""
        await self._open(interaction, "positions")
        app = self.bot.app
        held = app.desk.book.open_trades()
        if symbol is not None:
            wanted = symbol.upper().lstrip("$/")
            mine = [t for t in held if wanted in (t.symbol, t.legs[0].instrument.symbol)]
            if not mine:
                names = ", ".join(sorted({t.symbol for t in held})) or "nothing"
                await interaction.followup.send(f"⚠ {wanted[:20]} is not held. Held: {names}.")
                return
            for trade in mine[:5]:
                await interaction.followup.send(
                    embed=trade_card.show(app.reading.live_trade(trade)),
                    view=trade_view(trade) or discord.utils.MISSING,
                )
            return
        await interaction.followup.send(embed=positions_card.show(app.reading.positions()))

    @positions.autocomplete("symbol")
    async def _symbols(
        self, interaction: discord.Interaction[DeskBot], current: str
    ) -> list[app_commands.Choice[str]]:
        del interaction
        names = sorted({t.symbol for t in self.bot.app.desk.book.open_trades()})
        return [app_commands.Choice(name=n, value=n) for n in names if current.upper() in n][:25]

    @app_commands.command(name="profit-loss", description="P&L from the ledger, with its chart")
    @app_commands.describe(period="Which days", theme="Colours of the chart")
    async def profit_loss(
        self,
        interaction: discord.Interaction[DeskBot],
        period: Period = "today",
        theme: Literal["dark", "light"] = "dark",
    ) -> None:
        """Realised, open, fees, net; reconciled with the change of equity."""
        await self._open(interaction, "profit-loss")
        app = self.bot.app
        report = await app.reading.pnl(period)
        embed, files = await pnl_with_chart(app, report, Theme(theme))
        await interaction.followup.send(embed=embed, files=list(files))

    trades = app_commands.Group(name="trades", description="Round trips, open and closed")

    @trades.command(name="recent", description="The latest trades with their P&L")
    @app_commands.describe(limit="How many", symbol="Only this symbol")
    async def recent(
        self,
        interaction: discord.Interaction[DeskBot],
        limit: app_commands.Range[int, 1, 25] = 10,
        symbol: str | None = None,
    ) -> None:
        """Closed and open trades, newest first."""
        await self._open(interaction, "trades recent")
        app = self.bot.app
        report = await app.reading.trades(limit=limit, symbol=symbol)
        await interaction.followup.send(embed=trades_card.show(report))

    @app_commands.command(description="Every hop of one alert, order or trade, from the journal")
    @app_commands.describe(id="Id of an alert, order, trade or approval")
    async def trace(self, interaction: discord.Interaction[DeskBot], id: str) -> None:  # noqa: A002
        """The path of one story with times and rows."""
        await self._open(interaction, "trace")
        app = self.bot.app
        report = await app.reading.trace(id.strip())
        if report is None:
            await errors.say(interaction, f"⚠ Nothing is known under “{id[:40]}”.")
            return
        await interaction.followup.send(embed=trace_card.show(report))


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Portfolio(bot))
