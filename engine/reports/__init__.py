"""Reports: the single source of every figure on every surface.

One file per report: pure functions from records (and marks) to a frozen report. Cards, commands,
charts, the copilot and CSV read the same report and only format it. A figure that is not known is
:class:`Missing` with its reason, never 0.

Figures mean the same everywhere:

* realised: closed lots, net of their opening and closing fees (the ledger's own figure);
* open: (mark - opening price) x quantity held, at the mid, before fees;
* net: realised + open - the opening fees of what is still held;
* percent: net in percent of the dollars at entry: debit paid, credit received, value of shares
  (long or short), notional of futures; of everything ever opened in the trade;
* R: in units of the initial risk, which was frozen at the entry fill.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from engine import ledger
from engine.domain.instrument import Instrument
from engine.domain.money import ZERO, Price, Qty
from engine.domain.order import Purpose, Side
from engine.domain.quote import Leg, Quote, UnitQuote, unit_quote
from engine.domain.trade import Account, Position

STALE_AFTER_S = Decimal(5)
"""Age of a quote from which it is shown as stale (M-01)."""


@dataclass(frozen=True, slots=True)
class Missing:
    """A figure that is not known, and why; shown as ``n/a (reason)``."""

    reason: str

    def __str__(self) -> str:
        return f"n/a ({self.reason})"


Figure = Decimal | Missing

NO_QUOTE = Missing("no quote")
NO_RISK = Missing("no stop at entry")
NOT_FILLED = Missing("not filled")


@dataclass(frozen=True, slots=True, kw_only=True)
class Stamp:
    """What every report carries: when and in which mode it was made, and from whose prices."""

    at: datetime
    mode: str = "paper"
    """``paper`` or ``live``."""
    ref: str = ""
    """Correlation id of the story it tells."""
    source: str = ""
    """Who delivered the quotes behind it; empty when it uses none."""
    quoted_at: datetime | None = None
    """Oldest quote behind it."""
    grade: str = ""
    """A to F, the worst of the quotes behind it; empty when nobody graded them."""
    is_synthetic: bool = False
    """At least one quote behind it comes from a made-up market."""
    is_stale: bool = False
    """At least one quote behind it is older than :data:`STALE_AFTER_S`."""


def _ungraded(instrument: Instrument) -> str:
    """Nobody grades these quotes."""
    del instrument
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a report is made in: the moment, the mode and the newest quotes by instrument key."""

    now: datetime
    mode: str = "paper"
    quotes: Mapping[str, Quote] = field(default_factory=dict)
    is_synthetic: bool = False
    """The desk trades a made-up market, whether or not a quote is at hand."""
    n_accounts: int = 1
    """In how many the desk trades: with several, what is held says in which."""
    feeless: frozenset[str] = frozenset()
    """Brokers that do not say what an execution cost: no fee of theirs is known to be 0."""
    grade: Callable[[Instrument], str] = field(default=_ungraded, repr=False, compare=False)
    """How good the quotes of an instrument are now, A to F; empty when that is not known."""

    def fees(self, usd: Decimal, brokers: Iterable[str]) -> Figure:
        """Fees that were booked; nothing, at brokers that tell none, is not known to be nothing."""
        silent = sorted(set(brokers))
        if usd == 0 and silent and self.feeless.issuperset(silent):
            return Missing(f"{', '.join(silent)} reports none")
        return usd

    def mark(self, instrument: Instrument) -> Figure:
        """Mid of the newest sane quote."""
        quote = self.quotes.get(instrument.key)
        return quote.mid if quote is not None and quote.is_sane else NO_QUOTE

    def marks(self, positions: Iterable[Position]) -> dict[str, Decimal]:
        """Mids of what is held, by instrument key; those without a quote are absent."""
        found = {p.instrument.key: self.mark(p.instrument) for p in positions if p.lots}
        return {key: mark for key, mark in found.items() if not isinstance(mark, Missing)}

    def unit(self, legs: tuple[Leg, ...]) -> UnitQuote | None:
        """Newest quote of a unit; None when a leg has none."""
        return unit_quote(legs, self.quotes)

    def stamp(self, ref: str, instruments: Iterable[Instrument] = ()) -> Stamp:
        """The stamp of a report that rests on the quotes of these instruments."""
        used = [q for i in instruments if (q := self.quotes.get(i.key)) is not None]
        oldest = min((q.received_at for q in used), default=None)
        age_s = Decimal(0) if oldest is None else seconds(self.now - oldest)
        return Stamp(
            at=self.now,
            mode=self.mode,
            ref=ref,
            source=", ".join(sorted({q.source for q in used})),
            quoted_at=oldest,
            grade=max((self.grade(q.instrument) for q in used), default=""),
            is_synthetic=self.is_synthetic or any(q.is_synthetic for q in used),
            is_stale=age_s > STALE_AFTER_S,
        )


