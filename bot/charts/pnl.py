"""Realised P&L by trade: the cumulative line above, one bar per trade below."""

from operator import attrgetter
from typing import TYPE_CHECKING, Any

from bot import text
from bot.charts import Series, number, ticks
from engine.reports import Missing
from engine.reports.pnl import Period, PnlReport

if TYPE_CHECKING:
    from bot.charts._canvas import Sheet

_NAMES: dict[Period, str] = {
    "today": "today",
    "week": "this week",
    "month": "this month",
    "ytd": "this year",
    "all": "since the start",
    "1d": "1 day",
    "1w": "1 week",
    "1m": "1 month",
    "3m": "3 months",
}

_NAMED = 10
"""So few bars have room for their trades' names."""


def pack(report: PnlReport) -> dict[str, Any]:
    """What is drawn of a P&L report, as plain values."""
    rows, fall = report.rows, report.drawdown
    total = rows[-1].cumulative_usd if rows else None
    if isinstance(report.win_rate_pct, Missing):
        record = "no closed trades yet"
    else:
        rate = text.pct(report.win_rate_pct, sign=False, places=0)
        record = f"{report.n_wins:,} of {report.n_closed:,} won ({rate})"
    return {
        "title": f"Realised P&L {_NAMES[report.period]}",
        "value": "" if total is None else text.usd(total, sign=True),
        "detail": record,
        "line": Series(map(attrgetter("cumulative_usd"), rows)),
        "ticks": ticks([r.at for r in rows]),
        "names": tuple(r.symbol for r in rows) if len(rows) <= _NAMED else (),
        "fall": None
        if fall is None
        else (number(fall.usd), fall.peak, fall.trough, text.usd(-fall.usd)),
        "is_synthetic": report.stamp.is_synthetic,
    }


EXAMPLE: dict[str, Any] = {
    "title": "Realised P&L",
    "value": "+$30.00",
    "detail": "2 of 3 won (67%)",
    "line": (50.0, 10.0, 30.0),
    "ticks": ((0, 1.7e9), (2, 1.7002e9)),
    "names": (),
    "fall": (40.0, 0, 1, "-$40.00"),
    "is_synthetic": True,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    from bot.charts import _canvas as c

    page = c.sheet("pnl", theme)
    colours = page.palette
    line = data["line"]
    if data["is_synthetic"]:
        page.strip()
    if not line:
        page.heading(data["title"], "", colours.soft, "")
        page.middle("no closed trades yet")
        return page.png()
    tone = colours.good if line[-1] > 0 else colours.bad if line[-1] < 0 else colours.ink
    fall = f"max drawdown {data['fall'][3]}" if data["fall"] else ""
    page.heading(data["title"], data["value"], tone, data["detail"], fall)
    _line(page, data)
    _bars(page, data)
    return page.png()


_LEFT, _WIDE = 0.03, 0.845


def _line(page: "Sheet", data: dict[str, Any]) -> None:
    import numpy as np
    from matplotlib.collections import LineCollection, PolyCollection

    from bot.charts import _canvas as c

    colours = page.palette
    y = np.array((0.0, *data["line"]))
    x = np.arange(len(y), dtype=float)
    n = len(y) - 1
    axes = page.panel(_LEFT, 0.40, _WIDE, 0.42)
    low, high = c.spread(y)
    axes.set_xlim(0, n + 0.5)
    axes.set_ylim(low, high)
    steps = c.nice_steps(low, high, 5)
    c.gridlines(axes, colours, steps, 0, n + 0.5)
    c.value_axis(page, axes, steps, (low, high), c.money)
    xs, ys = _with_crossings(x, y)
    for shade, keep in ((colours.good, np.maximum), (colours.bad, np.minimum)):
        edge = keep(ys, 0)
        shape = np.column_stack((np.r_[xs, xs[::-1]], np.r_[edge, np.zeros(len(xs))]))
        axes.add_collection(PolyCollection([shape], facecolors=shade, alpha=0.28, linewidths=0))
    c.zero_line(axes, colours, 0, n + 0.5)
    width = 3.0 if n <= 400 else 2.0
    axes.add_collection(
        LineCollection([np.column_stack((x, y))], colors=colours.line, linewidths=width)
    )
    axes.plot([n], [y[-1]], "o", color=colours.line, markersize=9, clip_on=False)
    if data["fall"] is not None:
        _, peak, trough, _ = data["fall"]
        top, foot = y[peak + 1], y[trough + 1]
        axes.plot([peak + 1, trough + 1], [top, top], "--", color=colours.bad, linewidth=1.5)
        axes.plot([trough + 1, trough + 1], [top, foot], "-", color=colours.bad, linewidth=2)


def _with_crossings(x: Any, y: Any) -> tuple[Any, Any]:
    """The line with a point added wherever it crosses zero, so that areas meet exactly there."""
    import numpy as np

    at = np.nonzero(y[:-1] * y[1:] < 0)[0]
    if not len(at):
        return x, y
    where = x[at] + y[at] / (y[at] - y[at + 1])
    return np.insert(x, at + 1, where), np.insert(y, at + 1, 0.0)


def _bars(page: "Sheet", data: dict[str, Any]) -> None:
    import numpy as np

    from bot.charts import _canvas as c

    colours = page.palette
    bars = np.diff(data["line"], prepend=0.0)
    n = len(bars)
    axes = page.panel(_LEFT, 0.145, _WIDE, 0.21)
    low, high = c.spread(bars, pad=0.05)
    axes.set_xlim(0, n + 0.5)
    axes.set_ylim(low, high)
    steps = c.nice_steps(low, high, 3)
    c.gridlines(axes, colours, steps, 0, n + 0.5)
    c.value_axis(page, axes, steps, (low, high), c.money)
    x = np.arange(1, n + 1, dtype=float)
    width = 0.68 if n <= 200 else 1.0
    width = min(width, (n + 0.5) * 0.06)
    c.bars(axes, x[bars > 0], bars[bars > 0], width, colours.good)
    c.bars(axes, x[bars < 0], bars[bars < 0], width, colours.bad)
    c.zero_line(axes, colours, 0, n + 0.5)
    if data["names"]:
        c.name_axis(page, axes, data["names"])
    else:
        c.time_axis(page, axes, data["ticks"], n)
