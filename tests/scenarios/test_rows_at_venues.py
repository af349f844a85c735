"""Rows of faults.md, over every adapter at its venue on loopback.

O-01 deaths, O-12 overfills, O-13 parts, O-15 orphans, O-21 fills in flight, O-25 refusals,
O-26 spreads, M-07 splits, X-05 secrets.
"""

import asyncio
import json
from dataclasses import replace

import pytest

from engine.brokers import OrderRequest
from engine.domain.errors import OrderRejected
from engine.domain.order import Order, OrderState, OrderType, Purpose, Side
from engine.domain.quote import Leg
from engine.domain.trade import Execution, StopPlan, Trade, TradeState
from engine.flows.acts import flatten
from engine.flows.brokers import recover
from engine.flows.exits import settle
from engine.flows.holdings import capable, splits
from engine.flows.orders import call_off, doubt
from engine.flows.trades import manage
from engine.orders import request_of
from engine.store import REGISTERS
from tests import truth
from tests.conformance.broker_bench import BROKERS, D
from tests.rig import ADMIN
from tests.scenarios.test_desk_at_venues import NAMES, Outside, at

STOCKS = sorted(name for name in BROKERS if name.endswith(" stock"))
LIVE = ("accepted", "partial")


async def waiting(it: Outside, qty: int = 2) -> Order:
    """An entry at the broker, and a market that does not fill it."""
    it.quote("2.50", "2.60")
    entry = await it.enter(qty)
    assert it.order(entry).state is OrderState.ACCEPTED
    await it.seconds(1, "2.50", "2.60")  # the venue's own delay is over
    return it.order(entry)


async def both_quoted(it: Outside, seconds: int) -> None:
    """Time goes by for a spread."""
    for _ in range(seconds):
        it.bench.board.put(it.bench.quote_of(it.bench.it2, "1.00", "1.00"))
        await it.seconds(1, "2.00", "2.00")


def told(it: Outside, words: str) -> bool:
    return any(words in n.text for n in it.desk.book.notices.values())


# -- quantities that nobody ordered ---------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
async def test_an_overfill_is_booked_flagged_told_and_protected(name, monkeypatch):  # O-12
    async with at(name) as it:
        entry = await waiting(it)
        with monkeypatch.context() as market:
            market.setattr("engine.brokers.paper.match.Touch.units", lambda *_: D(3))
            it.quote("2.00", "2.01")
            await it.bench.venue.exchange.settle()
        await it.seconds(20)
        assert await it.held() == 3
        assert it.ours() == 3, "an execution is a fact"
        assert (await it.desk.order(entry.order_id)).is_flagged
        assert told(it, "A fill that nobody expected")
        await it.protected()
        await it.true()


@pytest.mark.parametrize("name", NAMES)
async def test_a_part_whose_rest_is_cancelled_has_a_stop_of_its_size(name):  # O-13
    async with at(name) as it:
        entry = await waiting(it, qty=10)
        it.bench.board.put(it.bench.quote_of(it.bench.it, "2.00", "2.01", sizes=(3, 3)))
        await it.bench.venue.exchange.settle()
        it.quote("2.50", "2.60")
        await it.seconds(5, "2.50", "2.60")
        assert it.ours() == await it.held() == 3
        await it.protected()
        assert await call_off.ask_cancel(it.desk, it.order(entry), "test")
        await it.seconds(8, "2.50", "2.60")
        assert it.desk.book.trades[entry.trade_id].is_entry_over
        assert it.ours() == await it.held() == 3
        await it.protected()
        await it.true()


# -- fills in flight ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
async def test_a_fill_in_flight_beats_the_cancel_and_is_protected(name):  # O-21, O-11
    async with at(name) as it:
        entry = await waiting(it)
        it.bench.venue.faults.drop_frames = 1_000  # nobody tells the desk before it asks
        it.quote("2.00", "2.01")
        await it.bench.venue.exchange.settle()
        await call_off.ask_cancel(it.desk, it.order(entry), "test")
        it.bench.venue.faults.drop_frames = 0
        await it.seconds(20)
        assert len(await it.entries_at_venue()) == 1
        assert it.ours() == await it.held() == 2
        await it.protected()
        await it.true()


