"""Discord's permission bits of the bot in one channel, from what its REST side says."""

from collections.abc import Iterable, Mapping
from typing import Any

VIEW, SEND, EMBED, ATTACH, HISTORY = (1 << n for n in (10, 11, 14, 15, 16))
PIN = 1 << 51
MANAGE_CHANNELS, MANAGE_ROLES = 1 << 4, 1 << 28
ADMINISTRATOR = 1 << 3
NAMES: Mapping[int, str] = {
    VIEW: "View Channel",
    SEND: "Send Messages",
    EMBED: "Embed Links",
    ATTACH: "Attach Files",
    HISTORY: "Read Message History",
    PIN: "Pin Messages",
    MANAGE_CHANNELS: "Manage Channels",
    MANAGE_ROLES: "Manage Roles",
}
POSTING = VIEW | SEND | EMBED | ATTACH | HISTORY
"""What a room needs that the desk speaks in."""
LISTENING = VIEW | HISTORY
"""What an alert room needs."""
MINIMAL = POSTING | PIN
"""What the bot needs in its server."""
SETTING_UP = MINIMAL | MANAGE_CHANNELS | MANAGE_ROLES
"""The same with what /setup needs to make channels and roles; may be taken away afterwards."""

Json = Mapping[str, Any]


def in_guild(member: Json, guild: Json) -> int:
    """Bits before any channel's exceptions; -1: everything."""
    if str(guild.get("owner_id")) == str((member.get("user") or {}).get("id")):
        return -1
    held = {str(guild["id"]), *map(str, member.get("roles") or [])}
    total = 0
    for role in guild.get("roles") or []:
        if str(role["id"]) in held:
            total |= int(role["permissions"])
    return -1 if total & ADMINISTRATOR else total


def in_channel(member: Json, guild: Json, channel: Json) -> int:
    """Bits in one channel: @everyone's exception, then roles', then the member's own."""
    total = in_guild(member, guild)
    if total == -1:
        return total
    by_id = {str(o["id"]): o for o in channel.get("permission_overwrites") or []}
    total = _with(total, [by_id.get(str(guild["id"]))])
    total = _with(total, [by_id.get(str(r)) for r in member.get("roles") or []])
    total = _with(total, [by_id.get(str((member.get("user") or {}).get("id")))])
    return total if total & VIEW else 0


def _with(total: int, exceptions: Iterable[Json | None]) -> int:
    allow = deny = 0
    for one in exceptions:
        if one is not None:
            allow, deny = allow | int(one["allow"]), deny | int(one["deny"])
    return total & ~deny | allow


def missing(held: int, needed: int) -> list[str]:
    """Names of what is lacking."""
    return [name for bit, name in NAMES.items() if needed & bit and not held & bit]


def invite(application_id: int | str, permissions: int, guild_id: int | None = None) -> str:
    """The page on which somebody lets the bot into a server."""
    link = (
        f"https://discord.com/oauth2/authorize?client_id={application_id}"
        f"&scope=bot%20applications.commands&permissions={permissions}"
    )
    return f"{link}&guild_id={guild_id}&disable_guild_select=true" if guild_id else link
