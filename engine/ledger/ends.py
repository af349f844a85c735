"""The end of contracts and their changes: expiry, exercise and assignment, delivery, splits.

Where an option is settled in cash, its position closes at what it is worth inside. Where shares
are delivered, the option closes at 0 and the shares open at the strike, in a trade of their own:
the whole premium is the option's result, the worth inside shows in the shares, nothing twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from typing import Literal

from engine.domain.errors import InvariantError
from engine.domain.instrument import Instrument, stock
from engine.domain.money import ZERO, rounded
from engine.domain.order import Order, OrderState, OrderType, Purpose, Side
from engine.domain.quote import Leg
from engine.domain.record import changed
from engine.domain.trade import Account, Execution, LedgerEntry, Position, Trade, TradeState
from engine.ledger import trips
from engine.ledger.booking import Booking, book, credited, entry_of, with_lots
from engine.ledger.lots import check, split, take

EndKind = Literal["expiry", "exercise", "external"]
_REASON = {"expiry": "expiry", "exercise": "expiry", "external": "closed outside"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """A position ended without an order, and every record that this changes."""

    execution: Execution
    entry: LedgerEntry
    trade: Trade
    position: Position
    account: Account


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """Shares that came (or went) by exercise: a new trade, booked like an outside order's fill."""

    booking: Booking


def expire(
    position: Position,
    others: Iterable[Position] = (),
    *,
    trade: Trade,
    account: Account,
    price: Decimal,
    source_id: str,
    at: datetime,
    now: datetime,
    kind: EndKind = "expiry",
    fee_usd: Decimal = ZERO,
    qty: Decimal | None = None,
) -> Settlement:
    """Close a position at ``price``: 0 when worthless or delivered, else its cash value.

    Args:
        position: What ends.
        others: The trade's other positions; the trade is over when none is left.
        trade: The trade it belongs to.
        account: Its account.
        price: Points per contract that are paid out.
        source_id: Id of the broker's (or our own) settlement; with the trade's id it names the
            execution for ever, so that one settlement over several trades books each once.
        at: When it ended.
        now: Time of booking.
        kind: ``expiry`` when worthless, ``exercise`` when exercised or assigned, ``external``
            when somebody traded it away in the broker's own app.
        fee_usd: What the broker takes for it.
        qty: Contracts or shares that end, > 0; None: all of them.

    Raises:
        InvariantError: nothing, or less than ``qty``, is held.
    """
    held = position.qty
    ending = abs(held) if qty is None else qty
    if held == 0 or ending > abs(held):
        raise InvariantError(f"position {position.key} holds {held}: {ending} cannot end")
    execution = Execution(
        execution_id=f"{source_id}/{trade.trade_id}",
        order_id="",
        trade_id=trade.trade_id,
        account=account.name,
        instrument=position.instrument,
        side=Side.SELL if held > 0 else Side.BUY,
        qty=ending,
        price=price,
        fee_usd=fee_usd,
        executed_at=at,
        kind=kind,
        leg=_leg_number(trade, position.instrument),
    )
    check(execution)
    taken = take(position.lots, execution)
    entry = entry_of(execution, taken, now)
    after = with_lots(position, execution, taken)
    left = [after, *others]
    trip = _after_end(trade, entry, _held_units(trade, left), price, at, kind)
    trip = trips.while_held(trip, left)
    if trip.state is TradeState.PENDING and trip.is_entry_over and not any(p.qty for p in left):
        trip = replace(trip, state=TradeState.VOID, closed_at=at, close_reason=_REASON[kind])
    return Settlement(
        execution=execution,
        entry=entry,
        trade=changed(trip),
        position=after,
        account=changed(trips.counted(credited(account, entry), trade, trip)),
    )


def _leg_number(trade: Trade, instrument: Instrument) -> int:
    keys = [leg.instrument.key for leg in trade.legs]
    return keys.index(instrument.key) if instrument.key in keys else 0


