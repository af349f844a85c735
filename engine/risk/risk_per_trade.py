"""What may one trade lose at its stop?"""

from decimal import Decimal

from pydantic import Field

from engine.domain.order import Intent
from engine.risk import Denial, Facts, RiskCheck, entry_price, is_known
from engine.sizing import unit_risk


class RiskPerTrade(RiskCheck):
    """Deny an entry that loses more than 2 % of equity at its stop; futures more than $100.

    Sizing aims at 1 % times a multiplier of at most 2 and cuts; this is the wall behind it. The
    dollars are worked out anew from legs, limit and stop, and the larger figure counts.
    """

    stage = 7

    class Settings(RiskCheck.Settings):
        """Limits per trade."""

        hard_cap_pct: Decimal = Field(Decimal("2.0"), ge=0, le=100)
        """Percent of equity that no trade may lose."""
        futures_max_usd: Decimal | None = Field(Decimal(100), ge=0)
        """Until live stage L2; null: no such cap."""

    settings: Settings

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
    """The larger of what sizing stated and what limit, stop and legs say now."""
    price, stated = entry_price(intent), intent.risk_usd
    if price is None or not is_known(intent.qty) or intent.qty <= 0:
        return None
    unit = unit_risk(intent.legs, intent.side, price, intent.stop)
    if isinstance(unit, Denial):
        return None
    if stated is None:  # a person changed the order after it was sized
        return unit * intent.qty
    return max(stated, unit * intent.qty) if is_known(stated) and stated > 0 else None
