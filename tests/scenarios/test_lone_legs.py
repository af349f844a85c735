"""Legs of a spread that make no whole unit, behind each adapter that sends spreads (O-26, M-06)."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine.brokers import BrokerFill
from engine.domain.instrument import stock
from engine.domain.order import (
    Order,
    OrderState,
    OrderType,
    Purpose,
    Side,
    client_order_id,
)
from engine.domain.quote import Leg
from engine.domain.trade import Execution, LedgerEntry, TradeState
from engine.exits.plan import close_request
from engine.flows.acts import flatten, lone_legs
from engine.flows.booking import ends, fills, reported, traded_outside
from engine.flows.brokers import recover
from engine.flows.common import effects
from engine.flows.orders import just_taken
from engine.flows.trades import manage
from engine.market import NYSE
from tests import truth
from tests.conformance.broker_bench import CALL, HIGH_CALL, D
from tests.scenarios.test_desk_at_venues import TRADER, Outside, at

SPREADS = ("alpaca", "etrade", "schwab", "tastytrade")
NAMELESS = ("etrade", "schwab")
"""What a leg has filled is told with its order, whether units are whole or not."""
QUOTES = {CALL: ("2.00", "2.00"), HIGH_CALL: ("1.00", "1.00")}
LEGS = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-1))


async def go(it: Outside, seconds: int, quotes=QUOTES) -> None:
    for _ in range(seconds):
        for instrument, prices in quotes.items():
            it.bench.board.put(it.bench.quote_of(instrument, *prices))
        await it.seconds(1, "")


def held(it: Outside) -> dict:
    found = {}
    for p in it.desk.book.positions.values():
        if p.qty:
            found[p.instrument] = found.get(p.instrument, D(0)) + p.qty
    return found


async def leg_filled(it: Outside, order: Order, leg: int, price: str) -> None:
    """One leg of an order of ours is told as filled."""
    traded = order.legs[leg]
    fill = BrokerFill(
        execution_id=f"LEG-{order.order_id}-{leg}",
        client_order_id=order.order_id,
        broker_id=order.broker_id or "",
        account="main",
        instrument=traded.instrument,
        leg=leg,
        side=Side.BUY if order.side.sign * traded.ratio > 0 else Side.SELL,
        qty=D(1),
        price=D(price),
        fee_usd=D(0),
        executed_at=it.bench.clock.now(),
    )
    await fills.on_fill(it.desk, fill)


async def is_over(it: Outside, order: Order) -> None:
    """Its broker says that it was cancelled."""
    live = await it.bench.broker.open_orders("main")
    (there,) = [o for o in live if o.client_order_id == order.order_id]
    await reported.on_report(it.desk, replace(there, state="canceled"))


async def at_venue(it: Outside) -> dict:
    theirs = await it.bench.venue.exchange.positions(it.bench.numbers["main"])
    return {p.instrument: p.qty for p in theirs if p.qty}


def told(it: Outside, words: str) -> bool:
    return any(words in n.text for n in it.desk.book.notices.values())


async def by_hand(it: Outside, side: Side, instrument, limit: str) -> None:
    """Traded in the broker's own app."""
    bench = it.bench
    app = bench.request(side, 1, OrderType.LIMIT, limit=limit, instrument=instrument)
    app = replace(app, client_order_id=f"APP{bench.id()[3:]}")
    if it.name in NAMELESS:
        await bench.venue.exchange.submit(replace(app, account=bench.numbers["main"]))
    else:  # lists what was asked over its interface alone
        await bench.broker.submit(app)


def one_leg_of(it: Outside, status: dict) -> None:
    """The venue says of spreads that their second leg has filled alone, once there is a status."""
    if it.name == "etrade":
        _one_leg_of_etrade(it.bench.venue, status)
    else:
        _one_leg_of_schwab(it.bench.venue, status)


