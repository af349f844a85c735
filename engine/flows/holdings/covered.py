"""An exit of ours that its broker ended unasked, and one that is none of ours in its place.

Somebody changed it in the broker's app, and nothing there names what took its place (where
something does, the adapters follow it). A second one would sell more than is held (I-17), and that
the other is ours would be a guess: it is left alone, told, and looked at until it is gone.
"""

import asyncio
import logging
from collections.abc import Awaitable, Iterable, Sequence
from decimal import Decimal
from functools import partial
from typing import TypeVar

from engine.asking import Rank, asking
from engine.brokers import BrokerOrder
from engine.desk import Desk
from engine.domain.errors import TradeStreamError
from engine.domain.money import ZERO
from engine.domain.order import WORKING, Order, OrderState, OrderType, Purpose, is_our_id
from engine.domain.trade import Trade, TradeState
from engine.exits.plan import has_stop_at_broker
from engine.flows.common import aside, own
from engine.flows.holdings import marks
from engine.reconcile import counted

log = logging.getLogger(__name__)

T = TypeVar("T")

_LOOK_S = 1.5
"""For what works to be told once a stop has ended: what it was for is bare meanwhile."""
_AGAIN_S = 4.0
"""At most so long after the end of the other one a stop of ours is missing (I-20)."""
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING)
_LIVE = ("accepted", "partial")
_ENDED = (OrderState.CANCELED, OrderState.REPLACED)


def is_cause(before: Order, after: Order) -> bool:
    """Whether an exit that worked was ended or changed there by nobody here."""
    return after.purpose is not Purpose.ENTRY and after.state in _ENDED and before.state in WORKING


def is_open(desk: Desk, trade_id: str, purpose: Purpose) -> bool:
    """Whether it is being found out what is there in the place of one; none leaves till then."""
    return desk.backoff.must_wait(_pause_of(trade_id, purpose))


def is_taken(desk: Desk, order: BrokerOrder) -> bool:
    """Whether it is taken for an exit of ours, of which people were told."""
    return any(order.broker_id in numbers for _, numbers in desk.doubts.covers.values())


def of(desk: Desk, trade: Trade) -> Decimal:
    """Units of it that stops which are none of ours may take."""
    return _units(desk, trade, Purpose.STOP)


def closing(desk: Desk, trade: Trade) -> Decimal:
    """Units of it that closes which are none of ours may take.

    Once the price is at its stop, which nobody else watches, ours goes out beside them; where that
    stop is what it is being closed for, somebody has taken it into his own hands.
    """
    units = _units(desk, trade, Purpose.CLOSE)
    if not units or not _is_at_stop(desk, trade):
        return units
    ended = {o.request_id for o in desk.book.orders_of(trade.trade_id) if o.state in _ENDED}
    is_for_stop = any(
        request.reason in ("stop", "trail") and request.request_id in ended
        for request in trade.closes
    )
    return units if is_for_stop else ZERO


def _units(desk: Desk, trade: Trade, purpose: Purpose) -> Decimal:
    return desk.doubts.covers.get((trade.trade_id, purpose), (ZERO, frozenset()))[0]


def _is_at_stop(desk: Desk, trade: Trade) -> bool:
    price, quote = marks.mark(desk, trade), desk.quote(trade.legs)
    if price is None and quote is not None:
        price = quote.touch(trade.direction < 0)
    if price is None or trade.stop is None:
        return False
    return (price - trade.stop.price) * trade.direction <= 0


def has_stop(desk: Desk, trade: Trade) -> bool:
    """Whether stops at the broker cover it whole: else the desk watches its stop price itself."""
    own_orders = desk.book.orders_of(trade.trade_id)
    if any(o.order_id in desk.doubts.cut and o.state in WORKING for o in own_orders):
        return False
    return has_stop_at_broker(trade, own_orders) or of(desk, trade) >= trade.qty_open


