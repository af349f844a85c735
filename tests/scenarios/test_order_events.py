"""What a broker tells of our orders: late, twice, in any order, not at all (O-08 to O-17)."""

import asyncio
from dataclasses import replace
from unittest.mock import AsyncMock

import pytest

from engine.asking import Rank, our_own_delay, rank
from engine.brokers import Filled, Odd, OrderSeen, StreamDown, StreamUp
from engine.domain.desk import AlertState
from engine.domain.errors import BrokerUnavailable, OrderRejected
from engine.domain.order import OrderState, OrderType, Purpose, Side
from engine.domain.trade import Execution, Trade, TradeState
from engine.flows import sweep
from engine.flows.acts import flatten
from engine.flows.booking import reported
from engine.flows.booking.fills import on_fill
from engine.flows.brokers import compare, hear, recover, watch
from engine.flows.orders import call_off, doubt
from engine.flows.trades import manage
from tests import rig as desks
from tests.rig import TRADER, d, spy, told_fill
from tests.scenarios.faulty_desk import BUY, alive, at_rest, check, make, orders, waiting


async def test_a_filled_order_missing_from_the_open_list_is_not_read_as_unfilled(rig):  # O-08
    rig.faults.drop_events = 99
    rig.faults.hide_open = 99
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    rig.faults.drop_events = 0
    await recover.reconcile(rig.desk)
    await rig.rest()
    (order,) = await orders(rig)
    assert order.state is OrderState.FILLED
    assert rig.trade().qty_open == 2


async def test_the_same_execution_three_times_counts_once(rig):  # O-09
    rig.faults.duplicate_events = 99
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    fills = await rig.broker.fills_since("main", desks.START)
    for fill in fills * 2:
        await hear.on_event(rig.desk, "paper", Filled(fill=fill))
    await recover.reconcile(rig.desk)
    assert len(await rig.desk.store.find(Execution)) == 1
    assert rig.trade().qty_open == 2
    await at_rest(rig)


async def test_events_in_any_order_lead_to_the_same_books():  # O-10, I-10
    seen = []
    for hold_back in range(5):
        rig = await make()
        rig.faults.reorder = hold_back
        await rig.say(BUY)
        await rig.fill(spy(), "2.14", "2.15")
        rig.faults.reorder = 0
        await alive(rig, 3)
        await recover.reconcile(rig.desk)
        await rig.rest()
        (order,) = await orders(rig)
        trade = rig.trade()
        seen.append((order.state, order.filled, trade.qty_open, trade.entry_price, trade.fees_usd))
        await check(rig)
        await rig.close()
    assert len(set(seen)) == 1, seen


async def test_one_stop_is_sent_for_all_that_one_report_says_was_filled(rig, monkeypatch):
    """A stop for the first parts had to be cancelled for the whole, and half stood bare for 6 s."""
    await rig.say(BUY.replace("2", "4", 1))
    (report,) = await rig.broker.open_orders("main")
    named = {"client_order_id": report.client_order_id, "broker_id": report.broker_id}
    fills = tuple(told_fill(rig, name, **named) for name in ("E1", "E2", "E3", "E4"))
    plain, sent = rig.desk.store.commit, []

    async def slow(events):
        await asyncio.sleep(0.005)
        await plain(events)

    async def submit(request):
        sent.append((request.type, request.qty))
        raise OrderRejected("no", "no")

    monkeypatch.setattr(rig.desk.store, "commit", slow)
    monkeypatch.setattr(rig.desk.brokers["paper"], "submit", submit)
    told = replace(report, state="filled", filled=d(4), fills=fills)
    await reported.on_report(rig.desk, told)
    await rig.rest()
    assert sent == [(OrderType.STOP, 4)]


async def test_a_lost_fill_event_is_found_within_seconds(rig):  # missed fill found <= 30 s
    await rig.say(BUY)
    rig.faults.drop_fills = 1
    await rig.fill(spy(), "2.14", "2.15")
    assert not rig.desk.book.open_trades()
    await alive(rig, 2)
    assert rig.trade().qty_open == 2
    await at_rest(rig)


