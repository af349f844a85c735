"""PostgreSQL: the same tables, one writing session that holds an advisory lock.

The lock lives as long as the server keeps that session: a crashed desk frees it, and a session
that we lost counts as over only once its lock could be taken again. So after a COMMIT without an
answer the look at the journal is final.
"""

import contextlib
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import URL, Dialect, Engine, NullPool, create_engine, text
from sqlalchemy.dialects.postgresql import psycopg as dialects
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

from engine.domain.errors import StoreUnavailable, StoreUnreachable
from storage import migrations
from storage.database import Mark, Step

LOCK = 0x7472_6164_6573  # "trades"
READ_S = 60
"""The longest that a report may keep the server busy."""
_NOT_YET = ("starting up", "shutting down", "not yet accepting", "in recovery mode")
"""What a server says that will answer once it has recovered (57P03)."""
RETRY_S = 0.1
"""Between two attempts to reach a server that is not there."""


class PostgresDatabase:
    """The write side of one PostgreSQL database."""

    failures: tuple[type[Exception], ...] = (psycopg.Error, DBAPIError, OSError)

    def __init__(self, url: URL, wait_s: float) -> None:
        self.dialect: Dialect = dialects.dialect(paramstyle="format")  # type: ignore[no-untyped-call]
        self.sync_url = url
        self.read_url = url
        self.read_args: dict[str, Any] = self._arguments(wait_s, "reader") | {
            "options": f"-c default_transaction_read_only=on -c statement_timeout={READ_S * 1000}"
        }
        self.unread: Path | None = None  # the server looks after its files
        self._wait_s = wait_s
        self._engine: Engine | None = None
        self._connection: psycopg.Connection[Any] | None = None
        self._must_begin = False

    @staticmethod
    def _arguments(wait_s: float, role: str) -> dict[str, Any]:
        return {
            "connect_timeout": max(int(wait_s), 2),
            "tcp_user_timeout": _ms(wait_s),
            "keepalives_idle": 10,
            "application_name": f"tradestream {role}",
        }

    # --- opening

    def prepare(self) -> None:
        """Connect, lock, check the encoding, migrate."""
        try:
            self.take_lock()
            encoding = self.query("SHOW server_encoding")[0][0]
            if encoding != "UTF8":
                raise StoreUnavailable(f"the database is encoded in {encoding}; it must be UTF8")
            self._migrate()
        except (psycopg.Error, SQLAlchemyError, OSError) as error:
            kind = StoreUnreachable if _may_come_back(error) else StoreUnavailable
            raise kind(f"the database cannot be opened: {_cause(error)}") from error

    def take_lock(self) -> None:
        """Open the writing session, which holds the lock.

        Raises:
            StoreUnavailable: a desk is running on this database.
        """
        wait_ms = _ms(self._wait_s)
        self._engine = create_engine(
            self.sync_url,
            poolclass=NullPool,
            isolation_level="AUTOCOMMIT",
            connect_args=self._arguments(self._wait_s, "writer")
            | {
                "options": f"-c lock_timeout={wait_ms} -c synchronous_commit=on "
                f"-c idle_in_transaction_session_timeout={wait_ms * 4}",
            },
        )
        self.connect()

    def _migrate(self) -> None:
        assert self._engine is not None  # noqa: S101 - prepare() made it
        with self._engine.connect() as connection:
            if not migrations.must_upgrade(migrations.stored(connection)):
                return
            connection.execute(text("BEGIN"))
            try:
                migrations.upgrade(connection)
                connection.execute(text("COMMIT"))
            except BaseException:
                with contextlib.suppress(Exception):
                    connection.execute(text("ROLLBACK"))
                raise

    # --- the write connection

    def connect(self, *, is_patient: bool = True) -> None:
        """Open the writing session and take the lock; waits for the server to come back."""
        self._disconnect()
        assert self._engine is not None  # noqa: S101 - prepare() made it
        n_more = int(self._wait_s / RETRY_S) if is_patient else 0
        while True:
            try:
                raw = self._engine.raw_connection()
                break
            except (psycopg.OperationalError, DBAPIError):
                n_more -= 1
                if n_more < 0:
                    raise
                threading.Event().wait(RETRY_S)
        connection = raw.driver_connection
        raw.detach()
        assert isinstance(connection, psycopg.Connection)  # noqa: S101 - psycopg dialect
        try:
            connection.execute("SELECT pg_advisory_lock(%s)", (LOCK,))
            limit = str(_ms(self._wait_s) * 2)
            connection.execute("SELECT set_config('statement_timeout', %s, false)", (limit,))
        except psycopg.errors.LockNotAvailable:
            connection.close()
            raise StoreUnavailable(
                "the database is in use by another TradeStream: stop that one first"
            ) from None
        except psycopg.Error:
            connection.close()
            raise
        self._connection = connection

    @property
    def is_connected(self) -> bool:
        """False once the server or the network has ended the session."""
        return self._connection is not None and not self._connection.closed

    def begin(self) -> None:
        """Sent together with the first steps."""
        self._must_begin = True

    def run(self, steps: Sequence[Step]) -> list[int]:
        """All steps in one round trip."""
        connection = self._need()
        cursors: list[psycopg.Cursor[Any]] = []
        with connection.pipeline():
            self._send_begin(connection)
            for sql, rows, _ in steps:
                cursors += [connection.execute(sql, row) for row in rows]
        counts = iter(cursors)
        return [sum(next(counts).rowcount for _ in rows) for _, rows, _ in steps]

    def _send_begin(self, connection: psycopg.Connection[Any]) -> None:
        if self._must_begin:
            self._must_begin = False
            connection.execute("BEGIN")

    def savepoint(self) -> None:
        """Remember this point of the transaction."""
        connection = self._need()
        self._send_begin(connection)
        connection.execute("SAVEPOINT one")

    def undo_to_savepoint(self) -> None:
        """Back to it."""
        self._need().execute("ROLLBACK TO one")

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows."""
        connection = self._need()
        self._send_begin(connection)
        return connection.execute(sql, parameters).fetchall()

    def commit(self) -> None:
        """Flushed to the server's log when it answers."""
        connection = self._need()
        if not self._must_begin:
            connection.execute("COMMIT")
        self._must_begin = False

    def rollback(self) -> None:
        """Nothing of the transaction stays."""
        self._must_begin = False
        connection = self._connection
        if connection is None:
            return
        idle = psycopg.pq.TransactionStatus.IDLE
        try:
            if not connection.closed and connection.info.transaction_status != idle:
                connection.execute("ROLLBACK")
        except psycopg.Error:
            self._disconnect()
        if connection.closed:
            self._connection = None

    def _need(self) -> psycopg.Connection[Any]:
        if self._connection is None:
            raise psycopg.OperationalError("not connected")
        return self._connection

    def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        self._must_begin = False
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                connection.close()

    # --- mark, log, end

    def acknowledged(self, mark: Mark, n_rows: int) -> None:
        """The server looks after its own log."""

    def is_untidy(self) -> bool:
        """Never."""
        return False

    def tidy(self, *, is_idle: bool) -> None:
        """Nothing to do."""

    def last_mark(self) -> Mark | None:
        """None: there is no place outside the database to keep one."""
        return None

    def log_bytes(self) -> tuple[int, bool]:
        """The server's log is the server's business."""
        return 0, False

    def close(self) -> None:
        """End the session, which frees the lock."""
        self._disconnect()
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None


def _ms(seconds: float) -> int:
    return max(int(seconds * 1000), 1)


def _cause(error: Exception) -> object:
    return error.orig if isinstance(error, DBAPIError) else error


def _may_come_back(error: Exception) -> bool:
    """Whether the server is away or still starting; one that says no goes on saying so."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    if not isinstance(cause, psycopg.OperationalError):
        return False
    said = str(cause)
    return "FATAL" not in said or any(words in said for words in _NOT_YET)
