"""Photographs what only a running bot shows, for tests/sheet.py: the panel, every command."""

import tempfile
from pathlib import Path
from typing import Any

import pytest

from bot.charts import Theme
from bot.panel import live
from bot.sandbox.message import Message
from tests.discord.kit import OTHER, QQQ, Desk, desk
from tests.sandbox.browser import chromium, photographs

COMMANDS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("about", {}),
    ("about", {"part": "disclaimer"}),
    ("action", {"text": "SPY stop 1.50"}),
    ("actions", {}),
    ("alerts list", {}),
    ("alerts search", {"text": "AAPL"}),
    ("alerts show", {"id": "{alert}"}),
    ("alerts stats", {}),
    ("alerts test", {"text": "BTO SPY 603C 11/20 @ 2.15", "source": "options"}),
    ("alerts replay", {"id": "{alert}"}),
    ("analyze", {"symbols": "SPY"}),
    ("approvals list", {}),
    ("approvals show", {"id": "{approval}"}),
    ("approvals bulk", {"action": "reject"}),
    ("approvals history", {}),
    ("ask", {"question": "what happened today?"}),
    ("audit search", {}),
    ("audit show", {"number": 12}),
    ("backtest list", {}),
    ("broker list", {}),
    ("broker status", {"broker": "paper"}),
    ("broker test", {"broker": "paper"}),
    ("broker disable", {"broker": "paper", "reason": "holiday"}),
    ("broker route", {}),
    ("buy", {"symbol": "AAPL", "quantity": 10, "stop": 186}),
    ("sell", {"symbol": "SPY", "quantity": 1}),
    ("chart candles", {"symbol": "AAPL"}),
    ("chart compare", {"symbols": "SPY, AAPL"}),
    ("chart equity", {}),
    ("chart heatmap", {}),
    ("chart payoff", {"id": "{trade}"}),
    ("chart pnl", {}),
    ("circuit-breaker", {}),
    ("circuit-breaker", {"action": "test"}),
    ("close", {"symbol": "SPY", "percent": 50}),
    ("correlation", {}),
    ("cut-losses", {}),
    ("data quality", {}),
    ("data quality", {"symbol": "AAPL"}),
    ("data refresh", {}),
    ("data sources", {}),
    ("diagnose", {}),
    ("examples", {"category": "orders"}),
    ("explain", {"symbol": "SPY"}),
    ("export", {"what": "trades"}),
    ("exposure", {}),
    ("health api-usage", {}),
    ("health detailed", {}),
    ("health metrics", {}),
    ("health summary", {}),
    ("help", {}),
    ("help", {"topic": "#"}),
    ("invite", {}),
    ("journal list", {}),
    ("journal note", {"id": "{closed}", "text": "waited for the retest"}),
    ("journal tag", {"id": "{closed}", "tags": "breakout"}),
    ("journal show", {"id": "{closed}"}),
    ("journal chart", {"id": "{closed}"}),
    ("journal search", {"text": "retest"}),
    ("journal stats", {}),
    ("journal review", {}),
    ("logs", {"minutes": 5}),
    ("market-status", {}),
    ("market-summary", {}),
    ("mode show", {}),
    ("monitor sources", {"action": "list"}),
    ("monitor status", {}),
    ("monitor test", {}),
    ("news", {}),
    ("notify rule-add", {"type": "price", "symbol": "AAPL", "condition": "> 100"}),
    ("notify rule-list", {}),
    ("notify history", {}),
    ("notify channels", {}),
    ("opportunities", {}),
    ("order list", {"status": "all"}),
    ("order status", {"id": "{order}"}),
    ("order history", {"id": "{order}"}),
    ("panel", {"action": "sections"}),
    ("performance", {}),
    ("portfolio-summary", {}),
    ("positions", {}),
    ("prefs show", {}),
    ("prefs theme", {"theme": "dark"}),
    ("profit-loss", {}),
    ("rebalance", {}),
    ("reconcile", {}),
    ("risk check", {"symbol": "AAPL", "side": "buy", "quantity": 10}),
    ("risk freeze", {"scope": "symbol", "name": "TSLA", "reason": "earnings"}),
    ("risk set", {"limit": "risk.daily_loss.max_loss_pct", "value": "2", "reason": "calmer week"}),
    ("risk-analysis", {}),
    ("risk-limits", {}),
    ("roles", {"action": "list"}),
    ("sector-analysis", {}),
    ("settings view", {}),
    ("settings view", {"path": "risk.daily_loss"}),
    ("settings set", {"path": "risk.max_positions.max_positions", "value": "25"}),
    ("settings validate", {"path": "risk.max_positions.max_positions", "value": "many"}),
    ("settings history", {}),
    ("settings save", {"name": "calm"}),
    ("settings export", {}),
    ("setup", {}),
    ("status", {}),
    ("stress-test", {"scenario": "spy-10"}),
    ("take-profits", {}),
    ("trace", {"id": "{trade}"}),
    ("trades closed", {}),
    ("trades open", {}),
    ("trades recent", {}),
    ("tutorial", {"step": 4}),
    ("usage", {}),
    ("watchlist add", {"symbols": "TSLA"}),
    ("watchlist view", {}),
    ("watchlist history", {}),
    ("what-to-do", {}),
    ("why", {"action": "{approval}"}),
    ("emergency-stop", {"reason": "drill"}),
    ("monitor stop", {"reason": "holiday"}),
)
"""What an admin is answered; a word in braces is an id that the story made."""


