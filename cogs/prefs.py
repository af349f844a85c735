"""What each person prefers: /prefs."""

import io
import json
from dataclasses import asdict
from typing import Any, Literal
from zoneinfo import available_timezones

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply, text
from bot.cards import Tone, card
from bot.client import DeskBot
from bot.confirm import Question, ask_first
from bot.prefs import Prefs
from bot.suggest import among
from engine.domain.errors import UserError

Press = discord.Interaction[DeskBot]

_LARGEST = 10_000
_MEANING = {
    "theme": "colours of charts",
    "timezone": "for quiet hours",
    "quiet": "hours in which only what is critical calls you",
    "dm": "from which severity on you are called directly",
}
_ZONES = sorted(available_timezones())


class PrefsCog(
    commands.GroupCog, name="Prefs", group_name="prefs", group_description="What you prefer"
):
    """Everybody's own; nobody sees another's."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(description="What you chose, and the defaults")
    async def show(self, interaction: Press) -> None:
        """All of them."""
        await self.bot.app.gate.begin(interaction, "prefs show")
        await self._shown(interaction, self.bot.app.people.of(interaction.user.id))

    @app_commands.command(name="set", description="Choose one of your preferences")
    @app_commands.describe(key="Which", value="quiet: 22:00-07:00 or off; dm: never to all")
    async def set_(
        self,
        interaction: Press,
        key: Literal["theme", "timezone", "quiet", "dm"],
        value: app_commands.Range[str, 1, 60],
    ) -> None:
        """In force at once."""
        who = await self.bot.app.gate.begin(interaction, "prefs set")
        await self._shown(interaction, await self.bot.app.people.change(who, {key: value}))

    @app_commands.command(description="Dark or light charts")
    async def theme(self, interaction: Press, theme: Literal["dark", "light"]) -> None:
        """Every chart that you ask for from now on."""
        who = await self.bot.app.gate.begin(interaction, "prefs theme")
        await self._shown(interaction, await self.bot.app.people.change(who, {"theme": theme}))

    @app_commands.command(description="Your time zone, such as Europe/Berlin")
    @app_commands.rename(zone="tz")
    async def timezone(self, interaction: Press, zone: str) -> None:
        """For your quiet hours; Discord shows moments in your own time anyway."""
        who = await self.bot.app.gate.begin(interaction, "prefs timezone")
        await self._shown(interaction, await self.bot.app.people.change(who, {"timezone": zone}))

    @timezone.autocomplete("zone")
    async def _zones(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        if not self.bot.app.gate.allows(interaction, "prefs timezone"):
            return []
        return among(_ZONES, current.strip().replace(" ", "_"))

    @app_commands.command(description="Back to the defaults")
    async def reset(self, interaction: Press) -> None:
        """Asks once: what was set is lost."""
        app = self.bot.app
        await app.gate.begin(interaction, "prefs reset")
        own = asdict(app.people.of(interaction.user.id))
        set_ = [f"{k} {v}" for k, v in own.items() if v != asdict(Prefs())[k]]

        async def go(press: discord.Interaction[Any]) -> str:
            await app.people.reset(app.gate.require(press, "prefs reset"))
            return "✔ Your preferences are the defaults again."

        question = Question(
            title="Reset your preferences?",
            yes="Reset",
            body=lambda: f"You have set: {text.safe_line(', '.join(set_) or 'nothing', 200)}",
            action=go,
        )
        await ask_first(app, interaction, question)

    @app_commands.command(description="Your preferences as a file")
    async def export(self, interaction: Press) -> None:
        """For another desk."""
        await self.bot.app.gate.begin(interaction, "prefs export")
        data = json.dumps(asdict(self.bot.app.people.of(interaction.user.id)), indent=1)
        file = discord.File(io.BytesIO(data.encode()), "prefs.json")
        words = reply.badged(self.bot.app, "Your preferences")
        await interaction.edit_original_response(content=words, attachments=[file])

    @app_commands.command(name="import", description="Take over preferences from a file")
    async def import_(self, interaction: Press, file: discord.Attachment) -> None:
        """All of them or none."""
        who = await self.bot.app.gate.begin(interaction, "prefs import")
        if file.size > _LARGEST:
            raise UserError("This file is too large for preferences. Nothing was changed.")
        try:
            values = json.loads(await file.read())
        except ValueError:
            values = None
        if not isinstance(values, dict):
            raise UserError("This is no file of /prefs export. Nothing was changed.")
        await self._shown(interaction, await self.bot.app.people.change(who, values))

    async def _shown(self, interaction: Press, prefs: Prefs) -> None:
        lines = [
            f"**{name}** {text.safe_line(value, 40)}\n-# {_MEANING[name]}"
            for name, value in asdict(prefs).items()
        ]
        stamp = self.bot.app.reading.frame().stamp("prefs")
        embed = card(tone=Tone.INFO, title="Your preferences", stamp=stamp, lines=lines)
        await reply.report(interaction, embed)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(PrefsCog(bot))
