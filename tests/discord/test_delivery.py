"""What people are shown: once, newest, never in the way of an order; dead rooms are told of."""

import asyncio

import discord

from engine.domain.desk import Notice, Posted
from engine.domain.trade import TradeState
from tests.discord.kit import NAMED, desk, plain

ROOM = 700_000_000_000_000_000


def path(room: int) -> str:
    return f"/channels/{ROOM + room}/messages*"


async def test_notices_that_discord_refuses_for_now_are_retried_and_not_doubled(
    tmp_path, monkeypatch
):
    """D-11: 429 of both kinds, 5xx, and answers that were lost after the post was made."""
    async with desk(tmp_path, monkeypatch) as it:
        for kind, more in (
            ("429", {"retry_after_s": 0.3}),
            ("429-global", {"retry_after_s": 0.3}),
            ("503", {}),
            ("reset_before", {}),
            ("reset_after", {}),
        ):
            it.sandbox.fault(path(27), kind, 1, method="POST", **more)
            text = f"told during {kind}"
            await it.app.desk.tell("admin", text)
            await it.see("admin", text)
            await it.app.outbox.idle()
            assert sum(text in m.text for m in it.sandbox.channel("admin").messages) == 1, kind


async def test_orders_do_not_wait_for_notices(tmp_path, monkeypatch):
    """D-11."""
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked()
        for room in (21, 23, 24):
            it.sandbox.fault(path(room), "429", 3, retry_after_s=5)
        started = asyncio.get_running_loop().time()
        await it.press("tom", card, "Approve")
        await it.until(
            lambda: (t := it.book.trades.get(approval.trade_id)) and t.state is TradeState.OPEN
        )
        assert asyncio.get_running_loop().time() - started < 3
        it.sandbox.faults.clear()


