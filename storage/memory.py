"""The reference store: the same rules as on disk, kept in memory only."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.domain.desk import Intake
from engine.domain.errors import StoreUnavailable
from engine.domain.record import Event, R, Record
from engine.store import ChainReport, Journaled, StoreHealth
from storage.chain import GENESIS, Head, Sealed, Sealer, Walk
from storage.codec import BY_TABLE, Put, Shape, entry_of, event_of, shape_of
from storage.plan import Plan, Projection, State, conflict


class MemoryStore:
    """Truth for as long as the process lives: tests, demos, replays."""

    def __init__(self, audit_key: bytes = b"memory") -> None:
        self._sealer = Sealer(audit_key)
        self._rows: list[Sealed] = []
        self._head: Head = self._sealer.head(0, GENESIS)
        self._tables: dict[str, dict[str, Put]] = {table: {} for table in BY_TABLE}
        self._is_open = False

    async def open(self) -> None:
        """Nothing to migrate or to lock."""
        self._is_open = True

    async def close(self) -> None:
        """Keeps what it holds: opening again finds it."""
        self._is_open = False

    async def commit(self, events: Sequence[Event]) -> int:
        """All or nothing; see :class:`engine.store.Store`."""
        entries = [entry_of(event) for event in events]
        if not self._is_open:
            raise StoreUnavailable("the store is not open")
        plan = Plan(self._sealer, self._head.seq, self._head.mac)
        plan.add(entries)
        for (table, key), change in plan.changes.items():
            stored = self._tables[table].get(key)
            version = stored.version if stored is not None else 0
            if version != change.prior:
                raise conflict(table, key, wanted=change.prior + 1, stored=version)
        for (table, key), change in plan.changes.items():
            self._tables[table][key] = change.put
        self._rows += plan.rows
        self._head = self._sealer.head(plan.seq, plan.mac)
        await asyncio.sleep(0)  # others run meanwhile, as they do while a disk writes
        return plan.seq

    async def get(self, kind: type[R], key: str) -> R | None:
        """One record by its key."""
        put = self._tables[shape_of(kind).table].get(key)
        return put.record if put is not None else None  # type: ignore[return-value]

    async def find(
        self,
        kind: type[R],
        *,
        where: Mapping[str, Any] | None = None,
        since: tuple[str, datetime] | None = None,
        newest_first: bool = False,
        limit: int | None = None,
    ) -> list[R]:
        """Records in order of creation; see :class:`engine.store.Store`."""
        shape = shape_of(kind)
        found = [put.record for put in self._matching(shape, where, since)]
        if newest_first:
            found.reverse()
        return found if limit is None else found[: max(limit, 0)]  # type: ignore[return-value]

    async def count(self, kind: type[Record], *, where: Mapping[str, Any] | None = None) -> int:
        """How many records match."""
        return sum(1 for _ in self._matching(shape_of(kind), where, None))

    async def events(
        self, *, ref: str | None = None, after: int = 0, limit: int | None = None
    ) -> list[Journaled]:
        """Journal rows in order, of one story when ``ref`` is given."""
        rows = [row for row in self._rows[max(after, 0) :] if ref is None or row.ref == ref]
        if limit is not None:
            rows = rows[: max(limit, 0)]
        return [Journaled(seq=row.seq, event=event_of(*row[1:7])) for row in rows]

    async def highest_message_ids(self) -> dict[int, int]:
        """Channel id -> highest message id taken in."""
        highest: dict[int, int] = {}
        for intake in await self.find(Intake):
            before = highest.get(intake.channel_id, 0)
            highest[intake.channel_id] = max(before, intake.message_id)
        return highest

    async def verify(self) -> ChainReport:
        """Recompute the chain."""
        walk = Walk(self._sealer)
        walk.feed(self._rows)
        return walk.end(self._head)

    async def replay(self, upto_seq: int | None = None) -> State:
        """The records as they stood after event ``upto_seq``; of now when it is None."""
        projection = Projection()
        projection.feed(self._rows[:upto_seq])
        return projection.state()

    @property
    def bars_entries(self) -> str:
        """Only that it is not open."""
        return "" if self._is_open else self.health().bars_entries

    def health(self) -> StoreHealth:
        """Memory is writable while it is open."""
        reason = "" if self._is_open else "not open"
        return StoreHealth(is_writable=self._is_open, reason=reason, last_seq=self._head.seq)

    def _matching(
        self,
        shape: Shape[Any],
        where: Mapping[str, Any] | None,
        since: tuple[str, datetime] | None,
    ) -> Iterable[Put]:
        """In order of creation: a key keeps its place when its record changes."""
        wanted = [
            (cells, shape.columns.index(name))
            for name, value in (where or {}).items()
            for cells in [shape.wanted(name, value)]
        ]
        floors: list[tuple[int, str]] = []
        if since is not None:
            floor = str(shape.cell(*since))
            floors.append((shape.columns.index(since[0]), floor))
        for put in self._tables[shape.table].values():
            cells = put.cells
            if all(cells[i] in any_of for any_of, i in wanted) and all(
                cells[i] is not None and str(cells[i]) >= floor for i, floor in floors
            ):
                yield put


class MemoryVault:
    """A paper broker's book that lives as long as the process."""

    def __init__(self) -> None:
        self._book: dict[str, str] = {}

    async def load(self) -> dict[str, str]:
        """Everything in it."""
        return dict(self._book)

    async def save(self, puts: Mapping[str, str | None]) -> None:
        """Set the given entries; None deletes."""
        for key, body in puts.items():
            if body is None:
                self._book.pop(key, None)
            else:
                self._book[key] = body
