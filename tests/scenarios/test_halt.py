"""Emergency stop, close-all, and limits under concurrency (O-27, I-18, I-22, R-01, R-02, R-10)."""

import asyncio
from decimal import Decimal

import pytest

from engine.domain.desk import AlertState
from engine.domain.errors import ApprovalExpired, NotAllowed, StoreUnavailable, UserError
from engine.domain.instrument import stock
from engine.domain.order import Order, OrderState, Purpose
from engine.domain.record import changed
from engine.domain.source import Handling
from engine.domain.trade import Trade, TradeState
from engine.flows import sweep
from engine.flows.acts import flatten, halt
from engine.flows.brokers import recover
from engine.flows.orders import call_off
from engine.flows.trades import approve, manage
from storage.memory import MemoryStore
from storage.sql import SqlStore
from tests import rig as desks
from tests import truth
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.mortal import FailingStore
from tests.rig import ADMIN, MIKE, OTHER, STOCKS, TRADER, VIEWER, d, spy
from tests.unit.ledger.bench import an_order

AUTO = frozenset({"options", "futures", "stocks"})
RISK = desks.LOOSE | {"position_size": {"max_notional_pct": 100, "max_loss_pct": 100}}


async def make(faults: Faults | None = None, **more):
    faults = faults or Faults()
    rig = await desks.start(
        wrap=lambda paper: FaultyBroker(paper, faults),
        risk=more.pop("risk", RISK),
        **more,
    )
    rig.faults = faults
    rig.quote(spy(), "2.14", "2.16")
    return rig


def share(number):
    return stock(f"S{chr(65 + number // 26)}{chr(65 + number % 26)}")


def refresh(rig, n, bid="99.98", ask="100.00"):
    for number in range(n):
        rig.quote(share(number), bid, ask)


async def fifty(rig, n=50):
    """So many open positions, each with its stop."""
    refresh(rig, n)
    for number in range(n):
        await rig.say(
            f"bought 1 {share(number).symbol} @ 100, stop 98", channel=STOCKS, author=MIKE
        )
    rig.clock.advance(0.3)
    await rig.rest()
    refresh(rig, n)
    await rig.rest()
    assert len(rig.desk.book.open_trades()) == n


async def check(rig, auto=AUTO):
    await recover.reconcile(rig.desk)
    await rig.rest()
    await truth.books(rig.desk.store, auto=auto)
    await truth.memory_equals_disk(rig.desk)
    await truth.same_as_broker(rig.desk, rig.broker)


async def test_the_stop_kills_entries_within_a_second_and_pressing_again_changes_nothing():  # O-27
    rig = await make()
    n = 20
    refresh(rig, n)
    for number in range(n):
        await rig.say(
            f"bought 1 {share(number).symbol} @ 100, stop 98", channel=STOCKS, author=MIKE
        )
    refresh(rig, n, "101.00", "101.20")
    rig.faults.unavailable = 5
    tally = await halt.emergency_stop(rig.desk, TRADER, close=False, reason="drill")
    assert len(tally) == n
    seq = rig.desk.store.health().last_seq
    await halt.emergency_stop(rig.desk, TRADER, close=False, reason="drill")
    assert rig.desk.store.health().last_seq == seq
    for _ in range(4):
        rig.clock.advance(0.24)
        await rig.rest()
    entries = [o for o in await rig.desk.store.find(Order) if o.purpose is Purpose.ENTRY]
    assert {o.state for o in entries} == {OrderState.CANCELED}
    record = await rig.say("BTO 1 SPY 603C 1/31 @ 2.15")
    assert record.state is AlertState.RISK_REJECTED  # I-22
    await check(rig)
    await rig.close()


@pytest.mark.parametrize(
    ("state", "filled", "said"),
    [
        (OrderState.CANCELED, 0, "entry cancelled"),
        (OrderState.CANCELED, 4, "entry filled before"),
        (OrderState.FILLED, 10, "entry filled before"),
        (OrderState.PENDING_CANCEL, 0, "entry cancelled, the broker has yet to confirm"),
        (OrderState.ACCEPTED, 0, "entry not cancelled yet: too late; it is tried again"),
    ],
)
def test_the_list_after_a_stop_says_what_became_of_each_entry(state, filled, said):  # O-27
    order = an_order("E", state=state, leg_filled=(d(filled),), reason="too late")
    assert halt._outcome(order) == said


