"""Options that end, behind each adapter at its venue on loopback (M-05, M-06)."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from engine.brokers import BrokerFill
from engine.clock import ManualClock
from engine.domain.compared import PositionGap
from engine.domain.errors import BrokerUnavailable
from engine.domain.instrument import stock
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg
from engine.domain.trade import Execution, TradeState
from engine.flows.booking import ends, expired, fills
from engine.flows.booking.expired import _taken
from engine.flows.brokers import recover
from tests import truth
from tests.conformance.broker_bench import CALL, HIGH_CALL, MES, START, D
from tests.scenarios.test_desk_at_venues import Outside, at
from tests.scenarios.test_lone_legs import go, held

SILENT = ("etrade", "schwab", "webull")
"""They tell no ends: the positions alone say it."""
SPY = stock("SPY")


async def over(it: Outside, close: str) -> None:
    """The contract's last close, a night, and the morning after; the desk slept meanwhile."""
    bench = it.bench
    bench.venue.faults.drop_frames = 1_000
    for order in await bench.venue.exchange.open_orders(bench.numbers["main"]):
        await bench.venue.exchange.cancel(bench.numbers["main"], order.client_order_id)
    await bench.wait(timedelta(days=2, hours=8).total_seconds())
    await bench.venue.exchange.expire({"SPY": D(close)})
    for _ in range(2):
        await bench.wait(timedelta(hours=8).total_seconds())
    bench.venue.faults.drop_frames = 0
    await recover.on_demand(it.desk)
    await it.seconds(3, "")
    await recover.on_demand(it.desk)
    await it.seconds(3, "")


@pytest.mark.parametrize("name", SILENT)
async def test_an_option_that_is_gone_was_worthless(name):  # M-05
    async with at(name) as it:
        entry = await it.enter(qty=1)
        await it.seconds(6)
        n_acts = it.bench.venue.log.n_acts
        await over(it, "590")
        trade = await it.desk.trade(entry.trade_id)
        assert trade.state is TradeState.CLOSED
        assert (trade.close_reason, trade.exit_price) == ("expiry", 0)
        assert trade.realised_usd == -trade.entry_price * 100
        assert await it.held() == it.ours() == 0
        assert it.bench.venue.log.n_acts == n_acts, "no order did it"
        await it.true()
        await truth.ledger_identity(it.store)


@pytest.mark.parametrize("name", SILENT)
async def test_an_option_that_is_gone_while_its_shares_came_was_exercised(name):  # M-06
    async with at(name) as it:
        entry = await it.enter(qty=1)
        await it.seconds(6)
        await over(it, "620")
        trade = await it.desk.trade(entry.trade_id)
        assert trade.state is TradeState.CLOSED
        (shares,) = it.desk.book.open_trades()
        assert (shares.legs[0].instrument, shares.qty_open, shares.entry_price) == (SPY, 100, 600)
        assert shares.trade_id.startswith(entry.trade_id)
        assert trade.realised_usd == -trade.entry_price * 100, "the premium, and nothing twice"
        assert not recover.report(it.desk).accounts[0].compared.differences
        assert await it.held() == 0
        await truth.ledger_identity(it.store)


@pytest.mark.parametrize(("close", "shares"), [("590", 0), ("620", 100)])
async def test_an_end_that_nobody_tells_is_booked_where_ends_are_told_as_well(close, shares):
    """tastytrade's transactions lacked it: it stayed in the books, and nothing was opened."""
    async with at("tastytrade") as it:
        entry = await it.enter(qty=1)
        await it.seconds(6)
        await over(it, close)
        assert held(it)[CALL] == 1, "it is waited for"
        for _ in range(3):
            await it.bench.wait(150)
            await recover.on_demand(it.desk)
        trade = await it.desk.trade(entry.trade_id)
        assert (trade.state, trade.exit_price) == (TradeState.CLOSED, 0)
        assert held(it).get(SPY, 0) == shares
        assert it.desk.compared["main"].differences == ()
        end = replace(
            _ended(CALL, Side.SELL, 1, "0", "exercise" if shares else "expiry"),
            executed_at=it.bench.clock.now() - timedelta(minutes=20),
        )
        await fills.on_fill(it.desk, end)
        if shares:
            came = replace(end, instrument=SPY, side=Side.BUY, qty=D(100), price=D(600), leg=1)
            await fills.on_fill(it.desk, replace(came, execution_id="END2"))
        assert held(it).get(SPY, 0) == shares, "told after all, it is held once"
        assert CALL not in held(it)
        await recover.on_demand(it.desk)
        assert it.desk.compared["main"].differences == ()
        await truth.ledger_identity(it.store)


