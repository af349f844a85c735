"""What an order as E*TRADE lists it says of its executions: of each leg a sum and an average."""

from datetime import datetime
from decimal import Decimal

from engine.brokers import BrokerOrder
from engine.brokers._wire.figures import Json, maybe, number
from engine.brokers._wire.sums import Sums
from engine.brokers.etrade.translate import filled_of, instrument_of, many, moment

_MICRO = Decimal("0.000001")


def look(sums: Sums, order: BrokerOrder, row: Json, now: datetime) -> None:
    """Take in what E*TRADE says now; ``row`` is the order as it lists it."""
    (detail, *_) = many(row.get("OrderDetail"))
    places = {leg.instrument: n for n, leg in enumerate(order.legs)}
    at = _at(detail, now)
    for one in many(detail.get("Instrument")):
        filled = filled_of(detail, one)
        average = maybe(one.get("averageExecutionPrice"))
        leg = places[instrument_of(one["Product"])]
        sums.saw(order, average, _fees(one) * filled, at, leg=leg, filled=filled)


def _fees(row: Json) -> Decimal:
    """Per contract or share, as E*TRADE estimates them with the order."""
    total = number(row.get("estimatedCommission") or 0) + number(row.get("estimatedFees") or 0)
    return (total / number(row["orderedQuantity"])).quantize(_MICRO)


def _at(detail: Json, now: datetime) -> datetime:
    """When it was executed, where E*TRADE says so; else when we saw it."""
    executed, placed = maybe(detail.get("executedTime")), number(detail["placedTime"])
    return now if executed is None or executed < placed else moment(executed)
