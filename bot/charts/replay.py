"""Three ways to follow one room: as alerted, as achievable, as our guards traded it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from bot import text
from bot.charts import Series, ticks
from engine.reports.replay import ReplayReport

if TYPE_CHECKING:
    from bot.charts._canvas import Sheet


_NAMES = ("alerted", "achievable", "with guards")


def pack(report: ReplayReport) -> dict[str, Any]:
    """What is drawn of a replay, as plain values."""
    parts = [f"{text.count(report.n, 'trade')} before fees"]
    if report.n_skipped:
        parts.append(f"{report.n_skipped} skipped by guards")
    if report.n_left_out:
        parts.append(f"{report.n_left_out} left out, not closed or no price")
    return {
        "title": report.title,
        "value": text.usd_short(report.ours.total_usd, sign=True),
        "detail": " · ".join(parts),
        "totals": tuple(
            text.usd_short(line.total_usd, sign=True)
            for line in (report.alerted, report.achievable, report.ours)
        ),
        "alerted": Series(report.alerted.points),
        "achievable": Series(report.achievable.points),
        "ours": Series(report.ours.points),
        "n": report.n,
        "ticks": ticks(report.at),
        "is_synthetic": report.stamp.is_synthetic,
    }


EXAMPLE: dict[str, Any] = {
    "title": "Replay",
    "value": "+$30.00",
    "detail": "3 trades",
    "totals": ("+$90.00", "+$10.00", "+$30.00"),
    "alerted": (50.0, 60.0, 90.0),
    "achievable": (30.0, 0.0, 10.0),
    "ours": (30.0, 30.0, 30.0),
    "n": 3,
    "ticks": ((0, 1.7e9), (2, 1.7002e9)),
    "is_synthetic": False,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    from bot.charts import _canvas as c

    page = c.sheet("replay", theme)
    colours = page.palette
    if data["is_synthetic"]:
        page.strip()
    if not data["n"]:
        page.heading(data["title"], "", colours.soft, "")
        page.middle("no closed trades yet")
        return page.png()
    last = data["ours"][-1]
    tone = colours.good if last > 0 else colours.bad if last < 0 else colours.ink
    page.heading(data["title"], data["value"], tone, data["detail"])
    tints = (colours.second, colours.third, colours.line)
    ways = zip(("alerted", "achievable", "ours"), _NAMES, data["totals"], tints, strict=True)
    lines(page, data, [Way(*way) for way in ways])
    return page.png()


class Way(NamedTuple):
    """One line, named at its end; the first of several is dashed, the last is the thick one."""

    key: str
    name: str
    total: str
    tint: str


def lines(page: "Sheet", data: dict[str, Any], ways: Sequence[Way]) -> None:
    """Dollars since the start, side by side: ``data[key]`` has ``data["n"]`` of each."""
    import numpy as np
    from matplotlib.collections import LineCollection

    from bot.charts import _canvas as c

    colours = page.palette
    n = data["n"]
    every = [np.array((0.0, *data[way.key])) for way in ways]
    bounds = c.spread(np.concatenate(every))
    axes = page.panel(0.11, 0.145, 0.72, 0.665)
    axes.set_xlim(0, n + 0.5)
    axes.set_ylim(*bounds)
    steps = c.nice_steps(*bounds, n=5)
    c.gridlines(axes, colours, steps, 0, n + 0.5)
    c.zero_line(axes, colours, 0, n + 0.5)
    for way, y in zip(ways, every, strict=True):
        axes.add_collection(
            LineCollection(
                [np.column_stack((np.arange(n + 1.0), y))],
                colors=way.tint,
                linewidths=4.0 if way is ways[-1] else 2.5,
                linestyles=[(0, (5, 2)) if way is ways[0] else "solid"],
            )
        )
    box = axes.get_position()
    ends = [box.y0 + (y[-1] - bounds[0]) / (bounds[1] - bounds[0]) * box.height for y in every]
    for way, at in zip(ways, c.apart(ends, 0.095, box.y1), strict=True):
        page.words(box.x1 + 0.012, at + 0.018, way.name, size=14, colour=way.tint, va="center")
        page.words(
            box.x1 + 0.012, at - 0.02, way.total, size=14, colour=way.tint, va="center", bold=True
        )
    c.value_axis(page, axes, steps, bounds, c.money, on_left=True)
    c.time_axis(page, axes, data["ticks"], n)
