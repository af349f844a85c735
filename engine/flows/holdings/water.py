"""Best and worst price since entry: followed in memory, stored with the trade's next change."""

from dataclasses import replace

from engine.desk import Desk
from engine.domain.quote import UnitQuote
from engine.domain.trade import Trade
from engine.flows.holdings import priced


def note(desk: Desk, trade: Trade, quote: UnitQuote | None) -> None:
    """Take one price in: what closing the trade would bring."""
    if quote is None or priced.is_leap(desk, trade):
        return
    last = quote.touch(trade.direction < 0)
    high = last if trade.high_water is None else trade.high_water
    low = last if trade.low_water is None else trade.low_water
    high, low = desk.waters.get(trade.trade_id, (high, low))
    best, worst = (max, min) if trade.direction > 0 else (min, max)
    desk.waters[trade.trade_id] = (best(high, last), worst(low, last))


def marked(desk: Desk, trade: Trade) -> Trade:
    """The trade with the best and worst price seen so far (same version)."""
    seen = desk.waters.get(trade.trade_id)
    if seen is None or trade.entry_price is None or (trade.high_water, trade.low_water) == seen:
        return trade
    return replace(trade, high_water=seen[0], low_water=seen[1])


def forget(desk: Desk, trade_id: str) -> None:
    """The trade is over."""
    desk.waters.pop(trade_id, None)
