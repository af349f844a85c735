"""# actions that were typed while nobody heard them: never done late, and never left unanswered."""

import logging
from collections.abc import Collection
from datetime import timedelta
from typing import TYPE_CHECKING

import discord

from bot import reply
from engine.domain.errors import StoreUnavailable

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

_BACK = timedelta(hours=24)
_MOST = 100
"""Messages of a room that are looked through."""
_ANSWERED = 10
"""The newest of them."""
_ARRIVES_S = 2.0
"""What stands in the room is heard within this, when it is heard at all."""
_SAID = (
    "⚠ This was typed while the desk was away and is not done now: prices have moved since. Look "
    "at /positions whether anything of it was done before you type it again."
)


async def answer(app: "App", heard: Collection[int]) -> int:
    """Tell the authors that nothing was done; to how many messages.

    ``heard``: ids of messages that this process has taken up itself.
    """
    n = 0
    for channel_id in app.config.discord.channels.actions:
        channel = app.bot.get_channel(channel_id)
        if not isinstance(channel, discord.TextChannel):
            continue
        try:
            found = await _unheard(app, channel)
            await app.clock.sleep(_ARRIVES_S if found else 0)
            for message in found[-_ANSWERED:]:
                if message.id in heard or await app.store.events(ref=f"ask-{message.id}"):
                    continue
                await message.reply(reply.badged(app, _SAID), mention_author=False)
                n += 1
        except (*reply.UNWELL, StoreUnavailable) as error:
            log.info("missed actions of room %s: %s", channel_id, error)
    return n


async def _unheard(app: "App", channel: discord.TextChannel) -> list[discord.Message]:
    """Oldest first; what bears an answer of ours was heard by an earlier process."""
    me, since = app.bot.user, app.clock.now() - _BACK
    found = [m async for m in channel.history(limit=_MOST, after=since, oldest_first=False)]
    answered = {m.reference.message_id for m in found if m.author == me and m.reference is not None}
    return [
        m
        for m in reversed(found)
        if m.content.lstrip().startswith("#")
        and not m.author.bot
        and m.webhook_id is None
        and m.id not in answered
    ]
