"""Round trips by their symbol and by when they ended: what cool-downs ask for at every entry."""

from bisect import bisect_left, insort
from datetime import datetime

from engine.domain.trade import Trade

_Place = tuple[datetime, int]
"""When it ended, and how many were put before it."""


class Ended:
    """Finds the few of a symbol that ended lately among the thousands that are remembered."""

    def __init__(self) -> None:
        self._of: dict[str, list[tuple[datetime, int, Trade]]] = {}
        """Symbol -> its trades, earliest end first."""
        self._places: dict[str, tuple[str, _Place]] = {}
        self._n_put = 0

    def put(self, trade: Trade) -> None:
        """Take the newest version of it in; without a moment of its end it ended never."""
        self.drop(trade.trade_id)
        if trade.closed_at is None:
            return
        self._n_put += 1
        place = (trade.closed_at, self._n_put)
        insort(self._of.setdefault(trade.symbol, []), (*place, trade))
        self._places[trade.trade_id] = trade.symbol, place

    def drop(self, trade_id: str) -> None:
        """It is forgotten."""
        known = self._places.pop(trade_id, None)
        if known is not None:
            symbol, place = known
            trades = self._of[symbol]
            del trades[bisect_left(trades, place)]
            if not trades:
                del self._of[symbol]

    def since(self, symbol: str, at: datetime) -> list[Trade]:
        """Those of this symbol that ended then or later, the last that was put first."""
        trades = self._of.get(symbol, [])
        found = trades[bisect_left(trades, (at,)) :]
        return [trade for _, _, trade in sorted(found, key=_put_at, reverse=True)]


def _put_at(found: tuple[datetime, int, Trade]) -> int:
    return found[1]