async def test_all_events_lost_is_found_by_the_next_comparison(rig):
    rig.faults.drop_events = 99
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    rig.faults.drop_events = 0
    await recover.reconcile(rig.desk)
    await rig.rest()
    assert rig.trade().qty_open == 2
    assert rig.trade().is_unprotected_since is None or await orders(rig, Purpose.STOP)
    await at_rest(rig)


async def test_what_ended_and_is_listed_again_is_read_at_once(rig):
    await waiting(rig, BUY)
    (order,) = await orders(rig)
    await call_off.ask_cancel(rig.desk, order, "test")
    rig.clock.advance(1)
    await rig.rest()
    assert len(await rig.broker.orders_since("main", desks.START)) == 1
    get, asked = rig.desk.store.get, []

    async def counted(kind, key):
        asked.append(key)
        return await get(kind, key)

    rig.desk.store.get = counted
    await recover.reconcile(rig.desk)
    assert not asked


async def test_what_ended_there_after_it_ended_here_is_taken_in(rig):
    """The book has let go of the order; the broker's list says that more of it was filled."""
    await waiting(rig, BUY)
    (order,) = await orders(rig)
    await call_off.ask_cancel(rig.desk, order, "test")
    rig.clock.advance(1)
    await rig.rest()
    (report,) = await rig.broker.orders_since("main", desks.START)

    async def told(*_):
        return [desks.replace(report, filled=d(1))]

    rig.broker.orders_since = told
    await recover.reconcile(rig.desk)
    await rig.rest()
    (order,) = await orders(rig)
    assert order.reported == 1


def ranks_of(rig, question):
    """In whose name the broker is asked this from now on, and about what."""
    ask, ranks = getattr(rig.desk.brokers["paper"], question), []

    async def asked(account, about):
        ranks.append((about, rank()))
        return await ask(account, about)

    setattr(rig.desk.brokers["paper"], question, asked)
    return ranks


async def test_what_became_of_a_cancelled_stop_is_asked_in_the_name_of_exits(rig):
    """Until it is known the next stop cannot be sent: it does not wait behind entries."""
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    (stop,) = await orders(rig, Purpose.STOP)
    ranks = ranks_of(rig, "find")
    rig.faults.drop_events = 99
    await call_off.ask_cancel(rig.desk, stop, "test")
    await alive(rig, 2)
    rig.faults.drop_events = 0
    assert (stop.order_id, Rank.EXIT) in ranks
    assert (stop.order_id, Rank.DOUBT) not in ranks


async def test_what_became_of_a_cancelled_entry_is_not(rig):
    await waiting(rig, BUY)
    (entry,) = await orders(rig)
    ranks = ranks_of(rig, "find")
    rig.faults.drop_events = 99
    await call_off.ask_cancel(rig.desk, entry, "test")
    await alive(rig, 2)
    rig.faults.drop_events = 0
    assert {each for _, each in ranks} == {Rank.DOUBT}


async def test_a_trade_does_not_stand_still_while_its_uncut_entry_is_looked_for(rig):
    """It filled before it was withdrawn; its fill is heard while that question waits in line."""
    await waiting(rig, BUY)
    (entry,) = await orders(rig)
    rig.faults.drop_events = 99
    rig.quote(spy(), "2.14", "2.15")
    rig.clock.advance(0.3)
    await rig.rest()
    broker = rig.desk.brokers["paper"]
    broker.find, find = never, broker.find
    cancel, broker.cancel = broker.cancel, already_filled
    async with asyncio.timeout(20):
        await rig.say("STC SPY 603C 1/31 @ 2.15")
    broker.cancel, rig.faults.drop_events = cancel, 0
    for report in await broker.orders_since("main", entry.created_at):
        await reported.on_report(rig.desk, report, asked=True)
    await rig.rest()
    assert await orders(rig, Purpose.CLOSE)
    broker.find = find
    await at_rest(rig)


