"""From wishes to the trade's plan: requests add up to what can be closed, stops only tighten."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from engine.domain.money import ZERO
from engine.domain.order import PlannedTarget
from engine.domain.record import changed
from engine.domain.trade import CloseRequest, StopPlan, Trade
from engine.exits import Wish
from engine.ledger.trips import still_coming

_REASONS = {"targets": "target", "time_exit": "time", "expiry": "expiry"}


def apply(trade: Trade, wish: Wish, now: datetime, request_id: str) -> Trade:
    """The trade with a rule's wish in its plan; the same object when nothing changes."""
    targets = _hit(trade.targets, wish.target_no)
    if targets is None:
        return trade
    closes = trade.closes
    if wish.close_qty is not None:
        request = CloseRequest(
            request_id=request_id,
            qty=wish.close_qty,
            reason=reason_of(trade, wish.rule),
            limit=wish.limit,
            asked_at=now,
        )
        closes = _with(trade, request)
    stop = trade.stop if wish.stop is None else tightened(trade, wish.stop, now)
    if (targets, closes, stop) == (trade.targets, trade.closes, trade.stop):
        return trade
    return changed(trade, targets=targets, closes=closes, stop=stop)


def close_request(
    trade: Trade,
    qty: Decimal,
    reason: str,
    now: datetime,
    request_id: str,
    alerted_price: Decimal | None = None,
) -> Trade:
    """The trade with a wish to close ``qty`` units; the same object when nothing is left to ask.

    All requests together never exceed what is held and what the entry may still bring. What
    overlaps takes units over from requests with a limit: the later word counts.
    """
    closes = _with(
        trade,
        CloseRequest(
            request_id=request_id,
            qty=qty,
            reason=reason,
            asked_at=now,
            alerted_price=alerted_price,
        ),
    )
    return trade if closes == trade.closes else changed(trade, closes=closes)


def tightened(trade: Trade, stop: StopPlan, now: datetime) -> StopPlan:
    """The stop after a wish for ``stop``: nearer to the market, or where it was (I-19).

    A wish to trail is taken over even when its price is looser; the price then stays.
    """
    current = trade.stop
    if current is None or (stop.price - current.price) * trade.direction > 0:
        return replace(stop, moved_at=now)
    if stop.kind == "trailing":
        return replace(stop, price=current.price, moved_at=current.moved_at)
    return current


def reason_of(trade: Trade, rule: str) -> str:
    """Why a rule closes, in the word that people see; a hit trailing stop is a trail."""
    if rule == "hard_stop":
        return "trail" if trade.stop is not None and trade.stop.kind == "trailing" else "stop"
    return _REASONS.get(rule, rule)


def not_closing(trade: Trade) -> Decimal:
    """Held units that nothing closes at market yet."""
    at_market = sum((c.qty for c in trade.closes if c.limit is None), ZERO)
    return max(trade.qty_open - at_market, ZERO)


def _hit(
    targets: tuple[PlannedTarget, ...], number: int | None
) -> tuple[PlannedTarget, ...] | None:
    """Targets with one more marked; None when it was marked before or is none."""
    if number is None:
        return targets
    if not 0 <= number < len(targets) or targets[number].is_hit:
        return None
    hit = replace(targets[number], is_hit=True)
    return (*targets[:number], hit, *targets[number + 1 :])


def _with(trade: Trade, request: CloseRequest) -> tuple[CloseRequest, ...]:
    is_known = any(c.request_id == request.request_id for c in trade.closes)
    if request.qty <= 0 or is_known:
        return trade.closes
    bound = max(trade.qty_open, ZERO) + still_coming(trade)
    room = max(bound - sum((c.qty for c in trade.closes), ZERO), ZERO)
    fits = min(request.qty, room)
    kept, taken = _taken_over(trade.closes, request.qty - fits, request.limit)
    qty = fits + taken
    return (*kept, replace(request, qty=qty)) if qty > 0 else trade.closes


def _taken_over(
    closes: Sequence[CloseRequest], qty: Decimal, limit: Decimal | None
) -> tuple[list[CloseRequest], Decimal]:
    """Take up to ``qty`` units from requests with another limit, the oldest first."""
    kept: list[CloseRequest] = []
    left = qty
    for request in closes:
        is_weaker = request.limit is not None and request.limit != limit
        part = min(left, request.qty) if is_weaker else ZERO
        left -= part
        if part < request.qty:
            kept.append(replace(request, qty=request.qty - part) if part else request)
    return kept, qty - left
