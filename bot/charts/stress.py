"""A scenario as a waterfall: what each position would lose or gain, and the sum at the end."""

from decimal import Decimal
from itertools import accumulate
from typing import Any

from bot import text
from bot.charts import number
from engine.domain.money import ZERO
from engine.reports import Missing
from engine.reports.stress import StressReport

_MOST = 8


def pack(report: StressReport) -> dict[str, Any]:
    """What is drawn, as plain values; positions that cannot be told are named, not drawn."""
    known = [(r.symbol, r.pnl_usd) for r in report.rows if isinstance(r.pnl_usd, Decimal)]
    n_unknown = len(report.rows) - len(known)
    n_still = sum(usd == 0 for _, usd in known)
    known = [pair for pair in known if pair[1] != 0]
    known.sort(key=lambda pair: -abs(pair[1]))
    shown = known[: _MOST if len(known) <= _MOST else _MOST - 1]
    shown.sort(key=lambda pair: pair[1])
    rest = sum((usd for _, usd in known[len(shown) :]), ZERO)
    if len(known) > len(shown):
        shown.append(("others", rest))
    total = report.total_usd
    pct = report.total_pct
    share = "" if isinstance(pct, Missing) else f"{text.pct(pct)} of equity"
    notes = [
        share,
        f"{report.n_stops} stop{'' if report.n_stops == 1 else 's'} hit"
        if report.n_stops
        else "no stop hit",
    ]
    if n_still:
        notes.append(f"{n_still} not moved")
    if n_unknown:
        notes.append(f"{n_unknown} not known: no total")
    return {
        "title": f"If {report.words}",
        "value": "n/a" if isinstance(total, Missing) else text.usd(total, sign=True),
        "tone": 0 if isinstance(total, Missing) else (total > 0) - (total < 0),
        "detail": " · ".join(filter(None, notes)),
        "names": tuple(text.shorten(name, 8) for name, _ in shown),
        "usd": tuple(number(usd) for _, usd in shown),
        "has_total": not isinstance(total, Missing),
        "is_synthetic": report.stamp.is_synthetic,
    }


EXAMPLE: dict[str, Any] = {
    "title": "If SPY falls 10%",
    "value": "-$1,500.00",
    "tone": -1,
    "detail": "-3.0% of equity · 2 stops hit",
    "names": ("SPY", "AAPL", "GLD"),
    "usd": (-1200.0, -700.0, 400.0),
    "has_total": True,
    "is_synthetic": True,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    from matplotlib.collections import LineCollection, PolyCollection

    from bot.charts import _canvas as c

    page = c.sheet("stress", theme)
    colours = page.palette
    if data["is_synthetic"]:
        page.strip()
    tone = {1: colours.good, -1: colours.bad}.get(data["tone"], colours.ink)
    page.heading(data["title"], data["value"], tone, data["detail"])
    if not data["names"]:
        page.middle("nothing to be moved")
        return page.png()
    names = [*data["names"], *(["all"] if data["has_total"] else [])]
    sums = [0.0, *accumulate(data["usd"])]
    spans = [(sums[i], sums[i + 1]) for i in range(len(data["usd"]))]
    if data["has_total"]:
        spans.append((0.0, sums[-1]))
    n = len(names)
    axes = page.panel(0.03, 0.135, 0.845, 0.62)
    low, high = c.spread([v for span in spans for v in span], pad=0.12)
    axes.set_xlim(0.4, n + 0.6)
    axes.set_ylim(low, high)
    steps = c.nice_steps(low, high, 4)
    c.gridlines(axes, colours, steps, 0.4, n + 0.6)
    c.value_axis(page, axes, steps, (low, high), c.money)
    c.zero_line(axes, colours, 0.4, n + 0.6)
    box = axes.get_position()
    shapes, tints, links = [], [], []
    for at, (start, end) in enumerate(spans, start=1):
        is_total = data["has_total"] and at == n
        tint = colours.good if end > start else colours.bad
        shapes.append([(at - 0.36, start), (at + 0.36, start), (at + 0.36, end), (at - 0.36, end)])
        tints.append(tint)
        if at < n:
            links.append([(at + 0.36, end), (at + 0.64, end)])
        x = box.x0 + (at - 0.4) / (n + 0.2) * box.width
        top = max(start, end) if end >= start else min(start, end)
        y = box.y0 + (top - low) / (high - low) * box.height
        is_up = end >= start
        page.words(
            x,
            y + (0.012 if is_up else -0.012),
            c.money(end - start),
            size=13,
            ha="center",
            va="bottom" if is_up else "top",
            colour=colours.ink,
            bold=is_total,
        )
        page.words(
            x,
            box.y0 - 0.017,
            names[at - 1],
            size=13,
            ha="center",
            va="top",
            colour=colours.ink if is_total else "",
            bold=is_total,
        )
    axes.add_collection(PolyCollection(shapes, facecolors=tints, linewidths=0))
    axes.add_collection(LineCollection(links, colors=colours.soft, linewidths=c.HAIR))
    return page.png()
