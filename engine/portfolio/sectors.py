"""Which sector a symbol belongs to, and whose closes stand for it."""

from collections.abc import Mapping

from engine.domain.instrument import INDEX_OF, Instrument, Kind
from engine.portfolio._sector_table import FUTURES, TABLE

UNKNOWN = "unknown (not classified)"
"""All that is in no table shares this one, under the same limit."""
BROAD = "Broad market"
"""Index funds and futures: spread over all sectors, so no sector's limit binds them."""
NAMES: tuple[str, ...] = (*TABLE, UNKNOWN)

_OF = {symbol: sector for sector, symbols in TABLE.items() for symbol in symbols.split()}
_OF_FUTURE = {root: sector for sector, roots in FUTURES.items() for root in roots.split()}

SECTOR_FUNDS: Mapping[str, str] = {
    "Technology": "XLK",
    "Communication Services": "XLC",
    "Consumer Discretionary": "XLY",
    "Consumer Staples": "XLP",
    "Energy": "XLE",
    "Financials": "XLF",
    "Health Care": "XLV",
    "Industrials": "XLI",
    "Materials": "XLB",
    "Real Estate": "XLRE",
    "Utilities": "XLU",
}
"""The fund that stands for each of the eleven sectors."""

STANDS_FOR: Mapping[str, str] = {
    **dict.fromkeys(("ES", "MES", "SPX", "XSP"), "SPY"),
    **dict.fromkeys(("NQ", "MNQ", "NDX"), "QQQ"),
    **dict.fromkeys(("YM", "MYM", "DJX"), "DIA"),
    **dict.fromkeys(("RTY", "M2K", "RUT"), "IWM"),
    **dict.fromkeys(("CL", "MCL"), "USO"),
    **dict.fromkeys(("GC", "MGC"), "GLD"),
    "SI": "SLV",
    "NG": "UNG",
    "ZB": "TLT",
    "ZN": "IEF",
    "6E": "FXE",
}
"""Futures roots and indices -> the fund whose daily closes are used in their place."""

INDEX_FUNDS = frozenset(
    (
        *(
            "SPY",
            "VOO",
            "IVV",
            "VTI",
            "VT",
            "RSP",
            "QQQ",
            "QQQM",
            "DIA",
            "IWM",
            "MDY",
            "IJH",
            "IJR",
        ),
        *("SPX", "XSP", "NDX", "DJX", "RUT"),
    )
)
"""Of course these move together: they are exempt from each other (rules 3.2)."""


def sector_of(symbol: str, kind: Kind, corrected: Mapping[str, str] | None = None) -> str:
    """The sector of a trade's underlying; :data:`UNKNOWN` when no table has it.

    ``corrected``: what config.yaml says, by symbol; it comes first.
    """
    if corrected and symbol in corrected:
        return corrected[symbol]
    if kind == "crypto":
        return "Crypto"
    if kind == "future":
        return _OF_FUTURE.get(symbol, UNKNOWN)
    return _OF.get(INDEX_OF.get(symbol, symbol), UNKNOWN)


def reference_of(instrument: Instrument) -> str:
    """The symbol whose daily closes stand for this instrument's underlying."""
    symbol = INDEX_OF.get(instrument.symbol, instrument.symbol)
    if instrument.kind == "future" or symbol in ("SPX", "XSP", "NDX", "DJX", "RUT"):
        return STANDS_FOR.get(symbol, symbol)
    return symbol