def begin(desk: Desk, order: Order) -> None:
    """Look what is there in its place before the next one leaves."""
    desk.backoff.wait(_pause_of(order.trade_id, order.purpose), 2 * _LOOK_S)
    desk.spawn(_look(desk, order), f"in the place of {order.order_id}")


async def listed(desk: Desk, account: str, working: Sequence[BrokerOrder]) -> None:
    """What a comparison shows, as after a start: which ones ended unasked nobody remembers."""
    for trade in desk.book.open_trades():
        for purpose in (Purpose.STOP, Purpose.CLOSE):
            own = [o for o in desk.book.orders_of(trade.trade_id) if o.purpose is purpose]
            is_over = own and all(o.state.is_terminal for o in own)
            if purpose is Purpose.CLOSE:
                is_over = is_over and bool(trade.closes) and own[-1].state in _ENDED
            is_known = (trade.trade_id, purpose) in desk.doubts.covers
            if is_over and trade.account == account and not is_known:
                await _take(desk, trade, working, purpose)


async def _look(desk: Desk, order: Order) -> None:
    pause = _pause_of(order.trade_id, order.purpose)
    try:
        working = await _working(desk, order.broker, order.account, Rank.BARE, _LOOK_S)
        trade = desk.book.trades.get(order.trade_id)
        if working is None or trade is None:
            return  # an exit too many is better than none
        is_there = await _take(desk, trade, working, order.purpose)
        if not is_there and order.purpose is Purpose.CLOSE:
            desk.backoff.wait(pause, _LOOK_S + desk.settings.broker_timeout_s)
            await _read_what_is_held(desk, trade)
    finally:
        desk.backoff.worked(pause)
        aside.settle_soon(desk, order.trade_id)


async def _read_what_is_held(desk: Desk, trade: Trade) -> None:
    """Where it is less than is booked, what took our exit's place has filled: booked first."""
    thing = trade.legs[0].instrument
    question = desk.broker(trade.broker).positions(trade.account)
    there = await _answer(question, trade.broker, Rank.BARE, _LOOK_S)
    if there is None:
        return
    theirs = sum((counted(p) for p in there if p.instrument == thing), ZERO)
    mine = desk.book.positions.values()
    ours = sum((p.qty for p in mine if (p.account, p.instrument) == (trade.account, thing)), ZERO)
    if abs(theirs) < abs(ours):
        again = partial(desk.compare, desk, trade.broker)
        work = desk.vigil(again, f"what took the place of an exit at {trade.broker}")
        await asyncio.wait([work], timeout=desk.settings.broker_timeout_s)


async def _working(
    desk: Desk, name: str, account: str, who: Rank, most_s: float
) -> Sequence[BrokerOrder] | None:
    """What works there; None when that is not known."""
    return await _answer(desk.broker(name).open_orders(account), name, who, most_s)


async def _answer(question: Awaitable[T], name: str, who: Rank, most_s: float) -> T | None:
    try:
        with asking(who):
            async with asyncio.timeout(most_s):
                return await question
    except (TradeStreamError, TimeoutError) as error:
        log.info("%s: what is there in the place of an exit is not known: %s", name, error)
    except Exception:  # an adapter's own bug must not keep an exit from being sent
        log.exception("%s: what is there in the place of an exit: the adapter failed", name)
    return None


