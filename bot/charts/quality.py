"""How good one symbol's quotes were over a period: its score with the lines between grades."""

from typing import Any

from bot import text
from bot.charts import numbers, ticks
from engine.reports.data import DataReport

_GRADES = ((95, "A"), (85, "B"), (75, "C"), (60, "D"))
"""Score from which on (rules 3.13); below them F."""


def pack(report: DataReport) -> dict[str, Any]:
    """What is drawn of the first symbol, as plain values."""
    row = report.rows[0]
    known = {name: v for name, v in row.graded.parts.items() if v is not None}
    parts = ", ".join(f"{name} {value:.0%}" for name, value in known.items())
    return {
        "title": f"{text.shorten(row.label, 26)} · quality of quotes, {report.period}",
        "value": f"{row.graded.grade.value} {row.graded.score:.0f}",
        "allows": row.graded.grade.allows_entries,
        "detail": text.shorten(parts, 70),
        "scores": numbers(row.trend),
        "ticks": ticks(row.trend_at),
        "is_synthetic": report.stamp.is_synthetic,
    }


EXAMPLE: dict[str, Any] = {
    "title": "SPY · quality of quotes, 1d",
    "value": "A 97",
    "allows": True,
    "detail": "freshness 100%, completeness 90%",
    "scores": (97.0, 80.0, 55.0),
    "ticks": ((0, 1.7e9), (2, 1.7000006e9)),
    "is_synthetic": False,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    import numpy as np
    from matplotlib.collections import LineCollection, PolyCollection

    from bot.charts import _canvas as c

    page = c.sheet("quality", theme)
    colours = page.palette
    if data["is_synthetic"]:
        page.strip()
    tone = colours.good if data["allows"] else colours.bad
    page.heading(data["title"], data["value"], tone, data["detail"])
    y = np.array(data["scores"])
    if len(y) < 2:
        page.middle("too few samples yet")
        return page.png()
    x = np.arange(1.0, len(y) + 1)
    axes = page.panel(0.03, 0.145, 0.885, 0.665)
    axes.set_xlim(0, len(y) + 0.5)
    axes.set_ylim(0, 102)
    shade = [(0, 0), (len(y) + 0.5, 0), (len(y) + 0.5, 75), (0, 75)]
    axes.add_collection(
        PolyCollection([shade], facecolors=colours.bad, alpha=0.12, linewidths=0), autolim=False
    )
    c.gridlines(axes, colours, [float(least) for least, _ in _GRADES], 0, len(y) + 0.5)
    axes.add_collection(
        LineCollection([np.column_stack((x, y))], colors=colours.line, linewidths=2.6),
        autolim=False,
    )
    box = axes.get_position()
    above = 102
    for least, name in (*_GRADES, (0, "F")):
        spot = box.y0 + (least + above) / 2 / 102 * box.height
        page.words(box.x1 + 0.012, spot, name, size=17, va="center", bold=True)
        above = least
    page.words(
        box.x0 + 0.01, box.y0 + 0.03, "nothing new is opened here", size=13, colour=colours.bad
    )
    c.time_axis(page, axes, data["ticks"], len(y))
    return page.png()
