"""Presses that cross, repeat, come late or are answered into the void."""

import asyncio
import sqlite3
from contextlib import closing
from decimal import Decimal

import pytest

from engine.domain.desk import ApprovalState
from engine.domain.errors import ApprovalExpired
from engine.domain.instrument import option
from engine.domain.order import Order
from engine.domain.source import Handling
from engine.domain.trade import TradeState
from engine.flows.trades import approve
from tests import rig
from tests.discord.kit import NAMED, OTHER, desk, friday, plain
from tests.discord.test_buttons import _MANY

_PLENTY = _MANY | {
    "max_per_symbol": {"max_positions": 50},
    "max_positions": {"max_positions": 50, "max_long_options": 50},
    "trades_per_day": {"max_trades": 50, "max_per_symbol": 50},
}


@pytest.mark.parametrize("second", ["approve", "reject"])
async def test_two_decisions_in_the_same_moment_are_one_200_rounds(second):
    """D-06, D-07 at engine level."""
    for _ in range(100):
        it = await rig.start(sources=rig.profiles(Handling.APPROVE))
        try:
            it.quote(rig.spy(), "2.14", "2.16")
            await it.say("BTO SPY 603C 1/31 @ 2.15")
            (question,) = it.approvals()
            acts = {"approve": approve.approve, "reject": approve.reject}
            results = await asyncio.gather(
                approve.approve(it.desk, question.approval_id, question.version, rig.TRADER),
                acts[second](it.desk, question.approval_id, question.version, rig.OTHER),
                return_exceptions=True,
            )
            refused = [r for r in results if isinstance(r, ApprovalExpired)]
            decided = [r for r in results if isinstance(r, approve.Decided)]
            assert len(refused) == len(decided) == 1, results
            entries = [o for o in it.desk.book.orders.values() if o.sent_at is not None]
            is_yes = decided[0].approval.state is ApprovalState.APPROVED
            assert len(entries) == is_yes
        finally:
            await it.close()


async def test_double_clicks_and_opposite_clicks_through_discord(tmp_path, monkeypatch):
    """D-06, D-07: two interactions in the same frame."""
    async with desk(tmp_path, monkeypatch, risk=_PLENTY) as it:
        for number in range(12):
            strike = 590 + number
            text = f"BTO 1 {NAMED.replace('603', str(strike))} @ 2.15"
            it.price(option("SPY", friday(), Decimal(strike), "C"), "2.14", "2.16")
            approval, card = await it.asked(text)
            tom, ann = it.user("tom"), it.user("ann")
            other = (tom, "Approve") if number % 2 else (ann, "Reject")
            first = tom.click(card, "Approve")
            second = other[0].click(card, other[1])
            said = [await it.answer(first), await it.answer(second)]
            assert sum(s.startswith("✔") for s in said) == 1, said
            assert sum("already decided" in s for s in said) == 1, said
            sent = [
                o
                for o in await it.app.store.find(Order, where={"alert_id": approval.alert_id})
                if o.purpose == "entry" and o.sent_at is not None
            ]
            assert len(sent) <= 1
            await it.until(lambda c=card: not c.labels)


async def slowly(it, seconds: float) -> None:
    """From now on the broker answers an order only after so long."""
    broker = it.app.desk.brokers["paper"]
    submit = broker.submit

    async def slow(request):
        await asyncio.sleep(seconds)
        return await submit(request)

    it.app.desk.brokers["paper"].submit = slow


