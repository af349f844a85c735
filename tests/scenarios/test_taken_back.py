"""Executions that a broker takes back or corrects: money follows, what is wanted stays."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.brokers import Filled
from engine.domain.order import Order, PlannedTarget, Purpose, Side
from engine.domain.record import changed
from engine.domain.trade import Execution, TradeState
from engine.flows import sweep
from engine.flows.acts import flatten
from engine.flows.brokers import hear, recover
from engine.flows.limits import facts
from engine.risk import loss_streak
from tests import rig as desks
from tests import truth
from tests.rig import TRADER, d, spy, told_fill
from tests.scenarios.outside_desk import BUY, alive, check, held, live, orders


def amended(fill, kind, **changes):
    return replace(fill, **{"kind": kind, "of": fill.execution_id, **changes})


async def test_a_bust_is_reversed_by_new_entries_and_the_stop_follows(opened):
    rig = await opened()
    await held(rig)
    fills = await rig.broker.fills_since("main", desks.START)
    bust = amended(fills[0], "bust", execution_id="X-1")
    for _ in range(3):
        await hear.on_event(rig.desk, "paper", Filled(fill=bust))
        await rig.rest()
    kinds = [e.kind for e in await rig.desk.store.find(Execution)]
    assert kinds == ["fill", "bust"], "told three times, booked once, nothing erased"
    await alive(rig, 2)
    assert not live(rig, Purpose.STOP), "what protects nothing is cancelled"
    trade = await rig.desk.trade(next(iter(rig.desk.book.closed), "")) or rig.trade()
    assert trade.qty_open == 0
    assert any("was taken back" in note for note in rig.notes())
    assert len(reports_of(rig)) == len(set(reports_of(rig)))


def reports_of(rig):
    return [n for n in rig.notes() if "was taken back" in n or "was corrected" in n]


async def test_a_correction_changes_price_and_quantity_by_new_entries(opened):
    rig = await opened()
    await held(rig)
    fill = (await rig.broker.fills_since("main", desks.START))[0]
    right = amended(fill, "correct", execution_id="X-2", qty=d(1), price=d("2.10"))
    for _ in range(2):
        await hear.on_event(rig.desk, "paper", Filled(fill=right))
        await rig.rest()
    await alive(rig, 3)
    trade = rig.trade()
    assert (trade.qty_open, trade.entry_price) == (1, d("2.10"))
    assert [o.qty for o in live(rig, Purpose.STOP)] == [1], "the stop follows"
    again = amended(right, "bust", execution_id="X-3")
    await hear.on_event(rig.desk, "paper", Filled(fill=replace(again, of="X-2")))
    await rig.rest()
    assert not rig.desk.book.open_trades()
    kinds = [e.kind for e in await rig.desk.store.find(Execution)]
    assert kinds == ["fill", "bust", "correct", "bust"]


async def test_a_fee_that_is_told_later_is_a_correction_too(opened):
    rig = await opened()
    await held(rig)
    fill = (await rig.broker.fills_since("main", desks.START))[0]
    await hear.on_event(rig.desk, "paper", Filled(fill=amended(fill, "correct")))
    await rig.rest()
    assert not reports_of(rig), "what says nothing new is none"
    await hear.on_event(
        rig.desk, "paper", Filled(fill=amended(fill, "correct", fee_usd=fill.fee_usd + 1))
    )
    await rig.rest()
    trade = rig.trade()
    assert trade.qty_open == 2
    assert trade.fees_usd == fill.fee_usd + 1
    assert trade.state is TradeState.OPEN
    assert len(live(rig, Purpose.STOP)) == 1


async def test_what_is_left_of_an_execution_that_was_taken_back_is_none_told_twice(opened):
    """E*TRADE and Webull tell sums: 1, 3, then 2 is a bust of the last two and one anew."""
    rig = await opened()
    rig.faults.drop_events = 1_000
    await rig.say(BUY.replace("2 SPY", "3 SPY"))
    (order,) = orders(rig, Purpose.ENTRY)
    await rig.fill(spy(), "2.14", "2.15")
    (fill,) = await rig.broker.fills_since("main", desks.START)
    one = replace(fill, qty=d(1))
    told = [one, replace(fill, execution_id="X-2", qty=d(2))]
    is_less = False

    async def fills_since(account, since):
        return told

    def less(rows):
        ours = [r for r in rows if r.client_order_id == order.order_id]
        others = [r for r in rows if r not in ours]
        return others + [replace(r, filled=d(2)) if is_less else r for r in ours]

    listed, held_there = rig.outside.orders_since, rig.outside.positions

    async def orders_since(account, since):
        return less(await listed(account, since))

    async def positions(account):
        return [replace(p, qty=d(2)) if is_less else p for p in await held_there(account)]

    rig.outside.fills_since, rig.outside.orders_since = fills_since, orders_since
    rig.outside.positions, rig.faults.drop_events = positions, 0
    await recover.reconcile(rig.desk)
    await alive(rig, 3)
    assert rig.trade().qty_open == 3
    is_less = True
    bust = amended(told[1], "bust", execution_id="X-3")
    told += [bust, replace(one, execution_id="X-4")]
    await recover.reconcile(rig.desk)
    await alive(rig, 3)
    kinds = [(e.kind, e.qty) for e in await rig.desk.store.find(Execution)]
    assert kinds == [("fill", 1), ("fill", 2), ("bust", 2), ("fill", 1)]
    assert rig.trade().qty_open == 2


async def test_more_filled_than_was_ordered_is_compared_at_once_as_one_may_be_corrected(opened):
    """Schwab lists a corrected execution under another id, and the wrong one no more."""
    rig = await opened()
    await held(rig)
    (fill,) = await rig.broker.fills_since("main", desks.START)
    right = replace(fill, execution_id="X-2", price=d("2.13"))

    async def fills_since(account, since):
        return [right]

    rig.outside.fills_since = fills_since
    await hear.on_event(rig.desk, "paper", Filled(fill=right))
    await rig.rest()
    assert rig.trade().qty_open == 4, "an execution is a fact"
    await alive(rig, 15)
    trade = rig.trade()
    assert (trade.qty_open, trade.entry_price) == (2, d("2.13"))
    assert [o.qty for o in live(rig, Purpose.STOP)] == [2]


async def test_a_bust_that_comes_before_its_fill_waits_for_the_comparison(opened):
    rig = await opened()
    rig.faults.drop_fills = 1
    await rig.say(BUY)
    ghost = told_fill(rig, "X-9", qty=d(2), kind="bust", of="E-unknown")
    await hear.on_event(rig.desk, "paper", Filled(fill=ghost))
    assert rig.desk.gate("paper")
    await alive(rig, 3)
    assert not rig.desk.gate("paper"), "the broker's list knows no such execution: nothing changed"
    assert not await rig.desk.store.find(Execution) or rig.trade()
    await sweep.run(rig.desk)
    assert isinstance(await rig.desk.order(orders(rig, Purpose.ENTRY)[0].order_id), Order)
    await asyncio.sleep(0)


# -- corrected: what is wanted of the trade stays as it was -------------------------------------


async def _corrected(rig, side=Side.BUY, off="-0.05", *, is_whole=True):
    (fill,) = [f for f in await rig.broker.fills_since("main", desks.START) if f.side is side]
    right = replace(
        fill, kind="correct", of=fill.execution_id, execution_id="X-2", price=fill.price + d(off)
    )
    await hear.on_event(rig.desk, "paper", Filled(fill=right))
    await rig.rest()
    if is_whole:
        await truth.memory_equals_disk(rig.desk)


@pytest.mark.parametrize("side", [Side.BUY, Side.SELL])
async def test_a_close_that_waits_survives_a_correction(opened, side):
    """The entry was taken back for a moment, and with it what was asked of the trade."""
    rig = await opened(kinds={"locks_units": True})
    await held(rig)
    if side is Side.SELL:
        await rig.say("STC 1 SPY 603C 1/31")
        await alive(rig, 5)
    rig.outside.room = lambda: 1
    await flatten.run(rig.desk, TRADER)
    await alive(rig, 2)
    wanted = rig.trade().closes
    assert [c.qty for c in wanted] == [2 if side is Side.BUY else 1]
    await _corrected(rig, side)
    assert rig.trade().closes == wanted
    rig.outside.room = lambda: 50
    await alive(rig, 10)
    assert not rig.desk.book.open_trades()
    await check(rig)


async def test_a_correction_of_what_is_over_leaves_its_end_as_it_was(opened):
    rig = await opened()
    trade = await held(rig)
    await alive(rig, 600)
    await rig.say("STC SPY 603C 1/31 @ 2.15")
    await alive(rig, 4)
    was = await rig.desk.trade(trade.trade_id)
    await _corrected(rig)
    now = await rig.desk.trade(trade.trade_id)
    assert (now.closed_at, now.close_reason) == (was.closed_at, was.close_reason)
    assert now.realised_usd == was.realised_usd + 10
    assert rig.desk.book.closed[trade.trade_id] == now


async def test_a_correction_leaves_targets_as_they_were(opened):
    rig = await opened()
    await rig.say(BUY)
    (entry,) = live(rig, Purpose.ENTRY)
    targets = tuple(PlannedTarget(price=d(price), qty=d(1)) for price in ("2.50", "3.00"))
    trade = changed(rig.trade(), targets=targets)
    await rig.desk.commit(rig.desk.event("planned", trade.alert_id, trade))
    fill = told_fill(rig, "E-1", client_order_id=entry.order_id)
    right = replace(fill, kind="correct", of="E-1", execution_id="E-3", price=d("2.10"))
    later = fill.executed_at + timedelta(seconds=5)
    for told in (fill, replace(fill, execution_id="E-2", executed_at=later), right):
        await hear.on_event(rig.desk, "paper", Filled(fill=told))
        await rig.rest()
    assert rig.trade().targets == targets
    assert rig.trade().entry_price == d("2.125")
    await truth.memory_equals_disk(rig.desk)


async def test_a_correction_loses_nothing_of_an_open_trade_from_memory(opened):
    """For a moment the trade is over: its orders that are over were forgotten with it."""
    rig = await opened()
    trade = await held(rig)
    await rig.say("move stop to 1.90 on SPY 603C", channel=desks.OPTIONS)
    await alive(rig, 3)
    known = {o.order_id for o in rig.desk.book.orders_of(trade.trade_id)}
    await _corrected(rig)
    assert {o.order_id for o in rig.desk.book.orders_of(trade.trade_id)} == known
    assert trade.trade_id not in rig.desk.book.closed


async def test_a_winner_that_is_corrected_stays_where_it_was_among_the_last_exits(opened):
    """It counted as the newest, and the losses after it as none."""
    rig = await opened()
    trade = await held(rig)
    await rig.say("STC SPY 603C 1/31 @ 2.15")
    await alive(rig, 4)
    was = rig.desk.book.closed[trade.trade_id]
    for n in range(3):
        at = was.closed_at + timedelta(seconds=n + 1)
        rig.desk.book.put(replace(was, trade_id=f"L{n}", realised_usd=d(-10), closed_at=at))
    await _corrected(rig, off="-0.20", is_whole=False)
    assert rig.desk.book.closed[trade.trade_id].realised_usd > 0
    assert loss_streak(facts.recent_exits(rig.desk, "main"), source=was.source) == 3


async def test_an_open_trade_that_is_corrected_was_never_over(opened):
    """Two bought one by one, one sold: without the first one all was sold, for a moment."""
    rig = await opened()
    await rig.say(BUY)
    (entry,) = live(rig, Purpose.ENTRY)
    close = replace(
        entry,
        order_id="TSX",
        purpose=Purpose.CLOSE,
        side=Side.SELL,
        qty=d(1),
        broker_id="b-x",
        version=1,
    )
    await rig.desk.commit(rig.desk.event("made up", entry.alert_id, close))
    one = told_fill(rig, "E-1", client_order_id=entry.order_id)
    two = replace(one, execution_id="E-2", executed_at=one.executed_at + timedelta(seconds=5))
    sale = replace(one, execution_id="E-3", client_order_id="TSX", side=Side.SELL, price=d("2.00"))
    right = replace(one, kind="correct", of="E-1", execution_id="E-9", price=d("2.10"))
    for told in (one, two, sale, right):
        await hear.on_event(rig.desk, "paper", Filled(fill=told))
        await rig.rest()
    assert rig.trade().qty_open == 1
    assert not list(facts.recent_exits(rig.desk, "main", rig.trade().symbol))


async def test_a_correction_that_says_nothing_new_is_taken_in_once(opened):
    """It stood among what is not booked at each comparison, and nothing else was taken over."""
    rig = await opened()
    await held(rig)
    (fill,) = await rig.broker.fills_since("main", desks.START)
    same = replace(fill, kind="correct", of=fill.execution_id, execution_id="X-2")
    ask = rig.outside.balance

    async def balance(account):
        told = await ask(account)
        return replace(told, cash_usd=told.cash_usd + 100)

    async def fills_since(account, since):
        return [fill, same]

    rig.outside.balance, rig.outside.fills_since = balance, fills_since
    for _ in range(4):
        await recover.reconcile(rig.desk)
        await alive(rig, 11)
    assert not rig.desk.compared["main"].differences


async def test_a_bust_of_our_own_execution_by_its_second_name_is_no_strangers(opened):
    rig = await opened()
    await held(rig)
    (fill,) = await rig.broker.fills_since("main", desks.START)
    twin = replace(fill, execution_id="L-1")
    bust = replace(twin, execution_id="L-2", of="L-1", kind="bust")
    for told in (twin, bust):
        await hear.on_event(rig.desk, "paper", Filled(fill=told))
        await rig.rest()
    assert rig.trade().qty_open == 2
    assert not [note for note in rig.notes() if "made outside" in note]
    assert rig.desk.gates


@pytest.mark.parametrize("kind", ["bust", "correct"])
@pytest.mark.parametrize("is_ours", [True, False])
async def test_a_change_of_what_was_never_booked_is_told_once_and_entries_may_pass(
    opened, kind, is_ours
):
    """The account's gate stayed shut for good, and a correction was counted as held."""
    rig = await opened()
    await held(rig)
    (fill,) = await rig.broker.fills_since("main", desks.START)
    name = fill.client_order_id if is_ours else ""
    odd = replace(fill, execution_id="X-2", of="X-1", kind=kind, client_order_id=name, qty=d(1))

    async def fills_since(account, since):
        return [fill, odd]

    rig.outside.fills_since = fills_since
    await hear.on_event(rig.desk, "paper", Filled(fill=odd))
    await rig.rest()
    assert rig.desk.gates, "what it is about may still come"
    for _ in range(3):
        await recover.reconcile(rig.desk)
        await alive(rig, 11)
        assert not rig.desk.gates
        assert not rig.desk.compared["main"].differences
    assert rig.trade().qty_open == 2
    assert len([note for note in rig.notes() if "the books never had" in note]) == 1
    await check(rig)
