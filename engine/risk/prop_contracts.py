"""Does the prop firm allow so many contracts at once?"""

from decimal import Decimal

from pydantic import Field

from engine import prop
from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck, is_known


class PropContracts(RiskCheck):
    """Deny entries that would hold more contracts than the prop firm allows.

    Held and pending count together, long and short alike; ten micros are one contract. A prop
    account trades futures only.
    """

    stage = 6

    class Settings(RiskCheck.Settings):
        """Percent of the firm's own figure, 0-100."""

        max_pct: Decimal = Field(Decimal(100), ge=0, le=100)

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        if facts.prop is None:
            return None
        firm = facts.prop.firm
        instrument = intent.legs[0].instrument
        if instrument.kind != "future" or len(intent.legs) != 1:
            return Denial(
                code="prop_contracts.kind", detail=f"{intent.account} may trade futures only"
            )
        held = facts.prop.contracts
        if not is_known(held) or not is_known(intent.qty) or intent.qty <= 0:
            return Denial(
                code="prop_contracts.unknown",
                detail=f"how many contracts {intent.account} holds is not known",
            )
        more = prop.in_contracts(firm, instrument, intent.qty)
        most = firm.max_contracts * self.settings.max_pct / 100
        if held + more <= most:
            return None
        return Denial(
            code="prop_contracts.reached",
            detail=f"{held:f} contracts are held or pending and {more:f} more are wanted; the "
            f"firm allows {most:f} (a micro counts {1 / firm.micros_per_contract:f})",
        )
