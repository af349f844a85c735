"""The full check: the chain, then the tables against a replay of the journal (I-05, X-09).

It runs beside a desk that goes on writing, and holds no snapshot for longer than a moment, so that
it does not keep the write-ahead log from being folded in.
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
from storage.codec import SHAPES, Shape, Told, puts_of
from storage.columns import AUDIT, HEAD, TABLES
from storage.database import in_words
from storage.plan import Projection, State
from storage.tally import Last, Tally

CHUNK = 500
PACE = 20
"""Rows between two breathers of a check that runs beside the desk."""
BITE_CHARS = 100_000
"""The same for rows of many records."""

BREATHER_S = 0.004
RETRY_S = 1.0
HEAD_START_S = 3.0
"""A check that will take long lets the desk start first."""

Pace = Callable[[], None]


def verify(url: URL, sealer: Sealer, pace: Pace = lambda: None) -> ChainReport:
    """Check everything; names the first bad row, or the first record that differs.

    ``pace`` is called now and then, to wait a little or to give up by raising.
    """
    with looking(url) as connection:
        return check(connection, sealer, pace)


def replay(url: URL, upto_seq: int | None) -> State:
    """The records as they stood after event ``upto_seq``."""
    with looking(url) as connection:
        return replayed(connection, upto_seq)


def replayed(connection: Connection, upto_seq: int | None = None) -> State:
    """The same on a connection that is open already."""
    projection = Projection()
    for rows in journal(connection, upto=upto_seq):
        projection.feed(rows)
    return projection.state()


def sqlite_damage(
    path: Path,
    *,
    is_thorough: bool = False,
    opened: Callable[[sqlite3.Connection], None] = lambda _: None,
) -> str:
    """What SQLite itself finds wrong with a file; empty when nothing.

    ``opened`` gets the connection, which any thread may interrupt.
    """
    pragma = "integrity_check" if is_thorough else "quick_check"
    uri = f"file:{path}?mode=ro"
    try:
        with contextlib.closing(
            sqlite3.connect(uri, uri=True, check_same_thread=False)
        ) as connection:
            opened(connection)
            said = [str(row[0]) for row in connection.execute(f"PRAGMA {pragma}(3)")]
    except sqlite3.DatabaseError as error:
        said = [str(error)]
    return "" if said == ["ok"] else "; ".join(said)[:200]


@contextlib.contextmanager
def looking(url: URL) -> Iterator[Connection]:
    """A connection that can only read, each question by itself; never makes a file."""
    is_sqlite = url.get_backend_name() == "sqlite"
    if is_sqlite:
        url = url.set(database=f"file:{url.database}", query={"mode": "rw", "uri": "true"})
    engine = create_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    if is_sqlite:
        event.listen(engine, "connect", _read_whatever_is_there)
    try:
        with engine.connect() as connection:
            yield connection
    finally:
        engine.dispose()


@contextlib.contextmanager
def one_moment(connection: Connection) -> Iterator[None]:
    """Questions asked in here all see the same moment."""
    is_sqlite = connection.dialect.name == "sqlite"
    begin = "BEGIN" if is_sqlite else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
    connection.execute(text(begin))
    try:
        yield
    finally:
        connection.execute(text("ROLLBACK"))


@contextlib.contextmanager
def snapshot(url: URL) -> Iterator[Connection]:
    """A connection whose questions all see the same moment."""
    with looking(url) as connection, one_moment(connection):
        yield connection


def _read_whatever_is_there(connection: sqlite3.Connection, _: object) -> None:
    """Bytes that are no text any more are read as such, and do not fit their seal."""
    connection.execute("PRAGMA query_only=ON")
    connection.text_factory = lambda raw: raw.decode(errors="replace")


def pages(
    connection: Connection,
    table: Table,
    after: int | None = None,
    upto: int | None = None,
    size: int = CHUNK,
) -> Iterator[Sequence[Any]]:
    """All rows by primary key, some at a time; holds no cursor open."""
    (key,) = table.primary_key.columns
    query = select(table).order_by(key).limit(size)
    if upto is not None:
        query = query.where(key <= upto)
    rows = connection.execute(query if after is None else query.where(key > after)).all()
    while rows:
        yield rows
        if len(rows) < size:
            return
        last = rows[-1]._mapping[key]
        rows = connection.execute(query.where(key > last)).all()


def journal(
    connection: Connection, after: int | None = None, upto: int | None = None
) -> Iterator[list[Sealed]]:
    """The journal in order, some rows at a time."""
    for rows in pages(connection, AUDIT, after, upto, PACE):
        bite: list[Sealed] = []
        n_chars = 0
        for row in rows:
            bite.append(Sealed(*row))
            n_chars += len(row.puts)
            if n_chars > BITE_CHARS:
                yield bite
                bite, n_chars = [], 0
        if bite:
            yield bite


def check(connection: Connection, sealer: Sealer, pace: Pace = lambda: None) -> ChainReport:
    """The whole check: every row's seal, then every record against the last that was told of it."""
    walk = Walk(sealer)
    last: int | None = None
    with Tally() as tally:
        for rows in journal(connection):
            if walk.feed(rows):
                tally.feed(rows)
            last = rows[-1].seq
            pace()
        with one_moment(connection):
            for rows in journal(connection, after=last):
                if walk.feed(rows):
                    tally.feed(rows)
            head = connection.execute(select(HEAD.c.seq, HEAD.c.mac, HEAD.c.seal)).first()
        report = walk.end(Head(*head) if head is not None else None)
        if not report.is_ok:
            return report
        for shape in SHAPES.values():
            reason = _Comparison(connection, sealer, shape, walk.seq).reason(tally, pace)
            if reason:
                return ChainReport(n_events=report.n_events, reason=reason)
    return report


