"""Select menus and modal fields: what a person picks or types, checked like a client does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bot.sandbox.commands import Resolver
from bot.sandbox.errors import Refused

Json = dict[str, Any]
TEXT, LABEL, ROW, DISPLAY, FILES = 4, 18, 1, 10, 19
RADIO, CHECKS, CHECK = 21, 22, 23


def pick(menu: Json, values: list[Any], resolver: Resolver, *, strict: bool) -> list[str]:
    """Return the values of a select menu in Discord's form.

    Raises:
        Refused: not offered, too few, or too many.
    """
    kind = menu["type"]
    low = menu.get("min_values")
    low = 1 if low is None else low
    high = menu.get("max_values") or 1
    if strict and not low <= len(values) <= high:
        raise Refused(f"choose {low} to {high} values, not {len(values)}")
    if kind == 3:
        return [_offered(menu, value) for value in values]
    if kind == 5:
        return [resolver.user(value) for value in values]
    if kind == 6:
        return [resolver.role(value) for value in values]
    if kind == 7:
        return [resolver.mentionable(value) for value in values]
    return [resolver.channel(value, menu.get("channel_types")) for value in values]


def _offered(menu: Json, value: Any) -> str:
    for option in menu.get("options") or []:
        if value in (option["value"], option["label"]):
            return str(option["value"])
    offered = [option["label"] for option in menu.get("options") or []]
    raise Refused(f"{value!r} is not offered; there are {offered}")


def fields(modal: Json) -> list[tuple[str, Json]]:
    """Return the fields of a modal with their labels, in order."""
    found = []
    for part in modal.get("components") or []:
        if part["type"] == LABEL:
            found.append((str(part["label"]), part["component"]))
        elif part["type"] == ROW:
            found.extend((str(inner.get("label")), inner) for inner in part["components"])
    return found


def filled(
    modal: Json, given: Mapping[str, Any], resolver: Resolver, *, strict: bool
) -> list[Json]:
    """Return the `components` of a modal submit.

    Raises:
        Refused: an unknown field, or a value that the field does not take.
    """
    known = {name for label, field in fields(modal) for name in (label, field["custom_id"])}
    for name in given:
        if name not in known:
            raise Refused(f"no field {name!r}; there are {sorted(known)}")
    parts: list[Json] = []
    for place, part in enumerate(modal.get("components") or [], start=1):
        number = part.get("id") or place
        if part["type"] == DISPLAY:
            parts.append({"type": DISPLAY, "id": number})
        elif part["type"] == LABEL:
            inner = _field(str(part["label"]), part["component"], given, resolver, strict=strict)
            parts.append({"type": LABEL, "id": number, "component": inner})
        else:
            rows = [
                _field(str(inner.get("label")), inner, given, resolver, strict=strict)
                for inner in part["components"]
            ]
            parts.append({"type": ROW, "id": number, "components": rows})
    return parts


def _field(
    label: str, field: Json, given: Mapping[str, Any], resolver: Resolver, *, strict: bool
) -> Json:
    value = given.get(field["custom_id"], given.get(label))
    made: Json = {
        "type": field["type"],
        "id": field.get("id") or 0,
        "custom_id": field["custom_id"],
    }
    kind = field["type"]
    if kind == TEXT:
        return made | {"value": _typed(label, field, value, strict=strict)}
    if kind == CHECK:
        return made | {"value": bool(field.get("default") if value is None else value)}
    if kind == RADIO:
        return made | {"value": _radio(label, field, value, strict=strict)}
    chosen = _defaults(field) if value is None else _listed(value)
    if strict and not chosen and field.get("required", True):
        raise Refused(f"{label!r} is required")
    if not chosen:
        return made | {"values": []}
    if kind == FILES:
        return made | {"values": [resolver.file(entry) for entry in chosen]}
    if kind == CHECKS:
        return made | {"values": [_offered(field, entry) for entry in chosen]}
    return made | {"values": pick(field, chosen, resolver, strict=strict)}


def _typed(label: str, field: Json, value: Any, *, strict: bool) -> str:
    text = str(field.get("value") or "") if value is None else str(value)
    if not strict:
        return text
    if not text and field.get("required", True):
        raise Refused(f"{label!r} is required")
    low, high = field.get("min_length") or 0, field.get("max_length") or 4000
    if text and not low <= len(text) <= high:
        raise Refused(f"{label!r} takes {low} to {high} characters, not {len(text)}")
    return text


def _radio(label: str, field: Json, value: Any, *, strict: bool) -> str | None:
    if value is None:
        defaults = _defaults(field)
        if not defaults and field.get("required", True) and strict:
            raise Refused(f"{label!r} is required")
        return str(defaults[0]) if defaults else None
    return _offered(field, value)


def _defaults(field: Json) -> list[Any]:
    preset = [option["value"] for option in field.get("options") or [] if option.get("default")]
    return preset or [entry["id"] for entry in field.get("default_values") or []]


def _listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple | set) else [value]
