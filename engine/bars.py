"""One-minute bars of the prices that the desk itself has seen, and their ATR.

Honest about what it does not know: a minute without a quote has no bar, the running minute does
not count, and with fewer than 15 bars there is no ATR. Nothing survives a restart.
"""

from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import pairwise

KEPT = 120
"""Bars kept per series: two hours, so that Wilder's average has settled."""
SERIES = 2_000
"""Series kept; the one that was quiet for longest goes first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """High, low and last price of one minute (middle of the market)."""

    minute: int
    high: Decimal
    low: Decimal
    close: Decimal


class Bars:
    """Series of one-minute bars by name."""

    def __init__(self) -> None:
        self._series: OrderedDict[str, deque[Bar]] = OrderedDict()

    def add(self, name: str, price: Decimal, at: datetime) -> None:
        """Take one price in; a clock that was set back begins the series anew."""
        if not price.is_finite():
            return
        bars = self._series.get(name)
        if bars is None:
            bars = self._series[name] = deque(maxlen=KEPT + 1)
            while len(self._series) > SERIES:
                self._series.popitem(last=False)
        self._series.move_to_end(name)
        minute = int(at.timestamp()) // 60
        last = bars[-1] if bars else None
        if last is not None and last.minute - minute > 1:
            bars.clear()
            last = None
        if last is None or minute > last.minute:
            bars.append(Bar(minute=minute, high=price, low=price, close=price))
        elif minute == last.minute:
            bars[-1] = Bar(
                minute=minute, high=max(last.high, price), low=min(last.low, price), close=price
            )

    def forget(self, name: str) -> None:
        """Its prices were of something else, such as shares before a split."""
        self._series.pop(name, None)

    def of(self, name: str) -> Sequence[Bar]:
        """Finished bars, oldest first."""
        return list(self._series.get(name, ()))[:-1]


def atr(bars: Sequence[Bar], n: int = 14) -> Decimal | None:
    """Wilder's average true range (1978) of the newest bars; None with fewer than ``n`` + 1."""
    if len(bars) <= n:
        return None
    ranges = [
        max(now.high - now.low, abs(now.high - before.close), abs(now.low - before.close))
        for before, now in pairwise(bars)
    ]
    average = sum(ranges[:n], Decimal(0)) / n
    for true_range in ranges[n:]:
        average = (average * (n - 1) + true_range) / n
    return average
