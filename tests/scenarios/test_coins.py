"""Coins at a broker that takes its fee out of them, and knows no orders of the day."""

from dataclasses import replace

import pytest

from engine.domain.errors import OrderRejected
from engine.domain.instrument import crypto
from engine.domain.order import OrderType, Side, Tif
from engine.domain.trade import TradeState
from engine.flows.acts import flatten
from engine.flows.alerts import manual
from engine.flows.alerts.drafting import Wanted
from tests import rig as desks
from tests import truth
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.rig import ADMIN, LOOSE, TRADER, d

BTC = crypto("BTC")
FEE = d("0.0025")


class CoinBroker(FaultyBroker):
    """Paper as Alpaca trades coins: until cancelled, no stops, less arrives than was bought."""

    def __init__(self, inner):
        super().__init__(inner, Faults())
        self.taken = d(0)
        kinds = dict(inner.caps.by_kind)
        kinds["crypto"] = replace(
            kinds["crypto"],
            tifs=frozenset({Tif.GTC}),
            order_types=frozenset({OrderType.MARKET, OrderType.LIMIT}),
        )
        self.own_caps = replace(inner.caps, by_kind=kinds, tells_fees=False)

    @property
    def caps(self):
        return self.own_caps

    async def positions(self, account):
        held = await super().positions(account)
        return [replace(p, qty=p.qty - self.taken) for p in held if p.qty > self.taken]

    async def submit(self, request):
        if request.tif not in self.caps.by_kind["crypto"].tifs:
            raise OrderRejected("unsupported", f"no {request.tif} orders for crypto")
        held = sum(p.qty for p in await self.positions(request.account))
        if request.side is Side.SELL and request.qty > held:
            raise OrderRejected("40310000", f"insufficient qty available: {held}")
        return await super().submit(request)


@pytest.fixture
async def rig():
    made = []

    def wrap(paper):
        made.append(CoinBroker(paper))
        return made[0]

    desk = await desks.start(wrap=wrap, risk=LOOSE)
    desk.coins = made[0]
    desk.quote(BTC, "59994", "60006")
    yield desk
    await truth.books(desk.desk.store, auto=frozenset({"manual"}))
    await truth.memory_equals_disk(desk.desk)
    await desk.close()


async def quoted(rig, n):
    for _ in range(n):
        rig.quote(BTC, "59994", "60006")
        await rig.pass_time(1)


async def test_a_coin_is_bought_and_all_of_it_that_arrived_is_sold(rig):
    asked = Wanted(side=Side.BUY, symbol="BTC/USD", amount=d("0.02"), stop=d(58800))
    await manual.send(rig.desk, await manual.plan(rig.desk, TRADER, asked), 77)
    rig.coins.taken = d("0.02") * FEE
    await quoted(rig, 5)
    (trade,) = rig.desk.book.open_trades()
    assert trade.qty_open == d("0.01995"), "what is not there cannot be sold"
    assert sum("took its fee out of the coin" in note for note in rig.notes()) == 1
    assert not any("Reconciliation" in note for note in rig.notes()), "told twice"
    await flatten.run(rig.desk, ADMIN)
    await quoted(rig, 5)
    done = await rig.desk.trade(trade.trade_id)
    assert done.state is TradeState.CLOSED
    assert done.realised_usd < -d("0.00005") * d(59000), "the fee is a cost"


async def test_more_than_a_fee_that_is_missing_is_no_fee(rig):
    asked = Wanted(side=Side.BUY, symbol="BTC/USD", amount=d("0.02"), stop=d(58800))
    await manual.send(rig.desk, await manual.plan(rig.desk, TRADER, asked), 77)
    rig.coins.taken = d("0.001")
    await quoted(rig, 5)
    (trade,) = rig.desk.book.open_trades()
    assert trade.qty_open == d("0.02")
    assert any("we hold 0.02" in note for note in rig.notes()), "people are told"
