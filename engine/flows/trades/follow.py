"""An alert about something held: close it, part of it, or move its stop and targets."""

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Literal

from engine.desk import Desk
from engine.domain.alert import Level, Signal
from engine.domain.desk import AlertRecord, AlertState, Candidate
from engine.domain.errors import UserError
from engine.domain.money import nearest
from engine.domain.order import UNANSWERED, PlannedTarget
from engine.domain.record import changed
from engine.domain.source import SourceProfile
from engine.domain.trade import StopPlan, Trade, TradeState
from engine.exits.plan import close_request
from engine.flows.acts.outcomes import Outcome, ask_which, rejected
from engine.flows.trades.undo import closed_unsent, is_unsent
from engine.matching import exit_note, exit_qty, match_exit
from engine.protection import equal_shares, step_of
from engine.reports import unit_label
from engine.routing import Refused


async def judge(
    desk: Desk, profile: SourceProfile, record: AlertRecord, number: int, signal: Signal
) -> Outcome:
    """Decide about a closing or updating signal, under the account's lock."""
    mine = [
        t
        for t in desk.book.trades.values()
        if t.source == profile.name and (not profile.is_copy or t.account == profile.account)
    ]
    found = match_exit(signal, mine, profile, record.author_id)
    if isinstance(found, Refused):
        return rejected(found.reason)
    if len(found) > 1:
        return ask_which(
            desk,
            profile,
            record,
            number,
            f"{signal.action} {signal.symbol}: several open trades may be meant",
            tuple(Candidate(trade_id=t.trade_id, label=label(t)) for t in found[:20]),
        )
    return on_trade(desk, profile, record, number, signal, found[0])


def on_trade(
    desk: Desk,
    profile: SourceProfile,
    record: AlertRecord,
    number: int,
    signal: Signal,
    trade: Trade,
) -> Outcome:
    """Apply a closing or updating signal to the trade that it means. Exits always pass."""
    if signal.action.effect.closes and is_unsent(desk, trade):
        return closed_unsent(desk, record, trade, is_all=_is_all(signal))
    said: list[str] = []
    after = trade
    if signal.action.effect.closes:
        after = _close(desk, profile, record, number, signal, after)
        said += _closing(desk, profile, signal, trade, after)
    for stop, targets in ((signal.stop, ()), (None, signal.targets)):  # one may be refused alone
        try:
            after, notes = moved(desk, after, stop=stop, targets=targets)
            said += notes
        except UserError as refused:
            said.append(str(refused))
    if after is trade:
        return rejected(" · ".join(said) or "nothing to change")
    return Outcome(
        state=AlertState.MANAGED,
        reason=" · ".join(said),
        puts=(replace(after, version=trade.version + 1),),
        cards=(("trade", trade.trade_id, "orders"),),
        trade_ids=(trade.trade_id,),
        settle=(trade.trade_id,),
    )


def _close(
    desk: Desk,
    profile: SourceProfile,
    record: AlertRecord,
    number: int,
    signal: Signal,
    trade: Trade,
) -> Trade:
    qty = exit_qty(signal, trade, profile)
    if _is_all(signal) or trade.state is TradeState.PENDING:
        qty = max(qty, trade.qty_wanted)  # an entry that still works is cancelled, the rest closed
    quote = desk.quote(trade.legs)
    touch = quote.touch(trade.direction < 0) if quote else None
    asked = close_request(
        trade,
        qty,
        "alert",
        desk.clock.now(),
        f"{record.alert_id}/{number}",
        alerted_price=signal.price,
    )
    return replace(
        asked,
        alerted_exit=signal.price if signal.price is not None else asked.alerted_exit,
        achievable_exit=touch if touch is not None else asked.achievable_exit,
    )


def _closing(
    desk: Desk, profile: SourceProfile, signal: Signal, trade: Trade, after: Trade
) -> list[str]:
    """What is closed, in words; where nothing is held yet, what happens to the entry instead."""
    if trade.state is not TradeState.PENDING:
        asked = sum((c.qty for c in after.closes), Decimal(0))
        note = exit_note(signal, trade, profile)
        return [f"closing {asked:f} of {label(trade)}", *([note] if note else [])]
    is_open = any(o.state in UNANSWERED for o in desk.book.orders_of(trade.trade_id))
    why = "the entry's answer is still open" if is_open else "the entry has not filled yet"
    part = "" if _is_all(signal) else " and no part of it was closed"
    held = f"nothing of {label(trade)} is known to be held{part}"
    then = "the entry is being cancelled, and whatever of it has filled all the same is closed"
    return [f"{why}, so {held}: {then}"]


