"""Alerts as rooms really post them: repeats, edits, deletions, strangers, storms (faults A)."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from engine import parsers
from engine.domain.desk import AlertState, Approval, ApprovalState, Intake
from engine.domain.errors import ApprovalExpired
from engine.domain.instrument import front_future
from engine.domain.order import Order, OrderState, Purpose
from engine.domain.source import Handling
from engine.domain.trade import Trade, TradeState
from engine.flows.alerts import first_look, take_alert
from engine.flows.trades import approve, withdraw
from tests import rig as desks
from tests.rig import FUTURES, NINJA, OPTIONS, RHEA, TRADER, d, spy

BUY = "BTO 1 SPY 603C 1/31 @ 2.15"


async def entries(rig):
    """Entry orders that were ever made."""
    return [o for o in await rig.desk.store.find(Order) if o.purpose is Purpose.ENTRY]


@pytest.fixture
async def rig():
    made = await desks.start()
    made.quote(spy(), "2.14", "2.16")
    yield made
    await made.close()


@pytest.fixture
async def asking():
    made = await desks.start(sources=desks.profiles(Handling.APPROVE))
    made.quote(spy(), "2.14", "2.16")
    yield made
    await made.close()


async def test_the_same_message_delivered_twice_makes_one_order(rig):
    message = rig.message(OPTIONS, RHEA, BUY)
    await take_alert.run(rig.desk, message)
    await take_alert.run(rig.desk, message)
    await take_alert.run(rig.desk, replace(message, is_caught_up=True))
    assert len(await entries(rig)) == 1
    assert await rig.desk.store.count(Intake) == 1


async def test_twenty_deliveries_at_once_make_one_order(rig):
    message = rig.message(OPTIONS, RHEA, BUY)
    await asyncio.gather(*(take_alert.run(rig.desk, message) for _ in range(20)))
    assert len(await entries(rig)) == 1


async def test_what_breaks_the_reader_is_asked_and_the_next_is_traded(rig, monkeypatch):
    real = parsers._whole

    def whole(message, *more):
        if "603P" in message.text:
            raise TypeError("a fault of ours")
        return real(message, *more)

    monkeypatch.setattr(parsers, "_whole", whole)
    broken = await rig.say("BTO 1 SPY 603P 1/31 @ 2.15")
    assert broken.state is AlertState.HELD
    assert "read it yourself" in broken.parsed.question
    assert await entries(rig) == []
    await rig.say(BUY)
    assert len(await entries(rig)) == 1


async def test_a_repost_within_a_minute_is_held_for_a_click(rig):
    await rig.say(BUY)
    rig.clock.advance(5)
    rig.quote(spy(), "2.14", "2.16")
    second = await rig.say(BUY)
    assert second.state is AlertState.HELD
    assert "possible duplicate" in second.reason
    assert [o.state.is_at_broker for o in await entries(rig)][1:] == [False]


async def test_an_edit_before_approval_replaces_the_draft_and_kills_the_old_buttons(asking):
    message = asking.message(OPTIONS, RHEA, BUY)
    await take_alert.run(asking.desk, message)
    (old,) = asking.approvals()
    await asking.edit(message, "BTO 1 SPY 603C 1/31 @ 2.16")
    (new,) = asking.approvals()
    assert new.approval_id != old.approval_id
    with pytest.raises(Exception, match="already decided"):
        await approve.approve(asking.desk, old.approval_id, old.version, TRADER)
    intent = asking.desk.book.intents[new.intent_id]
    assert intent.alerted_price == d("2.16")
    record = next(iter(asking.desk.book.alerts.values()))
    assert record.earlier_texts == (BUY,)
    assert [o.state for o in await entries(asking)] == [
        OrderState.VOID,
        OrderState.PENDING_APPROVAL,
    ]


async def test_an_edit_after_the_fill_opens_nothing_and_keeps_both_texts(rig):
    message = rig.message(OPTIONS, RHEA, BUY)
    await take_alert.run(rig.desk, message)
    await rig.rest()
    await rig.fill(spy(), "2.14", "2.16")
    assert rig.trade().state is TradeState.OPEN
    record = await rig.edit(message, "BTO 5 SPY 603C 1/31 @ 2.15")
    assert len(await entries(rig)) == 1
    assert rig.trade().qty_open == 1
    assert "edited after the fill" in record.reason
    assert record.earlier_texts == (BUY,)


async def test_an_edit_of_a_working_order_cancels_it_and_asks_anew(rig):
    message = rig.message(OPTIONS, RHEA, BUY)
    await take_alert.run(rig.desk, message)
    await rig.rest()
    await rig.edit(message, "BTO 1 SPY 603C 1/31 @ 2.16")
    rig.clock.advance(1)
    await rig.rest()
    states = [o.state for o in await entries(rig)]
    assert states[0] is OrderState.CANCELED
    assert states[1:] == [OrderState.PENDING_APPROVAL]


async def test_a_link_preview_is_no_edit(rig):
    message = rig.message(OPTIONS, RHEA, BUY)
    await take_alert.run(rig.desk, message)
    await rig.edit(message, BUY)
    assert len(await entries(rig)) == 1


async def test_deleting_an_alert_before_approval_voids_it(asking):
    message = asking.message(OPTIONS, RHEA, BUY)
    await take_alert.run(asking.desk, message)
    await withdraw.deleted(asking.desk, OPTIONS, message.message_id)
    assert not asking.approvals()
    assert not asking.trades()
    (order,) = await entries(asking)
    assert order.state is OrderState.VOID


async def test_deleting_an_alert_after_the_fill_closes_nothing(rig):
    message = rig.message(OPTIONS, RHEA, BUY)
    await take_alert.run(rig.desk, message)
    await rig.rest()
    await rig.fill(spy(), "2.14", "2.16")
    await withdraw.deleted(rig.desk, OPTIONS, message.message_id)
    await rig.rest()
    assert rig.trade().qty_open == 1
    assert not rig.trade().closes
    journal = await rig.desk.store.events(ref=rig.trade().alert_id)
    assert any(BUY in str(e.event.data) for e in journal)


async def test_a_webhook_under_the_authors_name_is_refused_and_told(rig):
    await rig.say("chatting first, so that the name is known")
    assert await rig.say(BUY, author=999, webhook_id=999, author_name="author101") is None
    assert not await entries(rig)
    assert any("Security" in note for note in rig.notes())


async def test_a_look_alike_author_is_refused(rig):
    await rig.say("good morning")
    assert await rig.say(BUY, author=555, author_name="ａuthor101") is None
    assert not await entries(rig)
    assert any("Security" in note for note in rig.notes())


async def test_two_strangers_of_one_name_are_no_impostors(rig):
    await rig.say("good morning")
    for author in (901, 902):
        message = replace(rig.message(OPTIONS, author, BUY), author_name="Somebody")
        assert await take_alert.run(rig.desk, message) is None
    assert not any("under the name of a trusted" in note for note in rig.notes())


async def test_what_was_said_later_or_elsewhere_of_a_message_that_was_seen(rig):
    said = rig.message(OPTIONS, RHEA, BUY)
    await take_alert.run(rig.desk, said)
    profile = rig.desk.source_of(OPTIONS)

    async def judged(**change):
        return await first_look.judge(rig.desk, profile, replace(said, **change), "another text")

    assert await judged() == (said, "repeat"), "as it was first posted: an edit has been heard"
    edited, verdict = await judged(edit_no=7)
    assert (edited.edit_no, verdict) == (1, "")
    edited, verdict = await judged(is_caught_up=True)
    assert (edited.edit_no, edited.is_caught_up, verdict) == (1, True, "")
    lost, verdict = await judged(message_id=said.message_id + 1, edit_no=2)
    assert (lost.edit_no, lost.is_caught_up, verdict) == (0, True, ""), "its beginning was missed"
    origin = (said.channel_id, said.message_id)
    _, verdict = await judged(message_id=said.message_id + 2, origin=origin)
    assert verdict.startswith("ignored: the same alert")
    _, verdict = await judged(message_id=said.message_id + 2, origin=(1, 2))
    assert verdict == ""


async def test_another_server_is_refused_even_with_the_right_author(rig):
    assert await rig.say(BUY, guild_id=2) is None
    assert not await entries(rig)


@pytest.mark.parametrize("mark", ["\u200b", "\u200d", "\u2060", "\u202e", "\ufeff"])
async def test_invisible_characters_never_change_size_or_symbol(rig, mark):
    for at in range(len(BUY) + 1):
        text = BUY[:at] + mark + BUY[at:]
        await rig.say(text)
    for order in await entries(rig):
        assert order.qty == 1
        assert order.legs[0].instrument == spy()


@pytest.mark.parametrize("qty", ["1000000000", "9" * 400])
async def test_gigantic_quantities_are_refused_with_a_reason(rig, qty):
    record = await rig.say(f"BTO {qty} SPY 603C 1/31 @ 2.15")
    for order in await entries(rig):
        assert order.qty <= 9
    assert record is None or record.reason or record.state is AlertState.ORDERED


async def test_a_stale_alert_found_on_catch_up_is_shown_and_not_traded(rig):
    record = await rig.say(
        BUY, posted_at=rig.clock.now() - timedelta(minutes=10), is_caught_up=True
    )
    assert record.state is AlertState.HELD
    assert "missed" in record.reason
    assert not await entries(rig)


async def test_a_fresh_entry_found_on_catch_up_asks(rig):
    record = await rig.say(BUY, posted_at=rig.clock.now() - timedelta(seconds=5), is_caught_up=True)
    assert record.state is AlertState.HELD
    assert [a.kind for a in rig.approvals()] == ["entry"]


async def test_an_embed_only_alert_is_read(rig):
    from engine.domain.alert import EmbedText

    record = await rig.say("", embeds=(EmbedText(title="New Trade", description=BUY),))
    assert record.state is AlertState.ORDERED
    assert await rig.say("", n_attachments=1) is None


async def test_an_exit_while_the_entry_works_cancels_it_and_never_goes_short(rig):
    await rig.say(BUY)
    record = await rig.say("STC SPY 603C 1/31 @ 2.20")
    rig.clock.advance(1)
    await rig.rest()
    assert record.state is AlertState.MANAGED
    (trade,) = await rig.desk.store.find(Trade)
    assert trade.state is TradeState.VOID
    (order,) = await entries(rig)
    assert order.state is OrderState.CANCELED


async def test_an_exit_while_the_entry_waits_for_a_person_withdraws_it(asking):
    opened = await asking.say(BUY)
    (question,) = asking.approvals()
    record = await asking.say("STC SPY 603C 1/31 @ 2.20")
    assert (record.state, record.reason) == (
        AlertState.MANAGED,
        "nothing was filled: the entry that waited is withdrawn",
    )
    assert asking.approvals() == []
    assert asking.desk.book.alerts[opened.alert_id].state is AlertState.WITHDRAWN
    with pytest.raises(ApprovalExpired):
        await approve.approve(asking.desk, question.approval_id, question.version, TRADER)
    await asking.fill(spy(), "2.10", "2.12")
    assert asking.trades() == []
    assert [o.state for o in await entries(asking)] == [OrderState.VOID]


@pytest.mark.parametrize("words", ["STC SPY 603C 1/31 @ 2.20", "CANCEL SPY 603C 1/31"])
async def test_taking_one_trade_of_a_message_back_leaves_the_other_to_be_asked(asking, words):
    asking.quote(spy("604"), "2.14", "2.16")
    opened = await asking.say(f"{BUY}\nBTO 2 SPY 604C 1/31 @ 2.15")
    assert len(asking.approvals()) == 2
    await asking.say(words)
    (left,) = asking.approvals()
    assert "604" in str(asking.desk.book.intents[left.intent_id].legs)
    assert asking.desk.book.alerts[opened.alert_id].state is AlertState.HELD


async def test_a_cancel_names_the_future_as_the_room_does_not_as_we_trade_it(asking):
    mes = front_future("MES", asking.clock.now().date())
    asking.quote(mes, "6325.75", "6326.00")
    await asking.say("🚨 ES long 6326: B\nStop: 6318", channel=FUTURES, author=NINJA)
    await asking.say("CANCEL NQ", channel=FUTURES, author=NINJA)
    assert len(asking.approvals()) == 1
    said = await asking.say("CANCEL ES", channel=FUTURES, author=NINJA)
    assert said.state is AlertState.MANAGED, said.reason
    assert asking.approvals() == []


async def test_taking_all_trades_of_a_message_back_ends_its_card(asking):
    asking.quote(spy("604"), "2.14", "2.16")
    opened = await asking.say(f"{BUY}\nBTO 2 SPY 604C 1/31 @ 2.15")
    await asking.say("CANCEL SPY")
    assert asking.approvals() == []
    assert asking.desk.book.alerts[opened.alert_id].state is AlertState.WITHDRAWN


async def test_a_part_of_what_still_waits_cannot_be_closed_and_the_question_says_so(asking):
    await asking.say(BUY)
    record = await asking.say("STC half SPY 603C 1/31 @ 2.20")
    assert record.state is AlertState.REJECTED
    assert "nothing is filled yet" in record.reason
    (question,) = asking.approvals()
    assert "closed a part already" in question.question
    await approve.approve(asking.desk, question.approval_id, question.version, TRADER)
    await asking.rest()
    await asking.fill(spy(), "2.10", "2.12")
    trade = asking.trade()
    assert (trade.qty_open, trade.closes) == (trade.qty_wanted, ())


async def test_an_exit_for_nothing_held_is_refused(rig):
    record = await rig.say("STC SPY 603C 1/31 @ 2.20")
    assert record.state is AlertState.REJECTED
    assert "nothing held" in record.reason
    assert not await rig.desk.store.find(Order)


async def test_an_exit_of_more_than_held_is_clamped(rig):
    await rig.say("BTO 2 SPY 603C 1/31 @ 2.15")
    await rig.fill(spy(), "2.14", "2.16")
    await rig.say("STC 10 SPY 603C 1/31 @ 2.40")
    await rig.fill(spy(), "2.40", "2.42")
    await rig.fill(spy(), "2.40", "2.42")
    (trade,) = await rig.desk.store.find(Trade)
    assert trade.state is TradeState.CLOSED
    assert trade.qty_open == 0


async def test_a_source_without_trusted_ids_is_only_listened_to():
    rig = await desks.start(sources=desks.profiles(Handling.LISTEN))
    rig.quote(spy(), "2.14", "2.16")
    record = await rig.say(BUY)
    assert record.state is AlertState.PARSED
    assert not await rig.desk.store.find(Order)
    await rig.close()


async def test_a_storm_of_500_alerts_loses_none_and_keeps_their_order(rig):
    messages = [rig.message(OPTIONS, RHEA, f"BTO 1 SPY {500 + n}C 1/31 @ 2.15") for n in range(500)]
    await asyncio.gather(*(take_alert.run(rig.desk, m) for m in messages))
    taken = await rig.desk.store.find(Intake)
    assert [i.message_id for i in taken] == [m.message_id for m in messages]
    assert all(i.verdict == "alert" for i in taken)


async def test_futures_take_house_targets_and_move_the_stop_to_entry():
    rig = await desks.start()
    mes = front_future("MES", rig.clock.now().date())
    rig.quote(mes, "6325.75", "6326.00")
    record = await rig.say("🚨 ES long 6326: B\nStop: 6318", channel=FUTURES, author=NINJA)
    assert record.state is AlertState.ORDERED, record.reason
    await rig.fill(mes, "6325.75", "6326.00")
    trade = rig.trade()
    assert trade.qty_open == 2
    assert [(t.price, t.qty) for t in trade.targets] == [(d("6333"), 1), (d("6338"), 1)]
    await rig.say("move ES targets to 6338 and 6333", channel=FUTURES, author=NINJA)
    renewed = [(t.price, t.then_stop) for t in rig.trade().targets]
    assert renewed == [(d("6333"), "entry"), (d("6338"), "keep")], "the room's way with stops stays"
    await rig.fill(mes, "6333.25", "6333.50")
    await rig.fill(mes, "6333.25", "6333.50")
    trade = rig.trade()
    assert trade.qty_open == 1
    assert trade.stop.price == d("6326")
    for _ in range(4):
        await rig.fill(mes, "6338.25", "6338.50")
    assert not rig.trades()
    (closed,) = rig.desk.book.closed.values()
    assert closed.realised_usd == (d("7.25") + d("12.25")) * 5 - 4 * d("1.25")
    await rig.close()


async def test_an_entry_that_its_first_quote_let_out_names_no_person():
    """Its card said approved by <@0>, whom nobody knows."""
    rig = await desks.start()
    await rig.say("BTO 1 SPY 600C 1/31 @ 2.15")
    rig.quote(spy(d(600)), "2.14", "2.16")
    await rig.rest()
    (asked,) = await rig.desk.store.find(Approval)
    assert asked.state is ApprovalState.APPROVED
    assert asked.decided_by is None
    assert asked.decision == "approved by the source's auto rule"
    await rig.close()
