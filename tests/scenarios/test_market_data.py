"""Alerts on bad market data: stale, senseless, halted, of poor grade (M-01, M-02, M-10)."""

import pytest

from engine.domain.instrument import stock
from engine.domain.order import Order, OrderState, Purpose
from engine.quality import Quality
from tests import rig as desks
from tests import truth
from tests.rig import spy

BUY = "BTO 2 SPY 603C 1/31 @ 2.15"


@pytest.fixture
async def rig():
    made = await desks.start()
    made.board.quality = Quality()
    yield made
    await made.close()


async def entries(rig):
    return [o for o in await rig.desk.store.find(Order) if o.sent_at is not None]


async def test_a_quote_older_than_five_seconds_opens_nothing(rig) -> None:
    """M-01."""
    rig.quote(spy(), "2.14", "2.16")
    rig.clock.advance(6)
    await rig.say(BUY)
    assert await entries(rig) == []


@pytest.mark.parametrize(
    ("bid", "ask"),
    [
        ("NaN", "2.16"),
        ("0", "2.16"),
        ("-1", "2.16"),
        ("2.20", "2.16"),
        ("2.15", "2.15"),
        ("21", "22"),
    ],
)
async def test_a_price_that_cannot_be_moves_no_size_no_stop_and_no_gain(rig, bid, ask) -> None:
    """M-02: beside good quotes it changes nothing."""
    rig.quote(spy(), "2.14", "2.16")
    await rig.say(BUY)
    for _ in range(3):
        rig.quote(spy(), "2.14", "2.16")
        await rig.pass_time(1)
    (trade,) = rig.desk.book.open_trades("main")
    before = rig.desk.board.last(spy())
    rig.quote(spy(), bid, ask)
    await rig.pass_time(0.5)
    assert rig.desk.board.last(spy()) == before
    (after,) = rig.desk.book.open_trades("main")
    assert (after.stop, after.qty_open) == (trade.stop, trade.qty_open)
    await truth.books(rig.desk.store, auto=frozenset({"options"}))


async def test_a_halted_symbol_opens_nothing_is_not_tried_again_and_opens_when_it_resumes(
    rig,
) -> None:
    """M-10."""
    rig.quote(spy(), "2.14", "2.16", is_halted=True)
    await rig.say(BUY)
    for _ in range(10):
        rig.quote(spy(), "2.14", "2.16", is_halted=True)
        await rig.pass_time(1)
    assert await entries(rig) == [], "no entry, no resend loop"
    rig.quote(spy(), "2.14", "2.16")
    await rig.pass_time(1)
    assert await entries(rig) == [], "what was refused stays refused"
    rig.quote(spy(), "2.14", "2.16")
    await rig.say("BTO 1 SPY 603C 1/31 @ 2.16")
    assert len(await entries(rig)) >= 1


async def test_an_option_on_a_halted_share_opens_nothing_and_says_why(rig) -> None:
    """M-10: options stop with what they are written on, and their quotes need not say so."""
    rig.quote(stock("SPY"), "602.00", "602.02", is_halted=True)
    rig.quote(spy(), "2.14", "2.16")
    await rig.say(BUY)
    assert await entries(rig) == []
    verdicts = [v for i in rig.desk.book.intents.values() for v in i.verdicts]
    assert "data_quality.halted" in {v.code for v in verdicts}
    rig.quote(stock("SPY"), "602.00", "602.02")
    rig.quote(spy(), "2.14", "2.16")
    await rig.say("BTO 1 SPY 603C 1/31 @ 2.16")
    assert len(await entries(rig)) >= 1


async def test_an_exit_goes_out_while_the_symbol_is_halted_or_poor(rig) -> None:
    rig.quote(spy(), "2.14", "2.16")
    await rig.say(BUY)
    for _ in range(3):
        rig.quote(spy(), "2.14", "2.16")
        await rig.pass_time(1)
    rig.quote(spy(), "2.14", "2.16", is_halted=True)
    await rig.say("STC 2 SPY 603C 1/31 @ 2.14")
    for _ in range(3):
        rig.quote(spy(), "2.14", "2.16", is_halted=True)
        await rig.pass_time(1)
    closing = [o for o in await entries(rig) if o.purpose is Purpose.CLOSE]
    assert [o.state for o in closing] == [OrderState.ACCEPTED], "it waits at the broker"
    rig.quote(spy(), "2.14", "2.16")
    await rig.pass_time(1)
    assert not rig.desk.book.open_trades("main")


async def test_one_order_after_the_market_grew_poor_is_refused_with_its_grade(rig) -> None:
    rig.quote(spy(), "2.14", "2.16")
    for _ in range(60):
        rig.quote(spy(), "NaN", "2.16")
    rig.quote(spy(), "2.14", "2.16")
    record = await rig.say(BUY)
    assert record is not None
    assert await entries(rig) == []
    verdicts = [v for i in rig.desk.book.intents.values() for v in i.verdicts]
    (poor,) = [v for v in verdicts if v.check == "data_quality"]
    assert poor.code == "data_quality.poor"
    assert "grade D" in poor.detail
