"""Our books against one broker's: take in what it knows, adopt what is foreign, send nothing.

A difference counts only when it is seen twice in a row: the broker trades on while it is asked.
"""

import logging
from collections import ChainMap
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial

from engine import reconcile
from engine.asking import Rank, asking
from engine.desk import Desk
from engine.domain.compared import Compared
from engine.domain.errors import Conflict, StoreUnavailable
from engine.flows.booking import echo, ends, taken_back
from engine.flows.brokers import coin_fee, differences, heard, lists, load, opening, unsettled
from engine.flows.common import polled
from engine.flows.common.answers import of_each
from engine.flows.common.aside import compare_later
from engine.flows.holdings import fewer, splits
from engine.flows.orders import absence
from engine.reconcile import Findings

log = logging.getLogger(__name__)

_MARGIN = timedelta(hours=1)
_MOST_BACK_DAYS = 30
"""What happened while nothing was heard for longer is read no further back."""
_CASH_MOVES_S, _CASH_EVERY_S = 3.0, 30.0
"""Money that moved between two looks has come to rest by then; so often it is looked at apart."""


async def compare(desk: Desk, broker_name: str) -> str:
    """Compare one broker with our books and adopt what it knows; entries may pass afterwards.

    Raises:
        BrokerUnavailable, BrokerAuthError, OrderStateUnknown: nothing was concluded.
        StoreUnavailable: something could not be written down; compare again.
    """
    async with desk.lock(f"compare {broker_name}"):
        began = desk.clock.monotonic()
        mark = f"being compared since {desk.clock.now():%H:%M:%S.%f}"
        for gate in desk.gates.keys() & {broker_name}:
            desk.gates[gate] = mark
        if desk.is_behind:
            await load.refresh(desk)
        with asking(Rank.COMPARE):
            mine = [a for a, name in desk.settings.accounts.items() if name == broker_name]
            said = await of_each(partial(_account, desk, broker_name, account) for account in mine)
        if desk.gates.get(broker_name) == mark:
            if broker_name in desk.streams_down and not polled.is_enough(desk, broker_name):
                desk.gates[broker_name] = "its stream is down"
            else:
                del desk.gates[broker_name]
                await polled.tell(desk, broker_name)
        found = f"{broker_name}: {'; '.join(said) if said else 'books agree'}"
        desk.rounds[broker_name] = (began, found)
        desk.is_due(f"watch {broker_name}", 0)  # its orders have just been looked at
        desk.is_due(f"held at {broker_name}", 0)  # and what is held
        desk.doubts.unread_since.pop(broker_name, None)
        return found


async def _account(desk: Desk, broker: str, account: str) -> list[str]:
    """One account: take news in, resolve doubts, then judge what still differs, twice."""
    began, began_at = desk.clock.monotonic(), desk.clock.now()
    since, is_full = _since(desk, account)
    findings, seen = await _look(desk, broker, account, since, is_first=True)
    left = findings
    if not findings.is_clean:
        before = findings
        findings, seen = await _look(desk, broker, account, since)
        left = findings
        if not findings.is_clean:
            await differences.adopt(desk, broker, account, before, findings, seen)
            left = _judged(desk, account, seen)
    is_begun = await opening.finish(desk, account, left)
    if is_begun:
        left = _judged(desk, account, seen)
    await ends.net(desk, account, {gap.instrument for gap in left.positions})
    desk.doubts.settled(account, {gap.instrument.key for gap in left.positions})
    fewer.settled(desk, account, left.positions)
    if differences.is_changing(seen):
        compare_later(desk, broker, taken_back.SURE_S, "changed executions")
    lines, still = reconcile.lines(findings), reconcile.lines(left)
    is_money = left.cash is not None and replace(left, cash=None).is_clean
    if is_money and desk.is_due(f"cash {account}", _CASH_EVERY_S):
        compare_later(desk, broker, _CASH_MOVES_S, "cash")
    if still or not is_begun:
        untold = _untold(desk, account, findings, left)
        await _record(desk, account, untold, still, is_money=is_money)
    desk.compared_at[account] = desk.clock.now()
    await heard.note(desk, account, began_at)
    desk.compared[account] = Compared(
        account=account,
        broker=broker,
        at=desk.clock.now(),
        is_full=is_full,
        took_s=desk.clock.monotonic() - began,
        n_orders=len(seen.recent),
        n_fills=len(seen.fills),
        n_positions=len(seen.positions),
        cash_usd=seen.balance.cash_usd,
        differences=tuple(still),
        taken_over=_taken_over(lines, still),
        unpriced=left.positions,
    )
    return lines


