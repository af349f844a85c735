"""Discord's gateway v10: hello, identify, resume, heartbeats, and events by intent."""

from __future__ import annotations

import asyncio
import contextlib
import json
import secrets
from typing import Any

from aiohttp import WSMsgType, web

from bot.sandbox import payloads
from bot.sandbox.errors import Problem
from bot.sandbox.events import CONTENT, GUILDS, MEMBERS, PRESENCES, Events
from bot.sandbox.sessions import Link, Session
from bot.sandbox.state import State

Json = dict[str, Any]

_PRIVILEGED = {"members": MEMBERS, "presences": PRESENCES, "message_content": CONTENT}
_KNOWN_INTENTS = (1 << 26) - 1
_SENDS_PER_MINUTE = 120

_ACK_S = 0.05
"""discord.py notes that it sent a heartbeat after sending it: an ACK from loopback overtakes the
note, and would read as a connection that is 41 s behind."""


class Gateway(Events):
    """Accepts the bot's sockets and tells sessions and watchers what happens."""

    def __init__(
        self, state: State, token: str, problems: list[Problem], heartbeat_ms: int = 41_250
    ) -> None:
        super().__init__(state)
        self._token = token
        self._problems = problems
        self.heartbeat_ms = heartbeat_ms
        self.url = ""
        self.latency_s = 0.0
        self.mutes_acks = False
        self.links: set[Link] = set()
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
                asyncio.get_running_loop().call_later(_ACK_S, link.send, 11)
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
                    session.dispatch("GUILD_CREATE", self.guild_payload(session, guild))

    def application_flags(self) -> int:
        """Return the application's flag bits for the privileged intents it may use."""
        places = {"presences": 13, "members": 15, "message_content": 19}
        return sum(1 << places[name] for name in self._state.world.privileged_intents)

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
