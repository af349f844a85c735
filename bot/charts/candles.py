"""Candles with volume, averages and bands; RSI and MACD below; entries, exits and stops on them."""

from typing import TYPE_CHECKING, Any

from bot import text
from bot.charts import Series, number, ticks
from engine.reports import Missing
from engine.reports.chart import ChartReport, length_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from bot.charts._canvas import Palette, Sheet

_NOTHING = float("nan")


def pack(report: ChartReport) -> dict[str, Any]:
    """What is drawn, as plain values; a line's unknown beginning is not drawn."""
    view, of, candles = report.view, report.instrument, report.candles
    value = "" if isinstance(report.last, Missing) else text.price(report.last, of)
    change = "" if isinstance(report.change_pct, Missing) else text.pct(report.change_pct)
    return {
        "title": f"{of.label} · {length_of(report)} · {view.range.upper()}",
        "value": f"{value}  {change}".strip(),
        "sign": 0.0 if isinstance(report.change_pct, Missing) else number(report.change_pct),
        "missing": report.missing,
        "open": Series(c.open for c in candles),
        "high": Series(c.high for c in candles),
        "low": Series(c.low for c in candles),
        "close": Series(c.close for c in candles),
        "volume": Series(c.volume or 0 for c in candles) if report.has_volume else (),
        "lines": tuple(
            (name, [_NOTHING if v is None else v for v in line])
            for name, line in report.lines.items()
        ),
        "rsi": [_NOTHING if v is None else v for v in report.rsi],
        "macd": None
        if report.macd is None
        else tuple(
            [_NOTHING if v is None else v for v in line]
            for line in (report.macd.line, report.macd.signal, report.macd.histogram)
        ),
        "marks": tuple((m.place, number(m.price), m.is_buy) for m in report.marks),
        "levels": tuple((v.kind, number(v.price)) for v in report.levels),
        "places": max(2, len(f"{of.tick.normalize():f}".partition(".")[2])),
        "ticks": ticks([c.at for c in candles]),
        "is_synthetic": report.stamp.is_synthetic,
    }


EXAMPLE: dict[str, Any] = {
    "title": "SPY · 5m · 1D",
    "value": "601.00  +0.2%",
    "sign": 1.0,
    "missing": "",
    "open": (600.0, 602.0, 601.5),
    "high": (603.0, 602.5, 602.0),
    "low": (599.5, 600.0, 600.5),
    "close": (602.0, 601.5, 601.0),
    "volume": (100.0, 50.0, 80.0),
    "lines": (("SMA 20", [600.5, 600.8, 601.0]), ("BB up", [603.0, 603.1, 603.2])),
    "rsi": [40.0, 55.0, 60.0],
    "macd": ([0.1, 0.2, 0.1], [0.1, 0.1, 0.1], [0.0, 0.1, 0.0]),
    "marks": ((1, 601.0, True),),
    "levels": (("stop", 599.8),),
    "places": 2,
    "ticks": ((0, 1.7e9), (2, 1.7000006e9)),
    "is_synthetic": True,
}

_LEFT, _NAMED_LEFT, _RIGHT = 0.03, 0.105, 0.875
"""Edges of the panels; further in where levels are named beside them."""


def draw(data: dict[str, Any], theme: str) -> bytes:
    """The picture as PNG; runs in the drawing process."""
    from bot.charts import _canvas as c

    page = c.sheet("candles", theme)
    colours = page.palette
    if data["is_synthetic"]:
        page.strip()
    tone = colours.good if data["sign"] > 0 else colours.bad if data["sign"] < 0 else colours.ink
    page.heading(data["title"], data["value"], tone, "")
    if data["missing"]:
        page.middle(data["missing"])
        return page.png()
    below = [name for name in ("rsi", "macd") if data[name]]
    foot, tall = 0.125, 0.115
    axes: list[Axes] = []
    for name in reversed(below):
        axes.append(_study(page, name, data, foot, tall))
        foot += tall + 0.045
    axes.append(_prices(page, data, foot, 0.845 - foot))
    _legend(page, data)
    c.time_axis(page, axes[0], data["ticks"], len(data["close"]))
    return page.png()


