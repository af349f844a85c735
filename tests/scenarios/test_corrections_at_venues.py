"""Brokers that tell sums: another average of the same quantity is a correction, with its money."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.domain.order import OrderType, Side
from engine.domain.trade import Execution, LedgerEntry
from engine.flows.brokers import recover
from tests import truth
from tests.conformance.broker_bench import D
from tests.scenarios.test_desk_at_venues import at


async def looked_at(it, times, seconds=6):
    """Compared with the broker, again and again."""
    for _ in range(times):
        await recover.again(it.desk, it.name)
        await it.seconds(seconds)


async def repriced(it):
    """An entry and what it cost, before the venue put ten cents on it."""
    entry = await it.enter()
    await it.seconds(8)
    it.bench.venue.repriced = D("0.10")
    return entry, it.desk.book.trades[entry.trade_id].entry_price


@pytest.mark.parametrize("name", ["etrade", "webull"])
async def test_another_average_of_the_same_quantity_is_booked_as_a_correction(name):
    """The books stood $0.90 apart from the broker's for good."""
    async with at(name) as it:
        entry, was = await repriced(it)
        for seconds, price in ((2, was), (12, was + D("0.10"))):
            await recover.again(it.desk, name)
            await it.seconds(seconds)
            await recover.again(it.desk, name)
            await it.seconds(1)
            assert it.desk.book.trades[entry.trade_id].entry_price == price
        await it.die()
        await it.start()
        await it.seconds(30)
        assert it.desk.book.trades[entry.trade_id].entry_price == was + D("0.10")
        kinds = [e.kind for e in await it.desk.store.find(Execution)]
        assert sorted(kinds) == ["bust", "correct", "fill"]
        await it.protected()


@pytest.mark.parametrize("name", ["etrade", "webull"])
async def test_the_money_of_a_correction_is_no_deposit(name):
    """It was booked as one, and back again ten seconds later: with it the day's start moved."""
    async with at(name) as it:
        await it.enter()
        await it.seconds(8)
        was = it.desk.book.accounts["main"]
        venue = it.bench.venue
        ask = venue.exchange.balance

        async def balance(account):
            told = await ask(account)
            return replace(told, cash_usd=told.cash_usd - D("0.20") * it.bench.it.multiplier)

        venue.exchange.balance, venue.repriced = balance, D("0.10")
        await looked_at(it, 5)
        now = it.desk.book.accounts["main"]
        assert now.deposits_usd == was.deposits_usd
        assert now.cash_usd == was.cash_usd - D("0.20") * it.bench.it.multiplier
        kinds = [e.kind for e in await it.desk.store.find(LedgerEntry)]
        assert sorted(kinds) == ["bust", "correct", "deposit", "fill"]  # that of the first day
        await truth.ledger_identity(it.desk.store)


@pytest.mark.parametrize("name", ["etrade", "webull"])
async def test_what_is_told_otherwise_is_looked_at_again_as_soon_as_it_may_be_believed(name):
    async with at(name) as it:
        entry, was = await repriced(it)
        await looked_at(it, 1, 20)
        assert it.desk.book.trades[entry.trade_id].entry_price == was + D("0.10")


@pytest.mark.parametrize("name", ["etrade", "webull"])
async def test_corrections_of_what_was_traded_by_hand_keep_nothing_from_being_compared(name):
    """What a person traded in the broker's app, and what it was corrected to, is his to undo."""
    async with at(name) as it:
        request = it.bench.request(Side.BUY, 2, OrderType.LIMIT, limit="2.02")
        number = it.bench.numbers["main"]
        by_hand = replace(request, client_order_id="by-hand-1", account=number)
        await it.bench.venue.exchange.submit(by_hand)
        await it.seconds(4)
        await looked_at(it, 1, 4)
        held = it.ours()
        for by in ("0.10", "0.20"):
            it.bench.venue.repriced = D(by)
            await looked_at(it, 5)
            assert not it.desk.gates
            assert it.ours() == held == await it.held()
        told = [n.text for n in it.desk.book.notices.values() if "made outside" in n.text]
        assert len(told) == 2


def tells(it, price, cash):
    """The venue says its entries so much dearer, and so much less cash."""
    exchange = it.bench.venue.exchange
    plain, each, money = (
        type(exchange).fills_since,
        type(exchange).fills_of,
        type(exchange).balance,
    )

    def dearer(fills):
        return [replace(f, price=f.price + price) if f.side is Side.BUY else f for f in fills]

    async def fills_since(account, since):
        return dearer(await plain(exchange, account, since))

    async def fills_of(order_id):
        return dearer(await each(exchange, order_id))

    async def balance(account):
        told = await money(exchange, account)
        return replace(told, cash_usd=told.cash_usd - cash)

    exchange.fills_since, exchange.fills_of, exchange.balance = fills_since, fills_of, balance


