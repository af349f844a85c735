"""Entries that fill in parts where no order can be changed: each part gets a stop of its own."""

import asyncio
from dataclasses import replace

import pytest

from engine.domain.errors import OrderRejected
from engine.domain.money import ZERO
from engine.domain.order import OrderState, OrderType, Purpose
from engine.exits import Cancel
from engine.flows.acts import flatten
from engine.flows.holdings import capable
from tests import rig as desks
from tests.rig import d, spy
from tests.scenarios.outside_desk import alive, held, live
from tests.scenarios.test_desk_at_venues import TRADER, at
from tests.scenarios.test_rows_at_venues import waiting
from tests.sim import Sim, run

STOP = OrderType.STOP
TELLS_NOTHING, CHANGES_NOTHING = {"has_stream": False}, {"has_replace": False}


async def entering(n, look_s=1.0):
    """An entry of so many units at a broker that tells and changes nothing, and is slow."""
    sim = await Sim().start(0.1)
    caps = sim.outside.own_caps
    kinds = {kind: replace(one, **CHANGES_NOTHING) for kind, one in caps.by_kind.items()}
    sim.outside.own_caps = replace(caps, by_kind=kinds, **TELLS_NOTHING)
    sim.faults.drop_events = 100_000
    sim.slow(0.2, "submit", "cancel")
    sim.slow(look_s, "find")
    sim.works[0].cancel()
    sim.rig.quote(spy(), "2.14", "2.16", ask_size=d(0), bid_size=d(0))
    await sim.rig.say(f"BTO {n} SPY 603C 1/31 @ 2.15")
    return sim


async def seen(sim, seconds, parts=0, every_s=3.0):
    """Each 50 ms what is held there, what is booked, and the sizes of the stops that work."""
    found, due = [], 1.0
    for n in range(int(seconds * 20)):
        if parts and n / 20 >= due:
            parts, due = parts - 1, n / 20 + every_s
            sim.rig.quote(spy(), "2.13", "2.15", ask_size=d(1), bid_size=d(1))
            await asyncio.sleep(0)
        sim.rig.quote(spy(), "2.13", "2.15", ask_size=d(0), bid_size=d(0))
        await asyncio.sleep(0.05)
        there = sum((p.qty for p in await sim.rig.broker.positions("main")), ZERO)
        booked = sum((t.qty_open for t in sim.desk.book.open_trades()), ZERO)
        working = await sim.rig.broker.open_orders("main")
        found.append((there, booked, sorted(o.qty for o in working if o.type is STOP)))
    assert all(sum(sizes) <= there for there, _, sizes in found), "never more than is held"
    return found


def test_what_a_stop_covers_is_not_uncovered_by_the_next_part_of_its_entry():
    """Each part let the stop of all go: bare for 1.6 s, once for each, and nobody was called."""

    async def story():
        sim = await entering(2)
        found = await seen(sim, 12, parts=2)
        await sim.close()
        return found

    found = run(story)
    covered = [sum(sizes) for _, _, sizes in found]
    assert covered == sorted(covered)
    assert found[-1] == (2, 2, [1, 1])
    assert sum(booked > sum(sizes) for _, booked, sizes in found) / 20 < 0.7


def test_of_many_parts_no_more_than_two_stops_come_and_most_stays_covered():
    async def story():
        sim = await entering(8)
        found = await seen(sim, 30, parts=8, every_s=1.5)
        await sim.close()
        return found

    found = run(story)
    covered = [sum(sizes) for _, _, sizes in found]
    first = next(n for n, qty in enumerate(covered) if qty)
    assert min(covered[first:]) >= 1
    assert max(len(sizes) for _, _, sizes in found) == 2
    assert sum(found[-1][2]) == found[-1][0] == 8


def refusing(sim):
    """It takes no stop while another one works; those that it refused."""
    plain, refused = sim.outside.submit, []

    async def submit(request):
        working = await sim.rig.broker.open_orders("main")
        if request.type is STOP and any(o.type is STOP for o in working):
            refused.append(request)
            raise OrderRejected("1", "there is one for this position")
        return await plain(request)

    sim.outside.submit = submit
    return refused


def test_a_broker_that_takes_no_second_stop_gets_one_for_all():
    """The second part was bare for 17 s, and so was each that followed: it was tried anew."""

    async def story():
        sim = await entering(4)
        refused = refusing(sim)
        found = await seen(sim, 60, parts=4, every_s=12)
        await sim.close()
        return len(refused), found

    n_refused, found = run(story)
    assert n_refused == 2
    assert found[-1] == (4, 4, [4])
    first = next(n for n, row in enumerate(found) if row[2])
    assert sum(not sizes for _, _, sizes in found[first:]) / 20 < 6  # three times one for all
    assert sum(booked > sum(sizes) for _, booked, sizes in found) / 20 < 15


