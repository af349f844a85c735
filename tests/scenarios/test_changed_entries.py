"""An entry that was to be changed: by its broker's leave, or before anybody approved it."""

from dataclasses import replace

import pytest

from engine.domain.desk import AlertState
from engine.domain.errors import UserError
from engine.domain.order import OrderState, PlannedTarget
from engine.domain.record import changed
from engine.domain.source import Handling
from engine.flows.alerts import manual
from engine.flows.booking import fills, reported
from engine.flows.trades import modify, reprice
from tests import rig as desks
from tests import truth
from tests.rig import AAPL, LOOSE, TRADER, d, profiles, spy
from tests.scenarios import faulty_desk
from tests.scenarios.faulty_desk import BUY
from tests.scenarios.test_manual_orders import order, wanted
from tests.scenarios.test_routing_accounts import made

_BEFORE = desks.START - 3600 * desks.SECOND


@pytest.fixture
async def refused():
    """A working entry of ten whose broker refuses the next change."""
    rig = await faulty_desk.make(risk=LOOSE)
    rig.quote(AAPL, "189.98", "190.02")
    done = await order(rig, wanted(limit=d(188), stop=d(185)))
    await rig.fill(AAPL, "189.98", "190.02")
    rig.faults.reject = 1
    yield rig, done.order_id
    await truth.books(rig.desk.store, auto=frozenset({"manual"}))
    await truth.memory_equals_disk(rig.desk)
    await rig.close()


async def filled_with_the_execution_last(rig):
    rig.faults.drop_events = 99
    rig.clock.advance(0.3)
    rig.quote(AAPL, "187.90", "187.95")
    await rig.rest()
    for report in await rig.broker.orders_since("main", _BEFORE):
        await reported.on_report(rig.desk, report)
    for fill in await rig.broker.fills_since("main", _BEFORE):
        await fills.on_fill(rig.desk, fill)
    rig.faults.drop_events = 0
    await rig.rest()


@pytest.mark.parametrize("qty", [20, 6])
async def test_a_quantity_that_its_broker_refused_is_not_wanted_any_more(refused, qty):
    """The trade waited for ten more for ever, and nothing could be added to it."""
    rig, order_id = refused
    new = await reprice.run(rig.desk, TRADER, order_id, qty=d(qty))
    assert new.state is OrderState.REJECTED
    assert rig.trade().qty_wanted == 10
    await filled_with_the_execution_last(rig)
    trade = rig.trade()
    assert (trade.qty_open, trade.qty_wanted, trade.is_entry_over) == (10, 10, True)
    more = await manual.plan(rig.desk, TRADER, wanted("5", trade_id=trade.trade_id, limit=d(187)))
    await manual.send(rig.desk, more, 78)
    assert rig.trade().qty_wanted == 15


async def test_which_size_is_meant_is_asked_where_somebody_has_changed_it_in_the_app(refused):
    """Four were left of ten: a new price alone would have made it ten again."""
    rig, order_id = refused
    rig.faults.reject = 0
    (report,) = await rig.broker.open_orders("main")
    await reported.on_report(rig.desk, replace(report, qty=d(4)))
    with pytest.raises(UserError, match="is for 4 there, not 10"):
        await reprice.run(rig.desk, TRADER, order_id, price=d("188.5"))
    new = await reprice.run(rig.desk, TRADER, order_id, price=d("188.5"), qty=d(4))
    assert (new.state, new.qty, new.limit) == (OrderState.ACCEPTED, 4, d("188.5"))
    await filled_with_the_execution_last(rig)
    assert rig.trade().qty_open == 4


@pytest.mark.parametrize("qty", [1, 3, 25])
async def test_targets_are_after_a_refused_change_what_they_were_before_it(refused, qty):
    """Five at each of two targets became ten at the first: rounded down, and then up again."""
    rig, order_id = refused
    plan = tuple(PlannedTarget(price=d(price), qty=d(5)) for price in (195, 200))
    trade = changed(rig.trade(), targets=plan)
    await rig.desk.commit(rig.desk.event("trade", trade.alert_id, trade))
    new = await reprice.run(rig.desk, TRADER, order_id, qty=d(qty))
    assert new.state is OrderState.REJECTED
    assert (rig.trade().qty_wanted, rig.trade().targets) == (10, plan)
    await reprice.run(rig.desk, TRADER, order_id, qty=d(6))
    assert [t.qty for t in rig.trade().targets] == [3, 3]


