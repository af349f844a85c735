"""The risk contract: each file here is one check; its name is its key in config.yaml.

A check answers None (fine) or a Denial (why not). It sees frozen facts only. Whatever a check does
not know, it denies; a check that raises or takes too long denies too (see :func:`run_checks`).
Exits, cancels and stop moves are never shown to checks that limit entries.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from engine.domain.order import Intent, Order, Verdict
from engine.domain.quote import UnitQuote
from engine.domain.trade import Account, Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Why an intent may not be sent: ``code`` is ``<check>.<reason>``, ``detail`` a sentence."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RecentExit:
    """A closed trade of the recent past, for cool-downs and streaks."""

    symbol: str
    source: str
    closed_at: datetime
    realised_usd: Decimal
    was_stopped: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was true of one account at the moment of the check. None always means not known.

    Pending entries (orders at the broker or waiting to be sent, approvals already granted, UNKNOWN
    ones) are counted at their full quantity: ``pending`` holds them.
    """

    now: datetime
    session_on: date | None
    """Trading day of the intent's market; None when it is closed."""
    minutes_after_open: int | None
    """Minutes since the regular open of the intent's market; None when it is closed."""
    minutes_to_close: int | None
    halted: str = ""
    """Reason of the halt; empty when entries are allowed."""
    is_reconciled: bool = True
    """False until the start (or gap) reconciliation has finished."""
    account: Account
    equity_usd: Decimal | None
    """Cash plus marked positions; None when any mark is missing."""
    buying_power_usd: Decimal | None
    open_pnl_usd: Decimal | None
    trades: tuple[Trade, ...] = ()
    """Open trades of the account."""
    notional_by_trade: dict[str, Decimal] = field(default_factory=dict)
    """Open and pending trade id -> dollars of exposure (debit paid, margin, or share value)."""
    pending: tuple[Order, ...] = ()
    """Entry orders not yet terminal, this intent's own excluded."""
    unknown_symbols: frozenset[str] = frozenset()
    """Symbols of this account with an order in UNKNOWN."""
    recent_exits: tuple[RecentExit, ...] = ()
    """Newest first; at least the last 48 hours."""
    recent_entries: tuple[tuple[datetime, str, str, Decimal | None], ...] = ()
    """(received at, author id and symbol and side as text, alert id, price) of the last minutes."""
    quote: UnitQuote | None = None
    """The unit's newest quote."""


class RiskCheck(ABC):
    """One limit. Subclass once per file; class name is the file name in CamelCase."""

    stage: ClassVar[int]
    """Place in the order of evaluation (rules 3.2): 1 kill switch ... 12 buying power."""

    class Settings(BaseModel):
        """Limits of this check as written in config.yaml under ``risk.<file name>``."""

        model_config = ConfigDict(extra="forbid", frozen=True)

    @abstractmethod
    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""


def run_checks(
    checks: Sequence[tuple[str, RiskCheck]], intent: Intent, facts: Facts
) -> tuple[Verdict, ...]:
    """Every check's verdict in the order of evaluation; a check that raises has denied."""
    verdicts = []
    for name, check in checks:
        try:
            denial = check.check(intent, facts)
        except Exception as error:  # noqa: BLE001 - R-10: whatever breaks in a check is a denial
            denial = Denial(code=f"{name}.error", detail=f"check failed: {type(error).__name__}")
        if denial is None:
            verdicts.append(Verdict(check=name, is_ok=True))
        else:
            verdicts.append(
                Verdict(check=name, is_ok=False, code=denial.code, detail=denial.detail)
            )
    return tuple(verdicts)
