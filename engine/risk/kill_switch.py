"""Is the desk allowed to open anything at all?"""

from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck


class KillSwitch(RiskCheck):
    """Deny every entry while the desk is halted or its books cannot be relied on.

    Books: writable, not disproved by their own check, compared with the broker.
    """

    stage = 1

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        if facts.halted != "":
            return Denial(
                code="kill_switch.halted", detail=f"entries are halted: {facts.halted or 'unknown'}"
            )
        if facts.unsound != "":
            return Denial(code="kill_switch.storage", detail=facts.unsound or "the books: unknown")
        if facts.is_reconciled is not True:
            why = f" ({facts.not_reconciled_why})" if facts.not_reconciled_why else ""
            detail = f"{intent.broker}: orders and positions are not compared with ours yet{why}"
            return Denial(code="kill_switch.not_reconciled", detail=detail)
        return None
