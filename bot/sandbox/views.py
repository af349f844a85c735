"""State -> what the page and remote drivers read: names beside ids, only what a viewer may see."""

from __future__ import annotations

from typing import Any

from bot.sandbox import payloads
from bot.sandbox.driver import Driver
from bot.sandbox.interactions import Interaction
from bot.sandbox.message import Message
from bot.sandbox.state import DM, Channel, Guild, User

Json = dict[str, Any]


def message(item: Message) -> Json:
    """Return one message."""
    who = item.ephemeral_for
    return {
        "id": str(item.id),
        "channel": str(item.channel.id),
        "channel_name": item.channel.name,
        "author": author(item),
        "at": payloads.stamp(item.created_at),
        "edited_at": payloads.stamp(item.edited_at) if item.edited_at else None,
        "n_edits": len(item.edits),
        "deleted": item.deleted_at is not None,
        "kind": item.kind,
        "content": item.content,
        "text": item.text,
        "embeds": item.embeds,
        "components": item.components,
        "attachments": [a.payload() for a in payloads.shown_attachments(item)],
        "flags": item.flags,
        "loading": item.is_loading,
        "v2": item.is_v2,
        "pinned": item.pinned_at is not None,
        "ephemeral_for": str(who.id) if who is not None else None,
        "reply_to": _replied(item),
        "used": _used(item),
        "forwarded": [part["message"] for part in item.snapshots],
        "reactions": {
            emoji: [str(user.id) for user in users] for emoji, users in item.reactions.items()
        },
        "thread": {"id": str(item.thread.id), "name": item.thread.name} if item.thread else None,
    }


def author(item: Message) -> Json:
    """Return who wrote a message, with the colour of the highest coloured role."""
    user, guild = item.author, item.channel.guild
    return {
        "id": str(user.id),
        "name": _shown_name(user, guild),
        "bot": user.bot,
        "webhook": user.is_webhook,
        "color": _color(user, guild),
    }


def _shown_name(user: User, guild: Guild | None) -> str:
    member = guild.members.get(user.id) if guild is not None else None
    return (member.nick if member is not None else None) or user.display_name


def _color(user: User, guild: Guild | None) -> int:
    member = guild.members.get(user.id) if guild is not None else None
    if guild is None or member is None or user.is_webhook:
        return 0
    coloured = [guild.roles[role_id] for role_id in member.roles if guild.roles[role_id].color]
    return max(coloured, key=lambda role: role.position).color if coloured else 0


def _replied(item: Message) -> Json | None:
    target = item.replied_to
    if target is None:
        return None
    return {
        "id": str(target.id),
        "author": author(target),
        "snippet": target.text[:120] if target.deleted_at is None else "Message was deleted",
    }


def _used(item: Message) -> Json | None:
    about = item.interaction
    if about is None or "name" not in about:
        return None
    return {
        "id": about["user"]["id"],
        "user": about["user"]["global_name"] or about["user"]["username"],
        "name": about["name"],
        "slash": about.get("command_type") == 1,
    }


def interaction(item: Interaction) -> Json:
    """Return what an interaction led to so far."""
    reply = item.original or (item.followups[-1] if item.followups else None)
    return {
        "id": str(item.id),
        "name": item.name,
        "user": item.user.name,
        "ack": item.ack,
        "failed": item.ack is None,
        "modal": item.modal,
        "choices": item.choices,
        "reply": message(reply) if reply is not None else None,
        "followups": [message(m) for m in item.followups],
        "refusals": item.refusals,
    }


def channel(item: Channel) -> Json:
    """Return one channel."""
    return {
        "id": str(item.id),
        "name": item.name,
        "kind": item.kind,
        "topic": item.topic,
        "parent": str(item.parent_id) if item.parent_id else None,
        "guild": str(item.guild.id) if item.guild is not None else None,
        "archived": item.is_archived,
        "n_messages": len(item.messages),
        "last": str(item.history[-1].id) if item.history else None,
    }


def world(sandbox: Driver, viewer: User) -> Json:
    """Return everything around the messages, as one person sees it."""
    state = sandbox.state
    return {
        "me": str(viewer.id),
        "online": sandbox.gateway.is_connected,
        "down": sandbox.is_down,
        "presence": _presence(sandbox),
        "bot": str(state.bot.id),
        "problems": [str(problem) for problem in sandbox.problems[-20:]],
        "people": [
            {"id": str(u.id), "name": u.display_name} for u in state.users.values() if not u.bot
        ],
        "users": {
            str(u.id): {"name": u.display_name, "handle": u.name, "bot": u.bot}
            for u in state.users.values()
        },
        "guilds": [_guild(g, viewer) for g in state.guilds.values() if viewer.id in g.members],
        "channels": [
            channel(c) | {"may_write": _may_write(sandbox, viewer, c)}
            for c in state.channels.values()
            if _sees(sandbox, viewer, c)
        ],
        "time": payloads.stamp(sandbox.clock.now()),
    }


def _presence(sandbox: Driver) -> str:
    for session in sandbox.gateway.sessions.values():
        if session.link is not None and session.presence:
            activities = session.presence.get("activities") or []
            return str(activities[0].get("state") or activities[0]["name"]) if activities else ""
    return ""


def _guild(item: Guild, viewer: User) -> Json:
    return {
        "id": str(item.id),
        "name": item.name,
        "roles": [
            {"id": str(r.id), "name": r.name, "color": r.color, "hoist": r.hoist}
            for r in sorted(item.roles.values(), key=lambda r: -r.position)
            if r.id != item.id
        ],
        "members": [
            {
                "id": str(m.user.id),
                "roles": [str(role_id) for role_id in m.roles],
                "color": _color(m.user, item),
                "name": _shown_name(m.user, item),
            }
            for m in item.members.values()
        ],
        "my_roles": [str(role_id) for role_id in item.members[viewer.id].roles],
    }


def _sees(sandbox: Driver, viewer: User, item: Channel) -> bool:
    if item.kind == DM:
        return viewer in item.recipients
    return sandbox.state.may(viewer, item, "view_channel")


def _may_write(sandbox: Driver, viewer: User, item: Channel) -> bool:
    send = "send_messages_in_threads" if item.is_thread else "send_messages"
    return item.kind not in (2, 4, 15) and sandbox.state.may(viewer, item, send)


def visible(sandbox: Driver, viewer: User, item: Message) -> bool:
    """Whether a person sees a message."""
    if item.ephemeral_for not in (None, viewer):
        return False
    return _sees(sandbox, viewer, item.channel)


def history(
    sandbox: Driver, viewer: User, place: Channel, before: int = 1 << 63, limit: int = 60
) -> list[Json]:
    """Return the newest messages of a channel that a person sees, oldest first."""
    found = [m for m in place.messages if m.id < before and visible(sandbox, viewer, m)]
    return [message(m) for m in found[-limit:]]


def offered(sandbox: Driver, viewer: User, place: Channel) -> Json:
    """Return the commands a person is offered in a channel, by kind."""
    kinds = {"slash": 1, "user": 2, "message": 3}
    return {name: sandbox.commands.visible(viewer, place, kind) for name, kind in kinds.items()}
