"""How many positions at once?"""

from decimal import Decimal

from pydantic import Field

from engine.domain.order import Intent
from engine.domain.quote import Leg
from engine.risk import Denial, Facts, Gauge, RiskCheck, holdings


class MaxPositions(RiskCheck):
    """Deny the 21st position of the account, and the 6th bought option among them.

    Pending entries count as if they were filled.
    """

    stage = 6

    class Settings(RiskCheck.Settings):
        """Most open and pending trades."""

        max_positions: int = Field(20, ge=0)
        max_long_options: int = Field(5, ge=0)

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        held = holdings(intent, facts)
        if len(held) + 1 > self.settings.max_positions:
            return Denial(
                code="max_positions.total",
                detail=f"{len(held)} positions are open or pending, "
                f"at most {self.settings.max_positions}",
            )
        if not _is_long_option(intent.legs, intent.side.sign):
            return None
        n_long = sum(_is_long_option(h.legs, h.direction) for h in held)
        if n_long + 1 > self.settings.max_long_options:
            return Denial(
                code="max_positions.long_options",
                detail=f"{n_long} bought options are open or pending, "
                f"at most {self.settings.max_long_options}",
            )
        return None

    def gauges(self, facts: Facts) -> tuple[Gauge, ...]:
        """Open and pending trades."""
        held = len({t.trade_id for t in facts.trades} | {o.trade_id for o in facts.pending})
        limit = Decimal(self.settings.max_positions)
        return (Gauge(name="positions", now=Decimal(held), limit=limit, unit="n"),)


def _is_long_option(legs: tuple[Leg, ...], sign: int) -> bool:
    return all(leg.instrument.kind == "option" and leg.ratio * sign > 0 for leg in legs)
