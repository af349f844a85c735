"""The Discord client: loads cogs, registers buttons, syncs commands when they changed."""

import gc
import hashlib
import json
import logging
import sys
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import discord
from discord import app_commands
from discord.backoff import ExponentialBackoff
from discord.ext import commands

from bot import dialogs, reply
from bot.catch_up import CatchUp
from bot.views import BUTTONS, is_known
from engine import registry
from engine.domain.errors import TradeStreamError

if TYPE_CHECKING:
    from bot.app import App
    from bot.link import Link

log = logging.getLogger(__name__)

discord.VoiceClient.warn_nacl = False  # nothing is ever said here, so nothing is missing
discord.VoiceClient.warn_dave = False

_LONGEST_PAUSE_S = 15.0
_FORGET_S = 600.0
"""How long a failed listener is shown in health."""


class _Calm(logging.Filter):
    """A line that drops is no error of ours: one line of log for each attempt, no stack."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let it through, quieter."""
        if str(record.msg).startswith("Attempting a reconnect"):
            error = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
            record.msg, record.args = f"{record.getMessage()}: {error}", ()
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.exc_info = record.exc_text = None
        return True


logging.getLogger("discord.client").addFilter(_Calm())


class Patience(ExponentialBackoff[bool]):
    """The library's pauses between attempts to connect grow up to 17 minutes; ours do not."""

    def delay(self) -> float:
        """Seconds to wait."""
        return min(super().delay(), _LONGEST_PAUSE_S)


discord.client.ExponentialBackoff = Patience  # type: ignore[assignment,attr-defined]


def _has(message: discord.Message, custom_id: str) -> bool:
    """Whether the message still bears this button: discord.py drops the press when it does not."""
    return any(getattr(p, "custom_id", None) == custom_id for p in _parts(message.components))


def _parts(components: Iterable[Any]) -> Iterator[Any]:
    """Every component, however deep a layout nests it."""
    for part in components:
        yield part
        yield from _parts(getattr(part, "children", ()))
        if (accessory := getattr(part, "accessory", None)) is not None:
            yield accessory


class Tree(app_commands.CommandTree["DeskBot"]):
    """The command tree; whatever a command raises becomes a kind private answer."""

    async def on_error(
        self, interaction: discord.Interaction["DeskBot"], error: app_commands.AppCommandError
    ) -> None:
        """Answer and log once."""
        interaction.client.app.usage.end(interaction, error)
        await reply.answer(interaction, error)

    async def interaction_check(self, interaction: discord.Interaction["DeskBot"], /) -> bool:
        """Rights are judged by each command itself; here the clock starts."""
        interaction.client.app.usage.begin(interaction)
        return True


