"""A position was adopted as foreign, and its own order's fill came afterwards: it is held once.

A broker may show what was bought long before any list names the order. Then the books hold it
twice; what was adopted is closed at the price at which it was adopted, so that nothing is earned.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from engine.desk import Desk
from engine.domain.compared import PositionGap
from engine.domain.money import ZERO
from engine.domain.trade import Execution, LedgerEntry

_GAP = "GAP-"
_BACK = timedelta(days=1)


def adoption_id(account: str, gap: PositionGap, now: datetime) -> str:
    """Execution id of what is adopted from a list of positions."""
    return f"{_GAP}{account}-{gap.instrument.key.replace(' ', '')}-{now:%Y%m%d%H%M%S}"


async def price(desk: Desk, account: str, gap: PositionGap) -> Decimal | None:
    """What the surplus was adopted at; None when it is not proved that it is held twice."""
    if gap.qty * gap.ours >= 0:
        return None
    rows = await desk.store.find(
        LedgerEntry,
        where={"account": account},
        since=("booked_at", desk.clock.now() - _BACK),
    )
    mine = [row for row in rows if row.instrument_key == gap.instrument.key]
    for adopted in mine:
        held = desk.book.positions.get(f"{adopted.trade_id}|{gap.instrument.key}")
        if held is None or held.qty != adopted.qty:
            continue  # it has been closed since, by this or by somebody
        if adopted.execution_id.startswith(_GAP) and adopted.qty == -gap.qty:
            late = [row for row in mine if await _is_late(desk, row, adopted)]
            if sum((row.qty for row in late), ZERO) == adopted.qty:
                return adopted.price
    return None


async def _is_late(desk: Desk, row: LedgerEntry, adopted: LedgerEntry) -> bool:
    """A fill of ours from before the adoption that was booked after it."""
    if row.kind != "fill" or row.execution_id.startswith(_GAP) or row.qty * adopted.qty <= 0:
        return False
    if row.booked_at <= adopted.booked_at:
        return False
    fill = await desk.store.get(Execution, row.execution_id)
    return fill is not None and bool(fill.order_id) and fill.executed_at <= adopted.booked_at


def said(account: str, gap: PositionGap) -> str:
    """What an admin is told."""
    return (
        f"{account}: {abs(gap.qty):f} {gap.instrument.label} that counted as traded outside was "
        "our own order's, whose fill came late. The adopted position is closed at its own price."
    )
