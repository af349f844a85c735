"""Lanes: exits first, polls last, never more than the broker allows, pauses are kept."""

import asyncio
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.asking import Rank, answered_within, asking
from engine.brokers._wire import lanes as module
from engine.brokers._wire.lanes import Lanes
from engine.clock import ManualClock
from engine.domain.errors import RateLimited
from engine.flows.brokers.watch import SPARE

START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
CALLS, PER_S = 10, 10.0


@pytest.fixture
def clock():
    return ManualClock(START)


def lanes(clock, **allowed):
    return Lanes(clock, allowed or {"exit": (2, 60), "order": (2, 60), "read": (2, 60)})


EXITS = (Rank.BEGUN, Rank.BARE, Rank.EXIT)


def shared(clock):
    return Lanes(clock, {"all": (CALLS, PER_S)})


async def breathe(turns=5):
    for _ in range(turns):
        await asyncio.sleep(0)


async def turn(all_lanes, who):
    """One call in this name."""
    with asking(who):
        acts = {**dict.fromkeys(EXITS, "exit"), Rank.ENTRY: "order"}
        await all_lanes.turn(acts.get(who, "read"))


async def taken(all_lanes, who, most=1_000):
    """How many of this name pass at once."""
    for n in range(most):
        task = asyncio.create_task(turn(all_lanes, who))
        await breathe()
        if not task.done() or task.exception() is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return n
    return most


async def given_up(works):
    """Nobody waits any more; what was refused is no matter here."""
    for work in works:
        work.cancel()
    await asyncio.gather(*works, return_exceptions=True)


# -- lanes of their own


async def test_turns_within_the_allowance_come_at_once(clock):
    all_lanes = lanes(clock)
    works = [all_lanes.turn(lane) for lane in ("exit", "order", "read") for _ in range(2)]
    tasks = [asyncio.create_task(work) for work in works]
    await breathe()
    assert all(task.done() for task in tasks), "one of them waits"
    await asyncio.gather(*tasks)
    assert clock.next_wake() is None


async def test_a_full_lane_refuses_what_would_wait_too_long_and_names_the_wait(clock):
    all_lanes = lanes(clock)
    await all_lanes.turn("order")
    await all_lanes.turn("order")
    clock.advance(20)
    with pytest.raises(RateLimited) as caught:
        await all_lanes.turn("order")
    assert caught.value.retry_after_s == 40


async def test_exits_pass_while_orders_and_reads_are_full(clock):
    """O-18."""
    all_lanes = lanes(clock)
    for lane in ("order", "read"):
        for _ in range(2):
            await all_lanes.turn(lane)
        with pytest.raises(RateLimited):
            await all_lanes.turn(lane)
    await all_lanes.turn("exit")


async def test_an_exit_waits_for_its_turn_and_is_never_refused_for_the_wait(clock):
    all_lanes = lanes(clock, exit=(1, 60), order=(1, 60))
    await all_lanes.turn("exit")
    waiting = asyncio.create_task(all_lanes.turn("exit"))
    await breathe()
    assert not waiting.done()
    clock.advance(60)
    await waiting


async def test_a_short_wait_is_waited_for(clock):
    all_lanes = lanes(clock, order=(1, 1))
    works = [asyncio.create_task(all_lanes.turn("order")) for _ in range(4)]
    for n in range(1, 5):
        await breathe()
        assert sum(work.done() for work in works) == n
        clock.advance(1)
    await asyncio.gather(*works)


async def test_who_gives_up_waiting_is_not_counted_any_more(clock):
    all_lanes = lanes(clock, order=(1, 4))
    await all_lanes.turn("order")
    for _ in range(5):
        waiting = asyncio.create_task(all_lanes.turn("order"))
        await breathe()
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting


async def test_a_lane_without_an_allowance_of_its_own_shares_the_reads(clock):
    all_lanes = lanes(clock, read=(2, 60))
    await all_lanes.turn("order")
    await all_lanes.turn("exit")
    with pytest.raises(RateLimited):
        await all_lanes.turn("read")


