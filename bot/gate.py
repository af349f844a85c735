"""Discord's payload -> who is asking -> may he? Judged at the moment of the click."""

from collections import OrderedDict
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import discord

from bot import disclaimer, reply
from bot.access import PERMISSIONS, Access, Caller, ChannelFacts, Overwrite, Refusal, Role
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError
from engine.flows.limits import links

if TYPE_CHECKING:
    from bot.app import App

_ADMITTED = 200
_NOT_LINKED = (
    "# actions by direct message are for traders whose account is linked (/roles). Type them in "
    "the action channel, or use /action in the server. Nothing was done."
)
Asker = discord.Interaction[Any] | discord.Message


class Gate:
    """Turns interactions and messages into permissions, and records every refusal."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._admitted: OrderedDict[int, frozenset[int]] = OrderedDict()
        """Direct message, or press in one -> its author's roles as Discord told them for it."""

    async def admit(self, asker: Asker) -> None:
        """Let a linked trader act in a direct message; elsewhere nothing is to be done.

        A direct message tells no roles, so Discord is asked for them, for each message and press.

        Raises:
            NotAllowed: not linked, or no member any more; recorded.
            UserError: Discord did not tell, or it is too much at once.
        """
        caller = caller_of(asker)
        if not caller.is_dm:
            return
        now = self._app.clock.monotonic()
        guild, linked = self._guild(), links.account_of(self._app.desk, caller.user_id)
        is_known = guild is not None and bool(linked) and not caller.is_bot
        if guild is None or not is_known:
            self._app.pace.count(caller.user_id, "direct message", now)  # of others, what they ask
            self.refuse(caller, "direct message", Refusal(code="access.dm", text=_NOT_LINKED))
        try:
            member = await guild.fetch_member(caller.user_id)
        except discord.NotFound:
            self.refuse(caller, "direct message", Refusal(code="access.dm", text=_NOT_LINKED))
        except reply.UNWELL:
            raise UserError("Discord did not tell your roles. Nothing was done.") from None
        self._admitted[asker.id] = _roles(member)
        while len(self._admitted) > _ADMITTED:
            self._admitted.popitem(last=False)

    def _caller(self, asker: Asker) -> Caller:
        """Who asks; where he was admitted in a direct message, as a member of our server."""
        caller, roles = caller_of(asker), self._admitted.get(asker.id)
        if roles is None or not caller.is_dm:
            return caller
        guild_id = self._app.config.discord.guild_id
        return replace(caller, role_ids=roles, guild_id=guild_id, is_dm=False, is_linked_dm=True)

    def access(self) -> Access:
        """The desk's own ids, the bot's own roles included."""
        guild = self._guild()
        users = set(self._app.config.discord.owners)
        roles: set[int] = set()
        me = self._app.bot.user
        if me is not None:
            users.add(me.id)
        if guild is not None:
            users |= {guild.owner_id} if guild.owner_id else set()
            roles = {r.id for r in guild.roles if me and r.tags and r.tags.bot_id == me.id}
        config = self._app.config.discord
        rooms = config.channels
        desk_rooms = (rooms.trade_alerts, rooms.approvals, rooms.orders, rooms.activity)
        shown = (*desk_rooms, rooms.copilot, rooms.panel)
        return Access(
            guild_id=config.guild_id,
            admin_channel_id=rooms.admin,
            action_channel_ids=frozenset(rooms.actions),
            desk_channel_ids=frozenset(c for c in shown if c is not None),
            viewer=config.roles.viewer,
            trader=config.roles.trader,
            admin=config.roles.admin,
            approver=config.roles.approver,
            private_role_ids=frozenset(roles),
            private_user_ids=frozenset(users),
        )

    def who(self, asker: Asker) -> Who:
        """The person with what he may do right now; nothing in the wrong place."""
        caller = self._caller(asker)
        access = self.access()
        role = access.role_of(caller.role_ids)
        if access.refusal(caller, "about") is not None:
            role = Role.NOBODY
        person = asker.user if isinstance(asker, discord.Interaction) else asker.author
        return Who(
            user_id=person.id,
            name=person.display_name,
            may_trade=role >= Role.TRADER,
            may_approve=role >= Role.TRADER and access.is_approver(caller.role_ids),
            may_admin=role >= Role.ADMIN,
        )

    def require(self, asker: Asker, name: str) -> Who:
        """The person, allowed to do ``name`` here and now.

        Raises:
            NotAllowed: says why; the attempt is recorded.
            UserError: he asks for too much at once, or has not accepted the disclaimer.
        """
        caller = self._caller(asker)
        if self._app.is_stopping:
            raise UserError("The desk is shutting down. Nothing was done; try again in a minute.")
        refused = self.access().refusal(caller, name, self.admin_channel())
        now = self._app.clock.monotonic()
        self._app.pace.count(caller.user_id, name, now, is_allowed=refused is None)
        self._refuse_when(caller, name, refused)
        disclaimer.check(self._app, caller.user_id, name)
        return self.who(asker)

    async def begin(self, press: discord.Interaction[Any], name: str) -> Who:
        """Judge who uses a command, then acknowledge it in the privacy that its answer needs.

        A command that was pressed on a panel is always answered to the presser alone.

        Raises:
            NotAllowed, UserError.
        """
        who = self.require(press, name)
        is_command = press.type is discord.InteractionType.application_command
        private = not is_command or self.is_private(name, press.channel_id)
        await reply.think(press, private=private)
        return who

    def require_answer(self, press: discord.Interaction[Any], asked_by: int) -> Who:
        """The person, allowed to answer a question that ``asked_by`` was asked.

        Raises:
            NotAllowed: says why; the attempt is recorded.
        """
        caller, name = self._caller(press), "press confirm"
        self._refuse_when(caller, name, self.access().press_refusal(caller, name, asked_by))
        return self.who(press)

    def allows(self, asker: Asker, name: str) -> bool:
        """Whether he might do ``name`` here: for suggestions while he types."""
        caller = self._caller(asker)
        return self.access().refusal(caller, name, self.admin_channel()) is None

    def might(self, asker: Asker, name: str) -> bool:
        """Whether his role lets him do ``name`` in the right room: for help."""
        permission, role_ids = PERMISSIONS.get(name), self._caller(asker).role_ids
        if permission is None or self.access().role_of(role_ids) < permission.role:
            return False
        return not permission.approves or self.access().is_approver(role_ids)

    def _refuse_when(self, caller: Caller, name: str, refused: Refusal | None) -> None:
        if refused is not None:
            self.refuse(caller, name, refused)

    def refuse(self, caller: Caller, name: str, refused: Refusal) -> NoReturn:
        """Say no, on the record.

        Raises:
            NotAllowed.
        """
        self._record(caller, name, refused)
        raise NotAllowed(refused.text)

    def is_private(self, name: str, channel_id: int | None) -> bool:
        """Whether the answer must be seen by the asker alone."""
        return self.access().answers_privately(name, channel_id)

    def admin_channel(self) -> ChannelFacts | None:
        """Who can see the admin channel, as far as Discord has told us."""
        guild = self._guild()
        channel_id = self._app.config.discord.channels.admin
        channel = guild.get_channel(channel_id) if guild and channel_id else None
        if guild is None or channel is None:
            return None
        return facts_of(guild, channel)

    def admin_room_exposure(self) -> tuple[str, ...]:
        """Who can see the admin channel and should not; anybody stops posts there (X-04)."""
        return self.access().exposure(self.admin_channel())

    def _guild(self) -> discord.Guild | None:
        guild_id = self._app.config.discord.guild_id
        return self._app.bot.get_guild(guild_id) if guild_id else None

    def _record(self, caller: Caller, name: str, refused: Refusal) -> None:
        desk = self._app.desk
        desk.spawn(
            desk.commit(
                desk.event(
                    "access.denied",
                    f"user-{caller.user_id}",
                    actor=f"user:{caller.user_id}",
                    what=name,
                    code=refused.code,
                    channel_id=caller.channel_id,
                    guild_id=caller.guild_id,
                )
            ),
            "audit of a refusal",
        )


