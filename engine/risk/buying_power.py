"""Can the account pay for it?"""

from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck, is_known


class BuyingPower(RiskCheck):
    """Deny an entry that ties up more than what is free."""

    stage = 12

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        free, own = facts.buying_power_usd, intent.notional_usd
        if not is_known(free) or not is_known(own) or own < 0:
            return Denial(
                code="buying_power.unknown",
                detail=f"buying power {free} or the order's size {own} is not known",
            )
        if own <= free:
            return None
        return Denial(
            code="buying_power.too_little",
            detail=f"${own:,.2f} needed, ${free:,.2f} free in {intent.account}",
        )
