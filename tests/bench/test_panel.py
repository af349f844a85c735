"""The live panel under 1,000 events: edits against what Discord takes, at its real pace."""

import asyncio
import time
from typing import Any

import pytest

from bot.demo import world as demo
from bot.panel.live import LEAST_S
from bot.sandbox import Sandbox
from tests.discord.kit import desk, plain

pytestmark = pytest.mark.bench
EVENTS, SECONDS = 1000, 20.0


async def test_edits_of_the_panel_under_a_thousand_events(tmp_path: Any, monkeypatch: Any) -> None:
    sandbox = await Sandbox.start(demo.world(), token=demo.TOKEN, realistic_limits=True)
    try:
        async with desk(tmp_path, monkeypatch, sandbox=sandbox) as it:
            room = sandbox.channel("activity").id
            used = await it.slash("ada", "admin", "panel", action="post", channel=room)
            await used.replied()
            panel = await it.until(
                lambda: (p := it.app.panel.place) and sandbox.state.message(p.message_id)
            )
            await asyncio.sleep(LEAST_S)
            before, began = len(panel.edits), time.monotonic()
            for n in range(EVENTS):
                desk_ = it.app.desk
                await desk_.commit(desk_.event("burst", "burst", desk_.fact("burst", str(n))))
                await asyncio.sleep(SECONDS / EVENTS)
            it.app.desk.health["burst"] = "newest"
            await it.app.desk.commit(it.app.desk.event("burst", "burst"))
            last = time.monotonic()
            await it.until(lambda: "newest" in plain(panel), 15)
            took, n_edits = time.monotonic() - began, len(panel.edits) - before
            print(
                f"\npanel: {EVENTS} events in {last - began:.1f} s: {n_edits} edits "
                f"(allowed {took / LEAST_S + 1:.0f}), newest shown {time.monotonic() - last:.1f} s "
                "after the last"
            )
            assert n_edits <= took / LEAST_S + 1
    finally:
        await sandbox.stop()
