"""What an open position pays at expiry and now, over prices of its underlying."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from engine.domain.errors import UserError
from engine.domain.instrument import Instrument, underlying_of
from engine.domain.money import ZERO
from engine.domain.quote import Leg
from engine.domain.trade import Trade
from engine.portfolio import greeks
from engine.reports import Figure, Frame, Missing, Stamp, instruments_of, unit_label

_POINTS = 121
_REACH = Decimal("0.04")
"""How far to either side is shown, at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PayoffReport:
    """Dollars of the whole open quantity, fees left out."""

    stamp: Stamp
    label: str
    qty: Decimal
    direction: int
    expiry: date
    spots: tuple[Decimal, ...]
    at_expiry: tuple[Decimal, ...]
    now: tuple[Decimal, ...] | Missing
    """By each leg's implied volatility of now; missing when a leg has no quote."""
    spot: Figure
    break_evens: tuple[Decimal, ...]
    most: Decimal | None
    """Largest profit at expiry; None: without bound."""
    least: Decimal | None
    """Largest loss at expiry, negative; None: without bound."""


def build(frame: Frame, trade: Trade) -> PayoffReport:
    """Legs must be options of one underlying and one expiry.

    Raises:
        UserError: it is no such position, or nothing of it is filled.
    """
    legs, contract = trade.legs, trade.legs[0].instrument
    expiries = {leg.instrument.expiry for leg in legs}
    is_options = all(leg.instrument.kind == "option" for leg in legs)
    if not is_options or len(expiries) != 1 or contract.expiry is None:
        raise UserError(
            f"{unit_label(legs)} has no pay-off picture: that is for options of one expiry. "
            "Nothing was drawn."
        )
    if trade.entry_price is None or trade.qty_open <= 0:
        raise UserError(f"{unit_label(legs)} is not filled. Nothing was drawn.")
    under = underlying_of(contract)
    spot = frame.mark(under)
    strikes = sorted({leg.instrument.strike for leg in legs if leg.instrument.strike is not None})
    kinks = [ZERO, *strikes]
    entry, units = trade.entry_price, trade.qty_open * trade.direction

    def worth(at: Decimal) -> Decimal:
        unit = sum((_intrinsic(leg, at) for leg in legs), ZERO)
        return (unit - entry) * units * contract.multiplier

    slope = sum(leg.ratio for leg in legs if leg.instrument.right == "C") * units
    values = [worth(at) for at in kinks]
    evens = _break_evens(kinks, values, slope * contract.multiplier)
    spots = _spots(strikes, evens, spot)
    return PayoffReport(
        stamp=frame.stamp(trade.trade_id, [under, *instruments_of(legs)]),
        label=unit_label(legs),
        qty=trade.qty_open,
        direction=trade.direction,
        expiry=contract.expiry,
        spots=spots,
        at_expiry=tuple(worth(at) for at in spots),
        now=_now(frame, trade, spots, spot),
        spot=spot,
        break_evens=tuple(evens),
        most=None if slope > 0 else max(values),
        least=None if slope < 0 else min(values),
    )


def under(trade: Trade) -> Instrument:
    """What the options of a trade are written on."""
    return underlying_of(trade.legs[0].instrument)


def _intrinsic(leg: Leg, spot: Decimal) -> Decimal:
    of = leg.instrument
    assert of.strike is not None  # noqa: S101 - options have one
    value = spot - of.strike if of.right == "C" else of.strike - spot
    return max(value, ZERO) * leg.ratio


def _spots(strikes: list[Decimal], evens: list[Decimal], spot: Figure) -> tuple[Decimal, ...]:
    """Round the strikes, so wide that break-evens and the price of now are on it."""
    centre = (strikes[0] + strikes[-1]) / 2
    places = [*strikes, *evens, *(() if isinstance(spot, Missing) else (spot,))]
    reach = max(max(abs(p - centre) for p in places) * Decimal("1.6"), centre * _REACH)
    low = max(centre - reach, Decimal("0.01"))
    step = (centre + reach - low) / (_POINTS - 1)
    inside = [s for s in strikes if low < s < centre + reach]
    return tuple(sorted({*(low + n * step for n in range(_POINTS)), *inside}))


def _break_evens(kinks: list[Decimal], values: list[Decimal], slope: Decimal) -> list[Decimal]:
    """Where the line crosses zero: between kinks, or beyond the last one."""
    found = []
    for n in range(len(kinks) - 1):
        a, b = values[n], values[n + 1]
        if a == 0:
            found.append(kinks[n])
        elif a * b < 0:
            found.append(kinks[n] + (kinks[n + 1] - kinks[n]) * a / (a - b))
    if values[-1] == 0:
        found.append(kinks[-1])
    elif slope and values[-1] / slope < 0:
        found.append(kinks[-1] - values[-1] / slope)
    return [at for at in found if at > 0]


def _now(
    frame: Frame, trade: Trade, spots: tuple[Decimal, ...], spot: Figure
) -> tuple[Decimal, ...] | Missing:
    """Every leg by Black-Scholes without rates, at the volatility that its own price implies."""
    if isinstance(spot, Missing):
        return Missing("no quote of the underlying")
    legs: list[tuple[Leg, float, float]] = []
    for leg in trade.legs:
        mark = frame.mark(leg.instrument)
        found = None if isinstance(mark, Missing) else _implied(leg.instrument, mark, spot, frame)
        if found is None:
            return Missing(f"no volatility of {leg.instrument.label}")
        legs.append((leg, *found))
    entry = float(trade.entry_price or 0)
    times = float(trade.qty_open * trade.direction * trade.legs[0].instrument.multiplier)
    curve = []
    for at in spots:
        unit = sum(
            _price(leg.instrument, float(at), years, vol) * leg.ratio for leg, years, vol in legs
        )
        curve.append(Decimal(repr(round((unit - entry) * times, 4))))
    return tuple(curve)


def _implied(
    of: Instrument, mark: Decimal, spot: Decimal, frame: Frame
) -> tuple[float, float] | None:
    assert of.expiry is not None  # noqa: S101 - options have one
    assert of.strike is not None  # noqa: S101 - options have one
    assert of.right is not None  # noqa: S101 - options have one
    years = greeks.years_to(of.expiry, frame.now)
    if years <= 0:
        return None
    vol = greeks.implied(float(mark), float(spot), float(of.strike), years, of.right)
    return None if vol is None else (years, vol)


def _price(of: Instrument, spot: float, years: float, vol: float) -> float:
    assert of.strike is not None  # noqa: S101 - options have one
    assert of.right is not None  # noqa: S101 - options have one
    return greeks.price(spot, float(of.strike), years, vol, of.right)
