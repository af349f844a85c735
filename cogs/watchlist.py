"""What people keep an eye on: /watchlist."""

from datetime import timedelta

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply
from bot.cards import watchlist as watchlist_card
from bot.client import DeskBot
from bot.confirm import Question, ask_first
from bot.reading.market import MarketReading
from bot.reply import Press as AnyPress
from bot.suggest import among
from engine.flows.common import watchlist
from engine.flows.common.watchlist import Outcome
from engine.symbols import symbols_in

Press = discord.Interaction[DeskBot]
_AT_ONCE = 10


class Watchlist(commands.Cog):
    """One list for the desk; it opens and closes nothing."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    watchlist = app_commands.Group(name="watchlist", description="What the desk keeps an eye on")

    @watchlist.command(name="view", description="Prices, day, strength against SPY, what is held")
    async def view(self, interaction: Press) -> None:
        """Pinned first."""
        app = self.bot.app
        await app.gate.begin(interaction, "watchlist view")
        await reply.report(interaction, watchlist_card.show(await MarketReading(app).watchlist()))

    @watchlist.command(name="add", description="Put symbols on the list")
    @app_commands.describe(
        symbols="Up to ten, with commas: SPY, /MES, BTC/USD",
        pin="Keep them first, also when the list is reset",
    )
    async def add(
        self, interaction: Press, symbols: app_commands.Range[str, 1, 120], pin: bool = False
    ) -> None:
        """Each symbol with its result."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "watchlist add")
        names = symbols_in(symbols, _AT_ONCE)
        told = await watchlist.add(app.desk, who, names, is_pinned=pin, why="/watchlist add")
        await self._said(interaction, told)

    @watchlist.command(name="remove", description="Take symbols off the list; positions stay open")
    @app_commands.describe(symbols="Up to ten, with commas")
    async def remove(self, interaction: Press, symbols: app_commands.Range[str, 1, 120]) -> None:
        """Each symbol with its result."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "watchlist remove")
        names = symbols_in(symbols, _AT_ONCE)
        told = await watchlist.remove(app.desk, who, names, why="/watchlist remove")
        await self._said(interaction, told)

    @watchlist.command(name="reset", description="Back to the configured list; asks once")
    async def reset(self, interaction: Press) -> None:
        """What is pinned stays."""
        app = self.bot.app
        await app.gate.begin(interaction, "watchlist reset")

        async def go(press: AnyPress) -> str:
            who = app.gate.require(press, "watchlist reset")
            rows = await watchlist.reset(app.desk, who, why="/watchlist reset")
            return f"The watchlist has {len(rows)} symbols again."

        def body() -> str:
            now = {w.symbol for w in watchlist.current(app.desk) if not w.is_pinned}
            gone = sorted(now - set(app.desk.settings.watchlist))
            lost = ", ".join(gone[:20]) or "nothing"
            return f"Taken off: {lost}. What is pinned stays; no position is touched."

        question = Question(
            title="Reset the watchlist?",
            yes="Reset the watchlist",
            body=body,
            action=go,
            state=lambda: watchlist.current(app.desk),
        )
        await ask_first(app, interaction, question)

    @watchlist.command(name="history", description="Who changed the list, when and why")
    @app_commands.describe(days="How far back")
    async def history(self, interaction: Press, days: app_commands.Range[int, 1, 365] = 30) -> None:
        """From the journal."""
        app = self.bot.app
        await app.gate.begin(interaction, "watchlist history")
        since = app.clock.now() - timedelta(days=days)
        changes = await watchlist.history(app.desk, since)
        stamp = app.reading.frame().stamp("watchlist")
        await reply.report(interaction, watchlist_card.history(changes, days, stamp))

    async def _said(self, interaction: Press, told: tuple[Outcome, ...]) -> None:
        app = self.bot.app
        n = len(watchlist.current(app.desk))
        stamp = app.reading.frame().stamp("watchlist")
        await reply.report(interaction, watchlist_card.outcomes(told, n, stamp))

    @add.autocomplete("symbols")
    async def _new(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "watchlist add"):
            return []
        return app.suggest.several(current, _AT_ONCE)

    @remove.autocomplete("symbols")
    async def _known(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "watchlist remove"):
            return []
        return among((w.symbol for w in watchlist.current(app.desk)), current.split(",")[-1])


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Watchlist(bot))
