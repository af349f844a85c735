"""What proves that the broker never had an order (O-06), and how soon; what is there twice."""

import asyncio
from dataclasses import replace

import pytest

from engine.brokers import Absent, Seen, Unclear
from engine.domain.order import OrderState, Purpose
from engine.domain.trade import TradeState
from engine.flows.brokers import compare, glance, watch
from engine.flows.holdings import proof
from engine.flows.orders import absence, doubt, send
from engine.orders import request_of
from tests.rig import d
from tests.scenarios.outside_desk import BUY, SAFE, alive, check, held, live, orders, watched
from tests.scenarios.test_desk_at_venues import at

POLLED = {"dedupes_client_id": False, "has_stream": False, "working_lists": 2}
"""Each poll reads the list of all recent orders."""


async def lost(opened, seconds, **terms):
    """An entry that never arrived, and of which nothing was heard for so long."""
    rig = await opened(POLLED | terms)
    rig.faults.unknown_before_accept = 1
    rig.outside.says["*"] = Unclear()
    await rig.say(BUY)
    await alive(rig, seconds)
    (entry,) = orders(rig, Purpose.ENTRY)
    assert entry.state is OrderState.UNKNOWN
    return rig, entry


async def listed_and_looked_at(rig, entry):
    """One whole list, and a while later one look; whether it was given up."""
    await watched(rig, 1)
    assert rig.desk.book.orders[entry.order_id].state is OrderState.UNKNOWN, "not by a list alone"
    await alive(rig, 2)
    rig.outside.says.clear()
    await doubt.look_up(rig.desk, entry.order_id)
    return (await rig.desk.order(entry.order_id)).state is OrderState.REJECTED


async def test_one_list_and_one_look_of_its_own_prove_that_an_old_entry_never_came(opened):
    """Where one look a second is answered, each desk of four seconds looked at all of them once."""
    rig, entry = await lost(opened, 32)
    assert await listed_and_looked_at(rig, entry)
    await check(rig)


async def test_that_it_is_absent_says_nothing_while_its_request_is_under_way(opened):  # O-06
    """It may arrive a moment later: the time after which it counts as absent does not run yet."""
    rig, entry = await lost(opened, 5)
    rig.desk.in_flight.add(entry.order_id)
    assert not await absence.absent(rig.desk, entry.order_id, Absent(as_of=rig.clock.now()))
    assert entry.order_id not in rig.desk.doubts.absent
    rig.desk.in_flight.clear()


async def unanswered_stop(opened):
    """The stop of two, whose answer is not known, where a second one under its id is refused."""
    rig = await opened(SAFE)
    trade = await held(rig)
    (stop,) = live(rig, Purpose.STOP)
    rig.desk.book.orders[stop.order_id] = replace(stop, state=OrderState.UNKNOWN)
    rig.outside.requests.clear()
    return rig, trade, stop


@pytest.mark.parametrize("change", [{"qty_open": d(1)}, {"state": TradeState.CLOSED}])
async def test_an_exit_for_more_than_is_held_by_now_is_not_sent_again(opened, change):  # I-17
    rig, trade, stop = await unanswered_stop(opened)
    rig.desk.book.trades[trade.trade_id] = replace(trade, **change)
    assert not await absence.unseen(rig.desk, stop.order_id)
    assert not rig.outside.requests


async def test_a_price_that_is_past_no_stop_is_past_none(opened):
    """A close of what has no stop is judged too."""
    rig, trade, stop = await unanswered_stop(opened)
    assert trade.stop is not None
    rig.quote(trade.legs[0].instrument, "0.01", "0.02")
    assert proof.is_past_stop(rig.desk, stop)
    for change in ({"stop": None}, {"qty_open": d(0)}):
        rig.desk.book.trades[trade.trade_id] = replace(trade, **change)
        assert not proof.is_past_stop(rig.desk, stop)
    del rig.desk.book.trades[trade.trade_id]
    assert not proof.is_past_stop(rig.desk, stop)


