"""What was done by hand or ended while nobody listened: found once, and nothing made up from it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from engine.brokers import BrokerFill
from engine.brokers.paper.book import Holding
from engine.domain.errors import BrokerUnavailable, Conflict
from engine.domain.instrument import option, stock
from engine.domain.order import OrderState, Side
from engine.domain.trade import LedgerEntry, Trade, TradeState
from engine.flows.booking.fills import on_fill
from engine.flows.brokers import lists, recover
from storage.memory import MemoryStore, MemoryVault
from tests import rig as desks
from tests import truth
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.rig import AAPL, d, spy
from tests.scenarios.faulty_desk import LISTS, nothing

EXPIRY = datetime(2025, 1, 31, 21, 0, tzinfo=UTC)
LAST_DAY = EXPIRY - timedelta(hours=2)
BUY = "BTO 2 SPY 603C 1/31 @ 2.15"


class Told(FaultyBroker):
    """Paper that lists executions by hand as well."""

    def __init__(self, inner, by_hand):
        super().__init__(inner, Faults())
        self.by_hand = by_hand
        self.is_silent_of_ends = False
        self.held = None
        """What ``positions`` shows; None for the truth."""
        self.behind = timedelta(0)
        """How far its clock is behind ours."""

    @property
    def caps(self):
        return replace(self.inner.caps, tells_ends=not self.is_silent_of_ends)

    async def positions(self, account):
        return await super().positions(account) if self.held is None else self.held

    async def fills_since(self, account, since):
        own = await super().fills_since(account, desks.START)
        own = [replace(f, executed_at=f.executed_at - self.behind) for f in own]
        return [f for f in (*own, *self.by_hand) if f.executed_at >= since]


def by_hand(name, side, qty, at, price="200", **more):
    facts = {
        "execution_id": name,
        "client_order_id": "",
        "broker_id": f"M-{name}",
        "account": "main",
        "instrument": AAPL,
        "leg": 0,
        "side": side,
        "qty": d(qty),
        "price": d(price),
        "fee_usd": d(0),
        "executed_at": at,
    }
    return BrokerFill(**(facts | more))


@pytest.fixture
async def opened():
    rigs = []

    async def opening(*fills, **more):
        told = []
        rig = await desks.start(
            wrap=lambda paper: told.append(Told(paper, list(fills))) or told[0],
            **more,
        )
        rig.told, rig.faults = told[0], told[0].faults
        rig.quote(spy(), "2.14", "2.16")
        rigs.append(rig)
        return rig

    yield opening
    for rig in rigs:
        await rig.close()


def held(rig):
    return [(t.symbol, t.direction, t.qty_open) for t in rig.desk.book.open_trades()]


async def looked(rig, n=2):
    for _ in range(n):
        await recover.on_demand(rig.desk)
        await rig.rest()


async def agree(rig):
    assert not [why for part, why in rig.desk.health.items() if part.startswith("reconcile")]
    await truth.books(rig.desk.store, auto=frozenset({"options"}))
    await truth.memory_equals_disk(rig.desk)


# -- before the desk was there, and while it was away -------------------------------------------


async def test_what_was_sold_before_the_first_start_opens_nothing(opened):
    """It was bought before the books began: sold in them it would be held short for ever."""
    sold = by_hand("old", Side.SELL, 100, desks.START - timedelta(hours=20))
    store, vault = MemoryStore(), MemoryVault()
    rig = await opened(sold, store=store, vault=vault)
    await looked(rig)
    assert held(rig) == []
    await agree(rig)
    await rig.close()
    rig.clock.advance(60)
    again = await opened(sold, store=store, vault=vault, clock=rig.clock)
    assert held(again) == [], "and the next start remembers when they began"
    await agree(again)


@pytest.mark.parametrize("is_down", [True, False], ids=["the desk", "the broker"])
async def test_what_was_traded_by_hand_in_days_of_silence_is_read_from_its_beginning(
    opened, is_down
):
    """Of a purchase on Friday and a sale on Monday the last day alone shows a sale."""
    store, vault = MemoryStore(), MemoryVault()
    rig = await opened(store=store, vault=vault)
    left = rig.clock.now()
    rig.clock.advance(3 * 86_400)
    back = rig.clock.now()
    fills = (
        by_hand("w1", Side.BUY, 100, left + timedelta(hours=2)),
        by_hand("w2", Side.SELL, 100, back - timedelta(hours=2), "210"),
    )
    rig.broker._book.cash["main"] += 1000
    if is_down:
        cash = dict(rig.broker._book.cash)
        await rig.close()
        rig = await opened(*fills, store=store, vault=vault, clock=rig.clock)
        rig.broker._book.cash.update(cash)
    rig.told.by_hand = list(fills)
    await looked(rig)
    assert held(rig) == []
    (trade,) = await store.find(Trade)
    assert (trade.state, trade.realised_usd) == (TradeState.CLOSED, 1000)
    assert rig.desk.book.accounts["main"].deposits_usd == 100_000, "it was earned, not put in"
    await agree(rig)


async def test_a_life_that_did_not_reach_its_broker_has_heard_nothing(opened, monkeypatch):
    """It wrote into the journal all the same, which looked as if its broker had been heard."""

    async def silent(self):
        raise BrokerUnavailable("maintenance until Monday")

    store, vault = MemoryStore(), MemoryVault()
    rig = await opened(store=store, vault=vault)
    left = rig.clock.now()
    await rig.close()
    rig.clock.advance(3 * 86_400)
    monkeypatch.setattr(Told, "connect", silent)
    deaf = await opened(store=store, vault=vault, clock=rig.clock)
    await deaf.desk.tell("admin", "still no answer")
    await deaf.close()
    monkeypatch.undo()
    fills = (
        by_hand("w1", Side.BUY, 100, left + timedelta(hours=2)),
        by_hand("w2", Side.SELL, 100, rig.clock.now() - timedelta(hours=2), "210"),
    )
    rig = await opened(*fills, store=store, vault=vault, clock=rig.clock)
    rig.broker._book.cash["main"] += 1000
    await looked(rig)
    assert held(rig) == []
    assert rig.desk.book.accounts["main"].deposits_usd == 100_000, "it was earned, not put in"
    await agree(rig)
    marks = [e for e in await store.events() if e.event.kind == "account.heard"]
    for _ in range(3):
        rig.clock.advance(3600)
        await looked(rig)
    assert len(marks) == 1, "after that silence; not with every look"
    assert marks == [e for e in await store.events() if e.event.kind == "account.heard"]


async def test_a_look_that_cannot_be_booked_ends_no_start(opened, monkeypatch):
    """The same lists would end the next start as well, and what is held has no stops meanwhile."""

    async def fails(desk, name):
        raise Conflict("trades T stands at version 3; version 3 does not follow")

    monkeypatch.setattr(recover, "compare", fails)
    rig = await opened()
    assert "paper" in rig.desk.gates
    monkeypatch.undo()
    rig.clock.advance(60)
    await recover.mend(rig.desk)
    assert not rig.desk.gates
    await agree(rig)


# -- by hand ------------------------------------------------------------------------------------


async def test_more_sold_by_hand_than_was_bought_by_hand_is_the_other_side(opened):  # C-03, O-16
    rig = await opened()
    now = rig.clock.now()
    for fill in (by_hand("e1", Side.BUY, 100, now), by_hand("e2", Side.SELL, 150, now, "210")):
        await on_fill(rig.desk, fill)
    await rig.rest()
    assert held(rig) == [("AAPL", -1, 50)]
    closed, _ = await rig.desk.store.find(Trade)
    assert (closed.state, closed.realised_usd) == (TradeState.CLOSED, 1000)
    await agree(rig)


async def test_a_sale_by_hand_under_the_id_of_a_purchase_by_hand_is_booked_once(opened):
    """Where ids are counted anew: the sale was taken for the purchase told again."""
    rig = await opened()
    now = rig.clock.now()
    bought, sold = by_hand("5", Side.BUY, 100, now), by_hand("5", Side.SELL, 100, now, "210")
    for fill in (bought, sold, bought, sold):
        await on_fill(rig.desk, fill)
        await rig.rest()
    assert held(rig) == []
    (trade,) = await rig.desk.store.find(Trade)
    assert (trade.state, trade.realised_usd) == (TradeState.CLOSED, 1000)
    rig.told.by_hand = [bought, sold]
    rig.broker._book.cash["main"] += 1000
    await looked(rig)
    await agree(rig)


async def test_an_id_of_ours_in_something_else_is_an_execution_of_its_own(opened):
    """Ids that are counted anew, or by two brokers, meet."""
    rig = await opened()
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    (own,) = await rig.broker.fills_since("main", desks.START)
    again = by_hand(own.execution_id, Side.BUY, 100, rig.clock.now())
    for _ in range(2):
        await on_fill(rig.desk, again)
        await rig.rest()
    assert sorted(held(rig)) == [("AAPL", 1, 100), ("SPY", 1, 2)]
    await agree(rig)


# -- lists of different moments -----------------------------------------------------------------


async def test_what_an_order_without_an_answer_has_paid_is_no_money_taken_out(opened):
    """The account's money is ahead of its positions and lists."""
    rig = await opened()
    rig.faults.unknown_after_accept, rig.faults.drop_events, rig.faults.unclear = 1, 99, 99
    await rig.say(BUY)
    for name in LISTS:
        setattr(rig.told, name, nothing)
    rig.told.held = []
    await rig.fill(spy(), "2.14", "2.15")
    await looked(rig)
    (order,) = rig.desk.book.orders.values()
    assert order.state is OrderState.UNKNOWN
    rows = [e for e in await rig.desk.store.find(LedgerEntry) if e.kind == "deposit"]
    assert [row.cash_usd for row in rows] == [100_000]


