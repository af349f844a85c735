"""Daily closes of one symbol, and what two or more symbols have in common."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from math import isfinite, log, sqrt

from engine.portfolio import Unknown


@dataclass(frozen=True, kw_only=True)
class Closes:
    """Closing prices by trading day, oldest first, each day once and each price above 0.

    Raises:
        ValueError: they are not.
    """

    symbol: str
    days: tuple[date, ...]
    prices: tuple[float, ...]
    source: str = ""
    """Who delivered them."""
    is_synthetic: bool = False

    def __post_init__(self) -> None:
        is_rising = all(a < b for a, b in pairwise(self.days))
        if len(self.days) != len(self.prices) or not is_rising:
            raise ValueError(f"closes of {self.symbol} are not one per day in order")
        if not all(isfinite(p) and p > 0 for p in self.prices):
            raise ValueError(f"closes of {self.symbol} hold a price that is none")

    @cached_property
    def by_day(self) -> dict[date, float]:
        """Price of each day."""
        return dict(zip(self.days, self.prices, strict=True))

    @cached_property
    def _tails(self) -> "dict[int, Tail]":
        return {}

    def tail(self, n: int) -> "Tail":
        """Its newest ``n`` returns, worked out once."""
        found = self._tails.get(n)
        if found is None:
            days = self.days[-(n + 1) :]
            returns = log_returns(self, days)
            mean = sum(returns) / len(returns) if returns else 0.0
            moves = tuple(r - mean for r in returns)
            found = Tail(days=days, moves=moves, size=sqrt(sum(m * m for m in moves)))
            self._tails[n] = found
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """The newest returns of one symbol about their mean."""

    days: tuple[date, ...]
    moves: tuple[float, ...]
    size: float
    """Root of the sum of their squares."""


def common_days(series: Iterable[Closes], n_returns: int) -> list[date]:
    """The newest days on which all of them closed, one more than returns are wanted."""
    all_of_them = list(series)
    if not all_of_them:
        return []
    first, *others = all_of_them
    found = [d for d in first.days if all(d in o.by_day for o in others)]
    return found[-(n_returns + 1) :]


def log_returns(series: Closes, days: Sequence[date]) -> list[float]:
    """ln(close / close before) over these days; one fewer than there are days."""
    prices = [series.by_day[d] for d in days]
    return [log(b / a) for a, b in pairwise(prices)]


def paired(
    a: Closes, b: Closes, n: int, at_least: int
) -> tuple[list[float], list[float]] | Unknown:
    """Log returns of two symbols over their newest ``n`` common days, or why there are none."""
    days = common_days((a, b), n)
    if len(days) - 1 < at_least:
        have = max(len(days) - 1, 0)
        return Unknown(f"{a.symbol} and {b.symbol} have {have} common days of {at_least}")
    return log_returns(a, days), log_returns(b, days)