def _panel(page: "Sheet", data: dict[str, Any], foot: float, tall: float) -> "Axes":
    left = _NAMED_LEFT if data["levels"] else _LEFT
    return page.panel(left, foot, _RIGHT - left, tall)


def _tints(colours: "Palette") -> dict[str, str]:
    return {
        "SMA 20": colours.second,
        "SMA 50": colours.third,
        "EMA 9": colours.third,
        "EMA 21": colours.warn,
        "BB up": colours.soft,
        "BB low": colours.soft,
        "VWAP": "#c586f0" if colours.ground == "#2b2d31" else "#8a3fc7",
    }


def _prices(page: "Sheet", data: dict[str, Any], bottom: float, tall: float) -> "Axes":
    import numpy as np

    from bot.charts import _canvas as c

    axes = _panel(page, data, bottom, tall)
    n = len(data["close"])
    low, high, close = (np.array(data[k]) for k in ("low", "high", "close"))
    span = float(high.max() - low.min()) or 1.0
    others = [p for _, p in data["levels"]] + [v for _, line in data["lines"] for v in line]
    near = [p for p in others if low.min() - span / 2 < p < high.max() + span / 2]
    floor = min([float(low.min()), *near]) - (0.22 if data["volume"] else 0.04) * span
    bounds = (floor, max([float(high.max()), *near]) + 0.04 * span)
    axes.set_xlim(0, n + 0.5)
    axes.set_ylim(*bounds)
    steps = c.nice_steps(float(low.min()), float(high.max()), 5)
    c.gridlines(axes, page.palette, steps, 0, n + 0.5)
    if data["volume"]:
        _volume(page, axes, data, bounds)
    _candles(page, axes, data)
    _lines(page, axes, data)
    _marks(page, axes, data)
    last = float(close[-1])
    gap = (bounds[1] - bounds[0]) * 0.06
    said = [last, *(p for _, p in data["levels"])]
    shown = [s for s in steps if all(abs(s - p) > gap for p in said)]
    c.value_axis(page, axes, shown, bounds, lambda v: f"{v:,.{_places(steps)}f}")
    is_up = data["close"][-1] >= data["open"][-1]
    tone = page.palette.good if is_up else page.palette.bad
    _levels(page, axes, data, (last, tone))
    return axes


def _places(steps: list[float]) -> int:
    apart = steps[1] - steps[0] if len(steps) > 1 else 1.0
    return 0 if apart >= 1 else 1 if apart >= 0.1 else 2 if apart >= 0.01 else 4


def _candles(page: "Sheet", axes: "Axes", data: dict[str, Any]) -> None:
    """Wicks, then bodies; what closed higher and lower are one collection each."""
    import numpy as np
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path

    from bot.charts import _canvas as c

    first, high, low, last = (np.array(data[k]) for k in ("open", "high", "low", "close"))
    n = len(last)
    x = np.arange(1.0, n + 1)
    half = 0.36 if n <= 260 else 0.45
    least = (axes.get_ylim()[1] - axes.get_ylim()[0]) * 0.0015
    for is_up, colour in ((True, page.palette.good), (False, page.palette.bad)):
        here = (last >= first) if is_up else (last < first)
        if not here.any():
            continue
        at, top, foot = x[here], high[here], low[here]
        ends = np.empty((len(at), 2, 2))
        ends[:, :, 0] = at[:, None]
        ends[:, 0, 1], ends[:, 1, 1] = foot, top
        strokes = Path(ends.reshape(-1, 2), np.tile(np.array([1, 2], dtype=np.uint8), len(at)))
        axes.add_collection(
            PathCollection(
                [strokes],
                facecolors="none",
                edgecolors=colour,
                linewidths=c.HAIR,
                antialiaseds=False,
                zorder=2,
            ),
            autolim=False,
        )
        body_foot = np.minimum(first[here], last[here])
        body_top = np.maximum(np.maximum(first[here], last[here]), body_foot + least)
        corners = np.empty((len(at), 5, 2))
        corners[:, :, 0] = np.stack((at - half, at - half, at + half, at + half, at - half), axis=1)
        corners[:, :, 1] = np.stack((body_foot, body_top, body_top, body_foot, body_foot), axis=1)
        kinds = np.tile(np.array([1, 2, 2, 2, 79], dtype=np.uint8), len(at))
        shape = Path(corners.reshape(-1, 2), kinds)
        axes.add_collection(
            PathCollection(
                [shape], facecolors=colour, linewidths=0, antialiaseds=n <= 200, zorder=2.1
            ),
            autolim=False,
        )


