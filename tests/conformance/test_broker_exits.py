"""The Broker contract: trailing, OCO, brackets, reduce-only, spreads, DAY orders."""

from decimal import Decimal

import pytest

from engine.brokers import BrokerOrder, OrderRequest
from engine.domain.errors import OrderRejected
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from tests.conformance.broker_bench import CALL, HIGH_CALL, SPY, Bench

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
LIMIT, STOP, TRAILING = OrderType.LIMIT, OrderType.STOP, OrderType.TRAILING
SPREAD = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-1))


# -- trailing ---------------------------------------------------------------------------------


async def test_a_trailing_sell_follows_the_best_bid_and_never_back(bench: Bench) -> None:
    bench.needs(type=TRAILING)
    await bench.hold(1)
    await bench.quote(CALL, "2.00", "2.10")
    order = await bench.submit(SELL, 1, TRAILING, trail="0.20", tif=Tif.GTC, reduces=True)
    await bench.pass_latency()
    levels = []
    for bid in ("2.10", "2.30", "2.20", "2.40", "2.25"):
        await bench.quote(CALL, bid, D(bid) + D("0.10"))
        levels.append((await bench.seen(order)).stop)
    assert levels == [D("1.90"), D("2.10"), D("2.10"), D("2.20"), D("2.20")]
    await bench.quote(CALL, "2.20", "2.30")
    (fill,) = await bench.fills(order)
    assert fill.price == D("2.20") - bench.slip_ticks * CALL.tick


async def test_a_trailing_buy_follows_the_lowest_ask(bench: Bench) -> None:
    bench.needs(type=TRAILING)
    await bench.hold(-1)
    await bench.quote(CALL, "2.00", "2.10")
    order = await bench.submit(BUY, 1, TRAILING, trail="0.20", reduces=True)
    await bench.pass_latency()
    for ask in ("1.90", "1.70", "1.80"):
        await bench.quote(CALL, D(ask) - D("0.10"), ask)
    assert (await bench.seen(order)).stop == D("1.90")
    await bench.quote(CALL, "1.85", "1.95")
    (fill,) = await bench.fills(order)
    assert fill.price == D("1.95") + bench.slip_ticks * CALL.tick


async def test_a_trailing_stop_remembers_its_best_touch_across_a_restart(bench: Bench) -> None:
    bench.needs(type=TRAILING)
    await bench.hold(1)
    await bench.quote(CALL, "2.00", "2.10")
    order = await bench.submit(SELL, 1, TRAILING, trail="0.20", tif=Tif.GTC, reduces=True)
    await bench.pass_latency()
    await bench.quote(CALL, "3.00", "3.10")
    await bench.restart()
    assert (await bench.seen(order)).stop == D("2.80")
    await bench.quote(CALL, "2.80", "2.90")
    assert (await bench.seen(order)).state == "filled"


async def test_a_trailing_order_may_start_from_a_stated_stop(bench: Bench) -> None:
    bench.needs(type=TRAILING)
    await bench.hold(1)
    await bench.quote(CALL, "2.00", "2.10")
    order = await bench.submit(SELL, 1, TRAILING, trail="0.50", stop="1.90", reduces=True)
    await bench.pass_latency()
    assert (await bench.seen(order)).stop == D("1.90")
    await bench.quote(CALL, "2.60", "2.70")
    assert (await bench.seen(order)).stop == D("2.10")


# -- OCO --------------------------------------------------------------------------------------


async def _pair(
    bench: Bench, qty: int, target: str = "2.50", stop: str = "1.80"
) -> list[BrokerOrder]:
    bench.needs(type=STOP, has_oco=True)
    await bench.hold(qty)
    more = {"oco_group": "exit", "reduces": True, "tif": Tif.GTC}
    orders = [
        await bench.submit(SELL, qty, LIMIT, limit=target, **more),
        await bench.submit(SELL, qty, STOP, stop=stop, **more),
    ]
    await bench.pass_latency()
    return orders


