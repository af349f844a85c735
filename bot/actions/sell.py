"""#sell TSLA 50: an order of one's own."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot import tickets
from bot.actions import Action, Asker, Said, Values
from bot.actions._new import TAIL, wanted
from engine.domain.desk import Who
from engine.domain.order import Side

if TYPE_CHECKING:
    from bot.app import App


class Sell(Action):
    """What is held long is reduced, never more than is held; else a short entry, where allowed."""

    forms = (f"sell UNIT QTY {TAIL}", f"sell UNIT USD {TAIL}")
    examples = ("sell TSLA 50",)
    says = "reduce what is held; short only where allowed"
    permission = "#sell"
    press = "sell"
    asks = "one click"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """The ticket."""
        del asker
        return [await tickets.ask(app, who, wanted(Side.SELL, found))]
