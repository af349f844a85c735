"""The full check: the chain, then the tables against a replay of the journal (I-05, X-09).

Reads with a connection of its own, in one snapshot, so that the desk may go on writing.
"""

import contextlib
import sqlite3
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, NullPool, Table, create_engine, event, select, text
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from engine.store import ChainReport
from storage.chain import Head, Sealed, Sealer, Walk
from storage.codec import SHAPES, Shape
from storage.columns import AUDIT, HEAD, TABLES
from storage.plan import Projection, State, Stored

CHUNK = 500
PACE = 20
"""Rows between two breathers of a check that runs beside the desk."""

BREATHER_S = 0.004
RETRY_S = 1.0

Pace = Callable[[], None]


def verify(url: URL, sealer: Sealer, pace: Pace | None = None) -> ChainReport:
    """Check everything; names the first bad row, or the first record that differs.

    ``pace`` is called now and then, to wait a little or to give up by raising.
    """
    with snapshot(url) as connection:
        return check(connection, sealer, pace)


def replay(url: URL, upto_seq: int | None) -> State:
    """The records as they stood after event ``upto_seq``."""
    with snapshot(url) as connection:
        return replayed(connection, upto_seq)


def replayed(connection: Connection, upto_seq: int | None = None) -> State:
    """The same on a snapshot that is open already."""
    projection = Projection()
    for rows in journal(connection, upto_seq):
        projection.feed(rows)
    return projection.state()


def sqlite_damage(path: Path, *, is_thorough: bool = False) -> str:
    """What SQLite itself finds wrong with a file; empty when nothing."""
    pragma = "integrity_check" if is_thorough else "quick_check"
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            said = [str(row[0]) for row in connection.execute(f"PRAGMA {pragma}(3)")]
    except sqlite3.DatabaseError as error:
        said = [str(error)]
    return "" if said == ["ok"] else "; ".join(said)[:200]


@contextlib.contextmanager
def snapshot(url: URL) -> Iterator[Connection]:
    """A connection whose questions all see the same moment; never makes a file."""
    is_sqlite = url.get_backend_name() == "sqlite"
    level: Any = "AUTOCOMMIT" if is_sqlite else "REPEATABLE READ"
    if is_sqlite:
        url = url.set(database=f"file:{url.database}", query={"mode": "rw", "uri": "true"})
    engine = create_engine(url, poolclass=NullPool, isolation_level=level)
    if is_sqlite:
        event.listen(engine, "connect", _read_whatever_is_there)
    try:
        with engine.connect() as connection:
            begin = "BEGIN" if is_sqlite else "SET TRANSACTION READ ONLY"
            connection.execute(text(begin))
            try:
                yield connection
            finally:
                if is_sqlite:
                    connection.execute(text("ROLLBACK"))
    finally:
        engine.dispose()


def _read_whatever_is_there(connection: sqlite3.Connection, _: object) -> None:
    """Bytes that are no text any more are read as such, and do not fit their seal."""
    connection.execute("PRAGMA query_only=ON")
    connection.text_factory = lambda raw: raw.decode(errors="replace")


def pages(connection: Connection, table: Table, upto: int | None = None) -> Iterator[Sequence[Any]]:
    """All rows by primary key, some at a time; holds no cursor open."""
    (key,) = table.primary_key.columns
    query = select(table).order_by(key).limit(CHUNK)
    if upto is not None:
        query = query.where(key <= upto)
    rows = connection.execute(query).all()
    while rows:
        yield rows
        if len(rows) < CHUNK:
            return
        last = rows[-1]._mapping[key]
        rows = connection.execute(query.where(key > last)).all()


def journal(connection: Connection, upto_seq: int | None = None) -> Iterator[list[Sealed]]:
    """The journal in order, some rows at a time."""
    for rows in pages(connection, AUDIT, upto_seq):
        yield [Sealed(*row) for row in rows]


def check(connection: Connection, sealer: Sealer, pace: Pace | None = None) -> ChainReport:
    """The whole check on one snapshot."""
    walk = Walk(sealer)
    projection = Projection(by_hash=True)
    for rows in journal(connection):
        for some in batched(rows, PACE):
            if walk.feed(some):
                projection.feed(some)
            if pace is not None:
                pace()
    head = connection.execute(select(HEAD.c.seq, HEAD.c.mac, HEAD.c.seal)).first()
    report = walk.end(Head(*head) if head is not None else None)
    if not report.is_ok:
        return report
    for shape in SHAPES.values():
        reason = _difference(connection, shape, projection.tables[shape.table], pace)
        if reason:
            return ChainReport(n_events=report.n_events, reason=reason)
    return report


def _difference(
    connection: Connection, shape: Shape[Any], told: dict[str, Stored], pace: Pace | None
) -> str:
    """Names the first record, in order of creation, that is not as the journal says."""
    table = TABLES[shape.table]
    n_same = 0
    for rows in pages(connection, table):
        for born, key, version, seq, *cells, doc in rows:
            expected = told.get(key)
            if expected is None:
                return f"{shape.table} {key} is not in the journal"
            is_same = expected == Stored(version, seq, born, hash(doc))
            if not is_same or shape.cells(shape.decode(doc)) != tuple(cells):
                return f"{shape.table} {key} differs from what the journal says of it"
            n_same += 1
            if pace is not None and n_same % PACE == 0:
                pace()
    if n_same != len(told):
        stored = set(connection.execute(select(table.c.key)).scalars())
        missing = next(key for key in told if key not in stored)
        return f"{shape.table} {missing} is in the journal but not in its table"
    return ""


def batched(rows: list[Sealed], size: int) -> Iterator[list[Sealed]]:
    """The rows, some at a time."""
    for at in range(0, len(rows), size):
        yield rows[at : at + size]


class FirstCheck:
    """The check that follows a start: at full speed at first, then beside the desk, in small bites.

    ``is_ok`` is None until it is done; ``reason`` says what is wrong.
    """

    def __init__(self, url: URL, sealer: Sealer) -> None:
        self._url = url
        self._sealer = sealer
        self._is_over = threading.Event()
        self._is_done = threading.Event()
        self._breather_s = 0.0
        self._thread = threading.Thread(target=self._run, name="storage-check", daemon=True)
        self.is_ok: bool | None = None
        self.reason = ""

    def run_for(self, seconds: float) -> str:
        """Start; what was found wrong within so many seconds, else nothing."""
        self._thread.start()
        self._is_done.wait(seconds)
        self._breather_s = BREATHER_S
        return self.reason

    def stop(self) -> None:
        """Give up."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            while self.is_ok is None:
                self._try()
        except _Stopped:
            pass
        self._is_done.set()

    def _try(self) -> None:
        try:
            report = verify(self._url, self._sealer, self._pace)
            self.reason = report.reason
            self.is_ok = report.is_ok
        except (SQLAlchemyError, ValueError, KeyError) as error:
            if isinstance(error, OperationalError) and self._url.get_backend_name() != "sqlite":
                self._breather_s = BREATHER_S
                if self._is_over.wait(RETRY_S):  # the server is away: that says nothing of its rows
                    raise _Stopped from None
                return
            self.reason = f"it cannot be read: {error}"
            self.is_ok = False

    def _pace(self) -> None:
        if self._is_over.is_set() or (self._breather_s and self._is_over.wait(self._breather_s)):
            raise _Stopped


class _Stopped(Exception):
    """Nobody wants to know any more."""
