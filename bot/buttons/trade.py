"""Buttons of an open trade: close a share of it, move or trail its stop, set a target."""

from decimal import Decimal
from typing import TYPE_CHECKING, Any, ClassVar

import discord

from bot import dialogs, reply, text
from bot.confirm import Question, ask_first
from bot.lasting import Lasting, below
from bot.reply import Press
from engine.domain.errors import UserError
from engine.domain.trade import Trade, TradeState
from engine.flows.trades import follow, manage

if TYPE_CHECKING:
    from bot.app import App

Style = discord.ButtonStyle
_QUARTERS = 4
"""From so many units on a quarter is a number of them."""


class TradeButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:trade:(?P<id>[A-Za-z0-9./-]{1,60})"
    r":(?P<verb>close25|close50|close100|entry|stop|target|trail)",
):
    """Close a share, move or trail the stop, set a target: on the card of an open trade."""

    LOOKS: ClassVar[dict[str, tuple[str, Style]]] = {
        "close25": ("Close 25 %", Style.secondary),
        "close50": ("Close 50 %", Style.secondary),
        "close100": ("Close all", Style.danger),
        "entry": ("Stop to entry", Style.primary),
        "stop": ("Stop…", Style.secondary),
        "target": ("Target…", Style.secondary),
        "trail": ("Trail…", Style.secondary),
    }
    PERMISSIONS: ClassVar[dict[str, str]] = {
        "close25": "press close",
        "close50": "press close",
        "close100": "press close",
        "entry": "press stop",
        "stop": "press stop",
        "target": "press target",
        "trail": "press stop",
    }

    def __init__(self, trade_id: str, verb: str) -> None:
        words, style = self.LOOKS[verb]
        super().__init__(
            discord.ui.Button(label=words, style=style, custom_id=f"ts:trade:{trade_id}:{verb}")
        )
        self.trade_id, self.verb = trade_id, verb

    async def callback(self, interaction: Press) -> None:
        """Act, or ask first where it costs money."""
        app = interaction.client.app
        if self.verb in dialogs.FORMS:
            await reply.handled(
                interaction, lambda: dialogs.show(app, interaction, self.verb, self.trade_id)
            )
            return
        await reply.defer(interaction)
        await reply.handled(interaction, lambda: self._act(app, interaction))

    async def _act(self, app: "App", press: Press) -> str | None:
        who = app.gate.require(press, self.PERMISSIONS[self.verb])
        if self.verb == "entry":
            trade = await manage.to_break_even(app.desk, self.trade_id, who)
            return f"✔ stop of {trade.symbol} is now {trade.stop.price if trade.stop else 'n/a'}"
        percent = Decimal(self.verb.removeprefix("close"))
        await ask_first(app, press, close_question(app, self.trade_id, percent=percent))
        return None


def close_question(
    app: "App", trade_id: str, *, percent: Decimal | None = None, qty: Decimal | None = None
) -> Question:
    """The confirmation before so much of a trade is closed.

    Raises:
        UserError: it is over, or so much of it is not held.
    """
    desk = app.desk

    def trade() -> Trade:
        found = desk.book.trades.get(trade_id)
        if found is None or found.state is not TradeState.OPEN:
            raise UserError("That trade is not open any more. Nothing was changed.")
        return found

    def state() -> object:
        now = desk.book.trades.get(trade_id)
        return None if now is None else (now.state, now.qty_open, now.closes)

    def body() -> str:
        now = trade()
        units = manage.units(now, qty, percent)
        return "\n".join(
            [
                f"**{units:f}** of {text.safe_line(follow.label(now), 90)}, at market",
                text.shorten(app.reading.one_line(now), 200),
                app.reading.worth(now, units),
            ]
        )

    async def go(press: Press) -> str:
        who = app.gate.who(press)
        await manage.close(desk, trade_id, who, qty=qty, percent=percent)
        return f"✔ closing {share} of {symbol}"

    first = trade()
    manage.units(first, qty, percent)
    symbol = text.safe_line(first.symbol, 40)
    share = "all" if percent == 100 else f"{qty:f}" if percent is None else f"{percent:f} %"
    return Question(
        title=f"Close {share} of {symbol}?",
        yes=f"Close {share} of {symbol}",
        body=body,
        action=go,
        price=lambda: desk.quote(first.legs),
        unit=first.legs,
        state=state,
    )


def trade_view(trade: Trade) -> discord.ui.View | None:
    """The buttons that belong on a trade card now; None once it is flat."""
    if trade.state is not TradeState.OPEN:
        return None
    n = trade.qty_open
    parts = [*(["close25"] if n >= _QUARTERS else []), *(["close50"] if n > 1 else [])]
    verbs = [*parts, "close100", "entry", "stop", "target", "trail"]
    return below(TradeButton(trade.trade_id, verb) for verb in verbs)
