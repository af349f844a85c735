"""A burst in one room: decided in order, sent side by side, and nothing overtakes its opening."""

import asyncio
from dataclasses import replace

import pytest

from engine.domain.desk import AlertState
from engine.domain.order import Order, OrderState, OrderType, Purpose
from engine.domain.source import Handling
from engine.flows.alerts import take_alert
from engine.flows.alerts.turns import Turn
from engine.flows.trades import approve, withdraw
from tests import rig as desks
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.rig import OPTIONS, RHEA, d, spy
from tests.scenarios.faulty_desk import moments
from tests.sim import Sim, run

BUY = "BTO 1 SPY {}C 1/31 @ 2.15"


@pytest.fixture
async def rig():
    faults = Faults()
    made = await desks.start(wrap=lambda paper: FaultyBroker(paper, faults), risk=desks.LOOSE)
    made.faults = faults
    for strike in (600, 601, 602, 603):
        made.quote(spy(d(strike)), "2.14", "2.16")
    yield made
    await made.close()


def say(rig, words):
    message = rig.message(OPTIONS, RHEA, words)
    return asyncio.ensure_future(take_alert.run(rig.desk, message))


def entries(rig):
    return [o for o in rig.desk.book.orders.values() if o.purpose is Purpose.ENTRY]


async def test_an_entry_without_an_answer_holds_up_no_other_entry_of_its_room(rig):
    rig.faults.hang_before_accept = 1
    first = say(rig, BUY.format(600))
    later = [say(rig, BUY.format(strike)) for strike in (601, 602, 603)]
    records = await asyncio.gather(*later)
    assert [r.state for r in records] == [AlertState.ORDERED] * 3
    assert not first.done()
    assert [o.legs[0].instrument.strike for o in entries(rig)] == [600, 601, 602, 603]
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


@pytest.mark.parametrize(
    "words", ["STC SPY 600C 1/31 @ 2.15", "cancel SPY 600C", BUY.format(600), "all out"]
)
async def test_what_may_be_about_the_same_waits_for_the_answer(rig, words):
    rig.faults.hang_before_accept = 1
    first = say(rig, BUY.format(600))
    await moments(lambda: entries(rig))
    second = say(rig, words)
    await asyncio.sleep(0.02)
    assert not second.done()
    assert len(entries(rig)) == 1
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await asyncio.wait_for(second, 20)


def test_a_close_waits_no_longer_than_seconds_for_an_entry_that_hangs():
    """The broker has taken and filled the entry, tells so, and never answers."""

    async def story():
        sim = await Sim().start()
        plain = sim.outside.submit

        async def submit(request):
            taken = await plain(request)
            if request.type is OrderType.LIMIT:
                await asyncio.sleep(60)
            return taken

        sim.outside.submit = submit
        entry = asyncio.ensure_future(sim.rig.say("BTO 2 SPY 603C 1/31 @ 2.15"))
        await asyncio.sleep(1)
        held = sim.rig.trade().qty_open
        began = sim.clock.monotonic()
        await sim.rig.say("STC SPY 603C 1/31 @ 2.15")
        for _ in range(100):
            if not sim.rig.trades():
                break
            await asyncio.sleep(0.1)
        waited = sim.clock.monotonic() - began
        await entry
        await sim.close()
        return held, waited

    held, waited = run(story)
    assert held == 2
    assert waited < 3


async def test_a_deletion_waits_for_everything_that_is_under_way(rig):
    rig.faults.hang_before_accept = 1
    first = say(rig, BUY.format(600))
    await moments(lambda: entries(rig))

    async def alone() -> str:
        async with Turn(rig.desk, OPTIONS) as turn:
            await turn.alone()
        return "done"

    deletion = asyncio.ensure_future(alone())
    await asyncio.sleep(0.02)
    assert not deletion.done()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert await asyncio.wait_for(deletion, 5) == "done"
    assert not rig.desk.acting[OPTIONS]


async def test_one_that_dies_between_decision_and_answer_leaves_the_room_open(rig):
    rig.faults.hang_before_accept = 1
    first = say(rig, BUY.format(600))
    await moments(lambda: entries(rig))
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await rig.rest()
    (order,) = await rig.desk.store.find(Order)
    assert order.state is OrderState.UNKNOWN, "in doubt, not forgotten"
    record = await asyncio.wait_for(say(rig, "STC SPY 600C 1/31 @ 2.15"), 20)
    assert record is not None


