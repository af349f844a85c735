"""Work out between which prices no exit rule can want anything of a trade.

Done whenever its rules were asked and wished for nothing. It holds until the price leaves it, the
trade or one of its orders changes, or its time is over. A rule that is not known here, or a unit
of several legs, has no band: it is asked at every tick, as before.
"""

from datetime import datetime, timedelta
from decimal import Decimal

from engine.desk import Desk
from engine.domain.trade import Trade
from engine.exits import ExitRule, View
from engine.exits._levels import best_price
from engine.exits.break_even import BreakEven
from engine.exits.expiry import Expiry
from engine.exits.hard_stop import HardStop
from engine.exits.targets import Targets
from engine.exits.time_exit import TimeExit
from engine.exits.trailing import Trailing

_LONGEST_S = 5.0
"""Everything is looked at anew this often."""
_SAFE = 1e-9
"""Bands are drawn narrower by this share: floats must never hide a price that counts."""
_NEVER = Decimal("Infinity")


class _Unknown(Exception):
    """It cannot be told when a rule will speak."""


def draw(desk: Desk, trade: Trade, view: View) -> None:
    """Give the trade its band, or take it away where none can be told."""
    band = None
    is_single = len(trade.legs) == 1 and trade.legs[0].ratio == 1
    if view.quote is not None and not view.is_leap and is_single and trade.qty_open > 0:
        touch = view.quote.touch(trade.direction < 0)
        band = _band(desk, trade, view, touch)
    if band is None or view.quote is None:
        desk.bands.drop(trade.trade_id)
        return
    until = desk.clock.monotonic() + min(_LONGEST_S, _seconds_left(trade, view.now))
    desk.bands.put(trade.trade_id, *band, float(view.quote.touch(trade.direction < 0)), until)


def _band(desk: Desk, trade: Trade, view: View, touch: Decimal) -> tuple[float, float] | None:
    """Below and above, both excluded. Inside the rules a price is signed: more is better."""
    best = best_price(trade, touch) * trade.direction
    worst, goal = -_NEVER, _NEVER
    try:
        for _, rule in desk.exit_rules:
            low, high = _bounds(rule, trade, view, best)
            worst, goal = max(worst, low), min(goal, high)
    except _Unknown:
        return None
    low, high = (worst, goal) if trade.direction > 0 else (-goal, -worst)
    return _up(float(low)), -_up(-float(high))


def _up(price: float) -> float:
    return price + abs(price) * _SAFE if abs(price) != float("inf") else price


def _bounds(rule: ExitRule, trade: Trade, view: View, best: Decimal) -> tuple[Decimal, Decimal]:
    """At or below, and at or above which signed price one rule may speak."""
    sign = trade.direction
    if isinstance(rule, HardStop):
        return (trade.stop.price * sign if trade.stop is not None else -_NEVER), _NEVER
    if isinstance(rule, Targets):
        return -_NEVER, min((t.price * sign for t in trade.targets if not t.is_hit), default=_NEVER)
    if isinstance(rule, BreakEven):
        return -_NEVER, _break_even(rule, trade, best)
    if isinstance(rule, Trailing):
        return -_NEVER, _trailing(rule, trade, view, best)
    if isinstance(rule, TimeExit | Expiry):
        return -_NEVER, _NEVER  # by the clock alone: the band's time is over first
    raise _Unknown


def _break_even(rule: BreakEven, trade: Trade, best: Decimal) -> Decimal:
    entry, first, sign = trade.entry_price, trade.initial_stop, trade.direction
    if entry is None or first is None or entry == first:
        return _NEVER
    reached = entry * sign + rule.at_r * abs(entry - first)
    if best < reached:
        return reached
    floor = rule.floor(trade, entry) * sign
    has_it = trade.stop is not None and trade.stop.price * sign >= floor
    return _NEVER if has_it else floor


def _trailing(rule: Trailing, trade: Trade, view: View, best: Decimal) -> Decimal:
    """Where the best price has to be for a move that is worth sending."""
    stop, sign = trade.stop, trade.direction
    if stop is None or stop.kind != "trailing":
        return _NEVER
    distance = rule.distance(stop, best * sign, view)
    if distance is None:
        return _NEVER  # until a new bar makes one, with the next minute
    wanted = stop.price * sign + rule.worth_sending(trade, view)
    if stop.trail_usd is None and stop.trail_pct is not None:
        moved = wanted / (1 - sign * stop.trail_pct / 100)
    else:
        moved = wanted + distance
    if best >= moved:
        raise _Unknown  # only its pause or its start keeps it
    return moved


def _seconds_left(trade: Trade, now: datetime) -> float:
    """Until the next minute begins, or the trade's own time comes."""
    minute = now.replace(second=0, microsecond=0) + timedelta(minutes=1)
    left = (minute - now).total_seconds()
    if trade.flatten_at is not None:
        left = min(left, max((trade.flatten_at - now).total_seconds(), 0.0))
    return left
