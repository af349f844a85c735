"""The Discord client: loads cogs, registers buttons, syncs commands when they changed."""

import hashlib
import json
import logging
import sys
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.ext import commands

from bot import errors
from bot.views import BUTTONS
from engine import registry

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

discord.VoiceClient.warn_nacl = False  # nothing is ever said here, so nothing is missing
discord.VoiceClient.warn_dave = False


class Tree(app_commands.CommandTree["DeskBot"]):
    """The command tree; whatever a command raises becomes a kind private answer."""

    async def on_error(
        self, interaction: discord.Interaction["DeskBot"], error: app_commands.AppCommandError
    ) -> None:
        """Answer and log once."""
        await errors.answer(interaction, error)


class DeskBot(commands.Bot):
    """One bot for one server. Everything it knows of trading is ``app.desk``."""

    def __init__(self, app: "App") -> None:
        intents = discord.Intents.none()
        intents.guilds = True
        intents.guild_messages = True
        intents.message_content = True
        self.app = app
        super().__init__(
            command_prefix=commands.when_mentioned,
            intents=intents,
            help_command=None,
            tree_cls=Tree,
            allowed_mentions=discord.AllowedMentions.none(),
            max_messages=None,
            member_cache_flags=discord.MemberCacheFlags.none(),
            guild_ready_timeout=app.config.discord.guild_ready_timeout_s,
            max_ratelimit_timeout=60.0,
            chunk_guilds_at_startup=False,
        )

    async def setup_hook(self) -> None:
        """Once per process, before the gateway: cogs, persistent buttons, commands."""
        self.add_dynamic_items(*BUTTONS)
        for name in registry.names("cogs"):
            await self.load_extension(f"cogs.{name}")
        await self._sync_when_changed()

    async def _sync_when_changed(self) -> None:
        """Register commands only when they differ from what was registered last."""
        guild_id = self.app.config.discord.guild_id
        if guild_id is None:
            return
        guild = discord.Object(guild_id)
        self.tree.copy_global_to(guild=guild)
        payload: Any = [c.to_dict(self.tree) for c in self.tree.get_commands(guild=guild)]
        digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()[:16]
        name = f"commands:{guild_id}"
        known = self.app.desk.book.facts.get(name)
        if known is not None and known.value == digest:
            return
        await self.tree.sync(guild=guild)
        desk = self.app.desk
        await desk.commit(desk.event("commands.synced", name, desk.fact(name, digest)))

    async def on_ready(self) -> None:
        """Connected (perhaps again): show what is due, and check that messages can be read."""
        desk = self.app.desk
        desk.health.pop("discord", None)
        flags = self.application_flags
        if flags.gateway_message_content or flags.gateway_message_content_limited:
            desk.health.pop("message content", None)
        else:
            desk.health["message content"] = (
                "messages arrive without text: switch on the Message Content intent of the bot "
                "in Discord's developer portal"
            )
        self.app.outbox.start()

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """A listener failed: say so once, with the event's name."""
        del args, kwargs
        log.error("listener %s failed", event_method, exc_info=sys.exc_info())
        self.app.desk.health[f"listener {event_method}"] = "failed, see the log"
