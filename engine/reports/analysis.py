"""One to three instruments looked into: where they stand, levels, momentum, risk, both set-ups.

Everything is computed from daily candles and the newest quote. What no source of this desk can
say (fundamentals, mood of the news, earnings, implied volatility rank) is missing with its reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from math import sqrt
from typing import Literal

from engine import indicators as ind
from engine.domain.candle import Candle, Candles
from engine.domain.instrument import Instrument
from engine.domain.money import Price, Qty
from engine.portfolio import Unknown
from engine.portfolio.beta import MARKET, beta
from engine.portfolio.closes import Closes, log_returns
from engine.portfolio.correlation import correlation
from engine.reports import Figure, Frame, Missing, Stamp
from engine.reports._moves import decimal, market_stamp, move, over, with_last
from engine.sizing import SizingSettings

DAYS = 260
"""Daily candles that it looks at."""
_YEAR, _MONTH, _SWING = 252, 20, 60
_STOP_ATR, _LEAST_PCT, _MOST_PCT = Decimal(2), Decimal("0.8"), Decimal(3)
"""Stop at two average true ranges, within 0.8 to 3 % (rules 3.6)."""
_TARGET_R = 2
UNTOLD: Mapping[str, Missing] = {
    "fundamentals": Missing("no source of fundamentals"),
    "news": Missing("no model reads headlines"),
    "earnings": Missing("no source of earnings dates"),
    "IV rank": Missing("no history of implied volatility"),
}
Lean = Literal["up", "down", "mixed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """An entry now, with the house's stop, twice its risk as target, and its size."""

    is_long: bool
    entry: Decimal
    stop: Decimal
    target: Decimal
    qty: Figure
    """At the configured risk and the limit of one position."""
    risk_usd: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What is known of one instrument."""

    instrument: Instrument
    last: Figure
    day_pct: Figure
    changes: Mapping[str, Figure]
    """``5d``, ``20d``, ``60d``, ``1y`` -> percent."""
    high_year: Figure
    low_year: Figure
    support: Figure
    resistance: Figure
    ema21: Figure
    sma50: Figure
    rsi: Figure
    macd: Figure
    """Histogram: line less signal."""
    atr: Figure
    atr_pct: Figure
    volatility_pct: Figure
    """Of daily log returns over 20 days, per year."""
    beta: Figure
    drawdown_pct: Figure
    """Deepest fall from a peak within the year, negative."""
    signs: tuple[tuple[str, bool], ...]
    """Sign -> whether it speaks for a rise."""
    lean: Lean
    setups: tuple[Setup, ...]

    @property
    def n_up(self) -> int:
        """How many signs speak for a rise."""
        return sum(is_up for _, is_up in self.signs)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisReport:
    """In the order of asking."""

    stamp: Stamp
    depth: Literal["quick", "full"]
    ones: tuple[Assessment, ...]
    correlations: tuple[tuple[str, str, Figure], ...]
    untold: Mapping[str, Missing]


def build(
    frame: Frame,
    instruments: Sequence[Instrument],
    history: Mapping[str, Candles],
    *,
    depth: Literal["quick", "full"] = "quick",
    equity_usd: Figure,
    sizing: SizingSettings,
) -> AnalysisReport:
    """``history``: daily candles by instrument key, SPY's among them, the running day included."""
    closes = {key: _closes(key, series) for key, series in history.items() if series.candles}
    ones = tuple(
        _one(frame, of, history.get(of.key), closes, equity_usd, sizing) for of in instruments
    )
    pairs = []
    for n, a in enumerate(instruments):
        for b in instruments[n + 1 :]:
            if a.key in closes and b.key in closes:
                found = _figure(correlation(closes[a.key], closes[b.key]))
            else:
                found = Missing("no history")
            pairs.append((a.label, b.label, found))
    used = [s for key, s in history.items() if key in {i.key for i in instruments}]
    return AnalysisReport(
        stamp=market_stamp(frame, "analysis", instruments, used),
        depth=depth,
        ones=ones,
        correlations=tuple(pairs),
        untold=UNTOLD,
    )


def _one(
    frame: Frame,
    of: Instrument,
    series: Candles | None,
    closes: Mapping[str, Closes],
    equity_usd: Figure,
    sizing: SizingSettings,
) -> Assessment:
    moved = move(of, series, frame)
    days = with_last(series.candles if series is not None else (), moved.last)
    plain = [float(c.close) for c in days]
    ema21 = decimal(ind.ema(plain, 21)[-1] if plain else None)
    sma50 = decimal(ind.sma(plain, 50)[-1] if plain else None)
    rsi = decimal(ind.rsi(plain)[-1] if plain else None)
    macd = decimal(ind.macd(plain).histogram[-1] if plain else None)
    atr = decimal(ind.atr(days)[-1] if days else None)
    signs = _signs(moved.last, ema21, sma50, rsi, macd)
    lean: Lean = "mixed"
    if len(signs) >= 3:
        n_up = sum(is_up for _, is_up in signs)
        lean = "up" if n_up * 4 >= len(signs) * 3 else "down" if n_up * 4 <= len(signs) else "mixed"
    year = days[-_YEAR:]
    support, resistance = _swings(days[-_SWING:], moved.last)
    none = Missing(series.missing if series is not None and series.missing else "no history")
    own, market = closes.get(of.key), closes.get(MARKET)
    return Assessment(
        instrument=of,
        last=moved.last,
        day_pct=moved.day_pct,
        changes={
            name: over(series, n, moved.last)
            for name, n in (("5d", 5), ("20d", 20), ("60d", 60), ("1y", _YEAR - 1))
        },
        high_year=max((c.high for c in year), default=none),
        low_year=min((c.low for c in year), default=none),
        support=support,
        resistance=resistance,
        ema21=ema21,
        sma50=sma50,
        rsi=rsi,
        macd=macd,
        atr=atr,
        atr_pct=_part(atr, moved.last),
        volatility_pct=_volatility(own),
        beta=none if own is None or market is None else _figure(beta(own, market)),
        drawdown_pct=_drawdown(year),
        signs=signs,
        lean=lean,
        setups=_setups(of, moved.last, atr, equity_usd, sizing),
    )


