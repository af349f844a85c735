"""How many positions in one symbol?"""

from pydantic import Field

from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck, holdings
from engine.routing import underlying


class MaxPerSymbol(RiskCheck):
    """Deny the third position in one underlying; pending entries count."""

    stage = 6

    class Settings(RiskCheck.Settings):
        """Most open and pending trades of one underlying."""

        max_positions: int = Field(2, ge=0)

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        symbol = underlying(intent.symbol)
        n = sum(underlying(h.symbol) == symbol for h in holdings(intent, facts))
        if n + 1 <= self.settings.max_positions:
            return None
        return Denial(
            code="max_per_symbol.reached",
            detail=f"{n} positions in {symbol} are open or pending, "
            f"at most {self.settings.max_positions}",
        )
