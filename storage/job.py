"""Work that is handed to the writer, and how its caller hears of the outcome."""

import asyncio
import contextlib
from collections.abc import Sequence

from storage.codec import Entry


class Job:
    """Work of one caller. Once handed over it is carried out, whatever becomes of the caller."""

    __slots__ = ("entries", "error", "future", "is_over", "loop", "paper", "seq")

    def __init__(
        self, entries: Sequence[Entry] = (), paper: Sequence[tuple[str, str | None]] = ()
    ) -> None:
        self.entries = entries
        self.paper = paper
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[int] = self.loop.create_future()
        self.seq = 0
        self.error: Exception | None = None
        self.is_over = False
        """The outcome stands; set and read on the caller's loop only."""

    def resolve(self) -> None:
        """Tell the caller; on the caller's event loop."""
        self.is_over = True
        if self.future.done():
            return  # the caller was cancelled just now and has not run since
        if self.error is not None:
            self.future.set_exception(self.error)
        else:
            self.future.set_result(self.seq)

    async def settled(self) -> None:
        """Wait for the outcome even when cancelled again; bounded by the writer's time-outs."""
        if self.is_over:
            return
        late = self.future = self.loop.create_future()
        while not late.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([late])
        late.exception()  # seen: nobody is left to hear it


def deliver(jobs: list[Job]) -> None:
    """Tell the callers, with one wake-up per event loop."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Job]] = {}
    for job in jobs:
        by_loop.setdefault(job.loop, []).append(job)
    for loop, mine in by_loop.items():
        with contextlib.suppress(RuntimeError):  # that loop is closed: nobody waits there
            loop.call_soon_threadsafe(_resolve, mine)


def _resolve(jobs: list[Job]) -> None:
    for job in jobs:
        job.resolve()
