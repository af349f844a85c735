"""What all charts share: themes that melt into Discord, kept figures, small PNGs.

Only the drawing process imports this module: matplotlib lives there and nowhere else.
"""

import io
import pathlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from zoneinfo import ZoneInfo

import matplotlib
import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import LineCollection, PathCollection
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from matplotlib.path import Path
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT = 960, 600
"""Pixels; Discord shows it at about half of that on a phone, so text is twice as large here."""
NEW_YORK = ZoneInfo("America/New_York")
_DPI = 100
_COLOURS = 64
HAIR = 72 / _DPI
"""Line width of exactly one pixel."""
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Palette:
    """Colours of one theme; the ground is that of Discord's embeds."""

    ground: str
    ink: str
    soft: str
    """Labels and lesser lines."""
    grid: str
    good: str
    bad: str
    line: str
    """The one line that matters."""
    second: str
    third: str
    warn: str
    warn_ink: str


PALETTES = {
    "dark": Palette(
        ground="#2b2d31",
        ink="#f2f3f5",
        soft="#b5bac1",
        grid="#3f4147",
        good="#2fbf71",
        bad="#f0575b",
        line="#f2f3f5",
        second="#f0b232",
        third="#7c8cff",
        warn="#f0b232",
        warn_ink="#1e1f22",
    ),
    "light": Palette(
        ground="#f2f3f5",
        ink="#060607",
        soft="#4e5058",
        grid="#d4d7dc",
        good="#12844a",
        bad="#c5282d",
        line="#1e1f22",
        second="#a86200",
        third="#4752c4",
        warn="#f0b232",
        warn_ink="#1e1f22",
    ),
}


@dataclass(slots=True)
class Sheet:
    """One kept figure of one chart and theme. What is drawn comes and goes, its axes stay."""

    figure: Figure
    canvas: FigureCanvasAgg
    palette: Palette
    _panels: dict[tuple[float, float, float, float], Axes] = field(default_factory=dict)
    _drawn: list[Artist] = field(default_factory=list)
    _words: list[tuple[tuple[float, float], str, str, str, ImageFont.FreeTypeFont]] = field(
        default_factory=list
    )

    def panel(self, left: float, bottom: float, width: float, height: float) -> Axes:
        """A bare drawing area in fractions of the figure: no ticks, frame or labels of its own."""
        place = (left, bottom, width, height)
        if place not in self._panels:
            axes = self.figure.add_axes(place, label=str(place))
            axes.set_axis_off()
            self._panels[place] = axes
        return self._panels[place]

    def words(
        self,
        x: float,
        y: float,
        text: str,
        *,
        colour: str = "",
        size: int = 15,
        ha: str = "left",
        va: str = "baseline",
        bold: bool = False,
    ) -> None:
        """Text at a place given in fractions of the figure, above everything else.

        Pillow writes it once the rest is drawn: ten times quicker than matplotlib's own text.
        """
        place = (x * WIDTH, (1 - y) * self.figure.bbox.height)
        anchor = {"left": "l", "center": "m", "right": "r"}[ha] + _VERTICAL[va]
        self._words.append((place, text, colour or self.palette.soft, anchor, _font(size, bold)))

    def heading(self, title: str, value: str, tone: str, detail: str, aside: str = "") -> None:
        """Name and value of the chart; one line below on the left, one in red on the right."""
        self.words(0.03, 0.955, title, size=20, colour=self.palette.ink, va="top")
        self.words(0.97, 0.96, value, size=26, colour=tone, va="top", ha="right", bold=True)
        self.words(0.03, 0.875, detail, size=15, va="top")
        if aside:
            self.words(0.97, 0.875, aside, size=15, colour=self.palette.bad, va="top", ha="right")

    def strip(self, text: str = "SYNTHETIC MARKET") -> None:
        """A band along the foot that says that the prices were made up."""
        band = Rectangle(
            (0, 0), 1, 0.055, transform=self.figure.transFigure, color=self.palette.warn
        )
        self._drawn.append(self.figure.add_artist(band))
        self.words(
            0.5,
            0.0265,
            f"{text} · prices are made up",
            size=14,
            colour=self.palette.warn_ink,
            ha="center",
            va="center",
            bold=True,
        )

    def middle(self, text: str) -> None:
        """Words where a picture would be."""
        self.words(0.5, 0.45, text, size=22, ha="center", va="center")

    def png(self) -> bytes:
        """Draw, encode with few colours, and clear the sheet for the next picture."""
        try:
            self.canvas.draw()  # type: ignore[no-untyped-call]
            return encode(self._written())
        finally:
            drawn = [
                artist
                for panel in self._panels.values()
                for artist in (*panel.collections, *panel.lines)
            ]
            for artist in (*self._drawn, *drawn):
                artist.remove()
            self._drawn.clear()
            self._words.clear()

    def _written(self) -> Image.Image:
        """What matplotlib drew, with the words on it."""
        pixels: memoryview = self.canvas.buffer_rgba()  # type: ignore[no-untyped-call]
        height, width, _ = pixels.shape or (0, 0, 4)
        image = Image.frombuffer(
            "RGBA", (width, height), bytes(pixels), "raw", "RGBA", 0, 1
        ).convert("RGB")
        pen = ImageDraw.Draw(image)
        for place, text, colour, anchor, font in self._words:
            pen.text(place, text, fill=colour, font=font, anchor=anchor)
        return image


