"""The book: /status, /positions, /profit-loss, /trades, /trace."""

from typing import TYPE_CHECKING, Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import reply, text
from bot.buttons.position import Shown, positions_page
from bot.buttons.trade import trade_view
from bot.cards import exposure as exposure_card
from bot.cards import performance as performance_card
from bot.cards import pnl as pnl_card
from bot.cards import sides as sides_card
from bot.cards import status as status_card
from bot.cards import summary as summary_card
from bot.cards import trace as trace_card
from bot.cards import trade_card
from bot.cards import trades as trades_card
from bot.client import DeskBot
from bot.drawn import with_chart
from bot.reading.sides import offered
from bot.reading.status import status_of
from bot.suggest import among
from engine.flows.trades import manage
from engine.reports.positions import Sort

if TYPE_CHECKING:
    from bot.app import App

Press = discord.Interaction[DeskBot]
Assets = Literal["stock", "option", "spread", "future", "crypto"]
States = Literal["recent", "open", "closed"]

_MOST = 4
"""Further cards of one symbol."""

Period = Literal["today", "week", "month", "ytd"]
Span = Literal["1d", "1w", "1m", "3m", "ytd", "all"]
By = Literal["position", "strategy", "sector", "broker", "author"]
Asset = Literal["all", "equity", "options", "futures", "crypto"]
Colours = Literal["dark", "light"]
Choice = app_commands.Choice[str]
Stakes = Literal["sector", "position", "asset", "broker", "strategy"]