async def test_a_turn_that_does_not_come_in_time_is_a_refusal_that_proves_nothing_was_sent(
    clock, monkeypatch
):
    monkeypatch.setattr(module, "TURN_S", 0.05)
    all_lanes = lanes(clock, exit=(1, 60), order=(1, 60))
    await all_lanes.turn_in_time("exit")
    with pytest.raises(RateLimited, match="nothing was sent"):
        await all_lanes.turn_in_time("exit")
    clock.advance(60)
    await all_lanes.turn("exit")  # who gave up does not stand in the way


# -- pauses


async def test_a_pause_shuts_its_lane_alone_until_it_is_over(clock):
    all_lanes = lanes(clock)
    all_lanes.pause("order", 7)
    with pytest.raises(RateLimited) as caught:
        await all_lanes.turn("order")
    assert caught.value.retry_after_s == 7
    await all_lanes.turn("exit")
    await all_lanes.turn("read")
    clock.advance(7)
    await all_lanes.turn("order")


async def test_a_shorter_pause_does_not_end_a_longer_one(clock):
    all_lanes = lanes(clock)
    all_lanes.pause("order", 30)
    all_lanes.pause("order", 1)
    clock.advance(2)
    with pytest.raises(RateLimited):
        await all_lanes.turn("order")


async def test_however_long_a_pause_is_asked_for_an_exit_is_tried_again_after_3_s(clock):
    all_lanes = shared(clock)
    assert all_lanes.pause("exit", 60) == 3
    for left_s, now in ((3, (Rank.EXIT, Rank.NAKED)), (57, (Rank.ENTRY,))):
        assert [await taken(all_lanes, who) for who in now] == [0] * len(now)
        clock.advance(left_s)
        assert [await taken(all_lanes, who, 1) for who in now] == [1] * len(now)


@pytest.mark.parametrize("jump_h", [-1, 1])
async def test_a_jump_of_the_wall_clock_moves_no_pause(clock, jump_h):
    """M-03."""
    all_lanes = lanes(clock)
    all_lanes.pause("order", 5)
    clock.jump(clock.now() + timedelta(hours=jump_h))
    with pytest.raises(RateLimited):
        await all_lanes.turn("order")
    clock.advance(5)
    await all_lanes.turn("order")


async def test_a_pause_asked_of_a_poll_does_not_hold_an_exit_up(clock):
    all_lanes = shared(clock)
    with asking(Rank.POLL):
        all_lanes.pause("read", 30)
    await turn(all_lanes, Rank.EXIT)
    with pytest.raises(RateLimited):
        await turn(all_lanes, Rank.ENTRY)


async def test_after_a_pause_asked_of_an_exit_nobody_asks(clock):
    all_lanes = shared(clock)
    all_lanes.pause("exit", 30)
    for who in (*EXITS, Rank.ENTRY, Rank.POLL):
        with pytest.raises(RateLimited):
            await turn(all_lanes, who)


@pytest.mark.parametrize("who", [Rank.BEGUN, Rank.BARE])
async def test_what_is_bare_waits_after_a_pause_for_no_longer_than_other_exits(clock, who):
    all_lanes = shared(clock)
    with asking(who):
        assert all_lanes.pause("exit", 30) == module.PAUSE_S[Rank.EXIT]
    with pytest.raises(RateLimited):
        await turn(all_lanes, Rank.EXIT)
    clock.advance(module.PAUSE_S[Rank.EXIT])
    await turn(all_lanes, who)


@pytest.mark.parametrize(
    ("named_s", "again_s"),
    [(None, [0.5, 1, 2, 3, 3]), (0, [0, 0.5, 1, 2, 2]), (1, [1, 1, 1, 2, 2]), (9, [3, 3, 3])],
)
async def test_what_is_bare_asks_again_soon_and_later_the_oftener_it_is_refused(
    clock, named_s, again_s
):
    all_lanes = shared(clock)
    with asking(Rank.BARE):
        for seconds in again_s:
            assert all_lanes.pause("exit", named_s) == seconds
            clock.advance(seconds)
            await all_lanes.turn("exit")


