"""/monitor: is anybody listening, to whom, and is everything as it must be?"""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import listening_rooms, reply
from bot.cards import monitor as card
from bot.client import DeskBot
from bot.confirm import ask_first
from bot.doctor.within import examined
from bot.panel import reading
from bot.panel.buttons import stop_question
from bot.suggest import among
from engine.domain.errors import UserError
from engine.flows.alerts import listening

Press = discord.Interaction[DeskBot]
Action = Literal["list", "add", "edit", "remove"]
Parser = Literal["auto", "options", "stocks", "futures"]
Handling = Literal["listen", "approve", "auto"]


class Monitor(
    commands.GroupCog, group_name="monitor", group_description="Alert rooms: who is listened to"
):
    """Starts, stops and tries the listening."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(description="Which alert rooms are heard, and when they last spoke")
    async def status(self, interaction: Press) -> None:
        """One line per room."""
        app = self.bot.app
        await app.gate.begin(interaction, "monitor status")
        await reply.report(interaction, card.show(reading.heard(app)))

    @app_commands.command(description="Act on alerts again, in one room or in all")
    @app_commands.describe(channel="Only this room")
    async def start(self, interaction: Press, channel: discord.TextChannel | None = None) -> None:
        """What was heard meanwhile stays unacted."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "monitor start")
        await listening.start(app.desk, who, channel.id if channel else None)
        await reply.report(interaction, card.show(reading.heard(app)))

    @app_commands.command(
        description="Act on no alert any more, in one room or in all; exits go on"
    )
    @app_commands.describe(channel="Only this room", reason="Why, for the journal")
    async def stop(
        self,
        interaction: Press,
        channel: discord.TextChannel | None = None,
        reason: app_commands.Range[str, 0, 200] = "",
    ) -> None:
        """Asks first; holds over a restart."""
        app = self.bot.app
        await app.gate.begin(interaction, "monitor stop")
        question = stop_question(app, channel.id if channel else None, reason)
        await ask_first(app, interaction, question)

    @app_commands.command(description="Try it: login, intents, permissions in every channel")
    async def test(self, interaction: Press) -> None:
        """The same looks as /diagnose takes, Discord's part."""
        app = self.bot.app
        await app.gate.begin(interaction, "monitor test")
        found = await examined(app, ("login", "rooms"))
        stamp = app.reading.frame().stamp("monitor-test")
        await reply.report(interaction, card.findings("Discord", found, stamp))

    @app_commands.command(description="Drop the line to Discord and dial again; nothing is missed")
    async def reconnect(self, interaction: Press) -> None:
        """Messages of the gap are read back."""
        app = self.bot.app
        await app.gate.begin(interaction, "monitor reconnect")
        await reply.say(interaction, "🔌 Dialling again; what is posted meanwhile is read back.")
        await self.bot.ws.close(code=4000)

    @app_commands.command(description="The alert rooms: list, add, edit, remove")
    @app_commands.describe(
        action="What to do",
        channel="The room",
        author="Whose alerts are trusted there, by numeric id; again: one more",
        webhook="Numeric id of a trusted webhook",
        parser="How its words are read",
        handling="Listen only, let a person approve, or trade at once",
        route="Account that its trades go to",
    )
    async def sources(
        self,
        interaction: Press,
        action: Action,
        channel: discord.TextChannel | None = None,
        author: discord.User | None = None,
        webhook: app_commands.Range[str, 15, 20] | None = None,
        parser: Parser | None = None,
        handling: Handling | None = None,
        route: str | None = None,
    ) -> None:
        """Every change is a version of the settings."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "monitor sources")
        if action == "list":
            await reply.report(interaction, card.sources(reading.heard(app)))
            return
        if channel is None:
            raise UserError("Say which room: name the channel. Nothing was changed.")
        if action == "remove":
            await ask_first(app, interaction, listening_rooms.remove_question(app, channel.id))
            return
        wanted = listening_rooms.Wanted(
            channel_id=channel.id,
            channel_name=channel.name,
            guild_id=channel.guild.id,
            author_id=author.id if author else None,
            webhook_id=listening_rooms.snowflake(webhook) if webhook else None,
            parser=parser,
            handling=handling,
            account=route,
        )
        await listening_rooms.put(app, who, wanted, is_new=action == "add")
        await reply.report(interaction, card.sources(reading.heard(app)))

    @sources.autocomplete("route")
    async def _accounts(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "monitor sources"):
            return []
        return among(app.desk.settings.accounts, current)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Monitor(bot))