async def test_a_slow_broker_keeps_nobody_waiting_for_an_acknowledgement(tmp_path, monkeypatch):
    """D-09."""
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked()
        await slowly(it, 1.5)
        used = it.user("tom").click(card, "Approve")
        loop = asyncio.get_running_loop()
        started = loop.time()
        await used.acked()
        assert loop.time() - started < 1
        assert "approved" in await it.answer(used)
        await it.until(lambda: it.book.trades[approval.trade_id].state is TradeState.OPEN)


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("reset_before", {}),
        ("reset_after", {}),
        ("503", {}),
        ("delay_after", {"delay_s": 4}),
        ("404", {"code": 10062}),
    ],
)
async def test_an_order_does_not_depend_on_its_answer(tmp_path, monkeypatch, kind, more):
    """D-09: the acknowledgement is lost in every way there is."""
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked()
        it.sandbox.fault("/interactions/*/callback", kind, 1, **more)
        it.user("tom").click(card, "Approve")
        await it.until(
            lambda: (t := it.book.trades.get(approval.trade_id)) and t.state is TradeState.OPEN
        )
        await it.until(lambda: not card.labels)
        sent = await it.app.store.find(Order, where={"alert_id": approval.alert_id})
        assert [o.purpose for o in sent if o.purpose == "entry"] == ["entry"]
        it.sandbox.problems.clear()


async def test_a_result_after_the_interaction_died_is_told_once_elsewhere(tmp_path, monkeypatch):
    """D-10: the token is dead after 15 minutes."""
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked()
        await slowly(it, 1)
        used = await it.user("tom").click(card, "Approve").acked()
        it.sandbox.advance(16 * 60)
        await it.until(lambda: it.sandbox.dm("tom").messages)
        assert "approved" in it.sandbox.dm("tom").messages[0].text
        assert not used.followups
        posted = await it.until(lambda: it.card(f"trade:{approval.trade_id}"))
        await it.until(lambda: "Open" in plain(posted))
        await it.app.outbox.idle()
        assert len(it.sandbox.dm("tom").messages) == 1
        cards = [m for m in it.sandbox.channel("orders").messages if NAMED in plain(m)]
        assert len(cards) == 1


