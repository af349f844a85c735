"""#order-TS… modify price 240: another price or quantity for a working entry."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Said, Values
from bot.actions._order import order_id_of
from bot.questions.change_order import change_question
from engine.domain.desk import Who

if TYPE_CHECKING:
    from bot.app import App


class OrderModify(Action):
    """The line goes on under the same trade; what risks more is checked like an entry."""

    forms = ("ORDER modify price PRICE [qty QTY]", "ORDER modify qty QTY [price PRICE]")
    examples = ("order-TS… modify price 240", "order-TS… modify qty 10")
    says = "another price or quantity for a working entry"
    permission = "#order"
    press = "order modify"
    asks = "one click"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """The question."""
        del asker
        order_id = order_id_of(app, found["ORDER"])
        return [change_question(app, order_id, who, price=found.get("PRICE"), qty=found.get("QTY"))]
