"""Buttons below advice and answers: each asks the ordinary confirmation, or shows the question."""

from collections.abc import Iterable
from itertools import islice
from typing import TYPE_CHECKING, Any

import discord

from bot import actions, reply
from bot.actions._button import ActionButton
from bot.actions._one import pinned
from bot.cards import approval_card
from bot.lasting import Lasting, below
from bot.reply import Press
from engine.domain.errors import ActionSyntaxError, ApprovalExpired
from engine.reports import Missing
from engine.reports.opportunities import Idea

if TYPE_CHECKING:
    from bot.app import App

_APPROVE = "#approve "
_MOST = 10
_LONGEST = 90
"""Of an action in a button's id."""


class IdeaButton(
    Lasting[discord.ui.Button[Any]],
    template=r"ts:idea:(?P<id>[A-Za-z0-9-]{1,60})",
):
    """Show a question that waits, with its own buttons: advice never approves by itself."""

    PERMISSION = "approvals show"

    def __init__(self, approval_id: str, label: str = "…") -> None:
        super().__init__(
            discord.ui.Button(
                label=label[:80],
                style=discord.ButtonStyle.secondary,
                custom_id=f"ts:idea:{approval_id}",
            )
        )
        self.approval_id = approval_id

    async def callback(self, interaction: Press) -> None:
        """The approval's card, as it is now."""
        from bot.views import approval_view

        app = interaction.client.app
        await reply.defer(interaction)

        async def work() -> None:
            app.gate.require(interaction, self.PERMISSION)
            approval = app.desk.book.approvals.get(self.approval_id)
            card = await app.reading.approval(self.approval_id)
            if approval is None or card is None:
                raise ApprovalExpired("That question is already decided. Nothing was changed.")
            await reply.say(
                interaction, embed=approval_card.show(card), view=approval_view(app, approval)
            )

        await reply.handled(interaction, work)


def for_idea(idea: Idea) -> tuple[str, str] | None:
    """An idea's button: the question that waits, else a ticket; None where neither can be."""
    if idea.approval_id:
        return f"{_APPROVE}{idea.approval_id}", f"Look at {idea.symbol}"
    if len(idea.legs) != 1 or isinstance(idea.entry, Missing):
        return None
    verb = "buy" if idea.direction > 0 else "sell"
    line = f"#{verb} {idea.label.lstrip('/')} {idea.qty:f} @ {idea.entry:f}"
    line += "" if idea.stop is None else f" stop {idea.stop:f}"
    line += "" if idea.target is None else f" target {idea.target:f}"
    try:
        actions.read_line(line)
    except ActionSyntaxError:
        return None
    return (line, f"Propose {idea.symbol}") if len(line) <= _LONGEST else None


def view(app: "App", rows: Iterable[tuple[str, str]]) -> discord.ui.View | None:
    """Buttons for (action, words), each once; None when there is none."""
    first = islice(dict(rows).items(), _MOST)
    made = [_button(app, action, f"{n}. {words}") for n, (action, words) in enumerate(first, 1)]
    return below(made) if made else None


def _button(app: "App", action: str, label: str) -> IdeaButton | ActionButton:
    if action.startswith(_APPROVE):
        return IdeaButton(action.removeprefix(_APPROVE), label)
    return ActionButton(pinned(app, action.removeprefix("#")), label)
