"""Killed and started anew at an outside broker with a full day behind it: launch -> trading ready.

The venue is an imitation on loopback that lives on; the desk is the real program as a process, with
its real pace of requests, killed by SIGKILL as soon as it is ready, and started again. 1,000 recent
orders, 50 of them positions with a stop at the broker. ``BROKER=webull`` for one alone.
Run with ``make bench``. Prints a distribution; asserts only what came about.
"""

import asyncio
import os
import stat
import time
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bot.tokens import FileTokens
from engine.brokers.paper import AlwaysOpen
from engine.clock import SystemClock
from engine.domain.instrument import Instrument, future, stock, third_friday
from engine.domain.order import Order, OrderState
from engine.flows.brokers import watch
from engine.flows.orders import call_off, doubt
from storage.sql import SqlStore
from tests.bench.history import KEY
from tests.bench.meter import line, say
from tests.bench.test_start import cpu_ms
from tests.conformance.broker_bench import BROKERS
from tests.discord.process import bot, discord_server
from tests.scenarios.test_desk_at_venues import Outside

pytestmark = pytest.mark.bench

NAMES = ("alpaca", "etrade", "schwab", "tastytrade", "topstepx", "webull")
POSITIONS, ORDERS, ROUNDS = 50, 1_000, 20
CASH = Decimal(10_000_000)


def traded(kind: str, number: int) -> Instrument:
    """What the so-many-th position is in."""
    if kind == "future":
        return future(("MES", "MNQ")[number % 2], third_friday(2026, 12))
    return stock("Q" + "ABCDEFGHIJ"[number // 10 % 10] + "ABCDEFGHIJ"[number % 10])


def opened(name: str) -> Any:
    """The venue's bench on the machine's clock, open around the clock."""
    bench: Any = BROKERS[name if name == "topstepx" else f"{name} stock"]()
    bench.clock = SystemClock()
    bench.numbers = {"main": bench.numbers["main"]}
    bench.terms = replace(bench.terms, start_cash_usd={"main": CASH}, latency_ms=0)
    made = bench.venue_type
    bench.venue_type = lambda clock, vault, settings, *, board: made(
        clock, vault, settings, board=board, hours=AlwaysOpen()
    )
    return bench


async def until(check: Any, desk: Any = None) -> None:
    """``desk``: looks at its brokers meanwhile; some tell nothing unasked."""
    async with asyncio.timeout(120):
        while not check():
            if desk is not None:
                await watch.round_of(desk)
            await asyncio.sleep(0.002)


class Day(Outside):
    """A desk in this process that makes the past of the one to be killed."""

    async def rest(self) -> None:
        await self.bench.venue.exchange.settle()
        await asyncio.sleep(0)

    async def make(self, kind: str) -> None:
        """Positions with their stops, and entries that were taken back."""
        desk = self.desk
        for number in range(POSITIONS):
            self.bench.it = traded(kind, number)
            self.quote("2.00", "2.01")
            await self.enter(qty=1)
        await until(lambda: len(desk.book.open_trades()) == POSITIONS, desk)
        n_orders = count(2 * POSITIONS)
        while next(n_orders) < ORDERS:
            self.quote("2.50", "2.60")
            entry = await self.enter(qty=1)
            assert await call_off.ask_cancel(desk, entry, "bench")
            for _ in range(200):
                if self.is_over(entry):
                    break
                await doubt.look_up(desk, entry.order_id)
            assert self.is_over(entry)
        trades = desk.book.open_trades
        await until(lambda: all(t.is_unprotected_since is None for t in trades()), desk)
        await until(lambda: not desk.in_flight)

    def is_over(self, order: Order) -> bool:
        """Cancelled, as the desk knows."""
        known = self.desk.book.orders.get(order.order_id)
        return known is None or known.state in (OrderState.CANCELED, OrderState.REJECTED)


async def make_past(bench: Any, name: str, folder: Path) -> None:
    """At the venue and in the books of ``folder``."""
    kind = "future" if name == "topstepx" else "stock"
    bench.tokens, kept = FileTokens(folder / "tokens" / f"{name}-paper"), bench.tokens.kept
    for key, text in kept.items():
        await bench.tokens.save(key, text)
    day = Day(bench, name)
    day.store = SqlStore(f"sqlite:///{folder}/desk.db", KEY, bench.clock)  # type: ignore[assignment]
    await day.start()
    await until(lambda: not day.desk.gates)
    await day.make(kind)
    await day.desk.drain()
    await day.die()
    await day.store.close()  # type: ignore[attr-defined]


def configured(bench: Any, name: str, folder: Path) -> dict[str, Any]:
    """What the process is told of the broker."""
    settings = bench.settings(bench.venue.url, bench.venue.ws_url)
    secrets = {f"{name}_{k}": v for k, v in bench.secrets.items()}
    secrets["account_main"] = bench.numbers["main"]
    (folder / ".secrets").mkdir(mode=0o700)
    for key, text in {**secrets, "../audit.key": KEY.decode() + "\n"}.items():
        path = folder / ".secrets" / key
        path.write_text(text)
        path.chmod(stat.S_IRUSR | stat.S_IWUSR)
    return {
        "accounts": {"main": {"broker": name}},
        "brokers": {name: settings.model_dump(mode="json", exclude_unset=True)},
        "storage": {"url": f"sqlite:///{folder}/desk.db"},
    }


@pytest.mark.parametrize("name", NAMES)
async def test_killed_and_started_anew(tmp_path: Path, name: str) -> None:
    if os.environ.get("BROKER") not in (None, "", name):
        pytest.skip(f"only {os.environ['BROKER']} was asked for")
    bench = opened(name)
    try:
        await bench.open_venue()
        bench.connect_faults(bench.venue)
        await make_past(bench, name, tmp_path)
        bench._patches.undo()  # the real pace, from here on
        values = configured(bench, name, tmp_path)
        found, cpu = [], []
        async with discord_server() as sandbox:
            for _ in range(ROUNDS + 1):
                async with bot(tmp_path, sandbox, **values) as process:
                    seen = await process.until(lambda s: s["trading_ready"], 120)
                    found.append((time.monotonic() - process.started_at) * 1e3)
                    cpu.append(cpu_ms(process))
                    assert seen["trading_ready"]
        orders = await bench.at_venue()
        say(f"\n{name}: {len(orders)} orders at the venue, of them {POSITIONS} positions' stops")
        line("SIGKILL -> launch -> trading ready", found[1:])
        line("  of it processor time of the desk", cpu[1:])
        assert len(orders) >= ORDERS - POSITIONS, "nothing was sent by starting"
    finally:
        await bench.stop()