class Portfolio(commands.Cog):
    """Reads reports and shows them; changes nothing."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(description="One screen: mode, brokers, P&L, breaker, last alert")
    async def status(self, interaction: Press) -> None:
        """The desk at a glance."""
        app = self.bot.app
        await app.gate.begin(interaction, "status")
        await reply.report(interaction, status_card.show(status_of(app)))

    @app_commands.command(description="Every open position with P&L, stop, targets and buttons")
    @app_commands.describe(
        symbol="Only this symbol, with its buttons",
        broker="Only at this broker",
        asset="Only this asset class",
        sort="Which comes first",
    )
    async def positions(
        self,
        interaction: Press,
        symbol: str | None = None,
        broker: str | None = None,
        asset: Assets | None = None,
        sort: Sort = "pl",
    ) -> None:
        """Open positions; with a symbol, its card with buttons."""
        app = self.bot.app
        await app.gate.begin(interaction, "positions")
        if symbol is None:
            shown = Shown(sort=sort, asset=asset or "", broker=_broker(app, broker))
            embed, view = positions_page(app, shown)
            await reply.report(interaction, embed, view=view)
            return
        first, *others = manage.of_symbol(app.desk, symbol)
        await reply.report(
            interaction, trade_card.show(app.reading.live_trade(first)), view=trade_view(first)
        )
        for trade in others[:_MOST]:
            embed = trade_card.show(app.reading.live_trade(trade))
            await reply.say(interaction, view=trade_view(trade), embed=embed)

    @positions.autocomplete("symbol")
    async def _held(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "positions"):
            return []
        return among(sorted({t.symbol for t in app.desk.book.open_trades()}), current)

    @app_commands.command(name="profit-loss", description="P&L from the ledger, with its chart")
    @app_commands.describe(period="Which days", by="In groups of", theme="Colours of the chart")
    async def profit_loss(
        self,
        interaction: Press,
        period: Period = "today",
        by: By = "position",
        theme: Colours | None = None,
    ) -> None:
        """Realised, open, fees, net; reconciled with the change of equity."""
        app = self.bot.app
        await app.gate.begin(interaction, "profit-loss")
        colours = app.people.theme(interaction.user.id, theme)
        embed, files = await with_chart(app, pnl_card, await app.reading.pnl(period, by), colours)
        await reply.report(interaction, embed, files=files)

    @app_commands.command(description="Win rate, profit factor, drawdown, Sharpe; with the curve")
    @app_commands.describe(
        period="Which days",
        asset="Only these",
        strategy="Only this room or strategy",
        compare="A symbol; or strategy, author, broker, asset, period: all of them, or one by name",
        theme="Colours of the chart",
    )
    async def performance(
        self,
        interaction: Press,
        period: Span = "1m",
        asset: Asset = "all",
        strategy: str = "",
        compare: str = "",
        theme: Colours | None = None,
    ) -> None:
        """Measures of closed trades, from the ledger; beside SPY, or beside each other."""
        app = self.bot.app
        await app.gate.begin(interaction, "performance")
        sides = await app.risks.sides(period, asset=asset, strategy=strategy, compare=compare)
        if sides is not None:
            await reply.report(interaction, sides_card.show(sides))
            return
        report = await app.risks.performance(
            period, asset=asset, strategy=strategy, compare=compare
        )
        colours = app.people.theme(interaction.user.id, theme)
        embed, files = await with_chart(app, performance_card, report, colours)
        await reply.report(interaction, embed, files=files)

    @performance.autocomplete("strategy")
    async def _strategies(self, interaction: Press, current: str) -> list[Choice]:
        app = self.bot.app
        if not app.gate.allows(interaction, "performance"):
            return []
        book = app.desk.book
        used = {t.source for t in (*book.round_trips.values(), *book.open_trades())}
        return among(sorted(used), current)

    @performance.autocomplete("compare")
    async def _beside(self, interaction: Press, current: str) -> list[Choice]:
        app = self.bot.app
        if not app.gate.allows(interaction, "performance"):
            return []
        own = among(offered(app.desk), current)
        return [*own, *app.suggest.choices(current)][:25] if current else own

    @app_commands.command(description="What is at stake and where, in percent of equity")
    @app_commands.describe(by="In groups of", theme="Colours of the chart")
    async def exposure(
        self, interaction: Press, by: Stakes = "sector", theme: Colours | None = None
    ) -> None:
        """Gross and net, limit and room, largest first."""
        app = self.bot.app
        await app.gate.begin(interaction, "exposure")
        colours = app.people.theme(interaction.user.id, theme)
        embed, files = await with_chart(app, exposure_card, app.risks.exposure(by), colours)
        await reply.report(interaction, embed, files=files)

    @app_commands.command(
        name="portfolio-summary", description="Equity, cash, the day, and what is at work"
    )
    @app_commands.describe(
        account="Only this account", broker="Only its accounts", theme="Colours of the chart"
    )
    async def portfolio_summary(
        self,
        interaction: Press,
        account: str | None = None,
        broker: str | None = None,
        theme: Colours | None = None,
    ) -> None:
        """All accounts on one screen, or some."""
        app = self.bot.app
        await app.gate.begin(interaction, "portfolio-summary")
        report = await app.risks.summary(account, broker)
        colours = app.people.theme(interaction.user.id, theme)
        embed, files = await with_chart(app, summary_card, report, colours)
        await reply.report(interaction, embed, files=files)

    @portfolio_summary.autocomplete("account")
    async def _accounts(self, interaction: Press, current: str) -> list[Choice]:
        app = self.bot.app
        if not app.gate.allows(interaction, "portfolio-summary"):
            return []
        return among(sorted(app.desk.book.accounts), current)

    @portfolio_summary.autocomplete("broker")
    async def _brokers(self, interaction: Press, current: str) -> list[Choice]:
        app = self.bot.app
        if not app.gate.allows(interaction, "portfolio-summary"):
            return []
        return among(sorted(app.desk.brokers), current)

    trades = app_commands.Group(name="trades", description="Round trips, open and closed")

    @trades.command(name="recent", description="The latest trades with their P&L")
    @app_commands.describe(
        limit="How many", symbol="Only this symbol", asset="Only this class", broker="Only there"
    )
    async def recent(
        self,
        interaction: Press,
        limit: app_commands.Range[int, 1, 25] = 10,
        symbol: str | None = None,
        asset: Assets | None = None,
        broker: str | None = None,
    ) -> None:
        """Closed and open trades, newest first."""
        await self._trades(interaction, "recent", limit, symbol, asset, broker)

    @trades.command(name="open", description="What is open or waiting to be filled")
    @app_commands.describe(
        limit="How many", symbol="Only this symbol", asset="Only this class", broker="Only there"
    )
    async def open_(
        self,
        interaction: Press,
        limit: app_commands.Range[int, 1, 25] = 25,
        symbol: str | None = None,
        asset: Assets | None = None,
        broker: str | None = None,
    ) -> None:
        """Open and pending trades."""
        await self._trades(interaction, "open", limit, symbol, asset, broker)

    @trades.command(name="closed", description="Round trips that are over, with their P&L")
    @app_commands.describe(
        limit="How many", symbol="Only this symbol", asset="Only this class", broker="Only there"
    )
    async def closed(
        self,
        interaction: Press,
        limit: app_commands.Range[int, 1, 25] = 10,
        symbol: str | None = None,
        asset: Assets | None = None,
        broker: str | None = None,
    ) -> None:
        """Newest first."""
        await self._trades(interaction, "closed", limit, symbol, asset, broker)

    async def _trades(
        self,
        interaction: Press,
        states: States,
        limit: int,
        symbol: str | None,
        asset: str | None,
        broker: str | None,
    ) -> None:
        app = self.bot.app
        await app.gate.begin(interaction, f"trades {states}")
        report = await app.reading.trades(
            limit, symbol, states, asset=asset or "", broker=_broker(app, broker)
        )
        await reply.report(interaction, trades_card.show(report))

    @positions.autocomplete("broker")
    @recent.autocomplete("broker")
    @open_.autocomplete("broker")
    @closed.autocomplete("broker")
    async def _at(self, interaction: Press, current: str) -> list[Choice]:
        app = self.bot.app
        if not app.gate.allows(interaction, "positions"):
            return []
        return among(sorted(app.desk.brokers), current)

    @recent.autocomplete("symbol")
    @open_.autocomplete("symbol")
    @closed.autocomplete("symbol")
    async def _traded(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "trades recent"):
            return []
        book = app.desk.book
        traded = {t.symbol for t in (*book.open_trades(), *book.closed.values())}
        return among(sorted(traded), current)

    @app_commands.command(description="Every hop of one alert, order or trade, from the journal")
    @app_commands.describe(id="Id of an alert, order, trade or approval")
    async def trace(self, interaction: Press, id: str) -> None:  # noqa: A002
        """The path of one story with times and rows."""
        app = self.bot.app
        await app.gate.begin(interaction, "trace")
        report = await app.reading.trace(id.strip())
        if report is None:
            known = "Copy it from the foot of a card."
            await reply.say(
                interaction, f"⚠ Nothing is known under “{text.safe_line(id, 40)}”. {known}"
            )
            return
        await reply.report(interaction, trace_card.show(report))

    @trace.autocomplete("id")
    async def _stories(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "trace"):
            return []
        wanted = current.lower()
        book = app.desk.book
        found = [(t.trade_id, f"trade {t.symbol}") for t in reversed(book.trades.values())]
        found += [(a.alert_id, f"alert {a.symbol}") for a in reversed(book.alerts.values())]
        return [
            app_commands.Choice(name=text.shorten(f"{what} · {key}", 100), value=key)
            for key, what in found
            if wanted in f"{what} {key}".lower() and len(key) <= 100
        ][:25]


def _broker(app: "App", name: str | None) -> str:
    """A broker that is there; empty: any.

    Raises:
        UserError: it is not configured.
    """
    if name is None:
        return ""
    return app.outside.named(name)


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Portfolio(bot))
