"""Emergency stop and resume, and what admins ask for in their private channel."""

import asyncio

import discord
from discord import app_commands
from discord.ext import commands

from bot import dialogs, reply
from bot.client import DeskBot
from bot.confirm import ask_first
from bot.questions.flatten import close_everything, ended
from engine.flows.acts import halt

Press = discord.Interaction[DeskBot]


class Admin(commands.Cog):
    """Stops at once, resumes on purpose."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(
        name="emergency-stop", description="No more entries at once; then close everything"
    )
    @app_commands.describe(close="Also close every open trade", reason="Why, for the journal")
    async def emergency_stop(
        self,
        interaction: Press,
        close: bool = True,
        reason: app_commands.Range[str, 0, 200] = "",
    ) -> None:
        """Entries stop with the command; closing asks for one confirmation."""
        app = self.bot.app
        who = app.gate.require(interaction, "emergency-stop")
        # Before Discord is even answered: the stop must not wait for anybody.
        stopping = asyncio.ensure_future(
            halt.emergency_stop(app.desk, who, close=False, reason=reason)
        )
        await asyncio.sleep(0)
        await reply.think(interaction, private=True)
        told = ended(await stopping)
        held = app.desk.book.open_trades()
        if not close or not held:
            await reply.say(interaction, told if held else f"{told} Nothing is open.")
            return
        await ask_first(app, interaction, close_everything(app, told))

    @app_commands.command(name="resume-trading", description="Allow entries again (admins)")
    @app_commands.describe(reason="Why it is safe now")
    async def resume_trading(
        self, interaction: Press, reason: app_commands.Range[str, 1, 200]
    ) -> None:
        """Asks for a typed word."""
        await dialogs.show(self.bot.app, interaction, "resume", "", typed={"reason": reason})


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Admin(bot))
