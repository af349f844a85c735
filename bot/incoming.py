"""A Discord message as the engine sees it: text, embeds, sender by id, origin of copies."""

from datetime import datetime

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
    text, embeds = message.content, list(message.embeds)
    for snapshot in message.message_snapshots:
        text = "\n".join(filter(None, (text, snapshot.content)))
        embeds += snapshot.embeds
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
        text=text,
        embeds=tuple(_embed(e) for e in embeds),
        n_attachments=len(message.attachments),
        reply_to=_reply_to(message),
        origin=_origin(message),
        is_caught_up=is_caught_up,
    )


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
