"""Floods, hostile words, bombs, missing content, broken charts: said kindly, done never."""

import asyncio
import time

import discord
import pytest
from aiohttp import web

from bot.charts import ChartError
from bot.sandbox.errors import Refused
from bot.sandbox.message import Upload
from engine.domain.desk import Intake
from tests.discord.kit import NAMED, SPY, desk, plain
from tests.discord.test_rights import leaves, options

NASTY = (
    "'; DROP TABLE alerts; --",
    "1' OR '1'='1",
    "../../etc/passwd",
    "A-" + "9" * 3000,
    "\u202eSPY\u200b",
    "```@everyone```",
    "<script>alert(1)</script>",
    "{{7*7}} ${jndi:ldap://x} %s %n",
    "\u0000",
    "🦊" * 500,
    "NaN",
    "-1e999",
)


async def test_hostile_words_in_every_argument_are_inert(tmp_path, monkeypatch):
    """X-10."""
    async with desk(tmp_path, monkeypatch) as it:
        monkeypatch.setattr(it.app.pace, "count", lambda *_, **__: None)
        trade, card = await it.held()
        n_alerts = len(it.book.alerts)
        for words in NASTY:
            short = words[:200]
            for command, option in (
                ("positions", "symbol"),
                ("alerts list", "symbol"),
                ("alerts show", "id"),
                ("alerts test", "text"),
                ("approvals show", "id"),
                ("trades recent", "symbol"),
                ("trace", "id"),
            ):
                used = it.user("tom", strict=False).slash("orders", command, {option: words})
                answer = plain((await used.replied()).reply)
                assert answer, (command, words)
                assert "Reference" not in answer, (command, words, answer)
            source = it.user("tom", strict=False).slash(
                "orders", "alerts test", {"text": "BTO X", "source": short}
            )
            assert "There is no source" in plain((await source.replied()).reply)
            focus = it.user("tom", strict=False).autocomplete(
                "orders", "alerts show", "id", {"id": short}
            )
            await focus.acked()
            typed = await it.fill_in("tom", card, "Stop…", price=words[:20])
            assert "Reference" not in await it.answer(typed)
            (said,) = await it.told(it.act(f"#{short}"))
            assert "Reference" not in plain(said)
        assert len(it.book.alerts) == n_alerts
        assert it.book.trades[trade.trade_id].stop == trade.stop
        assert (await it.app.store.verify()).is_ok


async def test_attachments_are_never_opened_and_links_never_followed(tmp_path, monkeypatch):
    """X-11."""
    hits = []

    async def trap(request):
        hits.append(request.path)
        return web.Response(text="BTO SPY")

    server = web.Application()
    server.router.add_route("*", "/{tail:.*}", trap)
    runner = web.AppRunner(server)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = site._server.sockets[0].getsockname()[1]
    try:
        async with desk(tmp_path, monkeypatch) as it:
            rhea = it.user("rhea")
            fetched = []
            original = it.sandbox._file

            async def watched(request):
                fetched.append(request.path)
                return await original(request)

            monkeypatch.setattr(it.sandbox, "_file", watched)
            rhea.say("options-room", files=[Upload("bomb.png", b"\x89PNG" + b"0" * 9_000_000)])
            rhea.say("options-room", f"look http://127.0.0.1:{port}/latest/meta-data/")
            rhea.say("options-room", f"BTO {NAMED} @ 2.15 http://127.0.0.1:{port}/x")
            await it.until(lambda: len(it.book.intake) == 3)
            await it.slash("tom", "orders", "alerts test", text=f"BTO X http://127.0.0.1:{port}/y")
            await it.app.outbox.idle()
            await asyncio.sleep(0.2)
            assert hits == []
            assert fetched == []
            first = (await it.app.store.find(Intake))[0]
            assert first.message.n_attachments == 1
            assert first.verdict != "alert"
    finally:
        await runner.cleanup()


