"""The reference store: the same rules as on disk, kept in memory only."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from engine.domain.desk import Intake
from engine.domain.errors import StoreUnavailable
from engine.domain.record import Event, R, Record
from engine.store import ChainReport, Journaled, StoreHealth
from storage.chain import GENESIS, Head, Sealed, Sealer, Walk
from storage.codec import Cell, Row, Shape, entry_of, event_of, shape_of
from storage.plan import Plan, Projection, Tables, conflict


class MemoryStore:
    """Truth for as long as the process lives: tests, demos, replays."""

    def __init__(self, audit_key: bytes = b"memory") -> None:
        self._sealer = Sealer(audit_key)
        self._rows: list[Sealed] = []
        self._head: Head = self._sealer.head(0, GENESIS)
        self._tables: Tables = Projection().tables
        self._records: dict[tuple[str, str], Record] = {}
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
            stored = self._tables[table].get(key)
            born = stored.born if stored is not None else change.born
            put = change.put
            self._tables[table][key] = Row(put.version, change.seq, born, put.doc, put.cells)
            self._records[table, key] = put.record
        self._rows += plan.rows
        self._head = self._sealer.head(plan.seq, plan.mac)
        return plan.seq

    async def get(self, kind: type[R], key: str) -> R | None:
        """One record by its key."""
        return self._records.get((shape_of(kind).table, key))  # type: ignore[return-value]

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
        keys = [key for key, _ in _matching(shape, self._tables, where, since)]
        if newest_first:
            keys.reverse()
        if limit is not None:
            keys = keys[: max(limit, 0)]
        return [self._records[shape.table, key] for key in keys]  # type: ignore[misc]

    async def count(self, kind: type[Record], *, where: Mapping[str, Any] | None = None) -> int:
        """How many records match."""
        return sum(1 for _ in _matching(shape_of(kind), self._tables, where, None))

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

    async def replay(self, upto_seq: int | None = None) -> dict[type[Record], dict[str, Any]]:
        """The records as they stood after event ``upto_seq``; of now when it is None."""
        projection = Projection()
        projection.feed(self._rows[:upto_seq])
        return projection.state()

    def health(self) -> StoreHealth:
        """Memory is writable while it is open."""
        reason = "" if self._is_open else "not open"
        return StoreHealth(is_writable=self._is_open, reason=reason, last_seq=self._head.seq)


def _matching(
    shape: Shape[Any],
    tables: Tables,
    where: Mapping[str, Any] | None,
    since: tuple[str, datetime] | None,
) -> Iterable[tuple[str, Row]]:
    wanted = [(shape.columns.index(name), cells) for name, cells in _wanted(shape, where)]
    floor = _wanted(shape, dict([since]) if since is not None else None)
    floors = [(shape.columns.index(name), cells[0]) for name, cells in floor]
    for key, row in tables[shape.table].items():
        if all(row.cells[i] in cells for i, cells in wanted) and all(
            _is_from(row.cells[i], least) for i, least in floors
        ):
            yield key, row


def _is_from(cell: Cell, least: Cell) -> bool:
    return cell is not None and least is not None and str(cell) >= str(least)


def _wanted(
    shape: Shape[Any], where: Mapping[str, Any] | None
) -> list[tuple[str, tuple[Cell, ...]]]:
    found = []
    for name, value in (where or {}).items():
        found.append((name, shape.wanted(name, value)))
    return found


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
