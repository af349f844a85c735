"""What every bench of the desk prints and measures: distributions, CPU per thread, commits."""

import asyncio
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.brokers.paper import PaperBroker
from storage.writer import Writer


def say(text: str = "") -> None:
    """One printed line."""
    print(text)


def line(name: str, values: Sequence[float], unit: str = "ms") -> float:
    """Print a distribution; its median."""
    at = [percentile(values, share) for share in (50, 90, 99, 100)]
    say(
        f"{name:<52} p50 {at[0]:8.3f}  p90 {at[1]:8.3f}  p99 {at[2]:8.3f}  max {at[3]:8.3f} {unit}"
        f"  n={len(values)}"
    )
    return at[0]


def percentile(values: Sequence[float], share: int) -> float:
    """Of measured values, so many percent are not above it."""
    return sorted(values)[min(len(values) * share // 100, len(values) - 1)]


class Watch:
    """Looks on while broker and writer work."""

    def __init__(self, patch: Callable[[Any, str, Any], None]) -> None:
        """``patch``: ``monkeypatch.setattr``."""
        self.asked_at = self.accepted_at = 0.0
        """When the paper broker was last asked to take an order, and when it had said yes."""
        self.is_asked = asyncio.Event()
        """Set then; a loop that spins until it is would keep the writer's thread from its turn."""
        self.writer_s = 0.0
        """CPU of the writer's threads so far."""
        self.n_commits = 0
        submit, serve = PaperBroker.submit, Writer._serve

        async def timed_submit(broker: PaperBroker, request: Any) -> Any:
            self.asked_at = time.perf_counter()
            self.is_asked.set()
            report = await submit(broker, request)
            self.accepted_at = time.perf_counter()
            return report

        def timed_serve(writer: Writer, jobs: Any) -> None:
            began = time.thread_time()
            try:
                serve(writer, jobs)
            finally:
                self.writer_s += time.thread_time() - began
                self.n_commits += 1

        patch(PaperBroker, "submit", timed_submit)
        patch(Writer, "_serve", timed_serve)


class Meter:
    """Milliseconds of wall time and of each thread's CPU from message to order."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._before = (0.0, 0.0, 0.0, 0)
        self.found: dict[str, list[float]] = {}

    def begin(self) -> None:
        """From here on."""
        watch = self._watch
        self._before = (time.perf_counter(), time.thread_time(), watch.writer_s, watch.n_commits)

    def end(self) -> None:
        """Up to here; ``accepted`` is the moment of the broker's answer in between."""
        watch = self._watch
        wall, cpu, writer, commits = self._before
        for name, value in (
            ("accepted", (watch.accepted_at - wall) * 1e3),
            ("stored", (time.perf_counter() - wall) * 1e3),
            ("loop", (time.thread_time() - cpu) * 1e3),
            ("writer", (watch.writer_s - writer) * 1e3),
            ("commits", watch.n_commits - commits),
        ):
            self.found.setdefault(name, []).append(value)


def fsync_ms(folder: Path, size: int = 64 << 10, n: int = 200) -> list[float]:
    """What this disk takes to make so many bytes durable."""
    took = []
    path = folder / "fsync.bin"
    fd = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        os.write(fd, b"\0" * size * 4)
        os.fsync(fd)
        for i in range(n):
            os.pwrite(fd, bytes([i % 256]) * size, (i % 4) * size)
            began = time.perf_counter()
            os.fdatasync(fd)
            took.append((time.perf_counter() - began) * 1e3)
    finally:
        os.close(fd)
        path.unlink()
    return took


def resident_mb(pid: int | str = "self", key: str = "VmRSS") -> float:
    """Resident memory of a process; ``VmHWM`` is its highest."""
    for text in Path(f"/proc/{pid}/status").read_text("ascii").splitlines():
        if text.startswith(f"{key}:"):
            return int(text.split()[1]) / 1024
    return 0.0
