"""#order-TS… status: one order."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from bot.actions import Action, Asker, Card, Said, Values
from bot.actions._order import order_id_of
from bot.cards import orders as orders_card
from engine.domain.desk import Who

if TYPE_CHECKING:
    from bot.app import App


class OrderStatus(Action):
    """Looking costs nothing."""

    forms = ("ORDER status",)
    examples = ("order-TS… status",)
    says = "route, state, filled, age"
    permission = "#order"
    press = "order status"

    async def run(self, app: "App", asker: Asker, who: Who, found: Values) -> Sequence[Said]:
        """Its card."""
        del asker, who
        row, stamp = await app.reading.order(order_id_of(app, found["ORDER"]))
        return [Card(embed=orders_card.one(row, stamp))]
