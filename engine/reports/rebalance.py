"""From how the book is to how it should be: now, target, the trades, what they cost and change."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal

from engine.domain.money import ZERO, Price, Qty
from engine.domain.trade import Trade
from engine.portfolio import Unknown, rebalance
from engine.portfolio.rebalance import Held, Plan, Step, Target
from engine.portfolio.sectors import sector_of
from engine.reports import Figure, Frame, Missing, Stamp, plus, unit_label


@dataclass(frozen=True, slots=True, kw_only=True)
class RebalanceReport:
    """What would bring every position to its target."""

    stamp: Stamp
    target: Target
    steps: tuple[Step, ...]
    """Of every position, largest change first."""
    labels: Mapping[str, str]
    """Trade id -> how a trader says it."""
    turnover_pct: Figure
    cost_usd: Figure
    gross_before_pct: Figure
    gross_after_pct: Figure
    hhi_before: Figure
    hhi_after: Figure
    missing: str
    """Why there is no plan; empty when there is one."""

    @property
    def trades(self) -> tuple[Step, ...]:
        """Steps that change something."""
        return tuple(s for s in self.steps if s.units)


def build(
    frame: Frame,
    *,
    target: Target,
    trades: Iterable[Trade],
    equity_usd: Figure,
    kelly: Mapping[str, Decimal | None],
    sectors: Mapping[str, str] | None = None,
    max_position_pct: Decimal = Decimal(10),
    max_trades: int = 5,
    fee_usd: Mapping[str, Decimal] | None = None,
    wanted_pct: Mapping[str, Decimal] | None = None,
) -> RebalanceReport:
    """The report; ``kelly``: fraction by source, ``fee_usd``: commission a unit by asset."""
    held: list[Held] = []
    why = equity_usd.reason if isinstance(equity_usd, Missing) else ""
    labels = {}
    known = list(trades)
    for trade in known:
        labels[trade.trade_id] = unit_label(trade.legs)
        made = _held(frame, trade, kelly, sectors or {}, fee_usd or {})
        if isinstance(made, Missing):
            why = why or made.reason
        else:
            held.append(made)
    plan: Plan | Unknown = Unknown(why)
    if not why and isinstance(equity_usd, Decimal):
        plan = rebalance.plan(
            held,
            equity_usd,
            target,
            max_position_pct=max_position_pct,
            max_trades=max_trades,
            wanted_pct=wanted_pct,
        )
    stamp = frame.stamp(f"rebalance-{target}", (leg.instrument for t in known for leg in t.legs))
    if isinstance(plan, Unknown):
        none = Missing(plan.reason)
        return RebalanceReport(
            stamp=stamp,
            target=target,
            steps=(),
            labels=labels,
            turnover_pct=none,
            cost_usd=none,
            gross_before_pct=none,
            gross_after_pct=none,
            hhi_before=none,
            hhi_after=none,
            missing=plan.reason,
        )
    assert isinstance(equity_usd, Decimal)  # noqa: S101 - there is a plan
    after = {s.trade_id: s.now_pct + s.usd / equity_usd * 100 for s in plan.steps}
    return RebalanceReport(
        stamp=stamp,
        target=target,
        steps=plan.steps,
        labels=labels,
        turnover_pct=plan.turnover_pct,
        cost_usd=plan.cost_usd,
        gross_before_pct=plus(*(s.now_pct for s in plan.steps)),
        gross_after_pct=sum(after.values(), ZERO),
        hhi_before=_hhi([s.now_pct for s in plan.steps]),
        hhi_after=_hhi(list(after.values())),
        missing="",
    )


def _held(
    frame: Frame,
    trade: Trade,
    kelly: Mapping[str, Decimal | None],
    sectors: Mapping[str, str],
    fees: Mapping[str, Decimal],
) -> Held | Missing:
    unit = frame.unit(trade.legs)
    if unit is None:
        return Missing(f"no quote for {unit_label(trade.legs)}")
    of = trade.legs[0].instrument
    worth = abs(of.notional(Price(unit.mid), Qty(Decimal(1))))
    if worth == 0:
        return Missing(f"{unit_label(trade.legs)} is worth nothing")
    return Held(
        trade_id=trade.trade_id,
        symbol=trade.symbol,
        sector=sector_of(of.symbol, of.kind, sectors),
        units=trade.qty_open,
        unit_usd=worth,
        half_spread_usd=of.notional(Price((unit.ask - unit.bid) / 2), Qty(Decimal(1))),
        fee_usd=fees.get(trade.asset, ZERO),
        kelly=kelly.get(trade.source),
    )


def _hhi(shares: list[Decimal]) -> Figure:
    whole = sum(shares, ZERO)
    if whole == 0:
        return Missing("nothing would be held")
    return sum(((s / whole) ** 2 for s in shares), ZERO)
