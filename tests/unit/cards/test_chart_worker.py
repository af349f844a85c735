"""The drawing process: pictures come, and nothing that goes wrong there reaches the bot."""

import asyncio
import io
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import pytest_asyncio
from PIL import Image

from bot.charts import ChartError, Charts, Theme, module, names, number, numbers
from engine.reports import Missing, pnl, price_path
from tests.contact_sheet import path_report, pnl_report
from tests.unit.reports.examples import book, frame

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
async def charts() -> AsyncIterator[Charts]:
    drawing = Charts(timeout_s=20)
    yield drawing
    await drawing.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kept() -> AsyncIterator[Charts]:
    """One that is shared by those who leave it alive: its start is most of what a picture costs."""
    drawing = Charts(timeout_s=20)
    await drawing.warm()
    yield drawing
    await drawing.close()


SHARED = pytest.mark.asyncio(loop_scope="module")


@SHARED
async def test_a_picture_comes_back_as_png(kept):
    png = await kept.render("pnl", pnl_report(12), Theme.LIGHT)
    with Image.open(io.BytesIO(png)) as image:
        assert image.format == "PNG"
        assert image.mode == "P"
        assert image.size == (960, 600)


@SHARED
async def test_the_worker_is_kept(kept):
    pid = kept.pids
    assert len(pid) == 1
    await kept.render("pnl", pnl_report(2))
    assert kept.pids == pid


async def test_a_hung_worker_is_killed_and_replaced():
    drawing = Charts(timeout_s=1.5)
    try:
        await drawing.warm()
        (hung,) = drawing.pids
        os.kill(hung, signal.SIGSTOP)
        with pytest.raises(ChartError, match=r"not drawn within 1\.5 s"):
            await drawing.render("pnl", pnl_report(2))
        with pytest.raises(ProcessLookupError):
            os.kill(hung, 0)
        await drawing.warm()
        assert await drawing.render("pnl", pnl_report(2))
        assert drawing.pids != (hung,)
    finally:
        await drawing.close()


async def test_a_worker_that_dies_is_replaced(charts):
    await charts.warm()
    os.kill(charts.pids[0], signal.SIGKILL)
    with pytest.raises(ChartError, match="the chart process ended"):
        await charts.render("pnl", pnl_report(2))
    assert await charts.render("pnl", pnl_report(2))


@SHARED
async def test_an_error_while_drawing_is_told_and_the_worker_lives_on(kept):
    pid = kept.pids
    with pytest.raises(ChartError, match="KeyError"):
        await kept._run("pnl", {"nothing": 1}, Theme.DARK)
    assert await kept.render("pnl", pnl_report(2))
    assert kept.pids == pid


async def test_an_answer_never_reaches_the_wrong_question(charts):
    await charts.warm()
    asked = asyncio.create_task(charts.render("pnl", pnl_report(2000)))
    await asyncio.sleep(0.01)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    png = await charts.render("trade", path_report())
    fresh = await charts.render("trade", path_report())
    assert png == fresh


@SHARED
async def test_many_at_once_all_arrive(kept):
    pictures = await asyncio.gather(*(kept.render("pnl", pnl_report(n)) for n in range(12)))
    assert len({len(p) for p in pictures}) > 1


async def test_too_many_at_once_are_refused_in_words(monkeypatch):
    drawing = Charts(timeout_s=0.3)
    try:
        worker = drawing._idle.get_nowait()  # busy for ever
        with pytest.raises(ChartError, match="too many charts"):
            await drawing.render("pnl", pnl_report(2))
        drawing._idle.put_nowait(worker)
    finally:
        await drawing.close()


async def test_after_closing_there_are_no_charts(charts):
    await charts.warm()
    (pid,) = charts.pids
    await charts.close()
    with pytest.raises(ChartError, match="switched off"):
        await charts.render("pnl", pnl_report(2))
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("bad", [Decimal("NaN"), Decimal("Infinity"), float("nan"), None])
def test_what_is_not_finite_is_refused(bad):
    with pytest.raises(ChartError):
        number(bad)
    with pytest.raises(ChartError):
        numbers([Decimal(1), bad])


def test_a_missing_figure_is_refused():
    with pytest.raises(ChartError, match="no quote"):
        numbers([Missing("no quote")])


async def test_nan_in_a_report_is_refused_before_anything_is_drawn(charts):
    trades, entries, account = book(["10"])
    report = pnl.build(frame(), trades=trades, entries=entries, accounts=[account])
    rotten = replace(report, rows=(replace(report.rows[0], cumulative_usd=Decimal("NaN")),))
    with pytest.raises(ChartError):
        await charts.render("pnl", rotten)
    assert charts.pids == ()


async def test_an_unfilled_trade_has_no_price_chart(charts):
    report = path_report()
    card = replace(report.card, entry=Missing("not filled"))
    with pytest.raises(ChartError, match="not filled"):
        await charts.render("trade", price_path.build(card, []))


async def test_an_unknown_chart_is_refused(charts):
    for name in ("nothing", "_canvas", "../pnl"):
        with pytest.raises(ChartError, match="there is no chart"):
            await charts.render(name, None)


@pytest.mark.parametrize("name", names())
def test_every_chart_fills_the_contract(name):
    chart = module(name)
    assert callable(chart.pack)
    assert callable(chart.draw)
    assert isinstance(chart.EXAMPLE, dict)


def test_the_bot_process_never_loads_matplotlib():
    code = """
import asyncio, sys
from bot.charts import Charts, module, names
from engine.reports import pnl
from tests.unit.reports.examples import book, frame

async def main():
    drawing = Charts(timeout_s=30)
    trades, entries, account = book(["10", "-5"])
    report = pnl.build(frame(), period="all", trades=trades, entries=entries, accounts=[account])
    await drawing.render("pnl", report)
    await drawing.close()

for name in names():
    module(name)
asyncio.run(main())
print([m for m in ("matplotlib", "numpy", "PIL") if m in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True
    )
    assert done.stdout.strip() == "[]"


def environment_of(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


async def test_the_worker_gets_no_secrets(charts, monkeypatch):
    monkeypatch.setenv("TRADESTREAM_DISCORD_TOKEN", "do-not-pass-on")
    await charts.warm()
    assert b"do-not-pass-on" not in environment_of(charts.pids[0])


async def test_the_worker_leaves_when_the_bot_is_gone(charts):
    await charts.warm()
    worker = charts._all[0]
    assert worker._process is not None
    assert worker._process.stdin is not None
    worker._process.stdin.close()
    assert await asyncio.wait_for(worker._process.wait(), 5) == 0
