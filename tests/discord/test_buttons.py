"""Cards and their buttons: approvals and trades."""

import asyncio
from decimal import Decimal

from engine.domain.desk import ApprovalState
from tests.discord.kit import NAMED, SPY, desk, plain


async def test_half_is_bought_by_half(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked(f"BTO 4 {NAMED} @ 2.15")
        assert it.book.intents[approval.intent_id].qty == 4
        assert "Half" in card.labels
        assert "approved half by" in await it.press("tom", card, "Half")
        trade = await it.until(lambda: next(iter(it.book.open_trades()), None))
        assert trade.qty_open == 2
        await it.until(lambda: not card.labels)


async def test_one_contract_cannot_be_halved(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        _, card = await it.asked(f"BTO 1 {NAMED} @ 2.15")
        assert "Half" not in card.labels
        assert "Approve" in card.labels


async def test_a_changed_order_asks_anew_and_keeps_what_was_typed_for_another_try(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked(f"BTO 2 {NAMED} @ 2.15")
        opened = await it.user("ann").click(card, "Modify").acked()
        assert [f["label"] for f in opened.modal["components"]] == [
            "Quantity",
            "Limit price",
            "Stop price",
        ]
        wrong = it.user("ann").submit(opened, {"qty": "1,5", "limit": "2.20", "stop": "1.60"})
        said = await it.answer(wrong)
        assert "1,5" in said
        assert "Nothing was changed" in said
        assert it.book.approvals[approval.approval_id].version == approval.version
        again = await it.user("ann").click(wrong.reply, "Try again").acked()
        typed = [f["component"].get("value") for f in again.modal["components"]]
        assert typed == ["1,5", "2.20", "1.60"]
        right = it.user("ann").submit(again, {"qty": "1"})
        assert "asks anew" in await it.answer(right)
        await it.until(lambda: "changed by" in plain(card))
        # the old version's buttons are dead, the new one's work
        old = await it.press_old("tom", card, "Approve")
        assert "changed since" in old
        assert "approved" in await it.press("tom", card, "Approve")
        trade = await it.until(lambda: next(iter(it.book.open_trades()), None))
        assert trade.qty_open == 1
        assert trade.stop.price == Decimal("1.60")


async def test_a_dialog_that_was_opened_in_time_but_sent_too_late_is_refused_kindly(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        _, card = await it.asked()
        opened = await it.user("ann").click(card, "Modify").acked()
        assert "rejected" in await it.press("tom", card, "Reject")
        late = it.user("ann").submit(opened, {"qty": "1"})
        assert "already decided" in await it.answer(late)
        await it.until(lambda: not card.labels)
        assert "already decided" in await it.press_old("ann", card, "Modify")


async def test_an_unreadable_alert_is_rewritten_and_then_asked(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked("BTO SPY 603C @ 2.15 or maybe 604C")
        assert approval.kind == "fix"
        assert card.labels == ["Rewrite…", "Dismiss"]
        still = await it.fill_in("tom", card, "Rewrite…", text="hello there")
        assert "Nothing was done" in await it.answer(still)
        again = await it.user("tom").click(still.reply, "Try again").acked()
        done = it.user("tom").submit(again, {"text": f"BTO {NAMED} @ 2.15"})
        assert "written anew" in await it.answer(done)
        await it.until(lambda: any(a.kind == "entry" for a in it.book.approvals.values()))
        await it.until(lambda: not card.labels)


async def test_which_trade_was_meant_is_chosen_from_a_menu(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch, risk=_MANY) as it:
        room = ("mike", "stocks-room")
        first, _ = await it.held("BUY 10 AAPL @ 190.00 SL 186", *room)
        second, _ = await it.held("BUY 10 AAPL @ 190.01 SL 186", *room)
        asked, card = await it.asked("SELL half AAPL", *room)
        assert asked.kind == "which", asked
        assert card.labels == ["Dismiss"]
        assert "role trader" in await it.answer(
            it.user("vic", strict=False).choose(card, second.trade_id)
        )
        chosen = it.user("tom").choose(card, second.trade_id)
        assert "chose" in await it.answer(chosen)
        left = second.qty_open - (second.qty_open / 2).to_integral_value("ROUND_UP")
        await it.until(lambda: it.book.trades[second.trade_id].qty_open == left)
        assert it.book.trades[first.trade_id].qty_open == first.qty_open
        await it.until(lambda: not card.labels)


async def test_closing_half_and_all_asks_first(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, card = await it.held(f"BTO 4 {NAMED} @ 2.15")
        asked = await it.user("tom").click(card, "Close 50 %").acked()
        question = await it.until(lambda: next(iter(asked.followups), None))
        words = plain(question)
        assert question.ephemeral_for is asked.user
        for said in ("Close 50 % of SPY?", "2 of 4", "PAPER", "est. P&L", "Expires"):
            assert said in words, said
        await it.user("tom").click(question, "Close 50 % of SPY").acked()
        await it.until(lambda: it.book.trades[trade.trade_id].qty_open == 2)
        await it.until(lambda: "closing 50 % of SPY" in plain(question))
        assert not question.labels
        stop = next(
            o
            for o in it.book.orders_of(trade.trade_id)
            if o.purpose == "stop" and not o.state.is_terminal
        )
        await it.until(
            lambda: any(
                o.qty == 2 and o.purpose == "stop" and not o.state.is_terminal
                for o in it.book.orders_of(trade.trade_id)
            )
        )
        assert stop is not None
        cancelled = await it.user("tom").click(card, "Close all").acked()
        question = await it.until(lambda: next(iter(cancelled.followups), None))
        await it.user("tom").click(question, "Cancel").acked()
        await it.until(lambda: "nothing was done" in plain(question))
        assert it.book.trades[trade.trade_id].qty_open == 2


async def test_a_confirmation_is_asked_again_when_price_or_size_has_moved(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, card = await it.held(f"BTO 4 {NAMED} @ 2.15")
        asked = await it.user("tom").click(card, "Close 50 %").acked()
        question = await it.until(lambda: next(iter(asked.followups), None))
        it.price(SPY, "2.60", "2.62")
        await it.user("tom").click(question, "Close 50 % of SPY").acked()
        await it.until(lambda: "Please look again" in plain(question))
        assert it.book.trades[trade.trade_id].qty_open == 4
        assert "Close 50 % of SPY" in question.labels
        # half is closed elsewhere meanwhile: half of what is left is another order
        other = await it.user("ann").click(card, "Close 50 %").acked()
        theirs = await it.until(lambda: next(iter(other.followups), None))
        await it.user("ann").click(theirs, "Close 50 % of SPY").acked()
        await it.until(lambda: it.book.trades[trade.trade_id].qty_open == 2)
        await it.user("tom").click(question, "Close 50 % of SPY").acked()
        await it.until(lambda: "1 of 2" in plain(question))
        await asyncio.sleep(0.2)
        assert it.book.trades[trade.trade_id].qty_open == 2
        await it.user("tom").click(question, "Close 50 % of SPY").acked()
        await it.until(lambda: it.book.trades[trade.trade_id].qty_open == 1)


async def test_a_confirmation_ends_after_its_time_and_loses_its_buttons(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch, discord={"confirm_expiry_s": 0.6}) as it:
        trade, card = await it.held()
        asked = await it.user("tom").click(card, "Close all").acked()
        question = await it.until(lambda: next(iter(asked.followups), None))
        await it.until(lambda: "Not answered" in plain(question))
        assert not question.labels
        await it.click_old("tom", question, "Close all of SPY").acked()
        await it.until(lambda: "is over" in plain(question))
        assert it.book.trades[trade.trade_id].qty_open == trade.qty_open


async def test_a_sixth_question_takes_the_place_of_the_oldest(tmp_path, monkeypatch):
    """What somebody wants to close or stop never waits for what he left open."""
    async with desk(tmp_path, monkeypatch) as it:
        trade, card = await it.held()
        asked = []
        for _ in range(6):
            used = await it.user("tom").click(card, "Close all").acked()
            asked.append(await it.until(lambda used=used: next(iter(used.followups), None)))
        assert all("Close all of SPY?" in plain(a) for a in asked)
        await it.user("tom").click(asked[0], "Close all of SPY").acked()
        await it.until(lambda: "is over" in plain(asked[0]))
        assert it.book.trades[trade.trade_id].qty_open == trade.qty_open
        stopped = await (await it.slash("tom", "orders", "emergency-stop")).replied()
        assert "Entries are stopped" in plain(stopped.reply)
        assert "Close everything?" in plain(stopped.reply), "a stop never waits for other answers"
        (told,) = await it.told(it.act("#emergency-stop"))
        assert "Entries are stopped" in plain(told)
        assert "Close everything?" in plain(told)
        await it.user("tom").click(asked[-1], "Close all of SPY").acked()
        await it.until(lambda: not it.book.open_trades())


async def test_stops_move_by_button_and_dialog_and_a_looser_one_asks(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, card = await it.held()
        done = await it.fill_in("tom", card, "Stop…", price="1.70")
        assert "1.70" in await it.answer(done)
        await it.until(lambda: it.book.trades[trade.trade_id].stop.price == Decimal("1.70"))
        looser = await it.fill_in("tom", card, "Stop…", price="1.20")
        assert "1.70 → 1.20" in await it.answer(looser)
        for typed in ("0", "-1", "abc", "1e9", "٣", "1.705"):
            refused = await it.fill_in("tom", card, "Stop…", price=typed)
            assert await it.answer(refused)
        assert it.book.trades[trade.trade_id].stop.price == Decimal("1.70")
        target = await it.fill_in("tom", card, "Target…", price="3.00")
        assert "3.00" in await it.answer(target)
        passed = await it.fill_in("tom", card, "Target…", price="1.00")
        assert "reached already" in await it.answer(passed)
        assert "beyond the market" in await it.press("tom", card, "Stop to entry")
        it.price(SPY, "2.60", "2.62")
        assert "stop of SPY is now 2.1" in await it.press("tom", card, "Stop to entry")


async def test_the_card_of_a_closed_trade_has_no_buttons_and_old_ones_say_so(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        trade, card = await it.held()
        asked = await it.user("tom").click(card, "Close all").acked()
        question = await it.until(lambda: next(iter(asked.followups), None))
        await it.user("tom").click(question, "Close all of SPY").acked()
        await it.over(trade.trade_id)
        await it.until(lambda: not card.labels)
        for label in ("Close all", "Stop to entry", "Stop…", "Target…"):
            said = await it.press_old("tom", card, label)
            assert "over" in said or "not open any more" in said, said


async def test_an_expired_approval_is_refused_and_its_card_says_so(tmp_path, monkeypatch):
    """D-08."""
    async with desk(tmp_path, monkeypatch, discord={"approval_expiry_s": 1}) as it:
        approval, card = await it.asked()
        custom_id = f"ts:approval:{approval.approval_id}:1:approve"
        await it.until(lambda: approval.approval_id not in it.book.approvals)
        await it.until(lambda: "Expired" in plain(card))
        await it.until(lambda: not card.labels)
        said = await it.press_old("tom", card, custom_id)
        assert "already decided" in said or "expired" in said
        (stored,) = await it.app.store.find(
            type(approval), where={"state": (ApprovalState.EXPIRED,)}
        )
        assert stored.approval_id == approval.approval_id
        assert not it.book.open_trades()


async def test_a_press_on_a_button_that_the_card_no_longer_has_is_answered(tmp_path, monkeypatch):
    """discord.py drops it in silence: it looks the button up in the message."""
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked()
        custom_id = f"ts:approval:{approval.approval_id}:1:approve"
        payload = {"component_type": 2, "custom_id": custom_id, "id": 1}
        tom, bare = it.user("tom").user, it.user("tom").say("approvals", "hello")
        bare.author = card.author
        used = it.sandbox.interactions.create(3, tom, card.channel, payload, bare)
        assert "changed since" in await it.answer(used)
        assert approval.approval_id in it.book.approvals


async def test_a_button_of_an_older_version_is_answered(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        _, card = await it.asked()
        card.components[0]["components"][0]["custom_id"] = "ts:approval:P-1:1:buymore"
        assert "older version" in await it.press("tom", card, "ts:approval:P-1:1:buymore")
        card.components[0]["components"][0]["custom_id"] = "something:else"
        assert "older version" in await it.press("tom", card, "something:else")


_MANY = {
    "trades_per_day": {"max_trades": 50, "max_per_symbol": 5},
    "max_per_symbol": {"max_positions": 5},
}
