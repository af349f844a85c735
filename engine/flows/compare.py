"""Our books against one broker's: take in what it knows, adopt what is foreign, send nothing.

A difference counts only when it is seen twice in a row: the broker trades on while it is asked.
"""

import asyncio
import logging
from collections import ChainMap
from collections.abc import Awaitable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any, TypeVar

from engine import orders, reconcile
from engine.asking import Rank, answered_within, asking
from engine.brokers import Balance, BrokerFill, BrokerOrder, BrokerPosition
from engine.desk import Desk
from engine.domain.compared import Compared, PositionGap
from engine.domain.errors import (
    BrokerUnavailable,
    Conflict,
    OrderRejected,
    StoreUnavailable,
)
from engine.domain.money import ZERO
from engine.domain.order import Order, OrderState, Purpose, Side
from engine.domain.trade import Execution, LedgerEntry
from engine.flows import (
    absence,
    aside,
    coin_fee,
    covered,
    doubt,
    echo,
    effects,
    ends,
    expired,
    fewer,
    heard,
    late_fill,
    load,
    marks,
    opening,
    polled,
    renamed,
    reported,
    repriced,
    splits,
    taken_back,
    traded_outside,
    unsettled,
)
from engine.flows.answers import QUIET, of_each
from engine.flows.aside import compare_later
from engine.flows.cash import on_cash
from engine.flows.fills import on_fill, undoes_booked
from engine.reconcile import Findings

log = logging.getLogger(__name__)

T = TypeVar("T")

_MARGIN = timedelta(hours=1)
_SKEW = timedelta(minutes=2)
_MOST_BACK_DAYS = 30
"""What happened while nothing was heard for longer is read no further back."""
_UNSURE = (OrderState.SUBMITTING, OrderState.UNKNOWN)
_UNHEARD_S = 30.0
_LAG = timedelta(minutes=5)
"""A broker's positions may be older than its executions."""

_REST_S = 2.0
_CASH_MOVES_S, _CASH_EVERY_S = 3.0, 30.0
"""Money that moved between two looks has come to rest by then; so often it is looked at apart."""

_OURS_TOO = " The desk has a stop of its own: both may close more than is held. Take yours back."


@dataclass(frozen=True, slots=True, kw_only=True)
class _Seen:
    """One reading of a broker, whole: a list that cannot be read ends the comparison."""

    fills: Sequence[BrokerFill]
    recent: Sequence[BrokerOrder]
    working: Sequence[BrokerOrder]
    positions: Sequence[BrokerPosition]
    balance: Balance
    booked: dict[str, Execution | None]
    """Executions that the store holds: a busy day has more of them than memory keeps."""


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
            await _adopt(desk, broker, account, before, findings, seen)
            left = _judged(desk, account, seen)
    is_begun = await opening.finish(desk, account, left)
    if is_begun:
        left = _judged(desk, account, seen)
    await ends.net(desk, account, {gap.instrument for gap in left.positions})
    desk.doubts.settled(account, {gap.instrument.key for gap in left.positions})
    fewer.settled(desk, account, left.positions)
    if _is_changing(seen):
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
) -> tuple[Findings, _Seen]:
    asked_at = desk.clock.monotonic()
    seen = await _read(desk, broker, account, since)
    splits.hold(desk, account, seen.positions)
    fewer.heard(desk, account, seen.positions)
    reports = [*seen.recent, *seen.working]
    booked = await take_in(desk, account, since, seen.fills, reports, seen.positions)
    seen = replace(seen, booked=booked)
    absence.listed(desk, account, since, seen.recent, asked_at)
    if is_first:  # what the lists show needs no question of its own
        await unsettled.resolve(desk, account)
    return _judged(desk, account, seen), seen


def _judged(desk: Desk, account: str, seen: _Seen) -> Findings:
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
    lost = tuple(o for o in found.lost if o.state not in _UNSURE)
    return replace(found, lost=lost)


