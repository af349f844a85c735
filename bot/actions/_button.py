"""A button that does an #action: its id is the action's text, so it works after a restart."""

import re
from typing import Any, Self

import discord

from bot import reply
from bot.reply import Press


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
