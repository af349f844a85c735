"""Contracts end: expiry, exercise, assignment, delivery (M-05, M-06)."""

from datetime import UTC, datetime

import pytest

from engine.brokers import BrokerFill
from engine.domain.instrument import option, stock
from engine.domain.order import Order, OrderState, Purpose, Side
from engine.domain.quote import Leg
from engine.domain.trade import Execution, Lot, Position, Trade, TradeState
from engine.flows.booking import fills
from engine.flows.brokers import recover
from storage.memory import MemoryStore, MemoryVault
from tests import rig as desks
from tests import truth
from tests.rig import AAPL, d
from tests.scenarios.test_manual_orders import order, wanted

AUTO = frozenset({"options", "futures", "stocks"})
EXPIRY = datetime(2025, 1, 31, 21, 0, tzinfo=UTC)
"""16:00 in New York on the last day."""
CALL = desks.spy()
SPY = stock("SPY")
BUY = "BTO 2 SPY 603C 1/31 @ 2.15"


async def make(**more):
    rig = await desks.start(
        clock=more.pop("clock", None)
        or desks.ManualClock(datetime(2025, 1, 31, 19, 0, tzinfo=UTC)),
        exits={"expiry": {"minutes_before_close": 0}},
        **more,
    )
    rig.quote(CALL, "2.14", "2.16")
    return rig


async def bought(rig, text=BUY):
    await rig.say(text)
    await rig.fill(CALL, "2.14", "2.15")
    assert rig.trade().state is TradeState.OPEN


async def at_expiry(rig, price):
    """The last moment passes; the underlying stood at ``price``."""
    rig.clock.to(EXPIRY)
    rig.quote(SPY, price, price)
    await rig.rest()
    for _ in range(3):
        rig.clock.advance(61)
        await rig.rest()


async def check(rig):
    await truth.books(rig.desk.store, auto=AUTO)
    await truth.memory_equals_disk(rig.desk)
    await truth.same_as_broker(rig.desk, rig.broker)


async def test_a_worthless_option_leaves_at_zero_and_its_exits_die():  # M-05
    rig = await make()
    await bought(rig)
    await at_expiry(rig, "600.00")
    (trade,) = await rig.desk.store.find(Trade)
    assert trade.state is TradeState.CLOSED
    assert trade.close_reason == "expiry"
    assert trade.realised_usd == -d("2.16") * 200 - d("1.30")
    assert not [o for o in await rig.desk.store.find(Order) if not o.state.is_terminal]
    await recover.reconcile(rig.desk)
    assert not [k for k in rig.desk.health if k.startswith("reconcile")]
    await check(rig)
    await rig.close()


async def test_an_exercised_option_becomes_shares_at_the_strike_counted_once():  # M-06
    rig = await make()
    await bought(rig)
    await at_expiry(rig, "610.00")
    closed, shares = await rig.desk.store.find(Trade)
    assert closed.state is TradeState.CLOSED
    assert closed.realised_usd == -d("2.16") * 200 - d("1.30")
    assert (shares.qty_open, shares.entry_price, shares.direction) == (200, 603, 1)
    assert shares.is_unprotected_since is not None, "it has no stop, and that is an alarm"
    assert any("has no stop" in n for n in rig.notes())
    for fill in await rig.broker.fills_since("main", desks.START):
        await fills.on_fill(rig.desk, fill)
    await recover.reconcile(rig.desk)
    assert len(await rig.desk.store.find(Trade)) == 2
    await check(rig)
    await rig.close()


async def test_an_index_option_pays_its_worth_in_cash():
    spx = option("SPXW", EXPIRY.date(), d(6000), "C")
    rig = await make()
    rig.quote(spx, "4.90", "5.10")
    await rig.say("BTO 1 SPXW 6000C 1/31 @ 5.00")
    await rig.fill(spx, "4.90", "5.10")
    assert rig.trade().entry_price == d("5.10")
    rig.clock.to(EXPIRY)
    rig.quote(stock("SPX"), "6020", "6020")
    await rig.rest()
    rig.clock.advance(61)
    await rig.rest()
    (trade,) = await rig.desk.store.find(Trade)
    assert trade.state is TradeState.CLOSED
    assert trade.realised_usd == (d(20) - d("5.10")) * 100 - d("0.65")
    await check(rig)
    await rig.close()


