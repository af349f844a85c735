"""Discord's permission bits and the sum of roles and channel overwrites."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bot.sandbox.state import Channel, Guild, Member

_BITS = {
    "create_instant_invite": 0,
    "kick_members": 1,
    "ban_members": 2,
    "administrator": 3,
    "manage_channels": 4,
    "manage_guild": 5,
    "add_reactions": 6,
    "view_audit_log": 7,
    "view_channel": 10,
    "send_messages": 11,
    "send_tts_messages": 12,
    "manage_messages": 13,
    "embed_links": 14,
    "attach_files": 15,
    "read_message_history": 16,
    "mention_everyone": 17,
    "use_external_emojis": 18,
    "connect": 20,
    "speak": 21,
    "change_nickname": 26,
    "manage_nicknames": 27,
    "manage_roles": 28,
    "manage_webhooks": 29,
    "manage_expressions": 30,
    "use_application_commands": 31,
    "manage_events": 33,
    "manage_threads": 34,
    "create_public_threads": 35,
    "create_private_threads": 36,
    "use_external_stickers": 37,
    "send_messages_in_threads": 38,
    "moderate_members": 40,
    "send_polls": 49,
    "use_external_apps": 50,
    "pin_messages": 51,
}
ALL = (1 << 53) - 1
_TEXT_NEEDS_SEND = ("mention_everyone", "send_tts_messages", "attach_files", "embed_links")

EVERYONE: tuple[str, ...] = (
    "view_channel",
    "send_messages",
    "embed_links",
    "attach_files",
    "read_message_history",
    "add_reactions",
    "use_external_emojis",
    "use_application_commands",
    "create_public_threads",
    "create_private_threads",
    "send_messages_in_threads",
    "change_nickname",
    "connect",
    "speak",
    "send_polls",
)
"""What a new guild gives to @everyone."""


def bit(name: str) -> int:
    """Return the bit of one permission name."""
    return 1 << _BITS[name]


def bits(names: Iterable[str]) -> int:
    """Return the bits of several permission names; `all` means every one."""
    total = 0
    for name in names:
        total |= ALL if name == "all" else bit(name)
    return total


def names(value: int) -> list[str]:
    """Return the names of the bits that are set."""
    return [name for name, place in _BITS.items() if value >> place & 1]


def of_guild(guild: Guild, member: Member) -> int:
    """Return a member's permissions before channel overwrites."""
    if member.user.id == guild.owner_id:
        return ALL
    total = guild.roles[guild.id].permissions
    for role_id in member.roles:
        total |= guild.roles[role_id].permissions
    return ALL if total & bit("administrator") else total


def of_channel(guild: Guild, member: Member, channel: Channel) -> int:
    """Return a member's permissions in one channel or thread (a thread takes its parent's)."""
    total = of_guild(guild, member)
    if total == ALL:
        return ALL
    source = channel.parent if channel.is_thread and channel.parent is not None else channel
    total = _overwritten(total, guild, member, source)
    if not total & bit("view_channel"):
        return 0
    send = "send_messages_in_threads" if channel.is_thread else "send_messages"
    if not total & bit(send):
        total &= ~bits(_TEXT_NEEDS_SEND)
    return total


def _overwritten(total: int, guild: Guild, member: Member, channel: Channel) -> int:
    everyone = channel.overwrites.get(guild.id)
    if everyone is not None:
        total = total & ~everyone.deny | everyone.allow
    allow = deny = 0
    for role_id in member.roles:
        extra = channel.overwrites.get(role_id)
        if extra is not None:
            allow, deny = allow | extra.allow, deny | extra.deny
    total = total & ~deny | allow
    own = channel.overwrites.get(member.user.id)
    if own is not None:
        total = total & ~own.deny | own.allow
    return total
