"""Who may do what, and where. Everything is refused that the table does not allow.

Pure: the facts (who pressed, with which roles, in which channel, who can see it) come from the
payload of the very click or command that is judged: a role taken away a second ago is gone.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum, IntEnum
from types import MappingProxyType


class Role(IntEnum):
    """Each role may do what the ones below it may."""

    NOBODY = 0
    VIEWER = 1
    TRADER = 2
    ADMIN = 3


class Where(Enum):
    """Where in our server something may be asked for; elsewhere it is always refused."""

    GUILD = "any channel"
    ADMIN = "the private admin channel"
    ACTIONS = "the action channels"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """One thing that can be asked for: a command, a button, a # action."""

    name: str
    role: Role
    where: Where = Where.GUILD
    approves: bool = False
    """True: the approver flag is needed as well."""
    is_private: bool = False
    """True: the answer holds account figures, shown to the asker alone outside the desk's rooms."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who asks, from where, as Discord's payload says at this moment."""

    user_id: int
    role_ids: frozenset[int]
    guild_id: int | None
    """None in a direct message."""
    channel_id: int | None
    is_dm: bool = False
    is_linked_dm: bool = False
    """A direct message of somebody with a linked account, whose roles were asked for just now."""
    is_bot: bool = False
    """Bots and webhooks never act for a person."""
    is_user_install: bool = False
    """True when the command comes with the person, not with our server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Overwrite:
    """A channel's exception for one role or member; ``allow`` and ``deny`` are permission bits."""

    target_id: int
    is_role: bool
    allow: int = 0
    deny: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelFacts:
    """What decides who can see a channel."""

    channel_id: int
    guild_id: int
    """Also the id of the @everyone role."""
    role_permissions: Mapping[int, int]
    """Role id -> permission bits in the server, @everyone included."""
    overwrites: tuple[Overwrite, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """Why something may not be done. ``code`` is for the audit, ``text`` for the person."""

    code: str
    text: str
    """Ends with what was not done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """The desk's own ids, from config.yaml."""

    guild_id: int | None
    admin_channel_id: int | None
    action_channel_ids: frozenset[int] = frozenset()
    desk_channel_ids: frozenset[int] = frozenset()
    """Rooms where account figures may be shown to all who are in them."""
    viewer: frozenset[int] = frozenset()
    trader: frozenset[int] = frozenset()
    admin: frozenset[int] = frozenset()
    approver: frozenset[int] = frozenset()
    private_role_ids: frozenset[int] = field(default_factory=frozenset)
    """Roles that may see the admin channel besides the admins', such as the bot's own."""
    private_user_ids: frozenset[int] = frozenset()
    """Members that may see it, such as the bot itself and the owners."""

    def role_of(self, role_ids: Iterable[int]) -> Role:
        """The highest of our roles among Discord role ids."""
        held = frozenset(role_ids)
        for role, ids in (
            (Role.ADMIN, self.admin),
            (Role.TRADER, self.trader),
            (Role.VIEWER, self.viewer),
        ):
            if held & ids:
                return role
        return Role.NOBODY

    def is_approver(self, role_ids: Iterable[int]) -> bool:
        """Trader or admin, with the approver flag."""
        held = frozenset(role_ids)
        return bool(held & self.approver) and self.role_of(held) >= Role.TRADER

    def refusal(
        self, caller: Caller, name: str, admin_channel: ChannelFacts | None = None
    ) -> Refusal | None:
        """Why ``caller`` may not do ``name`` here and now; None when he may.

        Args:
            caller: From the payload of this very request.
            name: A key of :data:`PERMISSIONS`; any other is refused.
            admin_channel: Facts of the admin channel, for what belongs there. None: not known,
                which counts as public.
        """
        permission = PERMISSIONS.get(name)
        if permission is None:
            return _no("unknown", "Nobody may do this: it is not on the list of permissions.")
        return (
            self._wrong_place(caller)
            or self._too_low(caller, permission)
            or self._wrong_channel(caller, permission, admin_channel)
        )

    def press_refusal(self, caller: Caller, name: str, asked_by: int) -> Refusal | None:
        """The same for a button of a question: only who asked, or an admin, may answer it."""
        refused = self.refusal(caller, name)
        if refused is not None:
            return refused
        if caller.user_id != asked_by and self.role_of(caller.role_ids) < Role.ADMIN:
            return _no("not_yours", "Only the person who asked, or an admin, may answer this.")
        return None

    def answers_privately(self, name: str, channel_id: int | None) -> bool:
        """Whether the answer must be seen by the asker alone (D-15)."""
        permission = PERMISSIONS.get(name)
        if permission is None or permission.where is Where.ADMIN:
            return True
        return permission.is_private and channel_id not in self.desk_channel_ids

    def exposure(self, channel: ChannelFacts | None) -> tuple[str, ...]:
        """Who can see the admin channel and should not; empty while it is private."""
        if channel is None:
            return ("nobody knows who can see it",)
        if channel.channel_id != self.admin_channel_id or channel.guild_id != self.guild_id:
            return ("it is not the configured channel",)
        return tuple(_exposed(channel, self.admin | self.private_role_ids, self.private_user_ids))

    def _wrong_place(self, caller: Caller) -> Refusal | None:
        if caller.is_bot:
            return _no("bot", "Bots and webhooks may not act for people.")
        if caller.is_dm or caller.guild_id is None:
            return _no("dm", "This works in the desk's server, not in direct messages.")
        if self.guild_id is None or caller.guild_id != self.guild_id:
            return _no("other_guild", "This works in the desk's own server alone.")
        if caller.is_user_install:
            return _no("user_install", "This works as a command of the desk's server alone.")
        return None

    def _too_low(self, caller: Caller, permission: Permission) -> Refusal | None:
        if self.role_of(caller.role_ids) < permission.role:
            return _no("role", f"This needs the role {permission.role.name.lower()}.")
        if permission.approves and not self.is_approver(caller.role_ids):
            return _no("approver", "This needs the approver flag.")
        return None

    def _wrong_channel(
        self, caller: Caller, permission: Permission, admin_channel: ChannelFacts | None
    ) -> Refusal | None:
        is_read = caller.is_linked_dm or caller.channel_id in self.action_channel_ids
        if permission.where is Where.ACTIONS and not is_read:
            return _no("channel", "# actions are read in the action channels alone.")
        if permission.where is not Where.ADMIN:
            return None
        if self.admin_channel_id is None or caller.channel_id != self.admin_channel_id:
            return _no("channel", "This works in the private admin channel alone.")
        exposed = self.exposure(admin_channel)
        if exposed:
            who = "; ".join(exposed)
            return _no("public", f"The admin channel is not private any more: {who}.")
        return None


def _no(code: str, why: str) -> Refusal:
    return Refusal(code=f"access.{code}", text=f"{why} Nothing was done.")


VIEW_CHANNEL = 1 << 10
ADMINISTRATOR = 1 << 3


def _exposed(channel: ChannelFacts, roles: frozenset[int], users: frozenset[int]) -> Iterable[str]:
    """In Discord's own order: server permissions, then exceptions for @everyone, role, member."""
    by_role = {o.target_id: o for o in channel.overwrites if o.is_role}
    everyone = by_role.get(channel.guild_id, Overwrite(target_id=channel.guild_id, is_role=True))

    def sees(role_id: int) -> bool:
        """Someone with this role and @everyone alone; the server's administrators see anything."""
        bits = channel.role_permissions.get(channel.guild_id, VIEW_CHANNEL)
        bits |= channel.role_permissions.get(role_id, 0)
        if bits & ADMINISTRATOR:
            return True
        for exception in (everyone, by_role.get(role_id, everyone)):
            bits = bits & ~exception.deny | exception.allow
        return bool(bits & VIEW_CHANNEL)

    if sees(channel.guild_id):
        yield "@everyone can see it"
        return
    for role_id in sorted({*channel.role_permissions, *by_role} - roles - {channel.guild_id}):
        is_administrator = channel.role_permissions.get(role_id, 0) & ADMINISTRATOR
        if not is_administrator and sees(role_id):
            yield f"role {role_id} can see it"
    for exception in channel.overwrites:
        is_known = exception.is_role or exception.target_id in users
        if not is_known and exception.allow & VIEW_CHANNEL:
            yield f"member {exception.target_id} can see it"


def _rows(
    role: Role,
    group: str,
    names: str,
    *,
    where: Where = Where.GUILD,
    approves: bool = False,
    is_private: bool = False,
) -> list[Permission]:
    return [
        Permission(
            name=f"{group} {name}".strip(),
            role=role,
            where=where,
            approves=approves,
            is_private=is_private,
        )
        for name in names.split()
    ]


def _open_to_all_roles() -> list[Permission]:
    return [
        *_rows(Role.VIEWER, "", "about help market-status risk-limits circuit-breaker"),
        *_rows(Role.VIEWER, "", "status", is_private=True),
        *_rows(Role.VIEWER, "", "invite tutorial examples"),
        *_rows(Role.VIEWER, "monitor", "status"),
        *_rows(Role.VIEWER, "health", "summary detailed", is_private=True),
        *_rows(Role.VIEWER, "health", "api-usage metrics"),
        *_rows(Role.VIEWER, "mode", "show"),
        *_rows(Role.VIEWER, "data", "quality sources"),
        *_rows(Role.VIEWER, "alerts", "list search show stats", is_private=True),
        *_rows(Role.VIEWER, "approvals", "history", is_private=True),
        *_rows(Role.VIEWER, "settings", "view", is_private=True),
        *_rows(Role.VIEWER, "chart", "candles compare"),
        *_rows(Role.VIEWER, "watchlist", "view history"),
        *_rows(Role.VIEWER, "", "market-summary sector-analysis news"),
        *_rows(
            Role.VIEWER, "prefs", "show set theme timezone reset export import", is_private=True
        ),
    ]


def _figures() -> list[Permission]:
    """Reading what the accounts hold and did."""
    rows = {
        "": "positions profit-loss portfolio-summary performance risk-analysis exposure export "
        "correlation stress-test",
        "alerts": "test replay",
        "approvals": "list show",
        "backtest": "run results compare list cancel",
        "broker": "list status",
        "chart": "pnl equity payoff heatmap",
        "journal": "list search show stats chart review",
        "order": "list status history",
        "risk": "check",
        "trades": "recent open closed",
    }
    more = "analyze explain trace why actions ask"
    advice = "what-to-do take-profits cut-losses opportunities rebalance"
    return [
        *(
            row
            for group, names in rows.items()
            for row in _rows(Role.TRADER, group, names, is_private=True)
        ),
        *_rows(Role.TRADER, "", f"{more} {advice}", is_private=True),
    ]


def _menus() -> list[Permission]:
    """Context menus; their names are words for people."""
    on_messages = ("Parse as alert", "Trace this", "Save to journal")
    return [
        *(Permission(name=name, role=Role.TRADER, is_private=True) for name in on_messages),
        Permission(name="Show linked account", role=Role.ADMIN, where=Where.ADMIN),
    ]


def _trading() -> list[Permission]:
    trader, actions = Role.TRADER, Where.ACTIONS
    return [
        *_rows(trader, "", "action buy sell close", is_private=True),
        *_rows(trader, "alerts", "execute ignore"),
        *_rows(trader, "notify", "rule-add rule-list rule-edit rule-remove", is_private=True),
        *_rows(trader, "notify", "history ack snooze test", is_private=True),
        *_rows(trader, "press", "notify"),
        *_rows(trader, "watchlist", "add remove"),
        *_rows(trader, "order", "cancel modify"),
        *_rows(trader, "broker", "attend", is_private=True),
        *_rows(trader, "journal", "note tag", is_private=True),
        *_rows(trader, "", "emergency-stop"),
        *_rows(trader, "press", "confirm close stop target emergency-stop execute ignore"),
        *_rows(trader, "approvals", "approve reject modify bulk", approves=True),
        *_rows(trader, "press", "approve modify reject rewrite which", approves=True),
        *_rows(trader, "", "#position #close #stop #target #trailing #add #analyze", where=actions),
        *_rows(trader, "", "#order #buy #sell #watch #unwatch #alert", where=actions),
        *_rows(trader, "", "#close-all #cancel-all #set-stops #take-profits", where=actions),
        *_rows(trader, "", "#emergency-stop", where=actions),
        *_rows(trader, "", "#approve #reject", where=actions, approves=True),
    ]


def _administration() -> list[Permission]:
    rows = {
        "": "resume-trading #resume override reconcile panel roles logs diagnose usage",
        "audit": "search show",
        "broker": "test enable disable connect rotate default route settings",
        "data": "refresh",
        "mode": "paper live",
        "monitor": "start stop test reconnect sources",
        "notify": "channels",
        "order": "resolve",
        "risk": "set freeze unfreeze",
        "circuit-breaker": "reset test",
        "watchlist": "reset",
        "settings": "set diff history rollback validate save load export import",
    }
    admin = Where.ADMIN
    return [
        *_rows(Role.ADMIN, "press", "monitor"),
        *_rows(Role.ADMIN, "", "setup", where=admin),
        *(r for group, names in rows.items() for r in _rows(Role.ADMIN, group, names, where=admin)),
    ]


PERMISSIONS: Mapping[str, Permission] = MappingProxyType(
    {
        row.name: row
        for part in (_open_to_all_roles, _figures, _menus, _trading, _administration)
        for row in part()
    }
)
"""Commands by their full name, buttons as ``press <what>``, # actions by their verb."""

ASKS: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("close", "order cancel", "order resolve", "reconcile"), "one click"),
        **dict.fromkeys(("buy", "sell", "order modify", "approvals bulk"), "one click"),
        "approvals approve": "one click in live mode",
        **dict.fromkeys(("alerts execute", "alerts ignore", "prefs reset"), "one click"),
        **dict.fromkeys(("mode paper", "monitor stop"), "one click"),
        "monitor sources": "one click to remove",
        "rebalance": "one click to execute",
        "alerts replay": "one click on paper",
        "circuit-breaker": "a typed word to reset",
        "action": "what the action asks",
        "actions": "what the action asks",
        **dict.fromkeys(("broker disable", "broker enable", "broker connect"), "one click"),
        **dict.fromkeys(("broker rotate", "broker route", "broker default"), "one click"),
        "notify rule-remove": "one click",
        **dict.fromkeys(
            (
                *("settings set", "settings rollback", "settings load", "settings import"),
                *("risk set", "broker settings"),
            ),
            "one click; a second admin to loosen",
        ),
        "roles": "one click",
        "emergency-stop": "nothing to stop entries; one click to close",
        "mode live": "a typed word, and a second admin",
        "watchlist reset": "one click",
        "resume-trading": "a typed word",
        **dict.fromkeys(("override", "risk unfreeze"), "a typed word"),
        "risk freeze": "one click",
    }
)
"""Commands that ask before they act: what of the asker; all others act at once or only read."""
