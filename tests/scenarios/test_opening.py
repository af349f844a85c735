"""An account with money and holdings of before the desk: its books begin with them."""

from dataclasses import replace

import pytest

from engine.domain.order import OrderType, Side
from engine.flows import sweep
from engine.flows.booking import traded_outside
from engine.flows.limits import facts
from storage.memory import MemoryStore
from tests.conformance.broker_bench import D
from tests.scenarios.test_desk_at_venues import NAMES, Outside, at


async def new_books(it: Outside) -> None:
    """Somebody holds two of the contract and starts the desk for the first time."""
    bench = it.bench
    app = bench.request(Side.BUY, 2, OrderType.LIMIT, limit="2.02")
    await bench.broker.submit(replace(app, client_order_id=f"APP{bench.id()[3:]}"))
    await it.seconds(4)
    assert await it.held() == 2
    await it.die()
    bench.clock.advance(3600)
    it.quote("2.05", "2.06")
    it.store = MemoryStore()
    await it.start()


def notes(it: Outside) -> list[str]:
    return [n.text for n in it.desk.book.notices.values() if n.kind == "note"]


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_there_already_is_taken_over_and_told_in_one_message(name):
    async with at(name) as it:
        await new_books(it)
        await it.seconds(60)
        (trade,) = it.desk.book.open_trades()
        assert (trade.source, trade.qty_open) == ("external", 2)
        cash = it.desk.compared["main"].cash_usd
        assert it.desk.book.accounts["main"].cash_usd == cash
        label = trade.legs[0].instrument.label
        (told,) = notes(it)
        assert told == (
            f"main: its books begin with ${cash:,.2f} in cash at {it.name} and what is held there: "
            f"2 {label}. None of it has a stop of the desk: each has a card to set one, or to "
            "close it."
        )
        assert not it.desk.gates
        await it.true()


async def test_a_day_does_not_begin_before_the_money_that_paid_for_it_is_in_the_books(monkeypatch):
    """Worth next to nothing for seconds, one tick cost it more than a day may: no entries."""
    booked = traded_outside.on_external

    async def on_external(desk, *what, **more):
        done = await booked(desk, *what, **more)
        await sweep.run(desk)  # as it comes each second
        it.quote("1.99", "2.00")
        await sweep.run(desk)
        return done

    monkeypatch.setattr(traded_outside, "on_external", on_external)
    async with at("webull") as it:
        await new_books(it)
        await it.seconds(10, "1.99", "2.00")
        account = it.desk.book.accounts["main"]
        assert account.tripped_on is None
        assert account.day_start_equity_usd is not None
        assert account.day_start_equity_usd > 90_000


async def test_what_is_bought_later_in_the_app_is_told_by_itself():
    async with at("webull") as it:
        await new_books(it)
        await it.seconds(10)
        assert len(notes(it)) == 1
        await it.bench.broker.submit(
            replace(
                it.bench.request(Side.BUY, 1, OrderType.LIMIT, limit="2.02"),
                client_order_id=f"APP{it.bench.id()[3:]}",
            )
        )
        await it.seconds(40)
        assert sum(t.qty_open for t in it.desk.book.open_trades()) == 3
        assert any("was traded outside" in note for note in notes(it))


async def test_after_a_restart_nothing_of_it_is_told_again_and_its_day_goes_on():
    async with at("webull") as it:
        await new_books(it)
        await it.seconds(10)
        before = notes(it)
        await it.die()
        await it.back()
        await it.seconds(20)
        assert notes(it) == before
        assert not it.desk.unopened
        await sweep.run(it.desk)
        assert facts.gather(it.desk, "main").is_reconciled


async def test_an_account_without_a_dollar_is_opened_all_the_same():
    async with at("webull") as it:
        it.bench.venue.exchange._book.cash[it.bench.numbers["main"]] = D(0)
        await it.die()
        it.store = MemoryStore()
        await it.start()
        await it.seconds(3)
        assert not it.desk.unopened
        assert notes(it) == ["main: its books begin with $0.00 in cash at webull."]
