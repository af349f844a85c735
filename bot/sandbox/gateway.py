"""Discord's gateway v10: hello, identify, resume, heartbeats, and events by intent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from collections.abc import Callable
from typing import Any

from aiohttp import WSMsgType, web

from bot.sandbox import payloads
from bot.sandbox.errors import Problem
from bot.sandbox.message import Message
from bot.sandbox.sessions import Link, Session
from bot.sandbox.state import DM, Channel, Guild, Member, Role, State, User

Json = dict[str, Any]

GUILDS, MEMBERS, MODERATION, WEBHOOKS = 1 << 0, 1 << 1, 1 << 2, 1 << 5
PRESENCES, GUILD_MESSAGES, GUILD_REACTIONS, GUILD_TYPING = 1 << 8, 1 << 9, 1 << 10, 1 << 11
DM_MESSAGES, DM_REACTIONS, DM_TYPING, CONTENT = 1 << 12, 1 << 13, 1 << 14, 1 << 15
_PRIVILEGED = {"members": MEMBERS, "presences": PRESENCES, "message_content": CONTENT}
_KNOWN_INTENTS = (1 << 26) - 1
_SENDS_PER_MINUTE = 120

Watcher = Callable[[str, Any], None]


class Gateway:
    """Accepts the bot's sockets and tells sessions and watchers what happens."""

    def __init__(
        self, state: State, token: str, problems: list[Problem], heartbeat_ms: int = 41_250
    ) -> None:
        self._state = state
        self._token = token
        self._problems = problems
        self.heartbeat_ms = heartbeat_ms
        self.url = ""
        self.latency_s = 0.0
        self.strips_content = False
        self.mutes_acks = False
        self.sessions: dict[str, Session] = {}
        self.links: set[Link] = set()
        self.watchers: set[Watcher] = set()
        self.log: list[str] = []
        """What happened on the gateway in order: identify, resume, resumed, close."""
        self._jobs: set[asyncio.Task[None]] = set()

    # ---- the socket ------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.WebSocketResponse:
        """Serve one gateway connection until it ends."""
        socket = web.WebSocketResponse(compress=False, max_msg_size=1 << 20)
        await socket.prepare(request)
        link = Link(socket, request, lambda: self.latency_s)
        self.links.add(link)
        try:
            link.send(10, {"heartbeat_interval": self.heartbeat_ms, "_trace": ["sandbox"]})
            async for frame in socket:
                if frame.type is not WSMsgType.TEXT:
                    break
                await self._receive(link, frame.data)
        finally:
            self.links.discard(link)
            self._detach(link)
            link.abort()
        return socket

    async def _receive(self, link: Link, text: str) -> None:
        link.n_received += 1
        asyncio.get_running_loop().call_later(60, _forget_one, link)
        if link.n_received > _SENDS_PER_MINUTE:
            await self._refuse(link, 4008, "Rate limited.")
            return
        try:
            data = json.loads(text)
            op = data["op"]
        except (ValueError, KeyError, TypeError):
            await self._refuse(link, 4002, "Error while decoding payload.")
            return
        if op == 1:
            if not self.mutes_acks:
                link.send(11)
            return
        if op in (2, 6):
            if link.session is not None:
                await self._refuse(link, 4005, "Already authenticated.")
                return
            await (self._identify if op == 2 else self._resume)(link, data["d"])
            return
        if link.session is None:
            await self._refuse(link, 4003, "Not authenticated.")
            return
        self._authenticated(link.session, op, data.get("d"))

    def _authenticated(self, session: Session, op: int, data: Any) -> None:
        if op == 3:
            session.presence = data
            self.tell_watchers("presence", data)
        elif op == 8:
            self._chunk(session, data)
        elif op not in (4, 31):
            self._problems.append(Problem("gateway", f"op {op}", "unknown opcode"))

    async def _refuse(self, link: Link, code: int, reason: str) -> None:
        if code not in (4004, 4014):
            self._problems.append(Problem("gateway", f"close {code}", reason))
        self.log.append(f"close {code}")
        await link.close(code, reason)

    async def _identify(self, link: Link, data: Json) -> None:
        if data.get("token") != self._token:
            await self._refuse(link, 4004, "Authentication failed.")
            return
        intents = data.get("intents")
        if not isinstance(intents, int) or intents & ~_KNOWN_INTENTS:
            await self._refuse(link, 4013, "Invalid intent(s).")
            return
        for name, mask in _PRIVILEGED.items():
            if intents & mask and name not in self._state.world.privileged_intents:
                await self._refuse(link, 4014, "Disallowed intent(s).")
                return
        shard = tuple(data.get("shard") or (0, 1))
        for dead in [s for s in self.sessions.values() if s.link is None]:
            del self.sessions[dead.id]
        session = Session(secrets.token_hex(16), intents, (shard[0], shard[1]), link)
        session.presence = data.get("presence")
        self.sessions[session.id] = session
        link.session = session
        self.log.append("identify")
        self._welcome(session)
        self.tell_watchers("presence", session.presence)

    def _welcome(self, session: Session) -> None:
        guilds = [g for g in self._state.guilds.values() if g.bot_present and session.sees(g.id)]
        ready = {
            "v": 10,
            "user": payloads.own_user(self._state.bot),
            "session_id": session.id,
            "session_type": "normal",
            "resume_gateway_url": self.url,
            "guilds": [{"id": str(guild.id), "unavailable": True} for guild in guilds],
            "private_channels": [],
            "relationships": [],
            "shard": list(session.shard),
            "application": {"id": str(self._state.bot.id), "flags": self.application_flags()},
            "_trace": ["sandbox"],
        }
        session.dispatch("READY", ready)
        if session.intents & GUILDS:
            for guild in guilds:
                if guild.is_available:
                    session.dispatch("GUILD_CREATE", self._guild_payload(session, guild))

    def application_flags(self) -> int:
        """Return the application's flag bits for the privileged intents it may use."""
        places = {"presences": 13, "members": 15, "message_content": 19}
        return sum(1 << places[name] for name in self._state.world.privileged_intents)

    def _guild_payload(self, session: Session, guild: Guild) -> Json:
        everyone = MEMBERS | PRESENCES
        return payloads.guild(
            guild,
            bot_id=self._state.bot.id,
            with_members=session.intents & everyone == everyone,
        )

    async def _resume(self, link: Link, data: Json) -> None:
        if data.get("token") != self._token:
            await self._refuse(link, 4004, "Authentication failed.")
            return
        session = self.sessions.get(str(data.get("session_id")))
        missed = session.missed_since(int(data.get("seq") or 0)) if session is not None else None
        if session is None or not session.is_resumable or missed is None:
            self.log.append("resume refused")
            link.send(9, data=False)
            return
        if session.link is not None:
            session.link.abort()
        self.log.append("resume")
        session.link = link
        link.session = session
        for text in missed:
            link.send_text(text)
        session.dispatch("RESUMED", {"_trace": ["sandbox"]})
        self.tell_watchers("presence", session.presence)

    def _detach(self, link: Link) -> None:
        session = link.session
        if session is not None and session.link is link:
            session.link = None
            self.log.append("gone")
            # Only a client that closes normally ends its session; a reply to our close does not.
            if link.socket.close_code in (1000, 1001) and not link.is_closed_by_us:
                self.sessions.pop(session.id, None)
            self.tell_watchers("presence", None)

    def _chunk(self, session: Session, data: Json) -> None:
        guild = self._state.guilds.get(int(data["guild_id"]))
        if guild is None:
            return
        wanted = {int(n) for n in _listed(data.get("user_ids"))}
        query = str(data.get("query") or "").casefold()
        found = [
            m
            for m in guild.members.values()
            if (m.user.id in wanted if wanted else m.user.name.casefold().startswith(query))
        ]
        limit = int(data.get("limit") or 0)
        found = found[:limit] if limit else found
        chunks = [found[at : at + 1000] for at in range(0, len(found), 1000)] or [[]]
        for place, part in enumerate(chunks):
            answer: Json = {
                "guild_id": str(guild.id),
                "members": [payloads.member(m) for m in part],
                "chunk_index": place,
                "chunk_count": len(chunks),
                "not_found": [str(n) for n in wanted if n not in guild.members],
            }
            if data.get("nonce") is not None:
                answer["nonce"] = data["nonce"]
            session.dispatch("GUILD_MEMBERS_CHUNK", answer)

    # ---- events ----------------------------------------------------------------------------

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
                session.dispatch("GUILD_CREATE", self._guild_payload(session, guild))

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

    # ---- misbehaviour ----------------------------------------------------------------------

    def drop(self, code: int | None) -> None:
        """Close every socket with a code, or cut it (None)."""
        for link in list(self.links):
            if code is None:
                link.abort()
            else:
                self.spawn(link.close(code))
        self.log.append(f"drop {code or 'abort'}")

    def reconnect(self) -> None:
        """Ask every client to reconnect and resume (op 7)."""
        for link in self.links:
            link.send(7)
        self.log.append("op 7")

    def invalidate(self, *, resumable: bool) -> None:
        """Tell every client that its session is invalid (op 9)."""
        for session in list(self.sessions.values()):
            if not resumable:
                session.is_resumable = False
                del self.sessions[session.id]
            if session.link is not None:
                session.link.send(9, data=resumable)
        self.log.append(f"op 9 {resumable}".lower())

    def spawn(self, work: Any) -> None:
        """Run a coroutine in the background and keep it alive until it ends."""
        job = asyncio.ensure_future(work)
        self._jobs.add(job)
        job.add_done_callback(self._jobs.discard)

    async def stop(self) -> None:
        """Abort every socket and background job."""
        for link in list(self.links):
            link.abort()
        for job in list(self._jobs):
            job.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await job


def _listed(value: Any) -> list[Any]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _forget_one(link: Link) -> None:
    link.n_received -= 1
