"""One alert to fifty accounts, each with its own verdict, intent and order, all durable.

Run with ``make bench``. Prints distributions; asserts only what came about.
"""

import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine.brokers.paper import PaperBroker, PaperSettings
from engine.domain.order import Intent
from engine.domain.source import RouteRule
from engine.flows.alerts import take_alert
from engine.flows.brokers import recover
from engine.market import ALWAYS
from storage.memory import MemoryVault
from tests.bench.meter import line, say
from tests.bench.test_alert_path import contract, desk_on, quote, words
from tests.rig import OPTIONS, RHEA, d

pytestmark = pytest.mark.bench

ACCOUNTS, ROUNDS = 50, 7


async def test_one_alert_to_fifty_accounts(tmp_path: Path) -> None:
    names = [f"acct_{n:02d}" for n in range(ACCOUNTS)]
    async with desk_on(tmp_path) as rig:
        desk = rig.desk
        far = PaperBroker(
            clock=rig.clock,
            board=rig.board,
            vault=MemoryVault(),
            settings=PaperSettings(start_cash_usd={n: d(100_000) for n in names}, latency_ms=10),
        )
        desk.brokers = {**desk.brokers, "far": far}
        desk.calendars = {"*": ALWAYS}
        desk.settings = replace(
            desk.settings,
            accounts={"main": "paper"} | dict.fromkeys(names, "far"),
            start_cash_usd={n: d(100_000) for n in ["main", *names]},
            routes=(RouteRule(accounts=tuple(names), to="all"),),
        )
        await recover.start(desk)
        took = []
        for number in range(ROUNDS):
            quote(rig, contract(number))
            message = rig.message(OPTIONS, RHEA, words(number))
            began = time.perf_counter()
            record = await take_alert.run(desk, message)
            took.append((time.perf_counter() - began) * 1e3)
            assert record is not None
            assert len(record.trade_ids) == ACCOUNTS, record.reason
            intents = await desk.store.find(Intent, where={"alert_id": record.alert_id})
            assert len(intents) == ACCOUNTS
            assert all(i.verdicts for i in intents)
        say()
        line(f"alert -> {ACCOUNTS} orders accepted and stored", took)
        await desk.drain()
        await far.close()
