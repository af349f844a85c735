"""A Discord on loopback: REST v10, gateway v10 and a page, for tests and for the demo.

Start it inside a test (about 30 ms with a ready bot)::

    sandbox = await Sandbox.start()                    # or Sandbox.start(World(...), clock=...)
    point_discord_at(sandbox.api_base, sandbox.gateway_url)      # bot.sandbox.hooks
    async with running(bot):                           # bot.sandbox.hooks; QuickBot is quick
        tom = sandbox.user("tom")
        tom.say("trade-alerts", "BTO AAPL 190c @ 1.20")
        used = await tom.slash("desk", "risk limit", pct=1.5)
        assert used.ephemeral and "1.5" in used.text
        await tom.click(used, "Confirm")
    assert not sandbox.problems
    await sandbox.stop()

or as a process with a page on http://127.0.0.1:8503 and the same verbs as JSON::

    python -m bot.sandbox --port 8503 --world world.json --control
    curl -H 'Content-Type: application/json' -d '{"as":"tom","channel":"desk","content":"hi"}' \
         http://127.0.0.1:8503/_control/say

Persons: `sandbox.user(name, strict=True)` has
  say(channel, content, reply_to=, files=[Upload(name, bytes)], embeds=, publish=) -> Message,
  dm(content), edit(message, content), delete(message), react/unreact(message, emoji), typing(ch),
  slash(channel, "group sub", options={}, **options), autocomplete(channel, "group sub", option,
  **typed), context(channel, name, message or user), click(message | interaction | channel, label
  or custom_id), choose(message | interaction | channel, *values, menu=placeholder or custom_id),
  submit(interaction, {label or custom_id: value}). Users, roles and channels are given by name.
Interaction verbs send at once (two calls in a row make a double click) and return an
`Interaction`. `await it` waits for what a person reads (`.text .reply .ephemeral .modal .choices
.followups .refusals .ack`), `await it.acked()` for the first answer of any kind. They raise
`Refused` where a real client refuses; awaiting raises `NotAnswered` when the bot stays silent for
3 s. `strict=False` plays a manipulated client.

Stage hands, on `sandbox`: webhook_say(webhook, content, username=, embeds=, files=, crosspost=),
webhook_edit, delete(message), follow(source, target), set_role(user, role, has=), overwrite(
channel, "@everyone" | "@bot" | role | user, allow=[], deny=[]), join, leave, delete_channel,
advance(seconds), `await until(check, timeout_s)`, `await online()`.

Misbehaviour, on `sandbox`: drop(code or None to cut), reconnect() op 7, invalidate(resumable=) op
9, fault(path glob, kind, times=1, method=, retry_after_s=, delay_s=, code=, message=) with kind
429, 429-global, any status 400-599, delay, delay_after, reset_before, reset_after (handled, answer
lost); duplicate_next(times), redeliver(message), latency(seconds), strip_content(on=),
mute_heartbeats(on=), go_down()/come_back(), guild_outage()/guild_back(), raw_event(name, data).
`sandbox.state.user("vera").has_dms_open = False` closes someone's direct messages.

Reading: `sandbox.channel("desk").messages` (oldest first, private notes included; `.history` also
keeps deleted ones), `.last`, `sandbox.dm("tom").messages`, `sandbox.sent()`: each message has
`.content .text .embeds .components .attachments (with .data) .ephemeral_for .edits .buttons
.labels .mentions .sent`. `sandbox.requests` lists REST calls with their status,
`sandbox.gateway.log` connection events. `sandbox.problems` lists what the bot did that Discord
refuses or that the sandbox does not know: tests assert that it is empty.

`Sandbox.start(world, port=0, spec=None, clock=None, token=, check_answers=, realistic_limits=,
heartbeat_ms=, control=)`. With `spec=` (Discord's openapi.json, never shipped) bodies are also
validated against the published schema; `realistic_limits` counts as Discord does. Another process
drives it with `bot.sandbox.remote.Remote`; verbs and fields: `bot.sandbox.verbs` (persons) and
`bot.sandbox.stagehands`. `--print-world` prints a world file to start from.
"""

from __future__ import annotations

from bot.sandbox.errors import NotAnswered, Refused
from bot.sandbox.message import Upload
from bot.sandbox.server import Sandbox
from bot.sandbox.world import World, default_world

__all__ = ["NotAnswered", "Refused", "Sandbox", "Upload", "World", "default_world"]
