"""Copies of the truth: made while the desk runs, proven before they are trusted.

``*.jsonl.gz`` is portable: every table as lines of JSON, readable into either database. Any other
name is a copy of the SQLite file. Beside each lies ``<name>.sha256`` in the form sha256sum reads.
A restore checks the copy first, keeps what it replaces, and never touches a database in use.
"""

import contextlib
import gzip
import hashlib
import json
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import URL, Connection, MetaData, NullPool, create_engine, func, insert, select
from sqlalchemy import text as sql
from sqlalchemy.exc import SQLAlchemyError

from engine.domain.errors import StoreUnavailable
from engine.store import ChainReport
from storage import migrations
from storage.chain import Sealer
from storage.columns import AUDIT, HEAD, METADATA
from storage.database import Mark, database_path, database_url
from storage.sqlite import OWNER_ONLY, FileLock
from storage.verify import check, looking, pages, snapshot, sqlite_damage

PORTABLE = ".jsonl.gz"
ROWS_AT_ONCE = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Backup:
    """A copy that was made, or looked at."""

    path: Path
    sha256: str
    n_bytes: int
    n_events: int
    schema: str


def backup(url: str, target: Path) -> Backup:
    """Copy the database to ``target`` while it may be in use; whole or not at all.

    Raises:
        StoreUnavailable: it cannot be read or written, or ``target`` exists.
    """
    parsed = database_url(url)
    if target.exists():
        raise StoreUnavailable(f"{target} exists already; a backup never overwrites")
    is_portable = target.name.endswith(PORTABLE)
    if not is_portable and parsed.get_backend_name() != "sqlite":
        raise StoreUnavailable(f"{target}: a server's backup is portable; name it *{PORTABLE}")
    make = _dump if is_portable else _copy_file
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with _refusing(f"cannot back up to {target}"), _new_file(target) as draft:
        n_events, schema = make(parsed, draft)
    return Backup(
        path=target,
        sha256=_write_sum(target),
        n_bytes=target.stat().st_size,
        n_events=n_events,
        schema=schema,
    )


def before_migration(path: Path, revision: str) -> Backup:
    """The copy kept of a SQLite file whose schema is about to change."""
    n = 0
    while (target := path.with_name(f"{path.name}.schema-{revision}{f'-{n}' * bool(n)}")).exists():
        n += 1
    return backup(f"sqlite:///{path}", target)


def inspect(source: Path, sealer: Sealer | None = None) -> tuple[Backup, ChainReport]:
    """Prove a copy: its sum, its chain, its tables against its journal.

    Raises:
        StoreUnavailable: it is not there, no backup, or not what was written.
    """
    sha256 = _check_sum(source)
    with _refusing(f"{source} cannot be read as a backup"), _as_sqlite(source) as file:
        n_events, schema = _copy_facts(file)
        report = ChainReport(n_events=n_events)
        if sealer is not None:
            with looking(_file_url(file)) as connection:
                report = check(connection, sealer)
    made = Backup(
        path=source,
        sha256=sha256,
        n_bytes=source.stat().st_size,
        n_events=n_events,
        schema=schema,
    )
    return made, report


def restore(source: Path, url: str, sealer: Sealer, now: datetime) -> tuple[Backup, Path | None]:
    """Put a copy in the place of the database; what was there is kept as a backup.

    Returns:
        What was restored, and where the replaced database was saved to (None: there was none).

    Raises:
        StoreUnavailable: the copy is not sound, the key is another, or the database is in use;
            nothing was changed.
    """
    parsed = database_url(url)
    made, report = inspect(source, sealer)
    if not report.is_ok:
        raise StoreUnavailable(f"{source} is not sound: {report.reason}. Nothing was changed")
    with _refusing(f"cannot restore {source}"), _as_sqlite(source) as file:
        if parsed.get_backend_name() == "sqlite":
            return made, _into_file(file, database_path(parsed), now)
        return made, _into_server(file, parsed, source, now)


# --- making


def _copy_file(url: URL, draft: Path) -> tuple[int, str]:
    """SQLite's own online copy, folded into one file."""
    path = database_path(url)
    if not path.exists():
        raise StoreUnavailable(f"{path} does not exist")
    with (
        contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as theirs,
        contextlib.closing(sqlite3.connect(draft)) as ours,
    ):
        theirs.backup(ours)
        ours.execute("PRAGMA journal_mode=DELETE").fetchall()
    _sync(draft)
    damage = sqlite_damage(draft)
    if damage:
        raise StoreUnavailable(f"{path} is damaged: {damage}")
    return _copy_facts(draft)