async def test_a_list_that_has_not_heard_of_our_exit_is_not_believed_by_its_clock(opened):
    """Ten minutes between two clocks made an exit of just now one of long ago."""
    rig = await opened()
    rig.faults.drop_fills, rig.told.behind = 99, timedelta(minutes=10)
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    await rig.pass_time(2)
    assert held(rig) == [("SPY", 1, 2)]
    rig.told.held = await rig.broker.positions("main")
    await rig.say("STC SPY 603C 1/31 @ 2.15")
    for _ in range(3):
        await rig.fill(spy(), "2.16", "2.17")
        await rig.pass_time(1)
    await looked(rig)
    assert held(rig) == []
    rig.told.held = None
    await looked(rig)
    await agree(rig)


async def test_a_day_of_more_executions_than_memory_keeps_is_known(opened, monkeypatch):
    rig = await opened()
    await rig.say(BUY)
    await rig.fill(spy(), "2.14", "2.15")
    await rig.say("STC SPY 603C 1/31 @ 2.15")
    for _ in range(3):
        await rig.fill(spy(), "2.16", "2.17")
        await rig.pass_time(1)
    assert held(rig) == []
    monkeypatch.setattr("engine.book._RECENT", 1)
    rig.desk.book.executions.clear()
    await looked(rig, 1)
    assert len(rig.desk.book.executions) == 1
    assert not rig.notes(), "neither missed nor told twice"
    monkeypatch.undo()
    await agree(rig)


