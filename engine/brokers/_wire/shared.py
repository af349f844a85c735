"""Questions that wait for their turn are asked once for all who want the same answer.

Only until they are sent: an answer to a question that left before somebody asked may be older than
his question, and could prove something absent that came in between.
"""

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from engine.asking import Rank, our_own_delay, rank

T = TypeVar("T")
_SIDE_BY_SIDE = 3
"""Who asks at the same moment comes within so many rounds of the loop."""
Ask = Callable[[Callable[[], None]], Awaitable[T]]
"""Asks; calls what it is given right before the first byte leaves."""


@dataclass(slots=True, eq=False)
class _Question(Generic[T]):
    rank: Rank
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """It was sent, or nobody will."""
    n_wanting: int = 0
    task: "asyncio.Task[T] | None" = None


class Shared(Generic[T]):
    """The questions of one connection that are not sent yet."""

    def __init__(self) -> None:
        self._waiting: dict[Hashable, _Question[T]] = {}

    async def answer(self, key: Hashable, ask: Ask[T]) -> T:
        """The answer to ``key``; asked by whoever was first, in a name that is not below ours.

        Raises: what ``ask`` raises.
        """
        question = self._waiting.get(key)
        if question is None or question.rank > rank():
            question = self._begin(key, ask)
        assert question.task is not None  # noqa: S101 - set by _begin
        question.n_wanting += 1
        try:
            with our_own_delay():
                await question.left.wait()
            return await asyncio.shield(question.task)
        finally:
            question.n_wanting -= 1
            if not question.n_wanting and not question.task.done():
                self._forget(key, question)
                question.task.cancel()

    def _begin(self, key: Hashable, ask: Ask[T]) -> _Question[T]:
        question = _Question[T](rank())

        def over(task: asyncio.Task[T]) -> None:
            self._forget(key, question)
            if not task.cancelled():
                task.exception()  # whoever still waits hears of it

        async def asked() -> T:
            for _ in range(_SIDE_BY_SIDE):
                await asyncio.sleep(0)
            return await ask(lambda: self._forget(key, question))

        self._waiting[key] = question
        question.task = asyncio.create_task(asked(), name="question")
        question.task.add_done_callback(over)
        return question

    def _forget(self, key: Hashable, question: _Question[T]) -> None:
        question.left.set()
        if self._waiting.get(key) is question:
            del self._waiting[key]
