"""What buying and selling have in common."""

from bot.actions import Values
from engine.domain.order import Side
from engine.flows.alerts.drafting import Wanted

TAIL = "[@ PRICE] [stop STOP] [target TARGET]"


def wanted(side: Side, found: Values) -> Wanted:
    """An order from what was typed."""
    usd = found.get("USD")
    return Wanted(
        side=side,
        symbol=found["UNIT"],
        amount=usd if usd is not None else found["QTY"],
        unit="usd" if usd is not None else "units",
        limit=found.get("PRICE"),
        stop=found.get("STOP"),
        target=found.get("TARGET"),
    )
