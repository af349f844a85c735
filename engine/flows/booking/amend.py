"""Executions that a broker takes back or corrects: new entries that reverse, never an update."""

from dataclasses import replace

from engine import ledger
from engine.brokers import BrokerFill
from engine.desk import Desk
from engine.domain.errors import Conflict, InvariantError
from engine.domain.order import Order
from engine.domain.record import Event, Record
from engine.domain.trade import Execution, Position, Trade
from engine.flows.common import aside, effects, own
from engine.ledger import Booking
from engine.ledger.booking import BUST, CORRECT, live


async def on_amended(desk: Desk, fill: BrokerFill) -> bool:
    """Book a bust or a correction, once; False when what it is about is not booked (yet).

    Raises:
        StoreUnavailable: it is not booked; comparing with the broker brings it again.
    """
    async with desk.lock(fill.account):
        history = await _history(desk, fill)
        if history is None:
            return await _is_of_stranger(desk, fill)
        wrong = _standing(history, fill.of)
        if wrong is None or _is_done(history, fill) or _says_nothing_new(wrong, fill):
            desk.book.known_execution(fill.execution_id)
            return True
        try:
            await _book(desk, fill, wrong, history)
        except Conflict:
            if await desk.store.get(Execution, f"{wrong.execution_id}{BUST}") is None:
                raise
    aside.settle_soon(desk, wrong.trade_id)
    return True


async def _is_of_stranger(desk: Desk, fill: BrokerFill) -> bool:
    """An execution made outside is booked in parts: what it became is a person's to undo."""
    if await own.order_of(desk, fill.account, fill.client_order_id, fill.broker_id) is not None:
        return False
    known = desk.book.executions
    is_told = fill.of in known and known[fill.of] is None  # it is a change of a change
    if not (is_told or any(name.startswith(f"{fill.of}/") for name in known)):
        return False
    desk.book.known_execution(fill.execution_id)
    if fill.kind == "bust":
        desk.book.known_execution(f"{fill.of}{BUST}")
    await desk.tell(
        "admin",
        f"⚠ {fill.account}: the broker changed an execution that was made outside TradeStream "
        f"({fill.kind} of {fill.qty:f} {fill.instrument.label}). The books still hold it.",
        note_id=f"amended-{fill.execution_id}-{fill.kind}",
    )
    return True


async def _history(desk: Desk, fill: BrokerFill) -> list[Execution] | None:
    """All executions of the same trade and instrument, in the order of booking."""
    first = await desk.store.get(Execution, fill.of)
    if first is None:
        return None
    rows = await desk.store.find(Execution, where={"trade_id": first.trade_id})
    return [row for row in rows if row.instrument.key == first.instrument.key]


def _standing(history: list[Execution], of: str) -> Execution | None:
    """What of it stands: itself, or what it was last corrected to."""
    valid = {e.execution_id: e for e in live(history)}
    name = of
    while name not in valid:
        later = f"{name}{CORRECT}"
        if all(e.execution_id != later for e in history):
            return None
        name = later
    return valid[name]


def _is_done(history: list[Execution], fill: BrokerFill) -> bool:
    return fill.kind == "correct" and any(
        e.execution_id == fill.execution_id and e.kind == "correct" for e in history
    )


def _says_nothing_new(wrong: Execution, fill: BrokerFill) -> bool:
    """A broker asked after a restart may correct what the books had right all along."""
    told = (fill.side, fill.qty, fill.price, fill.fee_usd)
    return fill.kind == "correct" and told == (wrong.side, wrong.qty, wrong.price, wrong.fee_usd)


async def _book(desk: Desk, fill: BrokerFill, wrong: Execution, history: list[Execution]) -> None:
    order = await desk.order(wrong.order_id)
    trade = await desk.trade(wrong.trade_id)
    key = f"{wrong.trade_id}|{wrong.instrument.key}"
    position = desk.book.positions.get(key) or await desk.store.get(Position, key)
    if order is None or trade is None or position is None:
        raise InvariantError(f"execution {wrong.execution_id} belongs to nothing that is booked")
    now = desk.clock.now()
    known = {
        "order": order,
        "trade": trade,
        "position": position,
        "account": desk.book.accounts[fill.account],
        "now": now,
        "others": await effects.other_legs(desk, trade, wrong.instrument),
    }
    if fill.kind == "bust":
        bookings = [ledger.bust(wrong, history, **known)]  # type: ignore[arg-type]
        said = f"was taken back: {_words(wrong)}"
    else:
        right = _corrected(wrong, fill)
        bookings = list(ledger.correct(wrong, right, history, **known))  # type: ignore[arg-type]
        said = f"was corrected from {_words(wrong)} to {_words(right)}"
    await desk.commit(*_events(desk, fill, order, bookings, said))
    last = bookings[-1].trade
    if last.trade_id in desk.book.trades:  # in between it may have been over, and forgotten
        for kind in (Order, Position):
            for record in await desk.store.find(kind, where={"trade_id": last.trade_id}):
                desk.book.put_newer(record)
        await desk.watch(last.legs)


def _corrected(wrong: Execution, fill: BrokerFill) -> Execution:
    name = wrong.execution_id if fill.execution_id == fill.of else fill.execution_id
    return replace(
        wrong,
        execution_id=name,
        side=fill.side,
        qty=fill.qty,
        price=fill.price,
        fee_usd=fill.fee_usd,
        executed_at=fill.executed_at,
    )


def _events(
    desk: Desk, fill: BrokerFill, order: Order, bookings: list[Booking], said: str
) -> list[Event]:
    """One per booking, all in one commit: each puts the next version of what it changes."""
    events = []
    # Of the same units the trade has one next version: in between it was over for nobody.
    versions = {booking.trade.version: booking for booking in bookings}
    before: Trade | None = None
    for booking in bookings:
        puts: list[Record] = [
            booking.execution,
            booking.entry,
            *([booking.trade] if versions[booking.trade.version] is booking else []),
            booking.order,
            booking.position,
            booking.account,
        ]
        cards = effects.cards_of(desk, booking.order)
        if booking is bookings[-1]:
            puts.append(
                desk.note(
                    "admin",
                    f"⚠ {fill.account}: an execution of order {order.order_id} ({order.trade_id}) "
                    f"{said}. The books follow by new entries; its exits are brought in line.",
                    note_id=f"amended-{fill.execution_id}-{fill.kind}",
                )
            )
            alert = effects.alert_after(desk, booking.trade, booking.order)
            puts += [alert] if alert is not None else []
            if before is not None:
                cards = (*cards, *effects.cards_of_end(before, booking.trade))
        events.append(
            desk.event(
                f"fill.{booking.execution.kind}",
                order.alert_id,
                *puts,
                cards=cards,
                order_id=order.order_id,
                of=fill.of,
                qty=str(booking.execution.qty),
                price=str(booking.execution.price),
            )
        )
        before = booking.trade
    return events


def _words(execution: Execution) -> str:
    return (
        f"{execution.side} {execution.qty:f} {execution.instrument.label} @ {execution.price:f}, "
        f"fee {execution.fee_usd:f}"
    )
