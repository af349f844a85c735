"""Reading of numbers. Odd spellings are refused: a person reads them, we never guess."""

import re
from decimal import Decimal

# Longer numbers are no price, strike or size of anything we trade.
_PLAIN = re.compile(r"[0-9]{1,12}(?:\.[0-9]{1,6})?\Z")
_BARE = re.compile(r"\.[0-9]{1,6}\Z")
_THOUSANDS = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3}){1,3}(?:\.[0-9]{1,4})?\Z")
_COMMA = re.compile(r"[0-9]{1,5},[0-9]{1,2}\Z")


def read_number(text: str) -> Decimal | None:
    """The value of a number as US rooms write it, or None when it is spelled oddly.

    ``1,95`` and ``0,5`` are decimals, ``19,780.50`` has a thousands separator; ``1.000,50``,
    ``1,2345``, ``007`` or a number of thirteen digits is None.
    """
    if _PLAIN.match(text):
        whole = text.split(".", 1)[0]
        return None if len(whole) > 1 and whole[0] == "0" else Decimal(text)
    if _BARE.match(text):
        return Decimal(text)
    if _THOUSANDS.match(text):
        return Decimal(text.replace(",", ""))
    if _COMMA.match(text):
        whole = text.split(",", 1)[0]
        return None if len(whole) > 1 and whole[0] == "0" else Decimal(text.replace(",", "."))
    return None


def is_decimal_comma(text: str) -> bool:
    """Whether the comma of ``text`` is a decimal point; right for premiums only."""
    return _COMMA.match(text) is not None


def is_european_thousand(text: str) -> bool:
    """``1.250`` may be one and a quarter or twelve hundred and fifty."""
    whole, _, part = text.partition(".")
    return len(part) == 3 and whole not in ("", "0") and len(whole) <= 3
