"""Discord's REST routes: each file registers its handlers in one table."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from bot.sandbox.errors import ApiError, Flaw, invalid_form, missing_access, missing_permissions
from bot.sandbox.errors import unknown as unknown
from bot.sandbox.message import Message, Upload
from bot.sandbox.state import Channel, Guild

if TYPE_CHECKING:
    from bot.sandbox.server import Sandbox

Json = dict[str, Any]


@dataclass(slots=True)
class Call:
    """One authenticated request with everything a handler needs."""

    sandbox: Sandbox
    method: str
    path: str
    template: str
    params: dict[str, str]
    query: dict[str, str]
    body: Any
    files: dict[int, Upload] = field(default_factory=dict)
    reason: str | None = None

    def channel(self, *needed: str, key: str = "channel_id") -> Channel:
        """Return the channel of the path when the bot may see it and holds the permissions.

        Raises:
            ApiError: unknown channel, missing access, or missing permission.
        """
        state = self.sandbox.state
        found = state.channels.get(_number(self.params[key]))
        if found is None or (found.guild is not None and not found.guild.bot_present):
            raise unknown("Channel") if found is None else missing_access()
        if found.guild is not None:
            if not state.may(state.bot, found, "view_channel"):
                raise missing_access()
            if not state.may(state.bot, found, *needed):
                raise missing_permissions()
        return found

    def message(self, channel: Channel) -> Message:
        """Return the message of the path.

        Raises:
            ApiError: unknown message (ephemeral ones are not reachable here).
        """
        found = channel.find(_number(self.params["message_id"]))
        if found is None or found.ephemeral_for is not None:
            raise unknown("Message")
        return found

    def guild(self, *needed: str) -> Guild:
        """Return the guild of the path when the bot is in it and holds the permissions.

        Raises:
            ApiError: unknown guild or missing permission.
        """
        from bot.sandbox import permissions

        state = self.sandbox.state
        found = state.guilds.get(_number(self.params["guild_id"]))
        if found is None:
            raise unknown("Guild")
        if not found.bot_present:
            raise missing_access()
        held = permissions.of_guild(found, found.members[state.bot.id])
        wanted = permissions.bits(needed)
        if held & wanted != wanted:
            raise missing_permissions()
        return found

    @property
    def json(self) -> Json:
        """The body as an object; absent bodies count as empty.

        Raises:
            ApiError: the body is no object.
        """
        if self.body is None:
            return {}
        if not isinstance(self.body, dict):
            raise invalid_form(Flaw((), "DICT_TYPE_CONVERT", "Only dictionaries may be used"))
        return self.body


Handler = Callable[[Call], Any]


@dataclass(frozen=True, slots=True)
class Route:
    """A method and path template, as Discord's OpenAPI file writes it."""

    method: str
    template: str
    pattern: re.Pattern[str]
    handler: Handler
    needs_token: bool


ROUTES: list[Route] = []


def route(method: str, *templates: str, needs_token: bool = True) -> Callable[[Handler], Handler]:
    """Register a handler for a method and one or more path templates."""

    def register(handler: Handler) -> Handler:
        for template in templates:
            pattern = re.compile("^" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template) + "$")
            ROUTES.append(Route(method, template, pattern, handler, needs_token))
        return handler

    return register


def find(method: str, path: str) -> tuple[Route, dict[str, str]] | None:
    """Return the most literal route for a request, and its path parameters."""
    best: tuple[Route, dict[str, str]] | None = None
    for item in ROUTES:
        if item.method != method:
            continue
        match = item.pattern.match(path)
        if match is not None and (
            best is None or item.template.count("{") < best[0].template.count("{")
        ):
            best = item, match.groupdict()
    return best


def number(value: Any) -> int:
    """Return a snowflake from text or number.

    Raises:
        ApiError: it is no number.
    """
    return _number(value)


def _number(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        raise ApiError(
            400,
            50035,
            "Invalid Form Body",
            flaws=(Flaw((), "NUMBER_TYPE_COERCE", f'Value "{value}" is not snowflake.'),),
        ) from None
