"""From how the book is to how it should be: shares of equity now and wanted, and the trades.

What is invested stays invested; only its parts change. ``equal``: every position the same.
``kelly``: in proportion to the Kelly fraction of the source that opened it, those without an edge
nothing. ``sector``: every sector the same, within a sector as now. Never more than the limits on
one position allow.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from typing import Literal

from engine.domain.money import ZERO
from engine.portfolio import Unknown

Target = Literal["equal", "kelly", "sector", "custom"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One trade as it stands. Dollars at the mark, always positive."""

    trade_id: str
    symbol: str
    sector: str
    units: Decimal
    """Held now, > 0."""
    unit_usd: Decimal
    """Worth of one unit, > 0."""
    half_spread_usd: Decimal
    """Half the distance of bid and ask, in dollars a unit: what trading one costs."""
    fee_usd: Decimal = ZERO
    """Commission a unit."""
    kelly: Decimal | None = None
    """Kelly fraction of its source; None: too few closed trades."""

    @property
    def value_usd(self) -> Decimal:
        """Worth of all units."""
        return self.units * self.unit_usd


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One trade of the plan; ``units`` signed: + adds, - takes off."""

    trade_id: str
    symbol: str
    now_pct: Decimal
    target_pct: Decimal
    units: Decimal
    usd: Decimal
    """Signed worth of those units."""
    cost_usd: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What to do, largest change first."""

    steps: tuple[Step, ...]
    """Of every position, those that need nothing included (units 0)."""
    turnover_pct: Decimal
    """Dollars bought and sold, in percent of equity."""
    cost_usd: Decimal

    @property
    def trades(self) -> tuple[Step, ...]:
        """Those that change something."""
        return tuple(s for s in self.steps if s.units)


def plan(
    held: Sequence[Held],
    equity: Decimal,
    target: Target,
    *,
    max_position_pct: Decimal,
    max_trades: int = 5,
    wanted_pct: Mapping[str, Decimal] | None = None,
) -> Plan | Unknown:
    """The steps to the target; ``max_trades``: only the largest ones count.

    ``wanted_pct``: percent of equity by symbol, for ``custom``; what is not named stays.
    """
    if not held:
        return Unknown("nothing is held")
    if equity <= 0:
        return Unknown("the accounts are worth nothing")
    shares = _shares(held, target, equity, wanted_pct or {})
    if isinstance(shares, Unknown):
        return shares
    cap = equity * max_position_pct / 100
    steps = sorted(
        (_step(h, min(shares[h.trade_id], max(cap, ZERO)), equity) for h in held),
        key=lambda s: (-abs(s.usd), s.symbol, s.trade_id),
    )
    kept = [s if i < max_trades else _idle(s) for i, s in enumerate(steps)]
    return Plan(
        steps=tuple(kept),
        turnover_pct=sum((abs(s.usd) for s in kept), ZERO) / equity * 100,
        cost_usd=sum((s.cost_usd for s in kept), ZERO),
    )


def _shares(
    held: Sequence[Held], target: Target, equity: Decimal, wanted: Mapping[str, Decimal]
) -> dict[str, Decimal] | Unknown:
    """Dollars wanted by trade."""
    total = sum((h.value_usd for h in held), ZERO)
    if target == "equal":
        return {h.trade_id: total / len(held) for h in held}
    if target == "kelly":
        return _by_kelly(held, total)
    if target == "sector":
        sums: dict[str, Decimal] = {}
        for h in held:
            sums[h.sector] = sums.get(h.sector, ZERO) + h.value_usd
        each = total / len(sums)
        return {h.trade_id: h.value_usd / sums[h.sector] * each for h in held}
    if not wanted:
        return Unknown("no target was given")
    found = {}
    for h in held:
        same = sum((o.value_usd for o in held if o.symbol == h.symbol), ZERO)
        pct = wanted.get(h.symbol)
        found[h.trade_id] = h.value_usd if pct is None else equity * pct / 100 * h.value_usd / same
    return found


def _by_kelly(held: Sequence[Held], total: Decimal) -> dict[str, Decimal] | Unknown:
    lacking = sorted({h.symbol for h in held if h.kelly is None})
    if lacking:
        return Unknown(f"too few closed trades behind {', '.join(lacking)} for a Kelly fraction")
    edges = {h.trade_id: max(h.kelly or ZERO, ZERO) for h in held}
    whole = sum(edges.values(), ZERO)
    if whole == 0:
        return dict.fromkeys(edges, ZERO)
    return {key: total * edge / whole for key, edge in edges.items()}


def _step(held: Held, wanted_usd: Decimal, equity: Decimal) -> Step:
    exact = wanted_usd / held.unit_usd - held.units
    units = exact.quantize(Decimal(1), rounding=ROUND_HALF_UP)
    units = max(units, -held.units)
    return Step(
        trade_id=held.trade_id,
        symbol=held.symbol,
        now_pct=held.value_usd / equity * 100,
        target_pct=wanted_usd / equity * 100,
        units=units,
        usd=units * held.unit_usd,
        cost_usd=abs(units) * (held.half_spread_usd + held.fee_usd),
    )


def _idle(step: Step) -> Step:
    return Step(
        trade_id=step.trade_id,
        symbol=step.symbol,
        now_pct=step.now_pct,
        target_pct=step.target_pct,
        units=ZERO,
        usd=ZERO,
        cost_usd=ZERO,
    )
