"""Money, prices and quantities: Decimal in, Decimal out, never a float."""

from decimal import ROUND_DOWN, ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import NewType

Price = NewType("Price", Decimal)
Qty = NewType("Qty", Decimal)
Usd = NewType("Usd", Decimal)

ZERO = Decimal(0)
CENT = Decimal("0.01")
COIN_STEP = Decimal("0.0001")
"""Smallest part of a coin that is traded; everything else goes in whole units."""
FINEST = Decimal("0.000000001")
"""No broker takes a quantity with more digits: parts of what is held are cut to this."""


def exact(text: str | int | Decimal) -> Decimal:
    """Read a number of the trade exactly as written.

    Raises:
        ValueError: for floats, NaN, infinities and anything that is not a plain number.
    """
    if isinstance(text, bool | float):
        raise ValueError(f"{text!r} is a {type(text).__name__}; money must come as text or Decimal")
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise ValueError(f"{text!r} is not a number") from None
    if not value.is_finite():
        raise ValueError(f"{text!r} is not a finite number")
    return value


def cents(value: Decimal) -> Usd:
    """Round dollars to the cent, half to even: the only rounding a figure on screen gets."""
    return Usd(value.quantize(CENT, rounding=ROUND_HALF_EVEN))


def rounded(value: Decimal, step: Decimal, rounding: str) -> Decimal:
    """Round a size or price to a whole number of steps, ``ROUND_UP`` and so on; ``step`` > 0."""
    return (value / step).to_integral_value(rounding=rounding) * step


def floor_to(value: Decimal, step: Decimal) -> Decimal:
    """Round a size or price down (towards zero) to a whole number of steps; ``step`` > 0."""
    return rounded(value, step, ROUND_DOWN)


def nearest(value: Decimal, step: Decimal) -> Decimal:
    """Round a price to the nearest whole number of ticks; ``step`` > 0."""
    return rounded(value, step, ROUND_HALF_EVEN)
