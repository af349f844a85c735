"""An execution that no order of ours asked for: all parts of it are booked in one step.

Nothing is ever sent because of one; the books follow what the broker says (M-05, M-06, O-15, O-16,
I-26). What it may be is told in ``ends``, ``traded_outside``, ``lone_legs`` and ``renamed``.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal

from engine import ledger
from engine.brokers import BrokerFill
from engine.desk import Desk
from engine.domain.errors import Conflict
from engine.domain.instrument import Instrument
from engine.domain.money import ZERO
from engine.domain.order import Order, OrderState, OrderType, Purpose, Side, client_order_id
from engine.domain.quote import Leg
from engine.domain.record import Event, Record
from engine.domain.trade import Account, Execution, Position, Trade, TradeState
from engine.flows.common import aside, effects
from engine.flows.holdings import water
from engine.ledger.ends import EndKind

_ODD = re.compile(r"[^A-Za-z0-9]+")
BACK = timedelta(days=1)
"""How far apart the parts of one exercise may be booked."""


@dataclass
class Parts:
    """Bookings of one execution of the broker's, gathered for one commit."""

    account: Account
    events: list[Event] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)


def out_of(
    desk: Desk, position: Position, name: str, qty: Decimal, price_usd: Decimal
) -> BrokerFill:
    """A part of a position as if it had been traded away at that price."""
    # The names of two of them must not differ in what is cut from them alone.
    return BrokerFill(
        execution_id=f"{name}-{client_order_id(f'{position.key}|{position.version}')}",
        client_order_id="",
        broker_id="",
        account=position.account,
        instrument=position.instrument,
        leg=0,
        side=Side.SELL if position.qty > 0 else Side.BUY,
        qty=qty,
        price=price_usd,
        fee_usd=ZERO,
        executed_at=desk.clock.now(),
    )


async def booked_before(desk: Desk, fill: BrokerFill) -> list[Execution]:
    """Parts of it that are in the books: all of them are, if any."""
    rows = await desk.store.find(
        Execution,
        where={"account": fill.account},
        since=("executed_at", fill.executed_at - BACK),
    )
    return [row for row in rows if row.execution_id.startswith(f"{fill.execution_id}/")]


async def commit(desk: Desk, fill: BrokerFill, parts: Parts) -> bool:
    """Make the parts durable; False when there are none, or when they were booked meanwhile."""
    if not parts.events:
        await desk.tell(
            "admin",
            f"{fill.account}: {fill.kind} of {fill.qty:f} {fill.instrument.label} @ "
            f"{fill.price:f}, and nothing here that it belongs to. Look into the broker's app.",
            note_id=f"end-{fill.execution_id}",
        )
        return False
    try:
        await desk.commit(*parts.events)
    except Conflict:
        if not await booked_before(desk, fill):
            raise
        return False
    return True


async def follow_up(desk: Desk, parts: Parts) -> None:
    """Watch what came, forget what is over, settle the exits of both."""
    for trade in parts.trades:
        if trade.state is TradeState.CLOSED:
            water.forget(desk, trade.trade_id)
        else:
            for purpose in (Purpose.CLOSE, Purpose.STOP):  # refused for want of what went, perhaps
                desk.backoff.worked(effects.pace_of_exit(trade.trade_id, purpose))
            await desk.watch(trade.legs)
        aside.settle_soon(desk, trade.trade_id)


def held_of(desk: Desk, fill: BrokerFill) -> Iterator[tuple[Trade, Position]]:
    """Trades that hold what it is about, as in :func:`holders`."""
    return holders(desk, fill.account, fill.instrument)


def holders(desk: Desk, account: str, instrument: Instrument) -> Iterator[tuple[Trade, Position]]:
    """Trades of the account that hold the instrument: adopted ones first, then the oldest."""
    trades = [t for t in desk.book.trades.values() if t.account == account]
    for trade in sorted(trades, key=_turn):
        position = desk.book.positions.get(f"{trade.trade_id}|{instrument.key}")
        if position is not None and position.qty != 0:
            yield trade, position


