"""/ask, and mentions in the copilot's room: answers from the desk's own book."""

import logging
from collections import OrderedDict

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply
from bot.client import DeskBot
from bot.errors import sentence

log = logging.getLogger(__name__)

Press = discord.Interaction[DeskBot]

_REMEMBER = 500
_LONGEST = 1000


class Copilot(commands.Cog):
    """Reads questions and shows answers; what can be done is offered as buttons that ask first."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot
        self._done: OrderedDict[int, None] = OrderedDict()

    @app_commands.command(description="Ask about your own book; answers with figures and actions")
    @app_commands.describe(
        question="For example: what happened yesterday? what can be done?",
        research="May the model look further subjects of the book up",
    )
    async def ask(
        self,
        interaction: Press,
        question: app_commands.Range[str, 1, _LONGEST],
        research: bool = True,
    ) -> None:
        """Facts at once; a model's reading follows when one is configured."""
        app = self.bot.app
        who = app.gate.require(interaction, "ask")
        await reply.think(interaction, private=True)

        async def show(embed: discord.Embed, view: discord.ui.View | None) -> None:
            await reply.report(interaction, embed, view=view)

        await app.copilot.answer(who, question, show, research=research)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """A mention in the copilot's room is a question; people only, each message once."""
        app, me = self.bot.app, self.bot.user
        if message.channel.id != app.config.discord.channels.copilot or me is None:
            return
        is_person = not message.author.bot and message.webhook_id is None
        if not is_person or me not in message.mentions or message.id in self._done:
            return
        self._done[message.id] = None
        while len(self._done) > _REMEMBER:
            self._done.popitem(last=False)
        words = message.content.replace(f"<@{me.id}>", " ").replace(f"<@!{me.id}>", " ").strip()
        try:
            await self._answer(message, words[:_LONGEST])
        except Exception as error:  # noqa: BLE001 - the outermost edge of a message
            await self._say(message, sentence(error))

    async def _answer(self, message: discord.Message, words: str) -> None:
        app = self.bot.app
        who = app.gate.require(message, "ask")
        sent: list[discord.Message] = []

        async def show(embed: discord.Embed, view: discord.ui.View | None) -> None:
            if sent:
                await sent[0].edit(embed=embed, view=view)
            elif view is None:
                sent.append(await message.reply(embed=embed, mention_author=False))
            else:
                sent.append(await message.reply(embed=embed, view=view, mention_author=False))

        await app.copilot.answer(who, words or "what can be done?", show, research=True)

    async def _say(self, message: discord.Message, words: str) -> None:
        try:
            await message.reply(reply.badged(self.bot.app, words), mention_author=False)
        except reply.UNWELL as error:
            log.warning("the answer to question %s was lost: %s", message.id, error)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Copilot(bot))
