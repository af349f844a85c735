"""Approvals: the cards live in their channel with buttons; this lists what waits."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import errors
from bot.cards import approval_card
from bot.client import DeskBot
from bot.views import approval_view


class Approvals(
    commands.GroupCog, group_name="approvals", group_description="Questions that wait for a person"
):
    """Reads; deciding is done by the buttons of the cards."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(name="list", description="Everything that waits for a decision")
    async def list_(self, interaction: discord.Interaction[DeskBot]) -> None:
        """One line per open question."""
        app = self.bot.app
        app.gate.require(interaction, "approvals list")
        waiting = list(app.desk.book.approvals.values())
        if not waiting:
            await errors.say(interaction, "Nothing waits for a decision.")
            return
        lines = [
            f"**{a.approval_id}** {a.question[:120]} · ends "
            f"{discord.utils.format_dt(a.expires_at, 'R')}"
            for a in waiting[:20]
        ]
        await errors.say(interaction, "\n".join(lines)[:2000])

    @app_commands.command(name="show", description="One question with its buttons")
    @app_commands.describe(id="The approval's id")
    async def show(self, interaction: discord.Interaction[DeskBot], id: str) -> None:  # noqa: A002
        """The card again, for you alone."""
        app = self.bot.app
        app.gate.require(interaction, "approvals show")
        await interaction.response.defer(ephemeral=True)
        card = await app.reading.approval(id.strip())
        if card is None:
            await errors.say(interaction, f"⚠ There is no approval “{id[:40]}”.")
            return
        approval = app.desk.book.approvals.get(card.approval_id)
        view = approval_view(approval) if approval else None
        await errors.say(interaction, "", embed=approval_card.show(card), view=view)

    @show.autocomplete("id")
    async def _ids(
        self, interaction: discord.Interaction[DeskBot], current: str
    ) -> list[app_commands.Choice[str]]:
        del interaction
        return [
            app_commands.Choice(
                name=f"{a.question[:70]} · {a.approval_id}"[:100], value=a.approval_id
            )
            for a in self.bot.app.desk.book.approvals.values()
            if current.lower() in f"{a.approval_id} {a.question}".lower()
        ][:25]


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Approvals(bot))
