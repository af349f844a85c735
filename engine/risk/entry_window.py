"""Is the market open, and is it a time of day to enter?"""

from pydantic import BaseModel, ConfigDict, Field

from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck


class Window(BaseModel):
    """Part of the session in which entries are allowed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    after_open_min: int = Field(5, ge=0)
    """No entry in the first so many minutes."""
    before_close_min: int = Field(30, ge=0)
    """No entry in the last so many minutes."""


class EntryWindow(RiskCheck):
    """Deny entries while the market is closed, and outside 09:35-15:30 ET for shares and options.

    Half days count from their own close. Futures may be entered whenever Globex trades.
    """

    stage = 2
    overridable = frozenset({"entry_window.early", "entry_window.late"})

    class Settings(RiskCheck.Settings):
        """Window per kind of instrument; null: at any time, market open or not."""

        stock: Window | None = Window()
        option: Window | None = Window()
        future: Window | None = Window(after_open_min=0, before_close_min=0)
        crypto: Window | None = None

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        kind = intent.legs[0].instrument.kind
        window: Window | None = getattr(self.settings, kind)
        if window is None:
            return None
        opened, left = facts.minutes_after_open, facts.minutes_to_close
        if facts.session_on is None or opened is None or left is None:
            return Denial(code="entry_window.closed", detail=f"the market for {kind}s is closed")
        if not opened >= window.after_open_min:
            return Denial(
                code="entry_window.early",
                detail=f"{opened} min after the open; entries begin after {window.after_open_min}",
            )
        if not left >= window.before_close_min:
            return Denial(
                code="entry_window.late",
                detail=f"{left} min to the close; entries end {window.before_close_min} before it",
            )
        return None
