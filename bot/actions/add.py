"""#AAPL add 25: more of what is held."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot import tickets
from bot.actions import Action, Asker, Said, Values
from bot.actions._one import trade_of
from engine.domain.desk import Who
from engine.domain.order import Side
from engine.flows.alerts.drafting import Wanted

if TYPE_CHECKING:
    from bot.app import App


class Add(Action):
    """Through all checks, by itself and as the whole; the stop then covers all of it."""

    forms = ("HELD add QTY [@ PRICE]",)
    examples = ("AAPL add 25", "AAPL add 25 @ 180")
    says = "more of it, checked anew; the stop covers all"
    permission = "#add"
    press = "buy"
    asks = "one click"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """The ticket."""
        del asker
        trade = trade_of(app, found["HELD"])
        wanted = Wanted(
            side=Side.BUY if trade.direction > 0 else Side.SELL,
            symbol=trade.legs[0].instrument.label,
            amount=found["QTY"],
            limit=found.get("PRICE"),
            trade_id=trade.trade_id,
        )
        return [await tickets.ask(app, who, wanted)]
