"""Put a backup in the place of the database: never one in use, and never losing what was there."""

import shutil
from datetime import datetime
from pathlib import Path

from sqlalchemy import URL, Connection, MetaData, select
from sqlalchemy import text as sql

from engine.domain.errors import StoreUnavailable
from storage import migrations
from storage.backup import (
    PORTABLE,
    Backup,
    as_sqlite,
    backup,
    file_url,
    insert_rows,
    inspect,
    make_schema,
    one_transaction,
    private_file,
    refusing,
    sync,
)
from storage.chain import Sealer
from storage.columns import HEAD, METADATA
from storage.database import Mark, database_path, database_url
from storage.sqlite import FileLock
from storage.verify import pages, snapshot


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
    with refusing(f"cannot restore {source}"), as_sqlite(source) as file:
        if parsed.get_backend_name() == "sqlite":
            return made, _into_file(file, database_path(parsed), now)
        return made, _into_server(file, parsed, source, now)


def _into_file(file: Path, path: Path, now: datetime) -> Path | None:
    """Under the desk's own lock: keep the old file, then swap the new one in at one stroke.

    Whoever is killed in here leaves a database that does not fit its mark, and is told to restore.
    """
    with FileLock(path) as lock:
        saved = _keep(path, now)
        draft = path.with_name(f"{path.name}.restoring")
        draft.unlink(missing_ok=True)
        private_file(draft)
        shutil.copyfile(file, draft)
        sync(draft)
        with snapshot(file_url(draft)) as connection:
            seq, mac = connection.execute(select(HEAD.c.seq, HEAD.c.mac)).one()
        for suffix in ("-wal", "-shm"):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        draft.replace(path)
        sync(path.parent)
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
                copy = private_file(saved.with_name(saved.name + suffix))
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
        with one_transaction(url) as target, snapshot(file_url(file)) as theirs:
            schema = migrations.stored(theirs)
            assert schema is not None  # noqa: S101 - inspect() refuses that
            _drop_everything(target)
            make_schema(target, schema)
            tables = MetaData()
            tables.reflect(target)
            for name, table in tables.tables.items():
                if name != "alembic_version":
                    columns = list(table.columns.keys())
                    rows = (list(row) for some in pages(theirs, table) for row in some)
                    insert_rows(target, tables, name, columns, rows)
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
