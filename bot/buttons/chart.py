"""Charts whose window is changed by buttons: what they show stands in the button's id alone.

A press draws the picture anew in its place, from the market as it is then; it works after a
restart, and is judged as the command is.
"""

import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, Self, cast

import discord

from bot import reply
from bot.cards import chart as card
from bot.cards import performance as performance_card
from bot.cards import pnl as pnl_card
from bot.charts import Theme
from bot.drawn import Shown, drawn, with_chart
from bot.lasting import Lasting, below
from bot.reading.market import MarketReading
from bot.reply import Press
from engine.domain.candle import LENGTH, Timeframe
from engine.reports import chart
from engine.reports.chart import Range, View
from engine.reports.pnl import Period

if TYPE_CHECKING:
    from bot.app import App

Kind = Literal["candles", "compare", "pnl", "equity"]

_LETTERS = {
    "a": "sma20",
    "b": "sma50",
    "c": "ema9",
    "d": "ema21",
    "e": "bollinger",
    "f": "vwap",
    "v": "volume",
    "r": "rsi",
    "m": "macd",
}
_OVERLAYS = {"t": "trades", "l": "levels"}
_RANGES: tuple[tuple[str, Range], ...] = (
    ("1D", "1d"),
    ("5D", "5d"),
    ("1M", "1m"),
    ("3M", "3m"),
    ("1Y", "1y"),
)
PERIODS: tuple[tuple[str, Period], ...] = (
    ("Today", "today"),
    ("Week", "week"),
    ("Month", "month"),
    ("Year", "ytd"),
    ("All", "all"),
)
_PERMISSION = {kind: f"chart {kind}" for kind in ("candles", "compare", "pnl", "equity")}


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Which picture; everything a button has to know."""

    kind: Kind
    what: str = "-"
    """Symbols with commas between them; ``-`` for the desk's own figures."""
    range: str = "5d"
    """A Range, or a Period of the desk's own figures."""
    timeframe: Timeframe | None = None
    shift: int = 0
    marks: str = ""
    """A letter per indicator and overlay."""
    theme: Theme = Theme.DARK

    def custom_id(self, use: str) -> str:
        """``use`` keeps ids of one message apart."""
        frame = self.timeframe or "-"
        return (
            f"ts:chart:{self.kind}:{self.what}:{self.range}:{frame}:{self.shift}:"
            f"{self.marks or '-'}:{self.theme[0]}:{use}"
        )

    def view(self, app: "App") -> View:
        """The window of the market.

        Raises:
            UserError: it names no instrument.
        """
        market = MarketReading(app)
        named = [market.named(n) for n in self.what.split(",")]
        return market.view(named, cast("Range", self.range), self.timeframe, self.shift)


def letters(indicators: list[str], overlays: list[str]) -> str:
    """What is drawn, a letter each."""
    names = {**_LETTERS, **_OVERLAYS}
    return "".join(k for k, name in names.items() if name in (*indicators, *overlays))


async def shown(app: "App", press: Press, wish: Wish) -> Shown:
    """Card and picture of a wish; in words alone when it cannot be drawn (D-16).

    Raises:
        UserError: it names no instrument.
    """
    if wish.kind == "pnl":
        figures = await app.reading.pnl(cast("Period", wish.range))
        return await with_chart(app, pnl_card, figures, wish.theme)
    if wish.kind == "equity":
        report = await app.risks.performance(cast("Period", wish.range))
        return await with_chart(app, performance_card, report, wish.theme)
    market = MarketReading(app)
    if wish.kind == "compare":
        named = [market.named(n) for n in wish.what.split(",")]
        compared = await market.compare(named, wish.view(app))
        files = await drawn(
            app, "compare", compared, wish.theme, card.PICTURE, card.compare_alt(compared)
        )
        return card.compare(compared, has_picture=bool(files)), files
    may_see = sees_positions(app, press)
    found = await market.candles(
        market.named(wish.what),
        wish.view(app),
        indicators=[_LETTERS[k] for k in wish.marks if k in _LETTERS],
        overlays=[_OVERLAYS[k] for k in wish.marks if k in _OVERLAYS] if may_see else (),
    )
    if found.missing:
        return card.candles(found), ()
    files = await drawn(app, "candles", found, wish.theme, card.PICTURE, card.candles_alt(found))
    return card.candles(found, has_picture=bool(files)), files


def sees_positions(app: "App", press: Press, *, is_private: bool = False) -> bool:
    """Whether the desk's own figures may be shown to this person in this answer."""
    allowed = app.gate.allows(press, "positions")
    return allowed and (is_private or not app.gate.is_private("positions", press.channel_id))


def chart_view(app: "App", wish: Wish) -> discord.ui.View:
    """Ranges, and one window back or forth; periods for the desk's own figures."""
    if wish.kind in ("pnl", "equity"):
        return below(
            ChartButton(replace(wish, range=period), "r", label, wish.range == period)
            for label, period in PERIODS
        )
    buttons = []
    for label, range_ in _RANGES:
        is_it = wish.range == range_ and wish.shift == 0
        window = replace(wish, range=range_, timeframe=None, shift=0)
        buttons.append(ChartButton(window, "r", label, is_it))
    n = wish.view(app).n
    is_last = (wish.shift + 2) * n + chart.WARM_UP > chart.MOST_ASKED
    buttons.append(ChartButton(replace(wish, shift=wish.shift + 1), "b", "◀", is_last))
    ahead = max(0, wish.shift - 1)
    buttons.append(ChartButton(replace(wish, shift=ahead), "f", "▶", wish.shift == 0))
    return below(buttons)


class ChartButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:chart:(?P<kind>candles|compare|pnl|equity):(?P<what>[A-Z0-9/.,-]{1,48}):"
    r"(?P<range>[a-z0-9]{2,5}):(?P<frame>1m|5m|15m|1h|1d|-):(?P<shift>\d{1,3}):"
    r"(?P<marks>[a-z]{1,12}|-):(?P<theme>[dl]):(?P<use>[rbf])",
):
    """Another window of the same chart."""

    def __init__(self, wish: Wish, use: str, label: str = "…", is_off: bool = False) -> None:
        super().__init__(
            discord.ui.Button(
                label=label,
                style=discord.ButtonStyle.secondary,
                disabled=is_off,
                custom_id=wish.custom_id(use),
                row=0 if use == "r" else 1,
            )
        )
        self.wish = wish

    @classmethod
    def of(cls, match: re.Match[str]) -> Self:
        """The whole wish is in the id."""
        frame = match["frame"]
        wish = Wish(
            kind=cast("Kind", match["kind"]),
            what=match["what"],
            range=match["range"],
            timeframe=cast("Timeframe", frame) if frame in LENGTH else None,
            shift=int(match["shift"]),
            marks=match["marks"].strip("-"),
            theme=Theme.LIGHT if match["theme"] == "l" else Theme.DARK,
        )
        return cls(wish, match["use"])

    async def callback(self, interaction: Press) -> None:
        """Draw it anew in its place."""
        await reply.defer(interaction)
        await reply.handled(interaction, lambda: self._show(interaction))

    async def _show(self, press: Press) -> None:
        app: App = press.client.app
        app.gate.require(press, _PERMISSION[self.wish.kind])
        embed, files = await shown(app, press, self.wish)
        await press.edit_original_response(
            embed=embed, attachments=list(files), view=chart_view(app, self.wish)
        )
