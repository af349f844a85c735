"""Prices as an exit rule needs them: what closing would bring now, and levels on a tick."""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from engine.domain.money import rounded
from engine.domain.trade import Trade
from engine.exits import View


def closing_touch(trade: Trade, view: View) -> Decimal | None:
    """Unit price at which the trade could be closed right now; None without a fresh quote."""
    return None if view.quote is None else view.quote.touch(trade.direction < 0)


def gained_touch(trade: Trade, view: View) -> Decimal | None:
    """The same for what a gain brings about: that waits for a leap to be confirmed."""
    return None if view.is_leap else closing_touch(trade, view)


def best_price(trade: Trade, touch: Decimal) -> Decimal:
    """Best price for us since entry, the present one included."""
    if trade.high_water is None:
        return touch
    best = max if trade.direction > 0 else min
    return best(trade.high_water, touch)


def is_reached(trade: Trade, price: Decimal, touch: Decimal) -> bool:
    """Whether closing now brings ``price`` or better."""
    return (touch - price) * trade.direction >= 0


def tick_of(trade: Trade) -> Decimal:
    """Smallest price step of the unit."""
    return trade.legs[0].instrument.tick


def on_tick(trade: Trade, price: Decimal, *, tighter: bool) -> Decimal:
    """``price`` on a tick, towards the market (``tighter``) or away from it."""
    way = ROUND_CEILING if tighter == (trade.direction > 0) else ROUND_FLOOR
    return rounded(price, tick_of(trade), way)