async def test_a_cancel_that_is_always_refused_is_asked_for_at_a_pace_until_it_is_taken(rig):
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    broker = rig.desk.brokers["paper"]
    cancel, broker.cancel = broker.cancel, AsyncMock(side_effect=OrderRejected("no", "not now"))
    find = broker.find

    async def by_wire(*asked):
        await rig.clock.sleep(0.1)
        return await find(*asked)

    broker.find = AsyncMock(side_effect=by_wire)
    await manage.close(rig.desk, rig.trade().trade_id, TRADER)
    await alive(rig, 40)
    assert 4 <= broker.cancel.await_count <= 10
    assert broker.find.await_count <= 20
    broker.cancel, broker.find = cancel, find
    await alive(rig, 12)
    assert not rig.desk.book.trades
    await at_rest(rig)


async def never(*_):
    """Our own line is long."""
    with our_own_delay():
        await asyncio.Event().wait()


async def already_filled(*_):
    raise OrderRejected("already_filled", "it has filled")


async def test_an_exit_without_an_answer_is_looked_for_before_an_entry_without_one(rig):
    """What the exit was for may have no stop; of entries there may be many, of looks few."""
    ranks = ranks_of(rig, "find")
    rig.faults.unknown_after_accept = 1
    rig.faults.drop_events = 99
    await waiting(rig, BUY)
    await alive(rig, 2, ("2.50", "2.60"))
    rig.faults.unknown_after_accept = 1
    await rig.fill(spy(), "2.14", "2.15")
    await recover.reconcile(rig.desk)
    await alive(rig, 2)
    rig.faults.drop_events = 0
    (entry,), (stop,) = await orders(rig), await orders(rig, Purpose.STOP)
    assert {each for name, each in ranks if name == entry.order_id} == {Rank.DOUBT}
    assert {each for name, each in ranks if name == stop.order_id} == {Rank.NAKED}
    assert Rank.NAKED < Rank.DOUBT


async def test_a_report_that_tells_its_executions_costs_no_other_question(rig):
    rig.faults.drop_events = 99
    await rig.say(BUY)
    (entry,) = await orders(rig)
    await rig.fill(spy(), "2.14", "2.15")
    found = await rig.broker.find("main", entry.order_id)
    fills = tuple(await rig.broker.fills_since("main", desks.START))
    asked = ranks_of(rig, "fills_since")
    await reported.on_report(rig.desk, desks.replace(found.order, fills=fills), asked=True)
    rig.faults.drop_events = 0
    assert rig.trade().qty_open == 2
    assert not asked


async def test_a_fill_that_is_known_to_be_missing_is_read_before_more_entries_go_out(rig):
    """What is held has no stop until it is booked."""
    rig.faults.drop_events = 99
    await rig.say(BUY)
    (entry,) = await orders(rig)
    ranks = ranks_of(rig, "fills_since")
    await rig.fill(spy(), "2.14", "2.15")
    await doubt.look_up(rig.desk, entry.order_id)
    rig.faults.drop_events = 0
    assert rig.trade().qty_open == 2
    assert [each for _, each in ranks] == [Rank.NAKED]