async def _take(desk: Desk, trade: Trade, working: Sequence[BrokerOrder], purpose: Purpose) -> bool:
    """Remember how much of it is covered, and say so once for each order that covers it."""
    others = [o for o in working if await _is_foreign_exit(desk, trade, o, purpose)]
    covered = _covered(desk, trade, others)
    if covered <= 0:
        return False
    numbers = frozenset(other.broker_id for other in others)
    desk.doubts.covers[trade.trade_id, purpose] = covered, numbers
    desk.vigil(partial(_watch, desk, trade, purpose), f"what covers {trade.trade_id} as {purpose}")
    until = "until it is gone"
    if purpose is Purpose.CLOSE:
        until += ", or the price is at the stop"
    for other in others:
        price = other.limit if other.stop is None else other.stop
        at = "" if price is None else f" at {price:f}"
        await desk.tell(
            "admin",
            f"⚠ {trade.broker} ended the {purpose} of {trade.legs[0].instrument.label} "
            f"({trade.trade_id}), and order {other.broker_id}, which is none of ours, works there: "
            f"{other.side} {other.qty:f}{at}. Was it changed outside TradeStream? It is taken for "
            f"the {purpose}: none of ours is sent beside it, {until}.",
            note_id=f"covered-{trade.trade_id}-{other.broker_id}",
        )
    return True


async def _watch(desk: Desk, trade: Trade, purpose: Purpose) -> None:
    """Until nothing covers it any more: then it gets ours, unless that is what has filled."""
    while (trade.trade_id, purpose) in desk.doubts.covers:
        await desk.clock.sleep(_AGAIN_S)
        most_s = desk.settings.broker_timeout_s
        working = await _working(desk, trade.broker, trade.account, Rank.NAKED, most_s)
        now = desk.book.trades.get(trade.trade_id)
        if working is None:
            continue  # it was there, and nothing says that it is gone
        if now is not None and now.state is TradeState.OPEN:
            if await _take(desk, now, working, purpose):
                continue
            await _read_what_is_held(desk, now)
        desk.doubts.covers.pop((trade.trade_id, purpose), None)
        now = desk.book.trades.get(trade.trade_id)
        if now is not None and now.state is TradeState.OPEN:
            continue
        for other in [o for o in working if await _is_foreign_exit(desk, trade, o, purpose)]:
            await desk.tell(
                "admin",
                f"⚠ {trade.trade_id} is closed, and order {other.broker_id}, which is none of "
                f"ours, still works at {trade.broker}: {other.side} {other.qty:f} "
                f"{trade.legs[0].instrument.label}. It would open the other side: take it back.",
                note_id=f"left-{trade.trade_id}-{other.broker_id}",
            )
    aside.settle_soon(desk, trade.trade_id)


async def _is_foreign_exit(desk: Desk, trade: Trade, order: BrokerOrder, purpose: Purpose) -> bool:
    """Whether it would close the trade, and is none of ours."""
    is_stop = order.type in _STOPS
    if order.state not in _LIVE or is_stop is not (purpose is Purpose.STOP):
        return False
    sign = order.side.sign
    theirs = {leg.instrument: sign * leg.ratio for leg in order.legs}
    if theirs != {leg.instrument: -trade.direction * leg.ratio for leg in trade.legs}:
        return False
    if is_our_id(order.client_order_id):
        return False
    known = await own.order_of(desk, trade.account, order.client_order_id, order.broker_id)
    return known is None


def _covered(desk: Desk, trade: Trade, others: Iterable[BrokerOrder]) -> Decimal:
    """Units that have no room beside them: what somebody holds besides is theirs to protect."""
    things = [leg.instrument for leg in trade.legs]
    thing, each = things[0], abs(trade.legs[0].ratio)
    held = sum(
        (
            abs(p.qty) / each
            for p in desk.book.positions.values()
            if (p.account, p.instrument) == (trade.account, thing)
        ),
        ZERO,
    )
    mine = sum(
        (
            o.leaves
            for o in desk.book.orders.values()
            if o.account == trade.account and o.trade_id != trade.trade_id
            if o.purpose is not Purpose.ENTRY
            if [leg.instrument for leg in o.legs] == things
        ),
        ZERO,
    )
    theirs = sum((o.qty - o.filled for o in others), ZERO)
    if theirs <= 0:
        return ZERO
    return min(max(theirs + mine + trade.qty_open - held, ZERO), trade.qty_open)


def _pause_of(trade_id: str, purpose: Purpose) -> str:
    return f"{trade_id}|covered as {purpose}"