def _ended(option, side, qty, price, kind):
    return BrokerFill(
        execution_id="END",
        client_order_id="",
        broker_id="",
        account="main",
        instrument=option,
        leg=0,
        side=side,
        qty=D(qty),
        price=D(price),
        fee_usd=D(0),
        executed_at=START,
        kind=kind,
    )


def told(it: Outside, words: str) -> int:
    return sum(words in n.text for n in it.desk.book.notices.values())


def gap(instrument, ours, theirs=0):
    return PositionGap(instrument=instrument, ours=D(ours), theirs=D(theirs), avg_price=None)


INDEX = replace(CALL, symbol="SPXW")
LAST = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
MORNING = LAST + timedelta(hours=12)


def on(at):
    return SimpleNamespace(clock=ManualClock(at))


@pytest.mark.parametrize(
    ("one", "at", "part"),
    [
        (gap(CALL, 2, 0), LAST, 2),
        (gap(CALL, 2, 1), LAST, 1),
        (gap(CALL, -2, -1), LAST, -1),
        (gap(CALL, 2, 2), LAST, None),
        (gap(CALL, 1, 2), LAST, None),
        (gap(CALL, 2, -1), LAST, None),
        (gap(CALL, 2, 0), MORNING, None),
        (gap(INDEX, 2, 0), LAST, None),
        (gap(SPY, 200, 0), LAST, None),
        (gap(MES, 2, 0), LAST, None),
    ],
)
def test_only_fewer_options_before_their_end_may_have_been_assigned(one, at, part):  # M-06
    found = expired._fewer(on(at), one)
    assert (found and (found.ours, found.theirs)) == (part and (D(part), 0))


@pytest.mark.parametrize(
    ("one", "at", "is_gone"),
    [
        (gap(CALL, 2, 0), MORNING, True),
        (gap(CALL, 2, 0), LAST, False),
        (gap(CALL, 2, 1), MORNING, False),
        (gap(INDEX, 2, 0), MORNING, False),
        (gap(SPY, 200, 0), MORNING, False),
        (gap(replace(MES, expiry=CALL.expiry), 2, 0), MORNING, False),
    ],
)
def test_only_options_of_which_nothing_is_left_after_their_day_are_over(one, at, is_gone):  # M-05
    assert expired._is_gone(on(at), one) is is_gone


@pytest.mark.parametrize(
    ("held", "shares", "usd", "taken"),
    [
        ([(CALL, 1)], 0, 0, []),
        ([(CALL, 1)], 100, -60_000, [CALL]),
        ([(CALL, -1)], -100, 60_000, [CALL]),
        ([(CALL, 1), (HIGH_CALL, -1)], 0, 0, []),
        ([(CALL, 1), (HIGH_CALL, -1)], 0, 500, [CALL, HIGH_CALL]),
        ([(CALL, 1), (HIGH_CALL, -1)], 100, -60_000, [CALL]),
        ([(CALL, 1), (HIGH_CALL, -1)], 100, -60_019, [CALL]),
    ],
)
def test_shares_and_money_say_which_were_exercised(held, shares, usd, taken):
    gone = [gap(instrument, qty) for instrument, qty in held]
    found = _taken(gone, D(shares), D(usd))
    assert [g.instrument for g in found] == taken


