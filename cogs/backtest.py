"""What a room would have made: /backtest."""

import asyncio
import io
from datetime import timedelta
from decimal import Decimal
from typing import Literal

import discord
from discord import app_commands
from discord.ext import commands

from bot import export, reply, text
from bot.backtest import MOST_DAYS
from bot.cards import backtest as card
from bot.cards import performance as equity_card
from bot.client import DeskBot
from bot.drawn import drawn
from bot.numbers import day, optional_number
from bot.suggest import among
from engine.domain.errors import UserError
from engine.market import new_york_date
from engine.reports import backtest
from engine.reports.backtest import Asked, BacktestReport, Costs

Press = discord.Interaction[DeskBot]
ThemeName = Literal["dark", "light"]
_NOT = "Nothing was played."
_USUAL_DAYS = 7
_LISTED = 15
_SAID_S = 2.0
"""How often the one who waits is told how far it is."""


class Backtest(commands.Cog):
    """Plays the past; never trades."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    backtest = app_commands.Group(
        name="backtest", description="What a room would have made on the desk's terms"
    )

    @backtest.command(name="run", description="Play a room's alerts again, at prices of then")
    @app_commands.describe(
        strategy="The alert room",
        start="First day, like 2026-11-01 (New York); a week before the last one unless stated",
        end="Last day; today unless stated",
        cash="Dollars to begin with; the room's account's unless stated",
        costs="Spread, slippage and fees",
        theme="Colours of the pictures",
    )
    async def run(
        self,
        interaction: Press,
        strategy: str,
        start: str = "",
        end: str = "",
        cash: str = "",
        costs: Costs = "default",
        theme: ThemeName | None = None,
    ) -> None:
        """Says how far it is; the result stays in /backtest list."""
        app = self.bot.app
        await app.gate.begin(interaction, "backtest run")
        asked = self._asked(strategy.strip(), start, end, cash, costs)
        clock = asyncio.get_running_loop().time
        said_at = 0.0

        async def told(words: str) -> None:
            nonlocal said_at
            if clock() - said_at >= _SAID_S:
                said_at = clock()
                await reply.progress(interaction, reply.badged(app, words))

        report = await app.backtests.run(asked, interaction.user.id, told)
        await self._show(interaction, report, theme)

    @backtest.command(name="results", description="One that was played, with its trades as CSV")
    @app_commands.describe(id="The backtest", theme="Colours of the pictures")
    async def results(
        self,
        interaction: Press,
        id: str,  # noqa: A002
        theme: ThemeName | None = None,
    ) -> None:
        """As it was shown when it ended."""
        app = self.bot.app
        await app.gate.begin(interaction, "backtest results")
        await self._show(interaction, await app.backtests.get(id.strip()), theme)

    @backtest.command(name="compare", description="Two that were played, side by side")
    @app_commands.describe(id="The first", other="The second", theme="Colours of the picture")
    async def compare(
        self,
        interaction: Press,
        id: str,  # noqa: A002
        other: str,
        theme: ThemeName | None = None,
    ) -> None:
        """What the second has more."""
        app = self.bot.app
        await app.gate.begin(interaction, "backtest compare")
        one, two = [await app.backtests.get(name.strip()) for name in (id, other)]
        report = backtest.beside(app.reading.frame(), one, two)
        colours = app.people.theme(interaction.user.id, theme)
        files = await drawn(app, "backtests", report, colours, card.BESIDE, "Both, day by day")
        await reply.report(interaction, card.compared(report, has_picture=bool(files)), files=files)

    @backtest.command(name="list", description="Those that were played, and the one that runs")
    async def list_(self, interaction: Press) -> None:
        """Newest first."""
        app = self.bot.app
        await app.gate.begin(interaction, "backtest list")
        run = app.backtests.running
        now = f"`{run.backtest_id}` {text.safe_line(run.room, 30)}: {run.said}" if run else ""
        found = await app.backtests.newest(_LISTED)
        await reply.report(interaction, card.listed(found, now, app.reading.frame()))

    @backtest.command(name="cancel", description="Call off the one that is being played")
    @app_commands.describe(id="The backtest; the one that runs unless stated")
    async def cancel(self, interaction: Press, id: str = "") -> None:  # noqa: A002
        """Whoever waits for it is told."""
        app = self.bot.app
        await app.gate.begin(interaction, "backtest cancel")
        await reply.say(interaction, f"`{app.backtests.cancel(id.strip())}` is called off.")

    @run.autocomplete("strategy")
    async def _rooms(self, interaction: Press, typed: str) -> list[app_commands.Choice[str]]:
        if not self.bot.app.gate.allows(interaction, "backtest run"):
            return []
        return among(self.bot.app.desk.settings.sources, typed)

    @results.autocomplete("id")
    @compare.autocomplete("id")
    @compare.autocomplete("other")
    async def _played(self, interaction: Press, typed: str) -> list[app_commands.Choice[str]]:
        if not self.bot.app.gate.allows(interaction, "backtest results"):
            return []
        found = await self.bot.app.backtests.filed(_LISTED)
        names = {f"{d.document_id} {d.subject} {d.filed_at:%Y-%m-%d}": d.document_id for d in found}
        return [app_commands.Choice(name=c.name, value=names[c.name]) for c in among(names, typed)]

    def _asked(self, room: str, start: str, end: str, cash: str, costs: Costs) -> Asked:
        app = self.bot.app
        profile = app.desk.settings.sources.get(room)
        if profile is None:
            known = ", ".join(sorted(app.desk.settings.sources)) or "none yet"
            shown = text.safe_line(room, 40)
            raise UserError(f"“{shown}” is no alert room; there are: {known}. Nothing was played.")
        today = new_york_date(app.clock.now())
        last = day("end", end, _NOT) or today
        first = day("start", start, _NOT) or last - timedelta(days=_USUAL_DAYS - 1)
        if first > last or last > today:
            raise UserError("Start, end, today come in this order. Nothing was played.")
        if (last - first).days >= MOST_DAYS:
            raise UserError(f"At most {MOST_DAYS} days at once. Nothing was played.")
        usual = app.config.start_cash_usd().get(profile.account)
        usd = optional_number("cash", cash) or usual
        if usd is None:
            raise UserError("cash: how much to begin with is not known. Nothing was played.")
        if not Decimal(100) <= usd <= Decimal(100_000_000):
            raise UserError("cash: from 100 to 100,000,000 dollars. Nothing was played.")
        return Asked(room=room, begin=first, end=last, costs=costs, cash_usd=usd)

    async def _show(
        self, interaction: Press, report: BacktestReport, theme: ThemeName | None
    ) -> None:
        app = self.bot.app
        colours = app.people.theme(interaction.user.id, theme)
        shown: tuple[discord.File, ...] = ()
        if report.replay.n:
            alt = card.alt(report)
            shown = await drawn(app, "replay", report.replay, colours, card.PICTURE, alt)
        fall: tuple[discord.File, ...] = ()
        if (days := report.performance).days:
            fall = await drawn(app, "equity", days, colours, card.FALL, equity_card.alt(days))
        rows = export.backtest_rows(report)
        made = export.as_file("backtest", rows, "csv") if rows else None
        trades = (discord.File(io.BytesIO(made.data), made.name),) if made else ()
        embed = card.show(report, has_picture=bool(shown))
        await reply.report(interaction, embed, files=(*shown, *fall, *trades))


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Backtest(bot))
