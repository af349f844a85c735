"""Trail the stop behind the best price since entry; it never loosens (R-06, rules 3.6)."""

from dataclasses import replace
from decimal import Decimal

from pydantic import Field

from engine.domain.trade import StopPlan, Trade
from engine.exits import ExitRule, View, Wish
from engine.exits._levels import best_price, gained_touch, on_tick, tick_of


class Trailing(ExitRule):
    """Move a trailing stop up (for a short: down) when that is worth a message to the broker."""

    class Settings(ExitRule.Settings):
        """Rules 3.6."""

        atr_multiple: Decimal = Field(default=Decimal(2), gt=0)
        """Distance in ATR(14) where the trade names none of its own."""
        min_improvement_atr: Decimal = Field(default=Decimal("0.1"), ge=0)
        """Smaller improvements than this share of ATR (and than a tick) are not sent."""
        min_seconds: int = Field(default=10, ge=0)
        """Pause between two moves."""
        activate_at_r: Decimal = Field(default=Decimal(0), ge=0)
        """Trail only once the best price was so many R in our favour."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def look(self, trade: Trade, view: View) -> Wish | None:
        """A tighter stop, or None."""
        touch = gained_touch(trade, view)
        stop = trade.stop
        if stop is None or stop.kind != "trailing" or touch is None or trade.qty_open <= 0:
            return None
        best = best_price(trade, touch)
        distance = self.distance(stop, best, view)
        if distance is None or not self._is_active(trade, best) or self._is_early(stop, view):
            return None
        price = on_tick(trade, best - distance * trade.direction, tighter=False)
        better = (price - stop.price) * trade.direction
        if better < self.worth_sending(trade, view):
            return None
        return Wish(
            rule="trailing",
            stop=replace(stop, price=price),
            detail=f"{distance.normalize():f} behind {best}, the best since entry",
        )

    def distance(self, stop: StopPlan, best: Decimal, view: View) -> Decimal | None:
        """In unit price; None when it cannot be told, then the stop stays."""
        if stop.trail_usd is not None:
            found = stop.trail_usd
        elif stop.trail_pct is not None:
            found = abs(best) * stop.trail_pct / 100
        elif view.atr is not None and view.atr.is_finite():
            multiple = stop.trail_atr if stop.trail_atr is not None else self._settings.atr_multiple
            found = view.atr * multiple
        else:
            return None
        return found if found > 0 else None

    def _is_active(self, trade: Trade, best: Decimal) -> bool:
        wanted = self._settings.activate_at_r
        if wanted == 0:
            return True
        if trade.entry_price is None or trade.initial_stop is None:
            return False
        one_r = abs(trade.entry_price - trade.initial_stop)
        return (best - trade.entry_price) * trade.direction >= wanted * one_r

    def _is_early(self, stop: StopPlan, view: View) -> bool:
        if stop.moved_at is None:
            return False
        return (view.now - stop.moved_at).total_seconds() < self._settings.min_seconds

    def worth_sending(self, trade: Trade, view: View) -> Decimal:
        """How much tighter a stop has to be for the broker to be asked."""
        tick = tick_of(trade)
        if view.atr is None or not view.atr.is_finite():
            return tick
        return max(tick, self._settings.min_improvement_atr * view.atr)
