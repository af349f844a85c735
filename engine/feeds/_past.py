"""What feeds share about the past: candles out of quotes, and the answers of their sources."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal

from engine.domain.candle import LENGTH, Candle, Candles, Timeframe, began_at, no_candles
from engine.domain.instrument import Instrument
from engine.domain.quote import Quote

_SESSION = timedelta(hours=6, minutes=30)
"""The shortest day anything trades that we ask about."""


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


def reaching_back(until: datetime, timeframe: Timeframe, n: int) -> datetime:
    """A moment so long before ``until`` that ``n`` candles of trading lie between them."""
    days = n if timeframe == "1d" else -(-n * LENGTH[timeframe] // _SESSION)
    return until - timedelta(days=days * 1.5 + 6)


def told(
    found: Iterable[Candle],
    instrument: Instrument,
    timeframe: Timeframe,
    n: int,
    until: datetime | None,
    source: str,
    now: datetime,
) -> Candles:
    """The newest ``n`` sane candles of an answer that began before ``until``; else why none."""
    sane = {c.at: c for c in found if c.is_sane and (until is None or c.at < until)}
    newest = tuple(sane[at] for at in sorted(sane))[-n:]
    if not newest:
        why = f"{source} has no candles of {instrument.label} for that time"
        return no_candles(instrument, timeframe, source, now, why)
    return Candles(
        instrument=instrument, timeframe=timeframe, candles=newest, source=source, as_of=now
    )
