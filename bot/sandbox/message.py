"""A message as history remembers it: what was sent, to whom, and every earlier version."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bot.sandbox.state import Channel, User

Json = dict[str, Any]

CROSSPOSTED = 1 << 0
IS_CROSSPOST = 1 << 1
SOURCE_DELETED = 1 << 3
HAS_THREAD = 1 << 5
EPHEMERAL = 1 << 6
LOADING = 1 << 7
COMPONENTS_V2 = 1 << 15


@dataclass(frozen=True, slots=True)
class Upload:
    """A file on its way in: name and bytes."""

    filename: str
    data: bytes
    content_type: str = ""
    description: str | None = None


@dataclass(slots=True, eq=False)
class Attachment:
    """A stored file with the loopback address that serves it."""

    id: int
    filename: str
    data: bytes
    content_type: str
    url: str
    description: str | None = None
    is_ephemeral: bool = False

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height of a PNG or GIF in pixels."""
        if self.data[:8] == b"\x89PNG\r\n\x1a\n" and len(self.data) >= 24:
            width, height = struct.unpack(">II", self.data[16:24])
            return int(width), int(height)
        if self.data[:3] == b"GIF" and len(self.data) >= 10:
            width, height = struct.unpack("<HH", self.data[6:10])
            return int(width), int(height)
        return None

    def payload(self) -> Json:
        """Return Discord's attachment object."""
        answer: Json = {
            "id": str(self.id),
            "filename": self.filename,
            "size": len(self.data),
            "url": self.url,
            "proxy_url": self.url,
            "content_type": self.content_type,
        }
        if self.description is not None:
            answer["description"] = self.description
        if self.is_ephemeral:
            answer["ephemeral"] = True
        if self.size is not None:
            answer["width"], answer["height"] = self.size
        return answer


@dataclass(frozen=True, slots=True)
class Version:
    """How a message looked before an edit."""

    until: datetime
    content: str
    embeds: list[Json]
    components: list[Json]
    attachments: list[Attachment]


@dataclass(slots=True, eq=False)
class Message:
    """One message. Lists hold Discord's JSON with media already resolved to loopback URLs."""

    id: int
    channel: Channel
    author: User
    created_at: datetime
    content: str = ""
    embeds: list[Json] = field(default_factory=list)
    components: list[Json] = field(default_factory=list)
    attachments: list[Attachment] = field(default_factory=list)
    flags: int = 0
    kind: int = 0
    tts: bool = False
    nonce: str | int | None = None
    webhook_id: int | None = None
    application_id: int | None = None
    edited_at: datetime | None = None
    deleted_at: datetime | None = None
    pinned_at: datetime | None = None
    ephemeral_for: User | None = None
    mentions: list[User] = field(default_factory=list)
    mention_roles: list[int] = field(default_factory=list)
    mention_everyone: bool = False
    reference: Json | None = None
    replied_to: Message | None = None
    snapshots: list[Json] = field(default_factory=list)
    reactions: dict[str, list[User]] = field(default_factory=dict)
    interaction: Json | None = None
    edits: list[Version] = field(default_factory=list)
    thread: Channel | None = None
    copies: list[Message] = field(default_factory=list)
    poll: Json | None = None
    sent: Json = field(default_factory=dict)
    """The request body as the sender wrote it."""

    @property
    def is_loading(self) -> bool:
        """Whether this is a "thinking" placeholder."""
        return bool(self.flags & LOADING)

    @property
    def is_v2(self) -> bool:
        """Whether this message is made of components v2."""
        return bool(self.flags & COMPONENTS_V2)

    @property
    def text(self) -> str:
        """All words a reader sees: content, embeds, text displays, one part per line."""
        return "\n".join(part for part in self._parts() if part)

    def _parts(self) -> Iterator[str]:
        yield self.content
        for embed in self.embeds:
            yield (embed.get("author") or {}).get("name", "")
            yield embed.get("title") or ""
            yield embed.get("description") or ""
            for item in embed.get("fields") or []:
                yield f"{item['name']}: {item['value']}"
            yield (embed.get("footer") or {}).get("text", "")
        for component in walk(self.components):
            if component["type"] == 10:
                yield component["content"]

    @property
    def buttons(self) -> list[Json]:
        """All buttons, in reading order."""
        return [part for part in walk(self.components) if part["type"] == 2]

    @property
    def selects(self) -> list[Json]:
        """All select menus, in reading order."""
        return [part for part in walk(self.components) if part["type"] in (3, 5, 6, 7, 8)]

    @property
    def labels(self) -> list[str]:
        """The labels of the enabled buttons."""
        return [str(b.get("label") or "") for b in self.buttons if not b.get("disabled")]


def walk(components: list[Json]) -> Iterator[Json]:
    """Yield every component at any depth, parents before children, in reading order."""
    for component in components:
        yield component
        yield from walk(component.get("components") or [])
        for key in ("accessory", "component"):
            inner = component.get(key)
            if inner is not None:
                yield from walk([inner])
