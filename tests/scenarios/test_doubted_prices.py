"""Stops that the desk watches itself, on prices that may be none: slips, phantoms, silence."""

from dataclasses import replace
from datetime import date

import pytest

from engine.domain.instrument import crypto, future
from engine.domain.order import OrderType, Purpose, Side
from engine.domain.record import changed
from engine.flows.acts import breaker
from engine.flows.alerts import manual
from engine.flows.alerts.drafting import Wanted
from engine.flows.brokers import recover
from engine.flows.limits import facts
from engine.flows.trades import manage
from engine.quality import Quality
from tests import rig as desks
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.rig import FUTURES, LOOSE, NINJA, TRADER, d

BTC, MES = crypto("BTC"), future("MES", date(2025, 3, 1))
FAIR, TENTH, HALF_BOOK, CRASH = (
    ("59994", "60006"),
    ("5999", "6001"),
    ("30000", "60006"),
    ("40000", "40006"),
)


class NoStops(FaultyBroker):
    """Paper that holds no stops for coins, and says what they are worth when it is told to."""

    mark = None

    @property
    def caps(self):
        kinds = dict(self.inner.caps.by_kind)
        coins = frozenset({OrderType.MARKET, OrderType.LIMIT})
        kinds["crypto"] = replace(kinds["crypto"], order_types=coins)
        return replace(self.inner.caps, by_kind=kinds)

    async def positions(self, account):
        return [replace(p, mark=self.mark) for p in await super().positions(account)]


@pytest.fixture
async def rig():
    made = []

    def wrap(paper):
        made.append(NoStops(paper, Faults()))
        return made[0]

    rig = await desks.start(wrap=wrap, risk=LOOSE)
    rig.board.quality, rig.coins = Quality(), made[0]
    rig.quote(BTC, *FAIR)
    asked = Wanted(side=Side.BUY, symbol="BTC/USD", amount=d("0.02"), stop=d(58800))
    await manual.send(rig.desk, await manual.plan(rig.desk, TRADER, asked), 77)
    await said(rig, FAIR, 3)
    (trade,) = rig.desk.book.open_trades()
    assert trade.qty_open == d("0.02")
    yield rig
    await rig.close()


async def said(rig, prices, seconds, mark=None):
    """So many seconds of these quotes; ``mark``: what the broker says each second."""
    for n in range(seconds):
        if mark is not None:
            rig.coins.mark = mark(n)
        if prices is not None:
            rig.quote(BTC, *prices)
        await rig.pass_time(1)


def closing(rig):
    return [o for o in rig.desk.book.orders.values() if o.purpose is Purpose.CLOSE]


def is_out(rig):
    return bool(closing(rig)) or not rig.desk.book.open_trades()


@pytest.mark.parametrize("wrong", [TENTH, HALF_BOOK, CRASH, ("29990", "30010")])
async def test_a_wrong_price_of_some_seconds_sells_nothing_and_people_are_told(rig, wrong) -> None:
    await said(rig, wrong, 4)
    assert not is_out(rig)
    (note,) = [n for n in rig.notes() if "does not rest at the broker" in n]
    assert "58800" in note
    await said(rig, FAIR, 2)
    assert not is_out(rig)


@pytest.mark.parametrize(("price", "within_s"), [(CRASH, 7), (HALF_BOOK, 7), (TENTH, 32)])
async def test_a_collapse_that_nobody_denies_is_sold_before_long(rig, price, within_s) -> None:
    await said(rig, price, within_s)
    assert is_out(rig)


@pytest.mark.parametrize("wrong", [TENTH, HALF_BOOK, CRASH])
async def test_what_the_broker_itself_denies_is_not_believed_while_its_price_lives(
    rig, wrong
) -> None:
    await said(rig, wrong, 60, mark=lambda n: d(59900 + n))
    assert not is_out(rig)
    await said(rig, wrong, 12, mark=lambda n: d(58700))
    assert is_out(rig), "by the broker's own price it is at its stop"


