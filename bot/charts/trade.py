"""One trade's price from entry on, with entry, stop, targets and exit."""

from typing import TYPE_CHECKING, Any

from bot import text
from bot.charts import ChartError, Series, number
from engine.reports import Figure, Missing
from engine.reports.price_path import PricePathReport

if TYPE_CHECKING:
    from bot.charts._canvas import Sheet


def pack(report: PricePathReport) -> dict[str, Any]:
    """What is drawn of a price path, as plain values."""
    card = report.card
    if isinstance(card.entry, Missing):
        raise ChartError("the trade is not filled")
    of = card.legs[0].instrument
    levels: list[tuple[str, str, float]] = []

    def level(kind: str, words: str, price: Figure) -> None:
        if not isinstance(price, Missing):
            levels.append((kind, f"{words} {text.price(price, of)}", number(price)))

    level("entry", "entry", card.entry)
    if card.stop is not None:
        level("stop", "stop", card.stop.price)
    for count, target in enumerate(card.targets, start=1):
        level("target", f"T{count}{' ✓' if target.is_hit else ''}", target.price)
    if card.qty_open < card.qty_opened:
        level("exit", "exit", card.exit)
    side = "long" if card.is_long else "short"
    in_r = "" if isinstance(card.r_net, Missing) else text.r(card.r_net)
    return {
        "title": f"{card.label} {side} {text.qty(card.qty_opened)}",
        "value": text.usd_short(card.net_usd, sign=True),
        "sign": 0.0 if isinstance(card.net_usd, Missing) else number(card.net_usd),
        "detail": " · ".join(p for p in (in_r, text.span(card.age), card.close_reason) if p),
        "at": tuple(at.timestamp() for at in report.at),
        "mids": Series(report.mids),
        "levels": tuple(levels),
        "places": max(2, len(f"{of.tick.normalize():f}".partition(".")[2])),
        "opened": None if card.opened_at is None else card.opened_at.timestamp(),
        "closed": None if card.closed_at is None else card.closed_at.timestamp(),
        "is_synthetic": card.stamp.is_synthetic,
    }


EXAMPLE: dict[str, Any] = {
    "title": "SPY 603C 1/31 long 2",
    "value": "+$110.00",
    "sign": 1.0,
    "detail": "+1.21R · 14 min",
    "at": (1.7e9, 1.7000001e9, 1.7000002e9),
    "mids": (2.5, 2.7, 3.1),
    "levels": (("entry", "entry 2.55", 2.55), ("stop", "stop 2.10", 2.1)),
    "places": 2,
    "opened": 1.7e9,
    "closed": None,
    "is_synthetic": False,
}


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    from bot.charts import _canvas as c

    page = c.sheet("trade", theme)
    colours = page.palette
    if data["is_synthetic"]:
        page.strip()
    tone = colours.good if data["sign"] > 0 else colours.bad if data["sign"] < 0 else colours.ink
    page.heading(data["title"], data["value"], tone, data["detail"])
    if len(data["at"]) < 2:
        page.middle("no price history for this trade")
        return page.png()
    _path(page, data)
    return page.png()


def _path(page: "Sheet", data: dict[str, Any]) -> None:
    import numpy as np
    from matplotlib.collections import LineCollection, PolyCollection

    from bot.charts import _canvas as c

    colours = page.palette
    x, y = np.array(data["at"]), np.array(data["mids"])
    entry = data["levels"][0][2]
    bounds = c.spread([*y, *(price for _, _, price in data["levels"])], zero=False)
    axes = page.panel(0.03, 0.145, 0.78, 0.665)
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(*bounds)
    held = (x >= (data["opened"] or x[0])) & (x <= (data["closed"] or x[-1]))
    if held.sum() > 1:
        shape = np.column_stack(
            (np.r_[x[held], x[held][::-1]], np.r_[y[held], np.full(held.sum(), entry)])
        )
        axes.add_collection(
            PolyCollection([shape], facecolors=colours.third, alpha=0.18, linewidths=0)
        )
    axes.add_collection(
        LineCollection([np.column_stack((x, y))], colors=colours.line, linewidths=3)
    )
    _levels(page, axes, data, bounds)
    for moment, mark in ((data["opened"], "o"), (data["closed"], "s")):
        if moment is not None and x[0] <= moment <= x[-1]:
            price = float(np.interp(moment, x, y))
            axes.plot([moment], [price], mark, color=colours.line, markersize=10, clip_on=False)
    c.clock_axis(page, axes, float(x[0]), float(x[-1]))


def _levels(page: "Sheet", axes: Any, data: dict[str, Any], bounds: tuple[float, float]) -> None:
    from matplotlib.collections import LineCollection

    from bot.charts import _canvas as c

    colours = page.palette
    tints = {
        "entry": colours.ink,
        "stop": colours.bad,
        "target": colours.good,
        "exit": colours.second,
    }
    box = axes.get_position()
    left, right = axes.get_xlim()
    places = [
        box.y0 + (price - bounds[0]) / (bounds[1] - bounds[0]) * box.height
        for _, _, price in data["levels"]
    ]
    for (kind, words, price), at in zip(
        data["levels"], c.apart(places, 0.045, box.y1), strict=True
    ):
        axes.add_collection(
            LineCollection(
                [((left, price), (right, price))],
                colors=tints[kind],
                linewidths=1.6,
                linestyles=["solid" if kind == "entry" else (0, (6, 4))],
            )
        )
        page.words(box.x1 + 0.01, at, words, size=14, colour=tints[kind], va="center")