_VERTICAL = {"top": "t", "center": "m", "baseline": "s", "bottom": "d"}


@cache
def _font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """DejaVu Sans as matplotlib ships it: the same on every machine. ``size`` in points."""
    name = "DejaVuSans-Bold.ttf" if bold else "DejaVuSans.ttf"
    path = pathlib.Path(matplotlib.get_data_path()) / "fonts" / "ttf" / name
    return ImageFont.truetype(path, round(size * _DPI / 72), layout_engine=ImageFont.Layout.BASIC)


def tints(palette: Palette) -> tuple[str, ...]:
    """Colours of lines that are all of one rank, told apart on either ground."""
    if palette is PALETTES["dark"]:
        return (palette.third, palette.second, "#3ec9c9", "#e879a6", palette.ink, palette.soft)
    return (palette.third, palette.second, "#0d7d7d", "#b5286a", palette.ink, palette.soft)


def width_of(text: str, size: int, *, bold: bool = False) -> float:
    """How wide :meth:`Sheet.words` writes it, in fractions of the figure."""
    return _font(size, bold).getlength(text) / WIDTH


@cache
def sheet(name: str, theme: str, height: int = HEIGHT) -> Sheet:
    """The kept sheet of a chart and theme."""
    palette = PALETTES[theme]
    figure = Figure(
        figsize=(WIDTH / _DPI, height / _DPI), dpi=_DPI, facecolor=palette.ground, label=name
    )
    return Sheet(figure, FigureCanvasAgg(figure), palette)


def encode(image: Image.Image) -> bytes:
    """A PNG with a palette: a third of the bytes of full colour, and quicker."""
    small = image.quantize(_COLOURS, method=Image.Quantize.FASTOCTREE, dither=Image.Dither.NONE)
    out = io.BytesIO()
    small.save(out, "PNG", compress_level=6)
    return out.getvalue()


def nice_steps(low: float, high: float, n: int = 4) -> list[float]:
    """Round values between two bounds, ``n`` steps at most: 1, 2 or 5 times a power of ten."""
    raw = (high - low) / max(n, 1)
    power = 10.0 ** np.floor(np.log10(raw))
    step = next(m * power for m in (1, 2, 5, 10, 20) if m * power >= raw * 0.999)
    first = np.ceil(low / step) * step
    return [float(v) for v in np.arange(first, high + step * 1e-9, step)]


def spread(
    values: Sequence[float] | FloatArray, *, zero: bool = True, pad: float = 0.08
) -> tuple[float, float]:
    """Bounds of an axis: all values, zero if asked, some air; never empty."""
    low, high = float(min(values)), float(max(values))
    if zero:
        low, high = min(low, 0.0), max(high, 0.0)
    if low == high:
        low, high = low - 1, high + 1
    air = (high - low) * pad
    return low - air, high + air


def gridlines(axes: Axes, palette: Palette, at: Sequence[float], x0: float, x1: float) -> None:
    """Faint horizontal lines."""
    segments = [((x0, y), (x1, y)) for y in at if y != 0]
    axes.add_collection(
        LineCollection(
            segments, colors=palette.grid, linewidths=HAIR, antialiaseds=False, zorder=0.5
        )
    )


def zero_line(axes: Axes, palette: Palette, x0: float, x1: float) -> None:
    """Where neither profit nor loss is."""
    axes.add_collection(
        LineCollection(
            [((x0, 0), (x1, 0))], colors=palette.soft, linewidths=HAIR, antialiaseds=False
        )
    )