def _held_units(trade: Trade, positions: Iterable[Position]) -> Decimal:
    """Units left once some legs have ended: as many as the most-held leg still makes.

    Never more than before: a leg that came without its unit makes none by ending.
    """
    by_key = {p.instrument.key: p.qty for p in positions}
    most = max(abs(by_key.get(leg.instrument.key, ZERO)) / abs(leg.ratio) for leg in trade.legs)
    return min(most, abs(trade.qty_open))


def _after_end(
    trade: Trade, entry: LedgerEntry, held: Decimal, price: Decimal, at: datetime, kind: EndKind
) -> Trade:
    gone = abs(trade.qty_open) - held
    closed = trade.qty_opened - trade.qty_open
    exit_price = trade.exit_price
    if len(trade.legs) == 1 and gone > 0:
        exit_price = ((exit_price or ZERO) * closed + price * gone) / (closed + gone)
    realised = trade.realised_usd + entry.realised_usd
    fees = trade.fees_usd + entry.fee_usd
    if len(trade.legs) > 1 and held == 0 and trade.entry_price is not None:
        gain = (realised + fees) / (trade.multiplier * trade.qty_opened)
        exit_price = trade.entry_price + gain * trade.direction
    trade = replace(
        trade,
        qty_open=held if trade.qty_open >= 0 else -held,
        exit_price=exit_price,
        realised_usd=realised,
        fees_usd=fees,
        closes=trips.served(trade.closes, gone),
    )
    trade = replace(trade, is_entry_over=trade.is_entry_over or kind != "external")
    return trips.with_state(trade, _REASON[kind], at)


def deliver(
    position: Position,
    *,
    trade: Trade,
    account: Account,
    source_id: str,
    at: datetime,
    now: datetime,
    fee_usd: Decimal = ZERO,
    qty: Decimal | None = None,
) -> Delivery:
    """Shares of an exercised or assigned option, at the strike, as a trade of their own.

    Call it with the option's position as it was before :func:`expire`, and with the account as
    that left it. The new trade has no stop: somebody has to decide about it. ``qty``: so many of
    the shares alone, as others have gone for what was held the other way round.

    Raises:
        InvariantError: no option, or nothing held.
    """
    option = position.instrument
    if option.kind != "option" or option.strike is None or position.qty == 0:
        raise InvariantError(f"position {position.key} delivers nothing")
    shares = position.qty * option.multiplier * (1 if option.right == "C" else -1)
    count = abs(shares) if qty is None else qty
    side = Side.BUY if shares > 0 else Side.SELL
    legs = (Leg(instrument=stock(option.symbol)),)
    trade_id = f"{trade.trade_id}/{option.symbol}"
    order = Order(
        order_id=f"{source_id}/{trade_id}",
        intent_id="",
        alert_id=trade.alert_id,
        trade_id=trade_id,
        account=account.name,
        broker=trade.broker,
        purpose=Purpose.ENTRY,
        side=side,
        legs=legs,
        qty=count,
        type=OrderType.MARKET,
        state=OrderState.ACCEPTED,
        reason="exercise",
        created_at=now,
        updated_at=now,
    )
    shares_trade = Trade(
        trade_id=trade_id,
        alert_id=trade.alert_id,
        account=account.name,
        broker=trade.broker,
        source="external",
        symbol=option.symbol,
        asset="stock",
        direction=1 if shares > 0 else -1,
        legs=legs,
        qty_wanted=count,
        created_at=now,
    )
    execution = Execution(
        execution_id=f"{source_id}/{trade_id}",
        order_id=order.order_id,
        trade_id=trade_id,
        account=account.name,
        instrument=legs[0].instrument,
        side=side,
        qty=count,
        price=option.strike,
        fee_usd=fee_usd,
        executed_at=at,
        kind="exercise",
    )
    booked = book(
        execution, order=order, trade=shares_trade, position=None, account=account, now=now
    )
    new = replace(
        booked,
        order=replace(booked.order, version=1),
        trade=replace(booked.trade, version=1),
    )
    return Delivery(booking=new)


