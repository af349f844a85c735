"""``dataclasses.replace`` for our frozen, slotted values: the same outcome in half the time.

Every step of a story makes the next version of something, a dozen to an alert.
"""

import dataclasses
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

__all__ = ["replace", "warm"]

T = TypeVar("T")

_Put = Callable[[Any, Any], None]


def _replaced(value: T, /, **changes: Any) -> T:
    """A copy with some fields changed.

    Raises:
        TypeError: it has no such field.
    """
    kind: type = value.__class__
    copy, by_name = _parts(kind)
    new: T = copy(value)
    try:
        for name, part in changes.items():
            by_name[name](new, part)
    except KeyError as error:
        raise TypeError(f"{kind.__name__} has no field {error}") from None
    return new


def warm(kind: type) -> None:
    """Make now what copies values of this kind: writing that code takes longer than many copies.

    Raises:
        TypeError: they are not copied field by field.
    """
    _parts(kind)


@cache
def _parts(kind: type) -> tuple[Callable[[Any], Any], dict[str, _Put]]:
    """What copies every field into a new, still unseen object, and what writes one field of it.

    The copying is spelled out field by field, as dataclasses does with ``__init__``: a loop over
    the fields takes twice as long.

    Raises:
        TypeError: not a slotted dataclass of two fields or more, or one that works out fields.
    """
    fields = dataclasses.fields(kind)
    is_plain = len(fields) > 1 and all(field.init for field in fields)
    if not is_plain or hasattr(kind, "__post_init__") or not hasattr(kind, "__slots__"):
        raise TypeError(f"{kind.__name__} is not copied field by field")
    by_name: dict[str, _Put] = {f.name: getattr(kind, f.name).__set__ for f in fields}
    puts = {f"put_{name}": put for name, put in by_name.items()}
    lines = [f"    put_{name}(new, old.{name})" for name in by_name]
    code = "\n".join(["def copy(old):", "    new = make(kind)", *lines, "    return new"])
    names: dict[str, Any] = {"kind": kind, "make": object.__new__, **puts}
    exec(code, names)  # noqa: S102 - names of our own fields
    return names["copy"], by_name


if TYPE_CHECKING:  # the type checker knows that one's fields and their types
    from dataclasses import replace
else:
    replace = _replaced