def _signs(
    last: Figure, ema21: Figure, sma50: Figure, rsi: Figure, macd: Figure
) -> tuple[tuple[str, bool], ...]:
    """What can be told; the rest does not vote."""
    found: list[tuple[str, bool]] = []
    for name, a, b in (
        ("above EMA 21", last, ema21),
        ("above SMA 50", last, sma50),
        ("EMA 21 above SMA 50", ema21, sma50),
        ("MACD rising", macd, Decimal(0)),
        ("RSI above 50", rsi, Decimal(50)),
    ):
        if not isinstance(a, Missing) and not isinstance(b, Missing):
            found.append((name, a > b))
    return tuple(found)


def _swings(days: Sequence[Candle], last: Figure) -> tuple[Figure, Figure]:
    """The nearest low that was turned at below, and high above; two days lower on either side."""
    why = Missing("no turn within 60 days")
    if isinstance(last, Missing):
        return last, last
    lows, highs = [], []
    for n in range(2, len(days) - 2):
        around = [*days[n - 2 : n], *days[n + 1 : n + 3]]
        if all(days[n].low < c.low for c in around):
            lows.append(days[n].low)
        if all(days[n].high > c.high for c in around):
            highs.append(days[n].high)
    return (
        max((p for p in lows if p < last), default=why),
        min((p for p in highs if p > last), default=why),
    )


def _volatility(closes: Closes | None) -> Figure:
    if closes is None or len(closes.days) <= _MONTH:
        return Missing(f"fewer than {_MONTH + 1} days of history")
    moves = log_returns(closes, closes.days[-_MONTH - 1 :])
    mean = sum(moves) / len(moves)
    spread = sqrt(sum((m - mean) ** 2 for m in moves) / (len(moves) - 1))
    return decimal(spread * sqrt(_YEAR) * 100)


def _drawdown(days: Sequence[Candle]) -> Figure:
    if not days:
        return Missing("no history")
    peak, worst = days[0].close, Decimal(0)
    for day in days:
        peak = max(peak, day.close)
        worst = min(worst, (day.close / peak - 1) * 100)
    return worst


def _setups(
    of: Instrument, last: Figure, atr: Figure, equity_usd: Figure, sizing: SizingSettings
) -> tuple[Setup, ...]:
    if isinstance(last, Missing) or isinstance(atr, Missing) or of.kind == "option":
        return ()
    least, most = last * _LEAST_PCT / 100, last * _MOST_PCT / 100
    distance = min(max(atr * _STOP_ATR, least), most)
    found = []
    for sign in (1, -1):
        stop = _on_tick(last - sign * distance, of)
        risk = of.notional(Price(abs(last - stop)), Qty(Decimal(1)))
        qty = _qty(of, last, risk, equity_usd, sizing)
        found.append(
            Setup(
                is_long=sign > 0,
                entry=last,
                stop=stop,
                target=_on_tick(last + sign * _TARGET_R * abs(last - stop), of),
                qty=qty,
                risk_usd=qty if isinstance(qty, Missing) else qty * risk,
            )
        )
    return tuple(found)


def _qty(
    of: Instrument, last: Decimal, risk: Decimal, equity_usd: Figure, sizing: SizingSettings
) -> Figure:
    """Whole units that the risk of one trade and the limit of one position allow."""
    if isinstance(equity_usd, Missing):
        return equity_usd
    if risk <= 0:
        return Missing("the stop is at the price")
    allowed = equity_usd * sizing.risk_pct / 100
    if of.kind == "future":
        if sizing.futures_max_risk_usd is not None:
            allowed = min(allowed, sizing.futures_max_risk_usd)
        return (allowed / risk).to_integral_value(ROUND_FLOOR)
    value = of.notional(Price(last), Qty(Decimal(1)))
    most = equity_usd * sizing.max_notional_pct / 100 / value
    return min(allowed / risk, most).to_integral_value(ROUND_FLOOR)


def _on_tick(price: Decimal, of: Instrument) -> Decimal:
    return (price / of.tick).quantize(Decimal(1)) * of.tick


def _part(figure: Figure, whole: Figure) -> Figure:
    if isinstance(figure, Missing):
        return figure
    return whole if isinstance(whole, Missing) else figure / whole * 100


def _closes(key: str, series: Candles) -> Closes:
    return Closes(
        symbol=key,
        days=tuple(c.on for c in series.candles),
        prices=tuple(float(c.close) for c in series.candles),
        source=series.source,
        is_synthetic=series.is_synthetic,
    )


def _figure(found: float | Unknown) -> Figure:
    return Missing(found.reason) if isinstance(found, Unknown) else decimal(found)


def leader(report: AnalysisReport) -> Assessment | None:
    """Of several, the one that most speaks for; None of one, or of none that is known."""
    known = [one for one in report.ones if one.signs]
    return max(known, key=lambda one: one.n_up / len(one.signs)) if len(known) > 1 else None