# -- ends ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_expiry_first", [False, True])
async def test_of_several_some_are_exercised_at_the_end_and_the_rest_expires(
    opened, is_expiry_first
):  # M-05, M-06
    """Near the strike people choose: assigned in part, told in two."""
    clock = desks.ManualClock(LAST_DAY)
    rig = await opened(clock=clock, exits={"expiry": {"minutes_before_close": 0}})
    await rig.say("BTO 5 SPY 603C 1/31 @ 2.15")
    await rig.fill(spy(), "2.14", "2.15")
    ended, price = {"instrument": spy(), "kind": "exercise"}, "0"
    told = [
        by_hand("OPEXC-1", Side.SELL, 2, EXPIRY, price, **ended),
        by_hand("OPTRD-1", Side.BUY, 200, EXPIRY, "603", instrument=stock("SPY"), kind="exercise"),
        by_hand("OPEXP-1", Side.SELL, 3, EXPIRY, price, **ended | {"kind": "expiry"}),
    ]
    for fill in told[2:] + told[:2] if is_expiry_first else told:
        await on_fill(rig.desk, fill)
    await rig.rest()
    assert held(rig) == [("SPY", 1, 200)]
    assert not any("nothing here that it belongs to" in note for note in rig.notes())
    await truth.books(rig.desk.store, auto=frozenset({"options"}))


