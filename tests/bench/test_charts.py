"""Charts: how long one takes, how large it is, and whether the event loop feels it."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator

import psutil  # type: ignore[import-untyped]
import pytest

from bot.charts import Charts, Theme
from tests.contact_sheet import pnl_report
from tests.market_sheets import FOUR, candles_report

pytestmark = pytest.mark.bench

N_TRADES = 2000


@pytest.fixture
async def charts() -> AsyncIterator[Charts]:
    drawing = Charts(timeout_s=30)
    await drawing.warm()
    yield drawing
    await drawing.close()


async def test_pnl_chart_of_2000_trades_is_quick_and_small(charts):
    """The best of many rounds: other work on the machine only ever adds to it."""
    report = pnl_report(N_TRADES)
    took, size = [], 0
    for _ in range(25):
        started = time.perf_counter()
        size = len(await charts.render("pnl", report, Theme.DARK))
        took.append((time.perf_counter() - started) * 1000)
    print(
        f"\nP&L chart, {N_TRADES} trades: best {min(took):.1f} ms, "
        f"median {statistics.median(took):.1f} ms, {size / 1000:.1f} kB"
    )
    assert min(took) < 60
    assert size < 60_000


async def test_500_candles_with_four_indicators_are_quick_and_small(charts):
    """Averages, bands, RSI and MACD with volume; judged by the processor time of the drawing.

    Other work on the machine lengthens the wall times, which are printed beside it.
    """
    took, size, report = [], 0, None
    (pid,) = charts.pids
    worker = psutil.Process(pid)
    before = sum(worker.cpu_times()[:2])
    for _ in range(60):
        report = candles_report("1y", "1h", *FOUR, n=560, n_shown=500)
        started = time.perf_counter()
        size = len(await charts.render("candles", report, Theme.DARK))
        took.append((time.perf_counter() - started) * 1000)
    spent = (sum(worker.cpu_times()[:2]) - before) / len(took) * 1000
    print(
        f"\ncandles, {len(report.candles)} with {', '.join(FOUR)}: best {min(took):.1f} ms, "
        f"median {statistics.median(took):.1f} ms, p95 {percentile(took, 95):.1f} ms; of the "
        f"processor {spent:.1f} ms each; {size / 1000:.1f} kB"
    )
    assert spent < 60
    assert size < 130_000


async def test_event_loop_does_not_feel_the_drawing(charts, monkeypatch):
    """No callback of ours keeps the loop for more than a millisecond while charts are drawn.

    Judged by the processor time of each callback, which other work on the machine cannot change;
    the lag of the wall clock is printed beside it.
    """
    report = pnl_report(N_TRADES)
    lags: list[float] = []
    spent: list[float] = []
    run = asyncio.Handle._run

    def timed(handle: asyncio.Handle) -> None:
        before = time.thread_time()
        run(handle)
        spent.append((time.thread_time() - before) * 1000)

    async def watch() -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(0.001)
            lags.append((time.perf_counter() - before - 0.001) * 1000)

    async def measure(rounds: int) -> tuple[float, float]:
        lags.clear()
        watcher = asyncio.create_task(watch())
        for _ in range(rounds):
            await charts.render("pnl", report, Theme.DARK)
        if not rounds:
            await asyncio.sleep(1)
        watcher.cancel()
        return percentile(lags, 99), max(lags)

    idle = await measure(0)
    monkeypatch.setattr(asyncio.Handle, "_run", timed)
    busy = await measure(30)
    monkeypatch.undo()
    print(
        f"\nevent loop while drawing: callbacks p99 {percentile(spent, 99):.2f} ms, "
        f"longest {max(spent):.2f} ms; lag p99/max {busy[0]:.2f}/{busy[1]:.2f} ms, "
        f"without drawing {idle[0]:.2f}/{idle[1]:.2f} ms"
    )
    assert percentile(spent, 99) <= 1.0


async def test_first_picture_after_a_cold_start_is_there_soon():
    report = pnl_report(60)
    drawing = Charts(timeout_s=30)
    try:
        started = time.perf_counter()
        await drawing.warm()
        warm_s = time.perf_counter() - started
        started = time.perf_counter()
        await drawing.render("pnl", report)
        first_s = time.perf_counter() - started
    finally:
        await drawing.close()
    print(f"\nchart worker: ready after {warm_s:.2f} s, first picture {first_s * 1000:.0f} ms")
    assert warm_s < 10


def percentile(values: list[float], share: int) -> float:
    """Of measured values, so many percent are not above it."""
    return sorted(values)[min(len(values) * share // 100, len(values) - 1)]
