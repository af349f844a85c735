"""The line to Discord drops, resumes, is invalidated, comes back: nothing lost, nothing twice."""

import asyncio
from contextlib import asynccontextmanager, suppress
from decimal import Decimal

import pytest

from bot.client import DeskBot, Patience
from bot.health import facts
from engine.domain.desk import AlertState, Intake
from engine.domain.errors import StoreUnavailable
from tests.discord.kit import NAMED, OTHER, QQQ, SPY, Desk, desk, plain

DELAY = Patience.delay


@pytest.fixture(autouse=True)
def identify_at_once(monkeypatch):
    """The library sleeps 5 s before it identifies anew: Discord's limit, not ours to test."""

    async def hook(self, shard_id, *, initial=False):
        del self, shard_id, initial

    monkeypatch.setattr(DeskBot, "before_identify_hook", hook)


@pytest.fixture(autouse=True)
def dial_again_soon(monkeypatch):
    """The pauses between attempts grow to 15 s: what happens then is the same after 0.3."""
    monkeypatch.setattr(Patience, "delay", lambda _: 0.3)


def test_no_pause_between_attempts_is_longer_than_a_quarter_of_a_minute():
    line = Patience()
    drawn = [DELAY(line) for _ in range(300)]
    assert max(drawn) == 15
    assert min(drawn) >= 0


async def taken(it: Desk) -> list[Intake]:
    return await it.app.store.find(Intake)


def texts(rows: list[Intake]) -> list[str]:
    return [row.message.text for row in rows]


async def test_a_dropped_line_is_resumed_without_loss_or_repeat(tmp_path, monkeypatch):
    """D-01."""
    async with desk(tmp_path, monkeypatch) as it:
        for number, code in enumerate((4000, None, 4000)):
            it.sandbox.drop(code)
            it.user("rhea").say("options-room", f"chat {number}")
            await it.until(lambda n=number: it.app.link.is_up and it.sandbox.gateway.is_connected)
        await it.until(lambda: len(it.book.intake) == 3)
        await asyncio.sleep(0.3)
        assert texts(await taken(it)) == ["chat 0", "chat 1", "chat 2"]
        assert "identify" not in it.sandbox.gateway.log[1:]
        mirrored = await it.until(
            lambda: [m for m in it.sandbox.channel("all-messages").messages if "chat" in m.text]
        )
        await it.until(lambda: len(it.sandbox.channel("all-messages").messages) == 3)
        assert mirrored


async def test_lost_sessions_are_read_back_in_order_within_seconds(tmp_path, monkeypatch):
    """D-02."""
    async with desk(tmp_path, monkeypatch) as it:
        loop_tasks = named_tasks()
        n = 0
        for _ in range(5):
            it.sandbox.invalidate()
            for _ in range(20):
                it.user("rhea").say("options-room", f"chat {n}")
                n += 1
            await it.until(lambda: not it.app.link.is_up or it.sandbox.gateway.is_connected)
            await it.until(lambda total=n: len(it.book.intake) == total, 5)
        assert texts(await taken(it)) == [f"chat {i}" for i in range(100)]
        assert it.sandbox.gateway.log.count("identify") == 6
        assert named_tasks() == loop_tasks
        await it.until(lambda: it.app.link.is_up)


def named_tasks() -> list[str]:
    """Background work, by name, without what comes and goes."""
    passing = (
        *("discord.py", "Task-", "outbox", "pace", "catch up", "acknowledge", "confirmation"),
        *("sweep ", "warm charts"),
    )
    return sorted(t.get_name() for t in asyncio.all_tasks() if not t.get_name().startswith(passing))


async def test_an_opening_its_edit_and_its_closing_missed_together_are_seen_once_in_order(
    tmp_path, monkeypatch
):
    """A-14."""
    async with desk(tmp_path, monkeypatch) as it:
        it.price(SPY, "2.14", "2.16")
        it.sandbox.invalidate()
        rhea = it.user("rhea")
        opening = rhea.say("options-room", f"BTO 1 {NAMED} @ 2.10")
        rhea.edit(opening, f"BTO 2 {NAMED} @ 2.15")
        rhea.say("options-room", f"STC {NAMED} @ 2.90")
        await it.until(lambda: len(it.book.alerts) == 2, 5)
        first, second = sorted(it.book.alerts.values(), key=lambda alert: alert.message_id)
        assert first.text == f"BTO 2 {NAMED} @ 2.15"
        assert first.is_caught_up
        assert first.n_judged == 1
        assert second.text.startswith("STC")
        rows = [row.message_id for row in await taken(it)]
        assert rows == [first.message_id, second.message_id]
        await asyncio.sleep(0.3)
        assert not it.book.open_trades()  # caught-up entries never trade by themselves


