"""What ends by itself: expiry, exercise and assignment, and the shares that come or go by it."""

from collections.abc import Collection, Iterable
from dataclasses import replace
from decimal import Decimal

from engine import ledger
from engine.brokers import BrokerFill
from engine.desk import Desk
from engine.domain.instrument import CASH_SETTLED, Instrument, underlying_of
from engine.domain.money import ZERO
from engine.domain.trade import Execution, Lot, Position, Trade
from engine.flows.holdings import unasked
from engine.ledger.ends import EndKind
from engine.market import new_york_date


async def on_end(desk: Desk, fill: BrokerFill) -> None:
    """Book an expiry, exercise or assignment over the trades that it ends, once."""
    async with desk.lock(fill.account):
        if await unasked.booked_before(desk, fill):
            return
        parts = unasked.Parts(account=desk.book.accounts[fill.account])
        if fill.instrument.kind == "option":
            kind: EndKind = "exercise" if fill.kind == "exercise" else "expiry"
            for trade, position, qty in _ending(desk, fill):
                unasked.close(desk, parts, fill, trade, position, qty, kind)
        else:
            await _delivered(desk, parts, fill)
        if not await unasked.commit(desk, fill, parts):
            return
    await unasked.follow_up(desk, parts)


async def net(desk: Desk, account: str, unsure: Collection[Instrument]) -> None:
    """Take what an exercise brought, or was traded outside, off what is held the other way round.

    A broker holds none both ways. As long as another leg may bring shares back they stay apart;
    once its spread is over and the broker's sum is ours, they have gone for what was held beside
    it. So has what was sold outside before the fill that had bought it was told.
    ``unsure``: what the broker holds otherwise than we do.
    """
    async with desk.lock(account):
        mine = [t for t in desk.book.trades.values() if t.account == account]
        for trade in sorted(mine, key=unasked.is_adopted):
            origin, _, symbol = trade.trade_id.rpartition("/")
            instrument = trade.legs[0].instrument
            position = desk.book.positions.get(f"{trade.trade_id}|{instrument.key}")
            is_exercised = symbol == trade.symbol and origin not in desk.book.trades
            if not (is_exercised or unasked.is_adopted(trade)) or instrument in unsure:
                continue
            if trade.source == "external" and position is not None and position.qty:
                await _net(desk, trade, position)


async def _net(desk: Desk, trade: Trade, position: Position) -> None:
    free = max(abs(position.qty) - unasked.going(desk, trade), ZERO)
    out = unasked.out_of(desk, position, "NET", free, position.lots[0].price)
    fill = replace(out, side=out.side.opposite)
    others = unasked.closing(desk, fill)
    qty = sum((part for _, _, part in others), ZERO)
    if not qty:
        return
    kind: EndKind = "external" if unasked.is_adopted(trade) else "exercise"
    came = "was traded outside" if unasked.is_adopted(trade) else "an exercise brought"
    parts = unasked.Parts(account=desk.book.accounts[trade.account])
    for other, held, part in [(trade, position, qty), *others]:
        unasked.close(desk, parts, fill, other, held, part, kind)
    if await unasked.commit(desk, fill, parts):
        await desk.tell(
            "admin",
            f"{trade.account}: {qty:f} {position.instrument.label} that {came} ({trade.trade_id}) "
            f"have gone for what was held the other way round, at {fill.price:f}. Nothing was sent "
            "because of it.",
            note_id=f"net-{fill.execution_id}",
        )
        await unasked.follow_up(desk, parts)


def _ending(desk: Desk, fill: BrokerFill) -> Iterable[tuple[Trade, Position, Decimal]]:
    """At the contract's end everything ends; before it, as much as was exercised or assigned.

    Near the strike a part is assigned and the rest expires: that is told in two.
    """
    expiry = fill.instrument.expiry
    holders = list(unasked.held_of(desk, fill))
    is_part = fill.qty < abs(sum((held.qty for _, held in holders), ZERO))
    if is_part or expiry is None or new_york_date(fill.executed_at) < expiry:
        return unasked.closing(desk, fill)
    return [(trade, held, abs(held.qty)) for trade, held in holders]


async def _delivered(desk: Desk, parts: unasked.Parts, fill: BrokerFill) -> None:
    """Book them for the options that they came for: none where they do not add up.

    What is held the other way round (another leg's shares, those that covered a call) goes first.
    """
    due = await _due(desk, fill)
    if sum((n for _, n in due.values()), ZERO) < fill.qty:
        return
    left = fill.qty
    for trade, position, qty in unasked.closing(desk, fill, await _ended_as_units(desk, fill, due)):
        unasked.close(desk, parts, fill, trade, position, qty, "exercise")
        left -= qty
    for trade_id, (row, n) in due.items():
        its, part = await desk.trade(trade_id), min(n, left)
        if part and its is not None and await desk.trade(_shares_id(its, fill)) is None:
            _deliver(desk, parts, fill, row, its, part)
            left -= part
    if left > 0:  # beside what came for it before
        unasked.adopt(desk, parts, fill, left, why="more of its option was exercised")


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
        since=("executed_at", fill.executed_at - unasked.BACK),
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
    desk: Desk,
    parts: unasked.Parts,
    fill: BrokerFill,
    execution: Execution,
    trade: Trade,
    qty: Decimal,
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
        fee_usd=unasked.fee(fill, parts),
        qty=qty,
    ).booking
    parts.events.append(unasked.opened(desk, came, f"{execution.instrument.label} was exercised"))
    parts.account = came.account
    parts.trades.append(came.trade)
