"""/approvals: listing, deciding, changing and deciding many at once."""

from typing import Any

from engine.flows.common import mode
from tests.discord.kit import NAMED, OTHER, desk, plain


async def test_questions_are_listed_changed_rejected_and_their_history_told(
    tmp_path: Any, monkeypatch: Any
) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        empty = await it.slash("tom", "approvals", "approvals list")
        assert "Nothing waits" in plain(empty.reply)
        first, card = await it.asked(f"BTO 2 {NAMED} @ 2.15")
        second, _ = await it.asked(f"BTO {OTHER} @ 2.15")
        listed = plain((await it.slash("tom", "approvals", "approvals list")).reply)
        assert "2 to decide" in listed
        only = plain((await it.slash("tom", "approvals", "approvals list", symbol="QQQ")).reply)
        assert "1 to decide" in only
        nothing = await it.slash("tom", "approvals", "approvals modify", id=first.approval_id)
        assert "Say a quantity" in nothing.text
        changed = await it.slash(
            "tom", "approvals", "approvals modify", id=first.approval_id.lower(), quantity="1"
        )
        assert "asks anew" in changed.text
        await it.until(lambda: "Buy to open 1 contract " in plain(card))
        refused = await it.slash(
            "tom", "approvals", "approvals reject", id=second.approval_id, reason="too late"
        )
        assert "rejected (too late) by Tom" in refused.text
        done = await it.slash("tom", "approvals", "approvals approve", id=first.approval_id)
        assert "approved by Tom" in done.text
        await it.until(it.book.open_trades)
        told = plain((await it.slash("tom", "approvals", "approvals history")).reply)
        assert "2 decisions in 7 days" in told
        assert "buy 1 SPY" in told
        assert "too late" in told
        ann = it.user("ann").user
        other = await it.slash("tom", "approvals", "approvals history", user=ann)
        assert "No decisions" in plain(other.reply)


async def test_many_are_decided_by_one_menu_and_one_click(tmp_path: Any, monkeypatch: Any) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        first, _ = await it.asked(f"BTO {NAMED} @ 2.15")
        second, _ = await it.asked(f"BTO {OTHER} @ 2.15")
        none = await it.slash(
            "tom", "approvals", "approvals bulk", action="reject", filter="futures"
        )
        assert "Nothing of that kind" in none.text
        menu = await it.slash(
            "tom", "approvals", "approvals bulk", action="reject", filter="options"
        )
        chosen = it.user("tom").choose(menu.reply, first.approval_id, second.approval_id)
        question = await it.until(lambda: next(iter(chosen.followups), None))
        assert "at risk $" in plain(question)
        await it.user("tom").click(question, "Reject 2").acked()
        await it.until(lambda: not it.book.approvals)
        await it.until(lambda: "2 of 2 rejected" in plain(question))


async def test_with_real_money_an_approval_asks_once_more(tmp_path: Any, monkeypatch: Any) -> None:
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked(f"BTO {NAMED} @ 2.15")
        monkeypatch.setattr(mode, "of", lambda _: "live")
        pressed = it.user("tom").click(card, "Approve")
        question = await it.until(lambda: next(iter(pressed.followups), None))
        assert "real money" in plain(question)
        assert approval.approval_id in it.book.approvals
        (typed,) = await it.told(it.act(f"#approve {approval.approval_id}"))
        assert "Send it" in typed.labels
        monkeypatch.undo()
        await it.user("tom").click(question, "Send it").acked()
        await it.until(it.book.open_trades)
        (late,) = await it.told(it.act(f"#approve {approval.approval_id}"))
        assert "already decided" in plain(late)
