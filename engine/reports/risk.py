"""What is at risk and why: limits, concentration, pairs, VaR, beta, open risk, what to do."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from engine.domain.money import ZERO
from engine.domain.refusal import Gauge
from engine.domain.trade import Trade
from engine.portfolio import Unknown, usd
from engine.portfolio.closes import Closes
from engine.portfolio.sectors import BROAD
from engine.portfolio.var import value_at_risk
from engine.reports import Figure, Frame, Missing, Stamp, plus, ratio, unit_label, unit_value
from engine.reports._lines import Lines
from engine.reports.correlation import CorrelationReport, Pair
from engine.reports.exposure import ExposureReport
from engine.reports.limits import LimitsReport, used_pct
from engine.reports.stress import beta_dollars, beta_of

_NEAR = 80
_VAR_HIGH = Decimal(3)
"""Percent of equity: a bad day would trip the daily breaker."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Heat:
    """One trade in the heat map."""

    trade_id: str
    symbol: str
    label: str
    sector: str
    size_pct: Figure
    """Absolute value in percent of equity."""
    risk_usd: Figure
    """Lost if its stop fills at its price, from now."""
    risk_r: Figure
    """The same in units of its initial risk."""
    risk_pct: Figure
    """The same in percent of equity."""
    beta: Figure
    closest: str
    """What it is most correlated with among the others; empty when nothing is known."""
    closest_r: Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskReport:
    """The whole book."""

    stamp: Stamp
    equity_usd: Figure
    limits: LimitsReport
    gates: tuple[Gauge, ...]
    """Of all accounts, fullest first."""
    heat: tuple[Heat, ...]
    """Largest risk first; what is not known before all others."""
    sectors: tuple[tuple[str, Figure], ...]
    """Sector and percent of equity, largest first."""
    hhi: Figure
    pairs: tuple[Pair, ...]
    """Above the limit and held the same way."""
    diversification: Figure
    var_usd: Figure
    """What one day in twenty loses at least, over the last year's days."""
    var_pct: Figure
    shortfall_usd: Figure
    """Mean loss of such a day."""
    beta: Figure
    """Of the book to SPY: percent of equity per percent of SPY, options by delta."""
    beta_usd: Figure
    open_risk_usd: Figure
    open_risk_r: Figure
    open_risk_pct: Figure
    suggestions: tuple[str, ...]


def build(
    frame: Frame,
    *,
    lines: Lines,
    trades: Iterable[Trade],
    equity_usd: Figure,
    closes: Mapping[str, Closes],
    correlations: CorrelationReport,
    sectors: ExposureReport,
    limits: LimitsReport,
) -> RiskReport:
    """The report; ``sectors``: exposure by sector of the same book."""
    open_trades = tuple(trades)
    heat = tuple(
        sorted(
            (_heat(frame, t, lines, equity_usd, closes, correlations) for t in open_trades),
            key=_hottest,
        )
    )
    var = value_at_risk(lines.known, closes)
    gap = lines.why_not_all
    why: Missing | None = gap or (Missing(var.reason) if isinstance(var, Unknown) else None)
    if not open_trades:
        why = Missing("nothing is held")
    var_usd: Figure = why or (ZERO if isinstance(var, Unknown) else usd(var.var_usd))
    short: Figure = why or (ZERO if isinstance(var, Unknown) else usd(var.shortfall_usd))
    weighted = beta_dollars(lines, closes)
    at_risk = plus(*(h.risk_usd for h in heat)) if heat else ZERO
    gates = tuple(sorted((g for a in limits.accounts for g in a.gauges), key=_fullest_first))
    var_pct = _share(var_usd, equity_usd)
    shares = tuple((r.name, r.pct) for r in sectors.rows)
    return RiskReport(
        stamp=frame.stamp("risk", [leg.instrument for t in open_trades for leg in t.legs]),
        equity_usd=equity_usd,
        limits=limits,
        gates=gates,
        heat=heat,
        sectors=shares,
        hhi=sectors.hhi,
        pairs=correlations.repeated,
        diversification=correlations.score,
        var_usd=var_usd,
        var_pct=var_pct,
        shortfall_usd=short,
        beta=beta_of_book(lines, closes, equity_usd),
        beta_usd=weighted,
        open_risk_usd=at_risk,
        open_risk_r=plus(*(h.risk_r for h in heat)) if heat else ZERO,
        open_risk_pct=_share(at_risk, equity_usd),
        suggestions=tuple(_suggestions(heat, correlations.repeated, gates, shares, var_pct)),
    )


