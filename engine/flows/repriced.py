"""An execution that is told again under its id at another price, by nobody's word of a correction.

One list alone proves nothing: another one may round. Where the account's cash has moved by what the
other prices make, and two looks agree, it is a correction; else it would pass for a deposit.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from decimal import Decimal

from engine.brokers import BrokerFill
from engine.desk import Desk
from engine.domain.money import ZERO
from engine.domain.trade import Execution
from engine.flows.fills import on_fill
from engine.ledger.booking import BUST, CORRECT

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