async def test_a_filled_target_cancels_its_stop(bench: Bench) -> None:
    target, stop = await _pair(bench, 2)
    await bench.quote(CALL, "2.55", "2.60")
    assert (await bench.seen(target)).state == "filled"
    assert (await bench.seen(stop)).state == "canceled"
    await bench.quote(CALL, "1.00", "1.10")
    assert await bench.position() == 0


async def test_a_filled_stop_cancels_its_target(bench: Bench) -> None:
    target, stop = await _pair(bench, 2)
    await bench.quote(CALL, "1.70", "1.80")
    assert (await bench.seen(stop)).state == "filled"
    assert (await bench.seen(target)).state == "canceled"


async def test_a_partly_filled_target_cuts_its_stop_down(bench: Bench) -> None:
    target, stop = await _pair(bench, 10)
    await bench.quote(CALL, "2.55", "2.60", sizes=(3, 3))
    assert (await bench.seen(target)).filled == 3
    assert (await bench.seen(stop)).qty == 7
    await bench.quote(CALL, "1.70", "1.80", sizes=(99, 99))
    seen = await bench.seen(stop)
    assert (seen.state, seen.filled) == ("filled", D(7))
    assert (await bench.seen(target)).state == "canceled"
    assert await bench.position() == 0


async def test_two_targets_and_one_stop_never_work_for_more_than_is_held(bench: Bench) -> None:
    bench.needs(type=STOP, has_oco=True)
    await bench.hold(2)
    more = {"oco_group": "exit", "reduces": True, "tif": Tif.GTC}
    first = await bench.submit(SELL, 1, LIMIT, limit="2.50", **more)
    second = await bench.submit(SELL, 1, LIMIT, limit="3.00", **more)
    stop = await bench.submit(SELL, 2, STOP, stop="1.80", **more)
    await bench.pass_latency()
    await bench.quote(CALL, "2.60", "2.70")
    assert (await bench.seen(first)).state == "filled"
    assert (await bench.seen(second)).state == "accepted"
    assert (await bench.seen(stop)).qty == 1
    await bench.quote(CALL, "1.75", "1.85")
    assert (await bench.seen(stop)).state == "filled"
    assert (await bench.seen(second)).state == "canceled"


async def test_cancelling_one_of_a_group_leaves_the_other(bench: Bench) -> None:
    target, stop = await _pair(bench, 1)
    await bench.broker.cancel(bench.account, target.client_order_id)
    await bench.pass_latency()
    assert (await bench.seen(stop)).state == "accepted"


async def test_two_entries_of_a_group_open_one_position(bench: Bench) -> None:
    bench.needs(type=STOP, has_oco=True)
    await bench.quote(CALL, "2.00", "2.10")
    up = await bench.submit(BUY, 1, STOP, stop="2.30", oco_group="entry")
    low = await bench.submit(BUY, 1, LIMIT, limit="1.90", oco_group="entry")
    await bench.pass_latency()
    await bench.quote(CALL, "1.85", "1.89")
    await bench.quote(CALL, "2.30", "2.40")
    assert (await bench.seen(low)).state == "filled"
    assert (await bench.seen(up)).state == "canceled"
    with pytest.raises(OrderRejected):
        await bench.submit(BUY, 1, STOP, stop="2.60", oco_group="entry")


async def test_groups_of_one_name_in_two_accounts_do_not_touch(bench: Bench) -> None:
    target, _ = await _pair(bench, 1)
    there = bench.request(BUY, 1, LIMIT, limit="1.00", account="other", oco_group="exit")
    await bench.broker.submit(there)
    await bench.quote(CALL, "2.55", "2.60")
    assert (await bench.seen(target)).state == "filled"
    assert len(await bench.broker.open_orders("other")) == 1


# -- brackets ---------------------------------------------------------------------------------


async def _bracket(
    bench: Bench, qty: int = 2, **more: object
) -> tuple[BrokerOrder, OrderRequest, OrderRequest]:
    bench.needs(type=STOP, has_brackets=True)
    await bench.quote(CALL, "2.00", "2.10")
    target = bench.request(SELL, qty, LIMIT, limit="2.60", tif=Tif.GTC, reduces=True)
    stop = bench.request(SELL, qty, STOP, stop="1.70", tif=Tif.GTC, reduces=True)
    more.setdefault("limit", "2.05")  # type: ignore[attr-defined]
    parent = await bench.submit(BUY, qty, LIMIT, attached=(target, stop), **more)
    return parent, target, stop