def test_what_two_stories_explain_is_left_to_a_person():
    gone = [gap(CALL, 1), gap(HIGH_CALL, -1), gap(HIGH_CALL, 1)]
    assert _taken(gone, D(0), D(0)) is None
    assert _taken([gap(CALL, 1)], D(50), D(-30_000)) is None
    assert expired._shares(gap(CALL, -2)) == -200


def test_of_both_legs_or_none_beside_other_money_nothing_is_guessed():
    spread, single = [gap(CALL, 1), gap(HIGH_CALL, -1)], [gap(CALL, 1)]
    assert expired._besides([(spread, D(0)), (single, D(0))], D(777)) == [None, ()]
    assert expired._besides([(single, D(0)), (spread, D(100))], D(-59_000)) == [(), (spread[0],)]


@pytest.mark.parametrize("name", ["etrade", "schwab"])
async def test_both_legs_of_a_spread_in_the_money_leave_cash_alone(name):  # M-06
    async with at(name) as it:
        await it.enter_spread()
        await it.seconds(6)
        await over(it, "650")
        for _ in range(2):
            await recover.on_demand(it.desk)
            await it.seconds(3, "")
        assert not [p for p in it.desk.book.positions.values() if p.qty]
        assert it.desk.book.trades == {}
        compared = it.desk.compared["main"]
        assert it.desk.book.accounts["main"].cash_usd == compared.cash_usd
        assert compared.differences == ()


def box() -> tuple[Leg, ...]:
    """Long 600, short 605, by calls and by puts: five dollars, wherever the market ends."""
    low, high = replace(CALL, right="P"), replace(HIGH_CALL, right="P")
    calls = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-1))
    return (*calls, Leg(instrument=high), Leg(instrument=low, ratio=-1))


@pytest.mark.parametrize("close", ["602", "620", "580"])
async def test_legs_that_come_to_the_same_whichever_was_exercised_are_booked(close):
    """Three stories fit shares and money: nothing was booked, and nothing opened any more."""
    async with at("schwab") as it:
        prices = ("5.00", "2.50", "5.00", "2.70")
        quotes = {leg.instrument: (p, p) for leg, p in zip(box(), prices, strict=True)}
        await go(it, 1, quotes)
        await it.enter_unit(box(), 1, D("4.80"), D("1.00"))
        await go(it, 6, quotes)
        assert len([q for q in held(it).values() if q]) == 4
        before = it.desk.book.accounts["main"]
        await over(it, close)
        for _ in range(2):
            await recover.on_demand(it.desk)
            await it.seconds(3, "")
        assert not any(held(it).values())
        assert not it.desk.book.trades
        after, compared = it.desk.book.accounts["main"], it.desk.compared["main"]
        assert after.cash_usd == compared.cash_usd == before.cash_usd + 500
        assert after.realised_usd == 20
        assert compared.differences == ()
        await truth.ledger_identity(it.store)


async def test_of_two_trades_each_has_its_own_story():
    """What one of them paid would be another's: a person has to say."""
    async with at("schwab") as it:
        calls, puts = box()[:2], box()[2:]
        prices = ("5.00", "2.50", "5.00", "2.70")
        quotes = {leg.instrument: (p, p) for leg, p in zip(box(), prices, strict=True)}
        await go(it, 1, quotes)
        await it.enter_unit(calls, 1, D("2.50"), D("1.00"))
        await it.enter_unit(puts, 1, D("2.30"), D("1.00"))
        await go(it, 6, quotes)
        await over(it, "602")
        assert len([q for q in held(it).values() if q]) == 4
        assert told(it, "do not say which were exercised") == 1


