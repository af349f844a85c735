"""Out by the clock: a trade's own time, and the end of the day for intraday rooms."""

from pydantic import Field

from engine.domain.trade import Trade
from engine.exits import ExitRule, View, Wish
from engine.exits._wishes import not_closing


class TimeExit(ExitRule):
    """Close what is held when its time has come."""

    class Settings(ExitRule.Settings):
        """Rules 3.2: intraday trades are flat five minutes before the close."""

        intraday_sources: frozenset[str] = frozenset()
        """Rooms (or ``manual``) whose trades must not stay over night."""
        minutes_before_close: int = Field(default=5, ge=0)

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def look(self, trade: Trade, view: View) -> Wish | None:
        """Close everything, or None; needs no price."""
        qty = not_closing(trade)
        if qty <= 0:
            return None
        why = self._why(trade, view)
        return Wish(rule="time_exit", close_qty=qty, detail=why) if why else None

    def _why(self, trade: Trade, view: View) -> str:
        if trade.flatten_at is not None and view.now >= trade.flatten_at:
            return "its time is over"
        left = view.minutes_to_close
        is_intraday = trade.source in self._settings.intraday_sources
        if is_intraday and left is not None and left <= self._settings.minutes_before_close:
            return f"{left} minutes to the close"
        return ""