async def test_bracket_children_wait_for_their_entry(bench: Bench) -> None:
    _, target, stop = await _bracket(bench)
    await bench.pass_latency()
    await bench.quote(CALL, "2.70", "2.80")
    assert (await bench.seen(target)).filled == 0
    assert (await bench.seen(stop)).filled == 0
    assert (await bench.seen(stop)).raw_state == "held"


async def test_a_filled_entry_puts_its_children_to_work(bench: Bench) -> None:
    _, target, stop = await _bracket(bench)
    await bench.pass_latency()
    await bench.quote(CALL, "1.99", "2.04")
    await bench.pass_latency()
    await bench.quote(CALL, "2.65", "2.70")
    assert (await bench.seen(target)).state == "filled"
    assert (await bench.seen(stop)).state == "canceled"
    assert await bench.position() == 0


async def test_a_brackets_stop_closes_what_was_filled(bench: Bench) -> None:
    _, target, stop = await _bracket(bench)
    await bench.pass_latency()
    await bench.quote(CALL, "1.99", "2.04")
    await bench.pass_latency()
    await bench.quote(CALL, "1.65", "1.70")
    assert (await bench.seen(stop)).state == "filled"
    assert (await bench.seen(target)).state == "canceled"


async def test_children_of_a_partly_filled_entry_protect_the_filled_part(bench: Bench) -> None:
    parent, _, stop = await _bracket(bench, qty=10)
    await bench.pass_latency()
    await bench.quote(CALL, "1.99", "2.04", sizes=(9, 4))
    assert (await bench.seen(parent)).filled == 4
    await bench.broker.cancel(bench.account, parent.client_order_id)
    await bench.pass_latency()
    assert (await bench.seen(stop)).qty == 4
    await bench.quote(CALL, "1.60", "1.70", sizes=(99, 99))
    assert (await bench.seen(stop)).filled == 4
    assert await bench.position() == 0


async def test_children_grow_with_each_fill_of_the_entry(bench: Bench) -> None:
    _, target, stop = await _bracket(bench, qty=6)
    await bench.pass_latency()
    await bench.quote(CALL, "1.99", "2.04", sizes=(9, 2))
    await bench.quote(CALL, "1.99", "2.04", sizes=(9, 2))
    await bench.pass_latency()
    await bench.quote(CALL, "2.65", "2.70", sizes=(99, 99))
    assert (await bench.seen(target)).filled == 4
    assert await bench.position() == 0
    await bench.quote(CALL, "1.95", "2.00", sizes=(99, 99))
    await bench.pass_latency()
    assert await bench.position() == 2
    await bench.quote(CALL, "1.60", "1.65", sizes=(99, 99))
    assert (await bench.seen(stop)).filled == 2
    assert await bench.position() == 0


async def test_an_entry_that_never_fills_takes_its_children_along(bench: Bench) -> None:
    parent, target, stop = await _bracket(bench)
    await bench.broker.cancel(bench.account, parent.client_order_id)
    await bench.pass_latency()
    assert (await bench.seen(target)).state == "canceled"
    assert (await bench.seen(stop)).state == "canceled"
    assert await bench.broker.open_orders(bench.account) == []


async def test_a_replaced_entry_keeps_its_children(bench: Bench) -> None:
    bench.needs(has_replace=True)
    parent, target, _ = await _bracket(bench)
    await bench.pass_latency()
    new = bench.request(BUY, 2, LIMIT, limit="2.20")
    await bench.broker.replace(bench.account, parent.client_order_id, new)
    await bench.pass_latency()
    assert (await bench.seen(new)).state == "filled"
    await bench.pass_latency()
    await bench.quote(CALL, "2.65", "2.70")
    assert (await bench.seen(target)).state == "filled"


