"""Sending orders through brokers that fail, lie, repeat and forget (faults O, I-09 to I-16)."""

import asyncio
from functools import partial

import pytest

from engine.domain.desk import AlertState
from engine.domain.errors import OrderStateUnknown, RateLimited
from engine.domain.order import OrderState, Purpose
from engine.domain.trade import Trade, TradeState
from engine.flows import sweep
from engine.flows.booking import reported
from engine.flows.brokers import recover
from engine.flows.orders import call_off, doubt
from tests import rig as desks
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.rig import d, spy
from tests.scenarios.faulty_desk import (
    BUY,
    alive,
    at_broker,
    at_rest,
    check,
    make,
    moments,
    orders,
    waiting,
)

# -- answers that never come --------


async def test_an_order_whose_answer_never_comes_is_adopted_once(rig):  # O-04
    rig.desk.settings = desks.replace(rig.desk.settings, broker_timeout_s=0.2)
    rig.faults.accept_then_hang = 1
    await rig.say(BUY)
    (order,) = await orders(rig)
    assert order.state is OrderState.ACCEPTED  # its event told of it in time
    await rig.fill(spy(), "2.14", "2.15")
    assert rig.trade().qty_open == 2
    assert len([o for o in await at_broker(rig) if o.client_order_id == order.order_id]) == 1
    await at_rest(rig)


@pytest.mark.parametrize("fault", ["unknown_after_accept", "accept_then_hang"])
async def test_no_answer_and_no_event_is_unknown_until_it_is_looked_up(rig, fault):  # O-04, O-05
    rig.desk.settings = desks.replace(rig.desk.settings, broker_timeout_s=0.2)
    setattr(rig.faults, fault, 1)
    rig.faults.drop_events = 1
    await rig.say(BUY)
    (order,) = await orders(rig)
    assert order.state is OrderState.UNKNOWN
    await alive(rig, 2)
    (order,) = await orders(rig)
    assert order.state in (OrderState.ACCEPTED, OrderState.PARTIAL, OrderState.FILLED)
    entries = [o for o in await at_broker(rig) if o.client_order_id == order.order_id]
    assert len(entries) == 1
    await at_rest(rig)


async def test_a_close_that_ends_its_trade_before_its_answer_is_lost_is_over(monkeypatch, caplog):
    """It is in memory no more: the doubt finds how it ended, and does not begin anew."""  # O-04
    rig = await make()
    await waiting(rig)
    await rig.fill(spy(), "2.14", "2.15")
    plain = rig.desk.broker("paper").submit

    async def submit(request):
        await plain(request)
        rig.quote(spy(), "2.14", "2.15")
        for _ in range(2000):
            if not rig.desk.book.open_trades():
                break
            await asyncio.sleep(0.001)
        raise OrderStateUnknown("reset by peer")

    monkeypatch.setattr(rig.desk.broker("paper"), "submit", submit)
    await rig.say("STC 2 SPY 603C 1/31")
    await alive(rig, 2)
    (close,) = await orders(rig, Purpose.CLOSE)
    assert close.state is OrderState.FILLED
    assert not [r.getMessage() for r in caplog.records if r.levelname == "ERROR"]
    assert "paper" not in rig.desk.gates
    assert not rig.desk.health
    await at_rest(rig)
    await rig.close()


async def test_after_each_login_the_broker_is_told_the_numbers_of_what_works_there(
    rig, monkeypatch
):
    await waiting(rig)
    await rig.fill(spy(), "2.14", "2.15")
    told = []
    monkeypatch.setattr(rig.desk.broker("paper"), "recall", lambda *known: told.append(known))
    rig.desk.offline.add("paper")
    await recover.reconcile(rig.desk)
    (stop,) = await orders(rig, Purpose.STOP)
    assert ("main", stop.order_id, stop.broker_id) in told


async def test_an_exit_whose_answer_hangs_holds_nothing_up_once_the_stream_has_told(monkeypatch):
    """Accepted, told, and no answer: the parts that fill meanwhile are given their stop."""
    rig = await make()
    await waiting(rig)
    broker = rig.desk.broker("paper")
    submit, replace, hung = broker.submit, broker.replace, []

    async def silent(work):
        hung.append(await work)
        await asyncio.Event().wait()

    monkeypatch.setattr(broker, "submit", lambda request: silent(submit(request)))
    await rig.fill(spy(), "2.14", "2.15", ask_size=d(1))
    assert (rig.trade().qty_open, len(hung)) == (1, 1)
    monkeypatch.setattr(broker, "submit", submit)
    monkeypatch.setattr(broker, "replace", lambda *what: silent(replace(*what)))
    await rig.fill(spy(), "2.14", "2.15")
    await alive(rig, 2)
    assert (rig.trade().qty_open, len(hung)) == (2, 2)
    await rig.say("STC 2 SPY 603C 1/31")
    await alive(rig, 2)
    assert not rig.desk.book.open_trades()
    await at_rest(rig)
    await rig.close()


