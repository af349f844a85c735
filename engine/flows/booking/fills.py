"""Executions become books: each once, whatever state its order and its trade are in."""

import logging
from decimal import Decimal

from engine import ledger
from engine.brokers import BrokerFill
from engine.desk import Desk
from engine.domain import words
from engine.domain.errors import Conflict, InvariantError
from engine.domain.order import Order, Purpose
from engine.domain.record import Record
from engine.domain.trade import Execution, Position, Trade, TradeState
from engine.flows.booking import amend, echo, ends, traded_outside
from engine.flows.common import aside, effects, own
from engine.flows.common.aside import compare_later
from engine.flows.holdings import unasked, water
from engine.reconcile import is_booked

log = logging.getLogger(__name__)

FILL_WAIT_S = 1.0
"""The execution usually follows its order's report; after so long it is asked for."""


async def on_fill(
    desk: Desk, fill: BrokerFill, *, is_last: bool = True, is_listed: bool = False
) -> None:
    """Book one execution, once; it may come early, late, twice or for no order of ours.

    ``is_last``: else more of its order follow at once, and a stop is for all of them.
    ``is_listed``: a comparison has it, with all that it may be about.

    Raises:
        StoreUnavailable: it is not booked; comparing with the broker brings it again.
    """
    fill = echo.named(fill, desk.book.executions)
    if is_booked(fill, desk.book.executions):
        return
    try:
        _check(fill)
        if fill.kind in ("bust", "correct"):
            await _amended(desk, fill, is_listed=is_listed)
        elif fill.kind != "fill":
            await ends.on_end(desk, fill)
        else:
            await _filled(desk, fill, is_last=is_last)
    except InvariantError as error:
        await _unfitting(desk, fill, error)


def undoes_booked(desk: Desk, fill: BrokerFill) -> bool:
    """Whether it takes back or corrects what is in the books: that goes before anything new."""
    return fill.kind in ("bust", "correct") and fill.of in desk.book.executions


async def _filled(desk: Desk, fill: BrokerFill, *, is_last: bool) -> None:
    order = await own.order_of(desk, fill.account, fill.client_order_id, fill.broker_id)
    if order is not None:
        await _on_own(desk, fill, order)
        if is_last:
            aside.settle_soon(desk, order.trade_id)
    elif (doubtful := own.may_be_of(desk, fill)) is not None:
        # Not booked yet: comparing brings it again, once it is known whose it is.
        desk.gates[doubtful.broker] = f"an execution may be of order {doubtful.order_id}"
    else:
        await traded_outside.on_external(desk, fill)


async def _amended(desk: Desk, fill: BrokerFill, *, is_listed: bool) -> None:
    """A bust or correction; of something that is not booked it waits for the comparison.

    What is not booked by then either was never in the books: nothing of theirs is changed by it,
    and what differs from what is held is found by that.
    """
    if await amend.on_amended(desk, fill):
        return
    if not is_listed:
        broker = desk.book.accounts[fill.account].broker
        desk.gates[broker] = f"execution {fill.of} was changed and is not booked"
        return
    done = "took back" if fill.kind == "bust" else "corrected"
    await desk.tell(
        "admin",
        f"⚠ {fill.account}: the broker {done} an execution that the books never had "
        f"({fill.side} {fill.qty:f} {fill.instrument.label}). They are left as they are.",
        note_id=f"amended-{fill.execution_id}-{fill.kind}",
    )


def _check(fill: BrokerFill) -> None:
    """Refuse what can be no execution, before anything is concluded from it (I-07)."""
    figures = (fill.qty, fill.price, fill.fee_usd)
    if not all(isinstance(f, Decimal) and f.is_finite() for f in figures) or fill.qty <= 0:
        raise InvariantError(f"{fill.qty} at {fill.price}, fee {fill.fee_usd}")


async def _on_own(desk: Desk, fill: BrokerFill, known: Order) -> None:
    async with desk.lock(known.account):
        if fill.execution_id in desk.book.executions:
            return
        order = desk.book.orders.get(known.order_id) or await desk.order(known.order_id) or known
        if not _fits(order, fill):
            raise InvariantError(f"{fill.side} is none of order {order.order_id}")
        if await echo.is_heard(desk, fill, order):
            return
        trade = await desk.trade(order.trade_id)
        if trade is None:
            raise InvariantError(f"order {order.order_id} has no trade {order.trade_id}")
        try:
            await _book(desk, fill, order, trade)
        except Conflict:
            booked = await desk.store.get(Execution, fill.execution_id)
            if booked is None:
                raise
            desk.book.put(booked)
            if is_booked(echo.named(fill, desk.book.executions), desk.book.executions):
                return
            await _book(desk, echo.named(fill, desk.book.executions), order, trade)


def _fits(order: Order, fill: BrokerFill) -> bool:
    """Whether an order trades that way: some brokers give its number anew, to somebody's order."""
    return any(
        fill.side.sign * order.side.sign * leg.ratio > 0
        for leg in order.legs
        if leg.instrument.key == fill.instrument.key
    )


