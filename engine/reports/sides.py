"""Trades beside trades: what rooms, authors, brokers, asset classes or periods made, each alone."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, get_args

from engine.domain.money import ZERO
from engine.reports import Figure, Frame, Missing, Stamp, less
from engine.reports.performance import PerformanceReport
from engine.reports.pnl import Period

By = Literal["strategy", "author", "broker", "asset", "period"]
DIMENSIONS: tuple[By, ...] = get_args(By)


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """The closed trades that share a room, an author, a broker, a class or a time."""

    name: str
    made: PerformanceReport


@dataclass(frozen=True, slots=True, kw_only=True)
class SidesReport:
    """Two that were named, in that order; or all that closed something, most earned first."""

    stamp: Stamp
    by: By
    period: Period
    """Of every side, unless these are periods themselves."""
    sides: tuple[Side, ...]
    is_pair: bool

    @property
    def first_more_usd(self) -> Figure:
        """What the first of a pair made more than the second."""
        first, second = self.sides
        return less(first.made.realised_usd, second.made.realised_usd)


def build(
    frame: Frame, *, by: By, period: Period, sides: Iterable[Side], is_pair: bool = False
) -> SidesReport:
    """Periods stay in the order that they come in."""
    found = list(sides)
    if not is_pair:
        found = [side for side in found if side.made.n_closed]
        if by != "period":
            found.sort(key=lambda side: (-_made_usd(side), side.name))
    return SidesReport(
        stamp=frame.stamp("performance-beside"),
        by=by,
        period=period,
        sides=tuple(found),
        is_pair=is_pair,
    )


def _made_usd(side: Side) -> Decimal:
    made = side.made.realised_usd
    return ZERO if isinstance(made, Missing) else made
