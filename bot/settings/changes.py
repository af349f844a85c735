"""A change of settings on its way: shown, asked, or waiting for a second admin."""

from collections.abc import Awaitable, Callable

from bot import reply
from bot.cards import settings as settings_card
from bot.confirm import Question, ask_first
from bot.reply import Press
from bot.settings.versions import Step, Version
from engine.domain.desk import Who
from engine.domain.errors import UserError

Act = Callable[[Who, str, list[Step]], Awaitable[Version]]
"""Does it: who, why, and exactly what he was shown."""


async def change(interaction: Press, steps: list[Step], reason: str, act: Act) -> None:
    """Show it and ask; a loosening that nobody has asked for yet waits for a second admin.

    Raises:
        NotAllowed, UserError: nothing was changed.
    """
    app = interaction.client.app
    if not steps:
        raise UserError("It is so already. Nothing was changed.")
    instead = await app.settings.agreement.second(app.gate.who(interaction), steps, reason)
    if instead:
        stamp = app.reading.frame().stamp("settings")
        shown = settings_card.diff(stamp, "Waits for a second admin", steps)
        await reply.report(interaction, shown)
        await reply.say(interaction, f"⚠ {instead}")
        return

    async def go(press: Press) -> str:
        version = await act(app.gate.who(press), reason, steps)
        return f"⚙ Version {version.number} is in force. {version.then}".rstrip()

    question = Question(
        title=f"Change {len(steps)} setting{'s' * (len(steps) > 1)}?",
        yes="Change",
        body=lambda: "\n".join(settings_card.said(steps)),
        action=go,
        state=lambda: app.settings.number,
    )
    await ask_first(app, interaction, question)
