"""Fifty commands a second for a minute, while alerts come in: the alert path must not feel it.

Run with ``make bench``. Real bot, SQLite with synchronous=FULL, Discord on loopback in the same
process, whose own work is therefore in every figure.
"""

import asyncio
import gc
import random
import time
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from bot.demo import world as demo
from bot.sandbox import Sandbox
from bot.sandbox.world import UserSpec
from engine.domain.instrument import option
from tests.bench.meter import Watch, line, say
from tests.bench.test_click import FREE, taken_back
from tests.discord.kit import QUIET, Desk, desk, friday

pytestmark = pytest.mark.bench

SECONDS, PER_SECOND, PEOPLE = 60, 50, 25
ALERT_EVERY_S = 0.5
ASKED = (
    *(("status", {}), ("positions", {}), ("risk-limits", {}), ("trades recent", {})),
    *(("alerts list", {}), ("help", {}), ("market-status", {}), ("health summary", {})),
    *(("order list", {}), ("exposure", {"theme": "dark"})),
)
"""What people look at; one in ten comes with a chart."""


async def test_fifty_commands_a_second(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(monkeypatch.setattr)
    people = [f"p{n}" for n in range(PEOPLE)]
    world = demo.world()
    more = (
        UserSpec(id=demo.GUILD + 300 + n, name=p, roles=("Trader",)) for n, p in enumerate(people)
    )
    sandbox = await Sandbox.start(replace(world, users=(*world.users, *more)), token=demo.TOKEN)
    paper = {"paper": {"latency_ms": 300, "slippage_ticks": 0}}
    rooms = {"sources": {"options": {"handling": "auto"}}, **QUIET}
    try:
        async with desk(
            tmp_path, monkeypatch, sandbox=sandbox, risk=FREE, brokers=paper, **rooms
        ) as it:
            alone = await alerts(it, watch, 20, first=300)
            gc.freeze()
            load = asyncio.create_task(commands(it, people))
            busy = await alerts(it, watch, int(SECONDS / ALERT_EVERY_S), first=400)
            answered, lag, outcomes = await load
            gc.unfreeze()
    finally:
        await sandbox.stop()
    say()
    line("alert -> accepted, nobody else asks", alone)
    line(f"alert -> accepted, {PER_SECOND} commands a second", busy)
    line("command -> acknowledged", answered["acked"])
    line("command -> first useful reply", answered["replied"])
    line("event-loop lag", lag)
    say(f"commands: {dict(outcomes)}")
    assert outcomes["answered"] == SECONDS * PER_SECOND


async def alerts(it: Desk, watch: Watch, n: int, *, first: int) -> list[float]:
    """One alert after the other, each taken back before the next; ms to its acceptance.

    ``first``: strike of the first; each has its own, or it would count as a repeat.
    """
    took, on = [], friday()
    for strike in range(first, first + n):
        contract = option("SPY", on, Decimal(strike), "C")
        it.price(contract, "2.14", "2.15")
        known = set(it.book.trades)
        began = time.perf_counter()
        it.user("rhea").say("options-room", f"BTO 1 SPY {strike}C {on.month}/{on.day} @ 2.15")
        try:
            await it.until(lambda began=began: watch.accepted_at > began)
        except TimeoutError:
            newest = next(reversed(it.book.alerts.values()))
            raise AssertionError(f"{newest.state}: {newest.reason}") from None
        took.append((watch.accepted_at - began) * 1e3)
        (fresh,) = await it.until(lambda known=known: set(it.book.trades) - known)
        it.price(contract, "2.90", "2.95")
        await taken_back(it, fresh)
        del it.prices[contract]
        await asyncio.sleep(max(ALERT_EVERY_S - (time.perf_counter() - began), 0))
    return took


async def commands(
    it: Desk, people: list[str]
) -> tuple[dict[str, list[float]], list[float], Counter[str]]:
    """So many a second, evenly; times to the acknowledgement and to the reply, and the lag."""
    rng = random.Random(5)
    took: dict[str, list[float]] = {"acked": [], "replied": []}
    outcomes: Counter[str] = Counter()
    lag: list[float] = []

    async def one(number: int) -> None:
        command, options = ASKED[number % len(ASKED)]
        began = time.perf_counter()
        used = it.user(people[rng.randrange(len(people))]).slash("orders", command, options)
        await used.acked()
        took["acked"].append((time.perf_counter() - began) * 1e3)
        await used.replied()
        took["replied"].append((time.perf_counter() - began) * 1e3)
        outcomes["answered" if used.reply.embeds else "refused"] += 1

    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(SECONDS * PER_SECOND):
            due = begun + number / PER_SECOND
            wait = due - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
                lag.append(max(time.perf_counter() - due, 0) * 1e3)
            group.create_task(one(number))
    return took, lag, outcomes
