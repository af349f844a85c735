"""Guilds: members, roles, audit log."""

from __future__ import annotations

from typing import Any

from bot.sandbox import payloads, permissions
from bot.sandbox.errors import missing_permissions
from bot.sandbox.rest import Call, number, route, unknown
from bot.sandbox.state import Guild, Member, Role

Json = dict[str, Any]
_ROLE_OF_MEMBER = "/guilds/{guild_id}/members/{user_id}/roles/{role_id}"


@route("GET", "/guilds/{guild_id}")
def read(call: Call) -> Json:
    """Fetch a guild."""
    guild = call.guild()
    answer = payloads.guild_plain(guild)
    if call.query.get("with_counts") in ("true", "1"):
        n_members = len(guild.members)
        answer |= {"approximate_member_count": n_members, "approximate_presence_count": n_members}
    return answer


@route("GET", "/guilds/{guild_id}/members")
def members(call: Call) -> list[Json]:
    """List members by id."""
    guild = call.guild()
    after = number(call.query.get("after", 0))
    found = sorted(user_id for user_id in guild.members if user_id > after)
    limit = int(call.query.get("limit", "1"))
    return [payloads.member(guild.members[user_id]) for user_id in found[:limit]]


@route("GET", "/guilds/{guild_id}/members/{user_id}")
def member(call: Call) -> Json:
    """Fetch a member."""
    return payloads.member(_member(call, call.guild()))


@route("PATCH", "/guilds/{guild_id}/members/{user_id}", "/guilds/{guild_id}/members/@me")
def change_member(call: Call) -> Json:
    """Change nick or roles."""
    guild = call.guild()
    item = _member(call, guild)
    body = call.json
    if "roles" in body:
        call.guild("manage_roles")
        item.roles = [number(entry) for entry in body["roles"] or []]
    if "nick" in body:
        item.nick = body["nick"]
    call.sandbox.gateway.member("GUILD_MEMBER_UPDATE", guild, item)
    return payloads.member(item)


def _member(call: Call, guild: Guild) -> Member:
    who = call.params.get("user_id", "@me")
    user_id = call.sandbox.state.bot.id if who == "@me" else number(who)
    found = guild.members.get(user_id)
    if found is None:
        raise unknown("Member")
    return found


@route("PUT", _ROLE_OF_MEMBER)
def add_role(call: Call) -> None:
    """Give a role."""
    guild, item, role = _role_change(call)
    call.sandbox.give_role(guild, item, role, reason=call.reason)


@route("DELETE", _ROLE_OF_MEMBER)
def remove_role(call: Call) -> None:
    """Take a role."""
    guild, item, role = _role_change(call)
    call.sandbox.take_role(guild, item, role, reason=call.reason)


def _role_change(call: Call) -> tuple[Guild, Member, Role]:
    guild = call.guild("manage_roles")
    role = _role(call, guild)
    me = guild.members[call.sandbox.state.bot.id]
    top = max((guild.roles[role_id].position for role_id in me.roles), default=0)
    if role.position >= top and guild.owner_id != me.user.id:
        raise missing_permissions()
    return guild, _member(call, guild), role


def _role(call: Call, guild: Guild) -> Role:
    found = guild.roles.get(number(call.params["role_id"]))
    if found is None:
        raise unknown("Role")
    return found


@route("GET", "/guilds/{guild_id}/roles")
def roles(call: Call) -> list[Json]:
    """List roles."""
    return [payloads.role(role) for role in call.guild().roles.values()]


@route("GET", "/guilds/{guild_id}/roles/{role_id}")
def role(call: Call) -> Json:
    """Fetch a role."""
    return payloads.role(_role(call, call.guild()))


@route("POST", "/guilds/{guild_id}/roles")
def create_role(call: Call) -> Json:
    """Create a role."""
    guild = call.guild("manage_roles")
    body = call.json
    made = Role(
        call.sandbox.state.snowflakes.mint(),
        body.get("name") or "new role",
        int(body.get("permissions") or permissions.bits(())),
        int(body.get("color") or 0),
        1,
        bool(body.get("hoist")),
        bool(body.get("mentionable")),
    )
    guild.roles[made.id] = made
    call.sandbox.gateway.role("GUILD_ROLE_CREATE", guild, made)
    call.sandbox.audit(guild, 30, made.id, call.reason, ("name", None, made.name))
    return payloads.role(made)


@route("PATCH", "/guilds/{guild_id}/roles/{role_id}")
def change_role(call: Call) -> Json:
    """Change a role."""
    guild = call.guild("manage_roles")
    item = _role(call, guild)
    body = call.json
    item.name = body.get("name") or item.name
    item.permissions = int(body.get("permissions") or item.permissions)
    item.color = int(body.get("color") or item.color)
    item.hoist = bool(body.get("hoist", item.hoist))
    item.mentionable = bool(body.get("mentionable", item.mentionable))
    call.sandbox.gateway.role("GUILD_ROLE_UPDATE", guild, item)
    return payloads.role(item)


@route("DELETE", "/guilds/{guild_id}/roles/{role_id}")
def delete_role(call: Call) -> None:
    """Delete a role."""
    guild = call.guild("manage_roles")
    item = _role(call, guild)
    del guild.roles[item.id]
    for entry in guild.members.values():
        if item.id in entry.roles:
            entry.roles.remove(item.id)
    call.sandbox.gateway.role("GUILD_ROLE_DELETE", guild, item)


@route("GET", "/guilds/{guild_id}/audit-logs")
def audit_logs(call: Call) -> Json:
    """List audit entries, newest first."""
    guild = call.guild("view_audit_log")
    found = list(reversed(guild.audit))
    if "action_type" in call.query:
        kind = int(call.query["action_type"])
        found = [entry for entry in found if entry["action_type"] == kind]
    if "user_id" in call.query:
        found = [entry for entry in found if entry["user_id"] == call.query["user_id"]]
    before = number(call.query.get("before", 1 << 63))
    found = [entry for entry in found if int(entry["id"]) < before]
    users = {entry["user_id"] for entry in found}
    return {
        "audit_log_entries": found[: int(call.query.get("limit", "50"))],
        "users": [
            payloads.user(u) for u in call.sandbox.state.users.values() if str(u.id) in users
        ],
        "webhooks": [],
        "integrations": [],
        "threads": [],
        "application_commands": [],
        "auto_moderation_rules": [],
        "guild_scheduled_events": [],
    }
