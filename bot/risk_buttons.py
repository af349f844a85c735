"""The menu under /risk-analysis: one position of the heat map in words."""

import re
from typing import Any, Self

import discord

from bot import reply, text
from bot.cards import risk as risk_card
from bot.reply import Press
from engine.domain.errors import UserError
from engine.reports.risk import RiskReport

_MOST = 25


class RiskSelect(
    discord.ui.DynamicItem[discord.ui.Select[discord.ui.View]], template=r"ts:risk:detail"
):
    """Which position? What is said is of the moment of the choice."""

    def __init__(self, options: list[discord.SelectOption] | None = None) -> None:
        super().__init__(
            discord.ui.Select(
                placeholder="Details of …",
                options=options or [discord.SelectOption(label="…", value="none")],
                custom_id="ts:risk:detail",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: Press, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the menu from its id; the choice comes with the press."""
        del interaction, item, match
        return cls()

    async def callback(self, interaction: Press) -> None:
        """Show it to the person alone."""
        await reply.defer(interaction)
        data: Any = interaction.data or {}
        values = data.get("values") or [""]
        await reply.handled(interaction, lambda: self._show(interaction, str(values[0])))

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
    view = discord.ui.View(timeout=None)
    options = [
        discord.SelectOption(
            label=text.shorten(h.label, 100),
            value=h.trade_id[:100],
            description=text.shorten(h.sector, 100) or None,
        )
        for h in report.heat[:_MOST]
    ]
    view.add_item(RiskSelect(options))
    return view
