"""Our books against the brokers': when compared, what was read, what still differs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.domain.compared import Compared
from engine.reports import Stamp


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountBooks:
    """One account."""

    account: str
    broker: str
    compared: Compared | None
    """None: not since the start of this process."""
    gate: str
    """Why entries wait; empty when they may pass."""

    @property
    def is_clean(self) -> bool:
        """Compared, nothing differs, nothing to wait for."""
        return self.compared is not None and not self.compared.differences and not self.gate


@dataclass(frozen=True, slots=True, kw_only=True)
class ReconcileReport:
    """All accounts; the broker is truth for quantity and price, ours for intent."""

    stamp: Stamp
    accounts: tuple[AccountBooks, ...]

    @property
    def is_clean(self) -> bool:
        """Everything was compared and agrees."""
        return all(a.is_clean for a in self.accounts)

    @property
    def n_differences(self) -> int:
        """Over all accounts."""
        return sum(len(a.compared.differences) for a in self.accounts if a.compared is not None)

    @property
    def n_taken_over(self) -> int:
        """Differences that the books took over as the brokers have them."""
        return sum(len(a.compared.taken_over) for a in self.accounts if a.compared is not None)

    @property
    def cash_usd(self) -> Decimal | None:
        """What the brokers say together; None as soon as one does not say."""
        known = [a.compared.cash_usd if a.compared is not None else None for a in self.accounts]
        found = [usd for usd in known if usd is not None]
        return sum(found, Decimal(0)) if known and len(found) == len(known) else None


def build(
    accounts: Mapping[str, str],
    compared: Mapping[str, Compared],
    gates: Mapping[str, str],
    *,
    now: datetime,
    mode: str = "paper",
) -> ReconcileReport:
    """Every account with its last comparison.

    Args:
        accounts: Account -> broker.
        compared: Account -> how its last comparison went.
        gates: Broker -> why entries wait there.
        now: Time of the report.
        mode: ``paper`` or ``live``.
    """
    return ReconcileReport(
        stamp=Stamp(at=now, mode=mode, ref="reconcile"),
        accounts=tuple(
            AccountBooks(
                account=account,
                broker=broker,
                compared=compared.get(account),
                gate=gates.get(broker, ""),
            )
            for account, broker in accounts.items()
        ),
    )
