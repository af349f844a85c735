"""What may one trade lose at its stop?"""

from decimal import Decimal
from typing import Any

from pydantic import Field

from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck, entry_price, is_known
from engine.sizing import unit_risk


class RiskPerTrade(RiskCheck):
    """Deny an entry that loses more than 2 % of equity at its stop; futures more than $100.

    Sizing aims at 1 % times a multiplier of at most 2; this is the wall behind it. The dollars
    are worked out anew from legs, limit and stop, and the larger figure counts.
    """

    stage = 7

    class Settings(RiskCheck.Settings):
        """Limits per trade."""

        target_pct: Decimal = Field(Decimal("1.0"), ge=0)
        """Percent of equity that sizing aims at, before its multiplier."""
        hard_cap_pct: Decimal = Field(Decimal("2.0"), ge=0)
        """Percent of equity that no trade may lose."""
        futures_max_usd: Decimal | None = Field(Decimal(100), ge=0)
        """Until live stage L2; null: no such cap."""

    settings: Settings

    @property
    def sizing(self) -> dict[str, Any]:
        """The same limits under sizing's names."""
        return {
            "risk_pct": self.settings.target_pct,
            "hard_cap_pct": self.settings.hard_cap_pct,
            "futures_max_risk_usd": self.settings.futures_max_usd,
        }

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        risk, equity = _risk_usd(intent), facts.equity_usd
        if risk is None or not is_known(equity) or equity <= 0:
            return Denial(
                code="risk_per_trade.unknown",
                detail=f"risk {intent.risk_usd} or equity {equity} is not known",
            )
        limit = equity * self.settings.hard_cap_pct / 100
        if risk > limit:
            return Denial(
                code="risk_per_trade.too_much",
                detail=f"${risk:,.2f} at risk, the limit is ${limit:,.2f} "
                f"({self.settings.hard_cap_pct} % of ${equity:,.2f})",
            )
        cap = self.settings.futures_max_usd
        if intent.legs[0].instrument.kind == "future" and cap is not None and risk > cap:
            return Denial(
                code="risk_per_trade.future",
                detail=f"${risk:,.2f} at risk, a future may risk ${cap:,.2f}",
            )
        return None


def _risk_usd(intent: Intent) -> Decimal | None:
    stated, price = intent.risk_usd, entry_price(intent)
    if not is_known(stated) or stated <= 0 or price is None or not is_known(intent.qty):
        return None
    unit = unit_risk(intent.legs, intent.side, price, intent.stop)
    return None if isinstance(unit, Denial) else max(stated, unit * intent.qty)
