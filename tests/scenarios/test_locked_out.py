"""A broker that does not let us in, and then does again (O-19): nothing is guessed meanwhile."""

import asyncio

import pytest

from engine.domain.errors import BrokerAuthError
from engine.flows.brokers.heartbeat import Heartbeat
from engine.flows.orders import call_off, just_taken
from tests.scenarios.test_desk_at_venues import NAMES, at
from tests.sim import Sim, run

ACCOUNTS = {
    "alpaca": "/account",
    "etrade": "/accounts/list.json",
    "schwab": "/accounts/accountNumbers",
    "tastytrade": "/customers/me/accounts",
    "topstepx": "/api/Account/search",
    "webull": "/accounts/list",
}
"""What a login asks first, by broker."""


@pytest.mark.parametrize("name", NAMES)
async def test_a_start_that_is_not_let_in_gives_no_order_up(name):
    """At TopStepX an entry that had filled counted as cancelled, and what it bought had no stop."""
    async with at(name) as it:
        entry = await it.written()
        await just_taken.submit(it.desk, entry)
        await it.die()
        it.bench.venue.faults.lacks, it.bench.venue.faults.lacks_by = (ACCOUNTS[name],), 500
        await it.back()
        await it.seconds(3)
        await call_off.ask_cancel(it.desk, await it.desk.order(entry.order_id), "a closing alert")
        await it.seconds(40)
        assert not (await it.desk.order(entry.order_id)).state.is_terminal
        it.bench.venue.faults.lacks = ()
        await it.seconds(60)
        await it.holds(entry, 2)


def test_each_time_that_a_broker_shuts_us_out_is_told(monkeypatch):
    """The second one of a day was told to nobody, however long it lasted."""

    async def story():
        sim = await Sim().start()
        beats = Heartbeat(sim.desk)
        sim.works.append(asyncio.create_task(sim._every(5.0, beats.look)))
        sim.works.append(asyncio.create_task(sim._every(30.0, beats.beat)))

        async def no(*_):
            raise BrokerAuthError("401")

        said = []
        for out_s, in_s in ((600, 900), (600, 60), (600, 60)):
            with monkeypatch.context() as shut:
                for name in ("balance", "positions", "orders_since", "open_orders", "fills_since"):
                    shut.setattr(sim.outside, name, no)
                await asyncio.sleep(out_s)
            await asyncio.sleep(in_s)
            said.append([n[0] for n in sim.rig.notes()])
        await sim.close()
        return said

    first, second, third = run(story)
    assert first == ["🛑", "✔"]
    assert second == first * 2
    assert third[4:] == ["⚠", "✔"], "soon after it was let in"