@pytest.mark.parametrize("name", NAMES)
async def test_a_stop_that_fills_while_it_is_moved_sells_no_more_than_is_held(name):  # O-21
    async with at(name) as it:
        entry = await it.enter()
        await it.seconds(6)
        await it.protected()
        it.bench.venue.faults.drop_frames = 1_000
        it.quote("1.40", "1.41")  # the stop at 1.50 is hit; nobody has heard of it
        await it.bench.venue.exchange.settle()
        trade = it.desk.book.trades[entry.trade_id]
        if capable.holds_stops(it.desk, trade):
            assert await it.held() == 0
        moved = replace(trade, stop=StopPlan(price=it.bench.px("1.60")), version=trade.version + 1)
        await it.desk.commit(it.desk.event("test", trade.alert_id, moved))
        await manage.close(it.desk, entry.trade_id, ADMIN)
        it.bench.venue.faults.drop_frames = 0
        await it.seconds(45, "1.40", "1.41")
        assert await it.held() == 0, "never short"
        assert not it.desk.book.open_trades()
        assert sum(o.filled for o in await it.exits_at_venue()) == 2
        await it.true()


# -- refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
async def test_a_refused_entry_is_said_once_freed_and_not_repeated(name):  # O-25
    async with at(name) as it:
        number = it.bench.numbers["main"]
        it.bench.venue.exchange._book.cash[number] = D(1)
        n_acts = it.bench.venue.log.n_acts
        entry = await it.enter(qty=2, limit="2.02")
        await it.seconds(20)
        after = await it.desk.order(entry.order_id)
        assert after.state is OrderState.REJECTED, after
        assert after.reason
        assert "not sent" not in after.reason, "it is the broker's own refusal"
        (trade,) = await it.desk.store.find(Trade)
        assert trade.state is TradeState.VOID
        assert not it.desk.book.pending_entries("main"), "nothing is reserved for it any more"
        assert not [o for o in await it.entries_at_venue() if o.state in LIVE]
        assert it.bench.venue.log.n_acts - n_acts <= 2, "sent once (a preview may have come before)"


# -- spreads --------------------------------------------------------------------------------------


def spread_terms(it: Outside):
    caps = it.bench.broker.caps.by_kind.get("spread")
    return caps if caps is not None and caps.max_legs > 1 else None


@pytest.mark.parametrize("name", NAMES)
async def test_a_spread_goes_as_one_order_or_not_at_all(name):  # O-26
    async with at(name) as it:
        n_acts = it.bench.venue.log.n_acts
        entry = await it.enter_spread()
        if spread_terms(it) is None:
            after = await it.desk.order(entry.order_id)
            assert after.state is OrderState.REJECTED, "no two orders for the legs of one unit"
            assert it.bench.venue.log.n_acts == n_acts
            return
        await both_quoted(it, 8)
        legs = {leg.instrument.key: leg.ratio for leg in entry.legs}
        assert {p.instrument.key: p.qty for p in it.desk.book.positions.values()} == legs
        (trade,) = it.desk.book.open_trades()
        assert trade.qty_open == 1
        assert len(await it.bench.at_venue()) == 1, "one order for all legs"
        await manage.close(it.desk, trade.trade_id, ADMIN)
        await both_quoted(it, 12)
        assert not it.desk.book.open_trades()
        assert await it.bench.broker.positions("main") == []
        await it.true()


async def refused(account, client_order_id):
    raise OrderRejected("too_late", "no")


async def test_a_stop_that_is_there_twice_under_one_id_is_there_once_again(monkeypatch):
    """tastytrade takes an id twice: a repeat may stand beside what its lists showed late."""
    async with at("tastytrade stock") as it:
        entry = await it.enter(qty=2)
        await it.seconds(6)
        (stop,) = [o for o in it.desk.book.orders_of(entry.trade_id) if o.purpose is Purpose.STOP]
        await it.bench.broker.submit(request_of(stop))
        assert len([o for o in await it.exits_at_venue() if o.state in LIVE]) == 2
        await it.seconds(7)  # its next look at what works
        assert [o.qty for o in await it.exits_at_venue() if o.state in LIVE] == [2]
        assert told(it, "there twice; it is being cancelled")
        await it.protected()
        await it.seconds(15)
        monkeypatch.setattr(it.bench.broker, "cancel", refused)
        await it.bench.broker.submit(request_of(stop))
        await recover.on_demand(it.desk)
        assert told(it, "could not be cancelled"), "said of this one before, and it stays"


# -- splits ---------------------------------------------------------------------------------------


