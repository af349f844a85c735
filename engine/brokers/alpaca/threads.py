"""Threads of our own for a library that blocks: daemons, so that a hung call never holds an exit.

Each lane has its own, so what hangs in one never keeps another from its turn.
"""

import asyncio
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple[asyncio.AbstractEventLoop, "asyncio.Future[Any]", Callable[[], Any]]


class Call:
    """One request of a thread that whoever waits for it may end.

    The library's time-outs count from byte to byte: what comes slowly enough would keep its thread
    and its connection for as long as it likes.
    """

    def __init__(self) -> None:
        self._line: socket.socket | None = None

    def answers_on(self, line: socket.socket) -> None:
        """The connection on which the answer is waited for; called by the thread."""
        self._line = line

    def is_over(self) -> None:
        """The answer is there, and the connection is another's to use; called by the thread."""
        self._line = None

    def hang_up(self) -> None:
        """Whoever reads the answer finds that it has ended."""
        line = self._line
        if line is not None:
            with suppress(OSError):  # it has ended by itself
                line.shutdown(socket.SHUT_RDWR)


class Threads:
    """So many at most, made when they are needed, kept until closed; may be used again then."""

    def __init__(self, name: str, most: int) -> None:
        self._name, self._most = name, most
        self._crew = _Crew(name, most)

    async def run(self, work: Callable[[], T]) -> T:
        """Do ``work`` in a thread. Not begun yet when the waiting ends: it never will be."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        self._crew.take((loop, answer, work))
        return await answer

    def close(self) -> None:
        """Let the threads end once they have nothing to do."""
        self._crew.dismiss()
        self._crew = _Crew(self._name, self._most)


class _Crew:
    def __init__(self, name: str, most: int) -> None:
        self._name, self._most = name, most
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._n_threads = self._n_open = 0

    def take(self, job: _Job) -> None:
        with self._lock:
            self._n_open += 1  # jobs that are not done yet
            is_short = self._n_open > self._n_threads < self._most
            self._n_threads += is_short
        self._jobs.put(job)
        if is_short:
            threading.Thread(target=self._work, name=self._name, daemon=True).start()

    def dismiss(self) -> None:
        for _ in range(self._n_threads):
            self._jobs.put(None)

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            loop, answer, work = job
            done = None if answer.cancelled() else _done(answer, work)
            with self._lock:
                self._n_open -= 1
            if done is not None:
                with suppress(RuntimeError):  # the loop is gone: nobody waits
                    loop.call_soon_threadsafe(done)


def _done(answer: "asyncio.Future[T]", work: Callable[[], T]) -> Callable[[], None]:
    try:
        return _giving(answer, work())
    except BaseException as error:  # noqa: BLE001 - whoever waits is told
        return _raising(answer, error)


def _giving(answer: "asyncio.Future[T]", value: T) -> Callable[[], None]:
    def give() -> None:
        if not answer.done():
            answer.set_result(value)

    return give


def _raising(answer: "asyncio.Future[Any]", error: BaseException) -> Callable[[], None]:
    def fail() -> None:
        if not answer.done():
            answer.set_exception(error)

    return fail
