"""The Broker contract: plain orders, their refusals, cancel, replace, look-up, what is told."""

from datetime import timedelta
from decimal import Decimal

import pytest

from engine.brokers import Absent, Filled, OrderSeen, StreamUp
from engine.domain.errors import OrderRejected
from engine.domain.instrument import option
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg
from tests.conformance.broker_bench import CALL, MES, START, Bench, gist

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
MARKET, LIMIT = OrderType.MARKET, OrderType.LIMIT
STOP, STOP_LIMIT = OrderType.STOP, OrderType.STOP_LIMIT


async def rejected(bench: Bench, *args: object, **more: object) -> str:
    """The code that an order is refused with; it must leave no trace."""
    request = bench.request(*args, **more)  # type: ignore[arg-type]
    with pytest.raises(OrderRejected) as caught:
        await bench.broker.submit(request)
    assert len(str(caught.value)) > len(caught.value.code) + 10, "no sentence for people"
    assert await bench.broker.open_orders(bench.account) == []
    return caught.value.code


# -- submit -----------------------------------------------------------------------------------


async def test_an_accepted_order_is_reported_as_asked(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    request = bench.request(BUY, 3, LIMIT, limit="1.95")
    order = await bench.broker.submit(request)
    assert order.client_order_id == request.client_order_id
    assert order.broker_id
    assert (order.state, order.qty, order.filled) == ("accepted", D(3), D(0))
    assert (order.side, order.legs, order.type, order.limit) == (
        BUY,
        request.legs,
        LIMIT,
        bench.px("1.95"),
    )
    assert order.account == bench.account


async def test_an_accepted_order_is_open_and_can_be_found_at_once(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 1, LIMIT, limit="1.95")
    assert [o.client_order_id for o in await bench.broker.open_orders(bench.account)] == [
        order.client_order_id
    ]
    assert (await bench.seen(order)).state == "accepted"


async def test_a_market_buy_fills_at_the_ask_or_a_stated_slip_beyond(bench: Bench) -> None:
    bench.needs(type=MARKET)
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 2)
    await bench.pass_latency()
    (fill,) = await bench.fills(order)
    assert (fill.side, fill.qty) == (BUY, D(2))
    assert fill.price == bench.px("2.10") + bench.slip_ticks * bench.it.tick
    assert (await bench.seen(order)).state == "filled"


async def test_a_market_sell_fills_at_the_bid_or_a_stated_slip_below(bench: Bench) -> None:
    bench.needs(type=MARKET)
    await bench.hold(2)
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(SELL, 2)
    await bench.pass_latency()
    (fill,) = await bench.fills(order)
    assert fill.price == bench.px("2.00") - bench.slip_ticks * bench.it.tick
    assert await bench.position() == 0


async def test_a_marketable_limit_fills_at_the_touch_when_that_is_better(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 1, LIMIT, limit="2.30")
    await bench.pass_latency()
    (fill,) = await bench.fills(order)
    assert fill.price == bench.px("2.10")


async def test_a_resting_limit_waits_and_fills_at_its_limit(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 1, LIMIT, limit="2.05")
    await bench.pass_latency()
    await bench.quote(bench.it, "2.00", "2.06")
    assert (await bench.seen(order)).filled == 0
    await bench.quote(bench.it, "1.98", "2.03")
    (fill,) = await bench.fills(order)
    assert fill.price == bench.px("2.05")


async def test_a_resting_sell_limit_fills_at_its_limit(bench: Bench) -> None:
    await bench.hold(1)
    order = await bench.submit(SELL, 1, LIMIT, limit="2.50")
    await bench.pass_latency()
    await bench.quote(bench.it, "2.49", "2.60")
    assert (await bench.seen(order)).filled == 0
    await bench.quote(bench.it, "2.55", "2.60")
    (fill,) = await bench.fills(order)
    assert fill.price == bench.px("2.50")


