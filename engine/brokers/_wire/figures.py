"""Figures of answers that write them as numbers or as text, and words in any case."""

from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

T = TypeVar("T")
Json = Mapping[str, Any]
"""One object of an answer."""


class Unreadable(ValueError):
    """An answer that lacks what it must hold, or says something of a kind we do not trade."""


UNREADABLE = (Unreadable, KeyError, TypeError, ValueError, ArithmeticError, AttributeError)
"""Whatever comes of reading an answer that is not as documented."""


def in_capitals(body: Any, keys: Collection[str]) -> Any:
    """An answer with its words under these keys written large: in other cases they are the same."""
    if isinstance(body, list):
        return [in_capitals(item, keys) for item in body]
    if not isinstance(body, dict):
        return body
    return {
        key: said.upper() if key in keys and isinstance(said, str) else in_capitals(said, keys)
        for key, said in body.items()
    }


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


def filled_of(told: Any, state: str, whole: Decimal, *, is_priced: bool) -> Decimal:
    """What is filled; unsaid it is all of what is done, and nothing of what has no price either.

    Raises:
        Unreadable: some of it is, and how much is not said.
    """
    filled = maybe(told)
    if filled is not None:
        return filled
    if state == "filled":
        return whole
    if state == "partial" or is_priced:
        raise Unreadable("an order that does not say how much of it is filled")
    return Decimal(0)


def word(value: Any) -> str:
    """A symbol, or another name that is always text: ``null`` is none.

    Raises:
        Unreadable: it is none.
    """
    if not isinstance(value, str) or not value:
        raise Unreadable("a name that is none")
    return value


def ident(value: Any) -> str:
    """The number or text by which a broker knows an order; 1001.0 is 1001.

    Raises:
        Unreadable: it is none, so nothing can be asked about it.
    """
    if isinstance(value, str) and value:
        return value
    if isinstance(value, (int, Decimal)) and not isinstance(value, bool):
        return f"{number(value):f}"
    raise Unreadable("an id that is none")


def once(rows: Iterable[T]) -> list[T]:
    """The rows of a list without those that repeat one to the letter: a holding counts once."""
    return list({repr(row): row for row in rows}.values())
