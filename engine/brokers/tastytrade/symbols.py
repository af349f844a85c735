"""Names of instruments as tastytrade writes them, both ways, exact to a thousandth of a strike.

Options are the 21 characters of the OCC (the library's own reading loses quarter strikes), futures
carry one digit of their year (``/MESZ6``), classes of shares a slash (``BRK/B``).
"""

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal

from engine.domain.instrument import (
    FUTURES,
    MONTH_CODES,
    Instrument,
    Kind,
    future,
    parse_key,
    stock,
)

TYPE_OF: Mapping[Kind, str] = {
    "stock": "Equity",
    "option": "Equity Option",
    "future": "Future",
}
"""Kind -> the broker's word; what is not here is not traded."""

_OCC = re.compile(r"(?P<root>[A-Z][A-Z0-9]{0,5}?) *(?P<rest>\d{6}[CP]\d{8})")
_FUTURE = re.compile(r"/(?P<root>[A-Z0-9]+?)(?P<month>[FGHJKMNQUVXZ])(?P<year>\d{1,2})")


class Foreign(ValueError):
    """Something that TradeStream does not trade: futures options, bonds, adjusted contracts."""


def symbol_of(instrument: Instrument) -> tuple[str, str]:
    """Type and symbol as the broker wants them.

    Raises:
        Foreign: it is not traded here, or its strike has no name.
    """
    kind = TYPE_OF.get(instrument.kind)
    if kind is None:
        raise Foreign(f"{instrument.kind} is not traded at tastytrade")
    if instrument.kind == "option":
        return kind, _occ(instrument)
    if instrument.kind == "future":
        key = instrument.key
        return kind, f"{key[:-2]}{key[-1]}"
    return kind, instrument.symbol.replace(".", "/")


def _occ(contract: Instrument) -> str:
    assert contract.strike is not None  # noqa: S101 - options have one
    if contract.strike * 1000 % 1 or not 0 < contract.strike < 100_000:
        raise Foreign(f"a strike of {contract.strike:f} has no OCC symbol")
    return contract.key


def instrument_of(kind: str, symbol: str, today: date) -> Instrument:
    """What the broker means by a symbol; ``today`` settles the decade of a future.

    Raises:
        Foreign: nothing that TradeStream knows.
    """
    symbol = symbol.strip()
    try:
        if kind == "Equity":
            return parse_key(stock(symbol.replace("/", ".")).key)
        if kind == "Equity Option":
            found = _OCC.fullmatch(symbol)
            if found is not None:
                return parse_key(f"{found['root']:<6}{found['rest']}")
        if kind == "Future":
            return _future(symbol, today)
    except ValueError as error:
        raise Foreign(f"{kind} {symbol} is not known here") from error
    raise Foreign(f"{kind} {symbol} is not known here")


def _future(symbol: str, today: date) -> Instrument:
    found = _FUTURE.fullmatch(symbol)
    if found is None or found["root"] not in FUTURES:
        raise ValueError(symbol)
    digits = found["year"]
    if len(digits) == 2:
        year = 2000 + int(digits)
    else:
        first = today.year - 1  # a contract that is over may still be listed
        year = first + (int(digits) - first) % 10
    return future(found["root"], date(year, MONTH_CODES.index(found["month"]) + 1, 1))


def is_standard(instrument: Instrument, multiplier: Decimal | None) -> bool:
    """Whether a holding counts as ours do; contracts adjusted by a split or merger do not."""
    return multiplier is None or multiplier == instrument.multiplier
