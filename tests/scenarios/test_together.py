"""What befalls many positions at once is told once, and of each: fifty stops are no fifty notes."""

import pytest

from engine.domain.errors import OrderRejected
from engine.domain.order import Purpose, Side
from engine.flows.acts import flatten
from tests.scenarios.test_desk_at_venues import TRADER, at

N = 6


async def opened(it):
    """So many trades, each with its stop, and their ids."""
    for _ in range(N):
        await it.enter(qty=1)
    await it.seconds(10)
    ids = [trade.trade_id for trade in it.desk.book.open_trades()]
    assert len(ids) == N
    return ids


def refuses(it, is_meant):
    """From now on the venue refuses these."""
    exchange = it.bench.venue.exchange
    was = exchange.submit

    async def submit(order):
        if is_meant(order):
            raise OrderRejected("no", "not now")
        return await was(order)

    exchange.submit = submit


def told_of(it, what):
    """The notes that say it, or that say the same of more."""
    return [n.text for n in it.desk.book.notices.values() if what in n.text]


def assert_each_is_named_once(said, names):
    assert len(said) <= 2, said
    assert all(sum(name in text for text in said) == 1 for name in names), said


@pytest.mark.parametrize("name", ["schwab", "topstepx", "webull"])
async def test_stops_that_are_refused_to_many_positions_are_told_once(name):
    async with at(name) as it:
        ids = await opened(it)
        refuses(it, lambda order: order.side is Side.SELL)
        for order in await it.exits_at_venue():
            if order.state == "accepted":
                await it.bench.venue.exchange.cancel(order.account, order.client_order_id)
        await it.seconds(30)
        said = told_of(it, "refused")
        assert_each_is_named_once(said, ids)
        assert_each_is_named_once(told_of(it, "no working stop"), ids)


async def test_everything_is_to_be_closed_and_all_is_refused_and_that_is_told_once():
    async with at("schwab") as it:
        ids = await opened(it)
        refuses(it, lambda order: order.stop is None and order.side is Side.SELL)
        await flatten.run(it.desk, TRADER)
        await it.seconds(30)
        assert_each_is_named_once(told_of(it, "refused"), ids)


async def test_stops_that_one_old_list_lacks_are_told_once():
    async with at("schwab") as it:
        await opened(it)
        stops = [o for o in it.desk.book.orders.values() if o.purpose is Purpose.STOP]
        venue = it.bench.venue

        async def none(*_):
            return []

        venue.exchange.orders_since = venue.exchange.open_orders = none
        it.desk.broker("schwab").find = venue.exchange.find
        await it.seconds(30)
        said = told_of(it, "may not work any more") + told_of(it, "more stops")
        assert_each_is_named_once(said, [stop.order_id for stop in stops])


async def test_one_alone_is_told_at_once_and_the_next_one_too():
    async with at("schwab") as it:
        ids = await opened(it)
        refuses(it, lambda order: order.side is Side.SELL)
        stops = [o for o in await it.exits_at_venue() if o.state == "accepted"]
        for n, order in enumerate(stops[:2], 1):
            await it.bench.venue.exchange.cancel(order.account, order.client_order_id)
            await it.seconds(8)
            assert len(told_of(it, "was refused")) == n
        assert sum(any(i in text for i in ids) for text in told_of(it, "no working stop for")) == 2
