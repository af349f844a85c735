"""The live panel at the loopback Discord: posted once, edited in place, pressed, lost, found."""

import asyncio
from typing import Any

import pytest

from bot.cards import panel as card
from bot.demo import world as demo
from bot.panel import live as live_panel
from bot.sandbox import Sandbox
from bot.sandbox.message import Message
from engine.flows.alerts import listening
from engine.reports.panel import SECTIONS
from tests.discord.kit import Desk, desk, plain

PACE_S = 0.2


@pytest.fixture
async def it(tmp_path, monkeypatch) -> Any:
    monkeypatch.setattr(live_panel, "LEAST_S", PACE_S)
    async with desk(tmp_path, monkeypatch) as made:
        yield made


async def posted(it: Desk, where: str = "activity") -> Message:
    """The panel, standing and pinned."""
    room = it.sandbox.channel(where).id
    used = await it.slash("ada", "admin", "panel", action="post", channel=room)
    assert "coming" in plain((await used.replied()).reply)
    return await standing(it)


async def standing(it: Desk) -> Message:
    def there() -> Message | None:
        place = it.app.panel.place
        found = it.sandbox.state.message(place.message_id) if place else None
        return found if found is not None and found.pinned_at else None

    return await it.until(there)


async def shows(it: Desk, message: Message, *words: str) -> None:
    await it.until(lambda: all(w in plain(message) for w in words))


async def test_it_shows_the_desk_and_follows_it(it: Desk) -> None:
    panel = await posted(it)
    await shows(it, panel, "PAPER", "Ready to trade", "0 / 20")
    n_before = len(it.sandbox.channel("activity").messages)
    await it.held()
    await shows(it, panel, "1 position", "+9 SPY 603C", "1 / 20", "filled")
    assert any("PAPER" in str(s.presence) for s in it.sandbox.gateway.sessions.values())
    figures = it.app.reading.positions()
    assert f"{figures.net_usd:,.2f}".lstrip("-") in plain(panel)
    ours = it.sandbox.channel("activity").messages[n_before:]
    assert not [m for m in ours if m.is_v2], "one message, edited in place"


async def test_a_burst_of_a_thousand_events_costs_few_edits_and_ends_with_the_newest(
    it: Desk,
) -> None:
    panel = await posted(it)
    await asyncio.sleep(3 * PACE_S)
    before, started = len(panel.edits), asyncio.get_running_loop().time()
    desk = it.app.desk
    for n in range(1000):
        fact = desk.fact("burst", str(n))
        await desk.commit(desk.event("burst", "burst", fact))
    desk.health["burst"] = "the newest state"
    await desk.commit(desk.event("burst", "burst"))
    await shows(it, panel, "the newest state")
    took = asyncio.get_running_loop().time() - started
    assert len(panel.edits) - before <= took / PACE_S + 2
    desk.health.pop("burst")


async def test_what_is_pressed_answers_the_presser_alone_by_his_rights(it: Desk) -> None:
    panel = await posted(it)
    await it.held()
    for label in ("Positions", "Orders", "Approvals", "Alerts", "Charts"):
        used = await it.user("tom").click(panel, label).replied(30)
        assert used.reply.ephemeral_for is used.user, label
        assert not plain(used.reply).startswith("⛔"), label
    for choice in ("status", "risk-limits", "trades recent", "broker list", "help"):
        used = await it.user("tom").choose(panel, choice, menu="ts:panel:menu").replied(30)
        assert used.reply.ephemeral_for is used.user, choice
        assert not plain(used.reply).startswith(("⛔", "⚠")), choice
    assert (await it.press("vic", panel, "Positions")).startswith("⛔")
    assert (await it.press("tom", panel, "Stop monitor")).startswith("⛔")
    assert (await it.press("vic", panel, "Emergency stop")).startswith("⛔")
    assert not it.app.desk.halted


async def test_the_monitor_is_stopped_by_two_clicks_and_started_by_one(it: Desk) -> None:
    panel = await posted(it)
    used = it.user("ada").click(panel, "Stop monitor")
    await used.replied()
    await it.user("ada").click(used, "Stop the monitor").acked()
    await shows(it, panel, "Monitor stopped", "stopped by Ada")
    it.user("rhea").say("options-room", "BTO SPY 603C @ 2.15")
    await it.see("all-messages", "not acted on")
    assert not it.book.approvals
    assert "running" in await it.press("ada", panel, "Start monitor")
    assert listening.stopped(it.app.desk) is None
    await shows(it, panel, "Ready to trade")


