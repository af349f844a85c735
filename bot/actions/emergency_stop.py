"""#emergency-stop: no entries from this moment on; then, with one click, everything is closed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Said, Values
from bot.actions.close_all import ask_all
from bot.questions import flatten
from engine.domain.desk import Who
from engine.flows.acts import halt

if TYPE_CHECKING:
    from bot.app import App


class EmergencyStop(Action):
    """Stopping entries asks nothing."""

    forms = ("emergency-stop",)
    examples = ("emergency-stop",)
    says = "stop entries at once; a click closes everything"
    permission = "#emergency-stop"
    press = "emergency-stop"
    asks = "nothing to stop entries; one click to close"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """What was ended, and the question about what is open."""
        del asker, found
        tally = await halt.emergency_stop(app.desk, who, close=False, reason="#emergency-stop")
        return [ask_all(app, flatten.ended(tally))]
