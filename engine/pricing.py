"""At what price an order may go out: marketable, but never past the author's price by much."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from engine.domain.alert import Asset
from engine.domain.errors import InvariantError
from engine.domain.money import rounded
from engine.domain.order import Side
from engine.domain.quote import UnitQuote
from engine.domain.source import SourceProfile

BUFFER_PCT = Decimal("0.10")
"""How far beyond the touch a limit for shares or coins reaches, so that a tick does not lose it."""
BUFFER_TICKS = 1
"""The same for options and futures: 0.10 % of ES would be six points of a ten-point stop."""
COLLAR_MIN = Decimal("0.10")
COLLAR_PCT = Decimal(20)
"""An exit that must leave crosses the market, but not by more than this (rules 3.5)."""


def entry_limit(
    side: Side,
    alerted: Decimal | None,
    quote: UnitQuote | None,
    profile: SourceProfile,
    tick: Decimal,
    asset: Asset | None = None,
) -> Decimal:
    """Limit of an entry: reaches the touch, never worse than the alert plus the chase limit.

    ``alerted``: unit price of the author, None for an alert at market. The result is a whole
    number of ticks: a buyer's limit is rounded down, a seller's up, and never below one tick.
    ``asset`` picks chase limit and buffer; None: those for option premiums.

    Raises:
        InvariantError: neither the alert nor the market has a usable price.
    """
    found = (
        _chased(side, alerted, profile.chase_pct(asset)),
        _marketable(side, quote, tick, asset),
    )
    bounds = [price for price in found if price is not None]
    if not bounds:
        raise InvariantError("an entry without any price reached the pricing")
    if side is Side.BUY:
        return max(_down(min(bounds), tick), tick)
    return max(_up(max(bounds), tick), tick)


def worst_limit(
    side: Side, quote: UnitQuote | None, tick: Decimal, *, n_legs: int = 1
) -> Decimal | None:
    """A limit that fills like a market order where there are none; None without a usable quote.

    Reaches max(0.10, 20 %) beyond the mid: leaving matters more than the price. A unit of several
    legs may be worth less than nothing: who leaves it pays.
    """
    if quote is None or not _is_usable(quote):
        return None
    reach = max(COLLAR_MIN, abs(quote.mid) * COLLAR_PCT / 100)
    is_buy = side is Side.BUY
    limit = _up(quote.mid + reach, tick) if is_buy else _down(quote.mid - reach, tick)
    return limit if n_legs > 1 else max(limit, tick)


def _chased(side: Side, alerted: Decimal | None, chase_pct: Decimal) -> Decimal | None:
    if alerted is None or not alerted.is_finite() or alerted <= 0:
        return None
    return alerted * (1 + side.sign * chase_pct / 100)


def _marketable(
    side: Side, quote: UnitQuote | None, tick: Decimal, asset: Asset | None
) -> Decimal | None:
    if quote is None or not _is_usable(quote):
        return None
    touch = quote.touch(side is Side.BUY)
    if touch <= 0:
        return None
    buffer = tick * BUFFER_TICKS
    if asset in ("stock", "crypto"):
        buffer = max(buffer, touch * BUFFER_PCT / 100)
    return touch + side.sign * buffer


def _is_usable(quote: UnitQuote) -> bool:
    return quote.bid.is_finite() and quote.ask.is_finite() and quote.bid <= quote.ask


def _down(price: Decimal, tick: Decimal) -> Decimal:
    return rounded(price, tick, ROUND_FLOOR)


def _up(price: Decimal, tick: Decimal) -> Decimal:
    return rounded(price, tick, ROUND_CEILING)
