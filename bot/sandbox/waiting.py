"""Waiting for something to become true, woken by every change in the sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from bot.sandbox.gateway import Gateway

T = TypeVar("T")


async def until(gateway: Gateway, check: Callable[[], T], timeout_s: float = 30.0) -> T:
    """Return the first truthy value of `check`.

    Raises:
        TimeoutError: it stayed falsy for `timeout_s` real seconds.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout_s
    woken = asyncio.Event()

    def watch(_kind: str, _subject: Any) -> None:
        woken.set()

    gateway.watchers.add(watch)
    try:
        while True:
            value = check()
            if value:
                return value
            left = deadline - loop.time()
            if left <= 0:
                raise TimeoutError(f"not true after {timeout_s} s")
            woken.clear()
            wake = loop.call_later(min(left, 0.05), woken.set)
            await woken.wait()
            wake.cancel()
    finally:
        gateway.watchers.discard(watch)
