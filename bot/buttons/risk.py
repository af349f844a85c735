"""The menu under /risk-analysis: one position of the heat map in words."""

from typing import Any

import discord

from bot import reply, text
from bot.cards import risk as risk_card
from bot.lasting import Lasting, below, choice
from bot.reply import Press
from engine.domain.errors import UserError
from engine.reports.risk import RiskReport

_MOST = 25


class RiskSelect(Lasting[discord.ui.Select[Any]], template=r"ts:risk:detail"):
    """Which position? What is said is of the moment of the choice."""

    def __init__(self, options: list[discord.SelectOption] | None = None) -> None:
        super().__init__(
            discord.ui.Select(
                placeholder="Details of …",
                options=options or [discord.SelectOption(label="…", value="none")],
                custom_id="ts:risk:detail",
            )
        )

    async def callback(self, interaction: Press) -> None:
        """Show it to the person alone."""
        await reply.defer(interaction)
        await reply.handled(interaction, lambda: self._show(interaction, choice(interaction)))

    async def _show(self, press: Press, trade_id: str) -> None:
        app = press.client.app
        app.gate.require(press, "risk-analysis")
        report = await app.risks.risk()
        heat = next((h for h in report.heat if h.trade_id == trade_id), None)
        if heat is None:
            raise UserError("That trade is over. Nothing was looked up.")
        await reply.say(press, embed=risk_card.detail(report, heat))


def risk_view(report: RiskReport) -> discord.ui.View | None:
    """The menu; None while nothing is held."""
    if not report.heat:
        return None
    options = [
        discord.SelectOption(
            label=text.shorten(h.label, 100),
            value=h.trade_id[:100],
            description=text.shorten(h.sector, 100) or None,
        )
        for h in report.heat[:_MOST]
    ]
    return below([RiskSelect(options)])
