"""A button that does an #action: its id is the action's text, so it works after a restart."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import discord

from bot import reply
from bot.actions._one import pinned, unpinned
from bot.lasting import Lasting, below, choice
from bot.reply import Press

if TYPE_CHECKING:
    from bot.actions import Offer
    from bot.app import App


class ActionButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:act:(?P<text>[^\n]{1,90})",
):
    """Pressing it is typing it: judged, checked and confirmed at that moment.

    ``text``: as :func:`pinned` made it where a trade is meant.
    """

    def __init__(
        self,
        text: str,
        label: str = "…",
        style: discord.ButtonStyle = discord.ButtonStyle.secondary,
    ) -> None:
        super().__init__(
            discord.ui.Button(label=label[:80], style=style, custom_id=f"ts:act:{text}")
        )
        self.text = text

    async def callback(self, interaction: Press) -> None:
        """Do it, or ask first where it costs money."""
        from bot import actions, dialogs

        app = interaction.client.app

        async def work() -> None:
            line = f"#{unpinned(app, self.text)}"
            form = actions.read_line(line).action.form
            if form:
                await dialogs.show(app, interaction, form, "")
                return
            await reply.defer(interaction)
            await actions.perform(app, interaction, line)

        await reply.handled(interaction, work)


class OfferSelect(Lasting[discord.ui.Select[Any]], template=r"ts:offers"):
    """What is possible now, as a menu; choosing is typing it."""

    def __init__(self, options: list[discord.SelectOption] | None = None) -> None:
        super().__init__(
            discord.ui.Select(
                placeholder="What is possible now",
                options=options or [discord.SelectOption(label="…", value="none")],
                custom_id="ts:offers",
            )
        )

    async def callback(self, interaction: Press) -> None:
        """Do it, or ask first where it costs money."""
        from bot import actions

        await reply.defer(interaction)
        app = interaction.client.app

        async def work() -> None:
            await actions.perform(app, interaction, f"#{unpinned(app, choice(interaction))}")

        await reply.handled(interaction, work)


QUICK = {
    "take-profits": discord.ButtonStyle.success,
    "set-stops": discord.ButtonStyle.primary,
    "cancel-all": discord.ButtonStyle.secondary,
    "close-all": discord.ButtonStyle.danger,
}
"""Offers that get a button of their own."""


def offers_view(app: "App", found: Sequence["Offer"]) -> discord.ui.View:
    """A menu of what concerns one thing, buttons for what concerns all, and the emergency stop."""
    items: list[OfferSelect | ActionButton] = []
    singles = [o for o in found if o.text not in QUICK][:25]
    if singles:
        options = [
            discord.SelectOption(
                label=o.label[:100],
                value=pinned(app, o.text)[:90],
                description=o.detail[:100] or None,
            )
            for o in singles
        ]
        items.append(OfferSelect(options))
    items += [ActionButton(o.text, o.label, QUICK[o.text]) for o in found if o.text in QUICK]
    items.append(ActionButton("emergency-stop", "Emergency stop", discord.ButtonStyle.danger))
    return below(items)
