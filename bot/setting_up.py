"""A server is made ready for the desk: roles and channels are picked by name or made, then chosen.

Doing it again picks what is there and makes what is missing; nothing is ever renamed or deleted.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import discord

from bot.access import Refusal
from bot.gate import caller_of, facts_of
from bot.listening_rooms import free_key
from bot.reply import UNWELL, Press
from engine.domain.desk import Who
from engine.domain.errors import UserError
from engine.domain.instrument import stock

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

CHANNELS: Mapping[str, tuple[str, str]] = {
    "trade_alerts": ("trade-alerts", "A card per alert and what became of it"),
    "approvals": ("approvals", "Entries that wait for a click"),
    "orders": ("orders", "Orders and trades"),
    "activity": ("activity", "Fills, exits, reports, notices"),
    "all_messages": ("all-messages", "Everything heard, with its verdict"),
    "actions": ("actions", "Type #actions here: #SPY close 50%"),
    "copilot": ("copilot", "Ask about the book: mention the bot"),
    "panel": ("desk-panel", "The live panel"),
    "admin": ("desk-admin", "Admins and the bot alone"),
}
"""Key of discord.channels -> the name that is looked for or made, and its topic."""
ROLES: Mapping[str, tuple[str, int]] = {
    "viewer": ("Viewer", 0x3498DB),
    "trader": ("Trader", 0x2ECC71),
    "approver": ("Approver", 0xF1C40F),
    "admin": ("Desk Admin", 0xE91E63),
}
_ALSO = {"admin": ("Admin",)}
"""Other names that a role may go by."""
CATEGORY, PRACTICE = "TradeStream", "alert-room"
_REASON = "TradeStream /setup"
_AROUND = (Decimal(1), Decimal("0.98"), Decimal("1.06"))
"""Entry, stop and target of the example."""
_NOT_YET = (
    "While there is no admin role or no private admin channel, only the server's owner or an "
    "administrator may set the desk up. Nothing was done."
)
_BITS = (
    *("view_channel", "send_messages", "embed_links", "attach_files", "read_message_history"),
    "pin_messages",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One channel or role: there, to be taken, or to be made."""

    kind: str
    """``channel`` or ``role``."""
    purpose: str
    name: str
    found_id: int | None
    """None: it has to be made."""
    is_chosen: bool
    """True: the configuration names it already."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a press on “Set it up” would do."""

    guild_name: str
    steps: tuple[Step, ...]
    lacking: tuple[str, ...]
    """Permissions that the bot needs first, and has not."""
    wants_practice: bool
    """A made-up market and no room yet: one is made in which the asker is trusted."""

    @property
    def is_done(self) -> bool:
        """Nothing is left to do."""
        return all(step.is_chosen for step in self.steps) and not self.wants_practice


@dataclass(slots=True)
class Done:
    """What was made, for the asker to read."""

    made: list[str] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)
    given: list[str] = field(default_factory=list)
    practice_id: int | None = None
    example: str = ""
    """An alert that could be traded at the prices of this moment."""


def authority(app: "App", press: Press) -> Who:
    """The person, allowed to set the desk up: an admin in the private admin channel.

    Until there are both, and when that channel was lost or is open: the server's administrators.

    Raises:
        NotAllowed: the attempt is recorded.
    """
    if app.config.discord.is_set_up and not app.gate.admin_room_exposure():
        return app.gate.require(press, "setup")
    caller, guild = caller_of(press), press.guild
    access = app.gate.access()
    is_ours = caller.guild_id is not None and caller.guild_id == access.guild_id
    is_owner = guild is not None and guild.owner_id == caller.user_id
    is_chief = is_owner or press.permissions.administrator
    if not is_ours or caller.is_bot or caller.is_user_install or not is_chief:
        app.gate.refuse(caller, "setup", Refusal(code="access.role", text=_NOT_YET))
    return Who(user_id=caller.user_id, name=press.user.display_name, may_admin=True)


def plan(app: "App", guild: discord.Guild) -> Plan:
    """What is there, what would be taken, what would be made; changes nothing."""
    roles = tuple(_roles(app, guild))
    admins = frozenset(s.found_id for s in roles if s.purpose == "admin" and s.found_id)
    steps = (*roles, *_channels(app, guild, admins))
    needed = ["view_channel", "send_messages", "embed_links", "attach_files"]
    needed += ["read_message_history"]
    if any(s.found_id is None and s.kind == "channel" for s in steps):
        needed.append("manage_channels")
    if any(s.kind == "role" and not s.is_chosen for s in steps):
        needed.append("manage_roles")
    held = guild.me.guild_permissions
    feed = app.desk.feed
    return Plan(
        guild_name=guild.name,
        steps=steps,
        lacking=tuple(_words(n) for n in needed if not getattr(held, n)),
        wants_practice=bool(feed and feed.is_synthetic) and not app.config.sources,
    )