def test_what_would_bring_other_shares_is_left_to_a_person():
    gone = [gap(leg.instrument, leg.ratio) for leg in box()]
    assert expired._indifferent([(gone, D(0))], D(500)) is not None
    assert expired._indifferent([(gone, D(0))], D(900)) is None
    synthetic = [gap(CALL, 1), gap(replace(CALL, right="P"), -1)]
    assert expired._indifferent([(synthetic, D(100))], D(-60_000)) is not None
    near = [gap(CALL, 1), gap(replace(CALL, strike=D("600.10")), 1)]
    assert expired._indifferent([(near, D(100))], D(-60_005)) is None


def assigned(it: Outside, option, qty: int, price: str) -> None:
    """From now on the broker holds shares in place of so many contracts, and says nothing."""
    exchange, sign = it.bench.venue.exchange, 1 if option.right == "C" else -1
    positions, balance = exchange.positions, exchange.balance
    shares = D(qty) * 100 * sign

    async def left(number):
        rows = [p for p in await positions(number) if p.instrument != option]
        n = sum((p.qty for p in await positions(number) if p.instrument == option), D(0)) - qty
        like = (await positions(number))[0]
        if n:
            rows.append(replace(like, instrument=option, qty=n, avg_price=D("1.00")))
        return [*rows, replace(like, instrument=SPY, qty=shares, avg_price=D(price))]

    async def money(number):
        said = await balance(number)
        return replace(said, cash_usd=said.cash_usd - shares * D(price))

    exchange.positions, exchange.balance = left, money


@pytest.mark.parametrize("n_units", [1, 2])
@pytest.mark.parametrize("name", ["etrade", "schwab"])
async def test_a_short_leg_that_is_assigned_early_is_seen_by_its_shares(name, n_units):  # M-06
    """The books held it on: no order of the spread was taken any more, and its stop was none."""
    async with at(name) as it:
        await go(it, 1)
        legs = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-1))
        entry = await it.enter_unit(legs, n_units, D("1.20"), D("0.20"))
        await go(it, 6)
        assigned(it, HIGH_CALL, -1, "605")
        for _ in range(2):
            await recover.on_demand(it.desk)
            await go(it, 4)
        await recover.on_demand(it.desk)
        short = {HIGH_CALL: 1 - n_units} if n_units > 1 else {}
        assert held(it) == {CALL: n_units, SPY: -100, **short}
        units = {t.legs: t.qty_open * t.direction for t in it.desk.book.open_trades()}
        alone = {(Leg(instrument=CALL),): 1, (Leg(instrument=SPY),): -100}
        assert units == ({legs: n_units - 1, **alone} if n_units > 1 else alone)
        compared = it.desk.compared["main"]
        assert it.desk.book.accounts["main"].cash_usd == compared.cash_usd
        shares = next(t for t in it.desk.book.open_trades() if t.legs[0].instrument == SPY)
        assert (shares.entry_price, shares.trade_id) == (605, f"{entry.trade_id}/SPY")
        assert compared.differences == ()
        await truth.ledger_identity(it.store)


async def test_shares_that_no_assignment_explains_do_not_wait_for_one():
    """Seven were bought in the app, and a contract is gone: that is no assignment of a hundred."""
    async with at("schwab") as it:
        await go(it, 1)
        legs = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-1))
        await it.enter_unit(legs, 1, D("1.20"), D("0.20"))
        await go(it, 6)
        assigned(it, HIGH_CALL, -1, "605")
        positions = it.bench.venue.exchange.positions

        async def seven(number):
            rows = await positions(number)
            return [replace(p, qty=D(7)) if p.instrument == SPY else p for p in rows]

        it.bench.venue.exchange.positions = seven
        await recover.on_demand(it.desk)
        assert held(it)[SPY] == 7, "in the books, and people know"


