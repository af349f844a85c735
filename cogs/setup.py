"""/setup: channels, roles and their permissions, in the server itself."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply, setting_up
from bot.buttons import setup as setup_buttons
from bot.cards import setup as card
from bot.client import DeskBot

Press = discord.Interaction[DeskBot]


class Setup(commands.Cog):
    """For the server's administrators until there are admins; for admins afterwards."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(description="Make this server ready: roles, channels, permissions")
    async def setup(self, interaction: Press) -> None:
        """Shows what would be done; a button does it."""
        app = self.bot.app
        setting_up.authority(app, interaction)
        await reply.think(interaction, private=True)
        guild = interaction.guild
        assert guild is not None  # noqa: S101 - authority() has seen to it
        stamp = app.reading.frame().stamp("setup")
        shown = card.plan(setting_up.plan(app, guild), stamp)
        await reply.report(interaction, shown, view=setup_buttons.view())


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Setup(bot))
