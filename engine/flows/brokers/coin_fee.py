"""Fees that are taken out of a bought coin: a little less of it arrives than was filled.

Alpaca does so and tells it of no execution. The missing part is booked as given away for nothing,
which is what it cost.
"""

from decimal import Decimal

from engine.desk import Desk
from engine.domain.compared import PositionGap

_MOST = Decimal("0.01")
"""Of what is held; Alpaca's dearest tier takes a quarter of a percent."""


def is_one(desk: Desk, account: str, gap: PositionGap) -> bool:
    """Whether so little of a held coin is missing that it is its fee."""
    broker = desk.brokers.get(desk.book.accounts[account].broker)
    return (
        gap.instrument.kind == "crypto"
        and broker is not None
        and not broker.caps.tells_fees
        and 0 < -gap.qty <= gap.ours * _MOST
    )


def said(account: str, gap: PositionGap) -> str:
    """What an admin is told."""
    return (
        f"{account}: {-gap.qty:f} {gap.instrument.label} did not arrive: the broker took its fee "
        "out of the coin. It is booked as that."
    )
