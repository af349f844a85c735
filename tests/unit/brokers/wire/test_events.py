"""A stream kept alive: each end is told once, each start names the gap, no end is the last."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from engine.brokers import Odd, StreamDown, StreamUp
from engine.brokers._wire import events
from engine.brokers._wire.again import page
from engine.brokers._wire.events import Events, Keeper
from engine.clock import ManualClock
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, NotOffered

START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


async def breathe(times=10):
    for _ in range(times):
        await asyncio.sleep(0)


class World:
    """Sessions that end when told to, and what was told to the desk."""

    def __init__(self):
        self.clock = ManualClock(START)
        self.events = Events()
        self.told = []
        self.starts = []
        """When each session began, in monotonic seconds."""
        self.ends = asyncio.Queue()
        self.is_refused = self.is_mute = False
        self.keeper = Keeper("x", self.clock, self.events, self.session)

    async def session(self, is_up):
        self.starts.append(self.clock.monotonic())
        if self.is_refused:
            raise ConnectionRefusedError("nobody there")
        if self.is_mute:
            await asyncio.Event().wait()
        is_up()
        end = await self.ends.get()
        if end is not None:
            raise end

    async def read(self):
        async for event in self.events.all():
            self.told.append(event)


@pytest.fixture
async def world():
    made = World()
    reader = asyncio.create_task(made.read())
    made.keeper.start()
    await breathe()
    yield made
    await made.keeper.close()
    made.events.end()
    await asyncio.wait_for(reader, 20)


async def test_the_first_start_has_no_gap(world):
    assert world.told == [StreamUp(gap_from=None)]
    assert world.keeper.up.is_set()


async def test_an_end_is_told_and_the_next_start_names_the_gap(world):
    world.clock.advance(100)
    lost_at = world.clock.now()
    world.ends.put_nowait(ConnectionResetError("peer"))
    await breathe()
    assert isinstance(world.told[-1], StreamDown)
    assert not world.keeper.up.is_set()
    world.clock.advance(0.5)
    await breathe()
    assert world.told[-1] == StreamUp(gap_from=lost_at)
    assert world.keeper.up.is_set()


async def test_each_start_is_told_to_whoever_keeps_questions_back_before_the_desk_hears(world):
    heard = []
    world.keeper.is_back = lambda: heard.append(len(world.told))
    world.ends.put_nowait(None)
    await breathe()
    world.clock.advance(0.5)
    await breathe()
    assert heard == [2]
    assert len(world.told) == 3


async def test_a_polite_end_is_an_end_too(world):
    world.ends.put_nowait(None)
    await breathe()
    assert isinstance(world.told[-1], StreamDown)


async def test_the_gap_reaches_back_to_the_first_loss_over_failed_attempts(world):
    world.clock.advance(60)
    lost_at = world.clock.now()
    world.is_refused = True
    world.ends.put_nowait(ConnectionResetError())
    await breathe()
    for _ in range(6):
        world.clock.advance(30)
        await breathe()
    assert len([e for e in world.told if isinstance(e, StreamDown)]) == 1
    world.is_refused = False
    world.clock.advance(30)
    await breathe()
    assert world.told[-1] == StreamUp(gap_from=lost_at)


async def test_one_that_takes_the_connection_and_says_nothing_is_told_and_tried_anew(monkeypatch):
    monkeypatch.setattr(events, "_SOON_S", 0.01)
    monkeypatch.setattr(events, "_UP_S", 1.0)
    world = World()
    world.is_mute = True
    reader = asyncio.create_task(world.read())
    world.keeper.start()
    async with asyncio.timeout(5):
        async with asyncio.timeout(0.7):
            while not world.told:
                world.clock.advance(0)
                await asyncio.sleep(0.01)
        assert len(world.starts) == 1, "it may answer yet"
        assert [e.reason for e in world.told] == ["it does not answer"]
        world.is_mute, world.is_refused = False, True
        while len(world.told) < 2:
            world.clock.advance(10)
            await asyncio.sleep(0.01)
    assert [e.reason for e in world.told] == ["it does not answer", "ConnectionRefusedError"]
    world.is_refused = False
    world.clock.advance(10)
    await breathe()
    assert world.told[-1] == StreamUp(gap_from=START)
    await asyncio.sleep(1.1)
    assert world.keeper.up.is_set(), "who listens is not hurried"
    await world.keeper.close()
    world.events.end()
    await asyncio.wait_for(reader, 20)


async def test_a_session_that_was_given_up_does_not_say_that_the_next_one_listens(monkeypatch):
    """Alpaca's runs in a thread: its word comes by call_soon_threadsafe, after the cancellation."""
    monkeypatch.setattr(events, "_SOON_S", 0.02)
    monkeypatch.setattr(events, "_UP_S", 0.1)
    clock, told, starts = ManualClock(START), Events(), []

    async def session(is_up):
        starts.append(is_up)
        try:
            await asyncio.Event().wait()
        finally:
            if len(starts) == 1:
                asyncio.get_running_loop().call_later(0.05, is_up)  # the thread was just there

    keeper = Keeper("x", clock, told, session)
    keeper.start()
    async with asyncio.timeout(5):
        while len(starts) < 2:
            clock.advance(1)
            await asyncio.sleep(0.005)
    await asyncio.sleep(0.5)
    n = len(starts)
    heard = []
    while not told._queue.empty():
        heard.append(told._queue.get_nowait())
    is_up = keeper.up.is_set()
    await keeper.close()
    assert not any(isinstance(e, StreamUp) for e in heard), (heard, n)
    assert not is_up