@pytest.mark.parametrize("held_by", [f"channel:{OPTIONS}", "main"])
async def test_a_room_set_to_listen_sends_nothing_that_waited_meanwhile(rig, held_by):
    async with rig.desk.lock(held_by):  # the message before it, or the change of the settings
        work = say(rig, BUY.format(600))
        await rig.rest()
        listening = replace(rig.desk.settings, sources=desks.profiles(Handling.LISTEN))
        rig.desk.follow(listening, rig.desk.checks, rig.desk.exit_rules)
    await work
    await rig.rest()
    assert entries(rig) == []


@pytest.mark.parametrize("how", ["deleted", "edited", "cancelled"])
async def test_an_entry_in_doubt_that_is_taken_back_is_cancelled_once_it_is_found(rig, how):
    faults = rig.faults
    faults.unknown_after_accept = 1
    faults.unclear = faults.drop_events = faults.hide_open = 1000
    message = rig.message(OPTIONS, RHEA, BUY.format(600))
    await take_alert.run(rig.desk, message)
    rig.quote(spy(d(600)), "2.40", "2.50")  # away from its limit
    await rig.rest()
    (order,) = entries(rig)
    assert order.state is OrderState.UNKNOWN
    if how == "deleted":
        await withdraw.deleted(rig.desk, OPTIONS, message.message_id)
    elif how == "edited":
        await rig.edit(message, "watching SPY only")
    else:
        await rig.say("CANCEL SPY 600C 1/31")
    await rig.rest()
    told = await rig.say(BUY.format(601))
    assert told.state is AlertState.RISK_REJECTED  # asking to cancel it is no answer
    faults.unclear = faults.drop_events = faults.hide_open = 0
    for _ in range(15):
        rig.quote(spy(d(600)), "2.40", "2.50")
        await rig.pass_time(1)
    assert (await rig.desk.order(order.order_id)).state is OrderState.CANCELED
    assert await rig.broker.open_orders("main") == []


async def test_an_entry_on_its_way_whose_message_is_deleted_dies_when_it_arrives():
    """A person has approved it, the broker takes two seconds, and its author takes it back."""
    made = await desks.start(risk=desks.LOOSE, sources=desks.profiles(Handling.APPROVE))
    made.quote(spy(d(600)), "2.14", "2.16")
    record = await made.say(BUY.format(600))
    (question,) = made.approvals()
    real = made.broker.submit

    async def slow(request):
        await made.clock.sleep(2)
        return await real(request)

    made.broker.submit = slow
    work = asyncio.ensure_future(
        approve.approve(made.desk, question.approval_id, question.version, desks.TRADER)
    )
    await made.rest()
    await withdraw.deleted(made.desk, OPTIONS, record.message_id)
    made.quote(spy(d(600)), "2.40", "2.50")  # away from its limit
    for _ in range(30):
        made.clock.advance(0.1)
        await made.rest()
    await work
    made.quote(spy(d(600)), "2.10", "2.12")
    await made.fill(spy(d(600)), "2.10", "2.12")
    assert [t.qty_open for t in made.trades()] == []
    assert await made.broker.open_orders("main") == []
    await made.close()


async def test_what_is_left_of_an_entry_taken_back_dies_when_a_part_fills_first():
    """The part stays held; nothing more of it is bought."""
    made = await desks.start(risk=desks.LOOSE)
    call = spy(d(600))
    made.quote(call, "2.14", "2.16")
    await made.say("BTO 4 SPY 600C 1/31 @ 2.15")
    made.quote(call, "2.40", "2.50")  # away from its limit
    (order,) = entries(made)
    trade = made.trade()
    taken_back = replace(trade, close_reason="its message was deleted", version=trade.version + 1)
    await made.desk.commit(made.desk.event("alert.deleted", order.alert_id, taken_back))
    await made.fill(call, "2.40", "2.50")
    await made.fill(call, "2.10", "2.15", ask_size=d(1), bid_size=d(1))
    assert made.trade().qty_open == 1
    for _ in range(4):
        await made.pass_time(1)
    await made.fill(call, "2.10", "2.12")
    assert made.trade().qty_open == 1
    assert (await made.desk.order(order.order_id)).state is OrderState.CANCELED
    await made.close()