async def test_refusals_of_what_left_side_by_side_are_one_and_calm_makes_them_none(clock):
    all_lanes = shared(clock)
    with asking(Rank.BARE):
        assert [all_lanes.pause("exit", None) for _ in range(4)] == [0.5, 1, 1, 1]
        clock.advance(30)
        assert all_lanes.pause("exit", None) == 0.5
    with asking(Rank.POLL):
        assert all_lanes.pause("read", None) == 5, "nobody else is in such a hurry"


async def test_a_stop_that_is_refused_without_a_pause_leaves_the_others_theirs(clock):
    all_lanes = shared(clock)
    with asking(Rank.BARE):
        all_lanes.pause("exit", None)
    clock.advance(4.9)
    with pytest.raises(RateLimited):
        await turn(all_lanes, Rank.ENTRY)
    clock.advance(0.1)
    await turn(all_lanes, Rank.ENTRY)


@pytest.mark.parametrize("who", [Rank.BEGUN, Rank.BARE])
async def test_what_is_bare_has_the_whole_allowance_and_is_never_refused_for_the_wait(clock, who):
    all_lanes = shared(clock)
    assert await taken(all_lanes, who) == CALLS
    waiting = asyncio.create_task(turn(all_lanes, who))
    await breathe()
    assert not waiting.done()
    clock.advance(PER_S)
    await waiting


@pytest.mark.parametrize(
    ("refused", "soon"),
    [(Rank.EXIT, {Rank.BARE, Rank.NAKED}), (Rank.BARE, {Rank.NAKED}), (Rank.NAKED, {Rank.BARE})],
)
async def test_what_is_bare_asks_again_soon_after_a_refusal_of_another(clock, refused, soon):
    """A move of one stop was refused: the end of another one, which was bare, was read 3 s late."""
    all_lanes = shared(clock)
    with asking(refused):
        all_lanes.pause("read", 30)
    clock.advance(1)
    passed = {who for who in (Rank.BARE, Rank.EXIT, Rank.NAKED) if await taken(all_lanes, who, 1)}
    assert passed - {Rank.EXIT} == soon
    assert (Rank.EXIT in passed) == (refused is Rank.NAKED)


async def test_a_comparison_outwaits_a_pause(clock):
    all_lanes = shared(clock)
    all_lanes.pause("read", 30)
    waiting = asyncio.create_task(turn(all_lanes, Rank.COMPARE))
    await breathe()
    assert not waiting.done()
    clock.advance(30)
    await waiting


# -- one allowance for all


async def test_a_part_of_the_allowance_is_kept_for_those_who_go_first(clock):
    all_lanes = shared(clock)
    found = {who: await taken(all_lanes, who) for who in reversed(Rank)}
    kept = {Rank.COMPARE: 2, Rank.DOUBT: 0, Rank.NAKED: 1, Rank.EXIT: 1}
    kept |= {Rank.BARE: 0, Rank.BEGUN: 0, Rank.HALF: 0}
    assert found == {Rank.POLL: 4, Rank.ENTRY: 2} | kept  # an entry draws four others


async def test_the_next_turn_is_of_who_goes_first_whoever_came_first(clock):
    all_lanes = Lanes(clock, {"all": (1, 1.0)})
    await turn(all_lanes, Rank.EXIT)
    passing = (*EXITS[1:], Rank.HALF)  # three may pass a comparison
    order, ranks = [], [each for each in Rank if each not in passing]

    async def one(who):
        await turn(all_lanes, who)
        order.append(who)

    works = []
    for who in reversed(ranks):
        works.append(asyncio.create_task(one(who)))
        await breathe()
    for _ in ranks:
        clock.advance(1)
        await breathe()
    await asyncio.gather(*works)
    assert order == ranks