@pytest.mark.parametrize("is_heard_first", [True, False])
async def test_a_stop_that_lives_though_its_answer_was_a_pause_is_not_doubled(
    rig, monkeypatch, is_heard_first
):
    """A gateway may say 429 of what it has passed on; the stream tells better."""
    await waiting(rig)
    plain, asked = rig.desk.broker("paper").submit, []

    async def submit(request):
        report = await plain(request)
        asked.append(request.client_order_id)
        if len(asked) == 1:
            if is_heard_first:
                await reported.on_report(rig.desk, report)
            raise RateLimited("slow down", 1)
        return report

    monkeypatch.setattr(rig.desk.broker("paper"), "submit", submit)
    await rig.fill(spy(), "2.14", "2.15")
    await alive(rig, 14)
    assert len(asked) == (1 if is_heard_first else 2)
    live = [o for o in await at_broker(rig) if o.stop is not None and o.state == "accepted"]
    assert [o.qty for o in live] == [2]
    await at_rest(rig)


@pytest.mark.parametrize(("lists", "lag_s"), [("unclear", 3), ("falsely_absent", 15)])
async def test_a_repeated_stop_whose_id_is_taken_is_there_though_no_list_shows_it_yet(
    rig, lists, lag_s
):  # O-05
    await waiting(rig)

    def hide(what):
        if what == "before submit":
            faults = rig.faults
            faults.unknown_after_accept, faults.drop_events = 1, 1
            setattr(faults, lists, 99)
            faults.at = lambda _: None

    rig.faults.at = hide
    await rig.fill(spy(), "2.14", "2.15")
    await alive(rig, lag_s)
    (stop,) = await orders(rig, Purpose.STOP)
    assert stop.state is OrderState.UNKNOWN
    assert stop.attempt > 0
    setattr(rig.faults, lists, 0)
    await alive(rig, 30)
    (stop,) = await orders(rig, Purpose.STOP)
    assert stop.state is OrderState.ACCEPTED
    assert len([o for o in await at_broker(rig) if o.stop is not None]) == 1
    await at_rest(rig)


async def test_while_unknown_no_new_entry_in_that_symbol(rig):
    rig.faults.unknown_after_accept = 1
    rig.faults.drop_events = 1
    rig.faults.unclear = 99
    await rig.say(BUY)
    record = await rig.say("BTO 1 SPY 604C 1/31 @ 2.15")
    assert record.state is AlertState.RISK_REJECTED
    assert len(await orders(rig)) == 1


async def test_a_500_that_created_nothing_ends_rejected_after_the_grace_and_not_before(rig):  # O-06
    rig.faults.unknown_before_accept = 1
    await rig.say(BUY)
    await alive(rig, 4)
    (order,) = await orders(rig)
    assert order.state is OrderState.UNKNOWN, "not found is no proof while it may be under way"
    await alive(rig, 8)
    (order,) = await orders(rig)
    assert order.state is OrderState.REJECTED
    assert "never had it (" in order.reason, "and what was said instead of an answer"
    assert not await at_broker(rig), "an entry is never sent again by itself"
    (trade,) = await rig.desk.store.find(Trade)
    assert trade.state is TradeState.VOID
    await at_rest(rig)


async def test_a_false_absence_does_not_lose_a_live_order(rig):
    rig.faults.unknown_after_accept = 1
    rig.faults.drop_events = 1
    rig.faults.falsely_absent = 1
    await rig.say(BUY)
    await alive(rig, 12)
    (order,) = await orders(rig)
    assert order.state is OrderState.FILLED
    await at_rest(rig)


async def test_an_entry_that_lists_show_only_after_it_was_given_up_is_found_and_protected(rig):
    """Between two comparisons nobody asks for what is over with us: it would have no stop."""
    rig.faults.unknown_after_accept = 1
    rig.faults.drop_events = rig.faults.falsely_absent = 99
    await rig.say(BUY)
    await alive(rig, 9)
    (order,) = await orders(rig)
    assert order.state is OrderState.REJECTED
    rig.faults.falsely_absent = 0
    await alive(rig, 14)
    (trade,) = await rig.desk.store.find(Trade)
    assert trade.qty_open == 2
    assert [o.qty for o in await at_broker(rig) if o.stop is not None] == [2]
    await at_rest(rig)


async def test_what_was_taken_is_not_given_up_for_a_look_up_that_lags_behind(rig):
    """An order in its place, or its fill booked as a stranger's, would be one too many."""
    rig.faults.drop_events = rig.faults.hide_open = rig.faults.falsely_absent = 99
    rig.quote(spy(), "2.16", "2.20")
    await rig.say(BUY)
    (order,) = await orders(rig)
    for state in (OrderState.ACCEPTED, OrderState.CANCELED):
        assert order.state is OrderState.ACCEPTED
        for _ in range(3):
            await rig.pass_time(9 if state is OrderState.ACCEPTED else 2)
            await doubt.look_up(rig.desk, order.order_id)
        (order,) = await orders(rig)
        assert order.state is state
        await rig.pass_time(4)
    assert any("does not have order" in n for n in rig.notes())


