"""What is at stake and where: market value of all that is held, by sector, position, asset ..."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from engine.domain.money import ZERO, Price, Qty
from engine.domain.trade import Account, Position, Trade
from engine.portfolio.sectors import BROAD, sector_of
from engine.reports import (
    Figure,
    Frame,
    Missing,
    Stamp,
    equity,
    open_pnl,
    plus,
    ratio,
    unit_label,
)

By = Literal["sector", "position", "asset", "broker", "strategy", "symbol", "source", "account"]
"""``strategy`` is the room or strategy that opened it, as ``source``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One group of positions. Values are at the mids; futures at their full notional."""

    name: str
    n: int
    gross_usd: Figure
    """Sum of the absolute values."""
    net_usd: Figure
    """Long less short."""
    pct: Figure
    """Gross in percent of equity."""
    limit_pct: Decimal | None = None
    """What one such group may be at most; None: no limit on it."""

    @property
    def headroom_pct(self) -> Figure | None:
        """What is left below the limit, in percent of equity; below 0 when it is passed."""
        if self.limit_pct is None:
            return None
        return self.pct if isinstance(self.pct, Missing) else self.limit_pct - self.pct


@dataclass(frozen=True, slots=True, kw_only=True)
class ExposureReport:
    """Everything held in groups, largest first."""

    stamp: Stamp
    by: By
    rows: tuple[Row, ...]
    equity_usd: Figure
    cash_usd: Figure
    open_usd: Figure
    """Open P&L before fees."""
    day_change_usd: Figure
    """Equity against the session's start."""
    gross_usd: Figure
    net_usd: Figure
    gross_pct: Figure
    hhi: Figure
    """Herfindahl index of the gross shares: 1 is all in one place, 1/n is spread evenly."""
    n_open: int

    @property
    def score(self) -> Figure:
        """Diversification, 0-100: 100 x (1 - HHI); 0 is all in one place."""
        return self.hhi if isinstance(self.hhi, Missing) else (1 - self.hhi) * 100

    @property
    def largest(self) -> Row | None:
        """The group with most at stake."""
        return self.rows[0] if self.rows else None


def build(
    frame: Frame,
    *,
    trades: Iterable[Trade],
    positions: Iterable[Position],
    accounts: Iterable[Account],
    by: By = "symbol",
    sectors: Mapping[str, str] | None = None,
    limits_pct: Mapping[str, Decimal] | None = None,
) -> ExposureReport:
    """The report, from what the desk holds.

    ``sectors``: corrections of the sector table. ``limits_pct``: what one group may be, by its
    name; ``*`` for all others; index funds are no sector and have none.
    """
    held = [p for p in positions if p.qty]
    of_trade = {t.trade_id: t for t in trades}
    owners = tuple(accounts)
    worth = plus(*(equity(a, held, frame) for a in owners)) if owners else Missing("no account")
    groups: dict[str, list[Position]] = {}
    for position in held:
        groups.setdefault(_name(position, of_trade, by, sectors or {}), []).append(position)
    rows = sorted(
        (_row(n, members, worth, frame, limits_pct or {}) for n, members in groups.items()),
        key=_size,
    )
    gross = plus(*(r.gross_usd for r in rows)) if rows else ZERO
    starts: list[Figure] = [
        Missing("equity at the session's start is not known")
        if a.day_start_equity_usd is None
        else a.day_start_equity_usd
        for a in owners
    ]
    start = plus(*starts) if starts else Missing("no account")
    return ExposureReport(
        stamp=frame.stamp(f"exposure-{by}", [p.instrument for p in held]),
        by=by,
        rows=tuple(rows),
        equity_usd=worth,
        cash_usd=sum((a.cash_usd for a in owners), ZERO) if owners else Missing("no account"),
        open_usd=open_pnl(held, frame)[0],
        day_change_usd=_change(worth, start),
        gross_usd=gross,
        net_usd=plus(*(r.net_usd for r in rows)) if rows else ZERO,
        gross_pct=_share(gross, worth),
        hhi=_hhi(rows, gross),
        n_open=len({p.trade_id for p in held}),
    )


_OF_TRADE: Mapping[str, Callable[[Trade], str]] = {
    "asset": lambda t: t.asset,
    "source": lambda t: t.source,
    "strategy": lambda t: t.source,
    "position": lambda t: unit_label(t.legs),
    "broker": lambda t: t.broker,
}


def _name(
    position: Position, trades: Mapping[str, Trade], by: By, sectors: Mapping[str, str]
) -> str:
    trade = trades.get(position.trade_id)
    of = position.instrument
    if by == "sector":
        return sector_of(of.symbol, of.kind, sectors)
    if by == "account":
        return position.account
    if by == "symbol":
        return trade.symbol if trade else position.instrument.symbol
    return _OF_TRADE[by](trade) if trade else "unknown"


def _row(
    name: str,
    members: Sequence[Position],
    worth: Figure,
    frame: Frame,
    limits: Mapping[str, Decimal],
) -> Row:
    values = [_value(p, frame) for p in members]
    gross = plus(*(v if isinstance(v, Missing) else abs(v) for v in values))
    return Row(
        name=name,
        n=len({p.trade_id for p in members}),
        gross_usd=gross,
        net_usd=plus(*values),
        pct=_share(gross, worth),
        limit_pct=None if name == BROAD else limits.get(name, limits.get("*")),
    )


def _value(position: Position, frame: Frame) -> Figure:
    mark = frame.mark(position.instrument)
    if isinstance(mark, Missing):
        return Missing(f"no quote for {position.instrument.label}")
    return position.instrument.notional(Price(mark), Qty(position.qty))


def _share(part: Figure, worth: Figure) -> Figure:
    why = worth if isinstance(worth, Missing) else Missing("the accounts are worth nothing")
    if isinstance(worth, Decimal) and worth <= 0:
        return why
    return ratio(part, worth, why, 100)


def _change(worth: Figure, start: Figure) -> Figure:
    if isinstance(worth, Missing):
        return worth
    return start if isinstance(start, Missing) else worth - start


def _hhi(rows: Sequence[Row], gross: Figure) -> Figure:
    if isinstance(gross, Missing):
        return gross
    if not gross:
        return Missing("nothing is held")
    shares = [r.gross_usd / gross for r in rows if isinstance(r.gross_usd, Decimal)]
    return sum((s * s for s in shares), ZERO)


def _size(row: Row) -> tuple[bool, Decimal, str]:
    """Unknown first (they may be the largest), then by size."""
    if isinstance(row.gross_usd, Missing):
        return False, ZERO, row.name
    return True, -row.gross_usd, row.name
