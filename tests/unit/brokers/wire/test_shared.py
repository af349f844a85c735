"""The same question is asked once while it waits, and again once it has left."""

import asyncio

import pytest

from engine.asking import Rank, answered_within, asking
from engine.brokers._wire.shared import Shared


class Broker:
    """Answers when told to; counts what was asked."""

    def __init__(self):
        self.n_asked, self.n_sent = 0, 0
        self.turn, self.reply = asyncio.Event(), asyncio.Event()

    async def ask(self, leaves):
        self.n_asked += 1
        mine = self.n_asked
        await self.turn.wait()
        leaves()
        self.n_sent += 1
        await self.reply.wait()
        return mine


@pytest.fixture
async def broker():
    return Broker()


async def breathe():
    for _ in range(5):
        await asyncio.sleep(0)


async def test_many_who_wait_with_one_question_share_one_answer(broker):
    shared = Shared()
    works = [asyncio.create_task(shared.answer("orders", broker.ask)) for _ in range(50)]
    await breathe()
    broker.turn.set()
    broker.reply.set()
    assert await asyncio.gather(*works) == [1] * 50
    assert broker.n_sent == 1


async def test_who_asks_after_it_has_left_gets_an_answer_of_his_own(broker):
    """The first answer may be older than his question: it would prove an absence that is none."""
    shared = Shared()
    first = asyncio.create_task(shared.answer("orders", broker.ask))
    broker.turn.set()
    await breathe()
    second = asyncio.create_task(shared.answer("orders", broker.ask))
    await breathe()
    broker.reply.set()
    assert await asyncio.gather(first, second) == [1, 2]


async def test_another_question_is_not_shared(broker):
    shared = Shared()
    broker.turn.set()
    broker.reply.set()
    asked = await asyncio.gather(shared.answer("a", broker.ask), shared.answer("b", broker.ask))
    assert sorted(asked) == [1, 2]


async def test_who_goes_first_does_not_wait_in_the_name_of_a_poll(broker):
    shared = Shared()
    with asking(Rank.POLL):
        poll = asyncio.create_task(shared.answer("orders", broker.ask))
    with asking(Rank.DOUBT):
        doubt = asyncio.create_task(shared.answer("orders", broker.ask))
    with asking(Rank.COMPARE):
        compare = asyncio.create_task(shared.answer("orders", broker.ask))
    await breathe()
    broker.turn.set()
    broker.reply.set()
    assert await asyncio.gather(poll, doubt, compare) == [1, 2, 2]


async def test_one_who_gives_up_takes_no_answer_from_the_others(broker):
    shared = Shared()
    first = asyncio.create_task(shared.answer("orders", broker.ask))
    second = asyncio.create_task(shared.answer("orders", broker.ask))
    await breathe()
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    broker.turn.set()
    broker.reply.set()
    assert await second == 1


async def test_a_question_that_nobody_wants_any_more_is_not_sent(broker):
    shared = Shared()
    only = asyncio.create_task(shared.answer("orders", broker.ask))
    await breathe()
    only.cancel()
    await asyncio.gather(only, return_exceptions=True)
    broker.turn.set()
    await breathe()
    assert broker.n_sent == 0


async def test_a_failure_is_heard_by_all_and_forgotten():
    shared = Shared()

    async def fails(leaves):
        del leaves
        await asyncio.sleep(0)
        raise ValueError("no")

    works = [asyncio.create_task(shared.answer("orders", fails)) for _ in range(3)]
    found = await asyncio.gather(*works, return_exceptions=True)
    assert all(isinstance(one, ValueError) for one in found)

    async def works_now(leaves):
        leaves()
        return "ok"

    assert await shared.answer("orders", works_now) == "ok"


async def test_waiting_for_a_shared_turn_is_not_the_brokers_silence(broker):
    shared = Shared()

    async def asked():
        async with answered_within(0.05):
            return await shared.answer("orders", broker.ask)

    works = [asyncio.create_task(asked()) for _ in range(2)]
    await asyncio.sleep(0.1)
    broker.turn.set()
    broker.reply.set()
    assert await asyncio.gather(*works) == [1, 1]


async def test_a_broker_that_is_silent_after_the_turn_is_given_up(broker):
    shared = Shared()
    broker.turn.set()
    with pytest.raises(TimeoutError):
        async with answered_within(0.05):
            await shared.answer("orders", broker.ask)
