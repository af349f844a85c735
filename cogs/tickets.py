"""Orders of one's own: /buy, /sell."""

from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import actions, tickets
from bot.client import DeskBot
from bot.numbers import number, optional_number
from engine.domain.errors import UserError
from engine.domain.order import Side
from engine.flows.alerts.drafting import Wanted

Press = discord.Interaction[DeskBot]
Unit = Literal["shares", "contracts", "usd", "risk-pct"]

_DESCRIBED = {
    "symbol": "AAPL, SPY 603C 11/21, /MES, BTC/USD",
    "quantity": "How many, how many dollars, or percent of equity at risk",
    "unit": "What the quantity counts; left out: shares, contracts or coins",
    "type": "Market: the price of now, capped; limit: yours",
    "limit": "The worst price that you accept",
    "stop": "Left out: two ATR, or the house's distance",
    "target": "Where to take profit",
    "broker": "An account or broker; left out: by the routes",
}


class Tickets(commands.Cog):
    """A ticket first: cost, risk, checks, route; then one click."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(name="buy", description="An order of your own: a ticket, then one click")
    @app_commands.describe(**_DESCRIBED)
    async def buy(
        self,
        interaction: Press,
        symbol: str,
        quantity: str,
        unit: Unit | None = None,
        type: Literal["market", "limit"] = "market",  # noqa: A002
        limit: str = "",
        stop: str = "",
        target: str = "",
        broker: str = "",
    ) -> None:
        """Sized, guarded and checked like an alert."""
        await self.bot.app.gate.begin(interaction, "buy")
        prices = {"limit": limit, "stop": stop, "target": target}
        await self._ask(interaction, Side.BUY, symbol, quantity, unit, type, prices, broker)

    @app_commands.command(name="sell", description="Reduce what is held, or a short; one click")
    @app_commands.describe(**_DESCRIBED)
    async def sell(
        self,
        interaction: Press,
        symbol: str,
        quantity: str,
        unit: Unit | None = None,
        type: Literal["market", "limit"] = "market",  # noqa: A002
        limit: str = "",
        stop: str = "",
        target: str = "",
        broker: str = "",
    ) -> None:
        """What is held long is reduced; never more than is held."""
        await self.bot.app.gate.begin(interaction, "sell")
        prices = {"limit": limit, "stop": stop, "target": target}
        await self._ask(interaction, Side.SELL, symbol, quantity, unit, type, prices, broker)

    async def _ask(
        self,
        press: Press,
        side: Side,
        symbol: str,
        quantity: str,
        unit: Unit | None,
        kind: str,
        prices: dict[str, str],
        broker: str,
    ) -> None:
        app = self.bot.app
        limit = optional_number("limit", prices["limit"])
        if kind == "limit" and limit is None:
            raise UserError("A limit order needs its limit. Nothing was sent.")
        if kind == "market" and limit is not None:
            raise UserError("A limit belongs to type limit. Nothing was sent.")
        wanted = Wanted(
            side=side,
            symbol=symbol,
            amount=number("quantity", quantity),
            unit=unit or "units",
            limit=limit,
            stop=optional_number("stop", prices["stop"]),
            target=optional_number("target", prices["target"]),
            at=broker,
        )
        asked = await tickets.ask(app, app.gate.who(press), wanted)
        await actions.show(app, press, asked)

    @buy.autocomplete("symbol")
    @sell.autocomplete("symbol")
    async def _symbols(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "buy"):
            return []
        wanted = current.strip().casefold()
        held = [t.legs[0].instrument.label for t in app.desk.book.open_trades() if len(t.legs) == 1]
        names = dict.fromkeys(
            (*(h for h in held if wanted in h.casefold()), *app.suggest.symbols(current))
        )
        return [app_commands.Choice(name=n[:100], value=n[:100]) for n in list(names)[:25]]

    @buy.autocomplete("broker")
    @sell.autocomplete("broker")
    async def _accounts(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "buy"):
            return []
        known = app.desk.settings.accounts
        wanted = current.strip().lower()
        return [
            app_commands.Choice(name=f"{account} · {broker}", value=account)
            for account, broker in known.items()
            if wanted in f"{account} {broker}"
        ][:25]


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Tickets(bot))