async def _read(desk: Desk, name: str, account: str, since: datetime) -> _Seen:
    """The broker's lists, with no fill in between: the same is held before and after.

    Side by side, so that what two of them are made of is read once.
    """
    broker = desk.broker(name)
    held = await asked(desk, broker.positions(account))
    for _ in range(3):
        before = held
        fills, recent, working, balance = await together(
            desk,
            broker.fills_since(account, since),
            broker.orders_since(account, since),
            broker.open_orders(account),
            broker.balance(account),
        )
        desk.balances[account] = balance
        held = await asked(desk, broker.positions(account))
        marks.said(desk, held)
        if _sizes(held) == _sizes(before):
            break
    return _Seen(
        fills=of_these_books(desk, account, fills),
        recent=recent,
        working=working,
        positions=held,
        balance=balance,
        booked={},
    )


def of_these_books(desk: Desk, account: str, fills: Iterable[BrokerFill]) -> list[BrokerFill]:
    """Without a stranger's of before they began: what was sold then would open the other side.

    Ours count whenever the broker's clock says they were: it may be far behind.
    """
    opened = desk.opened_at.get(account)
    if opened is None or opened > desk.clock.now():
        return list(fills)
    numbers = {o.broker_id for o in desk.book.orders.values() if o.account == account}
    return [
        fill
        for fill in fills
        if fill.executed_at >= opened - _SKEW
        or fill.client_order_id in desk.book.orders
        or fill.broker_id in numbers
    ]


def _sizes(held: Sequence[BrokerPosition]) -> dict[str, Decimal]:
    return {position.instrument.key: position.qty for position in held}


async def together(desk: Desk, *questions: Coroutine[Any, Any, Any]) -> list[Any]:
    """All answers in time, or the first failure; nobody goes on asking after it."""
    works = [asyncio.create_task(asked(desk, question)) for question in questions]
    try:
        return await asyncio.gather(*works)
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)
        for question in questions:
            question.close()  # one that had not begun yet when the desk stopped


async def asked(desk: Desk, question: Awaitable[T]) -> T:
    """A broker's answer in time.

    Raises:
        BrokerUnavailable, BrokerAuthError: there is none.
    """
    try:
        async with answered_within(desk.settings.broker_timeout_s):
            return await question
    except TimeoutError:
        raise BrokerUnavailable("no answer in time") from None


async def take_in(
    desk: Desk,
    account: str,
    since: datetime,
    fills: Sequence[BrokerFill],
    reports: Sequence[BrokerOrder],
    positions: Sequence[BrokerPosition],
) -> dict[str, Execution | None]:
    """Book every fill that is not, then hear every report; what the store had of them."""
    booked: dict[str, Execution | None] = {}
    known = ChainMap(booked, desk.book.executions)
    fresh = _fresh(fills, known)
    if fresh:
        oldest = min([since, *(f.executed_at for f in fresh)])
        rows = await desk.store.find(
            Execution, where={"account": account}, since=("executed_at", oldest)
        )
        for row in rows:
            desk.book.put(row)
            booked[row.execution_id] = row
        fresh = _fresh(fresh, known)
        fresh = await repriced.told_anew(desk, fresh, fills, reports, since)
        await splits.before(desk, account, positions, fresh)
    if undone := [f for f in fresh if undoes_booked(desk, f)]:
        for fill in undone:
            await on_fill(desk, fill, is_listed=True)
        # What is left of one would look like another told twice.
        for report in await _news(desk, account, since, reports):
            await reported.on_report(desk, report)
    for fill in sorted(fresh, key=_turn):
        await on_fill(desk, fill, is_listed=True)
    for report in await _news(desk, account, since, reports):
        await reported.on_report(desk, report)
    return booked


def _turn(fill: BrokerFill) -> int:
    """What another one is about, or comes for, is booked after it."""
    if fill.kind in ("bust", "correct"):
        return 2
    return int(fill.kind == "exercise" and fill.instrument.kind != "option")


def _fresh(fills: Iterable[BrokerFill], known: Mapping[str, Execution | None]) -> list[BrokerFill]:
    named = (echo.named(fill, known) for fill in fills)
    return [fill for fill in named if not reconcile.is_booked(fill, known)]


