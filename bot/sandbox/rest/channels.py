"""Channels and threads: read, change, create, delete, follow."""

from __future__ import annotations

import secrets
from typing import Any

from bot.sandbox import payloads
from bot.sandbox.errors import ApiError, Flaw, invalid_form, missing_permissions
from bot.sandbox.message import HAS_THREAD
from bot.sandbox.posting import Sender, reference_to
from bot.sandbox.rest import Call, number, route, unknown
from bot.sandbox.state import DM, Channel, Overwrite, User, Webhook

Json = dict[str, Any]
_CHANNEL = "/channels/{channel_id}"


@route("GET", _CHANNEL)
def read(call: Call) -> Json:
    """Fetch a channel."""
    return payloads.channel(call.channel())


@route("PATCH", _CHANNEL)
def change(call: Call) -> Json:
    """Change a channel or thread."""
    channel = call.channel()
    body = call.json
    if channel.is_thread:
        return _change_thread(call, channel, body)
    call.channel("manage_channels")
    before = channel.name
    _apply(channel, body)
    _overwrite(channel, body)
    call.sandbox.gateway.channel("CHANNEL_UPDATE", channel)
    call.sandbox.audit(channel.guild, 11, channel.id, call.reason, ("name", before, channel.name))
    return payloads.channel(channel)


def _apply(channel: Channel, body: Json) -> None:
    for key, attribute in (
        ("name", "name"),
        ("topic", "topic"),
        ("nsfw", "nsfw"),
        ("position", "position"),
        ("rate_limit_per_user", "slowmode_s"),
    ):
        if key in body and body[key] is not None:
            setattr(channel, attribute, body[key])
    if "parent_id" in body:
        channel.parent_id = number(body["parent_id"]) if body["parent_id"] else None


def _overwrite(channel: Channel, body: Json) -> None:
    if body.get("permission_overwrites") is None:
        return
    channel.overwrites = {
        int(entry["id"]): Overwrite(
            int(entry["type"]), int(entry.get("allow") or 0), int(entry.get("deny") or 0)
        )
        for entry in body["permission_overwrites"]
    }


def _change_thread(call: Call, thread: Channel, body: Json) -> Json:
    state = call.sandbox.state
    manages = state.may(state.bot, thread, "manage_threads")
    is_own = thread.owner_id == state.bot.id
    if not manages and (not is_own or "locked" in body):
        raise missing_permissions()
    only_opens = body.get("archived") is False
    if thread.is_archived and not only_opens:
        raise ApiError(400, 50083, "Thread is archived")
    _apply(thread, body)
    thread.is_locked = body.get("locked", thread.is_locked)
    if body.get("archived") is not None and body["archived"] != thread.is_archived:
        thread.is_archived = body["archived"]
        thread.archived_at = state.clock.now()
    if body.get("auto_archive_duration"):
        thread.archive_after_min = body["auto_archive_duration"]
    call.sandbox.gateway.channel("THREAD_UPDATE", thread)
    return payloads.channel(thread)


@route("DELETE", _CHANNEL)
def remove(call: Call) -> Json:
    """Delete a channel or thread, or close a direct message."""
    channel = call.channel()
    if channel.kind == DM:
        return payloads.channel(channel)
    call.channel("manage_threads" if channel.is_thread else "manage_channels")
    data = payloads.channel(channel)
    call.sandbox.delete_channel(channel)
    return data


@route("POST", "/guilds/{guild_id}/channels")
def create(call: Call) -> Json:
    """Create a channel."""
    guild = call.guild("manage_channels")
    body = call.json
    state = call.sandbox.state
    kind = int(body.get("type") or 0)
    name = str(body["name"])
    channel = Channel(
        state.snowflakes.mint(),
        kind,
        name if kind in (2, 4) else name.lower().replace(" ", "-"),
        guild,
        position=len(guild.channels),
    )
    _apply(channel, {k: v for k, v in body.items() if k != "name"})
    _overwrite(channel, body)
    guild.channels[channel.id] = state.channels[channel.id] = channel
    call.sandbox.gateway.channel("CHANNEL_CREATE", channel)
    call.sandbox.audit(guild, 10, channel.id, call.reason, ("name", None, channel.name))
    return payloads.channel(channel)


