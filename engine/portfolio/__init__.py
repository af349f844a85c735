"""The mathematics of what is held together: correlation, beta, VaR, stress, rebalancing.

Pure: figures in, figures out, nothing asked of anybody. Statistics are floats inside; dollars that
leave this package are rounded to the cent (:func:`usd`). What cannot be told is :class:`Unknown`
with its reason, never 0.
"""

from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Unknown:
    """A statistic that cannot be told, and why."""

    reason: str


def usd(value: float) -> Decimal:
    """Dollars to the cent."""
    return Decimal(f"{value:.2f}") + Decimal(0)  # -0.00 is 0.00
