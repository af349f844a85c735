"""The Broker contract: trailing, OCO, brackets, reduce-only, spreads, DAY orders."""

from decimal import Decimal

from engine.brokers import BrokerOrder, OrderRequest
from engine.brokers.paper import MarketHours
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from tests.conformance.broker_bench import CALL, HIGH_CALL, START, Bench

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
LIMIT, STOP, TRAILING = OrderType.LIMIT, OrderType.STOP, OrderType.TRAILING
SPREAD = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-1))


# -- trailing ---------------------------------------------------------------------------------


async def test_a_trailing_sell_fills_its_distance_below_the_best_bid(bench: Bench) -> None:
    bench.needs(type=TRAILING)
    await bench.hold(1)
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(SELL, 1, TRAILING, trail="0.20", reduces=True)
    await bench.pass_latency()
    for bid in ("2.10", "2.40", "2.25"):
        await bench.quote(bench.it, bid, D(bid) + D("0.10"))
        assert (await bench.seen(order)).filled == 0
    await bench.quote(bench.it, "2.20", "2.30")
    fill = (await bench.fills())[-1]
    assert fill.price == bench.px("2.20") - bench.slip_ticks * bench.it.tick
    assert (await bench.seen(order)).state == "filled"


async def test_a_trailing_buy_fills_its_distance_above_the_lowest_ask(bench: Bench) -> None:
    bench.needs(type=TRAILING)
    await bench.hold(-1)
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 1, TRAILING, trail="0.20", reduces=True)
    await bench.pass_latency()
    for ask in ("1.90", "1.70", "1.80"):
        await bench.quote(bench.it, D(ask) - D("0.10"), ask)
        assert (await bench.seen(order)).filled == 0
    await bench.quote(bench.it, "1.85", "1.95")
    assert (await bench.seen(order)).state == "filled"
    assert await bench.position() == 0


# -- OCO --------------------------------------------------------------------------------------


async def _pair(
    bench: Bench, qty: int, target: str = "2.50", stop: str = "1.80"
) -> list[BrokerOrder]:
    bench.needs(type=STOP, has_oco=True)
    await bench.hold(qty)
    more = {"oco_group": "exit", "reduces": True}
    orders = [
        await bench.submit(SELL, qty, LIMIT, limit=target, **more),
        await bench.submit(SELL, qty, STOP, stop=stop, **more),
    ]
    await bench.pass_latency()
    return orders


async def test_a_filled_target_cancels_its_stop(bench: Bench) -> None:
    target, stop = await _pair(bench, 2)
    await bench.quote(bench.it, "2.55", "2.60")
    assert (await bench.seen(target)).state == "filled"
    assert (await bench.seen(stop)).state == "canceled"
    await bench.quote(bench.it, "1.00", "1.10")
    assert await bench.position() == 0


async def test_a_filled_stop_cancels_its_target(bench: Bench) -> None:
    target, stop = await _pair(bench, 2)
    await bench.quote(bench.it, "1.70", "1.80")
    assert (await bench.seen(stop)).state == "filled"
    assert (await bench.seen(target)).state == "canceled"


# -- brackets ---------------------------------------------------------------------------------


async def _bracket(
    bench: Bench, qty: int = 2, **more: object
) -> tuple[BrokerOrder, OrderRequest, OrderRequest]:
    bench.needs(type=STOP, has_brackets=True)
    await bench.quote(bench.it, "2.00", "2.10")
    target = bench.request(SELL, qty, LIMIT, limit="2.60", reduces=True)
    stop = bench.request(SELL, qty, STOP, stop="1.70", reduces=True)
    more.setdefault("limit", "2.05")  # type: ignore[attr-defined]
    parent = await bench.submit(BUY, qty, LIMIT, attached=(target, stop), **more)
    return parent, target, stop


async def test_bracket_children_wait_for_their_entry(bench: Bench) -> None:
    _, target, stop = await _bracket(bench)
    await bench.pass_latency()
    await bench.quote(bench.it, "2.70", "2.80")
    assert (await bench.seen(target)).filled == 0
    assert (await bench.seen(stop)).filled == 0


async def test_a_filled_entry_puts_its_children_to_work(bench: Bench) -> None:
    _, target, stop = await _bracket(bench)
    await bench.pass_latency()
    await bench.quote(bench.it, "1.99", "2.04")
    await bench.pass_latency()
    await bench.quote(bench.it, "2.65", "2.70")
    assert (await bench.seen(target)).state == "filled"
    assert (await bench.seen(stop)).state == "canceled"
    assert await bench.position() == 0


