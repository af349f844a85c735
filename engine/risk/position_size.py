"""How large may one position be?"""

from decimal import Decimal

from pydantic import Field

from engine.domain.money import ZERO
from engine.domain.order import Intent
from engine.domain.quote import Leg
from engine.risk import Denial, Facts, RiskCheck, entry_price, holdings, is_known
from engine.sizing import max_loss


class PositionSize(RiskCheck):
    """Deny shares worth more than 10 % of equity, options that can lose more than 2 %.

    What is held or pending in the same contracts counts. Futures are limited by their risk and
    by the allocation.
    """

    stage = 7

    class Settings(RiskCheck.Settings):
        """Percents of equity, 0-100."""

        max_notional_pct: Decimal = Field(Decimal(10), ge=0)
        """Value of shares or coins."""
        max_loss_pct: Decimal = Field(Decimal("2.0"), ge=0, le=100)
        """Worst case of options and spreads whose loss is limited."""

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        kind = intent.legs[0].instrument.kind
        if kind == "future":
            return None
        price, equity = entry_price(intent), facts.equity_usd
        own = intent.notional_usd
        if price is None or not is_known(own) or own < 0 or not is_known(equity) or equity <= 0:
            return Denial(
                code="position_size.unknown",
                detail=f"size ${own}, price {price} or equity {equity} is not known",
            )
        if kind == "option" and max_loss(intent.legs, intent.side, price) is None:
            return None  # undefined_risk decides whether there may be such a thing
        before = _held_usd(intent, facts)
        if before is None:
            return Denial(
                code="position_size.unknown",
                detail=f"the size of what is held in {intent.symbol} is not known",
            )
        pct = self.settings.max_loss_pct if kind == "option" else self.settings.max_notional_pct
        total, limit = before + own, equity * pct / 100
        if total <= limit:
            return None
        what = "at worst lost" if kind == "option" else "in one position"
        return Denial(
            code="position_size.too_large",
            detail=f"${total:,.2f} {what}, the limit is ${limit:,.2f} ({pct} % of ${equity:,.2f})",
        )


def _held_usd(intent: Intent, facts: Facts) -> Decimal | None:
    others, total = holdings(intent, facts), ZERO
    mine = _keys(intent.legs) if others else None
    for held in others:
        if _keys(held.legs) == mine:
            exposure = facts.notional_by_trade.get(held.trade_id)
            if not is_known(exposure) or exposure < 0:
                return None
            total += exposure
    return total


def _keys(legs: tuple[Leg, ...]) -> frozenset[str]:
    return frozenset(leg.instrument.key for leg in legs)