def first_leg_late(it: Outside, status: dict) -> None:
    """The venue says of spreads that they are over, and not of their first leg that it filled."""
    venue = it.bench.venue
    plain = venue._made_row if it.name == "etrade" else venue._row

    def row(order, *more):
        made = plain(order, *more)
        if not status or len(order.legs) == 1 or order.state != "filled":
            return made
        if it.name == "etrade":
            made["OrderDetail"][0]["Instrument"][0] |= {"filledQuantity": 0}
            return made
        for activity in made["orderActivityCollection"]:
            activity["executionLegs"] = [e for e in activity["executionLegs"] if e["legId"] != 1]
        return made

    venue._row = row


def _one_leg_of_etrade(venue, status) -> None:
    plain = venue._made_row

    def row(order, mine):
        made = plain(order, mine)
        detail = made["OrderDetail"][0]
        if status and len(order.legs) > 1:
            detail["status"] = status["etrade"]
            detail["executedTime"] = detail["placedTime"] + 1000
            detail["Instrument"][1] |= {"filledQuantity": 1.0, "averageExecutionPrice": 1.05}
        return made

    venue._row = row


def _one_leg_of_schwab(venue, status) -> None:
    plain = venue._row

    def row(order, *more):
        made = plain(order, *more)
        if status and len(order.legs) > 1:
            made["status"] = status["schwab"]
            leg = {"legId": 2, "quantity": 1.0, "price": 1.05, "time": made["enteredTime"]}
            made["orderActivityCollection"] = [
                {
                    "activityType": "EXECUTION",
                    "activityId": 77,
                    "executionType": "FILL",
                    "quantity": 1.0,
                    "orderRemainingQuantity": 0.0,
                    "executionLegs": [leg],
                }
            ]
        return made

    venue._row = row


@pytest.mark.parametrize("name", NAMELESS)
async def test_a_leg_that_filled_alone_is_heard_of_and_becomes_a_trade_of_its_own(name):  # O-26
    """A naked call was held for a minute, its trade was void, and nobody was called."""
    async with at(name) as it:
        status: dict = {}
        one_leg_of(it, status)
        it.bench.venue.is_deaf = True
        await it.bench.venue.drop_streams()
        await go(it, 25)
        for instrument, prices in QUOTES.items():
            it.bench.board.put(it.bench.quote_of(instrument, *prices))
        entry = await it.enter_unit(LEGS, 1, D("0.50"), D("0.20"))
        assert it.order(entry).state is OrderState.ACCEPTED
        await by_hand(it, Side.SELL, HIGH_CALL, "0.99")  # so that the venue holds it
        status |= {"etrade": "CANCELLED", "schwab": "CANCELED"}
        await go(it, 20)
        assert held(it) == {HIGH_CALL: -1}
        assert told(it, "It has no stop, and nothing was sent: somebody has to decide")
        (lone,) = it.desk.book.open_trades()
        assert (lone.legs[0].instrument, lone.direction, lone.qty_open) == (HIGH_CALL, -1, 1)
        assert lone.entry_price == D("1.05")
        assert (await it.desk.trade(entry.trade_id)).state is TradeState.VOID
        await truth.memory_equals_disk(it.desk)
        await truth.ledger_identity(it.store)


@pytest.mark.parametrize("name", SPREADS)
async def test_what_is_left_of_a_spread_is_told_and_can_be_closed_by_itself(name):
    """One leg was sold in the app: no order of the unit was taken, for ever, and no alarm rang."""
    async with at(name) as it:
        for instrument, prices in QUOTES.items():
            it.bench.board.put(it.bench.quote_of(instrument, *prices))
        entry = await it.enter_unit(LEGS, 1, D("1.20"), D("0.20"))
        await go(it, 8)
        assert held(it) == {CALL: 1, HIGH_CALL: -1}
        await by_hand(it, Side.SELL, CALL, "1.90")
        await go(it, 4)
        await recover.on_demand(it.desk)
        await go(it, 6)
        assert held(it) == await at_venue(it) == {HIGH_CALL: -1}
        spread = await it.desk.trade(entry.trade_id)
        assert (spread.state, spread.qty_open) == (TradeState.CLOSED, 0)
        (lone,) = it.desk.book.open_trades()
        assert (lone.legs[0].instrument, lone.direction, lone.qty_open) == (HIGH_CALL, -1, 1)
        assert told(it, "It has no stop, and nothing was sent: somebody has to decide")
        await go(it, 7)
        assert told(it, f"({lone.trade_id}) has no working stop")
        await manage.close(it.desk, lone.trade_id, TRADER)
        await go(it, 15)
        assert await at_venue(it) == held(it) == {}
        assert not it.desk.book.open_trades()
        report = await recover.on_demand(it.desk)
        assert not [line for a in report.accounts if a.compared for line in a.compared.differences]
        await truth.memory_equals_disk(it.desk)
        await truth.ledger_identity(it.store)


