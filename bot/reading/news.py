"""Headlines for /news and for the card of a position: what to ask about, and what is held of it."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from bot.reading.market import MarketReading
from engine.domain.errors import UserError
from engine.domain.instrument import Instrument
from engine.domain.news import no_news
from engine.domain.trade import Trade
from engine.flows.common import watchlist
from engine.market import new_york_date
from engine.reports import news
from engine.symbols import instrument_named

if TYPE_CHECKING:
    from bot.app import App

_ON_A_CARD, _CARD_HOURS, _CARD_S = 3, 24, 1.0


class NewsReading:
    """What is written about what people look at."""

    def __init__(self, app: "App") -> None:
        self._app = app

    async def report(
        self, typed: str, hours: int, limit: int, *, shows_book: bool
    ) -> news.NewsReport:
        """Of one symbol; without one of what is held where that may be seen, else the watchlist.

        Raises:
            UserError: what was typed is no symbol, or one that nobody writes about.
        """
        app = self._app
        cards = app.reading.positions().rows if shows_book else ()
        about: news.About
        if typed:
            about, wanted = "symbol", [MarketReading(app).named(typed)]
        else:
            about, wanted = "held", [leg.instrument for card in cards for leg in card.legs[:1]]
        names, untold = _names(wanted)
        if typed and not names:
            raise UserError(
                f"Nobody writes about {untold[0]} by its name: news are of shares and coins. "
                "Nothing was looked up."
            )
        if not names:
            today = new_york_date(app.clock.now())
            listed = [instrument_named(w.symbol, today) for w in watchlist.current(app.desk)]
            more, unlisted = _names(listed)
            about, names, untold = "watchlist", more, tuple(dict.fromkeys((*untold, *unlisted)))
        if names:
            found = await app.headlines.of(names, hours)
        else:
            about, found = "nothing", no_news("", app.clock.now(), "there is nothing to ask about")
        return news.build(
            app.reading.frame(),
            found,
            about=about,
            symbols=names,
            hours=hours,
            limit=limit,
            held=cards,
            untold=untold,
        )

    async def of_trade(self, trade: Trade) -> Sequence[news.Row]:
        """The newest few for a position's card: what is at hand within a second, else none."""
        app = self._app
        name = news.name_of(trade.legs[0].instrument)
        if not name:
            return ()
        found = await app.headlines.soon(name, _CARD_HOURS, _CARD_S)
        told = news.build(
            app.reading.frame(),
            found,
            about="symbol",
            symbols=[name],
            hours=_CARD_HOURS,
            limit=_ON_A_CARD,
        )
        return told.rows


def _names(wanted: Iterable[Instrument]) -> tuple[list[str], tuple[str, ...]]:
    """What headlines call them, each once; and those that they do not name."""
    found = [(instrument, news.name_of(instrument)) for instrument in wanted]
    names = list(dict.fromkeys(name for _, name in found if name))
    return names, tuple(dict.fromkeys(i.label for i, name in found if not name))