async def test_the_second_request_of_an_exit_goes_before_a_stop_and_that_before_a_cancel(clock):
    """Two requests a second: whatever goes ahead of a stop leaves what it is for bare."""
    all_lanes = Lanes(clock, {"all": (1, 1.0)})
    await turn(all_lanes, Rank.EXIT)
    order = []

    async def one(what, who, lane):
        with asking(who):
            await all_lanes.turn_in_time(lane)
        order.append(what)

    asked = (
        ("look", Rank.EXIT, "read"),
        ("cancel", Rank.EXIT, "exit"),
        ("preview of a stop", Rank.BARE, "exit"),
        ("stop", Rank.BEGUN, "exit"),
        ("entry", Rank.BEGUN, "order"),
    )
    works = [asyncio.create_task(one(*each)) for each in asked]
    await breathe()
    for _ in works:
        clock.advance(1)
        await breathe()
    await asyncio.gather(*works)
    assert order == ["stop", "preview of a stop", "look", "cancel", "entry"]


async def test_the_second_request_of_an_entry_goes_after_a_look_for_one_and_before_a_comparison(
    clock,
):
    """E*TRADE: it was previewed, and of two accounts the second never got a turn to be placed."""
    all_lanes = Lanes(clock, {"all": (1, 1.0)})
    await turn(all_lanes, Rank.EXIT)
    order = []

    async def one(who, lane):
        with asking(who):
            await all_lanes.turn_in_time(lane)
        order.append((who, lane))

    asked = [(Rank.POLL, "read"), (Rank.ENTRY, "order"), (Rank.COMPARE, "read")]
    asked += [(Rank.BEGUN, "order"), (Rank.DOUBT, "read")]
    works = [asyncio.create_task(one(*each)) for each in asked]
    await breathe()
    for _ in works:
        clock.advance(1)
        await breathe()
    await asyncio.gather(*works)
    assert [each for each in order if each != (Rank.ENTRY, "order")] == [
        each for each in reversed(asked) if each != (Rank.ENTRY, "order")
    ]


@pytest.mark.parametrize("n_exits", [0, 6])
async def test_two_entries_of_two_requests_leave_while_comparisons_never_end(clock, n_exits):
    """E*TRADE: the second copy of each alert had no turn within 5 s; after a start neither had."""
    line, left_at, exit_s = Lanes(clock, {"all": (2, 1.05)}), [], []

    async def compares():
        while True:
            await turn(line, Rank.COMPARE)

    async def enters():
        for who in (Rank.ENTRY, Rank.BEGUN):
            with asking(who):
                await line.turn_in_time("order")
        left_at.append(clock.monotonic())

    async def exits():
        for _ in range(n_exits):
            began = clock.monotonic()
            await turn(line, Rank.BARE)
            exit_s.append(clock.monotonic() - began)

    endless = [asyncio.create_task(compares()) for _ in range(2)]
    for _ in range(40):
        clock.advance(0.1)
        await breathe()
    began = clock.monotonic()
    works = [asyncio.create_task(enters()), asyncio.create_task(enters())]
    await breathe()
    works.append(asyncio.create_task(exits()))
    for _ in range(80):
        clock.advance(0.1)
        await breathe()
    await asyncio.gather(*works)
    assert max(left_at) - began < 5 + n_exits * 0.525
    assert len(exit_s) == n_exits
    assert all(waited_s < 1.2 for waited_s in exit_s), "an exit goes before all of them"
    assert not any(each.done() for each in endless)
    await given_up(endless)


async def test_a_poll_that_would_wait_long_is_refused_and_a_comparison_is_not(clock):
    all_lanes = shared(clock)
    assert await taken(all_lanes, Rank.COMPARE) == 8
    with pytest.raises(RateLimited):
        await turn(all_lanes, Rank.POLL)
    waiting = [asyncio.create_task(turn(all_lanes, Rank.COMPARE)) for _ in range(20)]
    for n in (8, 16, 20):
        clock.advance(PER_S)
        await breathe(60)
        assert sum(work.done() for work in waiting) == n