async def _book(desk: Desk, fill: BrokerFill, order: Order, trade: Trade) -> None:
    execution = Execution(
        execution_id=fill.execution_id,
        order_id=order.order_id,
        trade_id=trade.trade_id,
        account=order.account,
        instrument=fill.instrument,
        side=fill.side,
        qty=fill.qty,
        price=fill.price,
        fee_usd=fill.fee_usd,
        executed_at=fill.executed_at,
        leg=fill.leg,
    )
    key = f"{trade.trade_id}|{fill.instrument.key}"
    booking = ledger.book(
        execution,
        order=order,
        trade=water.marked(desk, trade),
        position=desk.book.positions.get(key) or await desk.store.get(Position, key),
        account=desk.book.accounts[order.account],
        now=desk.clock.now(),
        others=await effects.other_legs(desk, trade, fill.instrument),
    )
    was_live = trade.trade_id in desk.book.trades
    puts: list[Record] = [
        booking.execution,
        booking.entry,
        booking.trade,
        booking.order,
        booking.position,
        booking.account,
    ]
    async with effects.story(desk, booking.trade.alert_id):
        alert = effects.alert_after(desk, booking.trade, booking.order)
        await desk.commit(
            desk.event(
                "fill.booked",
                order.alert_id,
                *puts,
                *([alert] if alert is not None else []),
                cards=(
                    *effects.cards_of(desk, booking.order),
                    *effects.cards_of_end(trade, booking.trade),
                ),
                order_id=order.order_id,
                qty=str(fill.qty),
                price=str(fill.price),
                instrument=fill.instrument.key,
                realised_usd=str(booking.entry.realised_usd),
            )
        )
    if booking.trade.state is TradeState.CLOSED:
        water.forget(desk, trade.trade_id)
    elif not was_live:
        await _alive_again(desk, booking.trade)
    if _is_unexpected(order, booking):
        # What was refused since may have been for want of it: it is no reason to wait any more.
        for purpose in (Purpose.CLOSE, Purpose.STOP):
            desk.backoff.worked(effects.pace_of_exit(trade.trade_id, purpose))
        await _tell_odd(desk, fill, booking.order, booking.trade)
    is_odd = booking.order.filled > booking.order.qty or booking.trade.qty_open < 0
    if is_odd or unasked.is_both_ways(desk, order.account, fill.instrument):
        _doubt_soon(desk, order.broker)


def _is_unexpected(order: Order, booking: ledger.Booking) -> bool:
    """Whether people have to hear of this one, even where the order needed their eye before."""
    is_odd = booking.order.is_flagged and (not order.is_flagged or order.state.is_terminal)
    return is_odd or booking.trade.qty_open < 0


def _doubt_soon(desk: Desk, broker: str) -> None:
    """More than was ordered, or held, or held both ways: what is so the lists of now say."""
    compare_later(desk, broker, FILL_WAIT_S, "filled too much")


async def _alive_again(desk: Desk, trade: Trade) -> None:
    """A late fill opened a finished trade: what the book had dropped of it comes back."""
    for kind in (Order, Position):
        for record in await desk.store.find(kind, where={"trade_id": trade.trade_id}):
            desk.book.put_newer(record)
    await desk.watch(trade.legs)


async def _tell_odd(desk: Desk, fill: BrokerFill, order: Order, trade: Trade) -> None:
    what = f"{fill.side} {fill.qty:f} {fill.instrument.label} @ {fill.price:f}"
    if trade.qty_open < 0:
        rest = f"{-trade.qty_open:f} are held the other way round: flatten them in the broker's app"
        rest += ", if it shows them too"
    else:
        rest = f"it is booked; {trade.qty_open:f} are held and being protected"
    await desk.tell(
        "admin",
        f"⚠ A fill that nobody expected ({what}, order {order.order_id}, "
        f"{words.ORDER[order.state]}): {rest}.",
        note_id=f"odd-{fill.execution_id}",
    )


async def _unfitting(desk: Desk, fill: BrokerFill, error: InvariantError) -> None:
    """It does not fit its order, and happened all the same: booked like an outside trade."""
    if fill.kind == "fill":
        try:
            _check(fill)
            await traded_outside.on_external(desk, fill)
        except InvariantError as worse:
            error = worse
        else:
            log.error("fill %s did not fit its order: %s", fill.execution_id, error)
            return
    await _refuse(desk, fill, error)


async def _refuse(desk: Desk, fill: BrokerFill, error: InvariantError) -> None:
    """It cannot be booked by any rule: entries stop, a person looks, everything else goes on."""
    log.error("fill %s cannot be booked: %s", fill.execution_id, error)
    said = f"fill {fill.execution_id} cannot be booked: {error}"
    desk.health[f"fill {fill.execution_id}"] = said
    desk.is_halting = desk.is_halting or said
    await desk.tell(
        "admin", f"🛑 Entries are halted: {said}.", note_id=f"refused-{fill.execution_id}"
    )
