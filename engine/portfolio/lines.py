"""One instrument of one trade as the mathematics sees it, and what a move does to it."""

from dataclasses import dataclass
from typing import Literal

from engine.portfolio.greeks import RATE, Sensitivities, price


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """So many units of one instrument at its mark."""

    trade_id: str
    symbol: str
    """What the trade is counted by: its underlying."""
    label: str
    reference: str
    """Symbol whose daily closes stand for it: SPY for ES, MES and SPX."""
    sector: str
    qty: float
    """Signed."""
    multiplier: float
    mark: float
    spot: float
    """Price of the underlying; the mark itself for what is no option."""
    greeks: Sensitivities
    right: Literal["C", "P"] | None = None
    strike: float = 0.0
    years: float = 0.0
    """Left to its expiry; 0 for what has none."""

    @property
    def units(self) -> float:
        """Shares' worth, signed."""
        return self.qty * self.multiplier

    @property
    def value_usd(self) -> float:
        """What it is worth at its mark; futures at their full notional."""
        return self.units * self.mark

    @property
    def delta_usd(self) -> float:
        """Dollars that answer to the underlying as shares would."""
        return self.units * self.greeks.delta * self.spot


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What happens to one line: the underlying, its volatility, the rate."""

    spot: float
    """Change of the underlying, ratio: -0.05 is 5 % down."""
    volatility: float = 0.0
    """Change of the implied volatility in points."""
    rate: float = 0.0
    """Change of the rate in points."""


def price_after(line: Line, move: Move) -> float:
    """Unit price after the move; no price falls below 0.

    An option whose volatility is known is priced anew by the model, from its mark: that is its
    delta, gamma, vega and rho and all that lies beyond them. One without is taken as far as its
    greeks reach, within what anybody could pay for it there.
    """
    after = line.spot * max(1 + move.spot, 0.0)
    if line.right is not None and line.greeks.volatility and line.years > 0 and after > 0:
        volatility = line.greeks.volatility
        then = max(volatility + move.volatility / 100, 0.005)
        rate = RATE + move.rate / 100
        new = price(after, line.strike, line.years, then, line.right, rate)
        old = price(line.spot, line.strike, line.years, volatility, line.right)
        return max(line.mark + new - old, 0.0)
    return _expanded(line, after, move)


def _expanded(line: Line, after: float, move: Move) -> float:
    change = after - line.spot
    greeks = line.greeks
    found = line.mark + greeks.delta * change + 0.5 * greeks.gamma * change * change
    found += greeks.vega * move.volatility + greeks.rho * move.rate
    if line.right is not None:
        sign = 1.0 if line.right == "C" else -1.0
        below = max(sign * (line.spot - line.strike) - line.mark, 0.0)
        most = after if line.right == "C" else line.strike
        found = min(max(found, sign * (after - line.strike) - below), max(most, line.mark))
    return max(found, 0.0)


def pnl_of(line: Line, move: Move) -> float:
    """Dollars gained by the line when that happens."""
    return line.units * (price_after(line, move) - line.mark)