async def _news(
    desk: Desk, account: str, since: datetime, reports: Sequence[BrokerOrder]
) -> Sequence[BrokerOrder]:
    """Without what only repeats how an order ended: a day has a thousand of those.

    They are read from the store at once; one by one takes longer than all of the broker's lists.
    """
    live = desk.book.orders
    if all(r.client_order_id in live for r in reports):
        return reports
    known = await desk.store.find(Order, where={"account": account}, since=("created_at", since))
    over = {o.order_id: o for o in known if o.state.is_terminal and o.order_id not in live}
    now = desk.clock.now()
    return [
        report
        for report in reports
        if (order := over.get(report.client_order_id)) is None
        or orders.seen(order, report, now) is not order
        or orders.needs_fills(order, report)
    ]


# -- what differs -----------------------------------------------------------------------------


async def _adopt(
    desk: Desk, broker: str, account: str, before: Findings, found: Findings, seen: _Seen
) -> None:
    """Differences that two looks agree on become entries of ours, or somebody is told."""
    for order in found.lost:
        await doubt.look_up(desk, order.order_id)
    for report in found.zombies:
        await _end_zombie(desk, broker, account, report)
    await covered.listed(desk, account, found.external_orders)
    for report in found.external_orders:
        if covered.is_taken(desk, report):
            continue  # which was told
        closes = _OURS_TOO if _may_protect(desk, account, report) else ""
        await desk.tell(
            "admin",
            f"{account}: order {report.broker_id} ({report.side} {report.qty:f} "
            f"{report.legs[0].instrument.label}) was placed outside TradeStream. It is left alone."
            + closes,
            note_id=f"outside-{report.broker_id or report.client_order_id}",
        )
    if found.missed_fills or found.settlements or found.external_fills:
        return  # they could not be booked: positions and cash mean nothing until they are
    mine = [o for o in desk.book.orders.values() if o.account == account and is_unsure(desk, o)]
    unsure = {leg.instrument for o in (*found.lost, *mine) for leg in o.legs}  # it may be theirs
    gaps = [g for g in found.positions if g in before.positions and g.instrument not in unsure]
    # A split first: its shares would pass for those of an option that was exercised.
    gaps = [g for g in gaps if not await splits.on_gap(desk, account, g)]
    gaps = await renamed.on_gaps(desk, account, gaps, found.cash)
    gaps = list(await expired.on_gaps(desk, account, gaps, found.cash))
    for gap in [g for g in gaps if not _may_be_filling(desk, account, g)]:
        if not await taken_back.on_gap(desk, account, gap, seen.recent, seen.fills):
            await _adopt_position(desk, account, gap)
    is_same = before.cash is not None and found.cash == before.cash
    # What is corrected in a moment, or has filled unheard, has moved its money already.
    is_later = bool(found.positions or unsure) or _is_changing(seen)
    is_later |= account in desk.unopened  # it is what its books begin with
    cash = found.cash if is_same and not is_later else None
    if cash is None or _may_be_paid_for(desk, account, cash.usd):
        return
    if not await repriced.on_cash(desk, account, seen.fills, cash.usd, cash.theirs):
        await on_cash(desk, account, cash.usd, cash.theirs)


def _is_changing(seen: _Seen) -> bool:
    return any(report.is_changing for report in seen.recent)


def is_unsure(desk: Desk, order: Order) -> bool:
    """What it has filled may be on its way still: without an answer, or told and not priced yet.

    So may the rest of a spread of which one leg was told before the others.
    """
    is_uneven = not order.state.is_terminal and not orders.is_even(order)
    is_lacking = is_uneven or not orders.is_whole(order)
    return order.state in _UNSURE or (is_lacking and desk.clock.now() - order.updated_at < _LAG)


def _may_be_filling(desk: Desk, account: str, gap: PositionGap) -> bool:
    """Whether more is held because an entry of ours fills, and its lists have not heard of it yet.

    As a stranger's it would have no stop, and be held twice once it is told. Lists lag for no
    longer than that.
    """
    working = desk.book.pending_entries(account)
    mine = [o for o in working if [leg.instrument for leg in o.legs] == [gap.instrument]]
    if not any(o.side.sign * gap.qty > 0 and o.leaves >= abs(gap.qty) for o in mine):
        return False
    return _is_unheard(desk, account, f"{account}|{gap.instrument.key}|{gap.theirs}|filling")


