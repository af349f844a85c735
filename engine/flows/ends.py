"""Positions that change without an order of ours: expiry, exercise, trades in the broker's app.

Nothing is ever sent because of them; the books follow what the broker says (M-05, M-06, O-15,
O-16, I-26). All parts of one such execution are booked in one step.
"""

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from engine import ledger
from engine.brokers import BrokerFill
from engine.desk import Desk
from engine.domain.compared import PositionGap
from engine.domain.errors import Conflict
from engine.domain.instrument import CASH_SETTLED, Instrument, underlying_of
from engine.domain.money import ZERO
from engine.domain.order import Order, OrderState, OrderType, Purpose, Side, client_order_id
from engine.domain.quote import Leg
from engine.domain.record import Event, Record
from engine.domain.trade import Account, Execution, Lot, Position, Trade, TradeState
from engine.flows import aside, echo, effects, water
from engine.ledger.ends import EndKind
from engine.market import new_york_date

_ODD = re.compile(r"[^A-Za-z0-9]+")
_BACK = timedelta(days=1)
"""How far apart the parts of one exercise may be booked."""


@dataclass
class _Parts:
    """Bookings of one execution of the broker's, gathered for one commit."""

    account: Account
    events: list[Event] = field(default_factory=list)
    trades: list[Trade] = field(default_factory=list)


async def on_end(desk: Desk, fill: BrokerFill) -> None:
    """Book an expiry, exercise or assignment over the trades that it ends, once."""
    async with desk.lock(fill.account):
        if await _booked(desk, fill):
            return
        parts = _Parts(account=desk.book.accounts[fill.account])
        if fill.instrument.kind == "option":
            kind: EndKind = "exercise" if fill.kind == "exercise" else "expiry"
            for trade, position, qty in _ending(desk, fill):
                _close(desk, parts, fill, trade, position, qty, kind)
        else:
            await _delivered(desk, parts, fill)
        if not await _commit(desk, fill, parts):
            return
    await _follow_up(desk, parts)


async def on_external(
    desk: Desk,
    fill: BrokerFill,
    *,
    said: str = "",
    held: Decimal | None = None,
    of: Collection[str] = (),
) -> bool:
    """Book a trade made in the broker's own app: it closes what it closes, the rest is adopted.

    ``said``: what people are told, where it was no such trade. ``held``: it is meant for so much in
    the books, and for nothing else. ``of``: it takes off these trades alone. Whether it was booked.
    """
    async with desk.lock(fill.account):
        if held is not None and sum((p.qty for _, p in _holders(desk, fill)), ZERO) != held:
            return False
        booked = await _booked(desk, fill)
        if booked and all(_is_other(row, fill) for row in booked):
            fill = echo.anew(fill)
            booked = await _booked(desk, fill)
        if booked:
            return False
        parts = _Parts(account=desk.book.accounts[fill.account])
        left = fill.qty
        for trade, position, qty in _closing(desk, fill, of):
            _close(desk, parts, fill, trade, position, qty, "external")
            left -= qty
        if left > 0:
            _adopt(desk, parts, fill, left)
        if not await _commit(desk, fill, parts):
            return False
    if said or left < fill.qty:  # what was adopted whole is told with its trade
        await desk.tell(
            "admin",
            said
            or f"{fill.account}: {fill.side} {fill.qty:f} {fill.instrument.label} @ "
            f"{fill.price:f} was traded outside TradeStream. It is in the books; nothing was sent "
            "because of it.",
            note_id=f"external-{fill.execution_id}",
        )
    await _follow_up(desk, parts)
    return True


def of_gap(
    account: str, gap: PositionGap, name: str, price_usd: Decimal, now: datetime
) -> BrokerFill:
    """A difference of quantity as if it had been traded outside, at that price."""
    return BrokerFill(
        execution_id=name,
        client_order_id="",
        broker_id="",
        account=account,
        instrument=gap.instrument,
        leg=0,
        side=Side.BUY if gap.qty > 0 else Side.SELL,
        qty=abs(gap.qty),
        price=price_usd,
        fee_usd=ZERO,
        executed_at=now,
    )


