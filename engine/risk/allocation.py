"""How much of the account may be at work?"""

from decimal import Decimal

from pydantic import Field

from engine.domain.order import Intent, Side
from engine.domain.quote import Leg
from engine.risk import Denial, Facts, Gauge, RiskCheck, holdings, is_known


class Allocation(RiskCheck):
    """Deny entries beyond 80 % of equity at work, and sold options beyond 50 %.

    With real money besides beyond the dollars that were set aside for it (rules 3.12). At work is
    the debit, margin or value of everything open and pending, at its worst case; one unknown
    figure denies.
    """

    stage = 7

    class Settings(RiskCheck.Settings):
        """Percents of equity, 0-100; dollars of each account that trades real money."""

        max_pct: Decimal = Field(Decimal(80), ge=0)
        max_short_options_pct: Decimal = Field(Decimal(50), ge=0)
        live_max_usd: Decimal | None = Field(None, ge=0)
        """Sizes are worked out from no more than this either; null: no such cap."""

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        equity, own = facts.equity_usd, intent.notional_usd
        held = holdings(intent, facts)
        at_work = dict.fromkeys((h.trade_id for h in held), None) | facts.notional_by_trade
        at_work.pop(intent.trade_id, None)
        if not is_known(equity) or equity <= 0 or not is_known(own) or own < 0:
            return Denial(
                code="allocation.unknown", detail=f"equity {equity} or size {own} is not known"
            )
        known = {k: v for k, v in at_work.items() if is_known(v) and v >= 0}
        if len(known) < len(at_work):
            missing = ", ".join(sorted(set(at_work) - set(known)))
            return Denial(
                code="allocation.unknown", detail=f"the exposure of {missing} is not known"
            )
        total = sum(known.values(), own)
        if total > equity * self.settings.max_pct / 100:
            return _denied("total", total, equity, self.settings.max_pct, "at work")
        most = self.settings.live_max_usd
        if most is not None and facts.is_paper_broker is not True and total > most:
            return Denial(
                code="allocation.live",
                detail=f"${total:,.2f} of real money at work with this entry, ${most:,.2f} is set "
                "aside for it",
            )
        if not _is_sold_option(intent.legs, intent.side.sign):
            return None
        sold = [h.trade_id for h in held if _is_sold_option(h.legs, h.direction)]
        total = sum((known[trade_id] for trade_id in sold), own)
        if total > equity * self.settings.max_short_options_pct / 100:
            pct = self.settings.max_short_options_pct
            return _denied("short_options", total, equity, pct, "tied up by sold options")
        return None

    def gauges(self, facts: Facts) -> tuple[Gauge, ...]:
        """Percent of equity at work, at its worst case."""
        equity, at_work = facts.equity_usd, list(facts.notional_by_trade.values())
        trades = {t.trade_id for t in facts.trades} | {o.trade_id for o in facts.pending}
        now = None
        is_whole = trades <= set(facts.notional_by_trade) and all(map(is_known, at_work))
        if is_known(equity) and equity > 0 and is_whole:
            now = sum(at_work, Decimal(0)) / equity * 100
        found = [Gauge(name="at work", now=now, limit=self.settings.max_pct, unit="%")]
        most = self.settings.live_max_usd
        if most is not None and facts.is_paper_broker is not True:
            usd = sum(at_work, Decimal(0)) if is_whole else None
            found.append(Gauge(name="real money", now=usd, limit=most, unit="$"))
        return tuple(found)

    def usable(self, equity: Decimal | None, *, is_paper: bool) -> Decimal | None:
        """Equity that sizes are worked out from."""
        most = self.settings.live_max_usd
        return equity if equity is None or most is None or is_paper else min(equity, most)


def _denied(reason: str, total: Decimal, equity: Decimal, pct: Decimal, what: str) -> Denial:
    limit = equity * pct / 100
    return Denial(
        code=f"allocation.{reason}",
        detail=f"${total:,.2f} {what} with this entry, the limit is ${limit:,.2f} "
        f"({pct} % of ${equity:,.2f})",
    )


def _is_sold_option(legs: tuple[Leg, ...], sign: int) -> bool:
    """A unit of options that was sold, single or spread."""
    return sign == Side.SELL.sign and all(leg.instrument.kind == "option" for leg in legs)
