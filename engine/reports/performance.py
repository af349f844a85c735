"""How well the trades of a period did, in the field's usual measures; from the P&L report alone.

Returns are realised P&L by trading day (NYSE days, those without a closing count as 0) in percent
of what the accounts were worth that morning at cost: deposits plus all realised before. Sharpe
and Sortino are annualised with 252 days and no risk-free rate.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from math import sqrt

from engine.domain.money import ZERO
from engine.domain.trade import Trade
from engine.market import NYSE, new_york_date
from engine.portfolio.closes import Closes
from engine.reports import Figure, Missing, Stamp, plus, ratio, unit_value
from engine.reports.pnl import By, Group, Period, PnlReport, Row, grouped

MIN_DAYS = 20
"""Fewer daily returns say nothing about risk."""
_YEAR = 252
_SHOWN = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """One trading day: what was realised, and all of it since the first."""

    on: date
    realised_usd: Decimal
    cumulative_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Benchmark:
    """What a symbol made in the same time, price alone."""

    symbol: str
    return_pct: Figure


ATTRIBUTED: tuple[By, ...] = ("strategy", "sector", "author")


@dataclass(frozen=True, slots=True, kw_only=True)
class PerformanceReport:
    """Measures of closed trades; each is missing with its reason when it cannot be told."""

    stamp: Stamp
    period: Period
    n_closed: int
    n_wins: int
    n_losses: int
    realised_usd: Figure
    return_pct: Figure
    """Realised in percent of the deposits."""
    win_rate_pct: Figure
    profit_factor: Figure
    """Dollars won per dollar lost."""
    expectancy_usd: Figure
    expectancy_r: Figure
    """Mean R of the trades that had a stop at entry."""
    average_win_usd: Figure
    average_loss_usd: Figure
    losing_streak: int
    """Most losing trades in a row."""
    max_drawdown_usd: Figure
    max_drawdown_trades: int
    """Trades from the peak to the trough."""
    max_drawdown_days: int
    """Most trading days below an earlier peak of the daily line; the last may still go on."""
    sharpe: Figure
    sortino: Figure
    best: tuple[Row, ...]
    worst: tuple[Row, ...]
    groups: tuple[Group, ...]
    by: str
    days: tuple[Day, ...]
    mae_r: Figure
    """Mean worst moment of the trades in R, 0 or below: maximum adverse excursion."""
    mfe_r: Figure
    """Mean best moment in R, 0 or above: maximum favourable excursion."""
    benchmarks: tuple[Benchmark, ...]
    attribution: tuple[tuple[str, tuple[Group, ...]], ...]
    """By strategy, sector and author: who earned it."""


def build(
    pnl: PnlReport,
    *,
    deposits_usd: Figure,
    realised_before_usd: Decimal = ZERO,
    trades: Iterable[Trade] = (),
    sectors: Mapping[str, str] | None = None,
    authors: Mapping[int, str] | None = None,
    benchmarks: Iterable[Benchmark] = (),
) -> PerformanceReport:
    """Measures of what a P&L report lists.

    ``deposits_usd``: of its accounts; ``realised_before_usd``: before the period; ``trades``: of
    its rows, for excursions and attribution; ``authors``: their names by Discord id.
    """
    known = {t.trade_id: t for t in trades}
    closed = [r for r in pnl.rows if r.is_closed]
    won = [r.realised_usd for r in closed if r.realised_usd > 0]
    lost = [r.realised_usd for r in closed if r.realised_usd < 0]
    none = Missing("no closed trades yet")
    in_r = [r.r for r in closed if not isinstance(r.r, Missing)]
    days = by_day(pnl.rows)
    base = plus(deposits_usd, realised_before_usd)
    returns = _returns(days, base)
    order = sorted(closed, key=lambda r: r.realised_usd, reverse=True)
    fall = pnl.drawdown
    return PerformanceReport(
        stamp=pnl.stamp,
        period=pnl.period,
        n_closed=len(closed),
        n_wins=len(won),
        n_losses=len(lost),
        realised_usd=pnl.realised_usd,
        return_pct=ratio(pnl.realised_usd, deposits_usd, Missing("nothing was deposited"), 100),
        win_rate_pct=pnl.win_rate_pct,
        profit_factor=ratio(
            sum(won, ZERO), -sum(lost, ZERO), none if not closed else Missing("no losing trade")
        ),
        expectancy_usd=_mean([r.realised_usd for r in closed], none),
        expectancy_r=_mean(in_r, none if not closed else Missing("no trade had a stop at entry")),
        average_win_usd=_mean(won, Missing("no winning trade")),
        average_loss_usd=_mean(lost, Missing("no losing trade")),
        losing_streak=_streak(closed),
        max_drawdown_usd=none if not pnl.rows else ZERO if fall is None else fall.usd,
        max_drawdown_trades=0 if fall is None else fall.trough - fall.peak,
        max_drawdown_days=days_under(days),
        sharpe=_sharpe(returns),
        sortino=_sortino(returns),
        best=tuple(r for r in order[:_SHOWN] if r.realised_usd > 0),
        worst=tuple(r for r in reversed(order[-_SHOWN:]) if r.realised_usd < 0),
        groups=pnl.groups,
        by=pnl.by,
        days=days,
        mae_r=_excursion(closed, known, is_best=False),
        mfe_r=_excursion(closed, known, is_best=True),
        benchmarks=tuple(benchmarks),
        attribution=tuple(
            (by, grouped(pnl.rows, known, by, sectors, authors))
            for by in ATTRIBUTED
            if known and pnl.rows
        ),
    )


def benchmark(closes: Closes, since: date, now: Decimal | None = None) -> Benchmark:
    """Return of a symbol from its last close before ``since`` to now, else to its last close."""
    before = [p for d, p in zip(closes.days, closes.prices, strict=True) if d < since]
    if not before:
        return Benchmark(
            symbol=closes.symbol, return_pct=Missing(f"no close of {closes.symbol} before {since}")
        )
    last = float(now) if now is not None else closes.prices[-1]
    made = Decimal(str(round((last / before[-1] - 1) * 100, 4)))
    return Benchmark(symbol=closes.symbol, return_pct=made)


def excursions(trade: Trade) -> tuple[Figure, Figure]:
    """Worst and best moment of a trade in R: MAE (0 or below) and MFE (0 or above)."""
    worst, best, entry = trade.low_water, trade.high_water, trade.entry_price
    if worst is None or best is None or entry is None:
        return Missing("prices were not watched"), Missing("prices were not watched")
    if trade.risk_usd is None or trade.risk_usd <= 0:
        return Missing("no stop at entry"), Missing("no stop at entry")
    in_r = [
        unit_value(trade.legs, (p - entry) * trade.direction, trade.qty_opened) / trade.risk_usd
        for p in (worst, best)
    ]
    return min(in_r[0], ZERO), max(in_r[1], ZERO)


def days_under(days: Sequence[Day]) -> int:
    """Most days in a row that the cumulative line was below its highest point, 0 at the start."""
    longest = now = 0
    peak = ZERO
    for day in days:
        if day.cumulative_usd >= peak:
            peak, now = day.cumulative_usd, 0
        else:
            now += 1
            longest = max(longest, now)
    return longest


def _excursion(closed: Sequence[Row], trades: Mapping[str, Trade], *, is_best: bool) -> Figure:
    found = [
        figure
        for row in closed
        if row.trade_id in trades
        and isinstance(figure := excursions(trades[row.trade_id])[is_best], Decimal)
    ]
    return _mean(found, Missing("no trade's prices were watched"))


def by_day(rows: Iterable[Row]) -> tuple[Day, ...]:
    """Realised P&L of each trading day from the first closing to the last, quiet days as 0."""
    sums: dict[date, Decimal] = {}
    for row in rows:
        on = NYSE.on_or_after(new_york_date(row.at))
        sums[on] = sums.get(on, ZERO) + row.realised_usd
    if not sums:
        return ()
    days, total = [], ZERO
    on, last = min(sums), max(sums)
    while on <= last:
        if NYSE.is_trading_day(on):
            total += sums.get(on, ZERO)
            days.append(Day(on=on, realised_usd=sums.get(on, ZERO), cumulative_usd=total))
        on += timedelta(days=1)
    return tuple(days)


def _returns(days: Sequence[Day], base: Figure) -> list[float] | Missing:
    if isinstance(base, Missing):
        return base
    if len(days) < MIN_DAYS:
        return Missing(f"fewer than {MIN_DAYS} trading days")
    worth = [base + d.cumulative_usd - d.realised_usd for d in days]
    if min(worth) <= 0:
        return Missing("the account was worth nothing on one of its days")
    return [float(d.realised_usd / w) for d, w in zip(days, worth, strict=True)]


def _sharpe(returns: list[float] | Missing) -> Figure:
    if isinstance(returns, Missing):
        return returns
    mean = sum(returns) / len(returns)
    spread = sqrt(sum((r - mean) ** 2 for r in returns) / (len(returns) - 1))
    return _annual(mean, spread, "returns do not vary")


def _sortino(returns: list[float] | Missing) -> Figure:
    if isinstance(returns, Missing):
        return returns
    mean = sum(returns) / len(returns)
    falls = sqrt(sum(min(r, 0.0) ** 2 for r in returns) / len(returns))
    return _annual(mean, falls, "no losing day")


def _annual(mean: float, spread: float, why: str) -> Figure:
    if spread < 1e-12:
        return Missing(why)
    return Decimal(str(round(mean / spread * sqrt(_YEAR), 2)))


def _mean(values: Sequence[Decimal], why: Missing) -> Figure:
    return sum(values, ZERO) / len(values) if values else why


def _streak(rows: Iterable[Row]) -> int:
    longest = now = 0
    for row in rows:
        now = now + 1 if row.realised_usd < 0 else 0
        longest = max(longest, now)
    return longest
