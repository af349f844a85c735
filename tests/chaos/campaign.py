"""kill -9 of the real bot, again and again, while alerts, approvals and exits flow; then an audit.

The bot is a process of its own; Discord and the audit are here. After each death, before the next
life, the tables as they lie on the disk are compared with the broker's own book and with what was
there before. At the end everything is recomputed: from what was posted, from executions alone, from
the journal, and from the broker's book.
"""

import asyncio
import random
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import aiohttp
import yaml
from sqlalchemy import Connection, create_engine, text

from bot.config import load
from bot.config.layers import merged
from bot.demo import stage as demo
from bot.demo.market import Market
from engine.brokers.paper import AlwaysOpen, PaperBroker
from engine.clock import SystemClock
from engine.domain.desk import Approval, ApprovalState, Intake
from engine.domain.instrument import stock
from engine.domain.order import Order, OrderState, Purpose
from engine.domain.trade import Account, Execution, Position, Trade
from engine.feeds import QuoteBoard
from storage.database import open_database
from storage.sql import SqlStore, SqlVault
from tests import truth

SYMBOLS = ("AAPL", "MSFT", "META", "NVDA", "AMD", "TSLA", "GOOGL", "IWM")
AUTO = frozenset({"Stocks room", "Futures room"})
AFTER_READY_S = 3.0
"""A life ends at a random moment up to so long after it was ready."""
MOVE_S = 0.5
"""A share jumps so often while a life lasts, and takes as long to get there; whole steps of the
market, which are a quarter of a second."""
REST_S = 45.0
"""Grace of an order that was moved and not answered, 30 s, and some."""
SHORT, QUIET_LOOKS = 10, 4
"""After fewer kills than that: only until so many looks in a row found nothing going on."""
LIMITS: dict[str, Any] = {  # and questions that end soon: restarts leave hundreds of them
    "risk": {
        "duplicate": {"window_s": 0},
        "max_positions": {"max_positions": 5000, "max_long_options": 5000},
        "max_per_symbol": {"max_positions": 5000},
        "trades_per_day": {"max_trades": 100000, "max_per_symbol": 100000},
        "cooldown": {"after_exit_min": 0, "after_two_stops_h": 0, "after_three_stops_h": 0},
        "allocation": {"max_pct": 100},
        "sector": {"max_pct": 100},
        "correlation": {"max_correlation": 1},
        "min_reward": {"kinds": []},
        "daily_loss": {"max_loss_pct": 100, "warn_pct": 100},
        "drawdown": {"max_pct": 100, "warn_pct": 100},
    },
    "sizing": {"max_notional_pct": 1},
    "accounts": {"main": {"broker": "paper", "start_cash_usd": 10_000_000}},
    "brokers": {"paper": {"latency_ms": 20}},
    "jobs": {"monitor_s": 0.5},
    "discord": {"approval_expiry_s": 60},
    "sources": {
        "stocks": {
            "handling": "auto",
            "chase_limit_pct": 3,
            "chase_limit_by_asset": {"stock": 3},
            "ask_limit_pct": 5,
            "ask_limit_by_asset": {"stock": 5},
        }
    },
}


@dataclass
class Tally:
    """What the campaign did, what it saw on the disk, how long the bot took to come back."""

    posted: set[int] = field(default_factory=set)
    kills: int = 0
    kills_while_starting: int = 0
    clicks: int = 0
    trading_s: list[float] = field(default_factory=list)
    """From the start of the process until entries were allowed."""
    connected_s: list[float] = field(default_factory=list)
    orders: set[str] = field(default_factory=set)
    executions: set[str] = field(default_factory=set)
    lives_checked: int = 0


async def run(folder: Path, url: str, kills: int, seed: int) -> tuple[Tally, str]:
    """Live, kill, look, again; then the audit. Raises AssertionError at the first untruth."""
    tally = await _lives(folder, url, kills, random.Random(seed))
    return tally, await audit(folder, tally)


async def _lives(folder: Path, url: str, kills: int, chance: random.Random) -> Tally:
    scene = await demo.set_up(folder, SystemClock(), port=0)
    port = _free_port()
    values = yaml.safe_load(scene.config.read_text(encoding="utf-8"))
    values = merged(values, LIMITS, {"storage": {"url": url}, "health": {"port": port}})
    scene.config.write_text(yaml.safe_dump(values), encoding="utf-8")
    tally = Tally()
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=2)) as http:
        watch = Watch(http, f"http://127.0.0.1:{port}/health")
        try:
            await scene.start_bot()
            await asyncio.sleep(1)  # a first start begins to listen here: nothing before is ours
            await scene.kill_bot()
            while tally.kills < kills:
                await _life(scene, watch, chance, tally)
                _look_at_the_disk(folder, tally)
            await scene.start_bot()
            await watch.until_trading()
            await _at_rest(folder, tally)
            await scene.stop_bot()
        finally:
            await scene.close()
    return tally