def bars(axes: Axes, x: FloatArray, height: FloatArray, width: float, colour: str) -> None:
    """Upright bars from zero as one single path, however many there are."""
    n = len(x)
    if not n:
        return
    left, right = x - width / 2, x + width / 2
    foot = np.zeros(n)
    corners = np.empty((n, 5, 2))
    corners[:, :, 0] = np.stack((left, left, right, right, left), axis=1)
    corners[:, :, 1] = np.stack((foot, height, height, foot, foot), axis=1)
    kinds = np.tile(np.array([1, 2, 2, 2, 79], dtype=np.uint8), n)
    shape = Path(corners.reshape(-1, 2), kinds)
    axes.add_collection(
        PathCollection([shape], facecolors=colour, linewidths=0, antialiaseds=n <= 200)
    )


def value_axis(
    page: Sheet,
    axes: Axes,
    values: Sequence[float],
    bounds: tuple[float, float],
    write: Callable[[float], str],
    *,
    on_left: bool = False,
) -> None:
    """Labels beside a panel, level with their gridlines."""
    box = axes.get_position()
    low, high = bounds
    x, side = (box.x0 - 0.008, "right") if on_left else (box.x1 + 0.008, "left")
    for value in values:
        y = box.y0 + (value - low) / (high - low) * box.height
        page.words(x, y, write(value), size=13, va="center", ha=side)


def money(value: float) -> str:
    """Dollars for an axis: ``$1,200``, ``-$3.5k``."""
    mark, size = ("-" if value < 0 else ""), abs(value)
    if size >= 1_000_000:
        return f"{mark}${size / 1_000_000:,.4g}M"
    if size >= 10_000:
        return f"{mark}${size / 1000:,.4g}k"
    if size >= 10 or size == 0:
        return f"{mark}${size:,.0f}"
    return f"{mark}${size:,.2f}"


def days(ticks: Sequence[tuple[int, float]]) -> list[tuple[int, str]]:
    """Places and New York dates (times, when all on one day) for the labels of a time axis."""
    if not ticks:
        return []
    first, last = _local(ticks[0][1]), _local(ticks[-1][1])
    is_one_day = first.date() == last.date()
    form = "%H:%M" if is_one_day else ("%b %-d" if first.year == last.year else "%b %-d %Y")
    labels: list[tuple[int, str]] = []
    for at, stamp in ticks:
        words = _local(stamp).strftime(form)
        if not labels or labels[-1][1] != words:
            labels.append((at, words))
    if is_one_day:
        at, words = labels[-1]
        labels[-1] = at, f"{words} ET"
    return labels


def _local(stamp: float) -> datetime:
    return datetime.fromtimestamp(stamp, UTC).astimezone(NEW_YORK)


def time_axis(page: Sheet, axes: Axes, ticks: Sequence[tuple[int, float]], n: int) -> None:
    """Dates below a panel whose places are 1 to ``n``."""
    box = axes.get_position()
    for place, words in days(ticks):
        _below(page, axes, (place + 1) / (n + 0.5), words, box.y0)


def name_axis(page: Sheet, axes: Axes, names: Sequence[str]) -> None:
    """Names below a panel whose places are 1 to ``n``."""
    box = axes.get_position()
    for place, name in enumerate(names, start=1):
        at = place / (len(names) + 0.5)
        page.words(box.x0 + at * box.width, box.y0 - 0.017, name, size=13, ha="center", va="top")


def clock_axis(page: Sheet, axes: Axes, first: float, last: float) -> None:
    """Times below a panel whose places are moments."""
    box = axes.get_position()
    ticks = [(place, first + (last - first) * place / 100) for place in (0, 25, 50, 75, 100)]
    for place, words in days(ticks):
        _below(page, axes, place / 100, words, box.y0)


def _below(page: Sheet, axes: Axes, at: float, words: str, foot: float) -> None:
    box = axes.get_position()
    side = "left" if at < 0.06 else "right" if at > 0.94 else "center"
    page.words(box.x0 + at * box.width, foot - 0.017, words, size=13, ha=side, va="top")


def apart(places: Sequence[float], gap: float, high: float) -> list[float]:
    """The same places moved so that labels ``gap`` high do not overlap; order is kept."""
    order = sorted(range(len(places)), key=lambda i: places[i])
    moved = [places[i] for i in order]
    for i in range(1, len(moved)):
        moved[i] = max(moved[i], moved[i - 1] + gap)
    over = max(moved[-1] - high, 0.0) if moved else 0.0
    if over:
        moved[-1] -= over
        for i in range(len(moved) - 2, -1, -1):
            moved[i] = min(moved[i], moved[i + 1] - gap)
    found = [0.0] * len(places)
    for i, value in zip(order, moved, strict=True):
        found[i] = value
    return found
