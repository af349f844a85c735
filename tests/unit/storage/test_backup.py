"""A backup is proven before it is trusted, and a restore never costs what was there."""

import asyncio
import gzip
import json
import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from engine.domain.errors import StoreUnavailable
from engine.domain.record import changed
from engine.domain.trade import Execution, Trade
from storage.backup import PORTABLE, backup, inspect
from storage.chain import Sealer
from storage.migrations import HEAD
from storage.restore import restore
from storage.sql import SqlVault
from tests.unit.storage.kit import (
    KEY,
    T0,
    clean_up,  # noqa: F401 - a fixture
    entry,
    event,
    execution,
    fact,
    opened,
    sqlite_url,
    trade,
)
from tests.unit.storage.postgres import postgres_url

SEALER = Sealer(KEY)
KINDS = ["sqlite", "postgres"]


def fresh_url(kind: str, tmp_path: Path, name: str) -> str:
    folder = tmp_path / name
    folder.mkdir()
    return sqlite_url(folder) if kind == "sqlite" else postgres_url()


async def fill(url: str, n: int = 3) -> None:
    async with opened(url) as store:
        first = trade(1, close_reason="it's 100% \N{FIRE}\n")
        await store.commit([event(first, fact()), event(changed(first, symbol="QQQ"))])
        for i in range(2, n):
            await store.commit([event(trade(i), execution(i), entry(i))])
        await SqlVault(store).save({"book": "{}"})


@pytest.mark.parametrize(
    ("source", "ending"), [("sqlite", ".db"), ("sqlite", PORTABLE), ("postgres", PORTABLE)]
)
@pytest.mark.parametrize("target", KINDS)
async def test_a_backup_restores_into_either_database(
    tmp_path: Path, source: str, target: str, ending: str
) -> None:
    first, second = fresh_url(source, tmp_path, "a"), fresh_url(target, tmp_path, "b")
    await fill(first, 6)
    made = backup(first, tmp_path / f"copy{ending}")
    assert (made.n_events, made.schema) == (6, HEAD)

    _, saved = restore(made.path, second, SEALER, T0)

    assert saved is not None
    async with opened(second) as store, opened(first) as old:
        assert (await store.verify()).is_ok
        assert await store.find(Trade) == await old.find(Trade)
        assert await store.events() == await old.events()
        assert await SqlVault(store).load() == {"book": "{}"}
        assert await store.commit([event(trade(9))]) == 7
        assert (await store.verify()).is_ok


async def test_a_backup_is_made_while_the_desk_writes(tmp_path: Path) -> None:
    url = fresh_url("sqlite", tmp_path, "a")
    async with opened(url) as store:
        for n in range(40):
            await store.commit([event(trade(n))])
            if n in (10, 30):
                backup(url, tmp_path / f"at-{n}.db")
                backup(url, tmp_path / f"at-{n}{PORTABLE}")

    for n in (10, 30):
        for ending in (".db", PORTABLE):
            made, report = inspect(tmp_path / f"at-{n}{ending}", SEALER)
            assert (made.n_events, report.is_ok) == (n + 1, True)


async def test_a_restore_keeps_what_was_there(tmp_path: Path) -> None:
    url = fresh_url("sqlite", tmp_path, "a")
    await fill(url)
    made = backup(url, tmp_path / "copy.db")
    async with opened(url) as store:
        await store.commit([event(trade(7))])

    _, saved = restore(made.path, url, SEALER, T0)

    assert saved is not None
    async with opened(url) as store:
        assert await store.get(Trade, "T-7") is None
    restore(saved, url, SEALER, T0 + timedelta(seconds=1))
    async with opened(url) as store:
        assert await store.get(Trade, "T-7") == trade(7)
    assert saved.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("kind", KINDS)
async def test_a_database_in_use_is_not_replaced(tmp_path: Path, kind: str) -> None:
    url = fresh_url(kind, tmp_path, "a")
    await fill(url)
    made = backup(url, tmp_path / f"copy{PORTABLE}")

    async with opened(url) as store:
        await store.commit([event(trade(8))])
        with pytest.raises(StoreUnavailable, match="in use by another TradeStream"):
            restore(made.path, url, SEALER, T0)
        assert await store.get(Trade, "T-8") == trade(8)
        await store.commit([event(trade(9))])


async def test_a_damaged_database_is_kept_byte_for_byte_and_replaced(tmp_path: Path) -> None:
    url = fresh_url("sqlite", tmp_path, "a")
    await fill(url)
    made = backup(url, tmp_path / "copy.db")
    path = tmp_path / "a" / "desk.db"
    path.write_bytes(b"garbage" + path.read_bytes()[7:])
    damaged = path.read_bytes()
    with pytest.raises(StoreUnavailable, match="damaged"):
        async with opened(url):
            pass

    _, saved = restore(made.path, url, SEALER, T0)

    assert saved is not None
    assert saved.read_bytes() == damaged
    async with opened(url) as store:
        assert (await store.verify()).is_ok


