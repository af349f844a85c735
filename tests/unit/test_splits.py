"""What looks like a share split, and what may as well be a sale that is not told yet (M-07)."""

from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from engine.domain.compared import PositionGap
from engine.domain.instrument import stock
from engine.domain.trade import Lot, Position
from engine.flows.splits import ratio_of

PENY = stock("PENY")
AT = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


def ratio(ours: int, bought_at: str, theirs: int, now_at: str) -> Fraction | None:
    lot = Lot(
        execution_id="x",
        qty=Decimal(ours),
        price=Decimal(bought_at),
        fee_usd=Decimal(0),
        opened_at=AT,
    )
    held = Position(trade_id="T", account="main", instrument=PENY, lots=(lot,))
    gap = PositionGap(
        instrument=PENY, ours=Decimal(ours), theirs=Decimal(theirs), avg_price=Decimal(now_at)
    )
    return ratio_of(gap, [held])


@pytest.mark.parametrize(
    ("ours", "theirs", "price"),
    [(1000, 980, "0.30"), (1000, 990, "0.80"), (5000, 4900, "0.25"), (100, 90, "0.05")],
)
def test_a_small_sale_of_cheap_shares_is_no_split(ours: int, theirs: int, price: str) -> None:
    assert ratio(ours, price, theirs, price) is None


@pytest.mark.parametrize(
    ("ours", "bought_at", "theirs", "now_at", "found"),
    [
        (10, "200", 100, "20", Fraction(10)),
        (1000, "0.30", 100, "3.00", Fraction(1, 10)),
        (1000, "0.80", 50, "16", Fraction(1, 20)),
        (30, "90", 45, "60", Fraction(3, 2)),
    ],
)
def test_a_split_of_dear_or_cheap_shares_is_one(
    ours: int, bought_at: str, theirs: int, now_at: str, found: Fraction
) -> None:
    assert ratio(ours, bought_at, theirs, now_at) == found
