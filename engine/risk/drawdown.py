"""How far is the account below its best day?"""

from decimal import Decimal

from pydantic import Field

from engine.domain.order import Intent
from engine.risk import Denial, Facts, Gauge, RiskCheck, is_known


class Drawdown(RiskCheck):
    """Deny entries once equity has fallen 15 % from its peak, open positions included.

    The desk is halted then, and stays so if the market turns: an admin resumes, and the drawdown
    is counted anew from where the account stands.
    """

    stage = 4

    class Settings(RiskCheck.Settings):
        """Percents of the peak, 0-100."""

        max_pct: Decimal = Field(Decimal(15), ge=0, le=100)
        warn_pct: Decimal = Field(Decimal(10), ge=0, le=100)

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        return self.reached(facts)

    def reached(self, facts: Facts) -> Denial | None:
        """Whether the account has fallen that far, or it cannot be told."""
        pct = drawdown_pct(facts)
        if pct is None:
            return Denial(
                code="drawdown.unknown",
                detail=f"drawdown of {facts.account.name} is not known: equity {facts.equity_usd}, "
                f"peak {facts.account.peak_equity_usd}",
            )
        if pct < self.settings.max_pct:
            return None
        return Denial(
            code="drawdown.reached",
            detail=f"equity ${facts.equity_usd:,.2f} is {pct:.1f} % below its peak "
            f"${facts.account.peak_equity_usd:,.2f}, the limit is {self.settings.max_pct} %",
        )

    def warning(self, facts: Facts) -> str:
        """Said from 10 % on."""
        pct = drawdown_pct(facts)
        if pct is None or pct < self.settings.warn_pct:
            return ""
        return f"drawdown {pct:.1f} %, entries stop at {self.settings.max_pct} %"

    def gauges(self, facts: Facts) -> tuple[Gauge, ...]:
        """Percent below the peak."""
        pct = drawdown_pct(facts)
        now = None if pct is None else max(pct, Decimal(0))
        return (Gauge(name="below peak", now=now, limit=self.settings.max_pct, unit="%"),)


def drawdown_pct(facts: Facts) -> Decimal | None:
    """Percent below the peak, negative above it; None when a figure is missing."""
    equity, peak = facts.equity_usd, facts.account.peak_equity_usd
    if not is_known(equity) or not is_known(peak) or peak <= 0:
        return None
    return (peak - equity) / peak * 100
