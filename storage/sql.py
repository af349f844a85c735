"""The store on SQLite or PostgreSQL: one writer thread, and readers that never get in its way."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Executable, Select, event, func, select, text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from engine.clock import Clock, SystemClock
from engine.domain.errors import StoreUnavailable
from engine.domain.record import Event, R, Record
from engine.store import ChainReport, Journaled, StoreHealth
from storage.chain import Sealer
from storage.codec import Put, Shape, entry_of, event_of, is_plain, shape_of, warm
from storage.columns import AUDIT, PAPER, TABLES, matching
from storage.database import Database, in_words, open_database
from storage.job import Job
from storage.plan import State
from storage.verify import FirstCheck, replay, verify
from storage.writer import PROBE_KEY, Writer

WAIT_S = 5.0
"""How long a commit waits for a lock or a lost server before it is refused."""
N_READERS = 8
N_MORE_READERS = 24
"""Reader connections kept, and opened beyond that under load (S-06)."""
N_DECODED = 32_768
"""Records kept decoded; each is a few kB."""
CHECK_EVENTS = 1000
CHECK_S = 0.2
"""A journal of up to so many events is checked whole while opening; it takes some 50 ms."""
N_WITH_DOCS = 200
"""Up to so many records are read in one go; of more, first the keys, then what is not kept."""
CHUNK = 200
"""Records decoded before the event loop gets its turn (about 4 ms)."""


class SqlStore:
    """Durable truth in a database; see :class:`engine.store.Store`."""

    def __init__(
        self, url: str, audit_key: bytes, clock: Clock | None = None, *, wait_s: float = WAIT_S
    ) -> None:
        self._db: Database = open_database(url, wait_s)
        self._sealer = Sealer(audit_key)
        self._clock: Clock = clock if clock is not None else SystemClock()
        self._writer: Writer | None = None
        self._engine: AsyncEngine | None = None
        self._check: FirstCheck | None = None
        self._known = Decoded(N_DECODED)

    async def open(self) -> None:
        """Lock, check, migrate, connect; see :class:`engine.store.Store`.

        A small journal is verified whole before this returns; a large one goes on being verified
        beside the desk, and :meth:`health` says when that is done.
        """
        if self._writer is not None:
            raise StoreUnavailable("the store is open already")
        writer = Writer(self._db, self._sealer, self._clock, self._known.committed)
        await asyncio.gather(writer.open(), asyncio.to_thread(warm))
        self._writer = writer
        self._engine = _reading_engine(self._db)
        self._check = FirstCheck(self._db.sync_url, self._sealer, self._db.unread)
        wait_s = CHECK_S if writer.seq <= CHECK_EVENTS else 0.0
        reason = await asyncio.to_thread(self._check.run_for, wait_s)
        if reason:
            await self.close()
            raise StoreUnavailable(
                f"the database is damaged: {reason}. Restore a backup (tradestream db restore)"
            )

    async def close(self) -> None:
        """Write what waits, release the lock."""
        writer, self._writer = self._writer, None
        engine, self._engine = self._engine, None
        check, self._check = self._check, None
        if check is not None:
            await asyncio.to_thread(check.stop)
        if engine is not None:
            await engine.dispose()
        if writer is not None:
            await writer.close()
        self._known.clear()

    # --- writing

    async def commit(self, events: Sequence[Event]) -> int:
        """Encode, hand to the writer, wait until it is on disk."""
        writer = self._running()
        entries = [entry_of(event) for event in events]
        return await writer.write(Job(entries)) if entries else writer.seq

    async def write(self, job: Job) -> int:
        """Hand other work of the same durability to the writer."""
        return await self._running().write(job)

    def _running(self) -> Writer:
        if self._writer is None:
            raise StoreUnavailable("the store is not open")
        return self._writer

    # --- reading

    async def get(self, kind: type[R], key: str) -> R | None:
        """One record by its key; from memory when it was written or read lately."""
        shape = shape_of(kind)
        known = self._known.get(shape.table, key)
        if known is not None:
            return known  # type: ignore[return-value]
        if not is_plain(key):
            return None
        table = TABLES[shape.table]
        moment = self._known.n_commits
        rows = await self.read(select(table.c.doc).where(table.c.key == key))
        if not rows:
            return None
        record = shape.decode(rows[0][0])
        self._known.read(shape.table, key, record, moment)
        return record

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
        t = TABLES[shape.table].c
        query = _filtered(select(t.key, t.version), shape, where)
        if since is not None:
            column, moment = since
            floor = shape.cell(column, moment)
            query = query.where(t[column] >= floor)
        # The sum keeps SQLite from walking all rows in their order rather than the index of since.
        born = t.born if since is None else t.born + 0
        query = query.order_by(born.desc() if newest_first else born)
        if limit is not None:
            query = query.limit(max(limit, 0))
        if limit is None or limit > N_WITH_DOCS:
            found = await self._known_mostly(shape, query)
            if found is not None:
                return found
        n_commits = self._known.n_commits
        return await self._decoded(shape, await self.read(query.add_columns(t.doc)), n_commits)

    async def _decoded(self, shape: Shape[R], rows: Sequence[Any], n_commits: int) -> list[R]:
        """Records of rows of key, version and document; those kept are not read again."""
        found: list[R] = []
        for i, (key, version, doc) in enumerate(rows, 1):
            record: Any = self._known.get(shape.table, key, version)
            if record is None:
                record = shape.decode(doc)
                self._known.read(shape.table, key, record, n_commits)
            found.append(record)
            if i % CHUNK == 0:
                await asyncio.sleep(0)
        return found

    async def _known_mostly(self, shape: Shape[R], query: Select[Any]) -> list[R] | None:
        """Where most records are kept, read keys first, then only the missing documents.

        None when a record changed between the two: the answer would be of no one moment.
        """
        n_commits = self._known.n_commits
        rows = await self.read(query)
        kept: dict[str, Any] = {}
        missing: dict[str, int] = {}
        for key, version in rows:
            record = self._known.get(shape.table, key, version)
            if record is None:
                missing[key] = version
            else:
                kept[key] = record
        if len(missing) * 2 > len(rows):
            return None
        t = TABLES[shape.table].c
        keys = list(missing)
        for at in range(0, len(keys), CHUNK):
            some = select(t.key, t.version, t.doc).where(t.key.in_(keys[at : at + CHUNK]))
            fetched = await self.read(some)
            if any(missing[key] != version for key, version, _ in fetched):
                return None
            records = await self._decoded(shape, fetched, n_commits)
            kept.update((row[0], record) for row, record in zip(fetched, records, strict=True))
        return [kept[key] for key, _ in rows]

    async def count(self, kind: type[Record], *, where: Mapping[str, Any] | None = None) -> int:
        """How many records match."""
        shape = shape_of(kind)
        query = _filtered(select(func.count()).select_from(TABLES[shape.table]), shape, where)
        return int((await self.read(query))[0][0])

    async def events(
        self, *, ref: str | None = None, after: int = 0, limit: int | None = None
    ) -> list[Journaled]:
        """Journal rows in order, of one story when ``ref`` is given."""
        a = AUDIT.c
        query = select(a.seq, a.at, a.kind, a.ref, a.actor, a.data, a.puts)
        query = query.where(a.seq > max(after, 0)).order_by(a.seq)
        if ref is not None:
            query = query.where(a.ref == ref)
        if limit is not None:
            query = query.limit(max(limit, 0))
        found: list[Journaled] = []
        for i, row in enumerate(await self.read(query)):
            found.append(Journaled(seq=row[0], event=event_of(*row[1:])))
            if i % CHUNK == CHUNK - 1:
                await asyncio.sleep(0)
        return found

    async def highest_message_ids(self) -> dict[int, int]:
        """Channel id -> highest message id; hops from channel to channel along the index."""
        rows = await self.read(text(_WATERMARK))
        return {int(channel): int(message) for channel, message in rows}

    async def read(self, query: Executable) -> Sequence[Any]:
        """All rows of a question, on a reader's connection; sees whatever was committed before.

        Raises:
            StoreUnavailable: closed, or the database does not answer.
        """
        if self._engine is None:
            raise StoreUnavailable("the store is not open")
        try:
            async with self._engine.connect() as connection:
                return (await connection.execute(query)).fetchall()
        except SQLAlchemyError as error:
            raise StoreUnavailable(f"cannot be read: {in_words(error)}") from error

    # --- checking

    async def verify(self) -> ChainReport:
        """Recompute the chain, replay the journal, compare with the tables."""
        self._running()
        return await asyncio.to_thread(verify, self._db.sync_url, self._sealer)

    async def replay(self, upto_seq: int | None = None) -> State:
        """The records as they stood after event ``upto_seq``; of now when it is None."""
        self._running()
        return await asyncio.to_thread(replay, self._db.sync_url, upto_seq)

    @property
    def bars_entries(self) -> str:
        """Sound books are asked for no more than that: health looks at the files too."""
        writer, check = self._writer, self._check
        is_sound = check is None or (check.is_ok is not False and not check.is_unread)
        if writer is not None and not writer.trouble and is_sound:
            return ""
        return self.health().bars_entries

    def health(self) -> StoreHealth:
        """Facts known right now."""
        writer = self._writer
        if writer is None:
            return StoreHealth(is_writable=False, reason="not open")
        n_bytes, is_large = self._db.log_bytes()
        check = self._check
        reasons = (
            writer.trouble,
            check.reason if check is not None else "",
            "a reader keeps the write-ahead log growing" if is_large else "",
        )
        return StoreHealth(
            is_writable=not writer.trouble,
            reason="; ".join(filter(None, reasons)),
            last_seq=writer.seq,
            last_commit_at=writer.last_commit_at,
            n_waiting=writer.n_waiting,
            wal_bytes=n_bytes,
            is_wal_large=is_large,
            is_verified=check.is_ok if check is not None else None,
            is_unread=check is not None and check.is_unread,
        )


class SqlVault:
    """The paper broker's book in the desk's database; shares the writer and its group commits."""

    def __init__(self, store: SqlStore) -> None:
        self._store = store

    async def load(self) -> dict[str, str]:
        """Everything in it."""
        query = select(PAPER.c.key, PAPER.c.body).where(PAPER.c.key != PROBE_KEY)
        rows = await self._store.read(query)
        return {key: body for key, body in rows}  # noqa: C416 - rows are not pairs to mypy

    async def save(self, puts: Mapping[str, str | None]) -> None:
        """Set the given entries in one durable step; None deletes."""
        if puts:
            await self._store.write(Job(paper=tuple(puts.items())))


class Decoded:
    """Records as last committed or read, oldest dropped first. Right because one desk writes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._records: dict[tuple[str, str], Record] = {}
        self.n_commits = 0

    def get(self, table: str, key: str, version: int | None = None) -> Record | None:
        """The record, of that version when one is asked for."""
        record = self._records.get((table, key))
        return record if version is None or record is None or record.version == version else None

    def committed(self, puts: Sequence[Put] | None) -> None:
        """Called by the writer's thread before anybody is told."""
        self.n_commits += 1
        if puts is None:
            self._records.clear()
            return
        records = self._records
        for put in puts:
            name = (put.shape.table, put.key)
            records.pop(name, None)
            records[name] = put.record
        self._trim()

    def read(self, table: str, key: str, record: Record, n_commits: int) -> None:
        """Keep what was read, unless something was committed since the reading began."""
        if n_commits == self.n_commits:
            self._records.setdefault((table, key), record)
            self._trim()

    def clear(self) -> None:
        """Forget everything."""
        self._records.clear()

    def _trim(self) -> None:
        while len(self._records) > self._limit:
            try:
                self._records.pop(next(iter(self._records)), None)
            except (StopIteration, RuntimeError):
                return


