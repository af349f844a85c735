"""The schema: one truth, migrated in one step or not at all."""

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, inspect, text

from engine.domain.desk import Document
from engine.domain.errors import StoreUnavailable
from engine.domain.trade import Trade
from storage import migrations
from storage.backup import inspect as inspect_backup
from storage.chain import Sealer
from storage.columns import METADATA, SEALED_TABLES, TABLES
from storage.database import database_url
from storage.sqlite import SqliteDatabase
from tests.unit.storage.kit import (
    KEY,
    clean_up,  # noqa: F401 - a fixture
    event,
    opened,
    sqlite_url,
    trade,
)
from tests.unit.storage.postgres import postgres_url


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return sqlite_url(tmp_path) if request.param == "sqlite" else postgres_url()


def test_head_is_the_newest_file() -> None:
    assert migrations.known()[-1] == migrations.HEAD
    assert len(set(migrations.known())) == len(migrations.known())


def test_the_files_form_one_line() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(migrations.__file__).parent))
    config.set_main_option("path_separator", "os")
    script = ScriptDirectory.from_config(config)
    assert script.get_heads() == [migrations.HEAD]
    assert [step.revision for step in script.walk_revisions()][::-1] == migrations.known()


def test_the_migrated_schema_is_the_one_the_program_is_written_for(url: str) -> None:
    """Fails when a record got a new promoted column without a migration; it names the column."""
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    engine = create_engine(database_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
        found = inspect(connection)
        for name, table in TABLES.items():
            assert [c["name"] for c in found.get_columns(name)] == table.columns.keys()
            assert {i["name"] for i in found.get_indexes(name)} >= {i.name for i in table.indexes}
    engine.dispose()


def test_facts_are_guarded(url: str) -> None:
    query = "SELECT name FROM sqlite_master WHERE type = 'trigger'"
    if url.startswith("postgresql"):
        query = "SELECT tgname FROM pg_trigger WHERE NOT tgisinternal"
    engine = create_engine(database_url(url), poolclass=NullPool)
    with engine.connect() as connection:
        names = set(connection.execute(text(query)).scalars())
    engine.dispose()
    assert {name.rpartition("_no_")[0] for name in names} == set(SEALED_TABLES)


async def test_a_newer_schema_is_refused(url: str) -> None:
    engine = create_engine(database_url(url), poolclass=NullPool)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    engine.dispose()

    with pytest.raises(StoreUnavailable, match="schema 9999, this program knows schemas up to"):
        async with opened(url):
            pass


async def test_foreign_tables_of_our_names_are_refused(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        connection.execute("CREATE TABLE trades (id INTEGER)")
    connection.close()

    with pytest.raises(StoreUnavailable, match="no schema version"):
        async with opened(f"sqlite:///{tmp_path}/desk.db"):
            pass


async def test_an_old_file_is_kept_before_it_is_migrated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = sqlite_url(tmp_path)
    async with opened(url) as store:
        await store.commit([event(trade())])
    upgraded: list[object] = []
    old = migrations.HEAD
    newer = f"{int(old) + 1:04}"
    monkeypatch.setattr(migrations, "HEAD", newer)
    monkeypatch.setattr(migrations, "known", lambda: [old, newer])
    monkeypatch.setattr(migrations, "upgrade", upgraded.append)

    async with opened(url) as store:
        assert await store.get(Trade, "T-1") == trade()

    monkeypatch.undo()
    assert len(upgraded) == 1
    kept = tmp_path / f"desk.db.schema-{old}"
    made, report = inspect_backup(kept, Sealer(KEY))
    assert (made.n_events, made.schema, report.is_ok) == (1, old, True)
    assert kept.stat().st_mode & 0o777 == 0o600


async def test_books_of_the_first_schema_are_carried_over(tmp_path: Path) -> None:
    path = tmp_path / "desk.db"
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    with engine.begin() as connection:
        migrations.upgrade(connection, "0001")
    engine.dispose()

    async with opened(f"sqlite:///{path}") as store:
        await store.commit([event(trade())])
        assert await store.get(Trade, "T-1") == trade()
        assert await store.find(Document) == []
        assert (await store.verify()).is_ok


async def test_a_migration_that_fails_changes_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(connection: object, to: str = "") -> None:
        METADATA.create_all(connection)  # type: ignore[arg-type]
        raise RuntimeError("power cut")

    url = sqlite_url(tmp_path, is_migrated=False)
    monkeypatch.setattr(migrations, "upgrade", half)
    with pytest.raises(StoreUnavailable, match="power cut"):
        async with opened(url):
            pass
    monkeypatch.undo()
    with sqlite3.connect(tmp_path / "desk.db") as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == []
    connection.close()

    async with opened(url) as store:
        assert await store.commit([event(trade())]) == 1


def test_a_start_on_a_current_database_does_not_import_alembic(tmp_path: Path) -> None:
    code = (
        "import asyncio, sys\n"
        "from storage.sql import SqlStore\n"
        f"store = SqlStore({sqlite_url(tmp_path)!r}, {KEY!r})\n"
        "async def go():\n"
        "    await store.open(); await store.close()\n"
        "asyncio.run(go())\n"
        "print('alembic' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_only_known_kinds_of_databases_are_accepted() -> None:
    from engine.domain.errors import ConfigError

    for bad in ("mysql://x/y", "sqlite://", "sqlite:///:memory:", "nonsense"):
        with pytest.raises(ConfigError, match=r"storage\.url"):
            database_url(bad)
    assert database_url("postgres://h/d").drivername == "postgresql+psycopg"
    assert SqliteDatabase(database_url("sqlite+aiosqlite:///x/y.db"), 1).path == Path("x/y.db")
