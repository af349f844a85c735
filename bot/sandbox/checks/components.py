"""Limits of buttons, selects and layout components."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.sandbox.errors import Flaw
from bot.sandbox.message import walk

Json = dict[str, Any]
Path = tuple[str | int, ...]
ROW, BUTTON, STRING_SELECT, TEXT_INPUT = 1, 2, 3, 4
SELECTS = (3, 5, 6, 7, 8)
SECTION, TEXT, THUMBNAIL, GALLERY, FILE, SEPARATOR, CONTAINER = 9, 10, 11, 12, 13, 14, 17
_TOP_V2 = (ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR, CONTAINER)
_IN_CONTAINER = (ROW, SECTION, TEXT, GALLERY, FILE, SEPARATOR)
_ROWS = 5
_ALL_V2 = 40
_TEXT_V2 = 4000
_LINK, _PREMIUM = 5, 6


def check(components: list[Json], *, is_v2: bool, at: Path) -> Iterator[Flaw]:
    """Yield what is wrong with a message's components."""
    if is_v2:
        yield from _v2(components, at)
    else:
        if len(components) > _ROWS:
            yield Flaw(at, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
        for place, part in enumerate(components):
            if part.get("type") != ROW:
                text = f"type {part.get('type')} needs the flag IS_COMPONENTS_V2"
                yield Flaw((*at, place, "type"), "UNION_TYPE_CHOICES", text)
    yield from _duplicates(components, at)
    for place, part in enumerate(walk(components)):
        yield from _one(part, (*at, place))


def _v2(components: list[Json], at: Path) -> Iterator[Flaw]:
    count = sum(1 for _ in walk(components))
    if count > _ALL_V2:
        yield Flaw(at, "COMPONENT_MAX_TOTAL_COMPONENTS_EXCEEDED", f"{count} of 40 components")
    length = sum(len(p.get("content") or "") for p in walk(components) if p.get("type") == TEXT)
    if length > _TEXT_V2:
        text = f"{length} characters of text, 4000 allowed"
        yield Flaw(at, "COMPONENT_DISPLAYABLE_TEXT_SIZE_EXCEEDED", text)
    for place, part in enumerate(components):
        if part.get("type") not in _TOP_V2:
            yield Flaw((*at, place, "type"), "UNION_TYPE_CHOICES", "not allowed at the top")
        for inner, child in enumerate(part.get("components") or []):
            if part.get("type") == CONTAINER and child.get("type") not in _IN_CONTAINER:
                here = (*at, place, "components", inner, "type")
                yield Flaw(here, "UNION_TYPE_CHOICES", "not allowed in a container")


def _duplicates(components: list[Json], at: Path) -> Iterator[Flaw]:
    for key, name in (("custom_id", "COMPONENT_CUSTOM_ID_DUPLICATED"), ("id", "ID_DUPLICATED")):
        seen: set[Any] = set()
        for place, part in enumerate(walk(components)):
            value = part.get(key)
            if value in seen and value:
                yield Flaw((*at, place, key), name, f"{key} {value!r} is used twice")
            seen.add(value)


def _one(part: Json, at: Path) -> Iterator[Flaw]:
    kind = part.get("type")
    if kind == ROW:
        yield from _row(part.get("components") or [], at)
    elif kind == BUTTON:
        yield from _button(part, at)
    elif kind in SELECTS:
        yield from select(part, at)
    elif kind == GALLERY and not 1 <= len(part.get("items") or []) <= 10:
        yield Flaw((*at, "items"), "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 10 in length.")
    elif kind == TEXT and not (part.get("content") or "").strip():
        yield Flaw((*at, "content"), "BASE_TYPE_REQUIRED", "This field is required")
    elif kind == SECTION:
        yield from _section(part, at)


def _section(part: Json, at: Path) -> Iterator[Flaw]:
    if not 1 <= len(part.get("components") or []) <= 3:
        text = "Must be between 1 and 3 in length."
        yield Flaw((*at, "components"), "BASE_TYPE_BAD_LENGTH", text)
    if (part.get("accessory") or {}).get("type") not in (BUTTON, THUMBNAIL):
        yield Flaw((*at, "accessory"), "BASE_TYPE_REQUIRED", "This field is required")


def _row(inner: list[Json], at: Path) -> Iterator[Flaw]:
    kinds = {part.get("type") for part in inner}
    here = (*at, "components")
    if not inner or len(inner) > 5:
        yield Flaw(here, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 5 in length.")
    elif kinds - {BUTTON} and len(inner) > 1:
        yield Flaw(here, "COMPONENT_LAYOUT_WIDTH_EXCEEDED", "a select fills its row")
    if kinds - {BUTTON, *SELECTS}:
        yield Flaw(here, "UNION_TYPE_CHOICES", "a row holds buttons or one select")


def _button(part: Json, at: Path) -> Iterator[Flaw]:
    style = part.get("style")
    if style == _LINK:
        if not part.get("url") or part.get("custom_id"):
            yield Flaw((*at, "url"), "BUTTON_COMPONENT_INVALID_URL", "a link has a url, no id")
    elif style != _PREMIUM:
        yield from custom_id(part, at)
        if part.get("url"):
            yield Flaw((*at, "url"), "BUTTON_COMPONENT_URL_FORBIDDEN", "only links have a url")
    if len(part.get("label") or "") > 80:
        yield Flaw((*at, "label"), "BASE_TYPE_MAX_LENGTH", "Must be 80 or fewer in length.")
    if style != _PREMIUM and not part.get("label") and not part.get("emoji"):
        yield Flaw(at, "BUTTON_COMPONENT_EMPTY", "A button needs a label or an emoji")


def custom_id(part: Json, at: Path) -> Iterator[Flaw]:
    """Yield what is wrong with a custom_id."""
    value = part.get("custom_id")
    if not value:
        yield Flaw((*at, "custom_id"), "BASE_TYPE_REQUIRED", "A custom id is required")
    elif len(value) > 100:
        yield Flaw((*at, "custom_id"), "BASE_TYPE_BAD_LENGTH", "Must be 1 to 100 in length.")


def select(part: Json, at: Path) -> Iterator[Flaw]:
    """Yield what is wrong with a select menu."""
    yield from custom_id(part, at)
    low = part.get("min_values")
    low = 1 if low is None else low
    high = part.get("max_values")
    high = 1 if high is None else high
    if not 0 <= low <= 25 or not 1 <= high <= 25 or low > high:
        yield Flaw(at, "SELECT_COMPONENT_INVALID_RANGE", f"min {low}, max {high}")
    if len(part.get("placeholder") or "") > 150:
        yield Flaw((*at, "placeholder"), "BASE_TYPE_MAX_LENGTH", "Must be 150 or fewer in length.")
    if part.get("type") == STRING_SELECT:
        yield from _options(part, low, high, at)


def _options(part: Json, low: int, high: int, at: Path) -> Iterator[Flaw]:
    options = part.get("options") or []
    here = (*at, "options")
    if not 1 <= len(options) <= 25:
        yield Flaw(here, "BASE_TYPE_BAD_LENGTH", "Must be between 1 and 25 in length.")
    if low > len(options) or high > max(len(options), 1):
        yield Flaw(at, "SELECT_COMPONENT_TOO_FEW_OPTIONS", "more values than options")
    values = [option.get("value") for option in options]
    for place, option in enumerate(options):
        if option.get("value") in values[:place]:
            text = "The specified option value is already used"
            yield Flaw((*here, place, "value"), "SELECT_COMPONENT_OPTION_VALUE_DUPLICATED", text)
        for key in ("label", "value", "description"):
            text = option.get(key)
            if (key != "description" and not text) or len(text or "") > 100:
                words = "Must be between 1 and 100 in length."
                yield Flaw((*here, place, key), "BASE_TYPE_BAD_LENGTH", words)
    if sum(bool(option.get("default")) for option in options) > high:
        yield Flaw(here, "SELECT_COMPONENT_TOO_MANY_DEFAULTS", "more defaults than max_values")
