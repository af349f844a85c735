"""The market on one screen: indexes, sectors, fear, the watchlist's movers, the kind of market."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from engine import indicators as ind
from engine.domain.candle import Candle, Candles
from engine.domain.instrument import Instrument, stock
from engine.portfolio.sectors import SECTOR_FUNDS
from engine.reports import Figure, Frame, Missing, Stamp
from engine.reports._moves import market_stamp, move, with_last
from engine.reports.watchlist import Row, WatchlistReport, over_ema

INDEXES: Mapping[str, str] = {
    "SPY": "S&P 500",
    "QQQ": "Nasdaq 100",
    "DIA": "Dow 30",
    "IWM": "Russell 2000",
}
FEAR = stock("VIX")
_FEARED, _CALM_PCT, _WILD_PCT, _TREND = Decimal(30), 20.0, 80.0, 25.0
"""VIX, percentiles of ATR, ADX: rules 3.11."""
Regime = Literal["trending", "ranging", "volatile", "calm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """One fund that stands for an index or a sector."""

    name: str
    symbol: str
    last: Figure
    day_pct: Figure
    over_ema_pct: Figure
    """Above its EMA 21 of daily closes, in percent of that."""

    @property
    def instrument(self) -> Instrument:
        """The fund."""
        return stock(self.symbol)


@dataclass(frozen=True, slots=True, kw_only=True)
class SummaryReport:
    """The market, and what its day means for the book."""

    stamp: Stamp
    indexes: tuple[Index, ...]
    sectors: tuple[Index, ...]
    """Best day first; those that are not known last."""
    fear: Figure
    """VIX."""
    fear_percentile: Figure
    """Share of the year's closes that are at or below it, 0-100."""
    regime: Regime | Missing
    confidence_pct: Figure
    """How far past the line between two kinds of market: 50 on it, 100 far beyond."""
    why: str
    """What the regime rests on."""
    best: tuple[Row, ...]
    worst: tuple[Row, ...]
    effect_usd: Figure | None
    """What the market's day means for the book by its beta; None: not for this reader."""


def used() -> tuple[Instrument, ...]:
    """Everything whose history it needs, the watchlist apart."""
    return (*(stock(s) for s in (*INDEXES, *SECTOR_FUNDS.values())), FEAR)


def build(
    frame: Frame,
    history: Mapping[str, Candles],
    watchlist: WatchlistReport,
    *,
    beta_usd: Figure | None,
) -> SummaryReport:
    """``history``: daily candles by instrument key, the running day included.

    ``beta_usd``: the book in dollars of SPY; None: the reader may not see it.
    """
    indexes = tuple(_index(frame, name, s, history) for s, name in INDEXES.items())
    sectors = [_index(frame, name, s, history) for name, s in SECTOR_FUNDS.items()]
    fear, percentile = _fear(frame, history.get(FEAR.key))
    regime, confidence, why = _regime(frame, history.get("SPY"), fear)
    movers = watchlist.movers
    return SummaryReport(
        stamp=market_stamp(frame, "market", used(), history.values()),
        indexes=indexes,
        sectors=tuple(sorted(sectors, key=_best_first)),
        fear=fear,
        fear_percentile=percentile,
        regime=regime,
        confidence_pct=confidence,
        why=why,
        best=tuple(r for r in movers[:3] if _sign(r) > 0),
        worst=tuple(r for r in movers[:-4:-1] if _sign(r) < 0),
        effect_usd=_effect(beta_usd, indexes[0].day_pct),
    )


def _index(frame: Frame, name: str, symbol: str, history: Mapping[str, Candles]) -> Index:
    series = history.get(symbol)
    moved = move(stock(symbol), series, frame)
    return Index(
        name=name,
        symbol=symbol,
        last=moved.last,
        day_pct=moved.day_pct,
        over_ema_pct=over_ema(series, moved.last),
    )


def _best_first(row: Index) -> tuple[bool, Decimal]:
    day = row.day_pct
    return (True, Decimal(0)) if isinstance(day, Missing) else (False, -day)


def _sign(row: Row) -> Decimal:
    return Decimal(0) if isinstance(row.day_pct, Missing) else row.day_pct


def _fear(frame: Frame, series: Candles | None) -> tuple[Figure, Figure]:
    last = move(FEAR, series, frame).last
    closes = series.closes if series is not None else ()
    if isinstance(last, Missing):
        return last, last
    if len(closes) < 60:
        return last, Missing(f"{len(closes)} days of VIX, 60 needed")
    return last, Decimal(sum(c <= last for c in closes)) / len(closes) * 100


def _regime(
    frame: Frame, series: Candles | None, fear: Figure
) -> tuple[Regime | Missing, Figure, str]:
    """The first rule that fits: volatile, trending, calm, else ranging (rules 3.11)."""
    days = () if series is None else series.candles
    days = with_last(days, move(stock("SPY"), series, frame).last)
    widths = _widths(days)
    trend = ind.adx(days)[-1] if days else None
    if trend is None or len(widths) < 60:
        reason = series.missing if series is not None and series.missing else "no history of SPY"
        missing = Missing(reason if not days else f"{len(days)} days of SPY are too few")
        return missing, missing, ""
    rank = 100 * sum(w <= widths[-1] for w in widths) / len(widths)
    said = f"ATR at percentile {rank:.0f} of its year, ADX {trend:.0f}"
    if not isinstance(fear, Missing) and fear >= _FEARED:
        return "volatile", _sure(float(fear), float(_FEARED), 50.0), f"VIX {fear:.1f}"
    if rank >= _WILD_PCT:
        return "volatile", _sure(rank, _WILD_PCT, 100.0), said
    if trend >= _TREND:
        return "trending", _sure(trend, _TREND, 50.0), said
    if rank <= _CALM_PCT:
        return "calm", _sure(_CALM_PCT - rank, 0.0, _CALM_PCT), said
    near = min(_TREND - trend, rank - _CALM_PCT, _WILD_PCT - rank)
    return "ranging", _sure(near, 0.0, 20.0), said


def _widths(days: Sequence[Candle]) -> list[float]:
    """ATR in percent of the close, of each day that has one."""
    return [
        width / float(day.close) * 100
        for day, width in zip(days, ind.atr(days), strict=True)
        if width is not None
    ]


def _sure(value: float, line: float, far: float) -> Decimal:
    return Decimal(round(50 + 50 * min(1.0, max(0.0, (value - line) / (far - line)))))


def _effect(beta_usd: Figure | None, day_pct: Figure) -> Figure | None:
    if beta_usd is None or isinstance(beta_usd, Missing):
        return beta_usd
    return day_pct if isinstance(day_pct, Missing) else beta_usd * day_pct / 100
