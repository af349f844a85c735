"""Fees, margin and what happens to options at their end."""

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from engine.brokers import Odd
from engine.brokers.paper import AlwaysOpen, PaperSettings
from engine.brokers.paper.book import Holding, traded
from engine.domain.errors import OrderRejected
from engine.domain.instrument import Instrument, crypto, future, option, stock
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from tests.conformance.broker_bench import CALL, HIGH_CALL, MES, PAPER, SPY, PaperBench, paper

D = Decimal
BUY, SELL, LIMIT = Side.BUY, Side.SELL, OrderType.LIMIT
CLOSE = datetime(2026, 11, 20, 21, 0, tzinfo=UTC)
PUT = option("SPY", date(2026, 11, 20), D(600), "P")
SPX_CALL = option("SPXW", date(2026, 11, 20), D(6000), "C")


@pytest.fixture
async def bench():
    started = await paper().start()
    yield started
    await started.stop()


# -- settings ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instrument", "fee"),
    [
        (CALL, "2.60"),
        (MES, "5.00"),
        (SPY, "0.020"),
        (crypto("BTC"), "0"),
    ],
)
def test_fees_are_per_contract_or_share(instrument: Instrument, fee: str) -> None:
    assert PAPER.fee_usd(instrument, D(4)) == D(fee)


@pytest.mark.parametrize(
    "bad",
    [
        {"start_cash_usd": {"a|b": D(1)}},
        {"start_cash_usd": {"": D(1)}},
        {"start_cash_usd": {"main": D("NaN")}},
        {"start_cash_usd": {}, "latency_ms": -1},
        {"start_cash_usd": {}, "slippage_ticks": -1},
    ],
)
def test_settings_that_cannot_be_are_refused(bad: dict) -> None:
    with pytest.raises(ValueError, match=r"account|cash|negative"):
        PaperSettings(**bad)


def test_costs_of_parts_always_add_up() -> None:
    held = Holding(instrument=MES, qty=D(0), cost=D(0))
    realised = D(0)
    for signed, price in ((3, "10.1"), (4, "10.25"), (-2, "11"), (-1, "9.3"), (-4, "10")):
        held, points = traded(held, D(signed), D(price))
        realised += points
    assert (held.qty, held.cost) == (D(0), D(0))
    assert realised == D("22") + D("9.3") + D("40") - D("30.3") - D("41")
    assert held.avg_price is None


# -- margin -----------------------------------------------------------------------------------


async def _power(bench: PaperBench) -> Decimal:
    balance = await bench.broker.balance("main")
    assert balance.buying_power_usd is not None
    return balance.buying_power_usd


async def _bound(bench: PaperBench) -> Decimal:
    return await bench.cash_now() - await _power(bench)


async def test_a_naked_short_option_binds_the_stated_sum(bench: PaperBench) -> None:
    await bench.hold(-3)
    assert await _bound(bench) == 3 * PAPER.short_option_margin_usd


async def test_a_call_covered_by_shares_binds_nothing(bench: PaperBench) -> None:
    await bench.hold(100, SPY, at="600.00")
    await bench.hold(-1)
    assert await _bound(bench) == 0


async def test_a_spread_binds_its_width_and_a_debit_spread_nothing(bench: PaperBench) -> None:
    await bench.hold(1, HIGH_CALL, at="1.00")
    await bench.hold(-1, CALL, at="3.00")
    assert await _bound(bench) == 500
    await bench.hold(2, CALL, at="3.00")
    assert await _bound(bench) == 0


async def test_an_iron_condor_binds_its_wider_side(bench: PaperBench) -> None:
    low_put = option("SPY", date(2026, 11, 20), D(590), "P")
    await bench.hold(1, HIGH_CALL, at="1.00")
    await bench.hold(-1, CALL, at="3.00")
    await bench.hold(1, low_put, at="1.00")
    await bench.hold(-1, PUT, at="3.00")
    assert await _bound(bench) == 1_000


