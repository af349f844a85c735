"""Sending orders through brokers that fail, lie, repeat and forget (faults O, I-09 to I-16)."""

import asyncio
from functools import partial

import pytest

from engine.asking import Rank, our_own_delay, rank
from engine.brokers import BrokerFill, Filled, Odd, OrderSeen, StreamDown, StreamUp
from engine.domain.desk import AlertState
from engine.domain.errors import BrokerUnavailable, OrderRejected, OrderStateUnknown, RateLimited
from engine.domain.order import Order, OrderState, Purpose, Side
from engine.domain.trade import Execution, Trade, TradeState
from engine.flows import monitor, recover, send
from tests import rig as desks
from tests import truth
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.rig import d, spy

BUY = "BTO 2 SPY 603C 1/31 @ 2.15"
AUTO = frozenset({"options", "futures", "stocks"})


async def make(faults: Faults | None = None, **settings):
    faults = faults or Faults()
    rig = await desks.start(
        wrap=lambda paper: FaultyBroker(paper, faults),
        **{"broker_timeout_s": 0.05, **settings},
    )
    rig.faults = faults
    rig.quote(spy(), "2.14", "2.16")
    return rig


@pytest.fixture
async def rig():
    made = await make()
    yield made
    await made.close()


async def orders(rig, purpose=Purpose.ENTRY):
    return [o for o in await rig.desk.store.find(Order) if o.purpose is purpose]


async def at_broker(rig):
    """Every order that the broker ever took."""
    return await rig.broker.orders_since("main", desks.START - 3600 * desks.SECOND)


async def check(rig):
    await truth.books(rig.desk.store, auto=AUTO)
    await truth.memory_equals_disk(rig.desk)


async def alive(rig, seconds: float, quote=("2.14", "2.16")):
    """Time goes by with fresh quotes, sweeps and everything else."""
    for _ in range(int(seconds)):
        rig.quote(spy(), *quote)
        await rig.pass_time(1)


async def waiting(rig, text=BUY):
    """An entry at the broker, and a market that does not fill it."""
    record = await rig.say(text)
    rig.quote(spy(), "2.50", "2.60")
    return record


LISTS = ("open_orders", "orders_since", "fills_since")


async def nothing(*_):
    return []


async def at_rest(rig):
    await alive(rig, 3)
    await recover.reconcile(rig.desk)
    await rig.rest()
    await check(rig)
    await truth.same_as_broker(rig.desk, rig.broker)
    await truth.exits_fit(rig.desk, rig.broker)


# -- answers that never come --------


async def test_an_order_whose_answer_never_comes_is_adopted_once(rig):  # O-04
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
    rig = await make(broker_timeout_s=5)
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
    rig = await make(broker_timeout_s=5)
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
                await send.on_report(rig.desk, report)
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
    assert "never had it" in order.reason
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
            await send.look_up(rig.desk, order.order_id)
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
    assert any("has had no answer for 30 s" in n for n in rig.notes())


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
    rig.desk.settings = desks.replace(rig.desk.settings, broker_timeout_s=5)
    first = asyncio.create_task(rig.say(BUY))
    await asyncio.sleep(0.05)
    async with asyncio.timeout(20):
        await rig.say("bought AAPL at 200", channel=desks.STOCKS, author=desks.MIKE)
        await monitor.sweep(rig.desk)
    assert not first.done()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)


async def test_an_interrupted_submit_is_in_doubt_not_forgotten(rig):
    rig.faults.hang_before_accept = 1
    rig.desk.settings = desks.replace(rig.desk.settings, broker_timeout_s=5)
    task = asyncio.create_task(rig.say(BUY))
    await asyncio.sleep(0.05)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    await rig.rest()
    (order,) = await orders(rig)
    assert order.state is OrderState.UNKNOWN


# -- events: late, twice, in any order, not at all --------


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
        await send.on_event(rig.desk, "paper", Filled(fill=fill))
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
    await send.ask_cancel(rig.desk, order, "test")
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
    await send.ask_cancel(rig.desk, order, "test")
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
    await send.ask_cancel(rig.desk, stop, "test")
    await alive(rig, 2)
    rig.faults.drop_events = 0
    assert (stop.order_id, Rank.EXIT) in ranks
    assert (stop.order_id, Rank.DOUBT) not in ranks


async def test_what_became_of_a_cancelled_entry_is_not(rig):
    await waiting(rig, BUY)
    (entry,) = await orders(rig)
    ranks = ranks_of(rig, "find")
    rig.faults.drop_events = 99
    await send.ask_cancel(rig.desk, entry, "test")
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
        await send.on_report(rig.desk, report, asked=True)
    await rig.rest()
    assert await orders(rig, Purpose.CLOSE)
    broker.find = find
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
    await send.on_report(rig.desk, desks.replace(found.order, fills=fills), asked=True)
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
    await send.look_up(rig.desk, entry.order_id)
    rig.faults.drop_events = 0
    assert rig.trade().qty_open == 2
    assert [each for _, each in ranks] == [Rank.NAKED]