async def split(it: Outside, new: int, old: int) -> None:
    """Overnight at the broker: another number of shares, and orders from before are gone."""
    exchange, number = it.bench.venue.exchange, it.bench.numbers["main"]
    it.bench.venue.faults.drop_frames = 1_000
    for order in await exchange.open_orders(number):
        await exchange.cancel(number, order.client_order_id)
    it.bench.clock.advance(1)
    await exchange.settle()
    it.bench.venue.faults.drop_frames = 0
    held = exchange._book.holdings[number]
    was = held[it.bench.it.key]
    held[it.bench.it.key] = replace(was, qty=was.qty * new / old)


@pytest.mark.parametrize("name", STOCKS)
async def test_a_split_is_booked_as_one_and_the_stop_follows(name):  # M-07
    async with at(name) as it:
        entry = await it.enter(qty=2)
        await it.seconds(6)
        before = it.desk.book.trades[entry.trade_id]
        cost = sum(lot.qty * lot.price for lot in it.desk.book.positions_of(entry.trade_id)[0].lots)
        n_sold = len([o for o in await it.exits_at_venue() if o.filled])
        await split(it, 4, 1)
        await recover.on_demand(it.desk)
        await it.seconds(8, "")  # long before the open
        await it.seconds(4, "0.50", "0.51")
        trade = it.desk.book.trades[entry.trade_id]
        (held,) = it.desk.book.positions_of(entry.trade_id)
        assert it.ours() == await it.held() == held.qty == 8
        assert sum(lot.qty * lot.price for lot in held.lots) == cost
        assert trade.stop == replace(before.stop, price=D("0.38")), "on a tick, and no looser"
        assert trade.risk_usd == before.risk_usd
        assert trade.realised_usd == before.realised_usd == 0
        assert len([o for o in await it.exits_at_venue() if o.filled]) == n_sold, "nothing was sold"
        assert len(await it.entries_at_venue()) == 1, "nothing was bought"
        assert told(it, "was split 4:1")
        await it.protected()
        await it.true()
        await truth.ledger_identity(it.store)
        await truth.positions_are_sums_of_fills(it.store)
        await manage.close(it.desk, entry.trade_id, ADMIN, percent=D(50))
        await it.seconds(12, "0.50", "0.51")
        assert it.ours() == await it.held() == 4
        await it.true()
        await truth.ledger_identity(it.store)


@pytest.mark.parametrize("sold", ["after", "before"])
@pytest.mark.parametrize("name", STOCKS)
async def test_shares_sold_by_hand_beside_a_split_while_the_desk_was_down(name, sold):  # M-07
    """More than there was seemed sold: the trade lost all of its cost, and what it earned."""
    async with at(name) as it:
        entry = await it.enter(qty=4)
        await it.seconds(6)
        paid = it.desk.book.trades[entry.trade_id].entry_price
        exchange, number = it.bench.venue.exchange, it.bench.numbers["main"]
        await it.die()

        async def by_hand(qty, bid, ask):
            it.quote(bid, ask)
            sale = it.bench.request(Side.SELL, qty, OrderType.LIMIT, limit=bid)
            sale = replace(sale, client_order_id="APP00000000000000002")
            if it.name in ("alpaca", "tastytrade"):  # list what was asked over their interface
                app = it.bench.build(it.bench.venue.url, it.bench.venue.ws_url, it.bench.clock)
                await app.connect()
                await app.submit(sale)
                await app.close()
            else:
                await exchange.submit(replace(sale, account=number))
            it.bench.clock.advance(1)
            it.quote(bid, ask)
            await exchange.settle()

        if sold == "before":
            for order in await exchange.open_orders(number):
                await exchange.cancel(number, order.client_order_id)
            it.bench.clock.advance(1)
            await exchange.settle()
            await by_hand(1, "2.40", "2.41")
        await split(it, 4, 1)
        if sold == "after":
            await by_hand(6, "0.60", "0.61")
        await it.start()
        for _ in range(2):
            await it.seconds(5, "0.60", "0.61")
            await recover.on_demand(it.desk)
        left, gain = (10, 6 * (D("0.60") - paid / 4)) if sold == "after" else (12, D("2.40") - paid)
        assert await it.held() == it.ours() == left
        (trade,) = it.desk.book.open_trades()
        assert trade.trade_id == entry.trade_id
        assert trade.realised_usd == it.desk.book.accounts["main"].realised_usd == gain
        await it.protected()
        await truth.memory_equals_disk(it.desk)
        await truth.ledger_identity(it.store)


