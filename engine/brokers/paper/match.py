"""The fill model: what one order does on one quote. Pure; the numbers are all of the quote's."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import ROUND_DOWN, Decimal

from engine.brokers.paper.orders import LIMITS, STOPS, PaperOrder
from engine.domain.copying import replace
from engine.domain.instrument import Instrument
from engine.domain.money import ZERO
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg, Quote


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """The quote that stands for one instrument, and what our own fills left of its size."""

    quote: Quote
    bid_left: Decimal | None
    """None: the size was not quoted, all of an order fills."""
    ask_left: Decimal | None


def mark(quote: Quote) -> Mark:
    """A new quote, nothing taken from it yet."""
    return Mark(quote=quote, bid_left=quote.bid_size, ask_left=quote.ask_size)


def taken(old: Mark, side: Side, qty: Decimal) -> Mark:
    """What is left of the quote after buying at its ask or selling at its bid."""
    if side is Side.BUY:
        return replace(old, ask_left=None if old.ask_left is None else old.ask_left - qty)
    return replace(old, bid_left=None if old.bid_left is None else old.bid_left - qty)


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """What a unit could really be traded at: summed from its legs' standing quotes."""

    bid: Decimal
    ask: Decimal
    legs: tuple[Leg, ...]
    marks: tuple[Mark, ...]

    def near(self, side: Side) -> Decimal:
        """The touch of the order's own direction: ask to buy, bid to sell."""
        return self.ask if side is Side.BUY else self.bid

    def prices(self, side: Side, slip_ticks: int = 0) -> tuple[Decimal, ...]:
        """Each leg's touch, worse by ``slip_ticks``; never below one tick."""
        found = []
        for leg, at in zip(self.legs, self.marks, strict=True):
            tick = leg.instrument.tick
            if leg_side(side, leg) is Side.BUY:
                found.append(at.quote.ask + slip_ticks * tick)
            else:
                found.append(max(at.quote.bid - slip_ticks * tick, min(tick, at.quote.bid)))
        return tuple(found)

    def units(self, side: Side, wanted: Decimal) -> Decimal:
        """How many of the ``wanted`` units the quoted sizes allow."""
        for leg, at in zip(self.legs, self.marks, strict=True):
            left = at.ask_left if leg_side(side, leg) is Side.BUY else at.bid_left
            if left is not None:
                wanted = min(wanted, whole(leg.instrument, left / abs(leg.ratio), len(self.legs)))
        return max(wanted, ZERO)


def leg_side(side: Side, leg: Leg) -> Side:
    """What happens to the leg when the unit is traded on ``side``."""
    return side if leg.ratio > 0 else side.opposite


def whole(instrument: Instrument, qty: Decimal, n_legs: int = 1) -> Decimal:
    """Round a quantity down to what can be traded: only crypto comes in fractions."""
    if instrument.kind == "crypto" and n_legs == 1:
        return qty
    return qty.to_integral_value(rounding=ROUND_DOWN)


def touch_of(
    legs: tuple[Leg, ...], marks: tuple[Mark | None, ...], at: datetime, max_age_s: Decimal
) -> Touch | None:
    """The unit's touch at ``at``; None when a leg has no sane or fresh quote, or is halted."""
    bid = ask = ZERO
    found: list[Mark] = []
    oldest = at - timedelta(seconds=float(max_age_s))
    for leg, standing in zip(legs, marks, strict=True):
        if standing is None or not standing.quote.is_sane or standing.quote.is_halted:
            return None
        if standing.quote.received_at < oldest:
            return None
        found.append(standing)
        quote = standing.quote
        low, high = (quote.bid, quote.ask) if leg.ratio > 0 else (quote.ask, quote.bid)
        bid += low * leg.ratio
        ask += high * leg.ratio
    return Touch(bid=bid, ask=ask, legs=legs, marks=tuple(found))


def followed(order: PaperOrder, touch: Touch) -> PaperOrder:
    """A trailing order after it saw this touch; its best only ever improves."""
    if order.request.type is not OrderType.TRAILING or order.is_triggered:
        return order
    near = touch.near(order.request.side)
    pick = min if order.request.side is Side.BUY else max
    best = near if order.best is None else pick(order.best, near)
    return order if best == order.best else replace(order, best=best)


def judged(
    order: PaperOrder, touch: Touch, slip_ticks: int
) -> tuple[PaperOrder, tuple[Decimal, ...] | None]:
    """The order after this touch, and the price per leg when it may fill on it."""
    request = order.request
    side = request.side
    if request.type in STOPS and not order.is_triggered:
        level = order.stop_level
        if level is None or not _reaches(side.opposite, touch.near(side), level):
            return order, None
        order = replace(order, is_triggered=True)
    if request.type not in LIMITS or request.limit is None:
        return order, touch.prices(side, slip_ticks)
    was_resting = order.is_resting
    order = order if was_resting else replace(order, is_resting=True)
    if not _reaches(side, touch.near(side), request.limit):
        return order, None
    if was_resting and len(request.legs) == 1:
        return order, (request.limit,)
    return order, touch.prices(side)


def _reaches(side: Side, price: Decimal, level: Decimal) -> bool:
    """Whether ``price`` is at ``level`` or beyond it in the direction that ``side`` likes."""
    return price <= level if side is Side.BUY else price >= level