async def test_an_expiry_while_the_desk_was_down_is_booked_at_start():
    store, vault = MemoryStore(), MemoryVault()
    rig = await make(store=store, vault=vault)
    await bought(rig)
    for pump in rig.pumps:
        pump.cancel()
    await at_expiry(rig, "610.00")  # the broker works on, nobody hears it
    assert len(await store.find(Execution)) == 1
    await rig.desk.stop_tasks()
    await rig.broker.close()
    again = await make(store=store, vault=vault, clock=rig.clock, board=rig.board)
    trades = await store.find(Trade)
    assert [t.state for t in trades] == [TradeState.CLOSED, TradeState.OPEN]
    await check(again)
    await again.close()


@pytest.mark.parametrize("n_trades", [1, 2, 3])
async def test_one_settlement_over_several_trades_ends_each_once(n_trades):
    rig = await make(risk=desks.LOOSE)
    for n in range(n_trades):
        await rig.say(f"BTO {n + 1} SPY 603C 1/31 @ 2.15")
        await rig.fill(CALL, "2.14", "2.15")
        rig.clock.advance(90)
        rig.quote(CALL, "2.14", "2.16")
    assert len(rig.trades()) == n_trades
    await at_expiry(rig, "600.00")
    assert not rig.trades()
    ends = [e for e in await rig.desk.store.find(Execution) if e.kind == "expiry"]
    assert sorted(e.qty for e in ends) == [n + 1 for n in range(n_trades)]
    await check(rig)
    await rig.close()


async def test_an_early_assignment_of_a_part_ends_that_part():
    rig = await make()
    await bought(rig)
    rig.clock.to(datetime(2025, 1, 31, 20, 0, tzinfo=UTC))
    early = BrokerFill(
        execution_id="OPASN-7",
        client_order_id="",
        broker_id="a7",
        account="main",
        instrument=CALL,
        leg=0,
        side=Side.SELL,
        qty=d(1),
        price=d(0),
        fee_usd=d(0),
        executed_at=datetime(2025, 1, 30, 20, 0, tzinfo=UTC),
        kind="exercise",
    )
    await fills.on_fill(rig.desk, early)
    shares = desks.replace(
        early, execution_id="OPTRD-7", instrument=SPY, side=Side.BUY, qty=d(100), price=d(603)
    )
    await fills.on_fill(rig.desk, shares)
    await fills.on_fill(rig.desk, early)
    await fills.on_fill(rig.desk, shares)
    await rig.rest()
    held = {t.symbol + str(len(t.trade_id)): t.qty_open for t in rig.trades()}
    assert sorted(held.values()) == [1, 100]
    live = [
        o
        for o in await rig.desk.store.find(Order)
        if o.purpose is Purpose.STOP and not o.state.is_terminal
    ]
    assert all(o.qty <= 1 or o.state is OrderState.PENDING_REPLACE for o in live)
    await truth.books(rig.desk.store, auto=AUTO)
    await rig.close()


def assigned(option, side, n, number, shares, price="603"):
    """What the broker tells of it: the option's end, and its shares."""
    end = BrokerFill(
        execution_id=f"OPASN-{number}",
        client_order_id="",
        broker_id=f"a{number}",
        account="main",
        instrument=option,
        leg=0,
        side=side,
        qty=d(n),
        price=d(0),
        fee_usd=d(0),
        executed_at=datetime(2025, 1, 30, 20, number, tzinfo=UTC),
        kind="exercise",
    )
    way = Side.BUY if shares > 0 else Side.SELL
    came = {"instrument": SPY, "side": way, "qty": d(abs(shares)), "price": d(price)}
    return end, desks.replace(end, execution_id=f"OPTRD-{number}", **came)


