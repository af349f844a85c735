"""One card in Discord: posted, edited in place, and what a refusal of it means."""

import hashlib
import logging
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import discord

from engine.domain.desk import Posted

log = logging.getLogger(__name__)

OLD_EDITS_S = 3.0
"""Least time between changes of a card older than an hour: Discord takes three of them in 6 s."""
_GONE = {10003, 10004, 50001, 50013, 50083}
"""Channel or server gone, no access, archived: trying again now cannot help."""
_MESSAGE_GONE, _OLD_EDITS = 10008, 30046

Room = discord.TextChannel | discord.Thread


@dataclass(frozen=True, kw_only=True)
class Content:
    """What one card looks like now."""

    text: str = ""
    embeds: tuple[discord.Embed, ...] = ()
    view: discord.ui.View | None = None
    files: tuple[discord.File, ...] = ()
    mentions: tuple[int, ...] = field(default=())
    """Role ids that may be pinged when this card is first posted; nothing else ever pings."""


class Refused(Exception):
    """This card cannot be shown as it is; its next version may be."""


class Unwell(Exception):
    """Discord could not answer; the card goes out later."""

    def __init__(self, why: str, wait_s: float | None = None) -> None:
        super().__init__(why)
        self.wait_s = wait_s


class Dead(Exception):
    """This channel cannot be posted to."""


async def show(
    client: discord.Client,
    channel_id: int | None,
    name: str,
    content: Content,
    posted: Posted | None,
) -> discord.Message:
    """Post a card, or edit it where it stands; ``name`` is the same for the same card for ever.

    Raises:
        Refused, Unwell, Dead.
    """
    try:
        return await _post_or_edit(client, channel_id, name, content, posted)
    except discord.HTTPException as error:
        raise _meaning(error) from error
    except discord.RateLimited as error:
        raise Unwell("rate limited", error.retry_after) from error
    except (aiohttp.ClientError, OSError, TimeoutError, RuntimeError) as error:
        raise Unwell(str(error) or type(error).__name__) from error


def _meaning(error: discord.HTTPException) -> Exception:
    if error.code in _GONE or (error.status in (403, 404) and not error.code):
        return Dead(error.text or str(error))
    if error.code == _OLD_EDITS:
        return Unwell(error.text, 2 * OLD_EDITS_S)
    if error.status == 429 or error.status >= 500 or error.status == 401:
        return Unwell(str(error))
    return Refused(f"Discord refused it: {error}")


async def _post_or_edit(
    client: discord.Client,
    channel_id: int | None,
    name: str,
    content: Content,
    posted: Posted | None,
) -> discord.Message:
    channel = await _channel(client, channel_id)
    shown: dict[str, Any] = {"content": content.text or None, "embeds": list(content.embeds)}
    if posted is not None and posted.channel_id == channel.id:
        partial = channel.get_partial_message(posted.message_id)
        try:
            return await partial.edit(**shown, view=content.view, attachments=list(content.files))
        except discord.NotFound as error:
            if error.code != _MESSAGE_GONE:
                raise
        for file in content.files:
            file.reset()
        log.info("card %s was deleted by somebody; it is posted again", name)
        name = f"{name}:{posted.message_id}"  # somebody deleted our card: post it again
    roles = content.mentions if posted is None else ()
    return await channel.send(
        **shown,
        view=content.view or discord.utils.MISSING,
        files=list(content.files),
        nonce=nonce(name),
        allowed_mentions=discord.AllowedMentions(
            everyone=False,
            users=False,
            roles=[discord.Object(r) for r in roles],
            replied_user=False,
        ),
    )


async def _channel(client: discord.Client, channel_id: int | None) -> Room:
    if channel_id is None:
        raise Dead("no channel is configured for it")
    channel = client.get_channel(channel_id) or await client.fetch_channel(channel_id)
    if not isinstance(channel, Room):
        raise Dead("it is no text channel")
    return channel


def nonce(name: str) -> str:
    """At most 25 characters, the same for the same card for ever."""
    return hashlib.sha256(name.encode()).hexdigest()[:25]
