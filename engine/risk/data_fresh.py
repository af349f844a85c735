"""Do we know what the thing costs right now?"""

from decimal import Decimal

from pydantic import Field

from engine.domain.order import Intent
from engine.domain.quote import UnitQuote
from engine.risk import Denial, Facts, RiskCheck


class DataFresh(RiskCheck):
    """Deny entries without a sane quote of at most 5 seconds, and on delayed market data."""

    stage = 3

    class Settings(RiskCheck.Settings):
        """Ages in seconds."""

        max_age_s: Decimal = Field(Decimal(5), ge=0)
        """Since we received the quote."""
        max_delay_s: Decimal = Field(Decimal(60), ge=0)
        """Since the exchange made it: what is received late, or again, is no price of now."""
        max_delay_option_s: Decimal = Field(Decimal(600), ge=0)
        """The same of an option, as a quiet one may be old; a delayed feed always is."""

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        quote = facts.quote
        if quote is None:
            return Denial(code="data_fresh.no_quote", detail=f"{intent.symbol} has no quote")
        if not _is_sane(quote, is_single=len(intent.legs) == 1):
            detail = f"{intent.symbol}: bid {quote.bid}, ask {quote.ask} makes no sense"
            return Denial(code="data_fresh.insane", detail=detail)
        age = abs((facts.now - quote.received_at).total_seconds())
        if not age <= self.settings.max_age_s:
            detail = f"the quote is {age:.1f} s old, the limit is {self.settings.max_age_s:f} s"
            return Denial(code="data_fresh.stale", detail=detail)
        if quote.is_ahead:
            detail = "it is stamped with a time that has not come: how old it is nobody knows"
            return Denial(code="data_fresh.ahead", detail=detail)
        delay = abs((facts.now - quote.exchange_at).total_seconds())
        limit = self.settings.max_delay_s
        if any(leg.instrument.kind == "option" for leg in intent.legs):
            limit = max(limit, self.settings.max_delay_option_s)
        if not delay <= limit:
            detail = f"the exchange made it {delay:.0f} s ago, limit {limit:f} s"
            return Denial(code="data_fresh.delayed", detail=detail)
        return None


def _is_sane(quote: UnitQuote, *, is_single: bool) -> bool:
    """Finite and not crossed; the bid of a cheap spread may be nothing, that of one thing not."""
    finite = quote.bid.is_finite() and quote.ask.is_finite()
    return finite and quote.bid <= quote.ask and quote.ask > 0 and (quote.bid > 0 or not is_single)