_WATERMARK = """
WITH RECURSIVE hop(channel_id) AS (
    SELECT min(channel_id) FROM intake
    UNION ALL
    SELECT (SELECT min(channel_id) FROM intake WHERE channel_id > hop.channel_id)
    FROM hop WHERE hop.channel_id IS NOT NULL
)
SELECT channel_id, (SELECT max(message_id) FROM intake i WHERE i.channel_id = hop.channel_id)
FROM hop WHERE channel_id IS NOT NULL
"""


def _filtered(
    query: Select[Any], shape: Shape[Any], where: Mapping[str, Any] | None
) -> Select[Any]:
    for name, value in (where or {}).items():
        query = query.where(matching(shape, name, value))
    return query


def _reading_engine(database: Database) -> AsyncEngine:
    engine = create_async_engine(
        database.read_url,
        connect_args=database.read_args,
        isolation_level="AUTOCOMMIT",
        pool_size=N_READERS,
        max_overflow=N_MORE_READERS,
        pool_timeout=10,
        pool_pre_ping=database.dialect.name == "postgresql",
        skip_autocommit_rollback=True,
    )
    if database.dialect.name == "sqlite":
        event.listen(engine.sync_engine, "connect", _read_only)
    return engine


def _read_only(connection: Any, _: Any) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA query_only=ON")
    cursor.close()
