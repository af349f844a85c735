"""Messages: post, read, edit, delete, publish, pin, react, type."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from urllib.parse import unquote

from bot.sandbox import payloads
from bot.sandbox.errors import ApiError, missing_permissions
from bot.sandbox.message import Message
from bot.sandbox.posting import Sender, reference_to
from bot.sandbox.rest import Call, number, route, unknown
from bot.sandbox.state import DM, Channel, User

Json = dict[str, Any]
_MESSAGES = "/channels/{channel_id}/messages"
_ONE = "/channels/{channel_id}/messages/{message_id}"
_REACTION = _ONE + "/reactions/{emoji_name}"
_MAX_PINS = 250


def shown(call: Call, item: Message) -> Json:
    """Return a message as the REST side shows it: blank when content is not allowed."""
    state = call.sandbox.state
    blank = not state.message_content_allowed or call.sandbox.gateway.strips_content
    readable = payloads.is_readable(state, item)
    return payloads.message(state, item, blank=blank and not readable)


@route("POST", _MESSAGES)
def create(call: Call) -> Json:
    """Post a message as the bot."""
    channel = call.channel()
    body = call.json
    _may_send(call, channel, body)
    sender = Sender(user=call.sandbox.state.bot)
    return shown(call, call.sandbox.posting.create(channel, sender, body, call.files))


def _may_send(call: Call, channel: Channel, body: Json) -> None:
    state = call.sandbox.state
    if channel.kind == DM:
        if not all(user.has_dms_open for user in channel.recipients):
            raise ApiError(403, 50007, "Cannot send messages to this user")
        return
    if channel.kind in (4, 15):
        raise ApiError(400, 50008, "Cannot send messages in a non-text channel")
    needed = ["send_messages_in_threads" if channel.is_thread else "send_messages"]
    if channel.is_archived and channel.is_locked:
        raise ApiError(400, 50083, "Thread is archived")
    if body.get("embeds"):
        needed.append("embed_links")
    if call.files:
        needed.append("attach_files")
    if (body.get("message_reference") or {}).get("type", 1) == 0:
        needed.append("read_message_history")
    if not state.may(state.bot, channel, *needed):
        raise missing_permissions()


@route("GET", _MESSAGES)
def history(call: Call) -> list[Json]:
    """List messages, newest first."""
    channel = call.channel()
    state = call.sandbox.state
    if channel.guild is not None and not state.may(state.bot, channel, "read_message_history"):
        return []
    found = [m for m in channel.messages if m.ephemeral_for is None]
    limit = int(call.query.get("limit", "50"))
    if "after" in call.query:
        after = number(call.query["after"])
        picked = [m for m in found if m.id > after][:limit]
    elif "around" in call.query:
        around = number(call.query["around"])
        older = [m for m in found if m.id < around][-(limit // 2) :]
        newer = [m for m in found if m.id >= around][: limit - len(older)]
        picked = older + newer
    else:
        before = number(call.query.get("before", 1 << 63))
        picked = [m for m in found if m.id < before][-limit:]
    return [shown(call, m) for m in reversed(picked)]


@route("GET", _ONE)
def read(call: Call) -> Json:
    """Fetch one message."""
    return shown(call, call.message(call.channel("read_message_history")))


@route("PATCH", _ONE)
def edit(call: Call) -> Json:
    """Edit an own message."""
    channel = call.channel()
    item = call.message(channel)
    sandbox = call.sandbox
    if item.author is not sandbox.state.bot:
        raise ApiError(403, 50005, "Cannot edit a message authored by another user")
    _not_frozen(channel)
    is_old = sandbox.state.clock.now() - item.created_at > timedelta(hours=1)
    if is_old and not sandbox.limits.old_edit(str(channel.id)):
        text = "Maximum number of edits to messages older than 1 hour reached. Try again later"
        raise ApiError(429, 30046, text)
    sandbox.posting.edit(item, call.json, call.files)
    return shown(call, item)


@route("DELETE", _ONE)
def remove(call: Call) -> None:
    """Delete a message."""
    channel = call.channel()
    item = call.message(channel)
    state = call.sandbox.state
    if item.author is not state.bot:
        if channel.kind == DM:
            raise ApiError(403, 50003, "Cannot execute action on a DM channel")
        if not state.may(state.bot, channel, "manage_messages"):
            raise missing_permissions()
    _not_frozen(channel)
    call.sandbox.posting.delete(item)


@route("POST", _MESSAGES + "/bulk-delete")
def remove_many(call: Call) -> None:
    """Delete several messages at once."""
    channel = call.channel("manage_messages")
    wanted = {number(entry) for entry in call.json["messages"]}
    items = [m for m in channel.messages if m.id in wanted]
    for item in items:
        item.deleted_at = call.sandbox.state.clock.now()
    call.sandbox.gateway.messages_gone(channel, items)


@route("POST", _ONE + "/crosspost")
def crosspost(call: Call) -> Json:
    """Publish an announcement."""
    channel = call.channel("send_messages")
    item = call.message(channel)
    if channel.kind != 5:
        raise ApiError(400, 50024, "Cannot execute action on this channel type")
    own = item.author is call.sandbox.state.bot
    if not own:
        call.channel("manage_messages")
    call.sandbox.posting.crosspost(item)
    return shown(call, item)


@route("GET", _MESSAGES + "/pins")
def pins(call: Call) -> Json:
    """List pins, newest first."""
    items = [
        {
            "pinned_at": payloads.stamp(m.pinned_at),
            "message": shown(call, m),
        }
        for m in _pinned(call.channel("read_message_history"))
        if m.pinned_at is not None
    ]
    limit = int(call.query.get("limit", "50"))
    return {"items": items[:limit], "has_more": len(items) > limit}


@route("GET", "/channels/{channel_id}/pins")
def old_pins(call: Call) -> list[Json]:
    """List pins on the old route."""
    return [shown(call, m) for m in _pinned(call.channel("read_message_history"))]


def _pinned(channel: Channel) -> list[Message]:
    found = [m for m in channel.messages if m.pinned_at is not None]
    return sorted(found, key=lambda m: (m.pinned_at, m.id), reverse=True)


@route("PUT", _MESSAGES + "/pins/{message_id}", "/channels/{channel_id}/pins/{message_id}")
def pin(call: Call) -> None:
    """Pin a message."""
    channel = call.channel("pin_messages")
    item = call.message(channel)
    if item.pinned_at is not None:
        return
    if len(_pinned(channel)) >= _MAX_PINS:
        raise ApiError(400, 30003, "Maximum number of pins reached (250)")
    sandbox = call.sandbox
    item.pinned_at = sandbox.state.clock.now()
    sandbox.posting.update(item)
    notice = sandbox.posting.create(channel, Sender(user=sandbox.state.bot), {}, kind=6)
    notice.reference = reference_to(item, 0)
    _pins_changed(call, channel)


@route("DELETE", _MESSAGES + "/pins/{message_id}", "/channels/{channel_id}/pins/{message_id}")
def unpin(call: Call) -> None:
    """Unpin a message."""
    channel = call.channel("pin_messages")
    item = call.message(channel)
    if item.pinned_at is not None:
        item.pinned_at = None
        call.sandbox.posting.update(item)
        _pins_changed(call, channel)


def _pins_changed(call: Call, channel: Channel) -> None:
    newest = _pinned(channel)
    when = newest[0].pinned_at if newest else None
    data = {"last_pin_timestamp": payloads.stamp(when) if when else None}
    call.sandbox.gateway.at_channel("CHANNEL_PINS_UPDATE", channel, data, 1, 1 << 12)


@route("PUT", _REACTION + "/@me")
def react(call: Call) -> None:
    """Add the bot's reaction."""
    channel = call.channel("read_message_history")
    item = call.message(channel)
    emoji = unquote(call.params["emoji_name"])
    state = call.sandbox.state
    if emoji not in item.reactions and not state.may(state.bot, channel, "add_reactions"):
        raise missing_permissions()
    call.sandbox.react(item, state.bot, emoji)


