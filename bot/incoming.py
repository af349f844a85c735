"""A Discord message as the engine sees it: text, embeds, sender by id, origin of copies."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any

import discord

from engine.domain.alert import EmbedText, RawAlert


def raw_alert(
    message: discord.Message,
    received_at: datetime,
    *,
    is_edit: bool = False,
    is_caught_up: bool = False,
) -> RawAlert:
    """Everything readable of one message; nothing is opened or fetched (X-11)."""
    is_person = not message.author.bot and message.webhook_id is None
    texts = [message.content, *_component_texts(message.components)]
    embeds = [] if is_person else _own_embeds(message.embeds)
    for snapshot in message.message_snapshots:
        texts += [snapshot.content, *_component_texts(snapshot.components)]
        embeds += _own_embeds(snapshot.embeds)
    return RawAlert(
        guild_id=message.guild.id if message.guild else None,
        channel_id=message.channel.id,
        message_id=message.id,
        edit_no=1 if is_edit else 0,
        author_id=message.author.id,
        author_name=message.author.display_name,
        webhook_id=message.webhook_id,
        is_bot=message.author.bot,
        posted_at=message.created_at,
        received_at=received_at,
        text="\n".join(filter(None, texts)),
        embeds=tuple(_embed(e) for e in embeds),
        n_attachments=len(message.attachments),
        reply_to=_reply_to(message),
        origin=_origin(message),
        is_caught_up=is_caught_up,
    )


def is_unreadable(message: discord.Message) -> bool:
    """Whether it has nothing at all: Discord keeps the text from us (A-17)."""
    return (
        message.type in (discord.MessageType.default, discord.MessageType.reply)
        and not message.author.bot
        and not message.content
        and not (message.embeds or message.attachments or message.components or message.stickers)
        and not message.message_snapshots
        and message.poll is None
    )


def is_rewritten(message: discord.Message) -> bool:
    """Whether an update was made by its author; link previews, pins and flags are not."""
    is_person = not message.author.bot and message.webhook_id is None
    return message.edited_at is not None or not is_person


def _own_embeds(embeds: Iterable[discord.Embed]) -> list[discord.Embed]:
    """What bots and webhooks wrote. A preview of a link comes later, from elsewhere."""
    return [e for e in embeds if e.type == "rich"]


def _component_texts(components: Iterable[Any]) -> Iterator[str]:
    """Words of layout components, wherever they are nested."""
    for component in components:
        if isinstance(component, discord.TextDisplay):
            yield component.content
        yield from _component_texts(getattr(component, "children", ()))


def _embed(embed: discord.Embed) -> EmbedText:
    return EmbedText(
        title=embed.title or "",
        description=embed.description or "",
        author=embed.author.name or "",
        fields=tuple((f.name or "", f.value or "") for f in embed.fields),
        footer=embed.footer.text or "",
    )


def _is_copy(message: discord.Message) -> bool:
    return message.flags.is_crossposted or bool(message.message_snapshots)


def _reply_to(message: discord.Message) -> int | None:
    reference = message.reference
    if reference is None or _is_copy(message):
        return None
    return reference.message_id


def _origin(message: discord.Message) -> tuple[int, int] | None:
    reference = message.reference
    if reference is None or reference.message_id is None or not _is_copy(message):
        return None
    return reference.channel_id, reference.message_id