def _volume(page: "Sheet", axes: "Axes", data: dict[str, Any], bounds: tuple[float, float]) -> None:
    """Along the foot, a sixth of the panel high."""
    import numpy as np
    from matplotlib.collections import PathCollection
    from matplotlib.path import Path

    volume = np.array(data["volume"])
    n, most = len(volume), float(volume.max()) or 1.0
    x = np.arange(1.0, n + 1)
    foot = np.full(n, bounds[0])
    top = foot + volume / most * (bounds[1] - bounds[0]) * 0.16
    corners = np.empty((n, 5, 2))
    corners[:, :, 0] = np.stack((x - 0.4, x - 0.4, x + 0.4, x + 0.4, x - 0.4), axis=1)
    corners[:, :, 1] = np.stack((foot, top, top, foot, foot), axis=1)
    kinds = np.tile(np.array([1, 2, 2, 2, 79], dtype=np.uint8), n)
    shape = Path(corners.reshape(-1, 2), kinds)
    axes.add_collection(
        PathCollection(
            [shape],
            facecolors=page.palette.grid,
            linewidths=0,
            antialiaseds=n <= 200,
            zorder=1,
        ),
        autolim=False,
    )


def _lines(page: "Sheet", axes: "Axes", data: dict[str, Any]) -> None:
    from matplotlib.collections import LineCollection

    tints = _tints(page.palette)
    for name, values in data["lines"]:
        points = _known(values)
        if len(points) > 1:
            style = (0, (5, 3)) if name.startswith("BB") else "solid"
            axes.add_collection(
                LineCollection(
                    [points], colors=tints[name], linewidths=2, linestyles=[style], zorder=3
                ),
                autolim=False,
            )


def _known(values: list[float]) -> Any:
    import numpy as np

    y = np.array(values)
    x = np.arange(1.0, len(y) + 1)
    known = ~np.isnan(y)
    return np.column_stack((x[known], y[known]))


def _levels(page: "Sheet", axes: "Axes", data: dict[str, Any], last: tuple[float, str]) -> None:
    """Dashed across, named on the left, their prices on the right among the newest one."""
    from matplotlib.collections import LineCollection

    from bot.charts import _canvas as c

    colours = page.palette
    tints = {"entry": colours.ink, "stop": colours.bad, "target": colours.good}
    box, right, (low, high) = axes.get_position(), axes.get_xlim()[1], axes.get_ylim()

    def place(price: float) -> float:
        at: float = box.y0 + (price - low) / (high - low) * box.height
        return at

    inside = [(kind, price) for kind, price in data["levels"] if low <= price <= high]
    for kind, price in inside:
        axes.add_collection(
            LineCollection(
                [((0, price), (right, price))],
                colors=tints[kind],
                linewidths=1.4,
                linestyles=[(0, (6, 4))],
                zorder=2.5,
            )
        )
    names = c.apart([place(price) for _, price in inside], 0.034, box.y1)
    for (kind, _), y in zip(inside, names, strict=True):
        page.words(box.x0 - 0.008, y, kind, size=13, colour=tints[kind], va="center", ha="right")
    said = [*((price, tints[kind], False) for kind, price in inside), (*last, True)]
    spots = c.apart([place(price) for price, _, _ in said], 0.034, box.y1)
    for (price, tint, is_last), y in zip(said, spots, strict=True):
        words = f"{price:,.{data['places']}f}"
        page.words(box.x1 + 0.008, y, words, size=13, va="center", colour=tint, bold=is_last)


