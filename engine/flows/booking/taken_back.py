"""An execution that the exchange took back and nobody says so: the broker's lists hold it no more.

The evidence is threefold, and has to last: the order reports less filled than is booked, its
executions are listed without precisely those, and precisely those are missing from the holding.
The order, asked by itself, must not tell otherwise: all lists may lag at once.
"""

from collections.abc import Sequence
from contextlib import suppress
from decimal import Decimal

from engine.asking import Rank
from engine.brokers import BrokerFill, BrokerOrder, Seen
from engine.desk import Desk
from engine.domain.compared import PositionGap
from engine.domain.money import ZERO
from engine.domain.trade import Execution
from engine.flows.booking import fills
from engine.flows.booking.reported import on_report
from engine.flows.common import answers
from engine.flows.common.answers import QUIET
from engine.flows.common.aside import compare_later
from engine.ledger.booking import live

SURE_S = 10.0
"""Said again so long afterwards: no list lags behind for that."""
_TOLD_S = 3 * SURE_S
"""What is not taken back by then is a gap like others, and people are told."""


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
        desk.doubts.lacking.pop(name, None)
        return await _says_less(desk, account, gap, reports)
    now = desk.clock.monotonic()
    if now - desk.doubts.lacking.setdefault(name, now) < SURE_S:
        compare_later(desk, desk.settings.accounts[account], SURE_S, "taken back")
        return True
    del desk.doubts.lacking[name]
    if await _still_says(desk, account, gone):
        return False
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
    booked = await _booked(desk, account, gap, report)
    there = {fill.execution_id: fill.qty for fill in listed if fill.client_order_id == name}
    gone = [e for e in booked if e.execution_id not in there]
    stand: Decimal = sum((e.qty for e in booked if e.execution_id in there), ZERO)
    return gone if stand == report.filled == sum(there.values(), ZERO) else []


async def _booked(
    desk: Desk, account: str, gap: PositionGap, report: BrokerOrder
) -> list[Execution]:
    """What is booked of an order of ours, where its report lacks some of it."""
    name = report.client_order_id
    if not name or [leg.instrument for leg in report.legs] != [gap.instrument]:
        return []
    rows = await desk.store.find(Execution, where={"order_id": name, "account": account})
    booked = live(rows)
    return booked if sum((e.qty for e in booked), ZERO) > report.filled else []


async def _says_less(
    desk: Desk, account: str, gap: PositionGap, reports: Sequence[BrokerOrder]
) -> bool:
    """Ask the order itself, where its report lacks what the holding lacks; its busts are booked.

    Its adapter tells a bust once the order, asked alone, has said less for long enough.
    """
    name = f"{account}|{gap.instrument.key}|{gap.theirs}|alone"
    for report in reports:
        booked = await _booked(desk, account, gap, report)
        stands = sum((e.qty * e.side.sign for e in booked), gap.qty)
        if not booked or stands != report.filled * booked[0].side.sign:
            continue
        order = await _alone(desk, account, report.client_order_id)
        if order is None or order.filled != report.filled:
            break
        undone = [f for f in order.fills if fills.undoes_booked(desk, f)]
        for fill in undone:
            await fills.on_fill(desk, fill)
        if undone:  # what is left of one would look like another told twice
            await on_report(desk, order)
        for fill in sorted(order.fills, key=lambda f: f.kind == "bust"):
            await fills.on_fill(desk, fill)
        if not await _booked(desk, account, gap, report):
            desk.doubts.lacking.pop(name, None)
            return True
        now = desk.clock.monotonic()
        if now - desk.doubts.lacking.setdefault(name, now) >= _TOLD_S:
            return False
        compare_later(desk, desk.settings.accounts[account], SURE_S, "taken back")
        return True
    desk.doubts.lacking.pop(name, None)
    return False


async def _still_says(desk: Desk, account: str, gone: Sequence[Execution]) -> bool:
    """Whether an order, asked by itself, tells more than the lists would leave of it."""
    for order_id in {one.order_id for one in gone}:
        ours, there = await desk.order(order_id), await _alone(desk, account, order_id)
        lost: Decimal = sum((one.qty for one in gone if one.order_id == order_id), ZERO)
        if ours is not None and there is not None and there.filled > ours.filled - lost:
            return True
    return False


async def _alone(desk: Desk, account: str, order_id: str) -> BrokerOrder | None:
    """An order as the broker tells it by itself; None without an answer."""
    work = desk.broker(desk.settings.accounts[account]).find(account, order_id)
    with suppress(*QUIET):
        found = await answers.in_time(desk, work, Rank.COMPARE)
        return found.order if isinstance(found, Seen) else None
    return None


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