async def test_an_entry_cannot_join_the_group_of_its_own_children(bench: Bench) -> None:
    bench.needs(type=STOP, has_replace=True, has_brackets=True)
    await bench.quote(CALL, "2.00", "2.10")
    stop = bench.request(SELL, 1, STOP, stop="1.50", oco_group="exit")
    entry = await bench.submit(BUY, 1, LIMIT, limit="2.05", attached=(stop,))
    new = bench.request(BUY, 1, LIMIT, limit="2.06", oco_group="exit")
    with pytest.raises(OrderRejected):
        await bench.broker.replace(bench.account, entry.client_order_id, new)
    assert (await bench.seen(entry)).state == "accepted"


async def test_a_held_stop_can_be_replaced_before_the_entry_fills(bench: Bench) -> None:
    bench.needs(has_replace=True)
    _, target, stop = await _bracket(bench)
    new = bench.request(SELL, 2, STOP, stop="1.90", tif=Tif.GTC, reduces=True)
    await bench.broker.replace(bench.account, stop.client_order_id, new)
    await bench.pass_latency()
    await bench.quote(CALL, "1.99", "2.04")
    await bench.pass_latency()
    await bench.quote(CALL, "1.89", "1.95")
    assert (await bench.seen(new)).state == "filled"
    assert (await bench.seen(target)).state == "canceled"


async def test_a_bracket_that_does_not_close_its_entry_is_refused_whole(bench: Bench) -> None:
    bench.needs(type=STOP, has_brackets=True)
    await bench.quote(CALL, "2.00", "2.10")
    bad = (
        bench.request(BUY, 1, STOP, stop="2.50"),
        bench.request(SELL, 1, STOP, HIGH_CALL, stop="1.50"),
        bench.request(SELL, 1, STOP, stop="2.06"),
        bench.request(SELL, 1),
        bench.request(SELL, 0, STOP, stop="1.50"),
        bench.request(SELL, 1, STOP, stop="1.50", account="other"),
        bench.request(SELL, 1, STOP, stop="1.50", oco_group="entry"),
    )
    for child in bad:
        with pytest.raises(OrderRejected):
            await bench.submit(BUY, 1, LIMIT, limit="2.05", attached=(child,), oco_group="entry")
    assert await bench.broker.open_orders(bench.account) == []


# -- reduce-only ------------------------------------------------------------------------------


async def test_reduce_only_without_a_position_is_refused(bench: Bench) -> None:
    await bench.quote(CALL, "2.00", "2.10")
    with pytest.raises(OrderRejected):
        await bench.submit(SELL, 1, reduces=True)
    await bench.hold(1)
    with pytest.raises(OrderRejected):
        await bench.submit(BUY, 1, reduces=True)


async def test_reduce_only_never_flips(bench: Bench) -> None:
    await bench.hold(2)
    order = await bench.submit(SELL, 5, reduces=True)
    await bench.pass_latency()
    seen = await bench.seen(order)
    assert (seen.state, seen.filled) == ("canceled", D(2))
    assert await bench.position() == 0


async def test_two_closing_orders_close_once(bench: Bench) -> None:
    await bench.hold(3)
    first = await bench.submit(SELL, 3, reduces=True)
    second = await bench.submit(SELL, 3, reduces=True)
    await bench.pass_latency()
    assert (await bench.seen(first)).filled == 3
    seen = await bench.seen(second)
    assert (seen.state, seen.filled) == ("canceled", D(0))


async def test_a_stop_goes_with_the_position_that_it_protected(bench: Bench) -> None:
    bench.needs(type=STOP)
    await bench.hold(2)
    stop = await bench.submit(SELL, 2, STOP, stop="1.50", tif=Tif.GTC, reduces=True)
    await bench.submit(SELL, 2)
    await bench.pass_latency()
    assert await bench.position() == 0
    assert (await bench.seen(stop)).state == "canceled"


async def test_closing_works_without_a_cent_of_buying_power(bench: Bench) -> None:
    await bench.hold(-20)
    await bench.quote(CALL, "60.00", "60.10")
    balance = await bench.broker.balance(bench.account)
    assert balance.buying_power_usd < 20 * 6_010
    order = await bench.submit(BUY, 20, reduces=True)
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "filled"


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


