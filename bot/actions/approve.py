"""#approve P-…: send what waits, after checking it again."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Said, Values
from bot.questions.approve import approval_id_of, approve_or_ask
from engine.domain.desk import Who

if TYPE_CHECKING:
    from bot.app import App


class Approve(Action):
    """The same as the button of the card."""

    forms = ("approve ID",)
    examples = ("approve P-…",)
    says = "send what waits, checked again now"
    permission = "#approve"
    press = "press approve"
    asks = "one click in live mode"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """Done, or in live mode the question."""
        del asker
        return [await approve_or_ask(app, await approval_id_of(app, found["ID"]), None, who)]
