"""A position was adopted as foreign, and its own order's fill came afterwards: it is held once.

A broker may show what was bought long before any list names the order. Then the books hold it
twice; what was adopted is closed at the price at which it was adopted, so that nothing is earned.
What an admin said is undone in the same way.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from engine.desk import Desk
from engine.domain.compared import PositionGap
from engine.domain.money import ZERO
from engine.domain.trade import Execution, LedgerEntry

_GAP, _HAND = "GAP-", "HAND-"
_BACK = timedelta(days=1)


def adoption_id(account: str, gap: PositionGap, now: datetime) -> str:
    """Execution id of what is adopted from a list of positions."""
    return f"{_GAP}{account}-{gap.instrument.key.replace(' ', '')}-{now:%Y%m%d%H%M%S}"


def name_by_hand(account: str, gap: PositionGap, now: datetime) -> str:
    """Execution id of what an admin says that the books lack."""
    return f"{_HAND}{account}-{gap.instrument.key.replace(' ', '')}-{now:%Y%m%d%H%M%S}"


async def price(desk: Desk, account: str, gap: PositionGap) -> Decimal | None:
    """What the surplus was adopted at; None when it is not proved that it is booked twice."""
    rows = await desk.store.find(
        LedgerEntry,
        where={"account": account},
        since=("booked_at", desk.clock.now() - _BACK),
    )
    mine = [row for row in rows if row.instrument_key == gap.instrument.key]
    for n, adopted in enumerate(mine, 1):  # as they were booked, whatever the wall clock did
        if _qty_of(adopted, mine) == -gap.qty and _stands(desk, gap, adopted, mine[n:]):
            late = [row for row in mine[n:] if await _is_late(desk, row, adopted)]
            if sum((row.qty for row in late), ZERO) == -gap.qty:
                return adopted.price
    return None


def _qty_of(adopted: LedgerEntry, rows: Sequence[LedgerEntry]) -> Decimal:
    """All of it: one booking may be parts of several trades."""
    name = adopted.execution_id.partition("/")[0]
    return sum((r.qty for r in rows if r.execution_id.partition("/")[0] == name), ZERO)


def _stands(
    desk: Desk, gap: PositionGap, adopted: LedgerEntry, after: Sequence[LedgerEntry]
) -> bool:
    """Whether it was no order's, and nothing booked ``after`` it has ended or undone it."""
    if adopted.execution_id.startswith(_GAP):
        held = desk.book.positions.get(f"{adopted.trade_id}|{gap.instrument.key}")
        return gap.qty * gap.ours < 0 and held is not None and held.qty == adopted.qty
    is_undone = any(row.execution_id.startswith((_GAP, _HAND)) for row in after)
    return adopted.execution_id.startswith(_HAND) and not is_undone


async def _is_late(desk: Desk, row: LedgerEntry, adopted: LedgerEntry) -> bool:
    """A fill of ours, or shares of an exercise, from before the adoption."""
    is_told = row.kind in ("fill", "exercise") and not row.execution_id.startswith(_GAP)
    if not is_told or row.qty * adopted.qty <= 0:
        return False
    fill = await desk.store.get(Execution, row.execution_id)
    return fill is not None and bool(fill.order_id) and fill.executed_at <= adopted.booked_at


def said(account: str, gap: PositionGap) -> str:
    """What an admin is told."""
    return (
        f"{account}: {abs(gap.qty):f} {gap.instrument.label} that counted as traded outside was "
        "our own order's, whose fill came late. What was booked for it is undone at its own price."
    )