@pytest.mark.parametrize("is_killed", [False, True])
async def test_the_long_leg_of_an_early_assignment_stands_by_itself(is_killed):  # M-06
    async with at("tastytrade") as it:
        for instrument, prices in QUOTES.items():
            it.bench.board.put(it.bench.quote_of(instrument, *prices))
        entry = await it.enter_unit(LEGS, 2, D("1.20"), D("0.20"))
        await go(it, 8)
        cash = it.desk.book.accounts["main"].cash_usd
        option = BrokerFill(
            execution_id="TT261118-T900",
            client_order_id="",
            broker_id="",
            account="main",
            instrument=HIGH_CALL,
            leg=0,
            side=Side.BUY,
            qty=D(1),
            price=D(0),
            fee_usd=D(0),
            executed_at=it.bench.clock.now(),
            kind="exercise",
        )
        shares = replace(
            option,
            execution_id="TT261118-T901",
            instrument=stock("SPY"),
            leg=1,
            side=Side.SELL,
            qty=D(100),
            price=D(605),
        )
        for fill in (option, shares, option, shares):
            await fills.on_fill(it.desk, fill)
        if is_killed:
            await it.die()
            await it.start()
        await go(it, 8)
        spread = it.desk.book.trades[entry.trade_id]
        assert (spread.state, spread.qty_open) == (TradeState.OPEN, 1), "one whole unit is left"
        others = {
            (t.legs[0].instrument, t.qty_open * t.direction): t
            for t in it.desk.book.open_trades()
            if t is not spread
        }
        assert set(others) == {(CALL, 1), (stock("SPY"), -100)}
        assert all(t.is_unprotected_since for t in others.values()), "people were called"
        assert held(it) == {CALL: 2, HIGH_CALL: -1, stock("SPY"): -100}
        if not is_killed:
            assert it.desk.book.accounts["main"].cash_usd == cash + 60_500
        await truth.memory_equals_disk(it.desk)


async def assigned(it: Outside) -> None:
    """Its broker tells that the sold call was exercised: 100 shares went for 605 each."""
    call = replace(outside(it, HIGH_CALL, Side.BUY, "0"), execution_id="TT-1", kind="exercise")
    sold = {"instrument": stock("SPY"), "side": Side.SELL, "qty": D(100), "price": D(605)}
    await fills.on_fill(it.desk, call)
    await fills.on_fill(it.desk, replace(call, execution_id="TT-2", leg=1, **sold))


async def sold_calls(it: Outside) -> D:
    closes = [o for o in await it.store.find(Order) if o.purpose is Purpose.CLOSE]
    return sum(o.filled for o in closes if o.legs[0].instrument == CALL)


@pytest.mark.parametrize(("pressed_s", "is_killed"), [(0, False), (3, False), (3, True)])
async def test_what_an_assignment_left_is_closed_with_all_else(pressed_s, is_killed):  # M-06
    """Its leg stood alone 4 s later, and bare: nobody had asked for that one."""
    async with at("tastytrade") as it:
        await whole(it)
        await assigned(it)
        await go(it, pressed_s)
        said = await flatten.run(it.desk, TRADER)
        assert "makes no whole unit" in said["T-1"]
        if is_killed:
            await it.die()
            await it.start()
        await go(it, 12)
        assert CALL not in held(it)
        assert CALL not in await at_venue(it)
        await flatten.run(it.desk, TRADER)
        await go(it, 3)
        assert await sold_calls(it) == 1


