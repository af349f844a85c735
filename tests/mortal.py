"""A process that dies at a chosen moment: from then on nothing it does reaches the world.

Store, vault and broker are wrapped; every call to them counts as two moments (before it, and after
it took effect but before the caller hears of it). At the chosen one everything freezes for good, as
with kill -9; the test then drops the desk and starts another one on the same store and vault.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from engine.brokers import Broker
from engine.domain.errors import StoreUnavailable
from engine.domain.record import Event
from engine.store import Store, Vault


class Life:
    """Counts moments; dead from the chosen one on."""

    def __init__(self, dies_at: int | None = None) -> None:
        self.dies_at = dies_at
        self.n = 0
        self.last = ""
        self.is_over = asyncio.Event()

    async def moment(self, what: str) -> None:
        """Go on, or never again."""
        if not self.is_over.is_set():
            self.n += 1
            self.last = what
            if self.n == self.dies_at:
                self.is_over.set()
        if self.is_over.is_set():
            await asyncio.Event().wait()


class MortalStore:
    """The Store of a process that may die."""

    def __init__(self, inner: Store, life: Life) -> None:
        self.inner = inner
        self.life = life

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def commit(self, events: Sequence[Event]) -> int:
        kinds = "+".join(e.kind for e in events)
        await self.life.moment(f"before commit {kinds}")
        seq = await self.inner.commit(events)
        await self.life.moment(f"after commit {kinds}")
        return seq


class MortalVault:
    """The paper broker's book: it outlives the process, whoever writes it does not."""

    def __init__(self, inner: Vault, life: Life) -> None:
        self.inner = inner
        self.life = life

    async def load(self) -> dict[str, str]:
        return await self.inner.load()

    async def save(self, puts: Mapping[str, str | None]) -> None:
        await self.life.moment("before the broker saves")
        await self.inner.save(puts)
        await self.life.moment("after the broker saved")


class MortalBroker:
    """The Broker contract; each request may be the last thing the process does."""

    def __init__(self, inner: Broker, life: Life) -> None:
        self.inner = inner
        self.life = life

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def submit(self, request: Any) -> Any:
        await self.life.moment(f"before submit {request.type}")
        report = await self.inner.submit(request)
        await self.life.moment(f"after submit {request.type}")
        return report

    async def replace(self, *args: Any) -> Any:
        await self.life.moment("before replace")
        report = await self.inner.replace(*args)
        await self.life.moment("after replace")
        return report

    async def cancel(self, *args: Any) -> None:
        await self.life.moment("before cancel")
        await self.inner.cancel(*args)
        await self.life.moment("after cancel")


class FailingStore:
    """A Store whose n-th commit fails: not written, or written and yet an error (lost answer)."""

    def __init__(self, inner: Store, fails_at: int, *, is_written: bool, times: int = 1) -> None:
        self.inner = inner
        self.fails = range(fails_at, fails_at + times)
        self.is_written = is_written
        self.n = 0
        self.failed: list[str] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    async def commit(self, events: Sequence[Event]) -> int:
        self.n += 1
        if self.n not in self.fails:
            return await self.inner.commit(events)
        self.failed.append("+".join(e.kind for e in events))
        if self.is_written:
            await self.inner.commit(events)
        raise StoreUnavailable("the test took the disk away")