@pytest.mark.parametrize("order", ["0123", "0213", "2301", "02031"])
async def test_a_second_early_assignment_of_one_day_brings_its_shares_too(order):  # M-06
    """They were none of ours, and came in at an average price that another trade had made."""
    rig = await make()
    await bought(rig)
    told = [*assigned(CALL, Side.SELL, 1, 1, 100), *assigned(CALL, Side.SELL, 1, 2, 100)]
    for n in order:
        await fills.on_fill(rig.desk, told[int(n)])
        await rig.rest()
    held = {(t.legs[0].instrument, t.qty_open, t.entry_price) for t in rig.trades()}
    assert held == {(SPY, 200, 603)}
    assert not any("nothing here that it belongs to" in note for note in rig.notes())
    for fill in told:
        await fills.on_fill(rig.desk, fill)
    assert [t.qty_open for t in rig.trades()] == [200]
    await truth.books(rig.desk.store, auto=AUTO)
    await truth.memory_equals_disk(rig.desk)
    await rig.close()


async def test_shares_of_two_assignments_that_are_told_in_one_come_once():
    rig = await make()
    await bought(rig)
    one, two = (assigned(CALL, Side.SELL, 1, number, 200) for number in (1, 2))
    for fill in (one[0], two[0], one[1], two[1]):
        await fills.on_fill(rig.desk, fill)
    await rig.rest()
    assert [(t.qty_open, t.entry_price) for t in rig.trades()] == [(200, 603)]
    assert any("nothing here that it belongs to" in note for note in rig.notes())
    await truth.memory_equals_disk(rig.desk)
    await rig.close()


@pytest.mark.parametrize("n_shares", [100, 130, 60])
async def test_the_shares_that_cover_an_assigned_call_go_for_it(n_shares):  # M-06
    """They stood on beside a short of the same, with a stop that would have sold them again."""
    rig = await make(risk=desks.LOOSE)
    rig.quote(SPY, "599.90", "600.10")
    for name, instrument, side, qty in (
        ("shares", SPY, Side.BUY, n_shares),
        ("call", CALL, Side.SELL, 1),
    ):
        bought = assigned(CALL, side, qty, 1, 1)[0]
        bought = desks.replace(bought, execution_id=name, instrument=instrument, kind="fill")
        await fills.on_fill(rig.desk, desks.replace(bought, price=d(600 if qty > 1 else 2)))
    (shares,) = [t for t in rig.trades() if t.symbol == "SPY" and t.asset == "stock"]
    for fill in assigned(CALL, Side.BUY, 1, 2, -100):
        await fills.on_fill(rig.desk, fill)
    await rig.rest()
    held = [(t.legs[0].instrument, t.qty_open * t.direction) for t in rig.trades()]
    assert held == ([(SPY, n_shares - 100)] if n_shares != 100 else [])
    closed = await rig.desk.trade(shares.trade_id)
    gone = min(n_shares, 100)
    assert (closed.exit_price, closed.realised_usd) == (603, 3 * gone)
    await truth.ledger_identity(rig.desk.store)
    await truth.memory_equals_disk(rig.desk)
    await rig.close()


