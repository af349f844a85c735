"""Every way out: targets, parts, break-even, trailing, time, spreads, and brokers that refuse."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.brokers import Filled
from engine.domain.desk import AlertState
from engine.domain.errors import UserError
from engine.domain.order import Order, OrderType, Purpose
from engine.domain.trade import Trade, TradeState
from engine.exits import Wish
from engine.exits.plan import apply
from engine.flows import sweep
from engine.flows.brokers import hear, recover
from engine.flows.trades import manage
from tests import rig as desks
from tests import truth
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.rig import AAPL, MIKE, STOCKS, TRADER, d, spy

AUTO = frozenset({"options", "futures", "stocks"})


async def make(faults: Faults | None = None, **more):
    faults = faults or Faults()
    rig = await desks.start(
        wrap=lambda paper: FaultyBroker(paper, faults),
        risk=desks.LOOSE,
        **more,
    )
    rig.faults = faults
    rig.quote(spy(), "2.14", "2.16")
    return rig


@pytest.fixture
async def rig():
    made = await make()
    yield made
    await made.close()


async def held(rig, text="BTO 4 SPY 603C 1/31 @ 2.15"):
    """A filled long option, its stop working."""
    await rig.say(text)
    await rig.fill(spy(), "2.14", "2.16")
    trade = rig.trade()
    assert trade.state is TradeState.OPEN
    return trade


async def quotes(rig, *prices, instrument=None, spread="0.02"):
    """The market moves; each price stands for a second."""
    for price in prices:
        bid = d(price)
        rig.quote(instrument or spy(), str(bid), str(bid + d(spread)))
        await rig.pass_time(1)


async def stops(rig):
    found = await rig.desk.store.find(Order)
    return [o for o in found if o.purpose is Purpose.STOP and not o.state.is_terminal]


async def only(rig):
    (trade,) = await rig.desk.store.find(Trade)
    return trade


async def check(rig):
    await recover.reconcile(rig.desk)
    await rig.rest()
    await truth.books(rig.desk.store, auto=AUTO)
    await truth.memory_equals_disk(rig.desk)
    await truth.same_as_broker(rig.desk, rig.broker)
    await truth.exits_fit(rig.desk, rig.broker)


# -- parts and targets --------


@pytest.mark.parametrize(("percent", "left"), [(25, 3), (50, 2), (75, 1), (100, 0)])
async def test_a_part_is_closed_and_the_stop_covers_the_rest(rig, percent, left):
    await held(rig)
    await manage.close(rig.desk, rig.trade().trade_id, TRADER, percent=d(percent))
    await quotes(rig, "2.30", "2.30", "2.30")
    trade = await only(rig)
    assert trade.qty_open == left
    assert sum(s.qty - s.filled for s in await stops(rig)) == left
    assert trade.state is (TradeState.OPEN if left else TradeState.CLOSED)
    await check(rig)


async def test_closing_twice_sends_nothing_twice(rig):
    trade = await held(rig)
    await manage.close(rig.desk, trade.trade_id, TRADER)
    with pytest.raises(UserError, match="being closed already"):
        await manage.close(rig.desk, trade.trade_id, TRADER)
    await quotes(rig, "2.30", "2.30")
    sells = [o for o in await rig.desk.store.find(Order) if o.purpose is Purpose.CLOSE]
    assert sum(o.filled for o in sells) == 4
    await check(rig)


async def test_targets_take_their_shares_one_after_the_other(rig):
    await held(rig, "BTO 4 SPY 603C 1/31 @ 2.15, targets 3.00, 4.00")
    trade = rig.trade()
    assert len(trade.targets) == 2, trade.targets
    await quotes(rig, "2.80", "3.05", "3.05", "3.05")
    assert rig.trade().qty_open == 4 - trade.targets[0].qty
    assert rig.trade().targets[0].is_hit
    await quotes(rig, "4.05", "4.05", "4.05", "4.05")
    assert (await only(rig)).close_reason == "target"
    await check(rig)


async def test_a_fast_market_through_both_targets_closes_all_once(rig):
    await held(rig, "BTO 4 SPY 603C 1/31 @ 2.15, targets 3.00, 4.00")
    await quotes(rig, "5.00", "5.00", "5.00", "5.00", "5.00")
    trade = await only(rig)
    assert trade.state is TradeState.CLOSED
    sold = [o for o in await rig.desk.store.find(Order) if o.purpose is not Purpose.ENTRY]
    assert sum(o.filled for o in sold) == 4
    await check(rig)


# -- stops that move --------


def planned(rig):
    return [(target.price, target.qty) for target in rig.trade().targets]


async def test_a_target_in_percent_lies_beyond_the_entry_and_closes_nothing_at_once(rig):
    await held(rig)
    await rig.say("raise SPY 603C target to 50%")
    await quotes(rig, "2.16", "2.14")
    assert planned(rig) == [(d("3.24"), 4)]
    assert rig.trade().qty_open == 4


async def test_a_target_that_would_close_at_once_without_a_gain_is_refused_alone(rig):
    trade = await held(rig)
    said = await rig.say("move SPY 603C stop to 1.50 and target to 2.00")
    assert "target not set" in said.reason
    assert (rig.trade().stop.price, planned(rig)) == (d("1.50"), [])
    await quotes(rig, "1.70")
    await rig.say("move SPY 603C target to 2.00")
    assert planned(rig) == [(d("2.00"), 4)], "a way out of a loss"
    rig.clock.advance(60)
    assert rig.desk.quote(trade.legs) is None
    said = await rig.say("move SPY 603C target to 1.60")
    assert "no fresh price" in said.reason
    assert planned(rig) == [(d("2.00"), 4)]


async def test_new_targets_are_split_as_those_of_an_entry_are(rig):
    await held(rig)
    await rig.say("move SPY 603C targets to 3.00 and 2.80")
    assert planned(rig) == [(d("2.80"), 2), (d("3.00"), 2)], "the nearest first"
    await manage.close(rig.desk, rig.trade().trade_id, TRADER, qty=d(3))
    await quotes(rig, "2.16", "2.16")
    assert rig.trade().qty_open == 1
    await rig.say("move SPY 603C targets to 3.10 and 2.90")
    assert planned(rig) == [(d("2.90"), 1)], "one contract goes at the first"


async def test_break_even_puts_the_stop_at_the_entry(rig):
    trade = await held(rig)
    await quotes(rig, "2.60")
    await manage.to_break_even(rig.desk, trade.trade_id, TRADER)
    await quotes(rig, "2.60", "2.60")
    (stop,) = await stops(rig)
    assert stop.stop == d("2.16")
    assert rig.trade().stop.kind == "breakeven"
    await check(rig)


async def test_a_stop_is_hit_at_the_broker_and_the_trade_is_over(rig):
    trade = await held(rig)
    await quotes(rig, "1.00", "1.00")
    trade = await only(rig)
    assert trade.state is TradeState.CLOSED
    assert trade.close_reason.startswith("stop")
    assert trade.low_water == d("1.00")
    await check(rig)


async def test_a_partly_filled_stop_that_is_moved_ends_when_the_rest_fills(rig):
    """What the stop before it had filled counts: the line is over with the trade."""
    trade = await held(rig)
    (stop,) = await stops(rig)
    rig.quote(spy(), str(stop.stop), str(stop.stop + d("0.02")), bid_size=d(1))
    await rig.pass_time(1)
    (stop,) = await stops(rig)
    assert stop.filled == 1
    await manage.close(rig.desk, trade.trade_id, TRADER, percent=d(34))
    await rig.rest()
    (moved,) = await stops(rig)
    assert (moved.replaces, moved.carried) == (stop.order_id, 1)
    rig.quote(spy(), "1.00", "1.02")
    await rig.pass_time(1)
    assert (await only(rig)).state is TradeState.CLOSED
    assert await stops(rig) == []
    await check(rig)


async def test_a_percent_trail_follows_up_and_never_down(rig):  # R-06, I-19
    trade = await held(rig)
    await manage.trail(rig.desk, trade.trade_id, TRADER, percent=d(20))
    seen = []
    for price in ("2.50", "3.00", "2.90", "2.80", "3.50", "3.20", "3.00"):
        for _ in range(11):
            await quotes(rig, price)
        trade = rig.trade()
        seen.append(trade.stop.price)
    assert seen == sorted(seen)
    assert seen[-1] == d("2.80"), "20% behind 3.50"
    (stop,) = await stops(rig)
    assert stop.stop == d("2.80")
    await quotes(rig, "2.70", "2.70")
    assert (await only(rig)).close_reason == "trail"
    await check(rig)


async def test_an_atr_trail_waits_for_fifteen_bars_and_then_follows(rig):
    trade = await held(rig)
    await manage.trail(rig.desk, trade.trade_id, TRADER, atr=d(2))
    before = rig.trade().stop.price
    prices = ["2.50", "2.60", "2.70", "2.80"]
    for minute in range(14):
        for second in (0, 20, 40):
            price = prices[(minute + second // 20) % 4]
            rig.quote(spy(), price, str(d(price) + d("0.02")))
            await rig.rest()
            rig.clock.advance(20)
    assert rig.trade().stop.price == before, "n/a: fewer than 15 bars"
    for _ in range(4):
        for _ in range(3):
            rig.quote(spy(), "3.00", "3.02")
            await rig.rest()
            rig.clock.advance(20)
            await sweep.run(rig.desk)
            await rig.rest()
    after = rig.trade().stop.price
    assert after > before
    assert d("2.30") < after < d("3.00")
    await check(rig)


@settings(max_examples=60)
@given(st.lists(st.integers(90, 400), min_size=1, max_size=40), st.sampled_from([1, -1]))
def test_no_sequence_of_wishes_ever_loosens_a_stop(cents, direction):  # I-19
    from engine.domain.quote import Leg
    from engine.domain.trade import StopPlan

    trade = Trade(
        trade_id="T",
        alert_id="A",
        account="main",
        broker="paper",
        source="options",
        symbol="SPY",
        asset="option",
        direction=direction,
        legs=(Leg(instrument=spy()),),
        state=TradeState.OPEN,
        qty_wanted=d(1),
        qty_open=d(1),
        qty_opened=d(1),
        entry_price=d(2),
        stop=StopPlan(price=d("2.50") if direction < 0 else d("1.50")),
        created_at=desks.START,
    )
    for n, price in enumerate(cents):
        kind = ("fixed", "trailing", "breakeven")[n % 3]
        wish = Wish(rule="trailing", stop=StopPlan(price=d(price) / 100, kind=kind))
        after = apply(trade, wish, desks.START, f"C{n}")
        assert (after.stop.price - trade.stop.price) * direction >= 0
        trade = after


async def test_a_person_cannot_loosen_a_stop(rig):
    trade = await held(rig)
    with pytest.raises(UserError, match="only tighten"):
        await manage.set_stop(rig.desk, trade.trade_id, TRADER, trade.stop.price - d("0.10"))


# -- time --------


async def test_the_time_exit_closes_at_its_time(rig):
    trade = await held(rig)
    at = rig.clock.now() + timedelta(seconds=30)
    later = desks.replace(trade, flatten_at=at, version=rig.trade().version + 1)
    await rig.desk.commit(rig.desk.event("test", trade.alert_id, later))
    await quotes(rig, *["2.30"] * 25)
    assert rig.trade().qty_open == 4
    await quotes(rig, *["2.30"] * 8)
    trade = await only(rig)
    assert (trade.state, trade.close_reason) == (TradeState.CLOSED, "time")
    await check(rig)


async def test_an_intraday_room_is_flat_before_the_close():
    rig = await make(
        exits={"time_exit": {"intraday_sources": ["stocks"], "minutes_before_close": 5}}
    )
    rig.quote(AAPL, "199.98", "200.00")
    await rig.say("bought 10 AAPL @ 200, stop 196", channel=STOCKS, author=MIKE)
    await rig.fill(AAPL, "199.98", "200.00")
    trade = rig.trade()
    assert trade.state is TradeState.OPEN
    rig.clock.to(rig.clock.now().replace(hour=20, minute=54, second=58))
    await quotes(rig, *["200.10"] * 8, instrument=AAPL)
    assert (await only(rig)).close_reason == "time"
    await check(rig)
    await rig.close()


# -- several legs --------


async def test_a_spread_goes_in_and_out_as_one(rig):  # O-26
    low, high = spy("600"), spy("605")
    rig.quote(low, "4.90", "5.00")
    rig.quote(high, "2.90", "3.00")
    record = await rig.say("BTO 2 SPY 600/605 call debit spread 1/31 @ 2.10")
    assert record.state is AlertState.ORDERED, record.reason
    rig.clock.advance(0.3)
    rig.quote(low, "4.90", "5.00")
    rig.quote(high, "2.90", "3.00")
    await rig.rest()
    trade = rig.trade()
    assert len(trade.legs) == 2
    assert trade.qty_open == 2
    assert {p.instrument.key: p.qty for p in rig.desk.book.positions.values()} == {
        low.key: 2,
        high.key: -2,
    }
    await manage.close(rig.desk, trade.trade_id, TRADER, percent=d(50))
    for _ in range(2):
        rig.clock.advance(0.3)
        rig.quote(low, "5.40", "5.50")
        rig.quote(high, "2.90", "3.00")
        await rig.rest()
    assert rig.trade().qty_open == 1
    await manage.close(rig.desk, trade.trade_id, TRADER)
    for _ in range(2):
        rig.clock.advance(0.3)
        rig.quote(low, "5.40", "5.50")
        rig.quote(high, "2.90", "3.00")
        await rig.rest()
    trade = await only(rig)
    assert trade.state is TradeState.CLOSED
    assert await rig.broker.positions("main") == []
    await check(rig)


async def test_the_lost_fill_of_one_leg_is_found_and_the_units_come_right(rig):  # O-26
    low, high = spy("600"), spy("605")
    rig.quote(low, "4.90", "5.00")
    rig.quote(high, "2.90", "3.00")
    await rig.say("BTO 2 SPY 600/605 call debit spread 1/31 @ 2.10")
    rig.faults.drop_fills = 1
    for _ in range(3):
        rig.clock.advance(1)
        rig.quote(low, "4.90", "5.00")
        rig.quote(high, "2.90", "3.00")
        await rig.rest()
        await sweep.run(rig.desk)
    assert rig.trade().qty_open == 2
    await check(rig)


# -- a broker that refuses exits (O-14) --------


def is_stop(request):
    return request.type is OrderType.STOP


async def test_a_refused_stop_is_tried_again_and_then_stands(rig):
    rig.faults.reject, rig.faults.refuses = 2, is_stop
    await held(rig)
    await quotes(rig, *["2.14"] * 8)
    assert len(await stops(rig)) == 1
    assert rig.trade().is_unprotected_since is None
    await check(rig)


async def test_a_stop_that_is_never_taken_is_an_alarm_and_the_desk_watches_itself(rig):  # I-20
    rig.faults.reject, rig.faults.refuses = 9999, is_stop
    await held(rig)
    await quotes(rig, *["2.14"] * 4)
    assert not any("no working stop" in n for n in rig.notes())
    await quotes(rig, *["2.14"] * 4)
    assert len([n for n in rig.notes() if "no working stop" in n]) == 1
    await quotes(rig, *["2.14"] * 120)
    tried = [o for o in await rig.desk.store.find(Order) if o.purpose is Purpose.STOP]
    assert len(tried) <= 9, "later and later, never a storm"
    assert len([n for n in rig.notes() if "was refused" in n]) == 1
    await quotes(rig, "0.50", "0.50", "0.50")
    trade = await only(rig)
    assert (trade.state, trade.close_reason) == (TradeState.CLOSED, "stop")
    await check(rig)


async def test_a_stop_past_the_market_falls_back_to_the_market_at_once(rig):
    """The price falls through the stop between the fill and the stop order."""
    await rig.say("BTO 4 SPY 603C 1/31 @ 2.15")
    rig.faults.at = lambda what: (
        rig.quote(spy(), "0.90", "0.92") if what == "before submit" else None
    )
    await rig.fill(spy(), "2.14", "2.16")
    rig.faults.at = lambda _: None
    await quotes(rig, "0.90", "0.90", "0.90")
    trade = await only(rig)
    assert (trade.state, trade.close_reason) == (TradeState.CLOSED, "stop")
    await check(rig)


async def test_a_refused_close_is_tried_again_until_flat(rig):
    trade = await held(rig)
    rig.faults.reject = 3
    await manage.close(rig.desk, trade.trade_id, TRADER)
    await quotes(rig, *["2.30"] * 20)
    assert (await only(rig)).state is TradeState.CLOSED
    await check(rig)


@pytest.mark.parametrize("fault", ["unavailable", "unknown_before_accept", "unknown_after_accept"])
async def test_a_stop_that_cannot_be_moved_stays_and_is_moved_later(rig, fault):
    trade = await held(rig)
    await quotes(rig, "2.60")
    setattr(rig.faults, fault, 2)
    await manage.to_break_even(rig.desk, trade.trade_id, TRADER)
    await quotes(rig, *["2.60"] * 65)  # that each of two moves never came is believed after 30 s
    (stop,) = await stops(rig)
    assert stop.stop == d("2.16")
    await check(rig)


async def test_one_trade_whose_broker_hangs_does_not_blind_the_others():
    rig = await make()
    await held(rig)
    rig.quote(AAPL, "199.98", "200.00")
    await rig.say("bought 10 AAPL @ 200, stop 196", channel=STOCKS, author=MIKE)
    await rig.fill(AAPL, "199.98", "200.00")
    first = next(t for t in rig.trades() if t.symbol == "SPY")
    rig.faults.hang_before_accept = 1
    rig.desk.spawn(manage.close(rig.desk, first.trade_id, TRADER), "hanging close")
    await rig.rest()
    assert rig.desk.lock(f"trade:{first.trade_id}").locked()
    second = next(t for t in rig.trades() if t.symbol == "AAPL")
    await manage.close(rig.desk, second.trade_id, TRADER)
    await quotes(rig, "200.10", "200.10", instrument=AAPL)
    assert second.trade_id not in rig.desk.book.trades
    await rig.close()


async def test_a_rule_that_raises_is_shown_and_blinds_no_other(rig):  # P-04
    class Broken:
        def look(self, trade, view):
            raise RuntimeError("boom")

    rig.desk.exit_rules.insert(0, ("broken", Broken()))
    await held(rig)
    assert "exit rule broken" in rig.desk.health
    await quotes(rig, "0.90", "0.90")
    assert (await only(rig)).state is TradeState.CLOSED
    rig.desk.exit_rules.pop(0)


async def test_an_exit_event_twice_changes_nothing(rig):  # I-10
    await held(rig)
    fills = await rig.broker.fills_since("main", desks.START)
    for _ in range(3):
        for fill in fills:
            await hear.on_event(rig.desk, "paper", Filled(fill=fill))
        await rig.rest()
    assert len(await stops(rig)) == 1
    await check(rig)


async def test_nothing_grows_when_trades_are_over(rig):
    for price in ("0.90", "3.00", "0.90", "3.00"):
        trade = await held(rig)
        await quotes(rig, price)
        if price == "3.00":
            await manage.close(rig.desk, trade.trade_id, TRADER)
        await quotes(rig, price, price)
        rig.quote(spy(), "2.14", "2.16")
        rig.clock.advance(61)
        rig.quote(spy(), "2.14", "2.16")
        await rig.rest()
    desk = rig.desk
    await sweep.run(desk)
    assert not desk.waters
    assert not desk.doubts.absent
    assert not desk.backoff.names()
    assert not desk.health
    assert not desk._vigils or all(n.startswith(("cancel", "sweep")) for n in desk._vigils)


async def test_a_trade_that_is_over_leaves_no_lock_behind(rig):
    first = await held(rig)
    await manage.close(rig.desk, first.trade_id, TRADER)
    await quotes(rig, "2.30", "2.30")
    assert (await only(rig)).state is TradeState.CLOSED
    await rig.rest()
    assert not [name for name in rig.desk._locks if first.trade_id in name or "story" in name]