def _may_be_paid_for(desk: Desk, account: str, usd: Decimal) -> bool:
    """The same of money: positions may lag as well. It is no deposit, nor taken out."""
    working = desk.book.pending_entries(account)
    if not any(o.side.sign * usd < 0 and len(o.legs) == 1 for o in working):
        return False
    return _is_unheard(desk, account, f"cash of {account}|{usd}")


def _is_unheard(desk: Desk, account: str, name: str) -> bool:
    """Whether it has not lasted for longer than lists lag; then it is looked at again."""
    now = desk.clock.monotonic()
    left_s = desk.doubts.lacking.setdefault(name, now) + _UNHEARD_S - now
    if left_s <= 0:
        return False
    pause_s, why = min(taken_back.SURE_S, left_s), f"unheard for {left_s:.0f} s more"
    compare_later(desk, desk.settings.accounts[account], pause_s, why)
    return True


async def _end_zombie(desk: Desk, broker: str, account: str, report: BrokerOrder) -> None:
    """Over with us, alive there: an order that nobody watches must not fill."""
    name = report.client_order_id
    note_id = f"zombie-{name}"
    order = await desk.order(name)
    if order is None and _may_protect(desk, account, report):
        what = "unknown to the books, and left alone because it may protect a position"
    else:
        is_over = order is None or order.state.is_terminal
        how = "over with us" if is_over else "there twice"
        what = f"{how}; it is being cancelled"
        try:
            await asked(desk, desk.broker(broker).cancel(account, name))
            if order is not None and order.purpose is not Purpose.ENTRY:
                desk.backoff.worked(effects.pace_of_exit(order.trade_id, order.purpose))
                aside.settle_soon(desk, order.trade_id)
        except (OrderRejected, *QUIET) as error:
            what, note_id = f"{how}, and could not be cancelled: {error}", f"{note_id}-stays"
    await desk.tell("admin", f"⚠ Order {name} lives at {broker} and is {what}.", note_id=note_id)


def _may_protect(desk: Desk, account: str, report: BrokerOrder) -> bool:
    sign = 1 if report.side is Side.BUY else -1
    held = sum(
        (
            p.qty
            for p in desk.book.positions.values()
            if p.account == account and p.instrument == report.legs[0].instrument
        ),
        ZERO,
    )
    return held * sign < 0


async def _adopt_position(desk: Desk, account: str, gap: PositionGap) -> None:
    """More there than here is adopted at the broker's price; less is nothing that we can price.

    A bought coin of which a little is missing paid its fee in itself: what is not there cannot be
    sold, and an exit of all of it would be refused for ever.
    """
    is_more = gap.theirs * gap.qty > 0 and gap.ours * gap.qty >= 0
    is_fee = coin_fee.is_one(desk, account, gap)
    price = ZERO if is_fee else gap.avg_price if is_more else None
    said = coin_fee.said(account, gap) if is_fee else ""
    late = None if is_fee else await late_fill.twice(desk, account, gap)
    part = gap if late is None else late.gap
    if late is not None:
        price, said = late.adopted.price, late_fill.said(account, part)
    is_twice = late is not None and not is_more
    lags = not is_twice and await _lags(desk, account, gap)
    if price is None or lags:  # shown and told as a difference until its fill, or a person, ends it
        if gap.is_less and not (lags and fewer.is_behind(desk, account, gap)):
            await fewer.on_gap(desk, account, gap)
        return
    now = desk.clock.now()
    name = late_fill.adoption_id(account, part, now)
    fill = traded_outside.of_gap(account, part, name, price, now)
    await traded_outside.on_external(desk, fill, said=said, of=late.holder if late else ())
    if part != gap:  # the rest is of another booking
        compare_later(desk, desk.book.accounts[account].broker, _REST_S, "booked twice")


async def _lags(desk: Desk, account: str, gap: PositionGap) -> bool:
    """Whether it is what was held before what was booked just now: the list has not heard of it.

    When it was booked counts: the broker's clock and ours need not agree.
    """
    rows = await desk.store.find(
        LedgerEntry,
        where={"account": account},
        since=("booked_at", desk.clock.now() - _LAG),
    )
    held = gap.ours
    for row in reversed(rows):
        if row.instrument_key == gap.instrument.key:
            held -= row.qty
            if held == gap.theirs:
                return True
    return False


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
