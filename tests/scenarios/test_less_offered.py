"""A whole life of a desk at brokers that offer less than they publish: told once, traded on."""

import pytest

from engine.domain.errors import BrokerUnavailable, NotOffered
from engine.domain.order import OrderState, Side
from engine.flows.acts import flatten
from engine.flows.alerts import manual
from engine.flows.alerts.drafting import Wanted, draft
from engine.flows.trades import manage
from tests.conformance.broker_bench import START, D
from tests.scenarios.test_desk_at_venues import TRADER, at

LESS = [
    ("alpaca", "/account/activities", "it lists no executions"),
    ("tastytrade", "/api-quote-tokens", ""),
    ("tastytrade", "/trading-status", ""),
    ("tastytrade", "/transactions", "it offers no transactions"),
    ("tastytrade", "/orders/dry-run", "it offers no dry run"),
    ("tastytrade", "/orders/live", ""),
    ("topstepx", "/api/Contract/available", ""),
    ("topstepx", "/api/Trade/search", "it lists no executions"),
    ("webull", "/historical-orders/list", "it lists no orders that are over"),
    ("webull", "/orders/get", ""),
    ("webull", "/auth/tokens/check", ""),
]
"""Broker, end of the path, what an admin is told (nothing where nothing is lost)."""


@pytest.mark.parametrize("status", [404, 501, 200])
@pytest.mark.parametrize(("name", "lacks", "told"), LESS)
async def test_what_a_broker_need_not_offer_stops_no_trade(name, lacks, told, status):
    async with at(name, lacks=lacks, lacks_by=status) as it:
        entry = await it.enter()
        await it.seconds(8)
        assert it.order(entry).state is OrderState.FILLED
        assert it.ours() == await it.held() == 2
        await it.protected()
        await manage.close(it.desk, entry.trade_id, TRADER, qty=D(1))
        await it.seconds(10)
        assert it.ours() == await it.held() == 1
        await it.protected()
        await flatten.run(it.desk, TRADER)
        await it.seconds(15)
        assert it.ours() == await it.held() == 0
        await it.true()
        said = [n.text for n in it.desk.book.notices.values()]
        assert sum(told in text for text in said) == 1 or not told
        await it.die()
        await it.start()
        await it.seconds(3)
        assert not it.desk.gates


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("alpaca", "/account/activities"),
        ("tastytrade", "/transactions"),
        ("topstepx", "/api/Trade/search"),
        ("webull", "/historical-orders/list"),
    ],
)
async def test_what_was_answered_before_and_is_gone_is_an_outage(name, lacks):
    async with at(name) as it:
        it.bench.venue.faults.lacks = (lacks,)
        with pytest.raises(NotOffered):
            await it.bench.broker.fills_since("main", it.bench.clock.now())


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("alpaca", "?page_token"),
        ("alpaca", "/v2/orders"),
        ("topstepx", "/api/Order/search"),
        ("webull", "?pagination_key"),
    ],
    ids=lambda said: said.strip("/?").replace("/", " "),
)
async def test_a_list_that_is_there_is_not_left_out_for_what_else_is_missing(name, lacks):
    """A later page, or the orders that its executions are of: nothing is known until it is told."""
    async with at(name) as it:
        it.bench.venue.largest_page = 1
        await it.enter()
        await it.seconds(8)
        await it.die()
        it.bench.venue.faults.lacks = (lacks,)
        await it.start()
        await it.seconds(5)
        assert it.desk.gates
        with pytest.raises(BrokerUnavailable):
            await it.bench.broker.fills_since("main", START)
        it.bench.venue.faults.lacks = ()
        await it.seconds(60)
        assert not it.desk.gates
        assert it.ours() == await it.held() == 2
        assert not [n.text for n in it.desk.book.notices.values() if "it lists no" in n.text]


async def test_transactions_that_were_away_at_the_start_tell_of_expiries_again():
    async with at("tastytrade", lacks="/transactions", lacks_by=404) as it:
        broker = it.bench.broker
        assert not broker.caps.tells_ends
        it.bench.venue.faults.lacks = ()
        await broker.fills_since("main", it.bench.clock.now())
        assert broker.caps.tells_ends


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("alpaca", "/positions"),
        ("tastytrade", "/positions"),
        ("topstepx", "/api/Order/searchOpen"),
        ("webull", "/balances/get"),
        ("etrade", "/portfolio.json"),
        ("schwab", "/orders"),
    ],
)
async def test_without_what_safety_hangs_on_no_entry_passes_and_the_place_is_named(name, lacks):
    async with at(name, lacks=lacks, is_ready=False) as it:
        assert it.desk.gate(name)
        assert "nothing there (status 404) at " in (said := await refused(it))
        assert lacks in said


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("alpaca", "/stream"),
        ("tastytrade", "/stream"),
        ("topstepx", "/hubs/user"),
        ("schwab", "/ws"),
    ],
)
async def test_while_no_stream_is_heard_no_entry_passes(name, lacks):
    """One that was refused while its login was under way counted as up, and nobody was told."""
    async with at(name, lacks=lacks, is_ready=False) as it:
        await it.seconds(3)
        assert it.desk.gate(name) == "its stream is down"
        assert "not compared with ours yet (" in await refused(it)
        it.bench.venue.faults.lacks = ()
        await it.seconds(20)
        assert not it.desk.gates


async def refused(it):
    """Why nobody may order one of what the venue trades."""
    thing = it.bench.it
    wanted = Wanted(
        symbol=thing.key,
        side=Side.BUY,
        amount=D(1),
        unit="contracts",
        limit=it.bench.px("2.02"),
        stop=it.bench.px("1.50"),
    )
    return draft(it.desk, await manual.plan(it.desk, TRADER, wanted)).refused