def risk_now(trade: Trade, frame: Frame) -> Figure:
    """Dollars that the trade loses from here if its stop fills at its price; never below 0."""
    label = unit_label(trade.legs)
    if trade.stop is None:
        return Missing(f"{label} has no stop")
    unit = frame.unit(trade.legs)
    if unit is None:
        return Missing(f"no quote for {label}")
    points = (unit.mid - trade.stop.price) * trade.direction
    return max(unit_value(trade.legs, points, trade.qty_open), ZERO)


def _heat(
    frame: Frame,
    trade: Trade,
    lines: Lines,
    equity: Figure,
    closes: Mapping[str, Closes],
    correlations: CorrelationReport,
) -> Heat:
    own = [line for line in lines.known if line.trade_id == trade.trade_id]
    why = dict(lines.missing).get(trade.trade_id)
    value: Figure = why or usd(abs(sum(line.value_usd for line in own)))
    at_risk = risk_now(trade, frame)
    name, r = _closest(own[0].reference, correlations) if own else ("", Missing("not known"))
    risk_r: Figure = Missing("no stop at entry")
    if trade.risk_usd is not None and trade.risk_usd > 0:
        risk_r = ratio(at_risk, trade.risk_usd, Missing("no stop at entry"))
    return Heat(
        trade_id=trade.trade_id,
        symbol=trade.symbol,
        label=unit_label(trade.legs),
        sector=own[0].sector if own else "",
        size_pct=_share(value, equity),
        risk_usd=at_risk,
        risk_r=risk_r,
        risk_pct=_share(at_risk, equity),
        beta=beta_of(own[0], closes) if own else (why or Missing("nothing is held")),
        closest=name,
        closest_r=r,
    )


def _closest(reference: str, correlations: CorrelationReport) -> tuple[str, Figure]:
    best, value = "", Decimal(-2)
    for pair in correlations.pairs:
        if reference in (pair.a, pair.b) and isinstance(pair.r, Decimal) and pair.r > value:
            best, value = (pair.b if pair.a == reference else pair.a), pair.r
    return (best, value) if best else ("", Missing("nothing to compare with"))


def beta_of_book(lines: Lines, closes: Mapping[str, Closes], equity_usd: Figure) -> Figure:
    """Percent of equity per percent of SPY; options count by delta."""
    return ratio(beta_dollars(lines, closes), equity_usd, _no_equity(equity_usd))


def _suggestions(
    heat: Sequence[Heat],
    pairs: Sequence[Pair],
    gates: Sequence[Gauge],
    sectors: Sequence[tuple[str, Figure]],
    var_pct: Figure,
) -> Iterable[str]:
    """What the figures ask for, most urgent first; at most six."""
    found = [
        f"{h.label} has no stop: give it one"
        for h in heat
        if isinstance(h.risk_usd, Missing) and "no stop" in h.risk_usd.reason
    ]
    found += [
        f"{g.name} is at {used:.0f}% of its limit"
        for g in gates
        if (used := used_pct(g)) is not None and used >= _NEAR
    ]
    if isinstance(var_pct, Decimal) and var_pct >= _VAR_HIGH:
        found.append(f"one day in twenty loses {var_pct:.1f}% or more: hold less")
    found += [f"{p.a} and {p.b} move as one ({p.r:.2f}): size them as one" for p in pairs[:2]]
    for name, pct in sectors:
        if name != BROAD and isinstance(pct, Decimal) and pct >= 40:
            found.append(f"{name} is {pct:.0f}% of equity: nothing more of it")
    return found[:6]


def _share(part: Figure, whole: Figure) -> Figure:
    return ratio(part, whole, _no_equity(whole), 100)


def _no_equity(whole: Figure) -> Missing:
    return whole if isinstance(whole, Missing) else Missing("the accounts are worth nothing")


def _hottest(heat: Heat) -> tuple[bool, Decimal, str]:
    value = heat.risk_usd
    return isinstance(value, Decimal), -value if isinstance(value, Decimal) else ZERO, heat.label


def _fullest_first(gauge: Gauge) -> tuple[bool, Decimal, str]:
    used = used_pct(gauge)
    return used is not None, -(used or ZERO), gauge.name
