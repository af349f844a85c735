"""The list of positions: its pages, and a menu that opens one of them with its buttons."""

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

import discord

from bot import reply, text
from bot.buttons.trade import trade_view
from bot.cards import positions as positions_card
from bot.cards import trade_card
from bot.lasting import Lasting, below, choice
from bot.reply import Press
from engine.domain.errors import UserError
from engine.domain.trade import TradeState
from engine.reports.positions import Sort

if TYPE_CHECKING:
    from bot.app import App

PER_PAGE = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """Which positions a page is of, and their order."""

    sort: Sort = "pl"
    asset: str = ""
    broker: str = ""


class PageButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:positions:(?P<first>\d{1,4})(?::(?P<sort>pl|size|age|risk)"
    r":(?P<asset>[a-z]{0,10}):(?P<broker>[a-z0-9_]{0,32}))?",
):
    """Another page of /positions, in place."""

    PERMISSION: ClassVar[str] = "positions"

    def __init__(self, first: int, shown: "Shown | None" = None, label: str = "…") -> None:
        self.first, self.shown = first, shown or Shown()
        wanted = f"{self.shown.sort}:{self.shown.asset}:{self.shown.broker}"
        super().__init__(
            discord.ui.Button(
                label=label,
                style=discord.ButtonStyle.secondary,
                custom_id=f"ts:positions:{first}:{wanted}",
                row=1,
            )
        )

    @classmethod
    def of(cls, match: re.Match[str]) -> Self:
        """Where the page begins and what it is of; ids of old name the place alone."""
        sort: Any = match["sort"] or "pl"
        shown = Shown(sort=sort, asset=match["asset"] or "", broker=match["broker"] or "")
        return cls(int(match["first"]), shown)

    async def callback(self, interaction: Press) -> None:
        """Show it, with the figures of now."""
        app, shown = interaction.client.app, self.shown

        async def work() -> None:
            app.gate.require(interaction, self.PERMISSION)
            embed, view = positions_page(app, shown, self.first)
            await interaction.response.edit_message(embed=embed, view=view)

        await reply.handled(interaction, work)


class PositionSelect(Lasting[discord.ui.Select[Any]], template=r"ts:position:pick"):
    """One position of the list: its card with its buttons, for the asker alone."""

    PERMISSION: ClassVar[str] = "positions"

    def __init__(self, options: list[discord.SelectOption] | None = None) -> None:
        super().__init__(
            discord.ui.Select(
                placeholder="Close, stop, target, trail …",
                options=options or [discord.SelectOption(label="…", value="none")],
                custom_id="ts:position:pick",
                row=0,
            )
        )

    async def callback(self, interaction: Press) -> None:
        """Show it as it is now."""
        app = interaction.client.app
        await reply.defer(interaction)

        async def work() -> None:
            app.gate.require(interaction, self.PERMISSION)
            trade = app.desk.book.trades.get(choice(interaction))
            if trade is None or trade.state is not TradeState.OPEN:
                raise UserError("That trade is not open any more. Nothing was changed.")
            embed = trade_card.show(app.reading.live_trade(trade))
            await reply.say(interaction, embed=embed, view=trade_view(trade))

        await reply.handled(interaction, work)


def positions_page(
    app: "App", shown: Shown, first: int = 0
) -> tuple[discord.Embed, discord.ui.View | None]:
    """A page of what is open, a menu of what stands on it, and buttons to the other pages."""
    report = app.reading.positions(broker=shown.broker, asset=shown.asset, sort=shown.sort)
    n_rows = len(report.rows)
    first = first if first < n_rows else 0
    embed = positions_card.show(report, first=first, per_page=PER_PAGE)
    options = [
        discord.SelectOption(
            label=text.shorten(f"{row.label} {text.qty(row.qty_open)}", 100),
            value=row.trade_id,
            description=row.account[:100] if report.is_at_several else None,
        )
        for row in report.rows[first : first + PER_PAGE]
    ]
    if not options:
        return embed, None
    places = {"◀ Back": first - PER_PAGE, "More ▶": first + PER_PAGE}
    buttons = [PageButton(at, shown, label) for label, at in places.items() if 0 <= at < n_rows]
    return embed, below([PositionSelect(options), *buttons])
