"""What could be done: /what-to-do, /take-profits, /cut-losses, /opportunities, /rebalance."""

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal

import discord
from discord import app_commands
from discord.ext import commands

from bot import advised, reply
from bot.buttons import advice
from bot.cards import opportunities as opportunities_card
from bot.cards import rebalance as rebalance_card
from bot.cards import recommendations as card
from bot.client import DeskBot
from bot.suggest import among
from engine.domain.desk import Who
from engine.domain.errors import UserError
from engine.portfolio.rebalance import Target
from engine.reports.rebalance import RebalanceReport
from engine.reports.recommendations import RecommendationsReport
from engine.symbols import shares_in

Press = discord.Interaction[DeskBot]


class Recommendations(commands.Cog):
    """Advice with its reasons; a button asks the ordinary confirmation, nothing acts by itself."""

    def __init__(self, bot: DeskBot) -> None:
        self.bot = bot

    @app_commands.command(name="what-to-do", description="What asks for action now, in order")
    async def what_to_do(self, interaction: Press) -> None:
        """At most seven things, each with its reason, dollars and button."""
        who = await self._begin(interaction, "what-to-do")
        await self._show(interaction, who, await self.bot.app.briefing.what_to_do())

    @app_commands.command(name="take-profits", description="Gains worth taking; advice only")
    @app_commands.describe(min_r="From so many R on (1 is the initial risk)")
    async def take_profits(
        self, interaction: Press, min_r: app_commands.Range[float, 0.0, 20.0] = 1.0
    ) -> None:
        """Positions near their target or far enough in profit."""
        who = await self._begin(interaction, "take-profits")
        report = self.bot.app.briefing.take_profits(Decimal(str(min_r)))
        await self._show(interaction, who, report)

    @app_commands.command(name="cut-losses", description="Losses to stop; advice only")
    async def cut_losses(self, interaction: Press) -> None:
        """Positions near their stop, unprotected, or given up by their room."""
        who = await self._begin(interaction, "cut-losses")
        await self._show(interaction, who, await self.bot.app.briefing.cut_losses())

    @app_commands.command(description="Trades that alerts asked for and that were not taken")
    @app_commands.describe(
        count="How many at most",
        strategy="Only this room",
        min_confidence="Only a score of at least so much, 0-100",
    )
    async def opportunities(
        self,
        interaction: Press,
        count: app_commands.Range[int, 1, 10] = 5,
        strategy: str | None = None,
        min_confidence: app_commands.Range[float, 0.0, 100.0] = 65.0,
    ) -> None:
        """Ranked by rules that the card states."""
        await self._begin(interaction, "opportunities")
        report = await self.bot.app.briefing.opportunities(
            limit=count, min_score=int(min_confidence), source=strategy or ""
        )
        buttons = [b for row in report.rows if (b := advice.for_idea(row)) is not None]
        await reply.report(
            interaction, opportunities_card.show(report), view=advice.view(self.bot.app, buttons)
        )

    @app_commands.command(description="What would bring every position to its target; advice only")
    @app_commands.describe(
        target="How shares should be",
        max_trades="Only the largest changes",
        shares="For custom: percent of equity, AAPL 10, SPY 5; what is not named stays",
    )
    async def rebalance(
        self,
        interaction: Press,
        target: Target = "kelly",
        max_trades: app_commands.Range[int, 1, 10] = 5,
        shares: str = "",
    ) -> None:
        """The plan; each of its trades is a button that asks first."""
        await self._begin(interaction, "rebalance")
        wanted = shares_in(shares) if shares or target == "custom" else {}
        if wanted and target != "custom":
            raise UserError("shares: only with target custom. Nothing was done.")
        self._must_hold(wanted)
        report = self.bot.app.risks.rebalance(target, max_trades, wanted)
        buttons = advice.view(self.bot.app, _trades(report))
        await reply.report(interaction, rebalance_card.show(report), view=buttons)

    @opportunities.autocomplete("strategy")
    async def _rooms(self, interaction: Press, current: str) -> list[app_commands.Choice[str]]:
        app = self.bot.app
        if not app.gate.allows(interaction, "opportunities"):
            return []
        return among(app.desk.settings.sources, current)

    def _must_hold(self, symbols: Iterable[str]) -> None:
        held = sorted({t.symbol for t in self.bot.app.desk.book.open_trades()})
        strange = sorted(set(symbols) - set(held))
        if strange:
            raise UserError(
                f"{', '.join(strange)[:60]} is not held; open are: {', '.join(held) or 'none'}. "
                "Nothing was done."
            )

    async def _begin(self, interaction: Press, name: str) -> Who:
        """Always private: advice is the asker's own."""
        who = self.bot.app.gate.require(interaction, name)
        await reply.think(interaction, private=True)
        return who

    async def _show(self, interaction: Press, who: Who, report: RecommendationsReport) -> None:
        await advised.file(self.bot.app, who, report)
        buttons = advice.view(self.bot.app, ((r.action, r.button) for r in report.rows))
        await reply.report(interaction, card.show(report), view=buttons)


def _trades(report: RebalanceReport) -> list[tuple[str, str]]:
    """A # action per step; a symbol that is held more than once is shown instead."""
    n_of = Counter(step.symbol for step in report.steps)
    found = []
    for step in report.trades:
        units, name = f"{abs(step.units):f}", step.symbol
        if n_of[name] > 1:
            found.append((f"#{name}", f"Show {name}"))
        elif step.units < 0:
            found.append((f"#{name} close {units}", f"Close {units} of {name}"))
        else:
            found.append((f"#{name} add {units}", f"Add {units} {name}"))
    return found


async def setup(bot: DeskBot) -> None:
    """Called by discord.py when the cog is loaded."""
    await bot.add_cog(Recommendations(bot))
