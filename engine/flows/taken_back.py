"""An execution that the exchange took back and nobody says so: the broker's lists hold it no more.

The evidence is threefold, and has to last: the order reports less filled than is booked, its
executions are listed without precisely those, and precisely those are missing from the holding.
"""

from collections.abc import Sequence
from decimal import Decimal

from engine.brokers import BrokerFill, BrokerOrder
from engine.desk import Desk
from engine.domain.money import ZERO
from engine.domain.trade import Execution
from engine.flows import fills
from engine.ledger.booking import live
from engine.reconcile import PositionGap

SURE_S = 10.0
"""Said again so long afterwards: no list lags behind for that."""


async def on_gap(
    desk: Desk,
    account: str,
    gap: PositionGap,
    reports: Sequence[BrokerOrder],
    listed: Sequence[BrokerFill],
) -> bool:
    """Book what was taken back, once that is sure; False when something else made the gap."""
    gone = [one for r in reports for one in await _gone(desk, account, gap, r, listed)]
    name = f"{account}|{gap.instrument.key}|{gap.theirs}"
    if not gone or -sum((e.qty * e.side.sign for e in gone), ZERO) != gap.qty:
        desk.lacking.pop(name, None)
        return False
    now = desk.clock.monotonic()
    if now - desk.lacking.setdefault(name, now) < SURE_S:
        desk.vigil(lambda: _look_again(desk, account), f"taken back {account}")
        return True
    del desk.lacking[name]
    for one in gone:
        await fills.on_fill(desk, _bust(desk, one))
    return True


async def _gone(
    desk: Desk,
    account: str,
    gap: PositionGap,
    report: BrokerOrder,
    listed: Sequence[BrokerFill],
) -> list[Execution]:
    """What is booked of an order of ours and no longer listed, where its report lacks the same."""
    name = report.client_order_id
    if not name or [leg.instrument for leg in report.legs] != [gap.instrument]:
        return []
    rows = await desk.store.find(Execution, where={"order_id": name, "account": account})
    booked = live(rows)
    if sum((e.qty for e in booked), ZERO) <= report.filled:
        return []
    there = {fill.execution_id: fill.qty for fill in listed if fill.client_order_id == name}
    gone = [e for e in booked if e.execution_id not in there]
    stand: Decimal = sum((e.qty for e in booked if e.execution_id in there), ZERO)
    return gone if stand == report.filled == sum(there.values(), ZERO) else []


async def _look_again(desk: Desk, account: str) -> None:
    from engine.flows import recover

    await desk.clock.sleep(SURE_S)
    await recover.again(desk, desk.settings.accounts[account])


def _bust(desk: Desk, gone: Execution) -> BrokerFill:
    return BrokerFill(
        execution_id=f"{gone.execution_id}-gone",
        client_order_id=gone.order_id,
        broker_id="",
        account=gone.account,
        instrument=gone.instrument,
        leg=gone.leg,
        side=gone.side,
        qty=gone.qty,
        price=gone.price,
        fee_usd=gone.fee_usd,
        executed_at=desk.clock.now(),
        kind="bust",
        of=gone.execution_id,
    )