def test_an_entry_that_is_long_over_is_cancelled():
    assert halt._outcome(None) == "entry cancelled"


async def test_fifty_positions_are_flat_or_named_and_closed_once_though_pressed_twice():  # O-27
    rig = await make()
    await fifty(rig)
    rig.faults.unknown_after_accept = 3
    rig.faults.unavailable = 4
    rig.faults.reject = 3
    first, second = await asyncio.gather(
        halt.emergency_stop(rig.desk, TRADER, close=True, reason="drill"),
        halt.emergency_stop(rig.desk, OTHER, close=True, reason="drill"),
    )
    named = {k: v for k, v in (first | second).items() if k.startswith("T-")}
    assert len(named) == 50
    for _ in range(30):
        refresh(rig, 50)
        await rig.pass_time(1)
    trades = await rig.desk.store.find(Trade)
    assert {t.state for t in trades} == {TradeState.CLOSED}
    sold = [o for o in await rig.desk.store.find(Order) if o.purpose is not Purpose.ENTRY]
    per_trade: dict[str, Decimal] = {}
    for order in sold:
        per_trade[order.trade_id] = per_trade.get(order.trade_id, Decimal(0)) + order.filled
    assert set(per_trade.values()) == {Decimal(1)}, "each closed once, never twice"
    assert await rig.broker.positions("main") == []
    await check(rig)
    await rig.close()


async def test_a_trade_that_cannot_be_closed_is_named_with_the_reason():
    rig = await make()
    await fifty(rig, 3)
    rig.faults.reject = 999
    rig.faults.reject_code = "symbol_halted"
    rig.faults.refuses = lambda r: r.legs[0].instrument == share(1)
    outcome = await flatten.run(rig.desk, TRADER)
    for _ in range(5):
        refresh(rig, 3)
        await rig.pass_time(1)
    outcome = {i: flatten._state(rig.desk, i) for i in outcome}
    stuck = [v for v in outcome.values() if "not closed yet" in v]
    assert len(stuck) == 1
    assert "symbol_halted" in stuck[0]
    assert list(outcome.values()).count("closed") == 2
    await rig.close()


async def test_an_entry_that_fills_while_all_is_closed_is_closed_too():
    rig = await make()
    await rig.say("BTO 2 SPY 603C 1/31 @ 2.15")
    rig.clock.advance(0.3)  # it may fill now, and does so before the cancel works
    await halt.emergency_stop(rig.desk, TRADER, close=True, reason="drill")
    for _ in range(4):
        rig.quote(spy(), "2.14", "2.15")
        await rig.pass_time(1)
    (trade,) = await rig.desk.store.find(Trade)
    assert trade.state in (TradeState.CLOSED, TradeState.VOID)
    assert await rig.broker.positions("main") == []
    await check(rig)
    await rig.close()


async def test_an_entry_under_way_to_the_broker_is_cancelled_when_it_arrives():  # I-22
    rig = await make()
    rig.faults.hang_before_accept = 0
    asked, gate = asyncio.Event(), asyncio.Event()
    inner = rig.desk.broker("paper").inner
    submit = inner.submit

    async def slow(request):
        asked.set()
        await gate.wait()
        return await submit(request)

    inner.submit = slow
    entering = asyncio.create_task(rig.say("BTO 2 SPY 603C 1/31 @ 2.15"))
    await asyncio.wait_for(asked.wait(), 20)
    tally = await halt.emergency_stop(rig.desk, TRADER, close=False, reason="drill")
    assert list(tally.values()) == ["cancelling"]
    gate.set()
    await entering
    rig.clock.advance(0.3)
    await rig.rest()
    rig.clock.advance(0.3)
    await rig.rest()
    (order,) = [o for o in await rig.desk.store.find(Order) if o.purpose is Purpose.ENTRY]
    if order.state is OrderState.FILLED:
        assert rig.trade().stop is not None
    else:
        assert order.state is OrderState.CANCELED
    await check(rig)
    await rig.close()