async def test_a_leg_that_filled_alone_is_closed_with_all_else():  # O-26
    async with at("tastytrade") as it:
        for instrument, prices in QUOTES.items():
            it.bench.board.put(it.bench.quote_of(instrument, *prices))
        entry = await it.written(LEGS, 1, D("0.50"), D("0.20"))
        await just_taken.submit(it.desk, entry)
        await it.rest()
        await leg_filled(it, it.order(entry), 0, "2.00")
        await is_over(it, it.order(entry))
        await it.bench.broker.cancel("main", entry.order_id)
        app = it.bench.request(Side.BUY, 1, OrderType.LIMIT, limit="2.10", instrument=CALL)
        await it.bench.venue.exchange.submit(replace(app, account=it.bench.numbers["main"]))
        said = await flatten.run(it.desk, TRADER)
        assert "makes no whole unit" in said[entry.trade_id]
        await go(it, 12)
        assert not any(held(it).values())
        assert await sold_calls(it) == 1


async def test_of_what_somebody_holds_by_hand_nothing_is_closed_with_a_lone_leg():
    """All that is held outside stands in one trade: closing a spread sold the person's own too."""
    async with at("tastytrade") as it:
        await whole(it)
        await traded_outside.on_external(it.desk, outside(it, CALL, Side.BUY, "2.00"))
        (spread,) = [t for t in it.desk.book.open_trades() if t.trade_id == "T-1"]
        async with it.desk.lock("main"):
            (leg,) = [p for p in it.desk.book.positions_of("T-1") if p.instrument == CALL]
            await lone_legs.set_apart(it.desk, leg, D(1))
        (mine,) = [t for t in it.desk.book.open_trades() if t.source == "external"]
        assert mine.qty_open == 2
        asked = close_request(spread, D(1), "stop", it.bench.clock.now(), "C-1")
        await flatten.apart(it.desk, asked, {CALL: D(1)})
        closes = it.desk.book.trades[mine.trade_id].closes
        assert [(c.qty, c.reason) for c in closes] == [(1, "stop")]
        await go(it, 3)
        assert it.desk.book.trades[mine.trade_id].qty_open == 1


async def test_legs_that_are_told_apart_in_time_stay_one_unit():
    async with at("etrade") as it:
        for instrument, prices in QUOTES.items():
            it.bench.board.put(it.bench.quote_of(instrument, *prices))
        status: dict = {}
        one_leg_of(it, status)
        entry = await it.enter_unit(LEGS, 1, D("1.20"), D("0.20"))
        status["etrade"] = "INDIVIDUAL_FILLS"
        await go(it, 4)
        status.clear()
        await go(it, 12)
        assert [t.trade_id for t in it.desk.book.open_trades()] == [entry.trade_id]
        assert held(it) == {CALL: 1, HIGH_CALL: -1}


@pytest.mark.parametrize("name", NAMELESS)
async def test_a_leg_that_is_held_and_told_late_is_no_strangers(name):
    """It was adopted as traded outside, and booked once more when its order told it."""
    async with at(name) as it:
        for instrument, prices in QUOTES.items():
            it.bench.board.put(it.bench.quote_of(instrument, *prices))
        status: dict = {"etrade": "EXECUTED", "schwab": "FILLED"}
        first_leg_late(it, status)
        it.bench.venue.is_deaf = True
        await it.bench.venue.drop_streams()
        entry = await it.enter_unit(LEGS, 1, D("1.20"), D("0.20"))
        await go(it, 60)
        status.clear()
        await go(it, 70)
        assert [t.trade_id for t in it.desk.book.open_trades()] == [entry.trade_id]
        assert held(it) == await at_venue(it) == {CALL: 1, HIGH_CALL: -1}
        assert not told(it, "outside TradeStream")
        assert told(it, "its legs do not match")


