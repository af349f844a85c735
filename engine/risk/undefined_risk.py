"""Is there a limit to what the options can lose?"""

from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck, entry_price
from engine.sizing import max_loss


class UndefinedRisk(RiskCheck):
    """Deny sold options whose loss has no limit: naked calls, short strangles (until stage L3)."""

    stage = 7

    class Settings(RiskCheck.Settings):
        """Switch."""

        is_allowed: bool = False

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        if intent.legs[0].instrument.kind != "option" or self.settings.is_allowed:
            return None
        price = entry_price(intent)
        if price is None:
            return Denial(
                code="undefined_risk.unknown", detail=f"{intent.symbol}: no price to judge it by"
            )
        if max_loss(intent.legs, intent.side, price) is not None:
            return None
        return Denial(
            code="undefined_risk.naked",
            detail=f"{intent.symbol}: a sold leg is not covered, the loss has no limit",
        )
