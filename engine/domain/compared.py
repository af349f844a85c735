"""How a comparison of our books with a broker's went."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from engine.domain.instrument import Instrument


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionGap:
    """Signed quantities that differ even after all fills we know of: to be adopted as EXTERNAL."""

    instrument: Instrument
    ours: Decimal
    theirs: Decimal
    avg_price: Decimal | None
    """The broker's average price of all it holds."""

    @property
    def qty(self) -> Decimal:
        """What our books lack."""
        return self.theirs - self.ours

    @property
    def is_less(self) -> bool:
        """Whether the broker holds less of what the books hold, or the other side of it."""
        return self.ours * self.qty < 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """How the last comparison of one account went."""

    account: str
    broker: str
    at: datetime
    is_full: bool
    """All that is live was read from its beginning, not only what is new."""
    took_s: float
    n_orders: int
    """Orders read, whatever became of them."""
    n_fills: int
    n_positions: int
    cash_usd: Decimal | None
    """As the broker says."""
    differences: tuple[str, ...]
    """What still differed in the end, one sentence each; empty when the books agree."""
    taken_over: tuple[str, ...] = ()
    """What differed and was booked as the broker has it, one sentence each."""
    unpriced: tuple[PositionGap, ...] = ()
    """Quantities among the differences: the broker does not say at what price they came about."""
