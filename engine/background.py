"""Work beside the stories: what it raises is logged and shown, and it ends with the desk."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from engine import asking
from engine.clock import Clock
from engine.domain.errors import TradeStreamError
from engine.health import Health

log = logging.getLogger(__name__)


class Background:
    """Keeps hold of every piece of work that is under way."""

    def __init__(self, clock: Clock, health: Health) -> None:
        self.clock, self.health = clock, health
        self._tasks: set[asyncio.Task[Any]] = set()
        self._vigils: dict[str, asyncio.Task[Any]] = {}
        self._done_at: dict[str, float] = {}

    def spawn(self, work: Coroutine[Any, Any, Any], name: str) -> asyncio.Task[Any]:
        """Run a piece of work on the side; what it raises is logged and shown in health."""
        task = asyncio.create_task(work, name=name, context=asking.apart())
        self._tasks.add(task)
        task.add_done_callback(self._done)
        return task

    def _done(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is None:
            self.health.pop(f"task {task.get_name()}", None)
        else:
            self.health[f"task {task.get_name()}"] = f"{type(error).__name__}: {error}"
            is_ours = not isinstance(error, TradeStreamError)  # else it is known, and tried again
            log.error(
                "background work %s failed: %s",
                task.get_name(),
                error,
                exc_info=error if is_ours else None,
            )

    def vigil(self, work: Callable[[], Coroutine[Any, Any, Any]], name: str) -> asyncio.Task[Any]:
        """Watch over something for a while; once per name, and nobody waits for it at the end."""
        known = self._vigils.get(name)
        if known is not None:
            return known
        task = asyncio.create_task(work(), name=name, context=asking.apart())
        self._vigils[name] = task

        def over(task: asyncio.Task[Any]) -> None:
            self._vigils.pop(name, None)
            self._done(task)

        task.add_done_callback(over)
        return task

    async def drain(self) -> None:
        """Wait until everything that was spawned has ended."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def stop_tasks(self) -> None:
        """Cancel background work and wait for it."""
        tasks = [*self._tasks, *self._vigils.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def due_in_s(self, job: str, every_s: float) -> float:
        """Seconds until a job's turn comes; to be told 0 counts as doing it."""
        now = self.clock.monotonic()
        last = self._done_at.get(job)
        if last is not None and now - last < every_s:
            return last + every_s - now
        self._done_at[job] = now
        return 0.0

    def is_due(self, job: str, every_s: float) -> bool:
        """Whether a job's turn has come; asking counts as doing it."""
        return not self.due_in_s(job, every_s)
