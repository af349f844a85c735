"""#actions: a trader types what to do with a position; one confirmation where it costs money."""

from collections import OrderedDict
from typing import Any

import discord
from discord.ext import commands

from bot import action_text, errors
from bot.action_text import ActionText
from bot.cards import trade_card
from bot.client import DeskBot
from bot.confirm import ask_first
from bot.views import trade_view
from engine.domain.errors import UserError
from engine.domain.trade import Trade
from engine.flows import follow, halt, manage

_REMEMBER = 2000


class Actions(commands.Cog):
    """Reads the action channels; people only, never bots, webhooks or edits."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot
        self._done: OrderedDict[int, None] = OrderedDict()

    @commands.Cog.listener()
    async def on_message(self, message: discord.Message) -> None:
        """A message in an action channel that starts with #."""
        app = self.bot.app
        if message.channel.id not in app.config.discord.channels.actions:
            return
        if message.author.bot or message.webhook_id is not None:
            return
        text = self._plain(message)
        if not text.lstrip().startswith("#") or message.id in self._done:
            return
        self._done[message.id] = None
        while len(self._done) > _REMEMBER:
            self._done.popitem(last=False)
        try:
            actions = action_text.read(text)
            for action in actions:
                await self._run(message, action)
        except Exception as error:  # noqa: BLE001 - the outermost edge of an action
            await self._say(message, errors.sentence(error))

    def _plain(self, message: discord.Message) -> str:
        """The text with channel mentions (a channel may bear a symbol's name) as words again."""
        text = message.content
        for channel in message.channel_mentions:
            text = text.replace(f"<#{channel.id}>", f"#{channel.name}")
        return text

    async def _say(self, message: discord.Message, text: str, **more: Any) -> None:
        await message.reply(
            text[:2000],
            mention_author=False,
            allowed_mentions=discord.AllowedMentions.none(),
            **more,
        )

    async def _run(self, message: discord.Message, action: ActionText) -> None:
        app = self.bot.app
        if action.verb == "emergency-stop":
            who = app.gate.require(message, "#emergency-stop")
            killed = await halt.emergency_stop(app.desk, who, close=False, reason="#emergency-stop")
            await self._say(message, f"🛑 Entries are stopped; {len(killed)} ended.")
            await self._ask_all(message)
            return
        if action.verb == "close-all":
            app.gate.require(message, "#close-all")
            await self._ask_all(message)
            return
        name = "#position" if action.verb == "info" else f"#{action.verb}"
        who = app.gate.require(message, name)
        trade = self._one(action)
        if action.verb == "info":
            await self._say(
                message,
                "",
                embed=trade_card.show(app.reading.live_trade(trade)),
                view=trade_view(trade),
            )
        elif action.verb == "close":
            await self._ask_close(message, trade, action)
        elif action.verb == "stop" and action.price is not None:
            before = trade.stop.price if trade.stop else "n/a"
            await manage.set_stop(app.desk, trade.trade_id, who, action.price)
            await self._say(message, f"✔ {trade.symbol} stop {before} → {action.price}")
        elif action.verb == "target" and action.price is not None:
            await manage.set_target(app.desk, trade.trade_id, who, action.price)
            await self._say(message, f"✔ {trade.symbol} target → {action.price}")
        else:
            after = await manage.trail(
                app.desk, trade.trade_id, who, percent=action.percent, atr=action.atr
            )
            stop = after.stop.price if after.stop else "n/a"
            await self._say(message, f"✔ {trade.symbol} trails from {stop}")

    def _one(self, action: ActionText) -> Trade:
        found = manage.of_symbol(self.bot.app.desk, action.symbol)
        if len(found) > 1 and action.verb != "info":
            names = "; ".join(follow.label(t) for t in found)
            raise UserError(
                f"{action.symbol} is held more than once ({names}). Nothing was done; use the "
                "buttons of the one you mean."
            )
        return found[0]

    async def _ask_close(self, message: discord.Message, trade: Trade, action: ActionText) -> None:
        app = self.bot.app
        share = f"{action.percent:f} %" if action.percent is not None else f"{action.qty:f}"
        await self._ask(
            message,
            title=f"Close {share} of {trade.symbol}?",
            body=f"{follow.label(trade)} · {app.reading.one_line(trade)}",
            yes=f"Close {share}",
            trades=[trade],
            action=action,
        )

    async def _ask_all(self, message: discord.Message) -> None:
        app = self.bot.app
        held = app.desk.book.open_trades()
        if not held:
            await self._say(message, "Nothing is open.")
            return
        await self._ask(
            message,
            title=f"Close all {len(held)} open trades at market?",
            body="\n".join(app.reading.one_line(t) for t in held[:15]),
            yes="Close everything",
            trades=held,
            action=None,
        )

    async def _ask(
        self,
        message: discord.Message,
        *,
        title: str,
        body: str,
        yes: str,
        trades: list[Trade],
        action: ActionText | None,
    ) -> None:
        app = self.bot.app

        async def go(press: discord.Interaction[DeskBot]) -> str:
            who = app.gate.who(press)
            if action is not None:
                await manage.close(
                    app.desk, trades[0].trade_id, who, qty=action.qty, percent=action.percent
                )
                return f"✔ {yes} of {trades[0].symbol}: sent"
            tally = await manage.close_all(app.desk, who)
            return "\n".join(f"{t}: {said}" for t, said in tally.items())[:2000]

        legs = trades[0].legs
        await ask_first(
            app,
            message,
            title=title,
            body=body,
            yes=yes,
            action=go,
            drift=(lambda: app.desk.quote(legs)) if action is not None else None,
        )


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Actions(bot))