async def test_a_lost_database_is_restored(tmp_path: Path) -> None:
    url = fresh_url("sqlite", tmp_path, "a")
    await fill(url)
    made = backup(url, tmp_path / "copy.db")
    (tmp_path / "a" / "desk.db").unlink()
    with pytest.raises(StoreUnavailable, match=r"is gone, but desk\.db\.lock says it held events"):
        async with opened(url):
            pass

    _, saved = restore(made.path, url, SEALER, T0)

    assert saved is None
    async with opened(url) as store:
        assert await store.count(Execution) == 1


@pytest.mark.parametrize("ending", [".db", PORTABLE])
async def test_a_changed_backup_is_refused(tmp_path: Path, ending: str) -> None:
    url = fresh_url("sqlite", tmp_path, "a")
    await fill(url)
    made = backup(url, tmp_path / f"copy{ending}")
    raw = bytearray(made.path.read_bytes())
    raw[len(raw) // 2] ^= 0x55
    made.path.write_bytes(raw)

    with pytest.raises(StoreUnavailable, match="not as it was written"):
        restore(made.path, url, SEALER, T0)
    async with opened(url) as store:
        assert await store.count(Trade) == 2


async def test_a_portable_backup_that_was_rewritten_does_not_verify(tmp_path: Path) -> None:
    url = fresh_url("sqlite", tmp_path, "a")
    await fill(url)
    made = backup(url, tmp_path / f"copy{PORTABLE}")
    with gzip.open(made.path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    forged = tmp_path / f"forged{PORTABLE}"
    with gzip.open(forged, "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(row).replace("QQQ", "SPX") + "\n" for row in rows)
    cut = tmp_path / f"cut{PORTABLE}"
    with gzip.open(cut, "wt", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows[:-2])

    with pytest.raises(StoreUnavailable, match="is not sound: row 2 is not as it was written"):
        restore(forged, url, SEALER, T0)
    with pytest.raises(StoreUnavailable, match="is cut off"):
        restore(cut, url, SEALER, T0)


async def test_what_is_no_backup_is_refused(tmp_path: Path) -> None:
    url = fresh_url("sqlite", tmp_path, "a")
    await fill(url)
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as connection:
        connection.execute("CREATE TABLE x (y)")
    connection.close()
    text = tmp_path / "text.db"
    text.write_text("hello")
    zipped = tmp_path / f"zipped{PORTABLE}"
    with gzip.open(zipped, "wt") as out:
        out.write('{"hello": 1}\n')
    torn = tmp_path / f"torn{PORTABLE}"
    torn.write_bytes(zipped.read_bytes()[:12])

    for bad in (foreign, text, zipped, torn, tmp_path / "absent.db"):
        with pytest.raises(StoreUnavailable):
            restore(bad, url, SEALER, T0)
    async with opened(url) as store:
        assert await store.count(Trade) == 2


async def test_another_key_does_not_restore(tmp_path: Path) -> None:
    url = fresh_url("sqlite", tmp_path, "a")
    await fill(url)
    made = backup(url, tmp_path / "copy.db")
    with pytest.raises(StoreUnavailable, match="is not sound"):
        restore(made.path, url, Sealer(b"another"), T0)


async def test_a_backup_never_overwrites_and_leaves_nothing_half_done(tmp_path: Path) -> None:
    url = fresh_url("sqlite", tmp_path, "a")
    await fill(url)
    taken = tmp_path / "taken.db"
    taken.write_text("mine")

    with pytest.raises(StoreUnavailable, match="never overwrites"):
        backup(url, taken)
    with pytest.raises(StoreUnavailable, match="does not exist"):
        backup(f"sqlite:///{tmp_path}/absent.db", tmp_path / "copy.db")

    assert taken.read_text() == "mine"
    left = await asyncio.to_thread(lambda: sorted(path.name for path in tmp_path.iterdir()))
    assert left == ["a", "taken.db"]


async def test_a_server_has_no_file_to_copy(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable, match=r"name it \*\.jsonl\.gz"):
        backup(postgres_url(), tmp_path / "copy.db")


async def test_backups_are_private_and_carry_their_sum(tmp_path: Path) -> None:
    url = fresh_url("sqlite", tmp_path, "a")
    await fill(url)
    made = backup(url, tmp_path / "out" / "copy.db")

    files = list(made.path.parent.iterdir())
    assert sorted(p.name for p in files) == ["copy.db", "copy.db.sha256"]
    assert {p.stat().st_mode & 0o777 for p in files} == {0o600}
    said = (made.path.parent / "copy.db.sha256").read_text()
    assert said == f"{made.sha256}  copy.db\n"
