"""Outside brokers that swap no orders, ask for pauses, take executions back or count otherwise."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from engine.brokers import BalanceSeen, BrokerFill, Filled, Unclear
from engine.domain.errors import OrderStateUnknown
from engine.domain.order import Order, OrderState, Purpose, Side
from engine.domain.trade import Execution, TradeState
from engine.exits import Cancel, Replace
from engine.flows import capable, monitor, recover, send
from tests import rig as desks
from tests.rig import d, spy
from tests.scenarios.outside_desk import BUY, alive, check, held, live, orders

# -- replacing where nothing swaps in one go ----------------------------------------------------


@pytest.mark.parametrize(
    ("terms", "kinds"),
    [({"replaces_in_place": False}, None), ({}, {"has_replace": False})],
    ids=["two orders", "none"],
)
async def test_a_stop_is_moved_by_cancel_and_anew_where_replacing_is_no_swap(opened, terms, kinds):
    rig = await opened(terms=terms, kinds=kinds)
    trade = await held(rig)
    (before,) = live(rig, Purpose.STOP)
    await rig.say("move stop to 1.90 on SPY 603C", channel=desks.OPTIONS)
    await alive(rig, 4)
    trade = rig.trade()
    (after,) = live(rig, Purpose.STOP)
    assert after.order_id != before.order_id
    assert after.stop == trade.stop.price == d("1.90")
    assert after.replaces is None
    assert rig.desk.book.orders[before.order_id].state is OrderState.CANCELED
    working = await rig.broker.open_orders("main")
    assert [o.qty for o in working] == [2]
    await check(rig)


async def test_cancels_that_nobody_answers_hold_no_other_exit_up(opened):
    terms, kinds = {"has_stream": False}, {"has_replace": False}
    rig = await opened(terms=terms, kinds=kinds, risk=desks.LOOSE)
    strikes = ("600", "601", "602", "604")
    for strike in strikes:
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
        rig.quote(spy(strike), "2.14", "2.15")
        await alive(rig, 4)
    stuck = {o.order_id for o in live(rig, Purpose.STOP) if o.legs[0].instrument != spy("604")}
    assert len(stuck) == 3
    cancel = rig.outside.cancel

    async def unheard(account, name):
        if name in stuck:
            raise OrderStateUnknown("504")
        await cancel(account, name)

    rig.outside.cancel = unheard
    for strike in strikes:
        await rig.say(f"STC SPY {strike}C 1/31 @ 2.15")
    for _ in range(12):
        for strike in strikes:
            rig.quote(spy(strike), "2.14", "2.16")
        await alive(rig, 1)
    assert {o.order_id for o in live(rig, Purpose.STOP)} == stuck
    assert {t.legs[0].instrument for t in rig.desk.book.open_trades()} == {
        spy(strike) for strike in strikes[:3]
    }


async def test_of_many_stops_that_are_moved_few_are_gone_at_once_where_their_end_is_asked_for(
    opened,
):
    """At two questions in two seconds the last of eight would be known to be gone in eight."""
    terms, kinds = {"has_stream": False}, {"has_replace": False}
    rig = await opened(terms=terms, kinds=kinds, risk=desks.LOOSE)
    strikes = ("600", "601", "602", "604", "605")
    for strike in strikes:
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
        rig.quote(spy(strike), "2.14", "2.15")
        await alive(rig, 4)
    assert len(live(rig, Purpose.STOP)) == len(strikes)
    ask, most = rig.outside.find, []

    async def find(account, name):
        stops = [o for o in live(rig, Purpose.STOP) if o.state is OrderState.PENDING_CANCEL]
        most.append(len(stops))
        return await ask(account, name)

    rig.outside.find = find
    for strike in strikes:
        await rig.say(f"move stop to 1.90 on SPY {strike}C", channel=desks.OPTIONS)
    for _ in range(12):
        for strike in strikes:
            rig.quote(spy(strike), "2.14", "2.16")
        await alive(rig, 1)
    assert {o.stop for o in live(rig, Purpose.STOP)} == {d("1.90")}
    assert max(most) == 1
    await check(rig)


async def test_no_stop_is_moved_while_an_exit_is_looked_for_that_may_not_be_there(opened):
    """Few questions are answered a second: they are for what may have no stop at all."""
    rig = await opened(kinds={"has_replace": False}, risk=desks.LOOSE)
    find, submit = rig.outside.find, rig.outside.submit

    def is_lost(legs):
        return legs[0].instrument == spy("601")

    async def found(account, name):
        order = rig.desk.book.orders[name]
        is_hidden = order.purpose is Purpose.STOP and is_lost(order.legs)
        return Unclear() if is_hidden else await find(account, name)

    async def lost(request):
        if request.reduces and is_lost(request.legs):
            raise OrderStateUnknown("reset by peer")
        return await submit(request)

    rig.outside.find, rig.outside.submit = found, lost
    for strike in ("600", "601"):
        rig.quote(spy(strike), "2.14", "2.16")
        await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
        rig.quote(spy(strike), "2.14", "2.15")
        await alive(rig, 2)
    await rig.say("move stop to 1.90 on SPY 600C", channel=desks.OPTIONS)
    await alive(rig, 1)
    (stop,) = [o for o in live(rig, Purpose.STOP) if not is_lost(o.legs)]
    trade = rig.desk.book.trades[stop.trade_id]
    assert capable.must_queue(rig.desk, trade, Cancel(order=stop, reason="moved"))
    close = replace(stop, purpose=Purpose.CLOSE)
    assert not capable.must_queue(rig.desk, trade, Cancel(order=close, reason="not wanted"))
    rig.desk.book.trades[trade.trade_id] = flat = replace(trade, qty_open=d(0))
    assert not capable.must_queue(rig.desk, flat, Cancel(order=stop, reason="nothing is held"))
    rig.desk.book.trades[trade.trade_id] = trade
    for seconds, is_moved in ((20, False), (20, True)):
        for _ in range(seconds):
            for strike in ("600", "601"):
                rig.quote(spy(strike), "2.14", "2.16")
            await alive(rig, 1)
        (stop,) = [o for o in live(rig, Purpose.STOP) if not is_lost(o.legs)]
        assert (stop.stop == d("1.90")) is is_moved


async def test_a_quantity_that_cannot_be_replaced_is_cancelled_and_sent_anew(opened):
    rig = await opened(kinds={"replaces_qty": False})
    await held(rig)
    await rig.say("STC 1 SPY 603C 1/31")
    await alive(rig, 4)
    (stop,) = live(rig, Purpose.STOP)
    assert (stop.qty, stop.replaces) == (1, None)
    assert rig.trade().qty_open == 1
    await check(rig)


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
        before = entry.created_at - timedelta(seconds=10)
        rig.desk.book.orders[entry.order_id] = replace(entry, created_at=before)
    assert not capable.must_queue(rig.desk, trade, moved)


# -- 429 ----------------------------------------------------------------------------------------


async def test_an_exit_that_was_asked_to_wait_goes_out_when_the_pause_is_over(opened):  # O-18
    rig = await opened()
    await held(rig)
    rig.outside.limit_s = 3.0
    await rig.say("STC 2 SPY 603C 1/31")
    await alive(rig, 1)
    assert rig.outside.limit_s is None
    assert rig.desk.book.open_trades()
    n_before = len(rig.outside.requests)
    await alive(rig, 2)
    assert len(rig.outside.requests) == n_before, "not before"
    await alive(rig, 3)
    assert not rig.desk.book.open_trades()
    assert not any("refused" in note for note in rig.notes())


# -- taken back ---------------------------------------------------------------------------------


def amended(fill, kind, **changes):
    return replace(fill, **{"kind": kind, "of": fill.execution_id, **changes})


async def test_a_bust_is_reversed_by_new_entries_and_the_stop_follows(opened):
    rig = await opened()
    await held(rig)
    fills = await rig.broker.fills_since("main", desks.START)
    bust = amended(fills[0], "bust", execution_id="X-1")
    for _ in range(3):
        await send.on_event(rig.desk, "paper", Filled(fill=bust))
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
        await send.on_event(rig.desk, "paper", Filled(fill=right))
        await rig.rest()
    await alive(rig, 3)
    trade = rig.trade()
    assert (trade.qty_open, trade.entry_price) == (1, d("2.10"))
    assert [o.qty for o in live(rig, Purpose.STOP)] == [1], "the stop follows"
    again = amended(right, "bust", execution_id="X-3")
    await send.on_event(rig.desk, "paper", Filled(fill=replace(again, of="X-2")))
    await rig.rest()
    assert not rig.desk.book.open_trades()
    kinds = [e.kind for e in await rig.desk.store.find(Execution)]
    assert kinds == ["fill", "bust", "correct", "bust"]


async def test_a_fee_that_is_told_later_is_a_correction_too(opened):
    rig = await opened()
    await held(rig)
    fill = (await rig.broker.fills_since("main", desks.START))[0]
    await send.on_event(rig.desk, "paper", Filled(fill=amended(fill, "correct")))
    await rig.rest()
    assert not reports_of(rig), "what says nothing new is none"
    await send.on_event(
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
    await send.on_event(rig.desk, "paper", Filled(fill=right))
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
    ghost = BrokerFill(
        execution_id="X-9",
        client_order_id="",
        broker_id="",
        account="main",
        instrument=spy(),
        leg=0,
        side=Side.BUY,
        qty=d(2),
        price=d("2.15"),
        fee_usd=d(0),
        executed_at=rig.clock.now(),
        kind="bust",
        of="E-unknown",
    )
    await send.on_event(rig.desk, "paper", Filled(fill=ghost))
    assert rig.desk.gate("paper")
    await alive(rig, 3)
    assert not rig.desk.gate("paper"), "the broker's list knows no such execution: nothing changed"
    assert not await rig.desk.store.find(Execution) or rig.trade()
    await monitor.sweep(rig.desk)
    assert isinstance(await rig.desk.order(orders(rig, Purpose.ENTRY)[0].order_id), Order)
    await asyncio.sleep(0)


# -- what the broker says of the account ------------------------------------------------------


async def test_an_account_that_may_only_close_opens_nothing_and_closes_all_the_same(opened):
    """R-08, O-25."""
    rig = await opened()
    await held(rig)
    balance = await rig.broker.balance("main")
    blocked = replace(balance, facts={"closing only": "yes"})
    await send.on_event(rig.desk, "paper", BalanceSeen(balance=blocked))
    rig.quote(spy("600"), "2.14", "2.16")
    record = await rig.say("BTO 1 SPY 600C 1/31 @ 2.15")
    assert "it may only close" in record.reason
    assert len(orders(rig, Purpose.ENTRY)) == 1
    await rig.say("STC 2 SPY 603C 1/31")
    await alive(rig, 4)
    assert not rig.desk.book.open_trades()
