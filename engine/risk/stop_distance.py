"""Is the stop near enough to limit the loss, and far enough to survive noise?"""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from engine.domain.instrument import Instrument
from engine.domain.order import Intent, Side
from engine.risk import Denial, Facts, RiskCheck, entry_price, is_known
from engine.sizing import max_loss


class StopDistance(RiskCheck):
    """Deny a stop that is too near, too far, on the wrong side, or missing where one is needed.

    Shares 0.8-3 % of the entry; options and futures have bounds of their own. Only options with
    a limited loss may go without a stop: their worst case is their risk.
    """

    stage = 7

    class Settings(RiskCheck.Settings):
        """Distances from the entry; percents of the entry price."""

        stock_min_pct: Decimal = Field(Decimal("0.8"), ge=0)
        stock_max_pct: Decimal = Field(Decimal(3), ge=0)
        option_min_pct: Decimal = Field(Decimal(5), ge=0)
        option_max_pct: Decimal = Field(Decimal(90), ge=0)
        short_option_max_pct: Decimal = Field(Decimal(300), ge=0)
        """Of the credit: 300 % stops a cash-secured put at four times its credit."""
        future_min_ticks: int = Field(4, ge=0)
        future_max_pct: Decimal = Field(Decimal(1), ge=0)
        future_max_points: dict[str, Annotated[Decimal, Field(gt=0)]] = Field(
            default_factory=lambda: {"ES": Decimal(50), "MES": Decimal(50)}
        )
        """By root, in place of the percentage."""
        crypto_min_pct: Decimal = Field(Decimal("0.8"), ge=0)
        crypto_max_pct: Decimal = Field(Decimal(10), ge=0)

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        price, stop = entry_price(intent), intent.stop
        if price is None:
            return Denial(code="stop_distance.unknown", detail="the entry has no price")
        if stop is None:
            return _without(intent, price)
        if not is_known(stop) or stop <= 0:
            return Denial(code="stop_distance.unknown", detail=f"{stop} is no stop")
        distance = (price - stop) * intent.side.sign
        if distance <= 0:
            where = "below" if intent.side is Side.BUY else "above"
            detail = f"the stop {stop} is not {where} the entry {price}"
            return Denial(code="stop_distance.wrong_side", detail=detail)
        low, high = self.bounds(intent.legs[0].instrument, intent.side, price)
        if distance < low:
            return _outside("too_near", distance, price, low, "at least")
        if distance > high:
            return _outside("too_far", distance, price, high, "at most")
        return None

    def bounds(self, instrument: Instrument, side: Side, price: Decimal) -> tuple[Decimal, Decimal]:
        """Least and most distance of a stop from an entry at ``price``, in price units."""
        s = self.settings
        if instrument.kind == "future":
            points = s.future_max_points.get(instrument.symbol)
            high = price * s.future_max_pct / 100 if points is None else points
            return s.future_min_ticks * instrument.tick, high
        low_pct, high_pct = {
            "stock": (s.stock_min_pct, s.stock_max_pct),
            "crypto": (s.crypto_min_pct, s.crypto_max_pct),
            "option": (
                s.option_min_pct,
                s.option_max_pct if side is Side.BUY else s.short_option_max_pct,
            ),
        }[instrument.kind]
        return price * low_pct / 100, price * high_pct / 100


def _without(intent: Intent, price: Decimal) -> Denial | None:
    is_option = intent.legs[0].instrument.kind == "option"
    if is_option and max_loss(intent.legs, intent.side, price) is not None:
        return None
    return Denial(
        code="stop_distance.missing",
        detail=f"{intent.symbol} has no stop, and without one its loss has no limit",
    )


def _short(distance: Decimal) -> Decimal:
    """To the cent where that says enough."""
    return distance.quantize(Decimal("0.01")) if 1 <= distance < 1_000_000 else distance.normalize()


def _outside(reason: str, distance: Decimal, price: Decimal, bound: Decimal, word: str) -> Denial:
    return Denial(
        code=f"stop_distance.{reason}",
        detail=f"the stop is {distance.normalize():f} ({distance / price * 100:.2f} %) from the "
        f"entry {price}, {word} {_short(bound):f} ({bound / price * 100:.2f} %) is allowed",
    )
