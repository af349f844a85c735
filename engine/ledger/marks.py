"""What open positions are worth at given marks; None as soon as one mark is missing."""

from collections.abc import Iterable, Mapping
from decimal import Decimal

from engine.domain.money import ZERO, Price, Qty
from engine.domain.trade import Account, Position


def worth(position: Position, mark: Decimal) -> Decimal:
    """Dollars that a position adds to equity: its value, or for a future its open P&L."""
    if position.instrument.kind == "future":
        return _gain(position, mark)
    return position.instrument.notional(Price(mark), Qty(position.qty))


def equity(
    account: Account, positions: Iterable[Position], marks: Mapping[str, Decimal]
) -> Decimal | None:
    """Cash plus the worth of all that is held; ``marks`` by instrument key, one snapshot."""
    total = account.cash_usd
    for position in positions:
        if not position.lots:
            continue
        mark = marks.get(position.instrument.key)
        if mark is None or not mark.is_finite():
            return None
        total += worth(position, mark)
    return total


def unrealised(positions: Iterable[Position], marks: Mapping[str, Decimal]) -> Decimal | None:
    """Open P&L before any fees."""
    total = ZERO
    for position in positions:
        if not position.lots:
            continue
        mark = marks.get(position.instrument.key)
        if mark is None or not mark.is_finite():
            return None
        total += _gain(position, mark)
    return total


def open_fees(positions: Iterable[Position]) -> Decimal:
    """Opening fees paid for what is still held: in cash already, in realised P&L not yet."""
    return sum((lot.fee_usd for p in positions for lot in p.lots), ZERO)


def _gain(position: Position, mark: Decimal) -> Decimal:
    return sum(
        (position.instrument.notional(Price(mark - x.price), Qty(x.qty)) for x in position.lots),
        ZERO,
    )