async def test_an_exit_that_is_heard_of_while_it_waits_to_be_sent_again_is_not(opened):  # I-11
    rig, _, stop = await unanswered_stop(opened)
    async with rig.desk.lock("main"):
        again = asyncio.create_task(absence.unseen(rig.desk, stop.order_id))
        await asyncio.sleep(0.01)
        rig.desk.book.orders[stop.order_id] = stop
    assert await again
    assert not rig.outside.requests


@pytest.mark.parametrize("look", [glance.is_as_left, compare.compare])
async def test_what_a_start_and_a_comparison_read_is_such_a_list(opened, look, monkeypatch):
    monkeypatch.setattr(glance, "_MANY", 1)
    rig, entry = await lost(opened, 32)
    await look(rig.desk, "paper")
    assert rig.desk.doubts.absent.keys() == {entry.order_id}


@pytest.mark.parametrize(
    ("seconds", "terms"),
    [(22, {}), (32, {"lists_all": False}), (32, {"finds_by_client_id": False})],
    ids=["lists may lag", "no list of what is over", "ids are hidden"],
)
async def test_else_it_takes_two_looks_of_its_own(opened, seconds, terms):
    rig, entry = await lost(opened, seconds, **terms)
    assert not await listed_and_looked_at(rig, entry)


async def test_a_list_that_does_not_reach_back_to_it_or_was_asked_for_too_early_says_nothing(
    opened,
):
    rig, entry = await lost(opened, 32)
    asked_at = rig.clock.monotonic()
    absence.listed(rig.desk, "main", entry.sent_at, [], asked_at)
    absence.listed(rig.desk, "main", rig.desk.since(days=1), [], asked_at - 10)
    rig.desk.in_flight.add(entry.order_id)
    absence.listed(rig.desk, "main", rig.desk.since(days=1), [], asked_at)
    assert not rig.desk.doubts.absent
    rig.desk.in_flight.clear()
    absence.listed(rig.desk, "main", rig.desk.since(days=1), [], asked_at)
    assert rig.desk.doubts.absent


async def test_an_entry_that_a_list_names_is_not_missing_from_it(opened):
    rig, entry = await lost(opened, 32)
    (report,) = await told_by(rig, entry)
    absence.listed(rig.desk, "main", rig.desk.since(days=1), [report], rig.clock.monotonic())
    assert not rig.desk.doubts.absent


async def told_by(rig, entry):
    """As its broker would list it."""
    report = await rig.outside.submit(request_of(entry))
    return [replace(report, broker_id="", client_order_id=entry.order_id)]


async def test_what_is_on_its_way_is_not_sent_beside_itself(opened):  # I-11
    rig, _, stop = await unanswered_stop(opened)
    rig.desk.in_flight.add(stop.order_id)
    await send.submit(rig.desk, stop)
    assert not rig.outside.requests
    rig.desk.in_flight.clear()


async def test_a_refusal_says_nothing_of_what_its_broker_itself_does_not_know(opened):
    """It was to be cancelled, and is: else it would count as working, and nobody would ask."""
    rig, _, stop = await unanswered_stop(opened)
    rig.desk.book.orders[stop.order_id] = replace(stop, state=OrderState.PENDING_CANCEL)
    found = await rig.outside.find("main", stop.order_id)
    rig.outside.says["*"] = Seen(order=replace(found.order, state="unknown"))
    assert not await doubt.look_up(rig.desk, stop.order_id, refused="too late to cancel")
    assert rig.desk.book.orders[stop.order_id].state is OrderState.PENDING_CANCEL


@pytest.mark.parametrize(
    ("change", "old"),
    [
        ({"state": TradeState.CLOSED}, OrderState.PENDING_REPLACE),
        ({"stop": None}, OrderState.PENDING_REPLACE),
        ({}, OrderState.ACCEPTED),
        ({}, OrderState.CANCELED),
    ],
)
async def test_a_move_is_asked_for_again_only_while_its_place_is_to_be_taken(opened, change, old):
    """Of what works on or has ended a second request would make another stop."""
    rig, trade, stop = await unanswered_stop(opened)
    new = replace(stop, order_id="N" * 20, replaces=stop.order_id)
    rig.desk.book.orders[stop.order_id] = replace(stop, state=OrderState.PENDING_REPLACE)
    assert proof.is_wanted(rig.desk, new)
    rig.desk.book.orders[stop.order_id] = replace(stop, state=old)
    rig.desk.book.trades[trade.trade_id] = replace(trade, **change)
    assert not proof.is_wanted(rig.desk, new)