async def story(it: Desk) -> dict[str, str]:
    """A winner closed, another position open, an alert that waits; the ids of all that."""
    closed, card = await it.held(f"BTO {OTHER} @ 2.15")
    it.price(QQQ, "2.60", "2.62")
    question = it.user("tom").click(card, "Close all")
    await it.answer(question)
    await it.user("tom").click(question, question.reply.labels[0]).acked()
    await it.over(closed.trade_id)
    held, _ = await it.held()
    it.user("stranger").say("options-room", "good morning everybody")
    waits, _ = await it.asked("Long AAPL 190, stop 186, target 200", "mike", "stocks-room")
    return {
        "closed": closed.trade_id,
        "trade": held.trade_id,
        "alert": held.alert_id,
        "approval": waits.approval_id,
        "order": next(o.order_id for o in it.book.orders_of(held.trade_id)),
    }


async def panel(it: Desk) -> Message:
    """The panel with all its sections."""
    live.LEAST_S = 0.3
    room = it.sandbox.channel("orders").id
    await used(it, "panel", action="post", channel=room)
    asked = await used(it, "panel", action="sections")
    await it.user("ada").choose(asked, "positions", "trades", "alerts", "brokers", "chart").acked()
    await it.until(lambda: it.app.panel.place and it.app.panel.place.message_id)
    assert it.app.panel.place
    message = it.sandbox.state.message(it.app.panel.place.message_id)
    assert message is not None
    await it.until(lambda: message.attachments, 30)
    return message


async def used(it: Desk, command: str, **options: Any) -> Any:
    """What an admin is answered."""
    return await (await it.slash("ada", "admin", command, **options)).replied(30)


async def answers(it: Desk, ids: dict[str, str]) -> list[tuple[str, Message]]:
    """(file stem, answer) of every command."""
    made: list[tuple[str, Message]] = []
    for n, (command, options) in enumerate(COMMANDS):
        filled = {k: v.format(**ids) if isinstance(v, str) else v for k, v in options.items()}
        answer = await used(it, command, **filled)
        made.append((f"live-{command.replace(' ', '-')}-{n}", answer.reply))
    return made


async def photographed(width: int) -> list[tuple[str, bytes]]:
    """(file stem, PNG) of the panel and of every answer, in both themes."""
    made: list[tuple[str, bytes]] = []
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryDirectory() as profile:
        async with desk(Path(folder), pytest.MonkeyPatch()) as it, chromium(Path(profile)) as page:
            ids = await story(it)
            shown = [("orders", [("live-panel", await panel(it))])]
            told = await answers(it, ids)
            shown += [("admin", told[n : n + 50]) for n in range(0, len(told), 50)]
            for theme in Theme:
                for channel, cards in shown:
                    url = f"{it.sandbox.api_base}/?channel={channel}&theme={theme}&as=ada"
                    shots = await photographs(page, url, [m.id for _, m in cards], width)
                    stems = (f"{stem}-{width}-{theme}" for stem, _ in cards)
                    made += zip(stems, shots, strict=True)
    return made
