"""Book an execution: the next versions of everything it touches, or its reversal."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from engine.domain.errors import InvariantError
from engine.domain.money import ZERO
from engine.domain.order import Order, Purpose
from engine.domain.record import changed
from engine.domain.trade import Account, Execution, LedgerEntry, Position, Trade
from engine.ledger import fills, trips
from engine.ledger.lots import Taken, cash_of, check, signed, take

BUST = "#bust"
CORRECT = "#correct"


@dataclass(frozen=True, slots=True, kw_only=True)
class Booking:
    """One execution and every record it changes, as they are afterwards."""

    execution: Execution
    entry: LedgerEntry
    order: Order
    trade: Trade
    position: Position
    account: Account


def book(
    execution: Execution,
    *,
    order: Order,
    trade: Trade,
    position: Position | None,
    account: Account,
    now: datetime,
    others: Sequence[Position] = (),
) -> Booking:
    """Book one execution; the caller makes sure that its id was not booked before.

    ``others``: the trade's positions in its other legs; it is over when none is left.

    Raises:
        InvariantError: it is no fill at all (not finite, quantity not above 0, foreign leg).
    """
    check(execution)
    held = position if position is not None else new_position(execution)
    if held.key != f"{trade.trade_id}|{execution.instrument.key}":
        raise InvariantError(f"position {held.key} is not of {execution.execution_id}")
    taken = take(held.lots, execution)
    entry = entry_of(execution, taken, now)
    after = fills.filled(order, execution, now)
    left = with_lots(position, execution, taken)
    trip = trips.while_held(
        trips.after_fill(trade, order, after, execution, entry), [left, *others]
    )
    return Booking(
        execution=execution,
        entry=entry,
        order=after,
        trade=changed(trip),
        position=left,
        account=changed(trips.counted(credited(account, entry), trade, trip)),
    )


def new_position(execution: Execution) -> Position:
    """A flat position of the execution's trade and instrument."""
    return Position(
        trade_id=execution.trade_id, account=execution.account, instrument=execution.instrument
    )


def with_lots(position: Position | None, execution: Execution, taken: Taken) -> Position:
    """The position's next version; a new one has version 1."""
    if position is None:
        return replace(new_position(execution), lots=taken.lots)
    return changed(position, lots=taken.lots)


def entry_of(execution: Execution, taken: Taken, now: datetime) -> LedgerEntry:
    """The ledger's line for an execution."""
    return LedgerEntry(
        entry_id=execution.execution_id,
        account=execution.account,
        trade_id=execution.trade_id,
        execution_id=execution.execution_id,
        instrument_key=execution.instrument.key,
        kind=execution.kind,
        qty=signed(execution),
        price=execution.price,
        cash_usd=cash_of(execution, taken),
        fee_usd=execution.fee_usd,
        realised_usd=taken.realised_usd,
        closed_qty=taken.closed_qty,
        booked_at=now,
    )


def credited(account: Account, entry: LedgerEntry) -> Account:
    """The account's running totals with one more entry (same version)."""
    return replace(
        account,
        cash_usd=account.cash_usd + entry.cash_usd,
        realised_usd=account.realised_usd + entry.realised_usd,
        fees_usd=account.fees_usd + entry.fee_usd,
        realised_today_usd=account.realised_today_usd + entry.realised_usd,
    )


def deposit(
    account: Account, usd: Decimal, now: datetime, entry_id: str
) -> tuple[Account, LedgerEntry]:
    """Money put in (or, below 0, taken out): neither profit nor loss.

    What the day and the drawdown are measured from moves with it.

    Raises:
        InvariantError: no finite Decimal.
    """
    if not isinstance(usd, Decimal) or not usd.is_finite():
        raise InvariantError(f"a deposit of {usd!r}")
    entry = LedgerEntry(
        entry_id=entry_id,
        account=account.name,
        trade_id="",
        execution_id="",
        instrument_key="",
        kind="deposit",
        qty=ZERO,
        price=ZERO,
        cash_usd=usd,
        fee_usd=ZERO,
        realised_usd=ZERO,
        closed_qty=ZERO,
        booked_at=now,
    )
    start, peak = account.day_start_equity_usd, account.peak_equity_usd
    after = changed(
        account,
        cash_usd=account.cash_usd + usd,
        deposits_usd=account.deposits_usd + usd,
        day_start_equity_usd=None if start is None else start + usd,
        peak_equity_usd=None if peak is None else peak + usd,
        other_days=tuple(
            d if (was := d.start_equity_usd) is None else replace(d, start_equity_usd=was + usd)
            for d in account.other_days
        ),
    )
    return after, entry


# -- taken back by the broker -----------------------------------------------------------------


