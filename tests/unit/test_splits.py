"""What looks like a share split, and what may as well be a sale that is not told yet (M-07)."""

from datetime import UTC, date, datetime
from decimal import Decimal
from fractions import Fraction

import pytest

from engine.domain.compared import PositionGap
from engine.domain.instrument import Instrument, option, stock
from engine.domain.trade import Lot, Position
from engine.flows.holdings.splits import _is_beside_trades, ratio_of

PENY = stock("PENY")
CALL = option("PENY", date(2026, 12, 18), Decimal(10), "C")
AT = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


def pair(
    ours: int, bought_at: str, theirs: int, now_at: str | None, it: Instrument = PENY
) -> tuple[PositionGap, list[Position]]:
    """What the broker holds beside what we do."""
    lot = Lot(
        execution_id="x",
        qty=Decimal(ours),
        price=Decimal(bought_at),
        fee_usd=Decimal(0),
        opened_at=AT,
    )
    held = Position(trade_id="T", account="main", instrument=it, lots=(lot,))
    price = None if now_at is None else Decimal(now_at)
    gap = PositionGap(instrument=it, ours=Decimal(ours), theirs=Decimal(theirs), avg_price=price)
    return gap, [held]


def ratio(ours: int, bought_at: str, theirs: int, now_at: str) -> Fraction | None:
    return ratio_of(*pair(ours, bought_at, theirs, now_at))


@pytest.mark.parametrize(
    ("gap", "held"),
    [
        pair(10, "200", 100, None),
        pair(100, "0.01", 1000, "0"),
        pair(10, "200", -100, "20"),
        pair(1000, "10", 3333, "3.0003"),
        pair(10, "200", 10, "200"),
        pair(10, "200", 100, "20", CALL),
        (pair(10, "200", 100, "20")[0], []),
        (pair(10, "200", 100, "20")[0], pair(5, "400", 100, "20")[1]),
    ],
)
def test_what_anything_else_may_explain_is_no_split(gap: PositionGap, held: list[Position]) -> None:
    assert ratio_of(gap, held) is None


@pytest.mark.parametrize(
    ("gap", "held", "hides"),
    [
        (*pair(10, "200", 90, "20"), True),
        (*pair(100, "20", 9, "200"), True),
        (*pair(10, "200", 9, "190"), False),
        (pair(0, "200", 90, "20")[0], [], False),
        (*pair(10, "200", 10, "20"), False),
        (*pair(10, "200", 90, None), False),
        (*pair(10, "200", 90, "20", CALL), False),
    ],
)
def test_a_split_may_hide_behind_trades_where_each_share_has_cost_so_much_more_or_less(
    gap: PositionGap, held: list[Position], hides: bool
) -> None:
    assert _is_beside_trades(gap, held) is hides


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
