"""What the equity is made of, as a ring, and how it went by closed trades beside it."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bot import text
from bot.charts import Series, numbers, ticks
from engine.reports import Missing
from engine.reports.summary import SummaryReport

if TYPE_CHECKING:
    from bot.charts._canvas import Sheet

_MOST = 5


def pack(report: SummaryReport) -> dict[str, Any]:
    """What is drawn, as plain values: sectors at stake, largest first, and what is free."""
    stakes = report.stakes
    known = [(r.name, r.pct) for r in stakes.rows if not isinstance(r.pct, Missing) and r.pct > 0]
    shown, rest = known[:_MOST], known[_MOST:]
    names = [text.shorten(name, 16) for name, _ in shown]
    parts = [pct for _, pct in shown]
    if rest:
        names.append(f"{len(rest)} more")
        parts.append(sum((pct for _, pct in rest), Decimal(0)))
    whole = sum(parts, Decimal(0))
    day = stakes.day_change_usd
    return {
        "title": "Equity",
        "value": text.usd(stakes.equity_usd),
        "detail": "" if isinstance(day, Missing) else f"today {text.usd(day, sign=True)}",
        "names": tuple(names),
        "pcts": numbers(parts),
        "said": tuple(text.share(part) for part in parts),
        "whole": text.share(whole),
        "free": max(100 - float(whole), 0.0),
        "line": Series(usd for _, usd in report.equity_line),
        "ticks": ticks([at for at, _ in report.equity_line]),
        "is_synthetic": report.stamp.is_synthetic,
    }


EXAMPLE: dict[str, Any] = {
    "title": "Equity",
    "value": "$101,240.00",
    "detail": "today +$240.00",
    "names": ("Index funds", "Technology"),
    "pcts": (25.0, 15.0),
    "said": ("25%", "15%"),
    "whole": "40%",
    "free": 60.0,
    "line": (100_000.0, 100_400.0, 101_240.0),
    "ticks": ((0, 1.7e9), (2, 1.7002e9)),
    "is_synthetic": True,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    from bot.charts import _canvas as c

    page = c.sheet("allocation", theme)
    if data["is_synthetic"]:
        page.strip()
    page.heading(data["title"], data["value"], page.palette.ink, data["detail"])
    _ring(page, data)
    _names(page, data)
    _line(page, data)
    return page.png()


def _ring(page: "Sheet", data: dict[str, Any]) -> None:
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Wedge

    from bot.charts import _canvas as c

    axes = page.panel(0.03, 0.30, 0.36, 0.50)
    box = axes.get_position()
    width, height = page.figure.get_size_inches()
    wide = (box.width * width) / (box.height * height)
    axes.set_xlim(-wide, wide)
    axes.set_ylim(-1, 1)
    scale = 1 if sum(data["pcts"]) <= 100 else 100 / sum(data["pcts"])
    parts = [*(p * scale for p in data["pcts"]), data["free"]]
    tints = [*c.tints(page.palette)[: len(data["pcts"])], page.palette.grid]
    wedges, start = [], 90.0
    for part in parts:
        end = start - part * 3.6
        wedges.append(Wedge((0, 0), 0.95, end, start, width=0.3))
        start = end
    axes.add_collection(PatchCollection(wedges, facecolors=tints, linewidths=0), autolim=False)
    x, y = (box.x0 + box.x1) / 2, (box.y0 + box.y1) / 2
    page.words(x, y + 0.025, data["whole"], size=26, ha="center", va="center", bold=True)
    page.words(x, y - 0.045, "at stake", size=14, ha="center", va="center")


def _names(page: "Sheet", data: dict[str, Any]) -> None:
    """Below the ring, two to a line."""
    from bot.charts import _canvas as c

    rows = [f"{name} {said}" for name, said in zip(data["names"], data["said"], strict=True)]
    for i, (words, tint) in enumerate(zip(rows, c.tints(page.palette), strict=False)):
        x, y = 0.03 + 0.235 * (i % 2), 0.245 - 0.06 * (i // 2)
        page.words(x, y, "■", size=14, colour=tint, va="center")
        page.words(x + 0.025, y, words, size=13, va="center")


def _line(page: "Sheet", data: dict[str, Any]) -> None:
    import numpy as np
    from matplotlib.collections import LineCollection

    from bot.charts import _canvas as c

    if len(data["line"]) < 2:
        page.words(0.70, 0.52, "no closed trades this month", size=15, ha="center", va="center")
        return
    y = np.array(data["line"])
    x = np.arange(len(y), dtype=float)
    axes = page.panel(0.47, 0.18, 0.40, 0.60)
    low, high = float(y.min()), float(y.max())
    slack = max((high - low) * 0.12, abs(high) * 1e-4, 1e-9)
    bounds = (low - slack, high + slack)
    axes.set_xlim(0, len(y) - 1)
    axes.set_ylim(*bounds)
    steps = c.nice_steps(*bounds, 3)
    c.gridlines(axes, page.palette, steps, 0, len(y) - 1)
    c.value_axis(page, axes, steps, bounds, lambda v: f"${v:,.0f}")
    tone = page.palette.good if y[-1] >= y[0] else page.palette.bad
    axes.add_collection(
        LineCollection([np.column_stack((x, y))], colors=tone, linewidths=3), autolim=False
    )
    box = axes.get_position()
    page.words(box.x0, box.y1 + 0.03, "by closed trades, 1 month", size=14, va="center")
    days = c.days([(place, at) for place, at in data["ticks"]])
    for place, words in ((days[0][0], days[0][1]), (days[-1][0], days[-1][1])):
        ha = "left" if place == days[0][0] else "right"
        at = box.x0 if ha == "left" else box.x1
        page.words(at, box.y0 - 0.03, words.replace(" ET", ""), size=13, ha=ha, va="center")
