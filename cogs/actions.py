"""#actions: a trader types what to do; one confirmation where it costs money. /action, /actions."""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from bot import actions, dialogs, reply
from bot.actions import _missed
from bot.actions._button import offers_view
from bot.cards import actions as actions_card
from bot.client import DeskBot
from bot.errors import sentence
from bot.pace import TooMuch
from bot.reply import UNWELL
from engine.domain.errors import ActionSyntaxError

log = logging.getLogger(__name__)

Press = discord.Interaction[DeskBot]

_REMEMBER = 2000
_TELL_S = 10.0


class Actions(commands.Cog):
    """Reads the action channels; people only, never bots, webhooks or edits."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot
        self._done: OrderedDict[int, None] = OrderedDict()
        self._told: dict[int, float] = {}
        """Who was told to slow down, and when."""

    # -- typed --------------------------------------------------------------------------------

    @commands.Cog.listener()
    async def on_ready(self) -> None:
        """What was typed while nobody heard it is answered: nothing of it was done."""
        await _missed.answer(self.bot.app, self._done)

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Every line of a message in an action channel is one action."""
        if not self._is_for_us(message) or message.id in self._done:
            return
        self._done[message.id] = None
        while len(self._done) > _REMEMBER:
            self._done.popitem(last=False)
        if not message.content or not await self._admitted(message):
            return
        try:
            found = actions.read(self._plain(message))
        except ActionSyntaxError as error:
            await self._not_understood(message, error)
            return
        for one in found:
            await self._do(message, one)

    def _is_for_us(self, message: discord.Message) -> bool:
        if message.author.bot or message.webhook_id is not None:
            return False
        if message.guild is None:  # people who write to the bot without acting get no answer
            return message.content.lstrip().startswith("#")
        rooms = self.bot.app.config.discord.channels
        if message.channel.id in rooms.actions:
            return True
        is_resume = message.content.strip().lower() == "#resume"
        return message.channel.id == rooms.admin and is_resume

    async def _admitted(self, message: discord.Message) -> bool:
        """Whether he may act here at all; who may not in a direct message is told so."""
        is_in = False

        async def admit() -> None:
            nonlocal is_in
            await self.bot.app.gate.admit(message)
            is_in = True

        await self._guarded(message, admit)
        return is_in

    def _plain(self, message: discord.Message) -> str:
        """The text with channel mentions (a channel may bear a symbol's name) as words again."""
        words = message.content
        for channel in message.channel_mentions:
            words = words.replace(f"<#{channel.id}>", f"#{channel.name}")
        return words

    async def _not_understood(self, message: discord.Message, error: ActionSyntaxError) -> None:
        """Nothing of it is done, except an emergency stop: that must not hang on a typing error."""
        words, gate = self._plain(message), self.bot.app.gate
        if actions.has_emergency(words):
            await self._do(message, actions.read_line("#emergency-stop"))
        if not words.lstrip().startswith("#") and not gate.allows(message, "#position"):
            return  # people who talk here without acting

        async def refuse() -> None:
            gate.require(message, "#position")
            raise error

        await self._guarded(message, refuse)

    async def _do(self, message: discord.Message, what: actions.Read) -> None:
        """One action, with its own answer: one that fails does not keep the next ones back."""

        async def work() -> None:
            for said in await actions.run(self.bot.app, message, what):
                await self._answer(message, said)

        await self._guarded(message, work)

    async def _answer(self, message: discord.Message, said: Any) -> None:
        try:
            await actions.show(self.bot.app, message, said)
        except UNWELL as error:
            log.warning("the answer to action %s was lost: %s", message.id, error)

    async def _guarded(self, message: discord.Message, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except TooMuch as error:
            now = self.bot.app.clock.monotonic()
            if now - self._told.get(message.author.id, -_TELL_S) >= _TELL_S:
                self._told = {k: at for k, at in self._told.items() if now - at < _TELL_S}
                self._told[message.author.id] = now
                await self._answer(message, sentence(error))
        except Exception as error:  # noqa: BLE001 - the outermost edge of an action
            await self._answer(message, sentence(error))

    # -- by command -----------------------------------------------------------------------------

    @app_commands.command(name="action", description="A # action with suggestions at every word")
    @app_commands.describe(words="SPY close 50%, order-TS… cancel, buy AAPL 10, close-all, …")
    @app_commands.rename(words="text")
    async def action(self, interaction: Press, words: app_commands.Range[str, 1, 200]) -> None:
        """The same grammar as in the action channel; answers are private."""
        app = self.bot.app
        app.gate.require(interaction, "action")
        line = "#" + words.strip().removeprefix("#")
        try:
            form = actions.read_line(line).action.form
        except ActionSyntaxError:
            form = ""
        if form:
            await dialogs.show(app, interaction, form, "")
            return
        await reply.think(interaction, private=True)
        await actions.perform(app, interaction, line)

    @action.autocomplete("words")
    async def _lines(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "action"):
            return []
        lines = actions.complete(app, interaction, current)
        return [app_commands.Choice(name=line, value=line) for line in lines]

    @app_commands.command(name="actions", description="What can be done now, as a menu")
    async def menu(self, interaction: Press) -> None:
        """Positions, orders, and what concerns all; what costs money is asked for once more."""
        app = self.bot.app
        app.gate.require(interaction, "actions")
        await reply.think(interaction, private=True)
        found = actions.offers(app, interaction)
        await reply.report(
            interaction,
            actions_card.menu(found, app.reading.frame().stamp("actions")),
            view=offers_view(app, found),
        )


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Actions(bot))