def _is_all(signal: Signal) -> bool:
    return signal.quantity is None and not signal.is_partial and signal.fraction in (None, 1)


def moved(
    desk: Desk,
    trade: Trade,
    *,
    stop: Level | None = None,
    targets: tuple[Level, ...] = (),
    may_loosen: bool = False,
) -> tuple[Trade, list[str]]:
    """The trade with a new stop or new targets; what changed, in words.

    Raises:
        UserError: a stop that loosens or stands beyond the market, a target that would close the
            trade at once and without a gain.
    """
    notes: list[str] = []
    if stop is not None:
        price = level_price(stop, trade)
        _check_stop(desk, trade, price, may_loosen=may_loosen)
        kind: Literal["fixed", "breakeven"] = "breakeven" if stop.kind == "breakeven" else "fixed"
        old = trade.stop.price if trade.stop else None
        trade = changed(
            trade,
            stop=StopPlan(price=price, kind=kind, moved_at=desk.clock.now()),
            initial_stop=trade.initial_stop if trade.initial_stop is not None else price,
        )
        notes.append(f"stop {old if old is not None else 'n/a'} → {price}")
    if targets:
        prices = [level_price(t, trade, is_target=True) for t in targets]
        for price in prices:
            _check_target(desk, trade, price)
        trade = changed(trade, targets=_planned(desk, trade, prices))
        notes.append("targets → " + ", ".join(str(p) for p in prices))
    return trade, notes


def _check_stop(desk: Desk, trade: Trade, price: Decimal, *, may_loosen: bool) -> None:
    current = trade.stop.price if trade.stop else None
    if current is not None and (price - current) * trade.direction < 0 and not may_loosen:
        raise UserError(f"stop not moved: {price} is looser than {current} and stops only tighten")
    quote = desk.quote(trade.legs)
    if quote is None or trade.state is not TradeState.OPEN:
        return
    last = quote.bid if trade.direction > 0 else quote.ask
    if (last - price) * trade.direction <= 0:
        raise UserError(f"stop not moved: {price} is beyond the market at {last}; close instead")


def _check_target(desk: Desk, trade: Trade, price: Decimal) -> None:
    """A target behind the entry is a way out of a loss; the market must not be there already."""
    entry = trade.entry_price
    is_gain = entry is None or (price - entry) * trade.direction > 0
    if is_gain or trade.state is not TradeState.OPEN:
        return
    quote = desk.quote(trade.legs)
    if quote is None:
        raise UserError(f"target not set: {price} is no gain, and no fresh price says where we are")
    last = quote.touch(trade.direction < 0)
    if (last - price) * trade.direction >= 0:
        raise UserError(
            f"target not set: {price} is no gain, and {last} is to be had; close instead"
        )


def level_price(level: Level, trade: Trade, *, is_target: bool = False) -> Decimal:
    """A level as unit price of this trade: a distance lies behind the entry, a target's beyond it.

    Raises:
        UserError: when it needs an entry price that is not known yet.
    """
    if level.kind == "price":
        assert level.value is not None  # noqa: S101 - by construction
        return level.value
    entry = trade.entry_price
    if entry is None:
        raise UserError("not moved: the entry is not filled yet, so there is no entry price")
    tick = trade.legs[0].instrument.tick
    if level.kind == "breakeven" or level.value is None:
        return nearest(entry, tick)
    distance = level.value if level.kind == "points" else entry * level.value / 100
    return nearest(entry + distance * (trade.direction if is_target else -trade.direction), tick)


def _planned(desk: Desk, trade: Trade, prices: list[Decimal]) -> tuple[PlannedTarget, ...]:
    """What is still open over the new targets: shares and stop moves as at an entry."""
    profile = desk.settings.sources.get(trade.source, desk.settings.manual.profile)
    step = step_of(trade.legs[0].instrument)
    nearest_first = sorted(prices, key=lambda price: price * trade.direction)
    shares = equal_shares(trade.qty_open or trade.qty_wanted, len(prices), step, profile)
    then = [rule.then_stop for rule in profile.targets]
    then += ["keep"] * len(prices)
    return tuple(
        PlannedTarget(price=price, qty=share, then_stop=after)
        for price, share, after in zip(nearest_first, shares, then, strict=False)
        if share > 0
    )


def label(trade: Trade) -> str:
    """How a trader names an open trade on a button."""
    qty = trade.qty_open or trade.qty_wanted
    return f"{qty:f} × {unit_label(trade.legs)}"[:80]


def labels(trades: Sequence[Trade]) -> str:
    """Several of them, and in which account each is where that differs."""
    differs = len({t.account for t in trades}) > 1
    return "; ".join(f"{label(t)} in {t.account}" if differs else label(t) for t in trades)