def bust(
    execution: Execution,
    history: Sequence[Execution],
    *,
    order: Order,
    trade: Trade,
    position: Position,
    account: Account,
    now: datetime,
    others: Sequence[Position] = (),
) -> Booking:
    """Reverse a booked execution: afterwards all is as if it had never been.

    Args:
        execution: The one taken back.
        history: All executions of its trade and instrument in the order of booking, busts and
            corrections included; lots behind it are matched anew.
        order: The order it belonged to.
        trade: Its trade.
        position: Its position.
        account: Its account.
        now: Time of booking.
        others: The trade's positions in its other legs.

    Raises:
        InvariantError: it is not in the history, or was taken back before.
    """
    valid = live(history)
    if execution.execution_id not in {e.execution_id for e in valid}:
        raise InvariantError(f"execution {execution.execution_id} is not booked")
    if any(e.kind == "split" for e in valid):
        raise InvariantError(f"execution {execution.execution_id}: its shares were split since")
    was = _replayed(valid)
    will = _replayed([e for e in valid if e.execution_id != execution.execution_id])
    reversal = replace(
        execution,
        execution_id=f"{execution.execution_id}{BUST}",
        kind="bust",
        executed_at=now,
        version=1,
    )
    entry = LedgerEntry(
        entry_id=reversal.execution_id,
        account=execution.account,
        trade_id=execution.trade_id,
        execution_id=execution.execution_id,
        instrument_key=execution.instrument.key,
        kind="bust",
        qty=-signed(execution),
        price=execution.price,
        cash_usd=will.cash_usd - was.cash_usd,
        fee_usd=-execution.fee_usd,
        realised_usd=will.realised_usd - was.realised_usd,
        closed_qty=will.closed_qty - was.closed_qty,
        booked_at=now,
    )
    after = fills.busted(order, execution, now)
    left = changed(position, lots=will.lots)
    trip = trips.while_held(_untripped(trade, order, after, entry, now), [left, *others])
    return Booking(
        execution=reversal,
        entry=entry,
        order=after,
        trade=changed(trip),
        position=left,
        account=changed(trips.counted(credited(account, entry), trade, trip)),
    )


def correct(
    execution: Execution,
    corrected: Execution,
    history: Sequence[Execution],
    *,
    order: Order,
    trade: Trade,
    position: Position,
    account: Account,
    now: datetime,
    others: Sequence[Position] = (),
) -> tuple[Booking, Booking]:
    """A broker's correction: the wrong execution reversed, then the right one booked.

    The second booking follows on the first; when ``corrected`` has the id of the wrong one it
    gets an id of its own. Of the same units at another price, what is wanted of the trade, and how
    it ended, is as it was: its next version stands in the second booking, none in between.
    """
    undone = bust(
        execution,
        history,
        order=order,
        trade=trade,
        position=position,
        account=account,
        now=now,
        others=others,
    )
    name = corrected.execution_id
    if name == execution.execution_id:
        name += CORRECT
    right = replace(corrected, execution_id=name, kind="correct", version=1)
    done = book(
        right,
        order=replace(undone.order, reported=order.reported),
        trade=undone.trade,
        position=undone.position,
        account=undone.account,
        now=now,
        others=others,
    )
    done = _in_place(done, live(history), execution)
    if (right.side, right.qty) != (execution.side, execution.qty):
        return undone, done
    kept = replace(
        done.trade,
        version=trade.version + 1,
        targets=trade.targets,
        closes=trade.closes,
        closed_at=trade.closed_at,
        close_reason=trade.close_reason,
        is_unprotected_since=trade.is_unprotected_since,
    )
    if kept.state is trade.state:  # no trade has ended by it, nor begun again
        done = replace(
            done,
            account=replace(
                done.account,
                n_closed=account.n_closed,
                loss_streak=account.loss_streak,
                win_streak=account.win_streak,
            ),
        )
    return undone, replace(done, trade=kept)


def _in_place(done: Booking, valid: Sequence[Execution], wrong: Execution) -> Booking:
    """The right execution stands where the wrong one stood, not behind what came in between."""
    name = wrong.execution_id
    before = _replayed([e for e in valid if e.execution_id != name])
    after = _replayed([done.execution if e.execution_id == name else e for e in valid])
    realised = after.realised_usd - before.realised_usd
    cash = after.cash_usd - before.cash_usd
    off, off_cash = realised - done.entry.realised_usd, cash - done.entry.cash_usd
    closed = after.closed_qty - before.closed_qty
    return replace(
        done,
        entry=replace(done.entry, realised_usd=realised, cash_usd=cash, closed_qty=closed),
        trade=replace(done.trade, realised_usd=done.trade.realised_usd + off),
        position=replace(done.position, lots=after.lots),
        account=replace(
            done.account,
            cash_usd=done.account.cash_usd + off_cash,
            realised_usd=done.account.realised_usd + off,
            realised_today_usd=done.account.realised_today_usd + off,
        ),
    )


def live(history: Sequence[Execution]) -> list[Execution]:
    """Executions that stand, without busts: a correction stands where what it corrects stood."""
    stand: list[Execution | None] = []
    places: dict[str, int] = {}
    freed = -1
    for one in history:
        if one.kind == "bust":
            freed = places.pop(one.execution_id.removesuffix(BUST), -1)
            if freed >= 0:
                stand[freed] = None
            continue
        if one.kind == "correct" and freed >= 0:
            stand[freed] = one
            places[one.execution_id] = freed
        else:
            places[one.execution_id] = len(stand)
            stand.append(one)
        freed = -1
    return [one for one in stand if one is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sums(Taken):
    cash_usd: Decimal


def _replayed(history: Sequence[Execution]) -> _Sums:
    taken = Taken(lots=(), closed_qty=ZERO, gross_usd=ZERO, fees_usd=ZERO)
    closed = gross = fees = cash = ZERO
    for execution in history:
        taken = take(taken.lots, execution)
        closed += taken.closed_qty
        gross += taken.gross_usd
        fees += taken.fees_usd
        cash += cash_of(execution, taken)
    return _Sums(lots=taken.lots, closed_qty=closed, gross_usd=gross, fees_usd=fees, cash_usd=cash)


def _untripped(
    trade: Trade, before: Order, after: Order, entry: LedgerEntry, now: datetime
) -> Trade:
    less = trips.units(trade, before) - trips.units(trade, after)
    trade = replace(
        trade,
        realised_usd=trade.realised_usd + entry.realised_usd,
        fees_usd=trade.fees_usd + entry.fee_usd,
    )
    if after.purpose is Purpose.ENTRY:
        trade = trips.unentered(trade, before, after, less)
    else:
        trade = trips.unleft(trade, before, after, less)
    return trips.with_state(trade, "bust", now)