@pytest.mark.parametrize("is_reported", [False, True])
async def test_a_late_fill_after_cancel_opens_the_trade_and_is_protected(rig, is_reported):  # O-11
    await waiting(rig, BUY)
    (order,) = await orders(rig)
    seen = (await rig.broker.find("main", order.order_id)).order
    await call_off.ask_cancel(rig.desk, order, "test")
    rig.clock.advance(1)
    await rig.rest()
    (trade,) = await rig.desk.store.find(Trade)
    assert trade.state is TradeState.VOID
    if is_reported:
        filled = desks.replace(seen, state="filled", filled=d(2))
        await hear.on_event(rig.desk, "paper", OrderSeen(order=filled))
    late = told_fill(rig, "late-1", client_order_id=order.order_id, qty=d(2), fee_usd=d("1.30"))
    await on_fill(rig.desk, late)
    await rig.rest()
    trade = rig.trade()
    assert trade.state is TradeState.OPEN
    assert trade.qty_open == 2
    stops = await orders(rig, Purpose.STOP)
    assert [s.qty for s in stops][:1] == [2]
    (order,) = await orders(rig)
    assert order.is_flagged
    assert any("nobody expected" in n for n in rig.notes())
    await check(rig)


@pytest.mark.parametrize("is_reported", [False, True])
async def test_every_late_fill_that_leaves_too_little_is_told(rig, is_reported):  # O-11
    """The order's own report came first, or people had heard of it before: nobody was told."""
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    (stop,) = await orders(rig, Purpose.STOP)
    seen = (await rig.broker.find("main", stop.order_id)).order
    await rig.say("STC 2 SPY 603C 1/31")
    await alive(rig, 3)
    assert not rig.desk.book.open_trades()
    if is_reported:
        filled = desks.replace(seen, state="filled", filled=d(2))
        await hear.on_event(rig.desk, "paper", OrderSeen(order=filled))
    for n in (1, 2):
        late = told_fill(rig, f"late-{n}", client_order_id=stop.order_id, side=Side.SELL)
        await on_fill(rig.desk, desks.replace(late, price=d(n)))
    assert sum("held the other way round" in n for n in rig.notes()) == 2


async def test_an_overfill_is_booked_flagged_and_protected_in_full(rig):  # O-12
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    (order,) = await orders(rig)
    (fill,) = await rig.broker.fills_since("main", desks.START)
    await on_fill(rig.desk, desks.replace(fill, execution_id="over-1", qty=d(1)))
    await rig.rest()
    assert rig.trade().qty_open == 3
    (order,) = await orders(rig)
    assert order.is_flagged
    live = [s for s in await orders(rig, Purpose.STOP) if not s.state.is_terminal]
    assert sum(s.qty for s in live if s.state is not OrderState.PENDING_REPLACE) == 3
    await check(rig)


async def test_a_stop_that_closes_the_trade_while_it_is_replaced_ends_its_replacement(rig):  # O-21
    """What the broker counts of the line is booked, though memory holds the old stop no more."""
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    (stop,) = await orders(rig, Purpose.STOP)
    await manage.set_stop(rig.desk, rig.trade().trade_id, TRADER, d("1.50"))
    await rig.rest()
    (moved,) = [s for s in await orders(rig, Purpose.STOP) if s.replaces == stop.order_id]
    found = await rig.broker.find("main", moved.order_id)
    (fill,) = await rig.broker.fills_since("main", desks.START)
    late = {"execution_id": "late-1", "client_order_id": stop.order_id, "side": Side.SELL}
    await on_fill(rig.desk, desks.replace(fill, **late))
    assert (await rig.desk.trade(moved.trade_id)).state is TradeState.CLOSED
    await reported.on_report(rig.desk, desks.replace(found.order, state="rejected", filled=d(2)))
    assert (await rig.desk.order(moved.order_id)).state is OrderState.REJECTED


async def test_a_partial_fill_with_the_rest_cancelled_has_a_stop_of_its_size(rig):  # O-13
    await waiting(rig, "BTO 8 SPY 603C 1/31 @ 2.15, targets 3.00, 4.00")
    rig.clock.advance(0.3)
    await rig.rest()
    rig.quote(spy(), "2.14", "2.15", ask_size=d(3))
    await rig.rest()
    assert rig.trade().qty_open == 3
    (order,) = await orders(rig)
    await call_off.ask_cancel(rig.desk, order, "test")
    rig.clock.advance(0.3)
    await rig.rest()
    trade = rig.trade()
    assert trade.is_entry_over
    assert sum(t.qty for t in trade.targets) in (0, 3)
    live = [s for s in await orders(rig, Purpose.STOP) if not s.state.is_terminal]
    assert [s.qty for s in live] == [3]
    await at_rest(rig)


