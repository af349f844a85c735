"""The paper broker's own exits: trailing with each quote, OCO that cuts down, reduce-only."""

from decimal import Decimal

import pytest

from engine.brokers import BrokerOrder, OrderRequest
from engine.domain.errors import OrderRejected
from engine.domain.order import OrderType, Side, Tif
from tests.conformance.broker_bench import CALL, HIGH_CALL, Bench, paper

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
LIMIT, STOP, TRAILING = OrderType.LIMIT, OrderType.STOP, OrderType.TRAILING


@pytest.fixture
async def bench():
    started = await paper().start()
    yield started
    await started.stop()


async def test_a_trailing_sell_follows_the_best_bid_and_never_back(bench: Bench) -> None:
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
    await bench.hold(1)
    await bench.quote(CALL, "2.00", "2.10")
    order = await bench.submit(SELL, 1, TRAILING, trail="0.50", stop="1.90", reduces=True)
    await bench.pass_latency()
    assert (await bench.seen(order)).stop == D("1.90")
    await bench.quote(CALL, "2.60", "2.70")
    assert (await bench.seen(order)).stop == D("2.10")


async def _pair(
    bench: Bench, qty: int, target: str = "2.50", stop: str = "1.80"
) -> list[BrokerOrder]:
    await bench.hold(qty)
    more = {"oco_group": "exit", "reduces": True, "tif": Tif.GTC}
    orders = [
        await bench.submit(SELL, qty, LIMIT, limit=target, **more),
        await bench.submit(SELL, qty, STOP, stop=stop, **more),
    ]
    await bench.pass_latency()
    return orders


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


async def _bracket(
    bench: Bench, qty: int = 2, **more: object
) -> tuple[BrokerOrder, OrderRequest, OrderRequest]:
    await bench.quote(CALL, "2.00", "2.10")
    target = bench.request(SELL, qty, LIMIT, limit="2.60", tif=Tif.GTC, reduces=True)
    stop = bench.request(SELL, qty, STOP, stop="1.70", tif=Tif.GTC, reduces=True)
    more.setdefault("limit", "2.05")  # type: ignore[attr-defined]
    parent = await bench.submit(BUY, qty, LIMIT, attached=(target, stop), **more)
    return parent, target, stop


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


async def test_a_replaced_entry_keeps_its_children(bench: Bench) -> None:
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
    await bench.quote(CALL, "2.00", "2.10")
    stop = bench.request(SELL, 1, STOP, stop="1.50", oco_group="exit")
    entry = await bench.submit(BUY, 1, LIMIT, limit="2.05", attached=(stop,))
    new = bench.request(BUY, 1, LIMIT, limit="2.06", oco_group="exit")
    with pytest.raises(OrderRejected):
        await bench.broker.replace(bench.account, entry.client_order_id, new)
    assert (await bench.seen(entry)).state == "accepted"


async def test_a_held_stop_can_be_replaced_before_the_entry_fills(bench: Bench) -> None:
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
    await bench.hold(2)
    stop = await bench.submit(SELL, 2, STOP, stop="1.50", tif=Tif.GTC, reduces=True)
    await bench.submit(SELL, 2)
    await bench.pass_latency()
    assert await bench.position() == 0
    assert (await bench.seen(stop)).state == "canceled"