def _roles(app: "App", guild: discord.Guild) -> Iterator[Step]:
    taken: set[int] = set()
    for purpose, (name, _) in ROLES.items():
        chosen = [guild.get_role(i) for i in sorted(getattr(app.config.discord.roles, purpose))]
        role = next((r for r in chosen if r is not None), None)
        is_chosen = role is not None
        if role is None:
            names = {n.lower() for n in (name, *_ALSO.get(purpose, ()))}
            role = next((r for r in guild.roles if _fits(r, names) and r.id not in taken), None)
        if role is not None:
            taken.add(role.id)
        yield Step(
            kind="role",
            purpose=purpose,
            name=role.name if role else name,
            found_id=role.id if role else None,
            is_chosen=is_chosen,
        )


def _fits(role: discord.Role, names: set[str]) -> bool:
    return role.name.lower() in names and not role.managed and not role.is_default()


def _channels(app: "App", guild: discord.Guild, admins: frozenset[int]) -> Iterator[Step]:
    rooms = app.config.discord.channels
    for purpose, (name, _) in CHANNELS.items():
        ids = sorted(rooms.actions) if purpose == "actions" else [getattr(rooms, purpose)]
        chosen = [guild.get_channel(i) for i in ids if i is not None]
        channel = next((c for c in chosen if c is not None), None)
        is_chosen = channel is not None
        if channel is None:
            channel = next((c for c in guild.text_channels if c.name == name), None)
            if channel is not None and purpose == "admin" and _is_open(app, guild, channel, admins):
                channel = None  # somebody else can see it: a private one is made
        yield Step(
            kind="channel",
            purpose=purpose,
            name=channel.name if channel else name,
            found_id=channel.id if channel else None,
            is_chosen=is_chosen,
        )


def _is_open(
    app: "App", guild: discord.Guild, channel: discord.TextChannel, admins: frozenset[int]
) -> bool:
    """Whether anybody but admins, the bot, the owner and administrators sees it."""
    access = app.gate.access()
    access = replace(access, admin_channel_id=channel.id, admin=access.admin | admins)
    return bool(access.exposure(facts_of(guild, channel)))


# -- doing it ------------------------------------------------------------------------------------


async def carry_out(app: "App", press: Press, who: Who) -> Done:
    """Make what is missing, choose all of it, give the asker his roles.

    Raises:
        UserError: says what was made so far and what Discord refused.
    """
    guild, member = press.guild, press.user
    assert guild is not None  # noqa: S101 - authority() has seen to it
    wanted, done = plan(app, guild), Done()
    if wanted.lacking:
        raise UserError(f"I lack {', '.join(wanted.lacking)} in this server. Nothing was done.")
    try:
        changes = await _made(guild, wanted, done)
        if wanted.wants_practice:
            changes |= await _practice(app, guild, who, done)
        if changes:
            await _apply(app, who, changes)
        if isinstance(member, discord.Member):
            await _give(guild, member, wanted, changes, done)
    except UNWELL as error:
        so_far = ", ".join(done.made) or "nothing"
        raise UserError(
            f"Discord refused: {error}. Made so far: {so_far}. Mend it and press again: what is "
            "there is taken."
        ) from error
    await app.bot.catch_up.run()
    app.link.review()
    room = app.config.discord.channels.panel
    if app.panel.place is None and room is not None:
        await app.panel.post(who, room)
    return done


async def _made(guild: discord.Guild, wanted: Plan, done: Done) -> dict[str, Any]:
    """Roles, then channels that name them; what the configuration has to be told."""
    changes: dict[str, Any] = {}
    roles: dict[str, discord.Role] = {}
    for step in (s for s in wanted.steps if s.kind == "role"):
        role = guild.get_role(step.found_id) if step.found_id else None
        if role is None:
            name, colour = ROLES[step.purpose]
            role = await guild.create_role(
                name=name, colour=colour, permissions=discord.Permissions.none(), reason=_REASON
            )
            done.made.append(f"role {name}")
        elif not step.is_chosen:
            done.taken.append(f"role {role.name}")
        roles[step.purpose] = role
        if not step.is_chosen:
            changes[f"discord.roles.{step.purpose}"] = [role.id]
    category: discord.CategoryChannel | None = None
    for step in (s for s in wanted.steps if s.kind == "channel" and not s.is_chosen):
        channel_id = step.found_id
        if channel_id is None:
            category = category or await _category(guild, roles)
            channel_id = await _channel(guild, category, step, roles)
            done.made.append(f"#{step.name}")
        else:
            done.taken.append(f"#{step.name}")
        is_list = step.purpose == "actions"
        changes[f"discord.channels.{step.purpose}"] = [channel_id] if is_list else channel_id
        if step.purpose == "activity":
            changes["discord.channels.reports"] = channel_id
    return changes