async def test_a_way_out_that_took_one_leg_alone_leaves_no_spread_that_nothing_can_close(
    monkeypatch,
):
    """Each further order of the unit was refused, and the leg that was left had no stop."""
    async with at("etrade") as it:
        for instrument, prices in QUOTES.items():
            it.bench.board.put(it.bench.quote_of(instrument, *prices))
        entry = await it.enter_unit(LEGS, 1, D("1.20"), D("0.20"))
        await go(it, 8)
        venue, plain = it.bench.venue, it.bench.venue._made_row

        def row(order, mine):
            made = plain(order, mine)
            if order.side is Side.SELL:  # the close of the unit
                detail = made["OrderDetail"][0]
                detail |= {"status": "CANCELLED", "executedTime": detail["placedTime"] + 1000}
                detail["Instrument"][0] |= {"filledQuantity": 1.0, "averageExecutionPrice": 2.0}
            return made

        venue._row = row
        with monkeypatch.context() as market:
            market.setattr("engine.brokers.paper.match.Touch.units", lambda *_: D(0))
            await manage.close(it.desk, entry.trade_id, TRADER)
            await go(it, 15)
        assert held(it) == {HIGH_CALL: -1}
        (lone,) = it.desk.book.open_trades()
        assert (lone.legs[0].instrument, lone.direction, lone.qty_open) == (HIGH_CALL, -1, 1)
        assert told(it, "It has no stop, and nothing was sent: somebody has to decide")
        spread = await it.desk.trade(entry.trade_id)
        assert (spread.state, spread.closes, spread.qty_open) == (TradeState.CLOSED, (), 0)
        await truth.memory_equals_disk(it.desk)
        await truth.ledger_identity(it.store)


async def test_a_leg_that_fills_late_ends_what_was_set_apart_of_it(monkeypatch):
    """One was short of it and one long, though the broker held none: closing either opened it."""
    async with at("tastytrade") as it:
        for instrument, prices in QUOTES.items():
            it.bench.board.put(it.bench.quote_of(instrument, *prices))
        entry = await it.enter_unit(LEGS, 1, D("1.20"), D("0.20"))
        await go(it, 8)
        monkeypatch.setattr("engine.brokers.paper.match.Touch.units", lambda *_: D(0))
        await manage.close(it.desk, entry.trade_id, TRADER)
        await go(it, 1)
        (close,) = [o for o in it.desk.book.orders.values() if o.purpose is Purpose.CLOSE]
        await leg_filled(it, close, 0, "2.10")
        await it.bench.broker.cancel("main", close.order_id)
        await go(it, 8)
        assert [t.legs[0].instrument for t in it.desk.book.open_trades()] == [HIGH_CALL]
        await leg_filled(it, close, 1, "0.90")
        await go(it, 6)
        assert not it.desk.book.open_trades()
        assert not any(held(it).values())
        assert it.desk.book.accounts["main"].realised_usd == 20
        await truth.memory_equals_disk(it.desk)
        await truth.ledger_identity(it.store)


async def test_legs_that_are_set_apart_from_two_copies_are_two_trades():
    """Both had one id, as long as their account's name: the second stayed bare, and unsaid."""
    async with at("tastytrade") as it:
        for number in (1, 2):
            for instrument, prices in QUOTES.items():
                it.bench.board.put(it.bench.quote_of(instrument, *prices))
            plain = await it.written(LEGS, 1, D("0.50"), D("0.20"))
            name = f"T-12345678901234567{number}-0-my-tastytrade-paper"
            more = {"trade_id": name, "alert_id": f"B-{number}", "version": 1}
            trade = replace(it.desk.book.trades[plain.trade_id], **more)
            entry = replace(plain, order_id=client_order_id(name), intent_id=name, **more)
            await it.desk.commit(it.desk.event("entry", trade.alert_id, trade, entry))
            await just_taken.submit(it.desk, entry)
            await it.rest()
            entry = it.order(entry)
            await leg_filled(it, entry, 1, "1.05")
            await is_over(it, entry)
            await go(it, 6)
            (lone,) = it.desk.book.open_trades()
            assert (lone.source, lone.qty_open) == ("external", 1)
            await by_hand(it, Side.BUY, HIGH_CALL, "1.10")
            await go(it, 4)
            assert not it.desk.book.open_trades()


def apart(it: Outside) -> list[str]:
    """Trades that were made of what matched no other leg."""
    return [t.trade_id for t in it.desk.book.open_trades() if "APART" in t.trade_id]


