"""What still differs from a broker, seen twice: adopted, ended, left to a person, or waited for."""

from datetime import timedelta
from decimal import Decimal

from engine import orders
from engine.brokers import BrokerOrder
from engine.desk import Desk
from engine.domain.compared import PositionGap
from engine.domain.errors import OrderRejected
from engine.domain.money import ZERO
from engine.domain.order import Order, OrderState, Purpose, Side
from engine.domain.trade import LedgerEntry
from engine.flows.booking import expired, late_fill, renamed, repriced, taken_back, traded_outside
from engine.flows.brokers import coin_fee, lists
from engine.flows.common import aside, effects
from engine.flows.common.answers import QUIET
from engine.flows.common.aside import compare_later
from engine.flows.holdings import covered, fewer, splits
from engine.flows.holdings.cash import on_cash
from engine.flows.orders import doubt
from engine.reconcile import Findings

UNSURE = (OrderState.SUBMITTING, OrderState.UNKNOWN)
_UNHEARD_S = 30.0
_LAG = timedelta(minutes=5)
"""A broker's positions may be older than its executions."""
_REST_S = 2.0

_OURS_TOO = " The desk has a stop of its own: both may close more than is held. Take yours back."


async def adopt(
    desk: Desk, broker: str, account: str, before: Findings, found: Findings, seen: lists.Seen
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
    is_later = bool(found.positions or unsure) or is_changing(seen)
    is_later |= account in desk.unopened  # it is what its books begin with
    cash = found.cash if is_same and not is_later else None
    if cash is None or _may_be_paid_for(desk, account, cash.usd):
        return
    if not await repriced.on_cash(desk, account, seen.fills, cash.usd, cash.theirs):
        await on_cash(desk, account, cash.usd, cash.theirs)


def is_changing(seen: lists.Seen) -> bool:
    """Whether some executions are told otherwise than before, which is not believed yet."""
    return any(report.is_changing for report in seen.recent)


def is_unsure(desk: Desk, order: Order) -> bool:
    """What it has filled may be on its way still: without an answer, or told and not priced yet.

    So may the rest of a spread of which one leg was told before the others.
    """
    is_uneven = not order.state.is_terminal and not orders.is_even(order)
    is_lacking = is_uneven or not orders.is_whole(order)
    return order.state in UNSURE or (is_lacking and desk.clock.now() - order.updated_at < _LAG)


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
            await lists.asked(desk, desk.broker(broker).cancel(account, name))
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
