"""Do two things move together? Pearson's r of daily log returns (rules 3.2)."""

from collections.abc import Mapping, Sequence
from math import sqrt
from operator import mul

from engine.portfolio import Unknown
from engine.portfolio.closes import Closes, paired

DAYS, MIN_DAYS = 60, 40
_STILL = 1e-24


def pearson(x: Sequence[float], y: Sequence[float]) -> float | None:
    """Correlation of two samples of one length, -1 to 1; None when either does not vary."""
    n = len(x)
    mean_x, mean_y = sum(x) / n, sum(y) / n
    dx, dy = [v - mean_x for v in x], [v - mean_y for v in y]
    xx, yy = sum(v * v for v in dx), sum(v * v for v in dy)
    if xx <= _STILL or yy <= _STILL:
        return None
    r = sum(a * b for a, b in zip(dx, dy, strict=True)) / sqrt(xx * yy)
    return min(max(r, -1.0), 1.0)


def correlation(
    a: Closes, b: Closes, days: int = DAYS, min_days: int = MIN_DAYS
) -> float | Unknown:
    """Pearson's r over the newest ``days`` returns on common days; at least ``min_days``."""
    mine, theirs = a.tail(days), b.tail(days)
    if mine.days == theirs.days and len(mine.moves) >= max(min_days, 2):
        size = mine.size * theirs.size
        if size <= _STILL:
            return Unknown(f"{a.symbol} or {b.symbol} did not move")
        shared: float = sum(map(mul, mine.moves, theirs.moves))
        return min(max(shared / size, -1.0), 1.0)
    both = paired(a, b, days, min(min_days, days))
    if isinstance(both, Unknown):
        return both
    found = pearson(*both)
    return Unknown(f"{a.symbol} or {b.symbol} did not move") if found is None else found


def matrix(
    series: Mapping[str, Closes], days: int = DAYS, min_days: int = MIN_DAYS
) -> dict[tuple[str, str], float | Unknown]:
    """Every pair once, in the order of the names given."""
    names = list(series)
    return {
        (a, b): correlation(series[a], series[b], days, min_days)
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    }


def diversification(
    weights: Mapping[str, float], pairs: Mapping[tuple[str, str], float | Unknown]
) -> float | Unknown:
    """1 less the mean correlation of all pairs, weighted by both sides' gross dollars, 0 to 2.

    0: everything moves as one; 1: nothing has to do with anything; above 1: they offset.
    ``weights`` signed: what is short turns its correlations round.
    """
    total = weighted = 0.0
    for (a, b), r in pairs.items():
        if isinstance(r, Unknown):
            return r
        weight = weights.get(a, 0.0) * weights.get(b, 0.0)
        total += abs(weight)
        weighted += weight * r
    return Unknown("it takes two positions") if total == 0 else 1 - weighted / total
