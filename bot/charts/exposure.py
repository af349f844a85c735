"""Where the money is: one bar per group in percent of equity, largest on top."""

from typing import Any

from bot import text
from bot.charts import numbers
from engine.reports import Missing
from engine.reports.exposure import ExposureReport

_MOST = 10


def pack(report: ExposureReport) -> dict[str, Any]:
    """What is drawn, as plain values; groups without a figure are named, not drawn."""
    known = [r for r in report.rows if not isinstance(r.pct, Missing)]
    shown, rest = known[:_MOST], known[_MOST:]
    whole = (
        "" if isinstance(report.gross_pct, Missing) else f"{text.share(report.gross_pct)} of equity"
    )
    n_unknown = len(report.rows) - len(known)
    notes = [f"{len(rest)} smaller ones are not drawn"] if rest else []
    notes += [f"{n_unknown} without a quote"] if n_unknown else []
    return {
        "title": f"At stake by {report.by}",
        "value": whole,
        "detail": " · ".join(notes) or text.count(report.n_open, "open trade"),
        "names": tuple(text.shorten(text.sector(r.name), 13) for r in shown),
        "pcts": numbers([r.pct for r in shown]),
        "said": tuple(text.share(r.pct) for r in shown),
        "is_short": tuple(not isinstance(r.net_usd, Missing) and r.net_usd < 0 for r in shown),
        "is_synthetic": report.stamp.is_synthetic,
    }


EXAMPLE: dict[str, Any] = {
    "title": "At stake by symbol",
    "value": "40% of equity",
    "detail": "2 open trades",
    "names": ("SPY", "AAPL"),
    "pcts": (25.0, 15.0),
    "said": ("25%", "15%"),
    "is_short": (False, True),
    "is_synthetic": True,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    from matplotlib.collections import PolyCollection

    from bot.charts import _canvas as c

    page = c.sheet("exposure", theme)
    colours = page.palette
    if data["is_synthetic"]:
        page.strip()
    page.heading(data["title"], data["value"], colours.ink, data["detail"])
    if not data["names"]:
        page.middle("nothing is at stake")
        return page.png()
    axes = page.panel(0.20, 0.08, 0.66, 0.74)
    n = len(data["names"])
    most = max(*data["pcts"], 1.0)
    axes.set_xlim(0, most)
    axes.set_ylim(n, 0)
    box = axes.get_position()
    thick = min(0.62, 0.12 * n)
    for at, (name, pct, said, short) in enumerate(
        zip(data["names"], data["pcts"], data["said"], data["is_short"], strict=True)
    ):
        low, high = at + 0.5 - thick / 2, at + 0.5 + thick / 2
        shape = [(0, low), (pct, low), (pct, high), (0, high)]
        tint = colours.second if short else colours.third
        axes.add_collection(PolyCollection([shape], facecolors=tint, linewidths=0))
        y = box.y1 - (at + 0.5) / n * box.height
        page.words(box.x0 - 0.012, y, name, ha="right", va="center", colour=colours.ink)
        x = box.x0 + pct / most * box.width + 0.01
        words = f"{said} short" if short else said
        page.words(x, y, words, va="center", colour=colours.ink, bold=True)
    return page.png()