async def test_a_mark_that_stands_still_keeps_a_collapse_waiting_for_half_a_minute_at_most(
    rig,
) -> None:
    await said(rig, CRASH, 25, mark=lambda n: d(60000))
    assert not is_out(rig)
    await said(rig, CRASH, 12, mark=lambda n: d(60000))
    assert is_out(rig)


async def test_a_collapse_that_the_broker_confirms_is_sold_at_once(rig) -> None:
    await said(rig, CRASH, 3, mark=lambda n: d(40000))
    assert is_out(rig)


async def test_without_quotes_the_stop_is_judged_by_the_brokers_mark(rig) -> None:
    await said(rig, None, 8, mark=lambda n: d(59900))
    assert not is_out(rig)
    assert sum("no usable quote" in n for n in rig.notes()) == 1
    await said(rig, None, 8, mark=lambda n: d(58790))
    assert is_out(rig)


async def test_a_price_is_watched_again_within_five_seconds_of_the_last_quote(rig) -> None:
    """The mark was asked for when the quote, a second old here, was too old already."""
    await said(rig, None, 2, mark=lambda n: d(58790))
    assert not is_out(rig), "its quote says that it stands above its stop"
    await said(rig, None, 2, mark=lambda n: d(58790))
    assert is_out(rig)


async def test_a_quote_that_came_after_the_mark_is_the_newer_word(rig) -> None:
    await said(rig, None, 4, mark=lambda n: d(59900))
    rig.coins.mark = d(58790)
    rig.quote(BTC, *FAIR)
    await said(rig, FAIR, 3)
    assert not is_out(rig)


async def test_one_slip_of_the_brokers_mark_sells_nothing(rig) -> None:
    await said(rig, None, 21, mark=lambda n: d(30000) if 10 <= n < 13 else d(59900))
    assert not is_out(rig)


async def test_a_wrong_first_price_after_a_start_sells_nothing(rig) -> None:
    rig.board.quality, rig.coins.mark = Quality(), d(60000)
    rig.board.withdraw(BTC)
    rig.quote(BTC, *TENTH)
    await recover.reconcile(rig.desk)
    assert rig.board.last(BTC) is None, "it moves no target and no limit either"
    await said(rig, TENTH, 4)
    assert not is_out(rig)
    await said(rig, FAIR, 3)
    assert not is_out(rig)


async def test_a_stop_that_rests_at_its_broker_needs_no_second_truth() -> None:
    rig = await desks.start(risk=LOOSE)
    rig.quote(BTC, *FAIR)
    asked = Wanted(side=Side.BUY, symbol="BTC/USD", amount=d("0.02"), stop=d(58800))
    await manual.send(rig.desk, await manual.plan(rig.desk, TRADER, asked), 77)
    rig.quote(BTC, *FAIR)
    await rig.pass_time(10)
    assert rig.desk.book.open_trades()
    assert not [n for n in rig.notes() if "does not rest at the broker" in n]
    await rig.close()


@pytest.fixture
async def held():
    """A micro at 6326, its target at 6333, in a market that hardly moves."""
    rig = await desks.start(risk=LOOSE)
    rig.board.quality = Quality()
    rig.quote(MES, "6325.75", "6326.00")
    await rig.say("🚨 ES long 6326: A\nStop: 6316", channel=FUTURES, author=NINJA)
    await rig.fill(MES, "6325.75", "6326.00")
    for n in range(30):
        rig.clock.advance(0.1)
        rig.quote(MES, f"{6325 + n % 2}.75", f"{6326 + n % 2}.00")
    await rig.rest()
    assert rig.trade().qty_open == 1
    yield rig
    await rig.close()


def is_reached(rig):
    return all(t.is_hit for trade in rig.trades() for t in trade.targets)


async def told(rig, *bids):
    """Quotes a tenth of a second apart."""
    for bid in bids:
        rig.clock.advance(0.1)
        rig.quote(MES, bid, str(d(bid) + d("0.25")))
        await rig.rest()