@pytest.mark.parametrize("name", ["alpaca stock", "webull stock"])
async def test_no_exit_of_before_a_split_is_sent_while_it_is_being_found(name):  # M-07
    """The old stop, four times as dear as the market, would sell at once."""
    async with at(name) as it:
        await it.enter(qty=2)
        await it.seconds(6)
        await split(it, 4, 1)
        before = {o.client_order_id for o in await it.exits_at_venue()}
        await recover.on_demand(it.desk)
        await it.seconds(8, "0.50", "0.51")
        sent = [o.qty for o in await it.exits_at_venue() if o.client_order_id not in before]
        assert set(sent) == {8}
        assert it.ours() == await it.held() == 8
        await it.protected()


@pytest.mark.parametrize("name", STOCKS)
async def test_a_stop_that_a_split_ends_is_not_sent_anew_at_its_old_price(name):  # M-07
    """A poll hears of its end before any comparison finds the split: it sold all at once."""
    async with at(name) as it:
        entry = await it.enter(qty=2)
        await it.seconds(6)
        (stop,) = [o for o in it.desk.book.orders_of(entry.trade_id) if o.purpose is Purpose.STOP]
        before = {o.client_order_id for o in await it.exits_at_venue()}
        await split(it, 4, 1)
        await doubt.look_up(it.desk, stop.order_id)
        await it.seconds(12, "0.50", "0.51")
        sent = [o.qty for o in await it.exits_at_venue() if o.client_order_id not in before]
        assert set(sent) == {8}
        assert it.ours() == await it.held() == 8
        await it.protected()
        await it.true()


async def test_no_rule_acts_on_a_price_of_after_a_split_before_it_is_booked():  # M-07
    """A start has the new price at once; where questions wait for turns the lists take longer."""
    async with at("webull stock") as it:
        entry = await it.enter(qty=2)
        await it.seconds(6)
        (stop,) = [o for o in it.desk.book.orders_of(entry.trade_id) if o.purpose is Purpose.STOP]
        await split(it, 4, 1)
        splits.hold(it.desk, "main", await it.bench.broker.positions("main"))
        await doubt.look_up(it.desk, stop.order_id)
        for _ in range(40):
            it.bench.clock.advance(1)
            it.quote("0.50", "0.51")
            await settle.look(it.desk, entry.trade_id)
        assert it.order(stop).state is OrderState.CANCELED
        assert not it.desk.book.trades[entry.trade_id].closes, "a stop of before"
        await recover.on_demand(it.desk)
        await it.seconds(12, "0.50", "0.51")
        assert it.ours() == await it.held() == 8
        await it.protected()
        await it.true()


async def test_a_split_that_leaves_parts_of_shares_is_told_and_changes_nothing():  # M-07
    async with at("alpaca stock") as it:
        await it.enter(qty=2)
        await it.seconds(6)
        await split(it, 1, 4)
        await recover.on_demand(it.desk)
        await it.seconds(3)
        assert it.ours() == 2
        assert told(it, "in a way that the books cannot follow")
        assert not [e for e in await it.store.find(Execution) if e.kind == "split"]


async def test_shares_that_were_bought_outside_are_no_split():
    async with at("alpaca stock") as it:
        await it.enter(qty=2)
        await it.seconds(6)
        exchange, number = it.bench.venue.exchange, it.bench.numbers["main"]
        held = exchange._book.holdings[number]
        was = held[it.bench.it.key]
        held[it.bench.it.key] = replace(was, qty=was.qty * 2, cost=was.cost * 2)
        await recover.on_demand(it.desk)
        await it.seconds(3)
        assert it.ours() == 4
        assert {t.source for t in it.desk.book.open_trades()} == {"manual", "external"}
        await asyncio.sleep(0)
        assert not told(it, "was split")
        assert [o for o in it.desk.book.orders.values() if o.purpose is Purpose.STOP]


# -- what is kept of orders -----------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_kept_beside_the_books_is_a_login_or_named_as_a_register(name):
    """Backups take registers along by their names."""
    async with at(name) as it:
        await it.enter()
        await it.seconds(6)
        kept = {n for n in it.bench.tokens.kept if not n.endswith(REGISTERS)}
        assert kept <= {name, f"{name}-token", f"{name}-session"}


# -- death before the request ---------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
async def test_an_entry_that_was_only_written_down_is_never_sent_after_a_restart(name):  # O-01
    async with at(name) as it:
        entry = await it.written()
        await it.die()
        await it.start()
        await it.seconds(45)
        assert await it.entries_at_venue() == []
        after = await it.desk.order(entry.order_id)
        assert after.state in (OrderState.REJECTED, OrderState.UNKNOWN), after
        if after.state is OrderState.UNKNOWN:  # nothing proves it there: a person was called
            assert told(it, "has had no answer")
        assert await it.held() == 0


