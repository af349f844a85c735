"""X-09 and I-05: whoever changes a row behind the desk's back is found, and the row is named."""
# ruff: noqa: S608 - it is the attacker who builds SQL here

import asyncio
import shutil
import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from engine.domain.errors import StoreUnavailable
from engine.domain.record import changed
from engine.domain.trade import Trade
from engine.store import ChainReport
from storage.chain import Sealer
from storage.codec import entry_of
from storage.database import database_url
from storage.verify import verify
from tests.unit.storage.kit import (
    KEY,
    LEFTOVERS,
    clean_up,  # noqa: F401 - a fixture
    entry,
    event,
    execution,
    fact,
    in_a_thread,
    opened,
    sqlite_url,
    trade,
)
from tests.unit.storage.postgres import postgres_url, server


async def fill(url: str) -> None:
    async with opened(url) as store:
        first = trade(1)
        await store.commit([event(first, kind="made"), event(fact(), kind="noted")])
        await store.commit([event(changed(first, symbol="QQQ"), execution(1), entry(1))])
        await store.commit([event(trade(2)), event(kind="end", ref="A-2")])


@cache
def filled_file() -> Path:
    folder = Path(tempfile.mkdtemp(prefix="storage-filled-"))
    LEFTOVERS.append(partial(shutil.rmtree, folder, ignore_errors=True))
    in_a_thread(fill(sqlite_url(folder)))
    return folder / "desk.db"


@cache
def filled_server() -> str:
    url = postgres_url()
    in_a_thread(fill(url))
    return str(database_url(url).database)


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return server().new_database(template=filled_server())
    shutil.copyfile(filled_file(), tmp_path / "desk.db")
    return f"sqlite:///{tmp_path}/desk.db"


Look = Callable[..., ChainReport]


@pytest.fixture
def after(url: str) -> Look:
    """Run SQL as somebody who owns the database, guards taken off, then verify."""

    def look(*statements: str, key: bytes = KEY) -> ChainReport:
        parsed = database_url(url)
        engine = create_engine(parsed, poolclass=NullPool)
        with engine.begin() as connection:
            for table in ("audit", "executions", "ledger"):
                if engine.dialect.name == "sqlite":
                    connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_update"))
                    connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_delete"))
                else:
                    connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
            for statement in statements:
                assert connection.exec_driver_sql(statement).rowcount
        engine.dispose()
        return verify(parsed, Sealer(key))

    return look


async def test_an_untouched_journal_verifies(after: Look) -> None:
    assert after() == ChainReport(n_events=5)


@pytest.mark.parametrize(
    "change",
    [
        "kind = 'other'",
        "ref = 'A-9'",
        "actor = 'nobody'",
        "at = '2026-11-20T14:30:00.000001Z'",
        "data = '{\"x\":1}'",
        "puts = '[]'",
        "puts = replace(puts, 'QQQ', 'SPX')",
        f"mac = '{'0' * 64}'",
        f"prev = '{'0' * 64}'",
    ],
)
async def test_an_edited_row_is_named(after: Look, change: str) -> None:
    report = after(f"UPDATE audit SET {change} WHERE seq = 3")

    assert report.first_bad_seq == 3
    assert report.reason == "row 3 is not as it was written"
    assert not report.is_ok


async def test_text_moved_from_one_column_to_the_next_is_found(after: Look) -> None:
    report = after("UPDATE audit SET kind = 'tes', ref = 't.doneA-1' WHERE seq = 3")
    assert report.first_bad_seq == 3


@pytest.mark.parametrize("seq", [1, 3])
async def test_a_deleted_row_is_named(after: Look, seq: int) -> None:
    report = after(f"DELETE FROM audit WHERE seq = {seq}")

    assert report.first_bad_seq == seq
    assert f"row {seq} is missing" in report.reason


async def test_rows_that_close_the_gap_are_found(after: Look) -> None:
    report = after("DELETE FROM audit WHERE seq = 3", "UPDATE audit SET seq = 3 WHERE seq = 4")
    assert report.first_bad_seq == 3


async def test_swapped_rows_are_found(after: Look) -> None:
    report = after(
        "UPDATE audit SET seq = -2 WHERE seq = 2",
        "UPDATE audit SET seq = 2 WHERE seq = 3",
        "UPDATE audit SET seq = 3 WHERE seq = -2",
    )
    assert report.first_bad_seq == 2


async def test_an_inserted_row_is_found(after: Look) -> None:
    columns = "at, kind, ref, actor, data, puts, prev, mac"
    report = after(f"INSERT INTO audit (seq, {columns}) SELECT 0, {columns} FROM audit WHERE seq=1")
    assert report.first_bad_seq == 1


async def test_a_row_added_at_the_end_is_found(after: Look) -> None:
    columns = "at, kind, ref, actor, data, puts, prev, mac"
    report = after(f"INSERT INTO audit (seq, {columns}) SELECT 6, {columns} FROM audit WHERE seq=5")
    assert report.first_bad_seq == 6


async def test_a_forged_row_needs_the_key(after: Look) -> None:
    row = Sealer(b"a guess").row(6, entry_of(event(kind="forged")), "0" * 64)
    values = ", ".join(f"'{value}'" for value in row[1:])
    report = after(f"INSERT INTO audit VALUES (6, {values})")
    assert report.first_bad_seq == 6


