"""kill -9 of the real bot at random moments, again and again; then the books are opened.

``make chaos`` runs it against SQLite and PostgreSQL, CHAOS_KILLS times each (200 unless said).
"""

import asyncio
import os
import random
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml

from bot.config import load
from bot.config.layers import merged
from bot.demo import stage as demo
from engine import ledger
from engine.brokers.paper import AlwaysOpen, PaperBroker
from engine.clock import SystemClock
from engine.domain.desk import Intake
from engine.domain.instrument import stock
from engine.domain.order import Order, Purpose
from engine.domain.trade import Account, Execution, LedgerEntry, Position
from engine.feeds import QuoteBoard
from storage.sql import SqlStore, SqlVault
from tests.unit.storage.postgres import server

SYMBOLS = ("AAPL", "MSFT", "META", "NVDA", "AMD", "TSLA", "GOOGL", "IWM")
LIMITS = {
    "risk": {
        "max_positions": {"max_positions": 5000, "max_long_options": 5000},
        "max_per_symbol": {"max_positions": 5000},
        "trades_per_day": {"max_trades": 100000, "max_per_symbol": 100000},
        "cooldown": {"after_exit_min": 0},
        "allocation": {"max_pct": 100},
        "min_reward": {"kinds": []},
    },
    "sizing": {"max_notional_pct": 1},
    "accounts": {"main": {"broker": "paper", "start_cash_usd": 10_000_000}},
    "brokers": {"paper": {"latency_ms": 20}},
    "sources": {"stocks": {"handling": "auto"}},
}


@dataclass
class Tally:
    """What the campaign did and how long the bot took to come back."""

    posted: set[int] = field(default_factory=set)
    kills: int = 0
    ready_s: list[float] = field(default_factory=list)


async def campaign(folder: Path, url: str, kills: int, seed: int) -> Tally:
    """Post alerts, kill the bot, start it again."""
    chance = random.Random(seed)
    scene = await demo.set_up(folder, SystemClock(), port=0)
    values = yaml.safe_load(scene.config.read_text(encoding="utf-8"))
    values = merged(values, LIMITS, {"storage": {"url": url}})
    scene.config.write_text(yaml.safe_dump(values), encoding="utf-8")
    tally = Tally()
    try:
        await scene.start_bot()
        await asyncio.sleep(1)  # a first start begins to listen here: what came before is not ours
        while tally.kills < kills:
            await one_life(scene, chance, tally)
        await scene.start_bot()
        await asyncio.sleep(6)  # the last gap is read back, orders come to rest
        await scene.stop_bot()
    finally:
        await scene.close()
    return tally


async def one_life(scene: demo.Stage, chance: random.Random, tally: Tally) -> None:
    """From start to kill; every third life ends while it is still starting."""
    began = time.monotonic()
    if tally.kills == 0:
        await scene.kill_bot()
    start = asyncio.create_task(scene.start_bot())
    if tally.kills % 3 == 2:
        await asyncio.sleep(0.3 + chance.random() * 1.5)
    else:
        await start
        tally.ready_s.append(time.monotonic() - began)
        if chance.random() < 0.8:
            await asyncio.sleep(0.7)  # the gap is read: from here on entries are live
        until = time.monotonic() + chance.random() * 2
        while time.monotonic() < until:
            await post(scene, chance, tally)
            await asyncio.sleep(chance.random() * 0.08)
    while scene.pid == 0:  # noqa: ASYNC110 - a process that is being made has no event
        await asyncio.sleep(0.005)
    await scene.kill_bot()
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
    tally.kills += 1
    await post(scene, chance, tally)  # said while nobody listens


async def post(scene: demo.Stage, chance: random.Random, tally: Tally) -> None:
    """An entry or an exit of a share, near its market."""
    symbol = chance.choice(SYMBOLS)
    quote = await scene.market.quote(stock(symbol))
    if chance.random() < 0.6:
        stop = (quote.bid * 98 / 100).quantize(quote.bid)
        text = f"Long {symbol} {quote.ask}, stop {stop}"
    else:
        text = f"Sold all {symbol} {quote.bid}"
    tally.posted.add(scene.user("mike").say("stocks-room", text).id)


