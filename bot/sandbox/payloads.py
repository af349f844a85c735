"""State -> the JSON objects that Discord sends."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bot.sandbox.message import Message, walk
from bot.sandbox.state import DM, Channel, Guild, Member, Role, State, User, Webhook

Json = dict[str, Any]


def stamp(moment: datetime) -> str:
    """Return Discord's ISO form of a time."""
    return moment.isoformat(timespec="microseconds")


def user(who: User) -> Json:
    """Return a user object."""
    answer: Json = {
        "id": str(who.id),
        "username": who.name,
        "discriminator": "0000" if who.is_webhook else "0",
        "global_name": None if who.bot else who.display_name,
        "avatar": None,
        "public_flags": 0,
        "flags": 0,
        "primary_guild": None,
    }
    if who.bot:
        answer["bot"] = True
    return answer


def own_user(who: User) -> Json:
    """Return the bot's own account as `/users/@me` and READY show it."""
    return user(who) | {
        "verified": True,
        "mfa_enabled": False,
        "email": None,
        "locale": "en-US",
    }


def member(item: Member, *, with_user: bool = True) -> Json:
    """Return a guild member object."""
    answer: Json = {
        "roles": [str(role_id) for role_id in item.roles],
        "nick": item.nick,
        "avatar": None,
        "banner": None,
        "joined_at": stamp(item.joined_at),
        "premium_since": None,
        "pending": False,
        "deaf": False,
        "mute": False,
        "flags": 0,
        "communication_disabled_until": None,
    }
    if with_user:
        answer["user"] = user(item.user)
    return answer


def role(item: Role) -> Json:
    """Return a role object."""
    answer: Json = {
        "id": str(item.id),
        "name": item.name,
        "description": None,
        "permissions": str(item.permissions),
        "position": item.position,
        "color": item.color,
        "colors": {
            "primary_color": item.color,
            "secondary_color": None,
            "tertiary_color": None,
        },
        "hoist": item.hoist,
        "managed": item.managed_by is not None,
        "mentionable": item.mentionable,
        "icon": None,
        "unicode_emoji": None,
        "flags": 0,
    }
    if item.managed_by is not None:
        answer["tags"] = {"bot_id": str(item.managed_by)}
    return answer


def channel(item: Channel) -> Json:
    """Return a channel, thread or direct-message object."""
    last = item.history[-1].id if item.history else None
    answer: Json = {
        "id": str(item.id),
        "type": item.kind,
        "last_message_id": str(last) if last else None,
        "flags": 0,
    }
    if item.kind == DM:
        return answer | {"recipients": [user(who) for who in item.recipients]}
    assert item.guild is not None  # noqa: S101 - every other kind lives in a guild
    answer |= {
        "guild_id": str(item.guild.id),
        "name": item.name,
        "parent_id": str(item.parent_id) if item.parent_id else None,
        "rate_limit_per_user": item.slowmode_s,
    }
    if item.is_thread:
        return answer | _thread(item)
    answer |= {
        "position": item.position,
        "topic": item.topic,
        "nsfw": item.nsfw,
        "permission_overwrites": [
            {
                "id": str(target),
                "type": extra.kind,
                "allow": str(extra.allow),
                "deny": str(extra.deny),
            }
            for target, extra in item.overwrites.items()
        ],
    }
    if item.kind == 2:
        answer |= {"bitrate": 64000, "user_limit": 0, "rtc_region": None}
    return answer


def _thread(item: Channel) -> Json:
    return {
        "owner_id": str(item.owner_id),
        "message_count": len(item.messages),
        "total_message_sent": len(item.history),
        "member_count": len(item.thread_members),
        "thread_metadata": {
            "archived": item.is_archived,
            "archive_timestamp": stamp(item.archived_at) if item.archived_at else None,
            "auto_archive_duration": item.archive_after_min,
            "locked": item.is_locked,
        },
    }


def thread_member(thread: Channel, user_id: int) -> Json:
    """Return a thread member object."""
    return {
        "id": str(thread.id),
        "user_id": str(user_id),
        "join_timestamp": stamp(thread.thread_members[user_id]),
        "flags": 0,
    }


def guild(item: Guild, *, bot_id: int, with_members: bool) -> Json:
    """Return a GUILD_CREATE object; without the members intent it lists only the bot."""
    listed = [m for m in item.members.values() if with_members or m.user.id == bot_id]
    threads = [c for c in item.channels.values() if c.is_thread and not c.is_archived]
    return guild_plain(item) | {
        "joined_at": stamp(item.members[bot_id].joined_at),
        "large": False,
        "unavailable": False,
        "member_count": len(item.members),
        "members": [member(m) for m in listed],
        "channels": [channel(c) for c in item.channels.values() if not c.is_thread],
        "threads": [channel(c) for c in threads],
        "voice_states": [],
        "presences": [],
        "stage_instances": [],
        "guild_scheduled_events": [],
        "soundboard_sounds": [],
    }


