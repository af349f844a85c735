"""What an option position pays: at expiry as a solid line, now as a dashed one."""

from typing import TYPE_CHECKING, Any

from bot import text
from bot.charts import Series, number
from engine.reports import Missing
from engine.reports.payoff import PayoffReport

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bot.charts._canvas import Sheet


def pack(report: PayoffReport) -> dict[str, Any]:
    """What is drawn, as plain values."""
    side = "long" if report.direction > 0 else "short"
    most = "no limit" if report.most is None else text.usd(report.most, sign=True)
    least = "no limit" if report.least is None else text.usd(report.least, sign=True)
    return {
        "title": f"{report.label} {side} {text.qty(report.qty)}",
        "value": f"{most} / {least}",
        "detail": f"at expiry {report.expiry:%b %-d} (solid)"
        + ("" if isinstance(report.now, Missing) else " · now (dashed)"),
        "spots": Series(report.spots),
        "end": Series(report.at_expiry),
        "now": () if isinstance(report.now, Missing) else Series(report.now),
        "spot": None if isinstance(report.spot, Missing) else number(report.spot),
        "breaks": tuple(number(at) for at in report.break_evens),
        "is_synthetic": report.stamp.is_synthetic,
    }


EXAMPLE: dict[str, Any] = {
    "title": "SPY 603C 1/31 long 2",
    "value": "no limit / -$510.00",
    "detail": "at expiry Jan 31 (solid) · now (dashed)",
    "spots": (590.0, 603.0, 615.0),
    "end": (-510.0, -510.0, 1890.0),
    "now": (-450.0, -100.0, 1900.0),
    "spot": 601.0,
    "breaks": (605.55,),
    "is_synthetic": True,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    import numpy as np
    from matplotlib.collections import LineCollection, PolyCollection

    from bot.charts import _canvas as c

    page = c.sheet("payoff", theme)
    colours = page.palette
    if data["is_synthetic"]:
        page.strip()
    page.heading(data["title"], data["value"], colours.ink, data["detail"])
    x, end = np.array(data["spots"]), np.array(data["end"])
    now = np.array(data["now"])
    bounds = c.spread([*end, *now])
    axes = page.panel(0.03, 0.145, 0.845, 0.595)
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(*bounds)
    steps = c.nice_steps(*bounds, 5)
    c.gridlines(axes, colours, steps, x[0], x[-1])
    c.value_axis(page, axes, steps, bounds, c.money)
    c.zero_line(axes, colours, x[0], x[-1])
    for part, tint in ((np.maximum(end, 0), colours.good), (np.minimum(end, 0), colours.bad)):
        shape = np.column_stack((np.r_[x, x[::-1]], np.r_[part, np.zeros(len(x))]))
        axes.add_collection(
            PolyCollection([shape], facecolors=tint, alpha=0.25, linewidths=0), autolim=False
        )
    axes.add_collection(
        LineCollection([np.column_stack((x, end))], colors=colours.line, linewidths=3),
        autolim=False,
    )
    if len(now):
        dashes = [(0, (6, 4))]
        axes.add_collection(
            LineCollection(
                [np.column_stack((x, now))], colors=colours.third, linewidths=2.4, linestyles=dashes
            ),
            autolim=False,
        )
    _named(page, axes, data)
    return page.png()


def _named(page: "Sheet", axes: "Axes", data: dict[str, Any]) -> None:
    """The price of now as an upright line; break-evens as points; a price axis below."""
    from matplotlib.collections import LineCollection

    from bot.charts import _canvas as c

    colours, box = page.palette, axes.get_position()
    left, right = axes.get_xlim()
    low, high = axes.get_ylim()

    def across(price: float) -> float:
        at: float = box.x0 + (price - left) / (right - left) * box.width
        return at

    spot = data["spot"]
    named: list[tuple[float, str, str]] = []
    if spot is not None and left <= spot <= right:
        axes.add_collection(
            LineCollection([((spot, low), (spot, high))], colors=colours.second),
            autolim=False,
        )
        named.append((spot, f"now {spot:,.2f}", colours.second))
    for at in data["breaks"]:
        if left <= at <= right:
            axes.plot([at], [0], "o", color=colours.ink, markersize=10)
            named.append((at, f"even {at:,.2f}", colours.ink))
    rows = [0.0] * 2
    for at, words, tint in sorted(named):
        wide = c.width_of(words, 14, bold=True)
        x = min(max(across(at), box.x0 + wide / 2), box.x1 - wide / 2)
        row = 0 if x - wide / 2 > rows[0] else 1
        rows[row] = x + wide / 2 + 0.01
        page.words(x, 0.795 - 0.04 * row, words, size=14, colour=tint, ha="center", bold=True)
    for at in c.nice_steps(left, right, 6):
        if abs(across(at) - box.x0) > 0.03 and abs(across(at) - box.x1) > 0.03:
            page.words(across(at), box.y0 - 0.017, f"{at:,.6g}", size=13, ha="center", va="top")
