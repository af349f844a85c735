"""A broker's minute is nearly used up: who waits, and whose stop stands meanwhile."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.domain.errors import RateLimited
from engine.domain.order import OrderState, Purpose
from engine.domain.trade import Account, CloseRequest, StopPlan
from engine.exits import Cancel, Replace
from engine.flows.acts import flatten
from engine.flows.exits import settle
from engine.flows.holdings import capable
from engine.flows.orders import call_off
from tests import rig as desks
from tests.rig import TRADER, d, spy
from tests.scenarios.outside_desk import alive, check, held, live


async def _moved(rig):
    await rig.say("move stop to 1.90 on SPY 603C", channel=desks.OPTIONS)


async def _closed(rig):
    await rig.say("STC SPY 603C 1/31 @ 2.15")


@pytest.mark.parametrize("asked", [_moved, _closed])
@pytest.mark.parametrize("kinds", [{}, {"has_replace": False}], ids=["swap", "anew"])
async def test_a_stop_stands_while_the_minute_has_no_room_for_what_must_follow_it(
    opened, kinds, asked
):
    """TopStepX: cancelled with the minute's last turn, its units were bare for ten seconds."""
    rig = await opened(kinds={"locks_units": True, **kinds})
    await held(rig)
    (before,) = live(rig, Purpose.STOP)
    rig.outside.room = lambda: 1
    await asked(rig)
    for _ in range(8):
        rig.quote(spy(), "2.14", "2.16")
        await alive(rig, 1)
    assert [o.order_id for o in live(rig, Purpose.STOP)] == [before.order_id]
    rig.outside.room = lambda: 2
    for _ in range(4):
        rig.quote(spy(), "2.14", "2.16")
        await alive(rig, 1)
    assert {o.stop for o in live(rig, Purpose.STOP)} == ({d("1.90")} if asked is _moved else set())
    assert bool(rig.desk.book.open_trades()) == (asked is _moved)
    await check(rig)


async def test_a_stop_that_protects_too_little_grows_whatever_room_there_is(opened):
    rig = await opened()
    trade = await held(rig)
    (stop,) = live(rig, Purpose.STOP)
    rig.outside.room = lambda: 0
    same, more = (
        Replace(order=stop, qty=qty, stop=d("1.90"), carried=d(0), reason="moved")
        for qty in (stop.qty, stop.qty + 1)
    )
    assert capable.must_queue(rig.desk, trade, same)
    assert not capable.must_queue(rig.desk, trade, more)


async def test_room_is_kept_for_the_stops_of_entries_that_are_about_to_fill(opened):
    rig = await opened(risk=desks.LOOSE)
    trade = await held(rig)
    (stop,) = live(rig, Purpose.STOP)
    for strike in ("600", "601"):
        rig.quote(spy(strike), "2.24", "2.26")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
    assert len(live(rig, Purpose.ENTRY)) == 2
    moved = Cancel(order=stop, reason="moved")
    for room, is_enough in ((3, False), (4, True)):
        rig.outside.room = lambda room=room: room
        assert capable.must_queue(rig.desk, trade, moved) != is_enough
    rig.outside.room = lambda: 2
    assert capable.must_queue(rig.desk, trade, moved)
    for entry in live(rig, Purpose.ENTRY):
        before = entry.sent_at - timedelta(seconds=10)
        rig.desk.book.put(replace(entry, sent_at=before))
    assert not capable.must_queue(rig.desk, trade, moved)


async def test_a_stop_that_covers_more_than_is_held_goes_at_once(opened):
    """One was sold in the broker's app: should it trigger, the account would be flipped."""
    rig = await opened(kinds={"replaces_qty": False})
    trade = await held(rig)
    (stop,) = live(rig, Purpose.STOP)
    rig.outside.room = lambda: 0
    less = rig.desk.book.trades[trade.trade_id] = replace(trade, qty_open=d(1))
    assert not capable.must_queue(rig.desk, less, Cancel(order=stop, reason="shrinks"))
    assert capable.must_queue(rig.desk, trade, Cancel(order=stop, reason="moved"))


async def test_what_nobody_has_approved_yet_needs_no_room_and_what_was_just_sent_does(opened):
    rig = await opened(risk=desks.LOOSE)
    trade = await held(rig)
    (stop,) = live(rig, Purpose.STOP)
    rig.quote(spy("600"), "2.24", "2.26")
    await rig.say("BTO 1 SPY 600C 1/31 @ 2.15")
    (entry,) = live(rig, Purpose.ENTRY)
    moved = Cancel(order=stop, reason="moved")
    rig.outside.room = lambda: 2
    rig.desk.book.put(replace(entry, state=OrderState.PENDING_APPROVAL, sent_at=None))
    assert not capable.must_queue(rig.desk, trade, moved)
    rig.desk.book.put(replace(entry, created_at=entry.created_at - timedelta(minutes=3)))
    assert capable.must_queue(rig.desk, trade, moved)


