"""Sessions of the library's streams end when they are told to, and say what ended them."""

import asyncio

import pytest

from engine.brokers.tastytrade.stream import alone, innermost
from engine.domain.errors import BrokerAuthError


async def test_a_session_that_swallows_its_cancellation_is_cancelled_again() -> None:
    n_cancelled = 0

    async def stubborn() -> None:
        nonlocal n_cancelled
        while n_cancelled < 3:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                n_cancelled += 1

    task = asyncio.create_task(alone(stubborn()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 20)
    assert n_cancelled == 3


async def test_what_ended_it_comes_out_of_its_groups() -> None:
    async def broken() -> None:
        raise ExceptionGroup("many", [ExceptionGroup("more", [OSError("gone")])])

    with pytest.raises(OSError, match="gone"):
        await alone(broken())


def test_a_refusal_says_more_than_what_came_with_it() -> None:
    group = BaseExceptionGroup("x", [OSError(), asyncio.CancelledError(), BrokerAuthError("no")])
    assert isinstance(innermost(group), BrokerAuthError)
    assert isinstance(innermost(asyncio.CancelledError()), ConnectionError)