@route("DELETE", _REACTION + "/@me")
def unreact(call: Call) -> None:
    """Remove the bot's reaction."""
    item = call.message(call.channel())
    call.sandbox.unreact(item, call.sandbox.state.bot, unquote(call.params["emoji_name"]))


@route("DELETE", _REACTION + "/{user_id}")
def unreact_user(call: Call) -> None:
    """Remove someone's reaction."""
    item = call.message(call.channel("manage_messages"))
    user = call.sandbox.state.users.get(number(call.params["user_id"]))
    if user is None:
        raise unknown("User")
    call.sandbox.unreact(item, user, unquote(call.params["emoji_name"]))


@route("GET", _REACTION)
def reactors(call: Call) -> list[Json]:
    """List who reacted."""
    item = call.message(call.channel("read_message_history"))
    who = item.reactions.get(unquote(call.params["emoji_name"]), [])
    after = number(call.query.get("after", 0))
    picked = sorted((u for u in who if u.id > after), key=_by_id)
    return [payloads.user(u) for u in picked[: int(call.query.get("limit", "25"))]]


def _by_id(user: User) -> int:
    return user.id


@route("DELETE", _ONE + "/reactions", _REACTION)
def clear_reactions(call: Call) -> None:
    """Remove all reactions, or all of one emoji."""
    channel = call.channel("manage_messages")
    item = call.message(channel)
    emoji = call.params.get("emoji_name")
    data: Json = {"message_id": str(item.id)}
    if emoji is None:
        item.reactions.clear()
        event = "MESSAGE_REACTION_REMOVE_ALL"
    else:
        item.reactions.pop(unquote(emoji), None)
        event = "MESSAGE_REACTION_REMOVE_EMOJI"
        data["emoji"] = payloads.emoji(unquote(emoji))
    call.sandbox.gateway.tell_watchers("message", item)
    call.sandbox.gateway.at_channel(event, channel, data, 1 << 10, 1 << 13)


@route("POST", "/channels/{channel_id}/typing")
def typing(call: Call) -> None:
    """Show the bot as typing."""
    channel = call.channel()
    _may_send(call, channel, {})
    call.sandbox.gateway.typing(channel, call.sandbox.state.bot)


def _not_frozen(channel: Channel) -> None:
    if channel.is_thread and channel.is_archived and channel.is_locked:
        raise ApiError(400, 50083, "Thread is archived")
