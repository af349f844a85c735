"""Reasons: /explain a position, /why of an answer, a recommendation or a decision."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply, text
from bot.buttons.trade import trade_view
from bot.cards import explain as explain_card
from bot.cards import why as why_card
from bot.client import DeskBot
from bot.suggest import among

Press = discord.Interaction[DeskBot]


class Explain(commands.Cog):
    """Shows what was recorded when it was decided; makes nothing up."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(description="Why a position is held, how it stands, what can be done")
    @app_commands.describe(symbol="A symbol that is held")
    async def explain(self, interaction: Press, symbol: str) -> None:
        """The stored reason, stop and targets, and the picture."""
        app = self.bot.app
        app.gate.require(interaction, "explain")
        await reply.think(interaction, private=True)
        report, trade = await app.chronicle.explain(symbol)
        theme = app.people.theme(interaction.user.id)
        name = explain_card.PICTURE
        files = await app.chronicle.picture(trade, report.entry.card, theme, name)
        embed = explain_card.show(report, has_picture=bool(files))
        await reply.report(interaction, embed, files=files, view=trade_view(trade))

    @explain.autocomplete("symbol")
    async def _held(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "explain"):
            return []
        return among(sorted({t.symbol for t in app.desk.book.open_trades()}), current)

    @app_commands.command(description="What stood behind an answer, a recommendation, a decision")
    @app_commands.describe(action="Its id: Q-…, R-…, or of an alert, order, approval or trade")
    async def why(self, interaction: Press, action: str) -> None:
        """Inputs, checks, model and outcome, as filed."""
        app = self.bot.app
        who = app.gate.require(interaction, "why")
        await reply.think(interaction, private=True)
        await reply.report(interaction, why_card.show(await app.chronicle.why(action, who)))

    @why.autocomplete("action")
    async def _filed(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        """What this person was told lately, then the newest alerts."""
        app = self.bot.app
        if not app.gate.allows(interaction, "why"):
            return []
        known = app.chronicle.shown(interaction.user.id)
        known += [
            (a.alert_id, f"{a.symbol} {' '.join(a.text.split())[:50]}")
            for a in list(reversed(app.desk.book.alerts.values()))[:25]
        ]
        wanted = current.casefold()
        return [
            app_commands.Choice(name=text.shorten(f"{words} · {ref}", 100), value=ref)
            for ref, words in known
            if wanted in f"{words} {ref}".casefold()
        ][:25]


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Explain(bot))