async def test_a_person_is_called_when_it_stays_unknown(rig):  # I-14
    rig.faults.unknown_after_accept = 1
    rig.faults.drop_events = 9
    rig.faults.unclear = 99
    await rig.say(BUY)
    await alive(rig, 40)
    (said,) = [n for n in rig.notes() if "has had no answer for 30 s" in n]
    assert said.endswith("say what is there: /order resolve."), "nothing of exits, nor of others"


async def test_restarts_do_not_put_the_call_to_a_person_off():
    rig = await make(Faults(unknown_after_accept=1, drop_events=999, unclear=999))
    await rig.say(BUY)
    rig.faults.fail_reads = 9999
    for _ in range(4):
        await alive(rig, 8)
        assert not any("has had no answer" in note for note in rig.notes())
        await rig.close()
        old = rig
        rig = await desks.start(
            store=old.desk.store,
            vault=old.vault,
            clock=old.clock,
            board=old.board,
            wrap=partial(FaultyBroker, faults=old.faults),
        )
        rig.faults = old.faults
    await alive(rig, 4)
    assert any("has had no answer for 3" in note for note in rig.notes())
    await rig.close()


async def test_a_hanging_broker_holds_no_other_story_up(rig):  # O-07
    rig.faults.hang_before_accept = 1
    first = asyncio.create_task(rig.say(BUY))
    await moments(lambda: not rig.faults.hang_before_accept)
    async with asyncio.timeout(20):
        await rig.say("bought AAPL at 200", channel=desks.STOCKS, author=desks.MIKE)
        await sweep.run(rig.desk)
    assert not first.done()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def test_an_interrupted_submit_is_in_doubt_not_forgotten(rig):
    rig.faults.hang_before_accept = 1
    task = asyncio.create_task(rig.say(BUY))
    await moments(lambda: not rig.faults.hang_before_accept)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await rig.rest()
    (order,) = await orders(rig)
    assert order.state is OrderState.UNKNOWN


# -- refusals --------


async def test_a_refused_entry_is_said_once_freed_and_not_repeated(rig):  # O-25
    rig.faults.reject = 99
    rig.faults.reject_code = "insufficient_buying_power"
    record = await rig.say(BUY)
    assert record.state is AlertState.ERROR
    assert "insufficient_buying_power" in record.reason
    await alive(rig, 20)
    assert len(await orders(rig)) == 1
    (trade,) = await rig.desk.store.find(Trade)
    assert trade.state is TradeState.VOID
    assert not rig.desk.book.pending_entries("main"), "nothing is reserved for it any more"
    await check(rig)


async def test_an_unavailable_broker_is_a_definite_no(rig):
    rig.faults.unavailable = 1
    record = await rig.say(BUY)
    assert record.state is AlertState.ERROR
    (order,) = await orders(rig)
    assert order.state is OrderState.REJECTED
    assert not await at_broker(rig)


async def test_an_entry_that_does_not_fill_in_time_is_cancelled_whatever_the_wall_clock_says(rig):
    await waiting(rig, BUY)
    rig.clock.jump(rig.clock.now() + 3600 * desks.SECOND)  # M-03
    await alive(rig, 3, ("2.50", "2.60"))
    (order,) = await orders(rig)
    assert order.state is OrderState.ACCEPTED, "an hour on the wall is no two minutes"
    rig.clock.jump(rig.clock.now() - 7200 * desks.SECOND)
    await alive(rig, 125, ("2.50", "2.60"))
    (order,) = await orders(rig)
    assert order.state is OrderState.CANCELED
    assert order.reason


# -- cancelling --------


@pytest.mark.parametrize("fault", ["unavailable", "unknown_before_accept", "unknown_after_accept"])
async def test_a_cancel_is_sent_until_the_order_is_over(rig, fault):  # O-21
    await waiting(rig, BUY)
    (order,) = await orders(rig)
    setattr(rig.faults, fault, 2)
    await call_off.ask_cancel(rig.desk, order, "test")
    for _ in range(10):
        rig.clock.advance(0.3)
        await rig.rest()
    (order,) = await orders(rig)
    assert order.state is OrderState.CANCELED
    await at_rest(rig)


async def test_a_fill_in_flight_beats_the_cancel_and_is_all_booked(rig):  # O-21
    await rig.say(BUY)
    rig.clock.advance(0.3)
    (order,) = await orders(rig)
    await call_off.ask_cancel(rig.desk, order, "test")
    rig.quote(spy(), "2.14", "2.15")
    await rig.rest()
    await alive(rig, 2)
    (order,) = await orders(rig)
    assert order.state is OrderState.FILLED
    assert order.filled == 2
    assert rig.trade().qty_open == 2
    await at_rest(rig)


async def test_a_lost_cancel_confirmation_is_looked_up(rig):
    await waiting(rig, BUY)
    (order,) = await orders(rig)
    rig.faults.drop_events = 1
    await call_off.ask_cancel(rig.desk, order, "test")
    for _ in range(8):
        rig.clock.advance(0.3)
        await rig.rest()
    (order,) = await orders(rig)
    assert order.state is OrderState.CANCELED
