"""What would happen to the book if the world moved: P&L by position, stops hit, what is left."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from decimal import Decimal

from engine.domain.money import ZERO
from engine.domain.trade import Trade
from engine.portfolio import Unknown, stress, usd
from engine.portfolio.beta import MARKET, beta
from engine.portfolio.closes import Closes
from engine.portfolio.lines import Line
from engine.portfolio.stress import Result, Scenario, World
from engine.reports import Figure, Frame, Missing, Stamp, plus, ratio, unit_label
from engine.reports._lines import Lines

_HEDGE_FROM = Decimal(-1)
"""Percent of equity lost from which a hedge is worth a thought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is held of one thing in the scenario, in all accounts."""

    trade_id: str
    symbol: str
    label: str
    pnl_usd: Figure
    move_pct: Figure
    """Of its underlying."""
    hits_stop: bool | None
    """Whether its stop would be passed; None: it has none, or it cannot be told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StressReport:
    """The book in one scenario, worst first."""

    stamp: Stamp
    words: str
    rows: tuple[Row, ...]
    total_usd: Figure
    equity_usd: Figure
    equity_after_usd: Figure
    total_pct: Figure
    """In percent of equity."""
    n_stops: int
    at_work_pct: Figure
    """Worst-case dollars at work in percent of equity, now ..."""
    at_work_after_pct: Figure
    """... and if equity were what is left."""
    hedge_usd: Figure
    """SPY to sell (+) or buy (-) so that small moves of the market cancel out."""
    hedge: str
    """That as an idea, in a sentence; empty when there is nothing to hedge."""


def build(
    frame: Frame,
    *,
    scenario: Scenario,
    lines: Lines,
    trades: Iterable[Trade],
    equity_usd: Figure,
    at_work_usd: Figure,
    closes: Mapping[str, Closes],
    move_pct: float | None = None,
    vix: float | None = None,
) -> StressReport:
    """The report; ``at_work_usd`` as the allocation limit counts it."""
    trades = tuple(trades)
    results = stress.run(lines.known, scenario, World(closes=closes, vix=vix), move_pct)
    why = dict(lines.missing)
    rows = [_row(t, results, why.get(t.trade_id)) for t in trades]
    total = plus(*(r.pnl_usd for r in rows)) if rows else ZERO
    after = plus(equity_usd, total)
    exposed = beta_dollars(lines, closes)
    return StressReport(
        stamp=frame.stamp(f"stress-{scenario}", [leg.instrument for t in trades for leg in t.legs]),
        words=stress.words(scenario, move_pct),
        rows=tuple(sorted(_by_label(rows), key=_worst_first)),
        total_usd=total,
        equity_usd=equity_usd,
        equity_after_usd=after,
        total_pct=_pct(total, equity_usd),
        n_stops=sum(r.hits_stop is True for r in rows),
        at_work_pct=_pct(at_work_usd, equity_usd),
        at_work_after_pct=_pct(at_work_usd, after),
        hedge_usd=exposed,
        hedge=_words(exposed, _pct(total, equity_usd), frame),
    )


def _row(trade: Trade, results: Iterable[object], missing: Missing | None) -> Row:
    pnl, moves = ZERO, []
    price = 0.0
    for one in results:
        if isinstance(one, Result) and one.line.trade_id == trade.trade_id:
            pnl += usd(one.pnl_usd)
            moves.append(one.move.spot)
            price += one.price_after * one.line.qty
        elif isinstance(one, tuple) and one[0].trade_id == trade.trade_id:
            missing = missing or Missing(one[1].reason)
    if not moves and missing is None:
        missing = Missing("nothing of it is held")
    return Row(
        trade_id=trade.trade_id,
        symbol=trade.symbol,
        label=unit_label(trade.legs),
        pnl_usd=missing or pnl,
        move_pct=missing or Decimal(str(round(moves[0] * 100, 2))),
        hits_stop=None if missing else _hits(trade, price),
    )


def _by_label(rows: Iterable[Row]) -> list[Row]:
    """The same in several accounts, or bought several times, is one."""
    found: dict[str, Row] = {}
    for row in rows:
        known = found.get(row.label)
        if known is None:
            found[row.label] = row
            continue
        hits = [h for h in (known.hits_stop, row.hits_stop) if h is not None]
        found[row.label] = replace(
            known,
            pnl_usd=plus(known.pnl_usd, row.pnl_usd),
            move_pct=known.move_pct if isinstance(row.pnl_usd, Decimal) else row.move_pct,
            hits_stop=any(hits) if hits else None,
        )
    return list(found.values())


def _hits(trade: Trade, price: float) -> bool | None:
    """``price``: sum of leg prices times signed contracts."""
    if trade.stop is None or trade.qty_open == 0:
        return None
    unit = price / float(trade.qty_open) * trade.direction
    return (unit - float(trade.stop.price)) * trade.direction <= 0


def beta_dollars(lines: Lines, closes: Mapping[str, Closes]) -> Figure:
    """Dollars of SPY that move as the book does: delta dollars times beta."""
    if lines.why_not_all is not None:
        return lines.why_not_all
    total = 0.0
    for line in lines.known:
        found = beta_of(line, closes)
        if isinstance(found, Missing):
            return found
        total += line.delta_usd * float(found)
    return usd(total)


def beta_of(line: Line, closes: Mapping[str, Closes]) -> Figure:
    """Beta of a line's underlying to SPY."""
    if line.reference == MARKET:
        return Decimal(1)
    for name in (line.reference, MARKET):
        if name not in closes:
            return Missing(f"no daily closes of {name}")
    found = beta(closes[line.reference], closes[MARKET])
    if isinstance(found, Unknown):
        return Missing(found.reason)
    return Decimal(str(round(found, 4)))


def _words(exposed: Figure, total_pct: Figure, frame: Frame) -> str:
    if isinstance(exposed, Missing) or isinstance(total_pct, Missing):
        return ""
    if total_pct > _HEDGE_FROM or exposed == 0:
        return ""
    verb = "sell" if exposed > 0 else "buy"
    spot = next((q.mid for k, q in frame.quotes.items() if k == MARKET and q.is_sane), None)
    shares = f", {abs(exposed) / spot:.0f} shares," if spot else ""
    return f"{verb} ${abs(exposed):,.0f} of {MARKET}{shares} to be flat to the market"


def _pct(part: Figure, whole: Figure) -> Figure:
    if isinstance(whole, Decimal) and whole <= 0:
        return Missing("the accounts are worth nothing")
    return ratio(part, whole, whole if isinstance(whole, Missing) else Missing("no equity"), 100)


def _worst_first(row: Row) -> tuple[bool, Decimal, str]:
    known = isinstance(row.pnl_usd, Decimal)
    return known, row.pnl_usd if isinstance(row.pnl_usd, Decimal) else ZERO, row.trade_id
