"""Figures of the store beside stock SQLAlchemy ORM over aiosqlite, same rows, same disk.

``pytest -m bench tests/bench/test_store.py -s``. The commit measured is an entry: two events, five
records (intent, trade, two orders, fact), fsynced before it is acknowledged, on both sides.
"""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import String, event, select
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from engine.domain.record import Event
from engine.domain.trade import Trade, TradeState
from tests.unit.storage.kit import (
    T0,
    clean_up,  # noqa: F401 - a fixture
    execution,
    fact,
    intake,
    intent,
    opened,
    order,
    sqlite_url,
    trade,
)
from tests.unit.storage.kit import event as event_of
from tests.unit.storage.postgres import postgres_url

pytestmark = pytest.mark.bench

N = 1500
N_STOCK = 400
BUSY_DISK_US = 500
MESSAGES, TRADES = 100_000, 10_000


def entry_commit(n: int) -> list[Event]:
    """What an accepted alert writes before the order goes out."""
    ref = f"A-{n * 7919 % 1_000_003}"
    taken = event_of(intent(n, alert_id=ref), trade(n, alert_id=ref), ref=ref)
    orders = (order(n, order_id=f"O-{n}-{k}", alert_id=ref) for k in (1, 2))
    return [taken, event_of(*orders, fact(f"f-{n}"), ref=ref, limit="1.20")]


class Base(DeclarativeBase):
    pass


class StockRow(Base):
    """The same amount of text, one table, ORM as the tutorials have it."""

    __tablename__ = "rows"
    id: Mapped[int] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(String, index=True)
    ref: Mapped[str] = mapped_column(String, index=True)
    doc: Mapped[str]


def stock_rows(n: int) -> list[StockRow]:
    made = [StockRow(kind="row", ref=f"{n}-{k}", doc="x" * 650) for k in range(5)]
    return [*made, *(StockRow(kind="audit", ref=str(n), doc="x" * 1500) for _ in range(2))]


def stock_fill(n: int) -> list[StockRow]:
    return [StockRow(kind="fill", ref=str(n), doc="x" * 400)]


async def stock(folder: Path) -> async_sessionmaker[AsyncSession]:
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder}/stock.db")

    def pragmas(connection: Any, _: Any) -> None:
        for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=60000"):
            connection.execute(f"PRAGMA {pragma}")

    event.listen(engine.sync_engine, "connect", pragmas)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    return async_sessionmaker(engine, expire_on_commit=False)


async def timed(works: Sequence[Callable[[], Awaitable[Any]]]) -> list[float]:
    """Microseconds of each, one after the other."""
    took = []
    for work in works:
        start = time.perf_counter()
        await work()
        took.append((time.perf_counter() - start) * 1e6)
    return took


async def together(work: Callable[[int], Awaitable[Any]], callers: int, each: int) -> float:
    """Works per second of so many callers, each one after the other."""

    async def caller(k: int) -> None:
        for i in range(each):
            await work(k * each + i)

    start = time.perf_counter()
    await asyncio.gather(*map(caller, range(callers)))
    return callers * each / (time.perf_counter() - start)


