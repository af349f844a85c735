"""May this entry go to this broker: is it in use, and is the desk allowed real money?"""

from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck


class LiveMode(RiskCheck):
    """Deny entries at a broker that is switched off, and real money while the desk is on paper."""

    stage = 1

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        if facts.broker_off != "":
            return Denial(
                code="live_mode.broker_off",
                detail=f"{intent.broker} takes no entries: {facts.broker_off or 'unknown'}",
            )
        if facts.is_paper_broker is True or facts.mode == "live":
            return None
        return Denial(
            code="live_mode.paper",
            detail=f"{intent.broker} trades real money and the desk is on paper (/mode)",
        )