@pytest.mark.parametrize("slips", [1, 3])
async def test_one_slip_in_our_favour_reaches_no_target_and_moves_no_stop(held, slips) -> None:
    await manage.trail(held.desk, held.trade().trade_id, TRADER, percent=d("0.12"))
    await held.pass_time(3)
    before = held.trade().stop.price
    for _ in range(slips):
        await told(held, *["6325.75"] * 3, "6345.00", "6325.75")
    await held.pass_time(12)
    await told(held, "6325.75")
    trade = held.trade()
    assert (trade.qty_open, is_reached(held), trade.stop.price) == (1, False, before)
    assert trade.high_water < 6330


async def test_one_slip_reaches_no_target_of_a_trade_that_was_just_opened() -> None:
    """Too few prices are known for a sigma then, and any of them closed it."""
    rig = await desks.start(risk=LOOSE)
    rig.board.quality = Quality()
    rig.quote(MES, "6325.75", "6326.00")
    await rig.say("🚨 ES long 6326: A\nStop: 6316", channel=FUTURES, author=NINJA)
    await rig.fill(MES, "6325.75", "6326.00")
    await told(rig, "6325.75", "6345.00")
    assert not is_reached(rig)
    await told(rig, "6325.75")
    await rig.pass_time(3)
    assert (rig.trade().qty_open, is_reached(rig)) == (1, False)
    await told(rig, "6345.00", "6345.25")
    assert is_reached(rig), "the next quote says so too"
    await rig.close()


@pytest.mark.parametrize("then", ["6345.00", "6344.50", "6351.00", ""])
async def test_a_leap_that_the_next_quote_confirms_or_nothing_takes_back_reaches_it(
    held, then
) -> None:
    await told(held, "6345.00")
    assert not is_reached(held)
    if then:
        await told(held, then)
    else:
        await held.pass_time(1)
        assert not is_reached(held)
        await held.pass_time(2)
    assert is_reached(held)


async def test_a_frame_that_is_told_twice_confirms_nothing(held) -> None:
    slip = held.quote(MES, "6345.00", "6345.25")
    held.clock.advance(0.5)
    held.board.put(replace(slip, received_at=held.clock.now()))
    await held.rest()
    await told(held, "6325.75")
    assert not is_reached(held)


@pytest.mark.parametrize("is_slip", [True, False])
async def test_one_slip_shuts_no_day_and_a_loss_that_stands_does(held, is_slip) -> None:
    account = held.desk.book.accounts["main"]
    poorer = changed(account, cash_usd=account.cash_usd - 2965)
    await held.desk.commit(held.desk.event("test.cost", "cost", poorer))
    await facts.roll(held.desk, "main")
    await told(held, "6325.75")
    assert breaker.tripped(held.desk) == []
    held.quote(MES, "6317.00", "6317.25")
    await facts.roll(held.desk, "main")
    assert breaker.tripped(held.desk) == []
    await told(held, "6325.75" if is_slip else "6317.25")
    await facts.roll(held.desk, "main")
    assert breaker.tripped(held.desk) == ([] if is_slip else ["main"])


async def test_a_price_that_leaps_to_and_fro_beyond_the_days_loss_shuts_the_day(held) -> None:
    """Each leap was taken back by the next price, so none was ever confirmed."""
    account = held.desk.book.accounts["main"]
    poorer = changed(account, cash_usd=account.cash_usd - 2965)
    await held.desk.commit(held.desk.event("test.cost", "cost", poorer))
    await facts.roll(held.desk, "main")
    for bid in ("6317.00", "6325.75") * 2:
        held.quote(MES, bid, str(d(bid) + d("0.25")))
        await facts.roll(held.desk, "main")
        held.clock.advance(1)
    assert breaker.tripped(held.desk) == []
    for bid in ("6317.00", "6325.75") * 3:
        held.quote(MES, bid, str(d(bid) + d("0.25")))
        await facts.roll(held.desk, "main")
        held.clock.advance(1)
    assert breaker.tripped(held.desk) == ["main"]


async def test_a_stop_that_the_desk_watches_acts_on_a_leap_at_once(rig) -> None:
    await said(rig, FAIR, 25)
    rig.quote(BTC, "58700", "58710")
    await rig.rest()
    assert is_out(rig)