async def test_attempts_come_at_growing_pauses_up_to_eight_seconds(world):
    world.is_refused = True
    world.ends.put_nowait(ConnectionResetError())
    await breathe()
    for _ in range(4000):
        world.clock.advance(0.1)
        await breathe(3)
    gaps = [b - a for a, b in zip(world.starts[1:], world.starts[2:], strict=False)]
    assert [round(gap) for gap in gaps[:6]] == [1, 2, 4, 8, 8, 8]
    assert max(gaps) <= 8.5


async def test_a_stream_that_worked_is_tried_again_quickly(world):
    for _ in range(5):
        world.ends.put_nowait(ConnectionResetError())
        await breathe()
        world.clock.advance(0.6)
        await breathe()
        assert isinstance(world.told[-1], StreamUp)


@pytest.mark.parametrize("end", [ValueError("a bug"), KeyError("x"), TimeoutError(), OSError()])
async def test_whatever_ends_it_the_stream_comes_back(world, end):
    world.ends.put_nowait(end)
    await breathe()
    world.clock.advance(1)
    await breathe()
    assert isinstance(world.told[-1], StreamUp)


async def test_lost_credentials_are_named_and_other_ends_say_no_more_than_their_kind(world):
    world.ends.put_nowait(BrokerAuthError("x does not know us any more"))
    await breathe()
    assert world.told[-1].reason == "x does not know us any more"
    world.clock.advance(1)
    await breathe()
    world.ends.put_nowait(ConnectionResetError("token=CANARY"))
    await breathe()
    assert world.told[-1].reason == "ConnectionResetError"


@pytest.mark.parametrize("jump_h", [-1, 1])
async def test_a_jump_of_the_wall_clock_neither_hurries_nor_holds_it(world, jump_h):
    """M-03."""
    world.ends.put_nowait(ConnectionResetError())
    await breathe()
    world.clock.jump(world.clock.now() + timedelta(hours=jump_h))
    await breathe()
    assert len(world.starts) == 1
    world.clock.advance(0.5)
    await breathe()
    assert len(world.starts) == 2


async def test_closing_stops_it_for_good(world):
    await world.keeper.close()
    world.clock.advance(100)
    await breathe()
    assert len(world.starts) == 1


async def test_events_come_in_order_and_end_for_every_reader():
    events = Events()
    for n in range(3):
        events.tell(Odd(note=str(n), raw=""))
    events.end()
    assert [event.note async for event in events.all()] == ["0", "1", "2"]
    assert [event async for event in events.all()] == []


async def test_a_session_that_swallows_a_cancellation_is_cancelled_again():
    clock, events = ManualClock(START), Events()
    n_swallowed = 0

    async def deaf(is_up):
        nonlocal n_swallowed
        is_up()
        while n_swallowed < 2:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                n_swallowed += 1
        await asyncio.Event().wait()

    keeper = Keeper("x", clock, events, deaf)
    keeper.start()
    await keeper.up.wait()
    async with asyncio.timeout(20):
        await keeper.close()
    assert n_swallowed == 2


async def test_what_nobody_knows_is_told_once():
    events = Events()
    for raw in ("a new status", "a new status", "another"):
        events.tell_once(Odd(note=f"the broker said {raw}", raw=raw))
    events.end()
    assert [event.raw async for event in events.all()] == ["a new status", "another"]


async def test_what_is_not_offered_is_told_once_and_what_was_answered_before_is_an_outage():
    async def none():
        raise NotOffered("x: nothing is told there (404)")

    async def some():
        return ["an execution"]

    events = Events()
    for _ in range(2):
        assert await events.told("executions", none(), "it lists none") is None
    assert await events.told("executions", some(), "it lists none") == ["an execution"]
    with pytest.raises(NotOffered):
        await events.told("executions", none(), "it lists none")
    events.end()
    assert [event.note async for event in events.all()] == ["it lists none"]


async def test_only_the_first_page_of_a_list_says_that_there_is_none():
    for number, missing in ((0, NotOffered), (1, BrokerUnavailable)):
        with pytest.raises(BrokerUnavailable) as raised, page(number):
            raise NotOffered("x: nothing is told there (404)")
        assert type(raised.value) is missing
