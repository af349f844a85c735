"""Whether what is held can be judged by its price of this moment."""

from datetime import timedelta

from engine.desk import Desk
from engine.domain.trade import Trade

_OLD = timedelta(seconds=60)
"""A quiet month at night may say nothing for so long."""
_SLIP_S = 5.0
"""A price that comes back to a limit for so long, never longer apart, is believed."""


def is_old(desk: Desk, trade: Trade, *, is_bound: bool = False) -> bool:
    """Held in an open market, at a price of long ago: what it is worth now is not known.

    ``is_bound``: a quote without a bid will do.
    """
    quote = desk.board.bounded(trade.legs) if is_bound else desk.board.unit(trade.legs)
    now = desk.clock.now()
    is_late = quote is not None and abs(now - quote.received_at) > _OLD
    return is_late and desk.calendar(trade.asset).is_open(now)


def is_leap(desk: Desk, trade: Trade) -> bool:
    """Whether its price has just leapt, and the next may take it back."""
    quality, now = desk.board.quality, desk.clock.now()
    if quality is None:
        return False
    quotes = (desk.board.last(leg.instrument) for leg in trade.legs)
    return any(quality.is_leap(quote, now) for quote in quotes if quote is not None)


def is_slip(desk: Desk, account: str, limit: str) -> bool:
    """Whether what the account is worth now, beyond that limit, may be the work of one bad price.

    A price that leaps beyond it and back is never confirmed; having done so for long it is none.
    """
    if not any(is_leap(desk, trade) for trade in desk.book.open_trades(account)):
        return False
    now, key = desk.clock.monotonic(), f"{limit} {account}"
    since, last = desk.doubts.below.get(key, (now, now))
    since = since if now - last <= _SLIP_S else now
    desk.doubts.below[key] = (since, now)
    return now - since < _SLIP_S
