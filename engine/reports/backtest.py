"""What a room would have made on the desk's terms: three ways to follow it, and the measures."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from engine.domain.money import ZERO
from engine.domain.trade import Account, LedgerEntry, Trade
from engine.reports import Figure, Frame, Missing, Stamp, plus, ratio
from engine.reports import performance as measures
from engine.reports import pnl as profits
from engine.reports import replay as ways

STAKE_USD = Decimal(1000)
"""Put into each alert where the three ways to follow it are set side by side."""

Costs = Literal["default", "zero", "stress"]
"""Spread, slippage and fees: the usual ones, none, three times the usual."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What was to be played."""

    room: str
    begin: date
    end: date
    """Both New York days are within."""
    costs: Costs
    cash_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Closed trades of a part of the time; nothing was fitted to the earlier one."""

    n: int
    net_usd: Decimal
    per_trade_usd: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """What one guard or check kept out, with :data:`STAKE_USD` in each, before fees."""

    code: str
    n: int
    usd: Decimal
    """Below 0: it saved so much."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestReport:
    """One room, one time, one set of terms."""

    stamp: Stamp
    asked: Asked
    n_messages: int
    cases: tuple[ways.Case, ...]
    """As if :data:`STAKE_USD` had been put into each."""
    replay: ways.ReplayReport
    performance: measures.PerformanceReport
    """Of the trades that the desk's guards and limits let through."""
    net_usd: Figure
    """Realised, after fees."""
    return_pct: Figure
    """In percent of the cash."""
    fees_usd: Figure
    exposure_pct: Figure
    """Share of the time with something open."""
    n_open: int
    """Not closed when the time was over; what is held then is not valued."""
    earlier: Part
    later: Part
    """The last third of the closed trades."""
    kept_out: tuple[Kept, ...]
    unpriced: tuple[str, ...]
    """What has no candles: its alerts could not be followed, and why."""


def build(
    frame: Frame,
    *,
    backtest_id: str,
    source: str,
    asked: Asked,
    n_messages: int,
    cases: Iterable[ways.Case],
    trades: Sequence[Trade],
    entries: Iterable[LedgerEntry],
    accounts: Iterable[Account],
    kept_out: Iterable[tuple[str, int, Decimal]],
    unpriced: Iterable[str] = (),
) -> BacktestReport:
    """From what the guarded run left in its books; ``source``: whose prices it went by."""
    pnl = profits.build(frame, period="all", trades=trades, entries=entries, accounts=accounts)
    made = measures.build(pnl, deposits_usd=asked.cash_usd, trades=trades)
    closed = [row for row in pnl.rows if row.is_closed]
    followed = tuple(cases)
    cut = len(closed) * 2 // 3
    return BacktestReport(
        stamp=replace(frame.stamp(backtest_id), source=source),
        asked=asked,
        n_messages=n_messages,
        cases=followed,
        replay=ways.build(
            frame, cases=followed, title=f"{asked.room}: ${STAKE_USD:,} in each alert"
        ),
        performance=made,
        net_usd=pnl.realised_usd,
        return_pct=ratio(pnl.realised_usd, asked.cash_usd, Missing("no cash"), 100),
        fees_usd=pnl.fees_usd,
        exposure_pct=_exposure(trades, _length(asked)),
        n_open=pnl.n_open,
        earlier=_part(closed[:cut]),
        later=_part(closed[cut:]),
        kept_out=tuple(Kept(code=c, n=n, usd=usd) for c, n, usd in kept_out),
        unpriced=tuple(unpriced),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """Two of them, day by day: what each had made by then, net."""

    stamp: Stamp
    one: BacktestReport
    other: BacktestReport
    on: tuple[date, ...]
    lines: tuple[tuple[Decimal, ...], tuple[Decimal, ...]]


def beside(frame: Frame, one: BacktestReport, other: BacktestReport) -> Beside:
    """Every day that one of them closed something on or between; a quiet one changes nothing."""
    days = sorted({day.on for made in (one, other) for day in made.performance.days})
    stamp = frame.stamp("backtest compare")
    is_made_up = one.stamp.is_synthetic or other.stamp.is_synthetic
    return Beside(
        stamp=replace(stamp, is_synthetic=is_made_up),
        one=one,
        other=other,
        on=tuple(days),
        lines=(_by(days, one), _by(days, other)),
    )


def _by(days: Sequence[date], report: BacktestReport) -> tuple[Decimal, ...]:
    made = {day.on: day.cumulative_usd for day in report.performance.days}
    values, last = [], ZERO
    for day in days:
        last = made.get(day, last)
        values.append(last)
    return tuple(values)


def difference(one: Figure, other: Figure) -> Figure:
    """The second less the first."""
    return plus(other, -one) if isinstance(one, Decimal) else one


def _length(asked: Asked) -> timedelta:
    return asked.end - asked.begin + timedelta(days=1)


def _part(rows: Sequence[profits.Row]) -> Part:
    net = sum((row.realised_usd for row in rows), ZERO)
    return Part(
        n=len(rows),
        net_usd=net,
        per_trade_usd=net / len(rows) if rows else Missing("no closed trades yet"),
    )


def _exposure(trades: Sequence[Trade], length: timedelta) -> Figure:
    """Each moment counts once, however much was open."""
    spans = sorted((t.opened_at, t.closed_at) for t in trades if t.opened_at and t.closed_at)
    if not spans:
        return Missing("no closed trades yet")
    total, until = timedelta(0), spans[0][0]
    for begin, end in spans:
        if end > until:
            total += end - max(begin, until)
            until = end
    return Decimal(total // timedelta(seconds=1)) * 100 / Decimal(length // timedelta(seconds=1))
