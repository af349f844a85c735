"""What a sandbox holds at the start: guilds, channels, roles, people, webhooks, the bot."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bot.sandbox import permissions

CHANNEL_KINDS = {"text": 0, "voice": 2, "category": 4, "announcement": 5, "forum": 15}


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleSpec:
    """A role; `permissions` are names such as `manage_messages`, or `all`."""

    id: int
    name: str
    permissions: tuple[str, ...] = ()
    color: int = 0
    hoist: bool = False
    mentionable: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class UserSpec:
    """A person or another bot; `roles` are role names per guild membership."""

    id: int
    name: str
    display_name: str = ""
    bot: bool = False
    roles: tuple[str, ...] = ()
    guilds: tuple[str, ...] | None = None
    """Names of the guilds this user is in; None means the first guild only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OverwriteSpec:
    """A channel overwrite for a role name, a user name or `@everyone`."""

    target: str
    allow: tuple[str, ...] = ()
    deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelSpec:
    """A channel; `topic` says its purpose, `category` names another channel of kind category."""

    id: int
    name: str
    kind: str = "text"
    topic: str = ""
    category: str = ""
    overwrites: tuple[OverwriteSpec, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookSpec:
    """A provider's webhook into one of our channels."""

    id: int
    name: str
    channel: str
    token: str = "webhook-token"  # noqa: S105 - the pretended one


@dataclass(frozen=True, slots=True, kw_only=True)
class GuildSpec:
    """One server. `bot_present` False makes a server that the bot was not invited to."""

    id: int
    name: str
    owner: str
    roles: tuple[RoleSpec, ...] = ()
    channels: tuple[ChannelSpec, ...] = ()
    webhooks: tuple[WebhookSpec, ...] = ()
    everyone: tuple[str, ...] = permissions.EVERYONE
    bot_present: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything at the start. `users` never contains the bot itself."""

    guilds: tuple[GuildSpec, ...]
    users: tuple[UserSpec, ...]
    application_id: int = 900_000_000_000_000_001
    bot_name: str = "TradeStream"
    bot_roles: tuple[str, ...] = ()
    bot_permissions: tuple[str, ...] = ("all",)
    """Permissions of the bot's own managed role."""
    privileged_intents: tuple[str, ...] = ("members", "message_content", "presences")
    """Which privileged intents the portal allows; asking for another closes with 4014."""
    operator: str = ""
    """The user whom the page shows at first; empty means the first person."""
    meta: dict[str, str] = field(default_factory=dict)

    def to_json(self) -> str:
        """Return this world as JSON text, for `--world FILE.json`."""
        return json.dumps(asdict(self), indent=2, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> World:
        """Read a world written by `to_json` (absent keys take their defaults).

        Raises:
            ValueError: a name in the file means nothing.
        """
        try:
            return _world(json.loads(text))
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"world file: {error}") from error

    @classmethod
    def load(cls, path: Path) -> World:
        """Read a world file."""
        return cls.from_json(path.read_text(encoding="utf-8"))


def default_world() -> World:
    """Return a small trading server, enough for tests and for a first look at the page."""
    base = 800_000_000_000_000_000
    guild = GuildSpec(
        id=base,
        name="TradeStream Desk",
        owner="olivia",
        roles=(
            RoleSpec(
                id=base + 1,
                name="Admin",
                color=0xE91E63,
                hoist=True,
                permissions=("manage_guild", "manage_messages", "manage_channels", "manage_roles"),
            ),
            RoleSpec(id=base + 2, name="Trader", color=0x2ECC71, hoist=True, mentionable=True),
            RoleSpec(id=base + 3, name="Viewer", color=0x3498DB),
        ),
        channels=(
            ChannelSpec(id=base + 10, name="Alerts", kind="category"),
            ChannelSpec(
                id=base + 11, name="trade-alerts", topic="Incoming signals", category="Alerts"
            ),
            ChannelSpec(
                id=base + 12,
                name="announcements",
                kind="announcement",
                topic="News that others may follow",
                category="Alerts",
            ),
            ChannelSpec(id=base + 20, name="Desk", kind="category"),
            ChannelSpec(id=base + 21, name="desk", topic="Talk to the bot", category="Desk"),
            ChannelSpec(id=base + 22, name="approvals", topic="Press to trade", category="Desk"),
            ChannelSpec(
                id=base + 23,
                name="admin",
                topic="Settings and audit",
                category="Desk",
                overwrites=(
                    OverwriteSpec(target="@everyone", deny=("view_channel",)),
                    OverwriteSpec(target="Admin", allow=("view_channel",)),
                ),
            ),
        ),
        webhooks=(WebhookSpec(id=base + 31, name="TwinSight", channel="trade-alerts"),),
    )
    return World(
        guilds=(guild,),
        users=(
            UserSpec(id=base + 101, name="olivia", display_name="Olivia", roles=("Admin",)),
            UserSpec(id=base + 102, name="tom", display_name="Tom", roles=("Trader",)),
            UserSpec(id=base + 103, name="vera", display_name="Vera", roles=("Viewer",)),
            UserSpec(id=base + 104, name="signalbot", display_name="SignalBot", bot=True),
        ),
        operator="tom",
    )


def _world(data: dict[str, Any]) -> World:
    guilds = tuple(_guild(item) for item in data.pop("guilds"))
    users = tuple(UserSpec(**_tupled(item)) for item in data.pop("users"))
    return World(guilds=guilds, users=users, **_tupled(data))


def _guild(data: dict[str, Any]) -> GuildSpec:
    roles = tuple(RoleSpec(**_tupled(item)) for item in data.pop("roles", []))
    webhooks = tuple(WebhookSpec(**item) for item in data.pop("webhooks", []))
    channels = tuple(_channel(item) for item in data.pop("channels", []))
    return GuildSpec(roles=roles, channels=channels, webhooks=webhooks, **_tupled(data))


def _channel(data: dict[str, Any]) -> ChannelSpec:
    overwrites = tuple(OverwriteSpec(**_tupled(item)) for item in data.pop("overwrites", []))
    return ChannelSpec(overwrites=overwrites, **data)


def _tupled(data: dict[str, Any]) -> dict[str, Any]:
    return {key: tuple(value) if isinstance(value, list) else value for key, value in data.items()}
