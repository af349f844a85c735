"""What a bad day costs: value at risk by historical simulation.

Each of the newest common days is played again over what is held now: every underlying moves as it
did that day, options are priced anew. VaR 95 is the loss that 5 % of those days exceed (linear
interpolation between order statistics); the shortfall is the mean loss of the days beyond it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import expm1

from engine.portfolio import Unknown
from engine.portfolio.closes import Closes, common_days, log_returns
from engine.portfolio.lines import Line, Move, pnl_of

DAYS, MIN_DAYS = 250, 60
LEVEL = 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Risk:
    """One day's loss in dollars, as positive figures; 0 when even a bad day gains."""

    var_usd: float
    shortfall_usd: float


def value_at_risk(lines: Sequence[Line], series: Mapping[str, Closes]) -> Risk | Unknown:
    """VaR and expected shortfall of what is held, over one day."""
    if not lines:
        return Unknown("nothing is held")
    results = _replayed(lines, series)
    if isinstance(results, Unknown):
        return results
    cut = quantile(results, 1 - LEVEL)
    beyond = [r for r in results if r <= cut]
    return Risk(
        var_usd=max(-cut, 0.0),
        shortfall_usd=max(-sum(beyond) / len(beyond), 0.0),
    )


def _replayed(lines: Sequence[Line], series: Mapping[str, Closes]) -> list[float] | Unknown:
    """Dollars that each of the newest common days would have made, oldest first."""
    names = list(dict.fromkeys(line.reference for line in lines))
    for name in names:
        if name not in series:
            return Unknown(f"no daily closes of {name}")
    on = common_days((series[n] for n in names), DAYS)
    if len(on) - 1 < MIN_DAYS:
        return Unknown(f"{max(len(on) - 1, 0)} common days of {MIN_DAYS}")
    moves = {n: [Move(spot=expm1(r)) for r in log_returns(series[n], on)] for n in names}
    return [
        sum(pnl_of(line, moves[line.reference][day]) for line in lines)
        for day in range(len(on) - 1)
    ]


def quantile(values: Sequence[float], share: float) -> float:
    """The value below which ``share`` of the sample lies, interpolated (type 7, as pandas)."""
    order = sorted(values)
    at = (len(order) - 1) * share
    low = int(at)
    high = min(low + 1, len(order) - 1)
    return order[low] + (order[high] - order[low]) * (at - low)
