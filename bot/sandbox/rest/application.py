"""The bot's account, its application, and its commands."""

from __future__ import annotations

from typing import Any

from bot.sandbox import payloads
from bot.sandbox.errors import missing_access
from bot.sandbox.rest import Call, number, route, unknown

Json = dict[str, Any]
_GLOBAL = "/applications/{application_id}/commands"
_GUILD = "/applications/{application_id}/guilds/{guild_id}/commands"


@route("GET", "/users/@me")
def me(call: Call) -> Json:
    """Fetch the bot's account."""
    return payloads.own_user(call.sandbox.state.bot)


@route("GET", "/users/{user_id}")
def user(call: Call) -> Json:
    """Fetch a user."""
    found = call.sandbox.state.users.get(number(call.params["user_id"]))
    if found is None:
        raise unknown("User")
    return payloads.user(found)


@route("GET", "/users/@me/guilds")
def guilds(call: Call) -> list[Json]:
    """List the bot's guilds."""
    return [
        {
            "id": str(guild.id),
            "name": guild.name,
            "icon": None,
            "banner": None,
            "owner": False,
            "permissions": "8",
            "features": [],
        }
        for guild in call.sandbox.state.guilds.values()
        if guild.bot_present
    ]


@route("GET", "/oauth2/applications/@me", "/applications/@me")
def application(call: Call) -> Json:
    """Fetch the application."""
    state = call.sandbox.state
    first = state.world.guilds[0]
    return {
        "id": str(state.bot.id),
        "name": state.bot.name,
        "icon": None,
        "description": "",
        "type": None,
        "summary": "",
        "bot": payloads.user(state.bot),
        "bot_public": False,
        "bot_require_code_grant": False,
        "verify_key": "0" * 64,
        "flags": call.sandbox.gateway.application_flags(),
        "flags_new": str(call.sandbox.gateway.application_flags()),
        "eligible_oauth2_scopes": ["bot", "applications.commands"],
        "owner": payloads.user(state.user(first.owner)),
        "team": None,
        "hook": True,
        "is_monetized": False,
        "is_verified": False,
        "is_discoverable": False,
        "storefront_available": False,
        "integration_types_config": {"0": {}, "1": {}},
        "redirect_uris": [],
        "interactions_endpoint_url": None,
        "role_connections_verification_url": None,
        "approximate_guild_count": sum(g.bot_present for g in state.guilds.values()),
        "approximate_user_install_count": 0,
        "approximate_user_authorization_count": 0,
        "explicit_content_filter": 0,
        "internal_guild_restriction": 1,
    }


@route("GET", "/gateway/bot")
def gateway_bot(call: Call) -> Json:
    """Fetch the gateway address."""
    limits = {"total": 1000, "remaining": 1000, "reset_after": 0, "max_concurrency": 1}
    return {"url": call.sandbox.gateway_url, "shards": 1, "session_start_limit": limits}


@route("GET", "/gateway", needs_token=False)
def gateway(call: Call) -> Json:
    """Fetch the gateway address without a token."""
    return {"url": call.sandbox.gateway_url}


def _scope(call: Call) -> int | None:
    if number(call.params["application_id"]) != call.sandbox.state.bot.id:
        raise missing_access()
    if "guild_id" not in call.params:
        return None
    return call.guild().id


@route("GET", _GLOBAL, _GUILD)
def commands(call: Call) -> list[Json]:
    """List registered commands."""
    return call.sandbox.commands.of(_scope(call))


@route("PUT", _GLOBAL, _GUILD)
def replace_commands(call: Call) -> list[Json]:
    """Replace all commands."""
    scope = _scope(call)
    made = call.sandbox.commands.replace(scope, call.body)
    call.sandbox.gateway.tell_watchers("commands", None)
    return made


@route("POST", _GLOBAL, _GUILD)
def create_command(call: Call) -> Json:
    """Create one command."""
    made = call.sandbox.commands.put(_scope(call), call.json)
    call.sandbox.gateway.tell_watchers("commands", None)
    return made


def _command(call: Call) -> tuple[int | None, Json]:
    scope = _scope(call)
    for known in call.sandbox.commands.of(scope):
        if known["id"] == call.params["command_id"]:
            return scope, known
    raise unknown("application command")


@route("GET", _GLOBAL + "/{command_id}", _GUILD + "/{command_id}")
def command(call: Call) -> Json:
    """Fetch one command."""
    return _command(call)[1]


@route("PATCH", _GLOBAL + "/{command_id}", _GUILD + "/{command_id}")
def change_command(call: Call) -> Json:
    """Change one command."""
    scope, known = _command(call)
    made = call.sandbox.commands.put(scope, call.json, known["id"])
    call.sandbox.gateway.tell_watchers("commands", None)
    return made


@route("DELETE", _GLOBAL + "/{command_id}", _GUILD + "/{command_id}")
def delete_command(call: Call) -> None:
    """Delete one command."""
    scope, known = _command(call)
    call.sandbox.commands.of(scope).remove(known)
    call.sandbox.gateway.tell_watchers("commands", None)
