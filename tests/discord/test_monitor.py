"""/monitor and /diagnose at the loopback Discord: stopped, tried, redialled; rooms come and go."""

import asyncio
from typing import Any

import pytest

from bot.demo import world as demo
from engine.flows.alerts import listening
from tests.discord.kit import Desk, desk, plain


@pytest.fixture
async def it(tmp_path, monkeypatch) -> Any:
    async with desk(tmp_path, monkeypatch) as made:
        yield made


async def said(it: Desk, command: str, who: str = "ada", **options: Any) -> str:
    used = await it.slash(who, "admin", command, **options)
    await used.replied(15)
    return plain(used.reply)


async def test_everybody_sees_who_is_listened_to_and_admins_alone_change_it(it: Desk) -> None:
    it.user("rhea").say("options-room", "good morning")
    await it.see("all-messages", "good morning")
    used = await it.slash("vic", "orders", "monitor status")
    await used.replied()
    words = plain(used.reply)
    assert "Listening to 3 of 3 rooms" in words
    assert "1 heard, 0 alerts" in words
    used = it.user("tom", strict=False).slash("orders", "monitor stop")
    await used.replied()
    assert plain(used.reply).startswith("⛔")


async def test_one_room_is_stopped_after_a_question_and_started_again(it: Desk) -> None:
    room = it.sandbox.channel("options-room").id
    used = await it.slash("ada", "admin", "monitor stop", channel=room, reason="tests it")
    await used.replied()
    assert "no longer acted on, closings included" in plain(used.reply)
    assert listening.stopped(it.app.desk, room) is None
    await it.user("ada").click(used, "Stop the monitor").acked()
    await it.until(lambda: listening.stopped(it.app.desk, room))
    assert listening.stopped(it.app.desk) is None
    assert "tests it" in await said(it, "monitor status")
    assert "already" in await said(it, "monitor stop", channel=room)
    assert "Listening to 3 of 3" in await said(it, "monitor start", channel=room)


async def test_the_test_names_the_channel_and_the_permission_that_is_missing(it: Desk) -> None:
    well = await said(it, "monitor test")
    assert "all is well" in well
    assert "Message Content Intent: on" in well
    assert "admin channel is private" in well
    orders = it.sandbox.channel("orders")
    guild = orders.guild
    guild.roles[next(r.id for r in guild.roles.values() if r.name == "TradeStream")].permissions = (
        1 << 10 | 1 << 14 | 1 << 15 | 1 << 16
    )
    guild.roles[guild.id].permissions &= ~(1 << 11)
    bad = await said(it, "monitor test")
    assert "#orders: missing Send Messages" in bad
    assert "Edit Channel → Permissions" in bad


async def test_diagnose_says_what_is_wrong_and_how_to_mend_it(it: Desk) -> None:
    words = await said(it, "diagnose", deep=True)
    for part in ("config.yaml", "token", "server", "clock", "disk", "books", "broker paper"):
        assert part in words, part
    assert "no feed is configured" in words


async def test_a_new_line_is_dialled_and_nothing_is_missed(it: Desk) -> None:
    before = it.sandbox.gateway.log.count("resume") + it.sandbox.gateway.log.count("identify")
    await said(it, "monitor reconnect")
    await it.until(
        lambda: (
            it.sandbox.gateway.log.count("resume") + it.sandbox.gateway.log.count("identify")
            > before
        )
    )
    it.user("rhea").say("options-room", "posted after the cut")
    await it.see("all-messages", "posted after the cut")


async def test_a_room_is_added_heard_changed_and_removed(it: Desk) -> None:
    activity = it.sandbox.channel("activity").id
    shown = await said(it, "monitor sources", action="list")
    assert "Options room" in shown
    assert str(demo.RHEA) in shown
    shown = await said(
        it, "monitor sources", action="add", channel=activity, author=demo.MIKE, parser="stocks"
    )
    assert "4 alert rooms" in shown
    assert it.app.desk.source_of(activity).handling == "approve"
    await it.asked("Long AAPL 190, stop 186, target 200", "mike", "activity")
    shown = await said(it, "monitor sources", action="edit", channel=activity, handling="listen")
    assert "listened to, never traded" in shown
    assert "already" in await said(it, "monitor sources", action="add", channel=activity)
    used = await it.slash("ada", "admin", "monitor sources", action="remove", channel=activity)
    await used.replied()
    await it.user("ada").click(used, "Remove the room").acked()
    await it.until(lambda: it.app.desk.source_of(activity) is None)
    it.user("mike").say("activity", "Long AAPL 190, stop 186, target 200")
    await asyncio.sleep(0.2)
    assert len(it.book.approvals) == 1
