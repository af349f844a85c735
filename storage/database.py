"""What the writer needs of a database; one file per kind: ``sqlite.py``, ``postgres.py``.

All of it is blocking and belongs to the writer's thread. Every failure of the driver comes out as
one of ``failures``; a failure to open comes out as StoreUnavailable with a sentence for people.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from sqlalchemy import URL, Dialect, make_url

from engine.domain.errors import ConfigError


class Step(NamedTuple):
    """One statement for many rows. ``expected`` rows must be touched, else it is a conflict."""

    sql: str
    rows: Sequence[tuple[Any, ...]]
    expected: int | None


class Mark(NamedTuple):
    """The newest place that was acknowledged to anybody."""

    seq: int
    mac: str


class Database(Protocol):
    """One write connection, its lock, and what keeps the files sound."""

    dialect: Dialect
    sync_url: URL
    """For a blocking engine."""
    read_url: URL
    """For the async engine that readers use, with these arguments to connect."""
    read_args: dict[str, Any]
    failures: tuple[type[Exception], ...]
    unread: Path | None
    """A file that was too large to be looked through while opening."""

    def prepare(self) -> None:
        """Take the single-writer lock, check what is there, migrate, connect.

        Raises:
            StoreUnavailable.
        """
        ...

    def connect(self, *, is_patient: bool = True) -> None:
        """Connect (again), holding the lock: work of an earlier connection is over by then.

        ``is_patient``: wait for a server that is not there, for a bounded time.
        """
        ...

    @property
    def is_connected(self) -> bool:
        """False once the connection is known to be gone."""
        ...

    def begin(self) -> None:
        """Start a write transaction; waits for other writers only for a bounded time."""
        ...

    def run(self, steps: Sequence[Step]) -> list[int]:
        """Carry the steps out; rows touched by each."""
        ...

    def savepoint(self) -> None:
        """Remember this point of the transaction."""
        ...

    def undo_to_savepoint(self) -> None:
        """Back to the last savepoint."""
        ...

    def query(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Rows of a question, within the transaction if there is one."""
        ...

    def commit(self) -> None:
        """Make it durable."""
        ...

    def rollback(self) -> None:
        """Drop the transaction, if there is one; the connection too when that fails."""
        ...

    def acknowledged(self, mark: Mark, n_rows: int) -> None:
        """After each commit, before anybody is told: note the mark."""
        ...

    def is_untidy(self) -> bool:
        """Whether there is something to do in an idle moment."""
        ...

    def tidy(self, *, is_idle: bool) -> None:
        """After the callers were told: look after the log, if nobody waits or if it must be."""
        ...

    def last_mark(self) -> Mark | None:
        """The mark noted before the last stop or crash, when one is kept."""
        ...

    def log_bytes(self) -> tuple[int, bool]:
        """Size of the write-ahead log, and whether it is alarmingly large."""
        ...

    def close(self) -> None:
        """Fold the log in, disconnect, release the lock."""
        ...


def database_url(url: str) -> URL:
    """Read ``storage.url``: ``sqlite:///path/desk.db`` or ``postgresql://...``.

    Raises:
        ConfigError: another database, or SQLite without a file.
    """
    try:
        parsed = make_url(url)
    except Exception as error:
        raise ConfigError("storage.url cannot be read as a database address") from error
    backend = parsed.get_backend_name()
    if backend == "postgres":
        parsed = parsed.set(drivername="postgresql")
        backend = "postgresql"
    if backend == "sqlite":
        if parsed.database in (None, "", ":memory:"):
            raise ConfigError("storage.url: SQLite needs a file, such as sqlite:///var/desk.db")
        return parsed.set(drivername="sqlite")
    if backend == "postgresql":
        return parsed.set(drivername="postgresql+psycopg")
    raise ConfigError(f"storage.url: {backend} is not supported; use sqlite or postgresql")


def database_path(url: URL) -> Path:
    """File of a SQLite database."""
    assert url.database is not None  # noqa: S101 - database_url() refuses that
    return Path(url.database)


def open_database(url: str, wait_s: float) -> Database:
    """The database behind an address; nothing is touched yet.

    Raises:
        ConfigError: the address is not usable.
    """
    parsed = database_url(url)
    if parsed.get_backend_name() == "sqlite":
        from storage.sqlite import SqliteDatabase

        return SqliteDatabase(parsed, wait_s)
    from storage.postgres import PostgresDatabase

    return PostgresDatabase(parsed, wait_s)


def in_words(error: Exception) -> str:
    """What the database said, on one line; never the statement or the values in it."""
    said = getattr(error, "orig", None) or error
    return " ".join(str(said).split()) or type(said).__name__
