"""The messages of a room are decided one after the other; what they lead to is sent side by side.

The next message waits for the last one's decision to be durable, not for its broker's answer. Only
what may be about the same thing waits for that too: an entry for the same contract, anything else
for all. What opens nothing waits for no answer that hangs: an exit always passes.
"""

import asyncio
from contextlib import suppress
from types import TracebackType
from typing import Self

from engine.desk import Desk
from engine.domain.alert import Parsed
from engine.flows.common.answers import HANGS_S

Thing = tuple[object, ...]
"""What is traded, as far as a message says it."""


class Turn:
    """One message's turn in its room; ``async with`` waits for it."""

    def __init__(self, desk: Desk, channel_id: int) -> None:
        self._lock = desk.lock(f"channel:{channel_id}")
        self._acting = desk.acting.setdefault(channel_id, set())
        self._things: frozenset[Thing] = frozenset()
        self._is_over = asyncio.Event()
        self._is_held = False

    async def __aenter__(self) -> Self:
        await self._lock.acquire()
        self._is_held = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._release()
        self._acting.discard(self)
        self._is_over.set()

    async def alone(self, parsed: Parsed | None = None) -> None:
        """Wait for what came before and may be about the same; ``None``: about anything."""
        self._things = opened(parsed)
        with suppress(TimeoutError):
            async with asyncio.timeout(HANGS_S if _is_exit(parsed) else None):
                for other in list(self._acting):
                    if not self._things or not other._things or self._things & other._things:
                        await other._is_over.wait()

    def decided(self) -> None:
        """All of it is durable: the room's next message may be looked at."""
        self._acting.add(self)
        self._release()

    def _release(self) -> None:
        if self._is_held:
            self._is_held = False
            self._lock.release()


def opened(parsed: Parsed | None) -> frozenset[Thing]:
    """What a message that only opens asks for; empty when it may be about anything else."""
    signals = getattr(parsed, "signals", ())
    if not all(s.action.effect.opens and s.symbol for s in signals):
        return frozenset()
    return frozenset((s.symbol, s.expiry, s.strike, s.right) for s in signals)


def _is_exit(parsed: Parsed | None) -> bool:
    """Whether it only closes or moves what is held: wishes, which hold whenever an answer comes."""
    signals = getattr(parsed, "signals", ())
    return bool(signals) and not any(s.action.effect.opens for s in signals)
