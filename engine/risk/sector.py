"""How much of the account is in one sector?"""

from decimal import Decimal

from pydantic import Field

from engine.domain.order import Intent
from engine.domain.quote import Leg
from engine.portfolio.sectors import BROAD, sector_of
from engine.risk import Denial, Facts, Gauge, RiskCheck, holdings, is_known


class Sector(RiskCheck):
    """Deny entries that would put more than 40 % of equity at work in one sector.

    Counted as worst-case dollars, open and pending. Index funds and futures are spread over all
    sectors and count towards none; symbols that no table classifies share one sector.
    """

    stage = 8
    overridable = frozenset({"sector.limit"})

    class Settings(RiskCheck.Settings):
        """Percent of equity, 0-100."""

        max_pct: Decimal = Field(Decimal(40), ge=0)

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        name = _sector(intent.legs, facts)
        if name == BROAD:
            return None
        own, equity = intent.notional_usd, facts.equity_usd
        if not is_known(equity) or equity <= 0 or not is_known(own) or own < 0:
            return Denial(
                code="sector.unknown", detail=f"equity {equity} or size {own} is not known"
            )
        at_work = Decimal(0)
        for held in holdings(intent, facts):
            if _sector(held.legs, facts) != name:
                continue
            usd = facts.notional_by_trade.get(held.trade_id)
            if not is_known(usd) or usd < 0:
                return Denial(
                    code="sector.unknown", detail=f"the exposure of {held.trade_id} is not known"
                )
            at_work += usd
        limit = equity * self.settings.max_pct / 100
        if at_work + own <= limit:
            return None
        return Denial(
            code="sector.limit",
            detail=f"{intent.symbol} is {name}: ${at_work + own:,.2f} there with this entry, the "
            f"limit is ${limit:,.2f} ({self.settings.max_pct} % of ${equity:,.2f})",
        )

    def gauges(self, facts: Facts) -> tuple[Gauge, ...]:
        """Percent of equity in the fullest sector."""
        equity = facts.equity_usd
        sums: dict[str, Decimal] = {}
        for held in facts.held:
            usd = facts.notional_by_trade.get(held.trade_id)
            name = _sector(held.legs, facts)
            if name == BROAD:
                continue
            if not is_known(usd):
                return (Gauge(name="in a sector", now=None, limit=self.settings.max_pct, unit="%"),)
            sums[name] = sums.get(name, Decimal(0)) + usd
        now = None
        if is_known(equity) and equity > 0:
            now = max(sums.values(), default=Decimal(0)) / equity * 100
        return (Gauge(name="in a sector", now=now, limit=self.settings.max_pct, unit="%"),)


def _sector(legs: tuple[Leg, ...], facts: Facts) -> str:
    of = legs[0].instrument
    return sector_of(of.symbol, of.kind, facts.sectors)