async def test_three_look_ups_may_pass_a_comparison_then_it_is_next(clock):
    all_lanes = Lanes(clock, {"all": (1, 1.0)})
    await turn(all_lanes, Rank.DOUBT)
    comparison = asyncio.create_task(turn(all_lanes, Rank.COMPARE))
    await breathe()
    works = [asyncio.create_task(turn(all_lanes, Rank.DOUBT)) for _ in range(9)]
    for n in range(1, 5):
        assert not comparison.done()
        clock.advance(1)
        await breathe()
        assert sum(work.done() for work in works) == min(n, 3)
    assert comparison.done()
    await given_up(works)


async def test_of_two_turns_a_comparison_leaves_one_while_fills_are_looked_for(clock):
    """Pages of a week took both of Webull's two; what an entry had filled was heard of 3.7 s late.

    It begins by itself with the first look, and ends when there was none for a while.
    """
    line = Lanes(clock, {"history": (2, 2.1)})

    async def ask(who):
        with asking(who):
            await line.turn("history")

    pages = [asyncio.create_task(ask(Rank.COMPARE)) for _ in range(30)]
    await breathe()
    waited_s = []
    for _ in range(6):
        look, begun = asyncio.create_task(ask(Rank.NAKED)), clock.monotonic()
        await breathe()
        while not look.done():
            clock.advance(0.1)
            await breathe()
        waited_s.append(round(clock.monotonic() - begun, 1))
        for _ in range(23):
            clock.advance(0.1)
            await breathe()
    assert waited_s[0] > 2
    assert waited_s[1:] == [0.0] * 5
    n_read = sum(page.done() for page in pages)
    clock.advance(5)
    await breathe()
    for _ in range(4):
        clock.advance(2.1)
        await breathe()
    assert sum(page.done() for page in pages) >= n_read + 8
    await given_up(pages)


async def test_whoever_becomes_the_next_hears_of_it(clock):
    """A look-up waits for the window; exits make the comparison behind it the next one."""
    line = Lanes(clock, {"all": (20, PER_S)})
    for _ in range(16):
        await turn(line, Rank.DOUBT)
    doubt = asyncio.create_task(turn(line, Rank.DOUBT))
    await breathe()
    compare = asyncio.create_task(turn(line, Rank.COMPARE))
    await breathe()
    for _ in range(3):
        await turn(line, Rank.EXIT)
    for _ in range(4):
        clock.advance(5)
        await breathe()
    assert (doubt.done(), compare.done()) == (True, True)


async def test_waiting_for_our_turn_is_not_the_brokers_silence(clock):
    all_lanes = Lanes(clock, {"all": (1, 30.0)})
    await turn(all_lanes, Rank.COMPARE)

    async def asked():
        async with answered_within(0.05):
            await turn(all_lanes, Rank.COMPARE)
        return "answered"

    waiting = asyncio.create_task(asked())
    await asyncio.sleep(0.1)
    assert not waiting.done()
    clock.advance(30)
    assert await waiting == "answered"


# -- whatever comes


@settings(max_examples=60, deadline=None)
@given(
    calls=st.integers(2, 12),
    steps=st.lists(
        st.tuples(st.sampled_from(list(Rank)), st.integers(1, 8), st.floats(0, 3)), max_size=40
    ),
)
async def test_no_stretch_of_time_holds_more_than_the_broker_allows(calls, steps):
    clock = ManualClock(START)
    all_lanes = Lanes(clock, {"all": (calls, PER_S)})
    at, works = [], []

    async def one(who):
        with suppress(RateLimited):
            await turn(all_lanes, who)
            at.append(clock.monotonic())

    for who, n, pause_s in steps:
        works += [asyncio.create_task(one(who)) for _ in range(n)]
        await breathe()
        clock.advance(pause_s)
        await breathe()
    await given_up(works)
    for n, end in enumerate(at[calls:], calls):
        assert end - at[n - calls] >= PER_S - 1e-5


