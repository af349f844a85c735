"""How a price moved: candles of one length, with where they are from."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from engine.domain.instrument import Instrument

Timeframe = Literal["1m", "5m", "15m", "1h", "1d"]

LENGTH: dict[Timeframe, timedelta] = {
    "1m": timedelta(minutes=1),
    "5m": timedelta(minutes=5),
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "1d": timedelta(days=1),
}
_NEW_YORK = ZoneInfo("America/New_York")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle:
    """First, highest, lowest and last price of one stretch of time."""

    at: datetime
    """When it began, UTC; a day's is midnight in New York, whenever its session opened."""
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal | None = None
    """Shares or contracts; None: the source does not say."""

    @property
    def on(self) -> date:
        """Its day in New York: the trading day of a daily candle."""
        return self.at.astimezone(_NEW_YORK).date()

    @property
    def is_sane(self) -> bool:
        """A price there can have been: all above zero and finite, the range holds both ends."""
        prices = (self.open, self.high, self.low, self.close)
        return (
            all(p.is_finite() and p > 0 for p in prices)
            and self.low <= min(self.open, self.close)
            and self.high >= max(self.open, self.close)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Candles:
    """What one source knows about one instrument's past; empty with the reason."""

    instrument: Instrument
    timeframe: Timeframe
    candles: tuple[Candle, ...]
    """Oldest first; the newest may still be growing."""
    source: str
    as_of: datetime
    """When the source said so."""
    is_synthetic: bool = False
    missing: str = ""
    """Why there are none; empty when there are some."""

    @property
    def closes(self) -> tuple[Decimal, ...]:
        """Closing prices, oldest first."""
        return tuple(candle.close for candle in self.candles)


def no_candles(
    instrument: Instrument, timeframe: Timeframe, source: str, now: datetime, why: str
) -> Candles:
    """Nothing, and why."""
    return Candles(
        instrument=instrument,
        timeframe=timeframe,
        candles=(),
        source=source,
        as_of=now,
        missing=why,
    )


def began_at(moment: datetime, timeframe: Timeframe) -> datetime:
    """When the candle began that ``moment`` (aware) belongs to, UTC."""
    if timeframe == "1d":
        day = moment.astimezone(_NEW_YORK).date()
        return datetime.combine(day, time(), _NEW_YORK).astimezone(UTC)
    length = int(LENGTH[timeframe].total_seconds())
    seconds = int(moment.timestamp()) // length * length
    return datetime.fromtimestamp(seconds, UTC)


def day_began(on: date) -> datetime:
    """The moment a daily candle of that trading day is stamped with, UTC."""
    return datetime.combine(on, time(), _NEW_YORK).astimezone(UTC)


def before(began: datetime, timeframe: Timeframe, n: int = 1) -> datetime:
    """The beginning ``n`` candles earlier; days are counted on the calendar of New York."""
    if timeframe == "1d":
        return day_began(began.astimezone(_NEW_YORK).date() - timedelta(days=n))
    return began - n * LENGTH[timeframe]
