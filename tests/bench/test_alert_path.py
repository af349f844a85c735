"""Message received -> order accepted by the paper broker: every durable commit included.

Run with ``make bench``. Prints distributions; asserts only what came about. ``accepted`` ends when
the paper broker, its own book durable, has said that it has the order; ``stored`` when the desk's
books say so too and the alert's card is due.
"""

import asyncio
import gc
import shutil
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import date
from pathlib import Path

import pytest

from bot import garbage
from engine.clock import SystemClock
from engine.domain.desk import AlertState, Intake
from engine.domain.instrument import Instrument, option
from engine.domain.order import OrderState
from engine.domain.quote import Quote
from engine.domain.trade import Trade, TradeState
from engine.flows.alerts import take_alert
from engine.flows.orders import call_off
from engine.market import ALWAYS
from storage.sql import SqlStore, SqlVault
from tests import rig as desks
from tests.bench.history import KEY, MESSAGES, NEXT_MESSAGE, TRADES
from tests.bench.meter import Meter, Watch, fsync_ms, line, say
from tests.rig import OPTIONS, RHEA, Rig, d

pytestmark = pytest.mark.bench

ROUNDS, EACH = 7, 30
FREE = {
    "entry_window": {"stock": None, "option": None, "future": None, "crypto": None},
    "trades_per_day": {"max_trades": 1_000_000, "max_per_symbol": 1_000_000},
    "max_positions": {"max_positions": 1_000_000, "max_long_options": 1_000_000},
    "max_per_symbol": {"max_positions": 1_000_000},
    "cooldown": {"after_exit_min": 0},
}


@asynccontextmanager
async def desk_on(
    folder: Path, *, latency_ms: int = 10, quote_age_s: int = 5
) -> AsyncIterator[Rig]:
    """A desk on a real SQLite file, synchronous=FULL, with the machine's clock."""
    clock = SystemClock()
    store = SqlStore(f"sqlite:///{folder}/desk.db", KEY, clock)
    rig = await desks.start(
        store=store,
        vault=SqlVault(store),
        clock=clock,
        risk=FREE | {"data_fresh": {"max_age_s": quote_age_s}},
        latency_ms=latency_ms,
        max_quote_age_s=d(quote_age_s),
    )
    rig.desk.calendars = {"*": ALWAYS}
    rig.last_id = NEXT_MESSAGE
    usual = gc.get_threshold()
    garbage.out_of_the_way()  # as the bot does once it is up: pytest's own heap is no part of it
    try:
        yield rig
    finally:
        gc.unfreeze()
        gc.set_threshold(*usual)
        await rig.close()


def contract(number: int) -> Instrument:
    """One of 700."""
    return option("SPY", date(2027, 1, 15), d(300 + number % 700), "C")


def words(number: int) -> str:
    """The alert that asks for it."""
    return f"BTO 1 SPY {300 + number % 700}C 01/15/2027 @ 1.00"


def quote(rig: Rig, instrument: Instrument, bid: str = "0.99", ask: str = "1.00") -> None:
    """A fresh quote."""
    now = rig.clock.now()
    rig.board.put(
        Quote(
            instrument=instrument,
            bid=d(bid),
            ask=d(ask),
            exchange_at=now,
            received_at=now,
            source="bench",
        )
    )


async def one(rig: Rig, number: int, meter: Meter | None = None) -> None:
    """One alert up to its acceptance; then its entry is cancelled, so that nothing piles up."""
    await taken(rig, number, meter)
    await taken_back(rig)


async def taken(rig: Rig, number: int, meter: Meter | None = None) -> None:
    """One alert up to its acceptance."""
    quote(rig, contract(number))
    message = rig.message(OPTIONS, RHEA, words(number))
    if meter is not None:
        meter.begin()
    record = await take_alert.run(rig.desk, message)
    if meter is not None:
        meter.end()
    assert record is not None
    assert rig.desk.book.alerts[record.alert_id].state is AlertState.ORDERED
    quote(rig, contract(number), "1.49", "1.50")  # away from its limit: it does not fill


async def taken_back(rig: Rig) -> None:
    """Cancel what works."""
    for order in list(rig.desk.book.orders.values()):
        assert order.state is OrderState.ACCEPTED
        assert await call_off.ask_cancel(rig.desk, order, "bench")
    for _ in range(2000):
        await asyncio.sleep(0.002)
        if not rig.desk.book.trades:
            return
    raise AssertionError("the entry was not cancelled")


