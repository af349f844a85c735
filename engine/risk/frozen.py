"""Has an admin frozen entries there?"""

from engine.domain.curbs import Freeze
from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck
from engine.routing import underlying


class Frozen(RiskCheck):
    """Deny entries of whatever was frozen: everything, a symbol, a strategy, a broker, an author.

    Exits pass, and so does what is working already.
    """

    stage = 2

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        for freeze in facts.freezes:
            if _covers(freeze, intent):
                return Denial(
                    code="frozen.by_admin",
                    detail=f"{freeze.words} are frozen by {freeze.by}: {freeze.reason}",
                )
        return None


def _covers(freeze: Freeze, intent: Intent) -> bool:
    if freeze.scope == "all":
        return True
    has = {
        "symbol": underlying(intent.symbol).upper(),
        "strategy": intent.source,
        "broker": intent.broker,
        "author": "" if intent.author_id is None else str(intent.author_id),
    }
    named = underlying(freeze.name) if freeze.scope == "symbol" else freeze.name
    return has[freeze.scope] == named