def shown(name: str, took: list[float]) -> float:
    """Print a distribution; its quickest fifth, which a busy machine disturbs least."""
    ranked = sorted(took)
    cut = [ranked[min(int(len(ranked) * q), len(ranked) - 1)] for q in (0.5, 0.9, 0.99, 1.0)]
    say(f"{name:<52} p50 {cut[0]:8.0f}  p90 {cut[1]:8.0f}  p99 {cut[2]:8.0f}  max {cut[3]:8.0f} us")
    return ranked[len(ranked) // 5]


def say(text: str) -> None:
    print(text)


async def one_by_one(store: Any, commits: Sequence[list[Event]]) -> list[float]:
    return await timed([partial(store.commit, commit) for commit in commits])


def entries(first: int, n: int = N) -> list[list[Event]]:
    return [entry_commit(first + i) for i in range(n)]


def fsyncs(folder: Path) -> list[float]:
    """What the disk itself takes for 200 bytes."""
    took = []
    with (folder / "floor").open("wb", buffering=0) as file:
        for _ in range(300):
            start = time.perf_counter()
            file.write(b"x" * 200)
            os.fdatasync(file.fileno())
            took.append((time.perf_counter() - start) * 1e6)
    return took


async def preload(store: Any) -> None:
    """A hundred thousand messages and ten thousand closed trades."""
    for first in range(0, MESSAGES, 500):
        await store.commit([event_of(*(intake(first + i) for i in range(500)), ref="load")])
    for first in range(0, TRADES, 500):
        closed = (
            trade(5_000_000 + first + i, state=TradeState.CLOSED, closed_at=T0) for i in range(500)
        )
        await store.commit([event_of(*closed, ref="load")])


async def test_commit_one_by_one(tmp_path: Path) -> None:
    sessions = await stock(tmp_path)

    async def stock_commit(rows: Callable[[int], list[StockRow]], n: int) -> None:
        async with sessions() as session:
            session.add_all(rows(n))
            await session.commit()

    fills = [[event_of(execution(n))] for n in range(N)]
    ours: dict[str, list[float]] = {"entry": [], "fill": []}
    theirs: dict[str, list[float]] = {"entry": [], "fill": []}
    floor: list[float] = []
    async with opened(sqlite_url(tmp_path)) as store:
        await one_by_one(store, entries(0, 200))
        for turn in range(5):
            some = slice(turn * N // 5, (turn + 1) * N // 5)
            floor += fsyncs(tmp_path)
            ours["entry"] += await one_by_one(store, entries(1000 * (turn + 1), N // 5))
            ours["fill"] += await one_by_one(store, fills[some])
            for name, rows in (("entry", stock_rows), ("fill", stock_fill)):
                works = [partial(stock_commit, rows, n) for n in range(N_STOCK // 5)]
                theirs[name] += await timed(works)
        say("")
        disk = shown("the disk: 200 bytes and fdatasync", floor)
        empty = shown("commit of 2 events + 5 records, one by one", ours["entry"])
        other = shown("stock ORM session over aiosqlite, the same 7 rows", theirs["entry"])
        say(f"{'':<52} {other / empty:.1f} x")
        one = shown("commit of one fill, one by one", ours["fill"])
        stock_one = shown("stock ORM session over aiosqlite, one row", theirs["fill"])
        say(f"{'':<52} {stock_one / one:.1f} x")
        start = time.perf_counter()
        await preload(store)
        say(f"loading {MESSAGES + TRADES} records took {time.perf_counter() - start:.1f} s")
        beside = await one_by_one(store, entries(20_000))
        full = shown("commit beside 100k messages and 10k trades", beside)
        say(f"{'':<52} {full / empty:.2f} x of empty")
        assert (await store.verify()).is_ok
    await sessions.kw["bind"].dispose()
    if disk > BUSY_DISK_US:
        pytest.skip(f"the disk is busy (fdatasync {disk:.0f} us): ratios say nothing now")
    assert empty * 1.5 < other
    assert one * 1.5 < stock_one
    assert full < empty * 1.6


async def test_commit_by_64_callers(tmp_path: Path) -> None:
    sessions = await stock(tmp_path)
    gate = asyncio.Semaphore(8)

    async def stock_commit(n: int) -> None:
        async with gate, sessions() as session:
            session.add_all(stock_rows(n))
            await session.commit()

    async with opened(sqlite_url(tmp_path)) as store:
        await together(lambda n: store.commit(entry_commit(900_000 + n)), 64, 5)
        commits = [entry_commit(n) for n in range(64 * 60)]
        rate = await together(lambda n: store.commit(commits[n]), 64, 60)
        fills = [[event_of(execution(n))] for n in range(64 * 150)]
        fill_rate = await together(lambda n: store.commit(fills[n]), 64, 150)
        assert (await store.verify()).is_ok
    other = await together(stock_commit, 64, 5)
    say("")
    say(f"64 callers: {rate:,.0f} commits of 5 records/s ({rate * 5:,.0f} records/s)")
    say(f"64 callers: {fill_rate:,.0f} commits of one fill/s")
    say(f"64 callers, stock ORM, the same rows: {other:,.0f} commits/s; {rate / other:.1f} x")
    await sessions.kw["bind"].dispose()
    assert rate > other * 5


async def test_commit_on_postgres() -> None:
    async with opened(postgres_url()) as store:
        await one_by_one(store, entries(0, 200))
        say("")
        shown("PostgreSQL: commit, one by one", await one_by_one(store, entries(1000, 800)))
        commits = [entry_commit(100_000 + n) for n in range(64 * 30)]
        rate = await together(lambda n: store.commit(commits[n]), 64, 30)
        say(f"PostgreSQL, 64 callers: {rate:,.0f} commits of 5 records/s")


async def test_find_ten_thousand_closed_trades(tmp_path: Path) -> None:
    sessions = await stock(tmp_path)
    async with sessions() as session:
        doc = "x" * 850
        session.add_all(StockRow(kind="row", ref=f"r{n}", doc=doc) for n in range(TRADES))
        await session.commit()
    where = {"state": TradeState.CLOSED}
    url = sqlite_url(tmp_path)
    async with opened(url) as store:
        await preload(store)
    async with opened(url) as store:
        cold = await timed([lambda: store.find(Trade, where=where)])
        warm = await timed([lambda: store.find(Trade, where=where)] * 7)
        get = await timed([lambda: store.get(Trade, "T-5000007")] * 1000)
        last = await timed([lambda: store.find(Trade, newest_first=True, limit=20)] * 200)
        marks = await timed([store.highest_message_ids] * 100)
        assert len(await store.find(Trade, where=where)) == TRADES

    async def stock_find() -> None:
        async with sessions() as session:
            found = (
                await session.execute(select(StockRow).where(StockRow.kind == "row"))
            ).scalars()
            assert len(found.all()) == TRADES

    theirs = await timed([stock_find] * 5)
    say("")
    shown("find 10k closed trades, first time", cold)
    ours = shown("find 10k closed trades, again", warm)
    other = shown("stock ORM, 10k rows of 4 columns", theirs)
    shown("get one trade, kept", get)
    shown("find the newest 20 of 10k trades", last)
    shown("highest message ids of 100k messages", marks)
    await sessions.kw["bind"].dispose()
    assert ours < other


async def test_open_and_close(tmp_path: Path) -> None:
    url = sqlite_url(tmp_path)

    async def once() -> None:
        async with opened(url):
            pass

    await once()
    took = await timed([once] * 20)
    async with opened(url) as store:
        await preload(store)
    loaded = await timed([once] * 3)
    say("")
    shown("open and close, empty database", took)
    shown("open and close, 110k records", loaded)
