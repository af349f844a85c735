"""What an option answers to: Black-Scholes (1973), European, without dividends.

The volatility is the one that makes the model say the quoted price. Everything is per share of
the underlying and 1.00 of price; vega is per volatility point (0.01), rho per rate point.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from math import erf, exp, isfinite, log, pi, sqrt
from typing import Literal

from engine.market import NEW_YORK, NYSE

RATE = 0.04
"""Risk-free rate a year; an option of a month hardly feels it."""
_YEAR_S = 365 * 86_400
_LOW, _HIGH = 0.005, 10.0
_ROUNDS = 100

Right = Literal["C", "P"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sensitivities:
    """Delta, gamma, vega (per volatility point), rho (per rate point) of one share's worth."""

    delta: float
    gamma: float = 0.0
    vega: float = 0.0
    rho: float = 0.0
    volatility: float | None = None
    """Implied, ratio a year; None for what is no option."""


LINEAR = Sensitivities(delta=1.0)
"""Shares, coins, futures."""


def years_to(expiry: date, now: datetime) -> float:
    """Time left until the close of the day of expiry, in years of 365 days; 0 when it is over."""
    session = NYSE.session(expiry)
    ends = (
        datetime.combine(expiry, time(16), NEW_YORK).astimezone(UTC)
        if session is None
        else session.closes_at
    )
    return max((ends - now).total_seconds() / _YEAR_S, 0.0)


def price(
    spot: float, strike: float, years: float, volatility: float, right: Right, rate: float = RATE
) -> float:
    """What the model pays for one share's worth."""
    sign = 1.0 if right == "C" else -1.0
    held = strike * exp(-rate * years)
    if years <= 0 or volatility <= 0:
        return max(sign * (spot - held), 0.0)
    d1, d2 = _d(spot, strike, years, volatility, rate)
    return sign * (spot * normal(sign * d1) - held * normal(sign * d2))


def implied(quoted: float, spot: float, strike: float, years: float, right: Right) -> float | None:
    """The volatility behind a quoted price, by bisection to 1e-9; None outside 0.5 % to 1000 %."""
    if not (isfinite(quoted) and quoted > 0 and spot > 0 and strike > 0 and years > 0):
        return None
    low, high = _LOW, _HIGH
    if (
        not price(spot, strike, years, low, right)
        <= quoted
        <= price(spot, strike, years, high, right)
    ):
        return None
    for _ in range(_ROUNDS):
        middle = (low + high) / 2
        if price(spot, strike, years, middle, right) < quoted:
            low = middle
        else:
            high = middle
        if high - low < 1e-9:
            break
    return (low + high) / 2


def sensitivities(
    spot: float, strike: float, years: float, volatility: float, right: Right
) -> Sensitivities:
    """The model's greeks."""
    sign = 1.0 if right == "C" else -1.0
    if years <= 0:
        return Sensitivities(
            delta=sign if sign * (spot - strike) > 0 else 0.0, volatility=volatility
        )
    d1, d2 = _d(spot, strike, years, volatility)
    root = sqrt(years)
    return Sensitivities(
        delta=sign * normal(sign * d1),
        gamma=_density(d1) / (spot * volatility * root),
        vega=spot * _density(d1) * root / 100,
        rho=sign * strike * years * exp(-RATE * years) * normal(sign * d2) / 100,
        volatility=volatility,
    )


def normal(x: float) -> float:
    """Cumulative standard normal distribution."""
    return 0.5 * (1.0 + erf(x / sqrt(2.0)))


def _density(x: float) -> float:
    return exp(-x * x / 2) / sqrt(2 * pi)


def _d(
    spot: float, strike: float, years: float, volatility: float, rate: float = RATE
) -> tuple[float, float]:
    deviation = volatility * sqrt(years)
    d1 = (log(spot / strike) + rate * years) / deviation + deviation / 2
    return d1, d1 - deviation
