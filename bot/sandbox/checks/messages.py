"""Limits of messages that the published schema does not state: sums, emptiness, embeds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from bot.sandbox.checks import components
from bot.sandbox.errors import Flaw
from bot.sandbox.message import COMPONENTS_V2

Json = dict[str, Any]
Path = tuple[str | int, ...]
_CONTENT = 2000
_EMBED_SUM = 6000
_EMBEDS = 10
_FIELDS = 25
_FILES = 10
_EMBED_TEXTS = {"title": 256, "description": 4096}
_NONCE = 25


def too_long(path: Path, limit: int) -> Flaw:
    """Return Discord's flaw for a text over its limit."""
    return Flaw(path, "BASE_TYPE_MAX_LENGTH", f"Must be {limit} or fewer in length.")


def check(body: Json, n_files: int, *, was_v2: bool = False, at: Path = ()) -> Iterator[Flaw]:
    """Yield what is wrong with a message body.

    Args:
        body: content, embeds, components, flags, attachments.
        n_files: how many files come with it.
        was_v2: the message being edited consists of components v2.
        at: where in the request the body stands.
    """
    is_v2 = bool((body.get("flags") or 0) & COMPONENTS_V2) or was_v2
    if len(body.get("content") or "") > _CONTENT:
        yield too_long((*at, "content"), _CONTENT)
    if len(str(body.get("nonce") or "")) > _NONCE:
        yield too_long((*at, "nonce"), _NONCE)
    embeds = body.get("embeds") or []
    yield from _embeds(embeds, (*at, "embeds"))
    if is_v2:
        for key in ("content", "embeds", "poll", "sticker_ids"):
            if body.get(key):
                text = f"The '{key}' field cannot be used when using MessageFlags.IS_COMPONENTS_V2"
                yield Flaw((*at, key), "MESSAGE_CANNOT_USE_LEGACY_FIELDS_WITH_COMPONENTS_V2", text)
    yield from components.check(body.get("components") or [], is_v2=is_v2, at=(*at, "components"))
    listed = body.get("attachments") or []
    if max(n_files, len(listed)) > _FILES:
        yield Flaw((*at, "attachments"), "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    yield from _mentions(body.get("allowed_mentions") or {}, (*at, "allowed_mentions"))


def _mentions(allowed: Json, at: Path) -> Iterator[Flaw]:
    for key in ("users", "roles"):
        if key in (allowed.get("parse") or []) and allowed.get(key):
            text = f"parse:[{key!r}] and {key}: [ids...] are mutually exclusive."
            yield Flaw(at, "MESSAGE_ALLOWED_MENTIONS_PARSE_EXCLUSIVE", text)
        if len(allowed.get(key) or []) > 100:
            yield Flaw((*at, key), "BASE_TYPE_MAX_LENGTH", "Must be 100 or fewer in length.")


def _embeds(embeds: list[Json], at: Path) -> Iterator[Flaw]:
    if len(embeds) > _EMBEDS:
        yield Flaw(at, "BASE_TYPE_MAX_LENGTH", "Must be 10 or fewer in length.")
    total = 0
    for place, embed in enumerate(embeds):
        yield from _embed(embed, (*at, place))
        total += _length(embed)
    if total > _EMBED_SUM:
        text = f"Embed size exceeds maximum size of {_EMBED_SUM}"
        yield Flaw(at, "MAX_EMBED_SIZE_EXCEEDED", text)


def _embed(embed: Json, at: Path) -> Iterator[Flaw]:
    for key, limit in _EMBED_TEXTS.items():
        if len(embed.get(key) or "") > limit:
            yield too_long((*at, key), limit)
    if len((embed.get("footer") or {}).get("text") or "") > 2048:
        yield too_long((*at, "footer", "text"), 2048)
    if len((embed.get("author") or {}).get("name") or "") > 256:
        yield too_long((*at, "author", "name"), 256)
    fields = embed.get("fields") or []
    if len(fields) > _FIELDS:
        yield Flaw((*at, "fields"), "BASE_TYPE_MAX_LENGTH", "Must be 25 or fewer in length.")
    for place, field in enumerate(fields):
        for key, limit in (("name", 256), ("value", 1024)):
            here = (*at, "fields", place, key)
            if not str(field.get(key) or "").strip():
                yield Flaw(here, "BASE_TYPE_REQUIRED", "This field is required")
            elif len(field[key]) > limit:
                yield too_long(here, limit)


def _length(embed: Json) -> int:
    texts = [embed.get("title"), embed.get("description")]
    texts += [(embed.get("footer") or {}).get("text"), (embed.get("author") or {}).get("name")]
    for field in embed.get("fields") or []:
        texts += [field.get("name"), field.get("value")]
    return sum(len(text or "") for text in texts)
