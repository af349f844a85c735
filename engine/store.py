"""Port to durable truth: commit events with the records they change, then read them back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from engine.domain.desk import AlertRecord, Approval, Document, Fact, Intake, Notice, Posted
from engine.domain.order import Intent, Order
from engine.domain.record import Event, R, Record
from engine.domain.trade import Account, Execution, LedgerEntry, Position, Trade

RECORDS: tuple[type[Record], ...] = (
    Intake,
    AlertRecord,
    Intent,
    Approval,
    Order,
    Execution,
    LedgerEntry,
    Position,
    Trade,
    Account,
    Notice,
    Posted,
    Fact,
    Document,
)
"""Every kind of record; one table each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Journaled:
    """An event as it stands in the journal."""

    seq: int
    event: Event


@dataclass(frozen=True, slots=True, kw_only=True)
class ChainReport:
    """Result of an audit: whether the journal is whole, and the first row that is not."""

    n_events: int
    first_bad_seq: int | None = None
    reason: str = ""

    @property
    def is_ok(self) -> bool:
        """No row edited, deleted, inserted or reordered."""
        return self.first_bad_seq is None and not self.reason


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreHealth:
    """What a readiness check wants to know of the store, without touching it."""

    is_writable: bool
    """False from the first commit that could not be made durable until writing works again."""
    reason: str = ""
    """Why it is not writable, or what else is wrong; empty when all is well."""
    last_seq: int = 0
    last_commit_at: datetime | None = None
    n_waiting: int = 0
    """Commits handed over and not yet durable."""
    wal_bytes: int = 0
    """Size of SQLite's write-ahead log; 0 elsewhere."""
    is_wal_large: bool = False
    """Some reader keeps the write-ahead log from being folded in: it grows."""
    is_verified: bool | None = None
    """Outcome of the full check that follows the start; None while it still runs."""
    is_unread: bool = False
    """A large file that is still being looked through for damage: nothing rests on it yet."""

    @property
    def bars_entries(self) -> str:
        """Why these books cannot carry a new position; empty when they can."""
        if self.is_verified is False:
            return f"the books failed their check: {self.reason or 'no reason given'}"
        if self.is_unread:
            return "the books are still being looked through, seconds after the start"
        if not self.is_writable:
            return f"the books cannot be written: {self.reason or 'no reason given'}"
        return ""


class Store(Protocol):
    """Durable truth. ``commit`` is the one write path of the whole product."""

    async def open(self) -> None:
        """Migrate, check integrity, take the single-writer lock.

        Raises:
            StoreUnavailable: locked by another instance, corrupt, newer schema, or unreachable.
        """
        ...

    async def close(self) -> None:
        """Flush and release the lock."""
        ...

    async def commit(self, events: Sequence[Event]) -> int:
        """Append the events and apply their puts in one durable transaction; last seq.

        A put of version 1 must be new; of version n must follow n - 1. A caller that is
        cancelled while it waits is released only once the outcome stands: the commit is carried
        out as if nobody had been cancelled.

        Raises:
            Conflict: a put did not follow on the stored version; nothing was written.
            StoreUnavailable: could not be made durable; nothing was written.
        """
        ...

    async def get(self, kind: type[R], key: str) -> R | None:
        """One record by its key."""
        ...

    async def find(
        self,
        kind: type[R],
        *,
        where: Mapping[str, Any] | None = None,
        since: tuple[str, datetime] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[R]:
        """Records whose promoted columns equal ``where`` (a tuple or set means any of them).

        ``since`` is (column, moment): only rows at or after it. Order is that of creation.
        """
        ...

    async def count(self, kind: type[Record], *, where: Mapping[str, Any] | None = None) -> int:
        """How many records match."""
        ...

    async def events(
        self, *, ref: str | None = None, after: int = 0, limit: int | None = None
    ) -> list[Journaled]:
        """Journal rows in order, of one story when ``ref`` is given."""
        ...

    async def highest_message_ids(self) -> dict[int, int]:
        """Channel id -> highest message id taken in: the catch-up watermark."""
        ...

    async def verify(self) -> ChainReport:
        """Recompute the journal's chain."""
        ...

    def health(self) -> StoreHealth:
        """Facts known right now; costs nothing and never waits."""
        ...

    @property
    def bars_entries(self) -> str:
        """What its health says of a new position; asked several times of every entry."""
        ...


class Vault(Protocol):
    """The paper broker's own book: named texts, as durable as the journal."""

    async def load(self) -> dict[str, str]:
        """Everything in it."""
        ...

    async def save(self, puts: Mapping[str, str | None]) -> None:
        """Set the given entries in one durable step; None deletes.

        Raises:
            StoreUnavailable: could not be made durable; nothing was written.
        """
        ...


REGISTERS = ("-orders", "-fills", "-children")
"""What an adapter keeps of its orders ends like this, and goes into backups; tokens never do."""


class Tokens(Protocol):
    """Where tokens live that must outlive the process; files of mode 0600, never the books.

    Registers of sent orders live there too, under names that end as in ``REGISTERS``.
    """

    async def load(self, name: str) -> str | None:
        """What was saved last; None when nothing was."""
        ...

    async def save(self, name: str, text: str) -> None:
        """Keep it, whole or not at all."""
        ...

    async def append(self, name: str, text: str) -> None:
        """Add to what was saved, durable on return; a crash may leave a part of ``text``.

        Raises:
            OSError: it was not added.
        """
        ...