def _turn(trade: Trade) -> tuple[bool, bool, datetime]:
    """Of those that stand for no order of ours what an exercise brought comes last."""
    is_last = not is_adopted(trade)
    return trade.source != "external", is_last, trade.opened_at or trade.created_at


def is_adopted(trade: Trade) -> bool:
    """Whether it stands for what was traded outside."""
    return trade.trade_id.endswith("-adopted")


def is_both_ways(desk: Desk, account: str, instrument: Instrument) -> bool:
    """Whether what was traded outside is held the other way round than something else."""
    held = [(trade, position.qty > 0) for trade, position in holders(desk, account, instrument)]
    return len({is_long for _, is_long in held}) > 1 and any(is_adopted(t) for t, _ in held)


def closing(
    desk: Desk, fill: BrokerFill, of: Collection[str] = ()
) -> list[tuple[Trade, Position, Decimal]]:
    """Held positions that a trade of this side and size takes off, and how much of each.

    What an order of ours is about to close comes last: both may have been meant, and then both
    are gone. ``of``: only of these trades, and of shares that came for them.
    """
    left, taken = fill.qty, dict[str, Decimal]()
    held = [(t, p) for t, p in held_of(desk, fill) if p.qty * fill.side.sign < 0]
    held = [(t, p) for t, p in held if not of or t.trade_id.partition("/")[0] in of]
    for is_any in (False, True):
        for trade, position in held:
            busy = ZERO if is_any else going(desk, trade)
            done = taken.get(trade.trade_id, ZERO)
            part = max(min(left, abs(position.qty) - busy - done), ZERO)
            left -= part
            taken[trade.trade_id] = done + part
    return [(t, p, taken[t.trade_id]) for t, p in held if taken[t.trade_id] > 0]


def going(desk: Desk, trade: Trade) -> Decimal:
    """Units of a trade of one leg that close orders at the broker may still take."""
    orders = desk.book.orders_of(trade.trade_id) if len(trade.legs) == 1 else ()
    return sum((o.leaves for o in orders if o.purpose is Purpose.CLOSE), ZERO)


def close(
    desk: Desk,
    parts: Parts,
    fill: BrokerFill,
    trade: Trade,
    position: Position,
    qty: Decimal,
    kind: EndKind,
) -> None:
    """Book that so much of a held position is gone, at its price."""
    trade = water.marked(desk, trade)
    settled = ledger.expire(
        position,
        [p for p in desk.book.positions_of(trade.trade_id) if p.key != position.key],
        trade=trade,
        account=parts.account,
        price=fill.price,
        source_id=fill.execution_id,
        at=fill.executed_at,
        now=desk.clock.now(),
        kind=kind,
        fee_usd=fee(fill, parts),
        qty=qty,
    )
    alert = effects.alert_after(desk, settled.trade, None)
    puts: list[Record] = [
        settled.execution,
        settled.entry,
        settled.trade,
        settled.position,
        settled.account,
    ]
    cards: list[tuple[str, str, str]] = [("trade", trade.trade_id, "orders")]
    if alert is not None:
        puts.append(alert)
        cards.append(("alert", alert.alert_id, "trade_alerts"))
    parts.events.append(
        desk.event(
            f"position.{kind}",
            trade.alert_id,
            *puts,
            cards=(*cards, *effects.cards_of_end(trade, settled.trade)),
            trade_id=trade.trade_id,
            instrument=fill.instrument.key,
            qty=str(qty),
            price=str(fill.price),
            realised_usd=str(settled.entry.realised_usd),
        )
    )
    parts.account = settled.account
    parts.trades.append(settled.trade)


def fee(fill: BrokerFill, parts: Parts) -> Decimal:
    """The whole fee belongs to the first part, so that it is counted once and exactly."""
    return ZERO if parts.events else fill.fee_usd


