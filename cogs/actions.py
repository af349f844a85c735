"""#actions: a trader types what to do with a position; one confirmation where it costs money."""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Any

import discord
from discord.ext import commands

from bot import action_text, halting, text
from bot.action_text import ActionText
from bot.cancelling import cancel_all_question, cancel_question
from bot.cards import orders as orders_card
from bot.cards import trade_card
from bot.client import DeskBot
from bot.confirm import ask_first
from bot.errors import sentence
from bot.pace import TooMuch
from bot.reply import UNWELL
from bot.views import close_question, trade_view
from engine.domain.desk import Who
from engine.domain.errors import ActionSyntaxError, UserError
from engine.domain.trade import Trade
from engine.flows import approve, follow, halt, manage

log = logging.getLogger(__name__)

_REMEMBER = 2000
_MOST_CARDS = 5
_TELL_S = 10.0


class Actions(commands.Cog):
    """Reads the action channels; people only, never bots, webhooks or edits."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot
        self._done: OrderedDict[int, None] = OrderedDict()
        self._told: dict[int, float] = {}
        """Who was told to slow down, and when."""

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """Every line of a message in an action channel is one action."""
        if message.channel.id not in self.bot.app.config.discord.channels.actions:
            return
        if message.author.bot or message.webhook_id is not None or message.id in self._done:
            return
        self._done[message.id] = None
        while len(self._done) > _REMEMBER:
            self._done.popitem(last=False)
        if not message.content:
            return
        try:
            actions = action_text.read(self._plain(message))
        except ActionSyntaxError as error:
            await self._not_understood(message, error)
            return
        for action in actions:
            await self._do(message, action)

    def _plain(self, message: discord.Message) -> str:
        """The text with channel mentions (a channel may bear a symbol's name) as words again."""
        words = message.content
        for channel in message.channel_mentions:
            words = words.replace(f"<#{channel.id}>", f"#{channel.name}")
        return words

    async def _not_understood(self, message: discord.Message, error: ActionSyntaxError) -> None:
        """Nothing of it is done, except an emergency stop: that must not hang on a typing error."""
        words, gate = self._plain(message), self.bot.app.gate
        if action_text.has_emergency(words):
            await self._do(message, ActionText(verb="emergency-stop"))
        if not words.lstrip().startswith("#") and not gate.allows(message, "#position"):
            return  # people who talk here without acting

        async def refuse() -> None:
            gate.require(message, "#position")
            raise error

        await self._guarded(message, refuse)

    async def _do(self, message: discord.Message, action: ActionText) -> None:
        """One action, with its own answer: one that fails does not keep the next ones back."""
        await self._guarded(message, lambda: self._run(message, action))

    async def _guarded(self, message: discord.Message, work: Callable[[], Awaitable[None]]) -> None:
        try:
            await work()
        except TooMuch as error:
            now = self.bot.app.clock.monotonic()
            if now - self._told.get(message.author.id, -_TELL_S) >= _TELL_S:
                self._told = {k: at for k, at in self._told.items() if now - at < _TELL_S}
                self._told[message.author.id] = now
                await self._say(message, sentence(error))
        except Exception as error:  # noqa: BLE001 - the outermost edge of an action
            await self._say(message, sentence(error))

    async def _say(self, message: discord.Message, words: str = "", **more: Any) -> None:
        try:
            await message.reply(words[:2000], mention_author=False, **more)
        except UNWELL as error:
            log.warning("the answer to action %s was lost: %s", message.id, error)

    async def _run(self, message: discord.Message, action: ActionText) -> None:
        app = self.bot.app
        who = app.gate.require(message, _PERMISSIONS[action.verb])
        if action.verb == "emergency-stop":
            tally = await halt.emergency_stop(app.desk, who, close=False, reason="#emergency-stop")
            await self._ask_all(message, halting.ended(tally))
        elif action.verb == "close-all":
            await self._ask_all(message)
        elif action.verb in _ELSEWHERE:
            await self._elsewhere(message, who, action)
        elif action.verb == "info":
            await self._show(message, manage.of_symbol(app.desk, action.symbol))
        elif action.verb == "close":
            trade = self._one(action)
            question = close_question(app, trade.trade_id, qty=action.qty, percent=action.percent)
            await ask_first(app, message, question)
        else:
            await self._say(message, await self._change(self._one(action), who, action))

    async def _elsewhere(self, message: discord.Message, who: Who, action: ActionText) -> None:
        """What is about orders and approvals, not about a position."""
        app = self.bot.app
        if action.verb == "order-status":
            row, stamp = await app.reading.order(action.id)
            await self._say(message, embed=orders_card.one(row, stamp))
        elif action.verb == "order-cancel":
            await ask_first(app, message, cancel_question(app, action.id, who))
        elif action.verb == "cancel-all":
            await ask_first(app, message, cancel_all_question(app, who))
        else:
            decide = approve.approve if action.verb == "approve" else approve.reject
            known = {key.casefold(): key for key in app.desk.book.approvals}
            decided = await decide(app.desk, known.get(action.id.casefold(), action.id), None, who)
            await self._say(message, f"✔ {text.safe_line(decided.said, 200)}")

    async def _show(self, message: discord.Message, trades: list[Trade]) -> None:
        for trade in trades[:_MOST_CARDS]:
            embed = trade_card.show(self.bot.app.reading.live_trade(trade))
            await self._say(message, embed=embed, view=trade_view(trade))

    async def _ask_all(self, message: discord.Message, told: str = "") -> None:
        app = self.bot.app
        if app.desk.book.open_trades():
            await ask_first(app, message, halting.close_everything(app, told))
        else:
            await self._say(message, f"{told}\nNothing is open.".strip())

    async def _change(self, trade: Trade, who: Who, action: ActionText) -> str:
        """Move a stop or a target; what it was and what it is."""
        desk, name = self.bot.app.desk, text.safe_line(trade.symbol, 40)
        before = "n/a" if trade.stop is None else str(trade.stop.price)
        if action.verb == "stop" and action.price is not None:
            await manage.set_stop(desk, trade.trade_id, who, action.price)
            return f"✔ {name} stop {before} → {action.price}"
        if action.verb == "target" and action.price is not None:
            old = ", ".join(str(t.price) for t in trade.targets if not t.is_hit) or "n/a"
            await manage.set_target(desk, trade.trade_id, who, action.price)
            return f"✔ {name} target {old} → {action.price}"
        after = await manage.trail(
            desk, trade.trade_id, who, percent=action.percent, atr=action.atr
        )
        stop = "n/a" if after.stop is None else str(after.stop.price)
        return f"✔ {name} stop {before} → {stop}, trailing from here"

    def _one(self, action: ActionText) -> Trade:
        found = manage.of_symbol(self.bot.app.desk, action.symbol)
        if len(found) > 1:
            names = "; ".join(follow.label(t) for t in found)
            raise UserError(
                f"{action.symbol} is held more than once ({names}). Nothing was done; type "
                f"#{action.symbol} and use the buttons of the one you mean."
            )
        return found[0]


_ELSEWHERE = ("order-status", "order-cancel", "cancel-all", "approve", "reject")
_PERMISSIONS = {
    "info": "#position",
    "close": "#close",
    "stop": "#stop",
    "target": "#target",
    "trailing": "#trailing",
    "close-all": "#close-all",
    "cancel-all": "#cancel-all",
    "order-status": "#order",
    "order-cancel": "#order",
    "approve": "#approve",
    "reject": "#reject",
    "emergency-stop": "#emergency-stop",
}


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Actions(bot))
