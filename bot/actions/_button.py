"""A button that does an #action: its id is the action's text, so it works after a restart."""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Self

import discord

from bot import reply
from bot.reply import Press

if TYPE_CHECKING:
    from bot.actions import Offer


class ActionButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"ts:act:(?P<text>[^\n]{1,90})",
):
    """Pressing it is typing it: judged, checked and confirmed at that moment."""

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

    @classmethod
    async def from_custom_id(
        cls, interaction: Press, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id alone."""
        del interaction, item
        return cls(match["text"])

    async def callback(self, interaction: Press) -> None:
        """Do it, or ask first where it costs money."""
        from bot import actions, dialogs

        app = interaction.client.app
        line = f"#{self.text}"

        async def work() -> None:
            form = actions.read_line(line).action.form
            if form:
                await dialogs.show(app, interaction, form, "")
                return
            await reply.defer(interaction)
            await actions.perform(app, interaction, line)

        await reply.handled(interaction, work)


class OfferSelect(
    discord.ui.DynamicItem[discord.ui.Select[discord.ui.View]], template=r"ts:offers"
):
    """What is possible now, as a menu; choosing is typing it."""

    def __init__(self, options: list[discord.SelectOption] | None = None) -> None:
        super().__init__(
            discord.ui.Select(
                placeholder="What is possible now",
                options=options or [discord.SelectOption(label="…", value="none")],
                custom_id="ts:offers",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: Press, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the menu; the choice comes with the press."""
        del interaction, match
        built = cls()
        if isinstance(item, discord.ui.Select):
            built.item.options = item.options
        return built

    async def callback(self, interaction: Press) -> None:
        """Do it, or ask first where it costs money."""
        from bot import actions

        await reply.defer(interaction)
        data: Any = interaction.data or {}
        chosen = str((data.get("values") or [""])[0])
        app = interaction.client.app
        await reply.handled(interaction, lambda: actions.perform(app, interaction, f"#{chosen}"))


QUICK = {
    "take-profits": discord.ButtonStyle.success,
    "set-stops": discord.ButtonStyle.primary,
    "cancel-all": discord.ButtonStyle.secondary,
    "close-all": discord.ButtonStyle.danger,
}
"""Offers that get a button of their own."""


def offers_view(found: Sequence["Offer"]) -> discord.ui.View:
    """A menu of what concerns one thing, buttons for what concerns all, and the emergency stop."""
    view = discord.ui.View(timeout=None)
    singles = [o for o in found if o.text not in QUICK][:25]
    if singles:
        options = [
            discord.SelectOption(
                label=o.label[:100], value=o.text[:90], description=o.detail[:100] or None
            )
            for o in singles
        ]
        view.add_item(OfferSelect(options))
    for offer in found:
        if offer.text in QUICK:
            view.add_item(ActionButton(offer.text, offer.label, QUICK[offer.text]))
    view.add_item(ActionButton("emergency-stop", "Emergency stop", discord.ButtonStyle.danger))
    return view
