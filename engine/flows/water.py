"""Best and worst price since entry: followed in memory, stored with the trade's next change."""

from dataclasses import replace

from engine.desk import Desk
from engine.domain.quote import UnitQuote
from engine.domain.trade import Trade


def note(desk: Desk, trade: Trade, quote: UnitQuote | None) -> None:
    """Take one price in: what closing the trade would bring."""
    if quote is None or is_leap(desk, trade):
        return
    last = quote.touch(trade.direction < 0)
    high = last if trade.high_water is None else trade.high_water
    low = last if trade.low_water is None else trade.low_water
    high, low = desk.waters.get(trade.trade_id, (high, low))
    best, worst = (max, min) if trade.direction > 0 else (min, max)
    desk.waters[trade.trade_id] = (best(high, last), worst(low, last))


def is_leap(desk: Desk, trade: Trade) -> bool:
    """Whether its price has just leapt, and the next may take it back."""
    quality, now = desk.board.quality, desk.clock.now()
    if quality is None:
        return False
    quotes = (desk.board.last(leg.instrument) for leg in trade.legs)
    return any(quality.is_leap(quote, now) for quote in quotes if quote is not None)


def marked(desk: Desk, trade: Trade) -> Trade:
    """The trade with the best and worst price seen so far (same version)."""
    seen = desk.waters.get(trade.trade_id)
    if seen is None or trade.entry_price is None or (trade.high_water, trade.low_water) == seen:
        return trade
    return replace(trade, high_water=seen[0], low_water=seen[1])


def forget(desk: Desk, trade_id: str) -> None:
    """The trade is over."""
    desk.waters.pop(trade_id, None)
