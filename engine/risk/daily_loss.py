"""Has the day cost enough?"""

from dataclasses import dataclass
from decimal import Decimal

from pydantic import Field

from engine.domain.order import Intent
from engine.domain.trade import Account
from engine.risk import Denial, Facts, Gauge, RiskCheck, is_known


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What an account's day has come to: all that the daily breaker judges by."""

    account: Account
    equity_usd: Decimal | None
    open_pnl_usd: Decimal | None
    accepted_loss_usd: Decimal


class DailyLoss(RiskCheck):
    """Deny entries once the day has lost 3 % of its opening equity, or the stage's dollar cap.

    Realised and open together, whichever figure is worse: today's closed trades plus everything
    open, or equity against the start of the day.
    """

    stage = 4

    class Settings(RiskCheck.Settings):
        """Percents of the day's opening equity, 0-100."""

        max_loss_pct: Decimal = Field(Decimal(3), ge=0, le=100)
        warn_pct: Decimal = Field(Decimal(2), ge=0, le=100)
        max_loss_usd: Decimal | None = Field(None, ge=0)
        """Cap in dollars, whichever comes first; null: percent alone."""

    settings: Settings

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        account = facts.account
        if account.tripped_on is not None and account.tripped_on == account.session_on:
            return Denial(
                code="daily_loss.tripped",
                detail="the daily loss limit was reached earlier today; no entries until the "
                "next session",
            )
        return self.reached(facts)

    def reached(self, facts: Facts | Day) -> Denial | None:
        """Whether the limit is reached now, or cannot be told."""
        loss = day_loss_usd(facts)
        start = facts.account.day_start_equity_usd
        if loss is None or not is_known(start) or start <= 0:
            return Denial(
                code="daily_loss.unknown",
                detail=f"today's result of {facts.account.name} is not known: "
                f"realised {facts.account.realised_today_usd}, open {_open(facts)}, "
                f"equity {facts.equity_usd}, at the start {start}",
            )
        limit = self._limit_usd(start)
        if loss < limit:
            return None
        return Denial(
            code="daily_loss.reached",
            detail=f"today: {_signed(-loss)} of ${start:,.2f}, the limit is {_signed(-limit)}; "
            "no entries until the next session",
        )

    def warning(self, facts: Facts) -> str:
        """Said from 2 % on."""
        loss, start = day_loss_usd(facts), facts.account.day_start_equity_usd
        if loss is None or not is_known(start) or start <= 0:
            return ""
        pct = loss / start * 100
        if pct < self.settings.warn_pct:
            return ""
        limit = self.settings.max_loss_pct
        return f"today {_signed(-loss)} ({-pct:.1f} %), entries stop at -{limit} %"

    def gauges(self, facts: Facts) -> tuple[Gauge, ...]:
        """Dollars lost today against the dollars that end the day."""
        start = facts.account.day_start_equity_usd
        if not is_known(start) or start <= 0:
            return (Gauge(name="lost today", now=None, limit=self.settings.max_loss_pct, unit="%"),)
        loss = day_loss_usd(facts)
        now = None if loss is None else max(loss, Decimal(0))
        return (Gauge(name="lost today", now=now, limit=self._limit_usd(start), unit="$"),)

    def _limit_usd(self, start: Decimal) -> Decimal:
        limit = start * self.settings.max_loss_pct / 100
        cap = self.settings.max_loss_usd
        return limit if cap is None else min(limit, cap)


def _open(facts: Facts | Day) -> str:
    if facts.open_pnl_usd is None:
        return "n/a (what is held has no price of the last minute)"
    return str(facts.open_pnl_usd)


def day_loss_usd(facts: Facts | Day) -> Decimal | None:
    """Dollars lost today, negative: gained; None when a figure is missing.

    Since the last reset of the breaker, when there was one today.
    """
    account = facts.account
    figures = (account.realised_today_usd, facts.open_pnl_usd, facts.equity_usd)
    realised, open_pnl, equity = figures
    start = account.day_start_equity_usd
    if not (is_known(realised) and is_known(open_pnl) and is_known(equity) and is_known(start)):
        return None
    return max(-(realised + open_pnl), start - equity) - facts.accepted_loss_usd


def _signed(value: Decimal) -> str:
    return f"{'-' if value < 0 else ''}${abs(value):,.2f}"