async def _at_rest(folder: Path, tally: Tally) -> None:
    """The last gap is read and every doubt past its grace; a short run is at rest when it rests."""
    ends, n_quiet, before = time.monotonic() + REST_S, 0, 0
    while time.monotonic() < ends and (tally.kills > SHORT or n_quiet < QUIET_LOOKS):
        await asyncio.sleep(0.5)
        is_busy, now = _looked_at(folder, tally)
        n_quiet, before = (0 if is_busy or now != before else n_quiet + 1), now


def _looked_at(folder: Path, tally: Tally) -> tuple[bool, int]:
    """Whether alerts are still to be read or outcomes to be had; the length of the journal."""
    with _tables(folder) as db:
        taken = {row[0] for row in db.execute(text("SELECT message_id FROM intake"))}
        states = {row[0] for row in db.execute(text("SELECT DISTINCT state FROM orders"))}
        n_events = db.execute(text("SELECT count(*) FROM audit")).scalar_one()
    doubts = {OrderState.UNKNOWN.value, OrderState.SUBMITTING.value}
    return bool(tally.posted - taken or states & doubts), n_events


@contextmanager
def _tables(folder: Path) -> Iterator[Connection]:
    """The database as it lies on the disk."""
    engine = create_engine(open_database(load(folder / "config.yaml").database_url(), 5).sync_url)
    try:
        with engine.connect() as db:
            yield db
    finally:
        engine.dispose()


@dataclass
class Watch:
    """The health endpoint, as a supervisor looks at it."""

    http: aiohttp.ClientSession
    url: str

    async def until_trading(self, patience_s: float = 60) -> dict[str, Any]:
        """Wait until entries are allowed; what it said."""
        until = time.monotonic() + patience_s
        seen: dict[str, Any] = {}
        while time.monotonic() < until:
            with suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with self.http.get(self.url) as answer:
                    seen = await answer.json()
                if seen.get("trading_ready"):
                    return seen
            await asyncio.sleep(0.02)
        raise AssertionError(f"never ready to trade: {seen}")


async def _life(scene: demo.Stage, watch: Watch, chance: random.Random, tally: Tally) -> None:
    """From start to kill; every third life ends while it is still starting."""
    began = time.monotonic()
    start = asyncio.create_task(scene.start_bot())
    if tally.kills % 3 == 2:
        tally.kills_while_starting += 1
        await asyncio.sleep(0.3 + chance.random() * 1.5)
    else:
        seen = await watch.until_trading()
        tally.trading_s.append(time.monotonic() - began)
        assert "differ" not in str(seen.get("recovery", "")), seen
        await start
        tally.connected_s.append(time.monotonic() - began)
        await _trade(scene, chance, tally)
    while scene.pid == 0:  # noqa: ASYNC110 - a process that is being made has no event
        await asyncio.sleep(0.005)
    await scene.kill_bot()
    start.cancel()
    await asyncio.gather(start, return_exceptions=True)
    tally.kills += 1
    await _post(scene, chance, tally)  # said while nobody listens


async def _trade(scene: demo.Stage, chance: random.Random, tally: Tally) -> None:
    """Alerts, clicks and a moving market until the moment of death."""
    if chance.random() < 0.8:
        await asyncio.sleep(0.5)  # the gap is read: from here on entries are live
    until = time.monotonic() + chance.random() * AFTER_READY_S
    moved_at = 0.0
    while time.monotonic() < until:
        if time.monotonic() - moved_at > MOVE_S:
            moved_at = time.monotonic()
            await _move(scene.market, chance)
        await _post(scene, chance, tally)
        await _click(scene, chance, tally)
        await asyncio.sleep(chance.random() * 0.08)


async def _post(scene: demo.Stage, chance: random.Random, tally: Tally) -> None:
    """An entry or an exit of a share, near its market."""
    symbol = chance.choice(SYMBOLS)
    quote = await scene.market.quote(stock(symbol))
    if chance.random() < 0.65:
        limit = (quote.ask * Decimal("1.002")).quantize(quote.ask)
        stop = (quote.bid * Decimal("0.985")).quantize(quote.bid)
        said = f"Long {symbol} {limit}, stop {stop}"
    else:
        said = f"Sold all {symbol} {quote.bid}"
    tally.posted.add(scene.user("mike").say("stocks-room", said).id)


async def _click(scene: demo.Stage, chance: random.Random, tally: Tally) -> None:
    """A trader approves what waits, twice as often as not."""
    card = scene.find("approvals", button="Approve")
    if card is None or chance.random() < 0.3:
        return
    with suppress(Exception):  # a card that has just changed refuses; a dead bot does not answer
        scene.user(chance.choice(("tom", "ann")), strict=False).click(card, "Approve")
        tally.clicks += 1


async def _move(market: Market, chance: random.Random) -> None:
    """One share jumps, so that stops and limits are reached."""
    share = stock(chance.choice(SYMBOLS))
    here = await market.mid(share)
    there = here * Decimal(chance.choice(["0.975", "0.99", "1.01", "1.02"]))
    await market.lead(share, there.quantize(Decimal("0.01")), MOVE_S)