async def test_alert_to_accepted_with_an_empty_and_a_full_store(
    tmp_path: Path, history: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rounds of both take turns; the ratio is the median of the rounds' ratios."""
    (tmp_path / "empty").mkdir()
    shutil.copytree(history, tmp_path / "full")
    async with desk_on(tmp_path / "empty") as empty, desk_on(tmp_path / "full") as full:
        store = full.desk.store
        assert await store.count(Intake) == MESSAGES
        assert await store.count(Trade, where={"state": TradeState.CLOSED}) == TRADES
        await compare({"empty": empty, "full": full}, Watch(monkeypatch.setattr), tmp_path)


async def compare(rigs: dict[str, Rig], watch: Watch, folder: Path) -> None:
    """Print both, and how the full one compares."""
    meters = {name: Meter(watch) for name in rigs}
    for rig in rigs.values():
        for number in range(10):
            await one(rig, number)
    ratios: dict[str, list[float]] = {}
    for turn in range(ROUNDS):
        for number in range(turn * EACH + 10, turn * EACH + EACH + 10):
            for name, rig in rigs.items():
                await one(rig, number, meters[name])
        for what in ("accepted", "stored", "loop", "writer"):
            of_turn = {name: meters[name].found[what][-EACH:] for name in rigs}
            middle = {name: statistics.median(values) for name, values in of_turn.items()}
            ratios.setdefault(what, []).append(middle["full"] / middle["empty"])
    say()
    line("this disk: 64 kB made durable", fsync_ms(folder))
    for name, meter in meters.items():
        say(f"alert -> order, {name} store, {meter.found['commits'][-1]:.0f} commits")
        line("  to accepted by the paper broker", meter.found["accepted"])
        line("  to accepted in the desk's books", meter.found["stored"])
        line("  of it CPU of the loop's thread", meter.found["loop"])
        line("  of it CPU of the writer's thread", meter.found["writer"])
    for what, found in ratios.items():
        say(f"full / empty, {what:<9} {statistics.median(found):.2f}  (rounds {spread(found)})")


def spread(values: list[float]) -> str:
    """All of them, lowest first."""
    return " ".join(f"{value:.2f}" for value in sorted(values))


async def test_alerts_that_follow_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten without a pause: a processor that has just rested takes two to four times as long."""
    meter = Meter(Watch(monkeypatch.setattr))
    async with desk_on(tmp_path) as rig:
        for turn in range(20):
            for number in range(turn * 10, turn * 10 + 10):
                await taken(rig, number, meter if turn else None)
            await taken_back(rig)
    say("\nalert -> order, ten that follow on each other at once")
    line("  to accepted by the paper broker", meter.found["accepted"])
    line("  of it CPU of the loop's thread", meter.found["loop"])
    line("  of it CPU of the writer's thread", meter.found["writer"])


async def test_a_burst_of_500_alerts_in_a_second(tmp_path: Path) -> None:
    async with desk_on(tmp_path, latency_ms=60_000, quote_age_s=60) as rig:
        for number in range(500, 520):
            quote(rig, contract(number))
            await take_alert.run(rig.desk, rig.message(OPTIONS, RHEA, words(number)))
        await burst(rig)


async def burst(rig: Rig) -> None:
    """Each alert on its own moment of the second; all of them in order, none lost."""
    messages = [rig.message(OPTIONS, RHEA, words(n)) for n in range(500)]
    lags: list[float] = []
    waits: list[float] = []
    watcher = asyncio.create_task(watch_lag(lags))
    began = time.perf_counter()

    async def post(n: int) -> None:
        await asyncio.sleep(began + n / 500 - time.perf_counter())
        arrived = time.perf_counter()
        quote(rig, contract(n))
        await take_alert.run(rig.desk, messages[n])
        waits.append((time.perf_counter() - arrived) * 1e3)

    await asyncio.gather(*map(post, range(500)))
    took_s = time.perf_counter() - began
    watcher.cancel()
    taken = await rig.desk.store.find(Intake)
    assert [i.message_id for i in taken[-500:]] == [m.message_id for m in messages]
    states = Counter(a.state for a in rig.desk.book.alerts.values())
    orders = sorted(rig.desk.book.orders.values(), key=lambda o: o.created_at)[20:]
    numbers = {contract(n).key: n for n in range(500)}
    sent = [numbers[o.legs[0].instrument.key] for o in orders]
    assert sent == sorted(sent)
    say(f"\nburst of 500 alerts in 1 s: all taken in order; {dict(states)}")
    say(f"  the last one is through after {took_s:.2f} s ({500 / took_s:.0f} alerts/s)")
    line("  arrival to acceptance stored", waits)
    line("  event-loop lag", lags)


async def watch_lag(lags: list[float], every_s: float = 0.005) -> None:
    """How much later than asked for the loop comes round."""
    while True:
        began = time.perf_counter()
        await asyncio.sleep(every_s)
        lags.append((time.perf_counter() - began - every_s) * 1e3)
