"""The process's own pulse: memory, processor, how late its loop runs, how long the books take."""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from engine.domain.desk import Fact
from engine.domain.errors import TradeStreamError
from engine.reports.metrics import MetricsReport, Sample, build, p95

if TYPE_CHECKING:
    from bot.app import App

EVERY_S = 15.0
_BEAT_S = 0.25
_KEPT = 960
"""Samples: four hours."""


class Vitals:
    """Looks at itself now and then; nothing else waits for it."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._samples: deque[Sample] = deque(maxlen=_KEPT)
        self._worst_lag_s = 0.0
        self._process: Any = None

    async def beat(self) -> None:
        """Sleeps short times and notes by how much it wakes late."""
        clock = self._app.clock
        while True:
            before = clock.monotonic()
            await clock.sleep(_BEAT_S)
            late = clock.monotonic() - before - _BEAT_S
            self._worst_lag_s = max(self._worst_lag_s, late)

    async def look(self) -> None:
        """Take one sample; none while the books do not answer, which others tell of."""
        if self._process is None:
            self._process = await asyncio.to_thread(_own_process)
        clock = self._app.clock
        began = clock.monotonic()
        try:
            await self._app.store.get(Fact, "desk.run")
        except TradeStreamError:
            return
        store_s = clock.monotonic() - began
        lag_s, self._worst_lag_s = self._worst_lag_s, 0.0
        seen = self._process
        with seen.oneshot():
            sample = Sample(
                at=clock.now(),
                rss_mb=seen.memory_info().rss / 1e6,
                cpu_pct=seen.cpu_percent(),
                lag_ms=lag_s * 1000,
                store_ms=store_s * 1000,
                n_threads=seen.num_threads(),
                reply_ms=p95(self._app.usage.took_ms),
                api_ms=max((a.p95_ms for a in self._app.outside.apis() if a.p95_ms), default=None),
            )
        self._samples.append(sample)

    def report(self) -> MetricsReport:
        """All that is kept, with what it was worst at."""
        app = self._app
        return build(
            app.reading.frame(), tuple(self._samples), up_since=app.started_at, every_s=EVERY_S
        )


def _own_process() -> Any:
    """In a thread: the library takes a while to load."""
    import psutil  # type: ignore[import-untyped]

    process = psutil.Process()
    process.cpu_percent()  # from here on it counts
    return process
