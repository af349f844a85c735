"""Blocking work off the loop: nobody waits behind what hangs, and nothing is done in vain."""

import asyncio
import threading

import pytest

from engine.brokers.alpaca.threads import Threads


async def test_what_hangs_keeps_nobody_from_a_thread() -> None:
    threads, go = Threads("t", 4), threading.Event()
    stuck = [asyncio.create_task(threads.run(go.wait)) for _ in range(3)]
    assert [await threads.run(lambda n=n: n) for n in range(50)] == list(range(50))  # type: ignore[misc]
    go.set()
    assert await asyncio.gather(*stuck) == [True] * 3
    threads.close()


async def test_a_burst_is_worked_on_side_by_side() -> None:
    threads, together = Threads("t", 20), threading.Barrier(20, timeout=5)
    await asyncio.gather(*(threads.run(together.wait) for _ in range(20)))
    threads.close()


async def test_work_that_nobody_waits_for_any_more_is_not_begun() -> None:
    threads, go, begun = Threads("t", 1), threading.Event(), []
    first = asyncio.create_task(threads.run(go.wait))
    second = asyncio.create_task(threads.run(lambda: begun.append(1)))
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    go.set()
    await first
    await threads.run(lambda: None)
    assert begun == []
    threads.close()


async def test_an_error_comes_to_whoever_asked() -> None:
    threads = Threads("t", 1)
    with pytest.raises(ZeroDivisionError):
        await threads.run(lambda: 1 // 0)
    assert await threads.run(lambda: 1) == 1
    threads.close()


async def test_closed_threads_end_and_others_take_their_place() -> None:
    threads = Threads("closing", 3)
    used = await threads.run(threading.current_thread)
    threads.close()
    used.join(5)
    assert not used.is_alive()
    assert await threads.run(lambda: 2) == 2
    threads.close()


async def test_threads_never_hold_an_exit_up() -> None:
    threads = Threads("t", 1)
    assert (await threads.run(threading.current_thread)).daemon
    threads.close()