def _since(desk: Desk, account: str) -> tuple[datetime, bool]:
    """From when on orders and fills are read, and whether that is everything that is live."""
    last = desk.compared_at.get(account)
    is_due = desk.is_due(f"full comparison of {account}", desk.settings.reconcile_full_s)
    if last is not None and not is_due:
        return min(last, desk.clock.now()) - _MARGIN, False
    live = [o.created_at for o in desk.book.orders.values() if o.account == account]
    until = max(desk.heard_until.get(account, desk.clock.now()), desk.since(days=_MOST_BACK_DAYS))
    return min([*live, until, desk.since(days=1)]) - _MARGIN, True


async def _look(
    desk: Desk, broker: str, account: str, since: datetime, *, is_first: bool = False
) -> tuple[Findings, lists.Seen]:
    asked_at = desk.clock.monotonic()
    seen = await lists.read(desk, broker, account, since)
    splits.hold(desk, account, seen.positions)
    fewer.heard(desk, account, seen.positions)
    reports = [*seen.recent, *seen.working]
    booked = await lists.take_in(desk, account, since, seen.fills, reports, seen.positions)
    seen = replace(seen, booked=booked)
    absence.listed(desk, account, since, seen.recent, asked_at)
    if is_first:  # what the lists show needs no question of its own
        await unsettled.resolve(desk, account)
    return _judged(desk, account, seen), seen


def _judged(desk: Desk, account: str, seen: lists.Seen) -> Findings:
    """What differs between the books of now and what was read."""
    book = desk.book
    known = ChainMap(seen.booked, book.executions)
    found = reconcile.compare(
        orders=tuple(o for o in book.orders.values() if o.account == account),
        trades=tuple(t for t in book.trades.values() if t.account == account),
        positions=tuple(p for p in book.positions.values() if p.account == account),
        executions=known,
        broker_open=seen.working,
        broker_recent=seen.recent,
        broker_fills=[echo.named(f, known) for f in seen.fills],
        broker_positions=seen.positions,
        balance=seen.balance,
        account=book.accounts[account],
        now=desk.clock.now(),
    )
    # An unanswered order is no difference: it is being looked up, and people are told in time.
    lost = tuple(o for o in found.lost if o.state not in differences.UNSURE)
    return replace(found, lost=lost)


def _untold(desk: Desk, account: str, found: Findings, left: Findings) -> list[str]:
    """Without what has just been told as the fee of a coin: each purchase was told twice."""
    open_ = {gap.instrument for gap in left.positions}
    is_one = partial(coin_fee.is_one, desk, account)
    gaps = tuple(gap for gap in found.positions if gap.instrument in open_ or not is_one(gap))
    return reconcile.lines(replace(found, positions=gaps))


def _taken_over(lines: list[str], still: list[str]) -> tuple[str, ...]:
    """Differences that are none any more; of the same thing another figure may be left."""
    left = {line.partition(":")[0] for line in still}
    return tuple(line for line in lines if line.partition(":")[0] not in left)


async def _record(
    desk: Desk, account: str, lines: list[str], still: list[str], *, is_money: bool
) -> None:
    """Differences are shown while they last, and told once; ``still``: not taken over.

    ``is_money``: what is left is in cash alone: all that is held and works is known.
    """
    part, other = f"reconcile {account}", f"cash {account}"
    if is_money:
        part, other = other, part
    desk.health.pop(other, None)
    said = f"Reconciliation of {account}: "
    before, now = desk.health.get(part), said + "; ".join(still)
    if still:
        desk.health[part] = now
    else:
        desk.health.pop(part, None)
    if not lines or (lines == still and before == now):
        return
    text = said + "; ".join(lines) + ("" if still else ". Taken over: the books agree.")
    try:
        await desk.commit(
            desk.event(
                "reconcile.difference",
                f"reconcile-{account}",
                desk.note("admin", text),
                lines=lines,
            )
        )
    except (Conflict, StoreUnavailable):
        log.exception("reconciliation note was not stored")