@pytest.mark.parametrize("name", ["etrade", "schwab"])
async def test_shares_of_an_assignment_that_a_kill_cut_in_two_come_at_the_strike(
    name, monkeypatch
):  # M-06
    """They came in at what the broker says that they cost: the premium counted twice."""
    async with at(name) as it:
        await go(it, 1)
        legs = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-1))
        entry = await it.enter_unit(legs, 1, D("1.20"), D("0.20"))
        await go(it, 6)
        assigned(it, HIGH_CALL, -1, "605")
        exchange = it.bench.venue.exchange
        positions, on_end = exchange.positions, ends.on_end

        async def net_of_the_premium(number):
            rows = await positions(number)
            return [replace(p, avg_price=D("606")) if p.instrument == SPY else p for p in rows]

        async def until_killed(desk, fill):
            if fill.instrument == SPY:
                raise BrokerUnavailable("killed")
            await on_end(desk, fill)

        exchange.positions = net_of_the_premium
        with monkeypatch.context() as kill:
            kill.setattr(ends, "on_end", until_killed)
            await recover.on_demand(it.desk)
            assert HIGH_CALL not in held(it)
            assert SPY not in held(it)
            for there in ([], [gap(SPY, -100)]):
                assert not await expired._finished(it.desk, "main", there), "none are missing"
            await it.die()
        await it.start()
        for _ in range(3):
            await recover.on_demand(it.desk)
            await go(it, 4)
        assert held(it) == {CALL: 1, SPY: -100}
        (shares,) = [t for t in it.desk.book.open_trades() if t.legs[0].instrument == SPY]
        assert (shares.entry_price, shares.trade_id) == (605, f"{entry.trade_id}/SPY")
        compared = it.desk.compared["main"]
        assert it.desk.book.accounts["main"].cash_usd == compared.cash_usd
        assert compared.differences == ()
        await truth.ledger_identity(it.store)


@pytest.mark.parametrize("own", [100, 60, 130])
@pytest.mark.parametrize("name", ["etrade", "schwab"])
async def test_own_shares_go_for_the_short_leg_of_a_spread_that_alone_ends_in_the_money(
    name, own
):  # M-06
    """100 shares stood in the books bought and sold at once, and their stop with them."""
    async with at(name) as it:
        bench, prices = it.bench, {SPY: ("600.00", "600.00"), CALL: ("2.00", "2.00")}
        prices[HIGH_CALL] = ("1.00", "1.00")
        await go(it, 1, prices)
        app = bench.request(Side.BUY, own, OrderType.LIMIT, instrument=SPY, limit="600.00")
        app = replace(app, client_order_id="APP1", account=bench.numbers["main"])
        await bench.venue.exchange.submit(app)
        await go(it, 3, prices)
        for _ in range(2):
            await recover.on_demand(it.desk)
            await go(it, 2, prices)
        legs = (Leg(instrument=HIGH_CALL), Leg(instrument=CALL, ratio=-1))
        await it.enter_unit(legs, 1, D("-0.80"), D("-4.80"))
        await go(it, 6, prices)
        assert held(it) == {SPY: own, HIGH_CALL: 1, CALL: -1}
        await over(it, "603")
        sold, left = min(own, 100), own - 100
        found = [(t.direction, t.qty_open) for t in it.desk.book.open_trades()]
        assert found == ([(1 if left > 0 else -1, abs(left))] if left else [])
        compared = it.desk.compared["main"]
        assert it.desk.book.accounts["main"].cash_usd == compared.cash_usd
        assert compared.differences == ()
        assert told(it, f"{sold} SPY that an exercise brought") == 1
        n_rows = len(await it.store.find(Execution))
        await recover.on_demand(it.desk)
        assert len(await it.store.find(Execution)) == n_rows
        await truth.memory_equals_disk(it.desk)
        await truth.ledger_identity(it.store)


