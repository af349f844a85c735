"""Records for the market's reports: history, quotes and the desk's own trades, gathered once."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from engine.domain.candle import LENGTH, Candles, Timeframe
from engine.domain.errors import UserError
from engine.domain.instrument import Instrument, stock
from engine.domain.trade import Trade
from engine.flows.common import watchlist
from engine.market import new_york_date
from engine.portfolio.beta import MARKET
from engine.portfolio.sectors import SECTOR_FUNDS
from engine.reports import analysis, chart, compare, market_summary, payoff, sectors
from engine.reports import watchlist as watched
from engine.reports.analysis import DAYS
from engine.symbols import instrument_named

if TYPE_CHECKING:
    from bot.app import App

_QUOTE_S = 2.0


def by_its_underlying(option: Instrument) -> str:
    """Why an option is not analyzed itself, and what to write instead."""
    return f"Analyze an option by its underlying: {option.symbol}. Nothing was looked up."


class MarketReading:
    """What people look at that is not their own book."""

    def __init__(self, app: "App") -> None:
        self._app = app

    def named(self, typed: str) -> Instrument:
        """The instrument that is meant.

        Raises:
            UserError: it is none.
        """
        for trade in self._app.desk.book.open_trades():  # as its card calls it
            instrument = trade.legs[0].instrument
            if len(trade.legs) == 1 and typed.strip().upper() == instrument.label.upper():
                return instrument
        return instrument_named(typed, new_york_date(self._app.clock.now()))

    def view(
        self,
        instruments: Iterable[Instrument],
        range_: chart.Range,
        timeframe: Timeframe | None = None,
        shift: int = 0,
    ) -> chart.View:
        """A window as long as its name says; several share the candles of the shortest day."""
        markets = {self._app.desk.calendar(i.kind).market for i in instruments}
        views = [chart.view_of(range_, timeframe, shift, market) for market in markets]
        coarse = max((v.timeframe for v in views), key=tuple(LENGTH).index)
        shared = [chart.view_of(range_, coarse, shift, market) for market in markets]
        note = max((v.note for v in views), key=len)
        return replace(min(shared, key=lambda v: v.n), note=note)

    async def candles(
        self,
        instrument: Instrument,
        view: chart.View,
        *,
        indicators: Collection[str] = (),
        overlays: Collection[str] = (),
    ) -> chart.ChartReport:
        """A window of one instrument, with what is drawn on it."""
        app = self._app
        series = await self._series(instrument, view, warm_up=chart.WARM_UP)
        graded = app.quality.of(instrument, app.clock.now())
        book = app.desk.book
        trades: Sequence[Trade] = [*book.closed.values(), *book.open_trades()] if overlays else ()
        return chart.build(
            app.reading.frame(),
            series,
            view,
            indicators=indicators,
            trades=trades,
            overlays=overlays,
            grade="" if graded is None else graded.grade.value,
        )

    async def compare(
        self, instruments: Sequence[Instrument], view: chart.View
    ) -> compare.CompareReport:
        """Several on one scale."""
        own = [self.view([i], view.range, view.timeframe, view.shift) for i in instruments]
        wanted = zip(instruments, own, strict=True)
        series = await asyncio.gather(*(self._series(i, v) for i, v in wanted))
        return compare.build(self._app.reading.frame(), series, view)

    async def watchlist(self) -> watched.WatchlistReport:
        """The list with prices and how strong each is."""
        app = self._app
        today = new_york_date(app.clock.now())
        held = {t.symbol for t in app.desk.book.open_trades()}
        lines = [
            watched.Line(
                symbol=w.symbol,
                instrument=instrument_named(w.symbol, today),
                is_pinned=w.is_pinned,
                source=w.source,
                is_held=w.symbol.strip("/") in held,
            )
            for w in watchlist.current(app.desk)
        ]
        history = await self.days([stock("SPY"), *(line.instrument for line in lines)])
        return watched.build(app.reading.frame(), lines, history)

    async def summary(self, *, shows_book: bool) -> market_summary.SummaryReport:
        """The market on one screen; with what its day does to the book where that may be seen."""
        app = self._app
        history, listed = await asyncio.gather(self.days(market_summary.used()), self.watchlist())
        beta_usd = (await app.risks.risk()).beta_usd if shows_book else None
        return market_summary.build(app.reading.frame(), history, listed, beta_usd=beta_usd)

    async def sectors(self, period: sectors.Period, *, shows_book: bool) -> sectors.SectorReport:
        """The sectors' funds; with what the desk has there where that may be seen."""
        app = self._app
        funds = [stock(s) for s in ("SPY", *SECTOR_FUNDS.values())]
        history = await self.days(funds)
        exposure = app.risks.exposure("sector") if shows_book else None
        return sectors.build(app.reading.frame(), history, period, exposure=exposure)

    async def analysis(
        self, instruments: Sequence[Instrument], depth: Literal["quick", "full"]
    ) -> analysis.AnalysisReport:
        """One to three instruments looked into."""
        app = self._app
        history = await self.days([*instruments, stock(MARKET)])
        return analysis.build(
            app.reading.frame(),
            instruments,
            history,
            depth=depth,
            equity_usd=app.reading.exposure().equity_usd,
            sizing=app.desk.settings.sizing,
        )

    async def days(self, instruments: Iterable[Instrument], n: int = DAYS) -> dict[str, Candles]:
        """Daily candles with the running one, by instrument key; a year, so that all share them."""
        wanted = {i.key: i for i in instruments}
        bars = self._app.history.bars
        found = await asyncio.gather(*(bars(i, "1d", n) for i in wanted.values()))
        return dict(zip(wanted, found, strict=True))

    async def payoff(self, trade_id: str) -> payoff.PayoffReport:
        """Of one open option trade; its underlying's quote is asked for when there is none.

        Raises:
            UserError: there is no such trade, or it has no pay-off.
        """
        app = self._app
        trade = app.desk.book.trades.get(trade_id)
        if trade is None:
            raise UserError(f"No open trade is called “{trade_id[:40]}”. Nothing was drawn.")
        report = payoff.build(app.reading.frame(), trade)
        if isinstance(report.now, tuple):
            return report
        await self._ask_for(payoff.under(trade))
        return payoff.build(app.reading.frame(), trade)

    async def _ask_for(self, instrument: Instrument) -> None:
        """One quote, for a picture that needs it; without an answer it says so itself."""
        feed = self._app.desk.feed
        if feed is None:
            return
        with suppress(Exception):  # whatever a feed raises, there is no quote
            async with asyncio.timeout(_QUOTE_S):
                quote = await feed.quote(instrument)
            if quote is not None:
                self._app.board.put(quote)

    async def _series(
        self, instrument: Instrument, view: chart.View, *, warm_up: int = 0
    ) -> Candles:
        """The window's candles; a shifted one ends where the window after it began."""
        n = view.n + warm_up
        whole = await self._app.history.bars(
            instrument, view.timeframe, min(n + view.shift * view.n, chart.MOST_ASKED)
        )
        return chart.window(whole, view, n)