@route("GET", "/guilds/{guild_id}/channels")
def of_guild(call: Call) -> list[Json]:
    """List channels."""
    found = call.guild().channels.values()
    return [payloads.channel(item) for item in found if not item.is_thread]


@route("PUT", "/channels/{channel_id}/permissions/{overwrite_id}")
def put_overwrite(call: Call) -> None:
    """Set one overwrite."""
    channel = call.channel("manage_roles")
    body = call.json
    channel.overwrites[number(call.params["overwrite_id"])] = Overwrite(
        int(body["type"]), int(body.get("allow") or 0), int(body.get("deny") or 0)
    )
    call.sandbox.gateway.channel("CHANNEL_UPDATE", channel)


@route("DELETE", "/channels/{channel_id}/permissions/{overwrite_id}")
def delete_overwrite(call: Call) -> None:
    """Remove one overwrite."""
    channel = call.channel("manage_roles")
    channel.overwrites.pop(number(call.params["overwrite_id"]), None)
    call.sandbox.gateway.channel("CHANNEL_UPDATE", channel)


@route("POST", "/channels/{channel_id}/followers")
def follow(call: Call) -> Json:
    """Follow an announcement channel into one of ours."""
    source = call.channel()
    if source.kind != 5:
        raise ApiError(400, 50024, "Cannot execute action on this channel type")
    state = call.sandbox.state
    target = state.channels.get(number(call.json["webhook_channel_id"]))
    if target is None:
        raise unknown("Channel")
    if not state.may(state.bot, target, "view_channel", "manage_webhooks"):
        raise missing_permissions()
    made = call.sandbox.follow(source, target, state.bot)
    return {"channel_id": str(source.id), "webhook_id": str(made.id)}


# ---- direct messages ---------------------------------------------------------------------------


@route("POST", "/users/@me/channels")
def open_dm(call: Call) -> Json:
    """Open a direct message."""
    state = call.sandbox.state
    user = state.users.get(number(call.json["recipient_id"]))
    if user is None:
        raise unknown("User")
    if user is state.bot or user.bot or not any(state.shared_guilds(user)):
        raise ApiError(403, 50007, "Cannot send messages to this user")
    return payloads.channel(state.dm(user))


# ---- threads -----------------------------------------------------------------------------------


@route("POST", "/channels/{channel_id}/messages/{message_id}/threads")
def from_message(call: Call) -> Json:
    """Start a thread on a message."""
    parent = call.channel("create_public_threads")
    item = call.message(parent)
    if item.thread is not None:
        raise ApiError(400, 160004, "A thread has already been created for this message")
    thread = _start(call, parent, 10 if parent.kind == 5 else 11, item.id)
    item.thread = thread
    item.flags |= HAS_THREAD
    call.sandbox.posting.update(item)
    opening = call.sandbox.posting.create(thread, Sender(user=item.author), {}, kind=21)
    opening.reference, opening.replied_to = reference_to(item, 0), item
    return payloads.channel(thread)


@route("POST", "/channels/{channel_id}/threads")
def without_message(call: Call) -> Json:
    """Start a thread on its own."""
    kind = int(call.json.get("type") or 12)
    if kind not in (10, 11, 12):
        raise invalid_form(Flaw(("type",), "BASE_TYPE_CHOICES", "not a thread type"))
    needed = "create_private_threads" if kind == 12 else "create_public_threads"
    parent = call.channel(needed)
    thread = _start(call, parent, kind, None)
    if kind == 11:
        bot = call.sandbox.state.bot
        notice = call.sandbox.posting.create(
            parent, Sender(user=bot), {"content": thread.name}, kind=18
        )
        notice.reference = {
            "type": 0,
            "channel_id": str(thread.id),
            "guild_id": str(parent.guild.id) if parent.guild else None,
        }
    return payloads.channel(thread)


