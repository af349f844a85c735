"""How near the desk is to its limits: what is used of each, per account, and the breaker."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from engine.domain.refusal import Gauge
from engine.domain.trade import Account
from engine.reports import Frame, Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLimits:
    """One account's gauges, fullest first; those that are not known before all others."""

    account: str
    gauges: tuple[Gauge, ...]
    tripped_on: date | None
    """Session day on which the daily breaker tripped, if that is today's."""
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsReport:
    """All accounts, and why entries are off if they are."""

    stamp: Stamp
    halted: str
    unsound: str
    accounts: tuple[AccountLimits, ...]

    @property
    def may_enter(self) -> bool:
        """Neither halted nor tripped anywhere."""
        return not (self.halted or self.unsound or any(a.tripped_on for a in self.accounts))


def used_pct(gauge: Gauge) -> Decimal | None:
    """Percent of the limit that is used; None when it is not known."""
    if gauge.now is None:
        return None
    if gauge.limit == 0:
        return Decimal(100)
    return gauge.now / gauge.limit * 100


def build(
    frame: Frame, *, accounts: Iterable[AccountLimits], halted: str = "", unsound: str = ""
) -> LimitsReport:
    """All accounts on one page."""
    return LimitsReport(
        stamp=frame.stamp("limits"),
        halted=halted,
        unsound=unsound,
        accounts=tuple(accounts),
    )


def of_account(
    account: Account, gauges: Iterable[Gauge], warnings: Iterable[str] = ()
) -> AccountLimits:
    """One account; ``gauges`` and ``warnings`` as its checks tell them now."""
    is_tripped = account.tripped_on is not None and account.tripped_on == account.session_on
    return AccountLimits(
        account=account.name,
        gauges=tuple(sorted(gauges, key=_fullest)),
        tripped_on=account.tripped_on if is_tripped else None,
        warnings=tuple(said for said in warnings if said),
    )


def _fullest(gauge: Gauge) -> tuple[bool, Decimal, str]:
    used = used_pct(gauge)
    return used is not None, -(used or Decimal(0)), gauge.name