async def test_a_target_that_was_moved_while_a_change_was_under_way_stays_moved(refused):
    rig, order_id = refused
    plan = tuple(PlannedTarget(price=d(price), qty=d(5)) for price in (195, 200))
    trade = changed(rig.trade(), targets=plan)
    await rig.desk.commit(rig.desk.event("trade", trade.alert_id, trade))
    there = rig.desk.brokers["paper"]
    replace_there = there.replace

    async def moved_meanwhile(*asked):
        trade = rig.trade()
        (first, *others) = trade.targets
        trade = changed(trade, targets=(replace(first, price=d(196)), *others))
        await rig.desk.commit(rig.desk.event("trade", trade.alert_id, trade))
        return await replace_there(*asked)

    there.replace = moved_meanwhile
    await reprice.run(rig.desk, TRADER, order_id, qty=d(1))
    found = rig.trade().targets
    assert [(t.price, t.qty) for t in found] == [(196, 5), (200, 5)]


@pytest.mark.parametrize("state", ["rejected", "canceled"])
async def test_a_refused_change_that_is_told_of_once_more_takes_nothing_off_again(refused, state):
    """Nothing was wanted any more: whatever filled had no targets."""
    rig, order_id = refused
    new = await reprice.run(rig.desk, TRADER, order_id, qty=d(20))
    there = (await rig.broker.find("main", order_id)).order
    told = replace(there, client_order_id=new.order_id, broker_id="B9", qty=d(20), state=state)
    await reported.on_report(rig.desk, told)
    assert rig.desk.book.orders[new.order_id].broker_id == "B9"
    assert rig.trade().qty_wanted == 10


async def test_a_change_that_its_broker_refused_may_be_followed_by_another(refused):
    rig, order_id = refused
    for price, state in (("188.50", OrderState.REJECTED), ("188.60", OrderState.ACCEPTED)):
        new = await reprice.run(rig.desk, TRADER, order_id, price=d(price))
        await rig.rest()
        assert rig.desk.book.orders[new.order_id].state is state
        assert new.limit == d(price)
        (alert,) = rig.desk.book.alerts.values()
        assert alert.state is AlertState.ORDERED  # the card of a working entry said: error


# -- before it was approved ---------------------------------------------------------------------


@pytest.mark.parametrize("stop", [None, "1.15"])
async def test_what_a_waiting_entry_ties_up_and_risks_follows_its_new_limit(stop):
    """It was judged by the dollars of its old price: for twice as many it needed nobody else."""
    terms = {} if stop else {"default_stop": None}
    rig = await desks.start(risk=LOOSE, sources=profiles(Handling.APPROVE, **terms))
    rig.quote(spy(), "2.14", "2.16")
    await rig.say(BUY)
    (waits,) = rig.approvals()
    changes = {"stop": d(stop)} if stop else {}
    await modify.run(rig.desk, waits.approval_id, waits.version, TRADER, limit=d("4.30"), **changes)
    (waits,) = rig.approvals()
    intent = rig.desk.book.intents[waits.intent_id]
    assert intent.notional_usd == waits.notional_usd == 860
    assert intent.risk_usd == (630 if stop else 860)
    await rig.close()


async def test_a_copy_may_be_changed_whatever_its_account_is_called():
    """Its account's name was read as the number of an earlier change: with an r it was refused."""
    async with made(18, to="all", sources=profiles(Handling.APPROVE)) as rig:
        await rig.say(BUY)
        for qty in (1, 2):
            for waits in [a for a in rig.approvals() if a.account in "qr"]:
                key = waits.approval_id
                await modify.run(rig.desk, key, waits.version, TRADER, qty=d(qty))
        found = [a for a in rig.approvals() if a.account in "qr"]
        assert [a.intent_id.rpartition("-")[2] for a in found] == ["qr2", "rr2"]
        assert {rig.desk.book.trades[a.trade_id].account for a in found} == {"q", "r"}


async def test_copies_whose_accounts_are_called_alike_stay_apart_when_they_are_changed():
    rig = await desks.start(risk=LOOSE, sources=profiles(Handling.APPROVE))
    rig.quote(spy(), "2.14", "2.16")
    await rig.say(BUY)
    (waits,) = rig.approvals()
    intent = rig.desk.book.intents[waits.intent_id]
    alike = desks.replace(intent, account="paper2", intent_id=f"{intent.intent_id}-paper2")
    assert modify._revision(alike) == ""
    assert modify._revision(desks.replace(alike, intent_id=f"{alike.intent_id}r7")) == "r7"
    await rig.close()