async def test_an_update_of_a_new_kind_for_every_order_is_told_once(rig):  # O-20
    for number in range(5):
        odd = Odd(note="an update of an unknown kind", raw=f"order {number}")
        await hear.on_event(rig.desk, "paper", odd)
    assert sum("an update of an unknown kind" in note for note in rig.notes()) == 1
    await hear.on_event(rig.desk, "paper", Odd(note="status FROBNICATED", raw="order 0"))
    assert any("FROBNICATED" in note for note in rig.notes())


async def test_an_unknown_event_is_shown_and_the_stream_lives(rig):  # O-20
    await hear.on_event(rig.desk, "paper", Odd(note="status FROBNICATED", raw="{}"))
    assert not rig.desk.is_reconciled
    await sweep.run(rig.desk)
    assert rig.desk.is_reconciled
    await rig.say(BUY)
    (report,) = await rig.broker.open_orders("main")
    odd = desks.replace(report, state="unknown", raw_state="FROBNICATED")
    await hear.on_event(rig.desk, "paper", OrderSeen(order=odd))
    assert any("FROBNICATED" in n for n in rig.notes())
    await rig.fill(spy(), "2.14", "2.15")
    assert rig.trade().qty_open == 2
    await at_rest(rig)


async def test_what_a_broker_says_again_and_again_keeps_no_entry_out_for_good(rig):  # O-20
    shut = []
    for second in range(130):
        odd = Odd(note="a message of an unknown kind", raw=f"stamped {second}")
        await hear.on_event(rig.desk, "paper", odd)
        if not rig.desk.is_reconciled:
            shut.append(second)
        await sweep.run(rig.desk)
        rig.clock.advance(1)
    assert shut == [0, 60, 120]
    await rig.say(BUY)
    assert await orders(rig)


async def test_of_what_goes_on_and_on_each_may_be_a_fill_and_is_looked_for(rig):
    await waiting(rig, BUY)
    await hear.on_event(rig.desk, "paper", Odd(note="an order without legs", raw="1"))
    rig.desk.doubts.unpolled.clear()
    await hear.on_event(rig.desk, "paper", Odd(note="an order without legs", raw="2"))
    assert rig.desk.doubts.unpolled == {"paper"}


async def test_what_could_not_be_read_may_be_a_fill_and_is_looked_for_at_the_polls_pace(rig):
    await waiting(rig, BUY)
    await watch.round_of(rig.desk)
    await rig.rest()
    rig.faults.drop_events = 99
    rig.quote(spy(), "2.14", "2.15")
    rig.clock.advance(0.3)
    rig.quote(spy(), "2.20", "2.21")
    await rig.rest()
    await hear.on_event(rig.desk, "paper", Odd(note="an order without legs", raw="{}"))
    for _ in range(2):
        assert not [t for t in rig.trades() if t.qty_open]
        rig.clock.advance(rig.desk.settings.poll_s / 2)
        await watch.round_of(rig.desk)
        await rig.rest()
    rig.faults.drop_events = 0
    assert rig.trade().qty_open == 2


async def test_an_event_that_cannot_be_taken_in_ends_nothing(rig):
    await rig.say(BUY)
    name = (await orders(rig))[0].order_id
    bad = told_fill(rig, "bad-1", client_order_id=name, broker_id="x", qty=d("NaN"))
    await hear.on_event(rig.desk, "paper", Filled(fill=bad))
    assert rig.desk.halted
    await rig.fill(spy(), "2.14", "2.15")
    assert rig.trade().qty_open == 2, "good fills are booked all the same"
    await check(rig)


