"""The verbs of the page and of remote drivers: JSON in, JSON out."""

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
CONTROL: dict[str, Verb] = {}
"""Everything else; only `/_control/` offers these."""


def person(verb: Verb) -> Verb:
    """Register a verb of a person under its function's name."""
    PERSON[verb.__name__] = verb
    return verb


def control(verb: Verb) -> Verb:
    """Register a verb of the stage hands."""
    CONTROL[verb.__name__] = verb
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


def _files(body: Json) -> list[Upload]:
    return [
        Upload(entry["filename"], base64.b64decode(entry["base64"]))
        for entry in body.get("files") or []
    ]


async def _outcome(made: Interaction, body: Json) -> Json:
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
        files=_files(body),
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
    return await _outcome(made, body)


@person
async def autocomplete(sandbox: Driver, body: Json) -> Json:
    """Type into an option: as, channel, command, focused, options."""
    made = _actor(sandbox, body).autocomplete(
        body["channel"], body["command"], body["focused"], body.get("options") or {}
    )
    return await _outcome(made, body)


@person
async def context(sandbox: Driver, body: Json) -> Json:
    """Use a context menu: as, channel, command, and message or user."""
    target = find_message(sandbox, body["message"]) if body.get("message") else body["user"]
    made = _actor(sandbox, body).context(body["channel"], body["command"], target)
    return await _outcome(made, body)


@person
async def click(sandbox: Driver, body: Json) -> Json:
    """Press a button: as, message or channel, label (or custom_id)."""
    made = _actor(sandbox, body).click(_place(sandbox, body), body["label"])
    return await _outcome(made, body)


@person
async def choose(sandbox: Driver, body: Json) -> Json:
    """Choose in a select: as, message or channel, values; menu."""
    made = _actor(sandbox, body).choose(
        _place(sandbox, body), *body["values"], menu=body.get("menu", "")
    )
    return await _outcome(made, body)


@person
async def submit(sandbox: Driver, body: Json) -> Json:
    """Send a modal: as, interaction (the one that showed it), fields."""
    asked = sandbox.interactions.all.get(int(body["interaction"]))
    if asked is None:
        raise Refused("no such dialog")
    fields = {key: _field(value) for key, value in (body.get("fields") or {}).items()}
    return await _outcome(_actor(sandbox, body).submit(asked, fields), body)


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


# ---- stage hands -------------------------------------------------------------------------------


@control
async def webhook_say(sandbox: Driver, body: Json) -> Json:
    """Post as a webhook: webhook, content; username, embeds, crosspost."""
    made = sandbox.webhook_say(
        body["webhook"],
        body.get("content", ""),
        username=body.get("username", ""),
        embeds=body.get("embeds") or (),
        files=_files(body),
        crosspost=bool(body.get("crosspost")),
    )
    return views.message(made)


@control
async def webhook_edit(sandbox: Driver, body: Json) -> Json:
    """Edit a webhook's post: message, content."""
    item = find_message(sandbox, body["message"])
    sandbox.webhook_edit(item, body["content"])
    return views.message(item)


@control
async def messages(sandbox: Driver, body: Json) -> list[Json]:
    """List everything in a channel, private notes included: channel; after."""
    after = int(body.get("after") or 0)
    place = sandbox.channel(body["channel"])
    return [views.message(m) for m in place.messages if m.id > after]


@control
async def wait(sandbox: Driver, body: Json) -> Json:
    """Wait for a bot message: channel, contains; after, timeout_s. Answers found = null if none."""
    place = sandbox.channel(body["channel"])
    words, after = body.get("contains", ""), int(body.get("after") or 0)

    def look() -> Message | None:
        for item in place.messages:
            is_bots = item.author is sandbox.state.bot and not item.is_loading
            if item.id > after and is_bots and words in item.text:
                return item
        return None

    try:
        found = await sandbox.until(look, min(float(body.get("timeout_s", 10)), 300))
    except TimeoutError:
        return {"found": None}
    return {"found": views.message(found) if found is not None else None}


@control
async def interaction(sandbox: Driver, body: Json) -> Json:
    """Look at an interaction again: interaction; wait."""
    made = sandbox.interactions.all[int(body["interaction"])]
    return await _outcome(made, {"wait": "none"} | body)


