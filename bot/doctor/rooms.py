"""Channels: there, usable, and the admin channel private."""

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from bot.access import Access, ChannelFacts, Overwrite
from bot.doctor import Finding, Patient
from bot.doctor import _rights as rights
from bot.doctor._rest import Unreachable

_SPEAKING = (
    *("trade_alerts", "all_messages", "approvals", "orders", "activity", "reports", "copilot"),
    *("panel", "admin"),
)
_TEXT_KINDS = (0, 5, 10, 11, 12)


async def look(patient: Patient) -> AsyncIterator[Finding]:
    """One finding per channel that is configured."""
    config = patient.config.discord
    if patient.rest is None or config.guild_id is None:
        return
    try:
        me = await patient.ask("/users/@me")
        guild = await patient.ask(f"/guilds/{config.guild_id}")
        member = await patient.ask(f"/guilds/{config.guild_id}/members/{me['id']}")
        channels = await patient.ask(f"/guilds/{config.guild_id}/channels")
    except Unreachable:
        return  # the login has said why
    known = {int(c["id"]): c for c in channels}
    for name, channel_id, needed in wanted(patient):
        channel = known.get(channel_id)
        if channel is None:
            channel = await _elsewhere(patient, channel_id)
        yield _room(name, channel_id, channel, needed, member, guild)
    if config.channels.admin is not None and config.channels.admin in known:
        yield _privacy(patient, known[config.channels.admin], guild, int(me["id"]))


def wanted(patient: Patient) -> Iterator[tuple[str, int, int]]:
    """What each channel is for, its id, and the rights that it needs."""
    rooms = patient.config.discord.channels
    for purpose in _SPEAKING:
        channel_id = getattr(rooms, purpose, None)
        if channel_id is not None:
            needed = rights.MINIMAL if purpose == "panel" else rights.POSTING
            yield purpose.replace("_", "-"), channel_id, needed
    for channel_id in sorted(rooms.actions):
        yield "actions", channel_id, rights.VIEW | rights.SEND | rights.HISTORY
    for name, source in patient.config.sources.items():
        yield f"alert room {source.name or name}", source.channel_id, rights.LISTENING


async def _elsewhere(patient: Patient, channel_id: int) -> Any:
    """A thread, or a room of another server that the bot is in."""
    try:
        return await patient.ask(f"/channels/{channel_id}")
    except Unreachable:
        return None


def _room(
    name: str, channel_id: int, channel: Any, needed: int, member: Any, guild: Any
) -> Finding:
    if channel is None:
        return Finding(
            part=name,
            is_ok=False,
            said=f"channel {channel_id} is not there, or hidden from the bot",
            mend="give the bot's role View Channel there, or choose another (/setup)",
        )
    if channel["type"] not in _TEXT_KINDS:
        return Finding(
            part=name, is_ok=False, said="is no text channel", mend="choose another: /setup"
        )
    if str(channel.get("guild_id", guild["id"])) != str(guild["id"]):
        return Finding(part=name, is_ok=None, said=f"#{channel['name']} of another server")
    lacking = rights.missing(rights.in_channel(member, guild, channel), needed)
    return Finding(
        part=name,
        is_ok=not lacking,
        said=f"#{channel['name']}: missing {', '.join(lacking)}"
        if lacking
        else f"#{channel['name']}",
        mend=f"#{channel['name']} → Edit Channel → Permissions → the bot's role" if lacking else "",
    )


def _privacy(patient: Patient, channel: Any, guild: Any, me: int) -> Finding:
    exposed = exposure(patient, channel, guild, me)
    named = _named(exposed, guild)
    return Finding(
        part="admin channel is private",
        is_ok=not exposed,
        said="; ".join(named) if exposed else "admins and the bot alone see it",
        mend=f"#{channel['name']} → Edit Channel → Permissions: take View Channel away from them"
        if exposed
        else "",
    )


def exposure(patient: Patient, channel: Any, guild: Any, me: int) -> tuple[str, ...]:
    """Who sees it and should not, judged as the gate judges it."""
    config = patient.config.discord
    own = {
        int(r["id"]) for r in guild["roles"] if str((r.get("tags") or {}).get("bot_id")) == str(me)
    }
    access = Access(
        guild_id=config.guild_id,
        admin_channel_id=int(channel["id"]),
        admin=config.roles.admin,
        private_role_ids=frozenset(own),
        private_user_ids=frozenset({me, int(guild["owner_id"]), *config.owners}),
    )
    return access.exposure(
        ChannelFacts(
            channel_id=int(channel["id"]),
            guild_id=int(guild["id"]),
            role_permissions={int(r["id"]): int(r["permissions"]) for r in guild["roles"]},
            overwrites=tuple(
                Overwrite(
                    target_id=int(o["id"]),
                    is_role=int(o["type"]) == 0,
                    allow=int(o["allow"]),
                    deny=int(o["deny"]),
                )
                for o in channel.get("permission_overwrites") or []
            ),
        )
    )


def _named(exposed: tuple[str, ...], guild: Mapping[str, Any]) -> list[str]:
    names = {str(r["id"]): str(r["name"]) for r in guild["roles"]}
    found = []
    for said in exposed:
        words = [f"“{names[w]}”" if w in names else w for w in said.split()]
        found.append(" ".join(words))
    return found
