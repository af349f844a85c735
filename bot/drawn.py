"""Reports as a card with its picture; in words alone when it cannot be drawn (D-16)."""

import io
import logging
from typing import TYPE_CHECKING, Protocol, TypeVar

import discord

from bot.charts import ChartError, Theme

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

Shown = tuple[discord.Embed, tuple[discord.File, ...]]
R = TypeVar("R", contravariant=True)


class Pictured(Protocol[R]):
    """A file of ``bot/cards`` whose report has a chart of its own."""

    CHART: str
    """The chart's name in ``bot/charts``."""
    PICTURE: str
    """Its file in the message."""

    def has_chart(self, report: R, /) -> bool:
        """Whether there is anything to draw."""

    def alt(self, report: R, /) -> str:
        """The picture in words."""

    def show(self, report: R, /, *, has_picture: bool = False) -> discord.Embed:
        """The card."""


async def with_chart(app: "App", card: Pictured[R], report: R, theme: Theme) -> Shown:
    """The report's card and its picture."""
    files: tuple[discord.File, ...] = ()
    if card.has_chart(report):
        files = await drawn(app, card.CHART, report, theme, card.PICTURE, card.alt(report))
    return card.show(report, has_picture=bool(files)), files


async def drawn(
    app: "App", chart: str, report: object, theme: Theme, name: str, alt: str
) -> tuple[discord.File, ...]:
    """The picture as a file of that name; none when it cannot be drawn."""
    try:
        png = await app.charts.render(chart, report, theme)
    except ChartError as error:
        log.warning("no %s chart: %s", chart, error)
        return ()
    return (discord.File(io.BytesIO(png), name, description=alt[:1024]),)