@pytest.mark.parametrize("is_moved", [False, True])
async def test_a_close_is_not_starved_by_a_stop_that_is_moved_each_second(opened, is_moved):
    """One turn a second comes back, and whoever looked first took it."""
    rig = await opened(risk=desks.LOOSE, kinds={"locks_units": True})
    for strike in ("600", "601"):
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
        rig.quote(spy(strike), "2.14", "2.15")
        await alive(rig, 4)
    left = [1]
    rig.outside.room = lambda: left[0]

    def counted(ask):
        async def call(*args):
            left[0] -= 1
            return await ask(*args)

        return call

    for name in ("submit", "replace", "cancel"):
        setattr(rig.outside, name, counted(getattr(rig.outside, name)))
    await rig.say("STC SPY 601C 1/31 @ 2.15")
    for n in range(10):
        if is_moved:
            price = d("1.60") + d("0.01") * n
            await rig.say(f"move stop to {price} on SPY 600C", channel=desks.OPTIONS)
        for strike in ("600", "601"):
            rig.quote(spy(strike), "2.14", "2.16")
        await alive(rig, 1)
        left[0] += 1
    assert {t.legs[0].instrument for t in rig.desk.book.open_trades()} == {spy("600")}


@pytest.mark.parametrize("account", ["main", "two"])
async def test_accounts_of_one_login_count_each_others_steps(opened, monkeypatch, account):
    """Both looked before either had written down what it does: both stops left."""
    rig = await opened(risk=desks.LOOSE, kinds={"has_replace": False})
    desk = rig.desk
    for strike in ("600", "601"):
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
        rig.quote(spy(strike), "2.14", "2.15")
        await alive(rig, 4)
    one, two = desk.book.open_trades()
    desk.book.accounts["two"] = Account(name="two", broker="paper")
    two = desk.book.trades[two.trade_id] = replace(two, account=account)
    for order in desk.book.orders_of(two.trade_id):
        desk.book.put(replace(order, account=account))
    for trade in (one, two):
        desk.book.trades[trade.trade_id] = replace(trade, stop=StopPlan(price=d("1.90")))
    rig.outside.room = lambda: 2
    gone, commit = [], desk.store.commit

    async def cancel(_, order):
        gone.append(order.order_id)

    async def slow(events):
        await asyncio.sleep(0.01)
        return await commit(events)

    monkeypatch.setattr(call_off, "cancel", cancel)
    monkeypatch.setattr(desk.store, "commit", slow)
    await asyncio.gather(*(settle.run(desk, trade.trade_id) for trade in (one, two)))
    assert len(gone) == 1
    assert not desk.let_go


async def test_a_person_is_told_what_a_close_waits_for(opened):
    rig = await opened(kinds={"locks_units": True})
    trade = await held(rig)
    rig.outside.room = lambda: 1
    said = await flatten.run(rig.desk, TRADER)
    assert "its stop stands until then" in said[trade.trade_id]


async def test_the_last_turn_does_not_shrink_a_stop_whose_close_would_find_none(opened):
    """Of two one is to be closed: the stop was for one, and the other had nothing."""
    rig = await opened(kinds={"locks_units": True})
    await held(rig)
    left, bare = [1], []

    def counted(ask):
        async def call(*args):
            if left[0] <= 0:
                raise RateLimited("no turn", 1.0)
            left[0] -= 1
            return await ask(*args)

        return call

    rig.outside.room = lambda: left[0]
    for name in ("submit", "replace", "cancel"):
        setattr(rig.outside, name, counted(getattr(rig.outside, name)))
    await rig.say("STC 1 SPY 603C 1/31")
    for _ in range(20):
        await alive(rig, 1)
        covered = sum(o.leaves for o in (*live(rig, Purpose.STOP), *live(rig, Purpose.CLOSE)))
        bare.append(rig.trade().qty_open - covered)
    assert not any(bare)


async def test_a_stop_that_covers_too_much_with_a_close_beside_it_goes_at_once(opened):
    """One of two was sold in the broker's app: close and stop together would sell one too many."""
    rig = await opened(kinds={"replaces_qty": False})
    trade = await held(rig)
    (stop,) = live(rig, Purpose.STOP)
    stop = replace(stop, qty=d(1))
    close = replace(stop, order_id="TSC", purpose=Purpose.CLOSE, stop=None, limit=d("3.00"))
    for order in (stop, close):
        rig.desk.book.put(order)
    rig.outside.room = lambda: 0
    less = rig.desk.book.trades[trade.trade_id] = replace(trade, qty_open=d(1))
    assert not capable.must_queue(rig.desk, less, Cancel(order=stop, reason="no room beside it"))


async def test_a_stop_that_is_too_small_waits_for_no_close_of_another_trade(opened):
    rig = await opened(kinds={"replaces_qty": False}, risk=desks.LOOSE)
    trade = await held(rig)
    (stop,) = live(rig, Purpose.STOP)
    rig.outside.room = lambda: 2
    asked = CloseRequest(request_id="C", qty=d(2), reason="x", asked_at=rig.clock.now())
    rig.desk.book.trades["other"] = replace(trade, trade_id="other", closes=(asked,))
    more = rig.desk.book.trades[trade.trade_id] = replace(trade, qty_open=d(4))
    assert not capable.must_queue(rig.desk, more, Cancel(order=stop, reason="grows"))
    assert capable.must_queue(rig.desk, trade, Cancel(order=stop, reason="moved"))