async def test_a_late_fill_after_cancel_opens_the_trade_and_is_protected(rig):  # O-11
    await waiting(rig, BUY)
    (order,) = await orders(rig)
    await send.ask_cancel(rig.desk, order, "test")
    rig.clock.advance(1)
    await rig.rest()
    (trade,) = await rig.desk.store.find(Trade)
    assert trade.state is TradeState.VOID
    await send.on_fill(
        rig.desk,
        BrokerFill(
            execution_id="late-1",
            client_order_id=order.order_id,
            broker_id="x",
            account="main",
            instrument=spy(),
            leg=0,
            side=Side.BUY,
            qty=d(2),
            price=d("2.15"),
            fee_usd=d("1.30"),
            executed_at=rig.clock.now(),
        ),
    )
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


async def test_an_overfill_is_booked_flagged_and_protected_in_full(rig):  # O-12
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    (order,) = await orders(rig)
    (fill,) = await rig.broker.fills_since("main", desks.START)
    await send.on_fill(rig.desk, desks.replace(fill, execution_id="over-1", qty=d(1)))
    await rig.rest()
    assert rig.trade().qty_open == 3
    (order,) = await orders(rig)
    assert order.is_flagged
    live = [s for s in await orders(rig, Purpose.STOP) if not s.state.is_terminal]
    assert sum(s.qty for s in live if s.state is not OrderState.PENDING_REPLACE) == 3
    await check(rig)


async def test_a_partial_fill_with_the_rest_cancelled_has_a_stop_of_its_size(rig):  # O-13
    await waiting(rig, "BTO 8 SPY 603C 1/31 @ 2.15, targets 3.00, 4.00")
    rig.clock.advance(0.3)
    await rig.rest()
    rig.quote(spy(), "2.14", "2.15", ask_size=d(3))
    await rig.rest()
    assert rig.trade().qty_open == 3
    (order,) = await orders(rig)
    await send.ask_cancel(rig.desk, order, "test")
    rig.clock.advance(0.3)
    await rig.rest()
    trade = rig.trade()
    assert trade.is_entry_over
    assert sum(t.qty for t in trade.targets) in (0, 3)
    live = [s for s in await orders(rig, Purpose.STOP) if not s.state.is_terminal]
    assert [s.qty for s in live] == [3]
    await at_rest(rig)


async def test_an_unknown_event_is_shown_and_the_stream_lives(rig):  # O-20
    await send.on_event(rig.desk, "paper", Odd(note="status FROBNICATED", raw="{}"))
    assert not rig.desk.is_reconciled
    await monitor.sweep(rig.desk)
    assert rig.desk.is_reconciled
    await rig.say(BUY)
    (report,) = await rig.broker.open_orders("main")
    odd = desks.replace(report, state="unknown", raw_state="FROBNICATED")
    await send.on_event(rig.desk, "paper", OrderSeen(order=odd))
    assert any("FROBNICATED" in n for n in rig.notes())
    await rig.fill(spy(), "2.14", "2.15")
    assert rig.trade().qty_open == 2
    await at_rest(rig)


async def test_an_event_that_cannot_be_taken_in_ends_nothing(rig):
    await rig.say(BUY)
    bad = BrokerFill(
        execution_id="bad-1",
        client_order_id=(await orders(rig))[0].order_id,
        broker_id="x",
        account="main",
        instrument=spy(),
        leg=0,
        side=Side.BUY,
        qty=d("NaN"),
        price=d("2.15"),
        fee_usd=d(0),
        executed_at=rig.clock.now(),
    )
    await send.on_event(rig.desk, "paper", Filled(fill=bad))
    assert rig.desk.halted
    await rig.fill(spy(), "2.14", "2.15")
    assert rig.trade().qty_open == 2, "good fills are booked all the same"
    await check(rig)


async def test_a_fill_of_the_wrong_contract_is_booked_as_an_outside_trade(rig):
    await rig.say(BUY)
    (order,) = await orders(rig)
    wrong = BrokerFill(
        execution_id="wrong-1",
        client_order_id=order.order_id,
        broker_id="x",
        account="main",
        instrument=spy("610"),
        leg=0,
        side=Side.BUY,
        qty=d(2),
        price=d("1.15"),
        fee_usd=d(0),
        executed_at=rig.clock.now(),
    )
    await send.on_event(rig.desk, "paper", Filled(fill=wrong))
    await rig.rest()
    assert [t.source for t in rig.desk.book.open_trades()] == ["external"]
    await check(rig)


# -- the stream --------


async def test_a_dropped_stream_gates_entries_until_the_books_were_compared(rig):  # O-17
    await rig.say(BUY)
    await send.on_event(rig.desk, "paper", StreamDown(reason="reset"))
    assert not rig.desk.is_reconciled
    record = await rig.say("BTO 1 SPY 604C 1/31 @ 2.15")
    assert record.state is AlertState.RISK_REJECTED
    rig.faults.drop_events = 99
    await rig.fill(spy(), "2.14", "2.15")  # in the gap
    rig.faults.drop_events = 0
    await recover.reconcile(rig.desk)
    assert not rig.desk.is_reconciled, "comparing once proves nothing while the stream is down"
    await send.on_event(rig.desk, "paper", StreamUp(gap_from=desks.START))
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
            await recover.compare(rig.desk, "paper")
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
    await send.ask_cancel(rig.desk, order, "test")
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
    await send.ask_cancel(rig.desk, order, "test")
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
    await send.ask_cancel(rig.desk, order, "test")
    for _ in range(8):
        rig.clock.advance(0.3)
        await rig.rest()
    (order,) = await orders(rig)
    assert order.state is OrderState.CANCELED
