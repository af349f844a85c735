"""The watchlist with prices: what moved, how strong it is against the market, what is held."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from engine import indicators as ind
from engine.domain.candle import Candles
from engine.domain.instrument import Instrument, stock
from engine.reports import Figure, Frame, Missing, Stamp, less
from engine.reports._moves import Move, change_pct, decimal, market_stamp, move, over, with_last

STRENGTH_DAYS = 20
"""Days over which an instrument is held against the market."""
_MARKET = stock("SPY")


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One symbol."""

    symbol: str
    instrument: Instrument
    last: Figure
    day_pct: Figure
    strength_pct: Figure
    """Its change over 20 days less that of SPY, in percentage points."""
    over_ema_pct: Figure
    """How far above its EMA 21 of daily closes, in percent of that."""
    is_held: bool
    is_pinned: bool
    source: str


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchlistReport:
    """Pinned first, then in the order of the list."""

    stamp: Stamp
    rows: tuple[Row, ...]

    @property
    def movers(self) -> tuple[Row, ...]:
        """Those whose day is known, best first."""
        known = [r for r in self.rows if not isinstance(r.day_pct, Missing)]
        return tuple(sorted(known, key=lambda r: r.day_pct, reverse=True))  # type: ignore[arg-type, return-value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What the list says of one symbol."""

    symbol: str
    instrument: Instrument
    is_pinned: bool
    source: str
    is_held: bool


def build(frame: Frame, lines: Sequence[Line], history: Mapping[str, Candles]) -> WatchlistReport:
    """``history``: daily candles by instrument key, SPY's among them, the running day included."""
    market = history.get(_MARKET.key)
    used = [*(line.instrument for line in lines), _MARKET]
    return WatchlistReport(
        stamp=market_stamp(frame, "watchlist", used, history.values()),
        rows=tuple(_row(frame, line, history.get(line.instrument.key), market) for line in lines),
    )


def _row(frame: Frame, line: Line, series: Candles | None, market: Candles | None) -> Row:
    moved: Move = move(line.instrument, series, frame)
    return Row(
        symbol=line.symbol,
        instrument=line.instrument,
        last=moved.last,
        day_pct=moved.day_pct,
        strength_pct=less(over(series, STRENGTH_DAYS), over(market, STRENGTH_DAYS)),
        over_ema_pct=over_ema(series, moved.last),
        is_held=line.is_held,
        is_pinned=line.is_pinned,
        source=line.source,
    )


def over_ema(series: Candles | None, last: Figure, n: int = 21) -> Figure:
    """How far ``last`` stands above the average of daily closes, in percent of the average."""
    if series is None or not series.candles:
        return Missing(series.missing if series is not None and series.missing else "no history")
    closes = [float(c.close) for c in with_last(series.candles, last)]
    return change_pct(last, decimal(ind.ema(closes, n)[-1], f"fewer than {n} days of history"))


def day_of(history: Mapping[str, Candles]) -> date | None:
    """The newest trading day that any of them tells of."""
    return max((s.candles[-1].on for s in history.values() if s.candles), default=None)
