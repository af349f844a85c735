"""The living state of the pretended Discord: guilds, channels, members, roles, messages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.sandbox import permissions
from bot.sandbox.clock import ShiftedClock, Snowflakes
from bot.sandbox.errors import Refused
from bot.sandbox.message import Attachment, Message
from bot.sandbox.world import CHANNEL_KINDS, ChannelSpec, GuildSpec, UserSpec, World

DM = 1
THREADS = (10, 11, 12)


@dataclass(slots=True, eq=False)
class User:
    """An account. Webhook posts use one too, with `is_webhook` set."""

    id: int
    name: str
    display_name: str
    bot: bool = False
    is_webhook: bool = False
    has_dms_open: bool = True


@dataclass(slots=True)
class Role:
    """A role; its position orders the member list."""

    id: int
    name: str
    permissions: int
    color: int = 0
    position: int = 0
    hoist: bool = False
    mentionable: bool = False
    managed_by: int | None = None


@dataclass(slots=True)
class Member:
    """A user in a guild."""

    user: User
    joined_at: datetime
    roles: list[int] = field(default_factory=list)
    nick: str | None = None


@dataclass(slots=True)
class Overwrite:
    """Bits given or taken in one channel; kind 0 is a role, 1 a member."""

    kind: int
    allow: int = 0
    deny: int = 0


@dataclass(slots=True, eq=False)
class Guild:
    """A server."""

    id: int
    name: str
    owner_id: int
    bot_present: bool = True
    is_available: bool = True
    roles: dict[int, Role] = field(default_factory=dict)
    members: dict[int, Member] = field(default_factory=dict)
    channels: dict[int, Channel] = field(default_factory=dict)
    audit: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True, eq=False)
class Channel:
    """A channel, thread or direct message with everything that was ever posted in it."""

    id: int
    kind: int
    name: str
    guild: Guild | None = None
    topic: str | None = None
    position: int = 0
    parent_id: int | None = None
    overwrites: dict[int, Overwrite] = field(default_factory=dict)
    recipients: list[User] = field(default_factory=list)
    history: list[Message] = field(default_factory=list)
    nsfw: bool = False
    slowmode_s: int = 0
    owner_id: int | None = None
    is_archived: bool = False
    is_locked: bool = False
    archive_after_min: int = 1440
    archived_at: datetime | None = None
    thread_members: dict[int, datetime] = field(default_factory=dict)

    @property
    def is_thread(self) -> bool:
        """Whether this is a thread."""
        return self.kind in THREADS

    @property
    def parent(self) -> Channel | None:
        """The category of a channel, or the channel of a thread."""
        if self.guild is None or self.parent_id is None:
            return None
        return self.guild.channels.get(self.parent_id)

    @property
    def messages(self) -> list[Message]:
        """What stands in the channel now, oldest first, ephemeral notes included."""
        return [message for message in self.history if message.deleted_at is None]

    @property
    def last(self) -> Message:
        """The newest message that still stands.

        Raises:
            LookupError: the channel is empty.
        """
        for message in reversed(self.history):
            if message.deleted_at is None:
                return message
        raise LookupError(f"#{self.name} holds no message")

    def find(self, message_id: int) -> Message | None:
        """Return a standing message by id (ids grow, so an older one ends the search)."""
        for message in reversed(self.history):
            if message.id == message_id:
                return message if message.deleted_at is None else None
            if message.id < message_id:
                return None
        return None


@dataclass(slots=True, eq=False)
class Webhook:
    """A webhook; kind 2 is one that follows an announcement channel."""

    id: int
    name: str
    token: str
    channel: Channel
    kind: int = 1
    creator: User | None = None
    source: Channel | None = None


class State:
    """All objects by id, made from a World and changed by routes and drivers."""

    def __init__(self, world: World, clock: ShiftedClock) -> None:
        self.world = world
        self.clock = clock
        self.snowflakes = Snowflakes(clock)
        self.users: dict[int, User] = {}
        self.guilds: dict[int, Guild] = {}
        self.channels: dict[int, Channel] = {}
        self.webhooks: dict[int, Webhook] = {}
        self.uploads: dict[int, Attachment] = {}
        self.bot = User(world.application_id, world.bot_name, world.bot_name, bot=True)
        self.users[self.bot.id] = self.bot
        self.message_content_allowed = "message_content" in world.privileged_intents
        for user in world.users:
            self.users[user.id] = User(
                user.id, user.name, user.display_name or user.name, bot=user.bot
            )
        for spec in world.guilds:
            self._add_guild(spec)

    def user(self, who: str | int | User) -> User:
        """Return a user by name, id or object.

        Raises:
            Refused: nobody is called that.
        """
        if isinstance(who, User):
            return who
        for user in self.users.values():
            if who in (user.id, user.name, str(user.id)):
                return user
        raise Refused(f"no user {who!r}")

    def channel(self, where: str | int | Channel) -> Channel:
        """Return a channel by `name`, `guild name/name`, id or object.

        Raises:
            Refused: no such channel.
        """
        if isinstance(where, Channel):
            return where
        for channel in self.channels.values():
            if where in (channel.id, str(channel.id)):
                return channel
            full = f"{channel.guild.name}/{channel.name}" if channel.guild else ""
            if channel.kind != CHANNEL_KINDS["category"] and where in (channel.name, full):
                return channel
        raise Refused(f"no channel {where!r}")

    def role(self, guild: Guild, which: str | int) -> Role:
        """Return a role of a guild by name or id.

        Raises:
            Refused: no such role.
        """
        for role in guild.roles.values():
            if which in (role.id, str(role.id), role.name):
                return role
        raise Refused(f"no role {which!r} in {guild.name}")

    def webhook(self, which: str | int | Webhook) -> Webhook:
        """Return a webhook by name, id or object.

        Raises:
            Refused: no such webhook.
        """
        if isinstance(which, Webhook):
            return which
        for webhook in self.webhooks.values():
            if which in (webhook.id, str(webhook.id), webhook.name):
                return webhook
        raise Refused(f"no webhook {which!r}")

    def message(self, message_id: int) -> Message | None:
        """Return a standing message by id, wherever it is."""
        for channel in self.channels.values():
            found = channel.find(message_id)
            if found is not None:
                return found
        return None

    def dm(self, user: User) -> Channel:
        """Return the direct-message channel between the bot and a user, opened when new."""
        for channel in self.channels.values():
            if channel.kind == DM and user in channel.recipients:
                return channel
        channel = Channel(self.snowflakes.mint(), DM, f"dm-{user.name}", recipients=[user])
        self.channels[channel.id] = channel
        return channel

    def permissions(self, user: User, channel: Channel) -> int:
        """Return a user's permission bits in a channel; 0 for strangers."""
        if channel.guild is None:
            partner = user is self.bot or user in channel.recipients
            return permissions.bits(permissions.EVERYONE) if partner else 0
        member = channel.guild.members.get(user.id)
        if member is None:
            return 0
        if channel.kind == 12 and user.id not in channel.thread_members:
            total = permissions.of_channel(channel.guild, member, channel)
            return total if total & permissions.bit("manage_threads") else 0
        return permissions.of_channel(channel.guild, member, channel)

    def may(self, user: User, channel: Channel, *names: str) -> bool:
        """Whether a user holds all these permissions in a channel."""
        wanted = permissions.bits(names)
        return self.permissions(user, channel) & wanted == wanted

    def set_overwrite(
        self, channel: Channel, target: str, allow: Iterable[str], deny: Iterable[str]
    ) -> None:
        """Set a channel overwrite by names; `@bot` is the bot's own account."""
        if channel.guild is None:
            raise Refused("direct messages have no overwrites")
        target_id, kind = self._overwrite_target(channel.guild, target)
        channel.overwrites[target_id] = Overwrite(
            kind, permissions.bits(allow), permissions.bits(deny)
        )

    def shared_guilds(self, user: User) -> Iterator[Guild]:
        """Yield the guilds where both the bot and the user are."""
        for guild in self.guilds.values():
            if guild.bot_present and user.id in guild.members:
                yield guild

    def _add_guild(self, spec: GuildSpec) -> None:
        guild = Guild(spec.id, spec.name, 0, bot_present=spec.bot_present)
        everyone = Role(spec.id, "@everyone", permissions.bits(spec.everyone))
        guild.roles[everyone.id] = everyone
        for place, role in enumerate(spec.roles, start=1):
            guild.roles[role.id] = Role(
                role.id,
                role.name,
                permissions.bits(role.permissions),
                role.color,
                len(spec.roles) + 1 - place,
                role.hoist,
                role.mentionable,
            )
        self._add_members(guild, spec)
        guild.owner_id = self.user(spec.owner).id
        for place, channel in enumerate(spec.channels):
            self._add_channel(guild, channel, place)
        for item in spec.channels:
            if item.category:
                guild.channels[item.id].parent_id = self._category(guild, item.category)
        self.guilds[guild.id] = guild
        for hook in spec.webhooks:
            target = self._own_channel(guild, hook.channel)
            self.webhooks[hook.id] = Webhook(hook.id, hook.name, hook.token, target)

    def _add_members(self, guild: Guild, spec: GuildSpec) -> None:
        now = self.clock.now()
        first = spec is self.world.guilds[0]
        for user in self.world.users:
            is_in = first if user.guilds is None else spec.name in user.guilds
            if is_in:
                guild.members[user.id] = Member(
                    self.users[user.id], now, self._role_ids(guild, user, first=first)
                )
        if spec.bot_present:
            managed = Role(
                self.snowflakes.mint(),
                self.bot.name,
                permissions.bits(self.world.bot_permissions),
                position=len(guild.roles),
                managed_by=self.bot.id,
            )
            guild.roles[managed.id] = managed
            roles = [managed.id]
            if first:
                roles += [self.role(guild, name).id for name in self.world.bot_roles]
            guild.members[self.bot.id] = Member(self.bot, now, roles)

    def _role_ids(self, guild: Guild, user: UserSpec, *, first: bool) -> list[int]:
        known = {role.name: role.id for role in guild.roles.values()}
        missing = [name for name in user.roles if name not in known]
        if missing and first and user.guilds is None:
            raise ValueError(f"world: user {user.name} has unknown roles {missing}")
        return [known[name] for name in user.roles if name in known]

    def _add_channel(self, guild: Guild, spec: ChannelSpec, place: int) -> None:
        channel = Channel(
            spec.id,
            CHANNEL_KINDS[spec.kind],
            spec.name,
            guild,
            spec.topic or None,
            place,
        )
        for extra in spec.overwrites:
            target, kind = self._overwrite_target(guild, extra.target)
            channel.overwrites[target] = Overwrite(
                kind, permissions.bits(extra.allow), permissions.bits(extra.deny)
            )
        guild.channels[channel.id] = channel
        self.channels[channel.id] = channel

    def _overwrite_target(self, guild: Guild, name: str) -> tuple[int, int]:
        if name == "@bot":
            return self.bot.id, 1
        for role in guild.roles.values():
            if role.name == name:
                return role.id, 0
        return self.user(name).id, 1

    @staticmethod
    def _category(guild: Guild, name: str) -> int:
        for channel in guild.channels.values():
            if channel.kind == CHANNEL_KINDS["category"] and channel.name == name:
                return channel.id
        raise ValueError(f"world: no category {name!r} in {guild.name}")

    @staticmethod
    def _own_channel(guild: Guild, name: str) -> Channel:
        for channel in guild.channels.values():
            if channel.name == name and channel.kind != CHANNEL_KINDS["category"]:
                return channel
        raise ValueError(f"world: no channel {name!r} in {guild.name}")