# -- splits -----------------------------------------------------------------------------------


def split_position(position: Position, ratio: Decimal | Fraction) -> Position:
    """A share split of ``ratio`` new for one old: quantities x ratio, prices / ratio (I-06)."""
    new, old = _terms(ratio)
    return changed(position, lots=split(position.lots, old, new))


def _terms(ratio: Decimal | Fraction) -> tuple[Decimal, Decimal]:
    """New shares for so many old ones; multiplied before divided, whole shares stay exact."""
    exact = Fraction(ratio)
    return Decimal(exact.numerator), Decimal(exact.denominator)


def split_trade(trade: Trade, ratio: Decimal | Fraction) -> Trade:
    """The trade after a share split: same money, other quantities and prices (M-07)."""
    new, old = _terms(ratio)

    def price(was: Decimal | None) -> Decimal | None:
        return None if was is None else was * old / new

    def ordered(was: Decimal) -> Decimal:
        return _on_tick(trade, was * old / new)

    def qty(was: Decimal) -> Decimal:
        return was * new / old

    stop = trade.stop
    if stop is not None:
        stop = replace(stop, price=ordered(stop.price), trail_usd=price(stop.trail_usd))
    return changed(
        trade,
        qty_wanted=qty(trade.qty_wanted),
        qty_opened=qty(trade.qty_opened),
        qty_open=qty(trade.qty_open),
        entry_price=price(trade.entry_price),
        exit_price=price(trade.exit_price),
        alerted_price=price(trade.alerted_price),
        achievable_price=price(trade.achievable_price),
        alerted_exit=price(trade.alerted_exit),
        achievable_exit=price(trade.achievable_exit),
        initial_stop=price(trade.initial_stop),
        stop=stop,
        targets=tuple(replace(t, price=ordered(t.price), qty=qty(t.qty)) for t in trade.targets),
        closes=tuple(
            replace(
                c,
                qty=qty(c.qty),
                limit=None if c.limit is None else ordered(c.limit),
                alerted_price=price(c.alerted_price),
            )
            for c in trade.closes
        ),
        high_water=price(trade.high_water),
        low_water=price(trade.low_water),
    )


def _on_tick(trade: Trade, price: Decimal) -> Decimal:
    """An order's price: rounded towards the market, so that no stop is looser than before."""
    way = ROUND_CEILING if trade.direction > 0 else ROUND_FLOOR
    return rounded(price, trade.legs[0].instrument.tick, way)


def split_held(
    position: Position,
    *,
    trade: Trade,
    account: Account,
    ratio: Decimal | Fraction,
    source_id: str,
    now: datetime,
) -> Settlement:
    """Book a split of what a trade of one leg holds: no cash, no gain, no order (M-07).

    Args:
        position: What is held; all of it is split.
        trade: Its trade.
        account: Its account; it does not change.
        ratio: New shares for one old.
        source_id: Names the split for ever, together with the trade.
        now: Time of booking.

    Raises:
        InvariantError: nothing is held, the ratio changes nothing, or the trade has several legs.
    """
    new, old = _terms(ratio)
    more = position.qty * new / old - position.qty
    if more == 0 or ratio <= 0 or len(trade.legs) != 1:
        raise InvariantError(f"position {position.key} cannot be split by {ratio}")
    execution = Execution(
        execution_id=f"{source_id}/{trade.trade_id}",
        order_id="",
        trade_id=trade.trade_id,
        account=account.name,
        instrument=position.instrument,
        side=Side.BUY if more > 0 else Side.SELL,
        qty=abs(more),
        price=ZERO,
        fee_usd=ZERO,
        executed_at=now,
        kind="split",
    )
    check(execution)
    taken = take(position.lots, execution)
    return Settlement(
        execution=execution,
        entry=entry_of(execution, taken, now),
        trade=split_trade(trade, ratio),
        position=with_lots(position, execution, taken),
        account=account,
    )