async def test_a_thousand_commands_of_one_person_hold_up_nobody_else(tmp_path, monkeypatch):
    """X-12."""
    async with desk(tmp_path, monkeypatch) as it:
        _, card = await it.asked()
        flood = [it.user("vic").slash("orders", "status") for _ in range(1000)]
        started = time.monotonic()
        shown = await it.user("ann").slash("orders", "status").replied(30)
        assert "eady" in plain(shown.reply)
        assert "approved" in await it.press("tom", card, "Approve")
        assert time.monotonic() - started < 20, "a thousand answers take longer than that"

        def told() -> list[str]:
            notes = [n for used in flood for n in (used.original, *used.followups)]
            return [plain(n) for n in notes if n is not None and not n.is_loading]

        await it.until(lambda: any("a lot at once" in a for a in told()), 90)
        most = 100 + 5 * (time.monotonic() - started + 1)
        answers = told()
        throttled = [a for a in answers if "a lot at once" in a]
        assert len(answers) - len(throttled) <= most
        assert all("Nothing was done" in a for a in throttled)
        assert await it.until(it.book.open_trades)


async def test_exits_are_never_throttled(tmp_path, monkeypatch):
    monkeypatch.setattr("bot.pace._COMMANDS", (100.0, 0.001))  # however slow this machine is
    monkeypatch.setattr("bot.pace._ACTIONS", (20.0, 0.001))
    async with desk(tmp_path, monkeypatch) as it:
        trade, card = await it.held()
        for _ in range(150):
            it.user("tom").slash("orders", "status")
        for _ in range(30):
            it.act("#TSLA")
        slow = it.act("#SPY")
        room = slow.channel
        await it.until(
            lambda: any("a lot at once" in plain(m) for m in room.messages if m.reference)
        )
        assert not any("Close all" in m.labels for m in slow.channel.messages)
        done = await it.fill_in("tom", card, "Stop…", price="1.60")
        assert "1.60" in await it.answer(done)
        (question,) = await it.told(it.act("#SPY close"))
        await it.user("tom").click(question, "Close all of SPY").acked()
        await it.over(trade.trade_id)
        stop = await it.slash("tom", "orders", "emergency-stop")
        assert "Entries are stopped" in plain(stop.reply)


async def test_a_flood_of_actions_is_answered_once(tmp_path, monkeypatch):
    monkeypatch.setattr("bot.pace._ACTIONS", (20.0, 0.001))
    async with desk(tmp_path, monkeypatch) as it:
        for _ in range(60):
            it.act("#TSLA")

        def answers():
            return [m for m in it.sandbox.channel("actions").messages if m.reference]

        await it.until(lambda: any("a lot at once" in plain(m) for m in answers()))
        await asyncio.sleep(1)
        replies = answers()
        slow = [m for m in replies if "a lot at once" in plain(m)]
        assert 1 <= len(slow) <= 3
        assert len(replies) < 40


async def test_embeds_of_bots_are_read_previews_of_people_are_not(tmp_path, monkeypatch):
    """A-16."""
    rooms = {"sources": {"options": {"webhook_ids": []}}}
    async with desk(tmp_path, monkeypatch) as it:
        del rooms
        it.price(SPY, "2.14", "2.16")
        approval, card = await it.asked()
        message = next(m for m in it.sandbox.channel("options-room").messages)
        preview = {"type": "link", "title": "Nice chart", "description": "STC everything"}
        message.embeds = [preview]
        it.sandbox.gateway.message("MESSAGE_UPDATE", message)
        await asyncio.sleep(0.3)
        assert approval.approval_id in it.book.approvals  # a preview is no edit
        assert "Approve" in card.labels
        picture = it.user("rhea").say("options-room", files=[Upload("x.png", b"\x89PNG")])
        await it.until(lambda: len(it.book.intake) == 2)
        rows = await it.app.store.find(Intake, where={"message_id": picture.id})
        assert rows[0].verdict.startswith("ignored")


async def test_an_alert_in_an_embed_of_a_trusted_webhook_is_read(tmp_path, monkeypatch):
    """A-16."""
    from dataclasses import replace

    from bot.demo import world
    from bot.sandbox import Sandbox
    from bot.sandbox.world import WebhookSpec
    from tests.live import SPEC

    places = world.world()
    hook = WebhookSpec(id=world.GUILD + 77, name="Feed", channel="options-room")
    guild = replace(places.guilds[0], webhooks=(hook,))
    sandbox = await Sandbox.start(
        replace(places, guilds=(guild,)), spec=SPEC if SPEC.exists() else None, token=world.TOKEN
    )
    try:
        more = {"sources": {"options": {"webhook_ids": [world.GUILD + 77]}}}
        async with desk(tmp_path, monkeypatch, sandbox=sandbox, **more) as it:
            it.price(SPY, "2.14", "2.16")
            embed = {"title": "New trade", "description": f"BTO 1 {NAMED} @ 2.15"}
            sandbox.webhook_say("Feed", embeds=[embed])
            await it.until(lambda: it.book.approvals)
            (asked,) = it.book.approvals.values()
            assert it.book.trades[asked.trade_id].symbol == "SPY"
    finally:
        await sandbox.stop()


