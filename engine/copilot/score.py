"""What became of a recommendation after a day: was it followed, and did the price prove it right.

The price is the unit's mid, or its average exit when the trade is over. ``moved_pct`` is the
change since the recommendation was made; ``helped`` is whether following it was better than not:
for a close, whether the position lost from there; for an entry, whether it gained.
"""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from engine.copilot.filing import number
from engine.domain.quote import UnitQuote
from engine.domain.trade import Trade, TradeState


def outcome(
    body: Mapping[str, Any],
    filed_at: datetime,
    now: datetime,
    trade: Trade | None,
    quote: UnitQuote | None,
) -> dict[str, Any] | None:
    """The score to be filed; None while no price is known that it could be measured by.

    One about no trade (a limit, a working entry) has no price: it is scored without one.
    """
    before = number(body.get("price"))
    after = _price(trade, quote)
    if trade is not None and before is not None and after is None:
        return None
    moved: Decimal | None = None
    if before and after is not None:
        moved = (after / before - 1) * 100
    direction = int(body.get("direction", 0))
    return {
        "at": now.isoformat(),
        "followed": None if trade is None else _was_followed(body, filed_at, trade),
        "price": None if after is None else f"{after:f}",
        "moved_pct": None if moved is None else f"{moved:.2f}",
        "helped": None if moved is None or not direction else moved * direction > 0,
    }


def _price(trade: Trade | None, quote: UnitQuote | None) -> Decimal | None:
    if trade is None:
        return None
    if trade.state is TradeState.CLOSED:
        return trade.exit_price
    return None if quote is None else quote.mid


def _was_followed(body: Mapping[str, Any], filed_at: datetime, trade: Trade) -> bool:
    """Closed (or opened) since, or its stop moved since, as the action would have done."""
    if body.get("kind") == "idea":
        return trade.qty_opened > 0
    if trade.closed_at is not None and trade.closed_at >= filed_at:
        return True
    moved_at = None if trade.stop is None else trade.stop.moved_at
    is_stop = " stop " in f"{body.get('action', '')} "
    if is_stop and moved_at is not None and moved_at >= filed_at:
        return True
    return trade.qty_open < trade.qty_opened and trade.state is TradeState.OPEN
