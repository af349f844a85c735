"""Discord's published OpenAPI file as a judge of request bodies and of our own answers.

The file is a development aid: it is given by path, never shipped, and needs `jsonschema_rs`.
"""

from __future__ import annotations

import copy
import functools
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bot.sandbox.errors import Flaw

Json = dict[str, Any]
_PREFIX = "#/components/schemas/"
# discord.py sends these though the file does not list them.
_ALSO_SENT = {
    "nsfw": ("ApplicationCommandUpdateRequest", "ApplicationCommandCreateRequest"),
    "tts": (
        "MessageEditRequestPartial",
        "IncomingWebhookUpdateRequestPartial",
        "IncomingWebhookUpdateForInteractionCallbackRequestPartial",
    ),
    "flags": ("RichEmbed",),
}
# Permission bits travel as text; the file says integer in some requests.
_BITS = ("permissions", "allow", "deny")
_TOO_LONG_TO_QUOTE = 300


_COMPILED: dict[Path, dict[tuple[str, str, str], Any]] = {}


class Spec:
    """Compiled validators, made when a route is first used."""

    def __init__(self, path: Path) -> None:
        try:
            import jsonschema_rs
        except ImportError as error:
            raise RuntimeError(
                "validating against openapi.json needs the development package jsonschema-rs: "
                "pip install -e '.[dev]', or start the sandbox without spec="
            ) from error
        self._compile = jsonschema_rs.Draft202012Validator
        self._paths: Json = {}
        self._requests: Json = {}
        self._answers: Json = {}
        self._paths, self._requests, self._answers = _load(path)
        # Some 30 MB and half a second for the routes of one test: made once per process.
        self._validators = _COMPILED.setdefault(path.resolve(), {})

    def request(self, method: str, template: str, body: Any) -> Iterator[Flaw]:
        """Yield what the schema says against a request body."""
        validator = self._validator("request", method, template)
        if validator is not None:
            yield from _flaws(validator, body)

    def answer(self, method: str, template: str, data: Any) -> Iterator[Flaw]:
        """Yield what the schema says against an answer."""
        validator = self._validator("answer", method, template)
        if validator is not None:
            yield from _flaws(validator, data)

    def knows(self, method: str, template: str) -> bool:
        """Whether the file has this route."""
        return method.lower() in self._paths.get(template, {})

    def _validator(self, side: str, method: str, template: str) -> Any:
        key = (side, method, template)
        if key not in self._validators:
            schema = self._schema(side, method, template)
            if schema is None:
                self._validators[key] = None
            else:
                components = self._requests if side == "request" else self._answers
                full = schema | {"components": {"schemas": components}}
                self._validators[key] = self._compile(full)
        return self._validators[key]

    def _schema(self, side: str, method: str, template: str) -> Json | None:
        operation = self._paths.get(template, {}).get(method.lower())
        if operation is None:
            return None
        if side == "request":
            content = operation.get("requestBody", {}).get("content", {})
        else:
            content = operation.get("responses", {}).get("200", {}).get("content", {})
        found = content.get("application/json", {}).get("schema")
        if found is None:
            return None
        schema: Json = _changed(found, self._requests, closed=side == "request")
        return schema


@functools.lru_cache(maxsize=2)
def _load(path: Path) -> tuple[Json, Json, Json]:
    data = json.loads(path.read_text(encoding="utf-8"))
    schemas = data["components"]["schemas"]
    _mend(schemas)
    overwrite = data["paths"]["/channels/{channel_id}/permissions/{overwrite_id}"]["put"]
    for content in overwrite["requestBody"]["content"].values():
        content["schema"]["properties"].setdefault("id", {})  # discord.py repeats the path's id
    requests = {name: _changed(schema, schemas, closed=True) for name, schema in schemas.items()}
    answers = {name: _changed(schema, schemas, closed=False) for name, schema in schemas.items()}
    for key, names in _ALSO_SENT.items():
        for name in names:
            if name in requests:
                requests[name]["properties"].setdefault(key, {})
    return data["paths"], requests, answers


def _mend(schemas: Json) -> None:
    """Correct what the file of 2026-07 states more narrowly than Discord's documentation."""
    # A deferred reply is answered with its placeholder; the file lists type 4 only.
    schemas["CreateMessageInteractionCallbackResponse"]["properties"]["type"]["enum"] = [4, 5]
    # Forwards are references of type 1; the file lists type 0 only.
    schemas["MessageReferenceType"] = {"enum": [0, 1]}
    # Fields that only answers carry are ignored when a received embed is sent again.
    for name in ("Image", "Thumbnail", "Video", "Author", "Footer", "Provider"):
        schemas.get(f"RichEmbed{name}", {}).setdefault("additionalProperties", True)


def _changed(node: Any, schemas: Json, *, closed: bool) -> Any:
    """Return a schema with integer snowflakes allowed, unions by `type`, and closed objects."""
    if isinstance(node, list):
        return [_changed(item, schemas, closed=closed) for item in node]
    if not isinstance(node, dict):
        return node
    made = {key: _changed(value, schemas, closed=closed) for key, value in node.items()}
    for key in _BITS:
        if closed and isinstance(made.get(key), dict) and "integer" in made[key].get("type", ()):
            made[key]["type"] = ["string", "integer", "null"]
    if node.get("format") == "snowflake":
        made["type"] = ["string", "integer"]
    if closed and node.get("type") == "object" and "properties" in node:
        made.setdefault("additionalProperties", False)
    for key in ("oneOf", "anyOf"):
        if {"type": "null"} in (made.get(key) or []) and len(made[key]) == 2:
            other = next(part for part in made.pop(key) if part != {"type": "null"})
            made |= {"if": {"type": "null"}, "then": {}, "else": other}
            continue
        branches = _by_type(node.get(key), schemas)
        if branches:
            made.pop(key)
            made |= branches
    return made


def _by_type(union: Any, schemas: Json) -> Json | None:
    """Return a union of objects told apart by `type` as if/then pairs, for exact errors."""
    if not isinstance(union, list) or len(union) < 2:
        return None
    kinds: dict[Any, list[Json]] = {}
    nullable = False
    for branch in union:
        if branch == {"type": "null"}:
            nullable = True
            continue
        target = schemas.get(branch.get("$ref", "").removeprefix(_PREFIX), {})
        allowed = target.get("properties", {}).get("type", {}).get("enum")
        if not allowed or "type" not in target.get("required", []):
            return None
        for value in allowed:
            kinds.setdefault(value, []).append(copy.deepcopy(branch))
    if len(kinds) < 2:
        return None
    return {
        "type": ["object", "null"] if nullable else "object",
        "required": ["type"],
        "properties": {"type": {"enum": sorted(kinds, key=str)}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": value}}, "required": ["type"]},
                "then": branches[0] if len(branches) == 1 else {"anyOf": branches},
            }
            for value, branches in kinds.items()
        ],
    }


def _flaws(validator: Any, instance: Any) -> Iterator[Flaw]:
    for error in validator.iter_errors(instance):
        text = error.message
        if len(text) > _TOO_LONG_TO_QUOTE:
            text = f"...{text[-_TOO_LONG_TO_QUOTE:]}"
        yield Flaw(tuple(error.instance_path), "SCHEMA", text)
