"""Below a notification: seen, or quiet for a while."""

from typing import Any, ClassVar

import discord

from bot import reply
from bot.lasting import Lasting, below
from bot.reply import Press
from bot.told import Told


class NotifyButton(
    Lasting[discord.ui.Button[Any]],
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
    return below(NotifyButton(told.notification_id, verb) for verb in NotifyButton.LOOKS)
