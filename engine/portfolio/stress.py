"""What would happen to everything held if the world moved: named scenarios.

* ``spy-5``, ``spy-10``, ``spy-20``, ``custom``: SPY moves so many percent and everything else by
  its beta to SPY; volatilities and rates stay.
* ``tech-10``: Technology falls 10 %; everything else moves by its beta to the technology fund.
* ``vix30``: the VIX goes to 30; every implied volatility moves by as many points.
* ``rates+100``: rates rise one point: options by rho, bonds by their duration; shares stay.

Options are priced anew from today's price (:mod:`engine.portfolio.lines`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from engine.portfolio import Unknown
from engine.portfolio.beta import MARKET, beta
from engine.portfolio.closes import Closes
from engine.portfolio.lines import Line, Move, pnl_of, price_after

Scenario = Literal["spy-5", "spy-10", "spy-20", "tech-10", "vix30", "rates+100", "custom"]
TECH_FUND = "XLK"
VIX = "VIX"
_SPY = {"spy-5": -0.05, "spy-10": -0.10, "spy-20": -0.20}
_TECH, _VIX_TO, _RATE = -0.10, 30.0, 1.0

DURATION: Mapping[str, float] = {
    # Modified duration in years, rounded, 2026: price falls so many percent per point.
    "TLT": 16,
    "IEF": 7,
    "SHY": 1.9,
    "BND": 6,
    "AGG": 6,
    "LQD": 8,
    "HYG": 3,
    "JNK": 3,
    "TIP": 6.5,
    "MUB": 6,
    "GOVT": 6,
    "EMB": 7,
    "BIL": 0.1,
    "SGOV": 0.1,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One line in a scenario."""

    line: Line
    move: Move
    pnl_usd: float
    price_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """What is known besides the lines."""

    closes: Mapping[str, Closes]
    vix: float | None = None
    """Level of the VIX now."""


def words(scenario: Scenario, move_pct: float | None = None) -> str:
    """The scenario as a person says it.

    Raises:
        ValueError: ``custom`` without a move.
    """
    if scenario in _SPY:
        return f"SPY falls {abs(_SPY[scenario]):.0%}"
    if scenario == "custom":
        if move_pct is None:
            raise ValueError("a custom scenario needs the move of SPY in percent")
        return f"SPY {'falls' if move_pct < 0 else 'rises'} {abs(move_pct):g}%"
    return {
        "tech-10": "Technology falls 10%",
        "vix30": "VIX goes to 30",
        "rates+100": "rates rise by one point",
    }[scenario]


def run(
    lines: Sequence[Line], scenario: Scenario, world: World, move_pct: float | None = None
) -> list[Result | tuple[Line, Unknown]]:
    """Every line in the scenario; one whose move cannot be told says why."""
    found: list[Result | tuple[Line, Unknown]] = []
    for line in lines:
        move = move_of(line, scenario, world, move_pct)
        if isinstance(move, Unknown):
            found.append((line, move))
        else:
            after = price_after(line, move)
            found.append(
                Result(line=line, move=move, pnl_usd=pnl_of(line, move), price_after=after)
            )
    return found


def move_of(
    line: Line, scenario: Scenario, world: World, move_pct: float | None = None
) -> Move | Unknown:
    """What the scenario does to one line."""
    if scenario == "vix30":
        if line.right is None:
            return Move(spot=0.0)
        if world.vix is None:
            return Unknown("the level of the VIX is not known")
        return Move(spot=0.0, volatility=_VIX_TO - world.vix)
    if scenario == "rates+100":
        spot = -DURATION.get(line.reference, 0.0) * _RATE / 100
        return Move(spot=spot, rate=0.0 if line.right is None else _RATE)
    if scenario == "tech-10":
        if line.sector == "Technology":
            return Move(spot=_TECH)
        return _by_beta(line, TECH_FUND, _TECH, world)
    if scenario == "custom" and move_pct is None:
        raise ValueError("a custom scenario needs the move of SPY in percent")
    size = _SPY[scenario] if scenario in _SPY else (move_pct or 0.0) / 100
    return _by_beta(line, MARKET, size, world)


def _by_beta(line: Line, market: str, size: float, world: World) -> Move | Unknown:
    if line.reference == market:
        return Move(spot=size)
    of, by = world.closes.get(line.reference), world.closes.get(market)
    for name, series in ((line.reference, of), (market, by)):
        if series is None:
            return Unknown(f"no daily closes of {name}")
    assert of is not None  # noqa: S101 - looked at above
    assert by is not None  # noqa: S101 - looked at above
    found = beta(of, by)
    return found if isinstance(found, Unknown) else Move(spot=max(found * size, -1.0))
