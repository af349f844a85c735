"""The process's pulse: four small lines over the same time, each with its newest figure."""

from typing import TYPE_CHECKING, Any

from bot import text
from bot.charts import Series
from engine.reports.metrics import MetricsReport

if TYPE_CHECKING:
    from bot.charts._canvas import Sheet

_MOST = 480


def pack(report: MetricsReport) -> dict[str, Any]:
    """What is drawn, as plain values; of many samples the worst of each few."""
    samples = report.samples
    per = -(-len(samples) // _MOST) or 1
    groups = [samples[n : n + per] for n in range(0, len(samples), per)]
    named = {v.name: v for v in report.vitals}
    lines = {
        "memory": [max(s.rss_mb for s in g) for g in groups],
        "processor": [max(s.cpu_pct for s in g) for g in groups],
        "loop lag": [max(s.lag_ms for s in g) for g in groups],
        "books": [max(s.store_ms for s in g) for g in groups],
    }
    data: dict[str, Any] = {
        "title": "The process itself",
        "value": "" if all(v.is_well for v in report.vitals) else "needs a look",
        "detail": f"up for {text.span(report.up_for)}".replace(text.NBSP, " "),
        "labels": tuple(
            (name, f"{named[name].now:,.0f} {named[name].unit}", named[name].is_well)
            for name in lines
            if name in named
        ),
        "span": (samples[0].at.timestamp(), samples[-1].at.timestamp()) if samples else None,
        "is_synthetic": report.stamp.is_synthetic,
    }
    return data | {f"line {name}": Series(values) for name, values in lines.items()}


EXAMPLE: dict[str, Any] = {
    "title": "The process itself",
    "value": "",
    "detail": "up for 2 h",
    "labels": (("memory", "92 MB", True), ("loop lag", "300 ms", False)),
    "line memory": (90.0, 91.0, 92.0),
    "line loop lag": (3.0, 4.0, 300.0),
    "span": (1.7e9, 1.7000009e9),
    "is_synthetic": False,
}
_PLACES = ((0.03, 0.52), (0.53, 0.52), (0.03, 0.13), (0.53, 0.13))


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    from bot.charts import _canvas as c

    page = c.sheet("metrics", theme)
    colours = page.palette
    page.heading(data["title"], data["value"], colours.bad, data["detail"])
    if data["span"] is None or len(data["line memory"]) < 2:
        page.middle("the first minute is not over yet")
        return page.png()
    for (name, value, is_well), place in zip(data["labels"], _PLACES, strict=False):
        _line(page, data, name, value, is_well=is_well, place=place)
    return page.png()


def _line(
    page: "Sheet",
    data: dict[str, Any],
    name: str,
    value: str,
    *,
    is_well: bool,
    place: tuple[float, float],
) -> None:
    import numpy as np
    from matplotlib.collections import LineCollection, PolyCollection

    from bot.charts import _canvas as c

    colours = page.palette
    y = np.array(data[f"line {name}"])
    x = np.arange(len(y), dtype=float)
    axes = page.panel(*place, 0.385, 0.215)
    top = max(float(y.max()) * 1.15, 1.0)
    axes.set_xlim(0, len(y) - 1)
    axes.set_ylim(0, top)
    steps = [s for s in c.nice_steps(0, top, 3) if s > 0]
    c.gridlines(axes, colours, steps, 0, len(y) - 1)
    c.value_axis(page, axes, [0, *steps], (0, top), lambda v: f"{v:,.0f}")
    tint = colours.third if is_well else colours.bad
    shape = np.column_stack((np.r_[x, x[::-1]], np.r_[y, np.zeros(len(x))]))
    axes.add_collection(
        PolyCollection([shape], facecolors=tint, alpha=0.2, linewidths=0), autolim=False
    )
    axes.add_collection(
        LineCollection([np.column_stack((x, y))], colors=tint, linewidths=2), autolim=False
    )
    box = axes.get_position()
    page.words(box.x0, box.y1 + 0.035, name, size=16, colour=colours.ink, va="center")
    said = colours.ink if is_well else colours.bad
    page.words(
        box.x1, box.y1 + 0.035, value, size=18, colour=said, va="center", ha="right", bold=True
    )
    if place[1] < 0.3:
        first, last = data["span"]
        for at, side, spot in ((0.0, "left", box.x0), (1.0, "right", box.x1)):
            words = c.days([(0, first + (last - first) * at), (1, last)])[0][1]
            page.words(spot, box.y0 - 0.017, words.replace(" ET", ""), size=13, ha=side, va="top")
