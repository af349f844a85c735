"""A way out that is a limit because its broker takes no market order, and a market that runs."""

from dataclasses import replace

import pytest

from engine.domain.errors import OrderRejected
from engine.domain.order import Order, OrderState, OrderType, Purpose, Side
from engine.flows import sweep
from engine.flows.acts import flatten
from engine.flows.brokers import recover
from engine.flows.orders import just_taken
from tests import truth
from tests.conformance.broker_bench import CALL, HIGH_CALL, D
from tests.scenarios.test_desk_at_venues import TRADER, Outside, at
from tests.scenarios.test_lone_legs import LEGS, QUOTES, at_venue, go, told


def put(it: Outside, quotes) -> None:
    for instrument, prices in quotes.items():
        it.bench.board.put(it.bench.quote_of(instrument, *prices))


def of(low: str, high: str):
    return {CALL: (low, low), HIGH_CALL: (high, high)}


async def spread(it: Outside, side: Side = Side.BUY, stop: str = "0.50") -> Order:
    put(it, QUOTES)
    limit = "1.20" if side is Side.BUY else "0.90"
    order = await it.written(LEGS, 1, D(limit), D(stop))
    if side is Side.SELL:
        trade = it.desk.book.trades[order.trade_id]
        trade = replace(trade, direction=-1, version=trade.version + 1)
        order = replace(order, side=side, version=order.version + 1)
        await it.desk.commit(it.desk.event("entry2", trade.alert_id, trade, order))
    await just_taken.submit(it.desk, order)
    await go(it, 8)
    (held,) = it.desk.book.open_trades()
    assert held.qty_open == 1
    return order


def closes(it: Outside, trade_id: str) -> list[Order]:
    own = it.desk.book.orders_of(trade_id)
    return [order for order in own if order.purpose is Purpose.CLOSE]


@pytest.mark.parametrize(
    ("side", "stop", "reached", "far"),
    [
        (Side.BUY, "0.50", of("1.40", "0.91"), of("0.60", "0.50")),
        (Side.SELL, "2.00", of("3.10", "1.00"), of("4.60", "1.50")),
    ],
)
async def test_a_stop_of_a_spread_that_the_market_runs_past_is_filled_all_the_same(
    side, stop, reached, far
):
    """It rested at its first limit for the rest of the day, as good as protected, and no word."""
    async with at("schwab") as it:
        await spread(it, side, stop)
        put(it, reached)
        await it.rest()
        await sweep.run(it.desk)
        await it.rest()
        await go(it, 40, far)
        assert await at_venue(it) == {}
        assert not it.desk.book.open_trades()
        assert told(it, "was left behind by the market")
        report = await recover.on_demand(it.desk)
        assert not [line for a in report.accounts if a.compared for line in a.compared.differences]
        await truth.memory_equals_disk(it.desk)
        await truth.ledger_identity(it.store)


async def test_a_way_out_whose_cancel_is_refused_is_asked_for_later_and_later(monkeypatch):
    """Each second one more would use up the minute that other exits leave in."""
    async with at("schwab") as it:
        await spread(it)
        monkeypatch.setattr("engine.brokers.paper.match.Touch.units", lambda *_: D(0))
        await flatten.run(it.desk, TRADER)
        asked = []

        async def refused(_account, order_id):
            asked.append(order_id)
            raise OrderRejected("400", "not now")

        monkeypatch.setattr(it.bench.broker, "cancel", refused)
        await go(it, 40, of("0.60", "0.50"))
        assert 3 <= len(asked) <= 10


async def test_what_nobody_takes_even_for_money_is_not_sent_again_and_again(monkeypatch):
    async with at("schwab") as it:
        entry = await spread(it, stop="0.05")
        put(it, of("0.04", "0.03"))
        monkeypatch.setattr("engine.brokers.paper.match.Touch.units", lambda *_: D(0))
        await flatten.run(it.desk, TRADER)
        n_acts = it.bench.venue.log.n_acts
        await go(it, 60, {CALL: ("0.02", "0.03"), HIGH_CALL: ("0.04", "0.05")})
        (close,) = closes(it, entry.trade_id)
        assert (close.type, close.limit) == (OrderType.LIMIT, D("-0.09")), "a tenth below the mid"
        assert it.bench.venue.log.n_acts == n_acts


async def test_a_way_out_that_rests_in_a_market_as_wide_as_none_is_told_once():
    """It goes a fifth beyond the mid at most, counts as a way out, and nobody was called."""
    async with at("schwab") as it:
        entry = await spread(it)
        wide = {CALL: ("1.40", "2.60"), HIGH_CALL: ("0.40", "1.60")}
        put(it, wide)
        await flatten.run(it.desk, TRADER)
        await go(it, 4, wide)
        assert not told(it, "its way out rests at")
        await go(it, 30, wide)
        (close,) = closes(it, entry.trade_id)
        assert (close.state, close.limit) == (OrderState.ACCEPTED, D("0.80"))
        said = [n for n in it.desk.book.notices.values() if "its way out rests at" in n.text]
        assert len(said) == 1
        assert "rests at 0.80, and the market stands at -0.20" in said[0].text
        await go(it, 10)
        assert not it.desk.book.open_trades(), "and fills as soon as the market comes back"


async def test_a_way_out_that_can_still_be_had_stays_where_it_is(monkeypatch):
    async with at("schwab") as it:
        entry = await spread(it)
        monkeypatch.setattr("engine.brokers.paper.match.Touch.units", lambda *_: D(0))
        await flatten.run(it.desk, TRADER)
        await go(it, 30)
        assert len(closes(it, entry.trade_id)) == 1
        assert not told(it, "left behind")


async def test_a_leg_that_nobody_bids_for_keeps_no_spread_from_being_closed():
    """M-02: such a quote is no price for a stop or a target, and the way out needs none but it."""
    async with at("schwab") as it:
        entry = await spread(it)
        it.bench.clock.advance(float(it.desk.settings.max_quote_age_s) + 1)
        put(it, {CALL: ("1.40", "1.45"), HIGH_CALL: ("0.00", "0.05")})
        assert it.desk.quote(entry.legs) is None
        await flatten.run(it.desk, TRADER)
        await it.rest()
        (close,) = closes(it, entry.trade_id)
        assert (close.type, close.state) == (OrderType.LIMIT, OrderState.ACCEPTED)
        assert close.limit < D("1.35"), "what is sold has that bid, what is bought back that ask"
