"""Several instruments on one scale: lines that begin at 100, each named at its end."""

from typing import Any

from bot import text
from bot.charts import Series, ticks
from engine.reports.compare import CompareReport


def pack(report: CompareReport) -> dict[str, Any]:
    """What is drawn, as plain values."""
    best = report.lines[0] if report.lines else None
    ends = f"{best.instrument.label} {text.pct(best.change_pct)}" if best else ""
    lost = ", ".join(report.missing)
    data = {
        "title": f"Compared · {report.timeframe} · {report.range.upper()}",
        "value": ends,
        "sign": 0.0 if best is None else float(best.change_pct),
        "detail": "100 = where the window begins" + (f" · without {lost}" if lost else ""),
        "names": tuple(
            f"{line.instrument.label} {text.pct(line.change_pct)}" for line in report.lines
        ),
        "ticks": ticks(report.at, 4),
        "is_synthetic": report.stamp.is_synthetic,
    }
    return data | {f"line{n}": Series(line.values) for n, line in enumerate(report.lines)}


EXAMPLE: dict[str, Any] = {
    "title": "Compared · 1d · 3M",
    "value": "SPY +2.0%",
    "sign": 1.0,
    "detail": "100 = where the window begins",
    "names": ("SPY +2.0%", "QQQ -1.0%"),
    "line0": (100.0, 101.0, 102.0),
    "line1": (100.0, 100.5, 99.0),
    "ticks": ((0, 1.7e9), (2, 1.7002e9)),
    "is_synthetic": True,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    import numpy as np
    from matplotlib.collections import LineCollection

    from bot.charts import _canvas as c

    page = c.sheet("compare", theme)
    colours = page.palette
    if data["is_synthetic"]:
        page.strip()
    tone = colours.good if data["sign"] > 0 else colours.bad if data["sign"] < 0 else colours.ink
    page.heading(data["title"], data["value"], tone, data["detail"])
    lines = [np.array(data[f"line{n}"]) for n in range(len(data["names"]))]
    if not lines:
        page.middle("nothing to compare")
        return page.png()
    axes = page.panel(0.075, 0.145, 0.695, 0.665)
    n = len(lines[0])
    bounds = c.spread([float(v) for line in lines for v in line] + [100.0], zero=False)
    axes.set_xlim(0, n + 0.5)
    axes.set_ylim(*bounds)
    steps = c.nice_steps(*bounds, 5)
    c.gridlines(axes, colours, steps, 0, n + 0.5)
    c.value_axis(page, axes, steps, bounds, lambda v: f"{v:g}", on_left=True)
    tints = c.tints(colours)
    x = np.arange(1.0, n + 1)
    for line, tint in zip(lines, tints, strict=False):
        axes.add_collection(
            LineCollection([np.column_stack((x, line))], colors=tint, linewidths=2.6),
            autolim=False,
        )
    box = axes.get_position()
    ends = [
        box.y0 + (float(line[-1]) - bounds[0]) / (bounds[1] - bounds[0]) * box.height
        for line in lines
    ]
    for name, tint, y in zip(data["names"], tints, c.apart(ends, 0.045, box.y1), strict=False):
        page.words(box.x1 + 0.012, y, name, size=15, colour=tint, va="center", bold=True)
    c.time_axis(page, axes, data["ticks"], n)
    return page.png()
