"""Registered application commands, and a person's options turned into interaction data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from bot.sandbox import payloads, permissions
from bot.sandbox.errors import Refused
from bot.sandbox.message import Upload
from bot.sandbox.posting import Posting
from bot.sandbox.state import Channel, State, User

Json = dict[str, Any]
SUB, GROUP, STRING, INTEGER, BOOLEAN, USER, CHANNEL, ROLE, MENTIONABLE, NUMBER, FILE = range(1, 12)
SLASH = 1
_KINDS = {1: "slash", 2: "user", 3: "message"}


@dataclass(slots=True)
class Resolved:
    """Objects that ids in the data refer to."""

    users: Json = field(default_factory=dict)
    members: Json = field(default_factory=dict)
    roles: Json = field(default_factory=dict)
    channels: Json = field(default_factory=dict)
    attachments: Json = field(default_factory=dict)
    messages: Json = field(default_factory=dict)

    def payload(self) -> Json:
        """Return only the kinds that are used."""
        every = {
            "users": self.users,
            "members": self.members,
            "roles": self.roles,
            "channels": self.channels,
            "attachments": self.attachments,
            "messages": self.messages,
        }
        return {key: value for key, value in every.items() if value}


class Resolver:
    """Looks up what a person picks: people, roles, channels, files."""

    def __init__(self, state: State, posting: Posting, channel: Channel, actor: User) -> None:
        self._state = state
        self._posting = posting
        self._channel = channel
        self._actor = actor
        self.found = Resolved()

    def user(self, value: Any) -> str:
        """Return the id of a user and remember user and member objects."""
        who = self._state.user(value)
        self.found.users[str(who.id)] = payloads.user(who)
        guild = self._channel.guild
        if guild is not None and who.id in guild.members:
            member = guild.members[who.id]
            data = payloads.member(member, with_user=False)
            data["permissions"] = str(permissions.of_channel(guild, member, self._channel))
            self.found.members[str(who.id)] = data
        return str(who.id)

    def role(self, value: Any) -> str:
        """Return the id of a role and remember it."""
        guild = self._channel.guild
        if guild is None:
            raise Refused("no roles in direct messages")
        role = self._state.role(guild, value)
        self.found.roles[str(role.id)] = payloads.role(role)
        return str(role.id)

    def mentionable(self, value: Any) -> str:
        """Return the id of a user or role."""
        try:
            return self.user(value)
        except Refused:
            return self.role(value)

    def channel(self, value: Any, kinds: list[int] | None = None) -> str:
        """Return the id of a channel the person can see."""
        channel = self._state.channel(value)
        if kinds and channel.kind not in kinds:
            raise Refused(f"#{channel.name} is not of the kinds {kinds}")
        if not self._state.may(self._actor, channel, "view_channel"):
            raise Refused(f"{self._actor.name} cannot see #{channel.name}")
        data = payloads.channel(channel)
        data["permissions"] = str(self._state.permissions(self._actor, channel))
        self.found.channels[str(channel.id)] = data
        return str(channel.id)

    def file(self, value: Any) -> str:
        """Store an upload and return its id."""
        if not isinstance(value, Upload):
            raise Refused("an attachment option takes an Upload")
        stored = self._posting.store(value, self._channel.id, is_ephemeral=True)
        self.found.attachments[str(stored.id)] = stored.payload()
        return str(stored.id)


class Commands:
    """What the bot registered, globally (scope None) and per guild."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._by_scope: dict[int | None, list[Json]] = {}
        self.n_syncs = 0

    def of(self, scope: int | None) -> list[Json]:
        """Return the commands of a scope."""
        return self._by_scope.setdefault(scope, [])

    def replace(self, scope: int | None, wanted: list[Json]) -> list[Json]:
        """Set all commands of a scope; ids of names that stay are kept."""
        known = {(c.get("type", 1), c["name"]): c["id"] for c in self.of(scope)}
        self.n_syncs += 1
        made = [
            self._made(scope, body, known.get((body.get("type", 1), body["name"])))
            for body in wanted
        ]
        self._by_scope[scope] = made
        return made

    def put(self, scope: int | None, body: Json, command_id: str | None = None) -> Json:
        """Create or replace one command."""
        here = self.of(scope)
        for place, known in enumerate(here):
            same = (known["type"], known["name"]) == (body.get("type", 1), body.get("name"))
            if known["id"] == command_id or same:
                base = known if command_id else {}
                here[place] = self._made(scope, base | body, known["id"])
                return here[place]
        here.append(self._made(scope, body, None))
        return here[-1]

    def _made(self, scope: int | None, body: Json, command_id: str | None) -> Json:
        made: Json = {
            "description": "",
            "name_localizations": None,
            "description_localizations": None,
            "default_member_permissions": None,
            "nsfw": False,
            "contexts": None,
            "integration_types": [0],
        }
        made |= {k: v for k, v in body.items() if k != "id" and v is not None}
        made["type"] = made.get("type") or SLASH
        if made["default_member_permissions"] is not None:
            made["default_member_permissions"] = str(made["default_member_permissions"])
        made["id"] = command_id or str(self._state.snowflakes.mint())
        made["application_id"] = str(self._state.bot.id)
        made["version"] = str(self._state.snowflakes.mint())
        if made["type"] == SLASH:
            made["options"] = made.get("options") or []
        if scope is not None:
            made["guild_id"] = str(scope)
            for key in ("contexts", "integration_types"):
                made.pop(key, None)
        return made

    def visible(self, user: User, channel: Channel, kind: int = SLASH) -> list[Json]:
        """Return the commands that this person is offered in this channel, by name."""
        guild = channel.guild
        offered: dict[str, Json] = {}
        for scope in (None, guild.id if guild is not None else 0):
            for command in self.of(scope):
                if command["type"] == kind and self.hidden(command, user, channel) is None:
                    offered[command["name"]] = command
        return [offered[name] for name in sorted(offered)]

    def hidden(self, command: Json, user: User, channel: Channel) -> str | None:
        """Return why a command is hidden from a person here, or None when it is offered."""
        guild = channel.guild
        context = 1 if guild is None else 0
        contexts = command.get("contexts")
        if contexts is not None and context not in contexts:
            return "the command is not offered in this place"
        if guild is None:
            return None
        if not guild.bot_present and 1 not in (command.get("integration_types") or []):
            return "the bot is not in this server"
        if not self._state.may(user, channel, "view_channel", "use_application_commands"):
            return f"{user.name} may not use commands in #{channel.name}"
        wanted = command.get("default_member_permissions")
        if wanted is None:
            return None
        held = self._state.permissions(user, channel)
        needed = int(wanted)
        if held == permissions.ALL or (needed and held & needed == needed):
            return None
        return f"hidden from {user.name} by default_member_permissions"

    def find(self, path: str, channel: Channel, kind: int = SLASH) -> tuple[Json, list[Json]]:
        """Return a command and its chain of group and subcommand.

        Raises:
            Refused: nothing is registered under this path.
        """
        guild_id = channel.guild.id if channel.guild is not None else 0
        name, *steps = path.split() if kind == SLASH else [path]
        for command in [*self.of(guild_id), *self.of(None)]:
            if command["type"] == kind and command["name"] == name:
                return command, _chain(command, steps, path)
        raise Refused(f"no {_KINDS[kind]} command {path!r} is registered")


