"""Take profit: close a planned share once the market really pays the target."""

from dataclasses import replace

from engine.domain.money import ZERO, nearest
from engine.domain.order import PlannedTarget
from engine.domain.trade import StopPlan, Trade
from engine.exits import ExitRule, View, Wish
from engine.exits._levels import gained_touch, is_reached, tick_of
from engine.exits._wishes import not_closing


class Targets(ExitRule):
    """Ask for the first planned target that closing now would bring, and for its stop move."""

    class Settings(ExitRule.Settings):
        """Nothing to set: prices and quantities are planned with the trade."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def look(self, trade: Trade, view: View) -> Wish | None:
        """The first target reached and not marked yet; the next one at the next look."""
        touch = gained_touch(trade, view)
        if touch is None or trade.qty_open <= 0:
            return None
        for number, target in enumerate(trade.targets):
            if not target.is_hit and is_reached(trade, target.price, touch):
                qty = min(target.qty, not_closing(trade))
                return Wish(
                    rule="targets",
                    close_qty=qty if qty > ZERO else None,
                    stop=_stop_after(trade, target),
                    target_no=number,
                    detail=f"target {number + 1} at {target.price} reached, {touch} to be had",
                )
        return None


def _stop_after(trade: Trade, target: PlannedTarget) -> StopPlan | None:
    """The stop at the entry, where the plan says so and something is left to protect."""
    if target.then_stop != "entry" or trade.entry_price is None:
        return None
    price = nearest(trade.entry_price, tick_of(trade))
    if trade.stop is not None and trade.stop.kind == "trailing":
        return replace(trade.stop, price=price)
    return StopPlan(price=price, kind="breakeven")
