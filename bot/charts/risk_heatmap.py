"""Where the risk is: one row per position, the redder a cell the nearer to what is too much."""

from decimal import Decimal
from typing import Any

from bot import text
from engine.reports import Figure, Missing
from engine.reports.risk import Heat, RiskReport

_MOST = 10
_COLUMNS = ("size", "at risk", "in R", "beta", "moves with")
_FULL = (Decimal(10), Decimal(2), Decimal(1), Decimal(2), Decimal(1))
"""At which figure a cell is as red as it gets: the limits on one position, 1R, beta 2, r 1."""


def pack(report: RiskReport) -> dict[str, Any]:
    """What is drawn, as plain values; a figure that is not known says n/a."""
    shown = report.heat[:_MOST]
    rest = len(report.heat) - len(shown)
    var = report.var_pct
    notes = [text.count(len(report.heat), "position")]
    if not isinstance(report.open_risk_pct, Missing):
        notes.append(f"at risk to the stops {report.open_risk_pct:.1f}% of equity")
    if rest:
        notes.append(f"{rest} more not drawn")
    return {
        "title": "Risk by position",
        "value": "" if isinstance(var, Missing) else f"VaR {var:.1f}%",
        "detail": " · ".join(notes),
        "names": tuple(text.shorten(h.label, 14) for h in shown),
        "notes": tuple(text.shorten(text.sector(h.sector), 14) for h in shown),
        "cells": tuple(_cells(h) for h in shown),
        "is_synthetic": report.stamp.is_synthetic,
    }


def _cells(heat: Heat) -> tuple[tuple[str, float | None], ...]:
    """Words and shade, 0-1, of each column."""
    figures = (heat.size_pct, heat.risk_pct, heat.risk_r, heat.beta, heat.closest_r)
    words = (
        _said(heat.size_pct, "{:.1f}%"),
        _said(heat.risk_pct, "{:.2f}%"),
        _said(heat.risk_r, "{:.1f}R"),
        _said(heat.beta, "{:.1f}"),
        "n/a"
        if isinstance(heat.closest_r, Missing)
        else f"{text.shorten(heat.closest, 6)} {heat.closest_r:.2f}",
    )
    return tuple(
        (said, None if isinstance(f, Missing) else min(float(abs(f) / full), 1.0))
        for said, f, full in zip(words, figures, _FULL, strict=True)
    )


def _said(figure: Figure, form: str) -> str:
    return "n/a" if isinstance(figure, Missing) else form.format(figure)


EXAMPLE: dict[str, Any] = {
    "title": "Risk by position",
    "value": "VaR 1.2%",
    "detail": "2 positions",
    "names": ("AAPL", "SPY 603C 1/31"),
    "notes": ("Technology", "Broad market"),
    "cells": (
        (("9.8%", 0.98), ("0.80%", 0.4), ("0.8R", 0.8), ("1.2", 0.6), ("SPY 0.71", 0.7)),
        (("2.0%", 0.2), ("1.00%", 0.5), ("1.0R", 1.0), ("n/a", None), ("AAPL 0.71", 0.7)),
    ),
    "is_synthetic": True,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    from matplotlib.collections import PolyCollection

    from bot.charts import _canvas as c
    from bot.charts._shade import ink_on, mix

    page = c.sheet("risk_heatmap", theme)
    colours = page.palette
    if data["is_synthetic"]:
        page.strip()
    page.heading(data["title"], data["value"], colours.ink, data["detail"])
    n = len(data["names"])
    if not n:
        page.middle("nothing is held")
        return page.png()
    axes = page.panel(0.225, 0.085, 0.75, 0.68)
    tall = max(n, 4)
    axes.set_xlim(0, len(_COLUMNS))
    axes.set_ylim(tall, 0)
    box = axes.get_position()
    for col, name in enumerate(_COLUMNS):
        x = box.x0 + (col + 0.5) / len(_COLUMNS) * box.width
        page.words(x, box.y1 + 0.014, name, size=14, ha="center")
    shapes, tints = [], []
    for row in range(n):
        y = box.y1 - (row + 0.5) / tall * box.height
        gap = 0.018 if tall <= 7 else 0.014
        size = 15 if tall <= 7 else 12
        page.words(
            0.03, y + gap, data["names"][row], size=size, va="center", colour=colours.ink, bold=True
        )
        page.words(0.03, y - gap, data["notes"][row], size=11, va="center")
        for col, (said, shade) in enumerate(data["cells"][row]):
            tint = colours.grid if shade is None else mix(colours.ground, colours.bad, shade * 0.9)
            pad = 0.03
            left, right, top, foot = col + pad, col + 1 - pad, row + pad, row + 1 - pad
            shapes.append([(left, top), (right, top), (right, foot), (left, foot)])
            tints.append(tint)
            x = box.x0 + (col + 0.5) / len(_COLUMNS) * box.width
            ink = colours.soft if shade is None else ink_on(tint)
            page.words(
                x, y, said, size=15 if tall <= 7 else 13, ha="center", va="center", colour=ink
            )
    axes.add_collection(PolyCollection(shapes, facecolors=tints, linewidths=0))
    return page.png()
