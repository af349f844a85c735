"""S-01 to S-08, O-22: whatever happens to the database, what was acknowledged is there, once."""

import asyncio
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from engine.domain.desk import Fact
from engine.domain.errors import Conflict, StoreUnavailable
from engine.domain.order import Order
from engine.domain.record import changed
from engine.domain.trade import Execution, Trade
from storage.job import Job
from storage.sql import SqlStore, SqlVault
from storage.sqlite import SqliteDatabase
from storage.verify import sqlite_damage
from storage.writer import OutcomeUnknown
from tests.unit.storage.kit import (
    clean_up,  # noqa: F401 - a fixture
    event,
    execution,
    fact,
    opened,
    order,
    sqlite_url,
    trade,
)
from tests.unit.storage.postgres import Server, postgres_url, server

ROOT = Path(__file__).parents[2]
CHILD = ROOT / "tests" / "unit" / "storage" / "child.py"


@pytest.fixture(params=["sqlite", "postgres"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return sqlite_url(tmp_path) if request.param == "sqlite" else postgres_url()


@contextmanager
def child(what: str, url: str) -> Iterator[subprocess.Popen[str]]:
    """A process of its own; killed at the end, if it is still there."""
    process = subprocess.Popen(
        [sys.executable, str(CHILD), what, url],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def heard(process: subprocess.Popen[str]) -> list[str]:
    """The next line, as words."""
    assert process.stdout is not None
    return process.stdout.readline().split()


async def until_writable(store: SqlStore, seconds: float = 10.0) -> None:
    """Health recovers by itself, without a commit and without a restart."""
    for _ in range(int(seconds / 0.05)):
        if store.health().is_writable:
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"still not writable: {store.health().reason}")


# --- S-01 locked


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Somebody else's write transaction."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.rollback()
        other.close()


async def test_a_commit_waits_for_a_short_lock(tmp_path: Path) -> None:
    async with opened(sqlite_url(tmp_path), wait_s=5.0) as store:
        with locked(tmp_path / "desk.db"):
            waiting = asyncio.create_task(store.commit([event(trade())]))
            await asyncio.sleep(0.3)
            assert not waiting.done()
            assert await store.find(Trade) == []
        assert await waiting == 1


async def test_a_long_lock_refuses_the_commit_and_health_recovers(tmp_path: Path) -> None:
    async with opened(sqlite_url(tmp_path), wait_s=0.2) as store:
        with locked(tmp_path / "desk.db"):
            outcomes = await asyncio.gather(
                *(store.commit([event(trade(n))]) for n in range(5)), return_exceptions=True
            )
            assert {type(outcome) for outcome in outcomes} == {StoreUnavailable}
            assert not store.health().is_writable
            assert "locked" in store.health().reason
        await until_writable(store)
        assert await store.find(Trade) == []
        assert await store.commit([event(trade())]) == 1
        assert (await store.verify()).is_ok


# --- S-02 full


async def fill(store: SqlStore, numbers: range) -> None:
    """One commit after the other."""
    for n in numbers:
        await store.commit([event(trade(n), order(n))])


async def test_a_full_database_refuses_and_recovers(tmp_path: Path) -> None:
    async with opened(sqlite_url(tmp_path)) as store:
        database = store._db
        assert isinstance(database, SqliteDatabase)
        await store.commit([event(trade(0))])
        pages = database.query("PRAGMA page_count")[0][0]
        database.query(f"PRAGMA max_page_count={pages + 3}")
        outcomes = await asyncio.gather(
            *(store.commit([event(trade(n), order(n))]) for n in range(1, 200)),
            return_exceptions=True,
        )
        refused = [outcome for outcome in outcomes if isinstance(outcome, StoreUnavailable)]
        assert refused
        assert "full" in str(refused[0])
        stored = await store.count(Trade)
        assert await store.count(Order) == stored - 1
        with pytest.raises(StoreUnavailable):  # the last of them may have found room again
            await fill(store, range(200, 2_000))
        stored = await store.count(Trade)
        assert not store.health().is_writable
        await asyncio.sleep(1.3)
        assert not store.health().is_writable
        database.query("PRAGMA max_page_count=1000000")
        await until_writable(store)
        await store.commit([event(trade(999))])
        assert await store.count(Trade) == stored + 1
        assert (await store.verify()).is_ok


def test_a_full_disk_refuses_and_recovers(tmp_path: Path) -> None:
    with child("fill_disk", sqlite_url(tmp_path)) as process:
        out, _ = process.communicate(timeout=60)
    lines = [line.split() for line in out.splitlines()]
    assert [line for line in lines if line[0] == "health"] == [
        ["health", "False"],
        ["health", "True"],
    ]
    assert lines[-1] == ["verified", "True", "True"]
    assert any(line[0] == "full" for line in lines)
    assert process.returncode == 0


# --- S-03 killed


async def check_after_kill(url: str, lines: list[list[str]]) -> None:
    """Every acknowledged commit is there, whole; nothing is there by halves."""
    names = {line[1] for line in lines if line[0] == "done"}
    kept = {line[1]: line[2] for line in lines if line[0] == "kept"}
    if url.startswith("sqlite"):
        assert sqlite_damage(Path(url.removeprefix("sqlite:///")), is_thorough=True) == ""
    async with opened(url) as store:
        trades = {one.trade_id.removeprefix("T-") for one in await store.find(Trade)}
        orders = {one.order_id.removeprefix("O-") for one in await store.find(Order)}
        fills = {one.execution_id for one in await store.find(Execution)}
        book = await SqlVault(store).load()
        report = await store.verify()
    assert names <= trades
    assert trades == orders == fills
    assert report.is_ok, report.reason
    assert report.n_events == 2 * len(trades)
    for name, value in kept.items():
        assert int(book[name].split("-")[1]) >= int(value.split("-")[1])


async def campaign(url: str, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    lines: list[list[str]] = []
    for _ in range(rounds):
        with child("commit_for_ever", url) as process:
            assert heard(process)[0] == "open"
            await asyncio.sleep(chance.uniform(0.01, 0.4))
            process.send_signal(signal.SIGKILL)
            out, _ = process.communicate()
        whole = out[: out.rfind("\n") + 1]
        lines += [line.split() for line in whole.splitlines()]
        await check_after_kill(url, lines)
    assert len(lines) > rounds


async def test_kill_9_loses_nothing_that_was_acknowledged(url: str) -> None:
    await campaign(url, rounds=3, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 120))
async def test_kill_9_a_hundred_times(url: str, seed: int) -> None:
    await campaign(url, rounds=5, seed=seed)


# --- S-04 damaged


async def filled(tmp_path: Path) -> Path:
    async with opened(sqlite_url(tmp_path)) as store:
        for n in range(60):
            await store.commit([event(trade(n), order(n), execution(n))])
    return tmp_path / "desk.db"


@pytest.mark.parametrize(
    "keep", [0, 1, 50, 100, 4096, 0.3, 0.5, 0.9, -4096, -1], ids=lambda keep: f"keep-{keep}"
)
async def test_a_truncated_file_is_refused(tmp_path: Path, keep: float) -> None:
    path = await filled(tmp_path)
    size = path.stat().st_size
    os.truncate(path, int(size * keep) if 0 < keep < 1 else int(keep) % size if keep else 0)
    with pytest.raises(
        StoreUnavailable, match=r"damaged|cannot be opened|does not end|was acknowledged"
    ):
        async with opened(f"sqlite:///{path}"):
            pass


@pytest.mark.parametrize("seed", range(12))
async def test_flipped_bytes_are_refused_or_harmless(tmp_path: Path, seed: int) -> None:
    path = await filled(tmp_path)
    before = await everything(path)
    chance = random.Random(seed)
    raw = bytearray(path.read_bytes())
    for _ in range(40):
        raw[chance.randrange(len(raw))] ^= 1 << chance.randrange(8)
    path.write_bytes(raw)
    try:
        after = await everything(path)
    except StoreUnavailable:
        return
    assert after == before


async def everything(path: Path) -> list[Any]:
    async with opened(f"sqlite:///{path}") as store:
        assert (await store.verify()).is_ok
        return [await store.find(kind) for kind in (Trade, Order, Execution)]


@pytest.mark.parametrize("what", ["header", "tree", "index", "text"])
@pytest.mark.parametrize("is_large", [False, True], ids=["small", "large"])
async def test_damage_that_matters_is_always_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str, is_large: bool
) -> None:
    path = await filled(tmp_path)
    if is_large:  # read beside the desk; here the start waits for that
        monkeypatch.setattr("storage.sqlite.CHECK_BYTES", 0)
        monkeypatch.setattr("storage.sql.CHECK_S", 20.0)
    raw = path.read_bytes()
    changed_raw = {
        "header": b"X" + raw[1:],
        "tree": raw[:4096] + bytes(8192) + raw[4096 + 8192 :],
        "index": with_an_index_entry_gone(path),
        "text": raw.replace(b'"symbol":"SPY"', b'"symbol":"SPX"'),
    }[what]
    path.write_bytes(changed_raw)
    with pytest.raises(StoreUnavailable, match="damaged"):
        async with opened(f"sqlite:///{path}"):
            pass


def with_an_index_entry_gone(path: Path) -> bytes:
    """What no reading of rows by their keys would ever notice."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        sql = "SELECT rootpage FROM sqlite_master WHERE name = 'ix_orders_alert_id'"
        ((page,),) = db.execute(sql)
    raw = bytearray(path.read_bytes())
    n_cells = (page - 1) * 4096 + 3
    raw[n_cells : n_cells + 2] = (int.from_bytes(raw[n_cells : n_cells + 2]) - 1).to_bytes(2)
    return bytes(raw)


async def test_an_older_copy_put_in_its_place_is_refused(tmp_path: Path) -> None:
    path = await filled(tmp_path)
    old = tmp_path / "old.db"
    shutil.copyfile(path, old)
    async with opened(f"sqlite:///{path}") as store:
        await store.commit([event(trade(99))])
    shutil.copyfile(old, path)

    with pytest.raises(StoreUnavailable, match="ends at event 60, but event 61 was acknowledged"):
        async with opened(f"sqlite:///{path}"):
            pass


async def test_a_lost_write_ahead_log_is_noticed(tmp_path: Path) -> None:
    there, here = tmp_path / "there", tmp_path / "here"
    there.mkdir()
    here.mkdir()
    async with opened(sqlite_url(there)) as store:
        await store.commit([event(trade())])
        for name in ("desk.db", "desk.db.lock"):
            shutil.copyfile(there / name, here / name)

    with pytest.raises(StoreUnavailable, match="ends at event 0, but event 1 was acknowledged"):
        async with opened(f"sqlite:///{here}/desk.db"):
            pass


# --- S-05 server gone


async def test_a_killed_backend_is_not_noticed_by_callers() -> None:
    async with opened(postgres_url()) as store:
        await store.commit([event(trade(1))])
        server().kill_backends()
        assert await store.commit([event(trade(2))]) == 2
        assert await store.count(Trade) == 2
        assert (await store.verify()).is_ok


async def test_killed_backends_under_load_lose_and_double_nothing() -> None:
    async with opened(postgres_url()) as store:
        acknowledged: list[int] = []
        refused: list[int] = []

        async def caller(first: int) -> None:
            for n in range(first, first + 30):
                try:
                    await store.commit([event(trade(n), ref=f"A-{n}")])
                    acknowledged.append(n)
                except OutcomeUnknown:
                    continue
                except StoreUnavailable:
                    refused.append(n)

        async def killer() -> None:
            for _ in range(10):
                await asyncio.sleep(0.03)
                await asyncio.to_thread(server().kill_backends)

        await asyncio.gather(killer(), *(caller(1000 * k) for k in range(8)))
        stored = {int(one.trade_id.removeprefix("T-")) for one in await store.find(Trade)}
        assert set(acknowledged) <= stored
        assert not set(refused) & stored
        refs = [journaled.event.ref for journaled in await store.events()]
        assert len(refs) == len(set(refs)) == len(stored)
        assert (await store.verify()).is_ok


@pytest.fixture(scope="module")
def own_server() -> Server:
    return Server()


async def test_a_killed_server_comes_back_without_a_restart_of_ours(own_server: Server) -> None:
    async with opened(own_server.new_database(), wait_s=0.5) as store:
        acknowledged = [await store.commit([event(trade(n))]) for n in range(50)]
        own_server.kill_tree()
        with pytest.raises(StoreUnavailable):
            await store.commit([event(trade(90))])
        assert not store.health().is_writable
        with pytest.raises(StoreUnavailable):
            await store.find(Trade)
        own_server.start_again()
        await until_writable(store)

        assert await store.count(Trade) == len(acknowledged) == 50
        assert await store.commit([event(trade(91))]) == 51
        assert (await store.verify()).is_ok


async def test_a_server_that_comes_back_in_time_is_waited_for(own_server: Server) -> None:
    async with opened(own_server.new_database(), wait_s=10.0) as store:
        await store.commit([event(trade(1))])
        own_server.kill_tree()
        waiting = asyncio.create_task(store.commit([event(trade(2))]))
        await asyncio.sleep(0.2)
        await asyncio.to_thread(own_server.start_again)
        assert await waiting == 2


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_commit_without_an_answer_is_looked_up(
    url: str, is_there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The connection dies in COMMIT: before it took effect, or after."""
    async with opened(url) as store:
        first = trade(1)
        await store.commit([event(first)])
        database = store._db
        real, calls = database.commit, []

        def dying() -> None:
            calls.append(1)
            if len(calls) > 1:
                return real()
            if is_there:
                real()
            database._disconnect()  # type: ignore[attr-defined]
            raise database.failures[0]("gone")

        monkeypatch.setattr(database, "commit", dying)
        assert await store.commit([event(changed(first, symbol="QQQ"), ref="A-2")]) == 2

        assert await store.get(Trade, "T-1") == changed(first, symbol="QQQ")
        assert [one.event.ref for one in await store.events()] == ["A-1", "A-2"]
        assert len(calls) == (1 if is_there else 2)
        assert await store.commit([event(trade(2))]) == 3
        assert (await store.verify()).is_ok


async def test_an_outcome_that_cannot_be_had_is_said_and_found_later(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(url) as store:
        first = trade(1)
        await store.commit([event(first)])
        database = store._db
        commit, connect = database.commit, database.connect

        def gone(**_: Any) -> None:
            raise database.failures[0]("still gone")

        def dying() -> None:
            commit()
            database._disconnect()  # type: ignore[attr-defined]
            monkeypatch.setattr(database, "connect", gone)
            raise database.failures[0]("gone")

        monkeypatch.setattr(database, "commit", dying)
        with pytest.raises(OutcomeUnknown):
            await store.commit([event(changed(first, symbol="QQQ"))])
        assert not store.health().is_writable
        monkeypatch.setattr(database, "commit", commit)
        monkeypatch.setattr(database, "connect", connect)
        await until_writable(store)

        assert await store.get(Trade, "T-1") == changed(first, symbol="QQQ")
        with pytest.raises(Conflict):
            await store.commit([event(changed(first, symbol="SPX"))])
        assert store.health().last_seq == 2
        assert (await store.verify()).is_ok


@pytest.mark.parametrize("is_there", [True, False])
async def test_a_paper_book_without_an_answer_is_saved_all_the_same(
    url: str, is_there: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with opened(url) as store:
        await store.commit([event(trade(1))])
        database = store._db
        real, calls = database.commit, []

        def dying() -> None:
            calls.append(1)
            if len(calls) > 1:
                return real()
            if is_there:
                real()
            database._disconnect()  # type: ignore[attr-defined]
            raise database.failures[0]("gone")

        monkeypatch.setattr(database, "commit", dying)
        await SqlVault(store).save({"a": "1"})
        assert await SqlVault(store).load() == {"a": "1"}
        assert len(calls) == 2


# --- S-06 slow reports


async def test_slow_reports_do_not_delay_commits(url: str) -> None:
    slow = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000)"
        " SELECT count(*) FROM n"
        if url.startswith("sqlite")
        else "SELECT pg_sleep(1)"
    )
    async with opened(url) as store:
        await store.commit([event(trade(0))])
        reports = [asyncio.create_task(store.read(text(slow))) for _ in range(20)]
        await asyncio.sleep(0.2)
        for n in range(1, 11):
            await store.commit([event(trade(n))])
            assert await store.get(Trade, f"T-{n}") == trade(n)
        assert await store.count(Trade) == 11
        assert any(not report.done() for report in reports), "it waited for all reports"
        for report in reports:
            report.cancel()
        await asyncio.gather(*reports, return_exceptions=True)


# --- S-07 migration killed


def test_a_migration_killed_half_way_leaves_nothing_behind(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    server().run("CREATE DATABASE half_way") if "half_way" not in _databases() else None
    for url in (sqlite_url(tmp_path, is_migrated=False), server().url("half_way")):
        with child("stop_half_way", url) as process:
            assert heard(process) == ["half"]
            process.send_signal(signal.SIGKILL)
            process.communicate()
        asyncio.run(starts_anew(url))


def _databases() -> set[str]:
    with psycopg.connect(server().url("postgres")) as connection:
        return {row[0] for row in connection.execute("SELECT datname FROM pg_database")}


async def starts_anew(url: str) -> None:
    async with opened(url) as store:
        with pytest.raises(StoreUnavailable):
            await store.read(text("SELECT x FROM half_done"))
        await store.commit([event(trade())])
        assert (await store.verify()).is_ok


# --- S-08 long reader


async def test_a_long_reader_raises_an_alarm_and_cannot_fill_the_disk(tmp_path: Path) -> None:
    async with opened(sqlite_url(tmp_path)) as store:
        database = store._db
        assert isinstance(database, SqliteDatabase)
        database.alarm_bytes, database.limit_bytes = 1 << 20, 3 << 20
        await store.commit([event(trade(0))])
        reader = sqlite3.connect(tmp_path / "desk.db", isolation_level=None)
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM trades").fetchone()

        refused: StoreUnavailable | None = None
        was_large_and_writable = False
        for n in range(1, 2000):
            try:
                await store.commit([event(trade(n), order(n))])
            except StoreUnavailable as error:
                refused = error
                break
            health = store.health()
            was_large_and_writable |= health.is_wal_large and health.is_writable
        assert was_large_and_writable
        assert refused is not None
        assert "a reader keeps the write-ahead log" in str(refused)
        assert store.health().wal_bytes < 5 << 20

        reader.rollback()
        reader.close()
        await until_writable(store)
        for n in range(3000, 3100):
            await store.commit([event(trade(n))])
        assert not store.health().is_wal_large or store.health().wal_bytes < 5 << 20
        assert (await store.verify()).is_ok


async def test_the_log_stays_small_under_load(tmp_path: Path) -> None:
    async with opened(sqlite_url(tmp_path)) as store:
        for n in range(300):
            await asyncio.gather(*(store.commit([event(trade(10 * n + k))]) for k in range(10)))
        assert store.health().wal_bytes < 8 << 20
        assert not store.health().is_wal_large


# --- O-22 two desks


async def test_a_second_desk_is_refused_and_a_crash_frees_the_lock(url: str) -> None:
    with child("hold", url) as process:
        assert heard(process) == ["open"]
        with pytest.raises(StoreUnavailable, match="in use by another TradeStream"):
            async with opened(url, wait_s=0.2):
                pass
        process.send_signal(signal.SIGKILL)
        process.communicate()
    async with opened(url) as store:
        assert await store.find(Fact) == [fact("at-0")]
        with pytest.raises(StoreUnavailable, match="in use by another TradeStream"):
            async with opened(url, wait_s=0.2):
                pass
    async with opened(url):
        pass


async def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        url = sqlite_url(tmp_path, is_migrated=False)
        async with opened(url) as store:
            await store.commit([event(trade())])
            modes = await asyncio.to_thread(modes_in, tmp_path)
    finally:
        os.umask(old)
    assert set(modes) >= {"desk.db", "desk.db-wal", "desk.db.lock"}
    assert set(modes.values()) == {0o600}


def modes_in(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode & 0o777 for path in folder.iterdir()}


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)
    path = tmp_path / "desk.db"
    path.chmod(0o644)
    async with opened(url):
        assert path.stat().st_mode & 0o777 == 0o600


# --- the caller is cancelled


async def test_a_cancelled_caller_is_released_when_the_outcome_stands(tmp_path: Path) -> None:
    async with opened(sqlite_url(tmp_path), wait_s=5.0) as store:
        with locked(tmp_path / "desk.db"):
            task = asyncio.create_task(store.commit([event(trade())]))
            await asyncio.sleep(0.1)
            task.cancel()
            await asyncio.sleep(0.1)
            task.cancel()
            await asyncio.sleep(0.1)
            assert not task.done()
        with suppress(asyncio.CancelledError):
            await task
        assert task.cancelled()
        assert await store.get(Trade, "T-1") == trade()


async def test_an_outcome_that_comes_with_the_cancellation_is_not_waited_for_again() -> None:
    for error in (None, Conflict("no")):
        job = Job()
        job.error = error

        async def wait(job: Job = job) -> None:
            try:
                await job.future
            except asyncio.CancelledError:
                await job.settled()
                raise

        task = asyncio.create_task(wait())
        await asyncio.sleep(0)
        task.cancel()
        job.resolve()
        done, _ = await asyncio.wait([task], timeout=1)
        assert done
        assert task.cancelled()


async def test_closing_writes_what_waits(url: str) -> None:
    store = SqlStore(url, b"a key for tests only, 32 bytes!!")
    await store.open()
    waiting = [asyncio.create_task(store.commit([event(trade(n))])) for n in range(50)]
    await asyncio.sleep(0)
    await store.close()
    assert sorted(await asyncio.gather(*waiting)) == list(range(1, 51))
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.commit([event(trade(99))])
