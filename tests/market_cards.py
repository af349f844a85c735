"""Cards of the market, made up: for the card sheet and for tests of their shape."""

from collections.abc import Iterator
from datetime import timedelta

import discord

from bot.cards import chart as chart_card
from bot.cards import market as market_card
from bot.cards import metrics as metrics_card
from bot.cards import watchlist as watchlist_card
from engine.flows.common.watchlist import Change, Outcome
from engine.reports import chart
from tests import market_sheets as made
from tests.unit.reports.examples import NOW, frame


def cards() -> Iterator[discord.Embed]:
    """Each card at its fullest and with nothing to say."""
    yield chart_card.candles(made.candles_report("5d", None, *made.FOUR, "vwap", "sma50"))
    yield chart_card.compare(made.compare_report())
    yield chart_card.payoff(made.payoff_report())
    yield market_card.summary(made.summary_report())
    yield market_card.summary(made.summary_report(knows=False))
    yield market_card.sectors(made.sector_report())
    yield market_card.sectors(made.sector_report("1d", is_mine=False))
    yield market_card.analysis(made.analysis_report("TSLA"))
    yield market_card.analysis(made.analysis_report("TSLA", "NVDA", "NONE", is_full=True))
    yield watchlist_card.show(made.watchlist_report())
    yield metrics_card.show(made.metrics_report(is_ill=True))
    yield metrics_card.show(made.metrics_report(0))
    told = [
        Outcome(symbol="TSLA", is_done=True, said="added and pinned"),
        Outcome(symbol="SPY", is_done=False, said="is on the list already"),
    ]
    stamp = frame().stamp("watchlist")
    yield watchlist_card.outcomes(told, 13, stamp)
    change = Change(
        at=NOW - timedelta(hours=3),
        actor="user:300000000000000007",
        what="added",
        symbols=("TSLA", "/ES"),
        why="earnings",
    )
    yield watchlist_card.history([change], 30, stamp)
    none = made.candles(made.AAPL, "1d", 0)
    yield chart_card.candles(chart.build(frame(), none, chart.view_of("3m")))
