"""SQLite: one file, WAL, every commit on disk before it is acknowledged.

Beside ``desk.db`` lies ``desk.db.lock``: held with flock while a desk runs (a crash frees it), it
also keeps the mark: place and seal of the newest acknowledged event, written after each commit.
A database that ends before its mark was cut, or replaced by an older copy, and is refused (S-04).
"""

import contextlib
import fcntl
import os
import sqlite3
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from sqlalchemy import URL, Dialect, Engine, NullPool, create_engine
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from engine.domain.errors import StoreUnavailable
from storage import migrations
from storage.database import Mark, Step, database_path

MAGIC = b"SQLite format 3\x00"
OWNER_ONLY = 0o600
FOLD_ROWS = 40
"""Rows written before an idle moment is used to fold the log into the file.

A log that starts again from its beginning is what makes commits quick: writing over blocks that
the file has already costs half of what growing it does.
"""
FOLD_COMMITS_BUSY = 24
FOLD_ROWS_BUSY = 3000
"""Commits, or rows, after which the next commit waits for the folding (1 to 10 ms)."""
SHRINK_BYTES = 16 << 20
"""A log file larger than this is cut back once it was folded in whole."""
ALARM_BYTES = 64 << 20
"""A log of this size means that a reader holds an old snapshot open (S-08)."""
LIMIT_BYTES = 2 << 30
"""Beyond this nothing is written until the reader lets go: a full disk would be worse."""
CHECK_BYTES = 32 << 20
"""A file of up to this size is read whole while opening (0.1 s); a larger one beside the desk."""
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_MARK = b"%020d %s %d\n"


