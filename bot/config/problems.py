"""What is wrong with a configuration, said as ``key.path: what must be (got what is)``."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from pydantic import BaseModel, SecretStr, ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from bot.secret_shapes import masked

Loc = tuple[str | int, ...]

_WORDING = {
    "extra_forbidden": "unknown key",
    "missing": "missing",
    "int_parsing": "must be a whole number",
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "int_parsing_size": "must be a whole number of sane size",
    "decimal_parsing": "must be a number",
    "decimal_type": "must be a number",
    "float_parsing": "must be a number",
    "float_type": "must be a number",
    "finite_number": "must be a finite number",
    "bool_parsing": "must be true or false",
    "bool_type": "must be true or false",
    "string_type": "must be a text",
    "dict_type": "must be a mapping",
    "mapping_type": "must be a mapping",
    "model_type": "must be a mapping",
    "model_attributes_type": "must be a mapping",
    "greater_than": "must be > {gt}",
    "greater_than_equal": "must be >= {ge}",
    "less_than": "must be < {lt}",
    "less_than_equal": "must be <= {le}",
    "literal_error": "must be {expected}",
    "enum": "must be {expected}",
    "string_pattern_mismatch": "must match {pattern}",
    "too_short": "must have at least {min_length}",
}
_LISTS = ("list_type", "tuple_type", "set_type", "frozen_set_type")
_WITHOUT_INPUT = {"missing"}


def path_of(loc: Loc) -> str:
    """``("sources", "twi", "targets", 0)`` -> ``sources.twi.targets[0]``."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part != "[key]":
            text += f".{part}" if text else str(part)
    return text


def refuse(loc: Loc, what: str, got: object = None, *, hide: bool = False) -> NoReturn:
    """Fail a validator at ``loc`` below its own place.

    Raises:
        ValidationError: always; pydantic puts the outer keys in front of ``loc``.
    """
    kind = "secret" if hide else "refused"
    error = PydanticCustomError(kind, "{what}", {"what": what})
    raise ValidationError.from_exception_data(
        "config", [InitErrorDetails(type=error, loc=loc, input=got)]
    )


@dataclass(frozen=True, slots=True)
class Layer:
    """Values from one place, so that a problem can say where its value stands."""

    values: Mapping[str, Any]
    prefix: str = ""
    """What stands before a key's path there."""
    is_environment: bool = False
    is_change: bool = False
    """Changed by admins while the desk runs."""


def lines(
    error: ValidationError, layers: Sequence[Layer] = (), *, only: Layer | None = None
) -> list[str]:
    """One line per problem; ``layers``: strongest first; ``only``: problems of this layer alone."""
    found = []
    for details in error.errors(include_url=False):
        loc = details["loc"]
        source = next((layer for layer in layers if _holds(layer.values, loc)), Layer({}))
        if only is None or source is only:
            found.append(_line(details, source))
    return found


def secret_lines(error: ValidationError) -> list[str]:
    """One line per problem with a secret: the key and what it must be, never what it is."""
    return [f"{path_of(d['loc'])}: {_what(d)}" for d in error.errors(include_input=False)]


def _line(details: ErrorDetails, source: Layer) -> str:
    loc = details["loc"]
    path = source.prefix + path_of(loc)
    if source.is_environment:
        variable = "__".join(str(part) for part in loc).upper()
        path = f"{path}: TS_{variable}"
    kind = details["type"]
    if kind == "secret":
        return f"{path}: {details['msg']}"
    what = _what(details)
    if kind in _WITHOUT_INPUT or (kind == "refused" and details["input"] is None):
        return f"{path}: {what}"
    return f"{path}: {what} (got {_shown(details['input'])})"


def _what(details: ErrorDetails) -> str:
    kind = details["type"]
    if kind in _LISTS:
        return "must be a list"
    wording = _WORDING.get(kind)
    if wording is None:
        return details["msg"].removeprefix("Value error, ")
    return wording.format(**{k: _figure(v) for k, v in details.get("ctx", {}).items()})


def _figure(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _holds(layer: Mapping[str, Any], loc: Loc) -> bool:
    """Whether this layer is where the value at ``loc`` came from."""
    here: Any = layer
    for part in loc:
        if part == "[key]":
            break
        try:
            here = here[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def _shown(value: object) -> str:
    if isinstance(value, Mapping | BaseModel):
        return "a mapping"
    if isinstance(value, list | tuple | set | frozenset):
        return "a list"
    if isinstance(value, SecretStr):
        return "a secret"
    if value is None:
        return "nothing"
    text = masked(str(value).lower() if isinstance(value, bool) else str(value))
    return text if len(text) <= 60 else f"{text[:57]}..."


def below(loc: Loc, errors: Iterable[ErrorDetails]) -> list[InitErrorDetails]:
    """The same errors, moved under ``loc``."""
    return [
        InitErrorDetails(
            type=PydanticCustomError("refused", "{what}", {"what": _what(e)}),
            loc=(*loc, *e["loc"]),
            input=e["input"],
        )
        for e in errors
    ]