@settings(max_examples=60, deadline=None)
@given(
    others=st.lists(
        st.sampled_from([Rank.DOUBT, Rank.COMPARE, Rank.ENTRY, Rank.POLL]), max_size=60
    ),
    spread_s=st.floats(0, 1),
)
async def test_an_exit_never_waits_behind_anything_else(others, spread_s):
    """O-18: two of ten are kept; the third exit in a stretch may have to wait for time itself."""
    clock = ManualClock(START)
    all_lanes = shared(clock)
    works = []
    for who in others:
        works.append(asyncio.create_task(turn(all_lanes, who)))
        await breathe()
        clock.advance(spread_s)
    assert await taken(all_lanes, Rank.EXIT, 2) == 2
    await given_up(works)


@settings(max_examples=40, deadline=None)
@given(
    load=st.lists(
        st.lists(st.sampled_from([Rank.DOUBT, Rank.ENTRY, Rank.POLL]), max_size=12), max_size=60
    )
)
async def test_a_comparison_never_starves(load):
    """Whatever is looked up, opened and polled meanwhile, each of its questions has its turn."""
    clock = ManualClock(START)
    all_lanes = shared(clock)
    works, turns = [], Counter()

    async def comparison():
        for _ in range(12):
            await turn(all_lanes, Rank.COMPARE)
            turns["comparison"] += 1

    compare = asyncio.create_task(comparison())
    for each in (*load, *([[Rank.DOUBT, Rank.POLL]] * 120)):
        works += [asyncio.create_task(turn(all_lanes, who)) for who in each]
        await breathe()
        clock.advance(1)
        await breathe()
        if compare.done():
            break
    assert turns["comparison"] == 12, turns
    await given_up([*works, compare])


@pytest.mark.parametrize(("requests", "entries"), [(1, 20), (2, 16)])
async def test_entries_leave_room_for_what_follows_them(clock, requests, entries):
    """TopStepX: 62 entries in twenty seconds left no turn for the stops of the last ones."""
    one = Lanes(clock, {"all": (100, 60)}, requests)
    assert await taken(one, Rank.ENTRY) // requests == entries
    assert await taken(one, Rank.EXIT) == 95 - entries * requests
    assert await taken(one, Rank.BARE) == 5, "looks for cancelled stops leave room for new ones"
    assert module.entries_per_min({"all": (100, 60)}, requests) == entries
    clock.advance(60)
    assert await taken(one, Rank.ENTRY) // requests == entries


async def test_what_is_left_for_exits_comes_back_with_time_and_is_nothing_in_a_pause(clock):
    one = shared(clock)
    assert one.room() == CALLS
    await taken(one, Rank.EXIT, 3)
    assert one.room() == CALLS - 3
    clock.advance(PER_S)
    assert one.room() == CALLS
    with asking(Rank.EXIT):
        one.pause("exit", 60)
    assert one.room() == 0
    clock.advance(module.PAUSE_S[Rank.EXIT])
    assert one.room() == CALLS


@pytest.mark.parametrize(
    ("calls", "requests"), [(120, 2), (120, 1), (150, 1), (190, 1), (100, 1)], ids=str
)
async def test_polls_that_a_working_stop_has_made_more_often_cost_no_entry(clock, calls, requests):
    """tastytrade, Schwab, TopStepX, Alpaca."""
    allowed = {"all": (calls, 60)}
    one = Lanes(clock, allowed, requests)
    while one.room(Rank.POLL) > SPARE:
        await taken(one, Rank.POLL, 1)
    entries = await taken(one, Rank.ENTRY) // requests
    assert entries == module.entries_per_min(allowed, requests)
    assert one.room(Rank.POLL) == 0 < one.room()


@pytest.mark.parametrize("allowed", [{"all": (2, 1.05)}, {"exit": (5, 1), "order": (3, 1)}])
async def test_an_allowance_of_seconds_never_runs_out_for_long(clock, allowed):
    one = Lanes(clock, allowed)
    await taken(one, Rank.EXIT, 2)
    assert one.room() is None
