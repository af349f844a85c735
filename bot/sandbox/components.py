"""Message components and embeds on their way into history: ids and media."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from bot.sandbox.errors import ApiError, Flaw, invalid_form
from bot.sandbox.message import Attachment, walk

Json = dict[str, Any]
_EMBED_MEDIA = ("image", "thumbnail", "video")
_EMBED_PARTS = ("url", "proxy_url", "width", "height", "content_type")
SELECTS = (3, 5, 6, 7, 8)


def resolve_embed(embed: Json, files: dict[str, Attachment], place: int) -> Json:
    """Return a copy of an embed with `attachment://name` replaced by loopback URLs.

    Raises:
        ApiError: a name belongs to no attachment.
    """
    made = {key: value for key, value in copy.deepcopy(embed).items() if value is not None}
    made["type"] = "rich"
    for key in _EMBED_MEDIA:
        if made.get(key):
            media = _media(made[key]["url"], files, ("embeds", place, key, "url"))
            made[key] = {part: media[part] for part in _EMBED_PARTS if part in media}
    for key in ("author", "footer"):
        icon = (made.get(key) or {}).get("icon_url")
        if icon:
            media = _media(icon, files, ("embeds", place, key, "icon_url"))
            made[key]["icon_url"] = media["url"]
            made[key]["proxy_icon_url"] = media["proxy_url"]
    made.setdefault("fields", [])
    for entry in made["fields"]:
        entry.setdefault("inline", False)
    return made


def resolve(components: list[Json], files: dict[str, Attachment]) -> list[Json]:
    """Return a copy of components with numeric ids and resolved media.

    Raises:
        ApiError: a media name belongs to no attachment.
    """
    made = copy.deepcopy(components)
    taken = {part["id"] for part in walk(made) if part.get("id")}
    number = 0
    for place, part in enumerate(walk(made)):
        if not part.get("id"):
            number += 1
            while number in taken:
                number += 1
            part["id"] = number
        where = ("components", place)
        if part.get("emoji"):
            part["emoji"] = {k: v for k, v in part["emoji"].items() if v is not None}
        if part["type"] == 11:
            part["media"] |= _media(part["media"]["url"], files, (*where, "media", "url"))
        elif part["type"] == 13:
            stored = _stored(part["file"]["url"], files, (*where, "file", "url"))
            part["file"] |= _media(part["file"]["url"], files, (*where, "file", "url"))
            part |= {"name": stored.filename, "size": len(stored.data)}
        elif part["type"] == 12:
            for entry in part["items"]:
                entry.setdefault("description", None)
                entry["media"] |= _media(entry["media"]["url"], files, (*where, "items"))
    return made


def texts(components: list[Json]) -> Iterator[Json]:
    """Yield the text displays."""
    for part in walk(components):
        if part["type"] == 10:
            yield part


def _stored(url: str, files: dict[str, Attachment], where: tuple[str | int, ...]) -> Attachment:
    found = files.get(url.removeprefix("attachment://"))
    if found is None:
        for stored in files.values():
            if stored.url == url:
                return stored
        raise unknown_attachment(url, where)
    return found


def _media(url: str, files: dict[str, Attachment], where: tuple[str | int, ...]) -> Json:
    known = next((stored for stored in files.values() if stored.url == url), None)
    if known is None and not url.startswith("attachment://"):
        return {"id": "0", "url": url, "proxy_url": url, "loading_state": 2}
    found = known or _stored(url, files, where)
    answer: Json = {
        "id": str(found.id),
        "url": found.url,
        "proxy_url": found.url,
        "content_type": found.content_type,
        "attachment_id": str(found.id),
        "loading_state": 2,
    }
    if found.size is not None:
        answer["width"], answer["height"] = found.size
    return answer


def unknown_attachment(url: str, where: tuple[str | int, ...]) -> ApiError:
    """Return the refusal of a media item that names no file of the message."""
    name = url.removeprefix("attachment://")
    return invalid_form(
        Flaw(where, "UNFURLED_MEDIA_ITEM_REFERENCED_ATTACHMENT_NOT_FOUND", f"no file {name!r}")
    )
