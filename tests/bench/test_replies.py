"""From the slash command to the first useful reply, over real sockets, pictures included."""

import statistics
import time

import pytest

from tests.discord.kit import desk
from tests.discord.test_charts import market

pytestmark = pytest.mark.bench

WORDS = (
    ("vic", "market-status", {}),
    ("tom", "status", {}),
    ("tom", "positions", {}),
    ("tom", "order list", {}),
    ("tom", "trades recent", {}),
    ("tom", "risk-limits", {}),
    ("vic", "watchlist view", {}),
    ("vic", "data quality", {}),
)
PICTURES = (
    ("vic", "chart candles", {"symbol": "SPY", "indicators": "sma20, ema9, bollinger, rsi, macd"}),
    ("vic", "chart compare", {"symbols": "SPY, QQQ, AAPL"}),
    ("tom", "chart pnl", {"period": "all"}),
    ("tom", "analyze", {"symbols": "AAPL"}),
    ("vic", "market-summary", {}),
)
ROUNDS = 12


def p95(values: list[float]) -> float:
    return sorted(values)[min(len(values) * 95 // 100, len(values) - 1)]


async def test_the_first_useful_reply_is_there_in_time(tmp_path, monkeypatch):
    async with desk(tmp_path, monkeypatch, watchlist=["SPY", "AAPL", "QQQ"]) as it:
        market(it)
        await it.held()
        await it.app.charts.warm()
        monkeypatch.setattr(it.app.pace, "count", lambda *_, **__: None)
        for kind, commands in (("words", WORDS), ("with a picture", PICTURES)):
            took: dict[str, list[float]] = {}
            for _ in range(ROUNDS):
                for who, command, options in commands:
                    began = time.perf_counter()
                    used = it.user(who).slash("orders", command, **options)
                    await used.replied(40)
                    took.setdefault(command, []).append((time.perf_counter() - began) * 1000)
                    assert used.reply is not None
            every = [ms for each in took.values() for ms in each]
            slowest = max(took, key=lambda name: statistics.median(took[name]))
            print(
                f"\nfirst useful reply, {kind}: {len(every)} of {len(commands)} commands, median "
                f"{statistics.median(every):.0f} ms, p95 {p95(every):.0f} ms, best "
                f"{min(every):.0f} ms; slowest /{slowest} median "
                f"{statistics.median(took[slowest]):.0f} ms"
            )
