"""Which way a unit leans: does it gain when its underlying rises, or when it falls?"""

from collections.abc import Sequence
from math import exp

from engine.domain.quote import Leg

_FLAT = 0.05
"""Less than so much of the unit leans: it is neutral."""


def lean(legs: Sequence[Leg], direction: int) -> int:
    """1: it gains as the underlying rises, -1: as it falls, 0: neither (a condor, a straddle).

    Options by a stand-in for delta that only knows strikes: calls are the more alive the lower
    theirs, puts the higher. That is enough for a sign, and needs no price.
    """
    if len(legs) == 1:
        return _lean_of_one(legs[0], direction)
    strikes = [float(leg.instrument.strike) for leg in legs if leg.instrument.strike is not None]
    middle = (max(strikes) + min(strikes)) / 2 if strikes else 1.0
    wide = (max(strikes) - min(strikes) if strikes else 0.0) or 1.0
    deltas = [leg.ratio * _delta(leg, middle, wide) for leg in legs]
    total, size = sum(deltas), sum(map(abs, deltas))
    if size == 0 or abs(total) / size < _FLAT:
        return 0
    return direction if total > 0 else -direction


def _lean_of_one(leg: Leg, direction: int) -> int:
    """A put falls as its underlying rises, all else rises with it; sold, the other way round."""
    if leg.ratio == 0:
        return 0
    is_put = leg.instrument.kind == "option" and leg.instrument.right == "P"
    return direction if (leg.ratio > 0) is not is_put else -direction


def _delta(leg: Leg, middle: float, wide: float) -> float:
    of = leg.instrument
    if of.kind != "option" or of.strike is None:
        return 1.0
    call = 1 / (1 + exp((float(of.strike) - middle) / wide))
    return call if of.right == "C" else call - 1