async def test_an_entry_written_down_but_not_sent_when_the_halt_came_never_leaves():  # I-22
    rig = await make()
    rig.faults.at = lambda what: None
    original = rig.desk.commit

    async def commit(*events):
        await original(*events)
        if any(isinstance(p, Order) and p.purpose is Purpose.ENTRY for e in events for p in e.puts):
            rig.desk.is_halting = "just now"

    rig.desk.commit = commit
    await rig.say("BTO 2 SPY 603C 1/31 @ 2.15")
    assert not await rig.broker.open_orders("main")
    (order,) = await rig.desk.store.find(Order)
    assert order.state is OrderState.REJECTED
    assert "halted" in order.reason
    await rig.close()


async def test_halting_withdraws_what_waits_for_a_click_even_two_of_one_alert():
    rig = await make(sources=desks.profiles(Handling.APPROVE))
    rig.quote(spy("604"), "2.14", "2.16")
    await rig.say("BTO 1 SPY 603C 1/31 @ 2.15\nBTO 1 SPY 604C 1/31 @ 2.15")
    waiting = rig.approvals()
    assert waiting
    await halt.emergency_stop(rig.desk, TRADER, close=False, reason="drill")
    assert not rig.approvals()
    with pytest.raises(ApprovalExpired):
        await approve.approve(rig.desk, waiting[0].approval_id, waiting[0].version, TRADER)
    assert not rig.trades()
    await check(rig, frozenset())
    await rig.close()


async def test_a_halt_survives_a_restart_and_only_an_admin_lifts_it():
    store = MemoryStore()
    rig = await make(store=store)
    with pytest.raises(NotAllowed):
        await halt.emergency_stop(rig.desk, VIEWER, close=True, reason="")
    assert not rig.desk.halted, "he may not only not close"
    await halt.emergency_stop(rig.desk, TRADER, close=False, reason="drill")
    await rig.desk.stop_tasks()
    again = await make(store=store)
    assert "drill" in again.desk.halted
    with pytest.raises(NotAllowed):
        await halt.resume(again.desk, TRADER, "please")
    await halt.resume(again.desk, ADMIN, "drill over")
    assert not again.desk.halted
    await rig.close()
    await again.close()


async def test_a_halt_that_cannot_be_stored_is_in_force_and_stored_later():
    store = FailingStore(MemoryStore(), 0, is_written=False, times=0)
    rig = await make(store=store)
    store.fails = range(store.n + 1, store.n + 2)
    await halt.emergency_stop(rig.desk, TRADER, close=False, reason="drill")
    assert rig.desk.halted
    assert not rig.desk.book.halted
    record = await rig.say("BTO 1 SPY 603C 1/31 @ 2.15")
    assert record is None or record.state is AlertState.RISK_REJECTED
    for _ in range(3):
        await sweep.run(rig.desk)
    assert rig.desk.book.halted
    assert "halt" not in rig.desk.health
    await halt.resume(rig.desk, ADMIN, "drill over")
    assert not rig.desk.halted
    await rig.close()


async def test_resuming_waits_for_books_that_agree():
    rig = await make()
    await halt.emergency_stop(rig.desk, TRADER, close=False, reason="drill")
    rig.desk.gates["paper"] = "a test"
    with pytest.raises(UserError, match="not compared"):
        await halt.resume(rig.desk, ADMIN, "now")
    await sweep.run(rig.desk)
    await set_peak(rig, 110_000)  # 9 % above: no drawdown has halted it
    await halt.resume(rig.desk, ADMIN, "now")
    assert rig.desk.book.accounts["main"].peak_equity_usd == d(110_000), "nothing is forgiven"
    with pytest.raises(UserError, match="not halted"):
        await halt.resume(rig.desk, ADMIN, "again")
    await rig.close()


async def test_exits_and_stop_moves_work_while_halted():  # R-01, I-21
    rig = await make()
    await rig.say("BTO 2 SPY 603C 1/31 @ 2.15")
    await rig.fill(spy(), "2.14", "2.16")
    await halt.emergency_stop(rig.desk, TRADER, close=False, reason="drill")
    rig.quote(spy(), "2.60", "2.62")
    await manage.to_break_even(rig.desk, rig.trade().trade_id, TRADER)
    await rig.rest()
    assert rig.trade().stop.price == d("2.16")
    await manage.close(rig.desk, rig.trade().trade_id, TRADER)
    await rig.fill(spy(), "2.60", "2.62")
    await rig.fill(spy(), "2.60", "2.62")
    assert not rig.trades()
    await check(rig)
    await rig.close()


