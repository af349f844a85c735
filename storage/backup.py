"""Copies of the truth: made while the desk runs, proven before they are trusted.

``*.jsonl.gz`` is portable: every table as lines of JSON, readable into either database. Any other
name is a copy of the SQLite file. Beside each lies ``<name>.sha256`` in the form sha256sum reads.
"""

import contextlib
import gzip
import hashlib
import json
import os
import sqlite3
import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

from sqlalchemy import URL, Connection, MetaData, NullPool, create_engine, func, insert, select
from sqlalchemy.exc import SQLAlchemyError

from engine.domain.errors import StoreUnavailable
from engine.store import ChainReport
from storage import migrations
from storage.chain import Sealer
from storage.columns import AUDIT
from storage.database import database_path, database_url, in_words
from storage.sqlite import OWNER_ONLY
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
    with refusing(f"cannot back up to {target}"), _new_file(target) as draft:
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
    with refusing(f"{source} cannot be read as a backup"), as_sqlite(source) as file:
        n_events, schema = _copy_facts(file)
        report = ChainReport(n_events=n_events)
        if sealer is not None:
            with looking(file_url(file)) as connection:
                report = check(connection, sealer)
    made = Backup(
        path=source,
        sha256=sha256,
        n_bytes=source.stat().st_size,
        n_events=n_events,
        schema=schema,
    )
    return made, report


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
    sync(draft)
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
    sync(draft)
    return n_events, schema


def _line(out: TextIO, value: Any) -> None:
    out.write(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n")


# --- looking


@contextlib.contextmanager
def as_sqlite(source: Path) -> Iterator[Path]:
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
    with (
        gzip.open(source, "rt", encoding="utf-8") as lines,
        one_transaction(file_url(file)) as connection,
    ):
        first = json.loads(lines.readline() or "null")
        if not isinstance(first, dict) or first.get("tradestream") != 1:
            raise StoreUnavailable(f"{source} is not a TradeStream backup")
        make_schema(connection, first["schema"])
        n_rows = 0
        ended = None
        tables = MetaData()
        tables.reflect(connection)
        for head, rows in _sections(lines):
            if "end" in head:
                ended = head["end"]
                continue
            n_rows += insert_rows(connection, tables, head["table"], head["columns"], rows)
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


def make_schema(connection: Connection, schema: str) -> None:
    """The tables of that schema, in an empty database.

    Raises:
        StoreUnavailable: it is a newer program's.
    """
    migrations.must_upgrade(schema)
    migrations.upgrade(connection, schema)


def insert_rows(
    connection: Connection,
    tables: MetaData,
    name: str,
    columns: list[str],
    rows: Iterable[list[Any]],
) -> int:
    """Fill a table; how many rows."""
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
    with snapshot(file_url(file)) as connection:
        schema = migrations.stored(connection)
        if schema is None:
            raise StoreUnavailable(f"{file.name} is not a TradeStream database")
        migrations.must_upgrade(schema)
        n_events = connection.execute(select(func.count()).select_from(AUDIT)).scalar_one()
    return n_events, schema


# --- files


@contextlib.contextmanager
def one_transaction(url: URL) -> Iterator[Connection]:
    """A connection with one transaction around all."""
    engine = create_engine(url, poolclass=NullPool)
    try:
        with engine.begin() as connection:
            yield connection
    finally:
        engine.dispose()


def file_url(file: Path) -> URL:
    """Address of a SQLite file."""
    return URL.create("sqlite", database=str(file))


@contextlib.contextmanager
def _new_file(target: Path) -> Iterator[Path]:
    """A private draft beside the target that takes its name when all went well."""
    draft = private_file(target.with_name(f".{target.name}.{os.getpid()}.part"))
    try:
        yield draft
        draft.rename(target)
        sync(target.parent)
    finally:
        draft.unlink(missing_ok=True)


def private_file(path: Path) -> Path:
    """A new empty file that only its owner may read."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY))
    return path


def sync(path: Path) -> None:
    """Have a file or folder on disk before going on."""
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
    private_file(_sum_file(path)).write_text(f"{found}  {path.name}\n", encoding="utf-8")
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
def refusing(what: str) -> Iterator[None]:
    """Failures of files and databases as one sentence."""
    try:
        yield
    except (OSError, EOFError, ValueError, KeyError, sqlite3.Error, SQLAlchemyError) as error:
        raise StoreUnavailable(f"{what}: {in_words(error)}") from error