async def test_when_direct_messages_are_closed_too_the_room_is_told_that_not_what(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        _, card = await it.asked()
        it.sandbox.state.user("tom").has_dms_open = False
        await slowly(it, 1)
        await it.user("tom").click(card, "Approve").acked()
        it.sandbox.advance(16 * 60)
        note = await it.see("approvals", "could not be delivered")
        assert "SPY" not in plain(note)


async def test_a_role_taken_away_counts_at_the_click(tmp_path, monkeypatch):
    """X-02."""
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked()
        trade, order = await it.held(f"BTO 2 {OTHER} @ 2.15")
        asked = await it.user("tom").click(order, "Close all").acked()
        question = await it.until(lambda: next(iter(asked.followups), None))
        opened = await it.user("tom").click(order, "Stop…").acked()
        it.sandbox.set_role("tom", "Approver", has=False)
        assert "approver flag" in await it.press("tom", card, "Approve")
        it.sandbox.set_role("tom", "Trader", has=False)
        assert "role trader" in await it.press("tom", question, "Close all of QQQ")
        assert "role trader" in await it.answer(it.user("tom").submit(opened, {"price": "2.00"}))
        assert approval.approval_id in it.book.approvals
        assert it.book.trades[trade.trade_id].qty_open == 2
        await it.app.desk.drain()  # the record of a refusal is written beside its answer
        denied = await it.events("access.denied")
        assert {e.data["what"] for e in denied} == {"press approve", "press confirm", "press stop"}
        assert all(e.actor == f"user:{it.sandbox.state.user('tom').id}" for e in denied)


async def test_who_changed_an_order_may_not_approve_it_above_the_limit(tmp_path, monkeypatch):
    """X-03."""
    async with desk(tmp_path, monkeypatch, discord={"two_person_above_usd": 100}) as it:
        approval, card = await it.asked(f"BTO 2 {NAMED} @ 2.15")
        changed = await it.fill_in("ann", card, "Modify", qty="1")
        assert "asks anew" in await it.answer(changed)
        await it.until(lambda: "changed by" in plain(card))
        refused = await it.press("ann", card, "Approve")
        assert "a second person must approve" in refused
        assert approval.approval_id in it.book.approvals
        assert "approved" in await it.press("tom", card, "Approve")


async def test_a_halt_withdraws_what_was_asked(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked()
        await it.slash("ada", "orders", "emergency-stop", close=False)
        await it.until(lambda: not card.labels)
        assert approval.approval_id not in it.book.approvals
        assert "already decided" in await it.press_old("tom", card, "Approve")


async def test_a_stop_of_the_process_waits_for_an_order_that_is_under_way(tmp_path, monkeypatch):
    """P-01."""
    async with desk(tmp_path, monkeypatch) as it:
        sandbox = it.sandbox
        approval, card = await it.asked()
        await slowly(it, 2)
        used = await it.user("tom").click(card, "Approve").acked()
        await it.until(lambda: it.book.orders[approval.order_id].state == "SUBMITTING")
        loop = asyncio.get_running_loop()
        started = loop.time()
        await it.app.stop()
        assert loop.time() - started < 10
        assert it.book.orders[approval.order_id].state != "SUBMITTING"
        assert "approved" in await it.answer(used)
        async with desk(tmp_path, monkeypatch, sandbox=sandbox) as again:
            assert approval.trade_id in again.book.trades
            assert again.app.report


async def test_a_broker_that_never_answers_does_not_keep_the_process(tmp_path, monkeypatch):
    """P-01: the order stays written down as sent, and is looked up at the next start."""
    async with desk(tmp_path, monkeypatch) as it:
        sandbox = it.sandbox
        approval, card = await it.asked()
        await slowly(it, 60)
        await it.user("tom").click(card, "Approve").acked()
        await it.until(lambda: it.book.orders[approval.order_id].state == "SUBMITTING")
        loop = asyncio.get_running_loop()
        started = loop.time()
        await it.app.stop()
        assert loop.time() - started < 10
        async with desk(tmp_path, monkeypatch, sandbox=sandbox) as again:
            orders = await again.app.store.find(Order, where={"alert_id": approval.alert_id})
            assert len([o for o in orders if o.purpose == "entry"]) == 1
            assert again.app.desk.is_reconciled


async def test_nothing_new_is_taken_in_while_the_desk_ends(tmp_path, monkeypatch):
    """P-01."""
    async with desk(tmp_path, monkeypatch) as it:
        _, card = await it.asked()
        it.app.is_stopping = True
        assert "shutting down" in await it.press("tom", card, "Approve")
        it.user("rhea").say("options-room", "too late for this run")
        await asyncio.sleep(0.2)
        assert len(it.book.intake) == 1


@pytest.mark.parametrize(
    ("part", "step", "n_fills"), [("throttled", "close", 2), ("desk", "stop_tasks", 1)]
)
async def test_what_fills_while_the_desk_ends_is_booked_or_did_not_happen(
    part, step, n_fills, tmp_path, monkeypatch
):
    """P-01: after a proper stop the books and the paper broker tell of the same fills."""
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked()
        await it.press("tom", card, "Approve")
        await it.until(lambda: it.book.trades[approval.trade_id].state is TradeState.OPEN)
        await it.until(
            lambda: [o for o in it.book.orders.values() if o.purpose == "stop" and o.accepted_at]
        )
        end = getattr(getattr(it.app, part), step)

        async def fallen():
            it.price(option("SPY", friday(), Decimal(603), "C"), "1.02", "1.04")
            await asyncio.sleep(0.3)
            await end()

        monkeypatch.setattr(getattr(it.app, part), step, fallen)
        await it.app.stop()
        with closing(sqlite3.connect(tmp_path / "desk.db")) as db:
            booked = {key for (key,) in db.execute("SELECT key FROM executions")}
            there = {key for (key,) in db.execute("SELECT key FROM paper_book")}
        assert booked == {key.partition("/")[2] for key in there if key.startswith("fill/")}
        assert len(booked) == n_fills