# -- between two lives ------------------------------------------------------------------------


def _look_at_the_disk(folder: Path, tally: Tally) -> None:
    """Whatever moment it died at: written before sent, sent once, nothing gone (I-11, I-13)."""
    with _tables(folder) as db:
        orders = {row[0] for row in db.execute(text("SELECT key FROM orders"))}
        executions = {row[0] for row in db.execute(text("SELECT key FROM executions"))}
        paper = {row[0] for row in db.execute(text("SELECT key FROM paper_book"))}
    taken = {key.partition("/")[2] for key in paper if key.startswith(("live/", "done/"))}
    filled = {key.partition("/")[2] for key in paper if key.startswith("fill/")}
    assert taken <= orders, f"sent and never written down: {taken - orders}"
    assert executions <= filled, f"booked and never filled: {executions - filled}"
    assert tally.orders <= orders, f"orders lost: {tally.orders - orders}"
    assert tally.executions <= filled, f"fills lost: {tally.executions - filled}"
    tally.orders, tally.executions = orders, filled
    tally.lives_checked += 1


# -- the audit --------------------------------------------------------------------------------


async def audit(folder: Path, tally: Tally) -> str:
    """Open the books as an auditor would; one line of figures."""
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
        await truth.ledger_identity(store)
        await truth.positions_are_sums_of_fills(store)
        await truth.orders_have_a_mandate(store, AUTO)
        orders = await store.find(Order)
        n_fills = await _same_as_broker(store, config, orders)
        doubts = [o for o in orders if o.state in (OrderState.UNKNOWN, OrderState.SUBMITTING)]
        assert not doubts, f"never resolved: {[o.order_id for o in doubts]}"
        exits = [o for o in orders if o.purpose is not Purpose.ENTRY and o.filled]
        naked = [t for t in await store.find(Trade) if t.is_unprotected_since and t.stop]
        assert not naked, f"left without a stop: {[t.trade_id for t in naked]}"
        assert n_fills or tally.kills < 6, "nothing was traded at all"
        approved = await store.count(Approval, where={"state": (ApprovalState.APPROVED,)})
        entries = [o for o in orders if o.purpose is Purpose.ENTRY]
        sent = [o for o in entries if o.sent_at is not None]
        return (
            f"{tally.kills} kills ({tally.kills_while_starting} while starting), "
            f"{len(tally.posted)} alerts, {len(orders)} orders ({len(sent)} entries sent, "
            f"{approved} approved by click, {len(exits)} exits filled), {n_fills} fills; "
            "0 lost, 0 doubled, "
            f"ledger identity exact, audit chain ok ({chain.n_events} rows = tables), "
            f"{tally.lives_checked} deaths looked at on the disk"
        )
    finally:
        await store.close()


async def _same_as_broker(store: SqlStore, config: Any, orders: list[Order]) -> int:
    """The paper broker's own book and ours tell of the same orders, fills, positions and cash."""
    from bot import parts

    broker = PaperBroker(
        clock=SystemClock(),
        board=QuoteBoard(),
        vault=SqlVault(store),
        settings=parts.paper(config),
        hours=AlwaysOpen(),
    )
    await broker.connect()
    try:
        long_ago = min((o.created_at for o in orders), default=SystemClock().now())
        theirs = await broker.orders_since("main", long_ago)
        ids = [o.client_order_id for o in theirs]
        ours = {o.order_id: o for o in orders}
        assert len(ids) == len(set(ids)), "the broker has an order twice"
        assert not set(ids) - set(ours), "an order that we never wrote down"
        for report in theirs:
            mine = ours[report.client_order_id]
            assert mine.filled + _before(mine, ours) == report.filled, report.client_order_id
        live = {o.client_order_id for o in await broker.open_orders("main")}
        differ = live ^ {o.order_id for o in orders if o.state.is_at_broker}
        assert not differ, [
            (o.order_id, o.state, o.purpose, o.reason, o.updated_at, o.order_id in live)
            for o in orders
            if o.order_id in differ
        ]
        fills = await broker.fills_since("main", long_ago)
        executions = await store.find(Execution)
        assert sorted(f.execution_id for f in fills) == sorted(e.execution_id for e in executions)
        held: dict[str, Decimal] = {}
        for position in await store.find(Position):
            if position.qty:
                key = position.instrument.key
                held[key] = held.get(key, Decimal(0)) + position.qty
        assert held == {p.instrument.key: p.qty for p in await broker.positions("main") if p.qty}
        balance = await broker.balance("main")
        (account,) = await store.find(Account)
        assert balance.cash_usd == account.cash_usd
        return len(fills)
    finally:
        await broker.close()


def _before(order: Order, ours: dict[str, Order]) -> Decimal:
    """What the orders that it replaced had filled: the broker's reports count that too."""
    filled = Decimal(0)
    while order.replaces is not None:
        order = ours[order.replaces]
        filled += order.filled
    return filled


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