def guild_plain(item: Guild) -> Json:
    """Return the guild object of `GET /guilds/{id}`."""
    return {
        "id": str(item.id),
        "name": item.name,
        "icon": None,
        "description": None,
        "home_header": None,
        "splash": None,
        "discovery_splash": None,
        "features": ["COMMUNITY", "NEWS"],
        "banner": None,
        "owner_id": str(item.owner_id),
        "application_id": None,
        "region": "us-east",
        "afk_channel_id": None,
        "afk_timeout": 300,
        "system_channel_id": None,
        "system_channel_flags": 0,
        "widget_enabled": False,
        "widget_channel_id": None,
        "verification_level": 0,
        "roles": [role(r) for r in item.roles.values()],
        "default_message_notifications": 1,
        "mfa_level": 0,
        "explicit_content_filter": 0,
        "max_presences": None,
        "max_members": 500000,
        "max_stage_video_channel_users": 50,
        "max_video_channel_users": 25,
        "vanity_url_code": None,
        "premium_tier": 0,
        "premium_subscription_count": 0,
        "preferred_locale": "en-US",
        "rules_channel_id": None,
        "safety_alerts_channel_id": None,
        "public_updates_channel_id": None,
        "premium_progress_bar_enabled": False,
        "nsfw": False,
        "nsfw_level": 0,
        "emojis": [],
        "stickers": [],
        "incidents_data": None,
    }


def webhook(item: Webhook, application_id: int) -> Json:
    """Return a webhook object; a follower has no token."""
    made_by_bot = item.creator is not None and item.creator.id == application_id
    answer: Json = {
        "id": str(item.id),
        "type": item.kind,
        "name": item.name,
        "avatar": None,
        "channel_id": str(item.channel.id),
        "guild_id": str(item.channel.guild.id) if item.channel.guild else None,
        "application_id": str(application_id) if made_by_bot else None,
    }
    if item.creator is not None:
        answer["user"] = user(item.creator)
    if item.kind == 1:
        answer["token"] = item.token
    elif item.source is not None and item.source.guild is not None:
        source = item.source
        answer["source_channel"] = {"id": str(source.id), "name": source.name}
        answer["source_guild"] = {
            "id": str(item.source.guild.id),
            "name": item.source.guild.name,
            "icon": None,
        }
    return answer


def content(item: Message) -> Json:
    """Return the part of a message that the Message Content intent guards."""
    return {
        "content": item.content,
        "embeds": item.embeds,
        "attachments": [a.payload() for a in shown_attachments(item)],
        "components": item.components,
    }


BLANK: Json = {"content": "", "embeds": [], "attachments": [], "components": []}


def shown_attachments(item: Message) -> list[Any]:
    """Return the attachments that stand below a message, not those inside embeds or components."""
    inside = set(_media(item))
    return [a for a in item.attachments if a.url not in inside]


def _media(item: Message) -> list[str]:
    urls = []
    for embed in item.embeds:
        urls += [(embed.get(key) or {}).get("url", "") for key in ("image", "thumbnail", "video")]
        urls.append((embed.get("author") or {}).get("icon_url", ""))
        urls.append((embed.get("footer") or {}).get("icon_url", ""))
    if not item.is_v2:
        return urls
    for part in walk(item.components):
        urls += [(part.get(key) or {}).get("url", "") for key in ("media", "file")]
        urls.extend(entry["media"]["url"] for entry in part.get("items") or [])
    return urls


def message(state: State, item: Message, *, nested: bool = False, blank: bool = False) -> Json:
    """Return a message object as the bot sees it.

    Args:
        state: where members and threads are looked up.
        item: the message.
        nested: True for `referenced_message` and pins, which do not nest further.
        blank: True when the Message Content intent is missing.
    """
    answer: Json = {
        "id": str(item.id),
        "channel_id": str(item.channel.id),
        "author": user(item.author),
        "type": item.kind,
        "timestamp": stamp(item.created_at),
        "edited_timestamp": stamp(item.edited_at) if item.edited_at else None,
        "tts": item.tts,
        "pinned": item.pinned_at is not None,
        "flags": item.flags,
        "mention_everyone": item.mention_everyone,
        "mentions": [user(who) for who in item.mentions],
        "mention_roles": [str(role_id) for role_id in item.mention_roles],
        **(BLANK if blank else content(item)),
    }
    answer |= _optional(state, item)
    if item.reference is not None and item.kind in (19, 21) and not nested:
        target = item.replied_to
        standing = target is not None and target.deleted_at is None
        answer["referenced_message"] = (
            message(state, target, nested=True, blank=blank and not _is_own(state, target))
            if target is not None and standing
            else None
        )
    return answer


def _optional(state: State, item: Message) -> Json:
    answer: Json = {}
    for key, value in (
        ("webhook_id", item.webhook_id),
        ("application_id", item.application_id),
    ):
        if value is not None:
            answer[key] = str(value)
    for key, part in (
        ("nonce", item.nonce),
        ("message_reference", item.reference),
        ("interaction_metadata", item.interaction),
        ("poll", item.poll),
    ):
        if part is not None:
            answer[key] = part
    if item.snapshots:
        answer["message_snapshots"] = item.snapshots
    if item.thread is not None:
        answer["thread"] = channel(item.thread)
    if item.reactions:
        answer["reactions"] = [_reaction(state, e, w) for e, w in item.reactions.items() if w]
    return answer


def _reaction(state: State, emoji_text: str, who: list[User]) -> Json:
    return {
        "emoji": emoji(emoji_text),
        "count": len(who),
        "count_details": {"normal": len(who), "burst": 0},
        "burst_colors": [],
        "me": state.bot in who,
        "me_burst": False,
    }


def emoji(text: str) -> Json:
    """Return an emoji object for `👍` or `name:id`."""
    name, _, number = text.partition(":")
    return {"id": number or None, "name": name}


def _is_own(state: State, item: Message) -> bool:
    return item.author is state.bot


def is_readable(state: State, item: Message) -> bool:
    """Whether the bot may read this without Message Content: its own, mentions, DMs."""
    return (
        item.author is state.bot
        or item.application_id == state.bot.id
        or item.channel.kind == DM
        or state.bot in item.mentions
    )
