"""The eleven sectors by their funds: returns against SPY, rotation, what the desk has there."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from engine.domain.candle import Candles
from engine.domain.instrument import stock
from engine.portfolio.sectors import SECTOR_FUNDS
from engine.reports import Figure, Frame, Missing, Stamp, less
from engine.reports._moves import change_pct, market_stamp, move
from engine.reports.exposure import ExposureReport

Period = Literal["1d", "5d", "1m", "3m"]
DAYS: Mapping[Period, int] = {"1d": 1, "5d": 5, "1m": 21, "3m": 63}
_HINTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class SectorRow:
    """One sector."""

    name: str
    fund: str
    change_pct: Figure
    against_pct: Figure
    """Less that of SPY, in percentage points."""
    rank: int | None
    """1 is best; None where the change is not known."""
    gained: int | None
    """Ranks gained against the period before; None where that is not known."""
    exposure_pct: Figure | None
    """Of equity, gross; None: not for this reader."""
    headroom_pct: Figure | None
    """What is left below the limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SectorReport:
    """Best first."""

    stamp: Stamp
    period: Period
    market_pct: Figure
    rows: tuple[SectorRow, ...]
    shows_exposure: bool
    hints: tuple[str, ...]


def build(
    frame: Frame,
    history: Mapping[str, Candles],
    period: Period,
    *,
    exposure: ExposureReport | None,
) -> SectorReport:
    """``history``: daily candles of SPY and the sectors' funds, the running day included.

    ``exposure``: by sector; None where the reader may not see it.
    """
    n = DAYS[period]
    now = {name: _change(frame, fund, history.get(fund), n) for name, fund in SECTOR_FUNDS.items()}
    then = {name: _before(history.get(fund), n) for name, fund in SECTOR_FUNDS.items()}
    ranks, were = _ranks(now), _ranks(then)
    market = _change(frame, "SPY", history.get("SPY"), n)
    held = {} if exposure is None else {r.name: r for r in exposure.rows}
    rows = []
    for name, fund in SECTOR_FUNDS.items():
        rank, was = ranks.get(name), were.get(name)
        mine = held.get(name)
        rows.append(
            SectorRow(
                name=name,
                fund=fund,
                change_pct=now[name],
                against_pct=less(now[name], market),
                rank=rank,
                gained=None if rank is None or was is None else was - rank,
                exposure_pct=None if exposure is None else mine.pct if mine else Decimal(0),
                headroom_pct=mine.headroom_pct if mine else None,
            )
        )
    rows.sort(key=lambda row: 99 if row.rank is None else row.rank)
    funds = [stock(fund) for fund in ("SPY", *SECTOR_FUNDS.values())]
    return SectorReport(
        stamp=market_stamp(frame, "sectors", funds, history.values()),
        period=period,
        market_pct=market,
        rows=tuple(rows),
        shows_exposure=exposure is not None,
        hints=tuple(_hints(rows)) if exposure is not None else (),
    )


def _change(frame: Frame, symbol: str, series: Candles | None, n: int) -> Figure:
    """Up to the newest price."""
    moved = move(stock(symbol), series, frame)
    if n == 1 or series is None or not series.candles:
        return moved.day_pct
    if len(series.candles) <= n:
        return Missing(f"{len(series.candles)} days of history, {n + 1} needed")
    return change_pct(moved.last, series.candles[-1 - n].close)


def _before(series: Candles | None, n: int) -> Figure:
    if series is None or len(series.candles) <= 2 * n:
        return Missing("too little history")
    days = series.candles
    return change_pct(days[-1 - n].close, days[-1 - 2 * n].close)


def _ranks(changes: Mapping[str, Figure]) -> dict[str, int]:
    known = {name: c for name, c in changes.items() if not isinstance(c, Missing)}
    return {n: k for k, n in enumerate(sorted(known, key=lambda n: -known[n]), start=1)}


def _hints(rows: list[SectorRow]) -> list[str]:
    """What the limits and the ranks suggest; nothing is done by it."""
    found = []
    for row in rows:
        room, pct = row.headroom_pct, row.exposure_pct
        if pct is None or isinstance(pct, Missing) or pct == 0:
            continue
        if room is not None and not isinstance(room, Missing) and room < 0:
            found.append(f"{row.name} is {-room:.0f} points above its limit: take some off")
        elif row.rank is not None and row.rank >= 9 and pct >= 10:
            found.append(f"{pct:.0f}% of equity stand in {row.name}, rank {row.rank} of 11")
    return found[:_HINTS]