async def check(folder: Path, tally: Tally) -> str:
    """Open the books as an auditor would; one line of figures.

    Every figure is recomputed: from what was posted, from executions, from the broker's own book.
    """
    config = load(folder / "config.yaml")
    store = SqlStore(config.database_url(), config.audit_key(), SystemClock())
    await store.open()
    try:
        chain = await store.verify()
        assert chain.is_ok, chain
        taken = [i.message_id for i in await store.find(Intake)]
        assert len(taken) == len(set(taken)), "a message was taken in twice"
        lost = tally.posted - set(taken)
        assert not lost, f"{len(lost)} alerts lost: {sorted(lost)[:5]}"
        orders = await store.find(Order)
        entries = [o for o in orders if o.purpose is Purpose.ENTRY]
        assert len({o.intent_id for o in entries}) == len(entries), "an intent has two entries"
        executions = await store.find(Execution)
        n_fills = await same_as_broker(store, config, orders, executions)
        await ledger_is_exact(store, executions)
        assert n_fills or not tally.posted or tally.kills < 4, "nothing was traded at all"
        return (
            f"{tally.kills} kills, {len(tally.posted)} alerts, {len(orders)} orders, "
            f"{n_fills} fills: 0 lost, 0 doubled, ledger exact, "
            f"{chain.n_events} journal rows whole"
        )
    finally:
        await store.close()


async def same_as_broker(store: SqlStore, config, orders, executions) -> int:
    """The paper broker's own book and ours tell of the same orders, fills and positions."""
    from bot.app import paper_settings

    broker = PaperBroker(
        clock=SystemClock(),
        board=QuoteBoard(),
        vault=SqlVault(store),
        settings=paper_settings(config),
        hours=AlwaysOpen(),
    )
    await broker.connect()
    try:
        long_ago = min((o.created_at for o in orders), default=SystemClock().now())
        theirs = await broker.orders_since("main", long_ago)
        ids = [o.client_order_id for o in theirs]
        assert len(ids) == len(set(ids)), "the broker has an order twice"
        assert not set(ids) - {o.order_id for o in orders}, "an order that we never wrote down"
        fills = await broker.fills_since("main", long_ago)
        assert {f.execution_id for f in fills} == {e.execution_id for e in executions}
        held: dict[str, object] = {}
        for position in await store.find(Position):
            if position.qty:
                key = position.instrument.key
                held[key] = held.get(key, 0) + position.qty
        assert held == {p.instrument.key: p.qty for p in await broker.positions("main") if p.qty}
        return len(fills)
    finally:
        await broker.close()


async def ledger_is_exact(store: SqlStore, executions) -> None:
    """Account totals are the sums of their entries, and entries those of the executions."""
    entries = await store.find(LedgerEntry)
    (account,) = await store.find(Account)
    assert account.cash_usd == sum(e.cash_usd for e in entries)
    assert account.realised_usd == sum(e.realised_usd for e in entries)
    assert account.fees_usd == sum(e.fee_usd for e in entries)
    assert len([e for e in entries if e.kind != "deposit"]) == len(executions)
    assert ledger.rebuild(executions) is not None


def seconds(values: list[float]) -> str:
    ordered = sorted(values)
    if not ordered:
        return "n/a"
    p95 = ordered[min(int(len(ordered) * 0.95), len(ordered) - 1)]
    return f"p50 {ordered[len(ordered) // 2]:.2f} s, p95 {p95:.2f} s"


async def run(folder: Path, url: str, kills: int, capsys) -> None:
    seed = int(os.environ.get("CHAOS_SEED", "7"))
    tally = await campaign(folder, url, kills, seed)
    said = await check(folder, tally)
    with capsys.disabled():
        kind = url.partition(":")[0]
        print(f"\n{kind}: {said}; start to connected {seconds(tally.ready_s)}")  # noqa: T201 - the campaign's result


def kills() -> int:
    return int(os.environ.get("CHAOS_KILLS", "200"))


@pytest.mark.slow
async def test_kill_campaign_on_sqlite(tmp_path, capsys):
    await run(tmp_path, "sqlite:///desk.db", kills(), capsys)


@pytest.mark.slow
async def test_kill_campaign_on_postgres(tmp_path, capsys):
    name = server().new_database("template1")  # empty: the bot makes its own schema
    url = name.replace("://postgres:@/", "://postgres@localhost/")
    await run(tmp_path, url, kills(), capsys)


async def test_four_kills_lose_and_double_nothing(tmp_path, capsys):
    await run(tmp_path, "sqlite:///desk.db", 4, capsys)
