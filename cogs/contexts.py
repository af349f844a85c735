"""Right-click on a message: read it as an alert, or follow what became of it."""

import re

import discord
from discord import app_commands
from discord.ext import commands

from bot import dry_run, reply
from bot.cards import trace as trace_card
from bot.client import DeskBot
from bot.incoming import raw_alert
from engine.domain.errors import UserError

Press = discord.Interaction[DeskBot]

_REF = re.compile(r"ref (\S+)")


class Contexts(commands.Cog):
    """Context menus; discord.py wants them added to the tree by hand."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot
        self._menus = (
            app_commands.ContextMenu(name="Parse as alert", callback=self.parse),
            app_commands.ContextMenu(name="Trace this", callback=self.trace),
        )

    async def cog_load(self) -> None:
        """The menus come with the cog."""
        for menu in self._menus:
            self.bot.tree.add_command(menu)

    async def cog_unload(self) -> None:
        """And go with it."""
        for menu in self._menus:
            self.bot.tree.remove_command(menu.name, type=menu.type)

    async def parse(self, interaction: Press, message: discord.Message) -> None:
        """Dry run of any message, as if its room had posted it; nothing is stored or sent."""
        app = self.bot.app
        app.gate.require(interaction, "Parse as alert")
        await reply.think(interaction, private=True)
        raw = raw_alert(message, app.clock.now())
        if not raw.text and not raw.embeds:
            raise UserError("This message has no text to read. Nothing was stored or sent.")
        card = await dry_run.run(app, raw.text, None, raw.channel_id, raw.embeds)
        await reply.report(interaction, card)

    async def trace(self, interaction: Press, message: discord.Message) -> None:
        """An alert's message, or one of our cards, hop by hop."""
        app = self.bot.app
        app.gate.require(interaction, "Trace this")
        await reply.think(interaction, private=True)
        asked = self._story_of(message)
        report = None if asked is None else await app.reading.trace(asked)
        if report is None:
            raise UserError(
                "The desk knows nothing of this message: it is neither an alert that was taken in "
                "nor a card of a story. Nothing was shown."
            )
        await reply.report(interaction, trace_card.show(report))

    def _story_of(self, message: discord.Message) -> str | None:
        alert_id = self.bot.app.desk.book.by_message.get((message.channel.id, message.id))
        if alert_id is not None:
            return alert_id
        # Foot lines are believed on our own cards alone.
        if self.bot.user is None or message.author.id != self.bot.user.id:
            return None
        for embed in message.embeds:
            found = _REF.search(embed.footer.text or "")
            if found is not None:
                return found[1]
        return None


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Contexts(bot))