class SqliteDatabase:
    """The write side of one SQLite file."""

    failures: tuple[type[Exception], ...] = (sqlite3.Error, DBAPIError, OSError)

    def __init__(self, url: URL, wait_s: float) -> None:
        self.dialect: Dialect = pysqlite.dialect()
        self.path = database_path(url)
        self.sync_url = url
        self.read_url = url.set(drivername="sqlite+aiosqlite")
        self.read_args: dict[str, Any] = {"timeout": wait_s}
        self.unread: Path | None = None
        self._wait_s = wait_s
        self._lock = FileLock(self.path)
        self._engine: Engine | None = None
        self._connection: sqlite3.Connection | None = None
        self._cursor: sqlite3.Cursor | None = None
        self._log = self.path.with_name(self.path.name + "-wal")
        self._n_rows = self._n_commits = 0
        self._patience = 1
        self.alarm_bytes = ALARM_BYTES
        self.limit_bytes = LIMIT_BYTES

    # --- opening

    def prepare(self) -> None:
        """Lock, look at the file before SQLite does, check, migrate, connect."""
        try:
            self._lock.take()
            self._look_at_file()
            self._engine = create_engine(
                self.sync_url,
                poolclass=NullPool,
                isolation_level="AUTOCOMMIT",
                connect_args={"timeout": self._wait_s, "check_same_thread": False},
            )
            self.connect()
            if self.path.stat().st_size <= CHECK_BYTES:
                self._quick_check()
            else:
                self.unread = self.path
            self._migrate()
        except (sqlite3.Error, SQLAlchemyError, OSError) as error:
            cause = error.orig if isinstance(error, DBAPIError) else error
            if getattr(cause, "sqlite_errorcode", None) in _DAMAGE:
                raise self._damaged(cause) from error
            raise StoreUnavailable(f"{self.path} cannot be opened: {cause}") from error

    def _look_at_file(self) -> None:
        """Refuse what SQLite would take for a new database, and make new files private."""
        mark = self._lock.mark()
        had_events = mark is not None and mark.seq > 0
        try:
            with self.path.open("rb") as file:
                head = file.read(len(MAGIC))
        except FileNotFoundError:
            if had_events:
                raise StoreUnavailable(
                    f"{self.path} is gone, but {self._lock.path.name} says it held events: "
                    f"restore a backup, or delete {self._lock.path.name} to begin anew"
                ) from None
            os.close(os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY))
            return
        if head != MAGIC and (head or had_events):
            raise self._damaged("it does not begin as a SQLite file does")
        if self.path.stat().st_mode & 0o777 != OWNER_ONLY:
            self.path.chmod(OWNER_ONLY)

    def _quick_check(self) -> None:
        said = [str(row[0]) for row in self.query("PRAGMA quick_check(3)")]
        if said != ["ok"]:
            raise self._damaged("; ".join(said)[:200])

    def _damaged(self, why: object) -> StoreUnavailable:
        return StoreUnavailable(
            f"{self.path} is damaged: {why}. Restore a backup (tradestream db restore)"
        )

    def _migrate(self) -> None:
        assert self._engine is not None  # noqa: S101 - prepare() made it
        with self._engine.connect() as connection:
            revision = migrations.stored(connection)
            if not migrations.must_upgrade(revision):
                return
            if revision is not None:
                from storage.backup import before_migration

                before_migration(self.path, revision)
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            try:
                migrations.upgrade(connection)
                connection.exec_driver_sql("COMMIT")
            except BaseException:
                with contextlib.suppress(Exception):
                    connection.exec_driver_sql("ROLLBACK")
                raise

    # --- the write connection

    def connect(self, *, is_patient: bool = True) -> None:
        """Open the write connection; the file lock is held all the time."""
        self._disconnect()
        assert self._engine is not None  # noqa: S101 - prepare() made it
        raw = self._engine.raw_connection()
        connection = raw.driver_connection
        raw.detach()
        assert isinstance(connection, sqlite3.Connection)  # noqa: S101 - pysqlite
        self._connection = connection
        self._cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            "wal_autocheckpoint=0",
            "cache_size=-32000",
            "secure_delete=OFF",
        ):
            self._cursor.execute(f"PRAGMA {pragma}").fetchall()

    @property
    def is_connected(self) -> bool:
        """False after a failed rollback."""
        return self._connection is not None

    def begin(self) -> None:
        """Take SQLite's write lock; waits at most ``wait_s``."""
        if self._patience > 1 and self._log_size() > self.limit_bytes:
            self._fold()
            if self._patience > 1:
                raise OSError("a reader keeps the write-ahead log from being folded in: it is full")
        self._need().execute("BEGIN IMMEDIATE")

    def run(self, steps: Sequence[Step]) -> list[int]:
        """One prepared statement each."""
        cursor = self._need()
        touched = []
        for sql, rows, _ in steps:
            if len(rows) == 1:
                cursor.execute(sql, rows[0])
            else:
                cursor.executemany(sql, rows)
            touched.append(cursor.rowcount)
        return touched

    def savepoint(self) -> None:
        """Remember this point of the transaction."""
        self._need().execute("SAVEPOINT one")

    def undo_to_savepoint(self) -> None:
        """Back to it."""
        self._need().execute("ROLLBACK TO one")

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows."""
        return self._need().execute(sql, parameters).fetchall()

    def commit(self) -> None:
        """One fsync of the log."""
        self._need().execute("COMMIT")

    def rollback(self) -> None:
        """Nothing of the transaction stays; SQLite may have dropped it already."""
        if self._connection is None:
            return
        try:
            if self._connection.in_transaction:
                self._need().execute("ROLLBACK")
        except sqlite3.Error:
            self._disconnect()

    def _need(self) -> sqlite3.Cursor:
        if self._cursor is None:
            raise sqlite3.OperationalError("not connected")
        return self._cursor

    def _disconnect(self) -> None:
        connection, self._connection, self._cursor = self._connection, None, None
        if connection is not None:
            with contextlib.suppress(sqlite3.Error):
                connection.close()

    # --- mark, log, end

    def acknowledged(self, mark: Mark, n_rows: int) -> None:
        """Note the mark: a write to the page cache, which outlives a kill."""
        with contextlib.suppress(OSError):  # the commit stands, whatever becomes of its mark
            self._lock.note(mark)
        self._n_rows += n_rows
        self._n_commits += 1

    def is_untidy(self) -> bool:
        """Whether an idle moment could be used to fold the log in."""
        return self._n_rows >= FOLD_ROWS * self._patience

    def tidy(self, *, is_idle: bool) -> None:
        """Fold the log in when nobody waits, or when it must not grow further."""
        is_due = self._n_rows >= FOLD_ROWS_BUSY * self._patience
        is_due |= self._n_commits >= FOLD_COMMITS_BUSY * self._patience
        if is_idle or is_due:
            with contextlib.suppress(sqlite3.Error):
                self._fold()

    def _fold(self) -> None:
        """Blocks nobody; a reader with an old snapshot merely makes it do less: then less often."""
        self._n_rows = self._n_commits = 0
        ((_, n_frames, n_folded),) = self.query("PRAGMA wal_checkpoint(PASSIVE)")
        if n_frames > n_folded:
            self._patience = min(self._patience * 2, 64)
            return
        self._patience = 1
        if self._log_size() > SHRINK_BYTES:
            self.query("PRAGMA busy_timeout=0")
            try:
                self.query("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                self.query(f"PRAGMA busy_timeout={int(self._wait_s * 1000)}")

    def _log_size(self) -> int:
        try:
            return self._log.stat().st_size
        except OSError:
            return 0

    def last_mark(self) -> Mark | None:
        """What the lock file says; None when it says nothing readable."""
        return self._lock.mark()

    def log_bytes(self) -> tuple[int, bool]:
        """Size now, and whether it is past the alarm."""
        size = self._log_size()
        return size, size > self.alarm_bytes

    def close(self) -> None:
        """Fold the log in for good, so that the file alone is the whole database."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self.query("PRAGMA wal_checkpoint(TRUNCATE)")
        self._disconnect()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None
        self._lock.free()


class FileLock:
    """``<database>.lock``: held by one process at a time, and keeper of the mark."""

    def __init__(self, database: Path) -> None:
        self._database = database
        self.path = database.with_name(f"{database.name}.lock")
        self._fd: int | None = None

    def take(self) -> None:
        """Lock, or say who holds it.

        Raises:
            StoreUnavailable: a desk is running on this database.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            words = os.pread(fd, 256, 0).split()
            os.close(fd)
            who = f" (process {words[2].decode()})" if len(words) == 3 else ""
            raise StoreUnavailable(
                f"{self._database} is in use by another TradeStream{who}: stop that one first"
            ) from None
        os.fchmod(fd, OWNER_ONLY)
        self._fd = fd
        self.note(self.mark() or Mark(0, "-"))

    def __enter__(self) -> Self:
        self.take()
        return self

    def __exit__(self, *_: object) -> None:
        self.free()

    def free(self) -> None:
        """Let go; a crash does the same."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def note(self, mark: Mark) -> None:
        """Write the mark."""
        if self._fd is not None:
            os.pwrite(self._fd, _MARK % (mark.seq, mark.mac.encode(), os.getpid()), 0)

    def mark(self) -> Mark | None:
        """The mark; None when there is none that can be read."""
        if self._fd is None:
            return None
        words = os.pread(self._fd, 256, 0).split()
        if len(words) != 3 or not words[0].isdigit():
            return None
        return Mark(int(words[0]), words[1].decode("ascii", "replace"))
