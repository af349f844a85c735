"""#actions in the action channel."""

import asyncio
import sqlite3
from contextlib import closing
from decimal import Decimal

from bot.actions import _missed
from engine.domain.desk import Who
from engine.flows.limits import links
from tests.discord.kit import NAMED, OTHER, SPY, desk, plain
from tests.discord.test_buttons import _MANY


async def test_a_symbol_shows_its_card_and_one_that_is_not_held_lists_what_is(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        await it.held()
        (shown,) = await it.told(it.act("#spy"))
        assert {"Close all", "Stop…"} <= set(shown.labels)
        (other,) = await it.told(it.act("#TSLA close"))
        assert "TSLA is not held" in plain(other)
        assert "SPY" in plain(other)
        assert len(it.book.open_trades()) == 1


async def test_stop_target_and_trailing_say_what_was_and_what_is(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held()
        said = await it.told(it.act("#SPY stop 1.50\n#SPY target 3.10\n#SPY trailing 10%"), 3)
        words = "\n".join(plain(m) for m in said)
        assert "→ 1.50" in words
        assert "→ 3.10" in words
        assert "trailing" in words
        now = it.book.trades[trade.trade_id]
        assert now.stop.kind == "trailing"
        assert now.stop.price >= Decimal("1.50")
        (atr,) = await it.told(it.act("#spy TRAILING 2 atr"))
        assert it.book.trades[trade.trade_id].stop.trail_atr == 2, plain(atr)
        assert "no ATR is known yet: it stays there until one is" in plain(atr)
        assert "ATR" not in words


async def test_closing_a_number_a_share_or_all_asks_once_and_only_the_asker_or_an_admin(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held(f"BTO 4 {NAMED} @ 2.15")
        (question,) = await it.told(it.act("#SPY close 1"))
        assert "1 of 4" in plain(question)
        refused = await it.press("ann", question, "Close 1 of SPY")
        assert "Only the person who asked" in refused
        assert "Close 1 of SPY" in question.labels
        await it.user("tom").click(question, "Close 1 of SPY").acked()
        await it.until(lambda: it.book.trades[trade.trade_id].qty_open == 3)
        (question,) = await it.told(it.act("#SPY close 50%"))
        assert "2 of 3" in plain(question)
        await it.user("ada").click(question, "Close 50 % of SPY").acked()  # an admin may
        await it.until(lambda: it.book.trades[trade.trade_id].qty_open == 1)
        for text, why in (
            ("#SPY close 5", "only 1 are held"),
            ("#SPY close 0.5", "whole number"),
            ("#SPY close 150%", "at most 100"),
        ):
            (refused,) = await it.told(it.act(text))
            assert why in plain(refused)
            assert not refused.labels
        (question,) = await it.told(it.act("#SPY close"))
        await it.user("tom").click(question, "Close all of SPY").acked()
        await it.over(trade.trade_id)


async def test_close_all_and_emergency_stop_ask_before_they_close(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch, risk=_MANY) as it:
        (nothing,) = await it.told(it.act("#close-all"))
        assert "Nothing is open" in plain(nothing)
        trade, _ = await it.held()
        (question,) = await it.told(it.act("#close-all"))
        assert "SPY" in plain(question)
        await it.user("tom").click(question, "Cancel").acked()
        await it.until(lambda: "nothing was done" in plain(question))
        (stopped,) = await it.told(it.act("#EMERGENCY-STOP"))
        assert it.app.desk.halted
        assert "Entries are stopped" in plain(stopped)
        await it.user("tom").click(stopped, "Close everything").acked()
        await it.over(trade.trade_id)
        await it.until(lambda: "Closing" in plain(stopped))


async def test_an_emergency_stop_counts_although_another_line_cannot_be_read(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        said = await it.told(it.act("#SPY clsoe\n#emergency-stop"), 2)
        assert it.app.desk.halted
        assert any("not an action I know" in plain(m) for m in said)


async def test_a_channel_that_bears_a_symbols_name_is_read_as_the_symbol(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        await it.held()
        room = it.sandbox.channel("actions")
        old, room.name = room.name, "spy"
        it.sandbox.gateway.channel("CHANNEL_UPDATE", room)
        await asyncio.sleep(0.1)
        message = it.user("tom").say(room.id, f"<#{room.id}> stop 1.60")
        (said,) = await it.told(message)
        assert "1.60" in plain(said)
        room.name = old


async def test_what_is_not_understood_gets_help_and_nothing_of_the_message_is_done(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held()
        before = it.book.trades[trade.trade_id].stop.price
        for text in (
            "#SPY sell everything please",
            "#SPY stop 1.60\n#SPY stpo 1.70",
            "close spy",
            "#",
            "#SPY stop",
            "#SPY stop -1",
            "#SPY stop 1e2",
            "#SPY stop NaN",
            "#SPY trailing 2",
            "#close-all now",
            "#<@1> close",
        ):
            (said,) = await it.told(it.act(text))
            assert "Nothing was" in plain(said), text
        (many,) = await it.told(it.act("\n".join(["#SPY stop 1.60"] * 11)))
        assert "At most 10" in plain(many)
        assert it.book.trades[trade.trade_id].stop.price == before


async def test_bots_webhooks_edits_and_strangers_are_not_heard(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held()
        hook = it.sandbox.follow("all-messages", "actions")
        it.sandbox.webhook_say(hook.id, "#SPY stop 1.60", username="Tom")
        quiet = it.act("#SPY")
        await it.told(quiet)
        it.user("tom").edit(quiet, "#SPY stop 1.61")
        n_before = len(it.sandbox.channel("actions").messages)
        viewer = it.user("vic").say("actions", "good morning")
        (refused,) = await it.told(it.act("#SPY stop 1.62", who="vic"))
        assert "role trader" in plain(refused)
        await asyncio.sleep(0.2)
        assert len(it.sandbox.channel("actions").messages) == n_before + 3
        assert viewer in it.sandbox.channel("actions").messages
        elsewhere = it.user("tom").say("orders", "#SPY stop 1.63")
        await asyncio.sleep(0.2)
        assert it.sandbox.channel("orders").messages[-1] is elsewhere
        assert str(it.book.trades[trade.trade_id].stop.price) not in (
            "1.60",
            "1.61",
            "1.62",
            "1.63",
        )


async def test_one_line_that_fails_does_not_keep_the_others_back(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held()
        said = await it.told(it.act("#TSLA stop 1\n#SPY stop 1.60"), 2)
        assert "not held" in plain(said[0])
        assert it.book.trades[trade.trade_id].stop.price == Decimal("1.60")


async def test_a_symbol_held_twice_is_not_guessed(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch, risk=_MANY) as it:
        await it.held(f"BTO {NAMED} @ 2.15")
        await it.held(f"BTO {NAMED.replace('603', '605')} @ 2.15")
        (said,) = await it.told(it.act("#SPY close"))
        assert "more than once" in plain(said)
        shown = await it.told(it.act("#SPY"), 2)
        assert all("Close all" in m.labels for m in shown)
        assert SPY.symbol in plain(shown[0])
        assert OTHER not in plain(shown[0])


async def test_who_asked_for_what_is_kept_though_the_broker_does_not_answer_before_the_end(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held()
        for pause in ("_DRAIN_S", "_REST_S", "_LEAVE_S"):
            monkeypatch.setattr(f"bot.app.{pause}", 0.2)
        asked = asyncio.Event()

        async def replace(*_):
            asked.set()
            await asyncio.Event().wait()

        monkeypatch.setattr(it.app.desk.broker(trade.broker), "replace", replace)
        it.act("#SPY stop 1.60")
        await asyncio.wait_for(asked.wait(), 20)
        await it.app.stop()
        with closing(sqlite3.connect(tmp_path / "desk.db")) as db:
            told = {kind for (kind,) in db.execute("SELECT kind FROM audit")}
        assert "action.asked" in told


async def test_what_was_typed_while_the_desk_was_away_is_answered_and_not_done(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held()
        heard = it.act("#SPY")
        await it.told(heard)
        await it.app.stop()
        missed = it.act("#close-all")
        chat = it.act("back in ten minutes")
        async with desk(tmp_path, monkeypatch, sandbox=it.sandbox) as again:
            (said,) = await again.told(missed)
            assert "is not done now" in said.text
            fresh = again.act("#watch NVDA")
            (done,) = await again.told(fresh)
            assert "away" not in done.text
            assert again.book.trades[trade.trade_id].qty_open == trade.qty_open
            assert await _missed.answer(again.app, {fresh.id}) == 0, "once"
            for message in (heard, chat, fresh):
                replies = [
                    m
                    for m in message.channel.messages
                    if (m.reference or {}).get("message_id") == str(message.id)
                ]
                assert not any("away" in m.text for m in replies)


async def test_verbs_are_suggested_before_symbols(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        for typed in ("", "#"):
            found = await it.user("tom").autocomplete("orders", "action", "text", text=typed)
            values = [c["value"] for c in found.choices]
            verbs = ("alert", "buy", "sell", "close-all", "cancel-all", "emergency-stop", "watch")
            assert set(verbs) <= set(values[:16]), values
            assert len(values) == 25


async def test_a_linked_trader_acts_by_direct_message_and_nobody_else_does(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held()
        admin = Who(user_id=1, name="Ada", may_admin=True)
        tom, vic = it.user("tom").user, it.user("vic").user

        async def answered(message):
            (said,) = await it.told(message)
            return said

        stranger = await answered(it.user("tom").dm("#SPY close"))
        assert "whose account is linked" in plain(stranger)
        for who in (tom, vic):
            await links.put(it.app.desk, admin, who.id, "main")
        card = await answered(it.user("tom").dm("#SPY"))
        assert "SPY 603C" in plain(card)
        assert card.labels == [], "buttons of cards work in the server"
        asked = await answered(it.user("tom").dm("#SPY close"))
        assert it.book.trades[trade.trade_id].qty_open == trade.qty_open
        await it.user("tom").click(asked, "Close all of SPY").acked()
        await it.over(trade.trade_id)
        viewer = await answered(it.user("vic").dm("#close-all"))
        assert "role trader" in plain(viewer), "a link gives no right"
        admins = await answered(it.user("tom").dm("#resume"))
        assert plain(admins).startswith("⛔")
        chat = it.user("tom").dm("thanks")
        it.sandbox.guild().members[tom.id].roles.clear()
        gone = await answered(it.user("tom").dm("#buy AAPL 1"))
        assert "role trader" in plain(gone), "roles are those of this moment"
        assert not any(
            (m.reference or {}).get("message_id") == str(chat.id) for m in chat.channel.messages
        )
