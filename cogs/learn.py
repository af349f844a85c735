"""How to use it: /tutorial, /examples, /invite."""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import learning, reply
from bot.cards import about as card
from bot.client import DeskBot
from bot.doctor import _rights as rights

Press = discord.Interaction[DeskBot]
Category = Literal["portfolio", "orders", "alerts", "market", "risk"]


class Learn(commands.Cog):
    """Private, with what the desk holds at that moment."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(description="Eight short pages, with what the desk holds now")
    @app_commands.describe(step="Begin at this page")
    async def tutorial(self, interaction: Press, step: app_commands.Range[int, 1, 8] = 1) -> None:
        """Back and next turn the page in place."""
        app = self.bot.app
        app.gate.require(interaction, "tutorial")
        await reply.think(interaction, private=True)
        embed, view = learning.page(app, step)
        await reply.report(interaction, embed, view=view)

    @app_commands.command(description="Queries to copy, by what you want to do")
    @app_commands.describe(category="What it is about")
    async def examples(self, interaction: Press, category: Category = "portfolio") -> None:
        """Those that only look have a button."""
        app = self.bot.app
        app.gate.require(interaction, "examples")
        await reply.think(interaction, private=True)
        embed, view = learning.examples(app, category)
        await reply.report(interaction, embed, view=view)

    @app_commands.command(description="The link that lets this bot into a server")
    async def invite(self, interaction: Press) -> None:
        """With the fewest permissions, and with those that /setup needs."""
        app = self.bot.app
        app.gate.require(interaction, "invite")
        await reply.think(interaction, private=True)
        number = self.bot.application_id or 0
        links = [
            ("With what the desk needs", rights.invite(number, rights.MINIMAL)),
            ("The same, and what /setup needs to make things", _for_setup(number)),
        ]
        await reply.report(interaction, card.invite(links, app.reading.frame().stamp("invite")))


def _for_setup(number: int) -> str:
    return rights.invite(number, rights.SETTING_UP)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Learn(bot))