@pytest.mark.parametrize("comes", [True, False])
async def test_shares_stay_apart_while_those_of_the_other_leg_are_on_their_way(comes):  # M-06
    async with at("tastytrade") as it:
        bench, prices = it.bench, {SPY: ("600.00", "600.00"), CALL: ("2.00", "2.00")}
        prices[HIGH_CALL] = ("1.00", "1.00")
        await go(it, 1, prices)
        app = bench.request(Side.BUY, 100, OrderType.LIMIT, instrument=SPY, limit="600.00")
        await bench.venue.exchange.submit(replace(app, account=bench.numbers["main"]))
        await go(it, 3, prices)
        for _ in range(2):
            await recover.on_demand(it.desk)
            await go(it, 2, prices)
        legs = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-1))
        await it.enter_unit(legs, 1, D("1.20"), D("0.20"))
        await go(it, 6, prices)
        assert held(it) == {SPY: 100, CALL: 1, HIGH_CALL: -1}
        exchange, there = bench.venue.exchange, {SPY: D(100)}
        positions = exchange.positions

        async def after_the_end(number):
            (shares,) = [p for p in await positions(number) if p.instrument == SPY]
            return [replace(shares, qty=n) for n in there.values() if n]

        exchange.positions = after_the_end
        last = datetime(2026, 11, 20, 21, tzinfo=UTC)
        short = replace(
            _ended(HIGH_CALL, Side.BUY, 1, "0", "exercise"), executed_at=last, execution_id="E1"
        )
        long = replace(short, execution_id="E2", instrument=CALL, side=Side.SELL)
        shares = replace(short, instrument=SPY, qty=D(100))
        went = replace(shares, execution_id="E1-S", side=Side.SELL, price=D(605))
        came = replace(shares, execution_id="E2-S", side=Side.BUY, price=D(600))
        kind = "exercise" if comes else "expiry"
        for fill in (short, went, replace(long, kind=kind)):
            await fills.on_fill(it.desk, fill)
        assert held(it) == {SPY: 0}
        if comes:
            await recover.on_demand(it.desk)
            assert {t.qty_open * t.direction for t in it.desk.book.open_trades()} == {100, -100}
            await fills.on_fill(it.desk, came)
        else:
            there[SPY] = D(0)
            await recover.on_demand(it.desk)
        open_now = [t.qty_open * t.direction for t in it.desk.book.open_trades()]
        assert open_now == ([100] if comes else [])
        await truth.memory_equals_disk(it.desk)
        await truth.ledger_identity(it.store)


async def test_shares_of_an_exercise_that_the_positions_show_before_it_is_told_are_held_once():
    """They were adopted, and came once more with their transaction: twice as many as there were."""
    async with at("tastytrade") as it:
        prices = {CALL: ("2.00", "2.00"), HIGH_CALL: ("1.00", "1.00")}
        await go(it, 1, prices)
        legs = (Leg(instrument=CALL), Leg(instrument=HIGH_CALL, ratio=-1))
        entry = await it.enter_unit(legs, 1, D("1.20"), D("0.20"))
        await go(it, 6, prices)
        await over(it, "603")  # the venue tells no transactions of ends
        (adopted,) = [t for t in it.desk.book.open_trades() if t.source == "external"]
        assert adopted.qty_open == 100
        last = datetime(2026, 11, 20, 21, tzinfo=UTC)
        long = replace(_ended(CALL, Side.SELL, 1, "0", "exercise"), executed_at=last)
        short = replace(long, execution_id="E2", instrument=HIGH_CALL, side=Side.BUY, kind="expiry")
        came = replace(long, execution_id="E3", instrument=SPY, side=Side.BUY, qty=D(100))
        for fill in (long, short, replace(came, price=D(600))):
            await fills.on_fill(it.desk, fill)
        for _ in range(3):
            await recover.on_demand(it.desk)
            await it.seconds(3, "")
        assert {k: q for k, q in held(it).items() if q} == {SPY: 100}
        (shares,) = it.desk.book.open_trades()
        assert (shares.trade_id, shares.entry_price) == (f"{entry.trade_id}/SPY", 600)
        compared = it.desk.compared["main"]
        assert compared.differences == ()
        assert it.desk.book.accounts["main"].cash_usd == compared.cash_usd
        await truth.memory_equals_disk(it.desk)
        await truth.ledger_identity(it.store)
