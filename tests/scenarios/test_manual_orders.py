"""Orders of one's own through the engine: stops, additions, changes; the books hold throughout."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from engine.domain.errors import NotAllowed, UserError
from engine.domain.instrument import stock
from engine.domain.order import OrderState, Purpose, Side
from engine.domain.trade import TradeState
from engine.flows.acts import cancel, flatten, halt, unprotect
from engine.flows.alerts import drafting, manual
from engine.flows.alerts.drafting import Wanted
from engine.flows.limits import curbs
from engine.flows.trades import manage, reprice
from tests import rig as desks
from tests import truth
from tests.rig import AAPL, ADMIN, LOOSE, OTHER, TRADER, VIEWER, Rig, d

AUTO = frozenset({"manual"})
MSFT = stock("MSFT")


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    made = await desks.start(risk=LOOSE)
    made.quote(AAPL, "189.98", "190.02")
    yield made
    await truth.books(made.desk.store, auto=AUTO)
    await truth.memory_equals_disk(made.desk)
    await truth.same_as_broker(made.desk, made.broker)
    await truth.exits_fit(made.desk, made.broker)
    await made.close()


def wanted(amount: str = "10", **more: Any) -> Wanted:
    return Wanted(**{"side": Side.BUY, "symbol": "AAPL", "amount": d(amount), **more})


async def order(rig: Rig, asked: Wanted, key: int = 77) -> manual.Done:
    """Ask, confirm, and let it come to rest."""
    planned = await manual.plan(rig.desk, TRADER, asked)
    done = await manual.send(rig.desk, planned, key)
    await rig.rest()
    return done


async def held(rig: Rig, **more: Any) -> Any:
    """An open position of ten shares with its stop at the broker."""
    await order(rig, wanted(stop=d(186), **more))
    await rig.fill(AAPL, "189.98", "190.02")
    await rig.fill(AAPL, "189.98", "190.02")
    (trade,) = rig.desk.book.open_trades()
    return trade


def orders(rig: Rig, purpose: Purpose) -> list[Any]:
    found = rig.desk.book.orders.values()
    return [o for o in found if o.purpose is purpose and not o.state.is_terminal]


async def test_the_first_stop_is_two_atr_within_what_may_be_risked(rig: Rig) -> None:
    desk = rig.desk
    planned = await manual.plan(desk, TRADER, wanted())
    assert "the house's 2 %" in drafting.draft(desk, planned).stop_why
    for price, kept in ((3, "3.0"), (40, "5.7"), (1, "1.5")):
        desk.bars._series.clear()
        at = rig.clock.now()
        for n in range(20):
            for edge in (0, price):
                moment = at.replace(hour=10, minute=n)
                desk.bars.add(AAPL.key, d(190) + d(edge) / 2, moment)
        made = drafting.draft(desk, planned)
        assert made.intent is not None
        assert made.intent.limit is not None
        assert made.intent.stop is not None
        distance = made.intent.limit - made.intent.stop
        assert f"{distance:.1f}" == kept, (made.stop_why, distance)
        assert made.refused == "", made.refused
        assert "2 × ATR(14)" in made.stop_why


async def test_dollars_and_risk_percent_become_shares(rig: Rig) -> None:
    for amount, unit, qty in (("5000", "usd", 26), ("0.1", "risk-pct", 25)):
        asked = wanted(amount, unit=unit, stop=d("186.21"))
        made = drafting.draft(rig.desk, await manual.plan(rig.desk, TRADER, asked))
        assert made.intent is not None
        assert made.intent.qty == qty, (unit, made.intent.qty)
    little = wanted("100", unit="usd")
    made = drafting.draft(rig.desk, await manual.plan(rig.desk, TRADER, little))
    assert "one unit costs" in made.refused


async def test_nothing_leaves_while_halted_denied_or_by_a_viewer(rig: Rig) -> None:
    planned = await manual.plan(rig.desk, TRADER, wanted(stop=d(186)))
    await halt.emergency_stop(rig.desk, TRADER, close=False, reason="drill")
    with pytest.raises(UserError, match="halted"):
        await manual.send(rig.desk, planned, 1)
    await halt.resume(rig.desk, ADMIN, "drill is over")
    with pytest.raises(NotAllowed):
        await manual.plan(rig.desk, VIEWER, wanted())
    with pytest.raises(UserError, match="There is no such account"):
        await manual.plan(rig.desk, TRADER, wanted(at="elsewhere"))
    rig.clock.advance(60)
    with pytest.raises(UserError, match="no fresh quote"):
        await manual.send(rig.desk, planned, 2)
    assert not rig.desk.book.orders


async def test_the_same_click_never_orders_twice(rig: Rig) -> None:
    planned = await manual.plan(rig.desk, TRADER, wanted(stop=d(186)))
    first = await manual.send(rig.desk, planned, 5)
    with pytest.raises(Exception, match=r".+"):
        await manual.send(rig.desk, planned, 5)
    await rig.rest()
    assert [o.order_id for o in orders(rig, Purpose.ENTRY)] == [first.order_id]


async def test_an_addition_joins_the_trade_and_its_stop_covers_all(rig: Rig) -> None:
    trade = await held(rig, target=d(199))
    risk = trade.risk_usd
    await order(rig, wanted("5", trade_id=trade.trade_id), key=78)
    working = rig.desk.book.trades[trade.trade_id]
    assert (working.qty_wanted, working.is_entry_over) == (15, False)
    await rig.fill(AAPL, "190.98", "191.02")
    await rig.fill(AAPL, "189.98", "190.02")
    await rig.fill(AAPL, "189.98", "190.02")
    now = rig.desk.book.trades[trade.trade_id]
    assert (now.qty_open, now.is_entry_over) == (15, True)
    assert [t.qty for t in now.targets] == [15]
    assert now.risk_usd > risk
    (stop,) = orders(rig, Purpose.STOP)
    assert (stop.leaves, stop.stop) == (15, d(186))


async def test_an_addition_that_does_not_fill_leaves_everything_as_it_was(rig: Rig) -> None:
    trade = await held(rig, target=d(199))
    done = await order(rig, wanted("5", trade_id=trade.trade_id, limit=d(188)), key=78)
    with pytest.raises(UserError, match="entry still works"):
        await manual.plan(rig.desk, TRADER, wanted("5", trade_id=trade.trade_id))
    await manage.close(rig.desk, trade.trade_id, TRADER, qty=d(4))
    await rig.rest()
    await rig.fill(AAPL, "189.98", "190.02")
    await rig.fill(AAPL, "189.98", "190.02")
    entry = await rig.desk.order(done.order_id)
    assert entry.state is OrderState.CANCELED  # while anything is closed, nothing is added
    now = rig.desk.book.trades[trade.trade_id]
    assert (now.qty_open, now.qty_opened) == (6, 10)
    assert [t.qty for t in now.targets] == [10]
    (stop,) = orders(rig, Purpose.STOP)
    assert stop.leaves == 6


async def test_a_changed_entry_is_swapped_in_place_and_fills_once(rig: Rig) -> None:
    done = await order(rig, wanted(limit=d(188), stop=d(185)))
    await rig.fill(AAPL, "189.98", "190.02")
    new = await reprice.run(rig.desk, TRADER, done.order_id, price=d("188.50"), qty=d(8))
    await rig.rest()
    assert new.replaces == done.order_id
    await rig.fill(AAPL, "188.40", "188.45")
    await rig.fill(AAPL, "188.40", "188.45")
    (trade,) = rig.desk.book.open_trades()
    assert (trade.qty_open, trade.qty_wanted) == (8, 8)
    assert (await rig.desk.order(done.order_id)).state is OrderState.REPLACED


@pytest.mark.parametrize("swaps", [False, True])
async def test_what_was_filled_before_the_change_counts(rig: Rig, swaps: bool) -> None:
    """A quantity is that of the whole line; without a swap the rest is sent anew."""
    paper = rig.broker
    if not swaps:
        rig.desk.brokers["paper"].caps = replace(paper.caps, replaces_in_place=False)
    done = await order(rig, wanted(limit=d(190), stop=d(186)))
    await rig.fill(AAPL, "189.98", "190.02", ask_size=d(4), bid_size=d(4))
    await rig.fill(AAPL, "189.90", "189.95", ask_size=d(4), bid_size=d(4))
    first = rig.desk.book.orders[done.order_id]
    assert 0 < first.filled < 10, first
    changing = asyncio.ensure_future(reprice.run(rig.desk, TRADER, done.order_id, qty=d(12)))
    for _ in range(40):
        rig.clock.advance(0.1)
        await rig.rest()
        if changing.done():
            break
    new = await changing
    assert (new.replaces is not None) == swaps
    for _ in range(3):
        await rig.fill(AAPL, "189.90", "189.95")
    (trade,) = rig.desk.book.open_trades()
    assert trade.qty_open == 12
    assert trade.qty_opened == 12
    (stop,) = orders(rig, Purpose.STOP)
    assert stop.leaves == 12


@pytest.mark.parametrize("percent", [None, 100])
async def test_closing_all_closes_what_the_entry_fills_before_it_is_cancelled(
    rig: Rig, percent: int | None
) -> None:
    """Only what was held at that moment was closed: the rest stayed, though nobody wanted it."""
    await order(rig, wanted(limit=d(190), stop=d(186)))
    await rig.fill(AAPL, "189.98", "190.02", ask_size=d(4), bid_size=d(4))
    await rig.fill(AAPL, "189.90", "189.95", ask_size=d(4), bid_size=d(4))
    trade = rig.trade()
    assert 0 < trade.qty_open < 10
    rig.quote(AAPL, "190.50", "190.55")
    share = None if percent is None else d(percent)
    await manage.close(rig.desk, trade.trade_id, TRADER, percent=share)
    rig.clock.advance(0.05)
    rig.quote(AAPL, "189.90", "189.95")  # before the cancellation is there
    for _ in range(8):
        await rig.fill(AAPL, "189.90", "189.95")
    assert not rig.trades()
    closed = rig.desk.book.closed[trade.trade_id]
    assert (closed.qty_opened, closed.qty_open) == (10, 0)


async def test_without_swaps_an_unfilled_entry_is_cancelled_and_sent_anew(rig: Rig) -> None:
    rig.desk.brokers["paper"].caps = replace(rig.broker.caps, replaces_in_place=False)
    done = await order(rig, wanted(limit=d(188), stop=d(185)))
    await rig.fill(AAPL, "189.98", "190.02")
    changing = asyncio.ensure_future(reprice.run(rig.desk, TRADER, done.order_id, price=d(189)))
    for _ in range(40):
        rig.clock.advance(0.1)
        await rig.rest()
        if changing.done():
            break
    new = await changing
    await rig.rest()
    old = await rig.desk.order(done.order_id)
    assert old.state is OrderState.CANCELED
    assert (new.limit, new.replaces) == (d(189), None)
    for _ in range(3):
        await rig.fill(AAPL, "188.90", "188.95")
    (trade,) = rig.desk.book.open_trades()
    assert trade.qty_open == 10
    record = next(reversed(rig.desk.book.alerts.values()))
    assert trade.trade_id in record.trade_ids


async def while_cancelled(
    rig: Rig, filled: int, what: Callable[[Any], Awaitable[Any]], price: int = 191
) -> BaseException | None:
    """A broker without swaps takes 3 s over the cancel; ``what`` happens then; what was said."""
    paper = rig.broker
    rig.desk.brokers["paper"].caps = replace(paper.caps, replaces_in_place=False)
    done = await order(rig, wanted(limit=d(190 if filled else 188), stop=d(186)))
    if filled:
        await rig.fill(AAPL, "189.98", "190.02", ask_size=d(filled), bid_size=d(filled))
        await rig.fill(AAPL, "189.90", "189.95", ask_size=d(filled), bid_size=d(filled))
    rig.quote(AAPL, "190.50", "190.55")
    await rig.rest()
    assert bool(rig.desk.book.orders[done.order_id].filled) == bool(filled)
    real = paper.cancel

    async def slow(account: str, order_id: str) -> None:
        if order_id == done.order_id:
            await rig.clock.sleep(3)
        await real(account, order_id)

    paper.cancel = slow  # type: ignore[method-assign]
    changing = asyncio.ensure_future(reprice.run(rig.desk, TRADER, done.order_id, price=d(price)))
    await rig.rest()
    (trade,) = rig.desk.book.trades.values()
    happens = asyncio.ensure_future(what(trade))
    for _ in range(60):
        rig.clock.advance(0.1)
        rig.quote(AAPL, "190.50", "190.55")
        await rig.rest()
    await happens
    said = (await asyncio.gather(changing, return_exceptions=True))[0]
    for _ in range(3):
        await rig.fill(AAPL, "190.50", "190.55")
    return said if isinstance(said, BaseException) else None


@pytest.mark.parametrize("filled", [0, 4])
@pytest.mark.parametrize("how", ["close", "close all"])
async def test_what_is_closed_while_its_order_is_changed_is_not_bought_again(
    rig: Rig, how: str, filled: int
) -> None:
    async def closed(trade: Any) -> None:
        if how == "close":
            await manage.close(rig.desk, trade.trade_id, OTHER)
        else:
            await flatten.run(rig.desk, OTHER)

    said = await while_cancelled(rig, filled, closed)
    assert isinstance(said, UserError), said
    assert "closed meanwhile" in str(said)
    assert "nothing new was sent" in str(said)
    assert not rig.desk.book.open_trades()
    assert not orders(rig, Purpose.ENTRY)


async def test_an_order_that_is_cancelled_while_it_is_changed_stays_cancelled(rig: Rig) -> None:
    async def cancelled(trade: Any) -> None:
        tally = await cancel.run_all(rig.desk, OTHER)
        (answer,) = tally.values()
        assert answer == "⏳ It is being cancelled already; nothing is sent in its place."

    said = await while_cancelled(rig, 0, cancelled)
    assert "Somebody cancelled" in str(said)
    assert not orders(rig, Purpose.ENTRY)


@pytest.mark.parametrize("price", [187, 191])
async def test_a_freeze_set_while_an_order_is_changed_holds(rig: Rig, price: int) -> None:
    async def frozen(trade: Any) -> None:
        await curbs.freeze(rig.desk, ADMIN, "symbol", "AAPL", "news")

    said = await while_cancelled(rig, 0, frozen, price)
    assert "frozen by ada" in str(said)
    assert not orders(rig, Purpose.ENTRY)


async def test_a_halt_that_is_over_again_still_ended_the_order(rig: Rig) -> None:
    async def stopped(trade: Any) -> None:
        await halt.emergency_stop(rig.desk, OTHER, close=False, reason="drill")
        await halt.resume(rig.desk, ADMIN, "over")

    said = await while_cancelled(rig, 0, stopped)
    assert "halted meanwhile" in str(said)
    assert not orders(rig, Purpose.ENTRY)


async def test_where_entries_are_frozen_an_order_that_cannot_be_swapped_works_on(rig: Rig) -> None:
    rig.desk.brokers["paper"].caps = replace(rig.broker.caps, replaces_in_place=False)
    done = await order(rig, wanted(limit=d(188), stop=d(185)))
    await rig.fill(AAPL, "189.98", "190.02")
    await curbs.freeze(rig.desk, ADMIN, "all", "", "news")
    with pytest.raises(UserError, match=r"frozen.*Nothing was changed"):
        await reprice.run(rig.desk, TRADER, done.order_id, price=d(187))
    assert rig.desk.book.orders[done.order_id].state is OrderState.ACCEPTED


async def test_what_its_stop_ended_while_its_order_was_changed_is_not_entered_again(
    rig: Rig,
) -> None:
    async def stopped_out(trade: Any) -> None:
        for _ in range(4):
            rig.quote(AAPL, "185.90", "190.60")
            await rig.rest()
            rig.clock.advance(0.1)

    said = await while_cancelled(rig, 4, stopped_out)
    assert "closed meanwhile" in str(said)
    assert not rig.desk.book.open_trades()
    assert not orders(rig, Purpose.ENTRY)


@pytest.mark.parametrize("swaps", [False, True])
async def test_an_entry_is_never_moved_beyond_its_own_stop(rig: Rig, swaps: bool) -> None:
    rig.desk.brokers["paper"].caps = replace(rig.broker.caps, replaces_in_place=swaps)
    done = await order(rig, wanted(limit=d(188), stop=d(186)))
    await rig.fill(AAPL, "189.98", "190.02")
    for price in (d(185), d(186)):
        with pytest.raises(UserError, match=r"the stop stands at 186.*must be above"):
            await reprice.run(rig.desk, TRADER, done.order_id, price=price)
    assert rig.desk.book.orders[done.order_id].limit == 188


async def test_stops_taken_back_stay_away_until_one_is_set_again(rig: Rig) -> None:
    trade = await held(rig)
    tally = await unprotect.run(rig.desk, TRADER)
    assert list(tally.values()) == ["cancelling"]
    for _ in range(3):
        await rig.fill(AAPL, "189.98", "190.02")
    assert not orders(rig, Purpose.STOP)
    assert any("took the stop" in n for n in rig.notes())
    await manage.set_stop(rig.desk, trade.trade_id, TRADER, d(185))
    await rig.fill(AAPL, "189.98", "190.02")
    (stop,) = orders(rig, Purpose.STOP)
    assert stop.stop == d(185)


async def test_a_trade_that_ends_while_stops_are_taken_back_keeps_no_other_from_it(
    rig: Rig,
) -> None:
    rig.quote(MSFT, "399.98", "400.02")
    for number, (name, stop) in enumerate((("AAPL", 186), ("MSFT", 390))):
        await order(rig, wanted("5", symbol=name, stop=d(stop)), key=80 + number)
    for _ in range(2):
        rig.clock.advance(0.3)
        await rig.rest()
        rig.quote(AAPL, "189.98", "190.02")
        rig.quote(MSFT, "399.98", "400.02")
        await rig.rest()
    first, second = rig.desk.book.open_trades()
    assert len(orders(rig, Purpose.STOP)) == 2
    held = rig.desk.lock(f"trade:{first.trade_id}")
    await held.acquire()  # its exits are at work
    taking = asyncio.ensure_future(unprotect.run(rig.desk, TRADER))
    await asyncio.sleep(0)
    rig.quote(AAPL, "185.40", "185.50")  # its stop fills meanwhile
    for _ in range(3):
        rig.clock.advance(0.3)
        await rig.rest()
    assert first.trade_id not in rig.desk.book.trades
    held.release()
    tally = await taking
    assert list(tally.values()) == ["cancelling"]
    for _ in range(3):
        rig.clock.advance(0.3)
        rig.quote(MSFT, "399.98", "400.02")
        await rig.rest()
    assert rig.desk.book.trades[second.trade_id].stop is None
    assert not orders(rig, Purpose.STOP)


async def test_a_price_of_ones_own_waits_all_day(rig: Rig) -> None:
    mine = await order(rig, wanted(limit=d(188), stop=d(185)))
    for _ in range(5):
        rig.quote(AAPL, "189.98", "190.02")
        await rig.pass_time(60, step=30)
    assert rig.desk.book.orders[mine.order_id].state is OrderState.ACCEPTED
    assert rig.desk.book.trades
    assert next(iter(rig.desk.book.trades.values())).state is TradeState.PENDING
