"""/ask, mentions and the recommendations, through the loopback Discord."""

import asyncio
import json
import re
from decimal import Decimal

from bot.demo.world import ACTIVITY
from engine.domain.instrument import stock
from tests.copilot import endpoint as e
from tests.discord.kit import NAMED, OTHER, desk, plain
from tests.discord.test_buttons import _MANY


async def test_a_question_is_answered_privately_from_the_book_and_acts_only_after_a_yes(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held(f"BTO 4 {NAMED} @ 2.15")
        used = await it.slash("tom", "all-messages", "ask", question="how is SPY doing?")
        await used.replied()
        assert used.ephemeral
        said = plain(used.reply)
        net = it.app.reading.live_trade(trade).net_usd
        assert f"-${-net:,.2f}" in said
        assert "stop 1.08" in said.lower()
        assert "no model is configured" in said

        used = await it.slash("tom", "all-messages", "ask", question="close SPY")
        await used.replied()
        assert "Nothing was done" in plain(used.reply)
        assert used.reply.labels == ["1. Close SPY"]
        pressed = it.user("tom").click(used.reply, "1. Close SPY")
        await it.until(lambda: any("Close all of SPY?" in plain(m) for m in pressed.followups))
        assert it.book.trades[trade.trade_id].qty_open == 4
        question = next(m for m in pressed.followups if "Close all of SPY?" in plain(m))
        await it.user("tom").click(question, "Close all of SPY").acked()
        await it.over(trade.trade_id)

        used = await it.slash("tom", "all-messages", "ask", question="what happened today?")
        await used.replied()
        closed = it.book.closed[trade.trade_id]
        assert f"-${-closed.realised_usd:,.2f}" in plain(used.reply)
        assert "News: n/a" in plain(used.reply)


async def test_a_mention_in_its_room_is_a_question_and_elsewhere_is_none(tmp_path, monkeypatch):
    rooms = {"discord": {"channels": {"copilot": ACTIVITY}}}
    async with desk(tmp_path, monkeypatch, **rooms) as it:
        await it.held()
        me = it.app.bot.user.id
        asked = it.user("tom").say("activity", f"<@{me}> what do I hold?")
        (told,) = await it.told(asked)
        assert "SPY 603C" in plain(told)
        refused = it.user("vic").say("activity", f"<@{me}> what do I hold?")
        (told,) = await it.told(refused)
        assert plain(told).startswith("⛔")
        it.user("tom").say("activity", "what do I hold?")
        it.user("tom").say("orders", f"<@{me}> what do I hold?")
        again = it.user("tom").say("activity", f"<@{me}>")
        await it.told(again)
        assert len(await it.events("copilot.answered")) == 2


async def test_advice_names_what_is_wrong_and_is_filed_once_a_day(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, _ = await it.held(f"BTO 4 {NAMED} @ 2.15")
        used = await it.slash("tom", "all-messages", "what-to-do")
        await used.replied()
        assert "nothing asks for action" in plain(used.reply)
        for instrument in list(it.prices):
            if instrument.kind == "option":
                it.price(instrument, "3.40", "3.42")
        await it.until(lambda: it.app.reading.positions().rows[0].r_net > 1)
        for command in ("what-to-do", "take-profits"):
            used = await it.slash("tom", "all-messages", command)
            await used.replied()
            assert used.ephemeral
            assert used.reply.labels == ["1. Close 50 % of SPY"]
            assert "#SPY close 50%" in plain(used.reply)
        assert len(await it.events("copilot.advised")) == 1
        used = await it.slash("tom", "all-messages", "cut-losses")
        await used.replied()
        assert "nothing asks for action" in plain(used.reply)
        assert it.book.trades[trade.trade_id].qty_open == 4


async def test_an_alert_that_waits_is_an_opportunity_and_its_button_shows_the_question(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        approval, _ = await it.asked()
        used = await it.slash("tom", "all-messages", "opportunities", min_confidence=0.0)
        await used.replied()
        assert "SPY 603C" in plain(used.reply)
        (label,) = used.reply.labels
        pressed = it.user("tom").click(used.reply, label)
        await it.until(lambda: any("Approve" in m.labels for m in pressed.followups))
        assert approval.approval_id in it.book.approvals
        used = await it.slash("tom", "all-messages", "what-to-do")
        await used.replied()
        assert "waits for a decision" in plain(used.reply)


async def test_a_plan_to_rebalance_offers_each_trade_with_a_question(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch, risk=_MANY) as it:
        await it.held(f"BTO 4 {NAMED} @ 2.15")
        await it.held(f"BTO 1 {OTHER} @ 2.15")
        used = await it.slash("tom", "all-messages", "rebalance", target="equal")
        await used.replied()
        assert used.ephemeral
        assert "every position the same" in plain(used.reply)
        assert used.reply.labels, plain(used.reply)
        label = next(lb for lb in used.reply.labels if "Close" in lb)
        pressed = it.user("tom").click(used.reply, label)
        await it.until(
            lambda: any("Close " in plain(m) and "?" in plain(m) for m in pressed.followups)
        )
        own = await it.slash(
            "tom", "all-messages", "rebalance", target="custom", shares="SPY 0.2, QQQ=0%"
        )
        assert "as given" in plain(own.reply)
        assert any("Close 1 of QQQ" in label for label in own.reply.labels), own.reply.labels
        for shares, why in (
            ("", "0 to 100 percent"),
            ("SPY lots", "write it like"),
            ("SPY 60, QQQ 50", "0 to 100 percent"),
            ("TSLA 5", "TSLA is not held; open are: QQQ, SPY"),
        ):
            no = await it.slash("tom", "orders", "rebalance", target="custom", shares=shares)
            assert why in no.text, shares
        it.price(stock("SPY"), "599.99", "600.01")
        used = await it.slash("tom", "all-messages", "ask", question="what if SPY falls 5%?")
        await used.replied()
        assert re.search(
            r"A move of -5.0% in the market .SPY. would change .* by about [+-]\$",
            plain(used.reply),
        )
        tested = await it.app.risks.stress("spy-5", None)
        known = sum(r.pnl_usd for r in tested.rows if isinstance(r.pnl_usd, Decimal))
        assert f"{known:+,.2f}".replace("+", "+$").replace("-", "-$") in plain(used.reply)
        used = await it.slash("tom", "all-messages", "ask", question="what happened last week?")
        await used.replied()
        assert "nothing was closed" in plain(used.reply)
        assert "/news" not in plain(used.reply)
        used = await it.slash("tom", "all-messages", "ask", question="what happened today?")
        await used.replied()
        assert "/news" not in plain(used.reply)


async def test_facts_come_at_once_and_the_reading_follows_in_their_place(tmp_path, monkeypatch):
    """L-04, L-06: a slow model costs nobody his facts, a used-up one is not asked."""
    key = "-".join(("sk", "canary", "4f9k2m7qXW8yT3zR5vB1"))
    monkeypatch.setenv("TS_OPENAI_API_KEY", key)
    go = asyncio.Event()

    async def slow(_, body):
        await go.wait()
        told = json.dumps(body["messages"])
        assert key not in told
        return e.completion(e.draft("All of it is {pos.open}.", "It is 31337.", proposals=["a1"]))

    async with e.endpoint(slow) as server:
        copilot = {"enabled": True, "base_url": server.url, "model": "stub"}
        async with desk(tmp_path, monkeypatch, copilot=copilot) as it:
            await it.held()
            used = await it.slash("tom", "orders", "ask", question="what do I hold?")
            await it.until(lambda: used.reply and "the model is reading" in plain(used.reply))
            assert "Open positions: 1" in plain(used.reply)
            go.set()
            await it.until(lambda: "Reading by stub" in plain(used.reply))
            said = plain(used.reply)
            assert "All of it is -$" in said or "All of it is +$" in said
            assert "31337" not in said
            assert "a part of its reading was taken out" in said
            (filed,) = await it.events("copilot.read")
            assert len(server.requests) == 1

            it.app.copilot.budget().tokens = 10**9
            used = await it.slash("tom", "orders", "ask", question="what do I hold?")
            await it.until(lambda: used.reply and "used up" in plain(used.reply))
            assert "Open positions: 1" in plain(used.reply)
            assert len(server.requests) == 1
            assert filed.actor.startswith("user:")
