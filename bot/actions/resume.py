"""#resume: entries again, after a word typed on purpose."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import discord

from bot.actions import Action, Asker, Card, Said, Values
from bot.actions._button import ActionButton
from bot.lasting import below
from engine.domain.desk import Who
from engine.domain.errors import UserError

if TYPE_CHECKING:
    from bot.app import App


class Resume(Action):
    """Opens the dialog of /resume-trading."""

    forms = ("resume",)
    examples = ("resume",)
    says = "allow entries again (admins, in the admin channel)"
    permission = "#resume"
    press = "resume-trading"
    asks = "a typed word"
    form = "resume"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """A message cannot open a dialog: a button does."""
        del asker, who, found
        if not app.desk.halted:
            raise UserError("Trading is not halted. Nothing was changed.")
        button = ActionButton("resume", "Resume trading…", discord.ButtonStyle.primary)
        words = "Trading is halted. The dialog asks for a word and a reason."
        return [Card(words=words, view=below([button]))]
