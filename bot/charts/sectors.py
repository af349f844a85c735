"""Sector funds as bars from zero, best on top; beside them what the desk has there."""

from typing import Any

from bot import text
from bot.charts import number
from engine.reports import Missing
from engine.reports.sectors import SectorReport


def pack(report: SectorReport) -> dict[str, Any]:
    """What is drawn, as plain values; sectors without a figure are named, not drawn."""
    known = [r for r in report.rows if not isinstance(r.change_pct, Missing)]
    lost = len(report.rows) - len(known)
    mine = []
    for row in known:
        pct = row.exposure_pct
        mine.append(0.0 if pct is None or isinstance(pct, Missing) else number(pct))
    detail = "bar: change of the fund · dashed: SPY"
    if report.shows_exposure:
        detail += " · right: of our equity"
    return {
        "title": f"Sectors over {report.period}",
        "value": ""
        if isinstance(report.market_pct, Missing)
        else f"SPY {text.pct(report.market_pct)}",
        "detail": detail + (f" · {lost} without a figure" if lost else ""),
        "names": tuple(r.name for r in known),
        "pcts": tuple(number(r.change_pct) for r in known),
        "mine": tuple(mine) if report.shows_exposure else (),
        "market": None if isinstance(report.market_pct, Missing) else number(report.market_pct),
        "is_synthetic": report.stamp.is_synthetic,
    }


EXAMPLE: dict[str, Any] = {
    "title": "Sectors over 1d",
    "value": "SPY +0.4%",
    "detail": "bar: change of the fund · dashed: SPY · right: of our equity",
    "names": ("Technology", "Energy"),
    "pcts": (1.2, -0.8),
    "mine": (25.0, 0.0),
    "market": 0.4,
    "is_synthetic": True,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    from matplotlib.collections import LineCollection, PolyCollection

    from bot.charts import _canvas as c

    page = c.sheet("sectors", theme)
    colours = page.palette
    if data["is_synthetic"]:
        page.strip()
    page.heading(data["title"], data["value"], colours.ink, data["detail"])
    if not data["names"]:
        page.middle("no sector has a price")
        return page.png()
    axes = page.panel(0.27, 0.075, 0.58, 0.745)
    n = len(data["names"])
    reach = max(*(abs(p) for p in data["pcts"]), 0.1) * 1.25
    axes.set_xlim(-reach, reach)
    axes.set_ylim(n, 0)
    box = axes.get_position()
    middle = box.x0 + box.width / 2
    for at, (name, pct) in enumerate(zip(data["names"], data["pcts"], strict=True)):
        tint = colours.good if pct >= 0 else colours.bad
        shape = [(0, at + 0.18), (pct, at + 0.18), (pct, at + 0.82), (0, at + 0.82)]
        axes.add_collection(PolyCollection([shape], facecolors=tint, linewidths=0), autolim=False)
        y = box.y1 - (at + 0.5) / n * box.height
        page.words(0.03, y, text.shorten(name, 22), size=14, va="center", colour=colours.ink)
        end = middle + pct / reach * box.width / 2
        side = "left" if pct >= 0 else "right"
        shift = 0.008 if pct >= 0 else -0.008
        page.words(end + shift, y, f"{pct:+.1f}%", size=13, va="center", ha=side)
        if data["mine"] and data["mine"][at]:
            words = f"{data['mine'][at]:.0f}%"
            page.words(
                0.97, y, words, size=15, va="center", ha="right", colour=colours.third, bold=True
            )
    lines = [((0, 0), (0, n))]
    axes.add_collection(
        LineCollection(lines, colors=colours.soft, linewidths=c.HAIR, antialiaseds=False),
        autolim=False,
    )
    if data["market"] is not None:
        spot = data["market"]
        axes.add_collection(
            LineCollection(
                [((spot, 0), (spot, n))],
                colors=colours.second,
                linewidths=2,
                linestyles=[(0, (5, 3))],
            ),
            autolim=False,
        )
    return page.png()
