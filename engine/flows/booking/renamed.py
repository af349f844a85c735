"""Contracts and shares that a split or a merger has given another name (M-07).

``SPY 600C`` becomes ten ``SPY 60C``, or as many ``SPY1 600C`` where something else is delivered.
The evidence is the broker's own list: one is gone whole, and another of the same root, day and
right came in its place, as many more as its strike is lower, for the same money. Of shares it is as
many others that have cost the same, while no trade is listed and no money has moved.
"""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

from engine import ledger
from engine.desk import Desk
from engine.domain.compared import PositionGap
from engine.domain.instrument import Instrument
from engine.domain.money import ZERO
from engine.domain.trade import Position, Trade
from engine.flows.holdings import unasked
from engine.market import new_york_date
from engine.reconcile import CashGap

_COST_OFF = Decimal("0.05")
"""A broker counts its fee in, and rounds what a tenth of a contract has cost to the cent."""
_COST_OFF_SHARES = Decimal("0.002")
_STRIKE_OFF = Decimal("0.005")
"""New strikes are rounded to the cent."""
_MOST = 100
_DIGITS = "0123456789"


async def on_gaps(
    desk: Desk, account: str, gaps: Sequence[PositionGap], cash: CashGap | None
) -> list[PositionGap]:
    """Book what is held under its new name, with its stop; the gaps that are left."""
    left = list(gaps)
    pairs = [(old, new) for old in gaps for new in gaps if ratio_of(old, new) is not None]
    for old, new in pairs:
        is_only = sum(old in pair or new in pair for pair in pairs) == 1
        if old.instrument.kind == "stock" and cash is not None:
            continue
        if is_only and await _booked(desk, account, old, new):
            left = [gap for gap in left if gap not in (old, new)]
    return left


def ratio_of(old: PositionGap, new: PositionGap) -> Fraction | None:
    """New contracts for one old; None where anything else may explain them."""
    was, now = old.instrument, new.instrument
    if was.kind != now.kind or old.theirs or new.ours:
        return None
    if was.kind == "stock":
        return Fraction(1) if was != now and old.ours == new.theirs and new.avg_price else None
    if (was.expiry, was.right) != (now.expiry, now.right) or was == now:
        return None
    if was.strike is None or now.strike is None or not new.avg_price or not old.ours:
        return None
    if was.symbol.rstrip(_DIGITS) != now.symbol.rstrip(_DIGITS):
        return None
    ratio = Fraction(new.theirs) / Fraction(old.ours)
    times = Decimal(ratio.numerator) / ratio.denominator
    is_plain = max(ratio.numerator, ratio.denominator) <= _MOST
    is_so_low = abs(was.strike - now.strike * times) <= _STRIKE_OFF * times
    return ratio if is_plain and is_so_low else None


async def _booked(desk: Desk, account: str, old: PositionGap, new: PositionGap) -> bool:
    async with desk.lock(account):
        held = [
            (trade, position)
            for trade in desk.book.trades.values()
            if trade.account == account
            for position in desk.book.positions_of(trade.trade_id)
            if position.instrument == old.instrument and position.qty
        ]
        ratio = ratio_of(old, new)
        if ratio is None or not _is_it(desk, old, new, held):
            return False
        for trade, position in held:
            await rename(desk, trade, position, new.instrument, ratio)
    return True


def _is_it(
    desk: Desk, old: PositionGap, new: PositionGap, held: Sequence[tuple[Trade, Position]]
) -> bool:
    """Whether it is all that we hold, by itself, runs on, and has cost the same there."""
    expiry = old.instrument.expiry
    if new.avg_price is None or (expiry and expiry < new_york_date(desk.clock.now())):
        return False
    if any(len(trade.legs) > 1 for trade, _ in held):
        return False
    if sum((position.qty for _, position in held), ZERO) != old.ours:
        return False
    ours = abs(sum((lot.qty * lot.price for _, p in held for lot in p.lots), ZERO))
    theirs = abs(new.theirs * new.avg_price)
    off = _COST_OFF if old.instrument.kind == "option" else _COST_OFF_SHARES
    return abs(ours - theirs) <= ours * off + abs(new.theirs) * Decimal("0.006")


async def rename(
    desk: Desk, trade: Trade, position: Position, now: Instrument, ratio: Fraction
) -> None:
    """Make what is held ``ratio`` times of another contract, at what it cost, with its own stop.

    Under the account's lock. Nothing is sent, earned or paid.
    """
    cost, held = position.avg_price or ZERO, abs(position.qty)
    new, old = Decimal(ratio.numerator), Decimal(ratio.denominator)
    out = unasked.out_of(desk, position, "RENAMED", held, cost)
    back = replace(out, side=out.side.opposite, instrument=now, price=cost * old / new)
    parts = unasked.Parts(account=desk.book.accounts[position.account])
    unasked.close(desk, parts, out, trade, position, out.qty, "external")
    why = f"{position.instrument.label} has that name since a split or a merger"
    unasked.adopt(
        desk, parts, back, held * new / old, why=why, like=ledger.split_trade(trade, ratio)
    )
    if await unasked.commit(desk, out, parts):
        await unasked.follow_up(desk, parts)