class DeskBot(commands.Bot):
    """One bot for one server. Everything it knows of trading is ``app.desk``."""

    def __init__(self, app: "App") -> None:
        intents = discord.Intents.none()
        intents.guilds = True
        intents.guild_messages = True
        intents.dm_messages = True
        intents.message_content = True
        self.app = app
        self.catch_up = CatchUp(self)
        self._is_settled = False
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

    @property
    def link(self) -> "Link":
        """What the desk knows of this connection."""
        return self.app.link

    async def setup_hook(self) -> None:
        """Once per process, before the gateway: cogs, persistent buttons, commands."""
        self.add_dynamic_items(*BUTTONS)
        for name in registry.names("cogs"):
            await self.load_extension(f"cogs.{name}")
        await self.sync_when_changed()

    async def close(self) -> None:
        """Leave Discord."""
        await self.catch_up.close()
        await super().close()

    async def on_message(self, message: discord.Message, /) -> None:
        """Words are for the cogs; there are no prefix commands."""

    # -- commands ---------------------------------------------------------------------------

    async def sync_when_changed(self) -> None:
        """Register commands only when they differ from what was registered last.

        A server that refuses them does not keep the desk from listening.
        """
        try:
            await self._sync()
        except (*reply.UNWELL, TradeStreamError) as error:
            log.warning("commands were not registered: %s", error)
            self.app.desk.health["commands"] = f"not registered with Discord: {error}"
        else:
            self.app.desk.health.pop("commands", None)

    async def _sync(self) -> None:
        guild_id = self.app.config.discord.guild_id
        if guild_id is None:
            return
        guild = discord.Object(guild_id)
        self.tree.copy_global_to(guild=guild)
        ours = self.tree.get_commands(guild=guild)
        payload: Any = [c.to_dict(self.tree) for c in ours]
        digest = hashlib.sha256(json.dumps(payload, sort_keys=True).encode()).hexdigest()[:16]
        name = f"commands:{guild_id}"
        known = self.app.desk.book.facts.get(name)
        if known is not None and known.value == digest:
            there = {c.name for c in await self.tree.fetch_commands(guild=guild)}
            if there == {c.name for c in ours}:  # a server that threw us out has forgotten them
                return
        await self.tree.sync(guild=guild)
        desk = self.app.desk
        await desk.commit(desk.event("commands.synced", name, desk.fact(name, digest)))

    # -- the line ---------------------------------------------------------------------------

    async def on_ready(self) -> None:
        """Connected (perhaps again): show what is due, and read what was missed."""
        flags = self.application_flags
        can_read = flags.gateway_message_content or flags.gateway_message_content_limited
        self.link.note_content(is_readable=can_read)
        self.add_dynamic_items(*BUTTONS)
        await self._back()
        if "commands" in self.app.desk.health:
            await self.sync_when_changed()
        if self.app.owns_process and not self._is_settled:
            self._is_settled = True  # once: garbage of later connections must go
            gc.collect()
            gc.freeze()  # servers, commands, buttons: looked through again they stall a press

    async def on_resumed(self) -> None:
        """Resumed: Discord replays the gap itself; the watermark shows whether it did."""
        await self._back()

    async def _back(self) -> None:
        self.link.found()
        self.app.panel.wake()
        self.app.presence.forget()
        await self.app.presence.tell()
        await self.link.summarise(await self.catch_up.run())

    async def on_disconnect(self) -> None:
        """The gateway is gone; the library tries to come back by itself."""
        self.catch_up.lost()
        self.link.lost()

    async def on_guild_unavailable(self, guild: discord.Guild) -> None:
        """An outage at Discord (D-13): nothing of ours is forgotten."""
        if guild.id == self.app.config.discord.guild_id:
            self.catch_up.lost()
            self.link.review()

    async def on_guild_available(self, guild: discord.Guild) -> None:
        """The outage is over."""
        if guild.id == self.app.config.discord.guild_id:
            self.link.review()
            await self.catch_up.run()

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        """Thrown out (D-12)."""
        if guild.id == self.app.config.discord.guild_id:
            self.catch_up.lost()
            self.link.review()

    async def on_guild_join(self, guild: discord.Guild) -> None:
        """Invited again: Discord has forgotten our commands."""
        if guild.id == self.app.config.discord.guild_id:
            await self.sync_when_changed()
            await self.on_guild_available(guild)

    async def on_guild_update(self, before: discord.Guild, after: discord.Guild) -> None:
        """Perhaps another owner."""
        del before, after
        self.link.review()

    async def on_guild_channel_update(self, before: object, after: object) -> None:
        """Perhaps the admin room was opened, or a room can be posted to again."""
        del before, after
        self.link.review()

    async def on_guild_channel_create(self, channel: object) -> None:
        """Perhaps one that was missing."""
        del channel
        self.link.review()

    async def on_guild_channel_delete(self, channel: object) -> None:
        """Perhaps one of ours."""
        del channel
        self.link.review()

    async def on_guild_role_create(self, role: discord.Role) -> None:
        """Perhaps one that sees the admin room."""
        del role
        self.link.review()

    async def on_guild_role_update(self, before: discord.Role, after: discord.Role) -> None:
        """Perhaps it sees the admin room now."""
        del before, after
        self.link.review()

    async def on_guild_role_delete(self, role: discord.Role) -> None:
        """Perhaps the one that saw too much."""
        del role
        self.link.review()

    # -- presses that nobody else answers ---------------------------------------------------

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        """Dialogs come back here; a button of an older version is told so."""
        if interaction.type is discord.InteractionType.modal_submit:
            await dialogs.submitted(self.app, interaction)
        elif interaction.type is discord.InteractionType.component:
            data: Any = interaction.data or {}
            custom_id = str(data.get("custom_id"))
            if not is_known(custom_id):
                await reply.say(
                    interaction, "⚠ This button is from an older version. Nothing was done."
                )
            elif interaction.message is not None and not _has(interaction.message, custom_id):
                await reply.say(
                    interaction, "⚠ This card was changed since. Nothing was done; look again."
                )

    async def on_app_command_completion(
        self, interaction: discord.Interaction, command: object
    ) -> None:
        """A command was carried out."""
        del command
        self.app.usage.end(interaction, None)

    async def on_error(self, event_method: str, /, *args: Any, **kwargs: Any) -> None:
        """A listener failed: say so with the event's name, for a while."""
        del args, kwargs
        log.error("listener %s failed", event_method, exc_info=sys.exc_info())
        part, health = f"listener {event_method}", self.app.desk.health
        health[part] = "failed, see the log"
        self.loop.call_later(_FORGET_S, health.pop, part, None)
