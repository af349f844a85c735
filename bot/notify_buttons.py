"""Below a notification: seen, or quiet for a while."""

import re
from typing import Any, ClassVar, Self

import discord

from bot import reply
from bot.reply import Press
from bot.told import Told


class NotifyButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"ts:notify:(?P<id>[A-Z0-9-]{1,30}):(?P<verb>seen|15|60|1440)",
):
    """Works after a restart; who may is judged at the click."""

    LOOKS: ClassVar[dict[str, str]] = {
        "seen": "Seen",
        "15": "Quiet 15 min",
        "60": "1 h",
        "1440": "1 day",
    }
    PERMISSION: ClassVar[str] = "press notify"

    def __init__(self, notification_id: str, verb: str) -> None:
        is_main = verb == "seen"
        super().__init__(
            discord.ui.Button(
                label=self.LOOKS[verb],
                style=discord.ButtonStyle.primary if is_main else discord.ButtonStyle.secondary,
                custom_id=f"ts:notify:{notification_id}:{verb}",
            )
        )
        self.notification_id, self.verb = notification_id, verb

    @classmethod
    async def from_custom_id(
        cls, interaction: Press, item: discord.ui.Item[Any], match: re.Match[str], /
    ) -> Self:
        """Rebuild the button from its id alone."""
        del interaction, item
        return cls(match["id"], match["verb"])

    async def callback(self, interaction: Press) -> None:
        """Note it."""
        app = interaction.client.app
        await reply.defer(interaction)

        async def work() -> str:
            who = app.gate.require(interaction, self.PERMISSION)
            if self.verb == "seen":
                return f"✔ {await app.notifier.seen(who, self.notification_id)}"
            return f"✔ {await app.notifier.snooze(who, self.notification_id, int(self.verb))}"

        await reply.handled(interaction, work)


def notify_view(told: Told) -> discord.ui.View | None:
    """Buttons of one notification; none once it was seen."""
    if told.seen_by:
        return None
    view = discord.ui.View(timeout=None)
    for verb in NotifyButton.LOOKS:
        view.add_item(NotifyButton(told.notification_id, verb))
    return view
