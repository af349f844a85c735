"""The paper market: latency, standing quotes, their sizes and age, hours, what is told again."""

from decimal import Decimal

import pytest

from engine.brokers import Filled, StreamUp
from engine.domain.errors import OrderRejected
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg
from tests.conformance.broker_bench import CALL, HIGH_CALL, MES, SPY, Bench, paper

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
LIMIT, STOP = OrderType.LIMIT, OrderType.STOP
SPREAD = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-1))


@pytest.fixture
async def bench():
    started = await paper().start()
    yield started
    await started.stop()


async def test_nothing_fills_before_the_latency_is_over(bench: Bench) -> None:
    await bench.quote(CALL, "2.00", "2.10")
    order = await bench.submit(BUY, 1)
    await bench.wait(bench.latency_s / 2)
    await bench.quote(CALL, "2.00", "2.10")
    assert (await bench.seen(order)).filled == 0
    await bench.pass_latency()
    assert (await bench.seen(order)).filled == 1


async def test_a_market_order_without_any_quote_waits_for_one(bench: Bench) -> None:
    order = await bench.submit(BUY, 1)
    await bench.wait(10)
    assert (await bench.seen(order)).state == "accepted"
    await bench.quote(CALL, "2.00", "2.10")
    assert (await bench.seen(order)).state == "filled"


async def test_a_stale_quote_fills_nothing(bench: Bench) -> None:
    await bench.quote(CALL, "2.00", "2.10")
    await bench.wait(60)
    order = await bench.submit(BUY, 1)
    await bench.wait(5)
    assert (await bench.seen(order)).filled == 0
    await bench.quote(CALL, "3.00", "3.10")
    (fill,) = await bench.fills(order)
    assert fill.price == D("3.10") + bench.slip_ticks * CALL.tick


@pytest.mark.parametrize(("bid", "ask"), [("2.20", "2.10"), ("0", "2.10"), ("NaN", "2.10")])
async def test_an_insane_quote_fills_nothing(bench: Bench, bid: str, ask: str) -> None:
    order = await bench.submit(BUY, 1)
    await bench.pass_latency()
    await bench.quote(CALL, bid, ask)
    assert (await bench.seen(order)).filled == 0


async def test_two_orders_share_the_size_of_one_quote(bench: Bench) -> None:
    await bench.quote(CALL, "2.00", "2.10", sizes=(5, 5))
    first = await bench.submit(BUY, 3)
    second = await bench.submit(BUY, 3)
    await bench.pass_latency()
    assert (await bench.seen(first)).filled == 3
    assert (await bench.seen(second)).filled == 2


async def test_a_stop_that_triggered_stays_triggered(bench: Bench) -> None:
    await bench.hold(4)
    stop = await bench.submit(SELL, 4, STOP, stop="1.80", reduces=True)
    await bench.pass_latency()
    await bench.quote(CALL, "1.80", "1.90", sizes=(1, 9))
    await bench.quote(CALL, "1.95", "2.00", sizes=(9, 9))
    assert [fill.qty for fill in await bench.fills(stop)] == [D(1), D(3)]


async def test_a_new_reader_is_told_of_its_gap(bench: Bench) -> None:
    reader = bench.broker.events()
    first = await anext(reader)
    assert isinstance(first, StreamUp)
    assert first.gap_from is not None
    await reader.aclose()


async def test_futures_bind_margin(bench: Bench) -> None:
    await bench.hold(1, MES, at="6700.00")
    balance = await bench.broker.balance(bench.account)
    assert balance.buying_power_usd < balance.cash_usd
    assert balance.as_of == bench.clock.now()


async def test_the_stream_says_since_when_it_was_deaf(bench: Bench) -> None:
    await bench.hold(1)
    last = bench.told_fills()[-1].executed_at
    await bench.wait(60)
    await bench.restart()
    first = bench.told[0]
    assert isinstance(first, StreamUp)
    assert first.gap_from is not None
    assert first.gap_from >= last
    assert not any(isinstance(event, Filled) for event in bench.told)


async def _spread_market(bench: Bench, low: str = "3.00", high: str = "1.00") -> None:
    await bench.quote(CALL, low, D(low) + D("0.10"))
    await bench.quote(HIGH_CALL, high, D(high) + D("0.10"))


async def test_a_spread_with_one_stale_leg_does_not_fill(bench: Bench) -> None:
    await _spread_market(bench)
    await bench.wait(60)
    order = await bench.submit(BUY, 1, LIMIT, legs=SPREAD, limit="3.00")
    await bench.pass_latency()
    await bench.quote(CALL, "3.00", "3.10")
    assert await bench.fills(order) == []
    await bench.quote(HIGH_CALL, "1.00", "1.10")
    assert len(await bench.fills(order)) == 2


async def test_the_thinner_leg_limits_the_units(bench: Bench) -> None:
    legs = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-2))
    await bench.quote(CALL, "3.00", "3.10", sizes=(9, 9))
    await bench.quote(HIGH_CALL, "1.00", "1.10", sizes=(5, 5))
    order = await bench.submit(BUY, 3, LIMIT, legs=legs, limit="2.00")
    await bench.pass_latency()
    assert [(f.leg, f.qty) for f in await bench.fills(order)] == [(0, D(2)), (1, D(4))]
    assert (await bench.seen(order)).filled == 2


async def test_shares_and_options_cannot_be_one_unit(bench: Bench) -> None:
    legs = (Leg(instrument=CALL, ratio=-1), Leg(instrument=SPY, ratio=100))
    with pytest.raises(OrderRejected):
        await bench.submit(BUY, 1, LIMIT, legs=legs, limit="2.00")


async def test_a_credit_spread_binds_its_width(bench: Bench) -> None:
    await _spread_market(bench)
    before = (await bench.broker.balance(bench.account)).buying_power_usd
    order = await bench.submit(SELL, 1, LIMIT, legs=SPREAD, limit="1.90")
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "filled"
    after = (await bench.broker.balance(bench.account)).buying_power_usd
    fees = sum(f.fee_usd for f in await bench.fills(order))
    assert before - after == D(500) - D(190) + fees


async def test_a_quote_after_the_close_does_not_fill_a_day_order(bench: Bench) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    bench.clock.advance(6 * 3600)
    await bench.quote(CALL, "1.00", "1.10")
    assert (await bench.seen(order)).state == "expired"
    assert await bench.fills(order) == []


async def test_a_closed_market_fills_nothing_until_it_opens(bench: Bench) -> None:
    await bench.wait(7 * 3600)
    order = await bench.submit(BUY, 1, LIMIT, SPY, limit="600.00")
    await bench.pass_latency()
    await bench.quote(SPY, "599.00", "599.02")
    assert await bench.fills(order) == []
    await bench.wait(17 * 3600)
    await bench.quote(SPY, "599.00", "599.02")
    assert len(await bench.fills(order)) == 1