async def test_a_long_option_that_dies_first_covers_nothing(bench: PaperBench) -> None:
    later = option("SPY", date(2026, 12, 18), D(600), "C")
    await bench.hold(1, CALL, at="3.00")
    await bench.hold(-1, later, at="5.00")
    assert await _bound(bench) == PAPER.short_option_margin_usd


async def test_shares_sold_short_bind_half_of_their_price_beyond_the_proceeds(
    bench: PaperBench,
) -> None:
    before = await _power(bench)
    await bench.hold(-10, SPY, at="600.00")
    fees = sum(f.fee_usd for f in await bench.fills())
    assert before - await _power(bench) == 3_000 + fees


async def test_working_orders_bind_until_they_are_over(bench: PaperBench) -> None:
    before = await _power(bench)
    order = await bench.submit(BUY, 2, LIMIT, limit="2.00")
    assert before - await _power(bench) == 400 + D("1.30")
    await bench.broker.cancel("main", order.client_order_id)
    await bench.pass_latency()
    assert await _power(bench) == before


async def test_a_market_order_without_a_price_is_checked_when_there_is_one(
    bench: PaperBench,
) -> None:
    order = await bench.submit(BUY, 10_000)
    await bench.pass_latency()
    await bench.quote(CALL, "2.00", "2.10")
    seen = await bench.seen(order)
    assert (seen.state, seen.filled) == ("rejected", D(0))
    assert "insufficient_buying_power" in seen.reason


async def test_a_future_without_a_stated_margin_is_not_traded() -> None:
    settings = PaperSettings(start_cash_usd={"main": D(1_000)}, future_margin_usd={})
    bench = await paper(settings).start()
    with pytest.raises(OrderRejected, match="unsupported_asset"):
        await bench.submit(BUY, 1, LIMIT, MES, limit="6700.00")
    await bench.stop()


async def test_other_terms_than_ours_are_refused(bench: PaperBench) -> None:
    odd = Instrument(kind="stock", symbol="SPY", tick=D("0.0001"))
    with pytest.raises(OrderRejected, match="unknown_instrument"):
        await bench.submit(BUY, 1, LIMIT, odd, limit="1.0000")
    with pytest.raises(OrderRejected, match="bad_legs"):
        await bench.submit(BUY, 1, LIMIT, legs=(Leg(instrument=CALL, ratio=-1),), limit="1.00")


async def test_crypto_trades_in_fractions(bench: PaperBench) -> None:
    coin = crypto("BTC")
    await bench.quote(coin, "50000.00", "50001.00")
    order = await bench.submit(BUY, "0.25", OrderType.MARKET, coin)
    await bench.pass_latency()
    assert (await bench.seen(order)).filled == D("0.25")
    assert await bench.cash_now() == 100_000 - D("0.25") * D("50001.01")


async def test_a_demo_may_trade_at_night() -> None:
    bench = await paper(hours=AlwaysOpen()).start()
    await bench.wait(9 * 3600)
    await bench.quote(SPY, "600.00", "600.02")
    order = await bench.submit(BUY, 1, OrderType.MARKET, SPY, tif=Tif.GTC)
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "filled"
    await bench.stop()


# -- expiry and exercise ----------------------------------------------------------------------


async def _to_the_close(bench: PaperBench, underlying: Instrument, bid: str, ask: str) -> None:
    gap = (CLOSE - bench.clock.now()).total_seconds()
    await bench.wait(gap - 1)
    await bench.quote(underlying, bid, ask)
    await bench.wait(2)


async def test_an_option_out_of_the_money_expires_worthless(bench: PaperBench) -> None:
    await bench.hold(2)
    cash = await bench.cash_now()
    await _to_the_close(bench, SPY, "599.99", "600.01")
    assert await bench.position() == 0
    assert await bench.cash_now() == cash
    fill = bench.told_fills()[-1]
    assert (fill.kind, fill.price, fill.qty, fill.side) == ("expiry", D(0), D(2), SELL)
    assert (fill.client_order_id, fill.fee_usd) == ("", D(0))


