"""Alpaca's quotes in the house's words."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from engine.brokers.alpaca.translate import instrument_of
from engine.domain.candle import Candle, Timeframe, began_at
from engine.domain.instrument import Instrument
from engine.domain.quote import Quote

TIMEFRAMES: Mapping[Timeframe, str] = {
    "1m": "1Min",
    "5m": "5Min",
    "15m": "15Min",
    "1h": "1Hour",
    "1d": "1Day",
}


def candle_of(body: Mapping[str, Any], timeframe: Timeframe) -> Candle:
    """A bar as it was asked for.

    Raises:
        KeyError, ValueError, TypeError, ArithmeticError: it is none.
    """
    at = moment(body["t"])
    return Candle(
        at=began_at(at, "1d") if timeframe == "1d" else at,
        open=_number(body["o"]),
        high=_number(body["h"]),
        low=_number(body["l"]),
        close=_number(body["c"]),
        volume=_number(body["v"]),
    )


def stamp(at: datetime) -> str:
    """A moment as a question has it."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def quote_of(body: Mapping[str, Any], instrument: Instrument, source: str, now: datetime) -> Quote:
    """A quote as it was streamed or asked for.

    Sizes of shares are left out: Alpaca counted them in round lots and now in shares, and does
    not say which.

    Raises:
        KeyError, ValueError, TypeError, ArithmeticError: it is none.
    """
    has_sizes = instrument.kind != "stock"
    return Quote(
        instrument=instrument,
        bid=_number(body["bp"]),
        ask=_number(body["ap"]),
        bid_size=_number(body["bs"]) if has_sizes else None,
        ask_size=_number(body["as"]) if has_sizes else None,
        exchange_at=moment(body["t"]),
        received_at=now,
        source=source,
    )


def named(symbol: str) -> Instrument:
    """The thing behind a symbol of the market data; pairs carry their slash there."""
    return instrument_of(symbol)


def _number(value: Any) -> Decimal:
    """Exactly what was written: the shortest decimal that is this number."""
    if isinstance(value, bool):
        raise TypeError("not a number")
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite():
        raise ValueError("not a number")
    return number


def moment(value: Any) -> datetime:
    """A time with its zone.

    Raises:
        ValueError, TypeError: it is none.
    """
    at = value if isinstance(value, datetime) else datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    return at.astimezone(UTC)