def seconds(span: timedelta) -> Decimal:
    """A time span in seconds, exact to the microsecond."""
    return Decimal(span // timedelta(microseconds=1)) / 1_000_000


def is_of_class(asset: str, wanted: str) -> bool:
    """Whether a trade is of the class that was asked for: spreads are options, empty is any."""
    return wanted in ("", asset) or (wanted == "option" and asset == "spread")


def instruments_of(legs: Iterable[Leg]) -> tuple[Instrument, ...]:
    """What a unit consists of."""
    return tuple(leg.instrument for leg in legs)


def unit_value(legs: tuple[Leg, ...], price: Decimal, qty: Decimal) -> Decimal:
    """Dollars of ``qty`` units at a unit price (or price difference)."""
    return legs[0].instrument.notional(Price(price), Qty(qty))


def open_pnl(positions: Sequence[Position], frame: Frame) -> tuple[Figure, Decimal]:
    """Open P&L before fees, and the opening fees of what is still held."""
    total = ledger.unrealised(positions, frame.marks(positions))
    missing = unmarked(positions, frame)
    return (missing if total is None else total), ledger.open_fees(positions)


def equity(account: Account, positions: Iterable[Position], frame: Frame) -> Figure:
    """Cash plus what the account holds at the marks; missing when a mark is."""
    held = [p for p in positions if p.account == account.name]
    total = ledger.equity(account, held, frame.marks(held))
    return unmarked(held, frame) if total is None else total


def unmarked(positions: Iterable[Position], frame: Frame) -> Missing:
    """Why a figure over these positions is not known: the first one without a quote."""
    for position in positions:
        if position.lots and isinstance(frame.mark(position.instrument), Missing):
            return Missing(f"no quote for {position.instrument.label}")
    return NO_QUOTE


def less(figure: Figure, *others: Figure) -> Figure:
    """``figure`` minus the others; missing as soon as one of them is."""
    for other in others:
        if isinstance(figure, Missing):
            return figure
        if isinstance(other, Missing):
            return other
        figure -= other
    return figure


def plus(*figures: Figure) -> Figure:
    """Their sum; missing as soon as one of them is."""
    total = ZERO
    for figure in figures:
        if isinstance(figure, Missing):
            return figure
        total += figure
    return total


def ratio(part: Figure, whole: Figure | None, why: Missing, times: int = 1) -> Figure:
    """``part / whole x times``; missing for an unknown part, or a whole that is unknown or 0."""
    if isinstance(part, Missing):
        return part
    if whole is None or isinstance(whole, Missing) or whole == 0:
        return why
    return part / abs(whole) * times


def unit_label(legs: Sequence[Leg]) -> str:
    """How a trader says the unit: ``SPY 603C 1/31``, ``SPY 1/31 +600P -595P``."""
    if len(legs) == 1 and legs[0].ratio == 1:
        return legs[0].instrument.label
    first = legs[0].instrument
    is_one_expiry = all(leg.instrument.expiry == first.expiry for leg in legs)
    parts = [_sign(leg.ratio) for leg in legs]
    if first.kind == "option" and is_one_expiry and first.expiry is not None:
        day = f"{first.expiry.month}/{first.expiry.day}"
        names = [f"{leg.instrument.strike:f}{leg.instrument.right}" for leg in legs]
        return f"{first.symbol} {day} " + " ".join(
            f"{sign}{name}" for sign, name in zip(parts, names, strict=True)
        )
    return " ".join(f"{s}{leg.instrument.label}" for s, leg in zip(parts, legs, strict=True))


def unit_word(legs: Sequence[Leg], qty: Decimal) -> str:
    """What is counted: ``contracts``, ``shares``, ``spreads``, ``coins``."""
    if len(legs) > 1:
        word = "spread"
    else:
        kind = legs[0].instrument.kind
        word = {"stock": "share", "crypto": "coin"}.get(kind, "contract")
    return word if qty == 1 else f"{word}s"


def verb(legs: Sequence[Leg], side: Side, purpose: Purpose) -> str:
    """The order's verb as the market uses it."""
    opens = purpose is Purpose.ENTRY
    kind = legs[0].instrument.kind
    if kind == "option":
        return f"{'Buy' if side is Side.BUY else 'Sell'} to {'open' if opens else 'close'}"
    if kind == "stock" and side is Side.SELL and opens:
        return "Sell short"
    if kind == "stock" and side is Side.BUY and not opens:
        return "Buy to cover"
    return "Buy" if side is Side.BUY else "Sell"


def _sign(ratio_: int) -> str:
    sign = "+" if ratio_ > 0 else "-"
    return sign if abs(ratio_) == 1 else f"{sign}{abs(ratio_)}x"