@pytest.mark.parametrize(
    ("contract", "held", "spot", "shares"),
    [
        (CALL, 2, "605.00", 200),
        (CALL, -2, "605.00", -200),
        (PUT, 1, "595.00", -100),
        (PUT, -1, "595.00", 100),
        (CALL, 1, "600.01", 100),
    ],
)
async def test_an_option_in_the_money_becomes_shares_at_its_strike(
    bench: PaperBench, contract: Instrument, held: int, spot: str, shares: int
) -> None:
    await bench.hold(held, contract)
    cash = await bench.cash_now()
    await _to_the_close(bench, SPY, spot, spot)
    assert await bench.position(contract) == 0
    (position,) = await bench.broker.positions("main")
    assert (position.instrument, position.qty, position.avg_price) == (SPY, D(shares), D(600))
    assert await bench.cash_now() == cash - shares * 600
    closed, delivered = bench.told_fills()[-2:]
    assert (closed.kind, closed.price) == ("exercise", D(0))
    assert (delivered.kind, delivered.price, delivered.qty) == ("exercise", D(600), abs(shares))
    assert closed.execution_id != delivered.execution_id


async def test_an_index_option_pays_its_intrinsic_value_in_cash(bench: PaperBench) -> None:
    await bench.hold(1, SPX_CALL, at="20.00")
    cash = await bench.cash_now()
    await _to_the_close(bench, stock("SPX"), "6012.00", "6013.00")
    assert await bench.broker.positions("main") == []
    assert await bench.cash_now() == cash + D("1250.00")
    assert bench.told_fills()[-1].kind == "exercise"


async def test_without_a_price_of_the_underlying_nothing_is_settled(bench: PaperBench) -> None:
    await bench.hold(1)
    await bench.wait((CLOSE - bench.clock.now()).total_seconds() + 1)
    await bench.wait(300)
    assert await bench.position() == 1
    assert len([event for event in bench.told if isinstance(event, Odd)]) == 1
    await bench.wait(12 * 3600)
    await bench.quote(SPY, "700.00", "700.01")
    await bench.wait(120)
    assert await bench.position() == 1, "the next day's price is not that of the close"
    await bench.broker.expire({"SPY": D("598.00")})
    assert await bench.position() == 0


async def test_settling_again_and_after_a_restart_changes_nothing(bench: PaperBench) -> None:
    await bench.hold(1)
    await _to_the_close(bench, SPY, "605.00", "605.02")
    before = await bench.fills()
    await bench.broker.expire()
    await bench.restart()
    await bench.broker.expire()
    await bench.wait(3600)
    assert await bench.fills() == before


async def test_a_position_that_expired_while_nobody_ran_waits_for_its_price(
    bench: PaperBench,
) -> None:
    await bench.hold(1)
    await bench.crash()
    bench.clock.advance((CLOSE - bench.clock.now()).total_seconds() + 3600)
    await bench.start()
    await bench.settle()
    assert await bench.position() == 1
    await bench.broker.expire({"SPY": D("590.00")})
    assert await bench.position() == 0
    assert (await bench.fills())[-1].kind == "expiry"


async def test_orders_end_with_their_contract(bench: PaperBench) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="1.00", tif=Tif.GTC)
    await bench.wait((CLOSE - bench.clock.now()).total_seconds() + 1)
    assert (await bench.seen(order)).state == "expired"


async def test_a_future_of_a_month_that_is_over_is_refused(bench: PaperBench) -> None:
    with pytest.raises(OrderRejected, match="contract_expired"):
        await bench.submit(BUY, 1, LIMIT, future("MES", date(2026, 9, 1)), limit="6700.00")
