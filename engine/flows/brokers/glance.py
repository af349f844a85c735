"""The first look after a start, where lists are long and turns are few: all as it was left?

What is held, the money and what works there agree with the books to the unit and to the cent: then
nothing that matters for the next entry stands in the list of what is over. It is read afterwards.
"""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial

from engine import reconcile
from engine.asking import Rank, asking
from engine.brokers import Balance, Broker, BrokerFill, BrokerOrder, BrokerPosition, ListsDone, Seen
from engine.desk import Desk
from engine.domain.instrument import Instrument
from engine.domain.order import UNANSWERED, WORKING, Order, OrderState, Purpose, Side
from engine.flows.booking import reported
from engine.flows.brokers import unsettled
from engine.flows.brokers.lists import asked, of_these_books, take_in, together
from engine.flows.common import aside
from engine.flows.holdings import covered, marks, splits
from engine.flows.orders import absence, doubt
from engine.reconcile import Findings

_OPEN_ENDED = (*UNANSWERED, OrderState.PENDING_CANCEL)
_LATELY = timedelta(minutes=10)
_LOOKS, _PAUSE_S = 30, 0.25
_MANY, _ASKED = 3, 15
"""Fewer are looked up one by one; so many exits are asked for side by side at a start."""
_FEW, _PAGE = 6, 100
"""So few take no more turns than a list, and as many orders stand on one page of it."""
_SKEW = timedelta(minutes=1)
"""The broker's clock and ours need not agree."""


async def is_as_left(desk: Desk, name: str) -> bool:
    """Whether entries may go there before all lists have been read; news on the way is taken in.

    Raises:
        BrokerUnavailable, BrokerAuthError, OrderStateUnknown: nothing was concluded.
        StoreUnavailable.
    """
    if desk.broker(name).caps.has_stream:
        return False  # whoever tells by himself lists fast enough
    mark = f"looked at since {desk.clock.now():%H:%M:%S.%f}"
    desk.gates[name] = mark
    with asking(Rank.COMPARE):
        for account, at in desk.settings.accounts.items():
            if at == name and not await _agrees(desk, name, account):
                return False
    return desk.gates.get(name) == mark


async def _agrees(desk: Desk, name: str, account: str) -> bool:
    broker = desk.broker(name)
    working, held, balance = await together(
        desk, broker.open_orders(account), broker.positions(account), broker.balance(account)
    )
    splits.hold(desk, account, held)
    for report in working:
        await reported.on_report(desk, report, asked=True)
    judged = partial(_found, desk, account, working, held, balance)
    unworking = partial(_unseen, desk, account, working)
    if _less(judged()):
        # Its stop may be gone as well: one anew for all that the books hold would sell it twice.
        await _explain(desk, broker, account, unworking, held, judged)
    unseen = unworking()
    await _listed(desk, broker, account, unseen)
    found = judged()
    if _less(found):
        await _read_back(desk, broker, account, held)
        found = judged()
    known = [desk.book.orders.get(o.order_id) for o in unseen]
    gone = [o for o in known if o is not None and o.state in WORKING]
    for order in [o for o in gone if o.purpose is not Purpose.ENTRY and not _is_exit(desk, o)]:
        gone.remove(order)  # of what is held no more: nothing waits for its end
        desk.vigil(partial(doubt.look_up, desk, order.order_id), f"find {order.order_id}")
    await asyncio.gather(
        unsettled.resolve(desk, account, {gap.instrument for gap in found.positions}),
        *(doubt.look_up(desk, o.order_id) for o in gone),
    )
    await covered.listed(desk, account, working)
    for trade in desk.book.trades.values():
        if trade.account == account:
            aside.settle_soon(desk, trade.trade_id)
    for _ in range(_LOOKS):  # what has no stop comes first: nothing new is opened beside it
        if not any(o.state in _OPEN_ENDED and _is_exit(desk, o) for o in _of(desk, account)):
            break
        await desk.clock.sleep(_PAUSE_S)
    if _is_same(_found(desk, account, working, held, balance)):
        return True
    # It was read before what it is compared with.
    held, balance = await together(desk, broker.positions(account), broker.balance(account))
    return _is_same(_found(desk, account, working, held, balance))


def _unseen(desk: Desk, account: str, working: Sequence[BrokerOrder]) -> list[Order]:
    """Orders of ours that may be there and do not work there."""
    listed = {one for r in working for one in (r.client_order_id, r.broker_id) if one}
    mine = [o for o in _of(desk, account) if o.state.is_at_broker]
    return [o for o in mine if not {o.order_id, o.broker_id} & listed]


def _is_exit(desk: Desk, order: Order) -> bool:
    trade = desk.book.trades.get(order.trade_id)
    return order.purpose is not Purpose.ENTRY and trade is not None and trade.qty_open != 0


def _of(desk: Desk, account: str) -> list[Order]:
    return [o for o in desk.book.orders.values() if o.account == account]