@pytest.mark.parametrize("is_short_first", [False, True])
@pytest.mark.parametrize("day", [30, 31])
async def test_shares_beside_a_spread_stay_where_both_of_its_legs_end(is_short_first, day):
    """A spread in the money leaves cash on its last day; early its short leg takes what is held."""
    rig = await desks.start(risk=desks.LOOSE)
    high = option("SPY", EXPIRY.date(), d(605), "C")
    told = assigned(SPY, Side.BUY, 100, 1, 1)[0]
    await fills.on_fill(
        rig.desk, desks.replace(told, execution_id="own", kind="fill", price=d(600))
    )
    (own,) = rig.trades()
    legs = (Leg(instrument=CALL), Leg(instrument=high, ratio=-1))
    spread = desks.replace(
        own, trade_id="T-1", alert_id="A-1", source="manual", asset="option", legs=legs, version=1
    )
    spread = desks.replace(spread, qty_open=d(1), qty_opened=d(1), qty_wanted=d(1))
    entry = (await rig.desk.store.find(Order))[0]
    entry = desks.replace(
        entry, order_id="O-1", trade_id="T-1", legs=legs, version=1, leg_filled=(), leg_cost=()
    )
    held = []
    for leg, price in zip(legs, (5, 2), strict=True):
        lot = Lot(
            execution_id=f"E-{price}",
            qty=d(leg.ratio),
            price=d(price),
            fee_usd=d(0),
            opened_at=own.opened_at,
        )
        held.append(
            Position(trade_id="T-1", account="main", instrument=leg.instrument, lots=(lot,))
        )
    held = [desks.replace(p, version=1) for p in held]
    await rig.desk.commit(rig.desk.event("spread", "A-1", spread, entry, *held))
    ends = [assigned(CALL, Side.SELL, 1, 1, 100), assigned(high, Side.BUY, 1, 2, -100, "605")]
    at = datetime(2025, 1, day, 21, 0, tzinfo=UTC)
    for end in ends[:: -1 if is_short_first else 1] if day == 31 else ends[1:]:
        for fill in end:
            await fills.on_fill(rig.desk, desks.replace(fill, executed_at=at))
    shares = [t for t in rig.trades() if t.legs[0].instrument == SPY]
    assert [t.trade_id for t in shares] == ([own.trade_id] if day == 31 else [])
    assert rig.desk.book.accounts["main"].cash_usd == 100_000 - 60_000 + (
        200 if day == 31 else 60_500
    )
    await rig.close()


async def test_the_stop_of_shares_that_went_for_a_call_is_taken_back():  # M-06
    """It worked on beside nothing: at its price it would have sold what was not held."""
    rig = await desks.start(risk=desks.LOOSE)
    rig.quote(AAPL, "189.98", "190.02")
    await order(rig, wanted("50", stop=d(186)))
    for _ in range(2):
        await rig.fill(AAPL, "189.98", "190.02")
    trade = rig.trade()
    call = desks.replace(option("AAPL", EXPIRY.date(), d(195), "C"), multiplier=d(50))
    end, shares = assigned(call, Side.SELL, 1, 1, -50, "195")
    away = desks.replace(end, execution_id="call", kind="fill", price=d(2))
    await fills.on_fill(rig.desk, away)
    for fill in (desks.replace(end, side=Side.BUY), desks.replace(shares, instrument=AAPL)):
        await fills.on_fill(rig.desk, fill)
    await rig.pass_time(2)
    assert not rig.trades()
    assert not [o for o in rig.desk.book.orders.values() if o.state.is_at_broker]
    assert (await rig.desk.trade(trade.trade_id)).exit_price == 195
    await rig.close()


async def test_shares_that_nobody_can_explain_are_told_and_left_to_the_comparison():
    rig = await make()
    stray = BrokerFill(
        execution_id="OPTRD-9",
        client_order_id="",
        broker_id="a9",
        account="main",
        instrument=SPY,
        leg=0,
        side=Side.BUY,
        qty=d(100),
        price=d(603),
        fee_usd=d(0),
        executed_at=rig.clock.now(),
        kind="exercise",
    )
    await fills.on_fill(rig.desk, stray)
    assert not rig.trades()
    assert any("nothing here that it belongs to" in n for n in rig.notes())
    await rig.close()


class Watching:
    """A feed that only remembers what it was asked for."""

    name = "test"
    is_synthetic = True

    def __init__(self):
        self.watched = set()

    async def watch(self, instruments):
        self.watched |= {i.key for i in instruments}

    async def quote(self, instrument):
        return None


async def test_what_a_held_option_is_written_on_is_watched_before_and_after_a_restart():
    rig = await make()
    rig.desk.feed = feed = Watching()
    await bought(rig)
    assert {CALL.key, "SPY"} <= feed.watched
    again = Watching()
    rig.desk.feed = again
    await recover.start(rig.desk)
    assert {CALL.key, "SPY"} <= again.watched
    await rig.close()
