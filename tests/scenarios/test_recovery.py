"""Death between any two steps, and a store or a broker that is away (O-01 to O-03, I-11, I-35)."""

import asyncio

import pytest

from engine.domain.errors import Conflict, StoreUnavailable
from engine.domain.order import Order, Purpose
from engine.domain.trade import TradeState
from engine.flows.alerts import take_alert
from engine.flows.brokers import recover
from engine.flows.trades import manage
from storage.memory import MemoryStore, MemoryVault
from tests import rig as desks
from tests import truth
from tests.mortal import FailingStore, Life, MortalBroker, MortalStore, MortalVault
from tests.rig import OPTIONS, RHEA, TRADER, d, spy

BUY = "BTO 4 SPY 603C 1/31 @ 2.15"
AUTO = frozenset({"options", "futures", "stocks"})


async def living(life, store, vault, clock=None, board=None):
    """A desk whose every step to the outside may be its last."""
    return await desks.start(
        store=MortalStore(store, life),
        vault=MortalVault(vault, life),
        wrap=lambda paper: MortalBroker(paper, life),
        clock=clock,
        board=board,
    )


async def drop(rig):
    """What kill -9 leaves: nothing of the process, all of the store and the vault."""
    rig.broker._stop_listening()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def story(rig, message):
    """Alert, partial fill, full fill, break-even by hand, half closed, then a falling market."""
    await take_alert.run(rig.desk, message)
    await rig.rest()
    rig.clock.advance(0.3)
    rig.quote(spy(), "2.14", "2.15", ask_size=d(1))
    await rig.rest()
    await rig.fill(spy(), "2.14", "2.15")
    await rig.fill(spy(), "2.40", "2.42")
    for trade in rig.trades():
        if trade.state is TradeState.OPEN:
            await manage.to_break_even(rig.desk, trade.trade_id, TRADER)
            await manage.close(rig.desk, trade.trade_id, TRADER, percent=d(50))
    await rig.rest()
    for bid, ask in (("2.40", "2.42"), ("2.39", "2.41"), ("1.90", "1.92"), ("1.90", "1.92")):
        await rig.fill(spy(), bid, ask)


async def afterlife(store, vault, rig, message):
    """A new process on what the old one left; it must come to rest with true books."""
    await drop(rig)
    clock, board = rig.clock, rig.board
    again = await desks.start(store=store, vault=vault, clock=clock, board=board)
    assert again.desk.is_reconciled
    await take_alert.run(again.desk, desks.replace(message, is_caught_up=True))
    for seconds in (0.3, 0.3, 1, 1, 1, 3, 7, 1):
        again.quote(spy(), "1.90", "1.92")
        await again.pass_time(seconds, step=seconds)
    await recover.reconcile(again.desk)
    await again.rest()
    return again


async def check(again):
    desk = again.desk
    await truth.books(desk.store, auto=AUTO)
    await truth.memory_equals_disk(desk)
    await truth.same_as_broker(desk, again.broker)
    await truth.exits_fit(desk, again.broker)
    taken = await again.broker.orders_since("main", desks.START - 3600 * desks.SECOND)
    names = [o.client_order_id for o in taken]
    assert len(names) == len(set(names))
    for name in names:
        assert await desk.store.get(Order, name) is not None, "the broker has an order we lost"
    entries = [o for o in await desk.store.find(Order) if o.purpose is Purpose.ENTRY]
    assert len(entries) <= 1
    for order in await desk.store.find(Order):
        if order.filled:
            assert order.filled <= order.qty
    for trade in desk.book.open_trades():
        assert trade.is_unprotected_since is None, "a position is left naked"


async def one_death(dies_at):
    """The story, cut at one moment; False when it ended before that."""
    life, store, vault = Life(dies_at), MemoryStore(), MemoryVault()
    board, clock = desks.QuoteBoard(), desks.ManualClock(desks.START)
    begun = asyncio.create_task(living(life, store, vault, clock, board))
    over = asyncio.create_task(life.is_over.wait())
    await asyncio.wait([begun, over], return_when=asyncio.FIRST_COMPLETED)
    if not begun.done():
        over.cancel()
        begun.cancel()
        await asyncio.gather(begun, return_exceptions=True)
        again = await desks.start(store=store, vault=vault, clock=clock, board=board)
        await check(again)
        await again.close()
        return True
    rig = begun.result()
    rig.quote(spy(), "2.14", "2.16")
    message = rig.message(OPTIONS, RHEA, BUY)
    told = asyncio.create_task(story(rig, message))
    await asyncio.wait([told, over], return_when=asyncio.FIRST_COMPLETED)
    for task in (told, over):
        task.cancel()
    results = await asyncio.gather(told, over, return_exceptions=True)
    failed = [r for r in results if isinstance(r, Exception)]
    assert not failed, failed
    again = await afterlife(store, vault, rig, message)
    await check(again)
    await again.close()
    return life.is_over.is_set()


@pytest.mark.parametrize("first", range(12))
async def test_death_at_every_moment_of_a_trade(first):  # O-01, O-02, I-11, I-35
    dies_at = first + 1
    while await one_death(dies_at):
        dies_at += 12


async def test_the_story_without_death_is_what_it_should_be():
    life, store, vault = Life(), MemoryStore(), MemoryVault()
    rig = await living(life, store, vault)
    rig.quote(spy(), "2.14", "2.16")
    message = rig.message(OPTIONS, RHEA, BUY)
    await story(rig, message)
    assert life.n > 60
    again = await afterlife(store, vault, rig, message)
    (trade,) = again.desk.book.closed.values()
    assert trade.qty_opened == 4
    assert not again.desk.health
    await check(again)
    await again.close()


# -- the store is away for a moment --------


async def without_disk(fails_at, *, is_written, times=1):
    """The story with one commit that fails; the same process goes on. What failed, or None."""
    store = FailingStore(MemoryStore(), fails_at, is_written=is_written, times=times)
    rig = await desks.start(store=store)
    rig.quote(spy(), "2.14", "2.16")
    message = rig.message(OPTIONS, RHEA, BUY)
    try:
        await story(rig, message)
    except (StoreUnavailable, Conflict):
        await rig.rest()
    try:
        await take_alert.run(rig.desk, desks.replace(message, is_caught_up=True))
    except StoreUnavailable:
        await rig.rest()
    for seconds in (0.3, 1, 1, 1, 1, 3, 7, 1, 10, 30, 10, 1, 1, 1):
        rig.quote(spy(), "1.90", "1.92")
        await rig.pass_time(seconds, step=seconds)
    assert rig.desk.is_reconciled, rig.desk.gates
    trouble = {k: v for k, v in rig.desk.health.items() if not k.startswith("task")}
    assert not trouble, trouble
    await recover.reconcile(rig.desk)
    await rig.rest()
    await check(rig)
    for pump in rig.pumps:
        assert not pump.done()
    await rig.close()
    return store.failed


@pytest.mark.parametrize("is_written", [False, True])
@pytest.mark.parametrize("first", range(6))
async def test_any_commit_may_fail_and_the_books_come_right_without_a_restart(first, is_written):
    fails_at = first + 2  # the first one opens the account: without it nothing starts
    while await without_disk(fails_at, is_written=is_written):
        fails_at += 6


@pytest.mark.parametrize("fails_at", range(2, 40, 3))
async def test_a_disk_that_is_away_for_longer(fails_at):  # S-02
    await without_disk(fails_at, is_written=False, times=12)
