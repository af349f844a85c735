"""How long the copilot needs for its context, and how long an answer without a model takes.

``make bench`` prints it; 2,000 closed trades and 1,000 alerts of the last days, 20 open positions.
"""

from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from bot.app import App
from bot.config import load
from bot.demo import world
from engine.domain.copying import replace
from engine.domain.desk import Who
from engine.domain.instrument import stock
from engine.domain.quote import Leg, Quote
from engine.domain.trade import Account
from tests.live import HandFeed, config_file
from tests.unit.reports import examples as ex

TOM = Who(user_id=7, name="tom", may_trade=True, may_approve=True)
N_CLOSED, N_ALERTS, N_OPEN, N_ASKED = 2000, 1000, 20, 60
QUESTIONS = ("what happened yesterday?", "what can be done?", "am I near my limits?", "how is S1?")


@pytest.mark.bench
async def test_context_and_answer(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TS_DISCORD_TOKEN", world.TOKEN)
    nowhere = SimpleNamespace(api_base="http://127.0.0.1:9", gateway_url="ws://127.0.0.1:9")
    path = config_file(tmp_path, nowhere, copilot={"questions_per_min": 60})  # type: ignore[arg-type]
    app = App(load(path), feed=HandFeed())
    await app.store.open()
    try:
        await fill(app)
        took: dict[str, list[float]] = {"context": [], "answer": []}
        monkeypatch.setattr(app.copilot.budget(), "too_fast", lambda *_: False)
        for number in range(N_ASKED):
            question = QUESTIONS[number % len(QUESTIONS)]
            began = app.clock.monotonic()
            await app.briefing.gather(app.copilot.read(question))
            took["context"].append(app.clock.monotonic() - began)
            began = app.clock.monotonic()
            await app.copilot.answer(TOM, question, nothing, research=True)
            took["answer"].append(app.clock.monotonic() - began)
        for name, times in took.items():
            times.sort()
            p50, p95 = (times[int(len(times) * q)] * 1000 for q in (0.5, 0.95))
            print(f"copilot {name}: p50 {p50:.0f} ms, p95 {p95:.0f} ms, max {times[-1] * 1000:.0f}")
    finally:
        await app.desk.stop_tasks()
        await app.store.close()


async def nothing(embed: Any, view: Any) -> None:
    """Nobody looks."""
    del embed, view


async def fill(app: App) -> None:
    """Two days of a busy desk."""
    desk, now = app.desk, app.clock.now()
    events = []
    for n in range(N_CLOSED):
        at = now - timedelta(minutes=n + 1)
        trade = ex.closed(n, "12.50" if n % 3 else "-20", opened_at=at, closed_at=at, created_at=at)
        entry = ex.booking(trade, trade.realised_usd, at, entry_id=f"L-{n}", execution_id=f"X-{n}")
        events.append(desk.event("test.closed", trade.alert_id, trade, entry))
    for n in range(N_ALERTS):
        at = now - timedelta(minutes=2 * n + 1)
        made = ex.alert(alert_id=f"A-B{n}", message_id=n + 1, received_at=at, posted_at=at)
        events.append(desk.event("test.heard", made.alert_id, made))
    for n in range(N_OPEN):
        of = stock(f"S{n}")
        trade = ex.trade(
            trade_id=f"T-O{n}",
            alert_id=f"A-O{n}",
            symbol=f"S{n}",
            asset="stock",
            legs=(Leg(instrument=of),),
            entry_price=Decimal(100),
            opened_at=now,
            created_at=now,
        )
        held = replace(ex.position(of, ex.lot("2", "100"), trade_id=f"T-O{n}"))
        events.append(desk.event("test.opened", trade.alert_id, trade, held))
        app.board.put(
            Quote(
                instrument=of,
                bid=Decimal("101.99"),
                ask=Decimal("102.01"),
                exchange_at=now,
                received_at=now,
                source="test",
            )
        )
    events.append(desk.event("test.account", "main", Account(name="main", broker="paper")))
    for first in range(0, len(events), 500):
        await desk.commit(*events[first : first + 500])
