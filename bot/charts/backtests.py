"""Two backtests, day by day: what each had made by then."""

from datetime import datetime, time
from typing import Any

from bot import text
from bot.charts import Series, ticks
from bot.charts.replay import Way, lines
from engine.market import NEW_YORK
from engine.reports.backtest import Beside


def pack(report: Beside) -> dict[str, Any]:
    """What is drawn, as plain values."""
    pair = (report.one, report.other)
    return {
        "title": "Two backtests",
        "detail": " · ".join(
            f"{name}: {r.asked.room}, {r.asked.costs} costs"
            for name, r in zip(("first", "second"), pair, strict=True)
        ),
        "totals": tuple(text.usd_short(r.net_usd, sign=True) for r in pair),
        "first": Series(report.lines[0]),
        "second": Series(report.lines[1]),
        "n": len(report.on),
        "ticks": ticks([datetime.combine(on, time(12), NEW_YORK) for on in report.on]),
        "is_synthetic": report.stamp.is_synthetic,
    }


EXAMPLE: dict[str, Any] = {
    "title": "Two backtests",
    "detail": "first: options, default costs · second: options, stress costs",
    "totals": ("+$90.00", "-$10.00"),
    "first": (50.0, 60.0, 90.0),
    "second": (30.0, 0.0, -10.0),
    "n": 3,
    "ticks": ((0, 1.7e9), (2, 1.7002e9)),
    "is_synthetic": False,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    from bot.charts import _canvas as c

    page = c.sheet("backtests", theme)
    colours = page.palette
    if data["is_synthetic"]:
        page.strip()
    page.heading(data["title"], "", colours.ink, data["detail"])
    if not data["n"]:
        page.middle("no closed trades yet")
        return page.png()
    tints = (colours.second, colours.line)
    ways = zip(("first", "second"), ("first", "second"), data["totals"], tints, strict=True)
    lines(page, data, [Way(*way) for way in ways])
    return page.png()
