"""#buy TSLA 50: an order of one's own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot import tickets
from bot.actions import Action, Asker, Said, Values
from bot.actions._new import TAIL, wanted
from engine.domain.desk import Who
from engine.domain.order import Side

if TYPE_CHECKING:
    from bot.app import App


class Buy(Action):
    """Sized, guarded and checked like an alert; the ticket shows all of it before the click."""

    forms = (f"buy UNIT QTY {TAIL}", f"buy UNIT USD {TAIL}")
    examples = ("buy TSLA 50", "buy TSLA $5000 @ 240 stop 233", "buy SPY 603C 11/21 2")
    says = "a ticket with cost, risk and checks, then a click"
    permission = "#buy"
    press = "buy"
    asks = "one click"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """The ticket."""
        del asker
        return [await tickets.ask(app, who, wanted(Side.BUY, found))]
