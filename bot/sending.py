"""E-mail, text message, webhook and the like, through the library that knows their addresses."""

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

import discord

from bot.told import Told

if TYPE_CHECKING:
    from bot.app import App

_PATIENCE_S = 20.0


async def send_outside(url: str, words: str) -> None:
    """Send a few words to an address of apprise's form (``mailtos://``, ``json://`` ...).

    In a thread of its own: the library blocks, and importing it takes a second.

    Raises:
        OSError: it was not taken, or took longer than 20 s.
    """
    try:
        async with asyncio.timeout(_PATIENCE_S):
            is_sent = await asyncio.to_thread(_send, url, words)
    except TimeoutError:
        raise OSError("no answer within 20 s") from None
    if not is_sent:
        raise OSError("it was not taken")


def _send(url: str, words: str) -> bool:
    import apprise

    logging.getLogger("apprise").setLevel(logging.CRITICAL)  # its lines hold addresses
    sender = apprise.Apprise()
    if not sender.add(url):
        raise OSError("its address cannot be read")
    return bool(sender.notify(body=words, title="TradeStream"))


@dataclass(frozen=True, slots=True)
class Sending:
    """One notification to one channel; may be tried again."""

    app: "App"
    told: Told
    channel: str

    async def once(self) -> str:
        """Send it; what became of it.

        Raises:
            OSError, DiscordException, TradeStreamError: try again.
        """
        if self.channel == "dm":
            return await self._dm()
        await self.app.notifier.outside(self.channel, f"{self.told.severity}: {self.told.text}")
        return "sent"

    async def _dm(self) -> str:
        prefs = self.app.people.of(self.told.user_id)
        if not prefs.wants(self.told.severity, self.app.clock.now()):
            return "held back (preferences)"
        user = await self.app.bot.fetch_user(self.told.user_id)
        await user.send(
            f"🔔 {self.told.text}"[:1900], allowed_mentions=discord.AllowedMentions.none()
        )
        return "sent"
