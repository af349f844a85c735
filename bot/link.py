"""The line to Discord: is it up, is our server there, can we read, is the admin room private?

What is wrong stands in health; what people must hear although the server cannot be reached goes to
the owners as a direct message, once.
"""

import logging
from collections import Counter
from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

from bot import text
from bot.reply import UNWELL
from engine.domain.record import Event
from engine.domain.trade import Trade, TradeState

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

_LONG_S = 60.0
"""An absence that people are told about."""
_SUMMARY_ROOMS = ("activity", "orders", "admin")
_CONTENT_OFF = (
    "messages arrive without text: switch on the Message Content intent of the bot in Discord's "
    "developer portal"
)


class Link:
    """What the desk knows of its connection."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self.is_up = False
        self._lost_at: float | None = None
        self._meanwhile: Counter[str] = Counter()
        self._realised = Decimal(0)
        self._told: set[str] = set()
        app.desk.bus.listen(self._on_events)
        app.desk.health["discord"] = "not connected yet"

    # -- up and down ------------------------------------------------------------------------

    def lost(self, why: str = "not connected") -> None:
        """The gateway is gone; cards wait, exits and stops go on."""
        self._app.desk.health["discord"] = why
        self._app.outbox.pause()
        if self.is_up:
            self.is_up = False
            self._lost_at = self._app.clock.monotonic()
            self._meanwhile.clear()
            self._realised = Decimal(0)

    def found(self) -> None:
        """Connected, perhaps again: post what is due."""
        self.is_up = True
        self._app.desk.health.pop("discord", None)
        self.review()
        self._app.outbox.start()

    async def summarise(self, n_late: int) -> None:
        """After a long absence: one message about what happened meanwhile."""
        lost_at, self._lost_at = self._lost_at, None
        if lost_at is None:
            return
        away_s = self._app.clock.monotonic() - lost_at
        if away_s < _LONG_S:
            return
        seen = self._meanwhile
        facts = [
            f"{n} {word if n == 1 else word + 's'}"
            for word in ("fill", "refused order", "position without a stop")
            if (n := seen[word])
        ]
        if seen["closed trade"]:
            made = text.usd(self._realised, sign=True)
            facts.append(f"{seen['closed trade']} closed (realised {made})")
        if n_late:
            facts.append(f"{n_late} message{'' if n_late == 1 else 's'} of alert rooms read late")
        words = ", ".join(facts) or "nothing happened"
        span = text.span(timedelta(seconds=away_s))
        channels = self._app.config.discord.channels
        room = next((r for r in _SUMMARY_ROOMS if getattr(channels, r) is not None), "admin")
        kept = "Exits and stops kept working."
        said = f"📡 **Discord was away for {span}.** {kept} Meanwhile: {words}."
        await self._app.desk.tell(room, said)

    def _on_events(self, events: Sequence[Event]) -> None:
        if self.is_up:
            return
        for event in events:
            if event.kind in _COUNTED:
                self._meanwhile[_COUNTED[event.kind]] += 1
            for put in event.puts:
                if isinstance(put, Trade) and put.state is TradeState.CLOSED:
                    self._meanwhile["closed trade"] += 1
                    self._realised += put.realised_usd

    # -- the server and its rooms -----------------------------------------------------------

    def review(self) -> None:
        """Look at our server again: is it there, and is the admin room private (X-04)?"""
        app = self._app
        health = app.desk.health
        guild_id = app.config.discord.guild_id
        guild = app.bot.get_guild(guild_id) if guild_id else None
        if guild is None:
            self._complain("discord server", "the bot is not a member of the configured server")
            return
        if guild.unavailable:
            health["discord server"] = "not available: an outage at Discord"
            return
        self._settle("discord server")
        self._review_admin_room()
        app.outbox.revive()

    def _review_admin_room(self) -> None:
        if self._app.config.discord.channels.admin is None:
            return
        exposed = self._app.gate.admin_room_exposure()
        if not exposed:
            self._settle("admin channel")
            return
        who = "; ".join(exposed)
        self._complain(
            "admin channel",
            f"it is not private ({who}): admin commands are refused and nothing is posted there",
        )

    def note_content(self, *, is_readable: bool) -> None:
        """A message came: with its text, or with nothing at all (A-17)."""
        if is_readable:
            self._app.desk.health.pop("message content", None)
        else:
            self._app.desk.health["message content"] = _CONTENT_OFF

    def room_dead(self, purpose: str, why: str) -> None:
        """Cards of this purpose cannot be posted."""
        self._complain(f"channel {purpose}", f"cannot be posted to: {why}. Its cards wait.")

    def room_alive(self, purpose: str) -> None:
        """They can again."""
        self._settle(f"channel {purpose}")

    # -- owners -----------------------------------------------------------------------------

    def _complain(self, part: str, what: str) -> None:
        """Put it into health, and tell the owners once."""
        self._app.desk.health[part] = what
        if part not in self._told:
            self._told.add(part)
            self._app.desk.spawn(self._tell_owners(f"⚠ TradeStream: {part}: {what}"), "tell owners")

    def _settle(self, part: str) -> None:
        self._app.desk.health.pop(part, None)
        self._told.discard(part)

    async def _tell_owners(self, words: str) -> None:
        """A direct message to every owner; what cannot be said that way stands in the log."""
        log.warning("%s", words)
        for owner in sorted(self._app.config.discord.owners):
            try:
                person = await self._app.bot.fetch_user(owner)
                await person.send(words[:2000])
            except UNWELL as error:
                log.warning("owner %s could not be told: %s", owner, error)


_COUNTED = {
    "fill.booked": "fill",
    "order.rejected": "refused order",
    "trade.unprotected": "position without a stop",
}
"""Kinds of events that a summary counts, and in which words."""