def _marks(page: "Sheet", axes: "Axes", data: dict[str, Any]) -> None:
    """A triangle up where was bought, down where was sold."""
    for is_buy, sign in ((True, "^"), (False, "v")):
        own = [(place + 1, price) for place, price, buys in data["marks"] if buys == is_buy]
        if own:
            axes.plot(
                [x for x, _ in own],
                [y for _, y in own],
                sign,
                color=page.palette.third,
                markeredgecolor=page.palette.ink,
                markersize=13,
                linestyle="none",
                clip_on=False,
                zorder=5,
            )


def _study(page: "Sheet", name: str, data: dict[str, Any], foot: float, tall: float) -> "Axes":
    """One of the panels below the prices."""
    from matplotlib.collections import LineCollection

    from bot.charts import _canvas as c

    axes = _panel(page, data, foot, tall)
    n = len(data["close"])
    axes.set_xlim(0, n + 0.5)
    colours = page.palette
    if name == "rsi":
        known = [v for v in data["rsi"] if v == v]
        bounds = (min(15.0, *known, 15.0), max(85.0, *known, 85.0))
        drawn = [(_known(data["rsi"]), colours.third)]
        c.gridlines(axes, colours, [30.0, 70.0], 0, n + 0.5)
        c.value_axis(page, axes, [30.0, 70.0], bounds, lambda v: f"{v:.0f}")
        label = f"RSI 14  {_last(data['rsi'], 0)}"
    else:
        line, signal, rest = data["macd"]
        bounds = _bounds([*line, *signal, *rest])
        bars = _known(rest)
        width = 0.7
        for above, tint in ((True, colours.good), (False, colours.bad)):
            here = bars[bars[:, 1] >= 0] if above else bars[bars[:, 1] < 0]
            c.bars(axes, here[:, 0], here[:, 1], width, tint)
        drawn = [(_known(line), colours.ink), (_known(signal), colours.second)]
        c.zero_line(axes, colours, 0, n + 0.5)
        label = f"MACD 12 26 9  {_last(line, 2)}"
    axes.set_ylim(*bounds)
    for points, tint in drawn:
        if len(points) > 1:
            axes.add_collection(
                LineCollection([points], colors=tint, linewidths=2, zorder=3), autolim=False
            )
    box = axes.get_position()
    page.words(box.x0 + 0.002, box.y1 + 0.018, label, size=13, va="center")
    return axes


def _bounds(values: list[float]) -> tuple[float, float]:
    known = [abs(v) for v in values if v == v]
    reach = max(known, default=1.0) or 1.0
    return -1.1 * reach, 1.1 * reach


def _last(values: list[float], places: int) -> str:
    return "n/a" if not values or values[-1] != values[-1] else f"{values[-1]:,.{places}f}"


def _legend(page: "Sheet", data: dict[str, Any]) -> None:
    """Each line by its colour, with its newest value."""
    from bot.charts import _canvas as c

    tints, x = _tints(page.palette), 0.03
    full = [f"{name} {_last(values, data['places'])}" for name, values in data["lines"]]
    short = [name for name, _ in data["lines"]]
    is_wide = sum(c.width_of(words, 13, bold=True) + 0.02 for words in full) > 0.94
    for words, (name, _) in zip(short if is_wide else full, data["lines"], strict=True):
        page.words(x, 0.885, words, size=13, colour=tints[name], va="top", bold=True)
        x += c.width_of(words, 13, bold=True) + 0.02