async def test_a_limit_never_fills_worse_than_its_price(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 1, LIMIT, limit="2.09")
    for ask in ("2.10", "2.15", "2.11", "3.00"):
        await bench.wait(1)
        await bench.quote(bench.it, "2.00", ask)
    assert await bench.fills(order) == []


# -- partial fills ----------------------------------------------------------------------------


async def test_at_most_the_quoted_size_fills_per_quote(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10", sizes=(5, 4))
    order = await bench.submit(BUY, 10)
    await bench.pass_latency()
    seen = await bench.seen(order)
    assert (seen.state, seen.filled) == ("partial", D(4))
    await bench.quote(bench.it, "2.00", "2.12", sizes=(5, 4))
    await bench.quote(bench.it, "2.00", "2.14", sizes=(5, 4))
    fills = await bench.fills(order)
    assert [fill.qty for fill in fills] == [D(4), D(4), D(2)]
    slip = bench.slip_ticks * bench.it.tick
    asks = [bench.px(ask) + slip for ask in ("2.10", "2.12", "2.14")]
    assert [fill.price for fill in fills] == asks
    assert (await bench.seen(order)).state == "filled"


async def test_a_partly_filled_order_can_be_cancelled_and_keeps_its_fill(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10", sizes=(5, 4))
    order = await bench.submit(BUY, 10)
    await bench.pass_latency()
    await bench.broker.cancel(bench.account, order.client_order_id)
    await bench.pass_latency()
    seen = await bench.seen(order)
    assert (seen.state, seen.filled) == ("canceled", D(4))
    assert await bench.position() == 4


async def test_execution_ids_never_repeat(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10", sizes=(1, 1))
    await bench.submit(BUY, 3)
    await bench.submit(BUY, 2)
    for _ in range(8):
        await bench.wait(1)
        await bench.quote(bench.it, "2.00", "2.10", sizes=(1, 1))
    ids = [fill.execution_id for fill in await bench.fills()]
    assert len(ids) == 5
    assert len(set(ids)) == 5


# -- stops ------------------------------------------------------------------------------------


async def test_a_sell_stop_triggers_on_the_bid_and_fills_as_market(bench: Bench) -> None:
    bench.needs(type=STOP)
    await bench.hold(2)
    stop = await bench.submit(SELL, 2, STOP, stop="1.80", reduces=True)
    await bench.pass_latency()
    await bench.quote(bench.it, "1.81", "1.90")
    assert (await bench.seen(stop)).filled == 0
    await bench.quote(bench.it, "1.75", "1.85")
    (fill,) = await bench.fills(stop)
    assert fill.price == bench.px("1.75") - bench.slip_ticks * bench.it.tick
    assert await bench.position() == 0


async def test_a_buy_stop_triggers_on_the_ask(bench: Bench) -> None:
    bench.needs(type=STOP)
    await bench.quote(bench.it, "2.00", "2.10")
    stop = await bench.submit(BUY, 1, STOP, stop="2.20")
    await bench.pass_latency()
    await bench.quote(bench.it, "2.10", "2.19")
    assert (await bench.seen(stop)).filled == 0
    await bench.quote(bench.it, "2.15", "2.25")
    (fill,) = await bench.fills(stop)
    assert fill.price == bench.px("2.25") + bench.slip_ticks * bench.it.tick


async def test_a_stop_limit_rests_at_its_limit_once_triggered(bench: Bench) -> None:
    bench.needs(type=STOP_LIMIT)
    await bench.hold(1)
    order = await bench.submit(SELL, 1, STOP_LIMIT, stop="1.80", limit="1.78", reduces=True)
    await bench.pass_latency()
    await bench.quote(bench.it, "1.70", "1.80")
    assert (await bench.seen(order)).filled == 0
    await bench.quote(bench.it, "1.79", "1.85")
    (fill,) = await bench.fills(order)
    assert fill.price == bench.px("1.78")


async def test_a_stop_limit_fills_at_the_touch_when_its_trigger_quote_allows(bench: Bench) -> None:
    bench.needs(type=STOP_LIMIT)
    await bench.hold(1)
    order = await bench.submit(SELL, 1, STOP_LIMIT, stop="1.80", limit="1.70", reduces=True)
    await bench.pass_latency()
    await bench.quote(bench.it, "1.75", "1.85")
    (fill,) = await bench.fills(order)
    assert fill.price == bench.px("1.75")


@pytest.mark.parametrize(("side", "stop"), [(SELL, "2.00"), (SELL, "2.05"), (BUY, "2.10")])
async def test_a_stop_beyond_the_market_is_refused(bench: Bench, side: Side, stop: str) -> None:
    bench.needs(type=STOP)
    await bench.quote(bench.it, "2.00", "2.10")
    await rejected(bench, side, 1, STOP, stop=stop)


# -- refusals ---------------------------------------------------------------------------------


@pytest.mark.parametrize("qty", ["0", "-1", "NaN", "Infinity", "1.5", "1e30"])
async def test_a_quantity_that_cannot_be_is_refused(bench: Bench, qty: str) -> None:
    caps = bench.broker.caps.by_kind[bench.it.kind]
    if qty == "1.5" and caps.is_fractional:
        pytest.skip(f"{bench.broker.name} trades parts of one")
    await bench.quote(bench.it, "2.00", "2.10")
    await rejected(bench, BUY, qty, LIMIT, limit="2.00")


@pytest.mark.parametrize("limit", ["2.005", "0", "-1", "NaN", "1e40", None])
async def test_a_limit_that_cannot_be_is_refused(bench: Bench, limit: str | None) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    await rejected(bench, BUY, 1, LIMIT, limit=limit)


@pytest.mark.parametrize("stop", ["1.005", "NaN", None])
async def test_a_stop_that_cannot_be_is_refused(bench: Bench, stop: str | None) -> None:
    bench.needs(type=STOP)
    await bench.quote(bench.it, "2.00", "2.10")
    await rejected(bench, SELL, 1, STOP, stop=stop)


async def test_a_futures_limit_keeps_to_its_own_tick(bench: Bench) -> None:
    bench.needs("future")
    await bench.quote(MES, "6700.00", "6700.25")
    await rejected(bench, BUY, 1, LIMIT, MES, limit="6699.90")
    order = await bench.submit(BUY, 1, LIMIT, MES, limit="6699.75")
    assert order.state == "accepted"


async def test_an_unknown_account_is_refused(bench: Bench) -> None:
    await rejected(bench, BUY, 1, LIMIT, limit="2.00", account="nobody")


async def test_a_contract_that_is_over_is_refused(bench: Bench) -> None:
    bench.needs("option")
    gone = option("SPY", (START - timedelta(days=5)).date(), D(600), "C")
    await rejected(bench, BUY, 1, LIMIT, gone, limit="2.00")


async def test_the_same_leg_twice_is_refused(bench: Bench) -> None:
    bench.needs("spread")
    await rejected(bench, BUY, 1, LIMIT, legs=(Leg(instrument=CALL), Leg(instrument=CALL)))


async def test_more_than_the_money_allows_is_refused(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    await rejected(bench, BUY, 100_000, LIMIT, limit="2.00")
    await rejected(bench, BUY, 100_000)


async def test_money_bound_by_working_orders_is_not_spent_twice(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    most = bench.affordable()
    first = await bench.submit(BUY, most, LIMIT, limit="2.00")
    with pytest.raises(OrderRejected):
        await bench.submit(BUY, most // 2, LIMIT, limit="2.00")
    await bench.broker.cancel(bench.account, first.client_order_id)
    await bench.pass_latency()
    assert (await bench.submit(BUY, most // 2, LIMIT, limit="2.00")).state == "accepted"


# -- client ids and look-up -------------------------------------------------------------------


async def test_a_client_id_that_was_used_is_refused_and_makes_no_second_order(
    bench: Bench,
) -> None:
    bench.promises(dedupes_client_id=True)
    await bench.quote(bench.it, "2.00", "2.10")
    request = bench.request(BUY, 1, LIMIT, limit="1.95")
    await bench.broker.submit(request)
    with pytest.raises(OrderRejected):
        await bench.broker.submit(request)
    assert len(await bench.broker.open_orders(bench.account)) == 1


async def test_a_client_id_stays_used_after_its_order_is_over(bench: Bench) -> None:
    bench.promises(dedupes_client_id=True)
    await bench.quote(bench.it, "2.00", "2.10")
    request = bench.request(BUY, 1)
    await bench.broker.submit(request)
    await bench.pass_latency()
    await bench.restart()
    with pytest.raises(OrderRejected):
        await bench.broker.submit(request)
    assert await bench.position() == 1


async def test_find_proves_absence(bench: Bench) -> None:
    bench.promises(finds_by_client_id=True)
    found = await bench.broker.find(bench.account, bench.id())
    assert isinstance(found, Absent)
    assert found.as_of <= bench.clock.now()


async def test_find_knows_orders_that_are_over(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 1)
    await bench.pass_latency()
    assert await bench.broker.open_orders(bench.account) == []
    assert (await bench.seen(order)).state == "filled"


async def test_a_refused_order_is_absent_and_its_id_may_be_used(bench: Bench) -> None:
    request = bench.request(BUY, 1, LIMIT, limit="2.005")
    with pytest.raises(OrderRejected):
        await bench.broker.submit(request)
    assert await bench.broker.open_orders(bench.account) == []
    bench.promises(finds_by_client_id=True)
    assert isinstance(await bench.broker.find(bench.account, request.client_order_id), Absent)


async def test_orders_of_another_account_are_not_shown(bench: Bench) -> None:
    other = bench.second_account()
    order = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    assert await bench.broker.open_orders(other) == []
    assert await bench.broker.orders_since(other, START) == []
    bench.promises(finds_by_client_id=True)
    assert isinstance(await bench.broker.find(other, order.client_order_id), Absent)


async def test_orders_since_lists_whatever_became_of_them(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    filled = await bench.submit(BUY, 1)
    working = await bench.submit(BUY, 1, LIMIT, limit="1.00")
    gone = await bench.submit(BUY, 1, LIMIT, limit="1.10")
    await bench.broker.cancel(bench.account, gone.client_order_id)
    await bench.pass_latency()
    listed = await bench.broker.orders_since(bench.account, START)
    assert {o.broker_id: o.state for o in listed} == {
        filled.broker_id: "filled",
        working.broker_id: "accepted",
        gone.broker_id: "canceled",
    }


async def test_since_leaves_out_what_was_over_before(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    await bench.submit(BUY, 1)
    await bench.pass_latency()
    await bench.wait(60)
    later = bench.clock.now()
    assert await bench.broker.fills_since(bench.account, later) == []
    assert await bench.broker.orders_since(bench.account, later) == []
    assert len(await bench.broker.fills_since(bench.account, START)) == 1


# -- cancel -----------------------------------------------------------------------------------


async def test_a_cancelled_order_is_told_and_fills_no_more(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 1, LIMIT, limit="2.05")
    await bench.pass_latency()
    await bench.broker.cancel(bench.account, order.client_order_id)
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "canceled"
    await bench.quote(bench.it, "1.90", "1.95")
    assert await bench.fills(order) == []


async def test_a_fill_may_come_before_the_cancellation_works(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 1, LIMIT, limit="2.05")
    await bench.pass_latency()
    await bench.broker.cancel(bench.account, order.client_order_id)
    await bench.quote(bench.it, "1.90", "1.95")
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "filled"
    assert await bench.position() == 1


async def test_cancelling_twice_is_harmless(bench: Bench) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="2.05")
    await bench.broker.cancel(bench.account, order.client_order_id)
    await bench.broker.cancel(bench.account, order.client_order_id)
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "canceled"
    assert len(await bench.broker.orders_since(bench.account, START)) == 1


async def test_an_order_that_is_over_cannot_be_cancelled(bench: Bench) -> None:
    await bench.quote(bench.it, "2.00", "2.10")
    order = await bench.submit(BUY, 1)
    await bench.pass_latency()
    with pytest.raises(OrderRejected):
        await bench.broker.cancel(bench.account, order.client_order_id)


async def test_an_order_that_is_not_known_cannot_be_cancelled(bench: Bench) -> None:
    with pytest.raises(OrderRejected):
        await bench.broker.cancel(bench.account, bench.id())
    assert await bench.broker.open_orders(bench.account) == []


async def test_an_order_cannot_be_cancelled_through_another_account(bench: Bench) -> None:
    other = bench.second_account()
    order = await bench.submit(BUY, 1, LIMIT, limit="2.05")
    with pytest.raises(OrderRejected):
        await bench.broker.cancel(other, order.client_order_id)
    await bench.pass_latency()
    assert (await bench.seen(order)).state == "accepted"


# -- replace ----------------------------------------------------------------------------------


async def test_a_replacement_works_instead_of_the_old_order(bench: Bench) -> None:
    bench.needs(has_replace=True)
    await bench.quote(bench.it, "2.00", "2.10")
    old = await bench.submit(BUY, 2, LIMIT, limit="1.90")
    new = bench.request(BUY, 2, LIMIT, limit="2.05")
    report = await bench.broker.replace(bench.account, old.client_order_id, new)
    assert report.client_order_id == new.client_order_id
    assert (await bench.seen(old)).state == "replaced"
    await bench.pass_latency()
    await bench.quote(bench.it, "1.80", "1.85")
    assert await bench.fills(old) == []
    assert [fill.qty for fill in await bench.fills(new)] == [D(2)]


async def test_a_replacement_counts_what_was_filled_before(bench: Bench) -> None:
    bench.needs(has_replace=True, replaces_qty=True)
    await bench.quote(bench.it, "2.00", "2.10", sizes=(9, 3))
    old = await bench.submit(BUY, 10, LIMIT, limit="2.10")
    await bench.pass_latency()
    new = bench.request(BUY, 8, LIMIT, limit="2.20")
    report = await bench.broker.replace(bench.account, old.client_order_id, new)
    assert (report.qty, report.filled) == (D(8), D(3))
    await bench.pass_latency()
    await bench.quote(bench.it, "2.00", "2.10", sizes=(9, 99))
    assert sum(fill.qty for fill in await bench.fills(new)) == 5
    seen = await bench.seen(new)
    assert (seen.state, seen.filled) == ("filled", D(8))
    assert await bench.position() == 8


@pytest.mark.parametrize("qty", [3, 2])
async def test_a_replacement_to_what_is_filled_cancels_the_rest(bench: Bench, qty: int) -> None:
    bench.needs(has_replace=True, replaces_qty=True)
    await bench.quote(bench.it, "2.00", "2.10", sizes=(9, 3))
    old = await bench.submit(BUY, 10, LIMIT, limit="2.10")
    await bench.pass_latency()
    new = bench.request(BUY, qty, LIMIT, limit="2.20")
    report = await bench.broker.replace(bench.account, old.client_order_id, new)
    assert (report.state, report.filled) == ("filled", D(3))
    await bench.pass_latency()
    await bench.quote(bench.it, "2.00", "2.10", sizes=(9, 99))
    assert await bench.position() == 3
    assert await bench.broker.open_orders(bench.account) == []


async def test_a_refused_replacement_leaves_the_old_order_working(bench: Bench) -> None:
    bench.needs(has_replace=True)
    await bench.quote(bench.it, "2.00", "2.10")
    old = await bench.submit(BUY, 1, LIMIT, limit="2.05")
    bad = (
        bench.request(BUY, 1, LIMIT, limit="2.005"),
        bench.request(SELL, 1, LIMIT, limit="2.50"),
        bench.request(BUY, 1, LIMIT, bench.it2, limit="2.00"),
        bench.request(BUY, 100_000, LIMIT, limit="2.00"),
        bench.request(BUY, 1, LIMIT, limit="2.00", client_order_id=old.client_order_id),
        bench.request(BUY, 1, LIMIT, limit="2.00", account="nobody"),
    )
    for new in bad:
        with pytest.raises(OrderRejected):
            await bench.broker.replace(bench.account, old.client_order_id, new)
    await bench.pass_latency()
    await bench.quote(bench.it, "1.80", "1.85")
    assert (await bench.seen(old)).state == "filled"


async def test_an_order_that_is_over_cannot_be_replaced(bench: Bench) -> None:
    bench.needs(has_replace=True)
    await bench.quote(bench.it, "2.00", "2.10")
    old = await bench.submit(BUY, 1)
    await bench.pass_latency()
    new = bench.request(BUY, 2, LIMIT, limit="2.00")
    with pytest.raises(OrderRejected):
        await bench.broker.replace(bench.account, old.client_order_id, new)
    assert await bench.broker.open_orders(bench.account) == []
    assert await bench.position() == 1


async def test_a_stop_can_be_moved_by_replacing_it(bench: Bench) -> None:
    bench.needs(has_replace=True, type=STOP)
    await bench.hold(2)
    old = await bench.submit(SELL, 2, STOP, stop="1.50", reduces=True)
    await bench.pass_latency()
    new = bench.request(SELL, 2, STOP, stop="1.80", reduces=True)
    await bench.broker.replace(bench.account, old.client_order_id, new)
    await bench.pass_latency()
    await bench.quote(bench.it, "1.79", "1.85")
    assert (await bench.seen(new)).state == "filled"
    assert await bench.position() == 0


# -- events -----------------------------------------------------------------------------------


async def test_the_stream_starts_by_saying_that_it_is_up(bench: Bench) -> None:
    bench.promises(has_stream=True)
    assert isinstance(bench.told[0], StreamUp)


async def test_every_fill_and_every_change_is_told(bench: Bench) -> None:
    bench.promises(has_stream=True)
    await bench.quote(bench.it, "2.00", "2.10", sizes=(9, 1))
    order = await bench.submit(BUY, 2)
    await bench.pass_latency()
    await bench.quote(bench.it, "2.00", "2.10", sizes=(9, 1))
    assert bench.told_states(order)[-2:] == ["partial", "filled"]
    assert [gist(f) for f in bench.told_fills()] == [gist(f) for f in await bench.fills()]


async def test_a_cancellation_is_told(bench: Bench) -> None:
    bench.promises(has_stream=True)
    order = await bench.submit(BUY, 1, LIMIT, limit="2.05")
    await bench.broker.cancel(bench.account, order.client_order_id)
    await bench.pass_latency()
    assert bench.told_states(order)[-1] == "canceled"


async def test_what_is_told_can_be_asked_already(bench: Bench) -> None:
    """A handler that asks back on an event must find what the event said."""
    bench.promises(has_stream=True)
    await bench.quote(bench.it, "2.00", "2.10")
    asked: list[bool] = []
    order = await bench.submit(BUY, 1)
    await bench.pass_latency()
    fills = await bench.fills()
    for event in bench.told:
        if isinstance(event, Filled):
            asked.append(gist(event.fill) in [gist(fill) for fill in fills])
        elif isinstance(event, OrderSeen):
            asked.append((await bench.seen(order)).filled >= event.order.filled)
    assert asked
    assert all(asked)


async def test_closing_ends_the_stream_and_leaves_orders_where_they_are(bench: Bench) -> None:
    order = await bench.submit(BUY, 1, LIMIT, limit="2.00")
    await bench.broker.close()
    await bench.start()
    assert (await bench.seen(order)).state == "accepted"
