"""Is it the same bet again under another name?"""

from decimal import Decimal

from pydantic import Field

from engine.domain.order import Intent
from engine.portfolio import Unknown
from engine.portfolio.correlation import DAYS, MIN_DAYS, correlation
from engine.portfolio.direction import lean
from engine.portfolio.sectors import INDEX_FUNDS, reference_of
from engine.risk import Denial, Facts, Remark, RiskCheck, holdings


class Correlation(RiskCheck):
    """Deny entries whose daily returns are correlated above 0.70 with something held that way.

    Only what leans the same way counts. Index funds are exempt from each other, one underlying
    from itself (max_per_symbol limits that). What cannot be told is denied where real money is at
    stake and said where fills are made up; at 1 nothing is asked.
    """

    stage = 9
    overridable = frozenset({"correlation.limit", "correlation.unknown"})

    class Settings(RiskCheck.Settings):
        """Pearson's r of daily log returns, -1 to 1."""

        max_correlation: Decimal = Field(Decimal("0.70"), ge=0, le=1)
        days: int = Field(DAYS, ge=0, le=250)
        """Newest common days that are looked at."""
        min_days: int = Field(MIN_DAYS, ge=0)
        """With fewer it cannot be told."""

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | Remark | None:
        """Judge an entry."""
        terms = self.settings
        sign = lean(intent.legs, intent.side.sign)
        if terms.max_correlation >= 1 or sign == 0:
            return None
        mine, unknown = reference_of(intent.legs[0].instrument), ""
        for held in holdings(intent, facts):
            theirs = reference_of(held.legs[0].instrument)
            if theirs == mine or {mine, theirs} <= INDEX_FUNDS:
                continue
            if lean(held.legs, held.direction) != sign:
                continue
            r = self._between(mine, theirs, facts)
            if isinstance(r, Unknown):
                why = f"whether {intent.symbol} moves with {held.symbol} is not known: {r.reason}"
                if facts.is_paper_broker is not True:
                    return Denial(code="correlation.unknown", detail=why)
                unknown = unknown or f"{why}; on paper it passes"
                continue
            if r > terms.max_correlation:
                return Denial(
                    code="correlation.limit",
                    detail=f"{intent.symbol} moves with {held.symbol}: "
                    f"correlation {r:.2f} over {terms.days} days, the limit is "
                    f"{terms.max_correlation}",
                )
        return Remark(detail=unknown) if unknown else None

    def _between(self, mine: str, theirs: str, facts: Facts) -> float | Unknown:
        for name in (mine, theirs):
            if name not in facts.closes:
                return Unknown(facts.no_closes.get(name, f"no daily closes of {name}"))
        days, least = self.settings.days, max(self.settings.min_days, 2)
        if days < least:
            return Unknown(f"{days} days are too few")
        return correlation(facts.closes[mine], facts.closes[theirs], days, least)
