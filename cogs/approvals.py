"""Approvals: the cards live in their channel with buttons; this lists what waits."""

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply, text
from bot.cards import approval_card
from bot.client import DeskBot
from bot.views import approval_view

_SHOWN = 20


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
        await app.gate.begin(interaction, "approvals list")
        waiting = sorted(app.desk.book.approvals.values(), key=lambda a: a.expires_at)
        lines = []
        for approval in waiting[:_SHOWN]:
            card = await app.reading.approval(approval.approval_id)
            if card is not None:
                what = approval_card.title(card).removeprefix("Approve? ")
                ends = text.ago(approval.expires_at)
                lines.append(f"**{what}** · ends {ends}\n-# {approval.approval_id}")
        rest = len(waiting) - len(lines)
        embed = discord.Embed(
            title=f"{len(waiting)} to decide" if waiting else "Nothing waits for a decision",
            description="\n".join([*lines, *([f"and {rest} more"] if rest else [])])[:4096],
            colour=discord.Colour.orange() if waiting else discord.Colour.greyple(),
        )
        embed.set_author(name=app.reading.badges())
        await reply.report(interaction, embed)

    @app_commands.command(name="show", description="One question with its buttons")
    @app_commands.describe(id="The approval's id")
    async def show(self, interaction: discord.Interaction[DeskBot], id: str) -> None:  # noqa: A002
        """The card again, with its buttons."""
        app = self.bot.app
        await app.gate.begin(interaction, "approvals show")
        card = await app.reading.approval(id.strip())
        if card is None:
            await reply.say(interaction, f"⚠ There is no approval “{text.safe_line(id, 40)}”.")
            return
        approval = app.desk.book.approvals.get(card.approval_id)
        intent = app.desk.book.intents.get(approval.intent_id) if approval else None
        view = approval_view(approval, intent) if approval else None
        await reply.report(interaction, approval_card.show(card), view=view)

    @show.autocomplete("id")
    async def _ids(
        self, interaction: discord.Interaction[DeskBot], current: str
    ) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "approvals show"):
            return []
        return [
            app_commands.Choice(
                name=text.shorten(f"{app.reading.named(a)} · {a.approval_id}", 100),
                value=a.approval_id,
            )
            for a in app.desk.book.approvals.values()
            if current.lower() in f"{a.approval_id} {app.reading.named(a)}".lower()
        ][:25]


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Approvals(bot))
