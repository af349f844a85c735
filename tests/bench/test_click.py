"""A press of Approve, from the gateway's bytes to the order handed to the broker.

Run with ``make bench``. Real bot, Discord on loopback in the same process, SQLite with
synchronous=FULL; everything that the press is checked against is gathered anew.
"""

import asyncio
import gc
import time
from pathlib import Path

import pytest

from engine.flows.orders import call_off
from tests.bench.meter import Watch, line, say
from tests.discord.kit import NAMED, QUIET, SPY, Desk, desk

pytestmark = pytest.mark.bench

WARM, ROUNDS = 5, 300
"""The loopback Discord makes ready at first use what it checks requests by: not counted."""
LATENCY_MS = 300
"""Of the paper broker: time to take the order back before it fills."""
FREE = {
    "entry_window": {"stock": None, "option": None, "future": None, "crypto": None},
    "trades_per_day": {"max_trades": 1_000_000, "max_per_symbol": 1_000_000},
    "cooldown": {"after_exit_min": 0},
}


async def test_click_on_approve_to_submit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watch = Watch(monkeypatch.setattr)
    to_submit: list[float] = []
    to_answer: list[float] = []
    paper = {"paper": {"latency_ms": LATENCY_MS, "slippage_ticks": 0}}
    async with desk(tmp_path, monkeypatch, risk=FREE, brokers=paper, **QUIET) as it:
        gc.freeze()  # as the bot does once it is up: pytest's own heap is no part of a press
        for _ in range(WARM + ROUNDS):
            it.price(SPY, "2.14", "2.15")
            approval, card = await it.asked(f"BTO 1 {NAMED} @ 2.15")
            began = time.perf_counter()
            pressed = it.user("tom").click(card, "Approve")
            await it.until(lambda began=began: watch.accepted_at > began)
            it.price(SPY, "2.90", "2.95")  # away from its limit
            assert "approved" in await it.answer(pressed)
            to_answer.append((time.perf_counter() - began) * 1e3)
            to_submit.append((watch.asked_at - began) * 1e3)
            await taken_back(it, approval.trade_id)
        gc.unfreeze()
    say()
    line("click on Approve -> handed to the paper broker", to_submit[WARM:])
    line("click on Approve -> the presser reads the answer", to_answer[WARM:])


async def taken_back(it: Desk, trade_id: str) -> None:
    """Cancel it, so that nothing piles up."""
    for order in it.book.orders_of(trade_id):
        await call_off.ask_cancel(it.app.desk, order, "bench")
    for _ in range(2000):
        if trade_id not in it.book.trades:
            return
        await asyncio.sleep(0.005)
    raise AssertionError("the entry was not cancelled")