async def test_entries_are_paused_and_resumed_by_one_click_each(it: Desk) -> None:
    panel = await posted(it)
    assert (await it.press("tom", panel, "Pause entries")).startswith("⛔")
    assert "paused" in await it.press("ada", panel, "Pause entries")
    await shows(it, panel, "Entries paused", "by Ada")
    it.user("ninja").say("futures-room", "LONG /ES @ 6725 SL 6717 (B)")
    await it.until(lambda: "Resume entries" in panel.labels)
    assert "allowed" in await it.press("ada", panel, "Resume entries")
    await shows(it, panel, "Ready to trade")
    await it.until(lambda: "Pause entries" in panel.labels)


async def test_emergency_stop_takes_two_clicks_at_most(it: Desk) -> None:
    panel = await posted(it)
    trade, _ = await it.held()
    used = it.user("tom").click(panel, "Emergency stop")
    await used.replied()
    assert it.app.desk.halted, "entries are stopped by the first"
    assert "Close everything?" in plain(used.reply)
    await it.user("tom").click(used, "Close everything").acked()
    await it.over(trade.trade_id)
    await shows(it, panel, "HALTED")


async def test_one_that_was_deleted_comes_back(it: Desk) -> None:
    panel = await posted(it)
    it.sandbox.posting.delete(panel)
    again = await it.until(
        lambda: (
            (p := it.app.panel.place)
            and p.message_id not in (0, panel.id)
            and it.sandbox.state.message(p.message_id)
        )
    )
    await shows(it, again, "Ready to trade")
    assert "panel" not in it.app.desk.health


async def test_a_lost_channel_is_told_and_the_panel_moves(it: Desk) -> None:
    await posted(it)
    it.sandbox.delete_channel(it.sandbox.channel("activity"))
    it.app.panel.wake()
    await it.see("admin", "The live panel", "/panel move")
    assert "panel" in it.app.desk.health
    used = await it.slash(
        "ada", "admin", "panel", action="move", channel=it.sandbox.channel("orders").id
    )
    await used.replied()
    it.app.panel.wake()
    panel = await standing(it)
    assert panel.channel.name == "orders"
    await it.until(lambda: "panel" not in it.app.desk.health)


async def test_sections_are_chosen_and_it_is_taken_down(it: Desk) -> None:
    panel = await posted(it)
    used = await it.slash("ada", "admin", "panel", action="sections")
    await used.replied()
    await it.user("ada").choose(used, "messages", "trades").acked()
    await shows(it, panel, "Last messages", "Trades")
    assert "Last alerts" not in plain(panel)
    used = await it.slash("ada", "admin", "panel", action="post")
    await used.replied()
    assert "already" in plain(used.reply)
    used = await it.slash("ada", "admin", "panel", action="remove")
    await used.replied()
    assert panel.deleted_at is not None
    assert it.app.panel.place is None


async def test_it_survives_a_restart_and_a_lost_answer_in_one_message(
    tmp_path, monkeypatch
) -> None:
    monkeypatch.setattr(live_panel, "LEAST_S", PACE_S)
    sandbox = await Sandbox.start(demo.world(), token=demo.TOKEN)
    try:
        async with desk(tmp_path, monkeypatch, sandbox=sandbox) as it:
            room = it.sandbox.channel("activity")
            sandbox.fault(f"/channels/{room.id}/messages", "reset_after", method="POST")
            panel = await posted(it)
            assert len([m for m in room.messages if m.is_v2]) == 1
            before = len(panel.edits)
        await sandbox.until(lambda: "The desk is stopped" in plain(panel))
        assert not panel.labels, "nobody would answer"
        async with desk(tmp_path, monkeypatch, sandbox=sandbox) as it:
            assert it.app.panel.place.message_id == panel.id
            await it.until(lambda: len(panel.edits) > before + 1)
            await it.until(lambda: "Positions" in panel.labels)
            assert "⛔" not in await it.press("tom", panel, "Positions")
    finally:
        await sandbox.stop()


def test_every_section_has_a_name() -> None:
    assert set(SECTIONS) == set(card.NAMES)