async def test_a_fill_of_the_wrong_contract_is_booked_as_an_outside_trade(rig):
    await rig.say(BUY)
    (order,) = await orders(rig)
    more = {"instrument": spy("610"), "qty": d(2), "price": d("1.15")}
    wrong = told_fill(rig, "wrong-1", client_order_id=order.order_id, broker_id="x", **more)
    await hear.on_event(rig.desk, "paper", Filled(fill=wrong))
    await rig.rest()
    assert [t.source for t in rig.desk.book.open_trades()] == ["external"]
    await check(rig)


# -- the stream --------


async def test_a_dropped_stream_gates_entries_until_the_books_were_compared(rig):  # O-17
    await rig.say(BUY)
    await hear.on_event(rig.desk, "paper", StreamDown(reason="reset"))
    assert not rig.desk.is_reconciled
    record = await rig.say("BTO 1 SPY 604C 1/31 @ 2.15")
    assert record.state is AlertState.RISK_REJECTED
    rig.faults.drop_events = 99
    await rig.fill(spy(), "2.14", "2.15")  # in the gap
    rig.faults.drop_events = 0
    await recover.reconcile(rig.desk)
    assert not rig.desk.is_reconciled, "comparing once proves nothing while the stream is down"
    await hear.on_event(rig.desk, "paper", StreamUp(gap_from=desks.START))
    await rig.rest()
    assert rig.desk.is_reconciled
    assert "broker paper" not in rig.desk.health
    assert rig.trade().qty_open == 2
    await at_rest(rig)


async def test_a_failed_read_concludes_nothing(rig):  # I-27
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    for n in range(6):
        rig.faults.fail_reads = 1
        before = (rig.trade(), list(rig.desk.book.orders.values()))
        with pytest.raises(BrokerUnavailable):
            await compare.compare(rig.desk, "paper")
        rig.faults.fail_reads = 0
        assert (rig.trade(), list(rig.desk.book.orders.values())) == before, n
    rig.faults.fail_reads = 1
    await recover.reconcile(rig.desk)
    assert "broker paper" in rig.desk.health
    await recover.reconcile(rig.desk)
    assert "broker paper" not in rig.desk.health


async def test_one_pass_makes_the_books_equal_and_the_next_one_writes_nothing(rig):  # I-25
    rig.faults.drop_events = 99
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    rig.faults.drop_events = 0
    await recover.reconcile(rig.desk)
    await alive(rig, 3)
    seq = rig.desk.store.health().last_seq
    await recover.reconcile(rig.desk)
    await recover.reconcile(rig.desk)
    assert rig.desk.store.health().last_seq == seq


async def test_a_fill_that_cannot_be_read_while_books_are_compared_keeps_entries_waiting(rig):
    """The comparison had read its list before, and let entries pass when it was done."""
    await waiting(rig)
    (order,) = rig.desk.book.orders.values()
    there = (await rig.broker.find("main", order.order_id)).order
    broker, read = rig.desk.brokers["paper"], []
    positions = broker.positions

    async def late(account):
        read.append(account)
        if len(read) == 2:  # fills have been read by now
            rig.faults.fail_reads = 1
            await reported.on_report(
                rig.desk, replace(there, filled=d(1), state="partial"), asked=True
            )
        return await positions(account)

    broker.positions = late
    rig.desk.gates["paper"] = "to be compared"
    await recover.again(rig.desk, "paper")
    assert "could not be read" in rig.desk.gates["paper"]


async def test_what_is_held_the_other_way_round_is_not_said_to_be_closing(rig):
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    await alive(rig, 2)
    (stop,) = await orders(rig, Purpose.STOP)
    sold = told_fill(rig, "far-too-much", client_order_id=stop.order_id, side=Side.SELL, qty=d(3))
    await on_fill(rig.desk, sold)
    await rig.rest()
    trade = rig.trade()
    assert trade.qty_open == -1
    said = await flatten.run(rig.desk, TRADER)
    assert "held the other way round" in said[trade.trade_id]
