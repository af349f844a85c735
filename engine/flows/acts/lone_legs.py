"""Legs of a spread that make no whole unit: each becomes a trade of its own, and people are told.

One leg filled alone, was assigned early, or was traded in the broker's app. No stop of the unit
protects what is left, and no order of the unit can close it (O-26, I-20).
"""

from collections import defaultdict
from dataclasses import replace
from decimal import Decimal

from engine import orders
from engine.desk import Desk
from engine.domain.instrument import Instrument
from engine.domain.money import ZERO
from engine.domain.trade import Position, Trade
from engine.flows.acts import flatten
from engine.flows.holdings import unasked
from engine.market import NYSE, last_trading_day, new_york_date

_MOST_LOTS = 50
_SURE_S = 4.0
"""The legs of one execution are told one after the other."""


async def look(desk: Desk, trade_id: str) -> None:
    """What makes no whole unit for so long, and will not by any order of its trade, is set apart.

    While an order may still bring the rest, people are called instead.
    """
    name, trade = f"lone {trade_id}", desk.book.trades.get(trade_id)
    if trade is None or len(trade.legs) == 1 or not _lone(desk, trade):
        desk.doubts.lacking.pop(name, None)
        if trade is None or not trade.closes:
            desk.doubts.closing.pop(trade_id, None)
        return
    now = desk.clock.monotonic()
    if now - desk.doubts.lacking.setdefault(name, now) < _SURE_S:
        return
    spread = trade
    apart: dict[Instrument, Decimal] = defaultdict(Decimal)
    async with desk.lock(trade.account):
        for _ in range(_MOST_LOTS):
            trade = desk.book.trades.get(trade_id)
            if trade is None or not _is_at_rest(desk, trade) or not (lone := _lone(desk, trade)):
                break
            spread = trade if not apart else spread  # as it was asked for
            position, qty = lone[0]
            await set_apart(desk, position, qty)
            apart[position.instrument] += min(qty, abs(position.lots[0].qty))
    if apart:
        await flatten.apart(desk, spread, apart)
    if trade is not None:
        await _tell(desk, trade)


def _lone(desk: Desk, trade: Trade) -> list[tuple[Position, Decimal]]:
    """Positions of its legs, and how much of each belongs to no whole unit."""
    held = {p.instrument: p for p in desk.book.positions_of(trade.trade_id)}
    units = min(_units(trade, held, leg.instrument, leg.ratio) for leg in trade.legs)
    found = []
    for leg in trade.legs:
        position = held.get(leg.instrument)
        if position is not None and not _is_over(desk, leg.instrument):
            of_units = max(units, ZERO) * leg.ratio * trade.direction
            found.append((position, abs(position.qty - of_units)))
    return [(position, qty) for position, qty in found if qty]


def _units(
    trade: Trade, held: dict[Instrument, Position], instrument: Instrument, ratio: int
) -> Decimal:
    position = held.get(instrument)
    qty = ZERO if position is None else position.qty
    return qty * trade.direction // ratio


def _is_over(desk: Desk, contract: Instrument) -> bool:
    """Whether its end is about to be heard of: until then nothing can be done about it."""
    now, last = desk.clock.now(), last_trading_day(contract)
    if last is None:
        return False
    session = NYSE.session(last)
    is_late = session is not None and now >= session.closes_at
    return is_late or new_york_date(now) > last


def _is_at_rest(desk: Desk, trade: Trade) -> bool:
    """Whether nothing of it may still fill, nor has filled without being booked."""
    own = desk.book.orders_of(trade.trade_id)
    return all(o.state.is_terminal and orders.is_whole(o) for o in own)


async def _tell(desk: Desk, trade: Trade) -> None:
    held = ", ".join(f"{qty:f} {p.instrument.label}" for p, qty in _lone(desk, trade))
    if held:
        await desk.tell(
            "admin",
            f"⚠ {trade.symbol} ({trade.trade_id}): its legs do not match ({held} too many), and no "
            "stop stands for that. Look into the broker's app.",
            note_id=f"lone-{trade.trade_id}-{held}",
        )


async def set_apart(desk: Desk, position: Position, qty: Decimal) -> None:
    """Make up to ``qty`` of a spread's leg, its oldest lot, a trade of its own, at what it cost.

    Under the account's lock. Nothing is sent, earned or paid: the leg can be closed by itself.
    """
    trade, lot = desk.book.trades[position.trade_id], position.lots[0]
    out = unasked.out_of(desk, position, "APART", min(qty, abs(lot.qty)), lot.price)
    parts = unasked.Parts(account=desk.book.accounts[position.account])
    unasked.close(desk, parts, out, trade, position, out.qty, "external")
    back, left = replace(out, side=out.side.opposite), out.qty
    for other, held, part in unasked.closing(desk, back):
        if other.source == "external":  # the late leg of what was set apart: both are gone there
            unasked.close(desk, parts, back, other, held, part, "external")
            left -= part
    if left > 0:
        why = f"it makes no whole unit of {trade.trade_id} any more"
        unasked.adopt(desk, parts, back, left, why=why)
    if await unasked.commit(desk, out, parts):
        await unasked.follow_up(desk, parts)
