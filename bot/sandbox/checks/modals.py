"""Limits of modals."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.sandbox.checks.components import SELECTS, TEXT_INPUT, custom_id, select
from bot.sandbox.errors import Flaw

Json = dict[str, Any]
Path = tuple[str | int, ...]
_ITEMS = 5
_ROW, _TEXT, _LABEL = 1, 10, 18


def check(modal: Json, at: Path = ("data",)) -> Iterator[Flaw]:
    """Yield what is wrong with a modal."""
    yield from custom_id(modal, at)
    yield from _length(modal.get("title"), 1, 45, (*at, "title"))
    parts = modal.get("components") or []
    if not 1 <= len(parts) <= _ITEMS:
        text = "Must be between 1 and 5 in length."
        yield Flaw((*at, "components"), "BASE_TYPE_BAD_LENGTH", text)
    seen: set[str] = set()
    for place, part in enumerate(parts):
        here = (*at, "components", place)
        if part.get("type") == _LABEL:
            yield from _length(part.get("label"), 1, 45, (*here, "label"))
            yield from _field(part.get("component") or {}, (*here, "component"), seen)
        elif part.get("type") == _ROW:
            for inner in part.get("components") or []:
                yield from _length(inner.get("label"), 1, 45, (*here, "label"))
                yield from _field(inner, here, seen)
        elif part.get("type") != _TEXT:
            text = f"type {part.get('type')} does not belong in a modal"
            yield Flaw((*here, "type"), "UNION_TYPE_CHOICES", text)


def _field(field: Json, at: Path, seen: set[str]) -> Iterator[Flaw]:
    yield from custom_id(field, at)
    name = str(field.get("custom_id"))
    if name in seen:
        yield Flaw((*at, "custom_id"), "COMPONENT_CUSTOM_ID_DUPLICATED", f"{name!r} is used twice")
    seen.add(name)
    if field.get("type") in SELECTS:
        yield from select(field, at)
        if field.get("disabled"):
            yield Flaw((*at, "disabled"), "MODAL_DISABLED", "no disabled parts in a modal")
    elif field.get("type") == TEXT_INPUT:
        yield from _text(field, at)


def _text(field: Json, at: Path) -> Iterator[Flaw]:
    low, high = field.get("min_length") or 0, field.get("max_length") or 4000
    if not 0 <= low <= high or not 1 <= high <= 4000:
        yield Flaw((*at, "max_length"), "NUMBER_TYPE_MAX", f"min {low}, max {high}, limit 4000")
    preset = field.get("value") or ""
    if preset and not low <= len(preset) <= high:
        yield Flaw((*at, "value"), "BASE_TYPE_BAD_LENGTH", f"{low} to {high} characters")
    if len(field.get("placeholder") or "") > 100:
        yield Flaw((*at, "placeholder"), "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer in length.")


def _length(text: str | None, low: int, high: int, at: Path) -> Iterator[Flaw]:
    if not low <= len(text or "") <= high:
        words = f"Must be between {low} and {high} in length."
        yield Flaw(at, "BASE_TYPE_BAD_LENGTH", words)
