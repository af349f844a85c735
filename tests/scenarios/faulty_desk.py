"""A desk whose broker fails, lies, repeats and forgets, and what is asked of it again and again."""

import asyncio

from engine.domain.order import Order, Purpose
from engine.flows.brokers import recover
from tests import rig as desks
from tests import truth
from tests.conformance.faulty_broker import Faults, FaultyBroker
from tests.rig import spy

BUY = "BTO 2 SPY 603C 1/31 @ 2.15"
AUTO = frozenset({"options", "futures", "stocks"})


async def make(faults: Faults | None = None, **settings):
    faults = faults or Faults()
    rig = await desks.start(wrap=lambda paper: FaultyBroker(paper, faults), **settings)
    rig.faults = faults
    rig.quote(spy(), "2.14", "2.16")
    return rig


async def moments(is_so):
    """Until other tasks have made it so."""
    async with asyncio.timeout(20):
        while not is_so():  # noqa: ASYNC110 - other tasks move it, there is no event
            await asyncio.sleep(0.001)


async def orders(rig, purpose=Purpose.ENTRY):
    return [o for o in await rig.desk.store.find(Order) if o.purpose is purpose]


async def at_broker(rig):
    """Every order that the broker ever took."""
    return await rig.broker.orders_since("main", desks.START - 3600 * desks.SECOND)


async def check(rig):
    await truth.books(rig.desk.store, auto=AUTO)
    await truth.memory_equals_disk(rig.desk)


async def alive(rig, seconds: float, quote=("2.14", "2.16")):
    """Time goes by with fresh quotes, sweeps and everything else."""
    for _ in range(int(seconds)):
        rig.quote(spy(), *quote)
        await rig.pass_time(1)


async def waiting(rig, text=BUY):
    """An entry at the broker, and a market that does not fill it."""
    record = await rig.say(text)
    rig.quote(spy(), "2.50", "2.60")
    return record


LISTS = ("open_orders", "orders_since", "fills_since")


async def nothing(*_):
    return []


async def at_rest(rig):
    await alive(rig, 3)
    await recover.reconcile(rig.desk)
    await rig.rest()
    await check(rig)
    await truth.same_as_broker(rig.desk, rig.broker)
    await truth.exits_fit(rig.desk, rig.broker)