class _Comparison:
    """One table against what the journal told of it up to ``seq``."""

    def __init__(self, connection: Connection, sealer: Sealer, shape: Shape[Any], seq: int) -> None:
        self._connection = connection
        self._sealer = sealer
        self._shape = shape
        self._seq = seq

    def reason(self, tally: Tally, pace: Pace) -> str:
        """Names the first record, in order of creation, that differs; empty when none does."""
        table, n_found = self._shape.table, 0
        for rows in pages(self._connection, TABLES[table]):
            told = tally.of(table, [row.key for row in rows])
            for at in range(0, len(rows), PACE):
                for row in rows[at : at + PACE]:
                    if why := self._difference(row, told.get(row.key)):
                        return f"{table} {row.key} {why}"
                pace()
            n_found += len(told)
        if n_found != tally.count(table):
            query = select(TABLES[table].c.key)
            there = set(self._connection.execute(query).scalars())
            missing = next(key for key in tally.keys(table) if key not in there)
            return f"{table} {missing} is in the journal but not in its table"
        return ""

    def _difference(self, row: Any, told: Last | None) -> str:
        born, key, version, seq, *cells, doc = row
        is_told = self._is_as_told(key, Last(version, seq, born, hash(doc)), doc, told)
        if not is_told and told is None:
            return "is not in the journal"
        if not is_told or self._shape.cells(self._shape.decode(doc)) != tuple(cells):
            return "differs from what the journal says of it"
        return ""

    def _is_as_told(self, key: str, stored: Last, doc: str, told: Last | None) -> bool:
        if stored.seq <= self._seq or (told is not None and told.born != stored.born):
            return told == stored
        # Written since the walk through the journal: look at the event that wrote it.
        for rows in journal(self._connection, after=stored.seq - 1, upto=stored.seq):
            row = rows[0]
            told_then = Told(self._shape.table, key, stored.version, doc)
            is_sealed = row.mac == self._sealer.mac(row.seq, *row[1:8])
            return is_sealed and told_then in puts_of(row.puts)
        return False


class FirstCheck:
    """The check that follows a start: at full speed at first, then beside the desk, in small bites.

    ``is_ok`` is None until it is done; ``reason`` says what is wrong.
    """

    def __init__(self, url: URL, sealer: Sealer, unread: Path | None = None) -> None:
        """``unread``: a SQLite file so large that nobody has looked through it yet."""
        self._url = url
        self._sealer = sealer
        self._unread = unread
        self._looking: sqlite3.Connection | None = None
        self._is_over = threading.Event()
        self._is_done = threading.Event()
        self._breather_s = 0.0
        self._thread = threading.Thread(target=self._run, name="storage-check", daemon=True)
        self.is_ok: bool | None = None
        self.is_unread = unread is not None
        """The file may be damaged for all that anybody knows."""
        self.reason = ""

    def run_for(self, seconds: float) -> str:
        """Start; what was found wrong within so many seconds, else nothing."""
        self._breather_s = 0.0 if seconds else BREATHER_S
        self._thread.start()
        self._is_done.wait(seconds)
        self._breather_s = BREATHER_S
        return self.reason

    def stop(self) -> None:
        """Give up."""
        self._is_over.set()
        if self._looking is not None:
            with contextlib.suppress(sqlite3.Error):  # it may be over just now
                self._looking.interrupt()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        try:
            self._look_through()
            if self._breather_s:
                self._rest(HEAD_START_S)
            while self.is_ok is None:
                self._try()
        except _Stopped:
            pass
        self._is_done.set()

    def _look_through(self) -> None:
        if self._unread is None:
            return
        damage = sqlite_damage(self._unread, opened=self._note)
        self._rest(0)
        if damage:
            self.reason = f"SQLite finds the file damaged: {damage}"
            self.is_ok = False
        self.is_unread = False

    def _note(self, connection: sqlite3.Connection) -> None:
        self._looking = connection

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
            self.reason = f"it cannot be read: {in_words(error)}"
            self.is_ok = False

    def _pace(self) -> None:
        self._rest(self._breather_s)

    def _rest(self, seconds: float) -> None:
        if self._is_over.is_set() or (seconds and self._is_over.wait(seconds)):
            raise _Stopped


class _Stopped(Exception):
    """Nobody wants to know any more."""
