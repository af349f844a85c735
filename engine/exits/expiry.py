"""Close contracts before their last moment: no exercise, no delivery, no pin risk."""

from datetime import date

from pydantic import Field

from engine.domain.instrument import Instrument
from engine.domain.trade import Trade
from engine.exits import ExitRule, View, Wish
from engine.exits._wishes import not_closing
from engine.market import last_trading_day, new_york_date


class Expiry(ExitRule):
    """Close a trade with a leg that can be closed today for the last time, before the market does.

    That is the day of its end; of what pays by its opening prices (VIX, MES) the day before.
    """

    class Settings(ExitRule.Settings):
        """The brokers' own cut-offs lie 30 to 60 minutes before the close for risky positions."""

        minutes_before_close: int = Field(default=15, ge=0)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def look(self, trade: Trade, view: View) -> Wish | None:
        """Close everything, or None; needs no price. Silent while the market is closed."""
        qty, left = not_closing(trade), view.minutes_to_close
        if qty <= 0 or left is None:
            return None
        today, is_near = new_york_date(view.now), left <= self._settings.minutes_before_close
        for leg in trade.legs:
            if _is_last_day(leg.instrument, today, is_near=is_near):
                detail = f"{leg.instrument.label} is about to end"
                return Wish(rule="expiry", close_qty=qty, detail=detail)
        return None


def _is_last_day(contract: Instrument, today: date, *, is_near: bool) -> bool:
    """Whether it is time; a future is traded for a few hours of the day after, and goes at once."""
    last = last_trading_day(contract)
    if last is None:
        return False
    return last <= today if is_near else contract.kind == "future" and last < today