def _start(call: Call, parent: Channel, kind: int, number_: int | None) -> Channel:
    state = call.sandbox.state
    if parent.kind not in (0, 5) or parent.guild is None:
        raise ApiError(400, 50024, "Cannot execute action on this channel type")
    body = call.json
    thread = Channel(
        number_ or state.snowflakes.mint(),
        kind,
        body["name"],
        parent.guild,
        parent_id=parent.id,
        owner_id=state.bot.id,
        archive_after_min=body.get("auto_archive_duration") or 1440,
        archived_at=state.clock.now(),
        slowmode_s=body.get("rate_limit_per_user") or 0,
    )
    thread.thread_members[state.bot.id] = state.clock.now()
    parent.guild.channels[thread.id] = state.channels[thread.id] = thread
    extra = {"newly_created": True, "member": payloads.thread_member(thread, state.bot.id)}
    call.sandbox.gateway.channel("THREAD_CREATE", thread, extra)
    return thread


@route("PUT", "/channels/{channel_id}/thread-members/@me")
def join(call: Call) -> None:
    """Join a thread."""
    thread = _thread(call)
    thread.thread_members[call.sandbox.state.bot.id] = call.sandbox.state.clock.now()


@route("PUT", "/channels/{channel_id}/thread-members/{user_id}")
def add(call: Call) -> None:
    """Add someone to a thread."""
    call.sandbox.join_thread(_thread(call), _user(call))


@route("DELETE", "/channels/{channel_id}/thread-members/{user_id}")
def kick(call: Call) -> None:
    """Remove someone from a thread."""
    thread = _thread(call)
    who = call.params["user_id"]
    bot = call.sandbox.state.bot
    thread.thread_members.pop(bot.id if who == "@me" else number(who), None)


@route("GET", "/channels/{channel_id}/thread-members")
def members(call: Call) -> list[Json]:
    """List thread members."""
    thread = _thread(call)
    return [payloads.thread_member(thread, user_id) for user_id in thread.thread_members]


@route("GET", "/guilds/{guild_id}/threads/active")
def active(call: Call) -> Json:
    """List open threads."""
    guild = call.guild()
    bot = call.sandbox.state.bot.id
    found = [c for c in guild.channels.values() if c.is_thread and not c.is_archived]
    mine = [payloads.thread_member(c, bot) for c in found if bot in c.thread_members]
    return {"threads": [payloads.channel(c) for c in found], "members": mine, "has_more": False}


@route(
    "GET",
    "/channels/{channel_id}/threads/archived/public",
    "/channels/{channel_id}/threads/archived/private",
)
def archived(call: Call) -> Json:
    """List archived threads of a channel."""
    parent = call.channel("read_message_history")
    kinds = (12,) if call.path.endswith("private") else (10, 11)
    guild = parent.guild
    found = [
        c
        for c in (guild.channels.values() if guild else ())
        if c.parent_id == parent.id and c.is_archived and c.kind in kinds
    ]
    return {"threads": [payloads.channel(c) for c in found], "members": [], "has_more": False}


def _thread(call: Call) -> Channel:
    channel = call.channel()
    if not channel.is_thread:
        raise ApiError(400, 50024, "Cannot execute action on this channel type")
    return channel


def _user(call: Call) -> User:
    user = call.sandbox.state.users.get(number(call.params["user_id"]))
    if user is None:
        raise unknown("User")
    return user


# ---- webhooks of a channel ---------------------------------------------------------------------


@route("POST", "/channels/{channel_id}/webhooks")
def create_webhook(call: Call) -> Json:
    """Create a webhook."""
    channel = call.channel("manage_webhooks")
    state = call.sandbox.state
    if sum(hook.channel is channel for hook in state.webhooks.values()) >= 15:
        raise ApiError(400, 30007, "Maximum number of webhooks reached (15)")
    made = Webhook(
        state.snowflakes.mint(),
        str(call.json["name"]),
        secrets.token_urlsafe(48),
        channel,
        creator=state.bot,
    )
    state.webhooks[made.id] = made
    call.sandbox.webhooks_changed(channel)
    return payloads.webhook(made, state.bot.id)


@route("GET", "/channels/{channel_id}/webhooks")
def webhooks(call: Call) -> list[Json]:
    """List a channel's webhooks."""
    channel = call.channel("manage_webhooks")
    state = call.sandbox.state
    found = [hook for hook in state.webhooks.values() if hook.channel is channel]
    return [payloads.webhook(hook, state.bot.id) for hook in found]