def paced(sim, calls=2, seconds=1.05):
    """So many questions and orders in so many seconds are answered, in their order."""
    line, at = asyncio.Lock(), [-seconds] * calls

    def in_turn(ask):
        async def asked(*what):
            async with line:
                await asyncio.sleep(max(0, at.pop(0) + seconds - sim.clock.monotonic()))
                at.append(sim.clock.monotonic())
            return await ask(*what)

        return asked

    for name in ("submit", "cancel", "find"):
        setattr(sim.outside, name, in_turn(getattr(sim.outside, name)))


@pytest.mark.parametrize("asked", ["STC SPY 603C 1/31", "move stop to 1.90 on SPY 603C"])
def test_several_stops_hold_up_a_close_or_a_move_little_longer_than_one(asked):
    """With three of them a close took 2 s longer at a broker that answers two calls a second."""

    async def story(parts):
        sim = await entering(6, look_s=0.1)
        await seen(sim, 1)
        for _ in range(parts):
            sim.rig.quote(spy(), "2.13", "2.15", ask_size=d(6 // parts), bid_size=d(0))
            await asyncio.sleep(0)
            found = await seen(sim, 6)
        assert (found[-1][0], sum(found[-1][2])) == (6, 6)
        paced(sim)
        began = sim.clock.monotonic()
        await sim.rig.say(asked, channel=desks.OPTIONS)

        for _ in range(200):
            sim.rig.quote(spy(), "2.13", "2.15", ask_size=d(0), bid_size=d(9))
            await asyncio.sleep(0.05)
            held = sum((p.qty for p in await sim.rig.broker.positions("main")), ZERO)
            working = [o for o in await sim.rig.broker.open_orders("main") if o.type is STOP]
            if held == 0 or [(o.qty, o.stop) for o in working] == [(6, d("1.90"))]:
                break
        took_s = sim.clock.monotonic() - began
        await sim.close()
        return took_s

    one, several = run(lambda: story(1)), run(lambda: story(3))
    assert several - one < 1.5
    assert several < 5


@pytest.mark.parametrize(("asked", "left"), [("move stop to 1.90 on SPY 603C", [3]), ("", [2])])
def test_several_stops_are_moved_as_one_and_give_way_to_a_close(asked, left):
    async def story():
        sim = await entering(3)
        await seen(sim, 16, parts=3)
        await sim.rig.say(asked or "STC 1 SPY 603C 1/31", channel=desks.OPTIONS)
        found = await seen(sim, 10)
        bare_s = sum(booked > sum(sizes) + (not asked) for _, booked, sizes in found) / 20
        await sim.close()
        return bare_s, found[-1][2]

    bare_s, sizes = run(story)
    assert sizes == left
    assert bare_s < 4


async def test_a_mere_move_of_several_waits_as_that_of_one_and_then_all_go_together(opened):
    rig = await opened(terms=TELLS_NOTHING, kinds=CHANGES_NOTHING)
    trade = await held(rig)
    (stop,) = live(rig, Purpose.STOP)
    one = replace(stop, qty=d(1))
    two = replace(one, order_id="TSB")
    for order in (one, two):
        rig.desk.book.put(order)
    rig.outside.room = lambda: 2
    assert not capable.must_queue(rig.desk, trade, Cancel(order=one, reason="moved"))
    rig.outside.room = lambda: 1
    assert capable.must_queue(rig.desk, trade, Cancel(order=one, reason="moved"))
    gone = replace(one, state=OrderState.PENDING_CANCEL, updated_at=rig.clock.now())
    rig.desk.book.put(gone)
    assert not capable.must_queue(rig.desk, trade, Cancel(order=two, reason="moved"))
    rig.desk.book.put(one)
    less = rig.desk.book.trades[trade.trade_id] = replace(trade, qty_open=d(1))
    assert not capable.must_queue(rig.desk, less, Cancel(order=one, reason="too many"))


@pytest.mark.parametrize("kinds", [{}, {"replaces_qty": False}])
async def test_a_broker_that_changes_orders_has_one_stop_for_all(opened, kinds):
    rig = await opened(terms=TELLS_NOTHING, kinds=kinds)
    assert not capable.adds_stops(rig.desk, await held(rig))
    assert len(live(rig, Purpose.STOP)) == 1
    await alive(rig, 1)


@pytest.mark.parametrize("name", ["etrade", "webull"])
async def test_parts_at_the_venue_each_have_their_stop_and_all_is_closed_once(name):
    async with at(name) as it:
        entry = await waiting(it, qty=6)
        for n in (1, 2, 3):
            it.bench.board.put(it.bench.quote_of(it.bench.it, "2.00", "2.01", sizes=(2, 2)))
            await it.bench.venue.exchange.settle()
            await it.seconds(6, "2.50", "2.60")
            stops = await it.exits_at_venue()
            working = [o.qty for o in stops if o.state == "accepted"]
            assert sorted(working) == [[2], [2, 2], [2, 4]][n - 1]
        assert it.desk.book.trades[entry.trade_id].is_unprotected_since is None
        await flatten.run(it.desk, TRADER)
        await it.seconds(15, "2.50", "2.60")
        assert await it.held() == it.ours() == 0
        assert [o.filled for o in await it.exits_at_venue() if o.filled] == [6]
        await it.true()