async def _listed(desk: Desk, broker: Broker, account: str, unseen: Sequence[Order]) -> None:
    """One list of what was sent lately tells of most of them; the rest is looked up one by one."""
    now = desk.clock.now()
    lately = [o.created_at for o in unseen if now - o.created_at < _LATELY]
    if len(lately) < _MANY:
        return
    since, asked_at = min(lately) - _SKEW, desk.clock.monotonic()
    told = await asked(desk, broker.orders_since(account, since))
    for report in told:
        await reported.on_report(desk, report, asked=True)
    absence.listed(desk, account, since, told, asked_at)


async def _explain(
    desk: Desk,
    broker: Broker,
    account: str,
    unseen: Callable[[], Sequence[Order]],
    held: Sequence[BrokerPosition],
    judged: Callable[[], Findings],
) -> None:
    """Why less is held: exits filled, or somebody sold, since the desk went; booked then.

    Of the lists what is newest, then what became of the exits: the lists of a long day are seconds
    of the broker's turns. What does not come out of it is found when all is read.
    """
    left_at = desk.left_at or desk.clock.now()
    since = min(left_at, desk.clock.now()) - _SKEW
    fills, reports = await asked(desk, _lately(broker, account, since))
    await take_in(desk, account, since, of_these_books(desk, account, fills), reports, held)
    gaps = _less(judged())
    mine = [o for o in unseen() if o.purpose is not Purpose.ENTRY]
    exits = [o for o in mine if o.legs[0].instrument in gaps]
    if not broker.caps.finds_by_client_id:
        return
    ended = await _ended(desk, broker, account, exits)
    if len(ended) < len(exits):
        return
    for order in exits:
        news = (ended[order.order_id].filled - order.filled) * order.legs[0].ratio
        gaps[order.legs[0].instrument] -= news if order.side is Side.BUY else -news
    if any(gaps.values()):
        return  # what somebody sold by hand is among it: that is read first
    for report in ended.values():
        await reported.on_report(desk, report, asked=True)


async def _ended(
    desk: Desk, broker: Broker, account: str, exits: Sequence[Order]
) -> dict[str, BrokerOrder]:
    """Those of the exits that have filled: of many by one list, where that takes fewer turns.

    A list may not know the newest yet: what is not over in it is asked for alone.
    """
    ended: dict[str, BrokerOrder] = {}
    if len(exits) > _FEW:
        since = min(order.created_at for order in exits)
        sent = await desk.store.find(Order, where={"account": account}, since=("created_at", since))
        if len(sent) // _PAGE < len(exits) - _FEW:
            told = await asked(desk, broker.orders_since(account, since - _SKEW))
            ended = {o.client_order_id: o for o in told if o.state == "filled"}
            ended = {o.order_id: ended[o.order_id] for o in exits if o.order_id in ended}
    left = [order for order in exits if order.order_id not in ended]
    if len(left) > _ASKED:
        return ended
    said = await together(desk, *(broker.find(account, order.order_id) for order in left))
    alone = [one.order for one in said if isinstance(one, Seen) and one.order.state == "filled"]
    return ended | {order.client_order_id: order for order in alone}


async def _lately(
    broker: Broker, account: str, since: datetime
) -> tuple[list[BrokerFill], list[BrokerOrder]]:
    """Executions since, and the orders that they are of."""
    if isinstance(broker, ListsDone):
        done = await broker.done_since(account, since)
        return [fill for order in done for fill in order.fills], done
    return await asyncio.gather(
        broker.fills_since(account, since), broker.orders_since(account, since)
    )


def _less(found: Findings) -> dict[Instrument, Decimal]:
    """What is held less of than is booked."""
    return {gap.instrument: gap.qty for gap in found.positions if gap.is_less}


async def _read_back(
    desk: Desk, broker: Broker, account: str, held: Sequence[BrokerPosition]
) -> None:
    """What was traded while nobody listened, before what became of our orders."""
    since = min(desk.heard_until.get(account, desk.clock.now()), desk.clock.now() - _LATELY) - _SKEW
    fills, reports = await together(
        desk, broker.fills_since(account, since), broker.orders_since(account, since)
    )
    await take_in(desk, account, since, of_these_books(desk, account, fills), reports, held)


def _is_same(found: Findings) -> bool:
    return not (found.positions or found.cash or found.zombies or found.uneven or found.unread)


def _found(
    desk: Desk,
    account: str,
    working: Sequence[BrokerOrder],
    held: Sequence[BrokerPosition],
    balance: Balance,
) -> Findings:
    book = desk.book
    desk.balances[account] = balance
    marks.said(desk, held)
    return reconcile.compare(
        orders=_of(desk, account),
        trades=tuple(t for t in book.trades.values() if t.account == account),
        positions=tuple(p for p in book.positions.values() if p.account == account),
        executions=book.executions,
        broker_open=working,
        broker_recent=(),
        broker_fills=(),
        broker_positions=held,
        balance=balance if balance.cash_usd is not None else None,
        account=book.accounts[account],
        now=desk.clock.now(),
    )
