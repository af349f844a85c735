"""Less is held at the broker than booked, and none of its lists says why (I-17)."""

from dataclasses import replace

import pytest

from engine.domain.order import OrderState, Purpose
from engine.flows.brokers import recover
from tests import rig as desks
from tests import truth
from tests.rig import d, spy

QUOTE = ("2.14", "2.16")


@pytest.fixture
async def rig():
    made = await desks.start(risk=desks.LOOSE)
    made.quote(spy(), *QUOTE)
    await bought(made, 4)
    await recover.on_demand(made.desk)
    yield made
    await truth.books(made.desk.store, auto=frozenset({"options"}))
    await truth.memory_equals_disk(made.desk)
    await made.close()


async def bought(rig, qty):
    await rig.say(f"BTO {qty} SPY 603C 1/31 @ 2.15")
    await rig.fill(spy(), "2.14", "2.15")
    await rig.pass_time(2)


async def alive(rig, seconds, quote=QUOTE):
    for _ in range(seconds):
        rig.quote(spy(), *quote)
        await rig.pass_time(1)


def lacks(rig, qty):
    """So much of what was bought is in no list of what the broker holds; 0 for the truth."""
    rig.real = getattr(rig, "real", rig.broker.positions)

    async def positions(account):
        held = [replace(p, qty=p.qty - qty) for p in await rig.real(account)]
        return [p for p in held if p.qty > 0]

    rig.broker.positions = positions


async def fewer_there(rig, qty):
    lacks(rig, qty)
    await recover.on_demand(rig.desk)
    await rig.rest()


def exits(rig):
    live = [o for o in rig.desk.book.orders.values() if not o.state.is_terminal]
    return sorted((o.purpose, o.qty) for o in live)


async def test_a_stop_is_for_no_more_than_the_broker_holds(rig):  # O-15
    await fewer_there(rig, 1)
    assert exits(rig) == [(Purpose.STOP, 4)], "a list may lag for a moment"
    await alive(rig, 12)
    assert exits(rig) == [(Purpose.STOP, 3)]
    assert rig.trade().qty_open == 4, "at what price it went nobody says"
    assert rig.trade().is_unprotected_since is None
    await alive(rig, 130)
    (said,) = [note for note in rig.notes() if "none of its lists says why" in note]
    assert "holds 3 SPY" in said
    assert "the books 4" in said


async def test_a_close_sells_no_more_than_the_broker_holds_and_once(rig):
    await fewer_there(rig, 1)
    await alive(rig, 12)
    await rig.say("STC SPY 603C 1/31 @ 2.15")
    await alive(rig, 20)
    closes = [o for o in rig.desk.book.orders_of(rig.trade().trade_id) if o.purpose == "close"]
    assert [(o.qty, o.state) for o in closes] == [(3, OrderState.FILLED)]
    assert (rig.trade().qty_open, exits(rig)) == (1, [])


async def test_where_nothing_is_held_nothing_is_sold(rig):
    await fewer_there(rig, 4)
    await alive(rig, 40)
    assert exits(rig) == [(Purpose.STOP, 4)], "an empty list may be no more than out of order"
    await alive(rig, 25)
    assert exits(rig) == []
    stop = rig.trade().stop.price
    await alive(rig, 20, (f"{stop - d('0.04')}", f"{stop - d('0.02')}"))
    assert exits(rig) == []
    assert rig.trade().qty_open == 4


async def test_what_is_there_after_all_has_its_whole_stop_again(rig):
    await fewer_there(rig, 1)
    await alive(rig, 12)
    assert exits(rig) == [(Purpose.STOP, 3)]
    await fewer_there(rig, 0)
    await alive(rig, 2)
    assert exits(rig) == [(Purpose.STOP, 4)]


async def test_what_is_bought_meanwhile_has_its_stop_and_the_older_one_lacks(rig):
    await fewer_there(rig, 1)
    await alive(rig, 12)
    await bought(rig, 2)
    older, newer = sorted(rig.trades(), key=lambda t: t.created_at)
    stops = {o.trade_id: o.qty for o in rig.desk.book.orders.values() if o.purpose == "stop"}
    assert (stops[older.trade_id], stops[newer.trade_id]) == (3, 2)


async def test_a_list_that_has_not_heard_of_the_entry_takes_no_stop_away():
    rig = await desks.start()
    rig.quote(spy(), *QUOTE)
    lacks(rig, 4)
    await bought(rig, 4)
    for _ in range(3):
        await recover.on_demand(rig.desk)
        await alive(rig, 30)
    assert exits(rig) == [(Purpose.STOP, 4)]
    await rig.close()