def _out_of(
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


async def set_apart(desk: Desk, position: Position, qty: Decimal) -> None:
    """Make up to ``qty`` of a spread's leg, its oldest lot, a trade of its own, at what it cost.

    Under the account's lock. Nothing is sent, earned or paid: the leg can be closed by itself.
    """
    trade, lot = desk.book.trades[position.trade_id], position.lots[0]
    out = _out_of(desk, position, "APART", min(qty, abs(lot.qty)), lot.price)
    parts = _Parts(account=desk.book.accounts[position.account])
    _close(desk, parts, out, trade, position, out.qty, "external")
    back, left = replace(out, side=out.side.opposite), out.qty
    for other, held, part in _closing(desk, back):
        if other.source == "external":  # the late leg of what was set apart: both are gone there
            _close(desk, parts, back, other, held, part, "external")
            left -= part
    if left > 0:
        why = f"it makes no whole unit of {trade.trade_id} any more"
        _adopt(desk, parts, back, left, why=why)
    if await _commit(desk, out, parts):
        await _follow_up(desk, parts)


async def rename(
    desk: Desk, trade: Trade, position: Position, now: Instrument, ratio: Fraction
) -> None:
    """Make what is held ``ratio`` times of another contract, at what it cost, with its own stop.

    Under the account's lock. Nothing is sent, earned or paid.
    """
    cost, held = position.avg_price or ZERO, abs(position.qty)
    new, old = Decimal(ratio.numerator), Decimal(ratio.denominator)
    out = _out_of(desk, position, "RENAMED", held, cost)
    back = replace(out, side=out.side.opposite, instrument=now, price=cost * old / new)
    parts = _Parts(account=desk.book.accounts[position.account])
    _close(desk, parts, out, trade, position, out.qty, "external")
    why = f"{position.instrument.label} has that name since a split or a merger"
    _adopt(desk, parts, back, held * new / old, why=why, like=ledger.split_trade(trade, ratio))
    if await _commit(desk, out, parts):
        await _follow_up(desk, parts)


async def net(desk: Desk, account: str, unsure: Collection[Instrument]) -> None:
    """Take shares that an exercise brought off others that are held the other way round.

    A broker holds none both ways. As long as another leg may bring them back they stay apart; once
    its spread is over and the broker's sum is ours, they have gone for what was held beside it.
    ``unsure``: what the broker holds otherwise than we do.
    """
    async with desk.lock(account):
        for trade in [t for t in desk.book.trades.values() if t.account == account]:
            origin, _, symbol = trade.trade_id.rpartition("/")
            instrument = trade.legs[0].instrument
            position = desk.book.positions.get(f"{trade.trade_id}|{instrument.key}")
            if symbol != trade.symbol or origin in desk.book.trades or instrument in unsure:
                continue
            if trade.source == "external" and position is not None and position.qty:
                await _net(desk, trade, position)


async def _net(desk: Desk, trade: Trade, position: Position) -> None:
    free = max(abs(position.qty) - _going(desk, trade), ZERO)
    out = _out_of(desk, position, "NET", free, position.lots[0].price)
    fill = replace(out, side=out.side.opposite, kind="exercise")
    others = _closing(desk, fill)
    qty = sum((part for _, _, part in others), ZERO)
    if not qty:
        return
    parts = _Parts(account=desk.book.accounts[trade.account])
    for other, held, part in [(trade, position, qty), *others]:
        _close(desk, parts, fill, other, held, part, "exercise")
    if await _commit(desk, fill, parts):
        await desk.tell(
            "admin",
            f"{trade.account}: {qty:f} {trade.symbol} that an exercise brought ({trade.trade_id}) "
            f"have gone for what was held the other way round, at {fill.price:f}. Nothing was sent "
            "because of it.",
            note_id=f"net-{fill.execution_id}",
        )
        await _follow_up(desk, parts)


async def _booked(desk: Desk, fill: BrokerFill) -> list[Execution]:
    """Parts of it that are in the books: all of them are, if any."""
    rows = await desk.store.find(
        Execution,
        where={"account": fill.account},
        since=("executed_at", fill.executed_at - _BACK),
    )
    return [row for row in rows if row.execution_id.startswith(f"{fill.execution_id}/")]


def _is_other(row: Execution, fill: BrokerFill) -> bool:
    """Whether it was another trade that bore the id: some brokers count them anew."""
    return (row.side, row.instrument) != (fill.side, fill.instrument)


async def _commit(desk: Desk, fill: BrokerFill, parts: _Parts) -> bool:
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
        if not await _booked(desk, fill):
            raise
        return False
    return True


async def _follow_up(desk: Desk, parts: _Parts) -> None:
    for trade in parts.trades:
        if trade.state is TradeState.CLOSED:
            water.forget(desk, trade.trade_id)
        else:
            await desk.watch(trade.legs)
        aside.settle_soon(desk, trade.trade_id)


# -- what ends ----------------------------------------------------------------------------------


def _holders(desk: Desk, fill: BrokerFill) -> Iterator[tuple[Trade, Position]]:
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
    is_adopted = trade.trade_id.endswith("-adopted")
    return trade.source != "external", not is_adopted, trade.opened_at or trade.created_at


def _ending(desk: Desk, fill: BrokerFill) -> Iterable[tuple[Trade, Position, Decimal]]:
    """At the contract's end everything ends; before it, as much as was exercised or assigned.

    Near the strike a part is assigned and the rest expires: that is told in two.
    """
    expiry = fill.instrument.expiry
    holders = list(_holders(desk, fill))
    is_part = fill.qty < abs(sum((held.qty for _, held in holders), ZERO))
    if is_part or expiry is None or new_york_date(fill.executed_at) < expiry:
        return _closing(desk, fill)
    return [(trade, held, abs(held.qty)) for trade, held in holders]


def _closing(
    desk: Desk, fill: BrokerFill, of: Collection[str] = ()
) -> list[tuple[Trade, Position, Decimal]]:
    """Held positions that a trade of this side and size takes off, and how much of each.

    What an order of ours is about to close comes last: both may have been meant, and then both
    are gone. ``of``: only of these trades, and of shares that came for them.
    """
    left, taken = fill.qty, dict[str, Decimal]()
    held = [(t, p) for t, p in _holders(desk, fill) if p.qty * fill.side.sign < 0]
    held = [(t, p) for t, p in held if not of or t.trade_id.partition("/")[0] in of]
    for is_any in (False, True):
        for trade, position in held:
            going = ZERO if is_any else _going(desk, trade)
            done = taken.get(trade.trade_id, ZERO)
            part = max(min(left, abs(position.qty) - going - done), ZERO)
            left -= part
            taken[trade.trade_id] = done + part
    return [(t, p, taken[t.trade_id]) for t, p in held if taken[t.trade_id] > 0]


def _going(desk: Desk, trade: Trade) -> Decimal:
    """Units of a trade of one leg that close orders at the broker may still take."""
    orders = desk.book.orders_of(trade.trade_id) if len(trade.legs) == 1 else ()
    return sum((o.leaves for o in orders if o.purpose is Purpose.CLOSE), ZERO)


def _close(
    desk: Desk,
    parts: _Parts,
    fill: BrokerFill,
    trade: Trade,
    position: Position,
    qty: Decimal,
    kind: EndKind,
) -> None:
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
        fee_usd=_fee(fill, parts),
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


def _fee(fill: BrokerFill, parts: _Parts) -> Decimal:
    """The whole fee belongs to the first part, so that it is counted once and exactly."""
    return ZERO if parts.events else fill.fee_usd


# -- shares that come or go by exercise -----------------------------------------------------------


async def _delivered(desk: Desk, parts: _Parts, fill: BrokerFill) -> None:
    """Book them for the options that they came for: none where they do not add up.

    What is held the other way round (another leg's shares, those that covered a call) goes first.
    """
    due = await _due(desk, fill)
    if sum((n for _, n in due.values()), ZERO) < fill.qty:
        return
    left = fill.qty
    for trade, position, qty in _closing(desk, fill, await _ended_as_units(desk, fill, due)):
        _close(desk, parts, fill, trade, position, qty, "exercise")
        left -= qty
    for trade_id, (row, n) in due.items():
        its, part = await desk.trade(trade_id), min(n, left)
        if part and its is not None and await desk.trade(_shares_id(its, fill)) is None:
            _deliver(desk, parts, fill, row, its, part)
            left -= part
    if left > 0:  # beside what came for it before
        _adopt(desk, parts, fill, left, why="more of its option was exercised")


async def _ended_as_units(desk: Desk, fill: BrokerFill, due: Collection[str]) -> Collection[str]:
    """Spreads on their last day, where these are all: shares come for the other leg as well."""
    trades = [await desk.trade(trade_id) for trade_id in due]
    is_last = all(
        leg.instrument.expiry is None or leg.instrument.expiry <= new_york_date(fill.executed_at)
        for trade in trades
        if trade is not None
        for leg in trade.legs
    )
    is_units = all(trade is not None and len(trade.legs) > 1 for trade in trades)
    return due if is_last and is_units else ()


async def _due(desk: Desk, fill: BrokerFill) -> dict[str, tuple[Execution, Decimal]]:
    """Trades whose options were exercised of late, and how many such shares are still to come."""
    rows = await desk.store.find(
        Execution,
        where={"account": fill.account},
        since=("executed_at", fill.executed_at - _BACK),
    )
    sign = fill.side.sign
    come = sum((row.qty for row in rows if _is_like(row, fill)), ZERO)
    due = dict[str, tuple[Execution, Decimal]]()
    for row in rows:
        if _delivers(row, fill) and (n := _shares(row) * sign) > 0:
            _, more = due.get(row.trade_id, (row, ZERO))
            due[row.trade_id] = row, more + max(n - come, ZERO)
            come = max(come - n, ZERO)
    return due


def _is_like(row: Execution, fill: BrokerFill) -> bool:
    """Whether it is shares that came by an exercise at that strike."""
    is_same = (row.instrument, row.side) == (fill.instrument, fill.side)
    return is_same and row.kind == "exercise" and row.price == fill.price


def _delivers(row: Execution, fill: BrokerFill) -> bool:
    option = row.instrument
    return (
        row.kind == "exercise"
        and option.kind == "option"
        and option.symbol not in CASH_SETTLED
        and underlying_of(option) == fill.instrument
        and option.strike == fill.price
    )


def _shares_id(trade: Trade, fill: BrokerFill) -> str:
    return f"{trade.trade_id}/{fill.instrument.symbol}"


def _shares(row: Execution) -> Decimal:
    """Signed shares for an exercised option: the execution took the option off."""
    sign = -row.side.sign * (1 if row.instrument.right == "C" else -1)
    return row.qty * row.instrument.multiplier * sign


def _deliver(
    desk: Desk, parts: _Parts, fill: BrokerFill, execution: Execution, trade: Trade, qty: Decimal
) -> None:
    before = Lot(
        execution_id=execution.execution_id,
        qty=-execution.qty * execution.side.sign,
        price=ZERO,
        fee_usd=ZERO,
        opened_at=execution.executed_at,
    )
    held = Position(
        trade_id=trade.trade_id,
        account=trade.account,
        instrument=execution.instrument,
        lots=(before,),
    )
    came = ledger.deliver(
        held,
        trade=trade,
        account=parts.account,
        source_id=fill.execution_id,
        at=fill.executed_at,
        now=desk.clock.now(),
        fee_usd=_fee(fill, parts),
        qty=qty,
    ).booking
    parts.events.append(_opened(desk, came, f"{execution.instrument.label} was exercised"))
    parts.account = came.account
    parts.trades.append(came.trade)


def _opened(desk: Desk, booking: ledger.Booking, why: str) -> Event:
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


# -- adopted --------------------------------------------------------------------------------------


def _adopt(
    desk: Desk,
    parts: _Parts,
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
            for t, p in _holders(desk, fill)
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
            fee_usd=_fee(fill, parts),
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
    parts.events.append(_opened(desk, booked, why))
    parts.account = booked.account
    parts.trades.append(booked.trade)


# -- money ----------------------------------------------------------------------------------------


async def on_cash(
    desk: Desk, account_name: str, usd: Decimal, theirs: Decimal, *, is_first: bool = False
) -> None:
    """Cash that came or went at the broker without a trade: a deposit, a fee, interest.

    ``is_first``: what its books begin with, of which people are told apart.
    """
    async with desk.lock(account_name):
        account = desk.book.accounts[account_name]
        if usd == 0 or account.cash_usd + usd != theirs:
            return  # something was booked meanwhile: look again at the next comparison
        name = f"cash-{account_name}-{account.version}"
        after, entry = ledger.deposit(account, usd, desk.clock.now(), name)
        said = (
            f"{account_name}: the broker has {usd:+,.2f} dollars of cash that no trade explains. "
            "It is booked as money put in or taken out."
        )
        notes = [] if is_first else [desk.note("admin", said, note_id=name)]
        await desk.commit(
            desk.event(
                "cash.external",
                f"account-{account_name}",
                after,
                entry,
                *notes,
                usd=str(usd),
            )
        )
