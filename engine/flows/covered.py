"""A stop of ours that its broker ended unasked, and one that is none of ours in its place.

Somebody changed it in the broker's app, and nothing there names what took its place (where
something does, the adapters follow it). A second one would sell more than is held (I-17), and that
the other is ours would be a guess: it is left alone, told, and looked at until it is gone.
"""

import asyncio
import logging
from collections.abc import Iterable, Sequence
from decimal import Decimal
from functools import partial

from engine.asking import Rank, asking
from engine.brokers import BrokerOrder
from engine.desk import Desk
from engine.domain.errors import TradeStreamError
from engine.domain.money import ZERO
from engine.domain.order import WORKING, Order, OrderState, OrderType, Purpose, Side, is_our_id
from engine.domain.trade import Trade, TradeState
from engine.exits.plan import has_stop_at_broker
from engine.flows import effects, own

log = logging.getLogger(__name__)

_LOOK_S = 1.5
"""For what works to be told once a stop has ended: what it was for is bare meanwhile."""
_AGAIN_S = 4.0
"""At most so long after the end of the other one a stop of ours is missing (I-20)."""
_STOPS = (OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING)
_LIVE = ("accepted", "partial")


def is_cause(before: Order, after: Order) -> bool:
    """Whether a stop that worked was ended or changed there by nobody here."""
    is_over = after.state in (OrderState.CANCELED, OrderState.REPLACED)
    return after.purpose is Purpose.STOP and is_over and before.state in WORKING


def is_open(desk: Desk, trade_id: str) -> bool:
    """Whether it is being found out what is there in the place of a stop; none leaves till then."""
    return desk.backoff.must_wait(_pause_of(trade_id))


def of(desk: Desk, trade: Trade) -> Decimal:
    """Units of it that stops which are none of ours may take."""
    return desk.doubts.covers.get(trade.trade_id, ZERO)


def has_stop(desk: Desk, trade: Trade) -> bool:
    """Whether stops at the broker cover it whole: else the desk watches its stop price itself."""
    own_orders = desk.book.orders_of(trade.trade_id)
    if any(o.order_id in desk.doubts.cut and o.state in WORKING for o in own_orders):
        return False
    return has_stop_at_broker(trade, own_orders) or of(desk, trade) >= trade.qty_open


def begin(desk: Desk, order: Order) -> None:
    """Look what is there in its place before the next one leaves."""
    desk.backoff.wait(_pause_of(order.trade_id), 2 * _LOOK_S)
    desk.spawn(_look(desk, order), f"in the place of {order.order_id}")


async def listed(desk: Desk, account: str, working: Sequence[BrokerOrder]) -> None:
    """What a comparison shows, as after a start: which stops ended unasked nobody remembers."""
    for trade in desk.book.open_trades():
        stops = [o for o in desk.book.orders_of(trade.trade_id) if o.purpose is Purpose.STOP]
        is_over = stops and all(o.state.is_terminal for o in stops)
        if is_over and trade.account == account and trade.trade_id not in desk.doubts.covers:
            await _take(desk, trade, working)


async def _look(desk: Desk, order: Order) -> None:
    try:
        working = await _working(desk, order.broker, order.account, Rank.BARE, _LOOK_S)
        trade = desk.book.trades.get(order.trade_id)
        if working is not None and trade is not None:  # else a stop too many is better than none
            await _take(desk, trade, working)
    finally:
        desk.backoff.worked(_pause_of(order.trade_id))
        effects.settle_soon(desk, order.trade_id)


async def _working(
    desk: Desk, name: str, account: str, who: Rank, most_s: float
) -> Sequence[BrokerOrder] | None:
    """What works there; None when that is not known."""
    try:
        with asking(who):
            async with asyncio.timeout(most_s):
                return await desk.broker(name).open_orders(account)
    except (TradeStreamError, TimeoutError) as error:
        log.info("%s: what works in the place of a stop is not known: %s", name, error)
    except Exception:  # an adapter's own bug must not keep a stop from being sent
        log.exception("%s: what works in the place of a stop: the adapter failed", name)
    return None


async def _take(desk: Desk, trade: Trade, working: Sequence[BrokerOrder]) -> None:
    """Remember how much of it is covered, and say so once for each order that covers it."""
    others = [o for o in working if await _is_foreign_stop(desk, trade, o)]
    covered = _covered(desk, trade, others)
    if covered <= 0:
        desk.doubts.covers.pop(trade.trade_id, None)
        return
    desk.doubts.covers[trade.trade_id] = covered
    desk.vigil(partial(_watch, desk, trade), f"what covers {trade.trade_id}")
    for other in others:
        at = "" if other.stop is None else f" at {other.stop:f}"
        await desk.tell(
            "admin",
            f"⚠ {trade.broker} ended the stop of {trade.legs[0].instrument.label} "
            f"({trade.trade_id}), and order {other.broker_id}, which is none of ours, works there: "
            f"{other.side} {other.qty:f}{at}. Was it changed outside TradeStream? It is taken for "
            "the stop: none of ours is sent beside it, until it is gone.",
            note_id=f"covered-{trade.trade_id}-{other.broker_id}",
        )


async def _watch(desk: Desk, trade: Trade) -> None:
    """Until nothing covers it any more: then it gets its stop."""
    while trade.trade_id in desk.doubts.covers:
        await desk.clock.sleep(_AGAIN_S)
        most_s = desk.settings.broker_timeout_s
        working = await _working(desk, trade.broker, trade.account, Rank.NAKED, most_s)
        now = desk.book.trades.get(trade.trade_id)
        if working is None:
            continue  # it was there, and nothing says that it is gone
        if now is not None and now.state is TradeState.OPEN:
            await _take(desk, now, working)
            continue
        desk.doubts.covers.pop(trade.trade_id, None)
        for other in [o for o in working if await _is_foreign_stop(desk, trade, o)]:
            await desk.tell(
                "admin",
                f"⚠ {trade.trade_id} is closed, and order {other.broker_id}, which is none of "
                f"ours, still works at {trade.broker}: {other.side} {other.qty:f} "
                f"{trade.legs[0].instrument.label}. It would open the other side: take it back.",
                note_id=f"left-{trade.trade_id}-{other.broker_id}",
            )
    effects.settle_soon(desk, trade.trade_id)


async def _is_foreign_stop(desk: Desk, trade: Trade, order: BrokerOrder) -> bool:
    """Whether it would close the trade, and is none of ours."""
    side = Side.SELL if trade.direction > 0 else Side.BUY
    if order.state not in _LIVE or order.type not in _STOPS or order.side is not side:
        return False
    if len(trade.legs) > 1 or [leg.instrument for leg in order.legs] != [trade.legs[0].instrument]:
        return False
    if is_our_id(order.client_order_id):
        return False
    known = await own.order_of(desk, trade.account, order.client_order_id, order.broker_id)
    return known is None


def _covered(desk: Desk, trade: Trade, others: Iterable[BrokerOrder]) -> Decimal:
    """Units that have no room beside them: what somebody holds besides is theirs to protect."""
    thing = trade.legs[0].instrument
    held = sum(
        (
            abs(p.qty)
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
            if o.purpose is not Purpose.ENTRY and not o.state.is_terminal
            if [leg.instrument for leg in o.legs] == [thing]
        ),
        ZERO,
    )
    theirs = sum((o.qty - o.filled for o in others), ZERO)
    if theirs <= 0:
        return ZERO
    return min(max(theirs + mine + trade.qty_open - held, ZERO), trade.qty_open)


def _pause_of(trade_id: str) -> str:
    return f"{trade_id}|covered"
