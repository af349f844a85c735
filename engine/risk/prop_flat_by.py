"""Is there time left before the prop firm wants the account flat?"""

from datetime import timedelta

from pydantic import Field

from engine import prop
from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck


class PropFlatBy(RiskCheck):
    """Deny entries shortly before a prop-firm account must be flat, 15:10 Chicago on most days.

    On short days it is before the early close. The firm's next day begins at 17:00 Chicago. The
    desk closes what is held with a margin.
    """

    stage = 2

    class Settings(RiskCheck.Settings):
        """Minutes before the firm's own time."""

        margin_min: int = Field(5, ge=0)
        """Everything is closed so long before it."""
        no_entry_min: int = Field(20, ge=0)
        """Entries end so long before it."""

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        if facts.prop is None:
            return None
        at = prop.flat_at(facts.prop.firm, prop.day_of(facts.prop.firm, facts.now))
        minutes = max(self.settings.no_entry_min, self.settings.margin_min)
        if facts.now < at - timedelta(minutes=minutes):
            return None
        return Denial(
            code="prop_flat_by.late",
            detail=f"the firm wants {intent.account} flat by {at.astimezone(prop.CHICAGO):%H:%M} "
            f"Chicago; entries end {minutes} min before and begin again at "
            f"{facts.prop.firm.day_starts:%H:%M}",
        )

    def is_due(self, facts: Facts) -> bool:
        """Whether everything that is held must go now."""
        if facts.prop is None:
            return False
        at = prop.flat_at(facts.prop.firm, prop.day_of(facts.prop.firm, facts.now))
        return facts.now >= at - timedelta(minutes=self.settings.margin_min)
