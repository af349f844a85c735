"""Once a trade was 1R ahead it must not lose any more: floor the stop at entry plus fees."""

from dataclasses import replace
from decimal import Decimal

from pydantic import Field

from engine.domain.money import ZERO
from engine.domain.trade import StopPlan, Trade
from engine.exits import ExitRule, View, Wish
from engine.exits._levels import best_price, gained_touch, is_reached, on_tick


class BreakEven(ExitRule):
    """Ask for a stop at entry plus fees once the trade was the planned R ahead."""

    class Settings(ExitRule.Settings):
        """Rules 3.6."""

        at_r: Decimal = Field(default=Decimal(1), gt=0)
        """How far ahead, in R of the initial stop, the trade must be."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def look(self, trade: Trade, view: View) -> Wish | None:
        """A stop at the floor, or None when it stands there or better, or nothing is known."""
        touch = gained_touch(trade, view)
        entry, first = trade.entry_price, trade.initial_stop
        if touch is None or entry is None or first is None or trade.qty_open <= 0:
            return None
        one_r = abs(entry - first)
        best = best_price(trade, touch)
        if one_r == 0 or (best - entry) * trade.direction < self._settings.at_r * one_r:
            return None
        floor = self.floor(trade, entry)
        has_it = trade.stop is not None and is_reached(trade, floor, trade.stop.price)
        if has_it or is_reached(trade, touch, floor):
            return None
        stop = StopPlan(price=floor, kind="breakeven")
        if trade.stop is not None and trade.stop.kind == "trailing":
            stop = replace(trade.stop, price=floor)
        return Wish(rule="break_even", stop=stop, detail=f"{self._settings.at_r}R ahead at {best}")

    @property
    def at_r(self) -> Decimal:
        """How far ahead, in R of the initial stop, a trade must be."""
        return self._settings.at_r

    def floor(self, trade: Trade, entry: Decimal) -> Decimal:
        """Entry plus the fees of a way in and a way out, on a tick; rebates do not lower it."""
        ways = 2 * trade.qty_opened - trade.qty_open
        each = max(trade.fees_usd, ZERO) / (ways * trade.multiplier)
        return on_tick(trade, entry + 2 * each * trade.direction, tighter=True)
