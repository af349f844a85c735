"""Charts: each file here turns one report into one PNG; its name is the chart's name.

A chart file has two halves. ``pack(report)`` runs in the bot and copies what is drawn into plain
numbers and strings (or :class:`Series`); it refuses what is not finite. ``draw(data, theme)`` runs
in a warm worker process, the only place where matplotlib is ever imported; ``EXAMPLE`` is what it
draws there to get warm. The bot talks to the worker over its pipes: drawing never holds up the
event loop, and a worker that hangs is killed and replaced.
"""

import asyncio
import importlib
import logging
import math
import pickle
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from types import ModuleType
from typing import Any

from bot import beside
from bot.beside import HEAD
from engine.domain.errors import TradeStreamError
from engine.reports import Missing

log = logging.getLogger(__name__)


class Theme(StrEnum):
    """Grounds that melt into Discord's own."""

    DARK = "dark"
    LIGHT = "light"


_MAX_BYTES = 8 * 1024 * 1024
WARM_UP = "-"
"""Name that asks the worker to load its libraries and draw nothing."""


class ChartError(TradeStreamError):
    """No picture this time: say it in words instead."""


def names() -> tuple[str, ...]:
    """Every chart there is."""
    files = Path(__file__).parent.glob("*.py")
    return tuple(sorted(f.stem for f in files if not f.stem.startswith("_")))


def number(value: Decimal | float | Missing | None) -> float:
    """A figure to be drawn.

    Raises:
        ChartError: missing, NaN or infinite.
    """
    if value is None or isinstance(value, Missing):
        raise ChartError(f"a figure of the chart is not known: {value}")
    plain = float(value)
    if not math.isfinite(plain):
        raise ChartError("a figure of the chart is not a finite number")
    return plain


def numbers(values: Iterable[Decimal | float | Missing | None]) -> tuple[float, ...]:
    """Figures to be drawn, in order; raises as :func:`number` does."""
    known = tuple(values)
    try:
        plain = tuple(map(float, known))  # type: ignore[arg-type]  # Missing and None raise
    except (TypeError, ValueError):
        return tuple(map(number, known))
    if not math.isfinite(math.fsum(plain)):
        raise ChartError("a figure of the chart is not a finite number")
    return plain


class Series:
    """Many figures to be drawn, turned into plain numbers a slice at a time.

    A value of ``pack``'s dict may be one: thousands of figures must not hold up the event loop.
    """

    _SLICE = 400

    def __init__(self, values: Iterable[Decimal | float | Missing | None]) -> None:
        self._values = tuple(values)

    async def plain(self) -> tuple[float, ...]:
        """As :func:`numbers`, with the loop's other work in between."""
        found: list[float] = []
        for start in range(0, len(self._values), self._SLICE):
            found += numbers(self._values[start : start + self._SLICE])
            await asyncio.sleep(0)
        return tuple(found)


def ticks(moments: Sequence[datetime], n: int = 5) -> tuple[tuple[int, float], ...]:
    """Places and POSIX times of about ``n`` evenly spaced moments: what a time axis needs."""
    last = len(moments) - 1
    if last < 0:
        return ()
    picks = sorted({round(i * last / max(n - 1, 1)) for i in range(n)})
    return tuple((at, moments[at].timestamp()) for at in picks)


def module(name: str) -> ModuleType:
    """The chart's own file."""
    if name not in names():
        raise ChartError(f"there is no chart {name!r}")
    return importlib.import_module(f"bot.charts.{name}")


