"""Options that a split or a merger makes other ones, behind each adapter at its venue (M-07)."""

from dataclasses import replace
from datetime import timedelta
from fractions import Fraction

import pytest

from engine.domain.compared import PositionGap
from engine.domain.instrument import option, stock
from engine.domain.order import Order, OrderState, Purpose
from engine.domain.trade import TradeState
from engine.flows.booking import renamed
from engine.flows.brokers import recover
from engine.reconcile import CashGap
from tests import truth
from tests.conformance.broker_bench import CALL, HIGH_CALL, MES, SPY, D
from tests.scenarios.test_desk_at_venues import Outside, at
from tests.scenarios.test_lone_legs import held, told

NAMES = ("alpaca", "etrade", "schwab", "tastytrade", "webull")
SPLIT = option("SPY", CALL.expiry, D(60), "C")
ADJUSTED = option("SPY1", CALL.expiry, D(600), "C")


async def changed(it: Outside, now, times: int) -> None:
    """Over night the broker holds another contract in its place, and has ended its stop."""
    exchange = it.bench.venue.exchange
    positions, number = exchange.positions, it.bench.numbers["main"]
    for order in await exchange.open_orders(number):
        await exchange.cancel(number, order.client_order_id)

    async def since(asked):
        return [
            replace(p, instrument=now, qty=p.qty * times, avg_price=p.avg_price / times)
            if p.instrument == it.bench.it and p.qty
            else p
            for p in await positions(asked)
        ]

    exchange.positions = since


@pytest.mark.parametrize(("now", "times"), [(SPLIT, 10), (ADJUSTED, 1)])
@pytest.mark.parametrize("name", NAMES)
async def test_what_bears_another_name_is_held_once_and_keeps_its_stop(name, now, times):
    """It stood in the books under both names, and under the one that is held it was bare."""
    async with at(name) as it:
        entry = await it.enter()
        await it.seconds(8)
        cash = it.desk.book.accounts["main"].cash_usd
        await changed(it, now, times)
        for _ in range(3):
            await recover.on_demand(it.desk)
            await it.seconds(4)
        assert held(it) == {now: 2 * times}
        old = await it.desk.trade(entry.trade_id)
        assert (old.state, old.realised_usd) == (TradeState.CLOSED, -old.fees_usd)
        (trade,) = it.desk.book.open_trades()
        assert trade.source == old.source
        assert trade.stop.price == D("1.50") / times
        assert it.desk.book.accounts["main"].cash_usd == cash
        assert it.desk.compared["main"].differences == ()
        assert told(it, "has that name since a split or a merger. Its stop is")
        stops = [o for o in await it.store.find(Order) if o.purpose is Purpose.STOP]
        live = [o for o in stops if o.legs[0].instrument == now and not o.state.is_terminal]
        sent = [o for o in stops if o.legs[0].instrument == now]
        assert live or all(o.state is OrderState.REJECTED for o in sent), "its venue holds none"
        assert not any(not o.state.is_terminal for o in stops if o.legs[0].instrument == CALL)
        await truth.memory_equals_disk(it.desk)
        await truth.ledger_identity(it.store)


@pytest.mark.parametrize("is_paid", [False, True])
@pytest.mark.parametrize("name", ["etrade stock", "schwab stock", "alpaca stock"])
async def test_shares_that_bear_another_name_keep_their_stop_where_no_money_moved(name, is_paid):
    async with at(name) as it:
        await it.enter()
        await it.seconds(8)
        exchange, meta = it.bench.venue.exchange, stock("META")
        await changed(it, meta, 1)
        if is_paid:
            balance = exchange.balance

            async def more(number):
                said = await balance(number)
                return replace(said, cash_usd=said.cash_usd + 30)

            exchange.balance = more
        for _ in range(2):
            await recover.on_demand(it.desk)
            await it.seconds(3)
        if is_paid:
            assert held(it) == {it.bench.it: 2, meta: 2}, "sold and bought, for all we know"
        else:
            assert held(it) == {meta: 2}
            (trade,) = it.desk.book.open_trades()
            assert trade.stop.price == it.bench.px("1.50")
            assert it.desk.compared["main"].differences == ()


