"""The button that opens the weekly review's form."""

from typing import Any

import discord

from bot import dialogs, reply
from bot.lasting import Lasting
from bot.reply import Press


class ReviewButton(Lasting[discord.ui.Button[Any]], template=r"ts:review"):
    """Write the week's review."""

    def __init__(self) -> None:
        super().__init__(
            discord.ui.Button(
                label="Write the review",
                style=discord.ButtonStyle.primary,
                custom_id="ts:review",
            )
        )

    async def callback(self, interaction: Press) -> None:
        """Open the form."""
        app = interaction.client.app
        await reply.handled(interaction, lambda: dialogs.show(app, interaction, "review", ""))