def _dump(url: URL, draft: Path) -> tuple[int, str]:
    """Every table as lines of JSON, all of one moment."""
    with snapshot(url) as connection, gzip.open(draft, "wt", encoding="utf-8") as out:
        schema = migrations.stored(connection)
        if schema is None:
            raise StoreUnavailable("the database is empty: there is nothing to back up")
        tables = MetaData()
        tables.reflect(connection)
        _line(out, {"tradestream": 1, "schema": schema})
        n_rows = 0
        for name in sorted(tables.tables):
            if name == "alembic_version":
                continue
            table = tables.tables[name]
            _line(out, {"table": name, "columns": list(table.columns.keys())})
            for rows in pages(connection, table):
                n_rows += len(rows)
                for row in rows:
                    _line(out, list(row))
        _line(out, {"end": n_rows})
        n_events = connection.execute(select(func.count()).select_from(AUDIT)).scalar_one()
    _sync(draft)
    return n_events, schema


def _line(out: TextIO, value: Any) -> None:
    out.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


# --- looking


@contextlib.contextmanager
def _as_sqlite(source: Path) -> Iterator[Path]:
    """The copy as a SQLite file; a portable one is read into a throw-away file."""
    if not source.name.endswith(PORTABLE):
        yield source
        return
    with tempfile.TemporaryDirectory(dir=source.parent, prefix=".reading-") as folder:
        file = Path(folder) / "copy.db"
        _load(source, file)
        yield file


def _load(source: Path, file: Path) -> None:
    """A portable copy into a new SQLite file of the same schema."""
    os.close(os.open(file, os.O_CREAT | os.O_EXCL, OWNER_ONLY))
    with gzip.open(source, "rt", encoding="utf-8") as lines, _engine(_file_url(file)) as connection:
        first = json.loads(lines.readline() or "null")
        if not isinstance(first, dict) or first.get("tradestream") != 1:
            raise StoreUnavailable(f"{source} is not a TradeStream backup")
        _make_schema(connection, first["schema"])
        n_rows = 0
        ended = None
        tables = MetaData()
        tables.reflect(connection)
        for head, rows in _sections(lines):
            if "end" in head:
                ended = head["end"]
                continue
            n_rows += _insert(connection, tables, head["table"], head["columns"], rows)
        if ended != n_rows:
            raise StoreUnavailable(f"{source} is cut off: {n_rows} of {ended} rows")


def _sections(lines: TextIO) -> Iterator[tuple[dict[str, Any], Iterator[list[Any]]]]:
    """Each table's head with its rows; the rows must be taken before the next head."""
    waiting: list[dict[str, Any]] = []

    def rows() -> Iterator[list[Any]]:
        for line in lines:
            value = json.loads(line)
            if isinstance(value, dict):
                waiting.append(value)
                return
            yield value

    for _ in rows():
        raise ValueError("rows before the first table")
    while waiting:
        yield waiting.pop(), rows()


def _insert(
    connection: Connection,
    tables: MetaData,
    name: str,
    columns: list[str],
    rows: Iterable[list[Any]],
) -> int:
    table = tables.tables[name]
    n_rows = 0
    some: list[dict[str, Any]] = []
    for row in rows:
        some.append(dict(zip(columns, row, strict=True)))
        if len(some) == ROWS_AT_ONCE:
            connection.execute(insert(table), some)
            n_rows += len(some)
            some.clear()
    if some:
        connection.execute(insert(table), some)
    return n_rows + len(some)


def _copy_facts(file: Path) -> tuple[int, str]:
    damage = sqlite_damage(file)
    if damage:
        raise StoreUnavailable(f"{file.name} is damaged: {damage}")
    with snapshot(_file_url(file)) as connection:
        schema = migrations.stored(connection)
        if schema is None:
            raise StoreUnavailable(f"{file.name} is not a TradeStream database")
        migrations.must_upgrade(schema)
        n_events = connection.execute(select(func.count()).select_from(AUDIT)).scalar_one()
    return n_events, schema


# --- putting back


