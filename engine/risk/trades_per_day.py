"""How often a day?"""

from datetime import datetime, timedelta
from decimal import Decimal

from pydantic import Field

from engine.domain.order import Intent
from engine.risk import Denial, Facts, Gauge, RiskCheck, holdings
from engine.routing import underlying


class TradesPerDay(RiskCheck):
    """Deny the 11th entry of the day, and the third of one symbol.

    Entries of the day that were granted but not sent yet count.
    """

    stage = 6

    class Settings(RiskCheck.Settings):
        """Entries sent in one session."""

        max_trades: int = Field(10, ge=0)
        max_per_symbol: int = Field(2, ge=0)

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        sent = facts.account.n_trades_today
        if not isinstance(sent, int) or sent < 0:
            return Denial(code="trades_per_day.unknown", detail=f"trades of today: {sent}")
        n = sent + sum(h.is_waiting for h in holdings(intent, facts))
        if n + 1 > self.settings.max_trades:
            return Denial(
                code="trades_per_day.total",
                detail=f"{n} entries today, at most {self.settings.max_trades}",
            )
        symbol = underlying(intent.symbol)
        n_symbol = _of_symbol(symbol, intent, facts)
        if n_symbol + 1 > self.settings.max_per_symbol:
            return Denial(
                code="trades_per_day.symbol",
                detail=f"{n_symbol} entries in {symbol} today, "
                f"at most {self.settings.max_per_symbol}",
            )
        return None

    def gauges(self, facts: Facts) -> tuple[Gauge, ...]:
        """Entries sent today."""
        limit = Decimal(self.settings.max_trades)
        now = Decimal(facts.account.n_trades_today)
        return (Gauge(name="entries", now=now, limit=limit, unit="n"),)


def _of_symbol(symbol: str, intent: Intent, facts: Facts) -> int:
    held = holdings(intent, facts)
    if not held and not facts.recent_exits:
        return 0
    since = _day_began(facts)
    began = {t.trade_id: t.opened_at or t.created_at for t in facts.trades}
    n_held = sum(
        underlying(h.symbol) == symbol and began.get(h.trade_id, since) >= since for h in held
    )
    n_closed = sum(
        underlying(e.symbol) == symbol and (e.opened_at or e.closed_at) >= since
        for e in facts.recent_exits
    )
    return n_held + n_closed


def _day_began(facts: Facts) -> datetime:
    """Open of the running session; with no session the last 24 hours are the day."""
    minutes = facts.minutes_after_open
    return facts.now - timedelta(minutes=24 * 60 if minutes is None else minutes + 1)