async def test_a_deleted_tail_is_found(after: Look) -> None:
    report = after("DELETE FROM audit WHERE seq >= 4")

    assert report.first_bad_seq == 4
    assert report.reason == "rows 4 to 5 are missing at the end"
    assert report.n_events == 3


async def test_a_deleted_tail_with_a_head_to_match_is_found(after: Look) -> None:
    report = after(
        "DELETE FROM audit WHERE seq >= 4",
        "UPDATE audit_head SET seq = 3, mac = (SELECT mac FROM audit WHERE seq = 3)",
    )
    assert report.first_bad_seq == 4
    assert "seal is not ours" in report.reason


async def test_a_missing_head_is_found(after: Look) -> None:
    report = after("DELETE FROM audit_head")
    assert report.first_bad_seq == 6
    assert report.reason == "the sealed head is missing"


async def test_another_key_does_not_verify(after: Look) -> None:
    assert after(key=b"another").first_bad_seq == 1


@pytest.mark.parametrize(
    ("statement", "reason"),
    [
        ("UPDATE trades SET state = 'CLOSED' WHERE \"key\" = 'T-1'", "trades T-1 differs"),
        ("UPDATE trades SET version = 7 WHERE \"key\" = 'T-1'", "trades T-1 differs"),
        ("UPDATE trades SET seq = 1 WHERE \"key\" = 'T-1'", "trades T-1 differs"),
        ("UPDATE trades SET born = born + 1 WHERE \"key\" = 'T-2'", "trades T-2 differs"),
        ("UPDATE trades SET doc = replace(doc, 'QQQ', 'SPX')", "trades T-1 differs"),
        ("UPDATE ledger SET doc = replace(doc, '361.95', '461.95')", "ledger X-1 differs"),
        ("UPDATE trades SET doc = '{' WHERE version = 2", "trades T-1 differs"),
        ("UPDATE trades SET seq = 99, doc = replace(doc, 'QQQ', 'SPX')", "trades T-1 differs"),
        ("DELETE FROM facts", "facts halt is in the journal but not in its table"),
        (
            "INSERT INTO facts SELECT 1, 'more', 1, 1, doc FROM facts",
            "facts more is not in the journal",
        ),
        (
            "INSERT INTO facts SELECT 1, 'more', 1, 99, doc FROM facts",
            "facts more is not in the journal",
        ),
    ],
)
async def test_a_record_that_differs_from_the_journal_is_named(
    after: Look, statement: str, reason: str
) -> None:
    report = after(statement)

    assert not report.is_ok
    assert report.first_bad_seq is None
    assert reason in report.reason


async def test_a_check_beside_a_writing_desk_finds_nothing_wrong(url: str) -> None:
    async with opened(url) as store:
        stop = False

        async def write(k: int) -> None:
            n = 0
            mine = trade(100 + k)
            await store.commit([event(mine)])
            while not stop:
                n += 1
                mine = changed(mine, symbol=f"S{n}")
                await store.commit([event(mine, execution(1000 * (k + 1) + n))])

        writers = [asyncio.create_task(write(k)) for k in range(4)]
        await asyncio.sleep(0.05)
        reports = [await store.verify() for _ in range(8)]
        stop = True
        await asyncio.gather(*writers)
        assert [report.reason for report in reports] == [""] * 8
        assert reports[-1].n_events > reports[0].n_events


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE audit SET ref = 'x'",
        "DELETE FROM audit WHERE seq = 5",
        "UPDATE executions SET seq = 1",
        "DELETE FROM executions",
        "UPDATE ledger SET seq = 1",
        "DELETE FROM ledger",
    ],
)
async def test_the_database_itself_refuses_to_change_facts(url: str, statement: str) -> None:
    engine = create_engine(database_url(url), poolclass=NullPool)
    with (
        pytest.raises(Exception, match="is append-only"),
        engine.begin() as connection,
    ):
        connection.execute(text(statement))
    engine.dispose()


async def test_postgres_refuses_to_truncate_facts() -> None:
    engine = create_engine(database_url(postgres_url()), poolclass=NullPool)
    with pytest.raises(Exception, match="is append-only"), engine.begin() as connection:
        connection.execute(text("TRUNCATE audit"))
    engine.dispose()


async def test_the_desk_does_not_start_on_a_changed_journal(after: Look, url: str) -> None:
    after("UPDATE audit SET data = '{\"x\":1}' WHERE seq = 2")
    with pytest.raises(StoreUnavailable, match="damaged: row 2 is not as it was written"):
        async with opened(url):
            pass


async def test_the_desk_does_not_start_on_a_cut_journal(after: Look, url: str) -> None:
    after("DELETE FROM audit WHERE seq = 5")
    with pytest.raises(StoreUnavailable, match="does not end where it was sealed"):
        async with opened(url):
            pass


async def test_the_desk_does_not_start_with_another_audit_key(url: str) -> None:
    with pytest.raises(StoreUnavailable, match="another audit key"):
        async with opened(url, key=b"another key"):
            pass
    async with opened(url) as store:
        assert await store.count(Trade) == 2