async def test_shares_that_are_listed_before_their_option_are_no_strangers(opened):  # M-06
    """People were sent into the broker's app for nothing."""
    rig = await opened(clock=desks.ManualClock(LAST_DAY))
    await rig.say("BTO 2 SPY 603C 1/31 @ 2.15")
    await rig.fill(spy(), "2.14", "2.15")
    shares = {"instrument": stock("SPY"), "kind": "exercise"}
    rig.told.by_hand += [
        by_hand("OPTRD-1", Side.BUY, 200, rig.clock.now(), "603", **shares),
        by_hand("OPEXC-1", Side.SELL, 2, rig.clock.now(), "0", **shares | {"instrument": spy()}),
    ]
    await recover.on_demand(rig.desk)
    await rig.rest()
    assert held(rig) == [("SPY", 1, 200)]
    assert not any("nothing here that it belongs to" in note for note in rig.notes())


async def over_a_weekend(opened, holding, calls):
    """Calls held on Friday are gone on Monday, as a broker shows it that tells no ends."""
    rig = await opened(clock=desks.ManualClock(LAST_DAY))
    rig.told.is_silent_of_ends = True
    book, paper = rig.broker._book.holdings["main"], rig.broker._book
    for n, call in enumerate(calls):
        await on_fill(rig.desk, by_hand(f"o{n}", Side.BUY, 1, LAST_DAY, "2", instrument=call))
        book[call.key] = Holding(instrument=call, qty=d(1), cost=d(200))
    for instrument, qty in holding:
        fill = by_hand(f"s-{instrument.symbol}", Side.BUY, qty, LAST_DAY, instrument=instrument)
        await on_fill(rig.desk, fill)
        book[instrument.key] = Holding(instrument=instrument, qty=d(qty), cost=fill.price * qty)
    await rig.rest()
    paper.cash["main"] = rig.desk.book.accounts["main"].cash_usd
    await looked(rig)
    await agree(rig)
    rig.clock.to(datetime(2025, 2, 3, 15, 0, tzinfo=UTC))
    for call in calls:
        del book[call.key]
    return rig


def call_on(symbol, strike="200"):
    return option(symbol, EXPIRY.date(), Decimal(strike), "C")


def exercised(rig, shares, strike):
    """A hundred of them came for the strike."""
    cost = d(100 * strike)
    rig.broker._book.holdings["main"][shares.key] = Holding(
        instrument=shares, qty=d(100), cost=cost
    )
    rig.broker._book.cash["main"] -= cost


async def test_a_split_and_an_expiry_in_one_weekend_are_told_apart(opened):  # M-05, M-07
    """A hundred more shares are as many as the call would have brought."""
    rig = await over_a_weekend(opened, [(AAPL, 100)], [call_on("AAPL")])
    book = rig.broker._book.holdings["main"]
    book[AAPL.key] = Holding(instrument=AAPL, qty=d(200), cost=d(20_000))
    await looked(rig)
    assert held(rig) == [("AAPL", 1, 200)]
    await agree(rig)


async def test_calls_on_two_stocks_that_were_exercised_in_one_weekend_are_booked(opened):  # M-06
    """What both cost is one sum of money, which none of them explains alone."""
    msft = stock("MSFT")
    rig = await over_a_weekend(opened, [], [call_on("AAPL"), call_on("MSFT", "400")])
    for shares, strike in ((AAPL, 200), (msft, 400)):
        exercised(rig, shares, strike)
    await looked(rig)
    assert sorted(held(rig)) == [("AAPL", 1, 100), ("MSFT", 1, 100)]
    await agree(rig)


@pytest.mark.parametrize("comes", [True, False])
async def test_an_early_assignment_waits_for_its_money(opened, comes):  # M-06
    """Its shares counted as traded outside, and its option stood in the books to the end."""
    rig = await opened(clock=desks.ManualClock(LAST_DAY))
    rig.told.is_silent_of_ends = True
    book, paper, shares = rig.broker._book.holdings["main"], rig.broker._book, stock("SPY")
    sold = by_hand("call", Side.SELL, 2, LAST_DAY, "2", instrument=spy())
    await on_fill(rig.desk, sold)
    await rig.rest()
    book[spy().key] = Holding(instrument=spy(), qty=d(-1), cost=d(-200))
    book[shares.key] = Holding(instrument=shares, qty=d(-100), cost=d(-60_500))
    paper.cash["main"] = rig.desk.book.accounts["main"].cash_usd
    await looked(rig)
    assert held(rig) == [("SPY", -1, 2)], "nothing is made up meanwhile"
    if comes:
        rig.clock.advance(60)
        paper.cash["main"] += 60_300
        await looked(rig)
        await agree(rig)
        (came,) = [t for t in rig.trades() if t.legs[0].instrument == shares]
        assert (came.qty_open, came.entry_price) == (100, 603)
        assert held(rig) == [("SPY", -1, 1), ("SPY", -1, 100)]
    else:
        rig.clock.advance(301)
        await looked(rig)
        assert held(rig) == [("SPY", -1, 2), ("SPY", -1, 100)]
        assert any("traded outside" in note and "SPY @ 605" in note for note in rig.notes())