async def test_what_was_seen_since_is_not_given_up_for_a_list_of_before(opened):
    rig = await opened(POLLED)
    rig.faults.unknown_after_accept, rig.faults.drop_events = 1, 1_000
    rig.outside.says["*"], rig.outside.hides = Unclear(), True
    await rig.say(BUY)
    await alive(rig, 32, ("2.50", "2.60"))
    (entry,) = orders(rig, Purpose.ENTRY)
    await watched(rig, 1, ("2.50", "2.60"))
    assert entry.order_id in rig.desk.doubts.absent
    rig.outside.hides = False
    await watched(rig, 4, ("2.50", "2.60"))
    assert rig.desk.book.orders[entry.order_id].state is OrderState.ACCEPTED
    assert not rig.desk.doubts.absent


async def test_webull_says_when_it_lists_nothing_of_what_is_over():
    async with at("webull", lacks="/historical-orders/list") as it:
        broker = it.bench.broker
        await broker.orders_since("main", it.bench.clock.now())
        assert not broker.caps.lists_all
        it.bench.venue.faults.lacks = ()
        await broker.orders_since("main", it.bench.clock.now())
        assert broker.caps.lists_all


# -- a stop that the broker failed to take ---------------------------------------------------------


async def working(it):
    """Stops at the venue."""
    return [o for o in await it.exits_at_venue() if o.state in ("accepted", "partial")]


async def bought(it, fault):
    """What an entry has filled, and a stop that met trouble just now."""
    entry = await it.enter()
    setattr(it.bench.venue.faults, fault, 1)
    while not it.ours():
        await it.seconds(1)
    (stop,) = [o for o in it.desk.book.orders_of(entry.trade_id) if o.purpose is Purpose.STOP]
    assert stop.state is OrderState.UNKNOWN
    return stop


@pytest.mark.parametrize(
    ("name", "fault", "why_not", "within_s"),
    [
        ("tastytrade", "reject_500", "", 3),
        ("webull", "reject_500", "", 3),
        ("tastytrade", "html_502", "", 6),
        ("webull", "reset", "", 6),
        ("tastytrade", "reject_500", "no quote", 6),
        ("tastytrade", "reject_500", "no stream", 6),
    ],
)
async def test_a_stop_is_sent_again_sooner_where_the_broker_itself_said_that_it_failed(
    name, fault, why_not, within_s
):
    """After 5 s where it may be on its way still: with the fill's lost frame 8 s went by bare."""
    async with at(name) as it:
        await bought(it, fault)
        quote = ("", "") if why_not == "no quote" else ("2.00", "2.01")
        if why_not == "no quote":
            it.bench.board.withdraw(it.bench.it)
        elif why_not == "no stream":
            it.desk.streams_down[name] = it.desk.clock.monotonic()
        await it.seconds(within_s - 1, *quote)
        assert not await working(it)
        await it.seconds(1, *quote)
        assert [o.qty for o in await working(it)] == [2]


async def test_a_stop_that_lists_showed_late_is_there_once_soon_after_it_was_sent_again(
    monkeypatch,
):
    """tastytrade takes an id twice; what comparisons and polls see in time, is looked for here."""
    monkeypatch.setattr(watch, "SPARE", 10**9)  # the next poll is late
    async with at("tastytrade") as it:
        it.bench.venue.faults.drop_frames = 1_000
        stop = await bought(it, "accept_then_504")
        login, ends = it.bench.broker._login, it.bench.clock.monotonic() + 7
        plain = login.pages

        async def pages(path, params, **more):
            rows, is_whole = await plain(path, params, **more)
            hides = it.bench.clock.monotonic() < ends
            named = [r for r in rows if r.get("external-identifier") == stop.order_id]
            return [r for r in rows if not hides or r not in named[:1]], is_whole

        monkeypatch.setattr(login, "pages", pages)
        await it.seconds(6)
        assert len(await working(it)) == 2
        await it.seconds(4)
        assert len(await working(it)) == 1
        await it.seconds(2)
        await it.protected()
        await it.true()