async def whole(it: Outside) -> Order:
    """One spread, filled whole."""
    for instrument, prices in QUOTES.items():
        it.bench.board.put(it.bench.quote_of(instrument, *prices))
    order = await it.written(LEGS, 1, D("1.20"), D("0.10"))
    await just_taken.submit(it.desk, order)
    await go(it, 8)
    assert held(it) == {CALL: D(1), HIGH_CALL: D(-1)}
    return order


def outside(it: Outside, instrument, side: Side, price: str, **more) -> BrokerFill:
    return BrokerFill(
        execution_id=f"OUT-{instrument.strike:f}",
        client_order_id="",
        broker_id="",
        account="main",
        instrument=instrument,
        leg=0,
        side=side,
        qty=D(1),
        price=D(price),
        fee_usd=D(0),
        **{"executed_at": it.bench.clock.now(), **more},
    )


async def test_legs_that_are_told_one_after_the_other_are_no_lone_legs():
    """Whoever closes a spread in the broker's app closes both: the second is heard of later."""
    async with at("schwab") as it:
        order = await whole(it)
        await traded_outside.on_external(it.desk, outside(it, CALL, Side.SELL, "2.00"))
        await go(it, 2)
        await traded_outside.on_external(it.desk, outside(it, HIGH_CALL, Side.BUY, "1.00"))
        await go(it, 1)
        assert held(it) == {}
        trade = await it.desk.trade(order.trade_id)
        assert trade is not None
        assert trade.state is TradeState.CLOSED
        assert not told(it, "no whole unit"), "nothing was set apart in between"


async def test_a_leg_whose_end_is_about_to_be_heard_of_is_not_set_apart():  # M-05
    """After the last session nothing can be done about it, and its end comes."""
    async with at("schwab") as it:
        await whole(it)
        session = NYSE.session(CALL.expiry)
        it.bench.clock.jump(session.closes_at + timedelta(minutes=5))
        end = outside(it, CALL, Side.SELL, "0", kind="expiry", executed_at=session.closes_at)
        await ends.on_end(it.desk, end)
        for _ in range(6):
            await lone_legs.look(it.desk, it.desk.book.open_trades()[0].trade_id)
            it.bench.clock.jump(it.bench.clock.now() + timedelta(seconds=2))
        assert held(it) == {HIGH_CALL: D(-1)}
        assert not apart(it)


@pytest.mark.parametrize("n_units", [1, 2])
@pytest.mark.parametrize("leg", [0, 1])
@pytest.mark.parametrize("name", ["alpaca", "tastytrade"])
async def test_the_other_leg_of_one_that_was_taken_back_is_held_on(name, leg, n_units):  # O-26
    """The trade was void, and what was left of it, a naked call, stood in no book any more."""
    async with at(name) as it:
        await go(it, 1)
        entry = await it.enter_unit(LEGS, n_units, D("1.20"), D("0.20"))
        await go(it, 8)
        wrong = (await it.store.find(Execution))[leg]
        bust = BrokerFill(
            execution_id=f"{wrong.execution_id}-B",
            client_order_id=wrong.order_id,
            broker_id="",
            account="main",
            instrument=wrong.instrument,
            leg=wrong.leg,
            side=wrong.side,
            qty=wrong.qty,
            price=wrong.price,
            fee_usd=wrong.fee_usd,
            executed_at=it.bench.clock.now(),
            kind="bust",
            of=wrong.execution_id,
        )
        exchange = it.bench.venue.exchange
        positions = exchange.positions

        async def without(number):
            return [p for p in await positions(number) if p.instrument != wrong.instrument]

        exchange.positions = without
        for _ in range(2):
            await fills.on_fill(it.desk, bust)
        await go(it, 8)
        other = LEGS[1 - leg]
        assert held(it) == await at_venue(it) == {other.instrument: other.ratio * n_units}
        assert (await it.desk.trade(entry.trade_id)).state is TradeState.VOID
        (lone,) = it.desk.book.open_trades()
        assert (lone.direction, lone.qty_open) == (other.ratio, n_units)
        assert told(it, "It has no stop, and nothing was sent: somebody has to decide")
        await truth.memory_equals_disk(it.desk)
        await truth.ledger_identity(it.store)