async def test_the_daily_loss_stops_entries_and_nothing_else():
    rig = await make(risk=RISK | {"daily_loss": {"max_loss_usd": 100}})
    await rig.say("BTO 2 SPY 603C 1/31 @ 2.15")
    await rig.fill(spy(), "2.14", "2.16")
    rig.quote(spy(), "1.40", "1.42")
    record = await rig.say("BTO 1 SPY 604C 1/31 @ 2.15")
    assert record.state is AlertState.RISK_REJECTED
    await manage.close(rig.desk, rig.trade().trade_id, TRADER)
    await rig.fill(spy(), "1.40", "1.42")
    await rig.fill(spy(), "1.40", "1.42")
    assert not rig.trades()
    await rig.close()


async def test_two_approvals_in_the_same_moment_never_exceed_a_limit_together():  # R-02, I-18
    """200 rounds: each alone is inside the limit of one position, both together are not."""
    rig = await make(
        sources=desks.profiles(Handling.APPROVE),
        risk=RISK | {"max_positions": {"max_positions": 1, "max_long_options": 1}},
    )
    for round_no in range(200):
        for strike in ("603", "604"):
            rig.quote(spy(strike), "2.14", "2.16")
            await rig.say(f"BTO 1 SPY {strike}C 1/31 @ 2.15")
        both = rig.approvals()
        assert len(both) == 2, round_no
        rig.faults.reject = 1 if round_no % 7 == 0 else 0
        results = await asyncio.gather(
            *(approve.approve(rig.desk, a.approval_id, a.version, TRADER) for a in both),
            return_exceptions=True,
        )
        allowed = [r for r in results if not isinstance(r, BaseException)]
        refused = [r for r in results if isinstance(r, UserError)]
        assert (len(allowed), len(refused)) == (1, 1), results
        for approval in rig.approvals():
            await approve.reject(rig.desk, approval.approval_id, approval.version, TRADER)
        for order in list(rig.desk.book.orders.values()):
            await call_off.ask_cancel(rig.desk, order, "next round")
        rig.clock.advance(0.3)
        await rig.rest()
        for trade in rig.desk.book.open_trades():
            await manage.close(rig.desk, trade.trade_id, TRADER)
            for _ in range(3):
                await rig.fill(spy("603"), "2.14", "2.16")
                await rig.fill(spy("604"), "2.14", "2.16")
        assert not rig.trades(), round_no
    await check(rig, frozenset())
    await rig.close()


async def test_a_double_click_is_one_order():  # D-06, D-07
    rig = await make(sources=desks.profiles(Handling.APPROVE))
    await rig.say("BTO 1 SPY 603C 1/31 @ 2.15")
    (question,) = rig.approvals()
    clicks = [
        approve.approve(rig.desk, question.approval_id, question.version, who)
        for who in (TRADER, OTHER, TRADER)
    ]
    clicks.append(approve.reject(rig.desk, question.approval_id, question.version, OTHER))
    results = await asyncio.gather(*clicks, return_exceptions=True)
    assert len([r for r in results if not isinstance(r, BaseException)]) == 1
    assert len(await rig.desk.store.find(Order)) == 1
    await rig.rest()
    await check(rig, frozenset())
    await rig.close()


async def test_a_click_by_who_may_not_or_on_an_older_card_sends_nothing():  # I-28, I-29
    rig = await make(sources=desks.profiles(Handling.APPROVE))
    await rig.say("BTO 1 SPY 603C 1/31 @ 2.15")
    (question,) = rig.approvals()
    for version, who, error in (
        (question.version, VIEWER, NotAllowed),
        (question.version - 1, TRADER, ApprovalExpired),
    ):
        with pytest.raises(error):
            await approve.approve(rig.desk, question.approval_id, version, who)
    assert rig.approvals() == [question]
    assert rig.desk.broker("paper").n_submits == 0
    await rig.close()


