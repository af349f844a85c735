"""Coins behind Alpaca's adapter: parts of parts, fees taken out of the coin, stops by the desk."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from engine.domain.instrument import crypto
from engine.domain.order import Order, OrderState, PlannedTarget, Purpose, Tif
from engine.domain.quote import Leg
from engine.flows.acts import flatten
from engine.flows.brokers import recover
from engine.flows.orders import call_off, just_taken
from engine.flows.trades import manage
from tests import truth
from tests.conformance.alpaca_bench import bench as alpaca_bench
from tests.conformance.broker_bench import D
from tests.scenarios.test_desk_at_venues import TRADER, Outside
from tests.venues.alpaca import Refused

BTC, ETH = crypto("BTC"), crypto("ETH")


@asynccontextmanager
async def coins():
    bench = alpaca_bench("crypto", it=BTC, it2=ETH)
    await bench.open_venue()
    plain = bench.venue._request

    def checked(name, body):
        if -D(body["qty"]).as_tuple().exponent > 9:
            raise Refused(422, 42210000, "qty must be limited to 9 decimal places")
        return plain(name, body)

    bench.venue._request = checked
    it = Outside(bench, "alpaca")
    try:
        await it.start()
        it.quote("2.00", "2.01")
        await it.seconds(2)
        yield it
    finally:
        it.pump.cancel()
        await asyncio.gather(it.pump, return_exceptions=True)
        await it.desk.stop_tasks()
        await bench.stop()


async def entered(it, qty, targets=(), filled=None, monkeypatch=None):
    order = await it.written((Leg(instrument=BTC),), 1, D("2.02"), D("1.50"))
    trade = it.desk.book.trades[order.trade_id]
    trade = replace(trade, qty_wanted=D(qty), targets=targets, version=trade.version + 1)
    order = replace(order, qty=D(qty), tif=Tif.GTC, version=order.version + 1)
    await it.desk.commit(it.desk.event("entry2", trade.alert_id, trade, order))
    if filled is None:
        await just_taken.submit(it.desk, order)
        await it.seconds(5)
    else:
        with monkeypatch.context() as market:
            market.setattr("engine.brokers.paper.match.Touch.units", lambda *_: D(filled))
            await just_taken.submit(it.desk, order)
            await it.seconds(1)
        await it.seconds(1, "2.50", "2.60")
        await call_off.ask_cancel(it.desk, it.order(order), "enough")
        await it.seconds(4, "2.50", "2.60")
    return it.order(order)


async def over(it, bid="2.00", ask="2.01"):
    assert await it.held() == it.ours() == 0
    assert not it.desk.book.open_trades()
    await truth.memory_equals_disk(it.desk)
    await truth.ledger_identity(it.store)


@pytest.mark.parametrize("percent", ["33", "66.7", "50", "1"])
async def test_a_share_of_a_coin_is_closed_in_no_finer_parts_than_are_taken(percent):
    async with coins() as it:
        entry = await entered(it, "0.123456789")
        assert it.order(entry).state is OrderState.FILLED
        await manage.close(it.desk, entry.trade_id, TRADER, percent=D(percent))
        await it.seconds(6)
        left = D("0.123456789") * (100 - D(percent)) / 100
        assert abs(it.ours() - left) < D("0.000000002")
        assert it.ours() == await it.held()
        await manage.close(it.desk, entry.trade_id, TRADER)
        await it.seconds(6)
        await over(it)


async def test_the_targets_of_a_partly_filled_coin_can_be_sold_and_its_stop_too(monkeypatch):
    async with coins() as it:
        targets = (
            PlannedTarget(price=D("2.90"), qty=D("0.02")),
            PlannedTarget(price=D("3.50"), qty=D("0.04")),
        )
        await entered(it, "0.06", targets, "0.0133", monkeypatch)
        assert it.ours() == await it.held() == D("0.0266")
        await it.seconds(8, "2.95", "2.96")
        assert await it.held() == it.ours() == D("0.0266") - D("0.008866667")
        await it.seconds(8, "1.40", "1.41")
        await over(it)


@pytest.mark.parametrize("fault", ["accept_then_hang", "accept_then_504", "cut_json", "reject_500"])
async def test_a_coin_is_sold_once_whatever_becomes_of_the_answer(fault):
    async with coins() as it:
        await entered(it, "0.123456789")
        it.bench.impatient(0.3)
        setattr(it.bench.venue.faults, fault, 1)
        await flatten.run(it.desk, TRADER)
        await it.seconds(40)
        closes = [o for o in await it.store.find(Order) if o.purpose is Purpose.CLOSE]
        assert sum(o.filled for o in closes) == D("0.123456789")
        assert await it.held() == it.ours() == 0
        await over(it)


async def test_the_desk_watches_the_stop_of_a_coin_and_sells_what_arrived():
    async with coins() as it:
        await entered(it, "0.123456789")
        (trade,) = it.desk.book.open_trades()
        assert trade.is_unprotected_since is None
        assert not [o for o in it.desk.book.orders.values() if o.purpose is Purpose.STOP]
        await it.seconds(10, "1.40", "1.41")
        await over(it)


def arrives(it, less):
    """So much less is held than was bought."""
    exchange = it.bench.venue.exchange
    positions = exchange.positions

    async def left(number):
        rows = [p for p in await positions(number) if p.qty]
        return [replace(p, qty=p.qty - D(less)) for p in rows if p.qty > D(less)]

    exchange.positions = left


async def test_a_fee_that_leaves_finer_parts_than_can_be_ordered_keeps_no_coin_from_being_sold():
    """Every way out was refused for its decimal places, a stop's as well, and for ever."""
    async with coins() as it:
        arrives(it, "0.00030864197")
        entry = await entered(it, "0.123456789")
        for _ in range(2):
            await recover.on_demand(it.desk)
            await it.seconds(3)
        assert it.ours() == D("0.123148147"), "of 0.12314814703"
        assert it.desk.compared["main"].differences == ()
        await flatten.run(it.desk, TRADER)
        await it.seconds(6)
        (close,) = [o for o in await it.store.find(Order) if o.purpose is Purpose.CLOSE]
        assert (close.state, close.filled) == (OrderState.FILLED, D("0.123148147"))
        assert entry.trade_id not in it.desk.book.trades


async def test_dust_of_a_coin_is_no_position():
    """It stood bare, was counted against limits, and no close of all could ever end it."""
    async with coins() as it:
        exchange, bench = it.bench.venue.exchange, it.bench
        await entered(it, "0.01")
        (like,) = [p for p in await exchange.positions(bench.numbers["main"]) if p.qty]
        await flatten.run(it.desk, TRADER)
        await it.seconds(6)

        async def dust(_number):
            return [replace(like, qty=D("0.0000000004"))]

        exchange.positions = dust
        for _ in range(2):
            await recover.on_demand(it.desk)
            await it.seconds(3)
        assert not it.desk.book.trades
        assert it.desk.compared["main"].differences == ()
