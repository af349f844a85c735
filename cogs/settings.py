"""Runtime configuration: /settings, for admins in their private channel."""

import io
import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply
from bot.cards import settings as settings_card
from bot.client import DeskBot
from bot.settings import paths
from bot.settings.changes import change
from bot.suggest import among
from engine.domain.errors import UserError

Press = discord.Interaction[DeskBot]

_LARGEST = 200_000
Name = app_commands.Range[str, 1, 32]


class SettingsCog(
    commands.GroupCog,
    name="Settings",
    group_name="settings",
    group_description="The configuration: see, change, compare, go back",
):
    """Every change is a version in the books; loosening a limit needs two admins."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(description="Keys with their values and where these come from")
    @app_commands.describe(path="A key, or a section such as risk.daily_loss")
    async def view(self, interaction: Press, path: str = "") -> None:
        """Sections, or the keys at and below a path."""
        app = self.bot.app
        await app.gate.begin(interaction, "settings view")
        stamp, path = app.reading.frame().stamp("settings"), path.strip()
        found = app.settings.values(path)
        if not found:
            raise UserError(f"{path}: unknown key. Nothing was shown.")
        if not path:
            counted = Counter(key.split(".")[0] for key in found)
            embed = settings_card.sections(stamp, counted, app.settings.number)
        else:
            sources = {key: app.settings.source(key) for key in found}
            embed = settings_card.values(stamp, path, found, sources)
        await reply.report(interaction, embed)

    @app_commands.command(name="set", description="Change one key; in force at once, no restart")
    @app_commands.describe(path="Which key", value="As in config.yaml: 3, true, null, [1, 2]")
    async def set_(self, interaction: Press, path: str, value: str, reason: str = "") -> None:
        """Asks once; what loosens a limit waits for a second admin."""
        app = self.bot.app
        await app.gate.begin(interaction, "settings set")
        changes = {path.strip(): paths.read_value(value)}
        await change(
            interaction,
            app.settings.steps(changes),
            reason,
            lambda who, why, steps: app.settings.apply(who, changes, why, steps),
        )

    @app_commands.command(description="Whether a value would fit, and what it would change")
    @app_commands.describe(path="Which key", value="As in config.yaml")
    async def validate(self, interaction: Press, path: str, value: str) -> None:
        """Changes nothing."""
        app = self.bot.app
        await app.gate.begin(interaction, "settings validate")
        steps = app.settings.steps({path.strip(): paths.read_value(value)})
        stamp = app.reading.frame().stamp("settings")
        await reply.report(interaction, settings_card.diff(stamp, "It fits", steps))

    @app_commands.command(description="The versions and snapshots, newest first")
    async def history(self, interaction: Press) -> None:
        """Who changed what, and why."""
        app = self.bot.app
        await app.gate.begin(interaction, "settings history")
        stamp = app.reading.frame().stamp("settings")
        versions, kept = await app.settings.history(), await app.snapshots.newest()
        await reply.report(interaction, settings_card.history(stamp, versions, kept))

    @app_commands.command(description="What going back to a version would change")
    @app_commands.describe(version="Its number; 0 is config.yaml alone")
    async def diff(self, interaction: Press, version: app_commands.Range[int, 0]) -> None:
        """Changes nothing."""
        app = self.bot.app
        await app.gate.begin(interaction, "settings diff")
        earlier = await app.settings.version(version)
        stamp = app.reading.frame().stamp("settings")
        title = f"From now back to version {version}"
        steps = app.settings.steps_back(earlier)
        await reply.report(interaction, settings_card.diff(stamp, title, steps))

    @app_commands.command(description="Everything as it was in a version; this makes a new one")
    @app_commands.describe(version="Its number; 0 is config.yaml alone")
    async def rollback(
        self, interaction: Press, version: app_commands.Range[int, 0], reason: str = ""
    ) -> None:
        """Asks once; what loosens a limit waits for a second admin."""
        app = self.bot.app
        await app.gate.begin(interaction, "settings rollback")
        earlier = await app.settings.version(version)
        await change(
            interaction,
            app.settings.steps_back(earlier),
            reason,
            lambda who, why, steps: app.settings.roll_back(who, version, why, steps),
        )

    @app_commands.command(description="Keep what is in force under a name")
    async def save(self, interaction: Press, name: Name) -> None:
        """A later save of the same name takes its place; the versions stay."""
        app = self.bot.app
        who = await app.gate.begin(interaction, "settings save")
        await app.settings.save_as(who, name.strip().lower())
        await reply.say(interaction, f"💾 Saved as “{name.strip().lower()}”.")

    @app_commands.command(description="Put what was saved under a name in force")
    async def load(self, interaction: Press, name: Name, reason: str = "") -> None:
        """Shows the difference and asks; what loosens a limit waits for a second admin."""
        app = self.bot.app
        await app.gate.begin(interaction, "settings load")
        await self._replace(interaction, await app.settings.saved(name.strip().lower()), reason)

    @app_commands.command(description="What was changed above config.yaml, as a file")
    async def export(self, interaction: Press) -> None:
        """No secret is ever among the settings."""
        app = self.bot.app
        await app.gate.begin(interaction, "settings export")
        changes = paths.plain(app.settings.current)
        data = json.dumps({"version": app.settings.number, "changes": changes}, indent=1)
        file = discord.File(io.BytesIO(data.encode()), "settings.json")
        await interaction.edit_original_response(
            content=reply.badged(
                app, f"**{len(changes)} changed keys**, version {app.settings.number}"
            ),
            attachments=[file],
        )

    @app_commands.command(name="import", description="Put the changes of an exported file in force")
    @app_commands.describe(file="settings.json as /settings export made it")
    async def import_(self, interaction: Press, file: discord.Attachment, reason: str = "") -> None:
        """Shows the difference and asks; what loosens a limit waits for a second admin."""
        app = self.bot.app
        await app.gate.begin(interaction, "settings import")
        if file.size > _LARGEST:
            raise UserError("This file is too large for settings. Nothing was changed.")
        try:
            changes = json.loads(await file.read())["changes"]
            is_one = isinstance(changes, dict) and all(isinstance(k, str) for k in changes)
        except (ValueError, KeyError, TypeError):
            is_one = False
        if not is_one:
            raise UserError("This is no file of /settings export. Nothing was changed.")
        await self._replace(interaction, changes, reason)

    @view.autocomplete("path")
    @set_.autocomplete("path")
    @validate.autocomplete("path")
    async def _paths(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        name = interaction.command.qualified_name if interaction.command is not None else ""
        if not app.gate.allows(interaction, name):
            return []
        return among(app.settings.known(), current)

    async def _replace(self, interaction: Press, changes: Mapping[str, Any], reason: str) -> None:
        app = self.bot.app
        await change(
            interaction,
            app.settings.steps_to(changes),
            reason,
            lambda who, why, steps: app.settings.replace(who, changes, why, steps),
        )


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(SettingsCog(bot))