@pytest.mark.parametrize("error", [RuntimeError("boom"), ZeroDivisionError(), KeyError("x")])
async def test_a_risk_check_that_raises_denies(error):  # R-10, I-21
    rig = await make()

    class Broken:
        stage = 1

        def check(self, intent, facts):
            raise error

    rig.desk.checks.insert(0, ("broken", Broken()))
    record = await rig.say("BTO 1 SPY 603C 1/31 @ 2.15")
    assert record.state is AlertState.RISK_REJECTED
    assert not await rig.desk.store.find(Order)
    await rig.close()


async def test_nothing_is_sent_that_could_not_be_written_down():  # I-13, S-01
    store = FailingStore(MemoryStore(), 0, is_written=False, times=0)
    rig = await make(store=store)
    store.fails = range(store.n + 1, store.n + 50)
    with pytest.raises(StoreUnavailable):
        await rig.say("BTO 1 SPY 603C 1/31 @ 2.15")
    assert not await rig.broker.open_orders("main")
    assert rig.desk.broker("paper").n_submits == 0
    await rig.close()


# -- drawdown (rules 3.2): halt at 15 % below the peak, only an admin resumes ---------------------


async def set_peak(rig, peak):
    account = changed(rig.desk.book.accounts["main"], peak_equity_usd=d(peak))
    await rig.desk.commit(rig.desk.event("test.peak", "peak", account))


async def test_the_peak_follows_equity_within_the_day_open_positions_included():
    rig = await make()
    await fifty(rig, 1)
    (trade,) = rig.trades()
    rig.quote(share(0), "1099.98", "1100.00")
    await sweep.run(rig.desk)
    await rig.rest()
    high = rig.desk.book.accounts["main"].peak_equity_usd
    assert high >= d(100_900) * trade.qty_open
    rig.quote(share(0), "99.98", "100.00")
    await rig.pass_time(2)
    assert rig.desk.book.accounts["main"].peak_equity_usd == high
    await rig.close()


async def test_small_gains_are_not_written_down_every_second():
    rig = await make()
    await fifty(rig, 1)
    rig.quote(share(0), "100.98", "101.00")  # a dollar of a hundred thousand
    seq = rig.desk.store.health().last_seq
    await rig.pass_time(3)
    days = [j for j in await rig.desk.store.events(after=seq) if j.event.kind == "account.day"]
    assert not days
    await rig.close()


async def test_fifteen_percent_below_the_peak_halts_until_an_admin_resumes():
    rig = await make()
    await set_peak(rig, 118_000)
    await rig.pass_time(1)
    assert "below its peak" in rig.desk.halted
    assert any("Trading is halted" in text and "drawdown" in text for text in rig.notes())

    await set_peak(rig, 110_000)  # the market turns: 9 % are no reason any more
    await rig.pass_time(2)
    assert rig.desk.halted, "it is not lifted by itself"
    refused = await rig.say("BTO SPY 603C 1/31 @ 2.15")
    assert refused.state is AlertState.RISK_REJECTED

    await set_peak(rig, 118_000)
    with pytest.raises(NotAllowed):
        await halt.resume(rig.desk, TRADER, "go on")
    await halt.resume(rig.desk, ADMIN, "seen")
    assert rig.desk.book.accounts["main"].peak_equity_usd == d(100_000)
    assert any("drawdown is counted from $100,000.00" in text for text in rig.notes())
    await rig.pass_time(2)
    assert not rig.desk.halted
    rig.quote(spy(), "2.14", "2.16")
    taken = await rig.say("BTO SPY 603C 1/31 @ 2.15")
    assert taken.state is not AlertState.RISK_REJECTED, taken.reason
    await rig.close()


async def test_a_halt_that_two_make_durable_at_once_is_stored_once_and_can_be_resumed(tmp_path):
    """The sweep comes by while the stop's own commit is under way."""
    store = SqlStore(f"sqlite:///{tmp_path}/desk.db", b"key")
    rig = await desks.start(store=store)
    try:
        rig.desk.is_halting = "enough"
        await asyncio.gather(halt.keep(rig.desk), halt.keep(rig.desk))
        assert "halt" not in rig.desk.health
        await halt.resume(rig.desk, ADMIN, "looked")
        assert not rig.desk.halted
    finally:
        await rig.close()
