"""#reject P-…: drop what waits."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Said, Values
from bot.questions.approve import approval_id_of
from bot.text import safe_line
from engine.domain.desk import Who
from engine.flows.trades import approve

if TYPE_CHECKING:
    from bot.app import App


class Reject(Action):
    """Nothing of it is ever sent."""

    forms = ("reject ID",)
    examples = ("reject P-…",)
    says = "drop what waits"
    permission = "#reject"
    press = "press reject"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """Done."""
        del asker
        decided = await approve.reject(app.desk, await approval_id_of(app, found["ID"]), None, who)
        return [f"✔ {safe_line(decided.said, 200)}"]
