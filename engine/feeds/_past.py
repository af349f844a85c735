"""Candles out of quotes: what a market of ours did, where no exchange keeps its history."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal

from engine.domain.candle import Candle, Timeframe, began_at
from engine.domain.quote import Quote


def candles_of(quotes: Iterable[Quote], timeframe: Timeframe) -> Iterator[Candle]:
    """From quotes of one instrument, oldest first, by the middle of the market.

    A stretch without a quote has no candle; volume is not known.
    """
    began, prices = None, list[Decimal]()
    for quote in quotes:
        at = began_at(quote.exchange_at, timeframe)
        if began is not None and at != began:
            yield _candle(began, prices)
            prices = []
        began = at
        prices.append(quote.mid)
    if began is not None:
        yield _candle(began, prices)


def _candle(began: datetime, prices: list[Decimal]) -> Candle:
    return Candle(at=began, open=prices[0], high=max(prices), low=min(prices), close=prices[-1])
