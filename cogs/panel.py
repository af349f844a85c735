"""/panel: where the live panel stands and what it shows; a deleted one comes back."""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply
from bot.client import DeskBot
from bot.lasting import below
from bot.panel.buttons import SectionsSelect
from engine.domain.errors import UserError

Press = discord.Interaction[DeskBot]
Action = Literal["post", "move", "remove", "sections"]


class Panel(commands.Cog):
    """One pinned message for the desk."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(description="The pinned live panel: post, move, remove, choose sections")
    @app_commands.describe(action="What to do with it", channel="Where it shall stand")
    async def panel(
        self, interaction: Press, action: Action, channel: discord.TextChannel | None = None
    ) -> None:
        """Admins decide where it stands; anybody who sees that channel sees its figures."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "panel")
        panel = app.panel
        if action == "remove":
            await panel.remove(who)
            await reply.say(interaction, "✔ The panel is taken down.")
        elif action == "sections":
            view = below([SectionsSelect(panel.sections)])
            await reply.say(interaction, "What shall the panel show below its figures?", view=view)
        else:
            room = self._room(action, channel)
            await panel.post(who, room)
            await reply.say(interaction, f"✔ The panel is coming to <#{room}> and will be pinned.")

    def _room(self, action: Action, channel: discord.TextChannel | None) -> int:
        """Where it goes: the channel that was named, else the configured one."""
        app = self.bot.app
        if channel is not None:
            me = channel.guild.me
            may = channel.permissions_for(me)
            if not (may.view_channel and may.send_messages and may.read_message_history):
                raise UserError(
                    f"I may not write in <#{channel.id}>: give me View Channel, Send Messages and "
                    "Read Message History there. Nothing was changed."
                )
            return channel.id
        if action == "move":
            raise UserError("Say where to: name the channel. Nothing was changed.")
        rooms = app.config.discord.channels
        found = rooms.panel or rooms.activity or rooms.admin
        if found is None:
            raise UserError("Say where: name the channel. Nothing was changed.")
        return found

    @commands.Cog.listener()
    async def on_raw_message_delete(self, payload: discord.RawMessageDeleteEvent) -> None:
        """Somebody deleted it: it comes back."""
        place = self.bot.app.panel.place
        if place is not None and place.message_id == payload.message_id:
            self.bot.app.panel.wake()


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Panel(bot))
