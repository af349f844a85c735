"""What moves together: every pair of what is held, red for one bet, blue for opposites."""

from typing import Any

from bot import text
from bot.charts import number
from engine.reports import Missing
from engine.reports.correlation import CorrelationReport

_MOST = 12


def pack(report: CorrelationReport) -> dict[str, Any]:
    """What is drawn, as plain values; a pair that is not known is an empty cell."""
    names = report.names[:_MOST]
    if report.adding and report.adding not in names:
        names = (*names[: _MOST - 1], report.adding)
    cells = [
        [None if isinstance(r := report.between(a, b), Missing) else number(r) for b in names]
        for a in names
    ]
    score = report.score
    rest = len(report.names) - len(names)
    over = f"{len(report.above) or 'no'} pair{'' if len(report.above) == 1 else 's'}"
    detail = f"{report.days} days of returns · {over} above {report.limit:.2f}"
    return {
        "title": "Correlation of what is held",
        "value": "" if isinstance(score, Missing) else f"diversified {score:.2f}",
        "detail": detail + (f" · {rest} smaller ones not drawn" if rest > 0 else ""),
        "names": tuple(text.shorten(n, 7) for n in names),
        "cells": tuple(tuple(row) for row in cells),
        "limit": number(report.limit),
        "is_synthetic": report.stamp.is_synthetic,
    }


EXAMPLE: dict[str, Any] = {
    "title": "Correlation of what is held",
    "value": "diversified 0.30",
    "detail": "60 days of returns · 1 pair above 0.70",
    "names": ("SPY", "AAPL", "GLD"),
    "cells": ((1.0, 0.8, -0.2), (0.8, 1.0, None), (-0.2, None, 1.0)),
    "limit": 0.7,
    "is_synthetic": True,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    from matplotlib.collections import PolyCollection

    from bot.charts import _canvas as c
    from bot.charts._shade import ink_on, mix

    page = c.sheet("correlation", theme)
    colours = page.palette
    if data["is_synthetic"]:
        page.strip()
    page.heading(data["title"], data["value"], colours.ink, data["detail"])
    names, cells = data["names"], data["cells"]
    n = len(names)
    if n < 2:
        page.middle("it takes two positions")
        return page.png()
    axes = page.panel(0.14, 0.085, 0.82, 0.68)
    axes.set_xlim(0, n)
    axes.set_ylim(n, 0)
    box = axes.get_position()
    shapes, tints, edges = [], [], []
    size = 16 if n <= 6 else 13 if n <= 9 else 11
    for row in range(n):
        y = box.y1 - (row + 0.5) / n * box.height
        x = box.x0 + (row + 0.5) / n * box.width
        page.words(box.x0 - 0.012, y, names[row], ha="right", va="center", colour=colours.ink)
        page.words(x, box.y1 + 0.012, names[row], size=13, ha="center", colour=colours.ink)
        for col in range(n):
            r = cells[row][col]
            tint = colours.grid if r is None else _tint(r, colours.ground, colours, mix)
            if row == col:
                tint = mix(colours.ground, colours.soft, 0.25)
            pad = 0.03
            left, right, top, foot = col + pad, col + 1 - pad, row + pad, row + 1 - pad
            shapes.append([(left, top), (right, top), (right, foot), (left, foot)])
            tints.append(tint)
            is_over = r is not None and row != col and r > data["limit"]
            edges.append(colours.ink if is_over else "none")
            if row != col:
                said = "n/a" if r is None else f"{r:.2f}"
                page.words(
                    box.x0 + (col + 0.5) / n * box.width,
                    y,
                    said,
                    size=size,
                    ha="center",
                    va="center",
                    colour=colours.soft if r is None else ink_on(tint),
                    bold=is_over,
                )
    axes.add_collection(PolyCollection(shapes, facecolors=tints, edgecolors=edges, linewidths=1.5))
    return page.png()


def _tint(r: float, ground: str, colours: Any, mix: Any) -> str:
    return str(mix(ground, colours.bad if r > 0 else colours.third, 0.08 + 0.87 * abs(r)))
