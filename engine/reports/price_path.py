"""How a trade's price moved from entry to exit, for its picture."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.reports.trade_card import TradeCard


@dataclass(frozen=True, slots=True, kw_only=True)
class PricePathReport:
    """Unit prices in order of time, beside the trade they belong to."""

    card: TradeCard
    at: tuple[datetime, ...]
    mids: tuple[Decimal, ...]


def build(card: TradeCard, history: Iterable[tuple[datetime, Decimal]]) -> PricePathReport:
    """``history``: (moment, unit mid), in any order."""
    points = sorted(history)
    return PricePathReport(
        card=card, at=tuple(at for at, _ in points), mids=tuple(mid for _, mid in points)
    )