async def _category(
    guild: discord.Guild, roles: Mapping[str, discord.Role]
) -> discord.CategoryChannel:
    known = next((c for c in guild.categories if c.name == CATEGORY), None)
    if known is not None:
        return known
    return await guild.create_category(
        CATEGORY, overwrites=_seen_by(guild, list(roles.values())), reason=_REASON
    )


async def _channel(
    guild: discord.Guild,
    category: discord.CategoryChannel,
    step: Step,
    roles: Mapping[str, discord.Role],
) -> int:
    who = [roles["admin"]] if step.purpose == "admin" else list(roles.values())
    exceptions = _seen_by(guild, who, may_write=step.purpose in ("admin", "actions"))
    made = await guild.create_text_channel(
        step.name,
        category=category,
        topic=CHANNELS[step.purpose][1],
        overwrites=exceptions,
        reason=_REASON,
    )
    return made.id


def _seen_by(
    guild: discord.Guild, roles: Sequence[discord.Role], *, may_write: bool = True
) -> dict[discord.Role | discord.Member | discord.Object, discord.PermissionOverwrite]:
    """Nobody but these roles and the bot; the bot is given only what it may give."""
    held = guild.me.guild_permissions
    own = {name: True for name in _BITS if getattr(held, name)}
    shown: dict[Any, discord.PermissionOverwrite] = {
        guild.default_role: discord.PermissionOverwrite(view_channel=False),
        guild.me: discord.PermissionOverwrite(**own),
    }
    for role in roles:
        write = None if may_write else False
        shown[role] = discord.PermissionOverwrite(view_channel=True, send_messages=write)
    return shown


async def _practice(app: "App", guild: discord.Guild, who: Who, done: Done) -> dict[str, Any]:
    """A room to post alerts of one's own into, while the market is made up."""
    room = next((c for c in guild.text_channels if c.name == PRACTICE), None)
    if room is None:
        topic = "Practice: post an alert here as its author would"
        room = await guild.create_text_channel(PRACTICE, topic=topic, reason=_REASON)
        done.made.append(f"#{PRACTICE}")
    done.practice_id, done.example = room.id, await _example(app)
    fields: dict[str, Any] = {
        "name": "Practice room",
        "guild_id": guild.id,
        "channel_id": room.id,
        "author_ids": [who.user_id],
        "parser": "auto",
        "handling": "approve",
        "account": next(iter(app.config.accounts)),
        "default_stop.percent": 50,
    }
    key = free_key("practice", app.config.sources)
    return {f"sources.{key}.{name}": value for name, value in fields.items()}


async def _example(app: "App") -> str:
    share = stock("AAPL")
    quote = await app.desk.feed.quote(share) if app.desk.feed is not None else None
    price = quote.mid if quote is not None else Decimal(100)
    at, stop, goal = (round(price * share_of, 2) for share_of in _AROUND)
    return f"Long {share.symbol} {at}, stop {stop}, target {goal}"


async def _give(
    guild: discord.Guild,
    member: discord.Member,
    wanted: Plan,
    changes: Mapping[str, Any],
    done: Done,
) -> None:
    """Somebody has to be the first admin, trader and approver: whoever sets it up."""
    if "discord.roles.admin" not in changes:
        return
    by_purpose = {s.purpose: s for s in wanted.steps if s.kind == "role"}
    given: list[discord.Role] = []
    for purpose in ("trader", "approver", "admin"):
        ids = changes.get(f"discord.roles.{purpose}") or [by_purpose[purpose].found_id]
        role = guild.get_role(ids[0]) if ids[0] else None
        if role is not None and role not in member.roles:
            given.append(role)
    if given:
        await member.add_roles(*given, reason=_REASON)
    done.given += [role.name for role in given]


async def choose(app: "App", who: Who, kind: str, purpose: str, chosen_id: int) -> None:
    """Another channel or role for one purpose.

    Raises:
        UserError: the configuration does not take it, or a second admin has to say so.
    """
    is_list = kind == "role" or purpose == "actions"
    path = f"discord.{kind}s.{purpose}"
    await _apply(app, who, {path: [chosen_id] if is_list else chosen_id})
    app.link.review()


async def _apply(app: "App", who: Who, changes: Mapping[str, Any]) -> None:
    """As /settings set would: once there are admins, two of them say who is one."""
    agreed = await app.settings.agreed(who, changes, "/setup")
    await app.settings.apply(who, changes, "/setup", agreed)


def _words(permission: str) -> str:
    return permission.replace("_", " ").title()
