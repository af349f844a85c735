"""The button that opens the weekly review's form."""

import re
from typing import Any, Self

import discord

from bot import dialogs, reply
from bot.reply import Press


class ReviewButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=r"ts:review"
):
    """Write the week's review."""

    def __init__(self) -> None:
        super().__init__(
            discord.ui.Button(
                label="Write the review",
                style=discord.ButtonStyle.primary,
                custom_id="ts:review",
            )
        )

    @classmethod
    async def from_custom_id(
        cls, interaction: Press, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id alone."""
        del interaction, item, match
        return cls()

    async def callback(self, interaction: Press) -> None:
        """Open the form."""
        app = interaction.client.app
        await reply.handled(interaction, lambda: dialogs.show(app, interaction, "review", ""))
