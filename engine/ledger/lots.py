"""First in, first out: what one execution closes, and what it leaves open."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from decimal import ROUND_HALF_EVEN, Decimal

from engine.domain.errors import InvariantError
from engine.domain.instrument import Instrument
from engine.domain.money import ZERO, Price, Qty
from engine.domain.trade import Execution, Lot

FEE_STEP = Decimal("0.0000000001")
"""Shares of a fee are cut to this, so that they always add up to the fee exactly."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """Result of one execution against the open lots."""

    lots: tuple[Lot, ...]
    closed_qty: Decimal
    """Contracts or shares closed, >= 0."""
    gross_usd: Decimal
    """Price difference of what was closed, in dollars, before fees."""
    fees_usd: Decimal
    """Opening and closing fees that belong to what was closed."""

    @property
    def realised_usd(self) -> Decimal:
        """Closed lots, net of fees."""
        return self.gross_usd - self.fees_usd


def check(execution: Execution) -> None:
    """Refuse what can be no fill: only finite Decimals reach the ledger (I-07).

    Raises:
        InvariantError.
    """
    for name in ("qty", "price", "fee_usd"):
        value = getattr(execution, name)
        if not isinstance(value, Decimal) or not value.is_finite():
            raise InvariantError(f"execution {execution.execution_id}: {name} is {value!r}")
    if execution.qty <= 0:
        raise InvariantError(f"execution {execution.execution_id}: quantity {execution.qty}")


def signed(execution: Execution) -> Decimal:
    """Change of the position: + bought, - sold."""
    return execution.qty * execution.side.sign


def share(fee: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The part of a fee that belongs to ``part`` of ``whole`` units; all of it for all."""
    if part == whole:
        return fee
    if part == 0 or fee == 0:
        return ZERO
    cut = (fee * part / whole).quantize(FEE_STEP, rounding=ROUND_HALF_EVEN)
    return cut.quantize(Decimal(1)) if cut == cut.to_integral_value() else cut.normalize()


def take(lots: Sequence[Lot], execution: Execution) -> Taken:
    """Close the oldest lots of the other side first; what is left opens a lot of its own."""
    if execution.kind == "split":
        return _split(lots, execution)
    change = signed(execution)
    left = execution.qty
    kept: list[Lot] = []
    gross = fees = ZERO
    for lot in lots:
        size = abs(lot.qty)
        if left == 0 or lot.qty * change > 0:
            kept.append(lot)
            continue
        part = min(left, size)
        left -= part
        fee = share(lot.fee_usd, part, size)
        gross += _gain(execution.instrument, lot, execution.price, part)
        fees += fee
        if part < size:
            rest = lot.qty + part * execution.side.sign
            kept.append(replace(lot, qty=rest, fee_usd=lot.fee_usd - fee))
    closed = execution.qty - left
    closing_fee = share(execution.fee_usd, closed, execution.qty)
    if left > 0:
        kept.append(
            Lot(
                execution_id=execution.execution_id,
                qty=left * execution.side.sign,
                price=execution.price,
                fee_usd=execution.fee_usd - closing_fee,
                opened_at=execution.executed_at,
            )
        )
    return Taken(lots=tuple(kept), closed_qty=closed, gross_usd=gross, fees_usd=fees + closing_fee)


def _split(lots: Sequence[Lot], execution: Execution) -> Taken:
    held = sum((lot.qty for lot in lots), ZERO)
    if held == 0:
        raise InvariantError(f"split {execution.execution_id}: nothing is held")
    kept = split(lots, held, held + signed(execution))
    return Taken(lots=kept, closed_qty=ZERO, gross_usd=ZERO, fees_usd=ZERO)


def split(lots: Sequence[Lot], old: Decimal, new: Decimal) -> tuple[Lot, ...]:
    """Lots of ``old`` shares that are ``new`` shares now: each costs what it cost (I-06)."""
    return tuple(replace(lot, qty=lot.qty * new / old, price=lot.price * old / new) for lot in lots)


def _gain(instrument: Instrument, lot: Lot, price: Decimal, part: Decimal) -> Decimal:
    towards = part if lot.qty > 0 else -part
    return instrument.notional(Price(price - lot.price), Qty(towards))


def cash_of(execution: Execution, taken: Taken) -> Decimal:
    """What a fill moves in cash, fee included: + received, - paid."""
    if execution.instrument.kind == "future":
        return taken.gross_usd - execution.fee_usd
    paid = execution.instrument.notional(Price(execution.price), Qty(signed(execution)))
    return -paid - execution.fee_usd