async def test_a_brackets_stop_closes_what_was_filled(bench: Bench) -> None:
    _, target, stop = await _bracket(bench)
    await bench.pass_latency()
    await bench.quote(bench.it, "1.99", "2.04")
    await bench.pass_latency()
    await bench.quote(bench.it, "1.65", "1.70")
    assert (await bench.seen(stop)).state == "filled"
    assert (await bench.seen(target)).state == "canceled"


async def test_an_entry_that_never_fills_takes_its_children_along(bench: Bench) -> None:
    parent, target, stop = await _bracket(bench)
    await bench.broker.cancel(bench.account, parent.client_order_id)
    await bench.pass_latency()
    assert (await bench.seen(target)).state == "canceled"
    assert (await bench.seen(stop)).state == "canceled"
    assert await bench.broker.open_orders(bench.account) == []


# -- closing ----------------------------------------------------------------------------------


async def test_closing_works_without_a_cent_of_buying_power(bench: Bench) -> None:
    n = bench.affordable() if bench.it.kind != "option" else 20
    await bench.hold(-(n // 2))
    await bench.quote(bench.it, "60.00", "60.10")
    order = await bench.submit(BUY, n // 2, LIMIT, limit="60.20", reduces=True)
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "filled"
    assert await bench.position() == 0


# -- spreads ----------------------------------------------------------------------------------


async def _spread_market(bench: Bench, low: str = "3.00", high: str = "1.00") -> None:
    await bench.quote(CALL, low, D(low) + D("0.10"))
    await bench.quote(HIGH_CALL, high, D(high) + D("0.10"))


async def test_a_spread_fills_all_legs_together_each_at_its_own_touch(bench: Bench) -> None:
    bench.needs("spread", type=LIMIT)
    await _spread_market(bench)
    order = await bench.submit(BUY, 2, LIMIT, legs=SPREAD, limit="2.10")
    await bench.pass_latency()
    fills = await bench.fills(order)
    assert [(f.leg, f.side, f.qty, f.price) for f in fills] == [
        (0, BUY, D(2), D("3.10")),
        (1, SELL, D(2), D("1.00")),
    ]
    assert len({f.executed_at for f in fills}) == 1
    assert (await bench.seen(order)).filled == 2


async def test_a_spread_is_judged_by_its_unit_price(bench: Bench) -> None:
    bench.needs("spread", type=LIMIT)
    await _spread_market(bench)
    order = await bench.submit(BUY, 1, LIMIT, legs=SPREAD, limit="2.05")
    await bench.pass_latency()
    assert await bench.fills(order) == []
    await bench.quote(HIGH_CALL, "1.05", "1.15")
    unit = sum(f.price * f.side.sign for f in await bench.fills(order))
    assert unit == D("2.05")


async def test_a_spread_is_closed_reduce_only_in_whole(bench: Bench) -> None:
    bench.needs("spread", type=LIMIT)
    await _spread_market(bench)
    await bench.submit(BUY, 2, LIMIT, legs=SPREAD, limit="2.10")
    await bench.pass_latency()
    order = await bench.submit(SELL, 2, LIMIT, legs=SPREAD, limit="1.80", reduces=True)
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "filled"
    assert await bench.broker.positions(bench.account) == []


# -- DAY and GTC ------------------------------------------------------------------------------


def _to_close(bench: Bench) -> float:
    end = MarketHours().session_end(bench.it, START)
    assert end is not None, "DAY makes no sense where a market never closes"
    return (end - START).total_seconds()


async def test_a_day_order_lapses_at_the_close_and_gtc_lives_on(bench: Bench) -> None:
    bench.needs(tif=Tif.GTC)
    day = await bench.submit(BUY, 1, LIMIT, limit="1.00", tif=Tif.DAY)
    gtc = await bench.submit(BUY, 1, LIMIT, limit="1.00", tif=Tif.GTC)
    await bench.wait(_to_close(bench) - 1)
    assert (await bench.seen(day)).state == "accepted"
    await bench.wait(2)
    assert (await bench.seen(day)).state == "expired"
    assert (await bench.seen(gtc)).state == "accepted"


async def test_a_day_order_that_lapses_is_told(bench: Bench) -> None:
    bench.needs(tif=Tif.DAY)
    bench.promises(has_stream=True)
    day = await bench.submit(BUY, 1, LIMIT, limit="1.00", tif=Tif.DAY)
    await bench.wait(_to_close(bench) + 1)
    assert bench.told_states(day)[-1] == "expired"


async def test_a_day_order_lapses_although_nobody_ran_at_the_close(bench: Bench) -> None:
    bench.needs(tif=Tif.DAY)
    order = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    await bench.crash()
    bench.clock.advance(20 * 3600)
    await bench.start()
    await bench.settle()
    assert (await bench.seen(order)).state == "expired"