@pytest.mark.parametrize("name", NAMES)
async def test_a_close_that_was_only_written_down_is_done_once_or_a_person_called(  # O-01
    name, monkeypatch
):
    async with at(name) as it:
        entry = await it.enter()
        await it.seconds(6)
        with monkeypatch.context() as death:

            async def dies(*_, **__):
                await asyncio.Event().wait()

            death.setattr(it.bench.broker, "submit", dies)
            death.setattr(it.bench.broker, "replace", dies)
            death.setattr(it.bench.broker, "cancel", dies)
            closing = asyncio.ensure_future(manage.close(it.desk, entry.trade_id, ADMIN))
            await it.rest()
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
            await it.die()
        starting = asyncio.ensure_future(it.start())
        while not starting.done():  # it waits for the close's end, by its own clock
            it.bench.clock.advance(0.25)
            await asyncio.wait({starting}, timeout=0.1)
        await starting
        it.quote("2.00", "2.01")
        await it.seconds(45)
        sold = sum(o.filled for o in await it.exits_at_venue())
        assert sold in (0, 2), "whole or not at all, and never twice"
        if sold == 0:
            assert told(it, "has had no answer")
            return
        assert await it.held() == 0
        assert not it.desk.book.open_trades()
        await it.true()


# -- closed elsewhere -----------------------------------------------------------------------------


async def unlocked(it: Outside) -> None:
    """The exits at the venue are cancelled, and nobody has heard of it yet."""
    it.bench.venue.faults.drop_frames = 1_000
    for order in await it.exits_at_venue():
        if order.state in LIVE:
            await it.bench.broker.cancel("main", order.client_order_id)
    it.bench.clock.advance(1)
    await it.bench.venue.exchange.settle()


@pytest.mark.parametrize("name", NAMES)
async def test_a_position_closed_in_the_brokers_app_takes_its_stop_along(name):  # O-15
    async with at(name) as it:
        entry = await it.enter()
        await it.seconds(6)
        bench = it.bench
        app = OrderRequest(
            client_order_id=f"APP{bench.id()[3:]}",
            account="main",
            side=Side.SELL,
            legs=(Leg(instrument=bench.it),),
            qty=D(2),
            type=OrderType.MARKET,
            reduces=True,
        )
        if bench.broker.caps.by_kind[bench.it.kind].locks_units:
            await unlocked(it)  # whoever closes by hand takes the stop away first
        await bench.broker.submit(app)  # through the same door, under an id that is none of ours
        bench.venue.faults.drop_frames = 0
        await it.seconds(5)
        await recover.on_demand(it.desk)
        await it.seconds(5)
        assert await it.held() == it.ours() == 0
        assert not [o for o in await it.exits_at_venue() if o.state in LIVE], "no orphan"
        trade = await it.desk.trade(entry.trade_id)
        assert trade.state is TradeState.CLOSED
        await it.true()


# -- what is said ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
async def test_no_secret_and_no_account_number_is_ever_said(name, caplog):
    with caplog.at_level("DEBUG"):
        async with at(name, impatient=0.3) as it:
            faults = it.bench.venue.faults
            await it.enter()
            await it.seconds(6)
            for fault in ("limit_429", "expired_token", "html_502", "cut_json", "reset"):
                setattr(faults, fault, 1)
                await it.enter(qty=1)
                await it.seconds(4)
            faults.unknown_frames = 1
            await flatten.run(it.desk, ADMIN)
            await it.seconds(12)
            said = caplog.text + str(it.desk.health) + str(it.desk.gates)
            said += "".join(n.text for n in it.desk.book.notices.values())
            said += "".join(o.reason for o in await it.store.find(Order))
            secrets = {text for text in it.bench.secrets.values() if len(text) > 5}
            secrets |= {t for t in _tokens(it) if len(t) > 12}
            assert len(secrets) >= 1
            found = [text[:4] for text in secrets if text in said]
            assert not found, "a secret was said"
            assert it.bench.numbers["main"] not in said


def _tokens(it: Outside) -> set[str]:
    """Every token that a login left, however it is written down."""
    kept = [t for n, t in it.bench.tokens.kept.items() if not n.endswith(REGISTERS)]
    found: set[str] = set()
    for text in kept:
        body = json.loads(text) if text.startswith("{") else {"token": text}
        for key, value in body.items():
            if isinstance(value, str) and ("token" in key or "secret" in key):
                found.add(value)
    return found
