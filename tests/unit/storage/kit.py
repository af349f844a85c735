"""Builders of records, and databases to keep them in, for all storage tests."""

import asyncio
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest

from engine.clock import ManualClock
from engine.domain.alert import RawAlert
from engine.domain.desk import Fact, Intake
from engine.domain.instrument import option
from engine.domain.order import Intent, Order, OrderState, OrderType, Purpose, Side
from engine.domain.quote import Leg
from engine.domain.record import Event, Record
from engine.domain.trade import Execution, LedgerEntry, Trade
from storage.sql import SqlStore

KEY = b"a key for tests only, 32 bytes!!"
T0 = datetime(2026, 11, 20, 14, 30, tzinfo=UTC)
LEFTOVERS: list[Callable[[], object]] = []
"""What to stop and to delete when the tests are over (atexit does not run in xdist's workers)."""
LEGS = (Leg(instrument=option("SPY", date(2026, 11, 20), Decimal(603), "C")),)


def trade(n: int = 1, **changes: Any) -> Trade:
    base = Trade(
        trade_id=f"T-{n}",
        alert_id=f"A-{n}",
        account="main",
        broker="paper",
        source="room",
        symbol="SPY",
        asset="option",
        direction=1,
        legs=LEGS,
        qty_wanted=Decimal(3),
        entry_price=Decimal("1.20"),
        created_at=T0,
    )
    return replace(base, **changes)


def order(n: int = 1, **changes: Any) -> Order:
    base = Order(
        order_id=f"O-{n}",
        intent_id=f"I-{n}",
        alert_id=f"A-{n}",
        trade_id=f"T-{n}",
        account="main",
        broker="paper",
        purpose=Purpose.ENTRY,
        side=Side.BUY,
        legs=LEGS,
        qty=Decimal(3),
        type=OrderType.LIMIT,
        limit=Decimal("1.25"),
        state=OrderState.SUBMITTING,
        created_at=T0,
        updated_at=T0,
    )
    return replace(base, **changes)


def intent(n: int = 1, **changes: Any) -> Intent:
    base = Intent(
        intent_id=f"I-{n}",
        alert_id=f"A-{n}",
        trade_id=f"T-{n}",
        account="main",
        broker="paper",
        source="room",
        author_id=7,
        purpose=Purpose.ENTRY,
        symbol="SPY",
        side=Side.BUY,
        legs=LEGS,
        qty=Decimal(3),
        type=OrderType.LIMIT,
        created_at=T0,
    )
    return replace(base, **changes)


def execution(n: int = 1, **changes: Any) -> Execution:
    base = Execution(
        execution_id=f"X-{n}",
        order_id=f"O-{n}",
        trade_id=f"T-{n}",
        account="main",
        instrument=LEGS[0].instrument,
        side=Side.BUY,
        qty=Decimal(3),
        price=Decimal("1.20"),
        fee_usd=Decimal("1.95"),
        executed_at=T0,
    )
    return replace(base, **changes)


def entry(n: int = 1, **changes: Any) -> LedgerEntry:
    base = LedgerEntry(
        entry_id=f"X-{n}",
        account="main",
        trade_id=f"T-{n}",
        execution_id=f"X-{n}",
        instrument_key=LEGS[0].instrument.key,
        kind="fill",
        qty=Decimal(3),
        price=Decimal("1.20"),
        cash_usd=Decimal("-361.95"),
        fee_usd=Decimal("1.95"),
        realised_usd=Decimal(0),
        closed_qty=Decimal(0),
        booked_at=T0,
    )
    return replace(base, **changes)


def intake(n: int = 1, *, channel: int = 10, text: str = "BTO SPY 603C @ 1.20") -> Intake:
    at = T0 + timedelta(seconds=n)
    message = RawAlert(
        channel_id=channel,
        message_id=1_300_000_000_000_000_000 + n,
        guild_id=1,
        author_id=7,
        author_name="Ann",
        text=text,
        posted_at=at,
        received_at=at,
    )
    return Intake(source="room", message=message, content_hash=f"h{n}", verdict="alert")


def fact(name: str = "halt", value: str = "on", version: int = 1) -> Fact:
    return Fact(name=name, value=value, version=version)


def event(*puts: Record, ref: str = "A-1", kind: str = "test.done", **data: Any) -> Event:
    return Event(kind=kind, ref=ref, at=T0, actor="tester", data=data, puts=puts)


@pytest.fixture(scope="session", autouse=True)
def clean_up() -> Iterator[None]:
    """Every module that starts a server or makes a template imports this."""
    yield
    while LEFTOVERS:
        LEFTOVERS.pop()()


def in_a_thread(work: Coroutine[Any, Any, None]) -> None:
    """Run it to its end, from wherever we are (a loop may be running)."""
    thread = threading.Thread(target=asyncio.run, args=(work,))
    thread.start()
    thread.join()


async def make_schema(url: str) -> None:
    """Migrate an empty database."""
    store = SqlStore(url, KEY)
    await store.open()
    await store.close()


@cache
def _template() -> Path:
    """A new, migrated, empty SQLite file: copied, because migrating each time is slow."""
    folder = Path(tempfile.mkdtemp(prefix="storage-template-"))
    LEFTOVERS.append(partial(shutil.rmtree, folder, ignore_errors=True))
    in_a_thread(make_schema(f"sqlite:///{folder}/desk.db"))
    return folder / "desk.db"


def sqlite_url(folder: Path, *, is_migrated: bool = True) -> str:
    path = folder / "desk.db"
    if is_migrated and not path.exists():
        shutil.copyfile(_template(), path)
    return f"sqlite:///{path}"


@asynccontextmanager
async def opened(url: str, key: bytes = KEY, **options: Any) -> AsyncIterator[SqlStore]:
    store = SqlStore(url, key, ManualClock(T0), **options)
    await store.open()
    try:
        yield store
    finally:
        await store.close()
