"""The engine's own stop watch: closes at market when no stop at the broker will."""

from engine.domain.trade import Trade
from engine.exits import ExitRule, View, Wish
from engine.exits._levels import closing_touch
from engine.exits._wishes import not_closing


class HardStop(ExitRule):
    """Close what is held once closing would bring the stop's price or worse.

    For units whose broker holds no stops, and as back-up while a stop is refused or missing; where
    a working stop covers the position this rule is silent, so that nothing is closed twice. It
    looks at the bid (a short: the ask) of quotes that are believed (``engine.belief``); while they
    are doubted or missing, at what the broker itself says the unit is worth.
    """

    class Settings(ExitRule.Settings):
        """Nothing to set: the stop is planned with the trade."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def look(self, trade: Trade, view: View) -> Wish | None:
        """Close everything, or None."""
        touch = closing_touch(trade, view) if view.mark is None else view.mark
        if trade.stop is None or touch is None or view.has_stop_at_broker:
            return None
        qty = not_closing(trade)
        if qty <= 0 or (touch - trade.stop.price) * trade.direction > 0:
            return None
        return Wish(
            rule="hard_stop", close_qty=qty, detail=f"{touch} is at the stop {trade.stop.price}"
        )
