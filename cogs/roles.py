"""Who has which role, and whose orders go to which account: /roles."""

from typing import Any, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply, text
from bot.cards import Tone, card
from bot.client import DeskBot
from bot.confirm import Question, ask_first
from bot.suggest import among
from engine.domain.errors import UserError
from engine.flows.limits import links

Press = discord.Interaction[DeskBot]
AnyPress = discord.Interaction[Any]
RoleName = Literal["viewer", "trader", "admin", "approver"]


class RolesCog(commands.Cog, name="Roles"):
    """Roles are Discord's own: what is granted here is granted there."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot
        self._menu = app_commands.ContextMenu(name="Show linked account", callback=self.linked)

    async def cog_load(self) -> None:
        """The menu comes with the cog."""
        self.bot.tree.add_command(self._menu)

    async def cog_unload(self) -> None:
        """And goes with it."""
        self.bot.tree.remove_command(self._menu.name, type=self._menu.type)

    @app_commands.command(description="Who may do what: list, grant, revoke, link to an account")
    @app_commands.describe(
        action="list shows the roles and links",
        user="Whom it is about",
        role="For grant and revoke",
        account="For link: where his own orders go; left out: no link",
    )
    async def roles(
        self,
        interaction: Press,
        action: Literal["list", "grant", "revoke", "link"],
        user: discord.Member | None = None,
        role: RoleName | None = None,
        account: str = "",
    ) -> None:
        """Changes ask once."""
        app = self.bot.app
        await app.gate.begin(interaction, "roles")
        if action == "list":
            await reply.report(interaction, self._listed())
            return
        if user is None:
            raise UserError("user: whom is it about? Nothing was changed.")
        if action == "link":
            await self._ask_link(interaction, user, account.strip().lower())
            return
        if role is None:
            raise UserError("role: which one? Nothing was changed.")
        await self._ask_role(interaction, user, role, is_grant=action == "grant")

    @roles.autocomplete("account")
    async def _accounts(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "roles"):
            return []
        return among(sorted(app.desk.settings.accounts), current)

    async def linked(self, interaction: Press, user: discord.User) -> None:
        """Right-click on a person: where his own orders go."""
        app = self.bot.app
        app.gate.require(interaction, "Show linked account")
        await reply.think(interaction, private=True)
        account = links.account_of(app.desk, user.id)
        said = f"orders go to **{account}**" if account else "no linked account"
        await reply.say(interaction, f"{text.safe_line(user.display_name, 40)}: {said}.")

    def _listed(self) -> discord.Embed:
        app = self.bot.app
        roles = app.config.discord.roles
        lines = []
        for name in ("viewer", "trader", "admin", "approver"):
            ids = sorted(getattr(roles, name))
            lines.append(f"**{name}** " + (" ".join(f"<@&{i}>" for i in ids) or "nobody"))
        linked = links.everybody(app.desk)
        lines += [f"<@{user}> → **{account}**" for user, account in sorted(linked.items())]
        lines.append("-# /settings set discord.roles.… changes which Discord role stands for one.")
        stamp = app.reading.frame().stamp("roles")
        return card(tone=Tone.INFO, title="Roles and linked accounts", stamp=stamp, lines=lines)

    async def _ask_link(self, interaction: Press, user: discord.Member, account: str) -> None:
        app = self.bot.app
        if account and account not in app.desk.settings.accounts:
            known = ", ".join(app.desk.settings.accounts)
            raise UserError(f"account: must be one of {known}. Nothing was changed.")
        name = text.safe_line(user.display_name, 40)

        async def go(press: AnyPress) -> str:
            await links.put(app.desk, app.gate.who(press), user.id, account)
            return f"🔗 {name}: {account or 'no linked account'}."

        question = Question(
            title="Change where his orders go?" if account else "Take the link away?",
            yes="Change",
            body=lambda: f"{name} → {account or 'no linked account'}",
            action=go,
        )
        await ask_first(app, interaction, question)

    async def _ask_role(
        self, interaction: Press, user: discord.Member, role: RoleName, *, is_grant: bool
    ) -> None:
        app = self.bot.app
        known = sorted(getattr(app.config.discord.roles, role))
        guild = interaction.guild
        chosen = guild.get_role(known[0]) if guild is not None and known else None
        if chosen is None:
            raise UserError(f"No Discord role stands for {role} yet. Nothing was changed.")
        name = text.safe_line(user.display_name, 40)
        found = chosen

        async def go(press: AnyPress) -> str:
            who = app.gate.require(press, "roles")
            reason = f"/roles by {who.name}"
            try:
                if is_grant:
                    await user.add_roles(found, reason=reason)
                else:
                    await user.remove_roles(found, reason=reason)
            except discord.Forbidden:
                raise UserError(
                    f"Discord does not let me: I need “Manage Roles” and a role above "
                    f"“{text.safe_line(found.name, 40)}”. Nothing was changed."
                ) from None
            what = "granted" if is_grant else "revoked"
            desk = app.desk
            actor = f"user:{who.user_id}"
            await desk.commit(
                desk.event(f"roles.{what}", f"user-{user.id}", actor=actor, role=role)
            )
            return f"🔑 {role} {what}: {name}."

        question = Question(
            title=f"{'Grant' if is_grant else 'Revoke'} {role}?",
            yes="Grant" if is_grant else "Revoke",
            body=lambda: f"{name} · Discord role {text.safe_line(found.name, 40)}",
            action=go,
        )
        await ask_first(app, interaction, question)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(RolesCog(bot))