def facts_of(guild: discord.Guild, channel: discord.abc.GuildChannel) -> ChannelFacts:
    """What decides who can see this channel, as far as Discord has told us."""
    return ChannelFacts(
        channel_id=channel.id,
        guild_id=guild.id,
        role_permissions={r.id: r.permissions.value for r in guild.roles},
        overwrites=tuple(
            Overwrite(
                target_id=target.id,
                is_role=overwrite_is_role(target),
                allow=overwrite.pair()[0].value,
                deny=overwrite.pair()[1].value,
            )
            for target, overwrite in channel.overwrites.items()
        ),
    )


def overwrite_is_role(target: Any) -> bool:
    """Whether a channel's exception is for a role (a member's otherwise)."""
    return isinstance(target, discord.Role) or getattr(target, "type", None) is discord.Role


def caller_of(asker: Asker) -> Caller:
    """The facts of the payload itself; nothing from a cache."""
    if isinstance(asker, discord.Message):
        member = asker.author
        return Caller(
            user_id=member.id,
            role_ids=_roles(member),
            guild_id=asker.guild.id if asker.guild else None,
            channel_id=asker.channel.id,
            is_dm=asker.guild is None,
            is_bot=member.bot or asker.webhook_id is not None,
        )
    return Caller(
        user_id=asker.user.id,
        role_ids=_roles(asker.user),
        guild_id=asker.guild_id,
        channel_id=asker.channel_id,
        is_dm=asker.guild_id is None,
        is_bot=asker.user.bot,
        is_user_install=asker.guild_id is not None and not asker.is_guild_integration(),
    )


def _roles(person: discord.User | discord.Member) -> frozenset[int]:
    if not isinstance(person, discord.Member):
        return frozenset()
    return frozenset(r.id for r in person.roles if not r.is_default())
