"""The verbs of a person, for the page and for remote drivers: JSON in, JSON out."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

from bot.sandbox import views
from bot.sandbox.actor import Actor
from bot.sandbox.driver import Driver
from bot.sandbox.errors import NotAnswered, Refused
from bot.sandbox.interactions import Interaction
from bot.sandbox.message import Message, Upload

Json = dict[str, Any]
Verb = Callable[[Driver, Json], Awaitable[Any]]

PERSON: dict[str, Verb] = {}
"""What a person can do; the page may call these."""


def person(verb: Verb) -> Verb:
    """Register a verb of a person under its function's name."""
    PERSON[verb.__name__] = verb
    return verb


def _actor(sandbox: Driver, body: Json) -> Actor:
    return sandbox.user(body["as"], strict=body.get("strict", True))


def find_message(sandbox: Driver, number: Any) -> Message:
    """Return a standing message by id.

    Raises:
        Refused: there is none.
    """
    found = sandbox.state.message(int(number))
    if found is None:
        raise Refused("the message is gone")
    return found


def _place(sandbox: Driver, body: Json) -> Any:
    return find_message(sandbox, body["message"]) if body.get("message") else body["channel"]


def uploads(body: Json) -> list[Upload]:
    """Return the files of a body, sent as base64."""
    return [
        Upload(entry["filename"], base64.b64decode(entry["base64"]))
        for entry in body.get("files") or []
    ]


async def outcome(made: Interaction, body: Json) -> Json:
    """Wait as asked (`wait`: ack, reply or none) and return what became of an interaction."""
    wait = body.get("wait", "ack")
    try:
        if wait == "ack":
            await made.acked(float(body.get("timeout_s", 3.2)))
        elif wait == "reply":
            await made.replied(float(body.get("timeout_s", 15)))
    except NotAnswered:
        pass
    return views.interaction(made)


# ---- a person ----------------------------------------------------------------------------------


@person
async def say(sandbox: Driver, body: Json) -> Json:
    """Type a message: as, channel, content; reply_to, files, publish."""
    answered = body.get("reply_to")
    made = _actor(sandbox, body).say(
        body["channel"],
        body.get("content", ""),
        reply_to=find_message(sandbox, answered) if answered else None,
        files=uploads(body),
        embeds=body.get("embeds") or (),
        publish=bool(body.get("publish")),
    )
    return views.message(made)


@person
async def dm(sandbox: Driver, body: Json) -> Json:
    """Write to the bot privately: as, content."""
    return views.message(_actor(sandbox, body).dm(body["content"]))


@person
async def open_dm(sandbox: Driver, body: Json) -> Json:
    """Open the direct messages with the bot: as."""
    place = sandbox.dm(body["as"])
    return views.channel(place) | {"may_write": True}


@person
async def edit(sandbox: Driver, body: Json) -> Json:
    """Edit a message: as, message, content."""
    item = find_message(sandbox, body["message"])
    _actor(sandbox, body).edit(item, body["content"])
    return views.message(item)


@person
async def delete(sandbox: Driver, body: Json) -> Json:
    """Delete a message or dismiss a private note: as, message."""
    item = find_message(sandbox, body["message"])
    _actor(sandbox, body).delete(item)
    return views.message(item)


@person
async def react(sandbox: Driver, body: Json) -> Json:
    """React: as, message, emoji; remove."""
    item = find_message(sandbox, body["message"])
    actor = _actor(sandbox, body)
    (actor.unreact if body.get("remove") else actor.react)(item, body["emoji"])
    return views.message(item)


@person
async def typing(sandbox: Driver, body: Json) -> Json:
    """Show as typing: as, channel."""
    _actor(sandbox, body).typing(body["channel"])
    return {}


@person
async def slash(sandbox: Driver, body: Json) -> Json:
    """Use a slash command: as, channel, command, options; wait = ack, reply or none."""
    options = {
        key: Upload(value["filename"], base64.b64decode(value["base64"]))
        if isinstance(value, dict)
        else value
        for key, value in (body.get("options") or {}).items()
    }
    made = _actor(sandbox, body).slash(body["channel"], body["command"], options)
    return await outcome(made, body)


@person
async def autocomplete(sandbox: Driver, body: Json) -> Json:
    """Type into an option: as, channel, command, focused, options."""
    made = _actor(sandbox, body).autocomplete(
        body["channel"], body["command"], body["focused"], body.get("options") or {}
    )
    return await outcome(made, body)


@person
async def context(sandbox: Driver, body: Json) -> Json:
    """Use a context menu: as, channel, command, and message or user."""
    target = find_message(sandbox, body["message"]) if body.get("message") else body["user"]
    made = _actor(sandbox, body).context(body["channel"], body["command"], target)
    return await outcome(made, body)


@person
async def click(sandbox: Driver, body: Json) -> Json:
    """Press a button: as, message or channel, label (or custom_id)."""
    made = _actor(sandbox, body).click(_place(sandbox, body), body["label"])
    return await outcome(made, body)


@person
async def choose(sandbox: Driver, body: Json) -> Json:
    """Choose in a select: as, message or channel, values; menu."""
    made = _actor(sandbox, body).choose(
        _place(sandbox, body), *body["values"], menu=body.get("menu", "")
    )
    return await outcome(made, body)


@person
async def submit(sandbox: Driver, body: Json) -> Json:
    """Send a modal: as, interaction (the one that showed it), fields."""
    asked = sandbox.interactions.all.get(int(body["interaction"]))
    if asked is None:
        raise Refused("no such dialog")
    fields = {key: _field(value) for key, value in (body.get("fields") or {}).items()}
    return await outcome(_actor(sandbox, body).submit(asked, fields), body)


def _field(value: Any) -> Any:
    if isinstance(value, list):
        return [_field(entry) for entry in value]
    if isinstance(value, dict):
        return Upload(value["filename"], base64.b64decode(value["base64"]))
    return value


@person
async def offered(sandbox: Driver, body: Json) -> Json:
    """List the commands offered to a person in a channel: as, channel."""
    place = sandbox.channel(body["channel"])
    return views.offered(sandbox, sandbox.state.user(body["as"]), place)


@person
async def history(sandbox: Driver, body: Json) -> list[Json]:
    """List what a person sees in a channel: as, channel; before, limit."""
    return views.history(
        sandbox,
        sandbox.state.user(body["as"]),
        sandbox.channel(body["channel"]),
        int(body.get("before") or 1 << 63),
        min(int(body.get("limit", 60)), 200),
    )
