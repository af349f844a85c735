"""Prices one can really get: bid and ask with their age and origin."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter

from engine.domain.instrument import Instrument

_LEAST, _MOST = Decimal("1e-9"), Decimal("1e9")
"""Nothing that we trade costs less or more; beyond it sums of prices have no value."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """Best bid and ask of one instrument at one moment; sizes in contracts or shares."""

    instrument: Instrument
    bid: Decimal
    ask: Decimal
    bid_size: Decimal | None = None
    ask_size: Decimal | None = None
    exchange_at: datetime
    received_at: datetime
    source: str
    is_synthetic: bool = False
    is_halted: bool = False
    """The exchange has stopped trading in it: a price, and nobody to trade with (M-10)."""
    is_ahead: bool = False
    """Stamped with a moment that had not come when it did: how old it is nobody knows."""

    @property
    def mid(self) -> Decimal:
        """Half way between bid and ask."""
        return (self.bid + self.ask) / 2

    @property
    def is_sane(self) -> bool:
        """Usable for decisions: finite, positive, the size of a price, not crossed (M-02)."""
        is_finite = self.bid.is_finite() and self.ask.is_finite()
        return is_finite and _LEAST <= self.bid <= self.ask <= _MOST

    @property
    def is_unwanted(self) -> bool:
        """An option that nobody bids for, and somebody offers: a way out is priced by it alone."""
        is_offered = self.bid == 0 and self.ask.is_finite() and 0 < self.ask <= _MOST
        return is_offered and self.instrument.kind == "option"

    @property
    def is_only_offered(self) -> bool:
        """An option with an ask, of whose bid nothing is said: it may be sold for nothing at least.

        That bounds what it is worth, and prices no way out: somebody may bid.
        """
        is_offered = self.bid.is_nan() and self.ask.is_finite() and 0 < self.ask <= _MOST
        return is_offered and self.instrument.kind == "option"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leg:
    """One instrument of a unit; ``ratio`` is signed: +1 is bought when the unit is bought."""

    instrument: Instrument
    ratio: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class UnitQuote:
    """Bid and ask of one unit (single instrument or spread), from the legs' quotes."""

    bid: Decimal
    ask: Decimal
    exchange_at: datetime
    """Of the oldest leg."""
    received_at: datetime
    source: str
    is_synthetic: bool = False
    is_ahead: bool = False
    """One of its legs is stamped with a moment that had not come."""

    @property
    def mid(self) -> Decimal:
        """Half way between bid and ask."""
        return (self.bid + self.ask) / 2

    def touch(self, side_is_buy: bool) -> Decimal:
        """The price one can really get now: ask to buy, bid to sell."""
        return self.ask if side_is_buy else self.bid


_exchange_at, _received_at, _is_synthetic, _is_ahead = map(
    attrgetter, ("exchange_at", "received_at", "is_synthetic", "is_ahead")
)


def unit_quote(
    legs: tuple[Leg, ...], quotes: Mapping[str, Quote], *, is_way_out: bool = False
) -> UnitQuote | None:
    """Price a unit from its legs' quotes (by instrument key); None when a leg has no sane quote.

    ``is_way_out``: one that nobody bids for will do.
    """
    bid = ask = Decimal(0)
    found: list[Quote] = []
    for leg in legs:
        quote = quotes.get(leg.instrument.key)
        if quote is None or not (quote.is_sane or (is_way_out and quote.is_unwanted)):
            return None
        found.append(quote)
        near, far = (quote.bid, quote.ask) if leg.ratio > 0 else (quote.ask, quote.bid)
        bid += near * leg.ratio
        ask += far * leg.ratio
    return UnitQuote(
        bid=bid,
        ask=ask,
        exchange_at=min(map(_exchange_at, found)),
        received_at=min(map(_received_at, found)),
        source=found[0].source,
        is_synthetic=any(map(_is_synthetic, found)),
        is_ahead=any(map(_is_ahead, found)),
    )