class Charts:
    """Draws charts in warm worker processes. Make one per bot; it starts on first need."""

    def __init__(
        self, *, n_workers: int = 1, timeout_s: float = 8.0, start_timeout_s: float = 20.0
    ) -> None:
        self._timeout_s = timeout_s
        self._start_timeout_s = start_timeout_s
        """For the first answer of a new process, which loads its libraries first."""
        self._idle: asyncio.LifoQueue[_Worker] = asyncio.LifoQueue()
        self._all = [_Worker() for _ in range(n_workers)]
        for worker in self._all:
            self._idle.put_nowait(worker)
        self._is_closed = False

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids of the workers that run."""
        return tuple(w.pid for w in self._all if w.pid is not None)

    @property
    def _patience_s(self) -> float:
        """How long to wait for a free worker."""
        is_starting = any(w.pid is not None and not w.is_warm for w in self._all)
        return self._start_timeout_s if is_starting else 2 * self._timeout_s

    async def warm(self) -> None:
        """Start the workers and load their libraries: call it in the background after start."""
        tasks = [asyncio.create_task(self._run(WARM_UP, None, Theme.DARK)) for _ in self._all]
        for done in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(done, BaseException):
                log.warning("a chart worker did not warm up: %s", done)

    async def render(self, name: str, report: object, theme: Theme = Theme.DARK) -> bytes:
        """The chart ``name`` of a report as PNG.

        Raises:
            ChartError: it could not be drawn, or not in time. Show the figures as text instead.
        """
        try:
            packed = module(name).pack(report)
            data = {k: await v.plain() if isinstance(v, Series) else v for k, v in packed.items()}
        except ChartError:
            raise
        except Exception as error:
            raise ChartError(f"{name}: {type(error).__name__}: {error}") from error
        return await self._run(name, data, theme)

    async def close(self) -> None:
        """End the workers."""
        self._is_closed = True
        for worker in self._all:
            await worker.kill()

    async def _run(self, name: str, data: object, theme: Theme) -> bytes:
        if self._is_closed:
            raise ChartError("charts are switched off")
        try:
            async with asyncio.timeout(self._patience_s):
                worker = await self._idle.get()
        except TimeoutError:
            raise ChartError(f"{name}: too many charts are being drawn") from None
        try:
            return await self._ask(worker, name, data, theme)
        finally:
            self._idle.put_nowait(worker)

    async def _ask(self, worker: "_Worker", name: str, data: object, theme: Theme) -> bytes:
        """One picture from one worker; whatever goes wrong, the next one gets a sound worker."""
        limit_s = self._timeout_s if worker.is_warm else self._start_timeout_s
        try:
            async with asyncio.timeout(limit_s):
                is_fine, answer = await worker.ask((name, data, theme.value))
        except TimeoutError:
            await worker.kill()
            raise ChartError(f"{name}: not drawn within {limit_s:g} s") from None
        except (OSError, EOFError, asyncio.IncompleteReadError, ValueError) as error:
            await worker.kill()
            raise ChartError(f"{name}: the chart process ended: {error}") from error
        except BaseException:
            await worker.kill()  # cancelled half way: its answer must not meet the next question
            raise
        if not is_fine:
            raise ChartError(f"{name}: {answer.decode(errors='replace')}")
        return answer


class _Worker:
    """One drawing process; starts when it is first asked."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self.is_warm = False
        """It has answered before: its libraries are loaded."""

    @property
    def pid(self) -> int | None:
        """Process id while it runs."""
        return self._process.pid if self._process else None

    async def ask(self, question: tuple[Any, ...]) -> tuple[bool, bytes]:
        process = self._process
        if process is None or process.returncode is not None:
            self.is_warm = False
            process = self._process = await beside.start("bot.charts._worker")
        assert process.stdin is not None  # noqa: S101 - made with pipes
        assert process.stdout is not None  # noqa: S101 - made with pipes
        body = pickle.dumps(question, protocol=pickle.HIGHEST_PROTOCOL)
        process.stdin.write(HEAD.pack(0, len(body)) + body)
        await process.stdin.drain()
        is_bad, size = HEAD.unpack(await process.stdout.readexactly(HEAD.size))
        if size > _MAX_BYTES:
            raise ValueError("the answer is too large")
        answer = await process.stdout.readexactly(size)
        self.is_warm = True
        return not is_bad, answer

    async def kill(self) -> None:
        """End it now; the next question starts a new one."""
        process, self._process = self._process, None
        self.is_warm = False
        if process is None:
            return
        with suppress(ProcessLookupError):
            process.kill()
        if process.stdin is not None:
            process.stdin.close()
        await process.wait()
