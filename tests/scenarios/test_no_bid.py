"""An option that nobody bids for: it is worth its ask at most, so it shuts no account."""

from dataclasses import replace

import pytest

from engine.flows.acts import breaker
from engine.flows.limits import facts
from tests import rig as desks
from tests.rig import d, spy

OTHER = spy("600", "P")


@pytest.fixture
async def rig():
    made = await desks.start(risk={"max_per_symbol": {"max_positions": 9}})
    made.quote(spy(), "2.14", "2.16")
    await made.say("BTO 2 SPY 603C 1/31 @ 2.15")
    await made.fill(spy(), "2.14", "2.15")
    assert made.trade().qty_open == 2
    yield made
    await made.close()


async def quoted(rig, seconds, bid, ask):
    for _ in range(seconds):
        rig.quote(spy(), bid, ask)
        rig.quote(OTHER, "1.99", "2.01")
        await rig.pass_time(1)


async def entered(rig):
    """Whether another option is bought."""
    await rig.say("BTO 1 SPY 600P 1/31 @ 2.00")
    return any(o.legs[0].instrument == OTHER for o in rig.desk.book.orders.values())


@pytest.mark.parametrize("bid", ["0", "NaN"], ids=["nobody bids", "no bid is told"])
async def test_its_account_goes_on(rig, bid):
    """A feed need not say 0 where nobody bids; worth nothing at least is what an option always is.

    Nothing is priced by it, though: not a way out either, where somebody may bid.
    """
    await quoted(rig, 70, bid, "0.05")
    way_out = rig.desk.quote(rig.trade().legs, is_way_out=True)
    assert (way_out is not None) is (bid == "0")
    assert await entered(rig)


@pytest.mark.parametrize(("bid", "ask"), [("NaN", "NaN"), ("0", "0"), ("0", "NaN"), ("-1", "1")])
async def test_what_is_no_market_opens_nothing(rig, bid, ask):
    await quoted(rig, 70, bid, ask)
    assert not await entered(rig)


async def test_word_of_long_ago_opens_nothing(rig):
    await quoted(rig, 70, "0", "0.05")
    rig.clock.advance(61)
    rig.quote(OTHER, "1.99", "2.01")
    assert not await entered(rig)


async def test_a_day_that_is_lost_at_the_worst_opens_nothing_and_is_not_shut_for_good(rig):
    """A bid that is away for a moment is no loss yet."""
    account = rig.desk.book.accounts["main"]
    rig.desk.book.accounts["main"] = replace(account, realised_today_usd=d(-2600))
    await quoted(rig, 3, "0", "3.00")
    assert not await entered(rig), "-2,600 and 430 in options are more than 3,000"
    assert breaker.tripped(rig.desk) == []
    await quoted(rig, 1, "2.10", "2.12")
    assert await entered(rig)


async def test_a_sold_one_costs_its_ask(rig):
    (held,) = [p for p in rig.desk.book.positions.values() if p.lots]
    lots = tuple(replace(lot, qty=-lot.qty) for lot in held.lots)
    rig.desk.book.put(replace(held, lots=lots))
    cash = rig.desk.book.accounts["main"].cash_usd
    rig.quote(spy(), "0", "0.05")
    worth = facts.equity_at_least(rig.desk, rig.desk.book.accounts["main"])
    assert worth == cash - 10


@pytest.mark.parametrize(("ask", "most_usd"), [("0.05", 10), ("9.00", None)])
async def test_a_day_begins_when_it_makes_no_difference(rig, ask, most_usd):
    """A start with nothing but such quotes: the most that equity may be counts."""
    rig.board.withdraw(spy())
    rig.quote(spy(), "0", ask)
    account = rig.desk.book.accounts["main"]
    rig.desk.book.accounts["main"] = replace(
        account, session_on=None, day_start_equity_usd=None, other_days=()
    )
    await facts.roll(rig.desk, "main")
    after = rig.desk.book.accounts["main"]
    start = None if most_usd is None else after.cash_usd + most_usd
    assert after.day_start_equity_usd == start
