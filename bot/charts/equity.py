"""Realised P&L by trading day above, and how far it stood below its peak underneath."""

from datetime import datetime, time
from decimal import Decimal
from itertools import accumulate
from typing import TYPE_CHECKING, Any

from bot import text
from bot.charts import Series, ticks
from engine.market import NEW_YORK
from engine.reports import Missing
from engine.reports.performance import PerformanceReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bot.charts._canvas import Sheet


def pack(report: PerformanceReport) -> dict[str, Any]:
    """What is drawn, as plain values."""
    days = report.days
    line = [d.cumulative_usd for d in days]
    peaks = list(accumulate(line, max, initial=Decimal(0)))[1:]
    under = [v - p for v, p in zip(line, peaks, strict=True)]
    won = report.win_rate_pct
    return {
        "title": "Realised P&L by day",
        "value": text.usd(line[-1], sign=True) if line else "",
        "detail": ""
        if isinstance(won, Missing)
        else f"{report.n_wins:,} of {report.n_closed:,} trades won",
        "line": Series(line),
        "under": Series(under),
        "fall": text.usd(min(under)) if under else "",
        "ticks": ticks([datetime.combine(d.on, time(12), NEW_YORK) for d in days]),
        "is_synthetic": report.stamp.is_synthetic,
    }


EXAMPLE: dict[str, Any] = {
    "title": "Realised P&L by day",
    "value": "+$30.00",
    "detail": "2 of 3 trades won",
    "line": (50.0, 10.0, 30.0),
    "under": (0.0, -40.0, -20.0),
    "fall": "-$40.00",
    "ticks": ((0, 1.7e9), (2, 1.7002e9)),
    "is_synthetic": True,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    from bot.charts import _canvas as c

    page = c.sheet("equity", theme)
    colours = page.palette
    line = data["line"]
    if data["is_synthetic"]:
        page.strip()
    if not line:
        page.heading(data["title"], "", colours.soft, "")
        page.middle("no closed trades yet")
        return page.png()
    tone = colours.good if line[-1] > 0 else colours.bad if line[-1] < 0 else colours.ink
    fall = f"max drawdown by day {data['fall']}" if data["fall"] else ""
    page.heading(data["title"], data["value"], tone, data["detail"], fall)
    _curve(page, (0.0, *line), 0.40, 0.42, colours.line)
    below = _curve(page, (0.0, *data["under"]), 0.145, 0.21, colours.bad, is_filled=True)
    c.time_axis(page, below, data["ticks"], len(line))
    return page.png()


_LEFT, _WIDE = 0.03, 0.845


def _curve(
    page: "Sheet",
    values: tuple[float, ...],
    bottom: float,
    tall: float,
    colour: str,
    *,
    is_filled: bool = False,
) -> "Axes":
    import numpy as np
    from matplotlib.collections import LineCollection, PolyCollection

    from bot.charts import _canvas as c

    y = np.array(values)
    x = np.arange(len(y), dtype=float)
    n = len(y) - 1
    axes = page.panel(_LEFT, bottom, _WIDE, tall)
    low, high = c.spread(y)
    axes.set_xlim(0, n + 0.5)
    axes.set_ylim(low, high)
    steps = c.nice_steps(low, high, 3 if is_filled else 5)
    c.gridlines(axes, page.palette, steps, 0, n + 0.5)
    c.value_axis(page, axes, steps, (low, high), c.money)
    c.zero_line(axes, page.palette, 0, n + 0.5)
    if is_filled:
        shape = np.column_stack((np.r_[x, x[::-1]], np.r_[y, np.zeros(len(x))]))
        axes.add_collection(PolyCollection([shape], facecolors=colour, alpha=0.28, linewidths=0))
    axes.add_collection(LineCollection([np.column_stack((x, y))], colors=colour, linewidths=2.5))
    return axes
