"""Everything a test or a demo can do to the pretended Discord, apart from HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from bot.sandbox.actor import Actor
from bot.sandbox.clock import Clock, ShiftedClock
from bot.sandbox.commands import Commands
from bot.sandbox.errors import Problem
from bot.sandbox.events import MODERATION, WEBHOOKS
from bot.sandbox.faults import Faults
from bot.sandbox.gateway import Gateway
from bot.sandbox.havoc import Havoc
from bot.sandbox.interactions import Interactions
from bot.sandbox.limits import Limits
from bot.sandbox.message import Message, Upload
from bot.sandbox.posting import Posting, sender_for
from bot.sandbox.state import Channel, Guild, Member, Role, State, User, Webhook
from bot.sandbox.waiting import until
from bot.sandbox.world import World

Json = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How a sandbox behaves from the start."""

    token: str = "sandbox-token"  # noqa: S105 - the pretended one
    spec: Path | None = None
    check_answers: bool = False
    realistic_limits: bool = False
    heartbeat_ms: int = 41_250
    control: bool = True


class Driver(Havoc):
    """State, gateway and verbs of one sandbox."""

    def __init__(self, world: World, setup: Setup, clock: Clock | None, cdn: str) -> None:
        self.setup = setup
        self.clock = ShiftedClock(clock)
        self.problems: list[Problem] = []
        self.state = State(world, self.clock)
        self.gateway = Gateway(self.state, setup.token, self.problems, setup.heartbeat_ms)
        self.posting = Posting(self.state, self.gateway, cdn)
        self.interactions = Interactions(self.state, self.gateway, self.posting)
        self.commands = Commands(self.state)
        self.faults = Faults()
        self.limits = Limits(realistic=setup.realistic_limits)
        self.is_down = False

    # ---- looking ---------------------------------------------------------------------------

    def user(self, who: str | int | User, *, strict: bool = True) -> Actor:
        """Return the hands of a user; `strict=False` plays a manipulated client."""
        return Actor(self, self.state.user(who), strict=strict)

    def channel(self, where: str | int | Channel) -> Channel:
        """Return a channel by name, `guild/name` or id; `.messages` is its history."""
        return self.state.channel(where)

    def dm(self, who: str | int | User) -> Channel:
        """Return the direct messages between the bot and a user."""
        return self.state.dm(self.state.user(who))

    def sent(self) -> list[Message]:
        """Return every message of the bot that still stands, in order of posting."""
        found = [
            m
            for channel in self.state.channels.values()
            for m in channel.messages
            if m.author is self.state.bot and m.kind in (0, 19, 20)
        ]
        return sorted(found, key=lambda m: m.id)

    async def until(self, check: Callable[[], T], timeout_s: float = 30.0) -> T:
        """Wait until `check()` is truthy and return it.

        Raises:
            TimeoutError: it stayed falsy.
        """
        return await until(self.gateway, check, timeout_s)

    async def online(self, timeout_s: float = 30.0) -> None:
        """Wait until a bot is connected to the gateway."""
        await self.until(lambda: self.gateway.is_connected, timeout_s)

    # ---- posting ---------------------------------------------------------------------------

    def webhook_say(
        self,
        webhook: str | int | Webhook,
        content: str = "",
        *,
        username: str = "",
        embeds: Sequence[Json] = (),
        files: Sequence[Upload] = (),
        crosspost: bool = False,
    ) -> Message:
        """Post as a provider's webhook; `crosspost` makes it look like a followed post."""
        hook = self.state.webhook(webhook)
        body: Json = {"content": content, "embeds": list(embeds)}
        if username:
            body["username"] = username
        if crosspost:
            body["flags"] = 2
            number = self.state.snowflakes.mint()
            body["origin"] = {
                "type": 0,
                "message_id": str(number),
                "channel_id": str(number - 1),
                "guild_id": str(number - 2),
            }
        return self.post_as_webhook(hook, body, dict(enumerate(files)))

    def post_as_webhook(
        self,
        hook: Webhook,
        body: Json,
        files: dict[int, Upload] | None = None,
        *,
        thread_id: int | None = None,
    ) -> Message:
        """Post a webhook body into its channel or one of its threads."""
        channel = self.state.channels[thread_id] if thread_id else hook.channel
        made = self.posting.create(channel, sender_for(hook, body), body, files)
        if "origin" in body:
            made.reference = body["origin"]
        return made

    def webhook_edit(self, item: Message, content: str) -> None:
        """Edit a webhook's message."""
        self.posting.edit(item, {"content": content})

    def delete(self, item: Message) -> None:
        """Delete any message, as a moderator would."""
        self.posting.delete(item)

    def react(self, item: Message, who: User, emoji: str) -> None:
        """Add a reaction once per user."""
        reactors = item.reactions.setdefault(emoji, [])
        if who not in reactors:
            reactors.append(who)
            self.gateway.reaction("MESSAGE_REACTION_ADD", item, who, emoji)

    def unreact(self, item: Message, who: User, emoji: str) -> None:
        """Remove a reaction."""
        reactors = item.reactions.get(emoji, [])
        if who in reactors:
            reactors.remove(who)
            self.gateway.reaction("MESSAGE_REACTION_REMOVE", item, who, emoji)
        if not reactors:
            item.reactions.pop(emoji, None)

    # ---- the server's administrators -------------------------------------------------------

    def follow(
        self, source: Channel | str | int, target: Channel | str | int, by: User | None = None
    ) -> Webhook:
        """Let `target` follow the announcement channel `source`."""
        origin, place = self.channel(source), self.channel(target)
        guild = origin.guild.name if origin.guild else ""
        made = Webhook(
            self.state.snowflakes.mint(),
            f"{guild} #{origin.name}",
            "",
            place,
            kind=2,
            creator=by,
            source=origin,
        )
        self.state.webhooks[made.id] = made
        self.webhooks_changed(place)
        return made

    def webhooks_changed(self, channel: Channel) -> None:
        """Send WEBHOOKS_UPDATE."""
        self.gateway.at_channel("WEBHOOKS_UPDATE", channel, {}, WEBHOOKS, WEBHOOKS)

    def delete_webhook(self, hook: Webhook) -> None:
        """Remove a webhook."""
        self.state.webhooks.pop(hook.id, None)
        self.webhooks_changed(hook.channel)

    def delete_channel(self, where: Channel | str | int) -> None:
        """Delete a channel or thread with all in it."""
        channel = self.channel(where)
        event = "THREAD_DELETE" if channel.is_thread else "CHANNEL_DELETE"
        self.state.channels.pop(channel.id, None)
        if channel.guild is not None:
            channel.guild.channels.pop(channel.id, None)
        self.gateway.channel(event, channel)

    def overwrite(
        self,
        where: Channel | str | int,
        target: str,
        *,
        allow: Sequence[str] = (),
        deny: Sequence[str] = (),
    ) -> None:
        """Set a channel overwrite for a role name, a user name, `@everyone` or `@bot`."""
        self.state.set_overwrite(self.channel(where), target, allow, deny)
        self.gateway.channel("CHANNEL_UPDATE", self.channel(where))

    def give_role(
        self, guild: Guild, item: Member, role: Role, *, reason: str | None = None
    ) -> None:
        """Give a role to a member."""
        if role.id not in item.roles:
            item.roles.append(role.id)
            self.gateway.member("GUILD_MEMBER_UPDATE", guild, item)
            change = ("$add", None, [{"id": str(role.id), "name": role.name}])
            self.audit(guild, 25, item.user.id, reason, change)

    def take_role(
        self, guild: Guild, item: Member, role: Role, *, reason: str | None = None
    ) -> None:
        """Take a role from a member."""
        if role.id in item.roles:
            item.roles.remove(role.id)
            self.gateway.member("GUILD_MEMBER_UPDATE", guild, item)
            change = ("$remove", None, [{"id": str(role.id), "name": role.name}])
            self.audit(guild, 25, item.user.id, reason, change)

    def set_role(self, who: str | int | User, role: str, *, has: bool, guild: str = "") -> None:
        """Give (`has=True`) or take a role by names, in the first guild or a named one."""
        place = self.guild(guild)
        item = place.members[self.state.user(who).id]
        act = self.give_role if has else self.take_role
        act(place, item, self.state.role(place, role))

    def guild(self, name: str = "") -> Guild:
        """Return a guild by name, or the first one."""
        for guild in self.state.guilds.values():
            if not name or name in (guild.name, str(guild.id)):
                return guild
        raise LookupError(f"no guild {name!r}")

    def leave(self, who: str | int | User, guild: str = "") -> None:
        """Let a member leave; the bot leaving means it was kicked."""
        place, user = self.guild(guild), self.state.user(who)
        item = place.members.pop(user.id)
        if user is self.state.bot:
            place.bot_present = False
            self.gateway.guild_gone(place, is_outage=False)
        else:
            self.gateway.member("GUILD_MEMBER_REMOVE", place, item)

    def join(self, who: str | int | User, *roles: str, guild: str = "") -> None:
        """Let a user, or the bot, join a guild."""
        place, user = self.guild(guild), self.state.user(who)
        ids = [self.state.role(place, role).id for role in roles]
        item = Member(user, self.clock.now(), ids)
        place.members[user.id] = item
        if user is self.state.bot:
            item.roles += [r.id for r in place.roles.values() if r.managed_by == user.id]
            place.bot_present = True
            self.gateway.guild_back(place)
        else:
            self.gateway.member("GUILD_MEMBER_ADD", place, item)

    def join_thread(self, thread: Channel, who: User) -> None:
        """Add someone to a thread."""
        thread.thread_members[who.id] = self.clock.now()
        self.gateway.tell_watchers("world", None)

    def audit(
        self,
        guild: Guild | None,
        action: int,
        target_id: int,
        reason: str | None,
        change: tuple[str, Any, Any],
    ) -> None:
        """Write an audit entry by the bot and tell sessions with the moderation intent."""
        if guild is None:
            return
        key, old, new = change
        entry: Json = {
            "id": str(self.state.snowflakes.mint()),
            "user_id": str(self.state.bot.id),
            "target_id": str(target_id),
            "action_type": action,
            "changes": [{"key": key, "old_value": old, "new_value": new}],
        }
        if reason:
            entry["reason"] = reason
        guild.audit.append(entry)
        data = entry | {"guild_id": str(guild.id)}
        self.gateway.dispatch(
            "GUILD_AUDIT_LOG_ENTRY_CREATE", data, guild_id=guild.id, intent=MODERATION
        )