async def test_messages_without_text_make_the_desk_not_ready_and_the_fix_is_named(
    tmp_path, monkeypatch
):
    """A-17."""
    async with desk(tmp_path, monkeypatch) as it:
        it.sandbox.strip_content()
        it.user("rhea").say("options-room", f"BTO {NAMED} @ 2.15")
        await it.until(lambda: "message content" in it.app.desk.health)
        assert "Message Content intent" in it.app.desk.health["message content"]
        status = await it.slash("tom", "orders", "status")
        assert "Message Content intent" in plain(status.reply)
        it.sandbox.strip_content(on=False)
        it.user("rhea").say("options-room", "hello again")
        await it.until(lambda: "message content" not in it.app.desk.health)


@pytest.mark.parametrize("how", ["raises", "hangs"])
async def test_without_a_chart_there_are_words(tmp_path, monkeypatch, how):
    """D-16."""
    async with desk(tmp_path, monkeypatch) as it:

        async def broken(*_):
            raise ChartError("no picture")

        async def hanging(*_):
            await asyncio.sleep(0.5)
            raise ChartError("not in time")

        monkeypatch.setattr(it.app.charts, "render", broken if how == "raises" else hanging)
        shown = await it.user("tom").slash("orders", "profit-loss", period="ytd").replied(20)
        assert not shown.reply.attachments
        assert shown.reply.embeds
        assert "image" not in shown.reply.embeds[0]
        trade, card = await it.held()
        (question,) = await it.told(it.act("#SPY close"))
        await it.user("tom").click(question, "Close all of SPY").acked()
        await it.over(trade.trade_id)
        posted = await it.until(lambda: it.card("chart:pnl"))
        assert posted.embeds
        assert not posted.attachments
        assert card


async def test_a_worker_that_hangs_holds_up_no_order(tmp_path, monkeypatch):
    """D-16: the real worker, stopped in its tracks."""
    import os
    import signal

    async with desk(tmp_path, monkeypatch) as it:
        await it.user("tom").slash("orders", "profit-loss", period="ytd").replied(30)
        it.app.charts._timeout_s = 1.5
        (pid,) = it.app.charts.pids
        os.kill(pid, signal.SIGSTOP)
        slow = it.user("tom").slash("orders", "profit-loss", period="ytd")
        trade, _ = await it.held()
        assert trade.qty_open
        shown = await slow.replied(20)
        assert not shown.reply.attachments
        assert shown.reply.embeds


async def test_a_viewer_cannot_even_see_dialogs(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        _, card = await it.asked()
        opened = await it.user("vic").click(card, "Modify").acked()
        assert opened.modal is None
        with pytest.raises(Refused):
            it.user("vic").submit(opened, {})


async def test_no_command_stumbles_over_words(tmp_path, monkeypatch):
    """X-10: every parameter that takes words, of every command that there is."""
    async with desk(tmp_path, monkeypatch) as it:
        monkeypatch.setattr(it.app.pace, "count", lambda *_, **__: None)
        await it.held()
        stumbled = []
        for command in leaves(it.app.bot.tree.get_commands()):
            texts = [
                p.display_name
                for p in command.parameters
                if p.type is discord.AppCommandOptionType.string and not p.choices
            ]
            for words in ("\u0000", "``` @everyone \u202e🦊", "-1e999") if texts else ():
                given = {**options(command), **dict.fromkeys(texts, words)}
                used = it.user("ada", strict=False).slash("admin", command.qualified_name, given)
                await used.replied(20)
                said = "a dialog" if used.modal is not None else plain(used.reply)
                if "Reference" in said or not said:
                    stumbled.append((command.qualified_name, words, said))
        assert stumbled == []