@control
async def state(sandbox: Driver, body: Json) -> Json:
    """Return the whole state as one person sees it (default: the first): as."""
    people = [u for u in sandbox.state.users.values() if not u.bot]
    viewer = sandbox.state.user(body["as"]) if body.get("as") else people[0]
    return views.world(sandbox, viewer) | {
        "gateway": sandbox.gateway.log[-200:],
        "n_sent": len(sandbox.sent()),
        "n_syncs": sandbox.commands.n_syncs,
    }


@control
async def problems(sandbox: Driver, body: Json) -> list[str]:
    """List what the bot did that Discord refuses; clear = true forgets them."""
    found = [str(problem) for problem in sandbox.problems]
    if body.get("clear"):
        sandbox.problems.clear()
    return found


@control
async def drop(sandbox: Driver, body: Json) -> Json:
    """Close the gateway sockets: code, or none for a cut."""
    sandbox.drop(body.get("code"))
    return {}


@control
async def reconnect(sandbox: Driver, _body: Json) -> Json:
    """Op 7."""
    sandbox.reconnect()
    return {}


@control
async def invalidate(sandbox: Driver, body: Json) -> Json:
    """Op 9: resumable."""
    sandbox.invalidate(resumable=bool(body.get("resumable")))
    return {}


@control
async def fault(sandbox: Driver, body: Json) -> Json:
    """Let requests go wrong: path, kind; times, method, retry_after_s, delay_s, code, message."""
    made = sandbox.fault(**body)
    return {"path": made.path, "kind": made.kind, "times": made.times}


@control
async def clear_faults(sandbox: Driver, _body: Json) -> Json:
    """Forget all faults."""
    sandbox.faults.clear()
    return {}


@control
async def duplicate_next(sandbox: Driver, body: Json) -> Json:
    """Deliver the next foreign message more than once: times."""
    sandbox.duplicate_next(int(body.get("times", 1)))
    return {}


@control
async def latency(sandbox: Driver, body: Json) -> Json:
    """Slow everything down: seconds."""
    sandbox.latency(float(body["seconds"]))
    return {}


@control
async def strip_content(sandbox: Driver, body: Json) -> Json:
    """Blank foreign content: on."""
    sandbox.strip_content(on=bool(body.get("on", True)))
    return {}


@control
async def mute_heartbeats(sandbox: Driver, body: Json) -> Json:
    """Stop acknowledging heartbeats: on."""
    sandbox.mute_heartbeats(on=bool(body.get("on", True)))
    return {}


@control
async def down(sandbox: Driver, body: Json) -> Json:
    """Take Discord down, or back up: on."""
    if body.get("on", True):
        sandbox.go_down()
    else:
        sandbox.come_back()
    return {}


@control
async def guild_outage(sandbox: Driver, body: Json) -> Json:
    """Make a guild unavailable, or available again: on; guild."""
    act = sandbox.guild_outage if body.get("on", True) else sandbox.guild_back
    act(body.get("guild", ""))
    return {}


@control
async def advance(sandbox: Driver, body: Json) -> Json:
    """Put the clock forward: seconds."""
    sandbox.advance(float(body["seconds"]))
    return {"time": sandbox.clock.now().isoformat()}


@control
async def role(sandbox: Driver, body: Json) -> Json:
    """Give or take a role: user, role, has."""
    sandbox.set_role(body["user"], body["role"], has=bool(body.get("has", True)))
    return {}


@control
async def overwrite(sandbox: Driver, body: Json) -> Json:
    """Set a channel overwrite: channel, target; allow, deny."""
    sandbox.overwrite(
        body["channel"], body["target"], allow=body.get("allow", ()), deny=body.get("deny", ())
    )
    return {}


@control
async def delete_channel(sandbox: Driver, body: Json) -> Json:
    """Delete a channel: channel."""
    sandbox.delete_channel(body["channel"])
    return {}


@control
async def leave(sandbox: Driver, body: Json) -> Json:
    """Let a user or the bot leave: user; guild."""
    sandbox.leave(body["user"], body.get("guild", ""))
    return {}


@control
async def join(sandbox: Driver, body: Json) -> Json:
    """Let a user or the bot join: user; roles, guild."""
    sandbox.join(body["user"], *body.get("roles", ()), guild=body.get("guild", ""))
    return {}


@control
async def follow(sandbox: Driver, body: Json) -> Json:
    """Let a channel follow an announcement channel: source, target."""
    made = sandbox.follow(body["source"], body["target"])
    return {"webhook": str(made.id)}
