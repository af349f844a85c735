"""The verbs of stage hands, for remote drivers only: JSON in, JSON out."""

from __future__ import annotations

from bot.sandbox import views
from bot.sandbox.driver import Driver
from bot.sandbox.message import Message
from bot.sandbox.verbs import Json, Verb, find_message, outcome, uploads

CONTROL: dict[str, Verb] = {}
"""Only `/_control/` offers these."""


def control(verb: Verb) -> Verb:
    """Register a verb under its function's name."""
    CONTROL[verb.__name__] = verb
    return verb


@control
async def webhook_say(sandbox: Driver, body: Json) -> Json:
    """Post as a webhook: webhook, content; username, embeds, crosspost."""
    made = sandbox.webhook_say(
        body["webhook"],
        body.get("content", ""),
        username=body.get("username", ""),
        embeds=body.get("embeds") or (),
        files=uploads(body),
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
    return await outcome(made, {"wait": "none"} | body)


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