async def test_two_calls_that_are_assigned_early_at_once_are_told_apart_from_a_third(
    opened,
):  # M-06
    """Their shares counted as traded outside, and both stood in the books to the end."""
    rig = await opened(clock=desks.ManualClock(LAST_DAY))
    rig.told.is_silent_of_ends = True
    book, paper, shares = rig.broker._book.holdings["main"], rig.broker._book, stock("SPY")
    calls = [spy(strike) for strike in ("603", "605", "610")]
    for call in calls:
        sold = by_hand(f"c{call.strike}", Side.SELL, 1, LAST_DAY, "2", instrument=call)
        await on_fill(rig.desk, sold)
    await rig.rest()
    book[calls[2].key] = Holding(instrument=calls[2], qty=d(-1), cost=d(-200))
    book[shares.key] = Holding(instrument=shares, qty=d(-200), cost=d(-120_900))
    paper.cash["main"] = rig.desk.book.accounts["main"].cash_usd + 120_800
    await looked(rig)
    await agree(rig)
    found = {(t.legs[0].instrument, t.qty_open, t.entry_price) for t in rig.trades()}
    assert found == {(calls[2], 1, 2), (shares, 100, 603), (shares, 100, 605)}


@pytest.mark.parametrize("put_in", [500, -500])
@pytest.mark.parametrize("is_exercised", [False, True])
async def test_money_that_came_beside_an_end_is_booked_beside_it(opened, is_exercised, put_in):
    """The option stood in the books for ever, and no command took it out."""
    rig = await over_a_weekend(opened, [], [call_on("AAPL")])
    if is_exercised:
        exercised(rig, AAPL, 200)
    rig.broker._book.cash["main"] += put_in
    await looked(rig)
    assert held(rig) == [("AAPL", 1, 1)], "shares and their money need not come together"
    rig.clock.advance(301)
    await looked(rig)
    assert held(rig) == ([("AAPL", 1, 100)] if is_exercised else [])
    assert rig.desk.book.accounts["main"].deposits_usd == 100_000 + put_in
    (said,) = [note for note in rig.notes() if "say which were exercised" in note]
    assert ("(AAPL 200C 1/31)" if is_exercised else "(none)") in said
    await agree(rig)


@pytest.mark.parametrize("is_ahead", [True, False])
async def test_money_that_is_ahead_of_its_shares_or_behind_proves_nothing(opened, is_ahead):
    rig = await over_a_weekend(opened, [], [call_on("AAPL")])
    cash, before = rig.broker._book.cash, rig.broker._book.cash["main"]
    exercised(rig, AAPL, 200)
    paid = cash["main"]
    if is_ahead:
        rig.told.held = []
    else:
        cash["main"] = before
    for _ in range(2):
        await looked(rig)
        rig.clock.advance(301)
    assert held(rig) == [("AAPL", 1, 1)]
    rig.told.held, cash["main"] = None, paid
    await looked(rig)
    assert held(rig) == [("AAPL", 1, 100)]
    assert rig.desk.book.accounts["main"].deposits_usd == 100_000
    await agree(rig)


async def test_ours_count_in_young_books_though_the_brokers_clock_is_behind(opened):
    """M-03: by its own clock it executed the entry ten minutes before the books began."""
    rig = await opened()
    at = desks.START - timedelta(minutes=10)
    rig.quote(spy(), "2.14", "2.16")
    await rig.say("BTO 2 SPY 603C 1/31 @ 2.15")
    (order,) = rig.desk.book.orders.values()
    mine = replace(by_hand("late", Side.BUY, 1, at), client_order_id=order.order_id)
    theirs = by_hand("old", Side.BUY, 1, at)
    by_number = replace(theirs, execution_id="e3", broker_id=order.broker_id)
    found = lists.of_these_books(rig.desk, "main", [mine, theirs, by_number])
    assert [fill.execution_id for fill in found] == [mine.execution_id, "e3"]