def _into_file(file: Path, path: Path, now: datetime) -> Path | None:
    """Under the desk's own lock: keep the old file, then swap the new one in at one stroke.

    Whoever is killed in here leaves a database that does not fit its mark, and is told to restore.
    """
    with FileLock(path) as lock:
        saved = _keep(path, now)
        draft = path.with_name(f"{path.name}.restoring")
        draft.unlink(missing_ok=True)
        _private(draft)
        shutil.copyfile(file, draft)
        _sync(draft)
        with snapshot(_file_url(draft)) as connection:
            seq, mac = connection.execute(select(HEAD.c.seq, HEAD.c.mac)).one()
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        draft.replace(path)
        _sync(path.parent)
        lock.note(Mark(seq, mac))
    return saved


def _keep(path: Path, now: datetime) -> Path | None:
    """Save the database that is about to be replaced, byte for byte if it cannot be read."""
    if not path.exists() or path.stat().st_size == 0:
        return None
    saved = path.with_name(f"{path.name}.before-restore-{now:%Y%m%dT%H%M%S%f}")
    try:
        backup(f"sqlite:///{path}", saved)
    except StoreUnavailable:
        for suffix in ("", "-wal"):
            part = path.with_name(path.name + suffix)
            if part.exists():
                copy = _private(saved.with_name(saved.name + suffix))
                shutil.copyfile(part, copy)
    return saved


def _into_server(file: Path, url: URL, source: Path, now: datetime) -> Path | None:
    """In one transaction, under the desk's own lock: old tables out, new ones in."""
    from storage.postgres import PostgresDatabase

    lock = PostgresDatabase(url, wait_s=1.0)
    try:
        lock.take_lock()
        saved = None
        with snapshot(url) as connection:
            is_empty = migrations.stored(connection) is None
        if not is_empty:
            name = f"{url.database}.before-restore-{now:%Y%m%dT%H%M%S%f}{PORTABLE}"
            saved = backup(url.render_as_string(hide_password=False), source.parent / name).path
        with _engine(url) as target, snapshot(_file_url(file)) as theirs:
            schema = migrations.stored(theirs)
            assert schema is not None  # noqa: S101 - inspect() refuses that
            _drop_everything(target)
            _make_schema(target, schema)
            tables = MetaData()
            tables.reflect(target)
            for name, table in tables.tables.items():
                if name != "alembic_version":
                    columns = list(table.columns.keys())
                    rows = (list(row) for some in pages(theirs, table) for row in some)
                    _insert(target, tables, name, columns, rows)
    finally:
        lock.close()
    return saved


def _drop_everything(connection: Connection) -> None:
    tables = MetaData()
    tables.reflect(connection)
    ours = {*METADATA.tables, "alembic_version"}
    for name in tables.tables:
        if name in ours:
            connection.execute(sql(f'DROP TABLE "{name}" CASCADE'))


def _make_schema(connection: Connection, schema: str) -> None:
    migrations.must_upgrade(schema)
    migrations.upgrade(connection, schema)


# --- files


@contextlib.contextmanager
def _engine(url: URL) -> Iterator[Connection]:
    """A connection with one transaction around all."""
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def _file_url(file: Path) -> URL:
    return URL.create("sqlite", database=str(file))


@contextlib.contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """A private draft beside the target that takes its name when all went well."""
    draft = _private(target.with_name(f".{target.name}.{os.getpid()}.part"))
    try:
        yield draft
        draft.rename(target)
        _sync(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def _private(path: Path) -> Path:
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY))
    return path


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _sum_file(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _write_sum(path: Path) -> str:
    found = _sha256(path)
    _private(_sum_file(path)).write_text(f"{found}  {path.name}\n", encoding="utf-8")
    return found


def _check_sum(path: Path) -> str:
    if not path.is_file():
        raise StoreUnavailable(f"{path} does not exist")
    found = _sha256(path)
    beside = _sum_file(path)
    if beside.exists() and beside.read_text(encoding="utf-8").split()[:1] != [found]:
        raise StoreUnavailable(f"{path} is not as it was written: its SHA-256 is {found}")
    return found


@contextlib.contextmanager
def _refusing(what: str) -> Iterator[None]:
    """Failures of files and databases as one sentence."""
    try:
        yield
    except (OSError, EOFError, ValueError, KeyError, sqlite3.Error, SQLAlchemyError) as error:
        raise StoreUnavailable(f"{what}: {error}") from error
