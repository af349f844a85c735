"""Every command as a person uses it."""

import asyncio

import pytest

from bot import text
from bot.sandbox.errors import Refused
from tests.discord.kit import NAMED, OTHER, SPY, desk, plain


async def test_reading_commands_of_an_empty_desk_answer_and_say_so(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        status = await it.slash("vic", "actions", "status")
        assert "Ready to trade" in plain(status.reply)
        assert "gateway" in plain(status.reply)
        assert "Nothing is open" in (await it.slash("tom", "orders", "positions")).text
        assert "No alerts yet" in (await it.slash("tom", "orders", "alerts list")).text
        waiting = await it.slash("tom", "orders", "approvals list")
        assert "Nothing waits" in waiting.text
        recent = await it.slash("tom", "orders", "trades recent")
        assert "o trades" in plain(recent.reply)
        unknown = await it.slash("tom", "orders", "trace", id="A-NOTHING")
        assert "Nothing is known" in unknown.text
        assert unknown.ephemeral
        for command in ("alerts show", "approvals show"):
            missing = await it.slash("tom", "orders", command, id="X-1")
            assert "There is no" in missing.text
            assert missing.ephemeral


async def test_positions_of_one_symbol_come_with_buttons_and_unheld_ones_list_what_is(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held()
        listed = await it.slash("tom", "orders", "positions")
        assert "SPY 603C" in plain(listed.reply)
        assert not listed.ephemeral
        choices = await it.user("tom").autocomplete("orders", "positions", "symbol", symbol="sp")
        assert [c["value"] for c in choices.choices] == ["SPY"]
        one = await it.slash("tom", "orders", "positions", symbol="spy")
        assert {"Close all", "Stop to entry", "Stop…", "Target…"} <= set(one.reply.labels)
        other = await it.slash("tom", "orders", "positions", symbol="QQQ")
        assert "QQQ is not held" in other.text
        assert "SPY" in other.text
        assert other.ephemeral
        # outside the desk's rooms figures are for the asker alone
        private = await it.slash("tom", "all-messages", "positions")
        assert private.ephemeral
        assert trade.qty_open > 0


async def test_performance_comes_with_measures_and_the_curve(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        empty = await it.slash("tom", "orders", "performance")
        assert "no closed trades yet" in plain(empty.reply)
        trade, card = await it.held()
        it.price(SPY, "2.60", "2.62")
        await it.press("tom", card, "Close all")
        await it.user("tom").click(card.channel, "Close all of SPY").acked()
        await it.over(trade.trade_id)
        used = it.user("tom").slash("orders", "performance", period="all", compare="IWM")
        shown = (await used.replied(20)).reply
        (picture,) = shown.attachments
        assert picture.data.startswith(b"\x89PNG")
        assert "Realised P&L by day over 1 trading day:" in picture.description
        words = plain(shown)
        assert "100% won" in words
        assert "no losing trade" in words
        assert "By strategy" in words
        assert "By sector Broad market" in words
        assert "IWM" in words
        used = it.user("tom").slash("orders", "profit-loss", by="sector")
        assert "Broad market" in plain((await used.replied(20)).reply)
        nobody = await it.slash("tom", "orders", "performance", strategy="nobody")
        assert "Nothing was traded by" in nobody.text


async def test_performance_is_compared_by_room_author_broker_class_and_time(tmp_path, monkeypatch):
    """Row A30: all but symbols were looked up as symbols, and n/a."""
    async with desk(tmp_path, monkeypatch) as it:
        trade, card = await it.held()
        it.price(SPY, "2.60", "2.62")
        await it.press("tom", card, "Close all")
        await it.user("tom").click(card.channel, "Close all of SPY").acked()
        closed = await it.over(trade.trade_id)
        usd = text.usd(closed.realised_usd, sign=True)
        for compare, name in (
            ("strategy", "Options room"),
            ("author", "Rhea · options"),
            ("broker", "paper"),
            ("asset", "options"),
            ("period", "1 week"),
        ):
            used = await it.slash("tom", "orders", "performance", compare=compare)
            words = plain(used.reply)
            assert f"Performance by {compare}" in words
            assert name[:12] in words
            assert usd in words
        for compare in ("author: Rhea · options", "rhea · options", "Options room", "options"):
            used = await it.slash("tom", "orders", "performance", compare=compare)
            assert "Both made the same" in plain(used.reply), compare
        apart = await it.slash("tom", "orders", "performance", asset="options", compare="stocks")
        assert "first: options\nsecond: equity" in plain(apart.reply)
        offered = await it.user("tom").autocomplete("orders", "performance", "compare", compare="")
        assert [c["value"] for c in offered.choices[:3]] == ["strategy", "author", "broker"]
        offered = await it.user("tom").autocomplete(
            "orders", "performance", "compare", compare="aut"
        )
        assert [c["value"] for c in offered.choices[:2]] == ["author", "author: Rhea · options"]
        wrong = await it.slash("tom", "orders", "performance", compare="who knows")
        assert "is no symbol, and no strategy, author, broker" in wrong.text


async def test_exposure_and_the_summary_say_what_is_at_stake(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        nothing = await it.slash("tom", "orders", "exposure")
        assert "Nothing is at stake" in plain(nothing.reply)
        await it.held()
        used = it.user("tom").slash("orders", "exposure", by="asset")
        shown = (await used.replied(20)).reply
        assert "at stake" in plain(shown)
        assert "option" in plain(shown)
        assert shown.attachments[0].data.startswith(b"\x89PNG")
        used = it.user("tom").slash("orders", "portfolio-summary")
        summary = (await used.replied(20)).reply
        assert "Equity $" in plain(summary)
        assert "at stake" in plain(summary)
        assert summary.attachments[0].description.startswith("Equity $")
        hidden = await it.slash("tom", "all-messages", "portfolio-summary")
        assert hidden.ephemeral


async def test_profit_and_loss_come_with_a_chart_in_both_themes_and_words_for_those_who_cannot_see(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        trade, card = await it.held()
        it.price(SPY, "2.60", "2.62")
        await it.press("tom", card, "Close all")
        await it.user("tom").click(card.channel, "Close all of SPY").acked()
        await it.over(trade.trade_id)
        pictures = []
        for theme in ("dark", "light"):
            shown = (
                await it.user("tom")
                .slash("orders", "profit-loss", period="today", theme=theme)
                .replied(20)
            )
            (picture,) = shown.reply.attachments
            assert picture.data.startswith(b"\x89PNG")
            assert "P&L" in picture.description
            assert "today" in picture.description
            assert "net" in plain(shown.reply)
            pictures.append(picture.data)
        assert pictures[0] != pictures[1]


async def test_alerts_can_be_listed_shown_traced_and_tried_out(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        approval, _ = await it.asked()
        listed = await it.slash("tom", "orders", "alerts list", symbol="spy")
        assert "1 alert" in plain(listed.reply)
        found = await it.user("tom").autocomplete("orders", "alerts show", "id", id="spy")
        assert [c["value"] for c in found.choices] == [approval.alert_id]
        shown = await it.slash("tom", "orders", "alerts show", id=approval.alert_id)
        assert NAMED in plain(shown.reply)
        for key in (approval.alert_id, approval.approval_id, approval.trade_id, approval.order_id):
            traced = await it.slash("tom", "orders", "trace", id=key)
            assert "alert" in plain(traced.reply), key
        orders = len(it.book.orders)
        tried = await it.slash(
            "tom", "orders", "alerts test", text=f"BTO {NAMED} @ 2.15", source="options"
        )
        assert "nothing was sent" in plain(tried.reply)
        assert len(it.book.orders) == orders
        chat = await it.slash("tom", "orders", "alerts test", text="good morning all")
        assert "reads as no alert" in chat.text
        assert chat.ephemeral
        wrong = await it.slash("tom", "orders", "alerts test", text="BTO X", source="nowhere")
        assert "There is no source" in wrong.text


async def test_pages_of_alerts_count_them_all(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        it.price(SPY, "2.14", "2.16")
        for number in range(11):
            it.user("rhea").say("options-room", f"BTO {NAMED} @ 2.{15 + number}")
        await it.until(lambda: len(it.book.alerts) == 11, 20)
        first = await it.slash("tom", "orders", "alerts list")
        assert "11 alerts · page 1 of 2" in plain(first.reply)
        second = await it.slash("tom", "orders", "alerts list", page=2)
        assert "page 2 of 2" in plain(second.reply)
        beyond = await it.slash("tom", "orders", "alerts list", page=50)
        assert "page 2 of 2" in plain(beyond.reply)


async def test_approvals_are_listed_and_a_private_copy_has_working_buttons(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        approval, _ = await it.asked()
        listed = await it.slash("tom", "approvals", "approvals list")
        assert "1 to decide" in plain(listed.reply)
        assert approval.approval_id in plain(listed.reply)
        shown = await it.slash("tom", "actions", "approvals show", id=approval.approval_id)
        assert shown.ephemeral
        assert "rejected" in await it.press("tom", shown.reply, "Reject")
        await it.until(lambda: not shown.reply.labels)
        assert approval.approval_id not in it.book.approvals
        decided = await it.slash("tom", "actions", "approvals show", id=approval.approval_id)
        assert "Rejected" in plain(decided.reply)
        assert not decided.reply.labels


async def test_emergency_stop_ends_entries_at_once_and_closing_is_asked_once(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held()
        waiting, card = await it.asked(f"BTO {OTHER} @ 2.15")
        used = it.user("tom").slash("orders", "emergency-stop", reason="test")
        await used.acked()
        assert it.app.desk.halted
        await used.replied()
        assert used.ephemeral
        assert "Close everything?" in plain(used.reply)
        await it.until(lambda: waiting.approval_id not in it.book.approvals)
        await it.until(lambda: not card.labels)
        first = it.user("tom").click(used.reply, "Close everything")
        second = it.user("tom").click(used.reply, "Close everything")
        await asyncio.gather(first.acked(), second.acked())
        closed = await it.over(trade.trade_id)
        assert closed.qty_open == 0
        closes = await it.events("close.asked")
        assert len(closes) == 1
        assert len(await it.events("halt.set")) == 1
        again = await it.slash("tom", "orders", "emergency-stop", reason="test")
        assert "Nothing is open" in again.text
        assert len(await it.events("halt.set")) == 1


async def test_resume_needs_an_admin_the_private_room_and_the_typed_word(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        not_halted = await it.slash("ada", "admin", "resume-trading", reason="why not")
        assert "not halted" in not_halted.text
        await it.slash("tom", "orders", "emergency-stop", close=False)
        for who, where, why in (
            ("tom", "orders", "role admin"),
            ("ada", "orders", "private admin channel"),
        ):
            refused = await it.slash(who, where, "resume-trading", reason="let me")
            assert why in refused.text
            assert refused.ephemeral
        opened = await it.user("ada").slash("admin", "resume-trading", reason="all is well").acked()
        wrong = it.user("ada").submit(opened, {"word": "yes"})
        assert "stays halted" in await it.answer(wrong)
        assert it.app.desk.halted
        again = await it.user("ada").click(wrong.reply, "Try again").acked()
        right = it.user("ada").submit(again, {"word": "resume"})
        assert "resumed" in await it.answer(right)
        assert not it.app.desk.halted
        (event,) = await it.events("halt.cleared")
        assert event.data["reason"] == "all is well"


async def test_a_command_that_is_not_ours_is_not_offered(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        with pytest.raises(Refused):
            it.user("tom").slash("orders", "nonsense")
        assert it.sandbox.commands.n_syncs == 1


async def test_a_position_of_the_list_opens_with_every_button_it_has(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held(f"BTO 4 {NAMED} @ 2.15")
        listed = await it.slash("tom", "orders", "positions")
        picked = it.user("tom").choose(listed.reply, trade.trade_id)
        card = await it.until(lambda: next(iter(picked.followups), None))
        assert card.ephemeral_for
        assert {"Close 25 %", "Close 50 %", "Close all", "Trail…"} <= set(card.labels)
        opened = await it.user("tom").click(card, "Trail…").acked()
        for typed in ("soon", "٣"):
            wrong = it.user("tom").submit(opened, {"distance": typed})
            assert "like 2% or 2atr" in await it.answer(wrong)
            opened = await it.user("tom").click(card, "Trail…").acked()
        opened = await it.user("tom").click(card, "Trail…").acked()
        done = it.user("tom").submit(opened, {"distance": "20 %"})
        assert "trails from" in await it.answer(done)
        assert it.book.trades[trade.trade_id].stop.trail_pct == 20
        pressed = it.user("tom").click(card, "Close 25 %")
        asked = await it.until(lambda: next(iter(pressed.followups), None))
        assert "**1** of" in plain(asked) or "Close 25 % of SPY" in asked.labels
        no = it.user("vic").choose(listed.reply, trade.trade_id)
        assert "role trader" in await it.answer(no)


async def test_many_positions_come_in_pages(tmp_path, monkeypatch):
    monkeypatch.setattr("bot.buttons.position.PER_PAGE", 1)
    async with desk(tmp_path, monkeypatch) as it:
        await it.held()
        await it.held(f"BTO {OTHER} @ 2.15")
        listed = await it.slash("tom", "orders", "positions")
        assert listed.reply.labels == ["More ▶"]
        first = plain(listed.reply)
        await it.user("ann").click(listed.reply, "More ▶").acked()
        await it.until(lambda: listed.reply.labels == ["◀ Back"])
        assert plain(listed.reply) != first
        refused = await it.press("vic", listed.reply, "◀ Back")
        assert "role trader" in refused
