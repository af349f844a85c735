"""What an execution does to its trade: units, prices, risk, state, and the account's streaks."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from engine.domain.money import FINEST, ZERO, rounded
from engine.domain.order import Order, OrderState, PlannedTarget, Purpose
from engine.domain.record import changed
from engine.domain.trade import (
    Account,
    CloseRequest,
    Execution,
    LedgerEntry,
    Position,
    Trade,
    TradeState,
)

_ENDED_EARLY = (OrderState.CANCELED, OrderState.EXPIRED, OrderState.REJECTED)


def after_fill(
    trade: Trade, before: Order, after: Order, execution: Execution, entry: LedgerEntry
) -> Trade:
    """The trade after one execution of one of its orders (same version)."""
    is_entry = after.purpose is Purpose.ENTRY
    figures = (
        _entered(trade, before, after, execution)
        if is_entry
        else _left(trade, before, after, execution)
    )
    trade = replace(
        trade,
        realised_usd=trade.realised_usd + entry.realised_usd,
        fees_usd=trade.fees_usd + entry.fee_usd,
        **figures,
    )
    if is_entry:
        trade = _after_entry(trade, before, after)
    if trade.state is TradeState.VOID and len(trade.legs) > 1:  # held, though no whole unit yet
        trade = replace(trade, state=TradeState.PENDING, closed_at=None)
    return with_state(trade, close_reason(after), execution.executed_at)


def units(trade: Trade, order: Order) -> Decimal:
    """Whole units of the trade that an order has filled; 0 when it trades something else."""
    return order.filled if order.legs == trade.legs else ZERO


def _entered(trade: Trade, before: Order, after: Order, execution: Execution) -> dict[str, Any]:
    more = units(trade, after) - units(trade, before)
    price = _average(trade.entry_price, trade.qty_opened, trade, before, after)
    opened = trade.qty_opened + more
    first = trade.opened_at
    if opened > 0:
        first = min(first, execution.executed_at) if first else execution.executed_at
    return {
        "qty_opened": opened,
        "qty_open": trade.qty_open + more,
        "entry_price": price,
        "risk_usd": _risk(trade, price, opened),
        "high_water": price if trade.high_water is None else trade.high_water,
        "low_water": price if trade.low_water is None else trade.low_water,
        "opened_at": first,
    }


def _left(trade: Trade, before: Order, after: Order, execution: Execution) -> dict[str, Any]:
    gone = units(trade, after) - units(trade, before)
    closed = trade.qty_opened - trade.qty_open
    closes = trade.closes
    if after.purpose is Purpose.CLOSE:
        closes = served(closes, gone, after.request_id)
    return {
        "qty_open": trade.qty_open - gone,
        "exit_price": _average(trade.exit_price, closed, trade, before, after),
        "closes": closes,
    }


def _average(
    old: Decimal | None, old_units: Decimal, trade: Trade, before: Order, after: Order
) -> Decimal | None:
    """Average unit price over all orders, one of which has just changed."""
    now, was = units(trade, after), units(trade, before)
    if now <= 0 or after.avg_price is None:
        return old
    rest = old_units - was
    if rest <= 0 or old is None:
        return after.avg_price
    value = old * old_units - (before.avg_price or ZERO) * was
    return (value + after.avg_price * now) / (rest + now)


def _risk(trade: Trade, price: Decimal | None, opened: Decimal) -> Decimal | None:
    """1R in dollars: set by entry fills alone, never by a later stop."""
    if trade.initial_stop is None or price is None or opened <= 0:
        return trade.risk_usd
    return abs(price - trade.initial_stop) * trade.multiplier * opened


def served(
    closes: Sequence[CloseRequest], qty: Decimal, request_id: str = ""
) -> tuple[CloseRequest, ...]:
    """Requests after ``qty`` units were closed: its own request first, then the oldest."""
    left = qty
    after: dict[str, Decimal] = {}
    for request in sorted(closes, key=lambda c: c.request_id != request_id):
        part = min(left, request.qty)
        left -= part
        after[request.request_id] = request.qty - part
    return tuple(
        replace(c, qty=after[c.request_id]) if after[c.request_id] != c.qty else c
        for c in closes
        if after[c.request_id] > 0
    )


def still_coming(trade: Trade) -> Decimal:
    """Units that the entry may still bring."""
    return ZERO if trade.is_entry_over else max(trade.qty_wanted - trade.qty_opened, ZERO)


def clamped(trade: Trade) -> tuple[CloseRequest, ...]:
    """Requests cut down to what can be closed at all, the newest first."""
    bound = max(trade.qty_open, ZERO) + still_coming(trade)
    kept: list[CloseRequest] = []
    for request in trade.closes:
        part = min(request.qty, bound)
        bound -= part
        if part > 0:
            kept.append(request if part == request.qty else replace(request, qty=part))
    return tuple(kept)


def with_state(trade: Trade, reason: str, at: datetime) -> Trade:
    """PENDING, OPEN or CLOSED from the quantities."""
    trade = replace(trade, closes=clamped(trade))
    if trade.qty_open != 0:
        was_over = trade.is_entry_over or trade.state in (TradeState.CLOSED, TradeState.VOID)
        said = "" if was_over else trade.close_reason  # why what still works of it is to end
        return replace(trade, state=TradeState.OPEN, closed_at=None, close_reason=said)
    if trade.qty_opened <= 0:
        was_held = trade.state in (TradeState.OPEN, TradeState.CLOSED)
        gone = replace(trade, state=TradeState.VOID, closed_at=at, close_reason=reason)
        return gone if was_held else trade
    ended = max(at, trade.opened_at) if trade.opened_at else at
    return replace(
        trade,
        state=TradeState.CLOSED,
        closed_at=ended,
        close_reason=reason,
        is_unprotected_since=None,
    )


def while_held(trade: Trade, positions: Iterable[Position]) -> Trade:
    """The trade, not over while legs of it are held that make no whole unit (same version)."""
    is_over = trade.state in (TradeState.CLOSED, TradeState.VOID)
    if not is_over or len(trade.legs) == 1 or not any(p.qty for p in positions):
        return trade
    return replace(trade, state=TradeState.PENDING, closed_at=None)


def close_reason(order: Order) -> str:
    """Why a trade ended, from the order that ended it."""
    return order.reason or order.purpose.value


# -- the end of the entry ---------------------------------------------------------------------


def entry_over(trade: Trade, now: datetime, *, reason: str = "", holds_legs: bool = False) -> Trade:
    """No entry order can fill any more: targets shrink to what was really opened.

    A trade of which nothing was filled is VOID; not so while it ``holds_legs`` that make no whole
    unit. Called again it changes nothing.
    """
    if trade.is_entry_over:
        return trade
    after = _over(trade)
    after = replace(after, closes=clamped(after))
    is_nothing = not (after.qty_opened or after.fees_usd or holds_legs)
    if after.state is TradeState.PENDING and is_nothing:
        after = replace(after, state=TradeState.VOID, close_reason=reason, closed_at=now)
    return changed(after)


def _after_entry(trade: Trade, before: Order, after: Order) -> Trade:
    if trade.is_entry_over:
        was = trade.qty_opened - (units(trade, after) - units(trade, before))
        planned = was or trade.qty_wanted  # as long as nothing came the plan stands
        return replace(trade, targets=scaled_targets(trade.targets, planned, trade.qty_opened))
    is_full = after.state is OrderState.FILLED and trade.qty_opened >= trade.qty_wanted
    if is_full or (after.state in _ENDED_EARLY and before.state is not after.state):
        return _over(trade)
    return trade


def _over(trade: Trade) -> Trade:
    opened = trade.qty_opened or trade.qty_wanted  # what fills late takes its profits as planned
    targets = scaled_targets(trade.targets, trade.qty_wanted, opened)
    return replace(trade, is_entry_over=True, targets=targets)


def scaled_targets(
    targets: Sequence[PlannedTarget], wanted: Decimal, opened: Decimal
) -> tuple[PlannedTarget, ...]:
    """Targets of a plan for ``wanted`` units, for the ``opened`` ones; the sum scales exactly.

    Whole units stay whole, and the nearer target gets the odd one; parts of a coin get no finer
    than can be ordered. A target already hit keeps its quantity.
    """
    if not targets or wanted <= 0 or wanted == opened:
        return tuple(targets)
    is_whole = all(_is_whole(t.qty) for t in targets) and _is_whole(opened)
    scaled: list[PlannedTarget] = []
    planned = given = ZERO
    for target in targets:
        planned += target.qty
        goal = planned * opened / wanted
        step = Decimal(1) if is_whole else FINEST
        if planned != wanted:
            goal = rounded(goal, step, ROUND_HALF_UP)
        qty = target.qty if target.is_hit else max(goal - given, ZERO)
        given += qty
        scaled.append(replace(target, qty=qty))
    return tuple(scaled)


def _is_whole(qty: Decimal) -> bool:
    return qty == qty.to_integral_value()


# -- the account ------------------------------------------------------------------------------


def counted(account: Account, before: Trade, after: Trade) -> Account:
    """Round trips and streaks, when a trade closes or a late fill opens it again (no version)."""
    was, is_ = before.state is TradeState.CLOSED, after.state is TradeState.CLOSED
    if was == is_:
        return account
    result = after.realised_usd if is_ else before.realised_usd
    step = 1 if is_ else -1
    losses, wins = account.loss_streak, account.win_streak
    if result < 0:
        losses, wins = max(losses + step, 0), 0 if is_ else wins
    elif result > 0:
        wins, losses = max(wins + step, 0), 0 if is_ else losses
    return replace(account, n_closed=account.n_closed + step, loss_streak=losses, win_streak=wins)


# -- taken back -------------------------------------------------------------------------------


def unentered(trade: Trade, before: Order, after: Order, less: Decimal) -> Trade:
    """The trade with so many units fewer opened (same version)."""
    opened = trade.qty_opened - less
    price = _without(trade.entry_price, trade.qty_opened, trade, before, after)
    risk = None if opened <= 0 else _risk(trade, price, opened)
    targets = trade.targets
    if trade.is_entry_over and opened > 0:
        targets = scaled_targets(targets, trade.qty_opened, opened)
    return replace(
        trade,
        qty_opened=opened,
        qty_open=trade.qty_open - less,
        entry_price=price,
        risk_usd=risk,
        targets=targets,
    )


def unleft(trade: Trade, before: Order, after: Order, less: Decimal) -> Trade:
    """The trade with so many units fewer closed (same version)."""
    closed = trade.qty_opened - trade.qty_open
    return replace(
        trade,
        qty_open=trade.qty_open + less,
        exit_price=_without(trade.exit_price, closed, trade, before, after),
    )


def _without(
    old: Decimal | None, old_units: Decimal, trade: Trade, before: Order, after: Order
) -> Decimal | None:
    now, was = units(trade, after), units(trade, before)
    left = old_units - was + now
    if left <= 0 or old is None:
        return None
    value = old * old_units - (before.avg_price or ZERO) * was
    return (value + (after.avg_price or ZERO) * now) / left