async def test_a_spread_with_one_stale_leg_does_not_fill(bench: Bench) -> None:
    bench.needs("spread", type=LIMIT)
    await _spread_market(bench)
    await bench.wait(60)
    order = await bench.submit(BUY, 1, LIMIT, legs=SPREAD, limit="3.00")
    await bench.pass_latency()
    await bench.quote(CALL, "3.00", "3.10")
    assert await bench.fills(order) == []
    await bench.quote(HIGH_CALL, "1.00", "1.10")
    assert len(await bench.fills(order)) == 2


async def test_the_thinner_leg_limits_the_units(bench: Bench) -> None:
    bench.needs("spread", type=LIMIT)
    legs = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-2))
    await bench.quote(CALL, "3.00", "3.10", sizes=(9, 9))
    await bench.quote(HIGH_CALL, "1.00", "1.10", sizes=(5, 5))
    order = await bench.submit(BUY, 3, LIMIT, legs=legs, limit="2.00")
    await bench.pass_latency()
    assert [(f.leg, f.qty) for f in await bench.fills(order)] == [(0, D(2)), (1, D(4))]
    assert (await bench.seen(order)).filled == 2


async def test_a_spread_is_closed_reduce_only_in_whole(bench: Bench) -> None:
    bench.needs("spread", type=LIMIT)
    await _spread_market(bench)
    await bench.submit(BUY, 2, LIMIT, legs=SPREAD, limit="2.10")
    await bench.pass_latency()
    order = await bench.submit(SELL, 2, legs=SPREAD, reduces=True)
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "filled"
    assert await bench.broker.positions(bench.account) == []


async def test_shares_and_options_cannot_be_one_unit(bench: Bench) -> None:
    bench.needs("spread")
    legs = (Leg(instrument=CALL, ratio=-1), Leg(instrument=SPY, ratio=100))
    with pytest.raises(OrderRejected):
        await bench.submit(BUY, 1, LIMIT, legs=legs, limit="2.00")


async def test_a_credit_spread_binds_its_width(bench: Bench) -> None:
    bench.needs("spread", type=LIMIT)
    await _spread_market(bench)
    before = (await bench.broker.balance(bench.account)).buying_power_usd
    order = await bench.submit(SELL, 1, LIMIT, legs=SPREAD, limit="1.90")
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "filled"
    after = (await bench.broker.balance(bench.account)).buying_power_usd
    fees = sum(f.fee_usd for f in await bench.fills(order))
    assert before - after == D(500) - D(190) + fees


# -- DAY and GTC ------------------------------------------------------------------------------


async def test_a_day_order_lapses_at_the_close_and_gtc_lives_on(bench: Bench) -> None:
    day = await bench.submit(BUY, 1, LIMIT, limit="1.00", tif=Tif.DAY)
    gtc = await bench.submit(BUY, 1, LIMIT, limit="1.00", tif=Tif.GTC)
    await bench.wait(6 * 3600 - 1)
    assert (await bench.seen(day)).state == "accepted"
    await bench.wait(2)
    assert (await bench.seen(day)).state == "expired"
    assert bench.told_states(day)[-1] == "expired"
    assert (await bench.seen(gtc)).state == "accepted"


async def test_a_quote_after_the_close_does_not_fill_a_day_order(bench: Bench) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    bench.clock.advance(6 * 3600)
    await bench.quote(CALL, "1.00", "1.10")
    assert (await bench.seen(order)).state == "expired"
    assert await bench.fills(order) == []


async def test_a_day_order_lapses_although_nobody_ran_at_the_close(bench: Bench) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    await bench.crash()
    bench.clock.advance(20 * 3600)
    await bench.start()
    await bench.settle()
    assert (await bench.seen(order)).state == "expired"


async def test_a_closed_market_fills_nothing_until_it_opens(bench: Bench) -> None:
    await bench.wait(7 * 3600)
    order = await bench.submit(BUY, 1, LIMIT, SPY, limit="600.00")
    await bench.pass_latency()
    await bench.quote(SPY, "599.00", "599.02")
    assert await bench.fills(order) == []
    await bench.wait(17 * 3600)
    await bench.quote(SPY, "599.00", "599.02")
    assert len(await bench.fills(order)) == 1