@pytest.mark.parametrize("name", SPREADS)
async def test_a_leg_that_is_sold_by_hand_while_its_unit_is_being_closed_is_held_once(name):
    """What was sold too much stood in no book, came in as a stranger's, and was held twice."""
    async with at(name) as it:
        await go(it, 1)
        entry = await it.enter_unit(LEGS, 2, D("1.20"), D("0.20"))
        await go(it, 8)
        await by_hand(it, Side.SELL, CALL, "1.90")
        await manage.close(it.desk, entry.trade_id, TRADER)
        await go(it, 12)
        for _ in range(2):
            await recover.on_demand(it.desk)
            await go(it, 4)
        assert held(it) == await at_venue(it)
        spread = await it.desk.trade(entry.trade_id)
        assert (spread.state, spread.qty_open) == (TradeState.CLOSED, 0)
        deposits = [e for e in await it.store.find(LedgerEntry) if e.kind == "deposit"]
        assert len(deposits) == 1, "that of the first day"
        await truth.memory_equals_disk(it.desk)
        await truth.ledger_identity(it.store)


@pytest.mark.parametrize("name", SPREADS)
async def test_a_unit_that_is_worth_less_than_nothing_is_left_all_the_same(name):
    """Schwab takes no market order for one: the close asked for a cent, for ever."""
    async with at(name) as it:
        await go(it, 1)
        entry = await it.enter_unit(LEGS, 2, D("1.20"), D("0.20"))
        await go(it, 8)
        await go(it, 20, {CALL: ("0.02", "0.03"), HIGH_CALL: ("0.02", "0.04")})
        assert held(it) == await at_venue(it) == {}
        spread = await it.desk.trade(entry.trade_id)
        assert (spread.state, spread.close_reason) == (TradeState.CLOSED, "stop")
        assert spread.exit_price < 0
        await truth.ledger_identity(it.store)


@pytest.mark.parametrize("is_spread", [True, False])
async def test_what_was_sold_by_hand_before_its_fill_was_told_is_no_short_beside_it(is_spread):
    """The broker held none: the close of the one was refused for good, the other kept its stop."""
    async with at("alpaca") as it:
        it.bench.venue.faults.drop_frames = 99
        entry = await (it.enter_spread() if is_spread else it.enter(qty=1))
        await by_hand(it, Side.SELL, CALL, "1.99")
        found = await it.bench.broker.fills_since("main", entry.created_at - timedelta(hours=1))
        for fill in sorted(found, key=lambda f: f.client_order_id == entry.order_id):
            await fills.on_fill(it.desk, fill)
        it.bench.venue.faults.drop_frames = 0
        await go(it, 12)
        left = {} if not is_spread else {HIGH_CALL: D(-1)}
        assert {key: qty for key, qty in held(it).items() if qty} == await at_venue(it) == left
        assert [(t.symbol, t.direction, t.legs) for t in it.desk.book.open_trades()] == [
            ("SPY", -1, (Leg(instrument=key),)) for key in left
        ]
        assert not [o for o in it.desk.book.orders.values() if not o.state.is_terminal]
        assert told(it, f"1 {CALL.label} that was traded outside")
        await recover.on_demand(it.desk)
        assert not it.desk.health.get("reconcile main")
        await truth.memory_equals_disk(it.desk)


async def test_what_was_refused_before_a_sale_by_hand_was_known_is_tried_at_once_after_it():
    """A stop for more than was left waited for its turn: 8 s bare, though the rest was known."""
    async with at("alpaca") as it:
        await it.enter()
        await go(it, 3)
        (trade,) = it.desk.book.open_trades()
        paces = [effects.pace_of_exit(trade.trade_id, p) for p in (Purpose.STOP, Purpose.CLOSE)]
        for pace in paces:
            it.desk.backoff.failed(pace)
        (bought,) = await it.bench.broker.fills_since("main", trade.created_at - timedelta(hours=1))
        sale = replace(bought, execution_id="APP", client_order_id="", broker_id="", side=Side.SELL)
        await traded_outside.on_external(it.desk, replace(sale, qty=D(1)))
        assert it.ours() == 1
        assert not [pace for pace in paces if it.desk.backoff.must_wait(pace)]