@pytest.mark.parametrize("name", ["alpaca", "schwab", "tastytrade"])
async def test_an_execution_told_later_at_another_price_with_its_money_was_corrected(name):
    """The money passed for taken out of the account, and the trade stood wrong for good."""
    async with at(name) as it:
        entry = await it.enter()
        await it.seconds(8)
        was = it.desk.book.accounts["main"]
        price = it.desk.book.trades[entry.trade_id].entry_price
        for n in (1, 2):
            tells(it, D("0.10") * n, 20 * n)
            await looked_at(it, 2)
            assert it.desk.book.trades[entry.trade_id].entry_price == price + D("0.10") * n
        await it.die()
        await it.start()
        await looked_at(it, 2)
        now = it.desk.book.accounts["main"]
        assert (now.deposits_usd, now.cash_usd) == (was.deposits_usd, was.cash_usd - 40)
        kinds = [e.kind for e in await it.desk.store.find(Execution)]
        assert kinds == ["fill", "bust", "correct", "bust", "correct"]
        told = [n for n in it.desk.book.notices.values() if "was corrected from" in n.text]
        assert len(told) == 2
        await it.protected()
        await truth.memory_equals_disk(it.desk)
        await truth.ledger_identity(it.desk.store)


@pytest.mark.parametrize(("price", "cash"), [("0.10", 0), ("0.10", 21), ("0", 20)])
@pytest.mark.parametrize("name", ["schwab", "tastytrade"])
async def test_another_price_that_does_not_fit_the_money_corrects_nothing(name, price, cash):
    async with at(name) as it:
        await it.enter()
        await it.seconds(8)
        was = it.desk.book.accounts["main"].deposits_usd
        tells(it, D(price), cash)
        await looked_at(it, 3)
        assert it.desk.book.accounts["main"].deposits_usd == was - cash
        assert [e.kind for e in await it.desk.store.find(Execution)] == ["fill"]
        await truth.ledger_identity(it.desk.store)


# -- taken back, and booked anew under another id -----------------------------------------------


async def booked_anew(it, more):
    """The venue's lists have the entry's execution under another id, ``more`` dear."""
    exchange, number = it.bench.venue.exchange, it.bench.numbers["main"]
    (old,) = await exchange.fills_since(number, it.bench.clock.now() - timedelta(days=1))
    new = replace(old, execution_id=f"{old.execution_id}-anew", price=old.price + more)
    ask = {name: getattr(exchange, name) for name in ("fills_since", "fills_of", "balance")}

    def told(fills):
        return [new if fill.execution_id == old.execution_id else fill for fill in fills]

    async def fills_since(account, since):
        return told(await ask["fills_since"](account, since))

    async def fills_of(name):
        return told(await ask["fills_of"](name))

    async def balance(account):
        said = await ask["balance"](account)
        is_paid = account == number and old.instrument.kind != "future"
        paid = old.instrument.notional(more, old.qty) if is_paid else D(0)
        return replace(said, cash_usd=said.cash_usd - paid)

    exchange.fills_since, exchange.fills_of, exchange.balance = fills_since, fills_of, balance


@pytest.mark.parametrize("name", ["alpaca", "schwab", "tastytrade", "topstepx"])
async def test_what_is_booked_anew_under_another_id_is_a_correction_and_never_held_twice(name):
    """Twice as much was booked as was held, and the stop would have sold it, for ten seconds."""
    async with at(name) as it:
        entry = await it.enter()
        await it.seconds(8)
        was = it.desk.book.trades[entry.trade_id].entry_price
        more = D("0.25") if it.bench.it.kind == "future" else D("0.10")
        await booked_anew(it, more)
        for _ in range(6):
            await recover.again(it.desk, name)
            await it.seconds(4)
            assert it.ours() == await it.held() == 2
            live = [o for o in await it.exits_at_venue() if o.state in ("accepted", "partial")]
            assert sum(o.qty for o in live) == 2
        assert it.desk.book.trades[entry.trade_id].entry_price == was + more
        told = [n.text for n in it.desk.book.notices.values() if "was corrected" in n.text]
        assert len(told) == 1
        await it.die()
        await it.start()
        await it.seconds(8)
        assert it.desk.book.trades[entry.trade_id].entry_price == was + more
        await it.protected()
        await it.true()
