"""Background work that never dies silently: shown in health, told once, started again (P-04)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

from engine.desk import Desk
from engine.domain.errors import InvariantError, TradeStreamError

log = logging.getLogger(__name__)

Work = Callable[[], Awaitable[None]]

_PAUSES_S = (0.5, 1.0, 2.0, 5.0, 15.0, 60.0)
_SOUND_S = 30.0
"""Work that has run for so long since it failed is well again."""


class Supervisor:
    """Runs the desk's pumps and jobs."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._tasks: list[asyncio.Task[None]] = []

    def names(self) -> list[str]:
        """What is kept running."""
        return [task.get_name() for task in self._tasks]

    def keep(self, work: Work, name: str) -> None:
        """Run it until it ends by itself; start it again whenever it fails."""
        self._tasks.append(asyncio.create_task(self._keep(work, name), name=name))

    def every(self, seconds: float, job: Work, name: str) -> None:
        """Do it again and again, whatever became of the last time."""

        async def rounds() -> None:
            while True:
                await self._desk.clock.sleep(seconds)
                await self._once(job, name)

        self.keep(rounds, name)

    async def close(self, patience_s: float, *, but: str = "") -> None:
        """End all of it; what has a name that begins with ``but`` goes on."""
        ends = [t for t in self._tasks if not but or not t.get_name().startswith(but)]
        for task in ends:
            task.cancel()
        if ends:
            await asyncio.wait(ends, timeout=patience_s)

    async def drain(self, patience_s: float) -> None:
        """Wait for what ends by itself."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience_s)

    async def _once(self, job: Work, name: str) -> None:
        part = f"job {name}"
        try:
            await job()
        except TradeStreamError as error:
            if isinstance(error, InvariantError):
                raise
            self._desk.health[part] = str(error) or type(error).__name__
        except Exception as error:
            if part not in self._desk.health:
                log.exception("job %s failed; it is done again at its next time", name)
                await self._tell(name, error)
            self._desk.health[part] = f"{type(error).__name__}: {error}"
        else:
            self._desk.health.pop(part, None)

    async def _keep(self, work: Work, name: str) -> None:
        n_failed = 0
        clock = self._desk.clock
        while True:
            started = clock.monotonic()
            sound = asyncio.create_task(self._sound(name), name=f"sound {name}")
            try:
                await work()
            except asyncio.CancelledError:
                raise
            except Exception as error:
                log.exception("background work %s failed", name)
                n_failed = 0 if clock.monotonic() - started > _SOUND_S else n_failed
                await self._failed(name, error)
            else:
                return
            finally:
                sound.cancel()
            await clock.sleep(_PAUSES_S[min(n_failed, len(_PAUSES_S) - 1)])
            n_failed += 1

    async def _failed(self, name: str, error: Exception) -> None:
        part, desk = f"task {name}", self._desk
        if isinstance(error, InvariantError):
            desk.is_halting = f"our own error in {name}: {error}"
        is_news = part not in desk.health
        desk.health[part] = f"{type(error).__name__}: {error}"
        if is_news:
            await self._tell(name, error)

    async def _sound(self, name: str) -> None:
        """It has run long enough since it failed."""
        await self._desk.clock.sleep(_SOUND_S)
        self._desk.health.pop(f"task {name}", None)

    async def _tell(self, name: str, error: Exception) -> None:
        what = f"{type(error).__name__}: {error}"[:300]
        await self._desk.tell(
            "admin", f"⚠ Background work “{name}” failed ({what}). It is started again."
        )
