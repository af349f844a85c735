"""What happens in the guilds, told to every session by its intents and to watchers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bot.sandbox import payloads
from bot.sandbox.message import Message
from bot.sandbox.sessions import Session
from bot.sandbox.state import DM, Channel, Guild, Member, Role, State, User

Json = dict[str, Any]

GUILDS, MEMBERS, MODERATION, WEBHOOKS = 1 << 0, 1 << 1, 1 << 2, 1 << 5
PRESENCES, GUILD_MESSAGES, GUILD_REACTIONS, GUILD_TYPING = 1 << 8, 1 << 9, 1 << 10, 1 << 11
DM_MESSAGES, DM_REACTIONS, DM_TYPING, CONTENT = 1 << 12, 1 << 13, 1 << 14, 1 << 15

Watcher = Callable[[str, Any], None]


class Events:
    """Builds and sends dispatches."""

    def __init__(self, state: State) -> None:
        self._state = state
        self.strips_content = False
        self.sessions: dict[str, Session] = {}
        self.watchers: set[Watcher] = set()

    def guild_payload(self, session: Session, guild: Guild) -> Json:
        """Return GUILD_CREATE as this session's intents allow."""
        everyone = MEMBERS | PRESENCES
        return payloads.guild(
            guild,
            bot_id=self._state.bot.id,
            with_members=session.intents & everyone == everyone,
        )

    @property
    def is_connected(self) -> bool:
        """Whether any bot session has a socket now."""
        return any(session.link is not None for session in self.sessions.values())

    def dispatch(self, event: str, data: Any, *, guild_id: int | None, intent: int = 0) -> None:
        """Send an event to every session that asked for it."""
        for session in self.sessions.values():
            if session.sees(guild_id) and (not intent or session.intents & intent):
                session.dispatch(event, data)

    def message(self, event: str, item: Message) -> None:
        """Send a message event, blank where Message Content is missing."""
        self.tell_watchers("message", item)
        channel = item.channel
        if item.ephemeral_for is not None or not self._bot_sees(channel):
            return
        guild = channel.guild
        intent = GUILD_MESSAGES if guild is not None else DM_MESSAGES
        for session in self.sessions.values():
            if not session.intents & intent or not session.sees(guild.id if guild else None):
                continue
            blank = self.strips_content or not session.intents & CONTENT
            blank = blank and not payloads.is_readable(self._state, item)
            data = payloads.message(self._state, item, blank=blank)
            data["channel_type"] = channel.kind
            if guild is not None:
                data["guild_id"] = str(guild.id)
                member = guild.members.get(item.author.id)
                if member is not None and item.webhook_id is None:
                    data["member"] = payloads.member(member, with_user=False)
            session.dispatch(event, data)

    def message_gone(self, item: Message) -> None:
        """Send MESSAGE_DELETE."""
        self.tell_watchers("message", item)
        if item.ephemeral_for is None:
            self.at_channel(
                "MESSAGE_DELETE", item.channel, {"id": str(item.id)}, GUILD_MESSAGES, DM_MESSAGES
            )

    def messages_gone(self, channel: Channel, items: list[Message]) -> None:
        """Send MESSAGE_DELETE_BULK."""
        for item in items:
            self.tell_watchers("message", item)
        ids = {"ids": [str(item.id) for item in items]}
        self.at_channel("MESSAGE_DELETE_BULK", channel, ids, GUILD_MESSAGES, DM_MESSAGES)

    def at_channel(
        self, event: str, channel: Channel, data: Json, guild_intent: int, dm_intent: int
    ) -> None:
        """Send an event that belongs to a channel which the bot can see."""
        if not self._bot_sees(channel):
            return
        full = data | {"channel_id": str(channel.id)}
        if channel.guild is None:
            self.dispatch(event, full, guild_id=None, intent=dm_intent)
        else:
            full["guild_id"] = str(channel.guild.id)
            self.dispatch(event, full, guild_id=channel.guild.id, intent=guild_intent)

    def reaction(self, event: str, item: Message, who: User, emoji: str) -> None:
        """Send MESSAGE_REACTION_ADD or MESSAGE_REACTION_REMOVE."""
        self.tell_watchers("message", item)
        data: Json = {
            "user_id": str(who.id),
            "message_id": str(item.id),
            "emoji": payloads.emoji(emoji),
            "burst": False,
            "type": 0,
        }
        guild = item.channel.guild
        if event.endswith("ADD"):
            data["message_author_id"] = str(item.author.id)
            if guild is not None and who.id in guild.members:
                data["member"] = payloads.member(guild.members[who.id])
        self.at_channel(event, item.channel, data, GUILD_REACTIONS, DM_REACTIONS)

    def typing(self, channel: Channel, who: User) -> None:
        """Send TYPING_START."""
        self.tell_watchers("typing", (channel, who))
        data = {
            "user_id": str(who.id),
            "timestamp": int(self._state.clock.now().timestamp()),
        }
        if who is not self._state.bot:
            self.at_channel("TYPING_START", channel, data, GUILD_TYPING, DM_TYPING)

    def channel(self, event: str, item: Channel, extra: Json | None = None) -> None:
        """Send a CHANNEL_ or THREAD_ event."""
        self.tell_watchers("world", None)
        if item.guild is not None:
            data = payloads.channel(item) | (extra or {})
            self.dispatch(event, data, guild_id=item.guild.id, intent=GUILDS)

    def member(self, event: str, guild: Guild, item: Member) -> None:
        """Send a GUILD_MEMBER_ event; the bot hears of itself without the intent."""
        self.tell_watchers("world", None)
        data = payloads.member(item) | {"guild_id": str(guild.id)}
        if event == "GUILD_MEMBER_REMOVE":
            data = {"guild_id": str(guild.id), "user": payloads.user(item.user)}
        own = item.user is self._state.bot and event == "GUILD_MEMBER_UPDATE"
        self.dispatch(event, data, guild_id=guild.id, intent=0 if own else MEMBERS)

    def role(self, event: str, guild: Guild, item: Role) -> None:
        """Send a GUILD_ROLE_ event."""
        self.tell_watchers("world", None)
        data: Json = {"guild_id": str(guild.id), "role": payloads.role(item)}
        if event == "GUILD_ROLE_DELETE":
            data = {"guild_id": str(guild.id), "role_id": str(item.id)}
        self.dispatch(event, data, guild_id=guild.id, intent=GUILDS)

    def guild_back(self, guild: Guild) -> None:
        """Send GUILD_CREATE to every session."""
        self.tell_watchers("world", None)
        for session in self.sessions.values():
            if session.intents & GUILDS and session.sees(guild.id):
                session.dispatch("GUILD_CREATE", self.guild_payload(session, guild))

    def guild_gone(self, guild: Guild, *, is_outage: bool) -> None:
        """Send GUILD_DELETE; without an outage it means that the bot was removed."""
        self.tell_watchers("world", None)
        data: Json = {"id": str(guild.id)}
        if is_outage:
            data["unavailable"] = True
        self.dispatch("GUILD_DELETE", data, guild_id=guild.id, intent=GUILDS)

    def interaction(self, data: Json, guild_id: int | None) -> None:
        """Send INTERACTION_CREATE; it needs no intent."""
        self.dispatch("INTERACTION_CREATE", data, guild_id=guild_id)

    def tell_watchers(self, kind: str, subject: Any) -> None:
        """Tell pages and waiting tests that something changed."""
        for watcher in list(self.watchers):
            watcher(kind, subject)

    def _bot_sees(self, channel: Channel) -> bool:
        if channel.kind == DM:
            return True
        guild = channel.guild
        if guild is None or not guild.bot_present or not guild.is_available:
            return False
        return self._state.may(self._state.bot, channel, "view_channel")
