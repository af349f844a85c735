"""Webhooks and interactions, which share their address: `/webhooks/{id}/{token}`."""

from __future__ import annotations

from typing import Any

from bot.sandbox import payloads
from bot.sandbox.errors import ApiError, missing_permissions
from bot.sandbox.message import Message
from bot.sandbox.rest import Call, number, route, unknown
from bot.sandbox.state import Webhook

Json = dict[str, Any]
_HOOK = "/webhooks/{webhook_id}/{webhook_token}"
_ONE = (_HOOK + "/messages/@original", _HOOK + "/messages/{message_id}")


@route("POST", "/interactions/{interaction_id}/{interaction_token}/callback", needs_token=False)
def callback(call: Call) -> Json | None:
    """Take the bot's first answer to an interaction."""
    answer = call.sandbox.interactions.callback(
        number(call.params["interaction_id"]),
        call.params["interaction_token"],
        call.json,
        call.files,
    )
    return answer if call.query.get("with_response", "").lower() in ("1", "true") else None


def _is_interaction(call: Call) -> bool:
    return number(call.params["webhook_id"]) == call.sandbox.state.bot.id


def _by_token(call: Call) -> Webhook:
    found = call.sandbox.state.webhooks.get(number(call.params["webhook_id"]))
    if found is None:
        raise unknown("Webhook")
    if found.kind != 1 or found.token != call.params["webhook_token"]:
        raise ApiError(401, 50027, "Invalid Webhook Token")
    return found


@route("POST", _HOOK, needs_token=False)
def execute(call: Call) -> Json | None:
    """Post as a webhook, or follow up an interaction."""
    state = call.sandbox.state
    if _is_interaction(call):
        made = call.sandbox.interactions.follow_up(
            call.params["webhook_token"], call.json, call.files
        )
        return payloads.message(state, made)
    hook = _by_token(call)
    body = call.json
    made = call.sandbox.post_as_webhook(hook, body, call.files, thread_id=_thread_id(call))
    return payloads.message(state, made) if call.query.get("wait") in ("true", "1") else None


def _thread_id(call: Call) -> int | None:
    return number(call.query["thread_id"]) if "thread_id" in call.query else None


def _message(call: Call) -> Message:
    which = call.params.get("message_id", "@original")
    if _is_interaction(call):
        return call.sandbox.interactions.message_of(call.params["webhook_token"], which)
    hook = _by_token(call)
    found = call.sandbox.state.message(number(which))
    if found is None or found.webhook_id != hook.id:
        raise unknown("Message")
    return found


@route("GET", *_ONE, needs_token=False)
def read(call: Call) -> Json:
    """Fetch a message of this webhook or interaction."""
    return payloads.message(call.sandbox.state, _message(call))


@route("PATCH", *_ONE, needs_token=False)
def edit(call: Call) -> Json:
    """Edit a message of this webhook or interaction."""
    item = _message(call)
    call.sandbox.posting.edit(item, call.json, call.files)
    return payloads.message(call.sandbox.state, item)


@route("DELETE", *_ONE, needs_token=False)
def remove(call: Call) -> None:
    """Delete a message of this webhook or interaction."""
    call.sandbox.posting.delete(_message(call))


@route("GET", _HOOK, needs_token=False)
def by_token(call: Call) -> Json:
    """Fetch a webhook by its token."""
    data = payloads.webhook(_by_token(call), call.sandbox.state.bot.id)
    data.pop("user", None)
    return data


@route("DELETE", _HOOK, needs_token=False)
def delete_by_token(call: Call) -> None:
    """Delete a webhook by its token."""
    call.sandbox.delete_webhook(_by_token(call))


def _managed(call: Call) -> Webhook:
    state = call.sandbox.state
    found = state.webhooks.get(number(call.params["webhook_id"]))
    if found is None:
        raise unknown("Webhook")
    if not state.may(state.bot, found.channel, "manage_webhooks"):
        raise missing_permissions()
    return found


@route("GET", "/webhooks/{webhook_id}")
def by_id(call: Call) -> Json:
    """Fetch a webhook."""
    return payloads.webhook(_managed(call), call.sandbox.state.bot.id)


@route("DELETE", "/webhooks/{webhook_id}")
def delete(call: Call) -> None:
    """Delete a webhook."""
    call.sandbox.delete_webhook(_managed(call))


@route("GET", "/guilds/{guild_id}/webhooks")
def of_guild(call: Call) -> list[Json]:
    """List a guild's webhooks."""
    guild = call.guild("manage_webhooks")
    state = call.sandbox.state
    found = [hook for hook in state.webhooks.values() if hook.channel.guild is guild]
    return [payloads.webhook(hook, state.bot.id) for hook in found]