async def test_what_arrives_while_the_gap_is_being_read_waits_its_turn(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        it.sandbox.fault("/channels/*/messages", "delay", 2, method="GET", delay_s=0.5)
        it.sandbox.invalidate()
        it.user("rhea").say("options-room", "missed")
        await it.until(lambda: it.sandbox.gateway.is_connected)
        it.user("rhea").say("options-room", "live")
        await it.until(lambda: len(it.book.intake) == 2)
        assert texts(await taken(it)) == ["missed", "live"]


async def test_it_is_not_ready_before_the_gap_has_been_read(tmp_path, monkeypatch):
    """An alert that was posted to a desk that called itself ready waited for a person."""
    async with desk(tmp_path, monkeypatch) as it:
        await it.until(lambda: facts(it.app)["ready"])
        it.sandbox.fault("/channels/*/messages", "delay", 9, method="GET", delay_s=0.5)
        it.sandbox.invalidate()
        await it.until(lambda: not it.app.link.is_up)
        await it.until(lambda: it.app.link.is_up)
        seen = facts(it.app)
        assert (seen["ready"], seen["entries"], seen["trading_ready"]) == (False, False, True)
        assert seen["reasons"] == ["alert rooms: what was missed is being read"]
        await it.until(lambda: facts(it.app)["ready"])
        it.user("rhea").say("options-room", f"BTO 1 {NAMED} @ 2.15")
        (alert,) = await it.until(lambda: list(it.book.alerts.values()))
        assert not alert.is_caught_up


async def test_edits_and_deletions_of_the_gap_reach_older_messages(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        edited, edited_card = await it.asked(f"BTO 1 {NAMED} @ 2.15")
        deleted, deleted_card = await it.asked(f"BTO 1 {OTHER} @ 2.15")
        sent = [m for m in it.sandbox.channel("options-room").messages if "BTO" in m.text]
        it.sandbox.invalidate()
        it.user("rhea").edit(sent[0], f"BTO 2 {NAMED} @ 2.15")
        it.user("rhea").delete(sent[1])
        await it.until(lambda: edited.approval_id not in it.book.approvals, 5)
        await it.until(lambda: deleted.approval_id not in it.book.approvals, 5)
        await it.until(lambda: not edited_card.labels)
        await it.until(lambda: not deleted_card.labels)
        newer = await it.until(lambda: next(iter(it.book.approvals.values()), None))
        assert it.book.intents[newer.intent_id].qty == 2
        alert = it.book.alerts[deleted.alert_id]
        assert alert.state is AlertState.WITHDRAWN
        # once: the next reconnect finds nothing new
        it.sandbox.invalidate()
        await it.until(lambda: it.sandbox.gateway.log.count("identify") == 3)
        await it.until(lambda: it.app.link.is_up)
        await asyncio.sleep(0.3)
        assert len(await it.events("alert.edited")) == 1
        assert len(await it.events("alert.deleted")) == 1


async def test_a_gap_that_cannot_be_read_is_said_and_read_later_while_live_goes_on(
    tmp_path, monkeypatch
):
    monkeypatch.setattr("bot.catch_up._AGAIN_S", 0.5)
    async with desk(tmp_path, monkeypatch) as it:
        rule = it.sandbox.fault("/channels/*/messages", "403", 50, method="GET", code=50001)
        it.sandbox.invalidate()
        it.user("rhea").say("options-room", "missed")
        await it.until(lambda: any(k.startswith("room ") for k in it.app.desk.health))
        it.user("rhea").say("options-room", "live")
        await it.until(lambda: len(it.book.intake) == 1)
        rule.times = 0
        await it.until(lambda: len(it.book.intake) == 2)
        assert texts(await taken(it)) == ["live", "missed"]
        await it.until(lambda: not any(k.startswith("room ") for k in it.app.desk.health))


@asynccontextmanager
async def no_space(it):
    """A database that cannot grow; nothing of the bot's fits in any more."""
    cursor = it.app.store._db._connection.cursor()  # the writer's own is the writer's alone
    (pages,) = cursor.execute("PRAGMA page_count").fetchone()
    cursor.execute(f"PRAGMA max_page_count={pages}").fetchall()
    for size in (2000, 200, 1):
        with suppress(StoreUnavailable):
            for n in range(200):
                filler = it.app.desk.fact(f"filler-{size}-{n}", "x" * size)
                await it.app.store.commit([it.app.desk.event("filler", "filler", filler)])
    try:
        yield
    finally:
        cursor.execute("PRAGMA max_page_count=1000000").fetchall()
        cursor.close()


async def test_what_could_not_be_written_down_is_read_again_in_order_and_never_lost(
    tmp_path, monkeypatch
):
    """S-02: a later message that fits must not carry the watermark past one that did not."""
    monkeypatch.setattr("bot.catch_up._AGAIN_S", 0.5)
    async with desk(tmp_path, monkeypatch) as it:
        it.user("rhea").say("options-room", "first")
        await it.until(lambda: len(it.book.intake) == 1)
        approval, _ = await it.asked()
        alert = it.book.alerts[approval.alert_id]
        async with no_space(it):
            it.user("rhea").delete(it.sandbox.state.message(alert.message_id))
            it.user("rhea").say("options-room", "second")
            it.user("rhea").say("options-room", "third")
            await it.until(lambda: "intake" in it.app.desk.health)
            assert "full" in it.app.desk.health["intake"]
            await it.until(lambda: not it.app.store.health().is_writable)
        it.user("rhea").say("options-room", "fourth")
        await it.until(lambda: len(it.book.intake) == 5)
        said = texts(await taken(it))
        assert (said[0], *said[2:]) == ("first", "second", "third", "fourth")
        await it.until(lambda: "intake" not in it.app.desk.health)
        await it.until(lambda: approval.approval_id not in it.book.approvals)
        assert it.book.alerts[alert.alert_id].state is AlertState.WITHDRAWN


async def test_what_came_close_behind_a_refused_message_does_not_overtake_it(tmp_path, monkeypatch):
    """S-02: the store takes the next one again while the one before is still to be read anew."""
    monkeypatch.setattr("bot.catch_up._AGAIN_S", 0.5)
    async with desk(tmp_path, monkeypatch) as it:
        it.user("rhea").say("options-room", "first")
        await it.until(lambda: len(it.book.intake) == 1)
        real, refused = it.app.desk.commit, []

        async def commit(*events):
            if events[0].kind == "message.taken" and not refused:
                refused.append(events)
                await asyncio.sleep(0.2)  # the next one arrives meanwhile
                raise StoreUnavailable("disk full")
            await real(*events)

        monkeypatch.setattr(it.app.desk, "commit", commit)
        it.user("rhea").say("options-room", "second")
        it.user("rhea").say("options-room", "third")
        await it.until(lambda: len(it.book.intake) == 3)
        assert texts(await taken(it)) == ["first", "second", "third"]


async def test_an_alert_delivered_twice_and_found_in_history_is_one(tmp_path, monkeypatch):
    """A-01."""
    async with desk(tmp_path, monkeypatch) as it:
        it.sandbox.duplicate_next(2)
        approval, _ = await it.asked()
        it.sandbox.invalidate()
        await it.until(lambda: it.sandbox.gateway.log.count("identify") == 2)
        await it.until(lambda: it.app.link.is_up)
        await asyncio.sleep(0.3)
        assert list(it.book.approvals) == [approval.approval_id]
        assert len(await taken(it)) == 1


async def test_after_a_restart_old_buttons_and_dialogs_still_work(tmp_path, monkeypatch):
    """D-03."""
    async with desk(tmp_path, monkeypatch) as it:
        sandbox = it.sandbox
        trade, card = await it.held(f"BTO 2 {NAMED} @ 2.15")
        approval, question = await it.asked(f"BTO 2 {OTHER} @ 2.15")
        opened = await it.user("ann").click(question, "Modify").acked()
        await it.app.stop()
        async with desk(tmp_path, monkeypatch, sandbox=sandbox) as again:
            again.price(SPY, "2.14", "2.16")
            again.price(QQQ, "2.14", "2.16")
            assert trade.trade_id in again.book.trades
            late = again.user("ann").submit(opened, {"qty": "1"})
            assert "asks anew" in await again.answer(late)
            await again.until(lambda: "changed by" in plain(question))
            assert "approved" in await again.press("tom", question, "Approve")
            moved = await again.fill_in("tom", card, "Stop…", price="1.60")
            assert "1.60" in await again.answer(moved)
            assert again.book.trades[trade.trade_id].stop.price == Decimal("1.60")
            everywhere = sandbox.channel("approvals").messages
            cards = [m for m in everywhere if approval.alert_id in m.text and not m.ephemeral_for]
            assert len(cards) == 1  # it was edited, not posted again
        assert approval.approval_id not in again.book.approvals


async def test_a_confirmation_from_before_a_restart_is_over(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        sandbox = it.sandbox
        trade, card = await it.held()
        asked = await it.user("tom").click(card, "Close all").acked()
        question = await it.until(lambda: next(iter(asked.followups), None))
        await it.app.stop()
        async with desk(tmp_path, monkeypatch, sandbox=sandbox) as again:
            again.price(SPY, "2.14", "2.16")
            await again.user("tom").click(question, "Close all of SPY").acked()
            await again.until(lambda: "is over" in plain(question))
            assert again.book.trades[trade.trade_id].qty_open == trade.qty_open


async def test_op_7_keeps_pending_approvals(tmp_path, monkeypatch):
    """D-03."""
    async with desk(tmp_path, monkeypatch) as it:
        _, card = await it.asked()
        it.sandbox.reconnect()
        await it.until(lambda: "resume" in it.sandbox.gateway.log)
        await it.until(lambda: it.app.link.is_up)
        assert "approved" in await it.press("tom", card, "Approve")


async def test_stops_work_while_discord_is_down_and_one_summary_follows(tmp_path, monkeypatch):
    """D-04."""
    monkeypatch.setattr("bot.link._LONG_S", 0.5)
    async with desk(tmp_path, monkeypatch) as it:
        trade, card = await it.held()
        it.sandbox.go_down()
        await it.until(lambda: "discord" in it.app.desk.health)
        it.price(SPY, "0.90", "0.92")
        closed = await it.over(trade.trade_id)
        assert closed.close_reason.startswith("stop")
        it.user("rhea").say("options-room", "anybody there?")
        await asyncio.sleep(1)
        before = [m.id for m in it.sandbox.sent()]
        it.sandbox.come_back()
        summary = await it.until(lambda: it.find("activity", "Discord was away"), 40)
        words = plain(summary)
        assert "1 closed" in words, words
        assert "1 message of alert rooms read late" in words, words
        await it.until(lambda: not card.labels)
        await it.until(lambda: "discord" not in it.app.desk.health)
        await asyncio.sleep(0.5)
        told = [m for m in it.sandbox.sent() if m.id not in before and "away" in m.text]
        assert len(told) == 1


async def test_an_outage_of_the_server_forgets_nothing(tmp_path, monkeypatch):
    """D-13."""
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked()
        it.sandbox.guild_outage()
        await it.until(lambda: "discord server" in it.app.desk.health)
        assert approval.approval_id in it.book.approvals
        it.user("rhea").say("options-room", "said in the dark")
        await it.app.desk.tell("admin", "a note in the dark")
        it.sandbox.guild_back()
        await it.until(lambda: "discord server" not in it.app.desk.health)
        await it.see("admin", "a note in the dark")
        await it.until(lambda: len(it.book.intake) == 2)
        assert "approved" in await it.press("tom", card, "Approve")


async def test_commits_do_not_suffer_while_the_bot_does_not_know_its_own_server(
    tmp_path, monkeypatch
):
    """Between READY and GUILD_CREATE the server has neither members nor rooms."""
    async with desk(tmp_path, monkeypatch) as it:
        it.sandbox.state.guilds[it.app.config.discord.guild_id].is_available = False
        it.sandbox.invalidate()
        await it.until(lambda: it.sandbox.gateway.log.count("identify") == 2)
        await it.until(lambda: "discord server" in it.app.desk.health)
        await it.app.desk.tell("admin", "nobody is lost")
        used = it.user("ada").slash("admin", "resume-trading", reason="x")
        assert "Nothing was done" in (await used.replied()).text
        it.sandbox.guild_back()
        await it.see("admin", "nobody is lost")
