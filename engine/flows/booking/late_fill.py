"""A position was adopted as foreign, and the fill that made it came afterwards: it is held once.

A broker may show what was bought, through us or in its own app, long before any list names the
order. Then the books hold it twice; what was adopted is closed at the price at which it was
adopted, so that nothing is earned. What an admin said is undone in the same way.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal

from engine.desk import Desk
from engine.domain.compared import PositionGap
from engine.domain.money import ZERO
from engine.domain.trade import Execution, LedgerEntry

_GAP, _HAND = "GAP-", "HAND-"
_TOLD = ("fill", "external", "exercise")
_BACK = timedelta(days=1)


def adoption_id(account: str, gap: PositionGap, now: datetime) -> str:
    """Execution id of what is adopted from a list of positions."""
    return f"{_GAP}{account}-{gap.instrument.key.replace(' ', '')}-{now:%Y%m%d%H%M%S}"


def name_by_hand(account: str, gap: PositionGap, now: datetime) -> str:
    """Execution id of what an admin says that the books lack."""
    return f"{_HAND}{account}-{gap.instrument.key.replace(' ', '')}-{now:%Y%m%d%H%M%S}"


@dataclass(frozen=True, slots=True)
class Twice:
    """What is booked twice: all of a gap or a part of it, and as what it was adopted."""

    gap: PositionGap
    adopted: LedgerEntry

    @property
    def holder(self) -> frozenset[str]:
        """The trade that it became, where it is one alone."""
        is_one = self.adopted.execution_id.startswith(_GAP)
        return frozenset({self.adopted.trade_id} if is_one else ())


async def twice(desk: Desk, account: str, gap: PositionGap) -> Twice | None:
    """What of the gap is booked twice; None when it is not proved."""
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
                return Twice(gap, adopted)
    return await _by_hand(desk, gap, mine)


async def _by_hand(desk: Desk, gap: PositionGap, mine: Sequence[LedgerEntry]) -> Twice | None:
    """The newest that was said by hand of that size, or of all that stand, one after the other."""
    n_before, said, undone = _said_by_hand(mine)
    standing = {row.entry_id: _qty_of(row, mine) for row in said if row not in undone}
    fitting = [row for row in said if standing.get(row.entry_id) == -gap.qty]
    if not standing or (not fitting and sum(standing.values()) != -gap.qty):
        return None
    late = [row.qty for row in mine[n_before:] if await _is_late(desk, row, said[-1])]
    if sum(late) - sum(_qty_of(row, mine) for row in undone) != -gap.qty:
        return None
    row = fitting[-1] if fitting else next(r for r in reversed(said) if r.entry_id in standing)
    return Twice(replace(gap, theirs=gap.ours - standing[row.entry_id]), row)


def _said_by_hand(
    mine: Sequence[LedgerEntry],
) -> tuple[int, list[LedgerEntry], list[LedgerEntry]]:
    """How many rows stand before it, what was said, oldest first, and what of that was undone.

    What is undone is booked the other way round, at the same price. Where anything else was adopted
    afterwards, nothing is proved of what was said before.
    """
    n_before, said, undone = 0, list[LedgerEntry](), list[LedgerEntry]()
    names: set[str] = set()
    for n, row in enumerate(mine, 1):
        name = row.execution_id.partition("/")[0]
        if name in names or not name.startswith((_GAP, _HAND)):
            continue
        names.add(name)
        back = (-_qty_of(row, mine), row.price)
        its = [r for r in said if r not in undone and (_qty_of(r, mine), r.price) == back]
        if its:
            undone.append(its[-1])
        elif name.startswith(_GAP):
            said, undone = [], []
        elif said and said[-1].qty * row.qty > 0:
            said.append(row)
        else:
            n_before, said, undone = n, [row], []
    return n_before, said, undone


def _qty_of(adopted: LedgerEntry, rows: Sequence[LedgerEntry]) -> Decimal:
    """All of it: one booking may be parts of several trades."""
    name = adopted.execution_id.partition("/")[0]
    return sum((r.qty for r in rows if r.execution_id.partition("/")[0] == name), ZERO)


def _stands(
    desk: Desk, gap: PositionGap, adopted: LedgerEntry, after: Sequence[LedgerEntry]
) -> bool:
    """Whether it was adopted from a list, and nothing booked ``after`` it has ended it.

    All that somebody traded outside stands in one trade: more may have come to it.
    """
    held = desk.book.positions.get(f"{adopted.trade_id}|{gap.instrument.key}")
    more = [row.qty for row in after if row.trade_id == adopted.trade_id]
    is_whole = held is not None and held.qty == sum(more, adopted.qty)
    is_adopted = adopted.execution_id.startswith(_GAP) and gap.qty * gap.ours < 0
    return is_adopted and is_whole and all(q * adopted.qty > 0 for q in more)


async def _is_late(desk: Desk, row: LedgerEntry, adopted: LedgerEntry) -> bool:
    """A fill, or shares of an exercise, from before the adoption."""
    is_made_up = row.execution_id.startswith((_GAP, _HAND))
    if is_made_up or row.kind not in _TOLD or row.qty * adopted.qty <= 0:
        return False
    fill = await desk.store.get(Execution, row.execution_id)
    if fill is None or not (fill.order_id or row.kind == "external"):
        return False
    return fill.executed_at <= adopted.booked_at


def said(account: str, gap: PositionGap) -> str:
    """What an admin is told."""
    return (
        f"{account}: {abs(gap.qty):f} {gap.instrument.label} that no list told of was an order's "
        "whose fill came late. What was booked for it until then is undone at its own price."
    )
