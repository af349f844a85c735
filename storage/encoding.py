"""Writes records as JSON text: one function per class, generated once from its annotations.

Twice as quick as a general writer, and strict: each value must be exactly of the annotated type,
Decimals finite, moments aware and UTC, whole numbers of 64 bits. Anything else is refused, because
it would come back as something else (I-07). pydantic reads the text back (:mod:`storage.codec`).
"""

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum
from functools import cache, lru_cache
from json.encoder import encode_basestring as quote
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

Encode = Callable[[Any], str]

ZERO = timedelta(0)


class Unfit(Exception):
    """Why a value cannot be kept."""


@cache
def encoder(kind: type) -> Encode:
    """The writer of one dataclass.

    Raises:
        TypeError: an annotation that has no exact JSON form, such as float.
    """
    return _Source().of_dataclass(kind)


def blame(kind: type, value: Any) -> str:
    """Which field of a refused value is the bad one, and why; for people."""
    if type(value) is not kind:
        return f"{value!r} is not a {kind.__name__}"
    hints = get_type_hints(kind)
    for field in fields(kind):
        source = _Source()
        check = source.function(source.text(hints[field.name], "v"))
        inner = getattr(value, field.name)
        try:
            check(inner)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the reason
            deeper = type(inner)
            why = blame(deeper, inner) if is_dataclass(deeper) else str(error)
            return f"{field.name}: {why}"
    return "its text is not Unicode"


def utc_text(moment: Any) -> str:
    """A moment as quoted ISO text."""
    if isinstance(moment, datetime) and (moment.tzinfo is UTC or moment.utcoffset() == ZERO):
        return f'"{iso_text(moment)}Z"'
    raise Unfit(f"{moment!r} is not an aware UTC moment")


@lru_cache(maxsize=256)
def iso_text(moment: datetime) -> str:
    """A moment that is known to be UTC, without its zone.

    Kept, because a story writes each of its few moments several times and this is the dearest of
    all values to write.
    """
    return moment.isoformat()[:-6]


def one_of(table: dict[Any, str], value: Any) -> str:
    """One of a closed set of values."""
    try:
        return table[value]
    except (KeyError, TypeError):
        raise Unfit(f"{value!r} is not one of {', '.join(map(str, table))}") from None


def wrong(value: Any, what: str) -> str:
    """Refuse."""
    raise Unfit(f"{value!r} is not {what}")


_LEAVES: dict[Any, str] = {
    # %s: the value; t: a name of its own for it. Inlined, because a call costs as much again.
    str: "quote(%s)",
    int: "(str(t) if (t := %s).__class__ is int else wrong(t, 'a whole number'))",
    bool: "('true' if (t := %s) is True else 'false' if t is False else wrong(t, 'True or False'))",
    Decimal: "('\"' + str(t) + '\"' if (t := %s).__class__ is Decimal and t.is_finite()"
    " else wrong(t, 'a finite Decimal'))",
    datetime: "utc_text(%s)",
    date: "('\"' + t.isoformat() + '\"' if (t := %s).__class__ is date else wrong(t, 'a date'))",
}


class _Source:
    """Collects the names that generated code refers to."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {
            "Decimal": Decimal,
            "date": date,
            "one_of": one_of,
            "quote": quote,
            "utc_text": utc_text,
            "wrong": wrong,
        }

    def function(self, expression: str) -> Encode:
        """A function of ``v`` that gives the expression's value."""
        code = f"def encode(v):\n    return {expression}\n"
        exec(code, self._names)  # noqa: S102 - our own annotations, as dataclasses do it
        made: Encode = self._names.pop("encode")
        return made

    def of_dataclass(self, kind: type) -> Encode:
        """Writes every field, in order."""
        hints = get_type_hints(kind)
        parts = [f'"{f.name}":{{{self.text(hints[f.name], f"v.{f.name}")}}}' for f in fields(kind)]
        whole = "f'''{{" + ",".join(parts) + "}}'''"
        return self.function(self._if_is("v", kind, whole))

    def text(self, hint: Any, value: str) -> str:
        """An expression that writes ``value``, itself an expression, as its annotation says."""
        if hint in _LEAVES:
            return _LEAVES[hint] % value
        origin = get_origin(hint)
        if origin is Literal:
            return self._closed(get_args(hint), value)
        if origin is tuple:
            return self._tuple(get_args(hint), value)
        if origin in (Union, UnionType):
            return self._union(get_args(hint), value)
        if isinstance(hint, type) and issubclass(hint, Enum):
            table = self._name({member: quote(member.value) for member in hint})
            return self._if_is(value, hint, f"{table}[{value}]")
        if isinstance(hint, type) and is_dataclass(hint):
            return f"{self._name(encoder(hint))}({value})"
        raise TypeError(f"{hint} has no exact JSON form; records hold Decimal, UTC, text")

    def _if_is(self, value: str, kind: type, then: str, more: str = "") -> str:
        name, what = self._name(kind), f"a {kind.__name__}"
        return f"(({then}) if {value}.__class__ is {name}{more} else wrong({value}, {what!r}))"

    def _closed(self, values: tuple[Any, ...], value: str) -> str:
        table = {one: quote(one) if isinstance(one, str) else str(int(one)) for one in values}
        return f"one_of({self._name(table)}, {value})"

    def _tuple(self, parts: tuple[Any, ...], value: str) -> str:
        if len(parts) == 2 and parts[1] is Ellipsis:
            inner = f"','.join([{self.text(parts[0], 'i')} for i in {value}])"
            return self._if_is(value, tuple, f"'[' + {inner} + ']' if {value} else '[]'")
        texts = [self.text(part, f"{value}[{n}]") for n, part in enumerate(parts)]
        whole = "'[' + " + " + ',' + ".join(texts) + " + ']'"
        return self._if_is(value, tuple, whole, f" and len({value}) == {len(parts)}")

    def _union(self, options: tuple[Any, ...], value: str) -> str:
        some = [option for option in options if option is not NoneType]
        if all(get_origin(option) is Literal for option in some):
            inner = self._closed(tuple(v for option in some for v in get_args(option)), value)
        elif len(some) == 1:
            inner = self.text(some[0], value)
        elif all(is_dataclass(option) for option in some):
            table = self._name({option: encoder(option) for option in some})
            inner = f"{table}.get({value}.__class__, {self._name(_no_member)})({value})"
        else:
            raise TypeError(f"a union of {some} has no exact JSON form")
        return inner if len(some) == len(options) else f"('null' if {value} is None else {inner})"

    def _name(self, thing: Any) -> str:
        name = f"n{len(self._names)}"
        self._names[name] = thing
        return name


def _no_member(value: Any) -> str:
    return wrong(value, "a member of this union")