def _chain(command: Json, steps: list[str], path: str) -> list[Json]:
    chain: list[Json] = []
    node = command
    for step in steps:
        for option in node.get("options") or []:
            if option["name"] == step and option["type"] in (SUB, GROUP):
                chain.append(option)
                node = option
                break
        else:
            raise Refused(f"/{path}: no {step!r}")
    if any(option["type"] in (SUB, GROUP) for option in node.get("options") or []):
        raise Refused(f"/{path} is a group: name a subcommand")
    return chain


def data_for(command: Json, chain: list[Json], filled: list[Json], resolved: Resolved) -> Json:
    """Return the `data` of a command interaction."""
    options = filled
    for step in reversed(chain):
        options = [{"type": step["type"], "name": step["name"], "options": options}]
    data: Json = {
        "id": command["id"],
        "name": command["name"],
        "type": command["type"],
        "options": options,
    }
    if "guild_id" in command:
        data["guild_id"] = command["guild_id"]
    found = resolved.payload()
    if found:
        data["resolved"] = found
    return data


def fill(
    known: list[Json],
    given: Mapping[str, Any],
    resolver: Resolver,
    *,
    focused: str | None = None,
    strict: bool = True,
) -> list[Json]:
    """Return filled options in the client's order.

    Args:
        known: the registered options of the command or subcommand.
        given: what the person typed, by option name.
        resolver: looks up people, roles, channels, files.
        focused: for autocomplete, the option being typed; required options may be missing then.
        strict: refuse what a real client refuses.

    Raises:
        Refused: unknown or missing option, or a value outside what is registered.
    """
    names = {option["name"]: option for option in known}
    for name in given:
        if name not in names:
            raise Refused(f"no option {name!r}; there are {sorted(names)}")
    if focused is not None and not names.get(focused, {}).get("autocomplete"):
        raise Refused(f"option {focused!r} has no autocomplete")
    filled = []
    for name, option in names.items():
        if name in given and given[name] is not None:
            if name == focused:
                value = str(given[name])
                filled.append({"type": option["type"], "name": name, "value": value})
                filled[-1]["focused"] = True
                continue
            value = _value(option, given[name], resolver, strict=strict)
            filled.append({"type": option["type"], "name": name, "value": value})
        elif option.get("required") and strict and focused is None:
            raise Refused(f"option {name!r} is required")
    return filled


