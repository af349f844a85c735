"""Is there an order of which nobody knows whether it lives?"""

from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck
from engine.routing import underlying


class UnknownOrder(RiskCheck):
    """Deny entries in a symbol with an order in UNKNOWN, until it is found or ruled out."""

    stage = 5

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        if not facts.unknown_symbols:
            return None
        mine = {underlying(leg.instrument.symbol) for leg in intent.legs} | {intent.symbol}
        unclear = {underlying(symbol) for symbol in facts.unknown_symbols}
        if not mine & unclear:
            return None
        return Denial(
            code="unknown_order.unresolved",
            detail=f"an order in {', '.join(sorted(mine & unclear))} got no answer from "
            f"{intent.broker}; no entry there until it is resolved",
        )
