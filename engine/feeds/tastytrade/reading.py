"""Quotes, greeks and chains as tastytrade and its provider write them; pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from engine.brokers.tastytrade.symbols import Foreign, instrument_of, symbol_of
from engine.brokers.tastytrade.translate import moment, number
from engine.domain.instrument import INDEX_OF, Instrument
from engine.domain.quote import Quote
from engine.feeds import Chain, Greeks

INDEXES = frozenset(INDEX_OF.values()) | {"XSP", "DJX"}
"""Underlyings that are no shares; their quotes are asked for as such."""
_UNKNOWN = Decimal("NaN")
_FIRST_MS = 946_684_800_000
"""2000: what is stamped before it is stamped with nothing."""
_WORDS = {"stock": "equity", "option": "equity-option", "future": "future"}


def streamer_symbol(instrument: Instrument) -> str:
    """A share or option as the provider writes it: ``SPY``, ``.SPY261218P602.5``.

    A future's has the exchange in it and is looked up, never built.
    """
    if instrument.kind == "option":
        assert instrument.expiry is not None  # noqa: S101 - by construction
        assert instrument.strike is not None  # noqa: S101 - by construction
        strike = f"{instrument.strike.normalize():f}"
        return f".{instrument.symbol}{instrument.expiry:%y%m%d}{instrument.right}{strike}"
    return symbol_of(instrument)[1]


def futures_in(items: Iterable[Any], today: date) -> dict[str, str]:
    """Canonical name of each listed future -> the provider's."""
    found = {}
    for item in items:
        symbol = item.get("streamer-symbol") if isinstance(item, Mapping) else None
        try:
            future = instrument_of("Future", str(item.get("symbol", "")), today)
        except (Foreign, AttributeError):
            continue
        if isinstance(symbol, str) and symbol:
            found[future.key] = symbol
    return found


def rows_in(data: Any, fields: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Events of one message, in the compact form or the full one: type and fields.

    A list whose length does not fit its fields tells nothing.
    """
    if not isinstance(data, list):
        return
    if data and isinstance(data[0], Mapping):
        for event in filter(lambda one: isinstance(one, Mapping), data):
            yield str(event.get("eventType", "")), dict(event)
        return
    for kind, values in zip(data[::2], data[1::2], strict=False):
        names = fields.get(str(kind), ())
        if not names or not isinstance(values, list) or len(values) % len(names):
            continue
        for n in range(0, len(values), len(names)):
            yield str(kind), dict(zip(names, values[n : n + len(names)], strict=True))


def quote_in(
    event: Mapping[str, Any], instrument: Instrument, source: str, now: datetime
) -> Quote | None:
    """A quote event; None when a side has no price. An option's bid may be unknown: it is NaN."""
    bid, ask = number(event.get("bidPrice")), number(event.get("askPrice"))
    if bid is None and instrument.kind == "option":
        bid = _UNKNOWN
    if bid is None or ask is None:
        return None
    times = [stamp(event.get(key)) for key in ("bidTime", "askTime", "eventTime")]
    return Quote(
        instrument=instrument,
        bid=bid,
        ask=ask,
        bid_size=number(event.get("bidSize")),
        ask_size=number(event.get("askSize")),
        exchange_at=max((at for at in times if at is not None), default=now),
        received_at=now,
        source=source,
    )


def greeks_in(
    event: Mapping[str, Any], instrument: Instrument, source: str, now: datetime
) -> Greeks | None:
    """A greeks event; None when one of them is missing."""
    names = ("volatility", "delta", "gamma", "theta", "vega", "rho", "price")
    found = {name: number(event.get(name)) for name in names}
    if None in found.values():
        return None
    said: dict[str, Any] = found
    return Greeks(
        instrument=instrument,
        exchange_at=stamp(event.get("time")) or now,
        received_at=now,
        source=source,
        **said,
    )


def stamp(milliseconds: Any) -> datetime | None:
    """When it was made; None when that is not said, or beyond all calendars."""
    found = number(milliseconds)
    if found is None or found < _FIRST_MS:
        return None
    try:
        return datetime.fromtimestamp(float(found / 1000), UTC)
    except (ValueError, ArithmeticError, OSError):
        return None


def question(instruments: Iterable[Instrument]) -> list[tuple[str, str]]:
    """Query of the market data of some instruments."""
    return [
        ("index" if i.kind == "stock" and i.symbol in INDEXES else _WORDS[i.kind], symbol_of(i)[1])
        for i in instruments
    ]


def answered_in(
    item: Mapping[str, Any], wanted: Mapping[str, Instrument], source: str, now: datetime
) -> Quote | None:
    """One answered quote of ``wanted`` (by the broker's symbol); None without both sides.

    An option's bid may be unknown: it is NaN.
    """
    instrument = wanted.get(str(item.get("symbol", "")))
    bid, ask = number(item.get("bid")), number(item.get("ask"))
    if bid is None and instrument is not None and instrument.kind == "option":
        bid = _UNKNOWN
    if instrument is None or bid is None or ask is None:
        return None
    return Quote(
        instrument=instrument,
        bid=bid,
        ask=ask,
        bid_size=number(item.get("bid-size")),
        ask_size=number(item.get("ask-size")),
        exchange_at=moment(item.get("updated-at")) or now,
        received_at=now,
        source=source,
        is_halted=any(item.get(key) is True for key in ("is-trading-halted", "trading-halted")),
    )


def chain_in(items: Iterable[Any], underlying: str, source: str, now: datetime) -> Chain | None:
    """Standard contracts of all roots of an underlying; None when there are none."""
    found: dict[tuple[str, date], tuple[Decimal, ...]] = {}
    for item in items:
        if not isinstance(item, Mapping) or item.get("option-chain-type") != "Standard":
            continue
        if number(item.get("shares-per-contract")) != 100:
            continue
        root = str(item.get("root-symbol", ""))
        for expiry in item.get("expirations") or ():
            day = date.fromisoformat(str(expiry["expiration-date"]))
            strikes = (number(s.get("strike-price")) for s in expiry.get("strikes") or ())
            listed = {s for s in strikes if s is not None}
            found[root, day] = tuple(sorted(listed | set(found.get((root, day), ()))))
    if not found:
        return None
    return Chain(underlying=underlying, strikes=found, received_at=now, source=source)