def _value(option: Json, given: Any, resolver: Resolver, *, strict: bool) -> Any:
    kind = option["type"]
    if kind == USER:
        return resolver.user(given)
    if kind == ROLE:
        return resolver.role(given)
    if kind == MENTIONABLE:
        return resolver.mentionable(given)
    if kind == CHANNEL:
        return resolver.channel(given, option.get("channel_types") if strict else None)
    if kind == FILE:
        return resolver.file(given)
    value = _plain(option, given)
    if strict:
        _inside(option, value)
    return value


def _plain(option: Json, given: Any) -> Any:
    name, kind = option["name"], option["type"]
    for choice in option.get("choices") or []:
        if given in (choice["name"], choice["value"]) and not isinstance(given, bool):
            return choice["value"]
    if option.get("choices"):
        raise Refused(f"option {name!r}: {given!r} is not among the choices")
    if kind in (INTEGER, NUMBER):
        return _number(name, given, whole=kind == INTEGER)
    if kind == BOOLEAN:
        return given in (True, "true", "True", "yes", "on")
    return str(given)


def _number(name: str, given: Any, *, whole: bool) -> int | float:
    try:
        number = Decimal(str(given))
    except ArithmeticError as error:
        raise Refused(f"option {name!r}: {given!r} is no number") from error
    if not number.is_finite() or (whole and number != int(number)):
        raise Refused(f"option {name!r}: {given!r} is no {'whole ' if whole else ''}number")
    return int(number) if whole else float(number)


def _inside(option: Json, value: Any) -> None:
    name = option["name"]
    if isinstance(value, str):
        if len(value) > (option.get("max_length") or 6000):
            raise Refused(f"option {name!r} is too long")
        if len(value) < (option.get("min_length") or 0):
            raise Refused(f"option {name!r} is too short")
        return
    low, high = option.get("min_value"), option.get("max_value")
    if (low is not None and value < low) or (high is not None and value > high):
        raise Refused(f"option {name!r}: {value} is outside {low}..{high}")
