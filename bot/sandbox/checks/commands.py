"""Limits of application commands and of autocomplete answers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from bot.sandbox.errors import Flaw

Json = dict[str, Any]
Path = tuple[str | int, ...]
_NAME = re.compile(r"^[-_'\w]{1,32}$")
_SLASH, _SUB, _GROUP = 1, 1, 2
_PER_KIND = {1: 100, 2: 15, 3: 15}
_SUM = 8000


def check_all(commands: list[Json]) -> Iterator[Flaw]:
    """Yield what is wrong with a bulk overwrite."""
    seen: set[tuple[int, str]] = set()
    counts: dict[int, int] = {}
    for place, command in enumerate(commands):
        kind = command.get("type") or _SLASH
        counts[kind] = counts.get(kind, 0) + 1
        key = (kind, str(command.get("name")))
        if key in seen:
            text = "Application command names must be unique"
            yield Flaw((place, "name"), "APPLICATION_COMMANDS_DUPLICATE_NAME", text)
        seen.add(key)
        yield from check(command, (place,))
    for kind, count in counts.items():
        if count > _PER_KIND.get(kind, 1):
            text = f"{count} commands of type {kind}, {_PER_KIND.get(kind, 1)} allowed"
            yield Flaw((), "APPLICATION_COMMAND_TOO_MANY", text)


def check(command: Json, at: Path = ()) -> Iterator[Flaw]:
    """Yield what is wrong with one command."""
    kind = command.get("type") or _SLASH
    if kind != _SLASH:
        if not 1 <= len(str(command.get("name") or "")) <= 32:
            yield Flaw((*at, "name"), "BASE_TYPE_BAD_LENGTH", "Must be 1 to 32 in length.")
        for key in ("description", "options"):
            if command.get(key):
                yield Flaw((*at, key), "CONTEXT_MENU_FIELD", f"no {key} on context menus")
        return
    yield from _named(command, at)
    yield from _options(command.get("options") or [], (*at, "options"), depth=0)
    length = _length(command)
    if length > _SUM:
        text = f"{length} characters in all, {_SUM} allowed"
        yield Flaw(at, "APPLICATION_COMMAND_TOO_LARGE", text)


def _named(part: Json, at: Path) -> Iterator[Flaw]:
    name = str(part.get("name") or "")
    if not _NAME.match(name) or name != name.lower():
        text = f"Command name {name!r} is invalid"
        yield Flaw((*at, "name"), "APPLICATION_COMMAND_INVALID_NAME", text)
    if not 1 <= len(str(part.get("description") or "")) <= 100:
        words = "Must be between 1 and 100 in length."
        yield Flaw((*at, "description"), "BASE_TYPE_BAD_LENGTH", words)


def _options(options: list[Json], at: Path, *, depth: int) -> Iterator[Flaw]:
    if len(options) > 25:
        yield Flaw(at, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    names: set[str] = set()
    optional_seen = False
    kinds = {option.get("type") for option in options}
    if kinds & {_SUB, _GROUP} and kinds - {_SUB, _GROUP}:
        yield Flaw(at, "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", "subcommands stand alone")
    for place, option in enumerate(options):
        here = (*at, place)
        yield from _named(option, here)
        if option.get("name") in names:
            text = f"{option.get('name')!r} is used twice"
            yield Flaw((*here, "name"), "APPLICATION_COMMAND_OPTIONS_NAME_DUPLICATED", text)
        names.add(str(option.get("name")))
        if option.get("type") in (_SUB, _GROUP):
            yield from _nested(option, here, depth)
            continue
        if option.get("required") and optional_seen:
            text = "Required options must be placed before non-required options"
            yield Flaw(here, "APPLICATION_COMMAND_OPTIONS_REQUIRED_INVALID", text)
        optional_seen = optional_seen or not option.get("required")
        yield from _choices(option, here)


def _nested(option: Json, at: Path, depth: int) -> Iterator[Flaw]:
    is_group = option.get("type") == _GROUP
    if depth > 1 or (is_group and depth > 0):
        text = "groups hold subcommands only"
        yield Flaw((*at, "type"), "APPLICATION_COMMAND_OPTIONS_TYPE_INVALID", text)
        return
    inner = option.get("options") or []
    if is_group and not inner:
        yield Flaw((*at, "options"), "BASE_TYPE_REQUIRED", "a group holds subcommands")
    yield from _options(inner, (*at, "options"), depth=depth + 1)


def _choices(option: Json, at: Path) -> Iterator[Flaw]:
    found = option.get("choices") or []
    here = (*at, "choices")
    if found and option.get("autocomplete"):
        text = "Autocomplete and choices exclude each other"
        yield Flaw(at, "APPLICATION_COMMAND_OPTIONS_CHOICES_AUTOCOMPLETE", text)
    yield from choices(found, here)
    names = [choice.get("name") for choice in found]
    if len(set(names)) != len(names):
        yield Flaw(here, "APPLICATION_COMMAND_OPTIONS_CHOICE_NAME_DUPLICATED", "a name is twice")


def choices(found: list[Json], at: Path) -> Iterator[Flaw]:
    """Yield what is wrong with choices, fixed or from autocomplete."""
    if len(found) > 25:
        yield Flaw(at, "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for place, choice in enumerate(found):
        for key in ("name", "value"):
            value = choice.get(key)
            if isinstance(value, str) and not 1 <= len(value) <= 100:
                words = "Must be between 1 and 100 in length."
                yield Flaw((*at, place, key), "BASE_TYPE_BAD_LENGTH", words)
        if choice.get("value") is None:
            yield Flaw((*at, place, "value"), "BASE_TYPE_REQUIRED", "This field is required")


def _length(part: Json) -> int:
    total = len(str(part.get("name") or "")) + len(str(part.get("description") or ""))
    for choice in part.get("choices") or []:
        total += len(str(choice.get("name"))) + len(str(choice.get("value")))
    return total + sum(_length(option) for option in part.get("options") or [])
