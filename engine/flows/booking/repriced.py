"""An execution that is told again under its id at another price, by nobody's word of a correction.

One list alone proves nothing: another one may round. Where the account's cash has moved by what the
other prices make, and two looks agree, it is a correction; else it would pass for a deposit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from engine.brokers import BrokerFill, BrokerOrder
from engine.desk import Desk
from engine.domain.money import ZERO
from engine.domain.trade import Execution
from engine.flows.booking import echo
from engine.flows.booking.fills import on_fill
from engine.ledger.booking import BUST, CORRECT, live

_ROUNDED_USD = Decimal("0.01")


async def on_cash(
    desk: Desk, account: str, told: Iterable[BrokerFill], usd: Decimal, theirs: Decimal
) -> bool:
    """Book the corrections that explain the whole of ``usd``; False when they do not."""
    told = _uncorrected(told)
    if not told or desk.book.accounts[account].cash_usd + usd != theirs:
        return False
    since = min(fill.executed_at for fill in told)
    rows = await desk.store.find(
        Execution, where={"account": account}, since=("executed_at", since)
    )
    found = [(fill, now) for fill in told if (now := _standing(rows, fill)) is not None]
    moved = sum((_moved(fill, now) for fill, now in found), ZERO)
    if not found or abs(moved - usd) >= _ROUNDED_USD:
        return False
    for fill, now in found:
        name = f"{now.execution_id}{CORRECT}"
        right = replace(fill, execution_id=name, kind="correct", of=now.execution_id)
        await on_fill(desk, replace(right, fee_usd=now.fee_usd))
    return True


async def told_anew(
    desk: Desk,
    fresh: Sequence[BrokerFill],
    listed: Iterable[BrokerFill],
    reports: Iterable[BrokerOrder],
    since: datetime,
) -> list[BrokerFill]:
    """``fresh`` with what was booked anew under another id as the corrections that it is.

    By its broker's own report the order has filled no more than is booked, and its list lacks of
    that what it has new, quantity for quantity. Booked beside the old ones it would double what is
    held, and the stop with it, until those are sure to be gone. ``since``: as the list goes back.
    """
    ids = {fill.execution_id for fill in listed}
    amended = {f.of for f in fresh if f.of}  # of which the broker itself says what became of it
    filled = {r.client_order_id: r.filled for r in reports if len(r.legs) == 1}
    found = dict[str, BrokerFill]()
    for name in {f.client_order_id for f in fresh if f.kind == "fill"} & filled.keys() - {""}:
        booked = live(await desk.store.find(Execution, where={"order_id": name}))
        gone = sorted((e for e in booked if e.execution_id not in ids), key=lambda e: e.qty)
        new = [f for f in fresh if f.kind == "fill" and f.client_order_id == name]
        new.sort(key=lambda f: f.qty)
        is_same = [e.qty for e in gone] == [f.qty for f in new]
        if not is_same or any(e.executed_at < since or e.execution_id in amended for e in gone):
            continue
        if sum((e.qty for e in booked), ZERO) != filled[name]:
            continue
        if not any(echo.is_like(f, e) for f in new for e in gone):  # else one under two ids
            pairs = zip(new, gone, strict=True)
            found |= {
                f.execution_id: replace(f, kind="correct", of=e.execution_id) for f, e in pairs
            }
    return [found.get(f.execution_id, f) for f in fresh]


def _uncorrected(told: Iterable[BrokerFill]) -> list[BrokerFill]:
    """Executions of which the broker itself tells no bust, and no other price."""
    told = list(told)
    prices = {f.execution_id: f.price for f in told}
    amended = {
        f.of
        for f in told
        if f.kind == "bust" or (f.kind == "correct" and f.price != prices.get(f.of))
    }
    return [
        f
        for f in told
        if f.kind == "fill" and f.instrument.kind != "future" and f.execution_id not in amended
    ]


def _standing(rows: Sequence[Execution], fill: BrokerFill) -> Execution | None:
    """What the books hold of it, if at another price alone."""
    names = {row.execution_id: row for row in rows}
    now = names.get(fill.execution_id)
    if now is None:
        return None
    mine = [r for r in rows if (r.trade_id, r.instrument) == (now.trade_id, now.instrument)]
    while (bust := names.get(f"{now.execution_id}{BUST}")) is not None:
        place = mine.index(bust) + 1
        if place == len(mine) or mine[place].kind != "correct":
            return None
        now = mine[place]
    is_same = (now.order_id != "", now.side, now.qty) == (True, fill.side, fill.qty)
    return now if is_same and now.price != fill.price else None


def _moved(fill: BrokerFill, now: Execution) -> Decimal:
    return (now.price - fill.price) * fill.qty * fill.side.sign * fill.instrument.multiplier