def opened(desk: Desk, booking: ledger.Booking, why: str) -> Event:
    """The fact that a trade stands for what came, and the message that says so."""
    trade, execution = booking.trade, booking.execution
    exits = "It has no stop, and nothing was sent: somebody has to decide about it."
    if trade.stop is not None:
        exits = f"Its stop is {trade.stop.price:f}."
    notes = [
        desk.note(
            "admin",
            f"{trade.account}: {execution.side} {execution.qty:f} {execution.instrument.label} @ "
            f"{execution.price:f} is in the books because {why}. {exits}",
            note_id=f"adopted-{execution.execution_id}",
        )
    ]
    if trade.account in desk.unopened:  # told with all else that is held there
        notes = []
    return desk.event(
        "position.opened",
        trade.alert_id,
        execution,
        booking.entry,
        trade,
        booking.order,
        booking.position,
        booking.account,
        *notes,
        cards=(("trade", trade.trade_id, "orders"),),
        trade_id=trade.trade_id,
        qty=str(execution.qty),
        price=str(execution.price),
        why=why,
    )


def adopt(
    desk: Desk,
    parts: Parts,
    fill: BrokerFill,
    qty: Decimal,
    *,
    why: str = "it was traded outside TradeStream",
    like: Trade | None = None,
) -> None:
    """Open, or add to, the trade that stands for what was bought or sold outside.

    ``like``: another, whose room and exits it takes over.
    """
    legs = (Leg(instrument=fill.instrument),)
    name = f"{fill.execution_id}/adopted"
    plain = f"T-{_ODD.sub('-', fill.execution_id)[-40:]}-adopted"  # buttons carry it
    # One held the other way round has just been closed by the same execution.
    known = next(
        (
            t
            for t, p in held_of(desk, fill)
            if t.source == "external" and t.legs == legs and p.qty * fill.side.sign > 0
        ),
        None,
    )
    now = desk.clock.now()
    order = Order(
        order_id=name,
        intent_id="",
        alert_id=known.alert_id if known else name,
        trade_id=known.trade_id if known else plain,
        account=fill.account,
        broker=parts.account.broker,
        purpose=Purpose.ENTRY,
        side=fill.side,
        legs=legs,
        qty=qty,
        type=OrderType.MARKET,
        state=OrderState.ACCEPTED,
        broker_id=fill.broker_id or None,
        reason="traded outside",
        created_at=now,
        updated_at=now,
    )
    trade = known or Trade(
        trade_id=order.trade_id,
        alert_id=order.alert_id,
        account=fill.account,
        broker=order.broker,
        source="external",
        symbol=fill.instrument.symbol,
        asset=fill.instrument.kind,
        direction=1 if fill.side is Side.BUY else -1,
        legs=legs,
        qty_wanted=ZERO,
        created_at=now,
    )
    if like is not None and known is None:
        trade = replace(
            trade,
            source=like.source,
            author_id=like.author_id,
            initial_stop=like.initial_stop,
            stop=like.stop,
            targets=like.targets,
            flatten_at=like.flatten_at,
        )
    booked = ledger.book(
        Execution(
            execution_id=name,
            order_id=order.order_id,
            trade_id=order.trade_id,
            account=fill.account,
            instrument=fill.instrument,
            side=fill.side,
            qty=qty,
            price=fill.price,
            fee_usd=fee(fill, parts),
            executed_at=fill.executed_at,
            kind="exercise" if fill.kind == "exercise" else "external",
        ),
        order=order,
        trade=replace(trade, qty_wanted=trade.qty_wanted + qty),
        position=desk.book.positions.get(f"{trade.trade_id}|{fill.instrument.key}"),
        account=parts.account,
        now=now,
    )
    booked = replace(booked, order=replace(booked.order, version=1))
    if known is None:
        booked = replace(booked, trade=replace(booked.trade, version=1))
    parts.events.append(opened(desk, booked, why))
    parts.account = booked.account
    parts.trades.append(booked.trade)
