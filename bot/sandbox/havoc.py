"""Misbehaviour on command: what Discord does to a bot on a bad day."""

from __future__ import annotations

from typing import Any

from bot.sandbox.clock import ShiftedClock
from bot.sandbox.faults import Fault, Faults
from bot.sandbox.gateway import Gateway
from bot.sandbox.message import Message
from bot.sandbox.posting import Posting
from bot.sandbox.state import Guild

Json = dict[str, Any]


class Havoc:
    """The unkind verbs of a sandbox."""

    gateway: Gateway
    posting: Posting
    faults: Faults
    clock: ShiftedClock
    is_down: bool

    def guild(self, name: str = "") -> Guild:
        """Return a guild by name, or the first one."""
        raise NotImplementedError

    def drop(self, code: int | None = None) -> None:
        """Close every gateway socket with a code, or cut it without one (None)."""
        self.gateway.drop(code)

    def reconnect(self) -> None:
        """Ask the bot to reconnect and resume (op 7)."""
        self.gateway.reconnect()

    def invalidate(self, *, resumable: bool = False) -> None:
        """Declare sessions invalid (op 9)."""
        self.gateway.invalidate(resumable=resumable)

    def fault(self, path: str, kind: str, times: int = 1, **more: Any) -> Fault:
        """Let the next `times` matching requests go wrong; see `bot.sandbox.faults.Fault`.

        `path` is a glob below `/api/v10`, such as `/channels/*/messages`; more keywords:
        method, retry_after_s, delay_s, code, message.
        """
        return self.faults.add(Fault(path, str(kind), times, **more))

    def duplicate_next(self, times: int = 1) -> None:
        """Deliver the next foreign message `times` more times."""
        self.posting.duplicate_next = times

    def redeliver(self, item: Message) -> None:
        """Deliver a message's MESSAGE_CREATE once more, now."""
        self.gateway.message("MESSAGE_CREATE", item)

    def latency(self, seconds: float) -> None:
        """Delay every gateway frame and REST answer by this much."""
        self.gateway.latency_s = seconds

    def strip_content(self, *, on: bool = True) -> None:
        """Let every foreign content arrive empty (intent switched off in the portal)."""
        self.gateway.strips_content = on

    def mute_heartbeats(self, *, on: bool = True) -> None:
        """Leave heartbeats without an ACK."""
        self.gateway.mutes_acks = on

    def go_down(self) -> None:
        """Cut every connection of the bot and refuse new ones, until `come_back`."""
        self.is_down = True
        self.gateway.drop(None)
        self.gateway.tell_watchers("world", None)

    def come_back(self) -> None:
        """Accept connections again."""
        self.is_down = False
        self.gateway.tell_watchers("world", None)

    def guild_outage(self, guild: str = "") -> None:
        """Make a guild unavailable, as in a Discord outage."""
        place = self.guild(guild)
        place.is_available = False
        self.gateway.guild_gone(place, is_outage=True)

    def guild_back(self, guild: str = "") -> None:
        """End the outage of a guild."""
        place = self.guild(guild)
        place.is_available = True
        self.gateway.guild_back(place)

    def advance(self, seconds: float) -> None:
        """Put Discord's clock forward."""
        self.clock.advance(seconds)
        self.gateway.tell_watchers("world", None)

    def raw_event(self, event: str, data: Json, guild_id: int | None = None) -> None:
        """Send any gateway event as it is."""
        self.gateway.dispatch(event, data, guild_id=guild_id)