async def test_of_two_that_fit_nothing_is_guessed():
    other = replace(CALL, symbol="SPY2")
    async with at("schwab") as it:
        await it.enter()
        await it.seconds(8)
        (trade,) = it.desk.book.open_trades()
        (position,) = it.desk.book.positions_of(trade.trade_id)
        cost = trade.entry_price

        async def left(*gaps):
            said = CashGap(ours=D(1), theirs=D(2))  # of options it says nothing
            found = await renamed.on_gaps(it.desk, "main", list(gaps), said)
            assert found in ([], list(gaps))
            return found

        gone, come = gap(CALL, 2, 0), gap(ADJUSTED, 0, 2, cost)
        assert await left(gone, gap(other, 2, 0), come)
        assert await left(gone, come, gap(other, 0, 2, cost))
        assert await left(gap(other, 2, 0), come), "it is not held"
        assert await left(gap(CALL, 3, 0), gap(ADJUSTED, 0, 3, cost * 2 / 3)), "nor are three"
        spread = replace(trade, legs=trade.legs * 2)
        over = gap(replace(CALL, expiry=it.desk.clock.now().date() - timedelta(days=1)), 2, 0)
        for old, whose in ((gone, spread), (over, trade)):
            assert not renamed._is_it(it.desk, old, come, [(whose, position)])
        assert not await left(gone, come)
        assert held(it) == {ADJUSTED: 2}


def gap(instrument, ours, theirs, avg_price="0.20"):
    return PositionGap(
        instrument=instrument, ours=D(ours), theirs=D(theirs), avg_price=D(avg_price)
    )


@pytest.mark.parametrize(
    ("old", "new", "ratio"),
    [
        (gap(CALL, 2, 0), gap(SPLIT, 0, 20), Fraction(10)),
        (gap(CALL, -2, 0), gap(SPLIT, 0, -20), Fraction(10)),
        (gap(CALL, 2, 0), gap(ADJUSTED, 0, 2), Fraction(1)),
        (gap(HIGH_CALL, 2, 0), gap(replace(SPLIT, strike=D("201.67")), 0, 6), Fraction(3)),
        (gap(HIGH_CALL, 2, 0), gap(replace(SPLIT, strike=D("201.60")), 0, 6), None),
        (gap(CALL, 2, 0), gap(SPLIT, 0, 2), None),
        (gap(CALL, 2, 0), gap(SPLIT, 0, -20), None),
        (gap(CALL, 2, 1), gap(SPLIT, 0, 20), None),
        (gap(CALL, 2, 0), gap(SPLIT, 3, 20), None),
        (gap(CALL, 2, 0), gap(HIGH_CALL, 0, 2), None),
        (gap(CALL, 2, 0), gap(replace(SPLIT, right="P"), 0, 20), None),
        (gap(CALL, 2, 0), gap(replace(SPLIT, symbol="QQQ"), 0, 20), None),
        (gap(CALL, 2, 0), gap(CALL, 0, 2), None),
        (gap(CALL, 2, 0), gap(SPLIT, 0, 20, "0"), None),
        (gap(CALL, 0, 0), gap(SPLIT, 0, 20), None),
        (gap(CALL, 200, 0), gap(replace(SPLIT, strike=D("597.01")), 0, 201), None),
        (gap(MES, 2, 0), gap(replace(MES, symbol="MES1"), 0, 2), None),
        (gap(SPY, 2, 0), gap(stock("META"), 0, 2), Fraction(1)),
        (gap(SPY, 2, 0), gap(SPY, 0, 2), None),
        (gap(SPY, 2, 0), gap(stock("META"), 0, 3), None),
        (gap(SPY, 2, 0), gap(stock("META"), 0, 2, "0"), None),
        (gap(SPY, 2, 0), gap(CALL, 0, 2), None),
    ],
)
def test_anything_else_is_another_contract(old, new, ratio):
    assert renamed.ratio_of(old, new) == ratio


async def test_what_has_cost_something_else_was_traded():
    async with at("schwab") as it:
        await it.enter()
        await it.seconds(8)
        exchange = it.bench.venue.exchange
        await changed(it, SPLIT, 10)
        plain = exchange.positions

        async def dearer(asked):
            return [replace(p, avg_price=p.avg_price * 2) for p in await plain(asked)]

        exchange.positions = dearer
        for _ in range(3):
            await recover.on_demand(it.desk)
            await it.seconds(4)
        assert held(it) == {CALL: 2, SPLIT: 20}
