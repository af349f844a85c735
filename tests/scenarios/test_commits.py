"""What the desk holds in memory is what the store holds, whoever stops waiting."""

import asyncio

import pytest

from engine.domain.desk import Fact
from storage.memory import MemoryStore
from tests import rig as desks


class SlowStore(MemoryStore):
    """A store that takes its time, and carries out what it was given all the same."""

    def __init__(self):
        super().__init__()
        self.gate = asyncio.Event()
        self.gate.set()

    async def commit(self, events):
        work = asyncio.ensure_future(self._slowly(events))
        try:
            return await asyncio.shield(work)
        except asyncio.CancelledError:
            await asyncio.wait([work])
            raise

    async def _slowly(self, events):
        await self.gate.wait()
        return await super().commit(events)


@pytest.fixture
async def rig():
    rig = await desks.start(store=SlowStore())
    yield rig
    rig.desk.store.gate.set()
    await rig.close()


async def cancelled_while_it_waits(rig, *puts):
    """A commit whose caller is cancelled before the store has answered; what listeners heard."""
    heard = []
    rig.desk.bus.listen(lambda events: heard.extend(e.kind for e in events))
    rig.desk.store.gate.clear()
    task = asyncio.create_task(rig.desk.commit(rig.desk.event("test", "test", *puts)))
    await asyncio.sleep(0.01)
    task.cancel()
    await asyncio.sleep(0.01)
    rig.desk.store.gate.set()
    await asyncio.wait([task])
    assert task.cancelled()
    return heard


async def test_a_commit_whose_caller_was_cancelled_is_true_in_memory_and_known(rig):
    heard = await cancelled_while_it_waits(rig, rig.desk.fact("mood", "calm"))
    assert rig.desk.book.facts["mood"] == await rig.desk.store.get(Fact, "mood")
    assert heard == ["test"]
    assert not rig.desk.is_behind


async def test_a_commit_that_was_refused_is_not_told_though_its_caller_was_cancelled(rig):
    await rig.desk.commit(rig.desk.event("first", "test", Fact(name="mood", value="calm")))
    heard = await cancelled_while_it_waits(rig, Fact(name="mood", value="wild"))
    assert rig.desk.book.facts["mood"].value == "calm"
    assert heard == []
