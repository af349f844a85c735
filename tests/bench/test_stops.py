"""Ten thousand trailing stops against a moving market, and one tick to its exit order.

Run with ``make bench``. Prints distributions; asserts only what came about.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from math import inf
from pathlib import Path

import pytest

from engine.clock import SystemClock
from engine.domain.instrument import Instrument, stock
from engine.domain.order import Purpose
from engine.domain.quote import Leg, Quote
from engine.domain.trade import StopPlan, Trade, TradeState
from engine.market import ALWAYS
from engine.store import Store, Vault
from storage.memory import MemoryStore, MemoryVault
from storage.sql import SqlStore, SqlVault
from tests import rig as desks
from tests.bench.history import KEY
from tests.bench.meter import Watch, fsync_ms, line, say
from tests.bench.test_alert_path import FREE
from tests.rig import Rig, d

pytestmark = pytest.mark.bench

TRADES, SYMBOLS, ROUNDS = 10_000, 500, 30


@asynccontextmanager
async def desk_on(folder: Path | None) -> AsyncIterator[Rig]:
    """A desk on a SQLite file, synchronous=FULL (None: in memory), always open."""
    clock = SystemClock()
    store: Store = MemoryStore()
    vault: Vault = MemoryVault()
    if folder is not None:
        on_disk = SqlStore(f"sqlite:///{folder}/desk.db", KEY, clock)
        store, vault = on_disk, SqlVault(on_disk)
    rig = await desks.start(store=store, vault=vault, clock=clock, risk=FREE, latency_ms=0)
    rig.desk.calendars = {"*": ALWAYS}
    try:
        yield rig
    finally:
        await rig.close()


def symbol(number: int) -> Instrument:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return stock("B" + letters[number // 26 % 26] + letters[number % 26] + letters[number // 676])


def held(number: int, instrument: Instrument, now: object) -> Trade:
    """Ten shares bought at 100, trailing by 5 from a stop at 90."""
    return Trade(
        trade_id=f"T-{number}",
        alert_id=f"A-{number}",
        account="main",
        broker="paper",
        source="stocks",
        symbol=instrument.symbol,
        asset="stock",
        direction=1,
        legs=(Leg(instrument=instrument),),
        state=TradeState.OPEN,
        qty_wanted=d(10),
        qty_opened=d(10),
        qty_open=d(10),
        is_entry_over=True,
        entry_price=d(100),
        initial_stop=d(90),
        stop=StopPlan(price=d(95), kind="trailing", trail_usd=d(5)),
        opened_at=now,  # type: ignore[arg-type]
        created_at=now,  # type: ignore[arg-type]
    )


def tick(rig: Rig, instrument: Instrument, bid: str) -> None:
    now = rig.clock.now()
    rig.board.put(
        Quote(
            instrument=instrument,
            bid=d(bid),
            ask=d(bid) + d("0.02"),
            exchange_at=now,
            received_at=now,
            source="bench",
        )
    )


async def test_ten_thousand_trailing_stops(tmp_path: Path) -> None:
    async with desk_on(tmp_path) as rig:
        desk = rig.desk
        opened = rig.clock.now() - timedelta(minutes=5)
        for number in range(TRADES):
            desk.book.put(held(number, symbol(number % SYMBOLS), opened))
        for number in range(SYMBOLS):
            tick(rig, symbol(number), "99.00")
        began = time.perf_counter()
        await rig.watch.catch_up()
        say(f"\nfirst look at {TRADES}: {(time.perf_counter() - began) * 1e3:.0f} ms")
        quiet, market, whole = [], [], []
        for n in range(ROUNDS):
            price = f"99.{n % 50:02d}"
            began = time.perf_counter()
            tick(rig, symbol(n), price)
            quiet.append((time.perf_counter() - began) * 1e6)
            began = time.perf_counter()
            for number in range(SYMBOLS):
                tick(rig, symbol(number), price)
            market.append((time.perf_counter() - began) * 1e3)
            began = time.perf_counter()
            due = desk.bands.due(-inf)
            whole.append((time.perf_counter() - began) * 1e3)
            assert due == [], "nothing came near a stop or a move"
            await rig.watch.catch_up()
        line(f"a quiet tick of one symbol, {TRADES // SYMBOLS} trades in it", quiet, "us")
        line(f"a tick of every symbol, {SYMBOLS} quotes", market)
        line(f"all {TRADES} stops evaluated against the last prices", whole)
        desk.book.trades.clear()


@pytest.mark.parametrize("where", ["disk", "memory"])
async def test_a_tick_to_its_exit_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """From the quote that reaches the stop to the broker being asked, all durable before."""
    watch = Watch(monkeypatch.setattr)
    took = []
    line("one durable write of this disk just now", fsync_ms(tmp_path, size=16 << 10))
    async with desk_on(tmp_path if where == "disk" else None) as rig:
        desk = rig.desk
        opened = rig.clock.now() - timedelta(minutes=5)
        runner = desk.spawn(rig.watch.run(), "monitor")
        for number in range(TRADES):
            desk.book.put(held(number, symbol(number % SYMBOLS), opened))
        for number in range(SYMBOLS):
            tick(rig, symbol(number), "99.00")
        await rig.watch.catch_up()
        for number in range(ROUNDS):
            trade = held(TRADES + number, stock(f"X{chr(65 + number % 26)}{number // 26}"), opened)
            await desk.commit(desk.event("bench", trade.alert_id, trade))
            tick(rig, trade.legs[0].instrument, "99.00")
            await rig.rest()
            watch.is_asked.clear()
            began = time.perf_counter()
            tick(rig, trade.legs[0].instrument, "94.90")
            await watch.is_asked.wait()
            took.append((watch.asked_at - began) * 1e3)
            (order,) = desk.book.orders_of(trade.trade_id)
            assert order.purpose is Purpose.CLOSE
        runner.cancel()
        line(f"tick at the stop -> close order at the broker, books on {where}", took)
        desk.book.trades.clear()
