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

Persons (`sandbox.user(name, strict=True)`): say, dm, edit, delete, react, unreact, typing, slash,
autocomplete, context, click, choose, submit. Interaction verbs send at once and return an
`Interaction`; await it for the answer (`.text .reply .ephemeral .modal .choices .followups
.refusals`), or `await it.acked()` for the first answer of any kind. They raise `Refused` where a
real client refuses, `NotAnswered` when the bot stays silent for 3 s. `strict=False` plays a
manipulated client.

Stage hands (on `sandbox`): webhook_say, webhook_edit, delete, follow, set_role, overwrite, join,
leave, delete_channel, advance(seconds), until(check).

Misbehaviour (on `sandbox`): drop(code or None), reconnect, invalidate(resumable=), fault(path,
kind, times, ...), duplicate_next, redeliver, latency, strip_content, mute_heartbeats, go_down and
come_back, guild_outage and guild_back, raw_event.

Reading: `sandbox.channel("desk").messages` (newest last; `.text .embeds .components .attachments
.ephemeral_for .edits .buttons .labels .mentions`), `sandbox.dm("tom").messages`, `sandbox.sent()`,
`sandbox.requests`, `sandbox.gateway.log`, `sandbox.problems`: what the bot did that Discord
refuses or that the sandbox does not know. Tests assert that the last one is empty.
"""

from __future__ import annotations

from bot.sandbox.errors import NotAnswered, Refused
from bot.sandbox.message import Upload
from bot.sandbox.server import Sandbox
from bot.sandbox.world import World, default_world

__all__ = ["NotAnswered", "Refused", "Sandbox", "Upload", "World", "default_world"]
