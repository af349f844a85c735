"""Figures of answers that write them as numbers or as text."""

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

Json = Mapping[str, Any]
"""One object of an answer."""


class Unreadable(ValueError):
    """An answer that lacks what it must hold, or says something of a kind we do not trade."""


UNREADABLE = (Unreadable, KeyError, TypeError, ValueError, ArithmeticError, AttributeError)
"""Whatever comes of reading an answer that is not as documented."""


def number(value: Any) -> Decimal:
    """A figure, sent as number or text.

    Raises:
        Unreadable: it is none.
    """
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise Unreadable(f"{str(value)[:20]!r} is not a figure") from None
    if not found.is_finite():
        raise Unreadable("a figure that is not finite")
    return found.quantize(Decimal(1)) if found == found.to_integral() else found.normalize()


def maybe(value: Any) -> Decimal | None:
    """A figure that may be missing."""
    return None if value in (None, "") else number(value)


def figure(row: Json, name: str) -> Decimal | None:
    """A figure that need not be told; one that is told empty is refused.

    Raises:
        Unreadable: it is empty, or no figure.
    """
    return number(row[name]) if name in row else None