async def test_many_changes_of_a_card_are_shown_about_once_a_second_and_the_newest_wins(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        trade, card = await it.held()
        await it.app.outbox.idle()
        edits = len(card.edits)
        loop = asyncio.get_running_loop()
        started, n = loop.time(), 0
        while loop.time() - started < 2.5:
            n += 1
            event = it.app.desk.event(
                "test", trade.alert_id, cards=(("trade", trade.trade_id, "orders"),), n=n
            )
            await it.app.desk.commit(event)
            await asyncio.sleep(0.01)
        await it.app.outbox.idle()
        assert n > 50
        assert 2 <= len(card.edits) - edits <= 4
        key = f"trade:{trade.trade_id}"
        assert it.book.posted[key].shown_version == it.book.notices[key].version


async def test_a_card_is_not_posted_twice_when_the_process_dies_between_post_and_record(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        sandbox = it.sandbox

        async def forget(notice, message):
            del notice, message

        monkeypatch.setattr(it.app.outbox, "_remember", forget)
        it.app.outbox._refused["note:once"] = 0
        it.price_spy = None
        it.user("rhea").say("options-room", f"BTO {NAMED} @ 2.15")
        await it.see("all-messages", NAMED)
        await it.app.stop()
        async with desk(tmp_path, monkeypatch, sandbox=sandbox) as again:
            await again.app.outbox.idle()
            await asyncio.sleep(0.2)
            shown = [m for m in sandbox.channel("all-messages").messages if NAMED in plain(m)]
            assert len(shown) == 1
            stored = await again.app.store.find(Posted)
            assert any(p.notice_id.startswith("mirror:") for p in stored)


async def test_approvers_are_pinged_once_and_never_by_an_edit(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked()
        role = str(ROOM + 3)
        assert f"<@&{role}>" in card.content
        assert card.sent["allowed_mentions"] == {"roles": [int(role)], "parse": []}
        done = await it.fill_in("ann", card, "Modify", qty="1")
        await it.answer(done)
        await it.until(lambda: "changed by" in plain(card))
        await it.press("tom", card, "Reject")
        await it.until(lambda: not card.labels)
        edits = [r.body for r in it.sandbox.requests if r.method == "PATCH"]
        mine = [b for b in edits if b and approval.alert_id in str(b)]
        assert len(mine) >= 2
        for body in mine:
            assert not body["allowed_mentions"].get("roles")
            assert not body["allowed_mentions"].get("parse")


async def test_a_card_that_somebody_deleted_is_posted_again_without_another_ping(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked()
        it.sandbox.delete(card)
        done = await it.user("ann").slash("approvals", "approvals show", id=approval.approval_id)
        await it.press("tom", done.reply, "Reject")
        again = await it.until(
            lambda: (m := it.card(f"approval:{approval.approval_id}")) and m is not card and m
        )
        assert "Rejected" in plain(again)
        assert not again.labels
        assert again.sent["allowed_mentions"]["roles"] == []


async def test_a_storm_in_the_mirror_does_not_hold_up_approvals(tmp_path, monkeypatch):
    from bot.demo import world
    from bot.sandbox import Sandbox
    from tests.live import SPEC

    sandbox = await Sandbox.start(
        world.world(),
        spec=SPEC if SPEC.exists() else None,
        token=world.TOKEN,
        realistic_limits=True,
    )
    try:
        async with desk(tmp_path, monkeypatch, sandbox=sandbox) as it:
            for number in range(60):
                it.user("rhea").say("options-room", f"chat {number}")
            started = asyncio.get_running_loop().time()
            await it.asked()
            assert asyncio.get_running_loop().time() - started < 3
            mirrored = [m for m in sandbox.channel("all-messages").messages if "chat" in m.text]
            assert len(mirrored) < 60  # still at it, at Discord's pace
            assert not [r for r in sandbox.requests if r.status == 429]
    finally:
        await sandbox.stop()


async def test_a_room_that_is_gone_makes_the_desk_not_ready_and_owners_hear_of_it(
    tmp_path, monkeypatch
):
    """D-12."""
    owners = {"owners": [ROOM + 107]}
    async with desk(tmp_path, monkeypatch, discord=owners) as it:
        rule = it.sandbox.fault(path(21), "403", 99, method="POST", code=50013)
        await it.asked()
        await it.until(lambda: "channel trade_alerts" in it.app.desk.health)
        told = await it.until(lambda: it.sandbox.dm("ada").messages)
        assert "trade_alerts" in told[0].text
        await it.asked("BTO 1 QQQ 520P " + NAMED.split()[-1] + " @ 2.15")
        assert len(it.sandbox.dm("ada").messages) == 1  # told once
        assert 1 <= rule.hits <= 2  # and not tried for every card
        rule.times = 0
        it.sandbox.overwrite("trade-alerts", "@everyone", allow=["view_channel"])
        await it.until(lambda: "channel trade_alerts" not in it.app.desk.health)
        await it.until(lambda: len(it.sandbox.channel("trade-alerts").messages) == 2)


async def test_a_deleted_room_does_not_stop_the_others(tmp_path, monkeypatch):
    """D-12."""
    owners = {"owners": [ROOM + 107]}
    async with desk(tmp_path, monkeypatch, discord=owners) as it:
        it.sandbox.delete_channel("all-messages")
        trade, _ = await it.held()
        await it.until(lambda: "channel all_messages" in it.app.desk.health)
        assert trade.qty_open
        assert it.sandbox.dm("ada").messages


async def test_a_bot_that_is_thrown_out_says_so_and_comes_back_with_its_commands(
    tmp_path, monkeypatch
):
    """D-12."""
    owners = {"owners": [ROOM + 107]}
    async with desk(tmp_path, monkeypatch, discord=owners) as it:
        trade, _ = await it.held()
        n_syncs = it.sandbox.commands.n_syncs
        it.sandbox.leave(it.sandbox.state.bot)
        await it.until(lambda: "discord server" in it.app.desk.health)
        await it.app.desk.tell("admin", "said while outside")
        assert trade.trade_id in it.book.trades
        it.sandbox.join(it.sandbox.state.bot)
        await it.until(lambda: "discord server" not in it.app.desk.health)
        await it.see("admin", "said while outside")
        await it.until(lambda: it.sandbox.commands.n_syncs >= n_syncs)
        shown = await it.slash("tom", "orders", "positions")
        assert "SPY" in plain(shown.reply)


async def test_the_admin_room_made_public_gets_nothing_until_it_is_private_again(
    tmp_path, monkeypatch
):
    """X-04."""
    owners = {"owners": [ROOM + 107]}
    async with desk(tmp_path, monkeypatch, discord=owners) as it:
        await it.slash("tom", "orders", "emergency-stop", close=False)
        await it.see("admin", "Trading is halted")
        it.sandbox.overwrite("admin", "@everyone", allow=["view_channel"])
        await it.until(lambda: "admin channel" in it.app.desk.health)
        assert "@everyone can see it" in it.app.desk.health["admin channel"]
        refused = await it.slash("ada", "admin", "resume-trading", reason="open house")
        assert "not private any more" in refused.text
        assert refused.ephemeral
        n_before = len([m for m in it.sandbox.channel("admin").messages if not m.ephemeral_for])
        await it.app.desk.tell("admin", "a secret")
        await asyncio.sleep(0.3)
        now = [m for m in it.sandbox.channel("admin").messages if not m.ephemeral_for]
        assert len(now) == n_before
        told = await it.until(lambda: it.sandbox.dm("ada").messages)
        assert "admin channel" in told[0].text
        it.sandbox.overwrite("admin", "@everyone", deny=["view_channel"])
        await it.until(lambda: "admin channel" not in it.app.desk.health)
        await it.see("admin", "a secret")


async def test_a_card_that_cannot_be_drawn_is_said_and_does_not_stop_the_lane(
    tmp_path, monkeypatch
):
    async with desk(tmp_path, monkeypatch) as it:
        broken = Notice(
            notice_id="trade:T-NONE",
            kind="trade",
            subject_id="T-NONE",
            channel="orders",
            created_at=it.app.clock.now(),
        )

        async def explode(trade_id):
            raise ValueError("no such figure")

        monkeypatch.setattr(it.app.reading, "trade", explode)
        monkeypatch.setattr(it.app.desk, "trade", explode)
        await it.app.desk.commit(it.app.desk.event("test", "T-NONE", broken))
        await it.app.desk.tell("orders", "after the broken one")
        await it.see("orders", "after the broken one")
        assert "card trade" in it.app.desk.health
        await it.app.outbox.idle()  # it does not try for ever


async def test_nothing_that_people_write_ever_pings(tmp_path, monkeypatch):
    """A-18."""
    evil = "@everyone @here <@&700000000000000003> <@700000000000000105>"
    async with desk(tmp_path, monkeypatch) as it:
        it.user("rhea").say("options-room", f"hello {evil}")
        it.user("rhea").say("options-room", f"BTO {NAMED} @ 2.15 {evil}")
        await it.until(lambda: len(it.book.intake) == 2)
        await it.told(it.act(f"#{evil}"))
        await it.slash("tom", "orders", "positions", symbol=evil)
        await it.slash("tom", "orders", "alerts show", id=evil)
        await it.slash("tom", "orders", "alerts test", text=f"BTO {NAMED} @ 2.15 {evil}")
        await it.slash("tom", "orders", "emergency-stop", reason=evil, close=False)
        await it.app.outbox.idle()
        pinged = [
            m for m in it.sandbox.sent() if m.mentions or "@everyone" in str(m.sent.get("parse"))
        ]
        allowed = {str(ROOM + 3)}
        for message in it.sandbox.sent():
            roles = {str(r) for r in (message.sent.get("allowed_mentions") or {}).get("roles", [])}
            assert roles <= allowed
            assert not (message.sent.get("allowed_mentions") or {}).get("parse")
            if message.channel.name != "approvals":
                assert not roles
        assert not pinged


async def test_views_hold_dynamic_items_alone_and_outlive_private_copies(tmp_path, monkeypatch):
    """discord.py forgets the class of a DynamicItem when a mixed view ends, for all messages."""
    async with desk(tmp_path, monkeypatch) as it:
        approval, card = await it.asked()
        copy = await it.slash("tom", "actions", "approvals show", id=approval.approval_id)
        assert copy.reply.labels
        store = it.app.bot._connection._view_store
        known = dict(store._dynamic_items)
        for view in {id(v): v for v in _views(store)}.values():
            assert all(isinstance(i, discord.ui.DynamicItem) for i in view.children)
        from bot.views import BUTTONS, approval_view

        view = approval_view(it.app, it.book.approvals[approval.approval_id])
        store.add_view(view, card.id)
        view._dispatch_timeout()
        view.stop()
        store.remove_view(view)
        assert set(store._dynamic_items) == set(known)
        assert len(known) == len(BUTTONS)
        assert "approved" in await it.press("tom", card, "Approve")


def _views(store):
    return [i.view for items in store._views.values() for i in items.values() if i.view]
